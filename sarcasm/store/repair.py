"""Save what can still be read of a damaged store.

Where SQLite still knows the file, what is whole is gathered aside and put in place of the damaged file's content, under
SQLite's own locks, so that other processes go on with it. Where it does not, the file is set aside and a new one begun.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sarcasm.files import set_aside
from sarcasm.store import layout

LEAST_BYTES = 64
"""No entry takes less: how many there may be, where the file no longer says."""
COLUMNS = {
    "recipes": "id, text",
    "entries": "id, recipe, key, used, checksum, value",
    "files": "id, path, stamp, sha256, checksum",
}

logger = logging.getLogger(__name__)


def repair(path: Path, connection: sqlite3.Connection | None) -> bool:
    """Make a damaged store usable, and say what was done.

    Args:
        path: the file.
        connection: to it, or None where SQLite does not know the file any more.

    Returns:
        Whether there is a store now that can be opened.
    """
    try:
        if connection is not None:
            try:
                n_kept = _renew(connection)
            except layout.ERRORS:
                connection.close()
            else:
                logger.warning(
                    "%s was damaged: %d entries can still be read and are kept, others are computed again", path, n_kept
                )
                return True
        journal = path.with_name(f"{path.name}-journal")
        if journal.exists():
            # It would be taken for that of the new file.
            set_aside(journal)
        kept = set_aside(path)
    except OSError as error:
        logger.warning("%s is damaged, and cannot be mended (%s)", path, error.strerror)
        return False
    logger.warning("%s was damaged beyond reading: it is now %s, and a new one is begun", path, kept.name)
    return True


def _renew(damaged: sqlite3.Connection) -> int:
    """Replace a file's content by what can be read of it; returns the number of entries."""
    with closing(sqlite3.connect("", isolation_level=None)) as whole:  # "" is a file that SQLite removes
        layout.create(whole)
        whole.execute("BEGIN")
        for table, columns in COLUMNS.items():
            places = ", ".join("?" * len(columns.split(",")))
            for row in _readable(damaged, table, columns):
                whole.execute(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({places})", row)  # noqa: S608
        whole.execute("DELETE FROM entries WHERE recipe NOT IN (SELECT id FROM recipes)")
        whole.execute("COMMIT")
        whole.backup(damaged)
        return int(whole.execute("SELECT count(*) FROM entries").fetchone()[0])


def _readable(connection: sqlite3.Connection, table: str, columns: str) -> Iterator[tuple]:
    """Rows that can be read, by their numbers: a range with a damaged page in it is halved until it is a row."""
    ranges = [(1, _last(connection, table))]
    while ranges:
        first, last = ranges.pop()
        if first > last:
            continue
        query = f"SELECT {columns} FROM {table} WHERE id BETWEEN ? AND ?"  # noqa: S608
        try:
            # At most so many at once that memory stays small.
            rows = connection.execute(query, (first, last)).fetchall() if last - first < 1000 else None
        except layout.ERRORS:
            rows = None
        if rows is not None:
            yield from rows
        elif first < last:
            middle = (first + last) // 2
            ranges += [(middle + 1, last), (first, middle)]


def _last(connection: sqlite3.Connection, table: str) -> int:
    try:
        return int(connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0] or 0)  # noqa: S608
    except layout.ERRORS:
        pages, size = (int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "page_size"))
        return pages * size // LEAST_BYTES
