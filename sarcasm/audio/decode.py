"""An open file -> its sound, by the decoder that knows it best, measured by what the file promises.

libsndfile comes first, and what it reads, it reads to the bit. What it does not know, or knows by half, goes to FFmpeg.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

from sarcasm.audio import ffmpeg, libsndfile, mpeg, ogg
from sarcasm.audio.faults import AGAIN, Fault, UnknownFormat, Unreadable
from sarcasm.audio.libsndfile import CannotDecode, CannotOpen, Convert, Overwritten, Part, Sound
from sarcasm.audio.sizes import announced, plain_samples
from sarcasm.files import START_BYTES, stand_in

FLAC_TOTAL_PLACE = 21
"""Of the number of samples in the header, 36 bits behind 4 others (RFC 9639, section 8.2)."""
CONTAINERS = {
    "an MP4": (4, b"ftyp"), "a Matroska or WebM": (0, b"\x1a\x45\xdf\xa3"), "an AVI": (8, b"AVI "),
    "an FLV": (0, b"FLV\1"),
}  # fmt: skip
"""Name -> where in a file its mark stands, and what it is."""
FLAC_RATE_PLACE, FLAC_HEAD_BYTES = 18, 4
"""Of the sample rate in the header, 20 bits; and of what a frame begins with."""
FLAC_RATES = {
    1: 88_200, 2: 176_400, 3: 192_000, 4: 8_000, 5: 16_000, 6: 22_050, 7: 24_000, 8: 32_000, 9: 44_100, 10: 48_000,
    11: 96_000,
}  # fmt: skip
"""Four bits of a frame -> Hz (RFC 9639, section 9.1.2); other values stand for rates that are told elsewhere."""
MP3_SLACK_FRAMES = 2
"""Encoders do not agree on how they count their delay."""
OGG_SLACK_SECONDS = 0.001
"""Granule positions may be of another rate than the samples."""


@dataclass(frozen=True)
class Decoding:
    """How an open file is decoded.

    Attributes:
        file: at its beginning.
        n_bytes: its size.
        longest_seconds: a clip that lasts longer is refused, before it fills the memory.
        convert: what is made of blocks of samples as they come.
        video_rate: that the sound of a video is brought to by FFmpeg, in Hz; None leaves it at its own.
    """

    file: io.FileIO
    n_bytes: int
    longest_seconds: float
    convert: Convert
    video_rate: int | None

    def sound(self) -> Sound:
        """All that the file holds.

        Raises:
            UnknownFormat: neither library makes sound of it.
            Fault: it is empty, damaged, truncated or too long.
        """
        if not self.n_bytes:
            raise Fault(f"is empty (0 bytes); {AGAIN}")
        start = self.file.read(START_BYTES)
        if fault := stand_in(start):
            raise Fault(fault)
        head = start[:4]
        if head == b"OggS":
            return self._of_pages()
        if head == b"fLaC":
            return self._of_flac()
        # A sync word; libsndfile would search for frames behind one that begins none.
        is_frame = len(head) == 4 and int.from_bytes(head[:2], "big") >= 0xFFE0
        if (is_frame or head.startswith(b"ID3")) and (frames := self._frames(0, self.n_bytes)):
            return self._of_frames(frames)
        return self._by_ffmpeg(None) if is_frame else self._of_samples()

    def _of_samples(self) -> Sound:
        """Formats of libsndfile that count bytes, or nothing; and what it does not know."""
        self.file.seek(0)
        size = announced(self.file, self.n_bytes)
        if size is not None and size.is_short:
            raise Fault(
                f"is truncated: {max(0, size.n_there)} of the {size.n_promised} bytes of sound that its header promises"
                f" are there; {AGAIN}"
            )
        if size is not None and size.n_behind:
            raise Fault(
                f"is damaged: {size.n_behind} bytes follow the {size.n_promised} of sound that its header counts, and"
                f" are nothing that it names; {AGAIN}"
            )
        plain = plain_samples(self.file)
        if plain is not None and plain.is_impossible:
            raise Fault(
                f"is damaged: {plain.n_channels} channels of {plain.n_bits} bits do not make up the {plain.n_block}"
                f" bytes that its header counts for a sample; {AGAIN}"
            )
        # By number, not by name: soundfile would take x.raw for headerless samples, whatever it holds.
        sources: list[int | io.FileIO] = [self.file.fileno()]
        if size is not None and size.is_unset:
            sources = [Overwritten(self.file, *size.mended)]
        elif size is not None and plain is not None and (head := plain.header(size)):
            sources.append(Part(self.file, size.start, size.end, head))
        first_fault = None
        for source in sources:
            self.file.seek(0)
            try:
                with libsndfile.opened(source) as sound:
                    # MPEG frames have no length that it does not guess.
                    if not sound.subtype.startswith("MPEG_LAYER"):
                        found = libsndfile.read(sound, self.longest_seconds, self.convert)
                        return replace(found, doubt=plain.doubt) if plain else found
                frames = self._frames(size.start, size.end) if size is not None else None
                return self._of_frames(frames) if frames else self._by_ffmpeg(None)
            except CannotOpen as fault:
                first_fault = first_fault or fault
        return self._by_ffmpeg(first_fault)

    def _of_flac(self) -> Sound:
        """All that the header counts, and nothing behind that."""
        self.file.seek(FLAC_TOTAL_PLACE)
        first, *rest = self.file.read(5).ljust(5, b"\0")
        self._refuse_other_rate()
        n_promised = (first & 0xF) << 32 | int.from_bytes(rest, "big")
        self.file.seek(0)
        # libsndfile stops at that number, and says nothing of what is behind a wrong one.
        source = Overwritten(self.file, FLAC_TOTAL_PLACE, bytes((first & 0xF0, 0, 0, 0, 0)))
        try:
            with libsndfile.opened(source) as sound:
                n_expected = n_promised or None
                return libsndfile.read(sound, self.longest_seconds, self.convert, n_expected, is_all=n_promised > 0)
        except CannotOpen as fault:
            return self._by_ffmpeg(fault)

    def _refuse_other_rate(self) -> None:
        """Of a FLAC, whose first frame has the rate again, under a checksum; nothing protects the header's own."""
        file, place = self._buffered(), len(b"fLaC")
        is_last = False
        while not is_last:
            file.seek(place)
            head = file.read(4)
            if len(head) < 4:
                return
            is_last, place = bool(head[0] & 0x80), place + 4 + int.from_bytes(head[1:], "big")
        file.seek(FLAC_RATE_PLACE)
        rate = int.from_bytes(file.read(3), "big") >> 4
        file.seek(place)
        frame = file.read(FLAC_HEAD_BYTES)
        if len(frame) == FLAC_HEAD_BYTES and frame[:2] in (b"\xff\xf8", b"\xff\xf9"):
            again = FLAC_RATES.get(frame[2] & 0xF, rate)
            if again != rate:
                raise Fault(f"is damaged: its header says {rate} Hz, and its first frame {again} Hz; {AGAIN}")

    def _frames(self, start: int, end: int) -> mpeg.Frames | None:
        return mpeg.survey(self._buffered(), start, end)

    def _of_frames(self, frames: mpeg.Frames) -> Sound:
        """MPEG frames: those that are counted where that is what there is, or else all of them."""
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
                f"is damaged: after {before:.2f} s something else stands where a frame of sound should, and"
                f" {there:.2f} s are left; {AGAIN}"
            )
        slack = MP3_SLACK_FRAMES * frames.n_samples
        try:
            if not frames.goes_on:
                with libsndfile.opened(Part(self.file, frames.head, frames.end, mpeg.TAG)) as sound:
                    # It passes over a count that it does not trust or know, and guesses.
                    if abs(sound.frames - (n_there - frames.n_trimmed)) <= slack:
                        return libsndfile.read(sound, self.longest_seconds, self.convert, slack=slack)
            with libsndfile.opened(Part(self.file, frames.start, frames.end, mpeg.TAG, is_endless=True)) as sound:
                return libsndfile.read(sound, self.longest_seconds, self.convert, n_there, slack)
        except CannotOpen as fault:
            raise Fault(f"cannot be decoded ({fault}); {AGAIN}") from fault

    def _of_pages(self) -> Sound:
        """An Ogg file."""
        pages = ogg.survey(self._buffered(), self.n_bytes)
        if n_lost := pages.n_damaged + pages.n_missing:
            raise Fault(
                f"is damaged: {n_lost} of its {pages.n_pages + n_lost} pages are damaged or missing, and up to"
                f" {pages.lost_seconds:.2f} of its {pages.seconds:.2f} s with them; {AGAIN}"
            )
        if pages.is_cut:
            raise Fault(f"is truncated: it stops before its last page; {AGAIN}")
        # libsndfile knows neither pictures nor files that were put after one another.
        if pages.has_picture or len(pages.streams) > 1:
            return self._long_enough(self._by_ffmpeg(None), pages, ffmpeg.SLACK_SECONDS * max(1, len(pages.streams)))
        # It takes an Opus for malformed that has no end mark.
        mark = pages.mark
        source = Overwritten(self.file, *mark) if mark is not None else self.file.fileno()
        self.file.seek(0)
        try:
            with libsndfile.opened(source) as opened:
                sound = libsndfile.read(opened, self.longest_seconds, self.convert, 0)
            return self._long_enough(sound, pages, OGG_SLACK_SECONDS)
        except (CannotOpen, CannotDecode) as fault:
            return self._long_enough(self._by_ffmpeg(fault), pages, ffmpeg.SLACK_SECONDS)

    def _long_enough(self, sound: Sound, pages: ogg.Pages, slack_seconds: float) -> Sound:
        n_promised = int(pages.seconds * sound.sample_rate)
        if sound.n_frames < n_promised - slack_seconds * sound.sample_rate:
            raise Fault(
                f"is damaged: {sound.n_frames} of the {n_promised} samples that its pages count are there; {AGAIN}"
            )
        return sound

    def _by_ffmpeg(self, fault: Fault | None) -> Sound:
        """What libsndfile does not know, or did not open or decode for a fault."""
        self.file.seek(0)
        try:
            track = ffmpeg.read_sound(
                _Nameless(self.file), None, self.video_rate,
                longest_seconds=self.longest_seconds, convert=self.convert,
            )  # fmt: skip
        except UnknownFormat as unknown:
            if isinstance(fault, CannotDecode):
                raise fault from unknown
            if isinstance(fault, CannotOpen) and fault.is_known:
                raise Fault(f"cannot be decoded ({fault}); {AGAIN}") from unknown
            if isinstance(unknown, Unreadable) and (container := self._container()):
                raise Fault(
                    f"is truncated or damaged: it begins as {container} does, and {unknown}; {AGAIN}"
                ) from unknown
            reason = fault or "Format not recognised"
            raise UnknownFormat(
                f"is not audio that libsndfile knows ({reason}); convert it to WAV, with ffmpeg say", str(unknown)
            ) from unknown
        except Fault as lacking:
            raise Fault(f"{lacking}{'' if ';' in str(lacking) else f'; {AGAIN}'}") from lacking
        if track.loss and not track.is_video:
            raise Fault(f"is damaged: {track.loss}; {AGAIN}")
        return Sound(track.samples, track.sample_rate, track.n_frames, track.condition, track.loss)

    def _container(self) -> str:
        """What the file begins as, if that is a container that FFmpeg knows; "" otherwise."""
        self.file.seek(0)
        start = self.file.read(12)
        return next((name for name, (place, mark) in CONTAINERS.items() if start[place:].startswith(mark)), "")

    def _buffered(self) -> io.BufferedReader:
        """The same file, for many small steps."""
        return io.BufferedReader(io.FileIO(self.file.fileno(), closefd=False))


class _Nameless(io.FileIO):
    """A file that PyAV takes: it wants a name in words."""

    def __init__(self, file: io.FileIO) -> None:
        super().__init__(file.fileno(), closefd=False)
        self.name = ""
