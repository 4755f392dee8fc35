"""The structure of videos: whether all that a container counts is there, one element upon the other.

FFmpeg goes on behind what it cannot read, and stops where a file stops, without complaint. Where the times of the
frames do not show that (the last ones, a stream that only counts its frames), the elements themselves do.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from sarcasm.audio import mpeg, ogg
from sarcasm.audio.sizes import announced

MOST_ELEMENTS = 1_000_000
"""That are looked at; hours of video have fewer."""
AVI_CHUNK = re.compile(rb"\d\d(dc|db|wb|pc|tx|sb|iv)|ix\d\d|JUNK|LIST|idx1|IDIT", re.DOTALL)
"""What may stand in the list of an AVI that holds picture and sound."""
MP4_BOXES = (b"moov", b"mdat", b"moof")
"""Without which a part is missing; others may be cut."""
SEGMENT = b"\x18\x53\x80\x67"
"""How the element begins that holds all of a Matroska file (RFC 9559, section 5.1)."""
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
    """

    n_promised: int = 0
    n_there: int = 0
    n_odd: int = 0
    n_sound: int | None = None


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
    position, is_odd = 12, False
    for _number in range(MOST_ELEMENTS):
        if position + 12 > end or is_odd:
            break
        file.seek(position)
        name, size, kind = struct.unpack("<4sI4s", file.read(12))
        is_odd = not AVI_CHUNK.fullmatch(name)
        position += 12 if name == b"LIST" and kind in (b"movi", b"rec ") else 8 + size + size % 2
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


def _mp4(file: IO[bytes], n_bytes: int, _: int) -> Structure:
    position = 0
    for _number in range(MOST_ELEMENTS):
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            break
        size, name = struct.unpack_from(">I4s", header)
        if size == 1:
            size = struct.unpack_from(">Q", header, 8)[0]
        if not size:  # as far as the file goes
            break
        position += max(8, size)
        if position > n_bytes and name in MP4_BOXES:
            return Structure(position, n_bytes)
    return Structure()


def _mpegts(file: IO[bytes], _: int, stream_id: int) -> Structure:
    """The packets of the sound, which make up larger ones (PES) that say how long they are."""
    file.seek(0)
    n_sound, n_left, is_begun = 0, 0, False
    for _number in range(MOST_ELEMENTS):
        packet = file.read(TS_BYTES)
        if packet and packet[0] != TS_SYNC:  # packets of another size, or a damaged one, which FFmpeg marks
            return Structure()
        if len(packet) < TS_BYTES:
            n_left += TS_BYTES - len(packet) if packet else 0
            return Structure(n_sound + n_left, n_sound, 0, n_sound)
        flags, pid = packet[1], (packet[1] & 0x1F) << 8 | packet[2]
        if pid != stream_id or not packet[3] & 0x10:
            continue
        payload = packet[4 + (1 + packet[4] if packet[3] & 0x20 else 0) :]
        if flags & 0x40 and payload.startswith(b"\0\0\1") and len(payload) >= 9:
            size, is_begun = int.from_bytes(payload[4:6], "big"), True
            n_left, payload = (size - 3 - payload[8] if size else 0), payload[9 + payload[8] :]
        if not is_begun:  # cut out of a longer stream
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
