"""A server that fails: the run goes on, and what the server gets in the end is what an undisturbed run would have told it."""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException

from sarcasm.errors import BusyError, TrackingError
from sarcasm.tracking import Tracked, Tracking, open_store, spool, start, sync
from sarcasm.tracking.metrics import Point
from sarcasm.tracking.operations import Batch, Begin, End, Files, Input, from_line, to_line
from sarcasm.tracking.store import Store
from tests.tracking_fixtures import Between, MlflowServer

Options = Callable[..., Tracking]
STEPS = 400


@pytest.fixture(autouse=True)
def hasty_client(own_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client gives up at once, or every attempt would take seconds."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")


def record(options: Tracking, project: Path, disturb: Callable[[int], object] = lambda step: None) -> Tracked:
    """A run with a run in it, which something is done to at each step."""
    with start(options, project, run_name="whole", params={"a": 1}, tags={"b": "2"}) as tracked:
        with tracked.child("part", {"fold": "0"}, {}) as part:
            for step in range(STEPS):
                part.log_step(step, {"train/loss": 1 / (step + 1)})
                disturb(step)
        tracked.log_metrics({"test/f1": 0.5, "nothing": math.nan})
        tracked.log_text("kept", "reports/a.txt")
        tracked.log_dataset("smoke", "sha256:ab", "data", 3)
    return tracked


def all_of(uri: str, project: Path) -> dict[str, Any]:
    """Everything that a server has of the runs, without ids and dates."""
    client = open_store(uri, project, 10.0).client
    runs = client.search_runs([each.experiment_id for each in client.search_experiments()])
    names = {run.info.run_id: run.info.run_name for run in runs}
    assert len(names) == len(set(names.values()))  # nothing twice
    return {
        run.info.run_name: {
            "status": run.info.status,
            "params": run.data.params,
            "metrics": {
                key: [(point.step, str(point.value)) for point in client.get_metric_history(run.info.run_id, key)]
                for key in run.data.metrics
            },
            "parent": names.get(run.data.tags.get("mlflow.parentRunId")),
            "files": sorted(each.path for each in client.list_artifacts(run.info.run_id)),
            "dataset": [each.dataset.name for each in run.inputs.dataset_inputs],
            "b": run.data.tags.get("b"),
        }
        for run in runs
    }


def undisturbed() -> dict[str, Any]:
    losses = [(step, str(1 / (step + 1))) for step in range(STEPS)]
    return {
        "whole": {
            "status": "FINISHED", "params": {"a": "1"},
            "metrics": {"test/f1": [(0, "0.5")], "nothing": [(0, "nan")]},
            "parent": None, "files": ["params.json", "reports"], "dataset": ["smoke"], "b": "2",
        },
        "part": {
            "status": "FINISHED", "params": {"fold": "0"}, "metrics": {"train/loss": losses}, "parent": "whole",
            "files": ["params.json"], "dataset": [], "b": None,
        },
    }  # fmt: skip


