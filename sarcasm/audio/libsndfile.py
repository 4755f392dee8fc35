"""Sound by libsndfile, which reads recordings of most kinds to the bit."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sarcasm.audio.condition import Condition, ConditionMeter
from sarcasm.audio.faults import AGAIN, Fault
from sarcasm.audio.length import too_long

LOWEST_RATE, HIGHEST_RATE = 1_000, 1_000_000
"""In Hz; a header that says anything beyond is taken for damaged."""
LARGEST_SAMPLE = 2.0**31
"""A floating file may hold the numbers of any integer format unscaled; beyond the largest of them it is damaged."""
BLOCK_SAMPLES = 2**22
"""Samples, over all channels, that are decoded at a time."""
UNRECOGNISED_FORMAT = 1
"""SF_ERR_UNRECOGNISED_FORMAT in sndfile.h, which soundfile does not name."""
UNKNOWN_FRAMES = 2**62
"""A stream that could not know its length has the largest one there is."""


@dataclass(frozen=True)
class Sound:
    """What came out of a file.

    Attributes:
        samples: float32 [n], mono, n > 0, finite.
        sample_rate: that the file has, in Hz.
        n_frames: samples of a channel that were decoded, before any conversion.
        condition: what there is to hear of it.
        loss: what is missing, in words; "" where nothing is.
        doubt: what speaks against how it was read, worded to follow the file's name; "" where nothing does.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    n_frames: int
    condition: Condition
    loss: str = ""
    doubt: str = ""


Convert = Callable[[Iterator[NDArray[np.float32]], int], Iterator[NDArray[np.float32]]]
"""Mono blocks and their rate -> blocks as they are wanted."""


class CannotOpen(Fault):
    """libsndfile does not open the file.

    Attributes:
        is_known: whether it is of a format that it knows.
    """

    def __init__(self, reason: str, *, is_known: bool) -> None:
        super().__init__(reason)
        self.is_known = is_known


class CannotDecode(Fault):
    """libsndfile opens the file, and fails over what is in it."""


@contextmanager
def opened(source: int | io.FileIO) -> Iterator[Any]:
    """A file, open; what fails while it is being read is a fault.

    Args:
        source: the number of the file, which is at its beginning, or what reads as a file.

    Raises:
        CannotOpen: it cannot be opened.
        CannotDecode: what is in it cannot be decoded.
    """
    import soundfile

    try:
        sound = soundfile.SoundFile(source, closefd=False)
    except soundfile.LibsndfileError as error:
        raise CannotOpen(_reason(error), is_known=error.code != UNRECOGNISED_FORMAT) from error
    try:
        with sound:
            yield sound
    except soundfile.LibsndfileError as error:
        raise CannotDecode(f"cannot be decoded ({_reason(error)}); {AGAIN}") from error


def _reason(error: Any) -> str:
    return error.error_string.removeprefix("Error : ").rstrip(".")


def read(
    sound: Any,
    longest_seconds: float,
    convert: Convert,
    n_expected: int | None = None,
    slack: float = 0,
    *,
    is_all: bool = False,
) -> Sound:
    """All of an open file.

    Args:
        sound: of `opened`.
        longest_seconds: a clip that lasts longer is refused, before it fills the memory.
        convert: what is made of the samples.
        n_expected: samples of a channel; None takes what libsndfile finds in the header.
        slack: how many of them may be missing.
        is_all: whether more than these are a fault; something else than sound may follow them.

    Raises:
        Fault: it is longer, empty, shorter than expected, or its samples are impossible.
    """
    refuse_rate(sound.samplerate)
    n_promised = sound.frames if n_expected is None else n_expected
    n_frames, meter = 0, ConditionMeter(sound.samplerate)
    n_told = n_promised if n_promised < UNKNOWN_FRAMES else 0

    def counted() -> Iterator[NDArray[np.float32]]:
        nonlocal n_frames
        for block in _mono_blocks(sound, n_promised, meter, is_all=is_all):
            n_frames += len(block)
            if fault := too_long(n_frames, sound.samplerate, sound.channels, longest_seconds, n_told):
                raise Fault(fault)
            if is_all and n_frames > n_promised:
                raise Fault(f"is damaged: more samples follow the {n_promised} that its header counts; {AGAIN}")
            yield block

    samples = joined(list(convert(counted(), sound.samplerate)))
    if not n_frames:
        raise Fault(f"holds no sound, only a header; {AGAIN}")
    if n_frames + slack < n_promised < UNKNOWN_FRAMES:
        raise Fault(f"is truncated: {n_frames} of the {n_promised} samples that its header promises are there; {AGAIN}")
    refuse_none(samples, n_frames, sound.samplerate)
    return Sound(samples, sound.samplerate, n_frames, meter.condition)


