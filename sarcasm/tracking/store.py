"""Which MLflow store a run is recorded in, and how to open it so that nothing is lost and nothing hangs.

A store is an SQLite file, by default `mlflow.db` in the project, with the artifacts in `mlruns/EXPERIMENT/` beside it:
what a bare `mlflow ui` in the project shows. Or it is an MLflow server, which keeps its own artifacts. SQLite's rules
hold: the file belongs on a local disk, not on a network file system; for many machines there is the server.
"""

from __future__ import annotations

import logging
import os
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sarcasm.addresses import without_password
from sarcasm.errors import TrackingError, UnreachedError
from sarcasm.tracking.failures import is_refusal, tracking_errors
from sarcasm.tracking.links import BY_DEFAULT, link_to_run, link_to_runs
from sarcasm.tracking.locations import ARTIFACTS, KIND_TAG, PREFIX, folder_name, location_of, uri_of
from sarcasm.tracking.operations import SPOOLED
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.reading import may_be_written, read_database
from sarcasm.tracking.runtime import be_patient, load_mlflow
from sarcasm.tracking.server import await_server
from sarcasm.tracking.sqlite import is_made, open_database, path_of

if TYPE_CHECKING:
    from mlflow import MlflowClient

FILE_NAME = "mlflow.db"
EXPERIMENT = "sarcasm"
"""The experiment of runs where neither the option nor the environment names one."""
NAME_VARIABLE, ID_VARIABLE = "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"
"""Environment variables of MLflow that name the experiment."""
READ = "read runs"
"""What reading is called in an error."""
KIND = {KIND_TAG: "custom_model_development"}
"""Makes MLflow's page open on curves and scores instead of on traces of language models."""

logger = logging.getLogger(__name__)
SECONDS_UNASKED = 30.0
"""That a server which failed is left alone, or each run of a sweep would wait for it."""
_said: set[str] = set()
"""What was said of servers that fail, which need not be said for each run."""
_not_before: dict[str, float] = {}
"""Address of a server that failed -> when it is asked again, by the monotonic clock."""


