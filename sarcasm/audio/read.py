"""A clip on disk -> a waveform [samples] at 16 kHz, or what is wrong with the file.

Samples are float32 as libsndfile gives them: full scale of an integer format is 1, floating formats are taken as they
are. Nothing is scaled, normalised, trimmed or padded. Channels are averaged before the rate is changed, the order of
vggish_input.py (tensorflow/models, research/audioset/vggish).

libsndfile reads what is left of a truncated file without a word, so each format that announces its length is checked
here: the chunks of WAV, RF64 and AIFF and the header of AU against the size of the file, the frames of FLAC and MP3
against those decoded, Ogg for the mark on its last page (RFC 3533, section 6). A length that a program writing into a
pipe could not know (0, or 2 GiB and more) is no promise: the sound then goes on to the end of the file.
"""

from __future__ import annotations

import io
import stat
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sarcasm.audio.condition import Condition, ConditionMeter
from sarcasm.audio.length import LONGEST_SECONDS, too_long
from sarcasm.errors import AudioError, UnknownFormatError
from sarcasm.files import START_BYTES, stand_in
from sarcasm.resampling import Resampler, resample_blocks

SAMPLE_RATE = 16_000
"""Of every waveform past this module, in Hz: vggish_params.py, SAMPLE_RATE."""
LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000
"""In Hz; a header that says anything beyond is taken for damaged."""
LARGEST_SAMPLE = 2.0**31
"""A floating file may hold the numbers of any integer format unscaled; beyond the largest of them it is damaged."""
BLOCK_SAMPLES = 2**22
"""Samples, over all channels, that are decoded at a time."""
OPEN_ENDED_BYTES = 0x7FFF_F000
"""Sizes from here on stand for "not known": SoX writes this one into a pipe, FFmpeg 0xFFFFFFFF."""
MOST_CHUNKS = 1_000
"""Chunks that are looked at before the sound; real files have a few."""
MP3_SLACK_FRAMES = 2 * 1152
"""Two MP3 frames: encoders do not agree on how they count their delay."""
OGG_PAGE_BYTES = 27 + 255 + 255 * 255
"""The largest an Ogg page can be: header, segment table, segments."""
UNRECOGNISED_FORMAT = 1
"""SF_ERR_UNRECOGNISED_FORMAT in sndfile.h, which soundfile does not name."""
AGAIN = "copy or extract it again"


class _Fault(Exception):  # noqa: N818
    """What is wrong with a file, worded to follow its name."""


class _UnknownFormat(_Fault):
    """It is none that libsndfile knows."""


Convert = Callable[[Iterator[NDArray[np.float32]], int], Iterator[NDArray[np.float32]]]
"""Mono blocks and their rate -> blocks as they are wanted."""


def read_waveform(
    path: Path,
    resampler: Resampler,
    clip: str = "",
    longest_seconds: float = LONGEST_SECONDS,
    examine: Callable[[Condition], object] | None = None,
) -> NDArray[np.float32]:
    """Read a clip as a mono waveform at 16 kHz.

    Args:
        path: a file of any format libsndfile knows; channels are averaged.
        resampler: how another sample rate is brought to 16 kHz.
        clip: what an error calls the clip; "" names the file only.
        longest_seconds: see `read_samples`.
        examine: is given what there is to hear of it.

    Returns:
        float32 [samples], finite, at least one sample; in [-1, 1] unless a floating file goes beyond.

    Raises:
        AudioError: missing, a folder, not readable, empty, not audio, damaged, truncated, not finite, or of an
            impossible rate. The message names clip, file and cause.
    """
    try:
        sound = _read(path, longest_seconds, _at_16_khz(resampler))
    except _Fault as fault:
        raise _error(fault, _named(path, clip)) from fault
    if examine:
        examine(sound.condition)
    return sound.samples


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
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(content)
        file.seek(0)
        try:
            return _decoded(file, len(content), longest_seconds, _at_16_khz(resampler)).samples
        except _Fault as fault:
            raise _error(fault, name) from fault


