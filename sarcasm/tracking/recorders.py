"""How what is recorded of a run reaches its store: at once, or by way of a spool.

An SQLite file of this machine is told at once, and waited for where another program keeps it locked. A server may be
slow, or down for an hour: what it is to be told goes into the spool first and is sent from there beside the run, in
order, as often as it takes. A run goes on whatever the server does; what it has not taken in the end waits in the
spool.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

from sarcasm.errors import TrackingError
from sarcasm.tracking.failures import impatiently, is_locked, is_refusal, is_silence, tracking_errors
from sarcasm.tracking.metrics import PATIENCE, append_to_sqlite
from sarcasm.tracking.operations import Batch, Begin, End, Files, Operation
from sarcasm.tracking.spool import Entry, address
from sarcasm.tracking.sqlite import look_beside
from sarcasm.tracking.store import Store

LOCKED_SECONDS = 120.0
"""How long a file may be kept locked by another program before that is given up."""
MOST_SECONDS_BETWEEN = 30.0
"""Between two attempts to reach a server."""
RETRY_SECONDS = 1.0
"""Between two attempts when a run has ended."""

logger = logging.getLogger(__name__)


class Recorder(Protocol):
    """What is told of a run goes through here."""

    @property
    def run_id(self) -> str:
        """The run's id; where the store has given it none yet, its address in the spool."""

    @property
    def reference(self) -> str:
        """What runs nested in it name it by."""

    def record(self, operation: Operation, doing: str) -> None:
        """Record something.

        Args:
            operation: what.
            doing: the same for an error message, after "cannot".

        Raises:
            TrackingError: it cannot be recorded.
        """

    def tick(self) -> None:
        """Go on with what is not done yet; called beside the run; raises nothing."""

    def end(self, operation: End, deadline: float) -> None:
        """Record the run's end, and let go of it.

        Args:
            operation: the end.
            deadline: until when a server that fails is waited for, by the monotonic clock.

        Raises:
            TrackingError: it cannot be recorded.
        """


class Direct:
    """Tells the store at once."""

    def __init__(self, store: Store, begin: Begin) -> None:
        """Begin the run.

        Raises:
            TrackingError: the store does not take it.
        """
        self._store = store
        self._begun = begin.started
        self.run_id = self._patiently(lambda: self._begin(begin), "record a run")

    @property
    def reference(self) -> str:
        """See `Recorder.reference`."""
        return self.run_id

    def record(self, operation: Operation, doing: str) -> None:
        """See `Recorder.record`."""
        self._patiently(lambda: self._record(operation), doing)

    def tick(self) -> None:
        """See `Recorder.tick`: nothing is left undone here."""

    def end(self, operation: End, deadline: float) -> None:  # noqa: ARG002  # a file is waited for as always
        """See `Recorder.end`."""
        self.record(operation, f"end run {self.run_id}")

    def _begin(self, begin: Begin) -> str:
        client = self._store.client
        if self._store.database is not None:
            # Again, because the folder may be known by another path elsewhere, as in a container.
            look_beside(self._store.database, begin.run_id)
        if begin.run_id:
            begin.take_up(client)
            self._artifact_uri = client.get_run(begin.run_id).info.artifact_uri
            return begin.run_id
        tags = {**begin.tags, **({"mlflow.parentRunId": begin.parent} if begin.parent else {})}
        run = client.create_run(
            self._store.experiment_id(begin.experiment), begin.started, tags, begin.run_name or None
        )
        self._artifact_uri = run.info.artifact_uri
        return str(run.info.run_id)

    def _record(self, operation: Operation) -> None:
        database = self._store.database
        if database is not None and not database.exists():
            # SQLite would make an empty one, and MLflow the folders of artifacts.
            raise TrackingError(
                f"{database} is gone: it was moved or removed while run {self.run_id} was recorded; start it again from"
                " where it lies now"
            )
        if isinstance(operation, Files):
            operation.keep_in(self._artifact_uri, self._store.client)
            return
        is_metrics = database is not None and isinstance(operation, Batch) and operation.metrics
        if is_metrics and append_to_sqlite(database, self.run_id, operation.metrics):  # type: ignore[union-attr,arg-type]
            operation = Batch((), operation.params, operation.tags)  # type: ignore[union-attr]
            if not operation.params and not operation.tags:
                return
        operation.carry_out(self._store.client, self.run_id)

    def _patiently(self, work: Callable[[], str | None], doing: str) -> str:
        """Do it, as often as another program keeps the file locked meanwhile."""
        deadline = time.monotonic() + LOCKED_SECONDS
        while True:
            try:
                with tracking_errors(self._store.uri, doing):
                    return work() or ""
            except TrackingError as error:
                if not is_locked(error) or time.monotonic() > deadline:
                    raise


