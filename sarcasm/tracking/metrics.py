"""Gather metrics, and send many at a time.

On an SQLite file MLflow's client takes some milliseconds for a metric by itself, and a tenth of one for each of a
batch: a second at 10,000 steps, which may be more than the steps take. Nearly all of that is object mapping. So an
SQLite file is written to directly, in the two tables that MLflow keeps metrics in, with the same result in a tenth of
the time (benchmarks/tracking.py). A server is told in the words of its REST interface, without the messages that the
client makes of each metric first, which takes a tenth of the time as well, of a run that goes on meanwhile. Where
tables or client are not as known here, MLflow's client does it.
"""

from __future__ import annotations

import logging
import math
import posixpath
import re
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from sarcasm.errors import TrackingError

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAME = re.compile(r"[\w./ :-]{1,250}")  # what MLflow takes as a name
COLUMNS = {"key", "value", "timestamp", "run_uuid", "step", "is_nan"}
Row = tuple[str, float, int, int, bool, str]  # key, value, timestamp, step, is_nan, run_uuid

LOG_BATCH = "/api/2.0/mlflow/runs/log-batch"
MOST_AT_ONCE = 1_000  # metrics that a server takes in one request

PATIENCE = 10  # after a failure, steps go on for so many times as long as the failed attempt took

logger = logging.getLogger(__name__)


class Point(NamedTuple):
    """A metric at a step.

    Attributes:
        key: the metric's name.
        value: its value; may be NaN or infinite.
        timestamp: when it was logged, milliseconds since 1970.
        step: the step that it belongs to.
    """

    key: str
    value: float
    timestamp: int
    step: int


