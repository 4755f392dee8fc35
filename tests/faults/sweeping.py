"""A sweep of twelve jobs of the real command line, and what its store says of it."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Run

from sarcasm.project import PROJECT

TWELVE = ("head=small,linear", "pca=on,off", "seed=0,1,2", "trainer.steps=5", "trainer.validation_share=0.2")


@dataclass
class Sweeping:
    """A sweep that is called in a folder of its own.

    Attributes:
        folder: holds the store and what the calls print.
        options: beyond the twelve jobs.
        n_calls: how often it was called.
    """

    folder: Path
    options: tuple[str, ...] = ()
    swept: tuple[str, ...] = TWELVE
    uri: str = ""
    n_calls: int = field(default=0)

    def begin(self) -> subprocess.Popen[str]:
        """Call it; all its processes are in a group of their own."""
        self.n_calls += 1
        uri = self.uri or f"sqlite:///{self.folder}/mlflow.db"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "HYDRA_"))}
        with (self.folder / f"out{self.n_calls}.txt").open("w") as out:
            return subprocess.Popen(
                [sys.executable, str(PROJECT / "train.py"), "-m", *self.swept, *self.options, f"tracking.uri={uri}"],
                cwd=self.folder, env=environment, stdout=out, stderr=subprocess.STDOUT, text=True,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def call(self, timeout: float = 550) -> int:
        """Call it and wait; its exit status."""
        process = self.begin()
        try:
            return process.wait(timeout)
        finally:
            end(process)

    @property
    def said(self) -> str:
        """What the last call printed."""
        return (self.folder / f"out{self.n_calls}.txt").read_text()

    def runs(self) -> tuple[MlflowClient, list[Run]]:
        """Every run of the store."""
        client = MlflowClient(self.uri or f"sqlite:///{self.folder}/mlflow.db")
        ids = [each.experiment_id for each in client.search_experiments()]
        return client, list(client.search_runs(ids, max_results=1000))

    def n_finished(self) -> int:
        """Jobs that have finished."""
        if not self.uri and not (self.folder / "mlflow.db").exists():
            return 0
        return sum(run.info.status == "FINISHED" and "sweep" not in run.data.tags for run in self.runs()[1])

    def wait_for(self, n_finished: int, process: subprocess.Popen[str]) -> None:
        """Return when so many jobs have finished."""
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline:
            assert process.poll() is None, self.said
            with suppress(Exception):  # the store is just being made
                if self.n_finished() >= n_finished:
                    return
            time.sleep(0.3)
        raise AssertionError(self.said)

    def check_complete(self, n_jobs: int = 12, n_parents: int = 1) -> Run:
        """Each job has finished once, in one sweep that has finished and gathered them all; the sweep's run."""
        client, runs = self.runs()
        parents = [run for run in runs if "sweep" in run.data.tags]
        assert len(parents) == n_parents
        assert {run.info.status for run in parents} == {"FINISHED"}
        for parent in parents:
            finished = [
                run
                for run in runs
                if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id and run.info.status == "FINISHED"
            ]
            assert len(finished) == len({run.data.tags["config.hash"] for run in finished}) == n_jobs
            assert all(_steps(client, run) == list(range(5)) for run in finished)
            table = client.download_artifacts(parent.info.run_id, "sweep.csv", str(self.folder))
            with Path(table).open(newline="") as file:
                rows = list(csv.DictReader(file))
            assert {row["run_id"] for row in rows} == {run.info.run_id for run in finished}
            assert parent.data.metrics["sweep/n_finished"] == n_jobs
            assert parent.data.metrics["sweep/n_failed"] == 0
        assert "RUNNING" not in {run.info.status for run in runs}
        return parents[0]


def end(process: subprocess.Popen[str]) -> None:
    """End a process and all of its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _steps(client: MlflowClient, run: Run) -> list[int]:
    return [point.step for point in client.get_metric_history(run.info.run_id, "train/loss")]


def family(pid: int) -> list[int]:
    """All processes that a process has begun, and those that they have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text(errors="replace").rpartition(")")[2].split()[1])
    found = [child for child, parent in parents.items() if parent == pid]
    return [*found, *(other for child in found for other in family(child))]


def memory_bytes(pid: int) -> int:
    """Of a process, in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
