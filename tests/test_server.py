"""A server as docs/server.md sets it up, with PostgreSQL. `make test-postgres` installs the driver and runs this."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sarcasm.errors import TrackingError
from sarcasm.project import PROJECT
from sarcasm.tracking import Recorded, Tracking, find_run, open_store, start
from sarcasm.tracking.metrics import Point
from sarcasm.tracking.operations import Batch
from tests.tracking_fixtures import MlflowServer, free_port

PROCESSES, STEPS, FOLD_STEPS = 8, 1_000, 100
RECORD = """
import os, signal, sys
from pathlib import Path
from sarcasm.tracking import Tracking, start
from sarcasm.tracking.options import OnFailure

uri, project, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
options = Tracking("mlflow", uri, "sarcasm", "", 100, 0.2, 30.0, OnFailure.spool)
with start(options, project, run_name=f"run {number}", params={"number": number}, tags={"a": "b"}) as tracked:
    for step in range(1_000):
        tracked.log_step(step, {"train/loss": number + step / 1_000})
    tracked.log_text(f"{number}\\n" * 10_000, "reports/long.txt")
    with tracked.child("fold", {"fold": 0}, {}) as fold:
        for step in range(100):
            fold.log_step(step, {"train/loss": float(step)})
        fold.log_metrics({"test/f1": 0.5, "nothing": float("nan")})
    if number == 0:
        raise ValueError("wrong")
    if number == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    tracked.log_text("done", "done.txt")
