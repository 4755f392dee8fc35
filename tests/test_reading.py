"""Projects that may only be read: what reads runs works, and nothing is written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sarcasm.errors import TrackingError
from sarcasm.tracking import (
    Tracking,
    count_parts,
    find_run,
    find_runs,
    model_of_run,
    model_of_uri,
    open_store,
    prospect,
    start,
)
from tests.tracking_fixtures import nobody

Options = Callable[..., Tracking]


def record(options: Tracking, project: Path) -> str:
    with start(options, project, run_name="first", params={"seed": 1}, tags={}) as tracked:
        tracked.log_step(0, {"train/loss": 0.5})
        with tracked.child("fold 0", {"fold": 0}, {}) as child:
            child.log_text("kept", "model/MLmodel")
    return tracked.run_id


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for projects that others may read; not below tmp_path, which nobody else may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)
        for path in [Path(name), *Path(name).rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)


def seal(project: Path) -> None:
    for path in [project, *project.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)


def content(project: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in project.rglob("*") if path.is_file()}


@pytest.mark.parametrize("log", ["none", "whole", "without its index", "of one who writes"])
def test_a_project_that_may_only_be_read_is_read(
    log: str, folder: Path, tracked_project: Path, tracking: Options
) -> None:
    run_id, project = record(tracking(), tracked_project), folder / "project"
    with closing(sqlite3.connect(tracked_project / "mlflow.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if log != "none":
            connection.execute(f"UPDATE tags SET value = 'in the log' WHERE run_uuid = '{run_id}' AND value = 'first'")
            connection.execute(f"UPDATE runs SET name = 'in the log' WHERE run_uuid = '{run_id}'")
            connection.commit()
        shutil.copytree(tracked_project, project)
    if log == "none":
        (project / "mlflow.db-wal").unlink(missing_ok=True)
    if log in ("none", "without its index"):
        (project / "mlflow.db-shm").unlink(missing_ok=True)
    writer = sqlite3.connect(project / "mlflow.db") if log == "of one who writes" else None
    if writer:
        writer.execute("SELECT * FROM runs").fetchall()
    seal(project)
    before = content(project)
    with nobody():
        runs = find_runs(tracking(), project, with_nested=False)
        assert [run.run_name for run in runs] == ["first" if log == "none" else "in the log"]
        assert count_parts(runs)[run_id].n_all == 1
        assert find_run(tracking(), project, run_id[:8]).history("train/loss") == [0.5]
        with model_of_run(tracking(), project, run_id, "0") as model:
            assert (model / "MLmodel").read_text() == "kept"
        assert not prospect(tracking(), project).is_writable
        with pytest.raises(TrackingError) as raised:
            open_store("", project, 5.0)
    assert str(raised.value) == (
        f"cannot record runs in sqlite:///{project}/mlflow.db: it may not be written to; make its folder writable or"
        " choose another place with tracking.uri"
    )
    if writer:
        writer.close()
    else:
        assert content(project) == before


def test_a_store_that_may_not_even_be_read_is_named(folder: Path, tracked_project: Path, tracking: Options) -> None:
    project = shutil.copytree(tracked_project, folder / "project")
    (project / "mlflow.db").chmod(0o000)
    with nobody(), pytest.raises(TrackingError) as raised:
        find_runs(tracking(), project)
    assert str(raised.value) == (
        f"cannot read runs in sqlite:///{project}/mlflow.db: {project}/mlflow.db may not be read; ask whose it is, or"
        " choose another place with tracking.uri"
    )


def test_reading_makes_no_store_where_there_is_none(tmp_path: Path, own_environment: None, tracking: Options) -> None:
    none = f"in sqlite:///{tmp_path}/mlflow.db: no run has been recorded there yet"
    assert find_runs(tracking(), tmp_path) == []
    with pytest.raises(TrackingError) as raised:
        find_run(tracking(), tmp_path, "last")
    assert str(raised.value) == f"there is no run last {none}"
    with pytest.raises(TrackingError) as raised, model_of_uri(tracking(), tmp_path, "models:/tone/1"):
        pass
    assert str(raised.value) == f"there is no model models:/tone/1 {none}"
    assert not prospect(tracking(), tmp_path).is_made
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("does_read", [False, True])
def test_a_pipe_in_place_of_the_file_is_refused(
    does_read: bool, tmp_path: Path, own_environment: None, tracking: Options
) -> None:
    os.mkfifo(tmp_path / "mlflow.db")
    with pytest.raises(TrackingError) as raised:
        find_runs(tracking(), tmp_path) if does_read else open_store("", tmp_path, 5.0)
    assert str(raised.value) == (
        f"cannot {'read' if does_read else 'record'} runs in sqlite:///{tmp_path}/mlflow.db: it is a named pipe,"
        " not a file; move it away or choose another place with tracking.uri"
    )


def test_a_database_of_something_else_is_not_read(tmp_path: Path, own_environment: None, tracking: Options) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE embeddings (id)")
    before = content(tmp_path)
    with pytest.raises(TrackingError) as raised:
        find_runs(tracking(), tmp_path)
    assert str(raised.value) == (
        f"the store sqlite:///{tmp_path}/mlflow.db is not one of MLflow, or one whose first use was cut short; name"
        " another with tracking.uri"
    )
    assert content(tmp_path) == before
