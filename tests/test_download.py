"""Downloads: whatever a server does, a file is whole and right, or not there; and nothing is fetched twice."""

from __future__ import annotations

import datetime
import errno
import hashlib
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from email.utils import format_datetime
from importlib.util import find_spec
from itertools import count, pairwise
from pathlib import Path

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm.errors import BusyError, ConfigError, SourceError
from sarcasm.files import atomic, lock, named, once_a_version, part_of, set_aside
from sarcasm.prepare import download
from sarcasm.prepare.fetch import fetch, noted_sha256
from sarcasm.prepare.source import Source
from tests.server_fixtures import (
    FaultyServer,
    at_most,
    claim,
    cut_after,
    headed,
    other_content,
    redirect,
    silence,
    status,
    web_page,
)

CONTENT = np.random.default_rng(7).bytes(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NAME = "file.bin"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(download, "FIRST_PAUSE_SECONDS", 0.001)


@pytest.fixture
def server(faulty_server) -> FaultyServer:
    (faulty_server.folder / NAME).write_bytes(CONTENT)
    return faulty_server


class Caller:
    """Fetches, and remembers what was said."""

    def __init__(self, folder: Path) -> None:
        self.target = folder / "fetched" / NAME
        self.notes: list[str] = []
        self.there: list[int] = []

    def fetch(
        self,
        url: str | None,
        sha256: str | None = DIGEST,
        n_bytes: int | None = None,
        md5: str | None = None,
        is_forced: bool = False,
    ) -> None:
        fetch(
            Source("thing", url, n_bytes, sha256, md5),
            self.target,
            lambda n_there, _: self.there.append(n_there),
            self.notes.append,
            is_forced=is_forced,
        )

    def complaint(self, url: str | None, **known) -> str:
        with pytest.raises(SourceError) as caught:
            self.fetch(url, **known)
        return str(caught.value)

    @property
    def left(self) -> set[str]:
        return {path.name for path in self.target.parent.iterdir()} if self.target.parent.exists() else set()


@pytest.fixture
def caller(tmp_path) -> Caller:
    return Caller(tmp_path)


def url_of(server: FaultyServer) -> str:
    return f"{server.url}/{NAME}"


def test_a_file_arrives_and_nothing_else_is_left(server, caller):
    caller.fetch(url_of(server), n_bytes=len(CONTENT))
    assert caller.target.read_bytes() == CONTENT
    assert caller.left == {NAME}
    assert caller.notes == []
    assert caller.there == sorted(caller.there)
    assert caller.there[-1] == len(CONTENT)


MISDEEDS = st.tuples(
    st.lists(
        st.one_of(
            st.integers(0, len(CONTENT)).map(cut_after),
            st.sampled_from([500, 502, 503, 429, 408]).map(status),
            st.just(silence),
            st.just(redirect(f"/elsewhere/{NAME}")),
        ),
        max_size=4,
    ),
    # A third one in a row would be taken for what the server means.
    st.lists(st.integers(1, 2 * len(CONTENT)).map(claim), max_size=2),
).flatmap(lambda kinds: st.permutations([*kinds[0], *kinds[1]]))


@given(misdeeds=MISDEEDS, has_ranges=st.booleans(), has_etag=st.booleans())
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_misdeeds_the_file_arrives_and_is_never_there_half(server, caller, misdeeds, has_ranges, has_etag):
    server.requests.clear()
    server.misdeeds.clear()
    server.has_ranges, server.has_etag = has_ranges, has_etag
    caller.target.unlink(missing_ok=True)
    server.will(NAME, *misdeeds)
    caller.there = []
    seen = caller.there.append

    def watch(n_bytes: int, _: int | None) -> None:
        assert not caller.target.exists()
        seen(n_bytes)

    fetch(Source("thing", url_of(server), len(CONTENT), DIGEST, None), caller.target, watch, caller.notes.append)
    assert caller.target.read_bytes() == CONTENT
    assert caller.left == {NAME}


KINDS_OF_SERVER = {
    "etag": {},
    "date": {"has_etag": False, "has_modified": True},
    "weak": {"is_weak": True},
    "weak_and_date": {"is_weak": True, "has_modified": True},
    "size": {"has_etag": False},
    "chunked": {"is_chunked": True},
    "careless": {"heeds_condition": False},
}
"""Ways to tell versions of a file apart."""
BARE = {"has_etag": False, "is_chunked": True}
"""A server of which one learns nothing about versions."""


def become(server: FaultyServer, **kind: bool) -> None:
    """Forget what was, and be of another kind."""
    vars(server).update(vars(FaultyServer(server.folder, server.url)) | kind)


@given(
    kind=st.sampled_from(sorted(KINDS_OF_SERVER)), cuts=st.lists(st.integers(download.BLOCK_BYTES, 120_000), max_size=6)
)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_there_is_not_fetched_again(server, caller, kind, cuts):
    become(server, **KINDS_OF_SERVER[kind])
    caller.target.unlink(missing_ok=True)
    for n_bytes in cuts:
        server.will(NAME, cut_after(n_bytes), status(503))
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    sent = [request for request in server.requests if request.sent]
    # A cut connection loses the block that was being read.
    assert all(later.start > earlier.start + earlier.sent - download.BLOCK_BYTES for earlier, later in pairwise(sent))
    assert server.n_sent(NAME) < len(CONTENT) + len(sent) * download.BLOCK_BYTES


VERSIONS = [np.random.default_rng(size).bytes(size) for size in (90_000, 120_000, 150_000)]


@given(
    kind=st.sampled_from([*KINDS_OF_SERVER.values(), BARE]),
    has_ranges=st.booleans(),
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(VERSIONS), st.integers(0, 150_000)),
            st.tuples(st.sampled_from(VERSIONS), st.sampled_from([len(version) for version in VERSIONS])),
        ),
        max_size=5,
    ),
    last=st.sampled_from(VERSIONS),
)
@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_versions_of_a_file_are_never_mixed_even_without_a_hash(server, caller, kind, has_ranges, steps, last):
    become(server, has_ranges=has_ranges, **kind)
    for path in caller.target.parent.glob("*"):
        path.unlink()
    for version, n_bytes in steps:
        server.will(NAME, lambda handler, _, version=version, n_bytes=n_bytes: handler.serve(version, n_cut=n_bytes))
    (server.folder / NAME).write_bytes(last)
    caller.fetch(url_of(server), sha256=None)
    assert caller.target.read_bytes() in VERSIONS


