"""Clips: what is heard of a damaged one has to be what was heard of the whole one, or it is said."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soundfile

from sarcasm.packaged.sound import read_clip
from sarcasm.resampling import Resampler
from tests.faults.fuzz.damage import damaged
from tests.faults.fuzz.trial import Trial

RATE = 16_000
LONGEST_SECONDS = 60.0
FORMATS = {
    "clip.wav": ("WAV", "PCM_16"), "extensible.wav": ("WAVEX", "PCM_24"), "clip.aiff": ("AIFF", "PCM_16"),
    "clip.au": ("AU", "PCM_16"), "clip.w64": ("W64", "PCM_16"), "clip.caf": ("CAF", "PCM_16"),
    "clip.flac": ("FLAC", "PCM_16"), "clip.ogg": ("OGG", "VORBIS"), "clip.opus": ("OGG", "OPUS"),
    "clip.mp3": ("MP3", "MPEG_LAYER_III"),
}  # fmt: skip
"""File -> libsndfile's names of its format."""
VIDEOS = {
    "clip.m4a": ("mp4", "aac"),
    "clip.mkv": ("matroska", "aac"),
    "clip.ts": ("mpegts", "aac"),
    "clip.avi": ("avi", "mp2"),
}
"""File -> FFmpeg's names of its container and codec."""
CHECKED = {"clip.flac", "clip.ogg", "clip.opus"}
"""Formats with checksums over the sound: no sample may differ in silence. Elsewhere the length may not."""


@dataclass(frozen=True)
class Sound:
    """What was heard of a clip."""

    seconds: float
    sha256: str = ""


class DamagedSounds:
    """Two seconds of a voice-like sound in fourteen formats, with flips, cuts and more."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        t = np.arange(2 * RATE) / RATE
        rng = np.random.default_rng(1)
        tone = sum(np.sin(2 * np.pi * 140 * harmonic * t) / harmonic for harmonic in range(1, 9))
        waveform = (0.12 * tone * (1 + 0.5 * np.sin(2 * np.pi * 3 * t)) + 0.01 * rng.standard_normal(len(t))).astype(
            np.float32
        )
        for name, (container, codec) in FORMATS.items():
            soundfile.write(folder / name, waveform, RATE, format=container, subtype=codec)
        for name, (container, codec) in VIDEOS.items():
            _encode(folder / name, waveform, container, codec)
        self._whole = {name: (folder / name).read_bytes() for name in (*FORMATS, *VIDEOS)}
        self._heard = {name: _heard(folder / name) for name in self._whole}

    def trial(self, rng: np.random.Generator) -> Trial:
        """A damaged clip."""
        name = list(self._whole)[int(rng.integers(len(self._whole)))]
        content, said = damaged(self._whole[name], rng)
        path = self._folder / f"damaged_{name}"
        path.write_bytes(content)
        return Trial(f"{name}, {said}", lambda: _heard(path, name), (path.name,), self._heard[name])


def _heard(path: Path, name: str = "") -> Sound:
    waveform = read_clip(path, Resampler.reference, LONGEST_SECONDS)
    if (name or path.name) in CHECKED:
        return Sound(round(len(waveform) / RATE, 4), hashlib.sha256(waveform.tobytes()).hexdigest())
    return Sound(round(len(waveform) / RATE, 1))


def _encode(path: Path, waveform: np.ndarray, container: str, codec: str) -> None:
    with av.open(str(path), "w", format=container) as file:
        stream = file.add_stream(codec, rate=RATE, layout="mono")
        form = stream.codec_context.codec.audio_formats[0].name
        samples = waveform[None] if form.startswith("flt") else (waveform[None] * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
