"""The frames of an MPEG audio stream (MP3; ISO 11172-3 and 13818-3): whether one follows upon the other, and how many.

Only a header of Xing's kind ("Xing" or "Info" in the first frame, or Fraunhofer's "VBRI") counts the frames; without
one, any length is a guess from the first frames, and the sound goes on to the last frame. Tags before, between and
behind the frames (ID3, APE, Lyrics3) are no sound; other bytes between frames are where a frame is lost.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

from sarcasm.audio.faults import AGAIN, Fault

BIT_RATES = {
    # (MPEG-1, layer) -> kbit/s; the first is free, the last is none.
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = (44_100, 48_000, 32_000)
"""Of MPEG-1, in Hz; MPEG-2 has half of each, MPEG-2.5 a quarter."""
SAME = 0xFFFE_0C00
"""Bits of a header that no frame of a stream changes: sync, version, layer, sampling rate."""
MONO = 0xC0
"""Bits of the mode; all of them set is one channel."""
SEARCH_BYTES = 2**16
"""That are searched at a time."""
MOST_LOOKS = 200_000
"""At what may be a frame in search of one; a cover of many megabytes has fewer such places."""
FIRST_FRAMES = 3
"""That must follow one another before anything is taken for the beginning."""
FREE_BYTES = 2**12
"""A frame of a free bit rate is not longer: 640 kbit/s at 24 kHz."""
MOST_GAPS = 100
"""That are counted."""
VBRI_PLACE = 36
"""In a frame, whatever its side information."""
TAG = b"ID3\3\0\0\0\0\0\x0a" + bytes(10)
"""An empty tag of ID3v2. libsndfile takes what is behind one for frames at once, and otherwise looks into the current
folder first, for a resource fork; an empty file named ._ there ends the process."""
LAME_PLACE, LAME_CRC_PLACE = 120, 154
"""Behind "Xing" or "Info", in the "Mp3 Info Tag revision 1" of LAME."""
ALIKE_BITS = 2
"""In which a header may differ from that of the next frame and still be taken for one that was damaged."""


@dataclass(frozen=True)
class Header:
    """Of a frame.

    Attributes:
        bits: as they stand.
        n_bytes: of the frame; 0 where the bit rate is free.
        n_samples: of a channel that it holds.
        sample_rate: in Hz.
    """

    bits: int
    n_bytes: int
    n_samples: int
    sample_rate: int

    @property
    def is_mono(self) -> bool:
        """Whether it has one channel."""
        return self.bits & MONO == MONO

    @property
    def kind(self) -> tuple[int, bool]:
        """What all frames of a stream have in common."""
        return self.bits & SAME, self.is_mono


@dataclass(frozen=True)
class Frames:
    """What the frames of a file tell.

    Attributes:
        head: where the first one begins, be it one that counts the others.
        start, end: where the first one with sound begins, and the last one ends.
        n_frames: that are there, whole.
        n_samples: of a channel that a frame holds.
        sample_rate: in Hz.
        n_promised: frames that a header counts; None where none does.
        n_trimmed: samples of these that the encoder added before and behind the sound.
        n_gaps: places where something else stands between frames, or where a frame at either end is damaged.
        first_gap: frames before the first such place.
        is_cut: whether the last frame is not all there.
        is_short: whether the bytes that the header counts are not all there.
    """

    head: int
    start: int
    end: int
    n_frames: int
    n_samples: int
    sample_rate: int
    n_promised: int | None
    n_trimmed: int
    n_gaps: int
    first_gap: int
    is_cut: bool
    is_short: bool

    @property
    def is_truncated(self) -> bool:
        """Whether less is there than counted; some encoders count the frame that counts the others."""
        n_missing = (self.n_promised or 0) - self.n_frames
        return n_missing > 1 or (n_missing == 1 and (self.is_cut or self.is_short))

    @property
    def goes_on(self) -> bool:
        """Whether there is more than counted, as where files were put after one another, or nothing is counted."""
        return self.n_promised is None or self.n_frames > self.n_promised + 1


def survey(file: IO[bytes], start: int, end: int) -> Frames | None:
    """Look at every frame.

    Args:
        file: the file.
        start: where the stream begins in it.
        end: where it ends; the size of the file, or of the chunk that it is in.

    Returns:
        None where there are no frames.

    Raises:
        Fault: what counts the frames is damaged.
    """
    return _Survey(file, end).frames(start)


class _Survey:
    def __init__(self, file: IO[bytes], end: int) -> None:
        self._file, self._end = file, end
        self._free_bytes = self._n_looks = 0

    def frames(self, start: int) -> Frames | None:
        position = self._after_tags(start)
        first = self._first(position)
        if first is None:
            return None
        place, header = first
        n_gaps = n_frames = first_gap = 0
        # Something before the first frame is a frame itself if it looks like one.
        n_gaps += place > position and self._is_like(position, header)
        counted = self._counted(place, header)
        n_promised, n_promised_bytes, n_trimmed = counted or (None, 0, 0)
        begin = place
        if counted is not None:
            begin = place = self._after_tags(place + header.n_bytes)
        # libsndfile takes a header of Xing's kind into account, and one of Fraunhofer's for a frame.
        head = begin if self._read(first[0] + VBRI_PLACE, 4) == b"VBRI" else first[0]
        end, is_cut = place, False
        while place < self._end:
            found = self._header(place)
            is_of_stream = found is not None and found.kind == header.kind
            # A damaged header may seem to be of a free bit rate, and so of any length.
            if found is not None and is_of_stream and (n_bytes := found.n_bytes or self._length(place, found)):
                if place + n_bytes > self._end:
                    is_cut = True
                    break
                place += n_bytes
                n_frames += 1
                end = place
                continue
            if (after := self._after_tags(place)) > place:
                place = after
                continue
            following = self._next(place + 1, header) if n_gaps < MOST_GAPS else None
            if following is None:
                n_gaps += self._is_like(place, header)
                break
            first_gap = first_gap if n_gaps else n_frames
            n_gaps += 1
            place = following
        if not n_frames:
            return None
        is_short = end - first[0] < n_promised_bytes
        return Frames(
            head, begin, end, n_frames, header.n_samples, header.sample_rate, n_promised or None, n_trimmed,
            n_gaps, first_gap, is_cut, is_short,
        )  # fmt: skip

    def _read(self, place: int, n_bytes: int) -> bytes:
        self._file.seek(place)
        return self._file.read(max(0, min(n_bytes, self._end - place)))

    def _header(self, place: int) -> Header | None:
        four = self._read(place, 4)
        return header_of(int.from_bytes(four, "big")) if len(four) == 4 else None

    def _is_like(self, place: int, header: Header) -> bool:
        """Whether what stands at a place is a header of which a bit or two are wrong."""
        mask = (SAME | (MONO if header.is_mono else 0)).to_bytes(4, "big")
        return _is_nearly(self._read(place, 4), header.bits.to_bytes(4, "big"), mask)

    def _after_tags(self, place: int) -> int:
        """Where what is no tag begins."""
        while (n_bytes := self._tag(place)) > 0:
            place += n_bytes
        return place

    def _tag(self, place: int) -> int:
        """Bytes of the tag that stands at a place; 0 where none does."""
        head = self._read(place, 32)
        if head.startswith(b"ID3") and len(head) >= 10 and not any(byte & 0x80 for byte in head[6:10]):
            # Sizes of seven bits a byte (ID3v2.4.0-structure, 3.1); a footer repeats the header.
            a, b, c, d = head[6:10]
            size = 10 + (a << 21 | b << 14 | c << 7 | d) + (10 if head[5] & 0x10 else 0)
            # Some writers count in another way; then its content is searched for frames.
            return size if place + size <= self._end else 10
        if head.startswith(b"TAG+"):
            return 227
        if head.startswith(b"TAG"):
            return 128
        if head.startswith(b"APETAGEX") and len(head) == 32:
            size, flags = struct.unpack_from("<I4xI", head, 12)
            # The size leaves out a header, which the flags tell from a footer.
            return size + 32 if flags & 1 << 29 else 32
        if head.startswith(b"LYRICSBEGIN"):
            rest = self._read(place, SEARCH_BYTES)
            ends = [rest.find(mark) for mark in (b"LYRICSEND", b"LYRICS200") if mark in rest]
            return min(ends) + 9 if ends else 0
        return 0

    def _first(self, place: int) -> tuple[int, Header] | None:
        """The first place at which frames follow one another."""
        for found in self._syncs(place):
            header = self._header(found)
            if header is not None and self._is_chain(found, header):
                return found, header
        return None

    def _next(self, place: int, header: Header) -> int | None:
        """The next place at which a frame of the stream stands, and another one or the end behind it."""
        for found in self._syncs(place):
            following = self._header(found)
            if following is not None and following.kind == header.kind and self._is_chain(found, following, 2):
                return found
        return None

    def _syncs(self, place: int) -> Iterator[int]:
        """Each place from one on where a frame may begin, as long as that is worth the while."""
        while block := self._read(place, SEARCH_BYTES):
            at = block.find(b"\xff")
            while at >= 0 and self._n_looks < MOST_LOOKS:
                self._n_looks += 1
                yield place + at
                at = block.find(b"\xff", at + 1)
            place += len(block)

    def _is_chain(self, place: int, header: Header, n_frames: int = FIRST_FRAMES) -> bool:
        found: Header | None = header
        for _ in range(n_frames):
            if found is None or found.kind != header.kind:
                return False
            n_bytes = found.n_bytes or self._length(place, found)
            place += n_bytes
            if place >= self._end or self._tag(place):
                return place == self._end or n_bytes > 0
            if not n_bytes:
                return False
            found = self._header(place)
        return True

    def _length(self, place: int, header: Header) -> int:
        """Bytes of a frame of a free bit rate: as far as the next one; the first two tell."""
        padding = header.bits >> 9 & 1
        if not self._free_bytes:
            rest = self._read(place, FREE_BYTES)
            at = rest.find(b"\xff", 4)
            while at >= 0:
                found = header_of(int.from_bytes(rest[at : at + 4], "big"))
                if found is not None and found.kind == header.kind and not found.n_bytes:
                    self._free_bytes = at - padding
                    break
                at = rest.find(b"\xff", at + 1)
        return self._free_bytes + padding if self._free_bytes else 0

    def _counted(self, place: int, header: Header) -> tuple[int, int, int] | None:
        """Frames, bytes and samples to trim that the first frame counts, in place of sound; 0 where it does not."""
        frame = self._read(place, header.n_bytes)
        is_mpeg1 = header.bits >> 19 & 3 == 3
        # Behind the side information, of one channel or two (ISO 11172-3, 2.4.1.7), and maybe a checksum.
        offset = (
            4 + {(True, True): 17, (True, False): 32, (False, True): 9, (False, False): 17}[is_mpeg1, header.is_mono]
        )
        for start in (offset, offset + 2):
            if frame[start : start + 4] in (b"Xing", b"Info") and len(frame) >= start + 16:
                flags, *numbers = struct.unpack_from(">III", frame, start + 4)
                n_frames = numbers.pop(0) if flags & 1 else 0
                n_bytes = numbers[0] if flags & 2 else 0
                # LAME's part follows upon frames, bytes, 100 places and a quality, where all are there.
                lame = frame[start + LAME_PLACE :] if flags & 15 == 15 else b""
                # What it counts cannot be trusted where its checksum is wrong; other writers get theirs wrong.
                written = int.from_bytes(lame[34:36], "big") if _is_nearly(lame[:4], b"LAME") else 0
                if written and written != _crc16(frame[: start + LAME_CRC_PLACE]):
                    raise Fault(f"is damaged: the checksum of its first frame is wrong; {AGAIN}")
                known = lame.startswith((b"LAME", b"Lavf", b"Lavc"))
                delays = int.from_bytes(lame[21:24], "big") if known else 0
                return n_frames, n_bytes, (delays >> 12) + (delays & 0xFFF)
        if frame[VBRI_PLACE : VBRI_PLACE + 4] == b"VBRI" and len(frame) >= 54:
            n_bytes, n_frames = struct.unpack_from(">II", frame, 46)
            return n_frames, n_bytes, 0
        return None


def _is_nearly(found: bytes, expected: bytes, mask: bytes = b"\xff" * 4) -> bool:
    """Whether two times four bytes differ in no more bits than damage may have turned over."""
    differing = zip(found, expected, mask, strict=False)
    return len(found) == 4 and sum(((a ^ b) & c).bit_count() for a, b, c in differing) <= ALIKE_BITS


def _crc16(content: bytes) -> int:
    """Of polynomial 0x8005, lowest bit first, as LAME has it."""
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


@lru_cache(maxsize=2**10)
def header_of(bits: int) -> Header | None:
    """Read the header of a frame.

    Args:
        bits: its four bytes, the first one highest.

    Returns:
        None where it is none.
    """
    version, layer, bit_rate, rate = bits >> 19 & 3, 4 - (bits >> 17 & 3), bits >> 12 & 15, bits >> 10 & 3
    if bits >> 21 != 0x7FF or version == 1 or layer == 4 or bit_rate == 15 or rate == 3:
        return None
    is_mpeg1, padding = version == 3, bits >> 9 & 1
    sample_rate = RATES[rate] // {3: 1, 2: 2, 0: 4}[version]
    n_bits = 1000 * BIT_RATES[is_mpeg1, layer][bit_rate]
    n_samples = {1: 384, 2: 1152, 3: 1152 if is_mpeg1 else 576}[layer]
    # A slot of layer I has four bytes.
    slot = 4 if layer == 1 else 1
    n_bytes = (n_samples // 8 // slot * n_bits // sample_rate + padding) * slot if n_bits else 0
    return Header(bits, n_bytes, n_samples, sample_rate)
