"""A run: what it keeps, how it ends, and that nothing is lost on the way."""

from __future__ import annotations

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm.errors import ConfigError, TrackingError
from sarcasm.tracking import Terminated, Tracked, Tracking, find_run, open_store, run, spool, start
from sarcasm.tracking.failures import is_locked
from sarcasm.tracking.metrics import Gatherer, Point, append_to_sqlite, post_to_server
from sarcasm.tracking.operations import Batch, from_line
from sarcasm.tracking.options import OnFailure
from sarcasm.tracking.processes import is_alive, is_gone, this_process
from tests.tracking_fixtures import MlflowServer, files_of_at_most

Options = Callable[..., Tracking]


def recorded(project: Path, run_id: str) -> Any:
    return open_store("", project, 5.0).client.get_run(run_id)


def history(project: Path, run_id: str, key: str) -> list[tuple[int, float]]:
    points = open_store("", project, 5.0).client.get_metric_history(run_id, key)
    return sorted((point.step, point.value) for point in points)


def artifacts(project: Path, tracked: Tracked) -> Path:
    return project / "mlruns" / "sarcasm" / tracked.run_id / "artifacts"


def begun(options: Tracking, project: Path, **given: Any) -> AbstractContextManager[Tracked]:
    return start(options, project, **({"run_name": "", "params": {}, "tags": {}} | given))


def cut_short(
    kind: type[BaseException], options: Tracking, project: Path, act: Callable[[Tracked], object]
) -> tuple[Tracked, BaseException]:
    """A run that ends with an exception of this kind, and the exception."""
    runs = []

    def whole() -> None:
        with begun(options, project) as tracked:
            runs.append(tracked)
            act(tracked)

    with pytest.raises(kind) as raised:
        whole()
    return runs[0], raised.value


# --- what a run keeps -------------------------------------------------------------------------------------------------


def test_a_run_keeps_what_it_was_told_and_prints_nothing(
    tracked_project: Path, tracking: Options, capfd: pytest.CaptureFixture[str]
) -> None:
    params = {"seed": 42, "head.hidden": [100], "pca.enabled": True, "tracking.uri": "", "only": None}
    with begun(tracking(), tracked_project, run_name="small", params=params, tags={"split.leaky": "false"}) as tracked:
        for step in range(30):
            tracked.log_step(step, {"train/loss": 1 / (step + 1), "validation/loss": float(step)})
        tracked.log_metrics({"test/utterance/f1_weighted": 0.5, "time/fit": math.inf, "baseline/none/auroc": math.nan})
        tracked.log_tags({"config.hash": "sha256:ab", "split.leaky": "true"})
    kept = recorded(tracked_project, tracked.run_id)
    assert (kept.info.status, kept.info.run_name, tracked.run_name) == ("FINISHED", "small", "small")
    assert kept.data.params == {
        "seed": "42", "head.hidden": "[100]", "pca.enabled": "True", "tracking.uri": "", "only": "None"
    }  # fmt: skip
    assert json.loads((artifacts(tracked_project, tracked) / "params.json").read_text()) == params
    assert kept.data.tags["split.leaky"] == "true"
    assert kept.data.tags["config.hash"] == "sha256:ab"
    assert history(tracked_project, tracked.run_id, "train/loss") == [(step, 1 / (step + 1)) for step in range(30)]
    assert history(tracked_project, tracked.run_id, "validation/loss") == [(step, float(step)) for step in range(30)]
    assert kept.data.metrics["test/utterance/f1_weighted"] == 0.5
    assert kept.data.metrics["time/fit"] == sys.float_info.max
    assert math.isnan(kept.data.metrics["baseline/none/auroc"])
    assert capfd.readouterr() == ("", "")


def test_no_param_is_lost_to_length_or_number(tracked_project: Path, tracking: Options) -> None:
    params = {f"group.option_{number}": number for number in range(250)} | {"long": "é" * 7000, "just": "x" * 6000}
    with begun(tracking(), tracked_project, params=params, tags={"long": "t" * 9000}) as tracked:
        pass
    kept = recorded(tracked_project, tracked.run_id).data
    assert set(kept.params) == set(params)
    ending = " ... (cut; 7000 characters in all, the whole is in params.json)"
    assert kept.params["long"] == "é" * (6000 - len(ending)) + ending
    assert kept.params["just"] == params["just"]
    assert kept.tags["long"].endswith("t ... (cut; 9000 characters in all)")
    assert len(kept.tags["long"]) == 8000
    assert json.loads((artifacts(tracked_project, tracked) / "params.json").read_text()) == params


def test_the_run_name_of_the_options_wins(tracked_project: Path, tracking: Options) -> None:
    with begun(tracking(run_name="mine"), tracked_project, run_name="made") as tracked:
        assert tracked.run_name == "mine"


def test_a_run_says_who_ran_what(tracked_project: Path, tracking: Options) -> None:
    with begun(tracking(), tracked_project) as tracked:
        pass
    tags = recorded(tracked_project, tracked.run_id).data.tags
    assert tags["mlflow.source.name"] == "train.py"
    assert tags["mlflow.source.type"] == "LOCAL"
    assert tags["process.pid"] == str(os.getpid())
    assert tags.keys() >= {"mlflow.user", "process.host", "process.namespace", "process.started"}
    assert not tags.keys() & {"mlflow.source.git.commit", "git.dirty"}


