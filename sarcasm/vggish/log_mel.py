"""Waveform -> log-mel examples, as VGGish was trained on them.

Frames of 25 ms every 10 ms, periodic Hann window, magnitude (not power) of the FFT, 64 triangular bands linear in mel
and of height 1, ln(band + 0.01); 96 successive frames are an example, without overlap. No padding, no centring, no
normalisation: what does not fill a frame or an example at the end is left out.

The FFT is in float64: in float32, the quiet bands beside a loud pure tone are off by 1e-3. It is computed by compiled
loops (`log_mel_kernels`), held to the few lines of numpy here, which stand in where those do not run.

Source: mel_features.py and vggish_input.py (tensorflow/models, research/audioset/vggish).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from sarcasm.resampling import Resampler, resample
from sarcasm.vggish import constants as c

LARGEST_SAMPLE = 1e30
"""Beyond it, sums of magnitudes would leave the range of float32."""
BLOCK_EXAMPLES = 16
"""Worked on at a time: their bands stay in the cache until the logarithm."""
MATMUL_FRAMES = 16
"""Frames in one product of matrices; divides an example's."""
CHECK_TOLERANCE = 1e-6
"""Between compiled loops and numpy, in log-mel, for the loops to be used."""

FrontEnd = Callable[[np.ndarray, np.ndarray], None]
"""Fills mel bands, float32 [frames, 64], from the samples of as many frames; frames are a multiple of an example's."""

logger = logging.getLogger(__name__)


def waveform_to_examples(
    waveform: np.ndarray, sample_rate: int, resampler: Resampler = Resampler.reference
) -> np.ndarray:
    """Cut a waveform into log-mel examples.

    Args:
        waveform: floating [samples] or [samples, channels], full scale at 1; channels are averaged, then resampled.
        sample_rate: in Hz; any but 16 kHz is resampled.
        resampler: by which rule; see `sarcasm.resampling`.

    Returns:
        float32 [n, 96, 64]: examples, frames, mel bands; n = 0 below 15,600 samples at 16 kHz.

    Raises:
        TypeError: samples are integers, whose full scale nobody can know; divide 16-bit samples by 32768.
        ValueError: another number of dimensions, no channel, or a sample that is not finite or beyond 1e30.
    """
    waveform = np.asarray(waveform)
    if not np.issubdtype(waveform.dtype, np.floating):
        raise TypeError(f"a waveform of floats is needed, not of {waveform.dtype}; divide 16-bit samples by 32768")
    if waveform.ndim not in (1, 2) or waveform.shape[1:] == (0,):
        raise ValueError(f"a waveform is [samples] or [samples, channels], not {list(waveform.shape)}")
    _check_samples(waveform)
    if waveform.ndim == 2:
        waveform = waveform.mean(axis=1, dtype=np.float64)
    if sample_rate != c.SAMPLE_RATE_HZ:
        waveform = resample(waveform, sample_rate, c.SAMPLE_RATE_HZ, resampler)
    return _examples(np.ascontiguousarray(waveform, np.float32 if waveform.dtype == np.float32 else np.float64))


