"""A clip that somebody brings -> a waveform at 16 kHz, whatever it is: audio, a video, or neither.

Audio is read as training reads it. What libsndfile does not know is given to FFmpeg's libraries, which take the sound
out at 16 kHz as `sarcasm prepare` does. Either way a clip that lasts too long is refused before it fills the memory.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

import numpy as np

from sarcasm.audio import SAMPLE_RATE, read_waveform, waveform_of
from sarcasm.errors import AudioError, UnknownFormatError, VideoError
from sarcasm.prepare.sound import read_sound
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
    try:
        return read_waveform(path, resampler, longest_seconds=longest_seconds)
    except UnknownFormatError:
        with path.open("rb") as file:
            return _sound_of(file, str(path), longest_seconds)


def read_content(content: bytes, name: str, resampler: Resampler, longest_seconds: float) -> np.ndarray:
    """Read a clip from its bytes; see `read_clip`.

    Args:
        content: all bytes of the file.
        name: what an error calls it.
        resampler: as above.
        longest_seconds: as above.
    """
    try:
        return waveform_of(content, name, resampler, longest_seconds)
    except UnknownFormatError:
        return _sound_of(io.BytesIO(content), name, longest_seconds)


def _sound_of(file: IO[bytes], name: str, longest_seconds: float) -> np.ndarray:
    try:
        return read_sound(file, SAMPLE_RATE, longest_seconds=longest_seconds).samples
    except VideoError as error:
        raise AudioError(f"{name} is neither audio nor a video with sound that can be read: it {error}") from error