@pytest.mark.parametrize("is_dirty", [False, True])
def test_a_run_names_the_commit_and_whether_the_files_differ(
    tracked_project: Path, tracking: Options, is_dirty: bool
) -> None:
    def git(*arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        done = subprocess.run(
            ["git", *identity, *arguments], cwd=tracked_project, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    git("init")
    (tracked_project / "train.py").write_text("one\n")
    git("add", "train.py")
    git("commit", "--message", "first")
    git("tag", "v1")
    if is_dirty:
        (tracked_project / "train.py").write_text("two\n")
    with begun(tracking(), tracked_project) as tracked:
        pass
    tags = recorded(tracked_project, tracked.run_id).data.tags
    assert tags["mlflow.source.git.commit"] == git("rev-parse", "HEAD")
    assert tags["git.dirty"] == str(is_dirty).lower()


def test_a_user_without_a_name_is_no_hindrance(
    tracked_project: Path, tracking: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 4242")

    monkeypatch.setattr("getpass.getuser", nameless)
    with begun(tracking(), tracked_project) as tracked:
        pass
    assert "mlflow.user" not in recorded(tracked_project, tracked.run_id).data.tags


def test_artifacts_lie_where_they_were_said_to(tracked_project: Path, tracking: Options, tmp_path: Path) -> None:
    (tmp_path / "report" / "plots").mkdir(parents=True)
    (tmp_path / "report" / "plots" / "a.svg").write_text("<svg/>")
    with begun(tracking(), tracked_project) as tracked:
        tracked.log_text("süß", "reports/classification_report.txt")
        tracked.log_json({"süß": [1, None]}, "scores.json")
        tracked.log_folder(tmp_path / "report")
    kept = artifacts(tracked_project, tracked)
    assert (kept / "reports/classification_report.txt").read_text(encoding="utf-8") == "süß"
    assert (kept / "scores.json").read_text(encoding="utf-8") == '{\n  "süß": [\n    1,\n    null\n  ]\n}\n'
    assert (kept / "plots/a.svg").read_text() == "<svg/>"


def test_an_artifact_that_cannot_be_kept_is_named(tracked_project: Path, tracking: Options, tmp_path: Path) -> None:
    (tmp_path / "report" / "plots").mkdir(parents=True)
    (tmp_path / "report" / "plots" / "a.svg").write_text("<svg/>")

    def keep(run: Tracked) -> None:
        (artifacts(tracked_project, run) / "plots").write_text("in the way")
        run.log_folder(tmp_path / "report")

    tracked, error = cut_short(TrackingError, tracking(), tracked_project, keep)
    assert str(error) == (
        f"cannot keep {tmp_path}/report in sqlite:///{tracked_project}/mlflow.db: a part of its path is a file, not a"
        " folder; move that file away or choose another place with tracking.uri"
    )
    assert recorded(tracked_project, tracked.run_id).info.status == "FAILED"


def test_the_dataset_is_an_input_of_the_run(tracked_project: Path, tracking: Options) -> None:
    fingerprint = "sha256:" + "0123456789abcdef" * 4
    with begun(tracking(), tracked_project) as tracked:
        tracked.log_dataset("smoke", fingerprint, "data/smoke", n_rows=40)
    (used,) = recorded(tracked_project, tracked.run_id).inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("smoke", "0123456789abcdef" * 2)
    assert json.loads(used.dataset.source) == {"uri": "data/smoke"}
    assert json.loads(used.dataset.profile) == {"num_rows": 40, "fingerprint": fingerprint}
    assert [(tag.key, tag.value) for tag in used.tags] == [("mlflow.data.context", "training")]


def test_a_dataset_that_another_run_makes_at_the_same_moment_is_taken_from_it(
    tracked_project: Path, tracking: Options
) -> None:
    from mlflow.store.tracking.dbmodels.models import SqlDataset
    from sqlalchemy import event, insert

    rivals: list[str] = []

    def rival(mapper: object, connection: Any, mine: Any) -> None:
        # Between MLflow's look for the dataset and its making one.
        if not rivals:
            rivals.append(mine.name)
            columns = {column.name: getattr(mine, column.name) for column in SqlDataset.__table__.columns}
            connection.execute(insert(SqlDataset.__table__).values(columns | {"dataset_uuid": "theirs"}))

    event.listen(SqlDataset, "before_insert", rival)
    try:
        with begun(tracking(), tracked_project) as tracked:
            tracked.log_dataset("smoke", "sha256:ab", "data/smoke", 3)
    finally:
        event.remove(SqlDataset, "before_insert", rival)
    (found,) = recorded(tracked_project, tracked.run_id).inputs.dataset_inputs
    assert rivals == ["smoke"]
    assert found.dataset.name == "smoke"


def test_the_seconds_of_a_stage_are_those_of_all_its_blocks(
    tracked_project: Path, tracking: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([10.0, 12.0, 20.0, 21.5, 30.0, 31.0])
    with begun(tracking(), tracked_project) as tracked:
        monkeypatch.setattr(run.time, "perf_counter", lambda: next(now))
        for stage in ("fit", "fit"):
            with tracked.time(stage):
                pass
        with suppress(ValueError), tracked.time("report"):
            raise ValueError
        monkeypatch.undo()
    assert recorded(tracked_project, tracked.run_id).data.metrics == {"time/fit": 3.5, "time/report": 1.0}


def test_two_runs_may_be_open_at_once(tracked_project: Path, tracking: Options) -> None:
    with begun(tracking(), tracked_project, run_name="parent") as parent:
        of_parent = {"mlflow.parentRunId": parent.run_id}
        with begun(tracking(), tracked_project, run_name="child", tags=of_parent) as child:
            child.log_step(0, {"train/loss": 1.0})
        parent.log_step(0, {"train/loss": 2.0})
        assert recorded(tracked_project, parent.run_id).info.status == "RUNNING"
        assert recorded(tracked_project, child.run_id).info.status == "FINISHED"
    assert history(tracked_project, child.run_id, "train/loss") == [(0, 1.0)]
    assert history(tracked_project, parent.run_id, "train/loss") == [(0, 2.0)]


def test_a_run_may_be_recorded_outside_the_main_thread(tracked_project: Path, tracking: Options) -> None:
    ids = []

    def record() -> None:
        with begun(tracking(), tracked_project) as tracked:
            ids.append(tracked.run_id)

    thread = threading.Thread(target=record)
    thread.start()
    thread.join()
    assert recorded(tracked_project, ids[0]).info.status == "FINISHED"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"flush_metrics": 0}, "tracking.flush_metrics=0: at least 1 is needed"),
        ({"flush_seconds": 0.0}, "tracking.flush_seconds=0.0: a number above 0 is needed"),
        ({"timeout_seconds": math.nan}, "tracking.timeout_seconds=nan: a number above 0 is needed"),
        ({"timeout_seconds": math.inf}, "tracking.timeout_seconds=inf: a number above 0 is needed"),
        ({"experiment": " "}, "tracking.experiment is empty; give the experiment a name"),
    ],
)
def test_options_out_of_range_are_refused(tracking: Options, changed: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        tracking(**changed)
    assert str(raised.value) == message


# --- how a run ends ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ending", "status", "said"),
    [
        (ValueError("two\nlines"), "FAILED", "ValueError: two lines"),
        (ValueError("x" * 1000), "FAILED", "ValueError: " + "x" * 484 + " ..."),
        (TrackingError("the disk is full"), "FAILED", "the disk is full"),
        (SystemExit(3), "FAILED", "SystemExit: 3"),
        (SystemExit(0), "FINISHED", None),
        (SystemExit(), "FINISHED", None),
        (KeyboardInterrupt(), "KILLED", "interrupted by Ctrl-C"),
        (Terminated(signal.SIGHUP), "KILLED", "stopped by SIGHUP"),
    ],
)
def test_the_status_tells_how_a_run_ended_and_what_was_gathered_is_sent(
    tracked_project: Path, tracking: Options, ending: BaseException, status: str, said: str | None
) -> None:
    def act(tracked: Tracked) -> None:
        tracked.log_step(0, {"train/loss": 1.0})
        raise ending

    tracked, error = cut_short(type(ending), tracking(), tracked_project, act)
    assert error is ending
    kept = recorded(tracked_project, tracked.run_id)
    assert (kept.info.status, kept.data.tags.get("error")) == (status, said)
    assert kept.info.end_time is not None
    assert history(tracked_project, tracked.run_id, "train/loss") == [(0, 1.0)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_a_run_as_killed_and_the_handlers_are_put_back(
    tracked_project: Path, tracking: Options, number: signal.Signals
) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]

    def act(tracked: Tracked) -> None:
        tracked.log_step(0, {"train/loss": 1.0})
        os.kill(os.getpid(), number)
        pytest.fail("the signal was not heard")

    kind = KeyboardInterrupt if number is signal.SIGINT else Terminated
    tracked, _ = cut_short(kind, tracking(), tracked_project, act)
    assert recorded(tracked_project, tracked.run_id).info.status == "KILLED"
    assert history(tracked_project, tracked.run_id, "train/loss") == [(0, 1.0)]
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


