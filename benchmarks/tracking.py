"""Log a loss at every step: the time of a run with it over the time without, and MLflow's own ways beside it.

A step is the arithmetic of one full-batch step of head=small on 1,024 rows, under a millisecond: about the shortest
that a run has, so the share of tracking is about the largest. The time within tracking and the time of the rest are
taken in the same loop, so that a busy machine slows both alike; what is sent at the end counts, opening the store and
ending the run do not. The promise is that of 10,000 steps: 30 steps are over before anything matters.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sarcasm.tracking import Tracked, Tracking, start

N_ROWS = 1_024
AT_MOST = {30: 1.25, 1_000: 1.05, 10_000: 1.02}  # ratio of a tracked run to one without, by steps
AT_LEAST = {("log_batch", 10_000): 5.0, ("log_metric", 1_000): 50.0}  # how many times faster than MLflow's client

LogStep = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Seconds:
    """Where the time of one run went.

    Attributes:
        tracking: within the calls that log.
        rest: outside of them.
    """

    tracking: float
    rest: float


def ours(run: Tracked) -> tuple[LogStep, Callable[[], None]]:
    """As a run does it."""
    return run.log_step, run._metrics.flush


def log_batch(run: Tracked) -> tuple[LogStep, Callable[[], None]]:
    """MLflow's client, a thousand metrics at a time."""
    from mlflow.entities import Metric

    gathered: list[Metric] = []

    def send() -> None:
        run._client.log_batch(run.run_id, metrics=gathered)
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
            run._client.log_metric(run.run_id, key, value, step=step)

    return log_step, lambda: None


WAYS = {"ours": ours, "log_batch": log_batch, "log_metric": log_metric}


def fit(n_steps: int, log_step: LogStep, send: Callable[[], None]) -> Seconds:
    """Gradient descent of one hidden layer of 100 units on rows of 128 features."""
    import numpy as np

    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(N_ROWS, 128)).astype(np.float32), rng.normal(size=(N_ROWS, 2)).astype(np.float32)
    hidden, output = (rng.normal(0, 0.05, shape).astype(np.float32) for shape in ((128, 100), (100, 2)))
    tracking, started = 0.0, time.perf_counter()
    for step in range(n_steps):
        activations = np.maximum(X @ hidden, 0)
        error = activations @ output - y
        slope = (error @ output.T) * (activations > 0)
        hidden, output = hidden - 1e-6 * (X.T @ slope), output - 1e-6 * (activations.T @ error)
        loss = float(np.square(error).mean())
        before = time.perf_counter()
        log_step(step, {"train/loss": loss})
        tracking += time.perf_counter() - before
    before = time.perf_counter()
    send()
    ended = time.perf_counter()
    tracking += ended - before
    return Seconds(tracking, ended - started - tracking)


def measure(repeats: int = 3) -> list[dict[str, object]]:
    """Run all in turns; medians over the turns."""
    from threadpoolctl import threadpool_limits

    options = Tracking("mlflow", "", "benchmark", "", flush_metrics=1_000, flush_seconds=2.0, timeout_seconds=5.0)
    wanted = [("ours", n_steps) for n_steps in AT_MOST] + list(AT_LEAST)
    taken: dict[tuple[str, int], list[Seconds]] = {each: [] for each in wanted}
    # One thread: the products are too small for two, and waiting for the second would be counted as work.
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        for _ in range(repeats):
            for (way, n_steps), seconds in taken.items():
                with start(options, Path(folder), run_name=way, params={}, tags={}) as run:
                    seconds.append(fit(n_steps, *WAYS[way](run)))
    tracking = {each: statistics.median(turn.tracking for turn in turns) for each, turns in taken.items()}
    return [
        {
            "what": f"run with a tracked loss over one without, {n_steps:,} steps (at most)",
            "ratio": statistics.median(1 + turn.tracking / turn.rest for turn in taken["ours", n_steps]),
            "budget": budget,
        }
        for n_steps, budget in AT_MOST.items()
    ] + [
        {
            "what": f"tracked losses against MLflow's {way}, {n_steps:,} steps",
            "ratio": tracking[way, n_steps] / tracking["ours", n_steps],
            "budget": budget,
        }
        for (way, n_steps), budget in AT_LEAST.items()
    ]


if __name__ == "__main__":
    for row in measure():
        print(f"{row['what']:<62}{row['ratio']:>10.3f}{row['budget']:>10.3f}")
