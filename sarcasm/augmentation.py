"""Copies of training clips, changed in ways that leave the tone what it is.

Copies are for training sides alone, and those of a clip belong where the clip is: whoever asks for them sees to that.
Waveforms are float32 [samples] at 16 kHz, here as everywhere.

To add an augmentation: a class with `n_copies` and `copies`, and a file in conf/augment/ that picks it.

Sources: Morgner, Kolingba-Froidevaux, Gillioz and Sabater Vilchez 2024, "Unveiling Sarcasm Through Speech" (TU Berlin,
src/data/aug_denoised.py): a clip moved by a tenth of a second, one stretched at a rate of 0.8, one with its pitch moved
by -3 to 3 semitones. Stretching and pitch are librosa's, by a phase vocoder (https://librosa.org/doc/latest/effects.html).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from omegaconf import MISSING

from sarcasm.audio import SAMPLE_RATE
from sarcasm.errors import ConfigError
from sarcasm.options import option

LONGEST_COPIED_SECONDS = 600.0
"""All copies of a clip are held at once, and the spectra that stretching goes by, many times its size."""
LONGEST_SHIFT_SECONDS = 60.0
SLOWEST, FASTEST = 0.25, 4.0
"""Rates of stretching; beyond them, little is left that could be understood."""
MOST_SEMITONES = 24.0
"""Two octaves, likewise."""
VOCODER_SAMPLES = 2048
"""One window of librosa's phase vocoder; a shorter clip is filled up with silence while it is changed."""

Waveform = NDArray[np.float32]


def generator_of(seed: int, id_: str) -> np.random.Generator:
    """What the draws for a clip are made with: they depend on nothing but the seed and the clip's id.

    Args:
        seed: of the run, 0 or more.
        id_: of the clip.
    """
    of_id = int.from_bytes(hashlib.sha256(id_.encode()).digest(), "big")
    return np.random.default_rng(np.random.SeedSequence([seed, of_id]))


@dataclass
class Augmentation:
    """What every augmentation has.

    Attributes:
        name: what it is called in runs and reports.
    """

    name: str = MISSING

    longest_seconds: ClassVar[float] = LONGEST_COPIED_SECONDS
    """Of a clip that copies are made of."""

    def copies_of(self, waveform: Waveform, seed: int, id_: str) -> list[Waveform]:
        """Changed copies of a clip; those of its id and seed are always the same, see `generator_of`."""
        return self.copies(waveform, generator_of(seed, id_))

    @property
    def n_copies(self) -> int:
        """How many copies of each clip there are."""
        raise NotImplementedError

    def copies(self, waveform: Waveform, generator: np.random.Generator) -> list[Waveform]:
        """Make changed copies of a clip.

        Args:
            waveform: float32 [samples] at 16 kHz, finite, at least one sample; it is left as it is.
            generator: of whatever is drawn, see `generator_of`.

        Returns:
            `n_copies` waveforms, float32, finite, at least one sample each, none of which shares memory with the clip.
        """
        raise NotImplementedError


@option("augment", "none")
@dataclass
class NoAugmentation(Augmentation):
    """Clips as they are, and nothing else."""

    @property
    def n_copies(self) -> int:
        """See `Augmentation.n_copies`."""
        return 0

    def copies(self, waveform: Waveform, generator: np.random.Generator) -> list[Waveform]:  # noqa: ARG002
        """See `Augmentation.copies`."""
        return []


@option("augment", "origin")
@dataclass
class Origin(Augmentation):
    """One copy moved in time, one stretched and one with another pitch, in this order.

    Two things are not as in the source. There every clip is moved by a tenth of a second to later, and what leaves it
    at the end comes in at the beginning; here the way is drawn, and silence comes in. There the pitch moves by any
    whole number of semitones from -3 to 3, so that each seventh copy is the clip itself; here always by the most, up or
    down.

    A stretched copy and one of another pitch may go a little beyond the peak of the clip; they are left so.

    Attributes:
        shift_seconds: the farthest a clip is moved, earlier or later, and never by more than half of its length; null
            or 0 makes no such copy.
        stretch: the rate of a stretched copy; 0.8 lasts 1 / 0.8 = 1.25 times as long. Null or 0 makes none.
        semitones: by how much the pitch is moved, up or down as is drawn; the length stays. Null or 0 makes no such
            copy.
    """

    shift_seconds: float | None = MISSING
    stretch: float | None = MISSING
    semitones: float | None = MISSING

    def __post_init__(self) -> None:
        if self.shift_seconds and not 0 < self.shift_seconds <= LONGEST_SHIFT_SECONDS:
            raise ConfigError(
                f"augment.shift_seconds={self.shift_seconds}: seconds above 0 and up to {LONGEST_SHIFT_SECONDS:g} are"
                " needed, or null for no such copy"
            )
        if self.stretch and (not SLOWEST <= self.stretch <= FASTEST or self.stretch == 1):
            raise ConfigError(
                f"augment.stretch={self.stretch}: a rate from {SLOWEST:g} to {FASTEST:g} other than 1 is needed, or"
                " null for no such copy"
            )
        if self.semitones and not 0 < self.semitones <= MOST_SEMITONES:
            raise ConfigError(
                f"augment.semitones={self.semitones}: semitones above 0 and up to {MOST_SEMITONES:g} are needed, or"
                " null for no such copy"
            )

    @property
    def n_copies(self) -> int:
        """See `Augmentation.n_copies`."""
        return sum(map(bool, (self.shift_seconds, self.stretch, self.semitones)))

    def copies(self, waveform: Waveform, generator: np.random.Generator) -> list[Waveform]:
        """See `Augmentation.copies`."""
        # Drawn in any case: what one copy is like does not depend on whether there is another.
        way, sign = generator.uniform(-1, 1), generator.choice([-1, 1])
        made = []
        if self.shift_seconds:
            made.append(_shifted(waveform, round(way * min(self.shift_seconds * SAMPLE_RATE, len(waveform) / 2))))
        if self.stretch:
            made.append(_stretched(waveform, self.stretch))
        if self.semitones:
            made.append(_transposed(waveform, sign * self.semitones))
        return made


def _shifted(waveform: Waveform, n_samples: int) -> Waveform:
    """Later by a number of samples, or earlier by a negative one; as long as before."""
    before, after = max(n_samples, 0), max(-n_samples, 0)
    return np.pad(waveform[after : len(waveform) - before], (before, after))


def _stretched(waveform: Waveform, rate: float) -> Waveform:
    import librosa

    stretched = librosa.effects.time_stretch(_filled_up(waveform), rate=rate)
    return stretched[: max(1, round(len(waveform) / rate))]


def _transposed(waveform: Waveform, semitones: float) -> Waveform:
    import librosa

    return librosa.effects.pitch_shift(_filled_up(waveform), sr=SAMPLE_RATE, n_steps=semitones)[: len(waveform)]


def _filled_up(waveform: Waveform) -> Waveform:
    return np.pad(waveform, (0, max(0, VOCODER_SAMPLES - len(waveform))))