def read_samples(
    path: Path, clip: str = "", longest_seconds: float = LONGEST_SECONDS
) -> tuple[NDArray[np.float32], int]:
    """Read a clip at the rate it has: mono samples, and their rate in Hz.

    Args:
        path: see `read_waveform`.
        clip: see `read_waveform`.
        longest_seconds: a clip that lasts longer is refused, before it fills the memory; see `too_long`.

    Raises:
        AudioError: see `read_waveform`; `UnknownFormatError` where libsndfile does not know what it is.
    """
    try:
        sound = _read(path, longest_seconds, lambda blocks, _: blocks)
    except _Fault as fault:
        raise _error(fault, _named(path, clip)) from fault
    return sound.samples, sound.sample_rate


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
    n_samples = 0

    def looked_at(blocks: Iterator[NDArray[np.float32]], _: int) -> Iterator[NDArray[np.float32]]:
        nonlocal n_samples
        for block in blocks:
            look(block)
            n_samples += len(block)
        yield np.zeros(1, np.float32)  # in place of all of them

    try:
        sound = _read(path, LONGEST_SECONDS, looked_at)
    except _Fault as fault:
        raise _error(fault, str(path)) from fault
    return n_samples, sound.sample_rate, sound.condition


def _error(fault: _Fault, name: str) -> AudioError:
    kind = UnknownFormatError if isinstance(fault, _UnknownFormat) else AudioError
    return kind(f"{name} {fault}")


def _at_16_khz(resampler: Resampler) -> Convert:
    # Block by block: at the rate of the file, an hour may fill gigabytes.
    return lambda blocks, sample_rate: resample_blocks(blocks, sample_rate, SAMPLE_RATE, resampler)


def _named(path: Path, clip: str) -> str:
    return f"clip {clip}: {path}" if clip else str(path)


@dataclass(frozen=True)
class _Sound:
    """What came out of a file: mono samples as they are wanted, the file's own rate, and its condition."""

    samples: NDArray[np.float32]
    sample_rate: int
    condition: Condition


def _read(path: Path, longest_seconds: float, convert: Convert) -> _Sound:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise _Fault("is a folder; name the audio file itself")
        # Opening a pipe would wait for someone to write into it.
        if not stat.S_ISREG(status.st_mode):
            raise _Fault("is not a regular file; name an audio file")
        with path.open("rb", buffering=0) as file:
            return _decoded(file, status.st_size, longest_seconds, convert)
    except (FileNotFoundError, NotADirectoryError):
        raise _Fault("is not there; put the file there, or take the clip out of the labels") from None
    except PermissionError:
        raise _Fault("may not be read (permission denied); change its permissions") from None
    except (OSError, ValueError) as error:
        raise _Fault(
            f"cannot be read ({getattr(error, 'strerror', None) or error}); check its name and disk"
        ) from error


def _decoded(file: io.FileIO, n_bytes: int, longest_seconds: float, convert: Convert) -> _Sound:
    """The same of an open file."""
    import soundfile

    if not n_bytes:
        raise _Fault(f"is empty (0 bytes); {AGAIN}")
    if fault := stand_in(file.read(START_BYTES)):
        raise _Fault(fault)
    file.seek(0)
    try:
        return _decode(file, n_bytes, longest_seconds, convert)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        if error.code == UNRECOGNISED_FORMAT:
            raise _UnknownFormat(
                f"is not audio that libsndfile knows ({reason}); convert it to WAV, with ffmpeg say"
            ) from error
        raise _Fault(f"cannot be decoded ({reason}); {AGAIN}") from error


