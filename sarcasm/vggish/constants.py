"""The numbers that make VGGish what it is.

Source: vggish_params.py and vggish_slim.py (tensorflow/models, research/audioset/vggish).
"""

from enum import Enum

SAMPLE_RATE_HZ = 16_000

# Frames: 25 ms every 10 ms.
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160
FFT_SAMPLES = 512
"""The next power of two above the window; frames are filled with zeros on the right."""

# Mel bands, equally spaced in mel between these frequencies.
N_MEL_BANDS = 64
LOWEST_HZ = 125.0
HIGHEST_HZ = 7500.0
MEL_FACTOR, MEL_BREAK_HZ = 1127.0, 700.0
"""mel(f) = MEL_FACTOR * ln(1 + f / MEL_BREAK_HZ)."""
LOG_OFFSET = 0.01
"""Added before the logarithm."""

# Examples: 96 frames, 0.96 s, one after another.
EXAMPLE_FRAMES = 96
EXAMPLE_SAMPLES = WINDOW_SAMPLES + (EXAMPLE_FRAMES - 1) * HOP_SAMPLES
"""The fewest samples that make an example: 0.975 s."""

EMBEDDING_SIZE = 128
LAST_CHANNELS = 512
"""Of the last convolution."""


class Layer(Enum):
    """What is taken from the network: its end, or its last convolution, pooled and averaged over time and frequency."""

    fc2 = "fc2"
    pool4 = "pool4"

    @property
    def size(self) -> int:
        """Values for an example."""
        return EMBEDDING_SIZE if self is Layer.fc2 else LAST_CHANNELS


INITIAL_DEVIATION = 0.01
"""Standard deviation of the truncated normal that weights are drawn from where training starts anew; biases are 0."""

LAYERS: dict[str, tuple[int, ...]] = {
    "conv1": (3, 3, 1, 64),
    "conv2": (3, 3, 64, 128),
    "conv3/conv3_1": (3, 3, 128, 256),
    "conv3/conv3_2": (3, 3, 256, 256),
    "conv4/conv4_1": (3, 3, 256, LAST_CHANNELS),
    "conv4/conv4_2": (3, 3, LAST_CHANNELS, LAST_CHANNELS),
    "fc1/fc1_1": (12_288, 4096),
    "fc1/fc1_2": (4096, 4096),
    "fc2": (4096, EMBEDDING_SIZE),
}
"""Scope of each layer -> shape of its weights: height, width, inputs, outputs; or inputs, outputs."""

BLOCKS = tuple(dict.fromkeys(scope.partition("/")[0] for scope in LAYERS))
"""What the layers are called from the input on, pairs of one size by one name: conv1, conv2, conv3, conv4, fc1, fc2."""


def variable_shapes() -> dict[str, tuple[int, ...]]:
    """Name of each of the 18 variables, as in the checkpoint -> its shape."""
    weights = {f"vggish/{layer}/weights": shape for layer, shape in LAYERS.items()}
    return weights | {f"vggish/{layer}/biases": shape[-1:] for layer, shape in LAYERS.items()}


# Post-processing: PCA to as many dimensions, clipped and quantised to 8 bits.
QUANTIZE_LOWEST, QUANTIZE_HIGHEST = -2.0, 2.0
QUANTIZE_STEPS = 255
