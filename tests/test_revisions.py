"""Stores that another version of MLflow made."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest
from mlflow.store.db.utils import _get_alembic_config, _get_latest_schema_revision

from sarcasm.errors import TrackingError
from sarcasm.tracking import Tracking, find_runs, open_store, prospect, start
from sarcasm.tracking.locations import uri_of
from sarcasm.tracking.processes import HEARTBEAT, HOST, this_process
from sarcasm.tracking.revisions import known_revisions, newest_revision, revision_of

Options = Callable[..., Tracking]
NEWEST = newest_revision()


def change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(statement)


def revision(database: Path) -> str:
    with closing(sqlite3.connect(database)) as connection:
        return revision_of(connection)


def content(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return list(connection.iterdump())


def names_in(folder: Path) -> list[str]:
    """Without SQLite's own files and the lock, which come and go."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(("-wal", "-shm", ".lock")))


@pytest.fixture
def older(tracked_project: Path, tracking: Options) -> Path:
    """A project with a run, whose store is as the MLflow before made it."""
    from alembic import command

    with start(tracking(), tracked_project, run_name="first", params={"seed": 1}, tags={}) as tracked:
        tracked.log_text("kept", "a.txt")
    database = tracked_project / "mlflow.db"
    command.downgrade(_get_alembic_config(uri_of(database)), "-1")
    assert revision(database) == known_revisions()[NEWEST] != ""
    return tracked_project


def test_the_revisions_of_the_installed_mlflow_are_read_as_it_says_them() -> None:
    assert _get_latest_schema_revision() == NEWEST
    assert [each for each, before in known_revisions().items() if not before] == ["451aebb31d03"]


def test_an_older_file_is_brought_up_to_date_after_a_copy_and_says_so(
    older: Path, tracking: Options, caplog: pytest.LogCaptureFixture
) -> None:
    database = older / "mlflow.db"
    before = content(database)
    assert open_store("", older, 5.0).client.search_experiments()
    assert revision(database) == NEWEST
    copy = older / f"mlflow.db.before-{NEWEST}"
    assert content(copy) == before
    assert caplog.messages == [
        f"{database} was made by an older MLflow and is brought up to the installed {version('mlflow')}, after which"
        f" the older one no longer reads it; a copy from before is kept in {copy.name}"
    ]
    assert [run.text("a.txt") for run in find_runs(tracking(), older)] == ["kept"]
    assert not list(older.glob("*.part"))


def test_a_copy_that_is_there_is_never_overwritten(older: Path) -> None:
    (older / f"mlflow.db.before-{NEWEST}").write_text("mine")
    before = content(older / "mlflow.db")
    open_store("", older, 5.0)
    assert (older / f"mlflow.db.before-{NEWEST}").read_text() == "mine"
    assert content(older / f"mlflow.db.before-{NEWEST}-2") == before


def test_an_older_file_is_read_without_being_changed(
    older: Path, tracking: Options, caplog: pytest.LogCaptureFixture
) -> None:
    database = older / "mlflow.db"
    before, names = content(database), names_in(older)
    for _ in range(2):
        assert [(run.run_name, run.text("a.txt")) for run in find_runs(tracking(), older)] == [("first", "kept")]
    assert (content(database), names_in(older)) == (before, names)
    assert caplog.messages == [
        f"{database} was made by an older MLflow and is read from a copy; what records runs brings it up to date, and"
        " keeps a copy from before"
    ]
    assert prospect(tracking(), older).is_older


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_nothing_is_changed_under_a_run_that_is_recorded(
    older: Path, is_elsewhere: bool, caplog: pytest.LogCaptureFixture
) -> None:
    database = older / "mlflow.db"
    (run_id,) = (row for (row,) in _rows(database, "SELECT run_uuid FROM runs"))
    change(database, "UPDATE runs SET status = 'RUNNING'")
    tags = this_process().tags() | ({HOST: "elsewhere"} if is_elsewhere else {})
    for key, value in tags.items():
        change(database, f"UPDATE tags SET value = '{value}' WHERE key = '{key}'")
    before, names = content(database), names_in(older)
    with pytest.raises(TrackingError) as raised:
        open_store("", older, 5.0)
    assert str(raised.value) == (
        f"the store {uri_of(database)} is of an older MLflow and has to be brought up to the installed"
        f" {version('mlflow')}, but is being recorded into: run {run_id} (first) by process {os.getpid()}; wait for the"
        " end of it"
    )
    assert (content(database), names_in(older)) == (
        before,
        names,
    )
    if is_elsewhere:  # a machine that has given no sign of life for long is not waited for
        change(database, f"UPDATE tags SET value = '2020-01-01T00:00:00+00:00' WHERE key = '{HEARTBEAT}'")
        open_store("", older, 5.0)
        assert revision(database) == NEWEST


