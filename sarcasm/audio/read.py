"""A clip on disk -> a waveform [samples] at 16 kHz, or what is wrong with the file.

Samples are float32 as libsndfile gives them: full scale of an integer format is 1, floating formats are taken as they
are. Nothing is scaled, normalised, trimmed or padded. Channels are averaged before the rate is changed, the order of
vggish_input.py (tensorflow/models, research/audioset/vggish). What libsndfile does not know, or knows by half, goes to
FFmpeg's libraries (`sarcasm.audio.ffmpeg`); a video's sound comes from there at 16 kHz, as `sarcasm prepare` takes it.

No decoder says what it passes over, so each file is measured by what it promises itself: the sizes in its header
(`sarcasm.audio.sizes`), the frames that an MP3 counts (`sarcasm.audio.mpeg`), numbers, checksums and granule positions
of Ogg's pages (`sarcasm.audio.ogg`), the length that a FLAC has, index and times of other containers. Only what is
counted is a promise, and never what a decoder estimates: a file that counts nothing is read to its end.

The rule: an audio file is whole, or it is refused with how much is missing. The sound of a video, which often cannot be
had again, may lack a tenth of a second where somebody is told of it; nothing is left out without a word.
"""

from __future__ import annotations

import io
import math
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sarcasm.audio import ffmpeg, libsndfile, mpeg, ogg
from sarcasm.audio.faults import AGAIN, Fault, UnknownFormat
from sarcasm.audio.libsndfile import CannotDecode, CannotOpen, Overwritten, Sound
from sarcasm.audio.sizes import announced
from sarcasm.errors import AudioError, UnknownFormatError
from sarcasm.resampling import Resampler, resample

SAMPLE_RATE = 16_000
"""Of every waveform past this module, in Hz: vggish_params.py, SAMPLE_RATE."""
FLAC_TOTAL_PLACE = 21
"""Of the number of samples in the header, 36 bits behind 4 others (RFC 9639, section 8.2)."""
MP3_SLACK_FRAMES = 2
"""Encoders do not agree on how they count their delay."""
OGG_SLACK_SECONDS = 0.001
"""Granule positions may be of another rate than the samples."""

Warn = Callable[[str], object]
"""Is told, in a line that names the file, what the sound of a video lacks."""


def read_waveform(
    path: Path, resampler: Resampler, clip: str = "", longest_seconds: float = math.inf, warn: Warn | None = None
) -> NDArray[np.float32]:
    """Read a clip as a mono waveform at 16 kHz.

    Args:
        path: a file of any format that libsndfile or FFmpeg knows; channels are averaged.
        resampler: how another sample rate is brought to 16 kHz; that of a video's sound is changed by FFmpeg.
        clip: what an error calls the clip; "" names the file only.
        longest_seconds: see `read_samples`.
        warn: see `read_samples`.

    Returns:
        float32 [samples], finite, at least one sample; in [-1, 1] unless a floating file goes beyond.

    Raises:
        AudioError: missing, a folder, not readable, empty, not audio, damaged, truncated, not finite, or of an
            impossible rate. The message names clip, file and cause.
    """
    name = _named(path, clip)
    with _told(name):
        sound = _read(path, longest_seconds, SAMPLE_RATE)
        _tell(sound, name, warn)
    return _at_16_khz(sound, resampler, name)


def waveform_of(
    content: bytes, name: str, resampler: Resampler, longest_seconds: float, warn: Warn | None = None
) -> NDArray[np.float32]:
    """Read a clip from its bytes, as `read_waveform` reads a file of them.

    Args:
        content: all bytes of the file.
        name: what an error calls it.
        resampler: how another sample rate is brought to 16 kHz.
        longest_seconds: see `read_samples`.
        warn: see `read_samples`.

    Raises:
        AudioError: see `read_waveform`.
    """
    # A file without a name: the checks for truncation look around in it, and libsndfile takes it by its number.
    with tempfile.TemporaryFile(buffering=0) as file, _told(name):
        file.write(content)
        file.seek(0)
        sound = _decoded(file, len(content), longest_seconds, SAMPLE_RATE)
        _tell(sound, name, warn)
    return _at_16_khz(sound, resampler, name)


