"""Write a package."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from sarcasm.embeddings import Embedding, Table
from sarcasm.errors import PackageError
from sarcasm.features import Transform
from sarcasm.files import sha256
from sarcasm.model import Model
from sarcasm.options import schema_of, values_of
from sarcasm.packaged.description import DESCRIPTION, Description, Kind, Origin, Way, Weights
from sarcasm.packaged.head import Head, HeadError
from sarcasm.vggish import checkpoint_files

SAVED_MODEL, TRANSFORM, RELEASED_PCA, WEIGHTS = "saved_model", "transform.npz", "pca.npz", "weights"
"""What stands in a package beside its description."""

logger = logging.getLogger(__name__)


def save(
    folder: Path, model: Model, transform: Transform, table: Table, way: Way, origin: Origin, *, run_id: str,
    run_name: str, fold: str, seed: int, threshold: float, with_weights: bool,
) -> None:  # fmt: skip
    """Write what was fitted, and what is needed to go from sound to it.

    Args:
        folder: to write; must not exist.
        model: the head, or the network and the head where both were trained.
        transform: what was fitted before it.
        table: what it was fitted on; tells which weights and PCA were in use.
        way: from a clip to its decision.
        origin: of the clips.
        run_id: where the fit is recorded.
        run_name: what that run is called.
        fold: of the fit.
        seed: of the fit.
        threshold: on the probability, from which on it decides sarcastic.
        with_weights: whether released weights are copied into the package; else it says where they lie.

    Raises:
        PackageError: the weights or the PCA can no longer be read.
        TrainingError: the model cannot be written.
    """
    folder.mkdir(parents=True)
    model.save(folder / SAVED_MODEL)
    _check_head(folder / SAVED_MODEL)
    transform.save(folder / TRANSFORM)
    weights = _weights(way.embedding, table, with_weights)
    try:
        if weights.kind is Kind.included and way.embedding.weights_file:
            (folder / WEIGHTS).mkdir()
            for file in checkpoint_files(way.embedding.weights_file):
                shutil.copyfile(file, folder / WEIGHTS / file.name)
        if table.pca.startswith("sha256:"):
            shutil.copyfile(Path(way.pca.params or ""), folder / RELEASED_PCA)
    except OSError as error:
        raise PackageError(f"the model cannot be packaged: {error.filename}: {error.strerror}") from error
    description = Description(
        run_id, run_name, fold, seed, origin.dataset, origin.dataset_fingerprint, origin.made_up, origin.cautions,
        schema_of(way.embedding), values_of(way.embedding), weights, table.pca, way.resampler, way.short_clips,
        way.pool, way.decision, threshold, files=_hashes(folder),
    )  # fmt: skip
    (folder / DESCRIPTION).write_text(description.to_json(), encoding="utf-8")


def _check_head(folder: Path) -> None:
    """Warn of a head that `Package.load` would refuse; its run is worth what it is worth all the same."""
    try:
        Head(folder).close()
    except HeadError as error:
        logger.warning(
            "sarcasm predict will refuse the model of this run: it %s; sarcasm/packaged/head.py lists the operations"
            " that a head may have", error,
        )  # fmt: skip


def _hashes(folder: Path) -> dict[str, str]:
    """Each file of a package, by its path there -> SHA-256."""
    return {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def _weights(embedding: Embedding, table: Table, with_weights: bool) -> Weights:
    file = embedding.weights_file
    if embedding.is_trained:
        return Weights(Kind.trained, table.weights, "")
    if table.has_random_weights:
        return Weights(Kind.random, table.weights, "")
    if file is None:
        return Weights(Kind.none, table.weights, "")
    if with_weights:
        name = file.with_suffix("").name if file.suffix == ".index" else file.name
        return Weights(Kind.included, table.weights, f"{WEIGHTS}/{name}")
    return Weights(Kind.reference, table.weights, str(file.absolute()))
