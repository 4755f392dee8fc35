"""A folder of prepared clips: which are there and whole, and how new ones get in.

A clip is whole when its file has the hash of its latest record, and current when that record was made of the same
source in the same way. A file without any record is somebody's own: it is used as it is and never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sarcasm.corpus.provenance import Journal, Record, read_records
from sarcasm.files import PART, part_of, set_aside, sha256

HASHING_THREADS = 4


@dataclass(frozen=True)
class Look:
    """What a folder holds of the clips that are wanted.

    Attributes:
        ready: id -> the hash of its file, of those that are there and whole.
        own: those of them that were not made here.
        todo: ids of clips that are to be made, sorted.
        changed: those of them whose file is not the one that was made.
    """

    ready: dict[str, str]
    own: tuple[str, ...]
    todo: tuple[str, ...]
    changed: tuple[str, ...]


def path_of(folder: Path, id_: str) -> Path:
    """Where a clip is put."""
    return folder / f"{id_}.wav"


def look(folder: Path, ids: Collection[str], is_current: Callable[[Record], bool], is_forced: bool) -> Look:
    """Find out which clips are there and whole; nothing is written.

    Args:
        folder: the prepared folder, which need not be there.
        ids: the clips that are wanted.
        is_current: whether a record says what is wanted of its clip.
        is_forced: whether all of them are to be made again.

    Raises:
        CorpusError: the folder's manifest is not readable.
        OSError: a file cannot be read.
    """
    records = read_records(folder)
    there = [id_ for id_ in sorted(ids) if path_of(folder, id_).is_file()]
    with ThreadPoolExecutor(HASHING_THREADS) as threads:
        hashes = dict(zip(there, threads.map(lambda id_: sha256(path_of(folder, id_)), there), strict=True))
    own = tuple(id_ for id_ in there if id_ not in records)
    changed = tuple(
        id_ for id_ in there if id_ in records and hashes[id_] not in {record.sha256 for record in records[id_]}
    )
    ready = {
        id_: hashes[id_]
        for id_ in there
        if not is_forced
        and (id_ not in records or (hashes[id_] == records[id_][-1].sha256 and is_current(records[id_][-1])))
    }
    return Look(ready, own, tuple(id_ for id_ in sorted(ids) if id_ not in ready), changed)


class Filling:
    """A folder while clips are put into it, by this process alone.

    Args:
        folder: the prepared folder; made if need be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._journal = Journal(folder)

    def put(self, record: Record) -> Path | None:
        """Move a clip that was written aside into its place.

        Returns:
            The new name of a file that stood there and was not made here, or None.

        Raises:
            OSError: the disk is full, or the folder cannot be written.
        """
        target = self._folder / record.file
        kept = None
        if target.exists() and not self._journal.made_here(record.id, sha256(target)):
            kept = set_aside(target)
        # The record first: a file without one would pass for somebody's own.
        self._journal.append(record)
        part_of(target).replace(target)
        return kept


def sweep(folder: Path) -> None:
    """Remove what was left half-written; the caller sees to it that no other process is at it."""
    for left in folder.glob(f".*{PART}"):
        left.unlink()


def settle(folder: Path) -> None:
    """Put a folder in order: its manifest, and what a killed process left; used by one process at a time.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    sweep(folder)
    if folder.is_dir():
        Journal(folder).close()
