"""What a model says of a clip, as JSON."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from sarcasm.audio import SAMPLE_RATE, lenient, padded
from sarcasm.embeddings import Embedding, overview
from sarcasm.errors import AudioError
from sarcasm.packaged import Prediction
from sarcasm.report.listening import drawn
from sarcasm.vggish import EXAMPLE_SAMPLES, waveform_to_examples


class Model(Protocol):
    """What is asked of a model; `sarcasm.packaged.Package` is one."""

    def read_content(self, content: bytes, name: str) -> np.ndarray:
        """Bytes of a file -> float32 [samples] at 16 kHz."""

    def predict(self, waveform: np.ndarray) -> Prediction:
        """Whether the clip is sarcastic, and when in it."""


def answer(model: Model, content: bytes, name: str, *, with_picture: bool) -> dict[str, Any]:
    """Have a clip heard.

    Args:
        model: what hears it.
        content: all bytes of the file.
        name: what an error calls it.
        with_picture: whether a picture of what is heard is added: its log-mel as PNG in base64, low frequencies below,
            and how many seconds it shows.

    Raises:
        AudioError: it cannot be used; the message names it.
    """
    with lenient() as lacking:
        waveform = model.read_content(content, name)
    said = model.predict(waveform)
    found = {
        "label": said.label, "probability": round(said.probability, 6), "threshold": round(said.threshold, 6),
        "seconds": round(said.seconds, 3),
        "pieces": [
            {"begin": piece.begin, "end": piece.end, "probability": round(piece.probability, 6)}
            for piece in said.pieces
        ],
    }  # fmt: skip
    if lacking:
        found["warnings"] = lacking
    return found | _picture(waveform) if with_picture else found


def warm_up(model: Model) -> None:
    """Hear a second of faint noise, so that the first who asks does not wait for what is compiled and loaded then.

    Args:
        model: what hears it.
    """
    noise = np.random.default_rng(0).normal(0, 0.01, SAMPLE_RATE).astype(np.float32)
    _picture(noise)
    with suppress(AudioError):
        model.predict(noise)


def _picture(waveform: np.ndarray) -> dict[str, Any]:
    """As a page of a run draws it: whole examples of VGGish, one at least."""
    examples = waveform_to_examples(padded(waveform, EXAMPLE_SAMPLES), SAMPLE_RATE)
    png = drawn(overview(examples))
    seconds = len(examples) * (Embedding.piece_seconds or 0.0)
    return {"picture": base64.b64encode(png).decode(), "picture_seconds": round(seconds, 3)}
