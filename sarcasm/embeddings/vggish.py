"""VGGish as an embedding: which weights, which layer, how it is computed, and whether it is trained."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import MISSING

from sarcasm.advice import how_to_prepare
from sarcasm.embeddings.embedding import Embedding, Network, Unchanged
from sarcasm.errors import ConfigError, WeightsError
from sarcasm.options import option
from sarcasm.project import PROJECT
from sarcasm.sources import computed_by
from sarcasm.store import Store
from sarcasm.vggish import (
    BLOCKS,
    Engine,
    Layer,
    VGGish,
    checkpoint_files,
    embeddings_of,
    fingerprint,
    random_weights,
    read_checkpoint,
)

RELEASED_CHECKPOINT = PROJECT / "models" / "vggish_model.ckpt"


@option("embedding", "vggish")
@dataclass
class VGGishEmbedding(Embedding):
    """VGGish's 128 values an example of 0.96 s, before the PCA; or another layer of it.

    Attributes:
        checkpoint: the released checkpoint, V1 (one file) or V2 (a prefix).
        engine: how the network is computed.
        layer: `fc2` gives VGGish's 128 values, `pool4` the 512 channels of its last convolution, averaged over time and
            frequency, as Gao et al. 2022 (10.21437/Interspeech.2022-11323) take them.
        train: whether the network is trained together with the head, from these weights on.
        train_from: the first layer that is trained; those before it stay as they are.
        random_seed: of the weights that stand in for a checkpoint where clips are made up.
    """

    checkpoint: str = MISSING
    engine: Engine = MISSING
    layer: Layer = MISSING
    train: bool = MISSING
    train_from: str = MISSING
    random_seed: int = MISSING

    def __post_init__(self) -> None:
        if self.train_from not in BLOCKS:
            raise ConfigError(
                f"embedding.train_from={self.train_from}: there is no such layer; choose from {', '.join(BLOCKS)}"
            )
        if not 0 <= self.random_seed < 2**64:
            raise ConfigError(
                f"embedding.random_seed={self.random_seed}: a whole number from 0 to {2**64 - 1} is needed"
            )
        if self.train and self.layer is Layer.pool4 and self.train_from.startswith("fc"):
            raise ConfigError(
                f"embedding.train_from={self.train_from} lies behind embedding.layer=pool4; choose a convolution"
            )

    @property
    def recipe(self) -> dict[str, Any]:
        """See `Embedding.recipe`; who asks for the graph gets what the graph computed."""
        return {"layer": self.layer, "engine": self.engine if self.engine is Engine.graph else "fast"}

    @property
    def has_released_pca(self) -> bool:
        """See `Embedding.has_released_pca`."""
        return self.layer is Layer.fc2

    @property
    def is_trained(self) -> bool:
        """See `Embedding.is_trained`."""
        return self.train

    def fingerprint(self, may_be_random: bool, store: Store) -> str:
        """See `Embedding.fingerprint`: by the hash of the checkpoint's files, where the store knows it."""
        if self._is_random(may_be_random):
            return f"random:{self.random_seed}"
        hashes = store.hashes(checkpoint_files(Path(self.checkpoint)))
        if not hashes or None in hashes:
            return fingerprint(self._released())
        recipe = json.dumps({"weights": "VGGish", **computed_by(fingerprint.__module__)})
        key = " ".join(map(str, hashes))
        return store.remembered(recipe, key, lambda: fingerprint(self._released()).encode()).decode()

    def open(self, may_be_random: bool) -> AbstractContextManager[Network]:
        """See `Embedding.open`."""
        is_random = self._is_random(may_be_random)
        if self.train:
            return nullcontext(Unchanged(f"random:{self.random_seed}" if is_random else fingerprint(self._released())))
        if is_random:
            return VGGish.random(self.random_seed, self.engine, self.layer)
        return VGGish(Path(self.checkpoint), self.engine, self.layer)

    @property
    def weights_file(self) -> Path | None:
        """See `Embedding.weights_file`."""
        return Path(self.checkpoint)

    def reopen(self, weights: str, file: Path | None) -> AbstractContextManager[Network]:
        """See `Embedding.reopen`."""
        if self.train:
            return nullcontext(Unchanged(weights))
        if weights.startswith("random:"):
            return VGGish.random(int(weights.removeprefix("random:")), self.engine, self.layer)
        return VGGish(file or Path(self.checkpoint), self.engine, self.layer)

    def weights(self, may_be_random: bool) -> dict[str, np.ndarray]:
        """See `Embedding.weights`."""
        return random_weights(self.random_seed) if self._is_random(may_be_random) else self._released()

    def build(self, examples: Any) -> Any:
        """See `Embedding.build`: float32 [n, 96, 64] -> [n, 128] or [n, 512]."""
        return embeddings_of(examples, self.layer, self.train_from)

    def _released(self) -> dict[str, np.ndarray]:
        return read_checkpoint(Path(self.checkpoint))

    def _is_random(self, may_be_random: bool) -> bool:
        checkpoint = Path(self.checkpoint)
        if checkpoint != RELEASED_CHECKPOINT or checkpoint_files(checkpoint):
            return False
        if may_be_random:
            return True
        raise WeightsError(
            f"embedding.checkpoint: {checkpoint} is not there; {how_to_prepare(checkpoint)}, or name another file"
            " with embedding.checkpoint=FILE"
        )
