"""A clip and what a model says of it, as one picture: the log-mel that it hears, and the probability of each piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sarcasm.audio import SAMPLE_RATE, padded
from sarcasm.embeddings import N_LEVELS, overview
from sarcasm.packaged import Prediction
from sarcasm.report.drawing import BLUE, GREY, new_figure, note_at_foot, png, style
from sarcasm.vggish import EXAMPLE_SAMPLES, waveform_to_examples
from sarcasm.vggish.constants import EXAMPLE_FRAMES, HIGHEST_HZ, HOP_SAMPLES, LOWEST_HZ, N_MEL_BANDS


def clip_picture(title: str, waveform: np.ndarray, prediction: Prediction, notes: Sequence[str]) -> bytes:
    """Draw a clip.

    Args:
        title: of the picture.
        waveform: float32 [samples] at 16 kHz.
        prediction: what a model says of it.
        notes: what a reader must know of the model; the first stands at the foot.

    Returns:
        A PNG.
    """
    examples = waveform_to_examples(padded(waveform, EXAMPLE_SAMPLES), SAMPLE_RATE)
    drawn_seconds = len(examples) * EXAMPLE_FRAMES * HOP_SAMPLES / SAMPLE_RATE
    end = max(drawn_seconds, prediction.pieces[-1].end)
    figure = new_figure(min(14.0, max(5.6, end / 2)), 4.0)
    sound, said = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    style(sound, title)
    sound.imshow(
        overview(examples).T, origin="lower", aspect="auto", cmap="Blues", vmin=0, vmax=N_LEVELS - 1,
        extent=(0, drawn_seconds, 0, N_MEL_BANDS), interpolation="nearest",
    )  # fmt: skip
    # Bands are equally wide in mel, not in Hz, so that only the ends can be named truly.
    sound.set_yticks([0, N_MEL_BANDS], [f"{LOWEST_HZ:,.0f} Hz", f"{HIGHEST_HZ:,.0f} Hz"], fontsize=8)
    style(said, f"{prediction.label}: {prediction.probability:.3f}")
    edges = [piece.begin for piece in prediction.pieces] + [prediction.pieces[-1].end]
    values = [piece.probability for piece in prediction.pieces]
    said.stairs(values, edges, fill=True, color=BLUE, alpha=0.3)
    said.stairs(values, edges, color=BLUE, linewidth=1.5, baseline=None)
    said.axhline(prediction.threshold, color=GREY, linestyle="--", linewidth=1)
    said.set_ylim(0, 1)
    said.set_xlim(0, end)
    said.set_ylabel("P(sarcastic)", fontsize=8)
    said.set_xlabel("seconds", fontsize=8)
    said.tick_params(labelsize=8)
    if notes:
        note_at_foot(figure, notes[0])
    return png(figure)
