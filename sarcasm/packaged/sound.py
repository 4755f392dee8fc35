"""A clip that somebody brings -> a waveform at 16 kHz, whatever it is: audio, a video, or neither.

It is read as training reads it; a clip that lasts too long is refused before it fills the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from sarcasm.audio import read_waveform, waveform_of
from sarcasm.errors import AudioError, UnknownFormatError
from sarcasm.resampling import Resampler


def read_clip(path: Path, resampler: Resampler, longest_seconds: float) -> np.ndarray:
    """Read a clip from a file.

    Args:
        path: audio or video.
        resampler: how other rates are brought to 16 kHz.
        longest_seconds: more is refused.

    Returns:
        float32 [samples] at 16 kHz, mono, finite, at least one.

    Raises:
        AudioError: it cannot be used; the message names it.
    """
    with _either(str(path)):
        return read_waveform(path, resampler, longest_seconds=longest_seconds)


def read_content(content: bytes, name: str, resampler: Resampler, longest_seconds: float) -> np.ndarray:
    """Read a clip from its bytes; see `read_clip`.

    Args:
        content: all bytes of the file.
        name: what an error calls it.
        resampler: as above.
        longest_seconds: as above.
    """
    with _either(name):
        return waveform_of(content, name, resampler, longest_seconds)


@contextmanager
def _either(name: str) -> Iterator[None]:
    """Who brings a clip may bring a video as well."""
    try:
        yield
    except UnknownFormatError as error:
        raise AudioError(
            f"{name} is neither audio nor a video with sound that can be read: it {error.reason}"
        ) from error
