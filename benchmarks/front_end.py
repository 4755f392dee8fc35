"""From a waveform to log-mel examples: ours against the reference's formulas in plain float64 numpy, with resampy, and
against librosa.

Reading the file is left out. The plain form does what VGGish's released code does, in its order and at its precision:
resampy 0.4.3 for rates other than 16 kHz, then frames, window, FFT, magnitudes, mel matrix and logarithm over the whole
clip, with the window and the matrix made for each call. librosa gets the same parameters and does it in float32; its
numbers are others, as its frames are 512 samples long with the window in their middle and its bands are triangles over
Hz. Ours and one of them are timed in turns, on a clip of 5 s (about the mean of MUStARD) and one of 60 s; the median of
the turns' ratios counts, least and largest say how quiet the machine was.

    python -m benchmarks.front_end [--rounds 7] [--output FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from sarcasm.resampling import Resampler
from sarcasm.vggish import waveform_to_examples

CLIP_SECONDS = (5, 60)
CASES = (
    ("16 kHz", 16_000, Resampler.reference, 3.0, 2.0),
    ("44.1 kHz, the reference's rule", 44_100, Resampler.reference, 15.0, 1.0),
    ("44.1 kHz, resampler=soxr", 44_100, Resampler.soxr, 50.0, 1.5),
)
"""What, sample rate, resampler, budgets: how many times as fast as the plain form, and as librosa."""
SHORTEST_TURN_SECONDS = 0.15
"""Calls are repeated until a turn lasts this long, so that the clock and a single hiccup do not count."""


def plain_examples(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Log-mel examples as the reference computes them, float64 [n, 96, 64]."""
    import resampy

    if sample_rate != 16_000:
        waveform = resampy.resample(waveform, sample_rate, 16_000)
    n_frames = 1 + (len(waveform) - 400) // 160
    stride = waveform.strides[0]
    frames = np.lib.stride_tricks.as_strided(waveform, (n_frames, 400), (160 * stride, stride))
    window = 0.5 - 0.5 * np.cos(2 * np.pi / 400 * np.arange(400))
    magnitudes = np.abs(np.fft.rfft(frames * window, 512))
    log_mel = np.log(magnitudes @ _plain_mel_matrix() + 0.01)
    n_examples = 1 + (n_frames - 96) // 96
    return log_mel[: n_examples * 96].reshape(n_examples, 96, 64)


def librosa_examples(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Log-mel examples as one gets them from librosa with VGGish's parameters, float32 [n, 96, 64]."""
    import librosa

    if sample_rate != 16_000:
        waveform = librosa.resample(waveform, orig_sr=sample_rate, target_sr=16_000)
    mel = librosa.feature.melspectrogram(
        y=waveform, sr=16_000, n_fft=512, hop_length=160, win_length=400, window="hann", center=False, power=1,
        n_mels=64, fmin=125, fmax=7_500, htk=True, norm=None,
    )  # fmt: skip
    log_mel = np.log(mel.T + 0.01)
    n_examples = len(log_mel) // 96
    return log_mel[: n_examples * 96].reshape(n_examples, 96, 64)


def _plain_mel_matrix() -> np.ndarray:
    """Float64 [257, 64], band by band."""

    def mel(hertz: Any) -> Any:
        return 1127 * np.log(1 + hertz / 700)

    bins = mel(np.linspace(0, 8_000, 257))
    edges = np.linspace(mel(125.0), mel(7_500.0), 66)
    matrix = np.empty((257, 64))
    for band in range(64):
        low, centre, high = edges[band : band + 3]
        matrix[:, band] = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    matrix[0] = 0
    return matrix


def compare(rounds: int) -> list[dict[str, Any]]:
    """Run ours and another in turns.

    Returns:
        each case as a row with its ratio, spread, budget and speeds; against the plain form, with the largest
        difference.
    """
    rows = []
    for what, sample_rate, resampler, plain_budget, librosa_budget in CASES:
        for seconds in CLIP_SECONDS:
            waveform = _speech_like(seconds, sample_rate)
            single = waveform.astype(np.float32)  # what read_waveform and librosa.load give
            ours = partial(waveform_to_examples, single, sample_rate, resampler)
            plain = partial(plain_examples, waveform, sample_rate)
            others = partial(librosa_examples, single, sample_rate)
            row = _compared(f"front end, {what}, {seconds} s", ours, plain, plain_budget, seconds, rounds)
            rows.append(row | {"difference": float(np.abs(ours() - plain()).max())})
            against = f"front end against librosa, {what}, {seconds} s"
            rows.append(_compared(against, ours, others, librosa_budget, seconds, rounds))
    return rows


def _compared(
    what: str, ours: Callable[[], object], theirs: Callable[[], object], budget: float, seconds: int, rounds: int
) -> dict[str, Any]:
    ours(), theirs()  # the first call compiles, or imports
    turns = [(_seconds(theirs), _seconds(ours)) for _ in range(rounds)]
    ratios = [their_seconds / our_seconds for their_seconds, our_seconds in turns]
    return {
        "what": what, "ratio": statistics.median(ratios), "budget": budget,
        "least": min(ratios), "largest": max(ratios),
        "theirs_x_real_time": seconds / statistics.median(their_seconds for their_seconds, _ in turns),
        "ours_x_real_time": seconds / statistics.median(our_seconds for _, our_seconds in turns),
    }  # fmt: skip


def measure(rounds: int = 5) -> list[dict[str, Any]]:
    """What `python -m benchmarks` shows."""
    return compare(rounds)


def _speech_like(seconds: int, sample_rate: int) -> np.ndarray:
    """A buzz that comes and goes, and noise; float64 [samples]."""
    time_ = np.arange(seconds * sample_rate) / sample_rate
    buzz = sum(np.sin(2 * np.pi * 120 * harmonic * time_) / harmonic for harmonic in range(1, 20))
    noise = np.random.default_rng(0).standard_normal(len(time_))
    return (0.2 * buzz * np.maximum(0, np.sin(2 * np.pi * 2 * time_)) + 0.005 * noise).clip(-1, 1)


def _seconds(call: Callable[[], object]) -> float:
    """Mean duration of a call over a turn."""
    n_calls, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < SHORTEST_TURN_SECONDS:
        call()
        n_calls += 1
    return elapsed / n_calls


def main() -> None:
    """Print the comparison; append it as a line of JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, help="append a line of JSON to this file")
    options = parser.parse_args()
    rows = compare(options.rounds)
    print(f"{'what':<66}{'theirs':>9}{'ours':>9}{'ratio':>9}{'spread':>16}{'budget':>8}{'difference':>12}")
    for row in rows:
        spread = f"{row['least']:.1f} to {row['largest']:.1f}"
        difference = f"{row['difference']:.1e}" if "difference" in row else ""
        print(
            f"{row['what']:<66}{row['theirs_x_real_time']:>8.0f}x{row['ours_x_real_time']:>8.0f}x{row['ratio']:>9.1f}"
            f"{spread:>16}{row['budget']:>8.0f}{difference:>12}"
        )
    if options.output:
        line = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": {
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
                "load": os.getloadavg()[0],
            },
            "versions": {"python": platform.python_version()}
            | {name: version(name) for name in ("numpy", "resampy", "soxr", "librosa")},
            "rows": rows,
        }
        with options.output.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