def _decode(file: io.FileIO, n_bytes: int, longest_seconds: float, convert: Convert) -> _Sound:
    import soundfile

    announced = _announced(file, n_bytes)
    source: int | _WithSize = file.fileno()
    if announced and announced.is_unset:
        source = _WithSize(file, announced)
    file.seek(0)
    # By number, not by name: soundfile would take x.raw for headerless samples, whatever it holds.
    with soundfile.SoundFile(source, closefd=False) as sound:
        if not LOWEST_RATE <= sound.samplerate <= HIGHEST_RATE:
            raise _Fault(
                f"has a sample rate of {sound.samplerate} Hz, not within {LOWEST_RATE} and {HIGHEST_RATE} Hz:"
                f" its header is damaged; {AGAIN}"
            )
        n_frames, meter = 0, ConditionMeter(sound.samplerate)

        def counted() -> Iterator[NDArray[np.float32]]:
            nonlocal n_frames
            for block in _mono_blocks(sound, meter):
                n_frames += len(block)
                promised = sound.frames if sound.frames < 2**62 else 0
                if fault := too_long(n_frames, sound.samplerate, sound.channels, longest_seconds, promised):
                    raise _Fault(fault)
                yield block

        samples = _joined(list(convert(counted(), sound.samplerate)))
        if not n_frames:
            raise _Fault(f"holds no sound, only a header; {AGAIN}")
        _refuse_truncated(file, n_bytes, sound, n_frames, announced)
        if not len(samples):
            raise _Fault(
                f"holds {n_frames} samples at {sound.samplerate} Hz, less than one at {SAMPLE_RATE} Hz; {AGAIN}"
            )
        return _Sound(samples, sound.samplerate, meter.condition)


