"""Read back what a run recorded: found by its id, the beginning of it, or its name."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sarcasm.errors import TrackingError
from sarcasm.tracking.failures import tracking_errors, without_password
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.store import Store, open_store

FEWEST_CHARACTERS = 4
"""Of an id that is cut short."""


@dataclass(frozen=True)
class Recorded:
    """A run as it stands in the store.

    Attributes:
        run_id, run_name, status: as MLflow has them.
        params, metrics, tags: likewise; a param longer than the store keeps is cut.
        store: where it stands.
        started, ended: when, in UTC; `ended` is None while it runs.
    """

    run_id: str
    run_name: str
    status: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    store: Store
    started: datetime
    ended: datetime | None

    def text(self, artifact_path: str) -> str:
        """An artifact as text.

        Raises:
            TrackingError: the run has no such artifact, or the store fails.
        """
        with tempfile.TemporaryDirectory() as folder:
            try:
                with tracking_errors(self.store.uri, f"read {artifact_path} of run {self.run_id}"):
                    path = self.store.client.download_artifacts(self.run_id, artifact_path, folder)
                    return Path(path).read_text(encoding="utf-8")
            except (OSError, TrackingError) as error:
                raise TrackingError(
                    f"run {self.run_id} ({self.run_name}, {self.status}) has no {artifact_path} that can be read; was"
                    " it made by train.py, and did it finish?"
                ) from error

    def rows(self, artifact_path: str) -> list[dict[str, str]]:
        """A CSV artifact: column -> value, for each row."""
        return list(csv.DictReader(io.StringIO(self.text(artifact_path), newline="")))

    def options(self) -> Mapping[str, Any]:
        """Every option by its dotted key, whole."""
        return json.loads(self.text("params.json"))

    def history(self, metric: str) -> list[float]:
        """The values of a metric in the order of steps."""
        with tracking_errors(self.store.uri, f"read {metric} of run {self.run_id}"):
            points = self.store.client.get_metric_history(self.run_id, metric)
        return [point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))]

    def children(self) -> list[Recorded]:
        """The runs nested in it, oldest first."""
        with tracking_errors(self.store.uri, f"look for the parts of run {self.run_id}"):
            run = self.store.client.get_run(self.run_id)
            search = f"tags.`mlflow.parentRunId` = '{self.run_id}'"
            found = self.store.client.search_runs(
                [run.info.experiment_id], search, order_by=["attributes.start_time ASC"], max_results=10_000
            )
        return [_recorded(each, self.store) for each in found]


def find_run(options: Tracking, project: Path, word: str) -> Recorded:
    """Find a run.

    Args:
        options: which store and experiment; an id is found in any experiment.
        project: the folder that holds train.py.
        word: the run's id, four or more of its first characters, or its name where only one has it; "last" is the
            latest of train.py that finished.

    Raises:
        TrackingError: there is none, or several.
    """
    from mlflow.entities import ViewType

    store = open_store(options.uri, project, options.timeout_seconds)
    with tracking_errors(store.uri, f"look for the run {word}"):
        experiments = [each.experiment_id for each in store.client.search_experiments(view_type=ViewType.ACTIVE_ONLY)]
        runs = store.client.search_runs(experiments, order_by=["attributes.start_time DESC"], max_results=50_000)
    whole = [
        run
        for run in runs
        if run.info.status == "FINISHED"
        and "fold" not in run.data.params
        and not {"sweep", "probe"} & set(run.data.tags)
    ]
    if word == "last" and whole:
        return _recorded(whole[0], store)
    is_long = len(word) >= FEWEST_CHARACTERS
    found = [run for run in runs if run.info.run_id == word] or [
        run for run in runs if run.info.run_name == word or (is_long and run.info.run_id.startswith(word))
    ]
    shown = without_password(store.uri)
    if not found:
        latest = ", ".join(f"{run.info.run_id[:8]} ({run.info.run_name})" for run in whole[:3])
        raise TrackingError(f"there is no run {word} in {shown}; the latest are: {latest or 'none'}")
    if len(found) > 1:
        named = ", ".join(run.info.run_id[:8] for run in found[:5])
        raise TrackingError(f"{len(found)} runs in {shown} are called {word}; name one by its id: {named}")
    return _recorded(found[0], store)


def _recorded(run: Any, store: Store) -> Recorded:
    info, data = run.info, run.data
    return Recorded(
        info.run_id, info.run_name or "", info.status, data.params, data.metrics, data.tags, store,
        _moment(info.start_time), _moment(info.end_time) if info.end_time else None,
    )  # fmt: skip


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
