"""Resampling: the reference's rule against resampy 0.4.3 itself, and the laws both rules keep."""

from __future__ import annotations

import re
import tracemalloc

import numpy as np
import pytest
import resampy
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from sarcasm.resampling import Resampler, resample, resample_blocks

REFERENCE, SOXR = Resampler.reference, Resampler.soxr
USUAL_RATES = (8_000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)
ODD_RATES = (
    1_300,  # every output that falls on an input is, for resampy, a hair before it
    5_600,  # ... and here 16 % of them
    784_000,  # ... and here, where every output falls on an input
    12_345,
    15_999,
    16_001,
    44_101,  # as many phases as the target rate
    199_999,
)


def signal(kind: str, n_samples: int, seed: int = 0) -> np.ndarray:
    """float64 [samples] in [-1, 1]."""
    random = np.random.default_rng(seed)
    time = np.arange(n_samples)
    return {
        "noise": random.uniform(-1, 1, n_samples),
        "steps": np.where(time // 7 % 2, 1.0, -1.0),
        "impulse": (time == n_samples // 2).astype(float),
        "chirp": np.sin(time**2 * np.pi / (2 * n_samples + 1)),
        "constant": np.ones(n_samples),
        "silence": np.zeros(n_samples),
    }[kind]


KINDS = ("noise", "steps", "impulse", "chirp", "constant", "silence")


def by_resampy(waveform: np.ndarray, sample_rate: int, target_rate: int) -> np.ndarray:
    """What the reference gives; nothing where it refuses an input that is too short for one output."""
    if int(len(waveform) * float(target_rate) / sample_rate) < 1:
        return np.zeros(0, waveform.dtype)
    return resampy.resample(waveform, sample_rate, target_rate)


@pytest.mark.parametrize("sample_rate", USUAL_RATES + ODD_RATES)
@pytest.mark.parametrize("seconds", [0.003, 0.31, 2.6])
def test_the_reference_rule_equals_resampy(sample_rate: int, seconds: float) -> None:
    waveform = signal("noise", int(sample_rate * seconds))
    assert_allclose(
        resample(waveform, sample_rate, 16_000, REFERENCE), by_resampy(waveform, sample_rate, 16_000), rtol=0, atol=1e-9
    )


@given(
    sample_rate=st.integers(1_000, 200_000),
    target_rate=st.sampled_from([16_000, 16_000, 8_000, 44_100, 22_050, 9_999]),
    n_samples=st.integers(0, 9_000),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=60)
def test_the_reference_rule_equals_resampy_at_any_rate_and_length(
    sample_rate: int, target_rate: int, n_samples: int, kind: str, seed: int
) -> None:
    waveform = signal(kind, n_samples, seed)
    ours = resample(waveform, sample_rate, target_rate, REFERENCE)
    assert ours.dtype == np.float64
    assert_allclose(ours, by_resampy(waveform, sample_rate, target_rate), rtol=0, atol=1e-9)


def test_blocks_leave_no_seam() -> None:
    waveform = signal("noise", 48_000 * 20)
    ours = resample(waveform, 48_000, 16_000, REFERENCE)
    assert len(waveform) > 3 * 2**18, "too short to be cut into blocks"
    assert_allclose(ours, by_resampy(waveform, 48_000, 16_000), rtol=0, atol=1e-9)


@pytest.mark.parametrize("sample_rate", [8_000, 16_001, 44_100, 48_000])
def test_a_float32_waveform_gives_the_float64_result_rounded(sample_rate: int) -> None:
    waveform = signal("noise", sample_rate).astype(np.float32)
    rounded = resample(waveform, sample_rate, 16_000, REFERENCE)
    exact = resample(waveform.astype(np.float64), sample_rate, 16_000, REFERENCE)
    assert rounded.dtype == np.float32
    assert_array_equal(rounded, exact.astype(np.float32))


def test_integers_are_taken_as_they_are() -> None:
    waveform = (signal("noise", 4_410) * 32_767).astype(np.int16)
    ours = resample(waveform, 44_100, 16_000, REFERENCE)
    assert ours.dtype == np.float32
    # resampy adds up integers in float32, so that it is the less exact one here.
    assert_allclose(ours, resampy.resample(waveform, 44_100, 16_000), rtol=0, atol=0.05)


@pytest.mark.parametrize("resampler", Resampler)
def test_equal_rates_give_a_copy(resampler: Resampler) -> None:
    waveform = signal("noise", 100)
    same = resample(waveform, 16_000, 16_000, resampler)
    assert_array_equal(same, waveform)
    same[:] = 0
    assert waveform.any()


@pytest.mark.parametrize("resampler", Resampler)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_tone_below_the_cut_off_stays_itself(resampler: Resampler, dtype: type) -> None:
    time = np.arange(44_100) / 44_100
    tone = resample(np.sin(2 * np.pi * 1_000 * time).astype(dtype), 44_100, 16_000, resampler)
    expected = np.sin(2 * np.pi * 1_000 * np.arange(16_000) / 16_000)
    assert tone.dtype == dtype
    assert len(tone) == 16_000
    assert_allclose(tone[500:-500], expected[500:-500], atol=1e-3)


def test_soxr_follows_another_rule() -> None:
    waveform = signal("noise", 44_100)
    assert np.abs(resample(waveform, 44_100, 16_000, SOXR) - resample(waveform, 44_100, 16_000, REFERENCE)).max() > 0.01


@given(factor=st.floats(-8, 8), seed=st.integers(0, 99), sample_rate=st.sampled_from([8_000, 44_100, 12_345]))
@settings(deadline=None, max_examples=20)
def test_resampling_is_linear(factor: float, seed: int, sample_rate: int) -> None:
    one, other = signal("noise", 2_000, seed), signal("chirp", 2_000)
    together = resample(one + factor * other, sample_rate, 16_000, REFERENCE)
    apart = resample(one, sample_rate, 16_000, REFERENCE) + factor * resample(other, sample_rate, 16_000, REFERENCE)
    assert_allclose(together, apart, atol=1e-12)


@pytest.mark.parametrize("resampler", Resampler)
def test_nothing_gives_nothing(resampler: Resampler) -> None:
    assert resample(np.zeros(0, np.float32), 44_100, 16_000, resampler).shape == (0,)


def test_less_than_one_output_gives_nothing() -> None:
    assert resample(np.ones(2), 48_000, 16_000, REFERENCE).shape == (0,)


def test_a_waveform_is_neither_changed_nor_required_to_lie_together() -> None:
    waveform = signal("noise", 8_000)
    waveform.flags.writeable = False
    assert_array_equal(
        resample(waveform[::2], 44_100, 16_000, REFERENCE), resample(waveform[::2].copy(), 44_100, 16_000, REFERENCE)
    )


@pytest.mark.parametrize("resampler", Resampler)
@pytest.mark.parametrize("sample_rate", [1_300, 8_000, 16_000, 22_050, 44_100, 44_101, 655_350])
@pytest.mark.parametrize("seconds", [0, 0.00001, 0.3, 13.7])
def test_in_blocks_it_gives_the_same_to_the_bit(resampler: Resampler, sample_rate: int, seconds: float) -> None:
    waveform = signal("noise", min(round(sample_rate * seconds), 900_000)).astype(np.float32)
    borders = [*np.random.default_rng(0).integers(0, len(waveform) + 1, 7), 1_024, 2_048, 2_049]
    blocks = np.split(waveform, sorted(border for border in borders if border <= len(waveform)))
    found = list(resample_blocks(blocks, sample_rate, 16_000, resampler))
    joined = np.concatenate(found) if found else waveform[:0]
    assert joined.dtype == np.float32
    assert_array_equal(joined, resample(waveform, sample_rate, 16_000, resampler))


@pytest.mark.slow
@pytest.mark.parametrize("sample_rate", [44_100, 44_101])
def test_memory_does_not_grow_with_the_length(sample_rate: int) -> None:
    def extra_bytes(seconds: int) -> int:
        waveform = np.zeros(sample_rate * seconds, np.float32)
        tracemalloc.start()
        resampled = resample(waveform, sample_rate, 16_000, REFERENCE)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak - resampled.nbytes

    extra_bytes(1)  # makes the table
    assert extra_bytes(120) < extra_bytes(60) + 100_000
    assert extra_bytes(60) < 50e6, "bytes beyond input and output"


@pytest.mark.parametrize(
    ("waveform", "sample_rate", "target_rate", "message"),
    [
        (
            np.zeros((2, 8)), 8_000, 16_000,
            "a waveform [samples] is needed, not one of shape (2, 8); average its channels first",
        ),
        (np.zeros(8), 0, 16_000, "sample_rate=0: a positive whole number of Hz is needed"),
        (np.zeros(8), 22_050.5, 16_000, "sample_rate=22050.5: a positive whole number of Hz is needed"),
        (np.zeros(8), 8_000, -1, "target_rate=-1: a positive whole number of Hz is needed"),
        (np.zeros(8), 90_000_000, 8_000, "90000000 Hz is too far above 8000 Hz for the reference's rule; use soxr"),
    ],
)  # fmt: skip
def test_what_cannot_be_resampled_is_refused(
    waveform: np.ndarray, sample_rate: int, target_rate: int, message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        resample(waveform, sample_rate, target_rate, REFERENCE)
