"""MLflow, imported once, without telemetry and without a word on the screen."""

from __future__ import annotations

import logging
import os
import warnings
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