def test_a_smaller_version_is_not_taken_for_the_end_of_a_larger_one(server, caller):
    become(server, has_etag=False)
    server.will(NAME, cut_after(200_000))
    n_there = 200_000 // download.BLOCK_BYTES * download.BLOCK_BYTES
    smaller = bytes(n_there)
    server.will(NAME, lambda handler, _: ((server.folder / NAME).write_bytes(smaller), handler.serve(smaller)))
    caller.fetch(url_of(server), sha256=None)
    assert caller.target.read_bytes() == smaller


def test_ranges_that_are_shorter_than_asked_for_are_put_together(server, caller):
    server.will(NAME, cut_after(50_000), *[at_most(30_000)] * 20)
    caller.fetch(url_of(server), sha256=None)
    assert caller.target.read_bytes() == CONTENT


def test_a_range_of_a_file_of_unknown_size_is_not_taken_for_its_end(server, caller):
    become(server, is_chunked=True)
    etag = f'"{hashlib.md5(CONTENT).hexdigest()}"'

    def short_range(handler, content: bytes) -> None:
        start = int(handler.headers["Range"][6:-1])
        handler.answer(206, content[start : start + 9], ETag=etag, Content_Range=f"bytes {start}-{start + 8}/*")

    server.will(NAME, cut_after(100_000), short_range)
    caller.fetch(url_of(server), sha256=None)
    assert caller.target.read_bytes() == CONTENT


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_server_that_never_gets_further_is_not_asked_for_ever(server, caller, has_ranges):
    become(server, has_ranges=has_ranges)
    wrong_range = headed(206, Content_Range=f"bytes 7-9/{len(CONTENT)}")
    for n_bytes in [100_000, 20_000] * 50:
        server.will(NAME, cut_after(n_bytes), *([wrong_range] if has_ranges else []))
    assert "(the last of 8 tries)" in caller.complaint(url_of(server))
    assert len(server.requests) == download.TRIES


