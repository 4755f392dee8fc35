"""The compiled inner loops of `sarcasm.vggish.winograd`: tiles to spectra, products of matrices, spectra to outputs.

Conventions: float32 throughout, the last axis of every array contiguous, nothing checked: the callers see to shapes.
Loops are numba's; what has to fill the vector unit is written as vector instructions through llvmlite, because numba
does not promise to find them. No instruction may be reordered (no fast-math): every value is one fixed chain of
operations, whatever stands beside it in the arrays and however the work is divided.

Sources: transforms as in `sarcasm.vggish.winograd`; a block of the product held in registers while the depth runs by,
and the right-hand matrix stored as panels: Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication,
ACM TOMS 34(3), 2008.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_HAS_AVX512 = bool(binding.get_host_cpu_features().get("avx512f"))

LANES = 16 if _HAS_AVX512 else 8
"""float32 values in a vector; channels come in multiples of it."""
GROUP = 6
"""Rows of a block of a product. Each layer of VGGish has a multiple of 6 tiles, so that no block is ragged."""
PANEL = 64 if _HAS_AVX512 else 16
"""Columns of a block of a product: GROUP rows of it, and their factors, just fit the 32 or 16 vector registers."""
DEPTH = 512
"""Depth of a panel that is worked on at a time, so that it stays in the cache while the rows go by."""
TILE = 6
"""Height and width of the tile that 4 x 4 outputs are made of, and so of its spectrum."""

FloatArray = np.ndarray
_INDEX = ir.IntType(64)


class _Vector:
    """float32 lanes in a register."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder = builder
        self.value = value

    def _constant(self, number: float) -> ir.Constant:
        return ir.Constant(self.value.type, [number] * self.value.type.count)

    def __add__(self, other: _Vector) -> _Vector:
        return _Vector(self.builder, self.builder.fadd(self.value, other.value))

    def __sub__(self, other: _Vector) -> _Vector:
        return _Vector(self.builder, self.builder.fsub(self.value, other.value))

    def __rmul__(self, number: float) -> _Vector:
        return _Vector(self.builder, self.builder.fmul(self._constant(number), self.value))

    def plus_product(self, left: _Vector, right: _Vector) -> _Vector:
        """Self + left * right, rounded once where the processor can."""
        kind = self.value.type
        signature = ir.FunctionType(kind, [kind] * 3)
        fused = cgutils.get_or_insert_function(self.builder.module, signature, f"llvm.fmuladd.v{kind.count}f32")
        return _Vector(self.builder, self.builder.call(fused, [left.value, right.value, self.value]))

    def maximum(self, other: _Vector) -> _Vector:
        """The larger lane of each pair; `other` where one is NaN."""
        is_larger = self.builder.fcmp_ordered(">", self.value, other.value)
        return _Vector(self.builder, self.builder.select(is_larger, self.value, other.value))

    def rectified(self) -> _Vector:
        """ReLU; NaN stays NaN."""
        return _Vector(self.builder, self._constant(0.0)).maximum(self)


