"""Record a run: what it was made of, what it gave, and how it ended.

A run ends FINISHED, FAILED (an exception) or KILLED (Ctrl-C, SIGTERM, SIGHUP); what has gathered is sent in each of
these cases. The run of a process that was killed outright is marked by the next run of its experiment on that machine.
Metrics that no store takes are left in a file. MLflow's "active run" is not used: runs may be open in several threads,
or one in the other.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sarcasm.errors import SarcasmError, TrackingError
from sarcasm.tracking.failures import impatiently, one_line, tracking_errors
from sarcasm.tracking.interrupts import Terminated, endings_raise, endings_wait
from sarcasm.tracking.metrics import Gatherer, Point
from sarcasm.tracking.operations import LONGEST_PARAM, LONGEST_TAG, Batch, Begin, End, Files, Input
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.processes import BEAT_SECONDS, HEARTBEAT, end_orphans, this_process
from sarcasm.tracking.processes import now as heartbeat
from sarcasm.tracking.recorded import ATTEMPT, ENVIRONMENT, WHOLE_TAG, Recorded
from sarcasm.tracking.recorders import Direct, Recorder, Spooled
from sarcasm.tracking.spool import Entry, n_left
from sarcasm.tracking.store import Store, put_off, reach_store
from sarcasm.tracking.surroundings import environment, lock_hash, uncommitted
from sarcasm.tracking.ticker import Ticker

LONGEST_ERROR = 500
PARENT_VARIABLE, ATTEMPT_VARIABLE = "SARCASM_PARENT_RUN", "SARCASM_SWEEP_ATTEMPT"
"""Environment variables of a sweep's jobs: the run that they are nested in, and which call of the sweep it is."""
COMMIT, DIRTY = "mlflow.source.git.commit", "git.dirty"
STEPPED = ("train/", "validation/loss")
"""Beginnings of the metrics that have a value a step."""
DIGEST_CHARACTERS = 32  # of a dataset; MLflow takes 36 at most
LONGEST_DATASET_NAME = 500
"""Characters that MLflow takes."""
LONGEST_RUN_NAME = 250
"""Characters that MLflow's tables hold."""

logger = logging.getLogger(__name__)


@contextmanager
def start(
    options: Tracking, project: Path, *, run_name: str, params: Mapping[str, object], tags: Mapping[str, str],
    again: str = "",
) -> Iterator[Tracked]:  # fmt: skip
    """Record what happens within the block as a run.

    Args:
        options: which store and experiment, and how often metrics are sent.
        project: the folder that holds train.py: the default store's place, and that of the git commit.
        run_name: what the run is called unless `options.run_name` says it; MLflow makes a name up where both are empty.
        params: what the run is made of, by dotted keys; recorded as text, and in full as `params.json`.
        tags: further tags; they win over those that are set here.
        again: the id of a run of the same options that was cut short and is taken up; empty for a new one. Steps that
            it has are not recorded twice.

    Yields:
        The open run.

    Raises:
        TrackingError: the store cannot be opened or written to. Metrics that could not be sent lie in the file that the
            message names. A server that does not answer raises only with `on_failure=fail`.
        Terminated: SIGTERM or SIGHUP came, while this is the main thread and nobody else handles them.
    """
    with endings_raise():
        store = reach_store(options, project)
        if store.is_reached:
            try:
                _end_orphans(store, options)
            except TrackingError as error:
                put_off(store.uri, options, error)
                store = replace(store, is_reached=False)
            if store.is_server and (n := n_left(project)):
                logger.info("%d runs wait in outputs/spool; send them with: sarcasm runs sync", n)
        own_tags = _source_tags(project) | {"environment.lock": lock_hash(project)}
        if attempt := os.environ.get(ATTEMPT_VARIABLE):
            own_tags[ATTEMPT] = attempt
        own_tags |= dict(tags)
        begin = Begin(
            store.experiment, options.run_name or run_name, _now(), own_tags, os.environ.get(PARENT_VARIABLE, ""),
            again,
        )  # fmt: skip
        with _recorded(store, options, project, begin, params) as tracked:
            yield tracked


