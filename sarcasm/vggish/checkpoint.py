"""VGGish's weights: read from a checkpoint, told apart by a hash, or drawn at random where there are none."""

from __future__ import annotations

import difflib
import glob
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sarcasm.errors import WeightsError
from sarcasm.files import stand_in_at
from sarcasm.tensorflow_runtime import Checkpoint, CheckpointError, open_checkpoint
from sarcasm.vggish.constants import LAYERS, variable_shapes

Weights = Mapping[str, np.ndarray]
"""Name in the checkpoint -> float32 array, for the 18 variables of `variable_shapes`."""


def checkpoint_files(checkpoint: Path) -> list[Path]:
    """The files of a checkpoint: one, or those of a V2 prefix; none where there is no checkpoint."""
    if checkpoint.suffix == ".index":
        checkpoint = checkpoint.with_suffix("")
    if checkpoint.exists():
        return [checkpoint]
    name = checkpoint.name
    return sorted(path for path in checkpoint.parent.glob(f"{glob.escape(name)}.*") if _is_part(path.name, name))


def _is_part(file: str, name: str) -> bool:
    return re.fullmatch(r"index|data-\d+-of-\d+", file.removeprefix(f"{name}.")) is not None


def read_checkpoint(checkpoint: Path) -> dict[str, np.ndarray]:
    """Read the 18 variables of VGGish.

    Args:
        checkpoint: one file in TensorFlow's V1 format, as released, or the prefix of the files of a V2 checkpoint.
            Variables beyond VGGish's are ignored.

    Returns:
        Name -> float32 array; finite.

    Raises:
        WeightsError: the file is missing, damaged, or of another network.
    """
    source = f"embedding.checkpoint: {checkpoint}"
    if checkpoint.suffix == ".index":
        checkpoint = checkpoint.with_suffix("")
    try:
        for file in checkpoint_files(checkpoint):
            if fault := stand_in_at(file):
                raise WeightsError(f"embedding.checkpoint: {file} {fault}")
        if checkpoint.is_dir():
            raise WeightsError(f"{source} is a folder; name the checkpoint in it")
        if not checkpoint.exists() and not checkpoint.with_name(f"{checkpoint.name}.index").exists():
            raise WeightsError(f"{source} is not there; name another file with embedding.checkpoint=FILE")
        # Opening a pipe would wait for someone to write into it.
        if not all(file.is_file() for file in checkpoint_files(checkpoint)):
            raise WeightsError(f"{source} is no regular file; name another file with embedding.checkpoint=FILE")
    except OSError as error:
        raise WeightsError(
            f"{source} cannot be opened ({error.strerror}); name another file with embedding.checkpoint=FILE"
        ) from error
    try:
        with open_checkpoint(checkpoint) as opened:
            _check(opened, source)
            weights = {name: opened.read(name) for name in variable_shapes()}
    except CheckpointError as error:
        raise WeightsError(
            f"{source} is damaged, cut short or no checkpoint of TensorFlow ({error});"
            " get it anew (vggish_model.ckpt has 291,108,469 bytes)"
        ) from error
    for name, values in weights.items():
        if not np.all(np.isfinite(values)):
            raise WeightsError(f"{source}: {name} holds a value that is not finite")
    return weights


def _check(found: Checkpoint, source: str) -> None:
    """Refuse what is not VGGish's before a value of it is read."""
    for name, shape in variable_shapes().items():
        if name not in found.shapes:
            near = difflib.get_close_matches(name, found.shapes, n=1)
            has = f"; the nearest it has is {near[0]}" if near else ""
            raise WeightsError(f"{source} has no variable {name}{has}; it is the checkpoint of another network")
        if found.shapes[name] != shape:
            raise WeightsError(
                f"{source}: {name} has shape {found.shapes[name]}, VGGish's has {shape}; it is of another network"
            )
        if found.dtypes[name] != "float32":
            raise WeightsError(f"{source}: {name} is {found.dtypes[name]}; VGGish's weights are float32")


def fingerprint(weights: Weights) -> str:
    """Hash over names, shapes and values: "sha256:...", the same for V1 and V2 files of the same weights."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].shape}\n".encode())
        digest.update(np.ascontiguousarray(weights[name], np.dtype("<f4")).data)
    return f"sha256:{digest.hexdigest()}"


def random_weights(seed: int) -> dict[str, np.ndarray]:
    """Draw weights that keep activations at one scale from layer to layer: made up, and good for nothing but a try.

    Args:
        seed: of the draw.

    Returns:
        Name -> float32 array, as `read_checkpoint` gives them.

    Source: He et al. 2015, arXiv 1502.01852: normal, variance 2 / inputs; biases zero.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for layer, shape in LAYERS.items():
        deviation = np.float32(np.sqrt(2 / np.prod(shape[:-1])))
        weights[f"vggish/{layer}/weights"] = generator.standard_normal(shape, np.float32) * deviation
        weights[f"vggish/{layer}/biases"] = np.zeros(shape[-1], np.float32)
    return weights
