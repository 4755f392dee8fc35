"""Sweeps that are killed, twice called, locked out, or have a job that fails: the same command completes them."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.faults.sweeping import Sweeping, end, family, memory_bytes

pytestmark = pytest.mark.slow
LAUNCHERS = {
    "basic": (),
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit": ("hydra/launcher=submitit_local",),
    "ray": ("hydra/launcher=ray",),
}
EXTRAS = ("submitit", "ray")
"""Packages that may be missing; what their jobs print stands in files of their own."""


@pytest.fixture
def sweeping(tmp_path: Path, ready: None) -> Sweeping:
    return Sweeping(tmp_path)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_sweep_that_is_killed_at_any_moment_is_completed_by_the_same_command(
    sweeping: Sweeping, launcher: str
) -> None:
    if launcher in EXTRAS and not _is_there(launcher):
        pytest.skip(f"the launcher is not installed: pip install -e .[{launcher}]")
    sweeping.options = LAUNCHERS[launcher]
    n = random.randint(0, 8)
    process = sweeping.begin()
    try:
        sweeping.wait_for(n, process)
        time.sleep(random.random() * 3)
        others = family(process.pid)  # submitit's and Ray's processes have groups of their own
    finally:
        end(process)
    for pid in others:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    time.sleep(1)
    n_done = sweeping.n_finished()
    assert n_done < 12
    assert sweeping.call() == 0, sweeping.said
    parent = sweeping.check_complete()
    assert launcher in EXTRAS or sweeping.said.count("done before") == n_done
    assert f"Sweep {parent.info.run_id}" in sweeping.said


def test_a_sweep_that_is_done_is_not_done_again(sweeping: Sweeping) -> None:
    sweeping.swept = ("head=small,linear", "trainer.steps=5")
    assert sweeping.call() == 0, sweeping.said
    sweeping.check_complete(2)
    assert sweeping.call() == 0, sweeping.said
    sweeping.check_complete(2)
    assert sweeping.said.count("done before") == 2
    sweeping.options = ("force=true",)
    assert sweeping.call() == 0, sweeping.said
    assert "done before" not in sweeping.said
    assert sweeping.n_finished() == 4


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_sweep_that_is_told_to_end_says_so_and_goes_on_later(
    sweeping: Sweeping, number: signal.Signals, status: int
) -> None:
    process = sweeping.begin()
    try:
        sweeping.wait_for(2, process)
        process.send_signal(number)
        if number is signal.SIGINT:
            time.sleep(0.05)
            process.send_signal(number)  # twice, as the impatient do
        assert process.wait(60) == status, sweeping.said
    finally:
        end(process)
    assert "Traceback" not in sweeping.said
    statuses = {run.info.status for run in sweeping.runs()[1]}
    assert statuses <= {"FINISHED", "KILLED"}
    assert "KILLED" in statuses
    assert sweeping.call() == 0, sweeping.said
    sweeping.check_complete()


def test_a_killed_worker_ends_the_sweep_in_one_line_and_the_same_command_completes_it(sweeping: Sweeping) -> None:
    sweeping.options = LAUNCHERS["joblib"]
    process = sweeping.begin()
    try:
        sweeping.wait_for(2, process)
        workers = [pid for pid in family(process.pid) if memory_bytes(pid) > 300_000_000]
        os.kill(workers[0], signal.SIGKILL)
        assert process.wait(300) == 1, sweeping.said
    finally:
        end(process)
    assert "Traceback" not in sweeping.said
    assert "run the same command again" in sweeping.said
    assert sweeping.call() == 0, sweeping.said
    sweeping.check_complete()


def test_one_job_in_twelve_fails_and_all_others_finish(sweeping: Sweeping) -> None:
    rates = ",".join(f"{n}e-4" for n in range(1, 12))
    sweeping.swept = (f"trainer.learning_rate={rates},-1", "trainer.steps=5")
    for n_before in (0, 11):
        assert sweeping.call() == 1
        assert sweeping.said.count("done before") == n_before
        assert "trainer.learning_rate=-1.0: a number above 0 is needed" in sweeping.said
        assert "Traceback" not in sweeping.said
        _, runs = sweeping.runs()
        (parent,) = (run for run in runs if "sweep" in run.data.tags)
        assert parent.info.status == "FAILED"
        assert parent.data.metrics["sweep/n_failed"] == 1
        finished = [run for run in runs if run.info.status == "FINISHED"]
        failed = [run for run in runs if run.info.status == "FAILED" and run is not parent]
        assert (len(finished), len(failed)) == (11, 1 + n_before // 11)
        assert {run.data.tags["mlflow.parentRunId"] for run in [*finished, *failed]} == {parent.info.run_id}
        assert {run.data.tags["error"] for run in failed} == {"trainer.learning_rate=-1.0: a number above 0 is needed"}


def test_a_store_that_is_locked_for_half_a_minute_loses_nothing(sweeping: Sweeping) -> None:
    process = sweeping.begin()
    try:
        sweeping.wait_for(2, process)
        with closing(sqlite3.connect(sweeping.folder / "mlflow.db", timeout=20)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(30)
            other.rollback()
        assert process.wait(500) == 0, sweeping.said
    finally:
        end(process)
    sweeping.check_complete()


def test_the_same_sweep_called_twice_at_once_is_two_sweeps_and_both_are_complete(sweeping: Sweeping) -> None:
    sweeping.swept = ("head=small,linear", "seed=0,1", "trainer.steps=5")
    both = [sweeping.begin(), sweeping.begin()]
    try:
        assert [process.wait(500) for process in both] == [0, 0], sweeping.said
    finally:
        for process in both:
            end(process)
    sweeping.check_complete(4, n_parents=2)


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
