"""The videos of a corpus, in a zip archive or a folder: id -> the bytes of its video.

Members are read straight from the archive, and only those that are wanted: nothing is unpacked to the disk, no name in
an archive is ever used as a path. An archive that tries to lead out of its folder, names a wanted video twice, or holds
one that is absurdly large, is refused as a whole: it is not the published one.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from sarcasm.errors import SourceError, VideoError
from sarcasm.files import stand_in_at

LARGEST_VIDEO_BYTES = 512 * 2**20
"""A clip of some seconds has a few MB."""
BLOCK_BYTES = 2**12
"""Read at a time, and so little since LZMA unfolds all that as many packed bytes hold, whatever was asked for."""
JUNK = "__MACOSX"
VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".m4a", ".wav", ".flac", ".mp3")
UPPER_CASE = tuple(suffix.upper() for suffix in VIDEO_SUFFIXES)
ENCRYPTED = 1
"""Bit of a member's flags (APPNOTE.TXT 4.4.4)."""
DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
)
"""What zipfile raises for bytes that are no archive; undocumented but for the first, and found by trying."""


@dataclass(frozen=True)
class Video:
    """One video, not read yet.

    Attributes:
        container: the archive, or the file itself.
        member: its name in the archive, or "" for a file.
        n_bytes: its size.
        crc32: of its content, from the archive's directory; None for a file.
    """

    container: Path
    member: str
    n_bytes: int
    crc32: int | None

    @property
    def identity(self) -> Mapping[str, Any]:
        """What tells it from another version without reading it."""
        return {"bytes": self.n_bytes} | ({"crc32": self.crc32} if self.crc32 is not None else {})

    def read(self) -> tuple[io.BytesIO, str]:
        """Its content and the content's SHA-256.

        Raises:
            VideoError: it is damaged, or gone; worded to follow the clip.
        """
        try:
            content = self._content()
        except DAMAGE as error:
            raise self._damaged(error) from error
        except OSError as error:
            place = f"{self.container}: {self.member}" if self.member else f"{self.container}"
            # bzip2 says in this way that its bytes are wrong; the system has a number for all that it says.
            if self.member and error.errno is None:
                raise self._damaged(error) from error
            raise VideoError(f"{place} cannot be read ({error.strerror})") from error
        return io.BytesIO(content), hashlib.sha256(content).hexdigest()

    def _damaged(self, error: Exception) -> VideoError:
        return VideoError(
            f"{self.container}: {self.member} is damaged ({error}); get the archive anew (--force does, if it was"
            " downloaded)"
        )

    def _content(self) -> bytes:
        if not self.member:
            return self.container.read_bytes()
        status = self.container.stat()
        archive = _archive(self.container, status.st_size, status.st_mtime_ns)
        found = archive.NameToInfo.get(self.member)
        if found is None or (found.file_size, found.CRC) != (self.n_bytes, self.crc32):
            raise VideoError(f"{self.container} was changed meanwhile; run the same command again")
        content = b"".join(_blocks(archive, found))
        if len(content) != self.n_bytes:
            raise zipfile.BadZipFile(f"{len(content):,} bytes instead of {self.n_bytes:,}")
        return content


def find_videos(place: Path, folder: str, name: str, ids: Collection[str], option: str) -> dict[str, Video]:
    """Look for the videos of some utterances.

    Args:
        place: a zip archive, or a folder that holds the videos, or `folder` with the videos.
        folder: the folder within the archive that they stand in, at whatever depth.
        name: how a video is called there, such as "{id}.mp4".
        ids: whose videos are wanted.
        option: what names the place, for messages.

    Returns:
        id -> its video, for those that are there.

    Raises:
        SourceError: the place cannot be read, is no archive, or one that must not be trusted.
    """
    try:
        if place.is_dir():
            return _in_folder(place, folder, name, ids)
        if fault := stand_in_at(place):
            raise SourceError(f"{option}: {place} {fault}")
        return _in_archive(place, folder, {name.format(id=id_): id_ for id_ in ids})
    except FileNotFoundError:
        raise SourceError(f"{option}: {place} is not there; name a zip archive or a folder of videos") from None
    except DAMAGE as error:
        raise SourceError(
            f"{option}: {place} is no zip archive, or not all of it ({error}); name another with"
            f" {option}=FILE_OR_FOLDER"
        ) from error
    except OSError as error:
        raise SourceError(f"{option}: {place} cannot be read ({error.strerror or error})") from error
    except _Hostile as error:
        raise SourceError(
            f"{option}: {place} {error}: this is not the published archive, and nothing was taken from it; name another"
            f" with {option}=FILE_OR_FOLDER"
        ) from error


