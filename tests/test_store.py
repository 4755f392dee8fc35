"""The store: which one it is, its first use by many processes at once, and what is said of one that cannot be used."""

from __future__ import annotations

import copy
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarcasm.errors import TrackingError
from sarcasm.tracking import Terminated, Tracking, open_store, page, prospect, start, store
from sarcasm.tracking.failures import explain, without_password
from sarcasm.tracking.processes import this_process
from sarcasm.tracking.sqlite import path_of, uri_of
from tests.tracking_fixtures import files_of_at_most, nobody

ELSEWHERE = "or choose another place with tracking.uri"
RECORD = """
import sys
from pathlib import Path
from sarcasm.tracking import Tracking, start

project, number = Path(sys.argv[1]), int(sys.argv[2])
options = Tracking("mlflow", "", "sarcasm", "", 1000, 60.0, 5.0)
with start(options, project, run_name=f"run {number}", params={"number": number}, tags={}) as tracked:
    for step in range(50):
        tracked.log_step(step, {"train/loss": number + step})
    tracked.log_text("done", "done.txt")
"""


def open_here(uri: str = "", project: Path = Path("/nowhere"), timeout_seconds: float = 5.0) -> store.Store:
    return open_store(uri, project, timeout_seconds)


def refusal(uri: str, project: Path = Path("/nowhere"), timeout_seconds: float = 5.0) -> str:
    with pytest.raises(TrackingError) as raised:
        open_here(uri, project, timeout_seconds)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_importing_the_package_does_not_import_mlflow() -> None:
    code = "import sys, sarcasm.tracking; print(sorted({'mlflow', 'sqlalchemy', 'pandas', 'numpy'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_mlflow_calls_nobody_and_prints_nothing(own_environment: None) -> None:
    code = """
import os
from sarcasm.tracking.runtime import load_mlflow
load_mlflow()
from mlflow.telemetry.client import get_telemetry_client
print(get_telemetry_client(), os.environ["MLFLOW_LOGGING_LEVEL"])
"""
    # Without what makes MLflow believe that it is being tested, when it would be silent by itself.
    plain = {
        name: value for name, value in os.environ.items() if name not in ("CI", "PYTEST_CURRENT_TEST", "PYTEST_VERSION")
    }
    plain = {name: value for name, value in plain.items() if not name.startswith(("MLFLOW", "DO_NOT_TRACK"))}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=plain)
    assert (done.stdout, done.stderr) == ("None CRITICAL\n", "")


# --- which store ------------------------------------------------------------------------------------------------------


def test_the_default_is_a_file_of_the_project_with_its_artifacts_beside_it(tracked_project: Path) -> None:
    opened = open_here(project=tracked_project)
    assert (opened.uri, opened.is_default) == (f"sqlite:///{tracked_project}/mlflow.db", True)
    experiment = opened.client.get_experiment(opened.experiment_id("sarcasm"))
    assert experiment.artifact_location == f"{tracked_project}/mlruns/sarcasm"


