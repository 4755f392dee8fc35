"""How many bytes of sound a header counts, against those that are there.

libsndfile reads what is left of a truncated file without a word. A length that a program writing into a pipe could not
know (0, -1, or what SoX and FFmpeg put there) is no promise: the sound then goes on to the end of the file.
Formats whose headers count nothing (PAF, PVF, IRCAM, samples without a header) promise nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import IO

MOST_CHUNKS = 1_000
"""Chunks that are looked at before the sound; real files have a few."""
OPEN_ENDED = (range(0x7FFF_F000, 0x8000_0000), range(0xFFFF_F000, 0x1_0000_0000))
"""Sizes that stand for "not known": SoX writes the first of them into a pipe, FFmpeg the last."""
OPEN_ENDED_64 = 2**62
"""So do sizes of 64 bits from here on: FFmpeg writes -1 into RF64, 2**63 - 1 into W64."""
W64_GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")
"""How the names of W64's chunks end, but for the first (Sonic Foundry, Wave64 file format)."""
SOUND_FORMS = (b"WAVE", b"AIFF", b"AIFC", b"8SVX", b"16SV")
"""What chunked files with sound call themselves; AVI is another."""
INTEGERS, FLOATS, EXTENSIBLE = 1, 3, 0xFFFE
"""Kinds of samples in a WAV (RFC 2361)."""
NIST_HEADER_BYTES = 1024
VOC_SOUND, VOC_MORE_SOUND, VOC_NEW_SOUND = 1, 2, 9
"""Types of blocks of Creative's VOC that hold sound."""


@dataclass(frozen=True)
class Announced:
    """What a file says of the size of its sound.

    Attributes:
        n_promised: bytes of sound according to the header.
        n_there: bytes from where the sound begins to the end of the file.
        start: where the sound begins.
        field: where in the file the size stands, 4 bytes; None where libsndfile needs no help with a size of 0.
        order: the byte order there, "<" or ">".
        is_followed: whether chunks follow where the sound should begin.
        n_behind: bytes of the file that follow the sound and are nothing that it names.
    """

    n_promised: int
    n_there: int
    start: int = 0
    field: int | None = None
    order: str = "<"
    is_followed: bool = False
    n_behind: int = 0

    @property
    def is_open(self) -> bool:
        """Whether the size is one of those that stand for "not known"."""
        return self.n_promised >= OPEN_ENDED_64 or any(self.n_promised in sizes for sizes in OPEN_ENDED)

    @property
    def is_short(self) -> bool:
        """Whether less is there than promised."""
        return self.n_there < self.n_promised and not self.is_open

    @property
    def end(self) -> int:
        """Where the sound ends."""
        return self.start + (self.n_there if self.is_open or self.is_unset else self.n_promised)

    @property
    def mended(self) -> tuple[int, bytes]:
        """Where the size would stand, and what: libsndfile takes 0 for no sound at all."""
        return self.field or 0, struct.pack(f"{self.order}I", min(self.n_there, 2**32 - 1))

    @property
    def is_unset(self) -> bool:
        """Whether the size was left at 0 by a program that could not go back to fill it in."""
        return self.field is not None and self.n_promised == 0 < self.n_there and not self.is_followed


def announced(file: IO[bytes], n_bytes: int) -> Announced | None:
    """Look for the size of the sound in a header.

    Args:
        file: the file, at its beginning.
        n_bytes: its size.

    Returns:
        None where none is to be found.
    """
    kind = file.read(32)
    for magic, find in FORMATS.items():
        if kind.startswith(magic):
            try:
                return find(file, n_bytes, kind)
            except (struct.error, OverflowError):  # the header ends, or leads nowhere
                return None
    return None


def _au(_: IO[bytes], n_bytes: int, kind: bytes) -> Announced | None:
    order = ">" if kind[:4] == b".snd" else "<"
    start, n_promised = struct.unpack_from(f"{order}II", kind, 4)
    return Announced(n_promised, n_bytes - start, start, 8, order) if start <= n_bytes else None


