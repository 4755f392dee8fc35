"""The fast network equals convolution by its definition and, as a whole, the reference; itself it equals to the bit."""

import math
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sarcasm.vggish import winograd, winograd_kernels
from sarcasm.vggish.winograd import (
    EXAMPLES_PER_THREAD,
    GROUPS_AT_ONCE,
    KERNEL_TRANSFORM,
    Convolution,
    FullyConnected,
    WinogradNetwork,
    Workspace,
    kernel_spectra,
    panels,
    zeros,
)
from tests.vggish_fixtures import Reference

SINGLE_PRECISION = 2e-5
"""Of the largest value of a layer: what sums of some thousand float32 products may be off by."""

seeds = st.integers(0, 2**32 - 1)


def convolved(images: np.ndarray, weights: np.ndarray, biases: np.ndarray, is_pooled: bool) -> np.ndarray:
    """3 x 3 SAME convolution, bias, ReLU, 2 x 2 maxima by their definitions, in float64, of [n, height, width, K]."""
    n, height, width, _ = images.shape
    bordered = np.pad(images.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    outputs = np.zeros((n, height, width, weights.shape[-1]))
    for row in range(3):
        for column in range(3):
            outputs += bordered[:, row : row + height, column : column + width] @ weights[row, column].astype(
                np.float64
            )
    outputs = np.maximum(outputs + biases, 0)
    return outputs.reshape(n, height // 2, 2, width // 2, 2, -1).max(axis=(2, 4)) if is_pooled else outputs


def with_border(images: np.ndarray) -> np.ndarray:
    bordered = zeros(images.shape[0], images.shape[1] + 2, images.shape[2] + 2, *images.shape[3:])
    bordered[:, 1:-1, 1:-1] = images
    return bordered


def random(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32) * np.float32(scale)


# The transforms


def test_the_transforms_are_the_matrices_of_the_paper() -> None:
    tile = [
        [4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0], [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1],
    ]  # fmt: skip
    output = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
    assert_array_equal(winograd_kernels.tile_transform(*np.eye(6)), tile)
    assert_array_equal(winograd_kernels.output_transform(*np.eye(6)), output)


@given(
    st.lists(st.integers(-1000, 1000), min_size=6, max_size=6),
    st.lists(st.integers(-1000, 1000), min_size=3, max_size=3),
)
def test_six_products_make_four_outputs_of_three_taps(values: list[int], taps: list[int]) -> None:
    spectrum = (KERNEL_TRANSFORM @ taps) * np.array(winograd_kernels.tile_transform(*np.array(values, float)))
    assert_allclose(winograd_kernels.output_transform(*spectrum), np.correlate(values, taps), atol=1e-6)


def test_the_spectrum_of_a_kernel_is_its_transform_in_both_directions(rng: np.random.Generator) -> None:
    kernels = rng.standard_normal((3, 3, 2, 5))
    assert_allclose(
        kernel_spectra(kernels)[:, 1, 4], (KERNEL_TRANSFORM @ kernels[:, :, 1, 4] @ KERNEL_TRANSFORM.T).ravel()
    )


@given(st.integers(1, 3), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4))
def test_panels_beside_one_another_are_the_matrix(n_matrices: int, depth: int, n_panels: int, width: int) -> None:
    matrices = random(0, n_matrices, depth, n_panels * width)
    assert_array_equal(np.concatenate(list(np.moveaxis(panels(matrices, width), 1, 0)), axis=-1), matrices)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=3))
def test_arrays_begin_at_a_cache_line(shape: list[int]) -> None:
    array = zeros(*shape)
    assert array.shape == tuple(shape)
    assert array.ctypes.data % 64 == 0
    assert not array.any()


# The layers


@st.composite
def image_shapes(draw: st.DrawFn) -> tuple[int, int, int]:
    """(n, height, width) with a multiple of 6 tiles."""
    down, across = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    n = draw(st.integers(1, 2)) * 6 // math.gcd(6, down * across)
    return n, 4 * down, 4 * across


