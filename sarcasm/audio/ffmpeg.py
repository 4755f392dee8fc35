"""Sound by FFmpeg's libraries, through PyAV, whose wheel brings them along: videos, and what libsndfile does not know.

The first audio stream is decoded, its channels are averaged and resampled by libswresample: what `ffmpeg -i X -vn -ac 1
-ar 16000 -sample_fmt s16` does, but for the rounding to 16 bits.

FFmpeg passes over what it cannot read without complaint. So what came out is compared with what the container counts
(the samples of a stream in MP4 and AVI, the duration in Matroska and FLV), gaps between the times of one frame and the
next are added up, and so are packets that are marked as damaged or cannot be decoded. A duration that FFmpeg guesses
from the size of a file, as it does for raw streams, is no promise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sarcasm.audio.condition import Condition, ConditionMeter
from sarcasm.audio.containers import Structure, look
from sarcasm.audio.faults import Fault, UnknownFormat, Unreadable
from sarcasm.audio.length import LONGEST_SECONDS, too_long
from sarcasm.audio.libsndfile import Convert, joined, refuse_impossible, refuse_none, refuse_rate

if TYPE_CHECKING:
    from av.container import InputContainer

SLACK_SECONDS = 0.1
"""Containers round, and codecs pad: AAC by up to two frames of 1024 samples, 93 ms at 22.05 kHz."""
GAP_SECONDS = 0.005
"""Between frames, from which on something is missing there: containers round to a millisecond, a frame lasts 2.5."""
RAW_FORMATS = frozenset(("aac", "ac3", "amr", "amrnb", "amrwb", "dts", "eac3", "loas", "mp3", "truehd"))
"""Demuxers of streams without a container: they count nothing, and each frame follows upon the one before."""
ALONE = {"protocol_whitelist": "none"}
"""A playlist names other files and addresses; none of them is opened, whoever sent it."""
PYAV_STUMBLES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What PyAV raises over damaged files, such as those whose streams begin in their midst; found by trying."""
TAGS = (b"ID3", b"TAG", b"APETAGEX")
"""That may stand between the frames of a raw stream."""


