"""Open an SQLite file of MLflow to read runs, in a folder that may not be written to as well.

A file that may not be written to, or that an older MLflow made, is read from a copy in the system's folder for
temporary files, which is gone when the process ends: MLflow itself writes into what it opens, and SQLite beside it.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sarcasm.errors import TrackingError
from sarcasm.tracking.locations import follow, moved_experiments, uri_of
from sarcasm.tracking.revisions import WAIT_SECONDS, is_older, refuse_newer, revision_of, upgrade
from sarcasm.tracking.runtime import load_sqlite_store
from sarcasm.tracking.sqlite import client_of, locked, look_beside, refuse_others

if TYPE_CHECKING:
    from mlflow import MlflowClient

Version = tuple[int, int, int]

logger = logging.getLogger(__name__)
_copies: dict[Path, tuple[list[Version], Path]] = {}
"""File -> what tells it from a changed one, and its copy."""
_folders: list[tempfile.TemporaryDirectory[str]] = []
"""Of the copies; each is removed when the process ends."""


def read_database(database: Path) -> MlflowClient:
    """Open a file that is there to read runs, and nothing else.

    Args:
        database: absolute path.

    Raises:
        TrackingError: a newer MLflow made it, it is not MLflow's, or it may not be read.
        Exception: whatever MLflow, SQLite and the system have to say of a file that cannot be read.
    """
    load_sqlite_store()
    try:
        refuse_others(database)
        return client_of(database if _may_be_used(database) else _copy(database))
    except PermissionError as error:
        raise TrackingError(
            f"cannot read runs in {uri_of(database)}: {error.filename or database} may not be read; ask whose it is, or"
            " choose another place with tracking.uri"
        ) from error


def may_be_written(path: Path) -> bool:
    """Whether a file or folder may be written to, as far as can be told without trying."""
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _may_be_used(database: Path) -> bool:
    """Whether MLflow may open the file itself, which looks for its artifacts beside it now."""
    if not (may_be_written(database) and may_be_written(database.parent)):
        return False
    with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as connection:
        if is_older(_known_revision(connection, database)):
            return False
        has_moved = bool(moved_experiments(connection, database.parent))
    if has_moved:
        try:
            with locked(database):
                look_beside(database)
        except (OSError, sqlite3.Error, TrackingError):
            return False
    return True


def _known_revision(connection: sqlite3.Connection, database: Path) -> str:
    revision = revision_of(connection)
    if not revision:
        raise TrackingError(
            f"the store {uri_of(database)} is not one of MLflow, or one whose first use was cut short; name another"
            " with tracking.uri"
        )
    refuse_newer(revision, database)
    return revision


def _copy(database: Path) -> Path:
    """A copy of a file as it is now, up to date and with its artifacts beside the file itself."""
    log = _log(database)
    version = [_version(path) for path in ((database, log) if log.exists() else (database,))]
    known, copy = _copies.get(database, ([], database))
    if known == version:
        return copy
    folder = tempfile.TemporaryDirectory(prefix="sarcasm-")
    _folders.append(folder)
    copy = Path(folder.name) / database.name
    with _reading(database) as connection, closing(sqlite3.connect(copy)) as target:
        revision = _known_revision(connection, database)
        connection.backup(target)
    if is_older(revision):
        logger.warning(
            "%s was made by an older MLflow and is read from a copy; what records runs brings it up to date, and keeps"
            " a copy from before", database,
        )  # fmt: skip
        upgrade(copy)
    with closing(sqlite3.connect(copy)) as connection:
        follow(connection, database.parent)
    _copies[database] = (version, copy)
    return copy


@contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a file, whose folder need not be writable.

    A file with a write-ahead log needs a further one beside it that SQLite may not be able to make. It can do without
    where nobody writes and the log is empty; where it is not, a copy of both is read.
    """
    with tempfile.TemporaryDirectory(prefix="sarcasm-") as folder:
        try:
            connection = _connected(database, "mode=ro")
        except sqlite3.OperationalError as error:
            if "unable to open" not in str(error) and "readonly" not in str(error):
                raise
            log = _log(database)
            if log.exists() and log.stat().st_size:
                for path in (database, log):
                    shutil.copyfile(path, Path(folder) / path.name)
                connection = _connected(Path(folder) / database.name, "mode=rw")
            else:
                connection = _connected(database, "immutable=1")
        with closing(connection):
            yield connection


def _connected(database: Path, how: str) -> sqlite3.Connection:
    with database.open("rb"):  # the system says why it cannot be read, SQLite does not
        pass
    connection = sqlite3.connect(f"{database.as_uri()}?{how}", uri=True, timeout=WAIT_SECONDS)
    try:
        connection.execute("SELECT 1 FROM sqlite_master").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _version(path: Path) -> Version:
    """What tells a file from a changed one; not the date of its inode, which SQLite itself changes as it reads."""
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _log(database: Path) -> Path:
    return database.with_name(f"{database.name}-wal")
