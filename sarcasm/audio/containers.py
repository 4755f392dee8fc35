"""The structure of videos: whether all that a container counts is there, one element upon the other.

FFmpeg goes on behind what it cannot read, and stops where a file stops, without complaint. Where the times of the
frames do not show that (the last ones, a stream that only counts its frames), the elements themselves do.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

from sarcasm.audio import mpeg, ogg
from sarcasm.audio.sizes import announced

MOST_ELEMENTS = 1_000_000
"""That are looked at; hours of video have fewer."""
AVI_CHUNK = re.compile(rb"\d\d(dc|db|wb|pc|tx|sb|iv)|ix\d\d|JUNK|LIST|idx1|IDIT", re.DOTALL)
"""What may stand in the list of an AVI that holds picture and sound."""
AVI_HEADER_BYTES = 2**17
"""Within which the streams are described, each with a chunk of its own."""
MP4_BOXES = (b"moov", b"mdat", b"moof")
"""Without which a part is missing; others may be cut."""
SEGMENT = b"\x18\x53\x80\x67"
"""How the element begins that holds all of a Matroska file (RFC 9559, section 5.1)."""
MOST_EDITS = 1_000
"""Of an edit list that are looked at."""
UNKNOWN_DURATION = 2**32 - 1
"""Of a track, all bits set."""
TS_BYTES, TS_SYNC = 188, 0x47
"""A packet of MPEG-TS, and how it begins (ISO 13818-1, 2.4.3.2)."""


@dataclass(frozen=True)
class Structure:
    """What the elements of a container tell.

    Attributes:
        n_promised: bytes that are counted.
        n_there: bytes of them that are there.
        n_odd: places where something else stands than an element.
        n_sound: bytes that the elements of the first sound hold; None where that is not known.
        seconds: that the sound lasts by the word of the elements; 0 where they say nothing.
        cut_seconds: of sound at its end that is there and not to be heard.
    """

    n_promised: int = 0
    n_there: int = 0
    n_odd: int = 0
    n_sound: int | None = None
    seconds: float = 0.0
    cut_seconds: float = 0.0


def look(file: IO[bytes], format_name: str, stream_id: int) -> Structure:
    """Look at the elements of a file.

    Args:
        file: the file, wherever it is.
        format_name: what FFmpeg calls its format; nothing is known of many.
        stream_id: of the sound in the container.
    """
    n_bytes = file.seek(0, 2)
    for name, find in FORMATS.items():
        if name in format_name.split(","):
            try:
                return find(file, n_bytes, stream_id)
            except struct.error:  # it ends within a header
                return Structure(1, 0)
    return Structure()


def _avi(file: IO[bytes], n_bytes: int, _: int) -> Structure:
    file.seek(4)
    n_promised = struct.unpack("<I", file.read(4))[0] + 8
    # A file that is being written has none yet; one of several parts (OpenDML) counts the first.
    end = n_bytes if n_promised <= 8 else min(n_promised, n_bytes)
    n_streams = file.read(AVI_HEADER_BYTES).count(b"strh")
    position, is_odd = 12, False
    for _number in range(MOST_ELEMENTS):
        if position + 12 > end or is_odd:
            break
        file.seek(position)
        name, size, kind = struct.unpack("<4sI4s", file.read(12))
        is_odd = not AVI_CHUNK.fullmatch(name) or (name[:2].isdigit() and int(name[:2]) >= n_streams)
        position += 12 if name == b"LIST" and kind in (b"movi", b"rec ") else 8 + size + size % 2
    is_odd = is_odd or position > end + 1
    return Structure(0 if n_promised <= 8 else n_promised, n_bytes, int(is_odd))


def _matroska(file: IO[bytes], n_bytes: int, _: int) -> Structure:
    file.seek(0)
    head = file.read(2**12)
    place = head.find(SEGMENT)
    if place < 0 or len(head) < place + 12:
        return Structure()
    first = head[place + 4]
    width = 9 - first.bit_length()  # bytes of the size, by the leading zeros
    size = int.from_bytes(head[place + 4 : place + 4 + width], "big") & (1 << 7 * width) - 1
    if width > 8 or size == (1 << 7 * width) - 1:
        return Structure()
    return Structure(place + 4 + width + size, n_bytes)


def _mp4(file: IO[bytes], n_bytes: int, stream_id: int) -> Structure:
    seconds = cut_seconds = 0.0
    for name, start, end in _boxes(file, 0, n_bytes):
        if end > n_bytes and name in MP4_BOXES:
            return Structure(end, n_bytes)
        if name == b"moov":
            seconds, cut_seconds = _track(file, start, end, stream_id)
    return Structure(seconds=seconds, cut_seconds=cut_seconds)


def _boxes(file: IO[bytes], start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte of the content, and end of each box between two places; the file may be read in between."""
    for _number in range(MOST_ELEMENTS):
        file.seek(start)
        header = file.read(16)
        if start + 8 > end or len(header) < 8:
            return
        size, name = struct.unpack_from(">I4s", header)
        n_header = 8
        if size == 1:
            size, n_header = struct.unpack_from(">Q", header, 8)[0], 16
        following = start + max(n_header, size) if size else end
        yield name, start + n_header, following
        start = following