def refuse_none(samples: NDArray[np.float32], n_frames: int, sample_rate: int) -> None:
    """Refuse what nothing was left of at 16 kHz."""
    if not len(samples):
        raise Fault(f"holds {n_frames} samples at {sample_rate} Hz, less than one at 16000 Hz; {AGAIN}")


def refuse_rate(sample_rate: int) -> None:
    """Refuse a rate that no recording has."""
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise Fault(
            f"has a sample rate of {sample_rate} Hz, not within {LOWEST_RATE} and {HIGHEST_RATE} Hz: its header is"
            f" damaged; {AGAIN}"
        )


def refuse_impossible(block: NDArray[np.float32], n_before: int, sample_rate: int) -> None:
    """Refuse samples that no recording has.

    Args:
        block: [n, channels].
        n_before: samples of a channel before it.
        sample_rate: in Hz.
    """
    is_finite = np.isfinite(block)
    if not is_finite.all():
        seconds = (n_before + int(np.argmin(is_finite.all(axis=1)))) / sample_rate
        raise Fault(f"has samples that are not finite (NaN or infinite), the first at {seconds:.3f} s; make it again")
    if (largest := np.abs(block).max()) > LARGEST_SAMPLE:
        raise Fault(f"has samples as large as {largest:.3g}, where 1 is full scale: it is damaged; {AGAIN}")


def _mono_blocks(sound: Any, n_expected: int, meter: ConditionMeter, *, is_all: bool) -> Iterator[NDArray[np.float32]]:
    import soundfile

    # Otherwise soundfile seeks to where it is after each block, which a FLAC of unknown length cannot do.
    sound.seekable = lambda: False
    frames_at_once = max(1, min(n_expected or sound.frames, BLOCK_SAMPLES // sound.channels))
    n_before = 0
    while True:
        try:
            block = sound.read(frames_at_once, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            if is_all and n_before == n_expected:
                return
            raise
        if not len(block):
            return
        refuse_impossible(block, n_before, sound.samplerate)
        n_before += len(block)
        average = block[:, 0]
        if sound.channels > 1:
            # `mean` does the same in three times the time.
            average = (np.einsum("sc->s", block, dtype=np.float64) / sound.channels).astype(np.float32)
        meter.add(block, average)
        yield average


def joined(blocks: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Blocks after one another; each is given back once it is copied, so that memory holds a clip once."""
    if len(blocks) == 1:
        return blocks[0]
    end = sum(map(len, blocks))
    whole = np.empty(end, np.float32)
    while blocks:
        block = blocks.pop()
        whole[end - len(block) : end] = block
        end -= len(block)
    return whole


class Overwritten(io.FileIO):
    """A file that reads as if other bytes stood in a place."""

    def __init__(self, file: io.FileIO, place: int, content: bytes) -> None:
        super().__init__(file.fileno(), closefd=False)
        self._place, self._content = place, content

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Stay where it is on an impossible place, which a damaged file may lead to: a callback cannot raise."""
        try:
            return super().seek(offset, whence)
        except OSError:
            return self.tell()

    def readinto(self, buffer: Any, /) -> int:
        """Read, with the other bytes in their place."""
        start = self.tell()
        n_read = super().readinto(buffer)
        view = memoryview(buffer).cast("B")
        for position, byte in enumerate(self._content, self._place - start):
            if 0 <= position < n_read:
                view[position] = byte
        return n_read


class Part(io.FileIO):
    """A part of a file that reads as a file of its own.

    libsndfile reads no further than the length that it guesses of MPEG frames which nothing counts. That is a guess
    from the size, so such a file seems to be large.
    """

    SEEMING_BYTES = 2**36
    TAIL_BYTES = 128
    """At the end, where a tag may be; libsndfile wants to see them."""

    def __init__(self, file: io.FileIO, start: int, end: int, head: bytes = b"", *, is_endless: bool = False) -> None:
        super().__init__(file.fileno(), closefd=False)
        self._head, self._start = head, start - len(head)
        self._n_bytes = end - self._start
        self._seeming = self.SEEMING_BYTES if is_endless else self._n_bytes
        self._place = 0

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, none before the beginning."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._seeming}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """Where it is."""
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Read the head and the part, and nothing behind it."""
        view = memoryview(buffer).cast("B")
        if self._place >= max(self._n_bytes, self._seeming - self.TAIL_BYTES):
            n_read = min(len(view), max(0, self._seeming - self._place))
            view[:n_read] = bytes(n_read)
        else:
            head = self._head[self._place : self._place + len(view)]
            view[: len(head)] = head
            super().seek(max(0, self._start + self._place + len(head)))
            rest = view[len(head) : max(0, self._n_bytes - self._place)]
            n_read = len(head) + super().readinto(rest)
        self._place += n_read
        return n_read