def test_more_than_there_should_be_is_not_written_down(server, caller):
    become(server, is_chunked=True)
    server.will(NAME, *[other_content(bytes(3_000_000))] * 9)
    assert caller.complaint(url_of(server), n_bytes=len(CONTENT)).startswith(
        f"{NAME}: {url_of(server)} stopped at 311,296 of 300,000 bytes (the last of 3 tries); try again later"
    )
    assert max(caller.there) <= len(CONTENT) + download.BLOCK_BYTES
    assert caller.left == set()


def test_another_address_begins_anew(server, caller):
    become(server, has_etag=False)
    server.will("other.bin", cut_after(200_000), *[status(404)] * 3)
    (server.folder / "other.bin").write_bytes(bytes(len(CONTENT)))
    caller.complaint(f"{server.url}/other.bin", sha256=None)
    caller.fetch(url_of(server), sha256=None)
    assert caller.target.read_bytes() == CONTENT


def test_a_copy_that_was_cut_is_not_continued_by_a_download(server, caller, tmp_path, monkeypatch):
    become(server, has_etag=False)
    server.will(NAME, cut_after(200_000), *[status(404)] * 3)
    caller.complaint(url_of(server), sha256=None)
    (tmp_path / "own.bin").write_bytes(bytes(len(CONTENT)))

    def cut_copy(source: Path, target: Path) -> None:
        target.write_bytes(bytes(150_000))
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", cut_copy)
        with pytest.raises(OSError, match="No space left"):
            caller.fetch(str(tmp_path / "own.bin"), sha256=None)
    caller.fetch(url_of(server), sha256=None)
    assert caller.target.read_bytes() == CONTENT


@pytest.mark.parametrize("note", [b"", b"{", b"[]", b'{"etag": 1}', b"\xff"])
def test_a_damaged_note_of_the_version_is_no_note(server, caller, note):
    server.will(NAME, cut_after(200_000), *[status(404)] * 3)
    caller.complaint(url_of(server))
    part_of(caller.target).with_name(f".{NAME}.part.version").write_bytes(note)
    server.requests.clear()
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert server.requests[0].start == 0


def test_a_call_that_failed_is_taken_up_by_the_next(server, caller):
    server.will(NAME, cut_after(200_000), *[status(500)] * 20)
    message = caller.complaint(url_of(server))
    assert message == (
        f"{NAME}: {url_of(server)} answered 500 Internal Server Error (the last of 8 tries); try again later (what is there"
        " is continued), or name another place with source.thing.url=URL_OR_FILE"
    )
    assert NAME not in caller.left
    server.misdeeds.clear()
    server.requests.clear()
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert server.requests[0].start >= 200_000 - download.BLOCK_BYTES


def test_a_part_whose_version_nobody_knows_is_not_used(server, caller):
    caller.target.parent.mkdir()
    part_of(caller.target).write_bytes(b"whatever" * 1000)
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert server.requests[0].start == 0


def test_a_part_that_is_complete_is_not_asked_for_again(server, caller):
    caller.fetch(url_of(server))
    whole = caller.target
    server.will(NAME, cut_after(100_000), *[status(500)] * 20)
    whole.unlink()
    caller.complaint(url_of(server))
    # As if the rest had come just before a kill.
    part_of(whole).write_bytes(CONTENT)
    server.requests.clear()
    caller.fetch(url_of(server))
    assert server.requests == []
    assert whole.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("misdeed", "words"),
    [
        (status(404), "answered 404 Not Found (the last of 3 tries)"),
        (status(403), "answered 403 Forbidden (the last of 3 tries)"),
        (
            web_page,
            "sent a web page instead of the file (it may want a login: a browser can save the file) (the last of 3 tries)",
        ),
    ],
)
def test_what_will_hardly_pass_is_tried_less_often(server, caller, misdeed, words):
    server.will(NAME, *[misdeed] * 9)
    assert caller.complaint(url_of(server)) == (
        f"{NAME}: {url_of(server)} {words}; try again later (what is there is continued), or name another place with"
        " source.thing.url=URL_OR_FILE"
    )
    assert caller.left <= {f".{NAME}.part", f".{NAME}.part.version"}


def test_another_length_than_the_known_one_is_another_file(server, caller):
    message = caller.complaint(url_of(server), n_bytes=299_999)
    assert "has 300,000 bytes where 299,999 are expected: another file or version (the last of 3 tries)" in message


