"""A store with runs that nobody made: what a run records, without training anything."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mlflow.entities import Metric, Param, RunTag

from sarcasm.config import compose, leaves
from sarcasm.tracking import Tracking, open_store

F = "test/utterance/f1_weighted"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REAL = {
    "dataset.made_up": "false", "split.leaky": "false", "split.protocol": "utterance", "dataset.fingerprint": "sha256:11",
    "embedding.weights": "sha256:22", "pca.parameters": "sha256:33", "mlflow.user": "anna",
    "mlflow.source.git.commit": "c0ffee00c0ffee00",
}  # fmt: skip
DEFAULTS = {key: str(value) for key, value in leaves(compose("config", [])).items()}


class Records:
    """A store, and runs that are made up in it."""

    def __init__(self, folder: Path) -> None:
        uri = f"sqlite:///{folder}/mlflow.db"
        self.uri, self.options = f"tracking.uri={uri}", Tracking("mlflow", uri, "sarcasm", "", 100, 1.0, 5.0)
        self.store = open_store(uri, folder, 5.0)
        self.client = self.store.client
        self.n_made = 0

    def add(
        self, name="run", *, f=None, metrics=None, params=None, tags=None, status="FINISHED", seconds=90, parent="",
        experiment="sarcasm", artifacts=None,
    ) -> str:  # fmt: skip
        """A run, a minute after the one before; a score comes with its interval, gain and baseline."""
        scores = {} if f is None else {
            F: f, "interval/utterance/f1_weighted/low": f - 0.1, "interval/utterance/f1_weighted/high": f + 0.1,
            "gain/f1_weighted": f - 0.5, "baseline/majority/f1_weighted": 0.4, "baseline/clip_length/f1_weighted": 0.5,
            "clips/used": 48,
        }  # fmt: skip
        started = NOON + timedelta(minutes=self.n_made)
        self.n_made += 1
        all_tags = REAL | ({"mlflow.parentRunId": parent} if parent else {}) | (tags or {})
        run_id = self.client.create_run(
            self.store.experiment_id(experiment), start_time=int(started.timestamp() * 1000), run_name=name,
            tags={key: value for key, value in all_tags.items() if value is not None},
        ).info.run_id  # fmt: skip
        self.client.log_batch(
            run_id,
            metrics=[Metric(key, value, 0, 0) for key, value in (scores | (metrics or {})).items()],
            params=[Param(key, value[:6000]) for key, value in (DEFAULTS | (params or {})).items()],
        )
        kept = {"params.json": json.dumps(DEFAULTS | (params or {}))} | (artifacts or {})
        for path, text in kept.items():
            self.client.log_text(run_id, text, path)
        if status != "RUNNING":
            self.client.set_terminated(run_id, status, int((started + timedelta(seconds=seconds)).timestamp() * 1000))
        return run_id

    def tag(self, run_id: str, **tags: str) -> None:
        self.client.log_batch(run_id, tags=[RunTag(key.replace("__", "."), value) for key, value in tags.items()])

    def status(self, run_id: str) -> str:
        return self.client.get_run(run_id).info.status


@pytest.fixture
def records(tmp_path, made_database, own_environment) -> Records:
    shutil.copy(made_database, tmp_path / "mlflow.db")
    return Records(tmp_path)
