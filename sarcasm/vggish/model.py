"""VGGish with its weights, ready to embed, computed by whichever engine there is."""

from __future__ import annotations

import logging
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from sarcasm.tensorflow_runtime import has_gpu
from sarcasm.vggish import constants as c
from sarcasm.vggish.checkpoint import Weights, fingerprint, random_weights, read_checkpoint

if TYPE_CHECKING:
    from sarcasm.vggish.network import GraphNetwork
    from sarcasm.vggish.winograd import WinogradNetwork

BATCH_EXAMPLES = 64
"""Given to an engine at a time, so that memory does not grow with what is asked for."""

logger = logging.getLogger(__name__)


class Engine(Enum):
    """How the network is computed."""

    auto = "auto"
    winograd = "winograd"
    graph = "graph"


class VGGish:
    """The network, open until `close`; a context manager.

    Args:
        checkpoint: the released vggish_model.ckpt (V1 format) or the prefix of a V2 checkpoint.
        engine: `graph` is the tf-slim definition, `winograd` the same values faster on a CPU; `auto` takes winograd,
            and the graph where that does not run or gives other values, or where TensorFlow has a GPU.
        layer: what is taken from the network.

    Attributes:
        weights_fingerprint: "sha256:..." of the weights, or "random:seed".

    Raises:
        WeightsError: the checkpoint is missing, damaged, or of another network.
    """

    def __init__(self, checkpoint: Path | str, engine: Engine = Engine.auto, layer: c.Layer = c.Layer.fc2) -> None:
        weights = read_checkpoint(Path(checkpoint))
        self.weights_fingerprint = fingerprint(weights)
        self._layer, self._network = layer, _network(weights, engine, layer)

    @classmethod
    def random(cls, seed: int, engine: Engine = Engine.auto, layer: c.Layer = c.Layer.fc2) -> VGGish:
        """A network of random weights: made up, where there is no checkpoint.

        Args:
            seed: of the weights.
            engine: as above.
            layer: as above.
        """
        made = cls.__new__(cls)
        made.weights_fingerprint = f"random:{seed}"
        made._layer, made._network = layer, _network(random_weights(seed), engine, layer)
        return made

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Compute embeddings.

        Args:
            examples: floating [n, 96, 64], log-mel; n may be 0.

        Returns:
            float32 [n, 128], before any activation; or [n, 512] of `pool4`.

        Raises:
            ValueError: another shape.
        """
        examples = np.asarray(examples, np.float32)
        if examples.ndim != 3 or examples.shape[1:] != (c.EXAMPLE_FRAMES, c.N_MEL_BANDS):
            raise ValueError(f"examples are [n, {c.EXAMPLE_FRAMES}, {c.N_MEL_BANDS}], not {list(examples.shape)}")
        embeddings = np.empty((len(examples), self._layer.size), np.float32)
        for start in range(0, len(examples), BATCH_EXAMPLES):
            batch = slice(start, start + BATCH_EXAMPLES)
            embeddings[batch] = self._network.embed(examples[batch])
        return embeddings

    def close(self) -> None:
        """Give memory and threads back."""
        self._network.close()

    def __enter__(self) -> VGGish:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _network(weights: Weights, engine: Engine, layer: c.Layer) -> GraphNetwork | WinogradNetwork:
    if engine is Engine.winograd or (engine is Engine.auto and not has_gpu()):
        try:
            return _winograd_network(weights, layer)
        except Exception as error:
            if engine is Engine.winograd:
                raise
            # Whatever a compiler may raise on a processor nobody has tried: the definition still runs.
            logger.warning("embedding.engine=graph is used, since winograd does not run here: %s", error)
    from sarcasm.vggish.network import GraphNetwork

    return GraphNetwork(weights, layer)


def _winograd_network(weights: Weights, layer: c.Layer) -> WinogradNetwork:
    from sarcasm.vggish.network_check import check
    from sarcasm.vggish.winograd import WinogradNetwork

    network = WinogradNetwork(weights, layer=layer)
    try:
        check(network.embed, weights, layer)
    except BaseException:
        network.close()
        raise
    return network