class Gatherer:
    """Points, until there are enough or the oldest has waited long enough.

    Points leave only once they are sent, so an attempt that fails or is cut short is repeated; MLflow keeps one of two
    equal points. They are added in one thread, and may be sent in another.
    """

    def __init__(
        self, send: Callable[[Sequence[Point]], None], flush_metrics: int, flush_seconds: float,
        recorded: Mapping[str, int] | None = None, wake: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """
        Args:
            send: takes the points to the store; raises TrackingError.
            flush_metrics: points that are gathered at most before they are sent.
            flush_seconds: seconds after which what has gathered is sent.
            recorded: metric -> the last step that the store has of it; points up to there are left out.
            wake: lets another thread call `tick` now; without it, `add` does so itself.
        """
        self._send, self._flush_metrics, self._flush_seconds = send, flush_metrics, flush_seconds
        self._recorded, self._wake = dict(recorded or {}), wake
        self._sending = threading.Lock()
        self._names: set[str] = set()
        self._sent_at = time.monotonic()
        self._not_before = 0.0
        self.points: list[Point] = []

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the metrics of a step.

        Raises:
            ValueError: a name that MLflow does not take.
        """
        timestamp = time.time_ns() // 1_000_000
        for key, value in metrics.items():
            if key not in self._names:
                self._check(key)
            if step > self._recorded.get(key, -1):
                self.points.append(Point(key, float(value), timestamp, step))
        if self._wake is None:
            self.tick()
        elif len(self.points) >= self._flush_metrics:
            self._wake()

    def tick(self, is_time: bool = False) -> None:
        """Send what has gathered, if there is enough or it is time; a store that fails is tried again later, and named
        in a warning the first time.

        Args:
            is_time: whether it is time, whatever the clock says.
        """
        now = time.monotonic()
        is_due = is_time or len(self.points) >= self._flush_metrics or now - self._sent_at >= self._flush_seconds
        if not is_due or now < self._not_before:
            return
        try:
            self.flush()
        except TrackingError as error:
            if not self._not_before:
                logger.warning("%s (training goes on; the metrics are kept and sent later)", error)
            failed_at = time.monotonic()
            self._not_before = failed_at + max(self._flush_seconds, PATIENCE * (failed_at - now))

    def flush(self) -> None:
        """Send what has gathered.

        Raises:
            TrackingError: the store does not take it; nothing is lost here.
        """
        with self._sending:
            sent = len(self.points)
            if sent:
                self._send(self.points[:sent])
                del self.points[:sent]
            self._sent_at, self._not_before = time.monotonic(), 0.0

    def _check(self, key: str) -> None:
        # Names are paths to MLflow, and must be written in the one shortest way.
        if not NAME.fullmatch(key) or key.startswith(("/", "..")) or posixpath.normpath(key) != key:
            raise ValueError(f"{key!r} is no name for a metric: letters, digits and _ - . / : are allowed")
        self._names.add(key)


def append_to_sqlite(database: Path, run_id: str, points: Sequence[Point]) -> bool:
    """Write points into an SQLite file of MLflow as its own client would.

    NaN is kept as 0 with a mark, infinity as the largest float; a point that is there already is left as it is; the
    latest value of each metric, which MLflow keeps beside its history, is that of the highest step, then time, then
    value.

    Args:
        database: the file.
        run_id: the run, which must be active.
        points: what to write.

    Returns:
        False, with nothing written, where the tables or the run are not as expected.

    Raises:
        sqlite3.Error: the file cannot be written to.

    Source: SqlAlchemyStore.log_batch of MLflow 3.
    """
    rows = [_row(point, run_id) for point in points]
    latest: dict[str, Row] = {}
    for row in rows:
        known = latest.get(row[0])
        # By step, time and value: a row's fields from the third back to the first of its numbers.
        if known is None or row[3:0:-1] > known[3:0:-1]:
            latest[row[0]] = row
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        for table in ("metrics", "latest_metrics"):
            if {column for _, column, *_ in connection.execute(f"PRAGMA table_info({table})")} != COLUMNS:
                return False
        # A kill loses nothing all the same; a power cut may lose the last batches, no more. Otherwise half of the time
        # is waiting for the disk: after each batch, and whenever 4 MB of the write-ahead log are moved into the file,
        # for which 40 MB are early enough.
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=10000")
        connection.execute("BEGIN IMMEDIATE")
        stages = connection.execute("SELECT lifecycle_stage FROM runs WHERE run_uuid = ?", (run_id,)).fetchall()
        if stages != [("active",)]:
            return False
        names = "(key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, ?, ?, ?, ?)"
        connection.executemany(f"INSERT INTO metrics {names} ON CONFLICT DO NOTHING", rows)
        connection.executemany(
            f"INSERT INTO latest_metrics {names} ON CONFLICT (key, run_uuid) DO UPDATE SET"
            " value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan"
            " WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)",
            latest.values(),
        )
    return True


def post_to_server(client: MlflowClient, run_id: str, points: Sequence[Point]) -> bool:
    """Tell a server points as MLflow's client would; how it is reached (user, certificates, patience) is the client's.

    Args:
        client: of the server.
        run_id: the run, which must be active.
        points: what to tell.

    Returns:
        False, with nothing told, where the client is not as expected, or not that of a server.

    Raises:
        MlflowException: the server does not take them; it may have taken the first thousands.

    Source: RestStore.log_batch of MLflow 3; https://mlflow.org/docs/latest/api_reference/rest-api.html#log-batch
    """
    try:
        from mlflow.store.tracking.rest_store import RestStore
        from mlflow.utils.rest_utils import http_request, verify_rest_response

        store = client._tracking_client.store
        if type(store) is not RestStore:  # those derived from it have their own ways
            return False
        credentials = store.get_host_creds()
    except (ImportError, AttributeError):
        return False
    for start in range(0, len(points), MOST_AT_ONCE):
        metrics = [
            {"key": key, "value": value if math.isfinite(value) else _name(value), "timestamp": timestamp, "step": step}
            for key, value, timestamp, step in points[start : start + MOST_AT_ONCE]
        ]
        told = {"run_id": run_id, "metrics": metrics}
        verify_rest_response(http_request(credentials, LOG_BATCH, "POST", json=told), LOG_BATCH)
    return True


def _name(value: float) -> str:
    """What protobuf's JSON calls a number that JSON does not have."""
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _row(point: Point, run_id: str) -> Row:
    key, value, timestamp, step = point
    if math.isfinite(value):
        return key, value, timestamp, step, False, run_id
    if math.isnan(value):
        return key, 0.0, timestamp, step, True, run_id
    return key, math.copysign(sys.float_info.max, value), timestamp, step, False, run_id
