"""What every embedding has, and what it opens.

To add an embedding: a class with `open` (and `examples`, where it does not take VGGish's), in a module here that
`__init__` imports, and a file in conf/embedding/ that picks it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from omegaconf import MISSING

from sarcasm.audio import LONGEST_SECONDS, SAMPLE_RATE
from sarcasm.store import Store
from sarcasm.vggish import EXAMPLE_SAMPLES, waveform_to_examples
from sarcasm.vggish.constants import EXAMPLE_FRAMES, HOP_SAMPLES


class Workers(Enum):
    """Where clips are embedded."""

    local = "local"
    ray = "ray"


class Network(Protocol):
    """What an embedding opens: examples in, embeddings out."""

    @property
    def weights_fingerprint(self) -> str:
        """What makes two embeddings comparable: "sha256:..." of weights, "random:seed", or "none"."""

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Examples float32 [n, 96, 64], or as the embedding makes them -> embeddings float32 [n, D]."""


@dataclass(frozen=True)
class Unchanged:
    """A network that leaves its examples as they are.

    Attributes:
        weights_fingerprint: of whatever comes after it.
    """

    weights_fingerprint: str

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Give the examples back."""
        return examples


@dataclass
class Embedding:
    """What every embedding has.

    Attributes:
        name: what the embedding is called in runs and reports.
        workers: where clips are embedded: on this machine, or on a Ray cluster.
    """

    name: str = MISSING
    workers: Workers = MISSING

    shortest_samples: ClassVar[int] = EXAMPLE_SAMPLES
    """Of a waveform that gives an example; a shorter clip is padded, dropped or refused."""
    longest_seconds: ClassVar[float] = LONGEST_SECONDS
    """Of a clip; a longer one is refused."""
    piece_seconds: ClassVar[float | None] = EXAMPLE_FRAMES * HOP_SAMPLES / SAMPLE_RATE
    """From one example of a clip to the next; None where the whole clip is one."""
    reads_in_processes: ClassVar[bool] = False
    """Whether examples are made in processes instead of threads: where Python itself is at work, threads take turns."""

    @property
    def recipe(self) -> dict[str, Any]:
        """What changes its values beside weights, code and libraries: by default, every option of its own."""
        general = {field.name for field in fields(Embedding)}
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name not in general}

    def examples(self, waveform: np.ndarray) -> np.ndarray:
        """Waveform float32 [samples] at 16 kHz -> what the network takes: VGGish's log-mel float32 [n, 96, 64]."""
        return waveform_to_examples(waveform, SAMPLE_RATE)

    @property
    def has_released_pca(self) -> bool:
        """Whether VGGish's PCA was made for it; for any other, one is fitted on the training rows."""
        return False

    @property
    def is_trained(self) -> bool:
        """Whether its network is trained together with the head, so that the table holds examples."""
        return False

    def fingerprint(self, may_be_random: bool, store: Store) -> str:  # noqa: ARG002
        """What its network will say of its weights, found out without opening it where the store knows.

        Raises:
            WeightsError: see `open`.
        """
        with self.open(may_be_random) as network:
            return network.weights_fingerprint

    def weights(self, may_be_random: bool) -> dict[str, np.ndarray]:
        """The weights that training begins with, by the names of the variables of `build`; where it is trained.

        Raises:
            WeightsError: see `open`.
        """
        raise NotImplementedError

    def build(self, examples: Any) -> Any:
        """Build the network in TensorFlow's current graph: tensor [n, ...] -> [n, D]; where it is trained."""
        raise NotImplementedError

    def open(self, may_be_random: bool) -> AbstractContextManager[Network]:
        """Load the weights.

        Args:
            may_be_random: whether seeded random weights may stand in for a released file that is not there: for made-up
                clips only.

        Raises:
            WeightsError: the weights are missing, damaged or of another network.
        """
        raise NotImplementedError

    @property
    def weights_file(self) -> Path | None:
        """Where its weights are read from, a file or the prefix of several; None where it has none."""
        return None

    def reopen(self, weights: str, file: Path | None) -> AbstractContextManager[Network]:  # noqa: ARG002
        """Open it again with the weights that a table was made with.

        Args:
            weights: what its network said of them, see `Network.weights_fingerprint`.
            file: where they lie now; None where they are drawn, or there are none.

        Raises:
            WeightsError: they cannot be used.
        """
        return self.open(may_be_random=weights.startswith("random:"))
