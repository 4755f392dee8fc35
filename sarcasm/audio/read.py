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

import logging
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sarcasm.audio.condition import Condition
from sarcasm.audio.decode import Decoding
from sarcasm.audio.faults import AGAIN, Fault, UnknownFormat
from sarcasm.audio.length import LONGEST_SECONDS
from sarcasm.audio.libsndfile import Convert, Sound
from sarcasm.errors import AudioError, UnknownFormatError
from sarcasm.resampling import Resampler, resample_blocks

SAMPLE_RATE = 16_000
"""Of every waveform past this module, in Hz: vggish_params.py, SAMPLE_RATE."""

logger = logging.getLogger(__name__)
_lacking: ContextVar[list[str] | None] = ContextVar("lacking", default=None)


def read_waveform(
    path: Path,
    resampler: Resampler,
    clip: str = "",
    longest_seconds: float = LONGEST_SECONDS,
    examine: Callable[[Condition], object] | None = None,
) -> NDArray[np.float32]:
    """Read a clip as a mono waveform at 16 kHz.

    Args:
        path: a file of any format that libsndfile or FFmpeg knows; channels are averaged.
        resampler: how another sample rate is brought to 16 kHz; that of a video's sound is changed by FFmpeg.
        clip: what an error calls the clip; "" names the file only.
        longest_seconds: see `read_samples`.
        examine: is given what there is to hear of it.

    Returns:
        float32 [samples], finite, at least one sample; in [-1, 1] unless a floating file goes beyond.

    Raises:
        AudioError: missing, a folder, not readable, empty, not audio, damaged, truncated, not finite, or of an
            impossible rate. The message names clip, file and cause.
    """
    name = _named(path, clip)
    with _named_faults(name):
        sound = _read(path, longest_seconds, _at_16_khz(resampler), SAMPLE_RATE)
        if examine:
            examine(sound.condition)
        return _heard(sound, name)


def waveform_of(content: bytes, name: str, resampler: Resampler, longest_seconds: float) -> NDArray[np.float32]:
    """Read a clip from its bytes, as `read_waveform` reads a file of them.

    Args:
        content: all bytes of the file.
        name: what an error calls it.
        resampler: how another sample rate is brought to 16 kHz.
        longest_seconds: see `read_samples`.

    Raises:
        AudioError: see `read_waveform`.
    """
    # A file without a name: the checks for truncation look around in it, and libsndfile takes it by its number.
    with tempfile.TemporaryFile(buffering=0) as file, _named_faults(name):
        file.write(content)
        file.seek(0)
        decoding = Decoding(file, len(content), longest_seconds, _at_16_khz(resampler), SAMPLE_RATE)
        return _heard(decoding.sound(), name)


def read_samples(
    path: Path, clip: str = "", longest_seconds: float = LONGEST_SECONDS
) -> tuple[NDArray[np.float32], int]:
    """Read a clip at the rate it has: mono samples, and their rate in Hz.

    Args:
        path: see `read_waveform`.
        clip: see `read_waveform`.
        longest_seconds: a clip that lasts longer is refused, before it fills the memory; see `too_long`.

    Raises:
        AudioError: see `read_waveform`; `UnknownFormatError` where neither libsndfile nor FFmpeg makes sound of it.
    """
    name = _named(path, clip)
    with _named_faults(name):
        sound = _read(path, longest_seconds, lambda blocks, _: blocks, None)
        return _heard(sound, name), sound.sample_rate


def survey(path: Path, look: Callable[[NDArray[np.float32]], object]) -> tuple[int, int, Condition]:
    """Go through a clip at the rate it has, without holding it.

    Args:
        path: see `read_waveform`.
        look: is given one block of mono samples, float32 [samples], after another.

    Returns:
        How many samples it has, their rate in Hz, and what there is to hear.

    Raises:
        AudioError: see `read_waveform`; the message names the file.
    """

    def looked_at(blocks: Iterator[NDArray[np.float32]], _: int) -> Iterator[NDArray[np.float32]]:
        for block in blocks:
            look(block)
        yield np.zeros(1, np.float32)  # in place of all of them

    with _named_faults(str(path)):
        sound = _read(path, LONGEST_SECONDS, looked_at, None)
        _heard(sound, str(path))
    return sound.n_frames, sound.sample_rate, sound.condition


@contextmanager
def lenient() -> Iterator[list[str]]:
    """Within the block, a video whose sound lacks a little is not refused; the list says what each lacks, by name.

    It says too which clips are silent or have channels that cancel out.
    """
    told: list[str] = []
    token = _lacking.set(told)
    try:
        yield told
    finally:
        _lacking.reset(token)


def _heard(sound: Sound, name: str) -> NDArray[np.float32]:
    """The samples, if nothing is missing or somebody is told of it."""
    told = _lacking.get()
    if sound.loss and told is None:
        raise Fault(f"is damaged: {sound.loss}; {AGAIN}")
    if sound.loss and told is not None:
        told.append(f"{name} is damaged: {sound.loss}")
    if told is not None:
        told += [f"{name} {fault}" for fault in sound.condition.faults]
    if sound.doubt:
        logger.warning("%s %s", name, sound.doubt)
    return sound.samples


@contextmanager
def _named_faults(name: str) -> Iterator[None]:
    """Faults become errors that begin with a name."""
    try:
        yield
    except UnknownFormat as fault:
        raise UnknownFormatError(f"{name} {fault}", fault.reason) from fault
    except Fault as fault:
        raise AudioError(f"{name} {fault}") from fault


def _at_16_khz(resampler: Resampler) -> Convert:
    # Block by block: at the rate of the file, an hour may fill gigabytes.
    return lambda blocks, sample_rate: resample_blocks(blocks, sample_rate, SAMPLE_RATE, resampler)


def _named(path: Path, clip: str) -> str:
    return f"clip {clip}: {path}" if clip else str(path)


def _read(path: Path, longest_seconds: float, convert: Convert, video_rate: int | None) -> Sound:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise Fault("is a folder; name the audio file itself")
        # Opening a pipe would wait for someone to write into it.
        if not stat.S_ISREG(status.st_mode):
            raise Fault("is not a regular file; name an audio file")
        with path.open("rb", buffering=0) as file:
            return Decoding(file, status.st_size, longest_seconds, convert, video_rate).sound()
    except (FileNotFoundError, NotADirectoryError):
        raise Fault("is not there; put the file there, or take the clip out of the labels") from None
    except PermissionError:
        raise Fault("may not be read (permission denied); change its permissions") from None
    except (OSError, ValueError) as error:
        raise Fault(f"cannot be read ({getattr(error, 'strerror', None) or error}); check its name and disk") from error
