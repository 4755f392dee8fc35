"""A sweep is a run that holds its jobs, and goes on where it was left.

Hydra calls `SweepParent` before it launches any job (conf/config.yaml names it). The same command finds the run that it
made before, unless that is still going on, and takes it up. Its id travels to the jobs in an environment variable,
which reaches them in whatever process a launcher starts them; so does a number that tells this call of the sweep from
earlier ones, whose jobs may be others by now. Hydra does not call back when a sweep with a failed job ends, so the
command line wraps it in `sweep`.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from sarcasm.errors import TrackingError
from sarcasm.options import OF_THE_PLACE, leaves
from sarcasm.project import PROJECT
from sarcasm.tracking.failures import impatiently, tracking_errors
from sarcasm.tracking.metrics import Point
from sarcasm.tracking.operations import Batch
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.processes import HOST, PID, SILENT_SECONDS, end_orphans, seconds_silent
from sarcasm.tracking.reading import may_be_written
from sarcasm.tracking.recorded import ATTEMPT, NEWEST_FIRST, OLDEST_FIRST, Recorded, search
from sarcasm.tracking.run import ATTEMPT_VARIABLE, PARENT_VARIABLE, Tracked, start
from sarcasm.tracking.store import Store, put_off, reach_store

SWEEP_TAG, KEY_TAG = "sweep", "sweep.key"
"""Tags of a sweep's run: that it is one, and what tells it from other sweeps."""
VARIED_VARIABLE = "SARCASM_SWEEP_VARIED"
"""Environment variable of a sweep's jobs: the options that differ between them, with commas."""
OF_THE_CALL = (*OF_THE_PLACE, "hydra.", "hydra/", "sweep=", "sweep.", "force=")
"""Beginnings of overrides that do not make it another sweep."""

logger = logging.getLogger(__name__)
_open = ExitStack()
_opened: list[OpenSweep] = []


@dataclass(frozen=True)
class OpenSweep:
    """A sweep that is going on.

    Attributes:
        tracked: its run.
        config: as Hydra composed it, before any job's choices are made.
        attempt: which call of the sweep it is.
    """

    tracked: Tracked
    config: DictConfig
    attempt: str

    def jobs(self) -> list[Recorded]:
        """The jobs of this call so far, done before or now, in the order in which they began.

        Raises:
            TrackingError: the store cannot be read.
        """
        options: Tracking = OmegaConf.to_object(self.config.tracking)  # type: ignore[assignment]
        store = reach_store(options, PROJECT)

        def found() -> list[Recorded]:
            with tracking_errors(store.uri, "gather the jobs of the sweep"):
                experiments = {store.experiment_id(store.experiment): store.experiment}
                # A job whose process was killed in this very sweep.
                end_orphans(store.client, *experiments)
                wanted = f"tags.`{ATTEMPT}` = '{self.attempt}' and tags.`{SWEEP_TAG}` IS NULL"
                return list(search(store, experiments, wanted, OLDEST_FIRST))

        if not options.may_wait(store.is_server):
            return found()
        try:
            return impatiently(found)
        except TrackingError as error:
            raise TrackingError(
                f"{error}; what the sweep's jobs gave is compared when the same command is given again, once sarcasm"
                " runs sync has sent them"
            ) from error

    def log_metrics_of_jobs(self, metrics: Mapping[str, Mapping[str, float]]) -> None:
        """Add metrics to jobs that have ended: id -> metric -> value; those that a job has already are left.

        Raises:
            TrackingError: the store does not take them.
        """
        options: Tracking = OmegaConf.to_object(self.config.tracking)  # type: ignore[assignment]
        store = reach_store(options, PROJECT)
        now = time.time_ns() // 1_000_000
        with tracking_errors(store.uri, "record means over seeds"):
            for run_id, named in metrics.items():
                there = store.client.get_run(run_id).data.metrics
                points = [Point(key, value, now, 0) for key, value in named.items() if there.get(key) != value]
                if points:
                    Batch(points).carry_out(store.client, run_id)


