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
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

from sarcasm.errors import SarcasmError, TrackingError
from sarcasm.tracking.failures import one_line, tracking_errors
from sarcasm.tracking.interrupts import Terminated, endings_raise, endings_wait
from sarcasm.tracking.metrics import Gatherer, Point, append_to_sqlite
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.processes import end_orphans, this_process
from sarcasm.tracking.store import Store, open_store

LONGEST_PARAM, LONGEST_TAG = 6000, 8000  # characters that MLflow keeps of a value; it drops the rest without a word
LONGEST_ERROR = 500
PARENT_VARIABLE = "SARCASM_PARENT_RUN"
"""Environment variable that holds the id of the run that new runs are nested in."""
DIGEST_CHARACTERS = 32  # of a dataset; MLflow takes 36 at most

logger = logging.getLogger(__name__)


@contextmanager
def start(
    options: Tracking, project: Path, *, run_name: str, params: Mapping[str, object], tags: Mapping[str, str]
) -> Iterator[Tracked]:
    """Record what happens within the block as a run.

    Args:
        options: which store and experiment, and how often metrics are sent.
        project: the folder that holds train.py: the default store's place, and that of the git commit.
        run_name: what the run is called unless `options.run_name` says it; MLflow makes a name up where both are empty.
        params: what the run is made of, by dotted keys; recorded as text, and in full as `params.json`.
        tags: further tags; they win over those that are set here.

    Yields:
        The open run.

    Raises:
        TrackingError: the store cannot be opened or written to. Metrics that could not be sent lie in the file that the
            message names.
        Terminated: SIGTERM or SIGHUP came, while this is the main thread and nobody else handles them.
    """
    with endings_raise():
        store = open_store(options.uri, project, options.timeout_seconds)
        experiment_id = store.experiment_id(options.experiment)
        with tracking_errors(store.uri, "record a run"):
            end_orphans(store.client, experiment_id)
        run_name = options.run_name or run_name
        parent = os.environ.get(PARENT_VARIABLE, "")
        with _recorded(store, experiment_id, options, project, run_name, params, tags, parent) as tracked:
            yield tracked


@contextmanager
def _recorded(
    store: Store, experiment_id: str, options: Tracking, project: Path, run_name: str,
    params: Mapping[str, object], tags: Mapping[str, str], parent: str,
) -> Iterator[Tracked]:  # fmt: skip
    """A run of MLflow that ends as the block does; nested in another where `parent` names one."""
    with tracking_errors(store.uri, "record a run"):
        own_tags = this_process().tags() | _source_tags(project)
        if parent:
            own_tags["mlflow.parentRunId"] = parent
        run = store.client.create_run(experiment_id, tags=own_tags | _cut_tags(tags), run_name=run_name or None)
    tracked = Tracked(store, experiment_id, run.info.run_id, run.info.run_name, options, project)
    recorder = os.getpid()
    try:
        tracked._log_params(params)
        yield tracked
    except BaseException as error:
        if os.getpid() == recorder:  # in a fork that unwinds this block, the run goes on elsewhere
            _end_after(error, tracked, project)
        raise
    with endings_wait():
        tracked._end("FINISHED", project)


