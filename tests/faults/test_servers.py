"""A server that freezes, or answers 500, in the middle of a training: the result is kept, said in two lines, and sent later."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.tracking_fixtures import Between, MlflowServer

pytestmark = pytest.mark.slow
STEPS = 40
TRAIN = ("train.py", f"trainer.steps={STEPS}", "tracking.flush_seconds=0.2", "tracking.timeout_seconds=2")
FAILS = [("silent", "the server does not answer; see that it runs"), ("failing", "the server fails; look at its log")]
FOLDS = ("split=kfold", "split.k=3")


def call(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "HYDRA_"))}
    environment["PYTHONPATH"] = str(project)
    return subprocess.run(
        [sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=500
    )


def all_of(uri: str) -> dict[str, tuple[str, int, set[str]]]:
    """Name of a run -> its status, how many losses it has, its files; no run is there twice."""
    client = MlflowClient(uri)
    found = client.search_runs([each.experiment_id for each in client.search_experiments()])
    assert len({run.info.run_name for run in found}) == len(found)
    return {
        run.info.run_name: (
            run.info.status,
            len(client.get_metric_history(run.info.run_id, "train/loss")),
            {each.path for each in client.list_artifacts(run.info.run_id)},
        )
        for run in found
    }


@pytest.mark.parametrize("options", [(), FOLDS], ids=["one fit", "three folds"])
@pytest.mark.parametrize(("mode", "why"), FAILS)
def test_a_server_that_fails_in_the_middle_of_a_training_loses_nothing(
    mlflow_server: MlflowServer, between: Callable[..., Between], project_copy: Path, mode: str, why: str,
    options: tuple[str, ...],
) -> None:  # fmt: skip
    server = between(mlflow_server.uri)
    server.turns = {mode: "mlflow/runs/log-batch"}  # what a run is made of, or its first losses
    trained = call(project_copy, *TRAIN, *options, f"tracking.uri={server.uri}")
    assert trained.returncode == 0, trained.stderr
    n_asked = server.n_asked
    warned = [line for line in trained.stderr.splitlines() if line.startswith("warning: cannot")]
    assert len(warned) == 2, trained.stderr
    assert re.fullmatch(f"warning: cannot .* in {server.uri}: {why} \\(the run goes on; .* sent later\\)", warned[0])
    n = "4 runs wait" if options else "1 run waits"
    assert re.fullmatch(f"warning: cannot .* in {server.uri}: {why}; {n} in outputs/spool; send .*", warned[1])
    assert "Traceback" not in trained.stderr
    assert "utterance level" in trained.stdout
    # What is not answered costs two seconds each: of the end, hardly more than one may be asked.
    assert mode == "failing" or n_asked < 60

    still = call(project_copy, "-m", "sarcasm.cli", "runs", "sync", "tracking.timeout_seconds=1")
    assert still.returncode == 1
    assert "not sent: " in still.stdout
    server.turns, server.mode = {}, "through"
    sent = call(project_copy, "-m", "sarcasm.cli", "runs", "sync")
    assert sent.returncode == 0, sent.stdout
    assert set(re.findall(r"sent to (\S+)$", sent.stdout, re.MULTILINE)) == {server.uri}
    assert list((project_copy / "outputs" / "spool").iterdir()) == []

    found = all_of(mlflow_server.uri)
    assert {status for status, _, _ in found.values()} == {"FINISHED"}
    assert sorted(n_losses for _, n_losses, _ in found.values()) == ([0] if options else []) + [STEPS] * (
        len(found) - len(options[:1])
    )
    assert len(found) == (4 if options else 1)
    assert all("model" in files for _, n_losses, files in found.values() if n_losses)
    assert sum("report.html" in files for _, _, files in found.values()) == 1


@pytest.mark.parametrize(("mode", "why"), FAILS)
def test_a_sweep_on_a_server_that_fails_finishes_its_jobs_and_is_concluded_later(
    mlflow_server: MlflowServer, between: Callable[..., Between], project_copy: Path, mode: str, why: str
) -> None:
    server = between(mlflow_server.uri, mode=mode)
    sweep = ("train.py", "-m", "head=small,linear", "seed=0,1", *TRAIN[1:], f"tracking.uri={server.uri}")
    swept = call(project_copy, *sweep)
    assert swept.returncode == 1
    assert swept.stderr.splitlines()[-1] == (
        f"error: cannot open the experiment sarcasm in {server.uri}: {why}; what"
        " the sweep's jobs gave is compared when the same command is given again, once sarcasm runs sync has sent them"
    )
    assert len(re.findall(r"^#\d  FINISHED ", swept.stdout, re.MULTILINE)) == 4
    server.mode = "through"
    sent = call(project_copy, "-m", "sarcasm.cli", "runs", "sync")
    assert sent.returncode == 0, sent.stdout
    found = all_of(mlflow_server.uri)
    assert sorted(n_losses for _, n_losses, _ in found.values()) == [0] + [STEPS] * 4
    assert {status for status, n_losses, _ in found.values() if n_losses} == {"FINISHED"}
    again = call(project_copy, *sweep)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("done before") == 4
    assert {status for status, _, _ in all_of(mlflow_server.uri).values()} == {"FINISHED"}
