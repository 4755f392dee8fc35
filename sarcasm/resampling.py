"""A waveform at one sample rate -> the same sound at another.

Two rules. `reference` is the one VGGish was released with: band-limited interpolation (J. O. Smith, "Digital Audio
Resampling Home Page", https://ccrma.stanford.edu/~jos/resample) as resampy 0.4.3 does it with its filter "kaiser_best".
`soxr` is the SoX resampler at quality HQ: faster still, but its cut-off differs, and so do the embeddings.

The reference's rule. Output t lies at input position tau = t * (1 / ratio), ratio = target_rate / sample_rate. It is
the sum of the inputs around it, each weighted by a windowed sinc h at its distance, read from a table by linear
interpolation:

    y[t] = sum_i h(f + i) x[n - i] + sum_k h(scale - f + k) x[n + 1 + k],   n = int(tau), f = scale * (tau - n)

with scale = min(1, ratio), and steps of int(scale * 8192) table entries between neighbouring inputs. That truncation
makes the filter slightly too wide, and is kept: it is what the released numbers were made with.

How it is computed here. The distances repeat after target_rate / gcd outputs, so the weights of one period are laid
down as small matrices, and the sum becomes a product of matrices in float64. Memory beyond input and output is bounded,
whatever the rates and the length.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import chain, pairwise
from math import ceil, gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
IntArray = NDArray[np.int64]

ZERO_CROSSINGS = 50
"""Of the sinc on either side; this and the three below are resampy 0.4.3's kaiser_best."""
ENTRIES_PER_ZERO_CROSSING = 8192
N_ENTRIES = ZERO_CROSSINGS * ENTRIES_PER_ZERO_CROSSING + 1
ROLLOFF = 0.9173473712608761
"""Cut-off as a share of the Nyquist frequency."""
KAISER_BETA = 12.98458524704172

GROUP_OUTPUTS = 16
"""Outputs that share a matrix of weights: more of them make a better matrix product but a matrix with more zeros."""
PRODUCT_SIZE = 2**18
"""Multiplications in one matrix product. Up to this many (interface/gemm.c), OpenBLAS works in the calling thread; with
more it wakes others and waits for them, which on a busy machine was seen to take thirty times as long."""
KEPT_WEIGHTS = 2**20
"""Largest number of weights (8 bytes each) that are kept for the next clip of the same rate."""
BLOCK_SAMPLES = 2**18
"""Inputs or outputs that are worked on at a time."""
LONG_BLOCK_SAMPLES = 2**21
"""The same where the weights are not kept, so that they are made less often."""


class Resampler(Enum):
    """How another sample rate is brought to the wanted one."""

    reference = "reference"
    soxr = "soxr"


def resample(waveform: NDArray[np.generic], sample_rate: int, target_rate: int, resampler: Resampler) -> FloatArray:
    """Bring a waveform to another sample rate.

    Args:
        waveform: [samples], finite; float32 or float64. Any other dtype is taken as float32, integers unscaled.
        sample_rate: of the waveform, in Hz.
        target_rate: wanted, in Hz.
        resampler: by which rule.

    Returns:
        [int(samples * target_rate / sample_rate)] by the reference's rule, rounded otherwise by soxr; of the dtype of
        the waveform. The reference's rule is computed in float64 in any case. Equal rates give a copy.

    Raises:
        ValueError: a waveform that is not one-dimensional, a rate that is not a positive whole number, or a target
            rate more than 8192 times below the sample rate, where the rule ends.

    Source: resampy 0.4.3, `resample(waveform, sample_rate, target_rate)`; equal to it within 1e-9 for a waveform in
        [-1, 1] of a few minutes (beyond that, resampy's own rounding of tau is the larger error).
    """
    if waveform.ndim != 1:
        raise ValueError(
            f"a waveform [samples] is needed, not one of shape {waveform.shape}; average its channels first"
        )
    _check_rates(sample_rate, target_rate)
    samples = waveform.astype(waveform.dtype if waveform.dtype in (np.float32, np.float64) else np.float32, copy=False)
    if sample_rate == target_rate:
        return samples.copy()
    if resampler is Resampler.soxr:
        import soxr

        return soxr.resample(samples, sample_rate, target_rate, quality="HQ")
    return _by_reference(samples, int(sample_rate), int(target_rate))