@pytest.mark.slow
def test_a_server_that_is_down_at_the_start_is_told_when_it_is_back(
    mlflow_server: MlflowServer, tracking: Options, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mlflow_server.stop()
    options = tracking(uri=mlflow_server.uri, timeout_seconds=1.0, flush_seconds=0.2)
    tracked = record(options, tmp_path)
    assert tracked.run_id.startswith("spool:")
    assert caplog.messages[0] == (
        f"tracking server {mlflow_server.uri} does not answer (connection refused); start it or choose another place"
        " with tracking.uri (the run goes on; what it records is kept and sent later)"
    )
    assert caplog.messages[1].endswith("2 runs wait in outputs/spool; send them with: sarcasm runs sync")
    assert len(caplog.messages) == 2
    entries = spool.waiting(tmp_path)
    mlflow_server.start()
    sent = [spool.send(entry, lambda uri: open_store(uri, tmp_path, 10.0)) for entry in entries]
    assert {each.problem for each in sent} == {""}
    assert all_of(mlflow_server.uri, tmp_path) == undisturbed()
    assert spool.waiting(tmp_path) == []


@pytest.mark.parametrize(
    "trouble",
    ["stopped", *(pytest.param(each, marks=pytest.mark.slow) for each in ("frozen", "replaced by an empty one"))],
)
def test_a_server_in_trouble_gets_the_same_in_the_end(
    mlflow_server: MlflowServer, made_database: Path, tracking: Options, tmp_path: Path, trouble: str
) -> None:
    def disturb(step: int) -> None:
        time.sleep(0.002)
        if step == STEPS // 4:
            mlflow_server.signal(signal.SIGSTOP) if trouble == "frozen" else mlflow_server.stop()
        if step == STEPS // 2:
            if trouble == "frozen":
                time.sleep(3)  # longer than the client waits
                mlflow_server.signal(signal.SIGCONT)
                return
            if trouble != "stopped":
                shutil.rmtree(mlflow_server.folder)
                mlflow_server.folder.mkdir()
                shutil.copy(made_database, mlflow_server.folder / "server.db")
            mlflow_server.start()

    options = tracking(uri=mlflow_server.uri, timeout_seconds=100.0, flush_seconds=0.1)
    tracked = record(options, tmp_path, disturb)
    assert spool.waiting(tmp_path) == []
    assert all_of(mlflow_server.uri, tmp_path) == undisturbed()
    assert not tracked.run_id.startswith("spool:")


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_a_run_that_can_be_sent(
    mlflow_server: MlflowServer, tracking: Options, tmp_path: Path
) -> None:
    code = """
import os, signal, sys, time
from pathlib import Path
from sarcasm.tracking import Tracking, start
from sarcasm.tracking.options import OnFailure
options = Tracking("mlflow", sys.argv[1], "sarcasm", "", 1000, 0.2, 1.0, OnFailure.spool)
with start(options, Path(sys.argv[2]), run_name="killed", params={"a": 1}, tags={}) as tracked:
    tracked.log_step(0, {"train/loss": 1.0})
    time.sleep(0.5)
    print("now", flush=True)
    time.sleep(60)
"""
    mlflow_server.stop()
    with subprocess.Popen(
        [sys.executable, "-c", code, mlflow_server.uri, tmp_path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"now\n"
        (entry,) = spool.waiting(tmp_path)
        is_busy = spool.send(entry, lambda uri: open_store(uri, tmp_path, 1.0))
        assert is_busy.problem == "it is still being recorded"
        process.kill()
    mlflow_server.start()
    sent = spool.send(entry, lambda uri: open_store(uri, tmp_path, 10.0))
    assert (sent.run_name, sent.problem) == ("killed", "")
    run = open_store(mlflow_server.uri, tmp_path, 10.0).client.get_run(sent.run_id)
    assert (run.info.status, run.data.metrics, run.data.params) == ("KILLED", {"train/loss": 1.0}, {"a": "1"})
    assert run.data.tags["error"] == "its process ended without a word; noticed when it was sent"


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("silent", "tracking server {uri} does not answer (timed out); start it or choose another place with tracking.uri"),
        ("failing", "cannot open the experiment sarcasm in {uri}: the server fails; look at its log"),
    ],
)  # fmt: skip
def test_a_server_that_never_takes_anything_costs_a_line_and_its_time_and_another_gets_it_all(
    between: Callable[..., Between], made_database: Path, tracking: Options, tmp_path: Path,
    caplog: pytest.LogCaptureFixture, mode: str, why: str,
) -> None:  # fmt: skip
    server = between(mode=mode)
    options = tracking(uri=server.uri, timeout_seconds=1.0, flush_seconds=60.0)
    with start(options, tmp_path, run_name="whole", params={"a": 1}, tags={}) as tracked:
        for number in range(6):
            with tracked.child(f"part {number}", {"fold": str(number)}, {}) as part:
                part.log_step(0, {"train/loss": 0.5})
        tracked.log_text("kept", "a.txt")
    assert tracked.where == f"{server.uri}, once sarcasm runs sync has sent it"
    assert (
        caplog.messages[0] == f"{why.format(uri=server.uri)} (the run goes on; what it records is kept and sent later)"
    )
    assert caplog.messages[1].endswith("; 7 runs wait in outputs/spool; send them with: sarcasm runs sync")
    assert len(caplog.messages) == 2
    # Each request that is not answered takes its time: they are few, however many runs there are.
    assert mode == "failing" or server.n_asked <= 4

    for entry in spool.waiting(tmp_path):
        modes = {path.name: path.stat().st_mode & 0o777 for path in (entry, entry / spool.JOURNAL)}
        assert modes == {entry.name: 0o700, spool.JOURNAL: 0o600}
    shutil.copy(made_database, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    sent = list(sync(tracking(uri=uri), tmp_path))
    assert {(each.problem, each.uri) for each in sent} == {("", uri)}
    everything = all_of(uri, tmp_path)
    assert {each["status"] for each in everything.values()} == {"FINISHED"}
    assert [everything[f"part {number}"]["metrics"] for number in range(6)] == [{"train/loss": [(0, "0.5")]}] * 6
    assert {everything[f"part {number}"]["parent"] for number in range(6)} == {"whole"}
    assert everything["whole"]["files"] == ["a.txt", "params.json"]


def test_a_folder_in_which_no_run_waits_is_left_as_it_is(tmp_path: Path, tracking: Options) -> None:
    own = tmp_path / "clips"
    own.mkdir()
    for folder in (own, tmp_path / "nowhere"):
        (sent,) = sync(tracking(), tmp_path, [folder])
        assert sent.problem == f"no run waits in {folder}; name a folder of outputs/spool/, or none to send all"
    assert [list(own.iterdir()), list(tmp_path.iterdir())] == [[], [own]]


def test_a_server_that_does_not_answer_is_waited_for_once_however_many_runs_wait(
    between: Callable[..., Between], tracking: Options, tmp_path: Path
) -> None:
    server = between(mode="silent")
    for number in range(3):
        begin = Begin("sarcasm", f"run {number}", number, {})
        spool.Entry.new(tmp_path, server.uri, begin, [End("FINISHED", 9)]).close(is_done=False)
    problems = {each.problem for each in sync(tracking(timeout_seconds=0.2), tmp_path)}
    assert problems == {
        f"tracking server {server.uri} does not answer (timed out); start it or choose another place with tracking.uri"
    }
    assert server.n_asked <= 3  # times that it is asked before it is given up
    assert len(spool.waiting(tmp_path)) == 3


def test_an_entry_that_an_earlier_version_left_with_a_password_is_sent_without_it(tmp_path: Path) -> None:
    entry = spool.Entry.new(tmp_path, "http://anna:secret@there", Begin("sarcasm", "one", 0, {}), [End("FINISHED", 1)])
    entry.close(is_done=False)
    entry.folder.chmod(0o755)
    asked: list[str] = []

    def open_of(uri: str) -> Store:
        asked.append(uri)
        return Store(uri, None, False, Client([]))  # type: ignore[arg-type]

    assert spool.send(entry.folder, open_of).uri == "http://there"
    assert asked == ["http://there"]


# --- the order of things, with a store that is made up ------------------------------------------------------------------


class Client:
    """Remembers what it is told, and fails when it is told to, before or after it has done what it was asked."""

    def __init__(self, failures: list[str]) -> None:
        self.failures, self.runs = failures, {}

    def _fails(self, when: str) -> None:
        if self.failures and self.failures[0] == when:
            self.failures.pop(0)
            raise MlflowException("no answer")

    def _do(self, deed: Callable[[], Any]) -> Any:
        if self.failures and self.failures[0] == "no":
            self.failures.pop(0)
        self._fails("before")
        done = deed()
        self._fails("after")
        return done

    def get_experiment_by_name(self, name: str) -> Any:
        return type("Experiment", (), {"lifecycle_stage": "active", "experiment_id": "1"})

    def create_run(self, experiment_id: str, started: int, tags: dict[str, str], name: str) -> Any:
        run = {"tags": tags, "name": name, "told": [], "status": "RUNNING"}
        number = str(len(self.runs))
        self._do(lambda: self.runs.__setitem__(number, run))
        return self._run(number)

    def search_runs(self, ids: list[str], text: str) -> list[Any]:
        key = text.split("'")[1]
        return [self._run(number) for number, run in self.runs.items() if run["tags"].get(spool.KEY_TAG) == key]

    def get_run(self, run_id: str) -> Any:
        return self._run(run_id)

    def _run(self, number: str) -> Any:
        return type("Run", (), {"info": type("Info", (), {"run_id": number})})

    def log_batch(self, run_id: str, metrics: Any, params: Any, tags: Any) -> None:
        told = self.runs[run_id]["told"]
        steps = [point.step for point in metrics]
        self._do(lambda: told.extend(step for step in steps if step not in told))  # as MLflow leaves out what it has

    def set_terminated(self, run_id: str, status: str, ended: int) -> None:
        self._do(lambda: self.runs[run_id].__setitem__("status", status))


@given(st.lists(st.sampled_from(["no", "before", "after"]), max_size=20), st.lists(st.integers(1, 5), max_size=6))
def test_whatever_fails_and_whenever_nothing_comes_twice_or_in_another_order(
    tmp_path_factory: pytest.TempPathFactory, failures: list[str], sizes: list[int]
) -> None:
    client = Client(list(failures))
    store = Store("http://there", None, False, client)  # type: ignore[arg-type]
    entry = spool.Entry.new(tmp_path_factory.mktemp("project"), store.uri, Begin("sarcasm", "one", 0, {}))
    step = 0
    for size in sizes:
        entry.append(Batch([Point("a", 1.0, 0, number) for number in range(step, step + size)]))
        step += size
        try:
            entry.deliver(store)
        except TrackingError:
            # As if the process had ended here.
            entry.close(is_done=False)
            entry = spool.Entry(entry.folder)
    entry.append(End("FINISHED", 1))
    for _ in range(len(failures) + 1):
        try:
            entry.deliver(store)
            break
        except TrackingError:
            continue
    (run,) = client.runs.values()
    assert run["told"] == list(range(step))
    assert run["status"] == "FINISHED"
    entry.close(is_done=True)


def test_a_line_that_was_cut_short_spoils_none_after_it(tmp_path: Path) -> None:
    entry = spool.Entry.new(tmp_path, "http://there", Begin("sarcasm", "one", 0, {}))
    entry.append(Batch([Point("a", 1.0, 0, 0)]))
    entry.close(is_done=False)
    with (entry.folder / spool.JOURNAL).open("a") as journal:
        journal.write(to_line(Batch([Point("a", 1.0, 0, 1)]))[:-10])
    again = spool.Entry(entry.folder)
    again.append(End("KILLED", 1))
    client = Client([])
    again.deliver(Store("http://there", None, False, client))  # type: ignore[arg-type]
    again.close(is_done=True)
    (run,) = client.runs.values()
    assert (run["told"], run["status"]) == ([0], "KILLED")


@pytest.mark.parametrize(
    "operation",
    [
        Begin("sarcasm", "name", 1, {"a": "é\n"}, "spool:ab", "cd"),
        Batch([Point("a", math.inf, 1, 2)], {"b": "c"}, {"d": "e"}),
        Files("folder", "path"), Input("a", "b", "c", "d"), End("KILLED", 5, "why"),
    ],
)  # fmt: skip
def test_an_operation_comes_back_from_its_line(operation: Any) -> None:
    line = to_line(operation)
    assert line.count("\n") == 1
    assert from_line(line) == operation


def test_what_cannot_be_read_is_named_and_left(tmp_path: Path) -> None:
    folder = spool.root_of(tmp_path) / "ab"
    folder.mkdir(parents=True)
    (folder / spool.JOURNAL).write_text("nonsense\n")
    sent = spool.send(folder, lambda uri: pytest.fail("nothing was to be sent"))
    assert sent.problem.startswith(f"{folder} cannot be read (")
    assert folder.exists()


def test_an_entry_has_one_owner_at_a_time(tmp_path: Path) -> None:
    entry = spool.Entry.new(tmp_path, "http://there", Begin("sarcasm", "one", 0, {}))
    with pytest.raises(BusyError):
        spool.Entry(entry.folder)
    entry.close(is_done=False)
    spool.Entry(entry.folder).close(is_done=True)
    assert not entry.folder.exists()
    assert list(spool.root_of(tmp_path).iterdir()) == []
