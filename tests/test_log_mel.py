import logging
import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from sarcasm.vggish import EXAMPLE_SAMPLES, log_mel, log_mel_kernels, n_examples, waveform_to_examples
from tests.assets.vggish import inputs

NAMES = sorted(inputs.waveforms())


@pytest.fixture(params=["compiled", "numpy"])
def front_end(request, monkeypatch):
    """Both ways of computing the same."""
    chosen = {"compiled": log_mel._front_end(), "numpy": log_mel._fill_by_numpy}[request.param]
    assert (chosen is log_mel._fill_by_numpy) == (request.param == "numpy")
    monkeypatch.setattr(log_mel, "_front_end", lambda: chosen)


@pytest.fixture
def unchecked():
    """The choice between them is made anew, here and by the test that follows."""
    log_mel._front_end.cache_clear()
    yield
    log_mel._front_end.cache_clear()


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
def test_examples_equal_the_reference(front_end, reference, name):
    examples = waveform_to_examples(reference.waveforms[name], 16_000)
    assert examples.dtype == np.float32
    assert_allclose(examples, reference.examples[name], rtol=0, atol=1e-5)


@given(
    st.integers(15_600, 50_000),
    st.floats(1e-6, 1.0),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["noise", "tone", "chirp", "click"]),
)
# The fixture is the same for every example.
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_examples_equal_the_plain_formulas_on_any_sound(front_end, n_samples, level, seed, kind):
    generator = np.random.default_rng(seed)
    time = np.arange(n_samples) / 16_000
    waveform = {
        "noise": lambda: level * generator.uniform(-1, 1, n_samples),
        "tone": lambda: level * np.sin(2 * np.pi * generator.uniform(20, 8000) * time),
        "chirp": lambda: level * np.sin(np.pi * generator.uniform(100, 4000) * time**2),
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


@pytest.mark.parametrize("sound", ["tone", "click"])
def test_float32_samples_are_taken_as_they_are(front_end, sound):
    time = np.arange(48_000) / 16_000
    waveform = {"tone": np.sin(2 * np.pi * 997 * time), "click": (time == 1.0) * 1.0}[sound].astype(np.float32)
    assert_allclose(waveform_to_examples(waveform, 16_000), plainly(waveform.astype(float)), rtol=0, atol=1e-5)


@pytest.mark.parametrize("level", [1e-30, 2.0**31, 1e30])
def test_the_level_is_free(front_end, rng, level):
    waveform = rng.uniform(-1, 1, 16_000)
    waveform *= level / np.abs(waveform).max()
    assert_allclose(waveform_to_examples(waveform, 16_000), plainly(waveform), rtol=1e-6, atol=1e-5)


def test_a_view_with_steps_gives_what_its_copy_gives(front_end, rng):
    view = rng.standard_normal((20_000, 3)).astype(np.float16)[::-1, 1]
    assert not view.flags.c_contiguous
    assert np.array_equal(waveform_to_examples(view, 16_000), waveform_to_examples(view.copy(), 16_000))


def test_memory_beyond_the_examples_does_not_grow_with_the_waveform(front_end):
    waveform = np.zeros(300 * 16_000, np.float32)
    waveform_to_examples(waveform[:20_000], 16_000)
    tracemalloc.start()
    try:
        examples = waveform_to_examples(waveform, 16_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - examples.nbytes < 2e6


@pytest.mark.usefixtures("unchecked")
def test_numpy_stands_in_where_the_loops_do_not_compile(monkeypatch, caplog, reference):
    def fails(*tables):
        raise RuntimeError("no such processor")

    monkeypatch.setattr(log_mel_kernels, "FrontEnd", fails)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            examples = waveform_to_examples(reference.waveforms["chirp_4s"], 16_000)
    assert_allclose(examples, reference.examples["chirp_4s"], rtol=0, atol=1e-5)
    # Once, not for every clip.
    assert caplog.messages == [
        "log-mel is computed by numpy, since the compiled loops do not run here: no such processor"
    ]


@pytest.mark.usefixtures("unchecked")
def test_numpy_stands_in_where_the_loops_are_wrong(monkeypatch, caplog, reference):
    fill = log_mel_kernels.FrontEnd.fill

    def fill_wrongly(self, waveform, bands):
        fill(self, waveform, bands)
        bands[5, 63] *= 1.001

    monkeypatch.setattr(log_mel_kernels.FrontEnd, "fill", fill_wrongly)
    with caplog.at_level(logging.WARNING):
        examples = waveform_to_examples(reference.waveforms["sine_3s"], 16_000)
    assert_allclose(examples, reference.examples["sine_3s"], rtol=0, atol=1e-5)
    (message,) = caplog.messages
    assert message.startswith("log-mel is computed by numpy, since the compiled loops do not run here: they differ ")


@pytest.mark.parametrize(("n_samples", "n_frames"), [(15_599, 96), (200_000, 95)])
def test_compiled_loops_refuse_what_would_lead_beyond_an_array(n_samples, n_frames):
    front_end = log_mel_kernels.FrontEnd(log_mel._window(), log_mel._mel_weights())
    with pytest.raises(ValueError, match=rf"^{n_samples} samples do not make {n_frames} frames"):
        front_end.fill(np.zeros(n_samples), np.zeros((n_frames, 64), np.float32))


def test_an_example_depends_on_its_own_samples_alone(front_end, rng):
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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.1e30])
@pytest.mark.parametrize("sample_rate", [16_000, 44_100])
def test_a_sample_that_is_not_finite_is_refused_by_its_place(value, sample_rate):
    waveform = np.zeros(16_000)
    waveform[77] = value
    with pytest.raises(
        ValueError, match=r"^sample 77 of the waveform is .*; finite ones up to 1e30 are needed$"
    ) as caught:
        waveform_to_examples(waveform, sample_rate)
    assert f" is {value}; " in str(caught.value)


def test_an_infinite_sample_of_one_channel_is_refused():
    waveform = np.zeros((16_000, 2), np.float32)
    waveform[3] = np.inf, -np.inf
    with pytest.raises(
        ValueError, match=r"^sample 3 of the waveform is \[ inf -inf\]; finite ones up to 1e30 are needed$"
    ):
        waveform_to_examples(waveform, 16_000)


@pytest.mark.parametrize("shape", [(), (16_000, 0), (2, 3, 4)])
def test_a_waveform_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"^a waveform is \[samples\] or \[samples, channels\], not ") as caught:
        waveform_to_examples(np.zeros(shape), 16_000)
    assert str(caught.value).endswith(f" not {list(shape)}")


@pytest.mark.parametrize("sample_rate", [8_000, 16_000, 44_100])
@pytest.mark.parametrize("shape", [(0,), (1,), (0, 2), (239,)])
def test_hardly_any_samples_make_no_example(shape, sample_rate):
    assert waveform_to_examples(np.zeros(shape, np.float32), sample_rate).shape == (0, 96, 64)