@dataclass(frozen=True)
class Track:
    """What came out of a file.

    Attributes:
        samples: float32 [n], mono, n > 0, finite.
        sample_rate: in Hz, before any conversion.
        n_frames: samples before any conversion.
        promised_seconds: how long the container says that the sound is; None where it says nothing.
        damaged_packets: pieces of the stream that could not be decoded and are left out.
        lost_seconds: that are missing in the midst of the sound, or are there and left out.
        codec: of the stream, with its rate and channels.
        is_video: whether there is a moving picture with it.
        condition: what there is to hear of it, as the stream has it.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    n_frames: int
    promised_seconds: float | None
    damaged_packets: int
    lost_seconds: float
    codec: str
    is_video: bool
    condition: Condition

    @property
    def loss(self) -> str:
        """What is missing, in words; "" where nothing is."""
        if not self.damaged_packets and not self.lost_seconds:
            return ""
        packets = f"{self.damaged_packets} damaged packets left out" if self.damaged_packets else ""
        whole = self.n_frames / self.sample_rate + self.lost_seconds
        seconds = f"{self.lost_seconds:.2f} of {whole:.2f} s missing" if self.lost_seconds else ""
        return ", ".join(filter(None, (packets, seconds)))


def read_sound(
    file: IO[bytes],
    sample_rate: int | None,
    video_rate: int | None = None,
    speechnorm: str | None = None,
    longest_seconds: float = LONGEST_SECONDS,
    convert: Convert = lambda blocks, _: blocks,
) -> Track:
    """Take the sound out of a file.

    Args:
        file: of any format that FFmpeg knows.
        sample_rate: of the samples, in Hz; None keeps that of the stream.
        video_rate: the same for the sound of a video, if other.
        speechnorm: arguments of FFmpeg's filter of that name; None leaves levels as they are.
        longest_seconds: sound that lasts longer is refused, before it fills the memory.
        convert: what is made of the samples in the end.

    Raises:
        UnknownFormat: it cannot be opened, or has no sound.
        Fault: it is truncated, or more is missing than the slack of containers.
    """
    import av

    try:
        with av.open(file, mode="r", metadata_errors="replace", options=ALONE) as container:
            is_video = _is_video(container)
            rate = video_rate if is_video and video_rate else sample_rate
            resampler = _Resampler(rate, speechnorm)
            return _read(file, container, resampler, is_video, longest_seconds, convert)
    except av.FFmpegError as error:
        raise Unreadable(f"is no video that FFmpeg can read, or a damaged one ({error.strerror})") from error
    except PYAV_STUMBLES as error:
        raise Unreadable(f"is no video that FFmpeg can read, or a damaged one ({error})") from error


def _is_video(container: InputContainer) -> bool:
    """Whether there is a moving picture, which the cover of an album is not."""
    from av.stream import Disposition

    return any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)


def _read(
    file: IO[bytes],
    container: InputContainer,
    resampler: _Resampler,
    is_video: bool,
    longest_seconds: float,
    convert: Convert,
) -> Track:
    if not container.streams.audio:
        raise UnknownFormat("has no sound: there is no audio stream")
    context = container.streams.audio[0].codec_context
    if context is None:
        raise UnknownFormat("has sound of a kind that FFmpeg does not know")
    if context.name == "flac":
        # Otherwise a frame whose checksum is wrong is played all the same.
        context.options = {"err_detect": "crccheck+explode"}
    ledger = _Ledger(container)
    gauge, n_samples = _Gauge(longest_seconds), 0

    def counted() -> Iterator[NDArray[np.float32]]:
        nonlocal n_samples
        for block in resampler.resampled(gauge.measured(ledger.frames())):
            refuse_rate(resampler.sample_rate)
            refuse_impossible(block[:, np.newaxis], n_samples, resampler.sample_rate)
            n_samples += len(block)
            yield block

    blocks = counted()
    # The first one tells the rate.
    first = next(blocks, None)
    if first is None:
        raise UnknownFormat("has no sound: its audio stream is empty")
    samples = joined(list(convert(chain([first], blocks), resampler.sample_rate)))
    refuse_none(samples, n_samples, resampler.sample_rate)
    seconds = n_samples / resampler.sample_rate
    structure = look(file, container.format.name, container.streams.audio[0].id)
    promises = [*_promises(container, is_video, seconds, ledger), (structure.seconds, structure.seconds - seconds)]
    _refuse_lacking(promises, ledger, seconds, structure)
    # What stands where none should be was passed over, and so were bytes that belong to no packet.
    n_damaged = ledger.n_damaged + structure.n_odd + (ledger.n_bytes < (structure.n_sound or 0))
    # Whoever trims a clip without encoding it anew leaves the rest in it; a damaged edit list does the same.
    cut_seconds = structure.cut_seconds if structure.cut_seconds > SLACK_SECONDS else 0.0
    codec = f"{context.name}, {context.sample_rate} Hz, {context.layout.name}"
    return Track(
        samples, resampler.sample_rate, n_samples, promises[0][0] or None, n_damaged,
        ledger.lost_seconds + cut_seconds, codec, is_video, gauge.condition,
    )  # fmt: skip


def _refuse_lacking(
    promises: Iterable[tuple[float, float]], ledger: _Ledger, seconds: float, structure: Structure
) -> None:
    """Refuse sound of which more is missing than containers and codecs are out by."""
    for promised, missing in promises:
        if missing > SLACK_SECONDS:
            there = max(0.0, promised - missing)
            raise Fault(f"is truncated or damaged: {there:.2f} of the {promised:.2f} s that it promises are there")
    if ledger.lost_seconds > SLACK_SECONDS:
        raise Fault(
            f"is damaged: {ledger.lost_seconds:.2f} of its {seconds + ledger.lost_seconds:.2f} s are missing, the first"
            f" of them after {ledger.first_loss:.2f} s"
        )
    if structure.n_there < structure.n_promised:
        raise Fault(
            f"is truncated or damaged: {structure.n_there} of the {structure.n_promised} bytes that it counts are there"
        )


def _promises(
    container: InputContainer, is_video: bool, seconds: float, ledger: _Ledger
) -> Iterator[tuple[float, float]]:
    """Durations by the container's word, that of the sound alone first, and how much of each is missing."""
    import av

    stream = container.streams.audio[0]
    if container.format.name in RAW_FORMATS:
        return
    if container.format.name == "avi" and stream.frames and stream.time_base is not None:
        # The length that stands in the header of the stream; its duration takes the other streams in.
        promised = float(stream.frames * stream.time_base)
        yield promised, promised - seconds
        return
    if stream.duration is not None and stream.time_base is not None:
        promised = float(stream.duration * stream.time_base)
        yield promised, promised - seconds
        return
    for name, value in stream.metadata.items():
        # Of one stream, as Matroska's muxers write it: DURATION, DURATION-eng.
        if name.upper().startswith("DURATION") and (promised := _clock_seconds(value)):
            yield promised, promised - ledger.end_seconds
            break
    if container.duration is not None:
        promised = container.duration / av.time_base
        # A picture may go on after the sound; where nothing does, the rest of the file is missing.
        yield promised, promised - max(ledger.end_seconds, ledger.other_end_seconds if is_video else 0.0)