def resample_blocks(
    blocks: Iterable[NDArray[np.float32]], sample_rate: int, target_rate: int, resampler: Resampler
) -> Iterator[NDArray[np.float32]]:
    """Bring a waveform that comes in blocks to another sample rate; no more of it is held than is worked on.

    Args:
        blocks: float32 [samples] each, of any length; together the waveform, finite.
        sample_rate: see `resample`.
        target_rate: see `resample`.
        resampler: see `resample`.

    Yields:
        float32 [samples]; together what `resample` gives for the whole waveform, to the bit.

    Raises:
        ValueError: see `resample`.
    """
    _check_rates(sample_rate, target_rate)
    if sample_rate == target_rate:
        yield from blocks
    elif resampler is Resampler.soxr:
        import soxr

        stream = soxr.ResampleStream(sample_rate, target_rate, 1, dtype="float32", quality="HQ")
        for block in blocks:
            yield stream.resample_chunk(block, last=False)
        yield stream.resample_chunk(np.empty(0, np.float32), last=True)
    else:
        yield from _blocks_by_reference(blocks, int(sample_rate), int(target_rate))


def _check_rates(sample_rate: int, target_rate: int) -> None:
    for name, rate in (("sample_rate", sample_rate), ("target_rate", target_rate)):
        if rate != int(rate) or rate <= 0:
            raise ValueError(f"{name}={rate}: a positive whole number of Hz is needed")