def _rows(database: Path, question: str) -> list[tuple[str, ...]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(question).fetchall()


@pytest.mark.parametrize(
    ("statement", "shown"),
    [
        ("UPDATE alembic_version SET version_num = 'a b'", "'a b'"),
        ("UPDATE alembic_version SET version_num = char(27) || '[2J'", r"'\x1b[2J'"),
        ("INSERT INTO alembic_version VALUES ('451aebb31d03')", f"'451aebb31d03, {NEWEST}'"),
    ],
)
def test_a_revision_that_is_none_is_told_apart_from_a_newer_one(
    statement: str, shown: str, tracked_project: Path
) -> None:
    database = tracked_project / "mlflow.db"
    change(database, statement)
    before = content(database)
    with pytest.raises(TrackingError) as raised:
        open_store("", tracked_project, 5.0)
    assert str(raised.value) == (
        f"the store {uri_of(database)} is damaged: its revision is {shown}, which no MLflow gives; use a copy of it, or"
        " name another with tracking.uri"
    )
    assert content(database) == before


def test_a_file_that_cannot_be_brought_up_to_date_is_as_it_was(tracked_project: Path) -> None:
    database = tracked_project / "mlflow.db"
    # Its tables are the newest, so that the first change on the way fails after some that do not.
    change(database, f"UPDATE alembic_version SET version_num = '{known_revisions()[NEWEST]}'")
    change(database, "DROP TABLE job_locks")
    change(database, "DROP TABLE scheduler_leases")
    before = content(database)
    with pytest.raises(TrackingError) as raised:
        open_store("", tracked_project, 5.0)
    assert str(raised.value).startswith(
        f"the store {uri_of(database)} is of an older MLflow and cannot be brought up to the installed"
        f" {version('mlflow')} ((sqlite3.OperationalError) duplicate column name: executor_backend "
    )
    assert str(raised.value).endswith(
        "; it is as it was: use the environment that made it, or choose another place with tracking.uri"
    )
    assert content(database) == before


@pytest.mark.parametrize("does_read", [False, True])
def test_a_file_of_a_newer_mlflow_is_left_alone_and_called_that(
    does_read: bool, tracked_project: Path, tracking: Options
) -> None:
    database = tracked_project / "mlflow.db"
    change(database, "UPDATE alembic_version SET version_num = 'from_the_future'")
    shutil.copy(database, tracked_project / "mlflow.db.before-0123")
    before = content(database)
    with pytest.raises(TrackingError) as raised:
        find_runs(tracking(), tracked_project) if does_read else open_store("", tracked_project, 5.0)
    assert str(raised.value) == (
        f"the store {uri_of(database)} is of a newer MLflow than the installed {version('mlflow')}, which does not know"
        " its revision from_the_future; use the environment that made it, or run: pip install --upgrade mlflow; a copy"
        f" from before it was brought up to date is {database}.before-0123"
    )
    assert content(database) == before


def test_a_file_that_is_up_to_date_is_not_copied(tracked_project: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    open_store("", tracked_project, 5.0)
    assert not list(tracked_project.glob("mlflow.db.before-*"))
    assert caplog.messages == []
