"""Archives and folders of videos: what is wanted is found, and what no honest archive has is refused."""

from __future__ import annotations

import contextlib
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm.errors import SourceError, VideoError
from sarcasm.prepare import videos
from sarcasm.prepare.videos import Video, archive_fault, find_videos

IDS = ["1_60", "2_97"]


def find(place: Path, ids: list[str] = IDS) -> dict[str, Video]:
    return find_videos(place, "utterances_final", "{id}.mp4", ids, "source.videos.url")


def fault_of(place: Path) -> str | None:
    return archive_fault(place, "utterances_final", "{id}.mp4")


def contents(place: Path) -> dict[str, bytes]:
    return {id_: video.read()[0].getvalue() for id_, video in find(place).items()}


def complaint(place: Path) -> str:
    with pytest.raises(SourceError) as caught:
        find(place)
    return str(caught.value)


def archive(path: Path, members: dict[str, bytes], **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


METHODS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
GOOD = {"utterances_final/1_60.mp4": b"one", "utterances_final/2_97.mp4": b"two"}


@pytest.mark.parametrize("root", ["", "mmsd_raw_data/", "a/b/c/", "./"])
@pytest.mark.parametrize("method", METHODS)
def test_videos_are_found_below_any_root_in_any_packing(tmp_path, root, method):
    place = archive(tmp_path / "a.zip", {root + name: content for name, content in GOOD.items()}, compression=method)
    assert contents(place) == {"1_60": b"one", "2_97": b"two"}


def test_videos_are_found_in_a_zip64(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        for name, content in GOOD.items():
            with file.open(name, "w", force_zip64=True) as member:
                member.write(content)
    assert contents(tmp_path / "a.zip") == {"1_60": b"one", "2_97": b"two"}


def test_folders_have_entries_of_their_own_and_names_may_have_backslashes(tmp_path):
    members = {"raw/": b"", "raw/utterances_final/": b"", "utterances_final/1_60.mp4/": b""}
    members |= {f"raw/{name}".replace("/", "\\"): content for name, content in GOOD.items()}
    assert contents(archive(tmp_path / "a.zip", members)) == {"1_60": b"one", "2_97": b"two"}


def test_ids_in_large_letters_are_found_by_the_same_letters(tmp_path):
    place = archive(tmp_path / "a.zip", {"utterances_final/KEY_1.mp4": b"one", "utterances_final/key_2.mp4": b"two"})
    assert list(find(place, ["KEY_1", "KEY_2"])) == ["KEY_1"]


def test_junk_contexts_and_what_nobody_asked_for_are_left_alone(tmp_path):
    junk = {
        "__MACOSX/utterances_final/1_60.mp4": b"junk", "x/__MACOSX/utterances_final/._2_97.mp4": b"junk", "utterances_final/._1_60.mp4": b"junk",
        "utterances_final/.DS_Store": b"junk", "context_final/1_60.mp4": b"context", "utterances_final/9_99.mp4": b"other",
        "utterances_final/": b"", "1_60.mp4": b"elsewhere", "utterances_final/deeper/1_60.mp4": b"elsewhere", "utterances_final/1_60.MP4.txt": b"text",
    }  # fmt: skip
    assert contents(archive(tmp_path / "a.zip", {**junk, **GOOD})) == {"1_60": b"one", "2_97": b"two"}


HOSTILE = {
    "../utterances_final/1_60.mp4": "leads out of its folder ('../utterances_final/1_60.mp4')",
    "utterances_final/../../../etc/passwd": "leads out of its folder ('utterances_final/../../../etc/passwd')",
    "/utterances_final/1_60.mp4": "leads out of its folder ('/utterances_final/1_60.mp4')",
    "C:/utterances_final/1_60.mp4": "leads out of its folder ('C:/utterances_final/1_60.mp4')",
    "..\\utterances_final\\1_60.mp4": "leads out of its folder (",
    "C:\\utterances_final\\1_60.mp4": "leads out of its folder (",
    "\\\\host\\share\\1_60.mp4": "leads out of its folder (",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_member_that_leads_out_refuses_the_archive(tmp_path, name):
    place = archive(tmp_path / "a.zip", {**GOOD, name: b"evil"})
    message = complaint(place)
    assert message.startswith(f"source.videos.url: {place} has a member that {HOSTILE[name]}")
    assert message.endswith(
        "): this is not the published archive, and nothing was taken from it; name another with"
        " source.videos.url=FILE_OR_FOLDER"
    )


def test_a_link_refuses_the_archive(tmp_path):
    place = archive(tmp_path / "a.zip", {"utterances_final/2_97.mp4": b"two"})
    with zipfile.ZipFile(place, "a") as file:
        link = zipfile.ZipInfo("utterances_final/1_60.mp4")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        file.writestr(link, "/etc/passwd")
    assert "has a link for a member ('utterances_final/1_60.mp4')" in complaint(place)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["utterances_final/1_60.mp4", "other/utterances_final/1_60.mp4"])
def test_two_videos_for_one_clip_refuse_the_archive(tmp_path, second):
    place = archive(tmp_path / "a.zip", GOOD)
    with zipfile.ZipFile(place, "a") as file:
        file.writestr(second, b"another")
    assert f"has two members for one clip ('utterances_final/1_60.mp4' and '{second}')" in complaint(place)


def test_an_absurdly_large_video_refuses_the_archive(tmp_path, monkeypatch):
    monkeypatch.setattr(videos, "LARGEST_VIDEO_BYTES", 2)
    assert "has a clip of 3 bytes ('utterances_final/1_60.mp4')" in complaint(archive(tmp_path / "a.zip", GOOD))


def test_an_encrypted_member_refuses_the_archive(tmp_path):
    place = archive(tmp_path / "a.zip", GOOD)
    content = bytearray(place.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    place.write_bytes(content)
    assert "has an encrypted member ('utterances_final/1_60.mp4')" in complaint(place)


@pytest.mark.parametrize("declared", [0, 10, 49_999_999])
def test_a_bomb_gives_no_more_than_it_declares_and_is_named(tmp_path, declared):
    place = archive(
        tmp_path / "a.zip", {"utterances_final/1_60.mp4": bytes(50_000_000)}, compression=zipfile.ZIP_DEFLATED
    )
    content = bytearray(place.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(mark) + offset
        content[start : start + 4] = struct.pack("<I", declared)
    place.write_bytes(content)
    with pytest.raises(
        VideoError,
        match=r"utterances_final/1_60\.mp4 is damaged \(.*\); get the archive anew \(--force does, if it was downloaded\)$",
    ):
        find(place)["1_60"].read()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_a_bomb_takes_little_memory(tmp_path, method):
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w", method) as file,
        file.open("utterances_final/1_60.mp4", "w", force_zip64=False) as member,
    ):
        for _ in range(400):
            member.write(bytes(2**20))
    content = bytearray((tmp_path / "a.zip").read_bytes())
    for mark, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = content.index(mark) + offset
        content[start : start + 4] = struct.pack("<I", 50_000)
    (tmp_path / "a.zip").write_bytes(content)
    video = find(tmp_path / "a.zip")["1_60"]
    tracemalloc.start()
    try:
        with pytest.raises(VideoError, match="is damaged"):
            video.read()
        assert fault_of(tmp_path / "a.zip") is not None
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # LZMA unfolds all of what it is given at once.
    assert most < (1e6 if method == zipfile.ZIP_DEFLATED else 150e6)


@pytest.mark.parametrize("name", ["raw/utterances_final/1_60.mp4", "raw/context_final/1_60_c.mp4", "raw/notes.txt"])
def test_what_a_clip_can_be_made_of_is_read_through_and_nothing_else_is(tmp_path, name):
    place = archive(tmp_path / "a.zip", {"raw/utterances_final/2_97.mp4": b"two", name: b"a" * 1000})
    content = bytearray(place.read_bytes())
    content[content.index(b"a" * 1000) + 500] ^= 1
    place.write_bytes(content)
    said = f"holds a damaged {name} (Bad CRC-32 for file '{name}')"
    assert fault_of(place) == (said if "utterances_final" in name else None)


def test_an_archive_that_would_be_refused_is_at_fault(tmp_path):
    place = archive(tmp_path / "a.zip", {**GOOD, "../x": b"evil"})
    assert fault_of(place) == "has a member that leads out of its folder ('../x')"


def test_a_damaged_member_is_named_and_the_others_are_read(tmp_path):
    place = archive(tmp_path / "a.zip", {"utterances_final/1_60.mp4": b"a" * 1000, "utterances_final/2_97.mp4": b"two"})
    content = bytearray(place.read_bytes())
    content[content.index(b"a" * 1000) + 500] ^= 1
    place.write_bytes(content)
    found = find(place)
    assert found["2_97"].read()[0].getvalue() == b"two"
    with pytest.raises(VideoError, match=r"utterances_final/1_60\.mp4 is damaged"):
        found["1_60"].read()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_damaged_in_a_rare_packing_is_named(tmp_path, method):
    place = archive(tmp_path / "a.zip", {"utterances_final/1_60.mp4": bytes(range(256)) * 9}, compression=method)
    content = bytearray(place.read_bytes())
    start = content.index(b"1_60.mp4") + 8
    content[start + 9 : start + 60] = bytes(51)
    place.write_bytes(content)
    with pytest.raises(VideoError) as caught:
        find(place)["1_60"].read()
    assert str(caught.value).startswith(f"{place}: utterances_final/1_60.mp4 is damaged (")


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [
        (6, 255, "zip file version 25.5"),
        # Flags that say the name is UTF-8, and a name that is not.
        (9, 8, "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_a_directory_that_zipfile_cannot_read_is_said(tmp_path, offset, value, words):
    place = archive(tmp_path / "a.zip", GOOD)
    content = bytearray(place.read_bytes())
    start = content.index(b"PK\x01\x02")
    content[start + offset], content[start + 46] = value, 0xFF
    place.write_bytes(content)
    assert complaint(place) == (
        f"source.videos.url: {place} is no zip archive, or not all of it ({words}); name another with"
        " source.videos.url=FILE_OR_FOLDER"
    )
    assert fault_of(place) == f"is no zip archive, or not all of it ({words})"


@pytest.mark.parametrize("members", [{**GOOD, "utterances_final/1_60.mp4": b"One"}, {"other": b"x"}])
def test_a_video_of_an_archive_that_was_changed_meanwhile_is_not_taken_for_the_old_one(tmp_path, members):
    video = find(archive(tmp_path / "a.zip", GOOD))["1_60"]
    archive(tmp_path / "a.zip", members)
    with pytest.raises(VideoError) as caught:
        video.read()
    assert str(caught.value) == f"{tmp_path}/a.zip was changed meanwhile; run the same command again"


def test_a_video_that_is_gone_is_said(tmp_path):
    (tmp_path / "1_60.mp4").write_bytes(b"one")
    found = {**find(tmp_path), **find(archive(tmp_path / "a.zip", {"utterances_final/2_97.mp4": b"two"}))}
    for video in found.values():
        video.container.unlink()
        with pytest.raises(VideoError) as caught:
            video.read()
        place = video.container if not video.member else f"{video.container}: {video.member}"
        assert str(caught.value) == f"{place} cannot be read (No such file or directory)"
    assert len(found) == 2


def test_an_archive_that_was_replaced_is_read_anew(tmp_path):
    place = archive(tmp_path / "a.zip", GOOD)
    assert contents(place)["1_60"] == b"one"
    archive(place, {**GOOD, "utterances_final/1_60.mp4": b"one, changed"})
    assert contents(place)["1_60"] == b"one, changed"


def test_what_is_no_archive_is_said(tmp_path):
    place = tmp_path / "a.zip"
    place.write_text("no archive")
    assert complaint(place) == (
        f"source.videos.url: {place} is no zip archive, or not all of it (File is not a zip file); name another with"
        " source.videos.url=FILE_OR_FOLDER"
    )
    assert fault_of(place) == "is no zip archive, or not all of it (File is not a zip file)"
    assert fault_of(archive(tmp_path / "b.zip", {})) == "is an empty archive"
    assert fault_of(archive(tmp_path / "c.zip", GOOD)) is None
    assert complaint(tmp_path / "none.zip") == (
        f"source.videos.url: {tmp_path}/none.zip is not there; name a zip archive or a folder of videos"
    )


@pytest.mark.parametrize("below", ["", "utterances_final"])
@pytest.mark.parametrize("name", ["1_60.mp4", "1_60.mkv", "1_60.wav", "1_60.MP4"])
def test_a_folder_of_videos_will_do(tmp_path, below, name):
    (tmp_path / below).mkdir(exist_ok=True)
    (tmp_path / below / name).write_bytes(b"one")
    assert contents(tmp_path) == {"1_60": b"one"}


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_an_archive_or_refused(tmp_path, content):
    place = tmp_path / "a.zip"
    place.write_bytes(content)
    with contextlib.suppress(SourceError):
        assert find(place) == {}


DAMAGED = st.tuples(st.integers(0, 2**16), st.one_of(st.sampled_from([0, 0x7F, 0xFF]), st.integers(0, 255)))
"""Where, and the byte that stands there now."""


@given(
    method=st.sampled_from(METHODS),
    damage=st.lists(DAMAGED, max_size=4),
    is_directory=st.booleans(),
    n_missing=st.one_of(st.just(0), st.integers(1, 300)),
)
@settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_archive_with_wrong_bytes_gives_the_right_video_or_is_refused(
    tmp_path, method, damage, is_directory, n_missing
):
    content = bytearray(archive(tmp_path / "good.zip", GOOD, compression=method).read_bytes())
    # Where a wrong byte does most.
    first = content.index(b"PK\x01\x02") if is_directory else 0
    for place, value in damage:
        content[first + place % (len(content) - first)] = value
    damaged = tmp_path / "a.zip"
    damaged.write_bytes(content[: len(content) - n_missing])
    with contextlib.suppress(SourceError):
        for id_, video in find(damaged).items():
            with contextlib.suppress(VideoError):
                assert video.read()[0].getvalue() == GOOD[f"utterances_final/{id_}.mp4"]
    fault_of(damaged)
