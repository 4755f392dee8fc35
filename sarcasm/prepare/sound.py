"""The sound of a video -> mono samples, as a clip of a corpus is made of it; see `sarcasm.audio.ffmpeg`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO

from omegaconf import MISSING

from sarcasm.audio import LONGEST_SECONDS, ffmpeg
from sarcasm.audio.faults import Fault
from sarcasm.audio.ffmpeg import Track
from sarcasm.errors import ConfigError, VideoError
from sarcasm.files import START_BYTES, stand_in
from sarcasm.options import option

SPEECHNORM = "e=6.25:r=0.00001:l=1"
"""Of the TU Berlin configuration for MUStARD: expansion, rise per sample, channels linked."""
LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000


@option("extract", "sound")
@dataclass
class Extract:
    """How sound is taken out of a video.

    Attributes:
        name: what the way is called.
        sample_rate: of the result, in Hz.
        speechnorm: FFmpeg's speechnorm filter with these arguments; null leaves levels as they are.
    """

    name: str = MISSING
    sample_rate: int = MISSING
    speechnorm: str | None = MISSING

    def __post_init__(self) -> None:
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise ConfigError(
                f"extract.sample_rate={self.sample_rate}: Hz between {LOWEST_RATE} and {HIGHEST_RATE} are needed"
            )


def read_sound(
    file: IO[bytes], sample_rate: int | None, speechnorm: str | None = None, longest_seconds: float = LONGEST_SECONDS
) -> Track:
    """Take the sound out of a video.

    Args:
        file: the video, of any format that FFmpeg knows.
        sample_rate: of the samples, in Hz; None keeps that of the stream.
        speechnorm: see `Extract`.
        longest_seconds: sound that lasts longer is refused, before it fills the memory; see `too_long`.

    Raises:
        VideoError: it cannot be opened, has no sound, or is truncated; worded to follow the clip's name.
    """
    if instead := stand_in(file.read(START_BYTES)):
        raise VideoError(instead)
    file.seek(0)
    try:
        return ffmpeg.read_sound(file, sample_rate, speechnorm=speechnorm, longest_seconds=longest_seconds)
    except Fault as fault:
        raise VideoError(str(fault)) from fault