@contextmanager
def _recorded(
    store: Store, options: Tracking, project: Path, begin: Begin, params: Mapping[str, object],
    within: Recorder | None = None,
) -> Iterator[Tracked]:  # fmt: skip
    """A run of MLflow that ends as the block does; `within` records the one that it is nested in."""
    begin = replace(
        begin, tags=this_process().tags() | dict(begin.tags), run_name=_cut(begin.run_name, LONGEST_RUN_NAME)
    )
    shown = replace(begin, tags=_cut_tags(begin.tags))
    earlier = _earlier_of(store, begin.run_id) if begin.run_id else _Earlier()
    recorder: Recorder
    if options.may_wait(store.is_server):
        outer = within if isinstance(within, Spooled) else None
        recorder = Spooled(store, project, shown, outer)
    else:
        recorder = Direct(store, shown)
    tracked = Tracked(store, recorder, begin, options, project, earlier)
    process = os.getpid()
    try:
        tracked._log_params(params)
        tracked._keep_cut(begin.tags)
        yield tracked
    except BaseException as error:
        if os.getpid() == process:  # in a fork that unwinds this block, the run goes on elsewhere
            _end_after(error, tracked, project)
        with suppress(AttributeError):
            error.run_id = tracked.run_id  # type: ignore[attr-defined]  # where it is recorded already
        raise
    with endings_wait():
        tracked._end("FINISHED", project)


