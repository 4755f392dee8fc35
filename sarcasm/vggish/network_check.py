"""Does a fast network compute VGGish on this machine? One example, once more in plain numpy.

Compiled code for a processor nobody has tried may be wrong without a word. This costs about 50 ms when a network is
opened, and no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sarcasm.vggish import constants as c
from sarcasm.vggish.checkpoint import Weights

TOLERANCE = 1e-4
"""Largest difference, in standard deviations of an embedding's values; rounding makes 1e-5 of it."""
POOLED = ("conv1", "conv2", "conv3/conv3_2", "conv4/conv4_2")
"""Layers that a 2 x 2 max-pool follows."""


def check(embed: Callable[[np.ndarray], np.ndarray], weights: Weights, layer: c.Layer = c.Layer.fc2) -> None:
    """Compare a network with plain numpy.

    Args:
        embed: examples float32 [n, 96, 64] -> embeddings float32 [n, D].
        weights: of that network.
        layer: what is taken from it.

    Raises:
        RuntimeError: its embedding of a fixed example is another one.
    """
    # Noise at the level of speech: log-mel lies between ln 0.01 and about 2.
    example = np.random.default_rng(0).normal(-2, 1.5, (c.EXAMPLE_FRAMES, c.N_MEL_BANDS)).astype(np.float32)
    with np.errstate(all="ignore"):  # weights that overflow do so in both
        expected = plain_embedding(example, weights, layer)
        difference = np.abs(embed(example[np.newaxis])[0] - expected).max()
        is_equal = bool(difference <= TOLERANCE * expected.std())
    if np.all(np.isfinite(expected)) and not is_equal:
        raise RuntimeError(f"its embedding of a test example is off by {difference:.1e}")


def plain_embedding(example: np.ndarray, weights: Weights, layer: c.Layer = c.Layer.fc2) -> np.ndarray:
    """Example float32 [96, 64] -> embedding float32 [D], by the definition of each layer."""
    values = example[..., np.newaxis]
    for scope, shape in c.LAYERS.items():
        kernel, biases = weights[f"vggish/{scope}/weights"], weights[f"vggish/{scope}/biases"]
        if len(shape) == 4:
            # [height, width, inputs, 3, 3]: what lies under the kernel at each place, zeros beyond the border.
            under = np.lib.stride_tricks.sliding_window_view(np.pad(values, ((1, 1), (1, 1), (0, 0))), (3, 3), (0, 1))
            values = np.tensordot(under, kernel, ([3, 4, 2], [0, 1, 2])) + biases
        elif layer is c.Layer.pool4:
            return values.mean(axis=(0, 1))
        else:
            values = values.reshape(-1) @ kernel + biases
        if scope != "fc2":
            values = np.maximum(values, 0)
        if scope in POOLED:
            height, width, channels = values.shape
            values = values.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))
    return values
