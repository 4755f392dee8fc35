"""A server of `sarcasm serve` in this process, and a stand-in for a model that reads real files without a network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sarcasm.audio import SAMPLE_RATE
from sarcasm.packaged import Piece, Prediction
from sarcasm.packaged.sound import read_content
from sarcasm.resampling import Resampler
from sarcasm.serve.app import application
from sarcasm.serve.limits import Limits
from sarcasm.serve.server import listen, server

FACTS = {
    "name": "<b>stand-in</b>",
    "cautions": ["It is made up."],
    "facts": ["Model of run stand-in"],
    "advice": "Stand in.",
}


@dataclass
class StandIn:
    """Calls loud pieces sarcastic; waits, where it is told to."""

    longest_seconds: float = 20.0
    may_go_on: threading.Event = field(default_factory=threading.Event)
    n_at_once: int = 0
    most_at_once: int = 0
    error: Exception | None = None

    def __post_init__(self) -> None:
        self.may_go_on.set()

    def read_content(self, content: bytes, name: str) -> np.ndarray:
        return read_content(content, name, Resampler.soxr, self.longest_seconds)

    def predict(self, waveform: np.ndarray) -> Prediction:
        self.n_at_once += 1
        self.most_at_once = max(self.most_at_once, self.n_at_once)
        assert self.may_go_on.wait(30)
        self.n_at_once -= 1
        if self.error:
            raise self.error
        hop = 15_360
        loud = [float(min(1, 4 * np.abs(waveform[at : at + hop]).mean())) for at in range(0, len(waveform), hop)]
        pieces = tuple(Piece(0.96 * i, 0.96 * (i + 1), value) for i, value in enumerate(loud))
        of_clip = float(np.mean(loud))
        label = "sarcastic" if of_clip >= 0.5 else "non_sarcastic"
        return Prediction(of_clip, 0.5, label, pieces, len(waveform) / SAMPLE_RATE)


@contextmanager
def serving(model: Any, limits: Limits, facts: dict[str, Any] = FACTS) -> Iterator[str]:
    """A real server on a free port; gives its address."""
    listening = listen(0)
    running = server(application(model, facts, limits), is_verbose=False)
    thread = threading.Thread(target=running.run, args=([listening],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        running.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