def _joined(blocks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Blocks after one another; each is given back once it is copied, so that memory holds a clip once."""
    if len(blocks) == 1:
        return blocks[0]
    end = sum(map(len, blocks))
    joined = np.empty(end, np.float32)
    while blocks:
        block = blocks.pop()
        joined[end - len(block) : end] = block
        end -= len(block)
    return joined


def _mono_blocks(sound: Any, meter: ConditionMeter) -> Iterator[NDArray[np.float32]]:
    # Otherwise soundfile seeks to where it is after each block, which a FLAC of unknown length cannot do.
    sound.seekable = lambda: False
    frames_at_once = max(1, min(sound.frames, BLOCK_SAMPLES // sound.channels))
    n_before = 0
    while len(block := sound.read(frames_at_once, dtype="float32", always_2d=True)):
        is_finite = np.isfinite(block).all(axis=1)
        if not is_finite.all():
            seconds = (n_before + int(np.argmin(is_finite))) / sound.samplerate
            raise _Fault(
                f"has samples that are not finite (NaN or infinite), the first at {seconds:.3f} s; make it again"
            )
        if (largest := np.abs(block).max()) > LARGEST_SAMPLE:
            raise _Fault(f"has samples as large as {largest:.3g}, where 1 is full scale: it is damaged; {AGAIN}")
        n_before += len(block)
        average = block[:, 0] if sound.channels == 1 else block.mean(axis=1, dtype=np.float64).astype(np.float32)
        meter.add(block, average)
        yield average


def _refuse_truncated(file: io.FileIO, n_bytes: int, sound: Any, n_frames: int, announced: _Announced | None) -> None:
    if announced and announced.is_short:
        raise _Fault(
            f"is truncated: {announced.n_there} of the {announced.n_promised} bytes of sound that its header promises"
            f" are there; {AGAIN}"
        )
    # A stream that could not know its length has the largest one there is.
    slack = MP3_SLACK_FRAMES if sound.format == "MP3" else 0
    if n_frames + slack < sound.frames < 2**62:
        raise _Fault(
            f"is truncated: {n_frames} of the {sound.frames} samples that its header promises are there; {AGAIN}"
        )
    if sound.format == "OGG" and not _has_last_page(file, n_bytes):
        raise _Fault(f"is truncated: it stops before its last page; {AGAIN}")


@dataclass(frozen=True)
class _Announced:
    """What a file says of the size of its sound.

    Attributes:
        field: where in the file the size stands, 4 bytes.
        order: the byte order there, "<" or ">".
        n_promised: bytes of sound according to the header.
        n_there: bytes from where the sound begins to the end of the file.
        is_followed: whether chunks follow where the sound should begin.
    """

    field: int
    order: str
    n_promised: int
    n_there: int
    is_followed: bool

    @property
    def is_short(self) -> bool:
        """Whether less is there than promised."""
        return self.n_there < self.n_promised < OPEN_ENDED_BYTES

    @property
    def is_unset(self) -> bool:
        """Whether the size was left at 0 by a program that could not go back to fill it in."""
        return self.n_promised == 0 < self.n_there and not self.is_followed


def _announced(file: io.FileIO, n_bytes: int) -> _Announced | None:
    """Look for the size of the sound in a chunked file or an AU; None where there is none to be found."""
    kind = file.read(12)
    if len(kind) < 12:
        return None
    if kind[:4] in (b".snd", b"dns."):
        order = ">" if kind[:4] == b".snd" else "<"
        start, n_promised = struct.unpack(f"{order}II", kind[4:])
        return _Announced(8, order, n_promised, n_bytes - start, is_followed=False) if start <= n_bytes else None
    if kind[:4] not in (b"RIFF", b"RIFX", b"RF64", b"FORM"):
        return None
    order = "<" if kind[:4] in (b"RIFF", b"RF64") else ">"
    n_promised_64 = None
    for name, size, start in _chunks(file, order, len(kind)):
        # RF64 (EBU Tech 3306): sizes of 64 bits stand in a chunk of their own, that of the sound second.
        if name == b"ds64" and kind[:4] == b"RF64" and len(sizes := file.read(16)) == 16:
            n_promised_64 = struct.unpack("<8xQ", sizes)[0]
        if name in (b"data", b"SSND", b"BODY"):
            n_promised = size if n_promised_64 is None else n_promised_64
            return _Announced(start - 4, order, n_promised, n_bytes - start, _is_followed(file, order, start, n_bytes))
    return None


def _is_followed(file: io.FileIO, order: str, position: int, n_bytes: int) -> bool:
    """Whether there are chunks, and nothing but chunks, from a position to the end of the file."""
    end = 0
    for name, size, start in _chunks(file, order, position):
        if not (name.isascii() and name.decode().isprintable()):
            return False
        end = start + size + size % 2
    return end == n_bytes


def _chunks(file: io.FileIO, order: str, position: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, size and first byte of each chunk from a position on; the file may be read in between."""
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return
        name, size = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        yield name, size, position + 8
        position += 8 + size + size % 2


class _WithSize(io.FileIO):
    """A file that reads as if the size of its sound had been filled in; libsndfile takes 0 for no sound at all."""

    def __init__(self, file: io.FileIO, announced: _Announced) -> None:
        super().__init__(file.fileno(), closefd=False)
        self._field = announced.field
        self._bytes = struct.pack(f"{announced.order}I", min(announced.n_there, 2**32 - 1))

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Stay where it is on an impossible place, which a damaged file may lead to: a callback cannot raise."""
        try:
            return super().seek(offset, whence)
        except OSError:
            return self.tell()

    def readinto(self, buffer: Any, /) -> int:
        """Read, with the size in its place."""
        start = self.tell()
        n_read = super().readinto(buffer)
        view = memoryview(buffer).cast("B")
        for position, byte in enumerate(self._bytes, self._field - start):
            if 0 <= position < n_read:
                view[position] = byte
        return n_read


def _has_last_page(file: io.FileIO, n_bytes: int) -> bool:
    """Whether an Ogg file ends with a whole page that is marked as the last of its stream."""
    file.seek(max(0, n_bytes - 2 * OGG_PAGE_BYTES))
    tail = file.read(2 * OGG_PAGE_BYTES)
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27:
        return False
    flags, n_segments = page[5], page[26]
    return bool(flags & 4) and len(page) >= 27 + n_segments + sum(page[27 : 27 + n_segments])
