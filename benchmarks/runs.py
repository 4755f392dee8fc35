"""Whole runs of train.py, as processes, on a made-up corpus in MUStARD's shape.

What a run costs beyond its libraries: the same run again, its embeddings found in the store, against a process that
imports the same libraries and ends. What the store saves: a run with an empty one against the same with a full one.
And what eight runs cost: a sweep in one train.py, with an empty store, against `benchmarks/notebook.py`, which goes
from the files to the report for each, and records nothing. Both split over examples and round, as the notebook did.

Processes are timed from start to end, in turns; the median over the turns counts. TensorFlow's defaults are left alone
but for what train.py sets itself. What numba compiles once is not counted; MLflow's new database only to the sweep.

    python -m benchmarks.runs [--clips 100] [--sweep-clips 60] [--rounds 3]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import made_up
from sarcasm.project import PROJECT

N_CLIPS, N_SWEEP_CLIPS, ROUNDS = 100, 60, 3
LIBRARIES = "tensorflow, tf_slim, mlflow, sklearn.metrics, hydra, matplotlib.pyplot"
"""That a run imports, each by its plain name."""
SWEEP = ["-m", "pca=on,off", "head=small,big", "seed=0,1", "split=example", "decision=round"]
BEYOND_IMPORTS_SECONDS, COLD_BUDGET, SWEEP_BUDGET = 4.0, 1.5, 1.8


def measure(
    n_clips: int = N_CLIPS, n_sweep_clips: int = N_SWEEP_CLIPS, rounds: int = ROUNDS
) -> Iterator[dict[str, object]]:
    """Rows: what, ratio, budget."""
    with TemporaryDirectory() as name:
        folder, few = Path(name), Path(name, "few")
        # In a process of its own, as it needs TensorFlow, which is told things by the environment.
        _seconds(["-m", "benchmarks.made_up", name, str(n_clips)], PROJECT)
        few.mkdir()
        made_up.write_clips(few, n_sweep_clips)
        for file in (made_up.CHECKPOINT, made_up.PCA):
            (few / file).symlink_to(folder / file)
        yield from _single_runs(folder, n_clips, rounds)
        yield _eight_runs(few, n_sweep_clips)


def _single_runs(folder: Path, n_clips: int, rounds: int) -> Iterator[dict[str, object]]:
    # Makes MLflow's database and what numba keeps, and fills the store.
    _train(folder, "full.db", "head=small")
    turns = [
        (
            _seconds(["-c", f"import {LIBRARIES}"], folder),
            _train(folder, "full.db", "head=small"),
            _train(folder, f"empty_{number}.db", "head=small"),
        )
        for number in range(rounds)
    ]
    imports, warm, cold = (statistics.median(seconds) for seconds in zip(*turns, strict=True))
    beyond = statistics.median(again - bare for bare, again, _ in turns)
    yield {
        "what": "a run again, beyond the bare imports (at most)", "seconds": beyond, "budget": BEYOND_IMPORTS_SECONDS,
        "ratio": statistics.median(again / bare for bare, again, _ in turns),
        "imports_seconds": imports, "again_seconds": warm,
    }  # fmt: skip
    yield {
        "what": f"a run with an empty store against one again, {n_clips} clips", "budget": COLD_BUDGET,
        "ratio": statistics.median(first / again for _, again, first in turns), "first_seconds": cold,
    }  # fmt: skip


def _eight_runs(folder: Path, n_clips: int) -> dict[str, object]:
    swept = _train(folder, "sweep.db", *SWEEP)
    notebook = _seconds(["-m", "benchmarks.notebook", str(folder)], PROJECT)
    return {
        "what": f"eight runs of a notebook against a sweep, {n_clips} clips", "budget": SWEEP_BUDGET,
        "ratio": notebook / swept, "notebook_seconds": notebook, "sweep_seconds": swept,
    }  # fmt: skip


def _train(folder: Path, store: str, *overrides: str) -> float:
    places = [f"tracking.uri=sqlite:///{folder}/mlflow.db", f"store.path={folder / store}"]
    # First what is asked: an option such as -m must not stand between overrides.
    return _seconds([str(PROJECT / "train.py"), *overrides, *made_up.options(folder), *places], folder)


def _seconds(arguments: list[str], folder: Path) -> float:
    """How long a Python process in a folder takes."""
    chosen = ("TF_", "MLFLOW_", "HYDRA_", "SARCASM_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(chosen)}
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if ended.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {ended.returncode}:\n{ended.stderr}")
    return seconds


def main() -> None:
    """Print each row as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=N_CLIPS)
    parser.add_argument("--sweep-clips", type=int, default=N_SWEEP_CLIPS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    for row in measure(asked.clips, asked.sweep_clips, asked.rounds):
        print(json.dumps({**row, "load": os.getloadavg()[0]}), flush=True)


if __name__ == "__main__":
    main()
