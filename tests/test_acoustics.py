import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.signal import butter, sosfilt

from sarcasm.acoustics import mfcc_statistics, names
from sarcasm.audio import SAMPLE_RATE

GROUPS = ["mfcc", "mfcc_delta", "mel", "mel_delta", "centroid"]
ENDS = [13, 26, 154, 282]
"""Of all groups but the last: 13 coefficients, their slopes, 128 bands, their slopes, one centroid."""


def noise(n_samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def swelling_noise(n_samples, seed=0):
    """Rises from silence, so that slopes are not 0."""
    return noise(n_samples, seed) * np.linspace(0, 1, n_samples, dtype=np.float32)


def tone(frequency, seconds, peak=0.3):
    return (peak * np.sin(2 * np.pi * frequency * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)).astype(
        np.float32
    )


def columns(waveform, separate_vocals=False):
    """Name -> value."""
    return dict(zip(names(), mfcc_statistics(waveform, separate_vocals), strict=True))


def grouped(features):
    return dict(zip(GROUPS, np.split(features, ENDS), strict=True))


def by_librosa(waveform):
    """MFCC, mel bands and centroid, frames and all, each asked of librosa in one call on the samples themselves."""
    import librosa

    samples = librosa.resample(waveform, orig_sr=SAMPLE_RATE, target_sr=22_050)
    # extract_audio_features.py of MUStARD: hop_length = (samples - window) // 11.
    hop_samples = (len(samples) - 2048) // 11
    mfcc = librosa.feature.mfcc(y=samples, sr=22_050, n_mfcc=13, hop_length=hop_samples)
    mel = librosa.feature.melspectrogram(y=samples, sr=22_050, hop_length=hop_samples)
    centroid = librosa.feature.spectral_centroid(y=samples, sr=22_050, hop_length=hop_samples)
    return mfcc, mel, centroid


def slopes(frames):
    """Of the line fitted through 9 frames around each; near an end, through the first or last 9."""
    n_frames = frames.shape[1]
    firsts = np.clip(np.arange(n_frames) - 4, 0, n_frames - 9)
    return np.stack([np.polyfit(np.arange(9), frames[:, first : first + 9].T, 1)[0] for first in firsts], axis=1)


def hertz_of_band(number):
    """The middle of a mel band, counted from 1, of 128 up to 11,025 Hz.

    Linear up to 1000 Hz, 15 mels, and logarithmic above, 27 mels for a factor of 6.4: Slaney 1998, Auditory Toolbox.
    """
    mel = number / 129 * (15 + 27 * np.log(11.025) / np.log(6.4))
    return mel * 1000 / 15 if mel <= 15 else 1000 * 6.4 ** ((mel - 15) / 27)


# Names


def test_there_are_283_names_and_no_two_alike():
    assert len(names()) == len(set(names())) == 283


def test_names_stand_in_the_order_mfcc_mel_centroid_each_with_its_slopes_after_it():
    found = names()
    assert found[:13] == [f"mfcc_{number:02}" for number in range(1, 14)]
    assert found[13:26] == [f"mfcc_{number:02}_delta" for number in range(1, 14)]
    assert found[26:154] == [f"mel_{number:03}" for number in range(1, 129)]
    assert found[154:282] == [f"mel_{number:03}_delta" for number in range(1, 129)]
    assert found[282:] == ["spectral_centroid_hz"]


@pytest.mark.parametrize("gain", [0.5, 2.0, 10.0])
def test_a_louder_clip_changes_power_by_the_square_of_its_gain_and_of_the_coefficients_only_the_first(gain):
    clip = swelling_noise(40_000)
    before, after = grouped(mfcc_statistics(clip, False)), grouped(mfcc_statistics(clip * np.float32(gain), False))
    assert_allclose(after["mel"], before["mel"] * gain**2, rtol=1e-4, atol=1e-9)
    assert_allclose(after["mel_delta"], before["mel_delta"] * gain**2, rtol=1e-3, atol=1e-9)
    # The first of an orthonormal cosine transform is the sum of 128 bands in dB over sqrt(128).
    louder = np.zeros(13)
    louder[0] = 20 * np.log10(gain) * np.sqrt(128)
    assert_allclose(after["mfcc"], before["mfcc"] + louder, atol=1e-2)
    assert_allclose(after["mfcc_delta"], before["mfcc_delta"], atol=1e-3)
    assert_allclose(after["centroid"], before["centroid"], rtol=1e-5)


@pytest.mark.parametrize("band", [5, 10, 40, 64, 90, 110])
def test_a_tone_is_strongest_in_the_band_around_it_and_has_its_centroid_there(band):
    found = columns(tone(hertz_of_band(band), 2.5))
    assert max((name for name in names() if re.fullmatch(r"mel_\d+", name)), key=found.get) == f"mel_{band:03}"
    assert found["spectral_centroid_hz"] == pytest.approx(hertz_of_band(band), rel=0.06)


def test_the_centroid_weighs_frequencies_by_magnitude_and_not_by_power():
    found = columns(tone(1000, 2.5, 0.1) + tone(3000, 2.5, 0.3))
    assert found["spectral_centroid_hz"] == pytest.approx((1 * 1000 + 3 * 3000) / (1 + 3), rel=0.02)


@pytest.mark.parametrize("db_per_second", [-20, -6, 6, 20])
def test_a_clip_that_gets_louder_has_as_many_db_per_frame_as_slope(db_per_second):
    n_samples = 3 * SAMPLE_RATE
    clip = noise(n_samples) * 10 ** (db_per_second * np.arange(n_samples) / SAMPLE_RATE / 20)
    hop_seconds = (3 - 2048 / 22_050) / 11
    expected = db_per_second * hop_seconds * np.sqrt(128)
    # The first and last frame lie half outside the clip, which takes some dB from them.
    assert columns(clip.astype(np.float32))["mfcc_01_delta"] == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("sign", [1, -1], ids=["swells", "fades"])
def test_a_tone_that_changes_in_level_has_the_steepest_slope_in_the_band_around_it(sign):
    steady = tone(hertz_of_band(64), 3.0)
    found = columns(steady * np.linspace(0, 1, len(steady), dtype=np.float32)[::sign])
    of_bands = [name for name in names() if re.fullmatch(r"mel_\d+_delta", name)]
    assert max(of_bands, key=lambda name: sign * found[name]) == "mel_064_delta"
    assert sign * found["mel_064_delta"] > 0


# Against librosa


@pytest.mark.parametrize("n_samples", [1_600, 3_200, 8_001, 40_000, 100_001])
def test_features_equal_what_librosa_gives_for_the_samples_themselves(n_samples):
    clip = swelling_noise(n_samples, n_samples)
    mfcc, mel, centroid = by_librosa(clip)
    found = grouped(mfcc_statistics(clip, False))
    assert_allclose(found["mfcc"], mfcc.mean(axis=1), atol=1e-3)
    assert_allclose(found["mel"], mel.mean(axis=1), rtol=1e-4)
    assert_allclose(found["centroid"], centroid.mean(axis=1), rtol=1e-5)


@pytest.mark.parametrize("n_samples", [1_600, 3_200, 8_001, 40_000, 100_001])
def test_slopes_equal_lines_fitted_through_librosas_frames(n_samples):
    clip = swelling_noise(n_samples, n_samples)
    mfcc, mel, _ = by_librosa(clip)
    found = grouped(mfcc_statistics(clip, False))
    assert_allclose(found["mfcc_delta"], slopes(mfcc).mean(axis=1), atol=1e-3)
    assert_allclose(found["mel_delta"], slopes(mel).mean(axis=1), rtol=1e-2, atol=1e-5 * abs(mel).mean())


# Awkward clips


@pytest.mark.parametrize("separate_vocals", [False, True])
@pytest.mark.parametrize("n_samples", [1_600, 32_001, 70_000])
def test_silence_has_finite_features_and_a_centroid_of_0(n_samples, separate_vocals):
    found = columns(np.zeros(n_samples, np.float32), separate_vocals)
    # librosa's floor is a power of 1e-10, -100 dB in each of 128 bands.
    assert found.pop("mfcc_01") == pytest.approx(-100 * np.sqrt(128), rel=1e-5)
    assert_allclose(list(found.values()), 0, atol=1e-4)
    assert found["spectral_centroid_hz"] == 0


@pytest.mark.parametrize("n_samples", [0, 1, 1_599])
def test_less_than_a_tenth_of_a_second_is_refused(n_samples):
    text = f"a waveform of {n_samples} samples is too short; at least 1600 are needed"
    with pytest.raises(ValueError, match=f"^{text}$"):
        mfcc_statistics(noise(n_samples), False)


@given(n_samples=st.integers(1_600, 3_000) | st.integers(3_000, 90_000), separate_vocals=st.booleans())
@settings(deadline=None, max_examples=12)
def test_any_length_from_a_tenth_of_a_second_on_gives_283_finite_numbers(n_samples, separate_vocals):
    found = mfcc_statistics(noise(n_samples), separate_vocals)
    assert (found.shape, found.dtype) == ((283,), np.float32)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("separate_vocals", [False, True])
@pytest.mark.parametrize(
    "clip",
    [
        np.full(48_000, 0.5, np.float32),
        (np.arange(48_000) == 16_000).astype(np.float32),
        np.concatenate([noise(24_000), np.zeros(24_000, np.float32)]),
        1e4 * noise(48_000),
        1e-9 * noise(48_000),
    ],
    ids=["constant", "click", "silent_half", "far_beyond_full_scale", "hardly_there"],
)  # fmt: skip
def test_an_unusual_clip_has_finite_features_too(clip, separate_vocals):
    assert np.isfinite(mfcc_statistics(clip, separate_vocals)).all()


@pytest.mark.parametrize("separate_vocals", [False, True])
def test_the_same_clip_gives_the_same_bits_and_is_left_as_it_is(separate_vocals):
    clip = swelling_noise(48_000)
    once, again = (mfcc_statistics(clip, separate_vocals) for _ in range(2))
    assert once.tobytes() == again.tobytes()
    assert clip.tobytes() == swelling_noise(48_000).tobytes()


# What repeats


@pytest.mark.parametrize("n_samples", [1_600, 16_000, 32_000])
def test_a_clip_of_up_to_two_seconds_is_left_as_it_is(n_samples):
    clip = swelling_noise(n_samples)
    assert mfcc_statistics(clip, True).tobytes() == mfcc_statistics(clip, False).tobytes()


def test_a_clip_of_a_sample_more_is_not():
    clip = np.resize(noise(4_000), 32_001)
    assert mfcc_statistics(clip, True)[26:154].sum() < 0.1 * mfcc_statistics(clip, False)[26:154].sum()


def background(seconds, period_seconds):
    """Noise below 1.5 kHz that repeats, float64."""
    low_pass = butter(8, 1500, fs=SAMPLE_RATE, output="sos")
    return sosfilt(low_pass, np.resize(noise(round(period_seconds * SAMPLE_RATE)), round(seconds * SAMPLE_RATE)))


def powers(clip, separate_vocals):
    """Sum of the mel bands below and above 1.8 kHz."""
    mel = grouped(mfcc_statistics(clip.astype(np.float32), separate_vocals))["mel"]
    is_low = np.array([hertz_of_band(number) for number in range(1, 129)]) < 1800
    return mel[is_low].sum(), mel[~is_low].sum()


@pytest.mark.parametrize("seconds", [2.1, 3.0, 5.0])
@pytest.mark.parametrize("period_seconds", [0.25, 0.5])
def test_what_repeats_is_taken_away_and_what_comes_once_is_kept(seconds, period_seconds):
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    # In the middle, where a fixed distance of two seconds would leave short clips nothing to compare with.
    once = np.where(abs(time - seconds / 2) < 0.4, tone(3000, seconds, 0.1), 0)
    clip = background(seconds, period_seconds) + once
    (low_before, high_before), (low_after, high_after) = powers(clip, False), powers(clip, True)
    assert low_after < 0.01 * low_before
    assert high_after > 0.9 * high_before


def test_what_comes_no_more_than_twice_does_not_count_as_repeating():
    seconds = 8.0
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    # Where two of the frames are that stand for the clip, 3.6 s apart.
    hop_seconds = (seconds - 2048 / 22_050) / 11
    is_there = (abs(time - 3 * hop_seconds) < 0.1) | (abs(time - 8 * hop_seconds) < 0.1)
    clip = background(seconds, 0.5) + np.where(is_there, tone(3000, seconds, 0.1), 0)
    (low_before, high_before), (low_after, high_after) = powers(clip, False), powers(clip, True)
    assert low_after < 0.01 * low_before
    assert high_after > 0.9 * high_before