def read_samples(
    path: Path, clip: str = "", longest_seconds: float = math.inf, warn: Warn | None = None
) -> tuple[NDArray[np.float32], int]:
    """Read a clip at the rate it has: mono samples, and their rate in Hz.

    Args:
        path: see `read_waveform`.
        clip: see `read_waveform`.
        longest_seconds: a clip that lasts longer is refused, before it fills the memory; so is one of more than
            `MOST_SAMPLES` where there is such a limit.
        warn: is told what little the sound of a video lacks; without it, such a video is refused.

    Raises:
        AudioError: see `read_waveform`; `UnknownFormatError` where neither libsndfile nor FFmpeg makes sound of it.
    """
    name = _named(path, clip)
    with _told(name):
        sound = _read(path, longest_seconds, None)
        _tell(sound, name, warn)
    return sound.samples, sound.sample_rate


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Faults become errors that begin with a name."""
    try:
        yield
    except UnknownFormat as fault:
        raise UnknownFormatError(f"{name} {fault}", fault.reason) from fault
    except Fault as fault:
        raise AudioError(f"{name} {fault}") from fault


def _tell(sound: Sound, name: str, warn: Warn | None) -> None:
    if sound.loss and warn is None:
        raise Fault(f"is damaged: {sound.loss}; {AGAIN}")
    if sound.loss and warn is not None:
        warn(f"{name} is damaged: {sound.loss}")


def _at_16_khz(sound: Sound, resampler: Resampler, name: str) -> NDArray[np.float32]:
    samples, sample_rate = sound.samples, sound.sample_rate
    waveform = resample(samples, sample_rate, SAMPLE_RATE, resampler).astype(np.float32, copy=False)
    if not len(waveform):
        raise AudioError(
            f"{name} holds {len(samples)} samples at {sample_rate} Hz, less than one at {SAMPLE_RATE} Hz; {AGAIN}"
        )
    return waveform


def _named(path: Path, clip: str) -> str:
    return f"clip {clip}: {path}" if clip else str(path)


def _read(path: Path, longest_seconds: float, video_rate: int | None) -> Sound:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise Fault("is a folder; name the audio file itself")
        # Opening a pipe would wait for someone to write into it.
        if not stat.S_ISREG(status.st_mode):
            raise Fault("is not a regular file; name an audio file")
        with path.open("rb", buffering=0) as file:
            return _decoded(file, status.st_size, longest_seconds, video_rate)
    except (FileNotFoundError, NotADirectoryError):
        raise Fault("is not there; put the file there, or take the clip out of the labels") from None
    except PermissionError:
        raise Fault("may not be read (permission denied); change its permissions") from None
    except (OSError, ValueError) as error:
        raise Fault(f"cannot be read ({getattr(error, 'strerror', None) or error}); check its name and disk") from error


def _decoded(file: io.FileIO, n_bytes: int, longest_seconds: float, video_rate: int | None) -> Sound:
    """Sound of an open file: of a video at that rate, of others at the rate they have."""
    if not n_bytes:
        raise Fault(f"is empty (0 bytes); {AGAIN}")
    head = file.read(4)
    by_ffmpeg = partial(_by_ffmpeg, file, longest_seconds, video_rate)
    if head == b"fLaC":
        return _of_flac(file, longest_seconds, by_ffmpeg)
    if head == b"OggS":
        with _buffered(file) as buffered:
            pages = ogg.survey(buffered, n_bytes)
        return _of_pages(file, pages, longest_seconds, by_ffmpeg)
    # A sync word; libsndfile would search for frames behind one that begins none.
    is_frame = len(head) == 4 and int.from_bytes(head[:2], "big") >= 0xFFE0
    if is_frame or head.startswith(b"ID3"):
        with _buffered(file) as buffered:
            frames = mpeg.survey(buffered, 0, n_bytes)
        if frames is not None:
            return _of_frames(file, frames, longest_seconds)
        if is_frame:
            return by_ffmpeg(None)
    file.seek(0)
    size = announced(file, n_bytes)
    if size is not None and size.is_short:
        raise Fault(
            f"is truncated: {max(0, size.n_there)} of the {size.n_promised} bytes of sound that its header promises"
            f" are there; {AGAIN}"
        )
    file.seek(0)
    # By number, not by name: soundfile would take x.raw for headerless samples, whatever it holds.
    source = Overwritten(file, *size.mended) if size is not None and size.is_unset else file.fileno()
    try:
        with libsndfile.opened(source) as sound:
            is_mp3 = size is not None and sound.format.startswith("WAV") and sound.subtype.startswith("MPEG_LAYER")
            if size is None or not is_mp3:
                return libsndfile.read(sound, longest_seconds)
    except CannotOpen as fault:
        return by_ffmpeg(fault)
    with _buffered(file) as buffered:
        frames = mpeg.survey(buffered, size.start, min(n_bytes, size.start + size.n_promised))
    return _of_frames(file, frames, longest_seconds) if frames else by_ffmpeg(None)


def _buffered(file: io.FileIO) -> io.BufferedReader:
    """The same file, for many small steps."""
    return io.BufferedReader(io.FileIO(file.fileno(), closefd=False))


def _of_flac(file: io.FileIO, longest_seconds: float, by_ffmpeg: Callable[[Fault | None], Sound]) -> Sound:
    """Sound of a FLAC file: all that its header counts, and nothing behind that."""
    file.seek(FLAC_TOTAL_PLACE)
    first, *rest = file.read(5).ljust(5, b"\0")
    n_promised = (first & 0xF) << 32 | int.from_bytes(rest, "big")
    file.seek(0)
    # libsndfile stops at that number, and says nothing of what is behind a wrong one.
    source = Overwritten(file, FLAC_TOTAL_PLACE, bytes((first & 0xF0, 0, 0, 0, 0)))
    try:
        with libsndfile.opened(source if n_promised else file.fileno()) as sound:
            if not n_promised:
                return libsndfile.read(sound, longest_seconds)
            return libsndfile.read(sound, longest_seconds, n_promised, is_all=True)
    except CannotOpen as fault:
        return by_ffmpeg(fault)


def _of_frames(file: io.FileIO, frames: mpeg.Frames, longest_seconds: float) -> Sound:
    """Sound of MPEG frames: those that are counted where that is what there is, or else all of them."""
    n_there = frames.n_frames * frames.n_samples
    if frames.is_truncated and frames.n_promised is not None:
        n_promised = frames.n_promised * frames.n_samples - frames.n_trimmed
        raise Fault(
            f"is {'damaged' if frames.n_gaps else 'truncated'}: {min(n_there, n_promised - 1)} of the {n_promised}"
            f" samples that its header promises are there; {AGAIN}"
        )
    if frames.n_gaps:
        before, there = (n * frames.n_samples / frames.sample_rate for n in (frames.first_gap, frames.n_frames))
        raise Fault(
            f"is damaged: after {before:.2f} s something else stands where a frame of sound should, and {there:.2f} s"
            f" are left; {AGAIN}"
        )
    slack = MP3_SLACK_FRAMES * frames.n_samples
    try:
        if not frames.goes_on:
            with libsndfile.opened(mpeg.Framed(file, frames.head, frames.end)) as sound:
                # It passes over a count that it does not trust, and guesses.
                if sound.frames + slack >= n_there - frames.n_trimmed:
                    return libsndfile.read(sound, longest_seconds, slack=slack)
        with libsndfile.opened(mpeg.Framed(file, frames.start, frames.end, is_endless=True)) as sound:
            return libsndfile.read(sound, longest_seconds, n_there, slack)
    except CannotOpen as fault:
        raise Fault(f"cannot be decoded ({fault}); {AGAIN}") from fault


def _of_pages(
    file: io.FileIO, pages: ogg.Pages, longest_seconds: float, by_ffmpeg: Callable[[Fault | None], Sound]
) -> Sound:
    """Sound of an Ogg file."""
    if n_lost := pages.n_damaged + pages.n_missing:
        raise Fault(
            f"is damaged: {n_lost} of its {pages.n_pages + n_lost} pages are damaged or missing, and up to"
            f" {pages.lost_seconds:.2f} of its {pages.seconds:.2f} s with them; {AGAIN}"
        )
    if pages.is_cut:
        raise Fault(f"is truncated: it stops before its last page; {AGAIN}")
    # libsndfile knows neither pictures nor files that were put after one another.
    if pages.has_picture or len(pages.streams) > 1:
        sound = by_ffmpeg(None)
    else:
        file.seek(0)
        try:
            with libsndfile.opened(file.fileno()) as opened:
                sound = libsndfile.read(opened, longest_seconds, 0)
        except (CannotOpen, CannotDecode) as fault:
            # It cannot read Opus without an end mark, nor FLAC in pages; all of them are whole.
            sound = by_ffmpeg(fault)
    n_samples, n_promised = len(sound.samples), int(pages.seconds * sound.sample_rate)
    if n_samples < n_promised - OGG_SLACK_SECONDS * sound.sample_rate:
        raise Fault(f"is damaged: {n_samples} of the {n_promised} samples that its pages count are there; {AGAIN}")
    return sound


def _by_ffmpeg(file: io.FileIO, longest_seconds: float, video_rate: int | None, fault: Fault | None) -> Sound:
    """Sound of what libsndfile does not know, or could not open for a fault."""
    file.seek(0)
    try:
        track = ffmpeg.read_sound(_Nameless(file), None, video_rate, longest_seconds=longest_seconds)
    except UnknownFormat as unknown:
        if isinstance(fault, CannotDecode):
            raise fault from unknown
        if isinstance(fault, CannotOpen) and fault.is_known:
            raise Fault(f"cannot be decoded ({fault}); {AGAIN}") from unknown
        reason = fault or "Format not recognised"
        raise UnknownFormat(
            f"is not audio that libsndfile knows ({reason}); convert it to WAV, with ffmpeg say", str(unknown)
        ) from unknown
    except Fault as lacking:
        raise Fault(f"{lacking}{'' if ';' in str(lacking) else f'; {AGAIN}'}") from lacking
    libsndfile.refuse_rate(track.sample_rate)
    libsndfile.refuse_impossible(track.samples[:, np.newaxis], 0, track.sample_rate)
    if track.loss and not track.is_video:
        raise Fault(f"is damaged: {track.loss}; {AGAIN}")
    return Sound(track.samples, track.sample_rate, track.loss)


class _Nameless(io.FileIO):
    """A file that PyAV takes: it wants a name in words."""

    def __init__(self, file: io.FileIO) -> None:
        super().__init__(file.fileno(), closefd=False)
        self.name = ""
