"""Fixtures around MLflow: a store that is made once, since MLflow takes seconds to make one, and copied for each
test."""

from __future__ import annotations

import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from sarcasm.errors import TrackingError
from sarcasm.tracking import Tracking
from sarcasm.tracking.options import ModelWeights, OnFailure
from sarcasm.tracking.server import await_server
from sarcasm.tracking.sqlite import build


@pytest.fixture(scope="session")
def made_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file of MLflow without runs, as first use makes it."""
    database = tmp_path_factory.mktemp("store") / "mlflow.db"
    build(database)
    return database


@pytest.fixture
def ready(tmp_path: Path, made_database: Path) -> None:
    """A store in this test's folder."""
    shutil.copy(made_database, tmp_path / "mlflow.db")


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment without the developer's tracking server; what a test changes is put back."""
    before = dict(os.environ)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def tracked_project(tmp_path: Path, made_database: Path, own_environment: None) -> Path:
    """A project folder with a store of its own."""
    project = tmp_path / "project"
    project.mkdir()
    shutil.copy(made_database, project / "mlflow.db")
    return project


@pytest.fixture
def tracking() -> Callable[..., Tracking]:
    """Make the options of tracking, with those given by name changed."""

    def options(**changed: object) -> Tracking:
        values: dict[str, object] = {
            "name": "mlflow", "uri": "", "experiment": "sarcasm", "run_name": "", "flush_metrics": 1000,
            "flush_seconds": 60.0, "timeout_seconds": 5.0, "on_failure": OnFailure.spool,
            "weights": ModelWeights.reference,
        }  # fmt: skip
        return Tracking(**(values | changed))  # type: ignore[arg-type]

    return options


def free_port() -> int:
    """A port that nobody listens on, and that the system gives to no connection until somebody does."""
    while True:
        port = random.SystemRandom().randint(10_000, 30_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


class MlflowServer:
    """A tracking server of MLflow on this machine, which a test may stop, freeze and start again.

    Attributes:
        folder: what it keeps: `server.db` and `artifacts/`.
        uri: its address, the same after each start.
    """

    def __init__(self, folder: Path, script: str = "", environment: Mapping[str, str] | None = None) -> None:
        """
        Args:
            folder: what it keeps and where it runs; made if needed.
            script: starts it, for bash; empty for one that keeps all in its folder.
            environment: further variables, for the script.
        """
        port = free_port()
        self.folder, self.uri = folder, f"http://127.0.0.1:{port}"
        own = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", f"{folder}/artifacts"]
        self._words = ["bash", "-euc", script] if script else [sys.executable, "-m", "mlflow", "server", *own]
        self._environment = {
            "MLFLOW_PORT": str(port), "MLFLOW_WORKERS": "1", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true", **(environment or {}),
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.folder.mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            self._words, env=os.environ | self._environment, cwd=self.folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        while True:
            assert self._process.poll() is None
            with suppress(TrackingError):
                await_server(self.uri, timeout_seconds=5.0)
                break

    def stop(self) -> None:
        """End it without a warning."""
        if self._process:
            self.signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all its processes."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)


@pytest.fixture
def mlflow_server(tmp_path: Path, made_database: Path, own_environment: None) -> Iterator[MlflowServer]:
    """A server that answers."""
    server = MlflowServer(tmp_path / "server")
    server.folder.mkdir()
    shutil.copy(made_database, server.folder / "server.db")
    try:
        server.start()
        yield server
    finally:
        server.stop()


class Between:
    """Stands before a tracking server: lets requests through, keeps silent, or answers each with 500.

    Attributes:
        uri: its address.
        mode: "through", "silent" or "failing".
        turns: mode that it takes on -> what the path of the request holds that makes it do so.
        n_asked: requests so far.
    """

    def __init__(self, upstream: str, mode: str = "through") -> None:
        self.upstream, self.mode, self.turns, self.n_asked = upstream, mode, {}, 0
        self._closed = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnPassage", (_Passage,), {"between": self}))
        self._server.daemon_threads = True
        self.uri = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        """Let go of whoever waits, and end."""
        self._closed.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, asked: _Passage) -> None:
        """Answer a request in the mode that it is in."""
        self.n_asked += 1
        self.mode = next((mode for mode, part in self.turns.items() if part in asked.path), self.mode)
        body = asked.rfile.read(int(asked.headers.get("Content-Length", 0)))
        if self.mode == "silent":
            self._closed.wait()
        elif self.mode == "failing":
            asked.reply(500, {}, b"no")
        else:
            headers = {key: value for key, value in asked.headers.items() if key.lower() != "host"}
            answer = requests.request(
                asked.command, self.upstream + asked.path, data=body, headers=headers, timeout=300, stream=True
            )
            asked.reply(answer.status_code, dict(answer.headers), answer.raw.read())


class _Passage(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    between: Between

    def _pass(self) -> None:
        self.between.answer(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        with suppress(OSError):
            self.send_response_only(status)
            for key, value in headers.items():
                if key.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def between() -> Iterator[Callable[..., Between]]:
    """Make what stands before a server; see `Between`."""
    made: list[Between] = []

    def make(upstream: str = "", mode: str = "through") -> Between:
        made.append(Between(upstream, mode))
        return made[-1]

    yield make
    for each in made:
        each.close()


@contextmanager
def files_of_at_most(n_bytes: int) -> Iterator[None]:
    """A disk that is full, as far as this process can tell: no file may grow beyond a size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def nobody() -> Iterator[None]:
    """As a user who may not write everywhere, where the tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
