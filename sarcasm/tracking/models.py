"""Find the model that a run has kept, or one that is registered: a folder on this machine."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sarcasm.addresses import without_password
from sarcasm.errors import ConfigError, PackageError, TrackingError
from sarcasm.tracking.failures import tracking_errors
from sarcasm.tracking.locations import folder_of
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.recorded import Recorded, find_run
from sarcasm.tracking.store import Store, chosen, read_store

MODEL = "model"
"""Where it is among a run's artifacts."""
MOST_NAMED = 30
"""Fits of a run that an error names."""


@contextmanager
def model_of_run(options: Tracking, project: Path, word: str, fold: str = "") -> Iterator[Path]:
    """Find the model of a run; what had to be fetched is gone after the block.

    Args:
        options: which store.
        project: the folder that holds train.py.
        word: the run, see `find_run`.
        fold: which of several fits: its fold, or FOLD-sSEED where a fold was fitted several times.

    Yields:
        The folder of the MLflow model.

    Raises:
        ConfigError: there is no such fold, or it is one among several.
        TrackingError: there is no such run, or it has no model.
    """
    run = find_run(options, project, word)
    with _fetched(_fit(run, fold)) as folder:
        yield folder


@contextmanager
def model_of_uri(options: Tracking, project: Path, uri: str, fold: str = "") -> Iterator[Path]:
    """Find a model by what MLflow calls it; what had to be fetched is gone after the block.

    Args:
        options: which store, and registry.
        project: the folder that holds train.py.
        uri: models:/NAME/VERSION, models:/NAME@ALIAS, runs:/ID/model or a folder on this machine.
        fold: see `model_of_run`; of a runs:/ID/model alone.

    Yields:
        The folder of the MLflow model.

    Raises:
        ConfigError: it is none of these, or see `model_of_run`.
        TrackingError: there is no such model.
    """
    scheme, _, rest = uri.partition(":/")
    run_id, _, artifact = rest.strip("/").partition("/")
    if scheme == "runs" and artifact.strip("/") == MODEL:
        with model_of_run(options, project, run_id, fold) as folder:
            yield folder
        return
    if fold:
        raise ConfigError(f"--fold: {uri} is one model; leave it out")
    if scheme in ("runs", "models") and rest:
        with _downloaded(_store(options, project, uri), uri) as folder:
            yield folder
        return
    if not Path(uri).is_dir():
        raise ConfigError(
            f"--model {uri}: there is no such folder; give models:/NAME/VERSION, models:/NAME@ALIAS, runs:/ID/{MODEL}"
            " or the folder of a model"
        )
    yield Path(uri)


def _store(options: Tracking, project: Path, uri: str) -> Store:
    store = read_store(options, project)
    if store is None:
        raise TrackingError(
            f"there is no model {uri} in {chosen(options.uri, project)}: no run has been recorded there yet"
        )
    return store


def _fit(run: Recorded, fold: str) -> Recorded:
    """The run that has the model: itself, or one that is nested in it."""
    if MODEL in run.artifacts():
        if fold and fold not in _names(run):
            raise ConfigError(f"--fold {fold}: run {run.run_id} ({run.run_name}) is one fit; leave it out")
        return run
    fits = [each for each in run.children() if "fold" in each.params]
    if not fits:
        why = "it holds other runs; name one: sarcasm runs list --all" if run.children() else "was it made by train.py?"
        raise TrackingError(f"run {run.run_id} ({run.run_name}, {run.status}) has no {MODEL}; {why}")
    found = [each for each in fits if fold in _names(each)]
    if not fold:
        raise ConfigError(
            f"run {run.run_id} ({run.run_name}) has {len(fits)} fits, each with its model; choose one with --fold, or"
            f" name its run: {_listed(fits)}"
        )
    if len(found) != 1:
        what = "has several fits" if found else "is none of its folds"
        raise ConfigError(f"--fold {fold}: that {what}; choose from {_listed(found or fits)}")
    return found[0]


def _names(fit: Recorded) -> tuple[str, ...]:
    fold, seed = fit.params.get("fold", ""), fit.params.get("seed", "")
    return (fold, f"{fold}-s{seed}") if fold else ()


def _listed(fits: Sequence[Recorded]) -> str:
    named = [f"{_names(each)[1]} ({each.run_id[:8]})" for each in fits[:MOST_NAMED]]
    return ", ".join(named) + (f" and {len(fits) - MOST_NAMED} more" if len(fits) > MOST_NAMED else "")


@contextmanager
def _fetched(run: Recorded) -> Iterator[Path]:
    if MODEL not in run.artifacts():
        raise TrackingError(f"run {run.run_id} ({run.run_name}, {run.status}) has no {MODEL}; did it finish?")
    if folder := _here(run.store, f"{run.artifact_uri}/{MODEL}"):
        yield folder
        return
    with _downloaded(run.store, f"runs:/{run.run_id}/{MODEL}") as folder:
        yield folder


def _here(store: Store, location: str) -> Path | None:
    """The folder of this machine where a model lies, if one does; a server's word is not taken for that."""
    folder = None if store.is_server else folder_of(location)
    return folder if folder and folder.is_dir() else None


@contextmanager
def _downloaded(store: Store, uri: str) -> Iterator[Path]:
    """What lies on this machine is used where it lies, as weights may be large; what is fetched goes by its uri."""
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory() as temporary:
        try:
            with tracking_errors(store.uri, f"fetch the model {uri}"):
                place = _registered(store, uri) if uri.startswith("models:/") else uri
                # Without a folder that is told, MLflow makes one, and leaves it behind.
                folder = _here(store, place) or Path(
                    download_artifacts(place, dst_path=temporary, tracking_uri=store.client.tracking_uri)
                )
        except OSError as error:
            shown = without_password(store.uri)
            raise TrackingError(
                f"there is no model {uri} in {shown} ({error}); sarcasm runs list names the runs"
            ) from error
        try:
            yield folder
        except PackageError as error:
            if folder.is_relative_to(temporary):
                raise PackageError(str(error).replace(str(folder), uri)) from error
            raise


def _registered(store: Store, uri: str) -> str:
    """Where a registered model lies; MLflow by itself would look into the registry of the whole process."""
    client = store.client
    name, at, alias = uri.removeprefix("models:/").partition("@")
    if at:
        found = client.get_model_version_by_alias(name, alias)
        return str(client.get_model_version_download_uri(found.name, found.version))
    name, _, version = name.rpartition("/")
    if not name:
        return uri  # models:/ID, of a model that was logged without a name
    if version == "latest":
        versions = client.search_model_versions(f"name = '{name}'", max_results=1, order_by=["version_number DESC"])
        version = str(versions[0].version) if versions else "1"
    return str(client.get_model_version_download_uri(name, version))
