"""Fixtures around MLflow: a store that is made once, since MLflow takes seconds to make one, and copied for each
test."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sarcasm.tracking import Tracking
from sarcasm.tracking.options import OnFailure
from sarcasm.tracking.sqlite import build


@pytest.fixture(scope="session")
def made_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file of MLflow without runs, as first use makes it."""
    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    build(database)
    return database


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment without the developer's tracking server; what a test changes is put back."""
    before = dict(os.environ)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def tracked_project(tmp_path: Path, made_database: Path, own_environment: None) -> Path:
    """A project folder with a store of its own."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(made_database, project / "mlflow.db")
    return project


@pytest.fixture
def tracking() -> Callable[..., Tracking]:
    """Make the options of tracking, with those given by name changed."""

    def options(**changed: object) -> Tracking:
        values: dict[str, object] = {
            "name": "mlflow", "uri": "", "experiment": "sarcasm", "run_name": "", "flush_metrics": 1000,
            "flush_seconds": 60.0, "timeout_seconds": 5.0, "on_failure": OnFailure.spool,
        }  # fmt: skip
        return Tracking(**(values | changed))  # type: ignore[arg-type]

    return options


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """A disk that is full, as far as this process can tell: no file may grow beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