class _Array:
    """A numba array as vector instructions see it: address and strides; indices are Python's or machine integers."""

    def __init__(self, context: Any, builder: ir.IRBuilder, kind: types.Array, value: ir.Value, lanes: int) -> None:
        array = context.make_array(kind)(context, builder, value)
        self.builder = builder
        self.data = array.data
        self.strides = cgutils.unpack_tuple(builder, array.strides)
        self.shape = cgutils.unpack_tuple(builder, array.shape)
        self.vector = ir.VectorType(ir.FloatType(), lanes)

    def _address(self, index: tuple[Any, ...], kind: ir.Type) -> ir.Value:
        offset = _INDEX(0)
        for place, stride in zip(index, self.strides, strict=True):
            steps = _INDEX(place) if isinstance(place, int) else place
            offset = self.builder.add(offset, self.builder.mul(steps, stride))
        return cgutils.pointer_add(self.builder, self.data, offset, kind.as_pointer())

    def load(self, *index: Any) -> _Vector:
        return _Vector(self.builder, self.builder.load(self._address(index, self.vector), align=4))

    def store(self, vector: _Vector, *index: Any) -> None:
        self.builder.store(vector.value, self._address(index, self.vector), align=4)

    def spread(self, *index: Any) -> _Vector:
        """One value in every lane."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        value = self.builder.load(self._address(index, ir.FloatType()), align=4)
        first = self.builder.insert_element(undefined, value, ir.IntType(32)(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.vector.count), [0] * self.vector.count)
        return _Vector(self.builder, self.builder.shuffle_vector(first, undefined, zeros))


def _arrays(context: Any, builder: ir.IRBuilder, signature: Any, values: Any, lanes: int = LANES) -> list[_Array]:
    return [_Array(context, builder, kind, value, lanes) for kind, value in zip(signature.args, values, strict=True)]


def _channels(builder: ir.IRBuilder, count: ir.Value) -> AbstractContextManager[Any]:
    """A loop over `count` channels, LANES at a time."""
    return cgutils.for_range_slice(builder, _INDEX(0), count, _INDEX(LANES), _INDEX)


def _in_both_directions(transform: Callable[..., list[Any]], square: list[list[Any]]) -> list[list[Any]]:
    """Transform the columns of a square, then the rows of what comes out."""
    columns = [transform(*column) for column in zip(*square, strict=True)]
    return [transform(*row) for row in zip(*columns, strict=True)]


def tile_transform(d0: Any, d1: Any, d2: Any, d3: Any, d4: Any, d5: Any) -> list[Any]:
    """B^T d: six values of a tile -> six of its spectrum."""
    even, odd = d4 - 4.0 * d2, d3 - 4.0 * d1
    near, far = d4 - d2, 2.0 * (d3 - d1)
    return [4.0 * d0 - 5.0 * d2 + d4, even + odd, even - odd, near + far, near - far, 4.0 * d1 - 5.0 * d3 + d5]


def output_transform(m0: Any, m1: Any, m2: Any, m3: Any, m4: Any, m5: Any) -> list[Any]:
    """A^T m: six values of a spectrum -> the four outputs they stand for."""
    sum_1, difference_1, sum_2, difference_2 = m1 + m2, m1 - m2, m3 + m4, m3 - m4
    return [
        m0 + sum_1 + sum_2,
        difference_1 + 2.0 * difference_2,
        sum_1 + 4.0 * sum_2,
        difference_1 + 8.0 * difference_2 + m5,
    ]


def _pooled(lines: list[list[_Vector]]) -> list[list[_Vector]]:
    """The largest of each 2 x 2."""
    lines = [[a.maximum(b) for a, b in zip(*pair, strict=True)] for pair in zip(lines[::2], lines[1::2], strict=True)]
    return [[a.maximum(b) for a, b in zip(line[::2], line[1::2], strict=True)] for line in lines]


@intrinsic
def _transform_tile(_typing: Any, tile: Any, spectrum: Any) -> Any:
    """Tile [6, 6, channels] -> spectrum [36, channels]."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        tile, spectrum = _arrays(context, builder, signature, values)
        with _channels(builder, spectrum.shape[-1]) as (channel, _):
            square = [[tile.load(row, column, channel) for column in range(TILE)] for row in range(TILE)]
            for row, line in enumerate(_in_both_directions(tile_transform, square)):
                for column, vector in enumerate(line):
                    spectrum.store(vector, TILE * row + column, channel)
        return context.get_dummy_value()

    return types.void(tile, spectrum), generate


def _transform_back(is_pooled: bool) -> Any:
    @intrinsic
    def transform_back(_typing: Any, spectrum: Any, biases: Any, outputs: Any) -> Any:
        """Spectrum [36, channels] -> ReLU(output + bias) [4, 4, channels], or its 2 x 2 maxima [2, 2, channels]."""

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
            spectrum, biases, outputs = _arrays(context, builder, signature, values)
            with _channels(builder, biases.shape[-1]) as (channel, _):
                square = [
                    [spectrum.load(TILE * row + column, channel) for column in range(TILE)] for row in range(TILE)
                ]
                lines = _in_both_directions(output_transform, square)
                # Bias and ReLU keep the order of values, so that they may wait until a quarter of them is left.
                lines = _pooled(lines) if is_pooled else lines
                for row, line in enumerate(lines):
                    for column, vector in enumerate(line):
                        outputs.store((vector + biases.load(channel)).rectified(), row, column, channel)
            return context.get_dummy_value()

        return types.void(spectrum, biases, outputs), generate

    return transform_back


def _multiply(is_added: bool) -> Any:
    @intrinsic
    def multiply(_typing: Any, left: Any, right: Any, outputs: Any) -> Any:
        """Outputs [GROUP, PANEL] = (or +=, where `is_added`) left [GROUP, depth] @ right [depth, PANEL]."""

        def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
            left, right, outputs = _arrays(context, builder, signature, values, lanes=PANEL)
            zero = ir.Constant(outputs.vector, [0.0] * PANEL)
            before = [outputs.load(row, 0).value if is_added else zero for row in range(GROUP)]
            # Memory in name only: LLVM makes registers of them.
            sums = [cgutils.alloca_once_value(builder, value) for value in before]
            with cgutils.for_range(builder, right.shape[0], intp=_INDEX) as step:
                line = right.load(step.index, 0)
                for row, total in enumerate(sums):
                    value = _Vector(builder, builder.load(total)).plus_product(left.spread(row, step.index), line)
                    builder.store(value.value, total)
            for row, total in enumerate(sums):
                outputs.store(_Vector(builder, builder.load(total)), row, 0)
            return context.get_dummy_value()

        return types.void(left, right, outputs), generate

    return multiply


