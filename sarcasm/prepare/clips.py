"""One clip's work: video -> sound, sound -> denoised sound; run in a process of its own.

The result is written aside, and put into its place by whoever keeps the folder's manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sarcasm.audio import SILENT_PEAK, read_samples
from sarcasm.corpus.provenance import Record
from sarcasm.corpus.wav import wav_bytes
from sarcasm.errors import AudioError, DenoiseError, VideoError
from sarcasm.files import named, part_of, sha256
from sarcasm.prepare.denoise import RESAMPLER_QUALITY, Denoiser, fitted
from sarcasm.prepare.sound import Extract, read_sound
from sarcasm.prepare.videos import Video

FULL_SCALE = 1 - 2.0**-15
"""The largest 16-bit sample."""
SHORT_SECONDS = 0.975
"""One example of VGGish (vggish_params.py: 96 frames of 10 ms and the rest of the last window)."""
LOUDEST_CHANGE_DB, QUIETEST_CHANGE_DB = 3.0, -30.0
"""A denoiser takes away; one that adds level, or leaves a thousandth of the energy, went wrong."""
LONGEST_SECONDS = 600.0
"""Of what is denoised: the denoisers hold a clip several times, at up to 48 kHz."""
DIGITS = 6
"""Of numbers in the manifest."""


@dataclass(frozen=True)
class ExtractClip:
    """Take the sound out of a video.

    Attributes:
        id: of the utterance.
        target: the clip to be made.
        video: what it is made of.
        archive_sha256: of the archive that the video is in; None for a folder.
        extract: how.
    """

    id: str
    target: Path
    video: Video
    archive_sha256: str | None
    extract: Extract

    def make(self) -> Record:
        """Write the clip aside.

        Raises:
            VideoError: there is no sound to be had.
            OSError: it cannot be written.
        """
        content, digest = self.video.read()
        sound = read_sound(content, self.extract.sample_rate, self.extract.speechnorm)
        source: dict[str, Any] = {"file": self.video.container.name, "sha256": digest, **self.video.identity}
        if self.video.member:
            source |= {"member": self.video.member, "archive_sha256": self.archive_sha256}
        facts = {
            "codec": sound.codec,
            "promised_seconds": None if sound.promised_seconds is None else round(sound.promised_seconds, DIGITS),
            "damaged_packets": sound.damaged_packets,
        }
        warnings = [sound.loss] if sound.loss else []
        warnings += sound.condition.faults if sound.condition.cancels_out else []
        return _write(
            self, sound.samples, sound.sample_rate, source, _pyav(), extract_parameters(self.extract), facts, warnings
        )


@dataclass(frozen=True)
class DenoiseClip:
    """Free a clip from noise.

    Attributes:
        id: of the utterance.
        target: the clip to be made.
        original: the clip with its noise; the new one has its rate and as many samples.
        video: what that was made of, if the denoiser wants the whole band; None takes the original.
        speechnorm: see `Extract`; of the original, and thus of the new one.
        denoiser: how.
    """

    id: str
    target: Path
    original: Path
    video: Video | None
    speechnorm: str | None
    denoiser: Denoiser

    def make(self) -> Record:
        """Write the clip aside.

        Raises:
            AudioError: the original cannot be used.
            VideoError: the video cannot.
            DenoiseError: the denoiser fails.
            OSError: it cannot be written.
        """
        import soxr

        original, sample_rate = read_samples(self.original, longest_seconds=LONGEST_SECONDS)
        source: dict[str, Any] = {
            "file": f"{self.original.parent.name}/{self.original.name}",
            "sha256": sha256(self.original),
        }
        samples, rate = original, sample_rate
        if self.video is not None:
            content, source["video_sha256"] = self.video.read()
            sound = read_sound(content, None, self.speechnorm, LONGEST_SECONDS)
            samples, rate = sound.samples, sound.sample_rate
        cleaned = self.denoiser.denoise(samples, rate)
        if len(cleaned) != len(samples) or not np.isfinite(cleaned).all():
            raise DenoiseError(
                f"cannot be denoised: {len(cleaned)} samples came out for {len(samples)}, or some are not finite"
            )
        if rate != sample_rate:
            cleaned = fitted(soxr.resample(cleaned, rate, sample_rate, RESAMPLER_QUALITY), len(original))
        change = _decibels(_rms(cleaned), _rms(original))
        facts = {"level_change_db": change, "clipped_before": _n_clipped(original), "rate_heard": rate}
        warnings = []
        if change is not None and not QUIETEST_CHANGE_DB <= change <= LOUDEST_CHANGE_DB:
            warnings.append(f"denoising changed the level by {change:+.1f} dB")
        parameters = dict(self.denoiser.parameters)
        return _write(self, cleaned, sample_rate, source, self.denoiser.tool, parameters, facts, warnings)


ClipWork = ExtractClip | DenoiseClip


def make(clip: ClipWork) -> Record | str:
    """Make one clip; the reason, worded to follow the clip's name, where that fails."""
    try:
        return clip.make()
    except (AudioError, VideoError, DenoiseError) as error:
        return str(error)


def extract_parameters(extract: Extract) -> dict[str, Any]:
    """All that decides what comes out."""
    return {"sample_rate": extract.sample_rate, "speechnorm": extract.speechnorm, "channels": 1}


@cache
def _pyav() -> str:
    import av

    versions = av.library_versions
    libraries = ", ".join(f"{name} {'.'.join(map(str, versions[name]))}" for name in ("libavcodec", "libswresample"))
    return f"PyAV {av.__version__} ({libraries})"


def _write(
    clip: ClipWork,
    samples: NDArray[np.float32],
    sample_rate: int,
    source: dict[str, Any],
    tool: str,
    parameters: dict[str, Any],
    facts: dict[str, Any],
    warnings: list[str],
) -> Record:
    part = part_of(clip.target)
    with named(part):
        part.write_bytes(wav_bytes(samples[:, None], sample_rate, "float_32"))
    seconds, peak = len(samples) / sample_rate, float(np.abs(samples).max())
    if peak < SILENT_PEAK:
        warnings.append("silent")
    if seconds < SHORT_SECONDS:
        warnings.append(f"shorter than one example of {SHORT_SECONDS} s")
    return Record(
        id=clip.id,
        file=clip.target.name,
        sha256=sha256(part),
        sample_rate=sample_rate,
        samples=len(samples),
        seconds=round(seconds, DIGITS),
        peak=round(peak, DIGITS),
        rms=round(_rms(samples), DIGITS),
        clipped=_n_clipped(samples),
        source=source,
        tool=tool,
        parameters=parameters,
        facts=facts,
        warnings=tuple(warnings),
    )


def _n_clipped(samples: NDArray[np.float32]) -> int:
    return int(np.count_nonzero(np.abs(samples) >= FULL_SCALE))


def _rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def _decibels(level: float, reference: float) -> float | None:
    return round(20 * float(np.log10(level / reference)), 2) if level and reference else None