def _clock_seconds(text: str) -> float:
    """Of "00:00:02.064000000"; 0 where it is no such time."""
    try:
        hours, minutes, seconds = text.split(":")
        return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    except ValueError:
        return 0.0


class _Ledger:
    """Decodes the frames of a stream, and keeps account of what is missing.

    Attributes:
        n_damaged: packets that are marked as damaged or cannot be decoded.
        lost_seconds: that are missing between frames, and in packets before the first one.
        first_loss: seconds of sound before them.
        end_seconds: when the last frame ends, on the clock of the container.
        other_end_seconds: when the last packet of another stream does.
        n_bytes: of the packets.
    """

    def __init__(self, container: InputContainer) -> None:
        self._container, self._stream = container, container.streams.audio[0]
        self.n_damaged, self.lost_seconds, self.first_loss = 0, 0.0, 0.0
        self.end_seconds = self.other_end_seconds = 0.0
        self.n_bytes = 0
        self._heard_seconds = 0.0
        self._expected: float | None = None
        self._byte: int | None = None

    def frames(self) -> Iterator[Any]:
        """Each frame, in order."""
        import av

        packets = self._container.demux()
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                # The rest of the file is missing; its length will tell.
                self.n_damaged += 1
                return
            if packet is None:
                return
            if packet.stream.index != self._stream.index:
                self._pass(packet)
                continue
            self.n_bytes += packet.size
            self._follow(packet)
            is_damaged = packet.is_corrupt
            try:
                decoded = self._stream.decode(packet)
            except av.FFmpegError:
                decoded, is_damaged = [], True
            if is_damaged:
                self.n_damaged += 1
                if self._expected is None and not decoded:
                    self._lose(float((packet.duration or 0) * (packet.time_base or 0)))
            for frame in decoded:
                self._hear(frame)
                yield frame

    def _pass(self, packet: Any) -> None:
        """Another stream's: it only tells how far the file goes."""
        if packet.size and packet.pts is not None:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
            self.other_end_seconds = max(self.other_end_seconds, end)

    def _follow(self, packet: Any) -> None:
        """Of a raw stream: each packet begins where the one before ends, unless a tag stands between them."""
        if self._container.format.name not in RAW_FORMATS or not packet.size or packet.pos is None or packet.pos < 0:
            return
        if self._byte is not None and packet.pos > self._byte and not self._is_tag(self._byte):
            self.n_damaged += 1
        self._byte = packet.pos + packet.size

    def _is_tag(self, place: int) -> bool:
        file = self._container.file
        before = file.tell()
        file.seek(place)
        is_tag = file.read(8).startswith(TAGS)
        file.seek(before)
        return is_tag

    def _hear(self, frame: Any) -> None:
        seconds = frame.samples / frame.sample_rate
        if frame.pts is not None:
            start = float(frame.pts * frame.time_base)
            gap = 0.0 if self._expected is None else start - self._expected
            # What is early makes up for what was late before: clocks of recorders are not steady.
            if abs(gap) > GAP_SECONDS:
                self._lose(gap)
            self._expected = start + seconds
            self.end_seconds = max(self.end_seconds, self._expected)
        self._heard_seconds += seconds

    def _lose(self, seconds: float) -> None:
        if not self.lost_seconds:
            self.first_loss = self._heard_seconds
        self.lost_seconds = max(0.0, self.lost_seconds + seconds)