def test_a_redirect_is_followed_and_a_loop_is_not(server, caller):
    server.will(NAME, redirect(f"{server.url}/mirror/{NAME}"))
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    caller.target.unlink()
    server.will(NAME, *[redirect(url_of(server))] * 100)
    assert "leads on from one address to the next without end" in caller.complaint(url_of(server))


ODD = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30),
    st.sampled_from(
        ["9" * 5000, "1e9", "-1", "bytes 0-9/10", "bytes */*", "bytes 0-9/" + "9" * 5000, '"', "W/", "gzip"]
    ),
)
HEADERS = [
    "Content_Length",
    "Content_Range",
    "ETag",
    "Last_Modified",
    "Retry_After",
    "Content_Type",
    "Content_Encoding",
]


@given(
    st.lists(
        st.tuples(st.sampled_from([200, 206, 416, 429, 503]), st.dictionaries(st.sampled_from(HEADERS), ODD)),
        max_size=2,
    )
)
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_headers_say_the_file_is_right_or_not_there(server, caller, answers):
    become(server)
    caller.target.unlink(missing_ok=True)
    server.will(NAME, cut_after(100_000), *[headed(code, **headers) for code, headers in answers])
    try:
        caller.fetch(url_of(server))
    except SourceError as error:
        # The only answer among them that ends it.
        assert "asks to wait for" in str(error)  # noqa: PT017
        assert not caller.target.exists()
    else:
        assert caller.target.read_bytes() == CONTENT


@pytest.mark.parametrize("place", ["http://[", "ftp://host/file", f"http://{'a' * 70}.invalid/", "http://..invalid/"])
def test_a_redirect_to_what_is_no_address_is_told_at_once(server, caller, place):
    server.will(NAME, redirect(place))
    assert "is not an address, or leads on to what is none" in caller.complaint(url_of(server))
    assert len(server.requests) == 1


def test_a_file_that_comes_compressed_is_not_taken(server, caller):
    server.will(NAME, *[headed(200, Content_Encoding="gzip")] * 9)
    assert "sent the file compressed, which it was asked not to (the last of 3 tries)" in caller.complaint(
        url_of(server)
    )


class Answer:
    """What requests gives for a file that arrived over some stations."""

    status_code, headers = 200, {}

    def __init__(self, *stations: str) -> None:
        self.url = stations[-1]
        self.history = [Answer(station) for station in stations[:-1]]

    def close(self) -> None:
        pass


@pytest.mark.parametrize("stations", [("http://me:secret@plain/file",), ("http://plain/file", "https://host/again")])
def test_a_redirect_from_https_to_http_is_not_followed(caller, monkeypatch, stations):
    monkeypatch.setattr(requests.Session, "get", lambda *_, **__: Answer("https://host/file", *stations))
    assert caller.complaint("HTTPS://host/file") == (
        f"{NAME}: https://host/file leads on to http://plain/file, which is not encrypted; try again later (what is there"
        " is continued), or name another place with source.thing.url=URL_OR_FILE"
    )


def test_a_wrong_certificate_ends_it_and_a_connection_cut_while_it_is_encrypted_does_not(caller, monkeypatch):
    errors = iter(["UNEXPECTED_EOF_WHILE_READING", "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"])

    def fail(*_, **__) -> None:
        raise requests.exceptions.SSLError(next(errors))

    monkeypatch.setattr(requests.Session, "get", fail)
    assert caller.complaint("https://host/file") == (
        f"{NAME}: https://host/file has a certificate that cannot be trusted (the last of 2 tries); try again later (what"
        " is there is continued), or name another place with source.thing.url=URL_OR_FILE"
    )
    assert [note.partition(";")[0] for note in caller.notes] == [
        f"{NAME}: host cannot be reached encrypted, or cut the connection"
    ]


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_a_pause_that_the_server_asks_for_is_kept(server, caller, monkeypatch, kind):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    server.will(NAME, status(429, Retry_After="100" if kind == "seconds" else format_datetime(until, usegmt=True)))
    caller.fetch(url_of(server))
    assert any(60 <= seconds <= 100 for seconds in slept)
    assert any("answered 429 Too Many Requests; trying again in" in note for note in caller.notes)


