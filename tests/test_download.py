"""Downloads: whatever a server does, a file is whole and right, or not there; and nothing is fetched twice."""

from __future__ import annotations

import datetime
import errno
import hashlib
import subprocess
import sys
import time
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm.errors import BusyError, ConfigError, SourceError
from sarcasm.files import atomic, lock, part_of, set_aside
from sarcasm.prepare import download
from sarcasm.prepare.fetch import fetch
from sarcasm.prepare.source import Source
from sarcasm.project import PROJECT
from tests.server_fixtures import FaultyServer, claim, cut_after, other_content, redirect, silence, status, web_page

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
        self, url: str | None, sha256: str | None = DIGEST, n_bytes: int | None = None, md5: str | None = None
    ) -> None:
        fetch(
            Source("thing", url, n_bytes, sha256, md5),
            self.target,
            lambda n_there, _: self.there.append(n_there),
            self.notes.append,
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


@pytest.mark.parametrize("has_etag", [True, False])
def test_what_is_there_is_not_fetched_again(server, caller, has_etag):
    server.has_etag = has_etag
    server.will(NAME, cut_after(100_000), status(503), cut_after(50_000), cut_after(1), cut_after(90_000))
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    # A cut connection loses the block that was being read.
    assert server.n_sent(NAME) <= len(CONTENT) + 4 * download.BLOCK_BYTES
    starts = [request.start for request in server.requests if request.sent]
    assert starts == sorted(starts)


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


def test_two_versions_of_a_file_are_never_mixed(server, caller):
    server.will(NAME, cut_after(100_000))
    old = bytes(300_000)
    (server.folder / NAME).write_bytes(old)
    server.will(
        NAME, lambda handler, content: ((server.folder / NAME).write_bytes(CONTENT), handler.answer(503, b""))[-1]
    )
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT


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


def test_a_redirect_from_https_to_http_is_not_followed_with_data(caller, monkeypatch):
    import requests

    class Answer:
        url, status_code, headers = "http://plain/file", 200, {}

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(requests.Session, "get", lambda *_, **__: Answer())
    assert caller.complaint("https://host/file") == (
        f"{NAME}: https://host/file leads on to http://plain/file, which is not encrypted; try again later (what is there"
        " is continued), or name another place with source.thing.url=URL_OR_FILE"
    )


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_a_pause_that_the_server_asks_for_is_kept(server, caller, monkeypatch, kind):
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=7)
    server.will(NAME, status(429, Retry_After="7" if kind == "seconds" else format_datetime(until, usegmt=True)))
    caller.fetch(url_of(server))
    assert any(5 <= seconds <= 7 for seconds in slept)
    assert any("answered 429 Too Many Requests; trying again in" in note for note in caller.notes)


def test_a_pause_of_an_hour_is_told_instead_of_kept(server, caller):
    server.will(NAME, status(503, Retry_After="3600"))
    assert "answered 503 Service Unavailable and asks to wait for 3600 s; try again later" in caller.complaint(
        url_of(server)
    )


@pytest.mark.parametrize("asked", ["soon", "-5", ""])
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
    assert caller.complaint(str(own)).startswith(f"source.thing.url: {own} has the sha256 ")
    assert caller.left == set()


def test_a_local_file_that_is_not_there_or_a_folder_is_said(caller, tmp_path):
    assert caller.complaint(f"{tmp_path}/none") == (
        f"source.thing.url: {tmp_path}/none is no file (No such file or directory); name one there"
    )
    assert "is no file (Is a directory)" in caller.complaint(str(tmp_path))


def test_a_password_in_an_address_is_not_shown(caller):
    message = caller.complaint("http://me:secret@127.0.0.1:9/file.bin")
    assert "http://127.0.0.1:9/file.bin cannot be reached" in message
    assert "secret" not in message + "".join(caller.notes)


def test_a_source_without_an_address_says_so(caller):
    assert caller.complaint(None) == (
        "source.thing.url: there is no public address to fetch it from; name a file or folder of yours"
    )


@pytest.mark.parametrize("url", ["ftp://host/file", "s3://bucket/file"])
def test_other_kinds_of_address_are_refused(url):
    with pytest.raises(ConfigError, match=r"an address with http://, https:// or file://, or a path, is needed$"):
        Source("thing", url, None, None, None)


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
        with pytest.raises(OSError, match="No space left on device"):
            caller.fetch(url_of(server))
    assert not caller.target.exists()
    server.requests.clear()
    caller.fetch(url_of(server))
    assert caller.target.read_bytes() == CONTENT
    assert server.requests[0].start == n_written[0]


def test_killed_at_random_moments_it_is_taken_up(faulty_server, tmp_path):
    content = np.random.default_rng(1).bytes(60_000_000)
    (faulty_server.folder / NAME).write_bytes(content)
    target = tmp_path / "fetched" / NAME
    code = (
        "import sys; from pathlib import Path; from sarcasm.prepare.fetch import fetch; from sarcasm.prepare.source import Source\n"
        f"fetch(Source('thing', {faulty_server.url + '/' + NAME!r}, None, {hashlib.sha256(content).hexdigest()!r}, None),"
        f" Path({str(target)!r}), lambda n, of: None, print)"
    )
    moments = np.random.default_rng(2)
    n_killed = 0
    for _ in range(20):
        running = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT)
        deadline = time.monotonic() + 20
        before = part_of(target).stat().st_size if part_of(target).exists() else 0
        while running.poll() is None and time.monotonic() < deadline:
            if part_of(target).exists() and part_of(target).stat().st_size > before + moments.integers(1, 15_000_000):
                break
        assert not target.exists() or target.read_bytes() == content
        if running.poll() is None:
            n_killed += 1
            running.kill()
        running.wait(20)
        if target.exists():
            break
    assert n_killed
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True, timeout=60)
    assert target.read_bytes() == content
    assert {path.name for path in target.parent.iterdir()} == {NAME}


# Files


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
    with lock(tmp_path / "folder"), pytest.raises(BusyError), lock(tmp_path / "folder"):
        pass
    with lock(tmp_path / "folder"):
        pass
