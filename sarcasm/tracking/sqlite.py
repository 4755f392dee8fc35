"""Make and open MLflow's SQLite file so that many processes may start at once, and any of them be killed.

MLflow 3 makes a new file in place, in 68 migrations that take seconds: two processes that do so at once break each
other, and one that is killed leaves a file that no later run can use. Here one process at a time, by a lock file,
builds it aside and renames it when it is whole.
"""

from __future__ import annotations

import fcntl
import glob
import logging
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sarcasm.errors import TrackingError
from sarcasm.files import irregular
from sarcasm.tracking.failures import ELSEWHERE
from sarcasm.tracking.locations import ARTIFACTS, follow, mlflow_uri_of, write_beside
from sarcasm.tracking.locations import uri_of as uri_of  # of which path_of is the inverse
from sarcasm.tracking.processes import is_alive
from sarcasm.tracking.revisions import WAIT_SECONDS, bring_up_to_date
from sarcasm.tracking.runtime import load_mlflow, load_sqlite_store

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCK_SECONDS = 120.0  # making the file takes three seconds; on a machine that is very busy, a few of them in a row
POLL_SECONDS = 0.05

logger = logging.getLogger(__name__)


def path_of(uri: str) -> Path:
    """The absolute path of the SQLite file that a uri names.

    Raises:
        TrackingError: it names none, or has options.
    """
    from sqlalchemy.engine import make_url

    url = make_url(uri)
    if url.database in (None, "", ":memory:"):
        raise TrackingError(f"tracking store {uri}: nothing would be kept; name a file, such as sqlite:///mlflow.db")
    if url.query:
        raise TrackingError(f"tracking store {uri}: give the file alone, without what follows the question mark")
    return Path(os.path.realpath(str(url.database)))


def open_database(database: Path) -> MlflowClient:
    """Make the file if there is none, bring it up to the installed MLflow, and open it to record runs.

    Args:
        database: absolute path; its folder is made if needed.

    Raises:
        TrackingError: another process does not let go of the lock, or see `bring_up_to_date`.
        Exception: whatever MLflow, SQLite and the system have to say of a file that cannot be used.
    """
    load_sqlite_store()  # before the lock rather than under it
    database.parent.mkdir(parents=True, exist_ok=True)
    refuse_others(database)
    with locked(database):
        if not is_made(database):
            build(database)
        # Asked directly, because MLflow tries ten times, for minutes, to open what cannot be opened.
        with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        bring_up_to_date(database)
        # Under the lock as well: opening makes the tables of a file that lacks them.
        client = client_of(database)
        look_beside(database)
        return client


def look_beside(database: Path, run_id: str = "") -> None:
    """Let a file look for its artifacts beside it, if it was moved or copied.

    Args:
        database: the file.
        run_id: of a run that is about to be taken up, which writes there even if its artifacts were left behind.

    Raises:
        sqlite3.Error: it cannot be read or written to.
    """
    with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as connection:
        if n_runs := follow(connection, database.parent):
            logger.info(
                "the project was moved or copied: artifacts of %s are looked for in %s now",
                "1 run" if n_runs == 1 else f"{n_runs} runs", database.parent / ARTIFACTS,
            )  # fmt: skip
        if run_id:
            write_beside(connection, database.parent, run_id)


def is_made(database: Path) -> bool:
    """Whether anything is there: a first use that was cut short may have left an empty file."""
    return database.exists() and (database.stat().st_size > 0 or not database.is_file())


def client_of(database: Path) -> MlflowClient:
    """MLflow's client of a file that is made."""
    # The model registry stands in the same file, or MLflow would look for it in its own default.
    uri = mlflow_uri_of(database)
    return load_mlflow().MlflowClient(uri, registry_uri=uri)


def refuse_others(database: Path) -> None:
    """Raise where the path is not that of a file: SQLite says of a folder only that it cannot open it, and waits at a
    pipe.

    Raises:
        OSError: what it is instead.
    """
    if fault := irregular(database):
        raise OSError(f"it {fault}; move it away {ELSEWHERE}")


def build(database: Path) -> None:
    """Make the file: aside, and renamed once it is whole."""
    _sweep(database)
    aside = database.with_name(f".{database.name}.{os.getpid()}.tmp")
    try:
        store = load_sqlite_store().SqlAlchemyStore(mlflow_uri_of(aside), str(database.parent / "mlruns"))
        store.engine.dispose()
        # Readers and one writer do not wait for each other in this mode, which the file keeps; MLflow itself never sets
        # it.
        with closing(sqlite3.connect(aside)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        aside.replace(database)
    finally:
        _remove(aside)


def _sweep(database: Path) -> None:
    """Remove what processes left that were killed while they made the file."""
    for left in database.parent.glob(f".{glob.escape(database.name)}.*.tmp"):
        owner = left.name.split(".")[-2]
        if owner.isdigit() and not is_alive(int(owner)):
            _remove(left)


def _remove(aside: Path) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        aside.with_name(aside.name + suffix).unlink(missing_ok=True)


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the lock of a database; the system lets go of it when the process ends, however it ends."""
    path = database.with_name(f".{database.name}.lock")
    deadline = time.monotonic() + LOCK_SECONDS
    with path.open("a") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TrackingError(
                        f"another process has held {path} for {LOCK_SECONDS:.0f} seconds; end it and start again"
                    ) from None
            time.sleep(POLL_SECONDS)
        yield
