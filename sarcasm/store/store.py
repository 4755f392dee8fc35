"""The store, open: values by recipe and key, and hashes of files that did not change.

It helps and never stands in the way: a store that is damaged, locked, full, not writable or of a newer version is said
to be so once, and the run goes on, with less kept or nothing. Used by the thread that opened it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from sarcasm.files import hash_files, stamp
from sarcasm.store import layout
from sarcasm.store.repair import repair

ASKED_AT_ONCE = 500
"""Keys in one query; SQLite takes 999 in any version, and other processes may write in between."""
LONGEST_UNWRITTEN_SECONDS = 1.0
"""What a killed process loses."""
MOST_UNWRITTEN_BYTES = 2**23

Found = TypeVar("Found")
logger = logging.getLogger(__name__)


class Store:
    """Values by content, in one file that many processes read and write; a context manager.

    Args:
        path: the file; None keeps nothing.

    Attributes:
        n_hits: how many values were there when they were asked for.
        n_misses: how many were not.
        n_damaged: how many of these were there, but not as they were written.
    """

    def __init__(self, path: Path | None) -> None:
        self.n_hits = self.n_misses = self.n_damaged = 0
        self._path, self._is_on = path or Path(), path is not None
        self._unwritten: list[tuple[str, str, bytes]] = []
        self._used: list[int] = []
        self._n_unwritten_bytes, self._written = 0, time.monotonic()
        self._is_writable = self._is_on
        self._connection: sqlite3.Connection | None = None
        if self._is_on:
            self._open()

    def get(self, recipe: str, keys: Sequence[str], is_counted: bool = True) -> Iterator[tuple[str, bytes]]:
        """Look values up.

        Args:
            recipe: how they were computed.
            keys: of what.
            is_counted: whether they are hits and misses.

        Yields:
            Key and value of those that are there.
        """
        today, n_found, n_damaged = layout.today(), 0, 0
        query = (
            "SELECT entries.id, key, used, checksum, value FROM entries JOIN recipes ON recipe = recipes.id"
            " WHERE text = ? AND key IN "
        )
        for start in range(0, len(keys), ASKED_AT_ONCE):
            for id_, key, used, checksum, value in self._rows(query, keys[start : start + ASKED_AT_ONCE], recipe):
                if not layout.is_whole(checksum, layout.entry_checksum, recipe, key, value):
                    n_damaged += 1
                    continue
                n_found += 1
                if used < today:
                    self._used.append(id_)
                yield key, value
        if is_counted:
            self.n_hits += n_found
            self.n_misses += len(keys) - n_found
        self.n_damaged += n_damaged
        if n_damaged:
            logger.warning("%s: what is kept of %d is damaged and computed again", self._path, n_damaged)

    def lacks(self, recipe: str, keys: Sequence[str]) -> list[str]:
        """Those of the keys that nothing is kept of; neither hits nor misses, and no checksum is looked at."""
        query = "SELECT key FROM entries JOIN recipes ON recipe = recipes.id WHERE text = ? AND key IN "
        parts = (keys[start : start + ASKED_AT_ONCE] for start in range(0, len(keys), ASKED_AT_ONCE))
        found = {key for part in parts for (key,) in self._rows(query, part, recipe)}
        return [key for key in keys if key not in found]

    def put(self, recipe: str, key: str, value: bytes) -> None:
        """Keep a value; it is written within a second, or when the store is closed."""
        if not self._is_writable:
            return
        self._unwritten.append((recipe, key, value))
        self._n_unwritten_bytes += len(value)
        is_due = time.monotonic() - self._written >= LONGEST_UNWRITTEN_SECONDS
        if is_due or self._n_unwritten_bytes >= MOST_UNWRITTEN_BYTES:
            self._write()

    def remembered(self, recipe: str, key: str, compute: Callable[[], bytes]) -> bytes:
        """A value that is there, or else computed and kept; it counts neither as hit nor as miss."""
        found = dict(self.get(recipe, [key], is_counted=False))
        if key not in found:
            found[key] = compute()
            self.put(recipe, key, found[key])
        return found[key]

    def hashes(self, paths: Sequence[Path]) -> list[str | None]:
        """SHA-256 of each file, 64 hexadecimal digits, None where it cannot be read.

        A file of the same size, dates and inode as when it was last hashed is not read again, unless it had been
        changed within two seconds before: dates are not finer than that everywhere.
        """
        names = [os.fsencode(path.absolute()) for path in paths]
        known: dict[tuple[bytes, str], str] = {}
        query = "SELECT path, stamp, sha256, checksum FROM files WHERE path IN "
        for start in range(0, len(names), ASKED_AT_ONCE):
            for name, stamp_then, sha256, checksum in self._rows(query, names[start : start + ASKED_AT_ONCE]):
                if layout.is_whole(checksum, layout.file_checksum, name, stamp_then, sha256):
                    known[name, stamp_then] = sha256
        before = [stamp(path) for path in paths]
        found = [known.get((name, now.text)) if now else None for name, now in zip(names, before, strict=True)]
        unknown = [number for number, sha256 in enumerate(found) if sha256 is None]
        for number, sha256 in zip(unknown, hash_files([paths[number] for number in unknown]), strict=True):
            found[number] = sha256
        rows = []
        for number in unknown:
            now, sha256 = before[number], found[number]
            if now and sha256 and now.is_settled and stamp(paths[number]) == now:
                checksum = layout.file_checksum(names[number], now.text, sha256)
                rows.append((names[number], now.text, sha256, checksum))
        insert = "INSERT OR REPLACE INTO files (path, stamp, sha256, checksum) VALUES (?, ?, ?, ?)"
        self._change(lambda connection: connection.executemany(insert, rows), rows)
        return found

    @property
    def summary(self) -> str:
        """What came of it, in words."""
        if not self._is_on:
            return "off, everything computed"
        damaged = f", {self.n_damaged} of them damaged" if self.n_damaged else ""
        return f"{self.n_hits} clips found in {self._path.name}, {self.n_misses} computed{damaged}"

    def metrics(self) -> dict[str, float]:
        """What came of it, by the names that it is tracked under."""
        return {"store/hits": self.n_hits, "store/misses": self.n_misses}

    def close(self) -> None:
        """Write what is not yet written."""
        self._write()
        # Once a day each, so that most runs write nothing.
        used = [(layout.today(), id_) for id_ in self._used]
        self._change(lambda each: each.executemany("UPDATE entries SET used = ? WHERE id = ?", used), used)
        self._used.clear()
        if self._connection:
            self._connection.close()
            self._connection = None
        self._is_writable = False

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, is_mended: bool = False) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # The journal stands beside the file.
            places = [self._path.parent, *([self._path] if self._path.exists() else [])]
            self._is_writable = all(os.access(place, os.W_OK) for place in places)
            self._connection = layout.connect(self._path, not self._is_writable)
        except layout.UnfitError as error:
            self._do_without(f"{error}: it is left as it is")
        except (*layout.ERRORS, OSError) as error:
            if not layout.is_damage(error):
                self._do_without(f"cannot be opened ({getattr(error, 'strerror', None) or error})")
            elif not layout.is_ours(self._path):
                self._do_without("is no store of embeddings: it is left as it is")
            elif self._is_writable and not is_mended and repair(self._path, None):
                self._open(is_mended=True)
            else:
                self._do_without(f"is damaged ({error})")
        else:
            if not self._is_writable:
                logger.warning("%s may not be written to: what is computed now is not kept", self._path)

    def _rows(self, query: str, among: Sequence[str | bytes], *values: str) -> list[tuple]:
        """All rows at once, so that nobody who writes waits for long; `among` goes where the query ends with IN."""
        whole = f"{query}({', '.join('?' * len(among))})"
        return self._tried(lambda connection: connection.execute(whole, (*values, *among)).fetchall()) or []

    def _write(self) -> None:
        unwritten, self._unwritten, self._n_unwritten_bytes = self._unwritten, [], 0
        today = layout.today()

        def write(connection: sqlite3.Connection) -> None:
            for recipe in dict.fromkeys(recipe for recipe, _, _ in unwritten):
                connection.execute("INSERT OR IGNORE INTO recipes (text) VALUES (?)", (recipe,))
            connection.executemany(
                "INSERT OR REPLACE INTO entries (recipe, key, used, checksum, value)"
                " SELECT id, ?, ?, ?, ? FROM recipes WHERE text = ?",
                (
                    (key, today, layout.entry_checksum(recipe, key, value), value, recipe)
                    for recipe, key, value in unwritten
                ),
            )

        self._change(write, unwritten)
        self._written = time.monotonic()

    def _change(self, change: Callable[[sqlite3.Connection], object], what: Sequence[object]) -> None:
        """Change the file in one transaction, if there is anything to change."""
        if not what or not self._is_writable:
            return

        def in_transaction(connection: sqlite3.Connection) -> None:
            with layout.transaction(connection):
                change(connection)

        self._tried(in_transaction, is_change=True)

    def _tried(self, work: Callable[[sqlite3.Connection], Found], is_change: bool = False) -> Found | None:
        """Work on the file; where that fails, mend it and try again, or do without from now on."""
        for is_last in (False, True):
            if self._connection is None:
                return None
            try:
                return work(self._connection)
            except layout.ERRORS as error:
                if not layout.is_damage(error):
                    self._give_up(str(error), is_change)
                    return None
                if is_last or not self._is_writable or not self._mended():
                    self._do_without(f"is damaged ({error})")
                    return None
        return None

    def _mended(self) -> bool:
        if not repair(self._path, self._connection):
            return False
        if self._connection:
            self._connection.close()
        self._open(is_mended=True)
        return self._connection is not None

    def _give_up(self, reason: str, is_change: bool) -> None:
        """A full disk keeps nobody from reading."""
        if is_change:
            self._is_writable = False
            logger.warning("%s cannot be written to (%s): what is computed now is not kept", self._path, reason)
        else:
            self._do_without(f"cannot be read ({reason})")

    def _do_without(self, reason: str) -> None:
        logger.warning(
            "%s %s; this run goes without it (store.path=FILE names another, store=off none)", self._path, reason
        )
        if self._connection:
            self._connection.close()
        self._connection, self._is_writable = None, False