class Tracked:
    """An open run of MLflow.

    Attributes:
        run_id: its id.
        run_name: its name.
        experiment_id: the experiment's.
        where: how to look at it: a command, or the run's address.
    """

    def __init__(
        self, store: Store, experiment_id: str, run_id: str, run_name: str, options: Tracking, project: Path
    ) -> None:
        self.run_id, self.run_name, self.experiment_id = run_id, run_name, experiment_id
        self._options, self._project = options, project
        self.where = store.where(experiment_id, run_id)
        self._store, self._client = store, store.client
        self._metrics = Gatherer(self._send, options.flush_metrics, options.flush_seconds)
        self._seconds: dict[str, float] = {}

    def child(
        self, run_name: str, params: Mapping[str, object], tags: Mapping[str, str]
    ) -> AbstractContextManager[Tracked]:
        """A run nested in this one, for the block.

        Args:
            run_name: what it is called.
            params: what it is made of, by dotted keys.
            tags: further tags.
        """
        return _recorded(
            self._store, self.experiment_id, self._options, self._project, run_name, params, tags, self.run_id
        )

    def log_step(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log the metrics of a step; they are sent together with others.

        Args:
            step: from 0.
            metrics: values by name, such as train/loss.
        """
        self._metrics.add(step, metrics)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Log metrics that belong to the whole run."""
        self._metrics.add(0, metrics)

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Count the seconds of a block as those of a stage: `time/STAGE` of the run, over all blocks of that stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - started

    def log_tags(self, tags: Mapping[str, str]) -> None:
        """Set tags; a tag that is there already gets the new value."""
        from mlflow.entities import RunTag

        with tracking_errors(self._store.uri, "set tags"):
            self._client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in _cut_tags(tags).items()])

    def log_text(self, text: str, artifact_path: str) -> None:
        """Keep a text as an artifact, in UTF-8."""
        with tracking_errors(self._store.uri, f"keep {artifact_path}"):
            self._client.log_text(self.run_id, text, artifact_path)

    def log_json(self, content: object, artifact_path: str) -> None:
        """Keep what JSON can hold as an artifact, anything else as text."""
        self.log_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n", artifact_path)

    def log_folder(self, folder: Path) -> None:
        """Keep copies of what a folder holds as artifacts."""
        with tracking_errors(self._store.uri, f"keep {folder}"):
            self._client.log_artifacts(self.run_id, str(folder))

    def log_dataset(self, name: str, fingerprint: str, source: str, n_rows: int) -> None:
        """Say what the run was trained on.

        Args:
            name: of the dataset.
            fingerprint: hash of its content, "sha256:<hex>"; MLflow shows the beginning of the hex digits and keeps the
                whole.
            source: where it was read from.
            n_rows: utterances in it.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(
            name=name,
            digest=fingerprint.rpartition(":")[2][:DIGEST_CHARACTERS],
            source_type="local",
            source=json.dumps({"uri": source}),
            profile=json.dumps({"num_rows": n_rows, "fingerprint": fingerprint}),
        )
        with tracking_errors(self._store.uri, f"name the dataset {name}"):
            context = [InputTag("mlflow.data.context", "training")]
            self._client.log_inputs(self.run_id, [DatasetInput(dataset, context)])

    def log_model(self, folder: Path, shape: Sequence[int], artifact_path: str = "model") -> str:
        """Keep the fitted model among the run's artifacts, as MLflow loads and serves it.

        Args:
            folder: holds `saved_model/` and maybe `transform.npz`; see `sarcasm.tracking.served_model`.
            shape: of a row of what it takes, such as (128,).
            artifact_path: where among the artifacts.

        Returns:
            The uri that `mlflow.pyfunc.load_model` takes.
        """
        from sarcasm.tracking.model import save_for_mlflow

        with tracking_errors(self._store.uri, "keep the model"), tempfile.TemporaryDirectory() as temporary:
            saved = Path(temporary) / "model"
            save_for_mlflow(folder, saved, shape)
            self._client.log_artifacts(self.run_id, str(saved), artifact_path)
        return f"runs:/{self.run_id}/{artifact_path}"

    def _log_params(self, params: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        texts = {key: str(value) for key, value in params.items()}
        with tracking_errors(self._store.uri, "record the options"):
            # The client sends them by hundreds, as many as a server takes at once.
            cut = {key: _cut(text, LONGEST_PARAM, "the whole is in params.json") for key, text in texts.items()}
            self._client.log_batch(self.run_id, params=[Param(key, text) for key, text in cut.items()])
        self.log_json(dict(params), "params.json")

    def _send(self, points: Sequence[Point]) -> None:
        from mlflow.entities import Metric

        with tracking_errors(self._store.uri, "record metrics"):
            database = self._store.database
            if database is None or not append_to_sqlite(database, self.run_id, points):
                self._client.log_batch(self.run_id, metrics=[Metric(*point) for point in points])

    def _end(self, status: str, project: Path, error: str = "") -> None:
        """Send what is left and set the status.

        Raises:
            TrackingError: the store does not take it.
        """
        self.log_metrics({f"time/{stage}": seconds for stage, seconds in self._seconds.items()})
        try:
            self._metrics.flush()
        except TrackingError as failure:
            kept = _keep_unsent(self._metrics.points, self.run_id, project)
            unsent = TrackingError(
                f"{failure}; {len(self._metrics.points)} metrics of run {self.run_id} are left in {kept}"
            )
            self._set_status("FAILED" if status == "FINISHED" else status, error or str(failure), is_needed=False)
            raise unsent from failure
        self._set_status(status, error, is_needed=True)

    def _set_status(self, status: str, error: str, *, is_needed: bool) -> None:
        try:
            with tracking_errors(self._store.uri, f"end run {self.run_id}"):
                if error:
                    self._client.set_tag(self.run_id, "error", one_line(error, LONGEST_ERROR))
                self._client.set_terminated(self.run_id, status)
        except TrackingError:
            if is_needed:
                raise


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


def _keep_unsent(points: Sequence[Point], run_id: str, project: Path) -> Path:
    """Write points where there is room: one JSON object a line; what JSON has no number for is a text.

    Raises:
        TrackingError: there is no room anywhere.
    """
    lines = [
        json.dumps({**point._asdict(), "value": point.value if math.isfinite(point.value) else str(point.value)})
        for point in points
    ]
    folders = (project / "outputs", Path(tempfile.gettempdir()))
    for folder in folders:
        path = folder / f"unsent_metrics_{run_id}.jsonl"
        try:
            folder.mkdir(exist_ok=True)
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        except OSError:
            with suppress(OSError):
                path.unlink()  # what fitted of it
            continue
        return path
    raise TrackingError(
        f"{len(points)} metrics of run {run_id} are lost: neither the store nor {folders[0]} nor {folders[1]} takes"
        " them; free some space"
    )


def _cut_tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {key: _cut(str(value), LONGEST_TAG) for key, value in tags.items()}


def _cut(text: str, longest: int, note: str = "") -> str:
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
    return tags | {"mlflow.source.git.commit": commit, "git.dirty": str(commit != described).lower()}
