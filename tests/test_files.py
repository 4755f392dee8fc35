"""What stands in place of a file: a pointer, a web page, a pipe. Every reader says so, and none waits."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from sarcasm.audio import read_samples, waveform_of
from sarcasm.corpus import mustard, mustard_pp
from sarcasm.corpus.dataset import read_text
from sarcasm.errors import AudioError, ConfigError, SarcasmError, StoreError, TrackingError, VideoError, WeightsError
from sarcasm.files import atomic, irregular, stand_in, stand_in_at
from sarcasm.packaged.description import DESCRIPTION, Description
from sarcasm.prepare.sound import read_sound
from sarcasm.prepare.source import Source
from sarcasm.prepare.videos import archive_fault, find_videos
from sarcasm.resampling import Resampler
from sarcasm.runs import formats
from sarcasm.store import Keeping, upkeep
from sarcasm.tracking import open_store
from sarcasm.vggish import Postprocessor, read_checkpoint

POINTER = (
    b"version https://git-lfs.github.com/spec/v1\n"
    b"oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
)
IS_POINTER = "is a Git LFS pointer, not the file: git lfs pull fetches it"
IS_PAGE = "is a web page, not the file: download it again, with a browser if the site wants a login"
PAGES = {
    "plain": b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>",
    "lower case, no type": b"<html lang=en>",
    "after a mark and blank lines": b"\xef\xbb\xbf\r\n\r\n  <!doctype html>",
    "after a comment": b"<!-- cached --><html>",
    "XHTML": b'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN">',
    "UTF-16": "<!DOCTYPE html>".encode("utf-16"),
    "a redirect": b"<HEAD><META http-equiv=refresh>",
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_web_page_is_one_however_it_is_written(page):
    assert stand_in(page) == IS_PAGE


def test_pointers_and_error_documents_are_called_what_they_are():
    assert stand_in(POINTER) == IS_POINTER
    assert stand_in(b"/annex/objects/SHA256E-s16044--ab12.wav\n") == (
        "is a git-annex pointer, not the file: git annex get fetches it"
    )
    assert stand_in(b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>') == (
        "is an XML document, as servers send where they refuse, not the file: download it again"
    )


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"id,path\n<b>,1.wav\n",
        b"<p1,2\n",
        b"<bx>",
        b'{"1_60": {}}',
        b"PK\3\4",
        b"version 1",
    ],
)
def test_what_is_a_file_is_no_stand_in(start):
    assert stand_in(start) is None


def unread(read: Callable[[Path], object], path: Path) -> str:
    """What a reader says of a file, from where the file is named on."""
    with pytest.raises(SarcasmError) as raised:
        read(path)
    return str(raised.value).rpartition(f"{path} ")[2]


READERS: dict[str, Callable[[Path], object]] = {
    "a clip": read_samples,
    "labels": mustard.read_labels,
    "labels of MUStARD++": mustard_pp.read_labels,
    "any table": lambda path: read_text(path, "dataset.manifest", ""),
    "a checkpoint": read_checkpoint,
    "PCA parameters": Postprocessor,
    "a package": lambda path: Description.read(path.parent),
    "an archive": lambda path: find_videos(path, "videos", "{id}.mp4", ["1"], "source.videos.url"),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize(("content", "fault"), [(POINTER, IS_POINTER), (PAGES["plain"], IS_PAGE)])
def test_every_reader_names_a_stand_in(tmp_path, read, content, fault):
    path = tmp_path / DESCRIPTION
    path.write_bytes(content)
    assert unread(read, path) == fault


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_no_reader_waits_for_a_pipe(tmp_path, read):
    path = tmp_path / DESCRIPTION
    os.mkfifo(path)
    assert unread(read, path) in (
        "is a named pipe, not a file; name another",
        "is not a regular file; name an audio file",
    )


def test_a_part_of_a_checkpoint_that_is_a_pointer_is_named(tmp_path):
    (tmp_path / "vggish.index").write_bytes(POINTER)
    part = tmp_path / "vggish.data-00000-of-00001"
    part.write_bytes(POINTER)
    with pytest.raises(WeightsError, match=f"^embedding.checkpoint: {part} {IS_POINTER}$"):
        read_checkpoint(tmp_path / "vggish")


def test_content_without_a_file_is_told_too(tmp_path):
    with pytest.raises(AudioError, match=f"^clip.wav {IS_POINTER}$"):
        waveform_of(POINTER, "clip.wav", Resampler.soxr, 10.0)
    with pytest.raises(VideoError, match=f"^{IS_PAGE}$"):
        read_sound(BytesIO(PAGES["plain"]), None)
    path = tmp_path / "videos.zip"
    path.write_bytes(POINTER)
    assert archive_fault(path, "videos", "{id}.mp4") == IS_POINTER
    # Said rather than a size or a hash that nobody can make anything of.
    assert Source("videos", None, 5, "0" * 64, None).fault_of(path) == IS_POINTER


def test_what_is_no_file_is_called_what_it_is(tmp_path):
    assert irregular(tmp_path) == "is a folder, not a file"
    assert irregular(Path("/dev/zero")) == "is a device, not a file"
    assert stand_in_at(Path("/dev/zero")) == "is a device, not a file; name another"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        assert irregular(tmp_path / "socket") == "is a socket, not a file"
    assert irregular(tmp_path / "none") is None
    (tmp_path / "file").touch()
    assert irregular(tmp_path / "file") is None


@pytest.fixture(params=["pipe", "folder", "device"])
def no_file(request, tmp_path) -> Path:
    path = tmp_path / "here"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    return path


def test_no_store_is_opened_where_none_can_be(no_file):
    fault = irregular(no_file)
    with pytest.raises(ConfigError) as raised:
        Keeping(enabled=True, path=str(no_file)).open()
    assert str(raised.value) == (
        f"store.path: {no_file} {fault}; name another with store.path=FILE, or choose store=off"
    )
    for look in (upkeep.info, upkeep.verify, upkeep.clear):
        with pytest.raises(StoreError, match=f"^store.path: {no_file} {fault}; name another with store.path=FILE$"):
            look(no_file)
    with pytest.raises(
        TrackingError, match=f"^cannot record runs in sqlite:///{no_file.resolve()}: it {fault}; move it away"
    ):
        open_store(f"sqlite:///{no_file}", no_file.parent, 1.0)


def test_a_pipe_or_a_device_is_never_replaced_by_a_file(no_file):
    with pytest.raises(OSError, match=r"[Ii]s a "), atomic(no_file) as file:
        file.write(b"new")
    with pytest.raises(SarcasmError, match=f"^{no_file} is a"):
        formats.save("text", no_file, is_forced=True)
    assert not no_file.is_file()


def test_a_file_that_cannot_be_written_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, atomic(tmp_path / "nowhere" / "report.html"):
        pass
    assert raised.value.filename == f"{tmp_path}/nowhere/report.html"