@dataclass
class _Health:
    """How a server does, as a run and those nested in it have found.

    Attributes:
        is_said: whether it was said that it fails.
        not_before: when it is asked again, by the monotonic clock.
    """

    is_said: bool
    not_before: float = 0.0

    @property
    def is_tried(self) -> bool:
        """Whether it may be asked now."""
        return time.monotonic() >= self.not_before

    def failed(self, error: TrackingError, started: float) -> None:
        """Note that it failed, and say so the first time.

        Args:
            error: how.
            started: when it was asked.
        """
        if not self.is_said:
            logger.warning("%s (the run goes on; what it records is kept and sent later)", error)
            self.is_said = True
        now = time.monotonic()
        self.not_before = now + min(max(RETRY_SECONDS, PATIENCE * (now - started)), MOST_SECONDS_BETWEEN)


class Spooled:
    """Tells a server by way of the spool."""

    def __init__(self, store: Store, project: Path, begin: Begin, within: Spooled | None = None) -> None:
        """Begin the run; a server that does not answer is told later.

        Args:
            store: the server.
            project: whose spool is used.
            begin: what to begin with.
            within: the run of this process that it is nested in, which sends in its end what this one could not.

        Raises:
            TrackingError: the server refuses, or there is no MLflow server; or the spool cannot be written.
        """
        self._store, self._within = store, within
        with tracking_errors(store.uri, "keep a run for the server"):
            self._entry = Entry.new(project, store.uri, begin)
        self._left: list[Entry] = []
        now = time.monotonic()
        # Who opened the store has said it of a server that was not reached, and waited for it.
        asked_again = now if store.is_reached else now + RETRY_SECONDS
        self._health: _Health = within._health if within else _Health(not store.is_reached, asked_again)
        try:
            self._tell()
        except TrackingError as error:
            if is_refusal(error):
                self._entry.close(is_done=True)
                raise
            self._health.failed(error, now)

    @property
    def run_id(self) -> str:
        """See `Recorder.run_id`."""
        return self._entry.run_id or self.reference

    @property
    def reference(self) -> str:
        """See `Recorder.reference`."""
        return address(self._entry.key)

    def record(self, operation: Operation, doing: str) -> None:
        """See `Recorder.record`: it is kept here, and sent by `tick`."""
        with tracking_errors(self._store.uri, doing):
            self._entry.append(operation)

    def tick(self) -> None:
        """See `Recorder.tick`."""
        started = time.monotonic()
        try:
            self._tell()
        except TrackingError as error:
            self._health.failed(error, started)

    def _tell(self) -> None:
        """Tell the server what it has not been told yet, if it may be asked now.

        Raises:
            TrackingError: it does not take it.
        """
        if self._health.is_tried:
            impatiently(partial(self._entry.deliver, self._store))

    def end(self, operation: End, deadline: float) -> None:
        """See `Recorder.end`: what the server does not take stays in the spool, which is said."""
        self.record(operation, f"end run {self.run_id}")
        if self._within:
            self._end_within(self._within)
            return
        waiting, error = [self._entry, *self._left], None
        self._health.is_said = True  # it is about to be, with what is left
        while True:
            waiting, error = self._send(waiting, deadline)
            if error is None or is_refusal(error) or time.monotonic() + RETRY_SECONDS > deadline:
                break
            time.sleep(RETRY_SECONDS)
        for entry in waiting:
            entry.close(is_done=False)
        if error is not None:
            n = "1 run waits" if len(waiting) == 1 else f"{len(waiting)} runs wait"
            them = "it" if len(waiting) == 1 else "them"
            logger.warning("%s; %s in outputs/spool; send %s with: sarcasm runs sync", error, n, them)

    def _end_within(self, outer: Spooled) -> None:
        """Send all that is left, or let the outer run do so in its end."""
        started = time.monotonic()
        if self._health.is_tried:
            try:
                impatiently(partial(self._entry.deliver, self._store))
            except TrackingError as error:
                self._health.failed(error, started)
            else:
                self._entry.close(is_done=True)
                return
        outer._left.append(self._entry)

    def _send(self, entries: Sequence[Entry], deadline: float) -> tuple[list[Entry], TrackingError | None]:
        """Send all that is left of some runs.

        Returns:
            Those that the server did not take whole, and why; once it is silent, no further ones are tried.
        """
        left: list[Entry] = []
        found: TrackingError | None = None
        for entry in entries:
            if found is None or not is_silence(found):
                # One that has just failed gets what is left of the time, one that works its usual time.
                remaining = None if self._health.is_tried and not found else deadline - time.monotonic()
                started = time.monotonic()
                try:
                    impatiently(partial(entry.deliver, self._store), remaining)
                except TrackingError as error:
                    found = error
                    self._health.failed(error, started)
                else:
                    entry.close(is_done=True)
                    continue
            left.append(entry)
        return left, found
