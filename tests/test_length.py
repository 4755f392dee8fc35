"""How long a clip may be: what unfolds to too much is refused, and memory does not grow with what a file says."""

from __future__ import annotations

import io
import re
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sarcasm.audio import padded, read_samples, read_waveform
from sarcasm.audio.length import too_long
from sarcasm.errors import AudioError, VideoError
from sarcasm.prepare.sound import read_sound
from sarcasm.resampling import Resampler


def silent_flac(path: Path, seconds: float, sample_rate: int, n_channels: int = 1) -> Path:
    """A small file, whatever it unfolds to."""
    soundfile.write(path, np.zeros((round(seconds * sample_rate), n_channels), np.int16), sample_rate, format="FLAC")
    return path


def test_an_hour_is_the_most_wherever_a_clip_is_read(tmp_path):
    path = silent_flac(tmp_path / "long.flac", 3_700, 1_000)
    fault = "lasts longer than 3600 s (3700.0 s by its header), which is the most that is read; cut it into parts"
    with pytest.raises(AudioError, match=f"^clip 1_60: {re.escape(f'{path} {fault}')}$"):
        read_waveform(path, Resampler.soxr, "1_60")
    with pytest.raises(AudioError, match=f"^{re.escape(f'{path} {fault}')}$"):
        read_samples(path)


def test_an_hour_itself_is_read(tmp_path):
    assert len(read_waveform(silent_flac(tmp_path / "hour.flac", 3_600, 1_000), Resampler.soxr)) == 3_600 * 16_000


def test_what_is_decoded_counts_over_all_channels_and_not_the_bytes(tmp_path):
    path = silent_flac(tmp_path / "wide.flac", 0.2, 655_350, 8)
    with pytest.raises(AudioError) as raised:
        read_waveform(path, Resampler.soxr, longest_seconds=1)
    assert str(raised.value) == (
        f"{path} lasts longer than 0.1 s (0.2 s by its header), which is the most that is read of 8 channels at"
        " 655350 Hz; cut it into parts, or convert it to 48000 Hz"
    )
    with (
        pytest.raises(VideoError, match=r"^lasts longer than 0.1 s.*of 8 channels at 655350 Hz"),
        path.open("rb") as file,
    ):
        read_sound(file, 16_000, longest_seconds=1)


@pytest.mark.parametrize(("sample_rate", "n_channels"), [(16_000, 1), (44_100, 2), (48_000, 8), (192_000, 2)])
def test_ordinary_rates_are_bounded_by_their_length_alone(sample_rate, n_channels):
    assert too_long(120 * sample_rate, sample_rate, n_channels, 120) is None
    assert too_long(120 * sample_rate + 1, sample_rate, n_channels, 120) == (
        "lasts longer than 120 s, which is the most that is read; cut it into parts"
    )


def test_a_clip_of_a_high_rate_is_never_held_at_that_rate(tmp_path):
    path = silent_flac(tmp_path / "clip.flac", 60, 96_000, 2)
    read_waveform(path, Resampler.reference)  # makes the table
    tracemalloc.start()
    waveform = read_waveform(path, Resampler.reference)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # The clip twice, in blocks and joined; the blocks that are worked on; not its 60 s at 96 kHz.
    assert peak < 2 * waveform.nbytes + 90e6
    assert len(waveform) == 60 * 16_000


def test_only_what_is_short_is_copied_to_be_padded():
    waveform = np.ones(5, np.float32)
    assert padded(waveform, 5) is waveform
    assert padded(waveform, 7).tolist() == [1, 1, 1, 1, 1, 0, 0]


def test_a_video_too_is_refused_by_its_length(tmp_path):
    file = io.BytesIO(silent_flac(tmp_path / "clip.flac", 3, 8_000).read_bytes())
    with pytest.raises(VideoError, match=r"^lasts longer than 2 s, which is the most that is read; cut it into parts$"):
        read_sound(file, 16_000, longest_seconds=2)