def _track(file: IO[bytes], start: int, end: int, stream_id: int) -> tuple[float, float]:
    """How long a track is to be heard, and how much of the end of its sound is left out by its edit list.

    The track, its edits and the movie count in one unit, its sound in another (ISO 14496-12, 8.2.2 to 8.6.6).
    """
    scale = 0
    for name, place, box_end in _boxes(file, start, end):
        if name == b"mvhd":
            scale = _numbers(file, place, 12, 20)[0]
        if name != b"trak":
            continue
        inner = {each: (at, until) for each, at, until in _boxes(file, place, box_end)}
        if not {b"tkhd", b"mdia"} <= inner.keys() or _numbers(file, inner[b"tkhd"][0], 12, 20)[0] != stream_id:
            continue
        duration = _numbers(file, inner[b"tkhd"][0], 20, 28)[0]
        media = next((at for each, at, _ in _boxes(file, *inner[b"mdia"]) if each == b"mdhd"), None)
        if not scale or duration >= UNKNOWN_DURATION:
            return 0.0, 0.0
        seconds = duration / scale
        if media is None:
            return seconds, 0.0
        media_scale, media_duration = _numbers(file, media, 12, 20, n=2)
        sound_seconds = media_duration / max(1, media_scale)
        edits = next((at for each, at, _ in _boxes(file, *inner.get(b"edts", (0, 0))) if each == b"elst"), None)
        if edits is None:
            return seconds, 0.0
        file.seek(edits)
        version, n_edits = struct.unpack(">B3xI", file.read(8))
        form = struct.Struct(">Qq4x" if version else ">Ii4x")
        found = [form.unpack(file.read(form.size)) for _ in range(min(n_edits, MOST_EDITS))]
        empty = sum(length for length, begin in found if begin < 0) / scale
        if len(found) - sum(begin < 0 for _, begin in found) != 1:
            return max(0.0, seconds - empty), 0.0
        ((length, begin),) = [each for each in found if each[1] >= 0]
        heard = length / scale if length else sound_seconds
        return max(0.0, seconds - empty), max(0.0, sound_seconds - begin / max(1, media_scale) - heard)
    return 0.0, 0.0


def _numbers(file: IO[bytes], place: int, narrow: int, wide: int, n: int = 1) -> tuple[int, ...]:
    """Of a box: the first of 32 bits, the next of 32 or 64, as its version has it.

    Args:
        file: the file.
        place: of the box's content.
        narrow: where the first number stands in version 0.
        wide: where it stands in version 1.
        n: how many are wanted.
    """
    file.seek(place)
    content = file.read(40).ljust(40, b"\0")
    if content[0]:
        return struct.unpack_from(">IQ", content, wide)[:n]
    return struct.unpack_from(">II", content, narrow)[:n]


def _mpegts(file: IO[bytes], _: int, stream_id: int) -> Structure:
    """The packets of the sound, which make up larger ones (PES) that say how long they are."""
    file.seek(0)
    n_sound, n_left, n_odd, is_begun = 0, 0, 0, False
    for _number in range(MOST_ELEMENTS):
        packet = file.read(TS_BYTES)
        if packet and packet[0] != TS_SYNC:  # packets of another size, or a damaged one, which FFmpeg marks
            return Structure()
        if len(packet) < TS_BYTES:
            n_left += TS_BYTES - len(packet) if packet else 0
            return Structure(n_sound + n_left, n_sound, n_odd, n_sound)
        flags, pid = packet[1], (packet[1] & 0x1F) << 8 | packet[2]
        if pid != stream_id or not packet[3] & 0x10:
            continue
        payload = packet[4 + (1 + packet[4] if packet[3] & 0x20 else 0) :]
        if flags & 0x40 and payload.startswith(b"\0\0\1") and len(payload) >= 9:
            size, is_begun = int.from_bytes(payload[4:6], "big"), True
            n_left, payload = (size - 3 - payload[8] if size else 0), payload[9 + payload[8] :]
        if not is_begun:  # FFmpeg passes over what began before
            n_odd = 1
            continue
        n_sound += len(payload)
        n_left = max(0, n_left - len(payload))
    return Structure()


def _flv(file: IO[bytes], n_bytes: int, _: int) -> Structure:
    """Tags, each followed by its size (Adobe, Video File Format Specification 10.1, annex E)."""
    file.seek(5)
    position = struct.unpack(">I", file.read(4))[0] + 4
    for _number in range(MOST_ELEMENTS):
        file.seek(position)
        header = file.read(4)
        if len(header) < 4:
            return Structure(n_bytes + len(header), n_bytes)
        position += 11 + int.from_bytes(header[1:], "big") + 4
        if position > n_bytes:
            return Structure(position, n_bytes)
    return Structure()


def _ogg(file: IO[bytes], n_bytes: int, _: int) -> Structure:
    pages = ogg.survey(file, n_bytes)
    return Structure(n_bytes + pages.is_cut, n_bytes, pages.n_damaged + pages.n_missing)


def _mp3(file: IO[bytes], n_bytes: int, _: int) -> Structure:
    frames = mpeg.survey(file, 0, n_bytes)
    if frames is None:
        return Structure()
    n_each = (frames.end - frames.start) // frames.n_frames
    n_missing = (frames.n_promised or 0) - frames.n_frames if frames.is_truncated else 0
    return Structure(n_bytes + n_missing * n_each, n_bytes, frames.n_gaps)


def _counted(file: IO[bytes], n_bytes: int, _: int) -> Structure:
    file.seek(0)
    size = announced(file, n_bytes)
    return Structure(size.n_promised, size.n_there) if size is not None and size.is_short else Structure()


FORMATS: dict[str, Callable[[IO[bytes], int, int], Structure]] = {
    "avi": _avi, "flv": _flv, "matroska": _matroska, "mov": _mp4, "mp3": _mp3, "mpegts": _mpegts, "ogg": _ogg,
    **dict.fromkeys(("aiff", "au", "caf", "nistsphere", "voc", "w64", "wav"), _counted),
}  # fmt: skip