def test_a_process_that_is_terminated_ends_with_status_143_and_says_nothing(
    tracked_project: Path, tracking: Options
) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from sarcasm.tracking import Tracking, start
with start(Tracking("mlflow", "", "sarcasm", "", 1000, 60.0, 5.0), Path(sys.argv[1]), run_name="", params={}, tags={}):
    os.kill(os.getpid(), signal.SIGTERM)
"""
    done = subprocess.run([sys.executable, "-c", code, tracked_project], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (143, "", "")
    opened = open_store("", tracked_project, 5.0)
    (kept,) = opened.client.search_runs([opened.experiment_id("sarcasm")])
    assert (kept.info.status, kept.data.tags["error"]) == ("KILLED", "stopped by SIGTERM")


@pytest.mark.parametrize("theirs", [signal.SIG_IGN, lambda number, frame: None])
def test_a_signal_that_is_ignored_or_handled_by_another_stays_so(
    tracked_project: Path, tracking: Options, theirs: Any
) -> None:
    before = signal.signal(signal.SIGHUP, theirs)  # nohup ignores it
    try:
        with begun(tracking(), tracked_project) as tracked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is theirs
    finally:
        signal.signal(signal.SIGHUP, before)
    assert recorded(tracked_project, tracked.run_id).info.status == "FINISHED"


def test_a_second_ctrl_c_does_not_cut_the_ending_short(
    tracked_project: Path, tracking: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = Gatherer.flush

    def impatient(self: Gatherer) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        flush(self)

    monkeypatch.setattr(Gatherer, "flush", impatient)

    def act(tracked: Tracked) -> None:
        tracked.log_step(0, {"train/loss": 1.0})
        os.kill(os.getpid(), signal.SIGINT)

    tracked, _ = cut_short(KeyboardInterrupt, tracking(), tracked_project, act)
    assert recorded(tracked_project, tracked.run_id).info.status == "KILLED"
    assert history(tracked_project, tracked.run_id, "train/loss") == [(0, 1.0)]


def test_a_fork_that_fails_does_not_end_the_run_of_its_parent(
    tracked_project: Path, tracking: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()

    def act(_: Tracked) -> None:
        monkeypatch.setattr(run.os, "getpid", lambda: parent + 1)
        raise ValueError("in the fork")

    tracked, _ = cut_short(ValueError, tracking(), tracked_project, act)
    monkeypatch.undo()
    assert recorded(tracked_project, tracked.run_id).info.status == "RUNNING"


# --- runs whose process is gone ---------------------------------------------------------------------------------------


@pytest.fixture
def ended_process() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_run_of_a_process_that_was_killed_is_marked_by_the_next(
    tracked_project: Path, tracking: Options, ended_process: int
) -> None:
    own = this_process().tags()
    opened = open_store("", tracked_project, 5.0)
    recorders = {
        "killed": own | {"process.pid": str(ended_process)},
        "its id was used again": own | {"process.started": "1"},
        "alive": own,
        "elsewhere": own | {"process.pid": str(ended_process), "process.host": "another"},
        "in a container": own | {"process.pid": str(ended_process), "process.namespace": "pid:[1]"},
        "nobody knows": {},
    }
    ids = {}
    for name, tags in recorders.items():
        ids[name] = opened.client.create_run(opened.experiment_id("sarcasm"), tags=tags).info.run_id
    other = opened.client.create_run(opened.experiment_id("other"), tags=recorders["killed"]).info.run_id
    with begun(tracking(), tracked_project):
        pass
    assert {name: recorded(tracked_project, run_id).info.status for name, run_id in ids.items()} == {
        "killed": "KILLED", "its id was used again": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING",
        "in a container": "RUNNING", "nobody knows": "RUNNING",
    }  # fmt: skip
    said = recorded(tracked_project, ids["killed"]).data.tags["error"]
    assert said == f"process {ended_process} ended without a word; noticed later"
    assert recorded(tracked_project, other).info.status == "RUNNING"


def test_a_run_that_ends_while_it_is_looked_at_keeps_its_status(
    tracked_project: Path, tracking: Options, ended_process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_store("", tracked_project, 5.0)
    tags = this_process().tags() | {"process.pid": str(ended_process)}
    run_id = opened.client.create_run(opened.experiment_id("sarcasm"), tags=tags).info.run_id

    def ends_meanwhile(tags: dict[str, str]) -> bool:
        opened.client.set_terminated(run_id, "FINISHED")
        return is_gone(tags)

    monkeypatch.setattr("sarcasm.tracking.processes.is_gone", ends_meanwhile)
    with begun(tracking(), tracked_project):
        pass
    assert recorded(tracked_project, run_id).info.status == "FINISHED"


def test_a_process_that_waits_to_be_noticed_by_its_parent_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is still listed
    assert not is_alive(process.pid)
    process.wait()
    assert is_alive(os.getpid())


def test_without_proc_the_id_alone_counts(monkeypatch: pytest.MonkeyPatch, ended_process: int) -> None:
    monkeypatch.setattr("sarcasm.tracking.processes._status", lambda pid: [])
    own = this_process().tags()
    assert own["process.started"] == ""
    assert not is_gone(own)
    assert is_gone(own | {"process.pid": str(ended_process)})


# --- gathering and sending metrics ------------------------------------------------------------------------------------


class Recipient:
    """Takes points, or refuses them as long as `is_open` is false."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Point]] = []
        self.is_open = True

    def __call__(self, points: Sequence[Point]) -> None:
        if not self.is_open:
            raise TrackingError("no answer")
        self.batches.append(points)

    @property
    def steps(self) -> list[int]:
        return [point.step for batch in self.batches for point in batch]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the gatherer reads, in seconds, as a list of one that a test may change."""
    now = [100.0]
    monkeypatch.setattr("sarcasm.tracking.metrics.time.monotonic", lambda: now[0])
    return now


def test_metrics_are_sent_by_count(clock: list[float]) -> None:
    recipient = Recipient()
    gatherer = Gatherer(recipient, flush_metrics=4, flush_seconds=60.0)
    for step in range(5):
        gatherer.add(step, {"a": 1.0, "b": 2.0})
    assert [len(batch) for batch in recipient.batches] == [4, 4]
    gatherer.flush()
    assert recipient.steps == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_metrics_are_sent_by_time(clock: list[float]) -> None:
    recipient = Recipient()
    gatherer = Gatherer(recipient, flush_metrics=1000, flush_seconds=2.0)
    for step in range(5):
        gatherer.add(step, {"a": 1.0})
        clock[0] += 1.0
    assert [[point.step for point in batch] for batch in recipient.batches] == [[0, 1, 2], [3, 4]]


def test_metrics_that_a_store_does_not_take_are_kept_and_sent_later(
    clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    recipient = Recipient()
    gatherer = Gatherer(recipient, flush_metrics=1, flush_seconds=2.0)
    recipient.is_open = False
    for step in range(3):
        gatherer.add(step, {"a": 1.0})
    clock[0] += 3.0
    gatherer.add(3, {"a": 1.0})
    assert caplog.messages == ["no answer (training goes on; the metrics are kept and sent later)"]
    recipient.is_open = True
    gatherer.add(4, {"a": 1.0})
    assert recipient.batches == []  # not before some time has passed: a server that hangs must not hold up every step
    clock[0] += 3.0
    gatherer.add(5, {"a": 1.0})
    assert recipient.steps == [0, 1, 2, 3, 4, 5]


def test_an_attempt_that_took_long_is_not_repeated_soon(clock: list[float]) -> None:
    attempts = []

    def hang(points: Sequence[Point]) -> None:
        attempts.append(clock[0])
        clock[0] += 5.0
        raise TrackingError("no answer")

    gatherer = Gatherer(hang, flush_metrics=1, flush_seconds=1.0)
    for step in range(200):
        gatherer.add(step, {"a": 1.0})
        clock[0] += 1.0
    assert np.diff(attempts).min() >= 55.0
    assert len(gatherer.points) == 200


def test_what_a_store_cuts_is_read_whole(tracked_project: Path, tracking: Options) -> None:
    overrides = [f"dataset.only=[{','.join(f'clip_{number}' for number in range(1000))}]", "seed=1"]
    cautions = "\n".join(f"speaker {number} is on both sides" for number in range(500))
    params = {"dataset.only": [f"clip_{number}" for number in range(1000)]}
    tags = {"overrides": json.dumps(overrides)}
    with begun(tracking(), tracked_project, run_name="n" * 9000, params=params, tags=tags) as tracked:
        tracked.log_surroundings()
        tracked.log_tags({"cautions": cautions})
        assert tracked.recorded({}).overrides() == overrides
    found = find_run(tracking(), tracked_project, tracked.run_id)
    assert len(found.tags["overrides"]) == len(found.tags["cautions"]) == 8000
    assert (found.overrides(), found.tag("cautions"), found.tag("none")) == (overrides, cautions, "")
    assert found.param("dataset.only") == str(params["dataset.only"])
    assert found.run_name == "n" * 216 + " ... (cut; 9000 characters in all)"
    assert json.loads(found.text("overrides.json")) == overrides
    # Earlier versions kept no more than the store did.
    with begun(tracking(), tracked_project) as other:
        pass
    earlier = find_run(tracking(), tracked_project, other.run_id)
    assert replace(earlier, tags={"overrides": found.tags["overrides"]}).overrides() == []


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=50), st.integers(1, 5))
def test_whatever_the_store_does_all_points_arrive_in_order(
    attempts: list[tuple[bool, float]], flush_metrics: int
) -> None:
    recipient = Recipient()
    gatherer = Gatherer(recipient, flush_metrics, flush_seconds=1e9)
    for step, (recipient.is_open, value) in enumerate(attempts):
        gatherer.add(step, {"a": value})
    recipient.is_open = True
    gatherer.flush()
    assert recipient.steps == list(range(len(attempts)))
    assert [point.value for batch in recipient.batches for point in batch] == [value for _, value in attempts]


@pytest.mark.parametrize("name", ["", "a=b", "/a", "a/", "a//b", "../a", "a/../b", "x" * 251, "a\n"])
def test_a_name_that_mlflow_does_not_take_is_our_own_mistake(name: str) -> None:
    gatherer = Gatherer(Recipient(), 10, 1.0)
    with pytest.raises(ValueError, match="no name for a metric") as raised:
        gatherer.add(0, {name: 1.0})
    assert str(raised.value) == f"{name!r} is no name for a metric: letters, digits and _ - . / : are allowed"


def test_numbers_of_numpy_are_numbers() -> None:
    recipient = Recipient()
    gatherer = Gatherer(recipient, 1, 1.0)
    gatherer.add(0, {"a": np.float32(0.5), "b": np.array(2)})  # type: ignore[dict-item]
    assert [(point.key, point.value) for point in recipient.batches[0]] == [("a", 0.5), ("b", 2.0)]


VALUES = st.one_of(st.floats(), st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0]))
POINTS = st.builds(Point, st.sampled_from("abc"), VALUES, st.integers(0, 3), st.integers(-2, 3))
BATCHES = st.lists(st.lists(POINTS, min_size=1, max_size=12), min_size=1, max_size=3)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BATCHES)
def test_metrics_written_directly_are_what_mlflow_itself_would_write(
    tracked_project: Path, batches: list[list[Point]]
) -> None:
    from mlflow.entities import Metric

    client = open_store("", tracked_project, 5.0).client
    directly, by_mlflow = (client.create_run("0").info.run_id for _ in range(2))
    for points in batches:
        assert append_to_sqlite(tracked_project / "mlflow.db", directly, points)
        client.log_batch(by_mlflow, metrics=[Metric(*point) for point in points])

    def rows(table: str, run_id: str) -> list[Any]:
        with closing(sqlite3.connect(tracked_project / "mlflow.db")) as connection:
            query = f"SELECT key, value, timestamp, step, is_nan FROM {table} WHERE run_uuid = ? ORDER BY 1, 2, 3, 4, 5"
            return connection.execute(query, (run_id,)).fetchall()

    for table in ("metrics", "latest_metrics"):
        assert rows(table, directly) == rows(table, by_mlflow) != []


@settings(max_examples=40, deadline=None)
@given(st.lists(POINTS, min_size=1, max_size=12), st.sampled_from([1, 1_001]))
def test_a_server_is_told_what_mlflow_itself_would_tell_it(points: list[Point], times: int) -> None:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

    points = points[: 12 // times + 1] * times  # more than one request takes, now and then
    client = MlflowClient("http://anna:secret@there:5000")
    done = requests.Response()
    done.status_code, done._content = 200, b"{}"
    with mock.patch("mlflow.utils.rest_utils._get_http_response_with_retries", return_value=done) as asked:
        assert post_to_server(client, "a1", points)
        ours = list(asked.call_args_list)
        asked.reset_mock()
        client.log_batch("a1", metrics=[Metric(*point) for point in points])
    # Address, user, patience, body: each request whole.
    assert ours == asked.call_args_list != []


def test_a_client_that_is_not_as_known_is_left_to_mlflow(tracked_project: Path) -> None:
    from mlflow import MlflowClient
    from mlflow.store.tracking.rest_store import RestStore

    class Derived(RestStore):  # type: ignore[misc]
        """Has its own ways."""

    points = [Point("a", 1.0, 0, 0)]
    assert not post_to_server(open_store("", tracked_project, 5.0).client, "a1", points)
    client = MlflowClient("http://there")
    with mock.patch.object(type(client._tracking_client), "store", Derived(None)):
        assert not post_to_server(client, "a1", points)
    del client._tracking_client
    assert not post_to_server(client, "a1", points)


@pytest.mark.parametrize("table", ["metrics", "latest_metrics"])
def test_tables_that_are_not_as_known_are_left_to_mlflow(tracked_project: Path, tracking: Options, table: str) -> None:
    with closing(sqlite3.connect(tracked_project / "mlflow.db")) as connection, connection:
        connection.execute(f"ALTER TABLE {table} ADD COLUMN colour TEXT")
    assert not append_to_sqlite(tracked_project / "mlflow.db", "some_run", [Point("a", 1.0, 0, 0)])
    with begun(tracking(), tracked_project) as tracked:
        tracked.log_step(3, {"train/loss": math.nan})
    ((step, value),) = history(tracked_project, tracked.run_id, "train/loss")
    assert step == 3
    assert math.isnan(value)


def unsent(project: Path) -> tuple[Path, list[Point]]:
    """The one entry of the spool, and the metrics that it holds."""
    (entry,) = spool.waiting(project)
    operations = [from_line(line) for line in (entry / spool.JOURNAL).read_text().splitlines()[1:]]
    return entry, [point for each in operations if isinstance(each, Batch) for point in each.metrics]


def test_a_run_that_is_deleted_meanwhile_loses_nothing(tracked_project: Path, tracking: Options) -> None:
    def act(tracked: Tracked) -> None:
        tracked.log_step(0, {"train/loss": 1.5, "train/accuracy": math.inf})
        open_store("", tracked_project, 5.0).client.delete_run(tracked.run_id)

    tracked, error = cut_short(TrackingError, tracking(), tracked_project, act)
    left, points = unsent(tracked_project)
    assert str(error) == (
        f"cannot record metrics in sqlite:///{tracked_project}/mlflow.db: The run {tracked.run_id} must be in the"
        f" 'active' state. Current state is deleted.; 2 metrics of run {tracked.run_id} are kept in {left}; send them"
        " with: sarcasm runs sync"
    )
    assert [(point.key, point.value, point.step) for point in points] == [
        ("train/loss", 1.5, 0), ("train/accuracy", math.inf, 0)
    ]  # fmt: skip


# --- a disk that is full ----------------------------------------------------------------------------------------------


def test_a_disk_that_fills_up_loses_no_metric(
    tracked_project: Path, tracking: Options, caplog: pytest.LogCaptureFixture
) -> None:
    steps = 3000

    def said() -> list[str]:
        # By those who send metrics: a sign of life, say, meets the full disk as well.
        return [each.getMessage() for each in caplog.records if each.name == "sarcasm.tracking.metrics"]

    def act(tracked: Tracked) -> None:
        for step in range(steps):
            tracked.log_step(step, {"train/loss": float(step)})
        while not said():  # beside the run, however fast or slow that is
            time.sleep(0.01)

    with files_of_at_most(250_000):
        tracked, error = cut_short(TrackingError, tracking(flush_metrics=500), tracked_project, act)
    left, points = unsent(tracked_project)
    why = (
        f"cannot record metrics in sqlite:///{tracked_project}/mlflow.db: the disk is full or failing; free some space"
        " or choose another place with tracking.uri"
    )
    assert str(error) == (
        f"{why}; {len(points)} metrics of run {tracked.run_id} are kept in {left}; send them with: sarcasm runs sync"
    )
    assert said() == [f"{why} (training goes on; the metrics are kept and sent later)"]
    kept = [step for step, _ in history(tracked_project, tracked.run_id, "train/loss")]
    assert sorted(kept + [point.step for point in points]) == list(range(steps))
    assert points
    sent = spool.send(left, lambda uri: open_store(uri, tracked_project, 5.0))
    assert sent == spool.Sent(left.name, "", tracked.run_id, f"sqlite:///{tracked_project}/mlflow.db")
    assert history(tracked_project, tracked.run_id, "train/loss") == [(step, float(step)) for step in range(steps)]
    assert recorded(tracked_project, tracked.run_id).info.status == "FAILED"
    assert spool.waiting(tracked_project) == []


def test_what_ends_a_run_matters_more_than_a_store_that_fails_as_well(
    tracked_project: Path, tracking: Options, caplog: pytest.LogCaptureFixture
) -> None:
    def act(tracked: Tracked) -> None:
        tracked.log_step(0, {"train/loss": 1.0})
        open_store("", tracked_project, 5.0).client.delete_run(tracked.run_id)
        raise KeyboardInterrupt

    tracked, _ = cut_short(KeyboardInterrupt, tracking(), tracked_project, act)
    left, _ = unsent(tracked_project)
    assert f"1 metrics of run {tracked.run_id} are kept in {left}" in caplog.messages[-1]


def test_metrics_that_nothing_takes_are_called_lost(
    tracked_project: Path, tracking: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    (tracked_project / "outputs").touch()

    def act(tracked: Tracked) -> None:
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
        tracked.log_step(0, {"train/loss": 1.0})
        open_store("", tracked_project, 5.0).client.delete_run(tracked.run_id)

    tracked, error = cut_short(TrackingError, tracking(), tracked_project, act)
    assert str(error) == (
        f"1 metrics of run {tracked.run_id} are lost: neither the store nor {tracked_project} nor {tmp_path}/file takes"
        " them; free some space"
    )


# --- a clock that jumps, a store that is locked -----------------------------------------------------------------------


def test_a_clock_that_is_set_back_changes_neither_order_nor_end(
    tracked_project: Path, tracking: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, jump = time.time_ns, 0
    monkeypatch.setattr("time.time_ns", lambda: real() + jump)
    with begun(tracking(), tracked_project) as tracked:
        for step in range(100):
            jump = -(10**9) * 3600 * (step // 10)  # an hour back, every ten steps
            tracked.log_step(step, {"train/loss": float(step)})
    kept = recorded(tracked_project, tracked.run_id)
    assert history(tracked_project, tracked.run_id, "train/loss") == [(step, float(step)) for step in range(100)]
    assert kept.data.metrics["train/loss"] == 99.0
    assert kept.info.end_time >= kept.info.start_time
    assert kept.info.status == "FINISHED"


def test_a_store_that_another_program_keeps_locked_is_waited_for(
    tracked_project: Path, tracking: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked = threading.Event()
    refusals = [0]

    def lock() -> None:
        with closing(sqlite3.connect(tracked_project / "mlflow.db")) as other:
            other.execute("BEGIN EXCLUSIVE")
            locked.set()
            while refusals[0] < 3:
                time.sleep(0.01)
            other.rollback()

    # As if it were kept longer than SQLite's own patience.
    connect = sqlite3.connect
    monkeypatch.setattr("sarcasm.tracking.metrics.sqlite3.connect", lambda *given, **_: connect(*given, timeout=0.01))

    def explained(error: BaseException) -> bool:
        refusals[0] += is_locked(error)
        return is_locked(error)

    monkeypatch.setattr("sarcasm.tracking.recorders.is_locked", explained)
    with begun(tracking(), tracked_project) as tracked:
        holder = threading.Thread(target=lock)
        holder.start()
        locked.wait()
        tracked.log_step(0, {"train/loss": 1.0})
    holder.join()
    assert refusals[0] >= 3
    assert history(tracked_project, tracked.run_id, "train/loss") == [(0, 1.0)]
    assert recorded(tracked_project, tracked.run_id).info.status == "FINISHED"


def test_metrics_reach_the_store_while_a_step_takes_long(tracked_project: Path, tracking: Options) -> None:
    with begun(tracking(flush_seconds=0.2), tracked_project) as tracked:
        tracked.log_step(0, {"train/loss": 1.0})
        deadline = time.monotonic() + 200
        while not (there := history(tracked_project, tracked.run_id, "train/loss")) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert there == [(0, 1.0)]


def test_a_run_that_is_taken_up_has_every_step_once(tracked_project: Path, tracking: Options) -> None:
    def act(tracked: Tracked) -> None:
        with tracked.child("fold-s0", {"fold": "0"}, {}) as part:
            for step in range(6):
                part.log_step(step, {"train/loss": float(step)})
        tracked.log_metrics({"clips/used": 48.0, "time/embed": 2.0})
        raise KeyboardInterrupt

    first, _ = cut_short(KeyboardInterrupt, tracking(), tracked_project, act)
    with begun(tracking(), tracked_project, params={"a": "b"}, again=first.run_id) as tracked:
        with tracked.child("fold-s0", {"fold": "0"}, {}) as part:
            for step in range(10):  # as from a checkpoint before the end
                part.log_step(step, {"train/loss": float(step)})
        with tracked.time("embed"):
            pass
        tracked.log_metrics({"clips/used": 48.0, "test/f1": 0.5})
    assert tracked.run_id == first.run_id
    kept = recorded(tracked_project, tracked.run_id)
    assert kept.info.status == "FINISHED"
    assert "error" not in kept.data.tags
    assert kept.data.metrics["time/embed"] >= 2.0
    assert history(tracked_project, tracked.run_id, "clips/used") == [(0, 48.0)]
    opened = open_store("", tracked_project, 5.0)
    runs = opened.client.search_runs([opened.experiment_id("sarcasm")])
    assert len(runs) == 2
    assert history(tracked_project, part.run_id, "train/loss") == [(step, float(step)) for step in range(10)]


def test_a_machine_that_was_started_again_has_no_run_of_before(tracked_project: Path, tracking: Options) -> None:
    opened = open_store("", tracked_project, 5.0)
    own = this_process().tags() | {"process.boot": "another"}
    long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    of_before = own | {"process.heartbeat": long_ago}
    ids = [
        opened.client.create_run(opened.experiment_id("sarcasm"), tags=tags).info.run_id for tags in (of_before, own)
    ]
    with begun(tracking(), tracked_project):
        pass
    # The second is of another machine of the same name, as far as anyone can tell.
    assert [recorded(tracked_project, run_id).info.status for run_id in ids] == ["KILLED", "RUNNING"]


# --- a real server ----------------------------------------------------------------------------------------------------


def test_a_server_keeps_runs_and_one_that_goes_away_loses_no_metric(
    mlflow_server: MlflowServer, tracking: Options, tmp_path: Path,
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    uri = mlflow_server.uri
    params = {f"option_{number}": number for number in range(150)}
    patient = tracking(uri=uri, timeout_seconds=100.0)
    with begun(patient, tmp_path, params=params, tags={"a": "b"}) as tracked:
        for step in range(1500):
            tracked.log_step(step, {"train/loss": float(step)})
        tracked.log_metrics({"nan": math.nan})
        tracked.log_text("kept", "reports/a.txt")
        tracked.log_dataset("smoke", "sha256:ab", "data", 3)
    client = open_store(uri, tmp_path, 5.0).client
    kept = client.get_run(tracked.run_id)
    assert (
        tracked.where
        == f"{uri}/#/experiments/{kept.info.experiment_id}/runs/{tracked.run_id}?workflowType=machine_learning"
    )
    assert (kept.info.status, kept.data.params) == ("FINISHED", {key: str(value) for key, value in params.items()})
    assert kept.data.tags["a"] == "b"
    assert math.isnan(kept.data.metrics["nan"])
    assert len(client.get_metric_history(tracked.run_id, "train/loss")) == 1500
    assert next(mlflow_server.folder.rglob("a.txt")).read_text() == "kept"
    assert spool.waiting(tmp_path) == []

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")

    def act(tracked: Tracked) -> None:
        mlflow_server.stop()
        for step in range(5):
            tracked.log_step(step, {"train/loss": float(step)})

    failing = tracking(uri=uri, timeout_seconds=100.0, flush_metrics=2, on_failure=OnFailure.fail)
    tracked, error = cut_short(TrackingError, failing, tmp_path, act)
    why = f"cannot record metrics in {uri}: the server does not answer; see that it runs"
    left, points = unsent(tmp_path)
    said = f"5 metrics of run {tracked.run_id} are kept in {left}; send them with: sarcasm runs sync"
    assert str(error) == f"{why}; {said}"
    assert [point.step for point in points] == list(range(5))
    assert capfd.readouterr() == ("", "")