def _chunked(file: IO[bytes], n_bytes: int, kind: bytes) -> Announced | None:
    """RIFF, RIFX, RF64, AIFF and 8SVX."""
    if kind[8:12] not in SOUND_FORMS:
        return None
    order = "<" if kind[:4] in (b"RIFF", b"RF64") else ">"
    n_promised_64 = None
    for name, size, start in _chunks(file, order, 12):
        # RF64 (EBU Tech 3306): sizes of 64 bits stand in a chunk of their own, that of the sound second.
        if name == b"ds64" and kind[:4] == b"RF64" and len(sizes := file.read(16)) == 16:
            n_promised_64 = struct.unpack("<8xQ", sizes)[0]
        if name in (b"data", b"SSND", b"BODY"):
            n_promised = size if n_promised_64 is None else n_promised_64
            is_followed = _is_followed(file, order, start, n_bytes)
            found = Announced(n_promised, n_bytes - start, start, start - 4, order, is_followed)
            n_behind = n_bytes - found.end
            # What somebody put behind the file is none of it; by its own word, the file goes on to the end here.
            is_own = n_behind > 1 and struct.unpack_from(f"{order}I", kind, 4)[0] + 8 == n_bytes
            if is_own and not _is_followed(file, order, found.end + n_promised % 2, n_bytes):
                return replace(found, n_behind=n_behind)
            return found
    return None


def _w64(file: IO[bytes], n_bytes: int, _: bytes) -> Announced | None:
    position = 40
    for _number in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(24)
        size = struct.unpack_from("<Q", header, 16)[0]
        if header[:16] == b"data" + W64_GUID:
            return Announced(size - 24, n_bytes - position - 24, position + 24) if size > 24 else None
        position += max(24, size + -size % 8)
    return None


def _caf(file: IO[bytes], n_bytes: int, _: bytes) -> Announced | None:
    """Apple's Core Audio Format: the sound, or the table of its packets where that is what is cut."""
    found, position = None, 8
    for _number in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(12)
        if len(header) < 12:
            break
        name, size = struct.unpack(">4sq", header)
        position += 12
        if name in (b"data", b"pakt") and (found is None or not found.is_short):
            found = Announced(2**63 if size < 0 else size, n_bytes - position, position)
        position += max(0, size)
    return found


def _voc(file: IO[bytes], n_bytes: int, kind: bytes) -> Announced | None:
    n_promised, n_there, position = 0, 0, struct.unpack_from("<H", kind, 20)[0]
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(4)
        if len(header) < 4 or not header[0]:
            break
        size = int.from_bytes(header[1:], "little")
        position += 4
        if header[0] in (VOC_SOUND, VOC_MORE_SOUND, VOC_NEW_SOUND):
            n_promised, n_there = n_promised + size, n_there + min(size, max(0, n_bytes - position))
        position += size
    return Announced(n_promised, n_there) if n_promised else None


def _nist(file: IO[bytes], n_bytes: int, kind: bytes) -> Announced | None:
    file.seek(0)
    header = file.read(NIST_HEADER_BYTES).decode("ascii", "replace")
    fields = {name: int(number) for name, number in re.findall(r"^(\w+) -(?:i|s\d+) (\d+)$", header, re.MULTILINE)}
    wanted = [fields.get(name) for name in ("sample_count", "sample_n_bytes", "channel_count")]
    size = re.match(rb"\s*(\d+)", kind[7:])
    if None in wanted or size is None or "embedded" in header:  # packed, so that samples are no measure of bytes
        return None
    n_samples, n_each, n_channels = (number or 0 for number in wanted)
    return Announced(n_samples * n_each * n_channels, n_bytes - int(size[1]), int(size[1]))


