"""Log a loss at every step: the time of a loop with it over the time without, and MLflow's own ways beside it.

A step is the arithmetic of one full-batch step of head=small on 1,024 rows, about a millisecond: about the shortest
that a run has, so the share of tracking is about the largest. What is logged is sent beside the loop, by a thread that
takes turns with it, and by a server that may sit on the same machine; so whole loops are measured, from the first step
until the store has everything, each between two without tracking. Opening the store and ending the run do not count.
The promise is that of 10,000 steps: 30 steps are over before anything matters.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np  # before its threads are limited, which reaches what is loaded
from threadpoolctl import threadpool_limits

from sarcasm.tracking import Tracked, Tracking, start
from sarcasm.tracking.options import OnFailure
from tests.tracking_fixtures import MlflowServer

N_ROWS = 1_024
AT_MOST = {
    ("SQLite", 30): 1.25, ("SQLite", 1_000): 1.05, ("SQLite", 10_000): 1.02, ("a server", 10_000): 1.02,
}  # fmt: skip
"""Ratio of a tracked loop to one without, by store and steps."""
AT_LEAST = {("log_batch", 10_000): 5.0, ("log_metric", 1_000): 50.0}  # how many times faster than MLflow's client

LogStep = Callable[[int, dict[str, float]], object]


def ours(run: Tracked) -> tuple[LogStep, Callable[[], None]]:
    """As a run does it."""

    def send() -> None:
        run._metrics.flush()
        run._recorder.tick()

    return run.log_step, send


def log_batch(run: Tracked) -> tuple[LogStep, Callable[[], None]]:
    """MLflow's client, a thousand metrics at a time."""
    from mlflow.entities import Metric

    gathered: list[Metric] = []

    def send() -> None:
        run._store.client.log_batch(run.run_id, metrics=gathered)
        gathered.clear()

    def log_step(step: int, metrics: dict[str, float]) -> None:
        gathered.extend(Metric(key, value, time.time_ns() // 1_000_000, step) for key, value in metrics.items())
        if len(gathered) >= 1_000:
            send()

    return log_step, send


def log_metric(run: Tracked) -> tuple[LogStep, Callable[[], None]]:
    """MLflow's client, each metric by itself."""

    def log_step(step: int, metrics: dict[str, float]) -> None:
        for key, value in metrics.items():
            run._store.client.log_metric(run.run_id, key, value, step=step)

    return log_step, lambda: None


WAYS = {"ours": ours, "log_batch": log_batch, "log_metric": log_metric}


def fit(n_steps: int, log_step: LogStep) -> None:
    """Gradient descent of one hidden layer of 100 units on rows of 128 features."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(N_ROWS, 128)).astype(np.float32), rng.normal(size=(N_ROWS, 2)).astype(np.float32)
    hidden, output = (rng.normal(0, 0.05, shape).astype(np.float32) for shape in ((128, 100), (100, 2)))
    for step in range(n_steps):
        activations = np.maximum(X @ hidden, 0)
        error = activations @ output - y
        slope = (error @ output.T) * (activations > 0)
        hidden, output = hidden - 1e-6 * (X.T @ slope), output - 1e-6 * (activations.T @ error)
        log_step(step, {"train/loss": float(np.square(error).mean())})


def log_alone(n_steps: int, log_step: LogStep) -> None:
    """Losses without the arithmetic."""
    for step in range(n_steps):
        log_step(step, {"train/loss": 1 / (step + 1)})


def untracked(n_steps: int) -> float:
    """Seconds of a loop that tells nobody."""
    started = time.perf_counter()
    fit(n_steps, lambda _step, _metrics: None)
    return time.perf_counter() - started


def tracked(
    loop: Callable[[int, LogStep], None], n_steps: int, options: Tracking, project: Path, way: str = "ours"
) -> float:
    """Seconds of a loop until the store has all that it logs."""
    with start(options, project, run_name=way, params={}, tags={}) as run:
        log_step, send = WAYS[way](run)
        started = time.perf_counter()
        loop(n_steps, log_step)
        send()
        seconds = time.perf_counter() - started
        n_kept = len(run._store.client.get_metric_history(run.run_id, "train/loss"))
        assert n_kept == n_steps, f"{n_kept} of {n_steps} steps were sent"
    return seconds


def ratio(n_steps: int, options: Tracking, project: Path, repeats: int) -> float:
    """How many times as long a loop takes with tracking; the median over loops between two without."""
    without, ratios = untracked(n_steps), []
    for _ in range(repeats):
        seconds = tracked(fit, n_steps, options, project)
        before, without = without, untracked(n_steps)
        ratios.append(2 * seconds / (before + without))
    return statistics.median(ratios)


@contextmanager
def stores() -> Iterator[dict[str, tuple[Tracking, Path]]]:
    """Options and project of a run, by what it is recorded in."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        server = MlflowServer(project / "server")
        try:
            server.start()
            yield {
                name: (
                    Tracking(
                        "mlflow", uri, "benchmark", "", flush_metrics=500, flush_seconds=1.0, timeout_seconds=30.0,
                        on_failure=OnFailure.spool,
                    ),
                    project,
                )
                for name, uri in (("SQLite", f"sqlite:///{folder}/mlflow.db"), ("a server", server.uri))
            }  # fmt: skip
        finally:
            server.stop()


def measure(repeats: int = 5) -> list[dict[str, object]]:
    """Run all in turns; medians over the turns."""
    rows: list[dict[str, object]] = []
    # One thread: the products are too small for two, and waiting for the second would be counted as work.
    with stores() as places, threadpool_limits(1):
        for (store, n_steps), budget in AT_MOST.items():
            what = f"loop with losses in {store} over one without, {n_steps:,} steps (at most)"
            rows.append({"what": what, "ratio": ratio(n_steps, *places[store], repeats), "budget": budget})
        for (way, n_steps), budget in AT_LEAST.items():
            turns = [
                tracked(log_alone, n_steps, *places["SQLite"], way) / tracked(log_alone, n_steps, *places["SQLite"])
                for _ in range(repeats)
            ]
            what = f"losses against MLflow's {way}, {n_steps:,} steps"
            rows.append({"what": what, "ratio": statistics.median(turns), "budget": budget})
    return rows


if __name__ == "__main__":
    for row in measure():
        print(f"{row['what']:<66}{row['ratio']:>10.3f}{row['budget']:>10.3f}")
