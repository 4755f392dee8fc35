"""Say in one line why a store cannot be used, and what to do about it.

MLflow lets through whatever SQLite, SQLAlchemy, Alembic, the system and the network raise. What a user needs to know is
told by a few words in those messages, so they are looked for there; anything else is told in MLflow's own words,
shortened to a line.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sarcasm.addresses import by_proxy, without_password
from sarcasm.errors import TrackingError
from sarcasm.tracking.runtime import hurried

ELSEWHERE = "or choose another place with tracking.uri"
LONGEST = 300  # characters of a foreign message that a line may hold
AT_ONCE_SECONDS = 1.0
"""A request that fails within this time was not waited for."""
Found = TypeVar("Found")

SILENCE = r"failed with timeout|max retries exceeded|connection (aborted|refused|reset)|failed to establish"
"""What to look for in a message, in any case, of a server that does not answer."""

CAUSES: tuple[tuple[str, str], ...] = (
    (
        # Before what a disk is called that refuses: MLflow's server says "permission denied" as well.
        r"error code 401|error code 403|unauthenticated|permission_denied",
        "the server refuses; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    ),
    (
        # SQLite calls a disk full where there is no space; beyond a quota or a limit of size it speaks of an I/O error.
        r"no space left|disk is full|quota exceeded|file too large|disk i/o error",
        f"the disk is full or failing; free some space {ELSEWHERE}",
    ),
    (
        r"readonly database|read-only file system|permission denied|not permitted|unable to open database file",
        f"it may not be written to; make its folder writable {ELSEWHERE}",
    ),
    (r"not a directory|file exists", f"a part of its path is a file, not a folder; move that file away {ELSEWHERE}"),
    (r"is a directory", f"it is a folder, not a file; move it away {ELSEWHERE}"),
    (
        r"no such file or directory",
        "its folder does not exist and cannot be made; choose another place with tracking.uri",
    ),
    (r"not a database|malformed", f"it is not an SQLite database, or a damaged one; move it away {ELSEWHERE}"),
    (r"database is locked", "another program keeps it locked; end that program and start again"),
    (
        r"out-of-date database schema|can't locate revision",
        'another version of MLflow made it; back it up, then run: mlflow db upgrade "{uri}"',
    ),
    (
        r"(table|index) \S+ already exists|duplicate column name|expected to match",
        f"it is half made, because its first use was cut short; move it away {ELSEWHERE}",
    ),
    (r"error code 404|endpoint_not_found", "what answers there is no MLflow server; look at tracking.uri"),
    (
        r"too many 5\d\d error responses|error code 5\d\d|internal_error|temporarily_unavailable",
        "the server fails; look at its log",
    ),
    (SILENCE, "the server does not answer; see that it runs"),
)
"""What to look for in a message, in any case, and what to say of it; the first that fits counts."""
REFUSALS = r"error code 40[134]|unauthenticated|permission_denied|endpoint_not_found|was deleted; choose"
"""Likewise, of a server that will not change its mind."""


def explain(error: BaseException, uri: str) -> str:
    """Why a store failed and what to do, in one line.

    Args:
        error: what MLflow, SQLite, the system or the network raised.
        uri: the store's.
    """
    message = str(error)
    for pattern, meaning in CAUSES:
        if re.search(pattern, message, re.IGNORECASE):
            return meaning.replace("{uri}", without_password(uri)) + by_proxy(uri)
    return one_line(without_password(message) or type(error).__name__) + by_proxy(uri)


@contextmanager
def tracking_errors(uri: str, doing: str) -> Iterator[None]:
    """Turn what a store raises into a TrackingError that says what was being done, where, why it failed and what to do.

    Args:
        uri: the store's.
        doing: what the block does, after "cannot", such as "record the run".

    Raises:
        TrackingError: the block failed for a reason that lies in the store.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, _foreign_errors()):
            raise
        raise TrackingError(f"cannot {doing} in {without_password(uri)}: {explain(error, uri)}") from error


def impatiently(work: Callable[[], Found], seconds: float | None = None) -> Found:
    """Ask a server for something without the patience of MLflow's client, where there is a next time.

    Args:
        work: asks; it may be called twice.
        seconds: how long to wait for an answer at most; None as long as always.

    Raises:
        TrackingError: what `work` raised.
    """
    started = time.monotonic()
    with hurried(seconds):
        try:
            return work()
        except TrackingError as error:
            # A server closes connections that lie idle: the first request on one may fail, and the next does not.
            if is_refusal(error) or time.monotonic() - started > AT_ONCE_SECONDS:
                raise
            return work()


def is_locked(error: BaseException) -> bool:
    """Whether a store failed because another program keeps its file locked, which passes."""
    return bool(re.search(r"database is locked", str(error.__cause__), re.IGNORECASE))


def is_silence(error: BaseException) -> bool:
    """Whether a server did not answer at all; one that answers with an error does not count."""
    return explain(error.__cause__ or error, "").startswith("the server does not answer")


def is_refusal(error: BaseException) -> bool:
    """Whether a store answered in a way that will be the same next time: no permission, or no MLflow server there."""
    return bool(re.search(REFUSALS, str(error.__cause__ or error), re.IGNORECASE))


def one_line(message: str, longest: int = LONGEST) -> str:
    """The message without line breaks, cut after so many characters."""
    words = " ".join(message.split())
    return words if len(words) <= longest else f"{words[: longest - 4]} ..."


def _foreign_errors() -> tuple[type[Exception], ...]:
    # Only once something has failed: a run on a server has no other use for SQLAlchemy and Alembic. What requests
    # raises is an OSError.
    from alembic.util.exc import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, SQLAlchemyError, CommandError, sqlite3.Error, OSError
