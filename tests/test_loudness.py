import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sarcasm.audio import SAMPLE_RATE
from sarcasm.loudness import envelope, level_db

HOP_SAMPLES, SPAN_SAMPLES = 320, 960
"""0.02 s and 0.06 s at 16 kHz."""


def sine(frequency, seconds, peak=1.0):
    return (peak * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def noise(n_samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def root_mean_square(samples):
    return np.sqrt(np.mean(samples.astype(np.float64) ** 2))


# The level as a whole


@pytest.mark.parametrize("frequency", [50, 440, 7000])
def test_a_sine_of_full_scale_has_the_level_of_its_root_mean_square(frequency):
    # 1 / sqrt(2) of the peak, so 10 log10(1 / 2) dB.
    assert level_db(sine(frequency, 1.0)) == pytest.approx(-3.0103, abs=1e-4)


@pytest.mark.parametrize("value", [1.0, -1.0])
def test_full_scale_throughout_has_0_db(value):
    assert level_db(np.full(100, value, np.float32)) == 0


@given(st.floats(-80, 20), st.integers(1, 5000))
@settings(deadline=None)
def test_a_gain_moves_the_level_by_as_many_db(gain_db, n_samples):
    clip = noise(n_samples)
    gained = (clip * 10 ** (gain_db / 20)).astype(np.float32)
    assert level_db(gained) - level_db(clip) == pytest.approx(gain_db, abs=1e-4)


def test_the_level_is_of_the_power_over_the_whole_clip():
    # Half of the time silent is half of the power.
    clip = np.concatenate([sine(1000, 1.0), np.zeros(SAMPLE_RATE, np.float32)])
    assert level_db(clip) == pytest.approx(-3.0103 - 3.0103, abs=1e-4)


def test_the_order_of_samples_does_not_matter(rng):
    clip = noise(5000)
    assert level_db(rng.permutation(clip)) == pytest.approx(level_db(clip), abs=1e-9)


@pytest.mark.parametrize("n_samples", [1, 160_000])
def test_silence_has_minus_120_db(n_samples):
    assert level_db(np.zeros(n_samples, np.float32)) == -120


@pytest.mark.parametrize("value", [1e-7, 1e-20, 1e-45])
def test_what_is_quieter_than_that_has_it_too(value):
    assert level_db(np.full(100, value, np.float32)) == -120


def test_a_level_is_a_plain_number():
    assert {type(level_db(clip)) for clip in (noise(100), np.zeros(100, np.float32))} == {float}


# The level from moment to moment


@given(st.integers(0, 5000))
@settings(deadline=None)
def test_an_envelope_has_a_value_for_each_hop_from_which_three_are_left(n_samples):
    found = envelope(noise(n_samples))
    assert len(found) == max(0, n_samples // HOP_SAMPLES - 2)
    assert found.dtype == np.float32


@pytest.mark.parametrize(("n_samples", "n"), [(0, 0), (1, 0), (959, 0), (960, 1), (1279, 1), (1280, 2)])
def test_a_clip_under_six_hundredths_of_a_second_has_none(n_samples, n):
    assert len(envelope(noise(n_samples))) == n


@given(st.integers(SPAN_SAMPLES, 6000), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_each_value_is_the_root_mean_square_of_its_six_hundredths_of_a_second(n_samples, seed):
    clip = noise(n_samples, seed) * np.linspace(0, 5, n_samples, dtype=np.float32)
    starts = range(0, n_samples - SPAN_SAMPLES + 1, HOP_SAMPLES)
    expected = [root_mean_square(clip[start : start + SPAN_SAMPLES]) for start in starts]
    assert_allclose(envelope(clip), expected, rtol=1e-5)


def test_the_envelope_of_a_steady_sine_is_flat():
    # 100 Hz have two periods in a hop.
    assert_allclose(envelope(sine(100, 1.0, 0.5)), 0.5 / np.sqrt(2), rtol=1e-4)


@pytest.mark.parametrize(("before", "after"), [(0.01, 0.5), (0.5, 0.01)], ids=["louder", "quieter"])
def test_an_envelope_follows_a_step_in_level_within_three_hops(before, after):
    step_seconds = 1.0
    found = envelope(np.concatenate([sine(100, step_seconds, before), sine(100, 0.5, after)]))
    hops = np.arange(len(found)) * HOP_SAMPLES
    is_before, is_after = hops + SPAN_SAMPLES <= step_seconds * SAMPLE_RATE, hops >= step_seconds * SAMPLE_RATE
    assert_allclose(found[is_before], before / np.sqrt(2), rtol=1e-4)
    assert_allclose(found[is_after], after / np.sqrt(2), rtol=1e-4)
    # In between, a third of the way in power for each hop.
    powers = before**2 + (after**2 - before**2) * np.array([1, 2]) / 3
    assert_allclose(found[~is_before & ~is_after], np.sqrt(powers / 2), rtol=1e-4)


@given(st.floats(1e-3, 1e3))
@settings(deadline=None)
def test_a_gain_scales_the_envelope(gain):
    clip = noise(5000)
    assert_allclose(envelope((clip * gain).astype(np.float32)), envelope(clip) * gain, rtol=1e-5)


@given(st.integers(0, 12))
@settings(deadline=None)
def test_a_clip_cut_by_whole_hops_has_the_rest_of_the_envelope(n_hops):
    clip = noise(5000)
    assert_allclose(envelope(clip[n_hops * HOP_SAMPLES :]), envelope(clip)[n_hops:], rtol=1e-5)


def test_silence_has_an_envelope_of_zeros():
    assert envelope(np.zeros(SAMPLE_RATE, np.float32)).tolist() == [0.0] * 48


def test_sound_before_silence_leaves_nothing_in_it():
    clip = np.concatenate([noise(8000), np.zeros(8000, np.float32)])
    assert envelope(clip)[25:].tolist() == [0.0] * 23


def test_a_clip_is_left_as_it_is():
    clip = noise(5000)
    clip.flags.writeable = False
    envelope(clip)
    level_db(clip)
    assert clip.tobytes() == noise(5000).tobytes()
