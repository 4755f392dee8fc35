"""How the store's file is laid out, and how one is opened: a SQLite database.

A value is found by its recipe, the text that says how it was computed, and its key, which says of what. Checksums cover
both, so that no value is ever taken for another's. Beside the values stand hashes of files by path and stamp (size,
dates and inode), so that files that did not change need not be read to be known.

The journal is SQLite's plain one, not the write-ahead log: it leaves one file, can be read by who may not write, and
needs no memory shared by all processes, which a network's file system does not have.
https://sqlite.org/wal.html#overview
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

APPLICATION = int.from_bytes(b"sarc", "big")
"""Tells a store from any other SQLite file (PRAGMA application_id)."""
VERSION = 1
"""Of the tables below."""
TABLES = """
CREATE TABLE recipes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);
CREATE TABLE entries (
    id INTEGER PRIMARY KEY, recipe INTEGER NOT NULL REFERENCES recipes, key TEXT NOT NULL, used INTEGER NOT NULL,
    checksum BLOB NOT NULL, value BLOB NOT NULL, UNIQUE (recipe, key)
);
CREATE TABLE files (
    id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE, stamp TEXT NOT NULL, sha256 TEXT NOT NULL, checksum BLOB NOT NULL
);
"""
"""`used` is the day of the last use, counted from 1970."""
MARK = b"CREATE TABLE recipes"
"""Stands in every store as text, however damaged its first bytes may be."""
DAY_SECONDS = 86_400
LONGEST_WAIT_SECONDS = 60.0
"""For another process that writes."""
OF_THE_SYSTEM = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOLFS, sqlite3.SQLITE_AUTH,
}  # fmt: skip
"""Kinds of error that have another cause than the file's content: a full disk, another process, permissions."""
ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""What working on a file may raise; the second where damage has become a part of SQLite's own message."""


class UnfitError(Exception):
    """A file that cannot serve as a store: another program's, or a newer version's."""


def checksum(*parts: bytes) -> bytes:
    """16 bytes of BLAKE2b over parts, whose borders count."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def connect(path: Path, is_read_only: bool = False) -> sqlite3.Connection:
    """Open a store, or make one where there is no file or an empty one.

    Raises:
        UnfitError: it belongs to another program or a newer version; worded to follow its name.
        sqlite3.Error, UnicodeDecodeError: it is damaged, locked for too long, or cannot be opened.
    """
    address = f"file:{quote(str(path.absolute()))}?mode={'ro' if is_read_only else 'rwc'}"
    # In autocommit, where every transaction has its begin and end written down.
    connection = sqlite3.connect(address, LONGEST_WAIT_SECONDS, isolation_level=None, uri=True)
    # Text that is damaged is found by its checksum, not by what it cannot be decoded to.
    connection.text_factory = lambda text: text.decode(errors="replace")
    try:
        if _is_new(connection):
            with transaction(connection):
                if _is_new(connection):  # no other process came first
                    create(connection)
        if _number(connection, "application_id") != APPLICATION:
            raise UnfitError("is no store of embeddings")
        if (version := _number(connection, "user_version")) > VERSION:
            raise UnfitError(f"was written by a newer sarcasm (layout {version}, known here is {VERSION})")
    except BaseException:
        connection.close()
        raise
    return connection


def create(connection: sqlite3.Connection) -> None:
    """Make the tables."""
    for statement in filter(str.strip, TABLES.split(";")):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, and no other writer in between."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def is_damage(error: Exception) -> bool:
    """Whether an error says that the file is not what was written: our queries are always the same."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    return isinstance(error, ERRORS) and code & 0xFF not in OF_THE_SYSTEM


def is_ours(path: Path) -> bool:
    """Whether a file that SQLite does not know any more was a store.

    Source of the place of the application's number: https://sqlite.org/fileformat.html#the_database_header
    """
    with path.open("rb") as file:
        head = file.read(2**16)
    return head[68:72] == APPLICATION.to_bytes(4, "big") or MARK in head


def entry_checksum(recipe: str, key: str, value: bytes) -> bytes:
    """Of an entry."""
    return checksum(recipe.encode(), key.encode(), value)


def file_checksum(path: bytes, stamp: str, sha256: str) -> bytes:
    """Of what is known of a file."""
    return checksum(path, stamp.encode(), sha256.encode())


def is_whole(checksum: object, expected: Callable[..., bytes], *parts: object) -> bool:
    """Whether parts are as they were written; damage may have made them other types."""
    try:
        return checksum == expected(*parts)
    except (AttributeError, TypeError, UnicodeEncodeError):
        return False


def today() -> int:
    """The day that a use is written down with."""
    return int(time.time() // DAY_SECONDS)


def _is_new(connection: sqlite3.Connection) -> bool:
    with closing(connection.execute("SELECT count(*) FROM sqlite_master")) as tables:
        return tables.fetchone()[0] == 0 and not _number(connection, "application_id")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