@intrinsic
def _convolve_patch(_typing: Any, patch: Any, weights: Any, biases: Any, outputs: Any) -> Any:
    """Patch [4, 4] of one channel -> the largest of its 2 x 2 values of ReLU(convolution + bias), [channels]."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        patch, weights, biases, outputs = _arrays(context, builder, signature, values)
        points = [[patch.spread(row, column) for column in range(4)] for row in range(4)]
        with _channels(builder, biases.shape[-1]) as (channel, _):
            lines = [[biases.load(channel)] * 2 for _ in range(2)]
            for tap in range(9):
                weight = weights.load(tap, channel)
                for row in range(2):
                    for column in range(2):
                        point = points[row + tap // 3][column + tap % 3]
                        lines[row][column] = lines[row][column].plus_product(point, weight)
            outputs.store(_pooled(lines)[0][0].rectified(), channel)
        return context.get_dummy_value()

    return types.void(patch, weights, biases, outputs), generate


_output_all, _output_pooled = _transform_back(is_pooled=False), _transform_back(is_pooled=True)
_set_product, _add_product = _multiply(is_added=False), _multiply(is_added=True)


def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder to cache in: each process compiles anew
        return njit(nogil=True)(function)


@_compiled
def convolve_first(images: FloatArray, weights: FloatArray, biases: FloatArray, outputs: FloatArray) -> None:
    """Convolve images of one channel, 3 x 3; add biases; ReLU; 2 x 2 maxima.

    Args:
        images: [n, height + 2, width + 2] with a border of zeros; height and width even.
        weights: [9, channels], row-major over the 3 x 3.
        biases: [channels].
        outputs: [n, height / 2 + 2, width / 2 + 2, channels]; its border is left alone.
    """
    for example in range(images.shape[0]):
        for row in range(outputs.shape[1] - 2):
            for column in range(outputs.shape[2] - 2):
                patch = images[example, 2 * row :, 2 * column :]
                _convolve_patch(patch, weights, biases, outputs[example, row + 1, column + 1])


@_compiled
def convolve(
    images: FloatArray,
    weights: FloatArray,
    biases: FloatArray,
    is_pooled: bool,
    spectra: FloatArray,
    products: FloatArray,
    outputs: FloatArray,
) -> None:
    """Convolve, 3 x 3; add biases; ReLU; 2 x 2 maxima where `is_pooled`.

    Args:
        images: [n, height + 2, width + 2, K] with a border of zeros; height and width multiples of 4, the number of
            tiles, n * height / 4 * width / 4, of GROUP, K of LANES.
        weights: [36, N / PANEL, K, PANEL], the spectra of the kernels.
        biases: [N].
        is_pooled: whether outputs are halved in height and width.
        spectra: [groups, 36, GROUP, K], room for what one round works on.
        products: [groups, 36, GROUP, N], likewise.
        outputs: [n, height, width, N], or halved, with or without a border; the border is left alone.
    """
    size = 2 if is_pooled else 4
    down, across = (images.shape[1] - 2) // 4, (images.shape[2] - 2) // 4
    border = (outputs.shape[1] - size * down) // 2
    n_groups = images.shape[0] * down * across // GROUP
    for first in range(0, n_groups, spectra.shape[0]):
        groups = min(spectra.shape[0], n_groups - first)
        for tile in range(groups * GROUP):
            example, place = divmod(first * GROUP + tile, down * across)
            i, j = divmod(place, across)
            _transform_tile(images[example, 4 * i :, 4 * j :], spectra[tile // GROUP, :, tile % GROUP])
        for frequency in range(weights.shape[0]):
            for panel in range(weights.shape[1]):
                for group in range(groups):
                    block = products[group, frequency, :, panel * PANEL :]
                    _set_product(spectra[group, frequency], weights[frequency, panel], block)
        for tile in range(groups * GROUP):
            example, place = divmod(first * GROUP + tile, down * across)
            i, j = divmod(place, across)
            spectrum = products[tile // GROUP, :, tile % GROUP]
            square = outputs[example, border + size * i :, border + size * j :]
            if is_pooled:
                _output_pooled(spectrum, biases, square)
            else:
                _output_all(spectrum, biases, square)


@_compiled
def add_product(rows: FloatArray, weights: FloatArray, outputs: FloatArray) -> None:
    """Add a product of matrices: outputs += rows @ weights.

    Args:
        rows: [n, K]; n a multiple of GROUP.
        weights: [N / PANEL, K, PANEL].
        outputs: [n, N].
    """
    for panel in range(weights.shape[0]):
        for start in range(0, weights.shape[1], DEPTH):
            block = weights[panel, start : start + DEPTH]
            for row in range(0, rows.shape[0], GROUP):
                _add_product(rows[row:, start:], block, outputs[row:, panel * PANEL :])
