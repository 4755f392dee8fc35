"""Which version of MLflow made an SQLite file, and how another one's is read or brought up to date.

MLflow numbers the layout of its tables by Alembic revisions, each of which names the one before it. A newer MLflow
brings a file up to its own revision, and from then on an older one refuses it. So nothing is changed before a copy
lies beside the file, nor while a run is recorded into it, and all of it is one transaction: a process that is killed
meanwhile leaves the file as it was.
"""

from __future__ import annotations

import logging
import re
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from itertools import count
from pathlib import Path

from sarcasm.errors import TrackingError
from sarcasm.files import sha256
from sarcasm.tracking.failures import one_line
from sarcasm.tracking.locations import uri_of
from sarcasm.tracking.processes import PID, is_live
from sarcasm.tracking.runtime import load_sqlite_store

WAIT_SECONDS = 20.0
"""For a file that another program keeps locked."""

logger = logging.getLogger(__name__)


def revision_of(connection: sqlite3.Connection) -> str:
    """The revision of a file; empty where it has none, as one that is not MLflow's or was left half made.

    Raises:
        sqlite3.Error: it cannot be read.
    """
    tables = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchall()
    rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if tables else []
    return ", ".join(sorted(str(revision) for (revision,) in rows))


@cache
def known_revisions() -> Mapping[str, str]:
    """The revisions that the installed MLflow knows, and the one before each; read without loading MLflow."""
    found: dict[str, str] = {}
    for root in spec.submodule_search_locations or () if (spec := find_spec("mlflow")) else ():
        for path in Path(root, "store", "db_migrations", "versions").glob("*.py"):
            lines = path.read_text(encoding="utf-8")
            named = dict(re.findall(r"^(revision|down_revision)\b[^=\n]*= *[\"']?(\w+)", lines, re.MULTILINE))
            if "revision" in named:
                before = named.get("down_revision", "None")
                found[named["revision"]] = "" if before == "None" else before
    return found


@cache
def newest_revision() -> str:
    """The revision that the installed MLflow brings files up to; empty where its files do not tell."""
    newest = known_revisions().keys() - set(known_revisions().values())
    return newest.pop() if len(newest) == 1 else ""


def refuse_newer(revision: str, database: Path) -> None:
    """Raise where a newer MLflow than the one installed made a file.

    Args:
        revision: the file's.
        database: the file.

    Raises:
        TrackingError: the installed MLflow does not know the revision, or it is none.
    """
    if not revision or not newest_revision() or revision in known_revisions():
        return
    if not re.fullmatch(r"\w+", revision):
        raise TrackingError(
            f"the store {uri_of(database)} is damaged: its revision is {revision!r}, which no MLflow gives; use a copy"
            " of it, or name another with tracking.uri"
        )
    copies = sorted(database.parent.glob(f"{database.name}.before-*"))
    kept = f"; a copy from before it was brought up to date is {copies[-1]}" if copies else ""
    raise TrackingError(
        f"the store {uri_of(database)} is of a newer MLflow than the installed {version('mlflow')}, which does not know"
        f" its revision {revision}; use the environment that made it, or run: pip install --upgrade mlflow{kept}"
    )


def is_older(revision: str) -> bool:
    """Whether an older MLflow than the one installed made a file of this revision."""
    return bool(revision and newest_revision()) and revision != newest_revision()


def bring_up_to_date(database: Path) -> None:
    """Bring a file up to the installed MLflow, after a copy of it is kept; one that is needs nothing.

    Args:
        database: the file; no other process may be about to open it.

    Raises:
        TrackingError: a newer MLflow made it, a run is being recorded into it, or it cannot be brought up to date; it
            is as it was.
        sqlite3.Error, OSError: it cannot be read or copied.
    """
    with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as connection:
        revision = revision_of(connection)
        refuse_newer(revision, database)
        if not is_older(revision):
            return
        if live := _recorded_now(connection):
            raise TrackingError(
                f"the store {uri_of(database)} is of an older MLflow and has to be brought up to the installed"
                f" {version('mlflow')}, but is being recorded into: {', '.join(live)}; wait for the end of it"
            )
        kept = _keep_copy(connection, database)
    upgrade(database)
    logger.warning(
        "%s was made by an older MLflow and is brought up to the installed %s, after which the older one no longer"
        " reads it; a copy from before is kept in %s", database, version("mlflow"), kept.name,
    )  # fmt: skip


def upgrade(database: Path) -> None:
    """Bring a file up to the installed MLflow: all of it, or nothing.

    Raises:
        TrackingError: it cannot be brought up to date; it is as it was.
    """
    load_sqlite_store()
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    engine = create_engine(uri_of(database), poolclass=NullPool, connect_args={"timeout": WAIT_SECONDS})
    # As SQLAlchemy's documentation of pysqlite says it: Python's sqlite3 by itself begins no transaction for tables.
    event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    config = _get_alembic_config(uri_of(database))
    script = ScriptDirectory.from_config(config)
    try:
        with (
            EnvironmentContext(config, script, fn=lambda current, _: script._upgrade_revs("heads", current)) as way,
            engine.begin() as connection,
        ):
            # Within a transaction that has begun, Alembic does not end one for each revision.
            way.configure(connection=connection, render_as_batch=True)
            way.run_migrations()
    except Exception as error:
        raise TrackingError(
            f"the store {uri_of(database)} is of an older MLflow and cannot be brought up to the installed"
            f" {version('mlflow')} ({one_line(str(error))}); it is as it was: use the environment that made it, or"
            " choose another place with tracking.uri"
        ) from error


def _recorded_now(connection: sqlite3.Connection) -> list[str]:
    """The runs whose process is at work, as far as can be told."""
    running = connection.execute(
        "SELECT run_uuid, name FROM runs WHERE status = 'RUNNING' AND lifecycle_stage = 'active'"
    ).fetchall()
    found = []
    for run_id, name in running:
        tags = dict(connection.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run_id,)))
        if is_live(tags):
            found.append(f"run {run_id} ({name or tags.get('mlflow.runName', '')}) by process {tags[PID]}")
    return found


def _keep_copy(connection: sqlite3.Connection, database: Path) -> Path:
    """A copy beside the file, under a name of its own; one that is there already and equals it is as good."""
    wanted = database.with_name(f"{database.name}.before-{newest_revision()}")
    aside = database.with_name(f".{wanted.name}.part")
    try:
        aside.unlink(missing_ok=True)
        with closing(sqlite3.connect(aside)) as copy:
            connection.backup(copy)
        for number in count(1):
            path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
            if not path.exists():
                return aside.rename(path)
            if sha256(path) == sha256(aside):
                return path
        raise AssertionError("there is always a free number")
    finally:
        aside.unlink(missing_ok=True)