def test_the_environment_chooses_the_store_unless_the_option_does(
    tracked_project: Path, made_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("by_environment.db", "by_option.db"):
        shutil.copy(made_database, tmp_path / name)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/by_environment.db")
    assert open_here(project=tracked_project).database == tmp_path / "by_environment.db"
    assert open_here(f"sqlite:///{tmp_path}/by_option.db", tracked_project).database == tmp_path / "by_option.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    assert open_here(project=tracked_project).is_default


def test_a_relative_file_lies_in_the_working_directory_with_its_artifacts_beside_it(
    tracked_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tracked_project.parent)
    opened = open_here("sqlite:///project/mlflow.db")
    assert opened.uri == f"sqlite:///{tracked_project}/mlflow.db"
    location = opened.client.get_experiment(opened.experiment_id("a")).artifact_location
    assert location == f"{tracked_project}/mlruns/a"


def test_where_to_look_is_a_command_that_shows_the_store(
    tracked_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_here(project=tracked_project)
    link = "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning"
    opened.experiment_id("sarcasm")
    assert (
        opened.where("sarcasm", "abc")
        == f"mlflow ui --backend-store-uri sqlite:///{tracked_project}/mlflow.db, then {link}"
    )
    monkeypatch.chdir(tracked_project)
    assert opened.where("sarcasm", "abc") == f"make ui, then {link}"
    server = store.Store("http://tracking.example:5000/", None, False, opened.client)
    page = "http://tracking.example:5000"
    assert server.where("sarcasm", "abc") == f"{page}/#/experiments/1/runs/abc?workflowType=machine_learning"
    assert server.where("sarcasm", "spool:ab") == f"{page}, once sarcasm runs sync has sent it"


def test_make_ui_says_by_which_link_the_runs_are_shown(tracked_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PROJECT", tracked_project)
    assert page.lines("http://127.0.0.1:5001") == [
        "No run is recorded yet; python train.py makes one. The page: http://127.0.0.1:5001"
    ]
    opened = open_here(project=tracked_project)
    made = opened.experiment_id("empty"), opened.experiment_id("sarcasm")
    opened.client.create_run(made[1])
    assert page.lines("http://127.0.0.1:5001") == [
        "Runs of the experiment 'sarcasm':"
        f" http://127.0.0.1:5001/#/experiments/{made[1]}/runs?workflowType=machine_learning"
    ]


def test_make_ui_ends_runs_whose_process_is_gone(tracked_project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PROJECT", tracked_project)
    opened = open_here(project=tracked_project)
    here = this_process().tags()
    made = {
        name: opened.client.create_run(opened.experiment_id(experiment), tags=tags).info.run_id
        for name, experiment, tags in [
            ("gone", "sarcasm", here | {"process.started": "1"}),
            ("gone too", "other", here | {"process.started": "1"}),
            ("alive", "sarcasm", here),
        ]
    }
    assert len(page.lines("http://127.0.0.1:5001")) == 2
    assert {name: opened.client.get_run(run_id).info.status for name, run_id in made.items()} == {
        "gone": "KILLED", "gone too": "KILLED", "alive": "RUNNING",
    }  # fmt: skip


def test_make_ui_names_the_links_into_a_project_that_may_only_be_read(
    tracked_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_here(project=tracked_project)
    tags = this_process().tags() | {"process.started": "1"}
    experiment_id = opened.experiment_id("sarcasm")
    opened.client.create_run(experiment_id, tags=tags)
    with tempfile.TemporaryDirectory() as folder:  # not below tmp_path, which nobody else may enter at all
        sealed = Path(folder)
        for suffix in ("", "-wal"):
            shutil.copy(tracked_project / f"mlflow.db{suffix}", sealed)
        content = {path.name: path.read_bytes() for path in sealed.iterdir()}
        sealed.chmod(0o555)
        monkeypatch.setattr(page, "PROJECT", sealed)
        with nobody():
            assert page.lines("http://127.0.0.1:5001") == [
                "Runs of the experiment 'sarcasm':"
                f" http://127.0.0.1:5001/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
            ]
        assert {path.name: path.read_bytes() for path in sealed.iterdir()} == content
        sealed.chmod(0o755)


def test_make_ui_serves_no_store_that_is_refused(
    tmp_path: Path, own_environment: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow.db").mkdir()
    monkeypatch.setattr(page, "PROJECT", tmp_path)
    with pytest.raises(SystemExit) as ended:
        page.main(["5001"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == (
        f"error: cannot record runs in sqlite:///{tmp_path}/mlflow.db: it is a folder, not a file; move it away or choose"
        " another place with tracking.uri\n"
    )


def test_a_path_with_what_uris_escape_works(tmp_path: Path, made_database: Path, own_environment: None) -> None:
    project = tmp_path / "50% off? #1 ü%20"
    project.mkdir()
    shutil.copy(made_database, project / "mlflow.db")
    opened = open_here(project=project)
    run = opened.client.create_run(opened.experiment_id("sarcasm"))
    opened.client.log_text(run.info.run_id, "kept", "a.txt")
    assert (project / "mlruns" / "sarcasm" / run.info.run_id / "artifacts" / "a.txt").read_text() == "kept"


@given(
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1).map("/".__add__).map(Path)
)
def test_a_path_survives_its_uri(path: Path) -> None:
    assert path_of(uri_of(path)) == Path(os.path.realpath(path))


@given(st.text(min_size=1), st.text(min_size=1))
def test_folders_of_experiments_are_plain_names_and_differ(one: str, other: str) -> None:
    for name in (one, other):
        assert re.fullmatch(r"[\w-][\w.-]*", store.folder_name(name), re.ASCII)
    assert (store.folder_name(one) == store.folder_name(other)) == (one == other)


def test_a_plain_experiment_name_is_its_folder() -> None:
    assert store.folder_name("sarcasm-v2.1_a") == "sarcasm-v2.1_a"


# --- which experiment -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "name", "number", "chosen"),
    [
        ("", None, None, "sarcasm"),
        ("", "", "", "sarcasm"),
        ("", "by name", None, "by name"),
        ("", None, "0", "Default"),
        ("", "Default", "0", "Default"),
        ("by option", "by name", "0", "by option"),
    ],
)
def test_the_environment_chooses_the_experiment_unless_the_option_does(
    option: str, name: str | None, number: str | None, chosen: str, tracked_project: Path,
    tracking: Callable[..., Tracking], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for variable, value in (("MLFLOW_EXPERIMENT_NAME", name), ("MLFLOW_EXPERIMENT_ID", number)):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    options = tracking(experiment=option)
    assert prospect(options, tracked_project).experiment == chosen
    with (
        start(options, tracked_project, run_name="", params={}, tags={}) as tracked,
        tracked.child("fold 0", {}, {}) as child,
    ):
        pass
    client = open_here(project=tracked_project).client
    for run_id in (tracked.run_id, child.run_id):
        run = client.get_run(run_id)
        assert client.get_experiment(run.info.experiment_id).name == chosen
        # The store is a copy of one that was made elsewhere, and nothing is written there.
        assert run.info.artifact_uri.startswith(f"{tracked_project}/mlruns/")


@pytest.mark.parametrize(
    ("name", "number", "why"),
    [
        ("", "77", "MLFLOW_EXPERIMENT_ID=77: there is no such experiment in the store; unset it, or name one with"),
        ("", "tone", "MLFLOW_EXPERIMENT_ID=tone: there is no such experiment in the store; unset it, or name one with"),
        (
            "tone",
            "0",
            "MLFLOW_EXPERIMENT_NAME=tone and MLFLOW_EXPERIMENT_ID=0 (Default) name two experiments; unset one of them,"
            " or name one with",
        ),
    ],
)
def test_an_environment_that_names_no_experiment_or_two_is_refused(
    name: str, number: str, why: str, tracked_project: Path, tracking: Callable[..., Tracking],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", name)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", number)
    with pytest.raises(TrackingError) as raised:
        store.reach_store(tracking(experiment=""), tracked_project)
    assert str(raised.value) == f"{why} tracking.experiment"


# --- first use --------------------------------------------------------------------------------------------------------


def test_first_use_leaves_a_whole_file_that_readers_do_not_block(made_database: Path) -> None:
    assert [path.name for path in made_database.parent.iterdir()] == ["mlflow.db"]
    with closing(sqlite3.connect(made_database)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]


@pytest.mark.parametrize("n_processes", [4, pytest.param(16, marks=pytest.mark.slow)])
def test_processes_that_start_at_once_in_a_fresh_folder_lose_nothing(
    tmp_path: Path, own_environment: None, n_processes: int
) -> None:
    started = [subprocess.Popen([sys.executable, "-c", RECORD, tmp_path, str(number)]) for number in range(n_processes)]
    assert [process.wait() for process in started] == [0] * n_processes
    opened = open_here(project=tmp_path)
    runs = opened.client.search_runs([opened.experiment_id("sarcasm")])
    assert sorted((run.info.run_name, run.info.status, run.data.params["number"]) for run in runs) == sorted(
        (f"run {number}", "FINISHED", str(number)) for number in range(n_processes)
    )
    for run in runs:
        history = opened.client.get_metric_history(run.info.run_id, "train/loss")
        assert sorted((point.step, point.value) for point in history) == [
            (step, int(run.data.params["number"]) + step) for step in range(50)
        ]
        assert {file.path for file in opened.client.list_artifacts(run.info.run_id)} == {"params.json", "done.txt"}
    assert {path.name for path in tmp_path.iterdir()} <= {
        "mlflow.db", "mlflow.db-wal", "mlflow.db-shm", ".mlflow.db.lock", "mlruns"
    }  # fmt: skip


@pytest.mark.slow
def test_a_kill_during_first_use_leaves_nothing_that_hinders_the_next(tmp_path: Path, own_environment: None) -> None:
    killed = subprocess.Popen([sys.executable, "-c", RECORD, tmp_path, "0"])
    aside = tmp_path / f".mlflow.db.{killed.pid}.tmp"
    while not (aside.exists() and aside.stat().st_size > 100_000):  # some of the migrations are done
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert aside.exists()
    assert not (tmp_path / "mlflow.db").exists()
    opened = open_here(project=tmp_path)
    assert opened.client.get_run(opened.client.create_run(opened.experiment_id("sarcasm")).info.run_id)
    assert not list(tmp_path.glob(".mlflow.db.*.tmp*"))


def test_a_file_without_content_is_made_anew(
    tmp_path: Path, made_database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlflow.db").touch()
    monkeypatch.setattr("sarcasm.tracking.sqlite.build", lambda database: shutil.copy(made_database, database))
    assert open_here(project=tmp_path).client.search_experiments()


def test_a_lock_that_is_never_let_go_is_an_error(
    tmp_path: Path, own_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setattr("sarcasm.tracking.sqlite.LOCK_SECONDS", 0.1)
    lock = tmp_path / ".mlflow.db.lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert refusal("", tmp_path) == f"another process has held {lock} for 0 seconds; end it and start again"


def test_the_folder_of_a_store_is_made(tmp_path: Path, made_database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sarcasm.tracking.sqlite.build", lambda database: shutil.copy(made_database, database))
    assert open_here(f"sqlite:///{tmp_path}/new/deep/mlflow.db").client.search_experiments()


def test_an_experiment_is_made_once_and_then_found(tracked_project: Path) -> None:
    opened = open_here(project=tracked_project)
    assert opened.experiment_id("a") == opened.experiment_id("a") != opened.experiment_id("b")


def test_an_experiment_that_another_process_makes_meanwhile_is_found(
    tracked_project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_here(project=tracked_project)
    made = opened.experiment_id("a")
    find, asked = opened.client.get_experiment_by_name, []

    def not_yet_there(name: str) -> object:
        asked.append(name)
        return find(name) if len(asked) > 1 else None

    monkeypatch.setattr(opened.client, "get_experiment_by_name", not_yet_there)
    assert opened.experiment_id("a") == made


# --- stores that cannot be used ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        *[
            (
                folder,
                "MLflow no longer records runs in folders of files; use sqlite:///FILE, such as sqlite:///mlflow.db,"
                " and bring old runs over with: mlflow migrate-filestore",
            )
            for folder in ("file:./mlruns", "file:///tmp/mlruns", "mlruns", "./mlruns", "/tmp/mlruns")
        ],
        *[
            (other, "give sqlite:///FILE, or the http(s):// address of an MLflow server")
            for other in (
                "htp://localhost:5000",
                "sqlite:mlflow.db",
                "sqlite://mlflow.db",
                "databricks",
                "s3://bucket/mlruns",
            )
        ],
        *[
            (nothing, "nothing would be kept; name a file, such as sqlite:///mlflow.db")
            for nothing in ("sqlite:///", "sqlite:///:memory:")
        ],
        ("sqlite:///a.db?timeout=5", "give the file alone, without what follows the question mark"),
    ],
)
def test_what_is_no_store_is_refused(uri: str, why: str, own_environment: None) -> None:
    assert refusal(uri) == f"tracking store {uri}: {why}"


def test_a_password_is_not_shown() -> None:
    assert refusal("postgresql://anna:secret@db/runs") == (
        "tracking store postgresql://db/runs: give sqlite:///FILE, or the http(s):// address of an MLflow server"
    )
    assert without_password("https://anna:se@cret@host:5000/a?b#c") == "https://host:5000/a?b#c"


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, own_environment: None) -> None:
    file = tmp_path / "notes.db"
    file.write_text("not a database\n" * 100)
    assert refusal(f"sqlite:///{file}") == (
        f"cannot record runs in sqlite:///{file}: it is not an SQLite database, or a damaged one; move it away"
        f" {ELSEWHERE}"
    )
    assert file.read_text() == "not a database\n" * 100


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path, own_environment: None) -> None:
    assert refusal(f"sqlite:///{tmp_path}") == (
        f"cannot record runs in sqlite:///{tmp_path}: it is a folder, not a file; move it away {ELSEWHERE}"
    )


@pytest.mark.parametrize("below", ["mlflow.db", "deeper/mlflow.db"])
def test_a_path_through_a_file_is_named(tmp_path: Path, below: str, own_environment: None) -> None:
    (tmp_path / "file").touch()
    assert refusal(f"sqlite:///{tmp_path}/file/{below}") == (
        f"cannot record runs in sqlite:///{tmp_path}/file/{below}: a part of its path is a file, not a folder;"
        f" move that file away {ELSEWHERE}"
    )


@pytest.mark.parametrize("has_file", [False, True])
def test_a_folder_that_may_not_be_written_to_is_named(tracked_project: Path, has_file: bool) -> None:
    open_here(project=tracked_project)  # imports all that is needed, as one who may read it
    # Not below tmp_path, which nobody else may enter at all.
    with tempfile.TemporaryDirectory() as folder:
        sealed, database = Path(folder), Path(folder) / "mlflow.db"
        if has_file:
            shutil.copy(tracked_project / "mlflow.db", database)
            database.chmod(0o444)
            (sealed / ".mlflow.db.lock").touch()
            (sealed / ".mlflow.db.lock").chmod(0o666)
        sealed.chmod(0o555)
        with nobody():
            assert refusal("", sealed) == (
                f"cannot record runs in sqlite:///{database}: it may not be written to; make its folder writable"
                f" {ELSEWHERE}"
            )
        sealed.chmod(0o755)


def test_a_disk_that_is_full_at_first_use_is_named_and_nothing_is_left(tmp_path: Path, own_environment: None) -> None:
    with files_of_at_most(100_000):
        said = refusal("", tmp_path)
    assert said == (
        f"cannot record runs in sqlite:///{tmp_path}/mlflow.db: the disk is full or failing; free some space"
        f" {ELSEWHERE}"
    )
    assert [path.name for path in tmp_path.iterdir()] == [".mlflow.db.lock"]


def change(database: Path, *statements: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def test_a_file_that_was_left_half_made_is_named(tracked_project: Path) -> None:
    database = tracked_project / "mlflow.db"
    change(database, "DELETE FROM alembic_version", "DROP TABLE trace_tags")
    assert refusal("", tracked_project) == (
        f"cannot record runs in sqlite:///{database}: it is half made, because its first use was cut short; move it"
        f" away {ELSEWHERE}"
    )


def test_a_deleted_experiment_is_named_with_the_way_back(tracked_project: Path) -> None:
    opened = open_here(project=tracked_project)
    number = opened.experiment_id("old")
    opened.client.delete_experiment(number)
    opened = open_here(project=tracked_project)
    with pytest.raises(TrackingError) as raised:
        opened.experiment_id("old")
    assert str(raised.value) == (
        f"the experiment old in {opened.uri} was deleted; choose another with tracking.experiment or bring it"
        f' back with: MLFLOW_TRACKING_URI="{opened.uri}" mlflow experiments restore --experiment-id {number}'
    )


# --- servers ----------------------------------------------------------------------------------------------------------


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers every request with one status."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_never_answers_is_given_up_in_time(own_environment: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert refusal(uri, timeout_seconds=0.3) == (
            f"tracking server {uri} does not answer (timed out); start it {ELSEWHERE}"
        )


def test_a_server_that_is_not_there_is_named(own_environment: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert refusal(uri) == f"tracking server {uri} does not answer (connection refused); start it {ELSEWHERE}"


@pytest.mark.parametrize("uri", ["http://", "http://:5000", "https://host:port", "http://host:99999", "http://[::1"])
def test_an_address_that_is_none_is_named(uri: str, own_environment: None) -> None:
    assert refusal(uri) == f"tracking server {uri}: not an address; give one such as http://localhost:5000"


@pytest.mark.parametrize(
    "uri",
    [
        "http://anna:secret@host:5000", "http://secret@host:5000", "http://anna:1/secret@host:5000",
        "http://anna%3Asecret%40host:5000", "http://anna:se cret@host:5000",
    ],
)  # fmt: skip
def test_a_password_in_the_address_of_a_server_is_refused(
    uri: str, tmp_path: Path, own_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        "tracking server http://host:5000: its address holds a name or a password, which would be recorded; leave them"
        " out, and set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
    )
    assert refusal(uri) == said
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert refusal("") == said


@pytest.mark.parametrize(("end", "what"), [("?token=secret", "?"), ("#secret", "#"), ("/#/experiments/1?a=b", "#")])
def test_an_address_with_more_than_the_server_is_refused(end: str, what: str, own_environment: None) -> None:
    shown = "http://host:5000" + end.partition(what)[0]
    assert refusal(f"http://host:5000{end}") == (
        f"tracking server {shown}: give the address alone, without what follows the {what}; a token belongs into"
        " MLFLOW_TRACKING_TOKEN"
    )


@pytest.mark.parametrize("uri", ["anna:secret@host:5000", "http:/anna:secret@host:5000", "htp://anna:secret@host:5000"])
def test_a_mistyped_address_is_shown_without_its_password(uri: str, own_environment: None) -> None:
    assert "secret" not in refusal(uri)
    assert "host:5000" in refusal(uri)


def test_a_server_of_this_machine_is_asked_past_the_proxy(own_environment: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        os.environ["HTTP_PROXY"] = os.environ["ALL_PROXY"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with answering(404) as uri:
        opened = open_here(uri)
        with pytest.raises(TrackingError) as raised:
            opened.experiment_id("sarcasm")
    assert str(raised.value).endswith(": what answers there is no MLflow server; look at tracking.uri")


def test_a_proxy_before_a_server_that_does_not_answer_is_named(own_environment: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        os.environ["HTTP_PROXY"] = f"http://127.0.0.1:{taken.getsockname()[1]}"
    assert refusal("http://tracking.example") == (
        f"tracking server http://tracking.example does not answer (connection refused); start it {ELSEWHERE} (asked"
        " through the proxy of HTTP_PROXY; if it needs none, add tracking.example to NO_PROXY)"
    )
    with answering(503) as proxy:
        os.environ["HTTP_PROXY"] = proxy
        os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
        opened = open_here("http://tracking.example")
        with pytest.raises(TrackingError) as raised:
            opened.experiment_id("sarcasm")
    assert str(raised.value) == (
        "cannot open the experiment sarcasm in http://tracking.example: the server fails; look at its log (asked"
        " through the proxy of HTTP_PROXY; if it needs none, add tracking.example to NO_PROXY)"
    )


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (
            401,
            "the server refuses; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        ),
        (
            403,
            "the server refuses; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
        ),
        (404, "what answers there is no MLflow server; look at tracking.uri"),
        (500, "the server fails; look at its log"),
        (503, "the server fails; look at its log"),
    ],
)
def test_a_server_that_refuses_is_named(
    status: int, why: str, own_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with answering(status) as uri:
        opened = open_here(uri)
        with pytest.raises(TrackingError) as raised:
            opened.experiment_id("sarcasm")
    assert str(raised.value) == f"cannot open the experiment sarcasm in {uri}: {why}"


def test_requests_are_as_patient_as_the_option_unless_the_user_says_otherwise(
    own_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT", raising=False)
    with answering(200) as uri:
        open_here(uri, timeout_seconds=12.4)
    assert (os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"], os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"]) == ("7", "12")


# --- messages ---------------------------------------------------------------------------------------------------------


def test_what_nobody_foresaw_is_told_in_its_own_words_in_one_line() -> None:
    assert explain(ValueError("some\n  new   kind\n"), "sqlite:///a.db") == "some new kind"
    assert explain(KeyError(), "sqlite:///a.db") == "KeyError"
    assert explain(ValueError("x" * 1000), "sqlite:///a.db") == "x" * 296 + " ..."


def test_a_server_that_refuses_is_not_taken_for_a_folder_that_does() -> None:
    said = "API request to endpoint /api/2.0/mlflow/runs/create failed with error code 403 != 200. Response body: 'Permission denied'"
    assert explain(ValueError(said), "http://there") == (
        "the server refuses; set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    )


def test_terminated_ends_a_process_as_shells_count() -> None:
    ended = Terminated(signal.SIGTERM)
    assert (ended.code, str(ended)) == (143, "stopped by SIGTERM")
    assert str(copy.copy(ended)) == str(ended)
