"""Waveform -> mel bands in compiled loops: what `log_mel` does by numpy, in float64, at over three times its speed.

A frame is one lane of a vector, so that a handful of successive frames go through every step together and nothing but
the first step has to gather and the last to scatter. The steps of a frame x of 512 real samples, 112 of them zero:

    z[n] = x[2n] + i x[2n + 1]                                  256 complex values, whose FFT is
    Z[k] = sum_n z[n] W^(2kn),   W = exp(-2 pi i / 512)         four passes of radix 4, decimated in frequency
    X[k], conj X[256 - k] = E + W^k O, E - W^k O                with 2E = Z[k] + conj Z[256 - k]
                                                                and 2O = -i (Z[k] - conj Z[256 - k])

then magnitudes and, for each band, the sum over the few bins under its triangle. What a pass leaves lies in the order
of reversed base-4 digits and is looked up there. Vectors are written through llvmlite, because numba does not make them
of loops that read and write one array. No multiplication is fused with an addition, so that bits depend neither on the
number of lanes nor on the processor, as far as the tables agree.

Source: Cooley and Tukey, Mathematics of Computation 19 (1965); the real transform by half the length: Brigham, The Fast
Fourier Transform and Its Applications (1988), section 9.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from sarcasm.vggish import constants as c

LANES = 8 if binding.get_host_cpu_features().get("avx512f") else 4
"""Frames, float64, that are worked on together; divides the frames of an example."""
N_POINTS = c.FFT_SAMPLES // 2
"""Of the complex transform."""
RADIX = 4
CACHE_LINE_BYTES = 64

FloatArray = np.ndarray
_HOP, _WINDOW, _FFT, _BANDS = c.HOP_SAMPLES, c.WINDOW_SAMPLES, c.FFT_SAMPLES, c.N_MEL_BANDS  # numba knows no `c.`

_INDEX = ir.IntType(64)
_DOUBLE = ir.DoubleType()
_VECTOR = ir.VectorType(_DOUBLE, LANES)
_ITEMS = {types.float64: _DOUBLE, types.float32: ir.FloatType()}


def _lane(number: int) -> ir.Constant:
    return ir.Constant(ir.IntType(32), number)


class _Vector:
    """One value of each frame, in a register."""

    def __init__(self, builder: ir.IRBuilder, value: ir.Value) -> None:
        self.builder = builder
        self.value = value

    def __add__(self, other: _Vector) -> _Vector:
        return _Vector(self.builder, self.builder.fadd(self.value, other.value))

    def __sub__(self, other: _Vector) -> _Vector:
        return _Vector(self.builder, self.builder.fsub(self.value, other.value))

    def __mul__(self, other: _Vector) -> _Vector:
        return _Vector(self.builder, self.builder.fmul(self.value, other.value))

    def root(self) -> _Vector:
        """The square root."""
        signature = ir.FunctionType(_VECTOR, [_VECTOR])
        root = cgutils.get_or_insert_function(self.builder.module, signature, f"llvm.sqrt.v{LANES}f64")
        return _Vector(self.builder, self.builder.call(root, [self.value]))


class _Complex:
    """One complex value of each frame."""

    def __init__(self, real: _Vector, imaginary: _Vector) -> None:
        self.real = real
        self.imaginary = imaginary

    def __add__(self, other: _Complex) -> _Complex:
        return _Complex(self.real + other.real, self.imaginary + other.imaginary)

    def __sub__(self, other: _Complex) -> _Complex:
        return _Complex(self.real - other.real, self.imaginary - other.imaginary)

    def __mul__(self, other: _Complex) -> _Complex:
        return _Complex(
            self.real * other.real - self.imaginary * other.imaginary,
            self.real * other.imaginary + self.imaginary * other.real,
        )

    def plus_i(self, other: _Complex) -> _Complex:
        """Self + i * other."""
        return _Complex(self.real - other.imaginary, self.imaginary + other.real)

    def minus_i(self, other: _Complex) -> _Complex:
        """Self - i * other."""
        return _Complex(self.real + other.imaginary, self.imaginary - other.real)

    def magnitude(self) -> _Vector:
        return (self.real * self.real + self.imaginary * self.imaginary).root()


class _Array:
    """A numba array as vector instructions see it; indices are Python's or machine integers."""

    def __init__(self, context: Any, builder: ir.IRBuilder, kind: types.Array, value: ir.Value) -> None:
        array = context.make_array(kind)(context, builder, value)
        self.builder = builder
        self.item = _ITEMS[kind.dtype]
        self.data = array.data
        self.strides = cgutils.unpack_tuple(builder, array.strides)
        self.shape = cgutils.unpack_tuple(builder, array.shape)

    def _address(self, index: tuple[Any, ...], kind: ir.Type) -> ir.Value:
        offset = _INDEX(0)
        for place, stride in zip(index, self.strides, strict=True):
            steps = _INDEX(place) if isinstance(place, int) else place
            offset = self.builder.add(offset, self.builder.mul(steps, stride))
        return cgutils.pointer_add(self.builder, self.data, offset, kind.as_pointer())

    def value(self, *index: Any) -> ir.Value:
        """One value as float64."""
        value = self.builder.load(self._address(index, self.item))
        return value if self.item == _DOUBLE else self.builder.fpext(value, _DOUBLE)

    def spread(self, *index: Any) -> _Vector:
        """One value in every lane."""
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        first = self.builder.insert_element(undefined, self.value(*index), _lane(0))
        zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return _Vector(self.builder, self.builder.shuffle_vector(first, undefined, zeros))

    def gather(self, first: ir.Value, step: int) -> _Vector:
        """Values `step` apart, one a lane."""
        gathered = ir.Constant(_VECTOR, ir.Undefined)
        for lane in range(LANES):
            value = self.value(self.builder.add(first, _INDEX(lane * step)))
            gathered = self.builder.insert_element(gathered, value, _lane(lane))
        return _Vector(self.builder, gathered)

    def scatter(self, vector: _Vector, column: ir.Value) -> None:
        """A lane a row, rounded to float32."""
        rounded = self.builder.fptrunc(vector.value, ir.VectorType(self.item, LANES))
        for lane in range(LANES):
            value = self.builder.extract_element(rounded, _lane(lane))
            self.builder.store(value, self._address((lane, column), self.item))

    def load(self, row: ir.Value) -> _Vector:
        return _Vector(self.builder, self.builder.load(self._address((row, 0), _VECTOR), align=8))

    def store(self, vector: _Vector, row: ir.Value) -> None:
        self.builder.store(vector.value, self._address((row, 0), _VECTOR), align=8)

    def load_complex(self, point: ir.Value) -> _Complex:
        """Real and imaginary parts lie in successive rows."""
        row = self.builder.shl(point, _INDEX(1))
        return _Complex(self.load(row), self.load(self.builder.add(row, _INDEX(1))))

    def store_complex(self, value: _Complex, point: ir.Value) -> None:
        row = self.builder.shl(point, _INDEX(1))
        self.store(value.real, row)
        self.store(value.imaginary, self.builder.add(row, _INDEX(1)))

    def spread_complex(self, *index: Any) -> _Complex:
        """Real and imaginary part are the last axis."""
        return _Complex(self.spread(*index, 0), self.spread(*index, 1))


