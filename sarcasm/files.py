"""Write files so that nothing half-written is ever taken for whole, and nothing a user made is lost.

A file is written aside, under a hidden name that ends in `.part`, and moved to its place in one step. The hidden name
is always the same, so that what a killed process leaves is overwritten by the next one; a lock on the folder keeps two
processes from writing there at once.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import BinaryIO, TypeVar

from sarcasm.errors import BusyError

PART = ".part"
LOCK = ".lock"
HASHING_THREADS = 4
SETTLING_SECONDS = 2.0
"""The coarsest dates of a file system in use (FAT)."""
KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip
"""What a path may lead to that is no regular file."""
START_BYTES = 1024
"""Of a file, that tell what it is: a Git LFS pointer is shorter, by its specification."""
NOT_THE_FILE = "not the file: "
"""Stands in what is said of a pointer or a page, before what to do."""
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""
ANNEX_POINTER = b"/annex/objects/"
"""https://git-annex.branchable.com/internals/pointer_file/"""
WEB_PAGE = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?"
    rb"<(?:!--|(?:!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>])",
    re.IGNORECASE,
)
"""How a web page begins: https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type"""
Found = TypeVar("Found")


def irregular(path: Path) -> str | None:
    """What a path leads to instead of a regular file, worded to follow its name; None where nothing is in the way.

    To be asked before a path that somebody gives is opened: opening a pipe waits for someone at its other end, and a
    device may never end.
    """
    try:
        kind = KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except (OSError, ValueError):
        return None  # whoever opens it says what is wrong
    return f"is {kind}, not a file" if kind else None


def stand_in(start: bytes) -> str | None:
    """What was left or sent in place of a file, worded to follow its name, with what to do; None for anything else.

    Args:
        start: of the file: `START_BYTES` where it has as many, or more.
    """
    start = start[:START_BYTES]
    if start.startswith(LFS_POINTER):
        return f"is a Git LFS pointer, {NOT_THE_FILE}git lfs pull fetches it"
    if start.startswith(ANNEX_POINTER):
        return f"is a git-annex pointer, {NOT_THE_FILE}git annex get fetches it"
    # As ASCII, whether it was saved as UTF-8 or UTF-16.
    text = start.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff").replace(b"\0", b"")
    if WEB_PAGE.match(text):
        return f"is a web page, {NOT_THE_FILE}download it again, with a browser if the site wants a login"
    if text.lstrip().startswith(b"<?xml"):
        return f"is an XML document, as servers send where they refuse, {NOT_THE_FILE}download it again"
    return None


def stand_in_at(path: Path) -> str | None:
    """The same of what a path leads to, or that it is a pipe, socket or device; None where it cannot be read."""
    try:
        # Opening a folder fails at once.
        if (fault := irregular(path)) and not path.is_dir():
            return f"{fault}; name another"
        with path.open("rb") as file:
            return stand_in(file.read(START_BYTES))
    except (OSError, ValueError):
        return None  # whoever opens it says what is wrong


def part_of(path: Path) -> Path:
    """Where a file is written before it is whole."""
    return path.with_name(f".{path.name}{PART}")


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its place only when the block ends without an error.

    Raises:
        OSError: it cannot be written, or a pipe, socket or device is there, which a file would replace.
    """
    if (fault := irregular(path)) and not path.is_dir():
        raise OSError(errno.EINVAL, fault, str(path))
    aside = part_of(path)
    try:
        with aside.open("wb") as file:
            yield file
            file.flush()
            # Otherwise the name may reach the disk before the content does, should the power fail.
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError) and str(error.filename) == str(aside):
            error.filename = str(path)  # what was asked for, since nobody knows of the other
        raise


def read_whole(path: Path, most_bytes: int) -> bytes:
    """Read a file that is known to be small.

    Args:
        path: the file.
        most_bytes: more are not read.

    Raises:
        OSError: it is not there, cannot be read, is larger, or no regular file.
    """
    status = path.stat()
    # Opening a pipe would wait for someone to write into it.
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    if status.st_size > most_bytes:
        raise OSError(errno.EFBIG, f"has {status.st_size:,} bytes, more than {most_bytes:,}", str(path))
    return path.read_bytes()


def sha256(path: Path) -> str:
    """Hash of a file's bytes, 64 hexadecimal digits.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hash_files(paths: Sequence[Path]) -> list[str | None]:
    """SHA-256 of each file; None where it is no regular file or cannot be read."""
    with ThreadPoolExecutor(HASHING_THREADS) as threads:
        return list(threads.map(_hash_or_none, paths))


def _hash_or_none(path: Path) -> str | None:
    try:
        # Opening a pipe would wait for someone to write into it.
        return sha256(path) if path.is_file() else None
    except OSError:
        return None


@dataclass(frozen=True)
class Stamp:
    """What tells a file from a changed one without reading it.

    Attributes:
        text: inode, size, and the dates of its last change, to the nanosecond; that of the inode no program can set.
        is_settled: whether that was long enough ago that a later change must have another date.
    """

    text: str
    is_settled: bool


def stamp(path: Path) -> Stamp | None:
    """The stamp of a file; None where there is none."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    text = f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}:{status.st_ctime_ns}"
    newest = max(status.st_mtime_ns, status.st_ctime_ns) / 1e9
    return Stamp(text, time.time() - newest > SETTLING_SECONDS)


def once_a_version(look: Callable[[Path], Found]) -> Callable[[Path], Found]:
    """A function of a file that is called once for each version of it, as told by its stamp.

    Not for a file that is just being written: two versions of one size may bear the same date.
    """

    @cache
    def of_version(path: Path, text: str) -> Found:  # noqa: ARG001
        return look(path)

    def remembered(path: Path) -> Found:
        now = stamp(path)
        return of_version(path, now.text) if now else look(path)

    return remembered


remembered_sha256 = once_a_version(sha256)
"""`sha256`, for large files that are asked for more than once."""


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let an error name the file that was written: a full disk does not say of itself what it had no room for."""
    try:
        yield
    except OSError as error:
        # The errors of requests are of this kind too; only what the system says has a number.
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def set_aside(path: Path) -> Path:
    """Rename a file that is in the way: NAME.kept, or NAME.kept2 and so on; returns the new name."""
    for number in count(1):
        kept = path.with_name(f"{path.name}.kept{'' if number == 1 else number}")
        if not kept.exists():
            return path.rename(kept)
    raise AssertionError("there is always a free number")


def is_read_only(folder: Path) -> bool:
    """Whether a folder is there and nothing can be written into it, and no lock be taken."""
    return folder.is_dir() and not os.access(folder, os.W_OK)


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Keep other processes from preparing a folder; the system lets go of it when the process ends, however it ends.

    Raises:
        BusyError: another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusyError(f"{folder}: another process is writing there; wait for it, or end it") from None
        yield