def _avr(file: IO[bytes], n_bytes: int, _: bytes) -> Announced | None:
    """Audio Visual Research: a header of 128 bytes."""
    file.seek(12)
    is_stereo, n_bits, n_frames = struct.unpack(">HH10xI", file.read(18))
    return Announced(n_frames * (n_bits // 8) * (2 if is_stereo else 1), n_bytes - 128, 128)


def _wve(_: IO[bytes], n_bytes: int, kind: bytes) -> Announced | None:
    """Psion: a header of 32 bytes, a byte for each sample."""
    return Announced(struct.unpack_from(">I", kind, 18)[0], n_bytes - 32, 32)


FORMATS: dict[bytes, Callable[[IO[bytes], int, bytes], Announced | None]] = {
    b".snd": _au, b"dns.": _au,
    b"RIFF": _chunked, b"RIFX": _chunked, b"RF64": _chunked, b"FORM": _chunked,
    b"riff\x2e\x91\xcf\x11": _w64, b"caff": _caf, b"Creative Voice File\x1a": _voc, b"NIST_1A": _nist,
    b"2BIT": _avr, b"ALawSoundFile**\0": _wve,
}  # fmt: skip
"""How a file begins -> who finds its size."""


@dataclass(frozen=True)
class Plain:
    """How the samples of a WAV lie, by its `fmt ` chunk, where they are integers or floats.

    Attributes:
        kind: 1 for integers, 3 for floats (RFC 2361).
        n_channels: how many there are.
        sample_rate: in Hz.
        bytes_a_second: 0 where the writer left it out.
        n_block: bytes of one sample of every channel.
        n_bits: of a sample of one channel; 0 where the chunk is too short to say so.
    """

    kind: int
    n_channels: int
    sample_rate: int
    bytes_a_second: int
    n_block: int
    n_bits: int

    @property
    def is_impossible(self) -> bool:
        """Whether the samples that it tells of do not fit the blocks that it tells of."""
        return not self.n_channels or bool(self.n_block % self.n_channels) or self.n_bits > 8 * self.n_block

    @property
    def doubt(self) -> str:
        """Why the sample rate may be another, worded to follow the file's name; "" where nothing speaks against it."""
        if self.bytes_a_second in (0, self.sample_rate * self.n_block):
            return ""
        return (
            f"says that it has {self.sample_rate} Hz, and {self.bytes_a_second} bytes a second, which at {self.n_block}"
            f" bytes a sample are {self.bytes_a_second / max(1, self.n_block):.0f} Hz; {self.sample_rate} Hz is taken"
        )

    def header(self, size: Announced) -> bytes | None:
        """A WAV's header of 44 bytes for the same samples; None where it cannot tell of them.

        Args:
            size: of the sound.
        """
        if self.is_impossible or self.sample_rate * self.n_block >= 2**32:
            return None
        n_bits = 8 * self.n_block // self.n_channels
        described = struct.pack(
            "<HHIIHH",
            self.kind,
            self.n_channels,
            self.sample_rate,
            self.sample_rate * self.n_block,
            self.n_block,
            n_bits,
        )
        n_sound = min(size.end - size.start, 2**32 - 64)
        head = b"WAVEfmt " + struct.pack("<I", 16) + described + b"data" + struct.pack("<I", n_sound)
        return b"RIFF" + struct.pack("<I", len(head) + n_sound) + head


def plain_samples(file: IO[bytes]) -> Plain | None:
    """How the samples of a WAV lie; None where they are none of integers or floats, or the file is no WAV.

    The chunk that describes the samples comes in more lengths than the manuals have: 14 bytes, without the bits of a
    sample, or 40, with an identifier of which only the first two bytes are right.

    Args:
        file: the file.
    """
    file.seek(0)
    if file.read(4) != b"RIFF":
        return None
    for name, n_bytes, _ in _chunks(file, "<", 12):
        if name != b"fmt ":
            continue
        fields = file.read(min(n_bytes, 40))
        if len(fields) < 14:
            return None
        kind, n_channels, sample_rate, bytes_a_second, n_block = struct.unpack_from("<HHIIH", fields)
        if kind == EXTENSIBLE and len(fields) >= 26:
            kind = struct.unpack_from("<H", fields, 24)[0]
        n_bits = struct.unpack_from("<H", fields, 14)[0] if len(fields) >= 16 else 0
        if kind not in (INTEGERS, FLOATS):
            return None
        return Plain(kind, n_channels, sample_rate, bytes_a_second, n_block, n_bits)
    return None


def _is_followed(file: IO[bytes], order: str, position: int, n_bytes: int) -> bool:
    """Whether there are chunks, and nothing but chunks, from a position to the end of the file."""
    end = 0
    for name, size, start in _chunks(file, order, position):
        if not (name.isascii() and name.decode().isprintable()):
            return False
        end = start + size + size % 2
    return end == n_bytes


def _chunks(file: IO[bytes], order: str, position: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, size and first byte of each chunk from a position on; the file may be read in between."""
    for _ in range(MOST_CHUNKS):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8:
            return
        name, size = header[:4], struct.unpack(f"{order}I", header[4:])[0]
        yield name, size, position + 8
        position += 8 + size + size % 2