class SweepParent(Callback):
    """Opens the run of a sweep, and records jobs that failed before they had a run."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """See hydra.experimental.callback.

        Args:
            config: of the sweep, before any job's choices are made; with Hydra's own part.
        """
        attempt = uuid.uuid4().hex
        try:
            tracked = _open.enter_context(_begun(config, attempt))
        except TrackingError:
            return  # Every job is about to say the same, and Hydra would make a warning with a traceback of it.
        varied = ",".join(_varied(config.hydra.overrides.task))
        told = {PARENT_VARIABLE: tracked.reference, ATTEMPT_VARIABLE: attempt, VARIED_VARIABLE: varied}
        for variable, value in told.items():
            os.environ[variable] = value
            _open.callback(os.environ.pop, variable, None)
        _opened.append(OpenSweep(tracked, config, attempt))
        _open.callback(_opened.clear)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        """See hydra.experimental.callback; called in the process of the job.

        Args:
            config: of the job, with Hydra's own part.
            job_return: what became of it.
        """
        error = job_return._return_value
        if job_return.status is not JobStatus.FAILED or not isinstance(error, Exception) or hasattr(error, "run_id"):
            return
        options: Any = OmegaConf.to_object(config.tracking)
        overrides = list(config.hydra.overrides.task)
        own = OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])
        tags = {"overrides": json.dumps(overrides)}
        # The job's error is what counts, and it is said.
        with (
            suppress(Exception),
            start(options, PROJECT, run_name=" ".join(overrides), params=leaves(own), tags=tags),
        ):
            raise error


@contextmanager
def sweep() -> Iterator[None]:
    """Within the block Hydra may run a sweep; its run, if there is one, ends as the block does."""
    with _open:
        yield


def open_sweep() -> OpenSweep | None:
    """The sweep that this process runs, if it does."""
    return _opened[-1] if _opened else None


def sweep_key(overrides: Sequence[str], sweeper: DictConfig) -> str:
    """What tells a sweep from another: what is swept, by what sweeper; not in what order or where."""
    counted = sorted(text for text in overrides if not text.lstrip("+~").startswith(OF_THE_CALL))
    content = [counted, OmegaConf.to_container(sweeper, resolve=True)]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def sweep_before(store: Store, experiment: str, key: str) -> Recorded | None:
    """The run of the same sweep, called before and not going on now; the latest."""
    with tracking_errors(store.uri, "look for the sweep"):
        experiments = {store.experiment_id(experiment): experiment}
        end_orphans(store.client, *experiments)
        for run in search(store, experiments, f"tags.`{KEY_TAG}` = '{key}'", NEWEST_FIRST):
            if run.status != "RUNNING" or seconds_silent(run.tags) > SILENT_SECONDS:
                return run
            logger.info(
                "the same sweep is going on in process %s on %s; this one is recorded beside it",
                run.tags.get(PID, "?"), run.tags.get(HOST, "?"),
            )  # fmt: skip
    return None


@contextmanager
def _begun(config: DictConfig, attempt: str) -> Iterator[Tracked]:
    """The run of a sweep, for the block: a new one, or the one that the same sweep had before."""
    overrides = dict(text.lstrip("+~").partition("=")[::2] for text in config.hydra.overrides.task)
    varied = _varied(config.hydra.overrides.task)
    options: Any = OmegaConf.to_object(config.tracking)
    options.run_name = ""  # is the jobs'
    key = sweep_key(config.hydra.overrides.task, config.hydra.sweeper)
    tags = {
        SWEEP_TAG: "true", KEY_TAG: key, ATTEMPT: attempt,
        "overrides": json.dumps(list(config.hydra.overrides.task)),
    }  # fmt: skip
    # Two calls at once must not take up the same run.
    with _lock(key) as lock:
        store = reach_store(options, PROJECT)
        again = _again(store, options, key) if store.is_reached else None
        with start(
            options, PROJECT, run_name=f"sweep over {', '.join(varied)}" if varied else "sweep", params=overrides,
            tags=tags, again=again.run_id if again else "",
        ) as tracked:  # fmt: skip
            lock.close()
            if again:
                logger.info("goes on with the sweep that is recorded as run %s", again.run_id)
            yield tracked


def _again(store: Store, options: Tracking, key: str) -> Recorded | None:
    """See `sweep_before`; a server that fails and may be told later knows of none.

    Raises:
        TrackingError: the store fails otherwise.
    """
    if not options.may_wait(store.is_server):
        return sweep_before(store, store.experiment, key)
    try:
        return impatiently(lambda: sweep_before(store, store.experiment, key))
    except TrackingError as error:
        put_off(store.uri, options, error)
        return None


def _varied(overrides: Sequence[str]) -> list[str]:
    """The options of a command line that a sweep gives several values."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return [each.key_or_group for each in parsed if each.is_sweep_override()]


def _lock(key: str) -> TextIO:
    """Wait for the lock of a sweep; closing it lets go of it."""
    folder = PROJECT / "outputs"
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
    # A project may only be read, and what is swept be recorded elsewhere.
    place = folder if may_be_written(folder) else Path(tempfile.gettempdir())
    file = (place / f".sweep-{key[:16]}.lock").open("a", encoding="utf-8")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file