@settings(deadline=None, max_examples=25)
@given(
    seed=seeds,
    shape=image_shapes(),
    n_inputs=st.sampled_from([64, 128]),
    n_outputs=st.sampled_from([64, 192]),
    is_pooled=st.booleans(),
    border=st.integers(0, 1),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
@example(seed=0, shape=(5, 24, 16), n_inputs=64, n_outputs=64, is_pooled=True, border=1, scale=1.0)  # two rounds
def test_a_layer_is_the_convolution_by_its_definition(
    seed: int, shape: tuple[int, int, int], n_inputs: int, n_outputs: int, is_pooled: bool, border: int, scale: float
) -> None:
    n, height, width = shape
    images, biases = random(seed, *shape, n_inputs), random(seed + 1, n_outputs, scale=scale)
    weights = random(seed + 2, 3, 3, n_inputs, n_outputs, scale=scale)
    size = [side // 2 if is_pooled else side for side in (height, width)]
    outputs = np.full((n, size[0] + 2 * border, size[1] + 2 * border, n_outputs), np.float32(-7))

    Convolution(weights, biases, is_pooled).apply(with_border(images), outputs, Workspace(max(n_inputs, n_outputs)))

    inner = outputs[:, border : border + size[0], border : border + size[1]]
    expected = convolved(images, weights, biases, is_pooled)
    assert_allclose(inner, expected, rtol=0, atol=SINGLE_PRECISION * expected.max())
    assert (outputs == -7).sum() == outputs.size - inner.size  # the border is left alone


def test_the_example_of_two_rounds_takes_two_rounds() -> None:
    assert GROUPS_AT_ONCE * winograd_kernels.GROUP < 5 * 6 * 4


@settings(deadline=None, max_examples=10)
@given(seed=seeds, n=st.integers(1, 3), half_height=st.integers(1, 9), half_width=st.integers(1, 9))
def test_the_first_layer_is_the_convolution_by_its_definition(
    seed: int, n: int, half_height: int, half_width: int
) -> None:
    images, weights, biases = (
        random(seed, n, 2 * half_height, 2 * half_width),
        random(seed + 1, 9, 64),
        random(seed + 2, 64),
    )
    outputs = np.zeros((n, half_height + 2, half_width + 2, 64), np.float32)

    winograd_kernels.convolve_first(with_border(images), weights, biases, outputs)

    expected = convolved(images[..., np.newaxis], weights.reshape(3, 3, 1, 64), biases, is_pooled=True)
    assert_allclose(
        outputs, np.pad(expected, ((0, 0), (1, 1), (1, 1), (0, 0))), rtol=0, atol=SINGLE_PRECISION * expected.max()
    )


@settings(deadline=None, max_examples=10)
@given(
    seed=seeds,
    n_groups=st.integers(1, 3),
    depth=st.integers(1, 1300),
    n_panels=st.integers(1, 3),
    is_rectified=st.booleans(),
)
def test_a_fully_connected_layer_is_a_product_of_matrices(
    seed: int, n_groups: int, depth: int, n_panels: int, is_rectified: bool
) -> None:
    rows, weights, biases = (
        random(seed, 6 * n_groups, depth),
        random(seed + 1, depth, 64 * n_panels),
        random(seed + 2, 64 * n_panels),
    )
    layer = FullyConnected(weights, biases, is_rectified)
    outputs = np.full((6 * n_groups, layer.n_outputs), np.float32(np.nan))

    for part in (slice(0, 1), slice(1, layer.n_panels)):
        layer.apply(rows, outputs, part)

    expected = rows.astype(np.float64) @ weights + biases
    assert_allclose(
        outputs,
        np.maximum(expected, 0) if is_rectified else expected,
        rtol=0,
        atol=SINGLE_PRECISION * abs(expected).max(),
    )


# The network


@pytest.fixture(scope="module")
def network(reference_weights: dict[str, np.ndarray]) -> Iterator[WinogradNetwork]:
    with WinogradNetwork(reference_weights, threads=3) as network:
        yield network


@pytest.fixture(scope="module")
def examples(reference: Reference) -> np.ndarray:
    """The 14 of the reference vectors."""
    return reference.all_examples


def test_embeddings_equal_the_reference(network: WinogradNetwork, reference: Reference) -> None:
    embeddings = network.embed(reference.all_examples)
    assert embeddings.dtype == np.float32
    assert_allclose(embeddings, reference.embeddings, rtol=0, atol=SINGLE_PRECISION * reference.embeddings.std())


def test_the_same_examples_give_the_same_bits(network: WinogradNetwork, examples: np.ndarray) -> None:
    assert_array_equal(network.embed(examples), network.embed(examples))


@settings(deadline=None, max_examples=8)
@given(chosen=st.lists(st.integers(0, 13), min_size=1, max_size=20))
def test_an_embedding_does_not_depend_on_its_batch_or_its_place_in_it(
    network: WinogradNetwork, examples: np.ndarray, chosen: list[int]
) -> None:
    assert_array_equal(network.embed(examples[chosen]), network.embed(examples)[chosen])


def test_more_examples_than_are_worked_on_at_once_give_the_same_bits(
    network: WinogradNetwork, examples: np.ndarray
) -> None:
    many = np.resize(np.arange(14), 3 * EXAMPLES_PER_THREAD + 7)
    assert_array_equal(network.embed(examples[many]), network.embed(examples)[many])


def test_the_number_of_threads_does_not_change_a_bit(
    network: WinogradNetwork, examples: np.ndarray, reference_weights: dict[str, np.ndarray]
) -> None:
    with WinogradNetwork(reference_weights, threads=1) as other:
        assert_array_equal(other.embed(examples), network.embed(examples))


def test_callers_in_several_threads_do_not_disturb_each_other(network: WinogradNetwork, examples: np.ndarray) -> None:
    with ThreadPoolExecutor(3) as pool:
        both = list(pool.map(network.embed, [examples[:5], examples[5:7], examples[7:]]))
    assert_array_equal(np.concatenate(both), network.embed(examples))


def test_one_broken_example_becomes_nan_and_leaves_the_others_alone(
    network: WinogradNetwork, examples: np.ndarray
) -> None:
    broken = examples.copy()
    broken[3, 50, 7] = np.nan
    embeddings, expected = network.embed(broken), network.embed(examples)
    assert np.isnan(embeddings[3]).all()
    assert_array_equal(np.delete(embeddings, 3, axis=0), np.delete(expected, 3, axis=0))
    assert_array_equal(network.embed(examples), expected)  # nothing of it stays behind


def test_no_examples_give_no_embeddings(network: WinogradNetwork) -> None:
    embeddings = network.embed(np.zeros((0, 96, 64), np.float32))
    assert embeddings.shape == (0, 128)
    assert embeddings.dtype == np.float32


def test_memory_does_not_grow_with_the_number_of_examples(
    network: WinogradNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "EXAMPLES_PER_THREAD", 2)

    def peak(n: int) -> int:
        examples = np.zeros((n, 96, 64), np.float32)
        tracemalloc.start()
        embeddings = network.embed(examples)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most - embeddings.nbytes

    at_once = 3 * 2
    # Which thread frees what first moves the peak by an eighth; what grew with the examples would make it several times as high.
    assert peak(8 * at_once) < 1.5 * peak(at_once)


def test_examples_of_another_shape_are_refused(network: WinogradNetwork) -> None:
    with pytest.raises(ValueError, match=r"^examples have shape \(5, 64, 96\), not \(n, 96, 64\)$"):
        network.embed(np.zeros((5, 64, 96), np.float32))


def test_weights_of_another_shape_are_refused(reference_weights: dict[str, np.ndarray]) -> None:
    weights = {**reference_weights, "vggish/conv2/weights": np.zeros((3, 3, 128, 64), np.float32)}
    message = r"^vggish/conv2 has weights \(3, 3, 128, 64\) and biases \(128,\), not \(3, 3, 64, 128\) and \(128,\)$"
    with pytest.raises(ValueError, match=message):
        WinogradNetwork(weights)


def test_without_a_folder_to_cache_in_loops_are_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def njit(**options: bool):
        asked.append(options)
        if options.get("cache"):
            raise RuntimeError("cannot cache function 'convolve': no locator available for file 'winograd_kernels.py'")
        return lambda function: "compiled"

    monkeypatch.setattr(winograd_kernels, "njit", njit)
    assert winograd_kernels._compiled(lambda: None) == "compiled"
    assert asked == [{"nogil": True, "cache": True}, {"nogil": True}]
