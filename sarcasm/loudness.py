"""How loud a waveform is: as a whole, and from moment to moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sarcasm.audio import SAMPLE_RATE

ENVELOPE_HOP_SECONDS = 0.02
SMOOTHED_HOPS = 3
"""Each value of an envelope stands for this many hops, so that a cut between two of them changes it little."""
BLOCK_SAMPLES = 2**20
"""Squared at a time, in float64, so that memory does not grow with a long clip; about a minute."""
SILENCE_DB = -120.0
"""What silence, which has no logarithm, is said to have."""


def level_db(waveform: NDArray[np.float32]) -> float:
    """The level in dB of full scale: 20 log10 of the root of the mean square; silence has -120."""
    starts = range(0, len(waveform), BLOCK_SAMPLES)
    squares = sum(float(np.sum(np.square(waveform[at : at + BLOCK_SAMPLES], dtype=np.float64))) for at in starts)
    mean_square = squares / len(waveform)
    return max(SILENCE_DB, 10 * float(np.log10(mean_square))) if mean_square > 0 else SILENCE_DB


def envelope(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """How the level goes up and down.

    Args:
        waveform: float32 [samples] at 16 kHz.

    Returns:
        float32 [n], one root mean square every 0.02 s, over 0.06 s; n = 0 under 0.06 s.
    """
    hop = round(ENVELOPE_HOP_SECONDS * SAMPLE_RATE)
    n = len(waveform) // hop
    if n < SMOOTHED_HOPS:
        return np.empty(0, np.float32)
    hops = waveform[: n * hop].reshape(n, hop)
    squares, at_once = np.empty(n), BLOCK_SAMPLES // hop
    for at in range(0, n, at_once):
        squares[at : at + at_once] = np.mean(np.square(hops[at : at + at_once], dtype=np.float64), axis=1)
    smoothed = np.convolve(squares, np.full(SMOOTHED_HOPS, 1 / SMOOTHED_HOPS), "valid")
    return np.sqrt(np.maximum(smoothed, 0)).astype(np.float32)