class Tracked:
    """An open run of MLflow.

    Attributes:
        run_name: its name; empty where MLflow makes one up.
    """

    def __init__(
        self, store: Store, recorder: Recorder, begin: Begin, options: Tracking, project: Path, earlier: _Earlier
    ) -> None:
        self.run_name, self._earlier = begin.run_name, earlier
        self._begin, self._options, self._project = begin, options, project
        self._store, self._recorder = store, recorder
        self._seconds = dict(earlier.seconds)
        self._beaten_at = time.monotonic()
        self._metrics = Gatherer(
            self._send, options.flush_metrics, options.flush_seconds, earlier.steps, lambda: self._ticker.wake()
        )
        self._ticker = Ticker(self._tick, options.flush_seconds / 2)

    @property
    def run_id(self) -> str:
        """Its id, which a server that was never reached has not given it yet."""
        return self._recorder.run_id

    @property
    def reference(self) -> str:
        """What runs nested in it name it by, in whatever process they are."""
        return self._recorder.reference

    @property
    def where(self) -> str:
        """How to look at it: a command, or the run's address."""
        return self._store.where(self._store.experiment, self.run_id)

    def recorded(self, metrics: Mapping[str, float]) -> Recorded:
        """The run as it will stand in the store once it has finished.

        Args:
            metrics: what it is worth.
        """
        begun = datetime.fromtimestamp(self._begin.started / 1000, UTC)
        return Recorded(
            self.run_id, self.run_name, "FINISHED", {}, metrics, self._begin.tags, self._store, begun,
            datetime.now(UTC),
        )  # fmt: skip

    def child(
        self, run_name: str, params: Mapping[str, object], tags: Mapping[str, str]
    ) -> AbstractContextManager[Tracked]:
        """A run nested in this one, for the block; the same one as before, where this one was taken up.

        Args:
            run_name: what it is called.
            params: what it is made of, by dotted keys.
            tags: further tags.
        """
        again = self._earlier.nested.get(_cut(run_name, LONGEST_RUN_NAME), "")
        own_tags = {**_source_tags(self._project), **tags}
        begin = Begin(self._store.experiment, run_name, _now(), own_tags, self.reference, again)
        return _recorded(self._store, self._options, self._project, begin, params, self._recorder)

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of a step; they are sent together with others.

        Args:
            step: from 0.
            metrics: values by name, such as train/loss.
        """
        self._metrics.add(step, metrics)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log metrics that belong to the whole run."""
        self._metrics.add(0, {key: value for key, value in metrics.items() if self._earlier.values.get(key) != value})

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Count the seconds of a block as those of a stage: `time/STAGE` of the run, over all blocks of that stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - started

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; a tag that is there already gets the new value. What is too long is kept whole as an artifact."""
        self._recorder.record(Batch(tags=_cut_tags(tags)), "set tags")
        self._keep_cut(tags)

    def log_text(self, text: str, artifact_path: str) -> None:
        """Keep a text as an artifact, in UTF-8."""
        folder, _, name = artifact_path.rpartition("/")
        with tempfile.TemporaryDirectory() as temporary:
            Path(temporary, name).write_text(text, encoding="utf-8", errors="backslashreplace")
            self._recorder.record(Files(temporary, folder), f"keep {artifact_path}")

    def log_json(self, content: object, artifact_path: str) -> None:
        """Keep what JSON can hold as an artifact, anything else as text."""
        self.log_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n", artifact_path)

    def log_folder(self, folder: Path) -> None:
        """Keep copies of what a folder holds as artifacts."""
        self._recorder.record(Files(str(folder)), f"keep {folder}")

    def log_surroundings(self) -> None:
        """Keep what the run is surrounded by: the command line's overrides, the commit, machine and packages, and what
        differs from the commit.
        """
        tags = self._begin.tags
        if overrides := tags.get("overrides"):
            self.log_json(json.loads(overrides), "overrides.json")
        commit = {"commit": tags.get(COMMIT, ""), "commit_is_dirty": tags.get(DIRTY) == "true"}
        self.log_json(commit | {"project": str(self._project)} | environment(), ENVIRONMENT)
        if patch := uncommitted(self._project):
            self.log_text(patch, "uncommitted.patch")

    def log_dataset(self, name: str, fingerprint: str, source: str, n_rows: int) -> None:
        """Say what the run was trained on.

        Args:
            name: of the dataset.
            fingerprint: hash of its content, "sha256:<hex>"; MLflow shows the beginning of the hex digits and keeps the
                whole.
            source: where it was read from.
            n_rows: utterances in it.
        """
        dataset = Input(
            _cut(name, LONGEST_DATASET_NAME),
            fingerprint.rpartition(":")[2][:DIGEST_CHARACTERS],
            json.dumps({"uri": source}),
            json.dumps({"num_rows": n_rows, "fingerprint": fingerprint}),
        )
        self._recorder.record(dataset, f"name the dataset {name}")

    def log_model(self, package: Path, artifact_path: str = "model") -> None:
        """Keep the fitted model among the run's artifacts, as MLflow loads and serves it.

        Args:
            package: the folder that `sarcasm.packaged.save` wrote; must be called "package".
            artifact_path: where among the artifacts.
        """
        from sarcasm.tracking.model import save_for_mlflow

        with tempfile.TemporaryDirectory() as temporary:
            saved = Path(temporary) / "model"
            with tracking_errors(self._store.uri, "keep the model"):
                save_for_mlflow(package, saved)
            self._recorder.record(Files(str(saved), artifact_path), "keep the model")

    def _log_params(self, params: Mapping[str, object]) -> None:
        texts = {key: str(value) for key, value in params.items()}
        cut = {key: _cut(text, LONGEST_PARAM, "the whole is in params.json") for key, text in texts.items()}
        # One that is taken up has them, and MLflow lets none be changed.
        if cut and not self._begin.run_id:
            self._recorder.record(Batch(params=cut), "record the options")
        self.log_json(dict(params), "params.json")

    def _keep_cut(self, tags: Mapping[str, str]) -> None:
        for key, text in tags.items():
            if len(text) > LONGEST_TAG:
                self.log_text(text, WHOLE_TAG.format(key))

    def _send(self, points: Sequence[Point]) -> None:
        self._recorder.record(Batch(points), "record metrics")

    def _tick(self) -> None:
        self._metrics.tick(is_time=True)
        self._recorder.tick()
        if time.monotonic() - self._beaten_at > BEAT_SECONDS:
            self._beaten_at = time.monotonic()
            with suppress(TrackingError):  # the next may come through
                self._recorder.record(Batch(tags={HEARTBEAT: heartbeat()}), "set tags")

    def _end(self, status: str, project: Path, error: str = "") -> None:
        """Send what is left and set the status.

        Raises:
            TrackingError: the store does not take it.
        """
        deadline = time.monotonic() + self._options.timeout_seconds  # what is being sent just now is waited for, too
        self._ticker.stop()
        self.log_metrics({f"time/{stage}": seconds for stage, seconds in self._seconds.items()})
        # A clock that was set back must not let a run end before it began.
        end = End(status, max(_now(), self._begin.started), one_line(error, LONGEST_ERROR) if error else "")
        try:
            self._metrics.flush()
        except TrackingError as failure:
            status = "FAILED" if status == "FINISHED" else status
            end = replace(end, status=status, error=end.error or one_line(str(failure), LONGEST_ERROR))
            left = self._keep_unsent(end, project)
            with suppress(TrackingError):
                self._recorder.end(end, deadline)
            raise TrackingError(f"{failure}; {left}") from failure
        self._recorder.end(end, deadline)

    def _keep_unsent(self, end: End, project: Path) -> str:
        """Put metrics that the store did not take into the spool, where there is room; says where they are.

        Raises:
            TrackingError: there is no room anywhere.
        """
        points = self._metrics.points
        said = f"{len(points)} metrics of run {self.run_id}"
        begin = replace(self._begin, tags={}, run_id=self.run_id)
        folders = (project, Path(tempfile.gettempdir()))
        for folder in filter(Path.is_dir, folders):  # a project that was moved is not made again
            try:
                entry = Entry.new(folder, self._store.uri, begin, [Batch(points), end])
            except OSError:
                continue
            entry.close(is_done=False)
            elsewhere = "" if folder == project else f" {entry.folder}"
            return f"{said} are kept in {entry.folder}; send them with: sarcasm runs sync{elsewhere}"
        raise TrackingError(
            f"{said} are lost: neither the store nor {folders[0]} nor {folders[1]} takes them; free some space"
        )


def _end_orphans(store: Store, options: Tracking) -> None:
    """Mark what killed processes left in the experiment.

    Raises:
        TrackingError: the store fails.
    """

    def end() -> None:
        with tracking_errors(store.uri, "record a run"):
            end_orphans(store.client, store.experiment_id(store.experiment))

    impatiently(end) if options.may_wait(store.is_server) else end()


def _end_after(error: BaseException, tracked: Tracked, project: Path) -> None:
    """End a run that an exception ends; that exception matters more than a store that fails as well, which is a
    warning.
    """
    status = "KILLED" if isinstance(error, KeyboardInterrupt | Terminated) else "FAILED"
    if isinstance(error, SystemExit) and error.code in (None, 0):
        status, said = "FINISHED", ""
    elif isinstance(error, KeyboardInterrupt):
        said = "interrupted by Ctrl-C"
    elif isinstance(error, SarcasmError | Terminated):
        said = str(error)
    else:
        said = f"{type(error).__name__}: {error}"
    try:
        with endings_wait():
            tracked._end(status, project, said)
    except TrackingError as failure:
        logger.warning("%s", failure)


@dataclass(frozen=True)
class _Earlier:
    """What a run that is taken up has already.

    Attributes:
        steps: metric -> the last step of it, of those that have a value a step.
        values: metric -> its value, of the others.
        seconds: stage -> seconds that it took.
        nested: name -> id of the runs nested in it.
    """

    steps: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)
    nested: Mapping[str, str] = field(default_factory=dict)


def _earlier_of(store: Store, run_id: str) -> _Earlier:
    with tracking_errors(store.uri, f"take up run {run_id}"):
        run = store.client.get_run(run_id)
        values = {key: value for key, value in run.data.metrics.items() if not key.startswith(STEPPED)}
        steps = {
            key: max(point.step for point in store.client.get_metric_history(run_id, key))
            for key in run.data.metrics.keys() - values.keys()
        }
        nested = store.client.search_runs(
            [run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'",
            order_by=["attributes.start_time ASC"], max_results=10_000,
        )  # fmt: skip
    seconds = {key.removeprefix("time/"): value for key, value in values.items() if key.startswith("time/")}
    return _Earlier(steps, values, seconds, {each.info.run_name: each.info.run_id for each in nested})


def _now() -> int:
    return time.time_ns() // 1_000_000


def _cut_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: _cut(str(value), LONGEST_TAG) for key, value in tags.items()}


def _cut(text: str, longest: int, note: str = "") -> str:
    """A text as a store takes it: no longer than that, and with bytes of a file's name that are no UTF-8 escaped.

    It is to be shown; `Recorded.tag` and `Recorded.param` read the whole.
    """
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= longest:
        return text
    ending = f" ... (cut; {len(text)} characters in all{', ' if note else ''}{note})"
    return text[: longest - len(ending)] + ending


def _source_tags(project: Path) -> dict[str, Any]:
    """Who runs what, by the names that MLflow's page knows; its own client finds them only for the "active run"."""
    tags = {"mlflow.source.type": "LOCAL", "mlflow.source.name": "train.py"}
    with suppress(OSError, KeyError):  # a container may run as a user without a name
        tags["mlflow.user"] = getpass.getuser()
    try:
        # One call for the commit and for whether the files differ from it; no tag is ever found.
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40"],  # noqa: S607
            cwd=project, capture_output=True, text=True, check=True, timeout=10,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return tags
    commit = described.removesuffix("-dirty")
    return tags | {COMMIT: commit, DIRTY: str(commit != described).lower()}
