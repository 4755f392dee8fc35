"""Read an .npz file without believing it: what it declares is looked at before a value is read or memory taken.

An .npz file is a ZIP archive of .npy members (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
Its directory, the sizes in it and the header of each member are nothing but claims: a flipped bit makes another name
or shape of them, and a few kilobytes can claim terabytes, or be deflated out of them. So the headers come first, then
the caller says whether that is what the file should hold, and only then are values read, as many as were declared,
against the archive's checksums. Pickles are never read.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

SUFFIX = ".npy"
HEADER_VERSION = (1, 0)
"""What numpy writes for arrays without fields. Later ones may announce a header of 4 GiB."""
KINDS = "biufcU"
"""Of dtypes that hold values themselves: truth values, numbers and text."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Of `savez` and `savez_compressed`."""
END_BYTES, COUNT = 22, slice(10, 12)
"""Of the end of an archive without a comment, and in it how many members there are, or 65,535 where there are more
(APPNOTE.TXT of ZIP, 4.3.16).
"""


class NpzError(Exception):
    """What is wrong with an .npz file, worded to follow its name."""


class OneArrayError(NpzError):
    """A file of a single array, as numpy.save writes it."""


@dataclass(frozen=True)
class Header:
    """What a member says of its array.

    Attributes:
        shape: of the array.
        dtype: of its values; truth values, numbers or text.
    """

    shape: tuple[int, ...]
    dtype: np.dtype

    @property
    def n_bytes(self) -> int:
        """That its values take."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


Choose = Callable[[Mapping[str, Header]], Iterable[str]]
"""Given the arrays of a file by their names: those to read; raises an error of the caller's where they are wrong."""


def read_npz(path: Path, choose: Choose, *, most_bytes: int) -> dict[str, np.ndarray]:
    """Read arrays of a file.

    Args:
        path: the file.
        choose: is given every array's header before a value is read; see `Choose`.
        most_bytes: of the file; its directory is read as a whole.

    Returns:
        Name -> array, each with the dtype and shape of its header, in the order chosen.

    Raises:
        OSError: the file is not there or cannot be opened.
        NpzError: it is damaged, too large, or no .npz file.
    """
    # Opening a pipe would wait for someone to write into it.
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise NpzError("is no regular file")
    with path.open("rb") as file:
        with _damage_named():
            archive = _archive(file, path.stat().st_size, most_bytes)
            members = {member.filename.removesuffix(SUFFIX): member for member in archive.infolist()}
            headers = {name: _header(archive, member) for name, member in members.items()}
        chosen = choose(headers)
        with _damage_named():
            return {name: _values(archive, members[name]) for name in chosen}


@contextmanager
def _damage_named() -> Iterator[None]:
    try:
        yield
    except NpzError:
        raise
    except Exception as error:
        # Damage comes as whatever zipfile, zlib and numpy's parser of headers stumble on.
        raise NpzError(f"is damaged ({' '.join(str(error).split()) or type(error).__name__})") from error


def _archive(file: IO[bytes], n_bytes: int, most_bytes: int) -> zipfile.ZipFile:
    if n_bytes > most_bytes:
        raise NpzError(f"has {n_bytes:,} bytes, where {most_bytes:,} are more than enough")
    if file.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
        raise OneArrayError("is one array, not an .npz file")
    archive = zipfile.ZipFile(file)
    members = archive.namelist()
    if len(set(members)) < len(members):
        raise NpzError("is damaged (a name stands there twice)")
    # A damaged length makes one entry of the directory swallow others, which zipfile does not notice.
    file.seek(-END_BYTES, os.SEEK_END)
    n_members = int.from_bytes(file.read()[COUNT], "little")
    if min(len(members), 0xFFFF) != n_members:
        raise NpzError(f"is damaged (its directory has {len(members)} entries, where {n_members} are counted)")
    return archive


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Header:
    if member.compress_type not in METHODS or not member.filename.endswith(SUFFIX):
        raise NpzError("is damaged (a member is no array as numpy writes them)")
    with archive.open(member) as file:
        if file.read(len(npy.MAGIC_PREFIX)) != npy.MAGIC_PREFIX:
            raise NpzError("holds no arrays")
        if tuple(file.read(2)) != HEADER_VERSION:
            raise NpzError("is damaged (a member is no array as numpy writes them)")
        shape, _, dtype = npy.read_array_header_1_0(file)
        header = Header(shape, dtype)
        if dtype.hasobject:
            raise NpzError("holds pickled objects, which are never loaded")
        if dtype.kind not in KINDS or min(shape, default=0) < 0:
            raise NpzError(f"is damaged ({member.filename} is {header})")
        if file.tell() + header.n_bytes != member.file_size:
            raise NpzError(f"is damaged ({member.filename} is longer or shorter than its header says)")
    return header


def _values(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        values: np.ndarray = npy.read_array(file, allow_pickle=False)
        # A checksum is compared only where the end is reached.
        if file.read(1):
            raise NpzError(f"is damaged ({member.filename} is longer than its header says)")
    return values
