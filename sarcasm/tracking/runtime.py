"""MLflow, imported once, without telemetry and without a word on the screen."""

from __future__ import annotations

import logging
import math
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

SETTINGS = {
    # Read while mlflow is imported: set later, they do nothing.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    # Our errors say what went wrong; below CRITICAL, MLflow would print SQLAlchemy's traceback beside them.
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Or every saved model would carry whatever uv.lock lies in the working directory.
    "MLFLOW_UV_AUTO_DETECT": "false",
}
"""What MLflow is told by its environment variables, unless the user has set them."""
TIMEOUT, RETRIES = "MLFLOW_HTTP_REQUEST_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
"""How long MLflow's client waits for an answer, in whole seconds, and how often it asks again; read at each request."""

_in_a_hurry = 0
_before: dict[str, str | None] = {}
_changing = threading.Lock()


@contextmanager
def hurried(seconds: float | None = None) -> Iterator[None]:
    """Within the block, MLflow's client asks a server once and not again; it may be entered by several threads at once.

    Args:
        seconds: how long it waits for an answer at most, by the first thread that says so; None as long as always.
    """
    global _in_a_hurry
    with _changing:
        if not _in_a_hurry:
            _before.update({name: os.environ.get(name) for name in (TIMEOUT, RETRIES)})
            os.environ[RETRIES] = "0"
            if seconds is not None:
                usual = float(_before[TIMEOUT] or seconds)
                os.environ[TIMEOUT] = str(max(1, math.ceil(min(usual, seconds))))
        _in_a_hurry += 1
    try:
        yield
    finally:
        with _changing:
            _in_a_hurry -= 1
            if not _in_a_hurry:
                for name, value in _before.items():
                    os.environ.pop(name) if value is None else os.environ.update({name: value})


def be_patient(seconds: float) -> None:
    """Let MLflow's client wait so many seconds for an answer, unless the user says how long; its own is minutes."""
    os.environ.setdefault(TIMEOUT, str(max(1, round(seconds))))
    os.environ.setdefault(RETRIES, "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "1")


def load_mlflow() -> ModuleType:
    """Import MLflow.

    Returns:
        The module `mlflow`.
    """
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    # urllib3 warns of each retry by itself; what counts is whether the last one succeeds.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
    return mlflow


def load_sqlite_store() -> ModuleType:
    """Import what MLflow keeps runs in SQLite files with, which takes a second more.

    Returns:
        The module `mlflow.store.tracking.sqlalchemy_store`.
    """
    load_mlflow()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow.store.tracking import sqlalchemy_store
        from sqlalchemy.orm import configure_mappers

        configure_mappers()  # else done on first use, with warnings of what SQLAlchemy deprecates and MLflow uses
    return sqlalchemy_store
