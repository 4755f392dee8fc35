"""The pages of an Ogg file (RFC 3533): whether all are there and as they were written, and how long its sound is.

A page has a checksum and a number of its own, and says at which sample its sound ends (its granule position), so that
nothing can be lost unseen but pages at the very end. An end mark on the last page is usual and proves that it is there;
phones and some recorders write none, so a file that ends with a whole page and a whole packet is taken for whole.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

PAGE_HEADER = struct.Struct("<4sBBqIIIB")
"""Capture pattern, version, flags, granule position, serial, page number, checksum, number of segments."""
FIRST, LAST = 2, 4
"""Flags of a page."""
FULL_SEGMENT = 255
"""A packet that ends with such a segment goes on in the next page."""
OPUS_RATE = 48_000
"""Of granule positions, whatever was encoded (RFC 7845, section 4)."""
LONGEST_PACKET = {"vorbis": 8192, "opus": 5760, "flac": 65535, "speex": 640 * 10}
"""Samples: Vorbis I, 4.2.2; RFC 6716, 2.1.4; RFC 9639, 8.2; the Speex manual, frames of ultra-wideband in a packet."""
PICTURES = (b"\x80theora", b"BBCD\0", b"OVP80")
"""How the streams of Theora, Dirac and VP8 begin."""
SEARCH_BYTES = 2**16
MOST_DAMAGED = 1_000
"""Places that are looked at; a file with more of them is refused all the same."""
REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass
class Stream:
    """A logical stream of sound.

    Attributes:
        codec: "vorbis", "opus", "flac" or "speex".
        rate: of its granule positions, in Hz.
        n_skipped: samples at the beginning that are not to be heard.
        first: granule position of its first page with sound, and samples that may at most end in there.
        last: granule position of its last page.
    """

    codec: str
    rate: int
    n_skipped: int = 0
    first: tuple[int, int] | None = None
    last: int = 0

    def reach(self, granule: int, n_packets: int) -> None:
        """Go on to the end of a page, in which so many packets end."""
        if self.first is None:
            self.first = granule, n_packets * LONGEST_PACKET[self.codec]
        self.last = max(self.last, granule)

    @property
    def seconds(self) -> float:
        """How long it lasts, at least."""
        start, most = self.first or (0, 0)
        # A stream that was cut out of a longer one begins anywhere.
        begin = start if start > most else self.n_skipped
        return max(0, self.last - begin) / self.rate


@dataclass
class Pages:
    """What the pages of a file tell.

    Attributes:
        n_pages: that are there, of all streams.
        n_damaged: that are not as they were written.
        n_missing: that are missing by their numbers.
        is_cut: whether the file stops within a page or a packet.
        lost_seconds: that may at most be missing in the midst of the sound.
        unmarked: the last page and where it stands, if that is not marked as the last one.
        has_picture: whether there is a video among its streams.
        streams: of sound, in their order; those of a chained file follow one another.
    """

    n_pages: int = 0
    n_damaged: int = 0
    n_missing: int = 0
    is_cut: bool = False
    lost_seconds: float = 0.0
    unmarked: tuple[int, bytes] | None = None
    has_picture: bool = False
    streams: list[Stream] = field(default_factory=list)

    @property
    def mark(self) -> tuple[int, bytes] | None:
        """Where to put what would mark the last page, which decoders look for; None where it is marked."""
        if self.unmarked is None:
            return None
        place, page = self.unmarked
        marked = page[:5] + bytes((page[5] | LAST,)) + page[6:22] + bytes(4) + page[26:]
        return place + 5, marked[5:22] + struct.pack("<I", _checksum(marked))

    @property
    def seconds(self) -> float:
        """How long the sound lasts, at least: that of the first stream, and of those of its codec that follow it."""
        return sum(stream.seconds for stream in self.streams)


def survey(file: IO[bytes], n_bytes: int) -> Pages:
    """Look at every page.

    Args:
        file: the file.
        n_bytes: its size.
    """
    found, is_open = Pages(), {}
    streams: dict[int, Stream] = {}
    numbers: dict[int, int] = {}
    is_beginning, has_sound = True, False
    n_lost, lacking = 0, set[int]()
    for flags, granule, serial, number, segments, body in _pages(file, n_bytes, found):
        found.n_pages += 1
        if flags & FIRST:
            # Streams that begin together run side by side; where others begin later, the file is a chain.
            has_sound = has_sound and is_beginning
            stream = _stream(body)
            found.has_picture |= body.startswith(PICTURES)
            if stream is not None and not has_sound:
                found.streams.append(stream)
                streams[serial], has_sound = stream, True
        elif serial in numbers:
            found.n_missing += max(0, number - numbers[serial] - 1)
        is_beginning, numbers[serial] = bool(flags & FIRST), number
        if found.n_damaged + found.n_missing > n_lost:
            n_lost, lacking = found.n_damaged + found.n_missing, set(streams)
        is_open[serial] = segments.endswith(b"\xff") and not flags & LAST
        if serial in streams and granule > 0:
            before = streams[serial].last
            streams[serial].reach(granule, sum(size < FULL_SEGMENT for size in segments))
            if serial in lacking:
                lacking.remove(serial)
                found.lost_seconds += max(0, granule - before) / streams[serial].rate
    found.is_cut |= any(is_open.values())
    return found


Page = tuple[int, int, int, int, bytes, bytes]


def _pages(file: IO[bytes], n_bytes: int, found: Pages) -> Iterator[Page]:
    """Flags, granule position, serial, number, segments and body of each page that is as it was written."""
    position = 0
    is_ended: dict[int, bool] = {}
    while position < n_bytes:
        file.seek(position)
        header = file.read(PAGE_HEADER.size)
        page, end = None, n_bytes + 1
        if len(header) == PAGE_HEADER.size and header.startswith(b"OggS\0"):
            *_, flags, granule, serial, number, checksum, n_segments = PAGE_HEADER.unpack(header)
            segments = file.read(n_segments)
            body = file.read(sum(segments))
            end = position + len(header) + n_segments + sum(segments)
            whole = header[:22] + bytes(4) + header[26:] + segments + body
            if end <= n_bytes and _checksum(whole) == checksum:
                page = flags, granule, serial, number, segments, body
        if page is not None:
            is_ended[serial] = is_ended.get(serial, False) or bool(flags & LAST)
            found.unmarked = None if flags & LAST else (position, whole)
            yield page
            position = end
            continue
        following = _find(file, position + 1) if found.n_damaged < MOST_DAMAGED else None
        is_page = header.startswith(b"Ogg") or header[1:4] == b"ggS"
        # What comes before the first page and after the last one of all streams (a tag, zeros) is no sound.
        if following is None:
            is_short = end > n_bytes
            found.n_damaged += is_page and not is_short
            found.is_cut = (is_page and is_short) or not is_ended or not all(is_ended.values())
            return
        found.n_damaged += found.n_pages > 0 or is_page
        position = following


def _find(file: IO[bytes], position: int) -> int | None:
    """Where the next page begins."""
    file.seek(position)
    rest = b""
    while block := file.read(SEARCH_BYTES):
        rest = rest[-3:] + block
        if (place := rest.find(b"OggS")) >= 0:
            return file.tell() - len(rest) + place
    return None


def _checksum(page: bytes) -> int:
    """CRC of polynomial 0x04c11db7, highest bit first, which zlib's is with all bits in reverse."""
    reverse = zlib.crc32(page.translate(REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int(f"{reverse:032b}"[::-1], 2)


def _stream(first: bytes) -> Stream | None:
    """By its first packet; None where it is not of sound."""
    try:
        if first.startswith(b"\x01vorbis"):
            return Stream("vorbis", struct.unpack_from("<I", first, 12)[0] or 1)
        if first.startswith(b"OpusHead"):
            return Stream("opus", OPUS_RATE, struct.unpack_from("<H", first, 10)[0])
        if first.startswith(b"\x7fFLAC"):
            # The 20 bits of STREAMINFO after sizes of blocks and frames, behind 13 bytes of Ogg's and 4 of its own.
            return Stream("flac", struct.unpack_from(">I", first, 27)[0] >> 12 or 1)
        if first.startswith(b"Speex   "):
            return Stream("speex", struct.unpack_from("<I", first, 36)[0] or 1)
    except struct.error:
        return None
    return None
