"""How long a clip may be, so that neither memory nor time grows with whatever somebody brings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LONGEST_SECONDS = 3600.0
"""Of a clip, where no lower limit is named: no utterance lasts an hour, which at 16 kHz is 230 MB as float32."""
MOST_SAMPLES_A_SECOND = 8 * 48_000
"""Over all channels, decoded for each second that a clip may last: eight channels at 48 kHz, or two at 192 kHz. A small
file may otherwise unfold to hours of work: FLAC knows 655,350 Hz and eight channels, of which silence takes nothing."""


def too_long(
    n_frames: int, sample_rate: int, n_channels: int, longest_seconds: float, n_promised: int = 0
) -> str | None:
    """What is wrong with a clip of which so much was decoded, worded to follow its name; None while it may go on.

    Args:
        n_frames: decoded so far, samples of each channel.
        sample_rate: in Hz.
        n_channels: that the file has.
        longest_seconds: that a clip may last.
        n_promised: frames by the word of the file's header; 0 where it says nothing.
    """
    at_this_rate = longest_seconds * MOST_SAMPLES_A_SECOND / (sample_rate * n_channels)
    most_seconds = min(longest_seconds, at_this_rate)
    if n_frames <= most_seconds * sample_rate:
        return None
    own = f" ({n_promised / sample_rate:.1f} s by its header)" if n_promised >= n_frames else ""
    if most_seconds == longest_seconds:
        return f"lasts longer than {most_seconds:g} s{own}, which is the most that is read; cut it into parts"
    channels = "1 channel" if n_channels == 1 else f"{n_channels} channels"
    return (
        f"lasts longer than {most_seconds:.1f} s{own}, which is the most that is read of {channels} at"
        f" {sample_rate} Hz; cut it into parts, or convert it to 48000 Hz"
    )


def padded(waveform: NDArray[np.float32], shortest_samples: int) -> NDArray[np.float32]:
    """A waveform with silence behind it where it is shorter; else the waveform itself, not a copy."""
    n_lacking = shortest_samples - len(waveform)
    return np.pad(waveform, (0, n_lacking)) if n_lacking > 0 else waveform