def archive_fault(path: Path, folder: str, name: str) -> str | None:
    """What is wrong with a file that should be an archive of videos, worded to follow its name; None where nothing is.

    All that a clip can be made of is read and compared with its checksum, and nothing else of the archive is.

    Args:
        path: the file.
        folder: see `find_videos`.
        name: see `find_videos`.
    """
    if fault := stand_in_at(path):
        return fault
    member = None
    try:
        with zipfile.ZipFile(path) as archive:
            if not archive.infolist():
                return "is an empty archive"
            for member, place in _members(archive):
                if place.match(f"{folder}/{name.format(id='*')}") and not member.is_dir():
                    _refuse_unfit(member, None)
                    for _ in _blocks(archive, member):
                        pass
    except _Hostile as error:
        return str(error)
    except (*DAMAGE, OSError) as error:
        if member is not None:
            return f"holds a damaged {member.filename} ({error})"
        return f"is no zip archive, or not all of it ({error})"
    return None


@lru_cache(maxsize=1)
def _archive(path: Path, n_bytes: int, modified: int) -> zipfile.ZipFile:  # noqa: ARG001
    """Kept open, since reading the directory of a large archive takes longer than reading a clip from it."""
    return zipfile.ZipFile(path)


class _Hostile(Exception):  # noqa: N818
    """What an honest archive would not have, worded to follow its name."""


def _in_folder(place: Path, folder: str, name: str, ids: Collection[str]) -> dict[str, Video]:
    root = place / folder if (place / folder).is_dir() else place
    found = {}
    for id_ in ids:
        wanted = Path(name.format(id=id_))
        candidates = [
            root / wanted,
            *(root / f"{stem}{suffix}" for stem in (wanted.stem, id_) for suffix in (*VIDEO_SUFFIXES, *UPPER_CASE)),
        ]
        path = next((path for path in candidates if path.is_file()), None)
        if path is not None:
            found[id_] = Video(path, "", path.stat().st_size, None)
    return found


def _in_archive(place: Path, folder: str, wanted: Mapping[str, str]) -> dict[str, Video]:
    found: dict[str, Video] = {}
    with zipfile.ZipFile(place) as archive:
        for member, path in _members(archive):
            if path.parent.name != folder or path.name not in wanted or member.is_dir():
                continue
            id_ = wanted[path.name]
            _refuse_unfit(member, found.get(id_))
            found[id_] = Video(place, member.filename, member.file_size, member.CRC)
    return found


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    """Those that may be somebody's clip, and where they stand."""
    for member in archive.infolist():
        path = PurePosixPath(member.filename.replace("\\", "/"))
        # What macOS adds to an archive is nobody's clip.
        if path.name.startswith("._") or JUNK in path.parts:
            continue
        _refuse_escape(member, path)
        yield member, path


def _blocks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member's content; zipfile stops at the declared size, and compares the checksum there."""
    with archive.open(member) as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _refuse_escape(member: zipfile.ZipInfo, path: PurePosixPath) -> None:
    if path.is_absolute() or ".." in path.parts or (path.parts and path.parts[0].endswith(":")):
        raise _Hostile(f"has a member that leads out of its folder ({member.filename!r})")
    # The upper half holds the mode of a Unix file.
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _Hostile(f"has a link for a member ({member.filename!r})")


def _refuse_unfit(member: zipfile.ZipInfo, other: Video | None) -> None:
    if other is not None:
        raise _Hostile(f"has two members for one clip ({other.member!r} and {member.filename!r})")
    if member.file_size > LARGEST_VIDEO_BYTES:
        raise _Hostile(f"has a clip of {member.file_size:,} bytes ({member.filename!r})")
    if member.flag_bits & ENCRYPTED:
        raise _Hostile(f"has an encrypted member ({member.filename!r})")
