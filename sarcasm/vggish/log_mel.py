"""Waveform -> log-mel examples, as VGGish was trained on them.

Frames of 25 ms every 10 ms, periodic Hann window, magnitude (not power) of the FFT, 64 triangular bands linear in mel
and of height 1, ln(band + 0.01); 96 successive frames are an example, without overlap. No padding, no centring, no
normalisation: what does not fill a frame or an example at the end is left out.

The FFT is in float64: in float32, the quiet bands beside a loud pure tone are off by 1e-3. Magnitudes and what follows
are float32.

Source: mel_features.py and vggish_input.py (tensorflow/models, research/audioset/vggish).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sarcasm.resampling import Resampler, resample
from sarcasm.vggish import constants as c

BLOCK_FRAMES = c.EXAMPLE_FRAMES
"""Worked on at a time: what lies between two steps stays in the cache, and memory does not grow with the clip."""
MATMUL_FRAMES = 16
"""Frames in one product of matrices; divides an example's."""


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
        ValueError: another number of dimensions, or a sample that is not finite.
    """
    waveform = np.asarray(waveform)
    if not np.issubdtype(waveform.dtype, np.floating):
        raise TypeError(f"a waveform of floats is needed, not of {waveform.dtype}; divide 16-bit samples by 32768")
    if waveform.ndim == 2:
        waveform = waveform.mean(axis=1, dtype=np.float64)
    if waveform.ndim != 1:
        raise ValueError(f"a waveform is [samples] or [samples, channels], not {list(waveform.shape)}")
    if not np.all(np.isfinite(waveform)):
        raise ValueError("the waveform holds a sample that is not finite")
    if sample_rate != c.SAMPLE_RATE_HZ:
        waveform = resample(waveform, sample_rate, c.SAMPLE_RATE_HZ, resampler)
    return _examples(waveform)


def n_examples(n_samples: int) -> int:
    """How many examples so many samples at 16 kHz make."""
    return max(0, (n_samples - c.WINDOW_SAMPLES) // c.HOP_SAMPLES + 1) // c.EXAMPLE_FRAMES


def _examples(waveform: np.ndarray) -> np.ndarray:
    examples = np.empty((n_examples(len(waveform)), c.EXAMPLE_FRAMES, c.N_MEL_BANDS), np.float32)
    frames = examples.reshape(-1, c.N_MEL_BANDS)
    # Filled with zeros to the length of the FFT once: what is behind the window is never written to.
    windowed = np.zeros((min(BLOCK_FRAMES, len(frames)), c.FFT_SAMPLES))
    for start in range(0, len(frames), BLOCK_FRAMES):
        part = frames[start : start + BLOCK_FRAMES]
        first = start * c.HOP_SAMPLES
        samples = waveform[first : first + (len(part) - 1) * c.HOP_SAMPLES + c.WINDOW_SAMPLES]
        _log_mel(samples, windowed[: len(part)], part)
    return examples


def _log_mel(waveform: np.ndarray, windowed: np.ndarray, log_mel: np.ndarray) -> None:
    """Fill `log_mel`, float32 [frames, 64], with a waveform's frames; `windowed` is room, float64 [frames, 512]."""
    windows = np.lib.stride_tricks.sliding_window_view(waveform, c.WINDOW_SAMPLES)[:: c.HOP_SAMPLES]
    np.multiply(windows, _window(), out=windowed[:, : c.WINDOW_SAMPLES])
    bins, weights = _mel_weights()
    # From here on sums of what is not negative: float32 is off by no more than its last digits.
    magnitudes = np.abs(np.fft.rfft(windowed)[:, bins]).astype(np.float32)
    # So few rows at a time that BLAS does not start threads for them, and a frame's value does not depend on its block.
    np.matmul(
        magnitudes.reshape(-1, MATMUL_FRAMES, weights.shape[0]),
        weights,
        out=log_mel.reshape(-1, MATMUL_FRAMES, c.N_MEL_BANDS),
    )
    np.log(np.add(log_mel, np.float32(c.LOG_OFFSET), out=log_mel), out=log_mel)


@lru_cache(maxsize=1)
def _window() -> np.ndarray:
    """Float64 [400]: the periodic Hann window; numpy's and SciPy's default is the symmetric one."""
    return 0.5 - 0.5 * np.cos(2 * np.pi / c.WINDOW_SAMPLES * np.arange(c.WINDOW_SAMPLES))


@lru_cache(maxsize=1)
def _mel_weights() -> tuple[slice, np.ndarray]:
    """The FFT bins that any band uses, and their weights float32 [bins, 64]."""
    frequencies = np.linspace(0, c.SAMPLE_RATE_HZ / 2, c.FFT_SAMPLES // 2 + 1)
    edges = np.linspace(_mel(np.array(c.LOWEST_HZ)), _mel(np.array(c.HIGHEST_HZ)), c.N_MEL_BANDS + 2)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    mel = _mel(frequencies)[:, np.newaxis]
    weights = np.maximum(0, np.minimum((mel - low) / (centre - low), (high - mel) / (high - centre)))
    used = np.flatnonzero(weights.any(axis=1))
    bins = slice(int(used[0]), int(used[-1]) + 1)
    return bins, weights[bins].astype(np.float32)


def _mel(frequencies: np.ndarray) -> np.ndarray:
    return c.MEL_FACTOR * np.log1p(frequencies / c.MEL_BREAK_HZ)