@dataclass(frozen=True)
class _Plan:
    """How two rates relate, and how the work is cut up.

    Outputs are computed in rows: a row is the smallest whole number of periods that is longer than the inputs a group
    of its outputs reaches, so that one group of all rows is a plain matrix product on the waveform where it lies.

    Attributes:
        ratio: target rate / sample rate.
        period_inputs, period_outputs: after which the distances repeat.
        row_inputs, row_outputs: of one row.
        reach: inputs that a wing of the filter can touch.
    """

    ratio: float
    period_inputs: int
    period_outputs: int
    row_inputs: int
    row_outputs: int
    reach: int

    @property
    def scale(self) -> float:
        """Table positions between neighbouring inputs, in zero crossings."""
        return min(1.0, self.ratio)

    @property
    def step(self) -> int:
        """The same in table entries, truncated as in the reference."""
        return int(self.scale * ENTRIES_PER_ZERO_CROSSING)

    @property
    def keeps_weights(self) -> bool:
        """Whether the weights of a row are few enough to be kept."""
        return self.row_outputs * (2 * self.reach + GROUP_OUTPUTS / self.ratio) <= KEPT_WEIGHTS

    @property
    def rows_at_once(self) -> int:
        """Rows that are worked on at a time."""
        samples_at_once = BLOCK_SAMPLES if self.keeps_weights else LONG_BLOCK_SAMPLES
        return max(1, samples_at_once // max(self.row_inputs, self.row_outputs))

    @property
    def margin(self) -> int:
        """Inputs before and after a row that it needs: one more than the reach, for `_corrected`."""
        return self.reach + 1


@dataclass(frozen=True)
class _Group:
    """Neighbouring outputs of a row, and how they are made of inputs.

    Attributes:
        outputs: which of the row.
        first: position of the first input they reach; negative before the row's own.
        weights: float64 [inputs, outputs].
    """

    outputs: slice
    first: int
    weights: FloatArray


def _by_reference(waveform: FloatArray, sample_rate: int, target_rate: int) -> FloatArray:
    plan = _plan(sample_rate, target_rate)
    n_outputs = _n_outputs(len(waveform), sample_rate, target_rate)
    resampled = np.empty(n_outputs, waveform.dtype)
    n_rows = ceil(n_outputs / plan.row_outputs)
    # A sample near the largest float32 may come out beyond it: infinite, without a warning.
    with np.errstate(over="ignore"):
        for row in range(0, n_rows, plan.rows_at_once):
            first_output = row * plan.row_outputs
            part = resampled[first_output : first_output + plan.rows_at_once * plan.row_outputs]
            part[:] = _block(waveform, 0, plan, row, len(part))
    return resampled


def _blocks_by_reference(
    blocks: Iterable[NDArray[np.float32]], sample_rate: int, target_rate: int
) -> Iterator[NDArray[np.float32]]:
    plan = _plan(sample_rate, target_rate)
    held, n_held, begin, row = [np.empty(0, np.float32)], 0, 0, 0
    for block in chain(blocks, [None]):
        if block is not None:
            held.append(block)
            n_held += len(block)
            # Rows are computed once their inputs, and those around them, are all there.
            if begin + n_held < (row + plan.rows_at_once) * plan.row_inputs + plan.margin:
                continue
        waveform = np.concatenate(held)
        n_outputs = _n_outputs(begin + n_held, sample_rate, target_rate)
        n_inputs = begin + n_held - plan.margin if block is not None else math.inf
        while row * plan.row_outputs < n_outputs and (row + plan.rows_at_once) * plan.row_inputs <= n_inputs:
            n = min(plan.rows_at_once * plan.row_outputs, n_outputs - row * plan.row_outputs)
            with np.errstate(over="ignore"):
                yield _block(waveform, begin, plan, row, n).astype(np.float32)
            row += plan.rows_at_once
        n_done = max(0, row * plan.row_inputs - plan.margin - begin)
        held, n_held, begin = [waveform[n_done:].copy()], n_held - n_done, begin + n_done


def _n_outputs(n_inputs: int, sample_rate: int, target_rate: int) -> int:
    return int(n_inputs * float(target_rate) / float(sample_rate))


def _block(waveform: FloatArray, begin: int, plan: _Plan, first_row: int, n_outputs: int) -> FloatArray:
    """The outputs of some successive rows, from a waveform without its first `begin` samples."""
    n_rows = ceil(n_outputs / plan.row_outputs)
    first_input = first_row * plan.row_inputs
    # Zeros stand in beyond the ends, as in the reference.
    margin = plan.margin
    inputs = np.zeros(n_rows * plan.row_inputs + 2 * margin)
    there = slice(max(0, first_input - margin), first_input - margin + len(inputs))
    samples = waveform[there.start - begin : there.stop - begin]
    start = there.start - (first_input - margin)
    inputs[start : start + len(samples)] = samples

    outputs = np.zeros((n_rows, plan.row_outputs))
    for group in _groups(plan):
        if group.outputs.start >= n_outputs:
            break
        windows = _windows(inputs, margin + group.first, n_rows, len(group.weights), plan.row_inputs)
        _multiply(windows, group.weights, outputs[:, group.outputs])
    return _corrected(outputs.reshape(-1)[:n_outputs], inputs, plan, first_row)


def _windows(inputs: FloatArray, first: int, n_windows: int, length: int, hop: int) -> FloatArray:
    """View of inputs[first + i * hop :][:length] for each i, without a copy."""
    return sliding_window_view(inputs, length)[first : first + n_windows * hop : hop]


def _multiply(windows: FloatArray, weights: FloatArray, outputs: FloatArray) -> None:
    """Put windows [N, inputs] @ weights [inputs, outputs] into outputs [N, outputs], some rows at a time."""
    rows = max(1, PRODUCT_SIZE // weights.size)
    pieces, even = len(windows) // rows, len(windows) - len(windows) % rows
    # Neither reshape copies: both only split the first axis.
    np.matmul(
        windows[:even].reshape(pieces, rows, windows.shape[1]),
        weights,
        out=outputs[:even].reshape(pieces, rows, outputs.shape[1]),
    )
    np.matmul(windows[even:], weights, out=outputs[even:])


def _corrected(outputs: FloatArray, inputs: FloatArray, plan: _Plan, first_row: int) -> FloatArray:
    """Put right the outputs that fall on an input, but for the reference a hair before it.

    Where tau should be whole, its product in float64 may come out just below. The reference then counts from the input
    before, with f = scale, and because of the truncated step its weights are not the same ones: 1e-5 apart.
    """
    first_whole = first_row * (plan.row_outputs // plan.period_outputs)
    whole = np.arange(ceil(len(outputs) / plan.period_outputs)) + first_whole
    tau = (whole * plan.period_outputs) * (1.0 / plan.ratio)
    below = np.flatnonzero(tau.astype(np.int64) < whole * plan.period_inputs)
    if not len(below):
        return outputs
    # The largest f there is below scale; only that it is below matters, for the number of weights.
    weights = _weights(plan, np.array([-1]), np.array([np.nextafter(1.0, 0.0)]), -plan.reach)[:, 0]
    windows = _windows(inputs, 1, len(whole), len(weights), plan.period_inputs)
    at_once = max(1, BLOCK_SAMPLES // len(weights))
    for start in range(0, len(below), at_once):
        some = below[start : start + at_once]
        outputs[some * plan.period_outputs] = windows[some] @ weights
    return outputs


def _plan(sample_rate: int, target_rate: int) -> _Plan:
    ratio = float(target_rate) / sample_rate
    divisor = gcd(sample_rate, target_rate)
    period_inputs, period_outputs = sample_rate // divisor, target_rate // divisor
    step = int(min(1.0, ratio) * ENTRIES_PER_ZERO_CROSSING)
    if not step:
        raise ValueError(f"{sample_rate} Hz is too far above {target_rate} Hz for the reference's rule; use soxr")
    reach = N_ENTRIES // step
    window = 2 * reach + ceil(GROUP_OUTPUTS / ratio)
    periods = ceil(max(GROUP_OUTPUTS / period_outputs, window / period_inputs))
    return _Plan(ratio, period_inputs, period_outputs, periods * period_inputs, periods * period_outputs, reach)


def _groups(plan: _Plan) -> Iterable[_Group]:
    return _kept_groups(plan) if plan.keeps_weights else _made_groups(plan)


@lru_cache(maxsize=4)
def _kept_groups(plan: _Plan) -> tuple[_Group, ...]:
    return tuple(_made_groups(plan))


def _made_groups(plan: _Plan) -> Iterator[_Group]:
    n_groups = ceil(plan.row_outputs / GROUP_OUTPUTS)
    borders = np.linspace(0, plan.row_outputs, n_groups + 1).astype(int).tolist()
    for start, stop in pairwise(borders):
        position = np.arange(start, stop) * plan.period_inputs
        nearest = position // plan.period_outputs
        first = int(nearest[0]) - plan.reach + 1
        fraction = position % plan.period_outputs / plan.period_outputs
        yield _Group(slice(start, stop), first, _weights(plan, nearest, fraction, first))


def _weights(plan: _Plan, nearest: IntArray, fraction: FloatArray, first: int) -> FloatArray:
    """How outputs are made of inputs.

    Args:
        plan: the rates.
        nearest: [outputs], the last input at or before each.
        fraction: [outputs], how far behind that input each lies, in [0, 1).
        first: the input that the first row of the result stands for.

    Returns:
        float64 [inputs, outputs].
    """
    weights = np.zeros((int(nearest[-1]) + plan.reach + 1 - first, len(nearest)))
    column = np.arange(len(nearest))[:, None]
    tap = np.arange(plan.reach)
    weights[nearest[:, None] - tap - first, column] = _wing(plan, plan.scale * fraction)
    weights[nearest[:, None] + 1 + tap - first, column] = _wing(plan, plan.scale - plan.scale * fraction)
    return plan.scale * weights if plan.ratio < 1 else weights


def _wing(plan: _Plan, distance: FloatArray) -> FloatArray:
    """Weights [outputs, reach] of the inputs on one side, the nearest at `distance` [outputs] in zero crossings."""
    table, slope = _table()
    position = distance * ENTRIES_PER_ZERO_CROSSING
    offset = position.astype(np.int64)
    entry = offset[:, None] + np.arange(plan.reach) * plan.step
    # The reference leaves out an input when no whole step of the table is left behind it.
    is_reached = entry + plan.step <= N_ENTRIES
    return is_reached * (table[entry] + (position - offset)[:, None] * slope[entry])


@lru_cache(maxsize=1)
def _table() -> tuple[FloatArray, FloatArray]:
    """Right half of the windowed sinc, and the difference of each entry to the next; zeros follow its end."""
    distance = np.arange(N_ENTRIES) / ENTRIES_PER_ZERO_CROSSING
    window = np.i0(KAISER_BETA * np.sqrt(1 - (distance / ZERO_CROSSINGS) ** 2)) / np.i0(KAISER_BETA)
    table = ROLLOFF * np.sinc(ROLLOFF * distance) * window
    slope = np.diff(table, append=table[-1])
    beyond = (0, 2 * ENTRIES_PER_ZERO_CROSSING)
    return np.pad(table, beyond), np.pad(slope, beyond)