@dataclass(frozen=True)
class Store:
    """An open store.

    Attributes:
        uri: as MLflow takes it; the path in it is absolute.
        database: the SQLite file, or None where the store is a server.
        is_default: whether a bare `mlflow ui` in the project shows it.
        client: MLflow's client of it.
        is_reached: whether it answered when it was opened.
        experiment: the name of the one that runs are recorded in; empty where it was opened for other ends.
        experiment_ids: name -> id of experiments that were asked for.
    """

    uri: str
    database: Path | None
    is_default: bool
    client: MlflowClient
    is_reached: bool = True
    experiment: str = ""
    experiment_ids: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_server(self) -> bool:
        """Whether it is a server, which may be slow or down for a while."""
        return self.database is None

    def experiment_id(self, name: str) -> str:
        """The id of an experiment, which is made if there is none of that name; several processes may ask at once.

        Raises:
            TrackingError: it was deleted, or the store fails.
        """
        if name not in self.experiment_ids:
            self.experiment_ids[name] = self._experiment_id(name)
        return self.experiment_ids[name]

    def _experiment_id(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        with tracking_errors(self.uri, f"open the experiment {name}"):
            experiment = self.client.get_experiment_by_name(name)
            if experiment is None:
                try:
                    return self.client.create_experiment(name, self._artifact_location(name), tags=KIND)
                except MlflowException:
                    experiment = self.client.get_experiment_by_name(name)
                    if experiment is None:
                        raise
                    # Another process was faster.
        if experiment.lifecycle_stage == "deleted":
            shown = without_password(self.uri)
            raise TrackingError(
                f"the experiment {name} in {shown} was deleted; choose another with tracking.experiment or bring it"
                f' back with: MLFLOW_TRACKING_URI="{shown}" mlflow experiments restore'
                f" --experiment-id {experiment.experiment_id}"
            )
        return str(experiment.experiment_id)

    def address(self, experiment_id: str, run_id: str) -> str:
        """The page of a run on the server; empty where the store is a file."""
        if self.database is not None:
            return ""
        return link_to_run(without_password(self.uri), experiment_id, run_id)

    def where(self, experiment: str, run_id: str) -> str:
        """How to look at a run: a command that serves MLflow's page, and the link to the runs there; or the run's page
        on the server.
        """
        page = BY_DEFAULT if self.database else without_password(self.uri).rstrip("/")
        if run_id.startswith(SPOOLED):  # a server is not asked for what it was never told
            return f"{page}, once sarcasm runs sync has sent it"
        try:
            experiment_id = self.experiment_id(experiment)
        except TrackingError:
            link = page
        else:
            link = link_to_runs(page, experiment_id) if self.database else self.address(experiment_id, run_id)
        if self.database is None:
            return link
        is_here = self.is_default and self.database.parent == Path.cwd()
        command = "make ui" if is_here else f"mlflow ui --backend-store-uri {shlex.quote(self.uri)}"
        return f"{command}, then {link}"

    def _artifact_location(self, experiment: str) -> str | None:
        if self.database is None:
            return None  # the server's choice
        # Given here, because MLflow's own default is the folder `mlruns` of whatever directory the process stands in.
        return location_of(self.database.parent / ARTIFACTS / folder_name(experiment))


def open_store(uri: str, project: Path, timeout_seconds: float) -> Store:
    """Open the store of a run; a new SQLite file is made on first use, whole or not at all.

    Args:
        uri: sqlite:///FILE, with the file's folder made if needed, or http(s)://SERVER; empty takes MLFLOW_TRACKING_URI
            where it is set, else `mlflow.db` in the project.
        project: the folder that holds train.py.
        timeout_seconds: how long to wait for a server.

    Raises:
        TrackingError: no such store, or it cannot be written to or reached; the message names the uri and what to do.
    """
    return _open(uri, project, timeout_seconds, open_database, "record runs")


def read_store(options: Tracking, project: Path) -> Store | None:
    """Open a store to read runs, and nothing else: it need not be writable, and nothing is made.

    Args:
        options: which store, and how long to wait for a server.
        project: the folder that holds train.py.

    Returns:
        None where it is a file that no run has made yet.

    Raises:
        TrackingError: no such store, or it cannot be read or reached; the message names the uri and what to do.
    """
    if not is_there(options.uri, project):
        return None
    return _open(options.uri, project, options.timeout_seconds, read_database, READ)


def _open(
    uri: str, project: Path, timeout_seconds: float, open_file: Callable[[Path], MlflowClient], doing: str
) -> Store:
    uri = chosen(uri, project)
    if uri.startswith(("http://", "https://")):
        be_patient(timeout_seconds)
        await_server(uri, timeout_seconds)
        return Store(uri, None, False, load_mlflow().MlflowClient(uri, registry_uri=uri))
    _refuse_others(uri)
    database = path_of(uri)
    uri = uri_of(database)
    with tracking_errors(uri, doing):
        return Store(uri, database, database == _default(project), open_file(database))


@dataclass(frozen=True)
class Prospect:
    """What a run would find.

    Attributes:
        where: the file, or that it is a server.
        experiment: the name of the one that it would be recorded in.
        is_made: whether the file is there, or the server answers.
        is_writable: whether it may be written to, as far as can be told without trying.
        is_older: whether an older MLflow made it, so that the run would bring it up to date.
    """

    where: str
    experiment: str
    is_made: bool = True
    is_writable: bool = True
    is_older: bool = False


def prospect(options: Tracking, project: Path) -> Prospect:
    """Look at the store that runs are to be recorded in; nothing is made or changed.

    Raises:
        TrackingError: see `read_store` and `experiment_of`.
    """
    store = read_store(options, project)
    experiment = experiment_of(options, store)
    if store is not None and store.database is None:
        return Prospect("a server that answers", experiment)
    database = path_of(chosen(options.uri, project))
    places = (database, database.parent) if store else (next(each for each in database.parents if each.exists()),)
    is_writable = all(map(may_be_written, places))
    is_copied = store is not None and path_of(store.client.tracking_uri) != database
    return Prospect(str(database), experiment, store is not None, is_writable, is_writable and is_copied)


def chosen(uri: str, project: Path) -> str:
    """The uri that counts: the one that is given, or MLFLOW_TRACKING_URI, or the project's own file."""
    return uri or os.environ.get("MLFLOW_TRACKING_URI", "") or default_uri(project)


def default_uri(project: Path) -> str:
    """The uri of the project's own file."""
    return uri_of(_default(project))


def _default(project: Path) -> Path:
    return Path(os.path.realpath(project / FILE_NAME))


def is_there(uri: str, project: Path) -> bool:
    """Whether a store may hold anything: a server may, a file that is not made yet does not."""
    uri = chosen(uri, project)
    try:
        return not uri.startswith(PREFIX) or is_made(path_of(uri))
    except OSError:
        return True  # opening it says why not


def reach_store(options: Tracking, project: Path) -> Store:
    """Open the store that a run is to be recorded in; a server that does not answer now may be told later.

    Raises:
        TrackingError: see `open_store`.
    """
    uri = chosen(options.uri, project)
    is_unasked = options.may_wait(is_server=True) and time.monotonic() < _not_before.get(uri, 0.0)
    try:
        store = None if is_unasked else open_store(uri, project, options.timeout_seconds)
    except UnreachedError as error:
        put_off(uri, options, error)
        store = None
    store = store or Store(uri, None, False, load_mlflow().MlflowClient(uri, registry_uri=uri), is_reached=False)
    return replace(store, experiment=experiment_of(options, store))


def put_off(uri: str, options: Tracking, error: TrackingError) -> None:
    """Let what is recorded be told later to a server that fails now, and say so the first time.

    Args:
        uri: the store's.
        options: whether it may be told later.
        error: how it failed.

    Raises:
        TrackingError: the same, where it may not, or where the server will not change its mind.
    """
    if not options.may_wait(not uri.startswith(PREFIX)) or is_refusal(error):
        raise error
    if str(error) not in _said:
        logger.warning("%s (the run goes on; what it records is kept and sent later)", error)
        _said.add(str(error))
    _not_before[uri] = time.monotonic() + SECONDS_UNASKED


def experiment_of(options: Tracking, store: Store | None) -> str:
    """The name of the experiment that runs are recorded in: the option's, or the environment's, or sarcasm's own.

    Args:
        options: of tracking.
        store: where it is looked for by its id, as MLFLOW_EXPERIMENT_ID has it; None where it is not made yet.

    Raises:
        TrackingError: the environment names none that is there, or two.
    """
    name = options.experiment or os.environ.get(NAME_VARIABLE, "").strip()
    number = "" if options.experiment else os.environ.get(ID_VARIABLE, "").strip()
    if not number:
        return name or EXPERIMENT
    if store is not None and not store.is_reached:
        if name:
            return name
        raise TrackingError(
            f"{ID_VARIABLE}={number}: {without_password(store.uri)} does not answer, so the experiment's name is not"
            f" known; give it with tracking.experiment or {NAME_VARIABLE}"
        )
    found = _experiment_named(store, number) if store else ""
    if not found:
        raise TrackingError(
            f"{ID_VARIABLE}={number}: there is no such experiment in the store; unset it, or name one with"
            " tracking.experiment"
        )
    if name and name != found:
        raise TrackingError(
            f"{NAME_VARIABLE}={name} and {ID_VARIABLE}={number} ({found}) name two experiments; unset one of them, or"
            " name one with tracking.experiment"
        )
    return found


def _experiment_named(store: Store, number: str) -> str:
    """The name of an experiment by its id; empty where there is none."""
    from mlflow.exceptions import MlflowException

    with tracking_errors(store.uri, f"look for the experiment of {ID_VARIABLE}={number}"):
        try:
            return str(store.client.get_experiment(number).name)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            return ""
        except ValueError:  # MLflow takes it for a number
            return ""


def _refuse_others(uri: str) -> None:
    if uri.startswith("file:") or (":" not in uri and not uri.startswith("databricks")):
        raise TrackingError(
            f"tracking store {uri}: MLflow no longer records runs in folders of files; use sqlite:///FILE, such as"
            " sqlite:///mlflow.db, and bring old runs over with: mlflow migrate-filestore"
        )
    if not uri.startswith(PREFIX):
        # Where the scheme was forgotten too, a name and password may stand before the host all the same.
        shown = without_password(uri if "://" in uri else uri.rpartition("@")[2])
        raise TrackingError(
            f"tracking store {shown}: give sqlite:///FILE, or the http(s):// address of an MLflow server"
        )
