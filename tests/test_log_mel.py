import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sarcasm.vggish import EXAMPLE_SAMPLES, n_examples, waveform_to_examples
from tests.assets.vggish import inputs

NAMES = sorted(inputs.waveforms())


def plainly(waveform: np.ndarray) -> np.ndarray:
    """The reference's formulas, float64, one frame after another: slow, and written without looking at the code under test."""
    n_frames = 1 + (len(waveform) - 400) // 160
    window = np.array([0.5 - 0.5 * np.cos(2 * np.pi * k / 400) for k in range(400)])
    mel = 1127 * np.log(1 + np.linspace(0, 8000, 257) / 700)
    edges = np.linspace(1127 * np.log(1 + 125 / 700), 1127 * np.log(1 + 7500 / 700), 66)
    matrix = np.zeros((257, 64))
    for band in range(64):
        low, centre, high = edges[band : band + 3]
        matrix[:, band] = np.clip(np.minimum((mel - low) / (centre - low), (high - mel) / (high - centre)), 0, None)
    matrix[0] = 0
    frames = [
        np.log(np.abs(np.fft.rfft(waveform[160 * i :][:400] * window, 512)) @ matrix + 0.01) for i in range(n_frames)
    ]
    n = n_frames // 96
    return np.array(frames)[: n * 96].reshape(n, 96, 64)


@pytest.mark.parametrize("name", NAMES)
def test_examples_equal_the_reference(reference, name):
    examples = waveform_to_examples(reference.waveforms[name], 16_000)
    assert examples.dtype == np.float32
    assert_allclose(examples, reference.examples[name], rtol=0, atol=1e-5)


@given(
    st.integers(15_600, 50_000),
    st.floats(1e-6, 1.0),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["noise", "tone", "click"]),
)
@settings(max_examples=25, deadline=None)
def test_examples_equal_the_plain_formulas_on_any_sound(n_samples, level, seed, kind):
    generator = np.random.default_rng(seed)
    time = np.arange(n_samples) / 16_000
    waveform = {
        "noise": lambda: level * generator.uniform(-1, 1, n_samples),
        "tone": lambda: level * np.sin(2 * np.pi * generator.uniform(20, 8000) * time),
        "click": lambda: level * (np.arange(n_samples) == generator.integers(n_samples)),
    }[kind]()
    assert_allclose(waveform_to_examples(waveform, 16_000), plainly(waveform), rtol=0, atol=1e-5)


@given(st.integers(0, 80_000))
@settings(deadline=None)
def test_the_number_of_examples_follows_from_the_samples_alone(n_samples):
    expected = max(0, (n_samples - 240) // 15_360)
    assert n_examples(n_samples) == expected
    assert waveform_to_examples(np.zeros(n_samples), 16_000).shape == (expected, 96, 64)


def test_the_first_example_needs_975_ms():
    assert EXAMPLE_SAMPLES == 15_600
    assert [n_examples(n) for n in (0, 1, 239, 15_599, 15_600, 30_959, 30_960)] == [0, 0, 0, 0, 1, 1, 2]


def test_silence_is_the_logarithm_of_the_offset():
    assert_allclose(waveform_to_examples(np.zeros(16_000), 16_000), np.log(0.01), rtol=1e-6)


def test_the_tone_of_the_references_smoke_test_has_its_log_mel():
    """Mean and deviation over (3, 96, 64) as the reference gives them, and the loudest band."""
    examples = waveform_to_examples(np.sin(2 * np.pi * 1000 * np.arange(0, 3, 1 / 16_000)), 16_000)
    assert examples.mean(dtype=float) == pytest.approx(-3.4296186961398245, abs=1e-5)
    assert examples.std(dtype=float) == pytest.approx(2.126577335759408, abs=1e-5)
    assert np.all(examples.argmax(axis=2) == 19)


def test_an_example_depends_on_its_own_samples_alone(rng):
    waveform = rng.standard_normal(15_360 * 9 + 240)
    examples = waveform_to_examples(waveform, 16_000)
    for number in range(9):
        alone = waveform_to_examples(waveform[15_360 * number :][:15_600], 16_000)
        assert np.array_equal(alone[0], examples[number])


def test_channels_are_averaged_before_anything_else(rng):
    stereo = rng.standard_normal((44_100, 2)) * 0.1
    assert np.array_equal(waveform_to_examples(stereo, 44_100), waveform_to_examples(stereo.mean(axis=1), 44_100))


@pytest.mark.parametrize("sample_rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_follow_resampys_rule(rng, sample_rate):
    import resampy

    waveform = rng.standard_normal(int(2.3 * sample_rate)) * 0.1
    expected = plainly(resampy.resample(waveform, sample_rate, 16_000))
    assert_allclose(waveform_to_examples(waveform, sample_rate), expected, rtol=0, atol=1e-5)


def test_integers_are_refused_since_nobody_knows_their_full_scale():
    with pytest.raises(
        TypeError, match=r"^a waveform of floats is needed, not of int16; divide 16-bit samples by 32768$"
    ):
        waveform_to_examples(np.zeros(16_000, np.int16), 16_000)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_not_finite_is_refused(value):
    waveform = np.zeros(16_000)
    waveform[77] = value
    with pytest.raises(ValueError, match=r"^the waveform holds a sample that is not finite$"):
        waveform_to_examples(waveform, 16_000)


def test_a_waveform_of_three_dimensions_is_refused():
    with pytest.raises(ValueError, match=r"^a waveform is \[samples\] or \[samples, channels\], not \[2, 3, 4\]$"):
        waveform_to_examples(np.zeros((2, 3, 4)), 16_000)