def _arrays(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> list[Any]:
    """Arrays wrapped, integers as they are."""
    return [
        _Array(context, builder, kind, value) if isinstance(kind, types.Array) else value
        for kind, value in zip(signature.args, values, strict=True)
    ]


@intrinsic
def _window(_typing: Any, waveform: Any, window: Any, room: Any) -> Any:
    """Waveform [samples] from the first frame on -> room [512, LANES], the first 400 rows."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        waveform, window, room = _arrays(context, builder, signature, values)
        with cgutils.for_range(builder, window.shape[0], intp=_INDEX) as sample:
            room.store(waveform.gather(sample.index, _HOP) * window.spread(sample.index), sample.index)
        return context.get_dummy_value()

    return types.void(waveform, window, room), generate


@intrinsic
def _butterfly(_typing: Any, room: Any, point: Any, distance: Any, factors: Any, row: Any) -> Any:
    """Four points of room, `distance` apart -> their sums under the fourth roots of one, times factors [row, 3, 2]."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        room, point, distance, factors, row = _arrays(context, builder, signature, values)
        points = [point]
        for _ in range(RADIX - 1):
            points.append(builder.add(points[-1], distance))
        a, b, c, d = (room.load_complex(place) for place in points)
        outputs = [(a + c) + (b + d), (a - c).minus_i(b - d), (a + c) - (b + d), (a - c).plus_i(b - d)]
        room.store_complex(outputs[0], points[0])
        for number, (output, place) in enumerate(zip(outputs[1:], points[1:], strict=True)):
            room.store_complex(output * factors.spread_complex(row, number), place)
        return context.get_dummy_value()

    return types.void(room, point, distance, factors, row), generate


@intrinsic
def _two_magnitudes(
    _typing: Any, room: Any, point: Any, mirrored: Any, factors: Any, bin_: Any, magnitudes: Any
) -> Any:
    """Z at two points of room -> twice |X| of a bin and of its mirror image, rows of magnitudes."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        room, point, mirrored, factors, bin_, magnitudes = _arrays(context, builder, signature, values)
        left, right = room.load_complex(point), room.load_complex(mirrored)
        even = _Complex(left.real + right.real, left.imaginary - right.imaginary)
        odd = _Complex(left.imaginary + right.imaginary, right.real - left.real)
        turned = odd * factors.spread_complex(bin_)
        magnitudes.store((even + turned).magnitude(), bin_)
        magnitudes.store((even - turned).magnitude(), builder.sub(_INDEX(N_POINTS), bin_))
        return context.get_dummy_value()

    return types.void(room, point, mirrored, factors, bin_, magnitudes), generate


@intrinsic
def _band(_typing: Any, magnitudes: Any, start: Any, stop: Any, weights: Any, band: Any, bands: Any) -> Any:
    """Sum over the bins from start to stop of magnitude times weights [bin, band] -> a column of bands."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> Any:
        magnitudes, start, stop, weights, band, bands = _arrays(context, builder, signature, values)
        # Memory in name only: LLVM makes a register of it.
        total = cgutils.alloca_once_value(builder, ir.Constant(_VECTOR, [0.0] * LANES))
        with cgutils.for_range_slice(builder, start, stop, _INDEX(1), _INDEX) as (bin_, _):
            so_far = _Vector(builder, builder.load(total))
            builder.store((so_far + magnitudes.load(bin_) * weights.spread(bin_, band)).value, total)
        bands.scatter(_Vector(builder, builder.load(total)), band)
        return context.get_dummy_value()

    return types.void(magnitudes, start, stop, weights, band, bands), generate


def _compiled(function: Callable[..., None]) -> Callable[..., None]:
    try:
        return njit(nogil=True, cache=True)(function)
    except RuntimeError:  # no folder to cache in: each process compiles anew
        return njit(nogil=True)(function)


@_compiled
def _fill(
    waveform: FloatArray,
    window: FloatArray,
    factors: FloatArray,
    places: FloatArray,
    turns: FloatArray,
    bins: FloatArray,
    weights: FloatArray,
    room: FloatArray,
    magnitudes: FloatArray,
    bands: FloatArray,
) -> None:
    for first in range(0, bands.shape[0], LANES):
        _window(waveform[first * _HOP :], window, room)
        room[_WINDOW:] = 0.0
        distance, row = N_POINTS // RADIX, 0
        while distance:
            for offset in range(distance):
                for start in range(offset, N_POINTS, RADIX * distance):
                    _butterfly(room, start, distance, factors, row + offset)
            row += distance
            distance //= RADIX
        # A bin comes with its mirror image: from the lowest that either is needed of, up to the middle.
        for bin_ in range(min(bins[0, 0], N_POINTS + 1 - bins[-1, 1]), N_POINTS // 2 + 1):
            _two_magnitudes(room, places[bin_], places[N_POINTS - bin_], turns, bin_, magnitudes)
        for band in range(_BANDS):
            _band(magnitudes, bins[band, 0], bins[band, 1], weights, band, bands[first:])


class FrontEnd:
    """Frames, window, FFT, magnitudes and mel bands.

    Compiled for this processor when first called, half a second that numba keeps for the next process. May be called
    from several threads at once, and lets others run meanwhile.

    Args:
        window: float64 [400].
        weights: float64 [257, 64], of each FFT bin in each mel band; bins of a band without gaps, bands in ascending
            order.
    """

    def __init__(self, window: FloatArray, weights: FloatArray) -> None:
        used = [np.flatnonzero(column) for column in weights.T]
        self._bins = np.array([(band[0], band[-1] + 1) for band in used])
        self._window = window
        self._weights = weights / 2  # magnitudes come out twice as large
        self._factors = np.concatenate(
            [
                _roots(np.multiply.outer(np.arange(distance), np.arange(1, RADIX)), RADIX * distance)
                for distance in _distances()
            ]
        )
        self._turns = _roots(np.arange(N_POINTS // 2 + 1), c.FFT_SAMPLES)
        self._places = _places()

    def fill(self, waveform: FloatArray, bands: FloatArray) -> None:
        """Fill `bands` with the mel bands of as many frames.

        Args:
            waveform: [samples], float32 or float64, contiguous; as long as the frames need.
            bands: float32 [frames, 64], contiguous; a multiple of 8 frames.
        """
        needed = (len(bands) - 1) * c.HOP_SAMPLES + c.WINDOW_SAMPLES
        if len(bands) % LANES or len(waveform) < needed:  # compiled loops do not notice where an array ends
            raise ValueError(f"{len(waveform)} samples do not make {len(bands)} frames, a multiple of {LANES}")
        room, magnitudes = _zeros(c.FFT_SAMPLES), _zeros(N_POINTS + 1)
        tables = (self._window, self._factors, self._places, self._turns, self._bins, self._weights)
        _fill(waveform, *tables, room, magnitudes, bands)


def _distances() -> list[int]:
    """Between the points of a butterfly, pass by pass."""
    distances = [N_POINTS // RADIX]
    while distances[-1] > 1:
        distances.append(distances[-1] // RADIX)
    return distances


def _roots(powers: FloatArray, order: int) -> FloatArray:
    """exp(-2 pi i power / order), real and imaginary parts as the last axis."""
    root = np.exp(-2j * np.pi / order * powers)
    return np.stack([root.real, root.imag], axis=-1)


def _places() -> FloatArray:
    """Where the transform leaves each frequency: its base-4 digits in reverse; 256 is 0 again."""
    frequencies = np.arange(N_POINTS + 1) % N_POINTS
    places = np.zeros_like(frequencies)
    for _ in _distances():
        places = RADIX * places + frequencies % RADIX
        frequencies //= RADIX
    return places


def _zeros(n_rows: int) -> FloatArray:
    """Float64 [n_rows, LANES] from a cache line on: vectors that straddle two lines take twice as long."""
    spare = CACHE_LINE_BYTES // 8
    room = np.zeros(n_rows * LANES + spare)
    start = -(room.ctypes.data // 8) % spare
    return room[start : start + n_rows * LANES].reshape(n_rows, LANES)
