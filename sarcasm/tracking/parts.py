"""How many runs are nested in runs, and how many of them have finished.

MLflow's client hands runs over whole, with every option and metric, at six milliseconds each: a page of sweeps would
take minutes to count. So an SQLite file is asked directly; a server is asked through the client.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sarcasm.tracking.failures import tracking_errors
from sarcasm.tracking.recorded import ATTEMPT, Recorded
from sarcasm.tracking.sqlite import path_of

NESTED = """
    SELECT parent.value, runs.status, attempt.value FROM tags AS parent
    JOIN runs ON runs.run_uuid = parent.run_uuid AND runs.lifecycle_stage = 'active'
    LEFT JOIN tags AS attempt ON attempt.run_uuid = parent.run_uuid AND attempt.key = ?
    WHERE parent.key = 'mlflow.parentRunId'
"""


@dataclass(frozen=True)
class Parts:
    """The runs that are nested in a run; of a sweep that was called several times, those of the last call.

    Attributes:
        n_finished: how many have finished.
        n_all: how many there are.
    """

    n_finished: int
    n_all: int


def count_parts(runs: Sequence[Recorded]) -> dict[str, Parts]:
    """Id -> how many runs are nested in it, for each of some runs of one store.

    Raises:
        TrackingError: the store fails.
    """
    if not runs:
        return {}
    store, parents = runs[0].store, {run.run_id: run for run in runs}
    if store.database is None:
        return {run.run_id: _counted(each.status for each in run.parts()) for run in runs}
    with tracking_errors(store.uri, "count nested runs"):
        found = _nested(path_of(store.client.tracking_uri), parents)  # a copy, where that is read
    return {run_id: _counted(statuses) for run_id, statuses in found.items()}


def _nested(database: Path, parents: Mapping[str, Recorded]) -> dict[str, list[str]]:
    """Id -> the statuses of what is nested in it."""
    found: dict[str, list[str]] = {run_id: [] for run_id in parents}
    with closing(sqlite3.connect(database, timeout=20)) as connection:
        for parent, status, attempt in connection.execute(NESTED, (ATTEMPT,)):
            if parent in parents and parents[parent].attempt in ("", attempt):
                found[parent].append(status)
    return found


def _counted(statuses: Iterable[str]) -> Parts:
    known = list(statuses)
    return Parts(known.count("FINISHED"), len(known))