"""

# Debian keeps them out of the way of users.
BIN = shutil.which("initdb", path=os.pathsep.join(
    [os.environ.get("PATH", ""), *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))]
))  # fmt: skip
IS_ROOT = os.getuid() == 0
MISSING = [
    *([] if BIN else ["initdb is not there; install PostgreSQL, such as Debian's package postgresql"]),
    *([] if importlib.util.find_spec("psycopg2") else ["the driver psycopg2 is not there; it is the extra postgres"]),
    *(
        ["PostgreSQL does not run as root, and there is no user postgres"]
        if IS_ROOT and "postgres" not in {user.pw_name for user in pwd.getpwall()}
        else []
    ),
]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason="; ".join(MISSING))]


def script(beginning: str) -> str:
    """The block of docs/server.md that has a line which begins so."""
    text = (PROJECT / "docs" / "server.md").read_text(encoding="utf-8")
    (found,) = (
        block
        for block in re.findall(r"^```bash\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        if re.search(f"^{beginning}", block, re.MULTILINE)
    )
    return found


class Home:
    """A home folder in which the commands of docs/server.md are run, in bash, as a user that PostgreSQL takes."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.user = folder, "postgres" if IS_ROOT else None
        if self.user:
            shutil.chown(folder, self.user)
        self.environment = {
            "HOME": str(folder), "PGPORT": str(free_port()),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), str(Path(BIN or "").parent), os.environ["PATH"]]),
        }  # fmt: skip

    def run(self, script: str) -> str:
        """Run it, and return what it prints."""
        done = subprocess.run(
            ["bash", "-euc", script], env=os.environ | self.environment, cwd=self.folder, user=self.user, check=False,
            extra_groups=[] if self.user else None, capture_output=True, text=True, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """With a PostgreSQL that runs, and listens to this machine alone."""
    # Not within pytest's folder, which other users may not enter.
    folder = Path(tempfile.mkdtemp(prefix="sarcasm-postgres-"))
    made = Home(folder)
    try:
        # pg_ctl leaves the server its own output, which would be waited for.
        made.run(script("initdb").replace(" start\n", " start > /dev/null\n"))
        yield made
    finally:
        if (folder / "mlflow" / "db" / "postmaster.pid").exists():
            made.run(f"pg_ctl --pgdata={folder}/mlflow/db --mode=immediate stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(home: Home) -> Iterator[MlflowServer]:
    server = MlflowServer(home.folder, script("mlflow server --host"), home.environment)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def guarded(home: Home, tmp_path: Path) -> Iterator[MlflowServer]:
    """A server that asks for a name and a password."""
    text = (PROJECT / "docs" / "server.md").read_text(encoding="utf-8")
    (settings,) = re.findall(r"^```ini\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    (home.folder / "mlflow" / "users.ini").write_text(settings)
    home.run(script("createdb .* users"))
    server = MlflowServer(tmp_path, script("mlflow server --app-name"), home.environment)
    try:
        server.start()
        yield server
    finally:
        server.stop()


def history(client: Any, run_id: str, metric: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in client.get_metric_history(run_id, metric)]


def test_eight_processes_at_once_lose_nothing_and_tell_nothing_twice(
    server: MlflowServer, own_environment: None, tmp_path: Path
) -> None:
    words = [sys.executable, "-c", RECORD, server.uri, str(tmp_path)]
    started = [
        subprocess.Popen([*words, str(number)], stderr=subprocess.PIPE, text=True) for number in range(PROCESSES)
    ]
    said = [process.communicate(timeout=300)[1] for process in started]
    assert [process.returncode == 0 for process in started] == [False, False] + [True] * (PROCESSES - 2), said
    assert list((tmp_path / "outputs" / "spool").iterdir()) == []

    store = open_store(server.uri, tmp_path, 30.0)
    client, experiment_id = store.client, store.experiment_id("sarcasm")
    all_runs = client.search_runs([experiment_id])
    whole = {int(run.data.params["number"]): run for run in all_runs if "number" in run.data.params}
    folds = {run.data.tags["mlflow.parentRunId"]: run for run in all_runs if "fold" in run.data.params}
    assert (len(all_runs), sorted(whole)) == (2 * PROCESSES, list(range(PROCESSES)))
    assert {run.info.run_id for run in whole.values()} == folds.keys()
    for number, run in whole.items():
        run_id = run.info.run_id
        status = {0: "FAILED", 1: "KILLED"}.get(number, "FINISHED")
        assert (run.info.status, run.info.run_name, run.data.tags["a"]) == (status, f"run {number}", "b")
        assert run.data.tags.get("error") == {"FAILED": "ValueError: wrong", "KILLED": "stopped by SIGTERM"}.get(status)
        assert history(client, run_id, "train/loss") == [(step, number + step / 1_000) for step in range(STEPS)]
        names = {"params.json", "reports"} | ({"done.txt"} if status == "FINISHED" else set())
        assert {each.path for each in client.list_artifacts(run_id)} == names
        # By way of the server: this process knows nothing of its folder.
        assert run.info.artifact_uri.startswith("mlflow-artifacts:")
        kept = Path(client.download_artifacts(run_id, "reports/long.txt", str(tmp_path)))
        assert kept.read_text() == f"{number}\n" * 10_000
        fold = folds[run_id]
        assert (fold.info.status, fold.data.metrics["test/f1"]) == ("FINISHED", 0.5)
        assert [str(value) for _, value in history(client, fold.info.run_id, "nothing")] == ["nan"]
        assert history(client, fold.info.run_id, "train/loss") == [(step, float(step)) for step in range(FOLD_STEPS)]


def test_what_is_told_again_is_kept_once(server: MlflowServer, own_environment: None, tmp_path: Path) -> None:
    store = open_store(server.uri, tmp_path, 30.0)
    run_id = store.client.create_run(store.experiment_id("again")).info.run_id
    points = [Point("train/loss", 1 / (step + 1), 1_000 + step, step) for step in range(STEPS)]
    for batch in (points[:700], points[:700], points[500:], points):
        Batch(batch, {"a": "1"}, {"b": "2"}).carry_out(store.client, run_id)
    assert history(store.client, run_id, "train/loss") == [(point.step, point.value) for point in points]


def test_eight_trainings_at_once_share_their_embeddings_and_are_all_recorded(
    server: MlflowServer, own_environment: None, project_copy: Path, tmp_path: Path
) -> None:
    words = [
        sys.executable, "train.py", f"tracking.uri={server.uri}", "tracking.experiment=trainings",
        "tracking.timeout_seconds=60", "trainer.steps=40", f"store.path={tmp_path}/embeddings.db",
    ]  # fmt: skip
    started = [
        subprocess.Popen([*words, f"seed={seed}"], cwd=project_copy, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for seed in range(PROCESSES)
    ]
    said = [process.communicate(timeout=500)[0].decode() for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES, said
    assert list((project_copy / "outputs" / "spool").iterdir()) == []

    store = open_store(server.uri, tmp_path, 30.0)
    runs = {run.data.params["seed"]: run for run in store.client.search_runs([store.experiment_id("trainings")])}
    assert sorted(runs) == [str(seed) for seed in range(PROCESSES)]
    first = {each.path for each in store.client.list_artifacts(runs["0"].info.run_id)}
    assert {"params.json", "config.yaml", "predictions.csv", "model"} <= first
    for run in runs.values():
        assert run.info.status == "FINISHED"
        assert run.data.params.keys() == runs["0"].data.params.keys()
        assert run.data.metrics.keys() == runs["0"].data.metrics.keys()
        losses = history(store.client, run.info.run_id, "train/loss")
        assert [step for step, _ in losses] == list(range(40))
        assert losses[0][1] > losses[-1][1]
        assert {each.path for each in store.client.list_artifacts(run.info.run_id)} == first


def test_what_was_saved_comes_back(home: Home, server: MlflowServer, own_environment: None, tmp_path: Path) -> None:
    store = open_store(server.uri, tmp_path, 30.0)
    run_id = store.client.create_run(store.experiment_id("saved")).info.run_id
    store.client.log_text(run_id, "kept", "kept.txt")
    # Artifacts belong to who runs the server, which PostgreSQL's user may read.
    home.run(script("pg_dump"))
    home.run("createdb --host=127.0.0.1 --username=mlflow again")
    home.run("pg_restore --host=127.0.0.1 --username=mlflow --dbname=again mlflow/runs.dump")
    (found,) = home.run(
        "psql --host=127.0.0.1 --username=mlflow --tuples-only --no-align"
        f" --command=\"select artifact_uri from runs where run_uuid = '{run_id}'\" again"
    ).splitlines()
    kept = found.removeprefix("mlflow-artifacts:/") + "/kept.txt"
    assert home.run(f"tar --extract --to-stdout --file=mlflow/artifacts.tar.gz artifacts/{kept}") == "kept"


def test_a_database_that_is_up_to_date_stays_so(home: Home, server: MlflowServer) -> None:
    upgrade = script("mlflow db upgrade")
    done = subprocess.run(
        ["bash", "-euc", upgrade], env=os.environ | home.environment, capture_output=True, text=True, check=False, timeout=300
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not importlib.util.find_spec("flask_wtf"), reason="mlflow[auth] is not there")
def test_names_and_passwords_are_asked_for_and_taken_from_the_environment(
    home: Home, guarded: MlflowServer, tracking: Callable[..., Tracking], own_environment: None, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    admin = ("admin", (home.folder / "mlflow" / "admin").read_text().strip())
    for name in ("anna", "ben"):
        made = requests.post(
            f"{guarded.uri}/api/2.0/mlflow/users/create", auth=admin, timeout=30,
            json={"username": name, "password": f"a word of {name}"},
        )  # fmt: skip
        assert made.status_code == 200, made.text
    options = tracking(uri=guarded.uri, timeout_seconds=30.0)

    def record() -> Recorded:
        with start(options, tmp_path, run_name="one", params={"a": 1}, tags={}) as tracked:
            tracked.log_step(0, {"train/loss": 0.5})
            tracked.log_text("kept", "kept.txt")
        return find_run(options, tmp_path, tracked.run_id)

    refused = f"cannot open the experiment sarcasm in {guarded.uri}: the server refuses; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ben")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "a word of anna")
    with pytest.raises(TrackingError, match=f"^{re.escape(refused)}$"):
        record()
    # Anna makes the experiment, Ben records in it too.
    for name in ("anna", "ben"):
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", name)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", f"a word of {name}")
        run = record()
        assert (run.status, run.metrics["train/loss"]) == ("FINISHED", 0.5)
        assert run.text("kept.txt") == "kept"
