"""Read back what runs recorded: one, found by its id, the beginning of it, or its name; or all that fit a filter."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from sarcasm.addresses import without_password
from sarcasm.errors import ConfigError, TrackingError
from sarcasm.tracking.artifacts import (
    ACCURACY,
    COUNTS,
    LARGEST_MB,
    Damage,
    check_decisions,
    check_options,
    json_of,
    n_decided,
    rows_of,
)
from sarcasm.tracking.failures import one_line, tracking_errors
from sarcasm.tracking.operations import LONGEST_PARAM, LONGEST_TAG
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.processes import is_gone
from sarcasm.tracking.store import Store, chosen, read_store

FEWEST_CHARACTERS = 4
"""Of an id that is cut short."""
MOST_NAMED = 10
"""Runs of one name that are told apart in an error."""
PAGE = 1_000
"""Runs that a store is asked for at a time; a server gives no more than 50,000."""
ENVIRONMENT = "environment.json"
"""Artifact: the machine, and where the project lay on it."""
ATTEMPT = "sweep.attempt"
"""Tag of a sweep and of its jobs: which call of it is the last, and which a job belongs to."""
WHOLE_TAG = "tags/{}.txt"
"""Artifact that holds a tag which is longer than the store takes."""
NOT_NESTED = "tags.`mlflow.parentRunId` IS NULL"
WHOLE = "attributes.status = 'FINISHED' and params.fold IS NULL and tags.sweep IS NULL and tags.probe IS NULL"
"""Of train.py and finished: neither one fit of several, nor a sweep, nor a probe."""
NEWEST_FIRST, OLDEST_FIRST = "attributes.start_time DESC", "attributes.start_time ASC"


@dataclass(frozen=True)
class Recorded:
    """A run as it stands in the store.

    Attributes:
        run_id, run_name, status: as MLflow has them.
        params, metrics, tags: likewise; a param longer than the store keeps is cut.
        store: where it stands.
        started, ended: in UTC; the latter None while it is open.
        experiment_id, experiment: the experiment that it belongs to.
        artifact_uri: where its artifacts lie.
    """

    run_id: str
    run_name: str
    status: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    store: Store
    started: datetime
    ended: datetime | None
    experiment_id: str = ""
    experiment: str = ""
    artifact_uri: str = ""

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far."""
        return ((self.ended or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def is_gone(self) -> bool:
        """Whether it still counts as running, though its process, one of this machine, has ended."""
        return self.status == "RUNNING" and is_gone(self.tags)

    @property
    def parent(self) -> str:
        """The id of the run that it is nested in; empty where there is none."""
        return self.tags.get("mlflow.parentRunId", "")

    @property
    def is_sweep(self) -> bool:
        """Whether it is the run that holds a sweep."""
        return self.tags.get("sweep") == "true"

    @property
    def attempt(self) -> str:
        """Of a sweep, the call of it that counts; empty where it was called once, or is no sweep."""
        return self.tags.get(ATTEMPT, "")

    @property
    def where(self) -> str:
        """How to look at it."""
        return self.store.where(self.experiment, self.run_id)

    @property
    def address(self) -> str:
        """Its page on the server; empty where the store is a file."""
        return self.store.address(self.experiment_id, self.run_id)

    def artifacts(self) -> list[str]:
        """The names of its artifacts, and of the folders of them."""
        with tracking_errors(self.store.uri, f"list the artifacts of run {self.run_id}"):
            return sorted(each.path for each in self.store.client.list_artifacts(self.run_id))

    def text(self, artifact_path: str) -> str:
        """An artifact as text.

        Raises:
            TrackingError: the run has no such artifact, it is no text or too large, or the store fails.
        """
        with tempfile.TemporaryDirectory() as folder, self.reading(artifact_path):
            try:
                with tracking_errors(self.store.uri, f"read {artifact_path} of run {self.run_id}"):
                    path = Path(self.store.client.download_artifacts(self.run_id, artifact_path, folder))
                    if path.stat().st_size > LARGEST_MB * 1e6:
                        raise Damage(f"it is larger than {LARGEST_MB} MB")
                    return path.read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise Damage(f"byte {error.start} is not UTF-8") from error
            except (OSError, TrackingError) as error:
                raise TrackingError(
                    f"run {self.run_id} ({self.run_name}, {self.status}) has no {artifact_path} that can be read; was"
                    " it made by train.py, and did it finish?"
                ) from error

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Within the block, damage to an artifact or a tag is told as an error that names it and the run.

        Args:
            what: is read.

        Raises:
            TrackingError: it is damaged.
        """
        try:
            yield
        except Damage as error:
            named = f"{what} of run {self.run_id} ({self.run_name})"
            raise TrackingError(
                f"{named} is damaged: {one_line(str(error))}; bring it back from a copy, or make the run anew"
            ) from error

    def json(self, artifact_path: str) -> dict[str, Any]:
        """A JSON artifact, which is an object.

        Raises:
            TrackingError: see `text`; or it is damaged.
        """
        text = self.text(artifact_path)
        with self.reading(artifact_path):
            return json_of(text, dict)

    def rows(self, artifact_path: str) -> list[dict[str, str]]:
        """A CSV artifact: column -> value, for each row.

        Raises:
            TrackingError: see `text`; or it is damaged; or it holds other decisions than the run counted.
        """
        text = self.text(artifact_path)
        with self.reading(artifact_path):
            rows = rows_of(text)
            if metric := ACCURACY.get(artifact_path):
                counted = None
                with suppress(TrackingError):
                    counted = n_decided(self.json(COUNTS), metric)
                check_decisions(rows, self.metrics.get(metric), counted)
            return rows

    def options(self) -> Mapping[str, Any]:
        """Every option by its dotted key, whole.

        Raises:
            TrackingError: see `json`; or it holds other options than the run was made with.
        """
        options = self.json("params.json")
        with self.reading("params.json"):
            check_options(options, self.params)
        return options

    def overrides(self) -> list[str]:
        """What was typed for it, OPTION=VALUE each.

        Raises:
            TrackingError: see `text`; or it is damaged.
        """
        text = self.tag("overrides") or "[]"
        if len(text) == LONGEST_TAG and not text.endswith("]"):
            return []  # earlier versions kept no more of it than the store did
        with self.reading("overrides"):
            return [str(each) for each in json_of(text, list)]

    def choices(self) -> dict[str, str]:
        """Group of options -> the schema of the choice that was made in it.

        Raises:
            TrackingError: it does not say so, or the tag is damaged.
        """
        if "config.schemas" not in self.tags:
            raise TrackingError(
                f"run {self.run_id} ({self.run_name}) does not say of what choices it was made; run it anew"
            )
        with self.reading("config.schemas"):
            found = json_of(self.tag("config.schemas"), dict)
            return {group: str(schema) for group, schema in found.items()}

    def tag(self, key: str) -> str:
        """A tag, in full where the store cuts it; empty where there is none."""
        text = self.tags.get(key, "")
        if len(text) == LONGEST_TAG:
            with suppress(TrackingError):
                return self.text(WHOLE_TAG.format(key))
        return text

    def param(self, key: str) -> str | None:
        """A param, in full where the store cuts it; None where there is none."""
        text = self.params.get(key)
        return self.whole_params()[key] if text is not None and len(text) == LONGEST_PARAM else text

    def whole_params(self) -> Mapping[str, str]:
        """The params, in full where the store cuts them."""
        cut = [key for key, text in self.params.items() if len(text) == LONGEST_PARAM]
        options = self.options() if cut else {}
        return {**self.params, **{key: str(options[key]) for key in cut if key in options}}

    @cached_property
    def project(self) -> str:
        """Where the project lay when it was made; empty where it does not say, as runs of earlier versions."""
        try:
            return str(self.json(ENVIRONMENT).get("project", ""))
        except TrackingError:
            return ""

    def history(self, metric: str) -> list[float]:
        """The values of a metric in the order of steps."""
        with tracking_errors(self.store.uri, f"read {metric} of run {self.run_id}"):
            points = self.store.client.get_metric_history(self.run_id, metric)
        return [point.value for point in sorted(points, key=lambda point: (point.step, point.timestamp))]

    def children(self) -> list[Recorded]:
        """The runs nested in it, oldest first."""
        return list(self._nested("", None))

    def parts(self, most: int | None = None) -> list[Recorded]:
        """The runs nested in it, oldest first; of a sweep that was called several times, those of the last call.

        Args:
            most: how many at most; None gives all.
        """
        return list(self._nested(f" and tags.`{ATTEMPT}` = '{self.attempt}'" if self.attempt else "", most))

    def _nested(self, further: str, most: int | None) -> Iterator[Recorded]:
        wanted = f"tags.`mlflow.parentRunId` = '{self.run_id}'{further}"
        with tracking_errors(self.store.uri, f"look for the parts of run {self.run_id}"):
            yield from search(self.store, {self.experiment_id: self.experiment}, wanted, OLDEST_FIRST, most)


def find_run(options: Tracking, project: Path, word: str) -> Recorded:
    """Find a run.

    Args:
        options: which store and experiment; an id is found in any experiment.
        project: the folder that holds train.py.
        word: the run's id, four or more of its first characters, or its name where only one has it; "last" is the
            latest of train.py that finished.

    Raises:
        TrackingError: there is none, or several.
    """
    store = read_store(options, project)
    if store is None:
        raise TrackingError(
            f"there is no run {word} in {chosen(options.uri, project)}: no run has been recorded there yet"
        )
    shown = without_password(store.uri)
    with tracking_errors(store.uri, f"look for the run {word}"):
        experiments = _experiments(store)
        latest = [] if word != "last" else list(search(store, experiments, WHOLE, NEWEST_FIRST, most=1))
        found = latest or _called(store, experiments, word)
        if not found:
            latest = list(search(store, experiments, WHOLE, NEWEST_FIRST, most=3))
    if not found:
        named = ", ".join(f"{run.run_id[:8]} ({run.run_name})" for run in latest)
        raise TrackingError(f"there is no run {word} in {shown}; the latest are: {named or 'none'}")
    if len(found) > 1:
        named = ", ".join(run.run_id[:8] for run in found[:5])
        n_runs = len(found) if len(found) <= MOST_NAMED else f"more than {MOST_NAMED}"
        raise TrackingError(f"{n_runs} runs in {shown} are called {word}; name one by its id: {named}")
    return found[0]


def find_runs(
    options: Tracking, project: Path, *, where: str = "", status: str = "", with_nested: bool = True,
    sort_by: str = "", most: int | None = None,
) -> list[Recorded]:  # fmt: skip
    """Find runs in all experiments, newest first.

    Args:
        options: which store.
        project: the folder that holds train.py.
        where: a filter in MLflow's words, such as "params.seed = '1'"; empty takes all.
        status: as MLflow has it; empty takes any.
        with_nested: whether those that are nested in others are taken too.
        sort_by: a metric, the highest of which come first instead.
        most: how many at most; None takes all.

    Raises:
        ConfigError: the filter is none.
        TrackingError: the store fails.
    """
    store = read_store(options, project)
    if store is None:
        return []
    # MLflow joins what it is asked for by "and", and knows nothing else.
    asked = [f"attributes.status = '{status}'" if status else "", "" if with_nested else NOT_NESTED, where]
    order = f"metrics.`{sort_by}` DESC" if sort_by else NEWEST_FIRST
    with tracking_errors(store.uri, "look for runs"):
        experiments = _experiments(store)
        _refuse_wrong(store, experiments, where)
        return list(search(store, experiments, " and ".join(filter(None, asked)), order, most))


def runs_by_id(store: Store, run_ids: Iterable[str]) -> dict[str, Recorded]:
    """Id -> run, for those of some ids that are there."""
    quoted = ", ".join(f"'{run_id}'" for run_id in sorted(set(run_ids)))
    if not quoted:
        return {}
    with tracking_errors(store.uri, "look for runs"):
        found = search(store, _experiments(store), f"attributes.run_id IN ({quoted})", NEWEST_FIRST)
        return {run.run_id: run for run in found}


def _called(store: Store, experiments: Mapping[str, str], word: str) -> list[Recorded]:
    """The run of an id; without one, those of a name and those whose ids begin so: one more than can be named."""
    most = MOST_NAMED + 1
    found: list[Recorded] = []
    if re.fullmatch("[0-9a-f]{32}", word):
        found = list(search(store, experiments, f"attributes.run_id = '{word}'", NEWEST_FIRST))
    if found:
        return found
    if re.fullmatch(f"[0-9a-f]{{{FEWEST_CHARACTERS},31}}", word):
        found = list(search(store, experiments, f"attributes.run_id LIKE '{word}%'", NEWEST_FIRST, most))
    # MLflow's texts know no escape; a quote in a name is looked for as any one character.
    like = f"LIKE '{word.replace(chr(39), '_')}'" if "'" in word else f"= '{word}'"
    n_asked = None if "'" in word else most
    of_the_name = search(store, experiments, f"attributes.run_name {like}", NEWEST_FIRST, n_asked)
    found += islice((run for run in of_the_name if run.run_name == word), most)
    return list({run.run_id: run for run in found}.values())


def _refuse_wrong(store: Store, experiments: Mapping[str, str], where: str) -> None:
    """Asked by itself, so that what MLflow says of a filter speaks of nothing that the user has not written."""
    from mlflow.exceptions import MlflowException

    if not where:
        return
    try:
        list(search(store, experiments, where, NEWEST_FIRST, most=1))
    except MlflowException as error:
        if error.error_code != "INVALID_PARAMETER_VALUE":
            raise
        raise ConfigError(
            f"MLflow does not take the filter {where} ({one_line(error.message)}); write it like this:"
            ' params.head.name = "small" and metrics."gain/f1_weighted" > 0'
        ) from error


def _experiments(store: Store) -> dict[str, str]:
    """Id -> name, of all that are not deleted."""
    found: dict[str, str] = {}
    token = None
    while True:
        page = store.client.search_experiments(page_token=token)
        found |= {str(each.experiment_id): str(each.name) for each in page}
        if not (token := page.token):
            return found


def search(
    store: Store, experiments: Mapping[str, str], wanted: str, order: str, most: int | None = None
) -> Iterator[Recorded]:
    """The runs of some experiments that fit, page by page; what is not gone through is not asked for.

    Args:
        store: where they stand.
        experiments: id -> name.
        wanted: in MLflow's words; empty takes all.
        order: likewise.
        most: how many at most; None takes all.
    """
    token = None
    while experiments:
        n_asked = PAGE if most is None else min(PAGE, most)
        page = store.client.search_runs(
            list(experiments), wanted, max_results=n_asked, order_by=[order], page_token=token
        )
        yield from (_recorded(each, experiments, store) for each in page)
        token, most = page.token, most and most - len(page)
        if not token or most == 0:
            return


def _recorded(run: Any, experiments: Mapping[str, str], store: Store) -> Recorded:
    info, data = run.info, run.data
    return Recorded(
        info.run_id, info.run_name or "", info.status, data.params, data.metrics, data.tags, store,
        _time(info.start_time or 0), _time(info.end_time) if info.end_time else None,
        info.experiment_id, experiments[info.experiment_id], info.artifact_uri,
    )  # fmt: skip


def _time(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(0, UTC)  # beyond the calendar: no clock said that
