"""Acoustic features in place of a network."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from omegaconf import MISSING

from sarcasm import acoustics
from sarcasm.embeddings.embedding import Embedding, Network, Unchanged
from sarcasm.options import option


@option("embedding", "mfcc_stats")
@dataclass
class MfccStatistics(Embedding):
    """One row a clip: the 283 acoustic features of the MUStARD baseline (Castro et al. 2019), as means over time.

    Attributes:
        separate_vocals: whether what repeats behind the voice is taken away first, as the baseline did.
    """

    separate_vocals: bool = MISSING

    shortest_samples = acoustics.SHORTEST_SAMPLES
    longest_seconds: ClassVar[float] = acoustics.LONGEST_SECONDS
    piece_seconds = None
    reads_in_processes = True

    def examples(self, waveform: np.ndarray) -> np.ndarray:
        """Waveform float32 [samples] at 16 kHz -> float32 [1, 283]."""
        return acoustics.mfcc_statistics(waveform, self.separate_vocals)[np.newaxis]

    def open(self, may_be_random: bool) -> AbstractContextManager[Network]:  # noqa: ARG002
        """See `Embedding.open`; there are no weights."""
        return nullcontext(Unchanged("none"))