class _Gauge:
    """Looks at frames as they pass: whether there are too many, and what there is to hear in them."""

    def __init__(self, longest_seconds: float) -> None:
        self._longest_seconds, self._n_samples = longest_seconds, 0
        self._meter: ConditionMeter | None = None
        self._n_channels = 0

    def measured(self, frames: Iterator[Any]) -> Iterator[Any]:
        """The same frames."""
        for frame in frames:
            self._n_samples += frame.samples
            n_channels = len(frame.layout.channels)
            if fault := too_long(self._n_samples, frame.sample_rate, n_channels, self._longest_seconds):
                raise Fault(fault)
            if self._meter is None:
                self._meter, self._n_channels = ConditionMeter(frame.sample_rate), n_channels
            # Whoever changes them in the middle has two recordings in one; the first tells.
            if n_channels == self._n_channels:
                channels = _channels(frame)
                self._meter.add(channels, channels.mean(axis=1))
            yield frame

    @property
    def condition(self) -> Condition:
        """Of all frames so far."""
        return self._meter.condition if self._meter else Condition(0.0)


def _channels(frame: Any) -> NDArray[np.float32]:
    """A frame as float32 [samples, channels], full scale of an integer format at 1."""
    found = frame.to_ndarray()
    samples = found.T if frame.format.is_planar else found.reshape(-1, len(frame.layout.channels))
    if samples.dtype.kind in "iu":
        limits = np.iinfo(samples.dtype)
        half = 2.0 ** (limits.bits - 1)
        samples = (samples - (limits.min + half)) / half
    return samples.astype(np.float32)


class _Resampler:
    """Frames of any rate and layout -> mono blocks at one rate, which is that of the first frame unless said."""

    def __init__(self, sample_rate: int | None, speechnorm: str | None) -> None:
        self.sample_rate = sample_rate or 1
        self._is_rate_open, self._speechnorm = sample_rate is None, speechnorm

    def resampled(self, frames: Iterator[Any]) -> Iterator[NDArray[np.float32]]:
        """Mono blocks, float32 [n]."""
        graph = None
        for frame in frames:
            if graph is None:
                if self._is_rate_open:
                    self.sample_rate = frame.sample_rate
                graph = self._graph(frame)
            graph.push(frame)
            yield from _pulled(graph)
        if graph is not None:
            graph.push(None)
            yield from _pulled(graph)

    def _graph(self, frame: Any) -> Any:
        from av.filter import Graph

        graph = Graph()
        steps = [
            graph.add_abuffer(
                sample_rate=frame.sample_rate,
                format=frame.format.name,
                layout=frame.layout.name,
                time_base=frame.time_base,
            )
        ]
        if self._speechnorm:
            steps.append(graph.add("speechnorm", self._speechnorm))
        # Otherwise two equal channels of floats would add up to more than one of them.
        form = f"sample_rate={self.sample_rate}:out_chlayout=mono:out_sample_fmt=flt:rematrix_maxval=1.0"
        steps += [graph.add("aresample", form), graph.add("abuffersink")]
        graph.link_nodes(*steps).configure()
        return graph


def _pulled(graph: Any) -> Iterator[NDArray[np.float32]]:
    import av

    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        yield frame.to_ndarray()[0]
