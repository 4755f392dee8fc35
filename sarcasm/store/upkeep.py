"""What a user does to a store: look at it, verify it, make it smaller, empty it."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sarcasm.errors import StoreError
from sarcasm.files import irregular
from sarcasm.store import layout

LISTED_AT_ONCE = 500


@dataclass(frozen=True)
class Kept:
    """What is kept of one recipe.

    Attributes:
        recipe: how it was computed.
        n_entries: how many values.
        n_bytes: of them all.
        last_used: day of the last use, as YYYY-MM-DD.
    """

    recipe: dict[str, object]
    n_entries: int
    n_bytes: int
    last_used: str


@dataclass(frozen=True)
class Info:
    """What a store holds.

    Attributes:
        path: the file.
        n_bytes: its size.
        n_files: how many files' hashes are known.
        kept: by recipe, the most recently used first.
    """

    path: Path
    n_bytes: int
    n_files: int
    kept: tuple[Kept, ...]


@dataclass(frozen=True)
class Verified:
    """What came of comparing every entry with its checksum.

    Attributes:
        n_whole: entries that are as they were written.
        n_dropped: entries that were not.
        complaints: what SQLite finds wrong with the file itself.
    """

    n_whole: int
    n_dropped: int
    complaints: tuple[str, ...]


@dataclass(frozen=True)
class Dropped:
    """What was dropped: how many entries, and the bytes of their values."""

    n_entries: int
    n_bytes: int


def info(path: Path) -> Info:
    """Look at a store.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    with _opened(path, is_read_only=True) as connection:
        rows = connection.execute(
            "SELECT text, count(*), sum(length(value)), max(used) FROM entries JOIN recipes ON recipe = recipes.id"
            " GROUP BY text ORDER BY max(used) DESC, text"
        ).fetchall()
        n_files = connection.execute("SELECT count(*) FROM files").fetchone()[0]
    kept = tuple(Kept(_recipe(text), n, n_bytes, _date(used)) for text, n, n_bytes, used in rows)
    return Info(path, path.stat().st_size, n_files, kept)


def verify(path: Path) -> Verified:
    """Compare every entry with its checksum, and drop those that differ.

    Raises:
        StoreError: there is none, or it cannot be read and written.
    """
    n_whole, damaged = 0, []
    with _opened(path) as connection:
        complaints = [row[0] for row in connection.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
        last = connection.execute("SELECT max(id) FROM entries").fetchone()[0] or 0
        for start in range(0, last + 1, LISTED_AT_ONCE):
            rows = connection.execute(
                "SELECT entries.id, text, key, value, checksum FROM entries LEFT JOIN recipes ON recipe = recipes.id"
                " WHERE entries.id BETWEEN ? AND ?",
                (start, start + LISTED_AT_ONCE - 1),
            ).fetchall()
            for id_, text, key, value, checksum in rows:
                if layout.is_whole(checksum, layout.entry_checksum, text, key, value):
                    n_whole += 1
                else:
                    damaged.append((id_,))
        with layout.transaction(connection):
            connection.executemany("DELETE FROM entries WHERE id = ?", damaged)
    return Verified(n_whole, len(damaged), tuple(complaints))


def prune(path: Path, unused_days: int | None, largest_bytes: int | None) -> Dropped:
    """Drop what was not used for long, then the least recently used until the rest is small enough.

    Args:
        path: the store.
        unused_days: what was last used so many days ago or longer goes; None keeps it.
        largest_bytes: of all values together; None for no limit.

    Raises:
        StoreError: there is none, or it cannot be read and written.
    """
    with _opened(path) as connection:
        with layout.transaction(connection):
            before = _count(connection)
            if unused_days is not None:
                connection.execute("DELETE FROM entries WHERE used <= ?", (layout.today() - unused_days,))
            if largest_bytes is not None:
                connection.execute(
                    "DELETE FROM entries WHERE id IN (SELECT id FROM ("
                    "SELECT id, sum(length(value)) OVER (ORDER BY used DESC, id DESC) AS so_far FROM entries"
                    ") WHERE so_far > ?)",
                    (largest_bytes,),
                )
            after = _count(connection)
            connection.execute("DELETE FROM recipes WHERE id NOT IN (SELECT recipe FROM entries)")
        connection.execute("VACUUM")
    return Dropped(before.n_entries - after.n_entries, before.n_bytes - after.n_bytes)


def clear(path: Path) -> Dropped:
    """Drop everything.

    Raises:
        StoreError: there is none, or it cannot be read and written.
    """
    with _opened(path) as connection:
        with layout.transaction(connection):
            gone = _count(connection)
            for table in ("entries", "recipes", "files"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608
        connection.execute("VACUUM")
    return gone


@contextmanager
def _opened(path: Path, is_read_only: bool = False) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        raise StoreError(f"store.path: {path} is not there; a run with store=on makes it")
    if fault := irregular(path):
        raise StoreError(f"store.path: {path} {fault}; name another with store.path=FILE")
    try:
        with closing(layout.connect(path, is_read_only)) as connection:
            yield connection
    except layout.UnfitError as error:
        raise StoreError(f"store.path: {path} {error}; name another file with store.path=FILE") from error
    except layout.ERRORS as error:
        how = "the next run mends it" if layout.is_damage(error) else "see to that, or name another file"
        raise StoreError(f"store.path: {path} cannot be used ({error}); {how}") from error


def _count(connection: sqlite3.Connection) -> Dropped:
    n, n_bytes = connection.execute("SELECT count(*), coalesce(sum(length(value)), 0) FROM entries").fetchone()
    return Dropped(int(n), int(n_bytes))


def _recipe(text: str) -> dict[str, object]:
    try:
        return dict(json.loads(text))
    except (TypeError, ValueError):
        return {"damaged": text}


def _date(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * layout.DAY_SECONDS))