def n_examples(n_samples: int) -> int:
    """How many examples so many samples at 16 kHz make."""
    return max(0, (n_samples - c.WINDOW_SAMPLES) // c.HOP_SAMPLES + 1) // c.EXAMPLE_FRAMES


def _check_samples(waveform: np.ndarray) -> None:
    # By the extremes, which NaN takes over: a mask would be as long as the clip.
    if waveform.size and not max(-float(waveform.min()), float(waveform.max())) <= LARGEST_SAMPLE:
        is_wrong = ~(np.abs(waveform) <= LARGEST_SAMPLE)
        first = int(np.flatnonzero(is_wrong.reshape(len(waveform), -1).any(axis=1))[0])
        raise ValueError(f"sample {first} of the waveform is {waveform[first]}; finite ones up to 1e30 are needed")


def _examples(waveform: np.ndarray) -> np.ndarray:
    fill = _front_end()
    examples = np.empty((n_examples(len(waveform)), c.EXAMPLE_FRAMES, c.N_MEL_BANDS), np.float32)
    for start in range(0, len(examples), BLOCK_EXAMPLES):
        part = examples[start : start + BLOCK_EXAMPLES]
        _log_mel(fill, waveform[start * c.EXAMPLE_FRAMES * c.HOP_SAMPLES :], part)
    return examples


def _log_mel(fill: FrontEnd, waveform: np.ndarray, examples: np.ndarray) -> None:
    """Fill examples, float32 [n, 96, 64], from the first samples of a waveform."""
    fill(waveform, examples.reshape(-1, c.N_MEL_BANDS))
    np.add(examples, np.float32(c.LOG_OFFSET), out=examples)
    np.log(examples, out=examples)


@lru_cache(maxsize=1)
def _front_end() -> FrontEnd:
    """The compiled loops if they give what numpy gives, or else numpy."""
    try:
        from sarcasm.vggish.log_mel_kernels import FrontEnd as CompiledFrontEnd

        compiled = CompiledFrontEnd(_window(), _mel_weights()).fill
        _check(compiled)
    except Exception as error:
        # Whatever a compiler may raise on a processor nobody has tried: numpy still runs.
        logger.warning("log-mel is computed by numpy, since the compiled loops do not run here: %s", error)
        return _fill_by_numpy
    return compiled


def _check(fill: FrontEnd) -> None:
    waveform = np.random.default_rng(0).uniform(-1, 1, c.EXAMPLE_SAMPLES)
    found, expected = np.zeros((2, 1, c.EXAMPLE_FRAMES, c.N_MEL_BANDS), np.float32)
    _log_mel(fill, waveform, found)
    _log_mel(_fill_by_numpy, waveform, expected)
    difference = float(np.abs(found - expected).max())
    if not difference <= CHECK_TOLERANCE:
        raise RuntimeError(f"they differ from numpy by {difference:.1e}")


def _fill_by_numpy(waveform: np.ndarray, bands: np.ndarray) -> None:
    weights, bins = _mel_weights(), _used_bins()
    # Filled with zeros to the length of the FFT once: what is behind the window is never written to.
    windowed = np.zeros((c.EXAMPLE_FRAMES, c.FFT_SAMPLES))
    for start in range(0, len(bands), c.EXAMPLE_FRAMES):
        samples = waveform[start * c.HOP_SAMPLES :][: c.EXAMPLE_SAMPLES]
        windows = np.lib.stride_tricks.sliding_window_view(samples, c.WINDOW_SAMPLES)[:: c.HOP_SAMPLES]
        np.multiply(windows, _window(), out=windowed[:, : c.WINDOW_SAMPLES])
        magnitudes = np.abs(np.fft.rfft(windowed)[:, bins])
        # So few rows at a time that BLAS does not start threads for them.
        bands[start : start + c.EXAMPLE_FRAMES] = np.matmul(
            magnitudes.reshape(-1, MATMUL_FRAMES, magnitudes.shape[1]), weights[bins]
        ).reshape(-1, c.N_MEL_BANDS)


@lru_cache(maxsize=1)
def _window() -> np.ndarray:
    """Float64 [400]: the periodic Hann window; numpy's and SciPy's default is the symmetric one."""
    return 0.5 - 0.5 * np.cos(2 * np.pi / c.WINDOW_SAMPLES * np.arange(c.WINDOW_SAMPLES))


@lru_cache(maxsize=1)
def _mel_weights() -> np.ndarray:
    """Float64 [257, 64]: of each FFT bin in each band."""
    frequencies = np.linspace(0, c.SAMPLE_RATE_HZ / 2, c.FFT_SAMPLES // 2 + 1)
    edges = np.linspace(_mel(np.array(c.LOWEST_HZ)), _mel(np.array(c.HIGHEST_HZ)), c.N_MEL_BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    mel = _mel(frequencies)[:, np.newaxis]
    return np.maximum(0, np.minimum((mel - low) / (centre - low), (high - mel) / (high - centre)))


def _used_bins() -> slice:
    """The FFT bins that any band uses."""
    used = np.flatnonzero(_mel_weights().any(axis=1))
    return slice(int(used[0]), int(used[-1]) + 1)


def _mel(frequencies: np.ndarray) -> np.ndarray:
    return c.MEL_FACTOR * np.log1p(frequencies / c.MEL_BREAK_HZ)
