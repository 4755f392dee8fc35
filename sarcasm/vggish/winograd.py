"""VGGish's network on the CPU without TensorFlow: the values of the tf-slim graph in well under half its time.

Nine tenths of VGGish's multiplications belong to its 3 x 3 convolutions. Winograd's minimal filtering F(4 x 4, 3 x 3)
makes 4 x 4 outputs from a tile d of 6 x 6 inputs and a kernel g with 36 multiplications instead of 144:

    Y = A^T [ (G g G^T) * (B^T d B) ] A         (* value by value; summed over input channels inside the brackets)

          | 4  0 -5  0  1  0 |         |  6   0   0 |              | 1  1  1  1  1  0 |
          | 0 -4 -4  1  1  0 |         | -4  -4  -4 |        A^T = | 0  1 -1  2 -2  0 |
    B^T = | 0  4 -4 -1  1  0 |    G =  | -4   4  -4 | / 24         | 0  1  1  4  4  0 |
          | 0 -2 -1  2  1  0 |         |  1   2   4 |              | 0  1 -1  8 -8  1 |
          | 0  2 -1 -2  1  0 |         |  1  -2   4 |
          | 0  4  0 -5  0  1 |         |  0   0  24 |

With the sum over channels, each of the 36 positions is a product of matrices, [tiles, K] @ [K, N]. Tiles overlap by two
rows and columns; VGGish's feature maps are whole numbers of 4 x 4 outputs, whose 2 x 2 maxima fall inside a tile. The
first convolution has one input channel, too few for this, and is computed directly; the fully connected layers are
plain products.

Conventions: float32; images [n, height, width, channels] with a border of one zero, which stands for SAME padding;
G g G^T in float64, once. "Spectrum" is the 6 x 6 of a tile or a kernel after its transform, by analogy with Fourier's.

An embedding depends on its example and the weights alone, to the bit: not on the batch, the place in it or the number
of threads. Nor, among processors that fuse multiplication and addition, on the width of their vectors.

Sources: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016, arXiv:1509.09308, section 4.3
(the matrices); the network: vggish_slim.py (tensorflow/models, research/audioset/vggish).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import pairwise
from types import TracebackType

import numpy as np

from sarcasm.processors import n_processors
from sarcasm.vggish.constants import Layer

FloatArray = np.ndarray

HEIGHT, WIDTH = 96, 64
"""Frames and mel bands of an example."""
FIRST_KERNEL = (3, 3, 1, 64)
"""Of conv1, whose 2 x 2 max-pool halves height and width."""
CONVOLUTIONS = (
    ("conv2", (48, 32), (3, 3, 64, 128), True),
    ("conv3/conv3_1", (24, 16), (3, 3, 128, 256), False),
    ("conv3/conv3_2", (24, 16), (3, 3, 256, 256), True),
    ("conv4/conv4_1", (12, 8), (3, 3, 256, 512), False),
    ("conv4/conv4_2", (12, 8), (3, 3, 512, 512), True),
)
"""Scope, height and width that come in, shape of the kernel, whether a 2 x 2 max-pool follows."""
MAP = (6, 4, 512)
"""What the convolutions make of an example."""
FULLY_CONNECTED = (
    ("fc1/fc1_1", (12288, 4096), True),
    ("fc1/fc1_2", (4096, 4096), True),
    ("fc2", (4096, 128), False),
)
"""Scope, shape of the weights, whether a ReLU follows."""

KERNEL_TRANSFORM = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24
"""G: three values of a kernel -> six of its spectrum."""

EXAMPLES_PER_THREAD = 32
"""What a thread takes on at a time: so many that reading the weights from memory costs little."""
GROUPS_AT_ONCE = 16
"""Groups of tiles that a thread transforms at a time: few enough for their spectra to stay in its cache."""
CACHE_LINE_BYTES = 64


def zeros(*shape: int) -> FloatArray:
    """Zeros, float32, that begin at a cache line: vectors that straddle two lines take twice as long."""
    n_values, spare = int(np.prod(shape)), CACHE_LINE_BYTES // 4
    room = np.zeros(n_values + spare, np.float32)
    start = -(room.ctypes.data // 4) % spare
    return room[start : start + n_values].reshape(shape)


def kernel_spectra(kernels: FloatArray) -> FloatArray:
    """G g G^T of every kernel g: [3, 3, K, N] -> float64 [36, K, N]."""
    spectra = np.einsum("fi,gj,ijkn->fgkn", KERNEL_TRANSFORM, KERNEL_TRANSFORM, kernels, optimize=True)
    return spectra.reshape(-1, *kernels.shape[2:])


def panels(matrices: FloatArray, width: int) -> FloatArray:
    """Cut matrices into panels of columns, the order in which a product reads them.

    Args:
        matrices: [..., K, N].
        width: of a panel; divides N.

    Returns:
        float32 [..., N / width, K, width].
    """
    *rest, depth, n_columns = matrices.shape
    cut = zeros(*rest, n_columns // width, depth, width)
    cut[...] = np.moveaxis(matrices.reshape(*rest, depth, n_columns // width, width), -2, -3)
    return cut


class Workspace:
    """Room for the spectra of the tiles that a thread works on, before and after the products.

    Args:
        n_channels: the most that come into a layer or out of it.
    """

    def __init__(self, n_channels: int) -> None:
        from sarcasm.vggish.winograd_kernels import GROUP, TILE

        self._groups = (GROUPS_AT_ONCE, TILE**2, GROUP)
        self._rooms = zeros(2, int(np.prod(self._groups)) * n_channels)

    def spectra(self, *n_channels: int) -> list[FloatArray]:
        """Arrays [groups, 36, GROUP, channels] for the spectra of so many inputs, and of so many outputs."""
        shapes = [(*self._groups, n) for n in n_channels]
        return [room[: np.prod(shape)].reshape(shape) for room, shape in zip(self._rooms, shapes, strict=True)]


class Convolution:
    """A 3 x 3 convolution with bias, ReLU and, where `is_pooled`, 2 x 2 max-pooling.

    Args:
        weights: [3, 3, K, N]; K and N multiples of 64.
        biases: [N].
        is_pooled: whether outputs are halved in height and width.
    """

    def __init__(self, weights: FloatArray, biases: FloatArray, is_pooled: bool) -> None:
        from sarcasm.vggish import winograd_kernels as kernels

        self._kernels = kernels
        self._weights = panels(kernel_spectra(weights), kernels.PANEL)
        self._biases = np.array(biases, np.float32)
        self._is_pooled = is_pooled

    def apply(self, images: FloatArray, outputs: FloatArray, workspace: Workspace) -> None:
        """Fill `outputs`.

        Args:
            images: [n, height + 2, width + 2, K] with a border of zeros; height and width multiples of 4, and
                n * height / 4 * width / 4 of 6, as everywhere in VGGish.
            outputs: [n, height, width, N], halved where pooled, with or without a border, which is left alone.
            workspace: of the calling thread.
        """
        spectra, products = workspace.spectra(images.shape[-1], len(self._biases))
        self._kernels.convolve(images, self._weights, self._biases, self._is_pooled, spectra, products, outputs)


class FullyConnected:
    """A fully connected layer.

    Args:
        weights: [K, N]; N a multiple of 64.
        biases: [N].
        is_rectified: whether a ReLU follows.
    """

    def __init__(self, weights: FloatArray, biases: FloatArray, is_rectified: bool) -> None:
        from sarcasm.vggish import winograd_kernels as kernels

        self._kernels = kernels
        self._weights = panels(weights, kernels.PANEL)
        self._biases = np.array(biases, np.float32)
        self._is_rectified = is_rectified
        self.n_panels = len(self._weights)
        self.n_outputs = len(self._biases)

    def apply(self, rows: FloatArray, outputs: FloatArray, part: slice) -> None:
        """Fill some columns of `outputs`.

        Args:
            rows: [n, K]; n a multiple of 6.
            outputs: [n, N].
            part: which panels.
        """
        columns = slice(part.start * self._kernels.PANEL, part.stop * self._kernels.PANEL)
        block = outputs[:, columns]
        block[...] = self._biases[columns]
        self._kernels.add_product(rows, self._weights[part], block)
        if self._is_rectified:
            np.maximum(block, 0, out=block)


class WinogradNetwork:
    """VGGish's embeddings from given weights.

    Takes 0.35 GB for its own form of the weights and up to 0.07 GB a thread, however many examples are asked for. Calls
    from several threads wait for one another. Closes as a context manager.

    Args:
        weights: name in the checkpoint -> float32 array: `vggish/conv1/weights` [3, 3, 1, 64] and the 17 others.
        threads: how many work at once; None for as many as this process has processors.
        layer: what is taken from the network.

    Raises:
        KeyError: a variable is missing.
        ValueError: a variable has another shape, or `threads` is below 1.
    """

    def __init__(self, weights: Mapping[str, FloatArray], threads: int | None = None, layer: Layer = Layer.fc2) -> None:
        from sarcasm.vggish import winograd_kernels as kernels

        self._kernels = kernels
        self._n_threads = n_processors() if threads is None else threads
        self._pool = ThreadPoolExecutor(self._n_threads, thread_name_prefix="vggish")
        self._lock = threading.Lock()
        first_weights, first_biases = _variables(weights, "conv1", FIRST_KERNEL)
        self._first_weights = panels(first_weights.reshape(9, -1), len(first_biases))[0]
        self._first_biases = np.array(first_biases, np.float32)
        self._convolutions = [
            Convolution(*_variables(weights, scope, shape), is_pooled) for scope, _, shape, is_pooled in CONVOLUTIONS
        ]
        self._fully_connected = [
            FullyConnected(*_variables(weights, scope, shape), is_rectified)
            for scope, shape, is_rectified in FULLY_CONNECTED
            if layer is Layer.fc2
        ]
        self._layer = layer
        self._images = [_images(EXAMPLES_PER_THREAD) for _ in range(self._n_threads)]
        self._workspaces = [Workspace(n_channels=MAP[-1]) for _ in range(self._n_threads)]
        # Compiles what numba has not cached: whoever builds a network learns here whether it runs.
        self.embed(np.zeros((1, HEIGHT, WIDTH), np.float32))

    def embed(self, examples: FloatArray) -> FloatArray:
        """Compute embeddings.

        Args:
            examples: float32 [n, 96, 64], log-mel; n may be 0. One that holds NaN becomes NaN and leaves others alone.

        Returns:
            float32 [n, 128], or [n, 512] of `pool4`.

        Raises:
            ValueError: another shape.
        """
        if examples.shape[1:] != (HEIGHT, WIDTH):
            raise ValueError(f"examples have shape {examples.shape}, not (n, {HEIGHT}, {WIDTH})")
        embeddings = np.empty((len(examples), self._layer.size), np.float32)
        step = EXAMPLES_PER_THREAD * self._n_threads
        with self._lock:
            for start in range(0, len(examples), step):
                embeddings[start : start + step] = self._embed_at_once(examples[start : start + step])
        return embeddings

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def __enter__(self) -> WinogradNetwork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _embed_at_once(self, examples: FloatArray) -> FloatArray:
        # Rows beyond the examples fill the last group; what is computed for them is dropped.
        maps = zeros(-(-len(examples) // self._kernels.GROUP) * self._kernels.GROUP, *MAP)
        self._in_threads(lambda thread, part: self._convolve(thread, examples[part], maps[part]), len(examples))
        if self._layer is Layer.pool4:
            return maps[: len(examples)].mean(axis=(1, 2))
        rows = maps.reshape(len(maps), -1)
        for layer in self._fully_connected:
            rows = self._connect(layer, rows)
        return rows[: len(examples)]

    def _convolve(self, thread: int, examples: FloatArray, maps: FloatArray) -> None:
        first, *images = (room[: len(examples)] for room in self._images[thread])
        first[:, 1:-1, 1:-1] = examples
        self._kernels.convolve_first(first, self._first_weights, self._first_biases, images[0])
        for convolution, inputs, outputs in zip(self._convolutions, images, [*images[1:], maps], strict=True):
            convolution.apply(inputs, outputs, self._workspaces[thread])

    def _connect(self, layer: FullyConnected, rows: FloatArray) -> FloatArray:
        outputs = zeros(len(rows), layer.n_outputs)
        self._in_threads(lambda _, part: layer.apply(rows, outputs, part), layer.n_panels)
        return outputs

    def _in_threads(self, work: Callable[[int, slice], None], n_pieces: int) -> None:
        """Call `work` in every thread, with the thread's number and its share of the pieces."""
        cuts = [n_pieces * thread // self._n_threads for thread in range(self._n_threads + 1)]
        shares = [slice(start, stop) for start, stop in pairwise(cuts)]
        futures = [self._pool.submit(work, thread, share) for thread, share in enumerate(shares)]
        try:
            for future in futures:
                future.result()
        finally:
            wait(futures)  # after Ctrl-C as well: the next call uses the same rooms


def _variables(weights: Mapping[str, FloatArray], scope: str, shape: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    """Weights and biases of a layer; the compiled loops would not notice another shape."""
    pair = weights[f"vggish/{scope}/weights"], weights[f"vggish/{scope}/biases"]
    if pair[0].shape != shape or pair[1].shape != shape[-1:]:
        raise ValueError(
            f"vggish/{scope} has weights {pair[0].shape} and biases {pair[1].shape}, not {shape} and {shape[-1:]}"
        )
    return pair


def _images(n: int) -> list[FloatArray]:
    """What comes into each convolution, with the border of zeros that nobody writes to."""
    inputs = [zeros(n, height + 2, width + 2, shape[2]) for _, (height, width), shape, _ in CONVOLUTIONS]
    return [zeros(n, HEIGHT + 2, WIDTH + 2), *inputs]