def test_a_pause_of_an_hour_is_told_instead_of_kept(server, caller):
    server.will(NAME, status(503, Retry_After="3600"))
    assert "answered 503 Service Unavailable and asks to wait for 3600 s; try again later" in caller.complaint(
        url_of(server)
    )


@pytest.mark.parametrize("asked", ["9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_pause_without_end_is_told_too(server, caller, asked):
    server.will(NAME, status(429, Retry_After=asked))
    assert "answered 429 Too Many Requests and asks to wait for " in caller.complaint(url_of(server))
    assert len(server.requests) == 1


@pytest.fixture
def far_east(monkeypatch) -> Iterator[None]:
    """A machine whose clock is ahead of Greenwich."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "XXX-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
@pytest.mark.parametrize("zone", ["GMT", "-0000", "+0000"])
def test_a_date_is_greenwich_time_wherever_one_is(server, caller, monkeypatch, zone):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=100)
    server.will(NAME, status(503, Retry_After=f"{until:%a, %d %b %Y %H:%M:%S} {zone}"))
    caller.fetch(url_of(server))
    assert any(60 <= seconds <= 100 for seconds in slept)


@pytest.mark.parametrize(
    "asked", ["soon", "-5", "", "Mon, 01 Jan 1990 00:00:00 GMT", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"]
)
def test_a_pause_that_is_none_is_ignored(server, caller, asked):
    server.will(NAME, status(503, Retry_After=asked))
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT


def test_a_wrong_hash_is_fetched_again_and_then_given_up(server, caller):
    wrong = bytes(300_000)
    server.will(NAME, other_content(wrong))
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert caller.notes == [
        f"{NAME}: what came has the sha256 {hashlib.sha256(wrong).hexdigest()} where {DIGEST} is expected; fetching it again"
    ]
    caller.target.unlink()
    server.will(NAME, *[other_content(wrong)] * 3)
    message = caller.complaint(url_of(server))
    assert (
        f"was fetched 3 times and has the sha256 {hashlib.sha256(wrong).hexdigest()} where {DIGEST} is expected"
        in message
    )
    assert caller.left == set()


def test_an_md5_is_held_too(server, caller):
    message = caller.complaint(url_of(server), sha256=None, md5="0" * 32)
    assert f"has the md5 {hashlib.md5(CONTENT).hexdigest()} where {'0' * 32} is expected" in message


def test_a_file_without_a_known_hash_is_noted_and_kept_to(server, caller):
    caller.fetch(url_of(server), sha256=None)
    note = caller.target.with_name(f"{NAME}.sha256")
    assert note.read_text() == f"{DIGEST}  {NAME}\n"
    assert caller.notes == [f"{NAME}: sha256 {DIGEST}; pin it with source.thing.sha256={DIGEST}"]
    caller.target.unlink()
    (server.folder / NAME).write_bytes(bytes(300_000))
    assert f"differs from what was fetched first (sha256 {DIGEST}, in {NAME}.sha256)" in caller.complaint(
        url_of(server), sha256=None
    )


def test_another_file_than_the_first_is_taken_when_forced_or_named_by_its_hash_and_noted_anew(server, caller):
    caller.fetch(url_of(server), sha256=None)
    note, other = caller.target.with_name(f"{NAME}.sha256"), bytes(300_000)
    digest = hashlib.sha256(other).hexdigest()
    (server.folder / NAME).write_bytes(other)
    caller.fetch(url_of(server), sha256=None, is_forced=True)
    assert (caller.target.read_bytes(), note.read_text()) == (other, f"{digest}  {NAME}\n")
    assert caller.notes[-1] == (
        f"{NAME}: sha256 {digest}, where {DIGEST} was fetched first; pin it with source.thing.sha256={digest}"
    )
    (server.folder / NAME).write_bytes(CONTENT)
    caller.fetch(url_of(server))
    assert (caller.target.read_bytes(), note.read_text()) == (CONTENT, f"{DIGEST}  {NAME}\n")


def test_the_noted_hash_may_be_in_large_letters(server, caller):
    caller.target.parent.mkdir()
    caller.target.with_name(f"{NAME}.sha256").write_text(f"{DIGEST.upper()} *{NAME}\n")
    assert noted_sha256(caller.target) == DIGEST
    caller.fetch(url_of(server), sha256=None)
    assert caller.target.read_bytes() == CONTENT


def test_what_stood_there_is_kept_and_stays_until_the_new_file_is_whole(server, caller):
    caller.target.parent.mkdir()
    caller.target.write_bytes(b"old")
    server.will(NAME, cut_after(100_000), *[status(404)] * 3)
    caller.complaint(url_of(server))
    assert caller.target.read_bytes() == b"old"
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert caller.target.with_name(f"{NAME}.kept").read_bytes() == b"old"
    caller.fetch(url_of(server))
    assert caller.left == {NAME, f"{NAME}.kept"}


def test_a_folder_in_the_way_is_kept(server, caller):
    (caller.target / "mine").mkdir(parents=True)
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert caller.target.with_name(f"{NAME}.kept").joinpath("mine").is_dir()


def test_an_empty_file_is_a_file(server, caller):
    (server.folder / NAME).write_bytes(b"")
    nothing = hashlib.sha256().hexdigest()
    caller.fetch(url_of(server), sha256=nothing, n_bytes=0)
    assert caller.target.read_bytes() == b""
    assert caller.complaint(url_of(server).replace(NAME, "none"), sha256=nothing, n_bytes=0)


def test_nobody_there_is_one_line(caller):
    message = caller.complaint("http://127.0.0.1:9/file.bin")
    assert "http://127.0.0.1:9/file.bin cannot be reached, or cut the connection (the last of 8 tries)" in message


@pytest.mark.parametrize("form", ["path", "file"])
def test_a_local_file_is_copied_and_checked(caller, tmp_path, form):
    own = tmp_path / "with space % and ü.bin"
    own.write_bytes(CONTENT)
    caller.fetch(str(own) if form == "path" else own.as_uri())
    assert caller.target.read_bytes() == CONTENT
    own.write_bytes(b"other")
    caller.target.unlink()
    other = hashlib.sha256(b"other").hexdigest()
    assert caller.complaint(str(own)) == (
        f"source.thing.url: {own} has the sha256 {other} where {DIGEST} is expected; name another file with"
        " source.thing.url=FILE, or, if this one is meant, its hash with source.thing.sha256=..."
    )
    assert caller.left == set()


def test_what_is_no_local_file_is_said(caller, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    remedy = "name a file with source.thing.url=FILE"
    for name in ("none", "pipe", "none/below"):
        assert caller.complaint(f"{tmp_path}/{name}") == (
            f"source.thing.url: {tmp_path}/{name} is not there, or no file; {remedy}"
        )
    assert caller.complaint(str(tmp_path), n_bytes=5) == f"source.thing.url: {tmp_path} is a folder; {remedy}"


def test_a_local_file_that_may_not_be_read_is_said(caller, tmp_path, monkeypatch):
    (tmp_path / "own").write_bytes(CONTENT)

    def refuse(*_, **__) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refuse)
        message = caller.complaint(f"{tmp_path}/own")
    assert message == (
        f"source.thing.url: {tmp_path}/own cannot be read (Permission denied); name a file with source.thing.url=FILE"
    )


@given(st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name))
def test_a_file_address_is_the_path_that_it_was_made_of(name):
    path = Path("/") / os.fsdecode(name)
    assert Source("thing", path.as_uri(), None, None, None).local == path


def test_a_path_may_begin_at_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Source("thing", "~/x.zip", None, None, None).local == tmp_path / "x.zip"
    assert Source("thing", "~nobody-of-that-name/x.zip", None, None, None).local == Path("~nobody-of-that-name/x.zip")


@pytest.mark.parametrize("url", ["ftp://host/file", "s3://bucket/file", "http://[::1/file", "", " "])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigError) as caught:
        Source("thing", url, None, None, None)
    assert str(caught.value) == (
        f"source.thing.url={url}: an address with http://, https:// or file://, or a path, is needed"
    )


@pytest.mark.parametrize("url", ["file://data/x.zip", "file:x.zip", "file://~/x.zip"])
def test_a_file_address_without_the_whole_path_is_refused(url):
    with pytest.raises(ConfigError) as caught:
        Source("thing", url, None, None, None)
    assert str(caught.value) == (
        f"source.thing.url={url}: the whole path is needed after file://, as in file:///home/me/thing; or a path alone"
    )


@pytest.mark.parametrize(("kind", "n_digits"), [("sha256", 64), ("md5", 32)])
def test_what_is_no_hash_is_refused(kind, n_digits):
    with pytest.raises(ConfigError) as caught:
        Source(**{"name": "thing", "url": None, "bytes": None, "sha256": None, "md5": None} | {kind: "abc"})
    assert str(caught.value) == f"source.thing.{kind}=abc: {n_digits} hexadecimal digits are needed, or null"


def test_a_password_in_an_address_is_not_shown(caller):
    message = caller.complaint("http://me:secret@127.0.0.1:9/file.bin")
    assert "http://127.0.0.1:9/file.bin cannot be reached" in message
    assert "secret" not in message + "".join(caller.notes)


@pytest.fixture
def proxied(monkeypatch) -> None:
    """A proxy that is not there."""
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


@pytest.mark.usefixtures("proxied")
def test_a_mirror_on_this_machine_is_asked_past_the_proxy(server, caller):
    caller.fetch(url_of(server), sha256=DIGEST)
    assert caller.target.read_bytes() == CONTENT


@pytest.mark.usefixtures("proxied")
def test_a_proxy_that_fails_is_named_and_no_token_is_shown(caller):
    assert caller.complaint("http://me:secret@mirror.example/file.bin?token=secret") == (
        f"{NAME}: http://mirror.example/file.bin?token=*** cannot be reached, or cut the connection (the last of 8 tries)"
        " (asked through the proxy of HTTP_PROXY; if it needs none, add mirror.example to NO_PROXY); try again later"
        " (what is there is continued), or name another place with source.thing.url=URL_OR_FILE"
    )


@pytest.mark.skipif(find_spec("socks") is not None, reason="requests knows SOCKS proxies here")
def test_a_proxy_that_requests_does_not_know_is_named(caller, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    message = caller.complaint("http://mirror.example/file.bin")
    assert "http://mirror.example/file.bin cannot be asked, as requests by itself knows no SOCKS proxy" in message
    assert "(asked through the proxy of ALL_PROXY; if it needs none, add mirror.example to NO_PROXY)" in message


def test_a_wrong_address_is_shown_without_its_password():
    with pytest.raises(ConfigError) as raised:
        Source("thing", "ftp://me:secret@mirror.example/file.bin", None, None, None)
    assert "source.thing.url=ftp://mirror.example/file.bin: " in str(raised.value)


def test_a_source_without_an_address_says_so(caller):
    assert caller.complaint(None) == (
        "source.thing.url: there is no public address to fetch it from; name a file or folder of yours"
    )


def test_a_full_disk_keeps_the_part_and_the_next_call_goes_on(server, caller, monkeypatch):
    real_open, n_written = Path.open, [0]

    def small_disk(path: Path, mode: str = "r", *more, **named):
        file = real_open(path, mode, *more, **named)
        if path.name.endswith(".part") and mode == "ab":
            write = file.write

            class Full:
                def write(self, block: bytes) -> int:
                    if n_written[0] + len(block) > 100_000:
                        raise OSError(errno.ENOSPC, "No space left on device")
                    n_written[0] += len(block)
                    return write(block)

                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    file.close()

            return Full()
        return file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", small_disk)
        with pytest.raises(OSError, match="No space left on device") as caught:
            caller.fetch(url_of(server))
    assert caught.value.filename == str(part_of(caller.target))
    assert not caller.target.exists()
    server.requests.clear()
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert server.requests[0].start == n_written[0]


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk with room for 200 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(place)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_on_a_disk_that_was_too_small_it_goes_on_when_there_is_room(server, small_disk):
    caller = Caller(small_disk)
    with pytest.raises(OSError, match="No space left on device") as caught:
        caller.fetch(url_of(server))
    assert caught.value.filename == str(part_of(caller.target))
    assert not caller.target.exists()
    n_there = part_of(caller.target).stat().st_size
    assert n_there > 150_000
    subprocess.run(["mount", "-o", "remount,size=2m", str(small_disk)], check=True)
    server.requests.clear()
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert [request.start for request in server.requests] == [n_there]


# A process that fetches, and is killed

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


def fetch_and_die(url: str, target: Path, sha256: str | None, n_steps: int | None) -> None:
    """Fetch, and end as by a kill before a step in the target's folder; at no step for None."""
    steps = count()

    def die(event: str, arguments: tuple[object, ...]) -> None:
        is_step = event in ("open", "os.rename", "os.remove", "os.mkdir") and str(target.parent) in str(arguments[0])
        if is_step and next(steps) == n_steps:
            os._exit(9)

    sys.addaudithook(die)
    download.FIRST_PAUSE_SECONDS = 0.001
    fetch(Source("thing", url, None, sha256, None), target, lambda *_: None, lambda _: None)


def started(*arguments: object) -> multiprocessing.process.BaseProcess:
    process = PROCESSES.Process(target=fetch_and_die, args=arguments)
    process.start()
    return process


@pytest.mark.parametrize("sha256", [DIGEST, None])
def test_killed_before_any_step_the_next_call_ends_as_if_nothing_had_been(server, caller, sha256):
    caller.fetch(url_of(server), sha256=sha256)
    expected = {path.name: path.read_bytes() for path in caller.target.parent.iterdir()}
    n_killed = 0
    for n_steps in count():
        for path in caller.target.parent.iterdir():
            path.unlink()
        caller.target.parent.rmdir()
        become(server)
        server.will(NAME, cut_after(100_000))
        process = started(url_of(server), caller.target, sha256, n_steps)
        process.join()
        if process.exitcode == 0:
            break
        assert process.exitcode == 9
        n_killed += 1
        assert not caller.target.exists() or caller.target.read_bytes() == CONTENT
        caller.fetch(url_of(server), sha256=sha256)
        assert {path.name: path.read_bytes() for path in caller.target.parent.iterdir()} == expected
    # The folder, the note of the version, the part, its place.
    assert n_killed >= 5


def test_killed_at_random_moments_it_is_taken_up(faulty_server, caller):
    content = np.random.default_rng(1).bytes(12_000_000)
    (faulty_server.folder / NAME).write_bytes(content)
    faulty_server.pause_seconds = 0.01
    digest, part = hashlib.sha256(content).hexdigest(), part_of(caller.target)
    for more in np.random.default_rng(2).integers(1, 2_000_000, 5):
        enough = (part.stat().st_size if part.exists() else 0) + more
        process = started(url_of(faulty_server), caller.target, digest, None)
        while process.is_alive() and not (part.exists() and part.stat().st_size >= enough):
            time.sleep(0.002)
        process.kill()
        process.join()
        assert process.exitcode == -9
        assert not caller.target.exists()
    faulty_server.pause_seconds = 0
    caller.fetch(url_of(faulty_server), sha256=digest)
    assert caller.target.read_bytes() == content
    assert caller.left == {NAME}
    # What a killed process had not read yet lay in the buffers of the connection.
    starts = [request.start for request in faulty_server.requests]
    assert starts == sorted(starts)
    assert starts[-1] > 1_000_000


# Files


def test_a_file_is_looked_at_once_for_each_version(tmp_path):
    path, looks = tmp_path / "file", []
    look = once_a_version(lambda place: looks.append(place) or len(looks))
    path.write_bytes(b"old")
    assert [look(path), look(path)] == [1, 1]
    path.write_bytes(b"newer")
    assert [look(path), look(path)] == [2, 2]


@pytest.mark.parametrize(("number", "name"), [(errno.ENOSPC, "file"), (None, None)])
def test_an_error_of_the_system_names_the_file_and_no_other_does(number, name):
    error = OSError(number, "words") if number else OSError("words")
    with pytest.raises(OSError, match="words") as caught, named(Path("file")):
        raise error
    assert caught.value.filename == name


def test_an_atomic_write_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), atomic(path) as file:
        file.writelines([b"new, but", "not bytes"])
    assert path.read_bytes() == b"old"
    with atomic(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_set_aside_never_replaces_what_was_before(tmp_path):
    for number in range(3):
        (tmp_path / "a").write_text(str(number))
        set_aside(tmp_path / "a")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "a.kept": "0",
        "a.kept2": "1",
        "a.kept3": "2",
    }


def test_a_lock_is_held_by_one_and_let_go_with_the_block(tmp_path):
    with lock(tmp_path / "folder"), pytest.raises(BusyError) as caught, lock(tmp_path / "folder"):
        pass
    assert str(caught.value) == f"{tmp_path}/folder: another process is writing there; wait for it, or end it"
    with lock(tmp_path / "folder"):
        pass
