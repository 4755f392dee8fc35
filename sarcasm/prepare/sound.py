"""The sound of a video -> mono samples, by FFmpeg's libraries through PyAV, whose wheel brings them along.

The first audio stream is decoded, its channels are averaged and resampled by libswresample: what `ffmpeg -i X -vn -ac 1
-ar 16000 -sample_fmt s16` does, but for the rounding to 16 bits. What the container promises is compared with what came
out, because a truncated file is decoded without complaint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import MISSING

from sarcasm.audio import LONGEST_SECONDS, too_long
from sarcasm.errors import ConfigError, VideoError
from sarcasm.files import START_BYTES, stand_in
from sarcasm.options import option

if TYPE_CHECKING:
    from av.container import InputContainer

SLACK_SECONDS = 0.1
"""Containers round, and codecs pad: AAC by up to two frames of 1024 samples, 93 ms at 22.05 kHz."""
CONTAINER_SLACK_SECONDS = 1.0
"""Where only the whole file has a duration: its video may go on after its sound."""
SPEECHNORM = "e=6.25:r=0.00001:l=1"
"""Of the TU Berlin configuration for MUStARD: expansion, rise per sample, channels linked."""
LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000
ALONE = {"protocol_whitelist": "none"}
"""A playlist names other files and addresses; none of them is opened, whoever sent it."""


@option("extract", "sound")
@dataclass
class Extract:
    """How sound is taken out of a video.

    Attributes:
        name: what the way is called.
        sample_rate: of the result, in Hz.
        speechnorm: FFmpeg's speechnorm filter with these arguments; null leaves levels as they are.
    """

    name: str = MISSING
    sample_rate: int = MISSING
    speechnorm: str | None = MISSING

    def __post_init__(self) -> None:
        if not LOWEST_RATE <= self.sample_rate <= HIGHEST_RATE:
            raise ConfigError(
                f"extract.sample_rate={self.sample_rate}: Hz between {LOWEST_RATE} and {HIGHEST_RATE} are needed"
            )


@dataclass(frozen=True)
class Sound:
    """What came out of a video.

    Attributes:
        samples: float32 [n], mono, n > 0, finite.
        sample_rate: in Hz.
        promised_seconds: how long the container says that the sound is; None where it says nothing.
        damaged_packets: pieces of the stream that could not be decoded and are left out.
        codec: of the stream, with its rate and channels.
    """

    samples: NDArray[np.float32]
    sample_rate: int
    promised_seconds: float | None
    damaged_packets: int
    codec: str


def read_sound(
    file: IO[bytes], sample_rate: int | None, speechnorm: str | None = None, longest_seconds: float = LONGEST_SECONDS
) -> Sound:
    """Take the sound out of a video.

    Args:
        file: the video, of any format that FFmpeg knows.
        sample_rate: of the samples, in Hz; None keeps that of the stream.
        speechnorm: see `Extract`.
        longest_seconds: sound that lasts longer is refused, before it fills the memory; see `too_long`.

    Raises:
        VideoError: it cannot be opened, has no sound, or is truncated; worded to follow the clip's name.
    """
    import av

    if fault := stand_in(file.read(START_BYTES)):
        raise VideoError(fault)
    file.seek(0)
    try:
        with av.open(file, mode="r", metadata_errors="replace", options=ALONE) as container:
            return _read(container, sample_rate, speechnorm, longest_seconds)
    except av.FFmpegError as error:
        raise VideoError(f"is no video that FFmpeg can read, or a damaged one ({error.strerror})") from error


def _read(container: InputContainer, sample_rate: int | None, speechnorm: str | None, longest_seconds: float) -> Sound:
    if not container.streams.audio:
        raise VideoError("has no sound: there is no audio stream")
    stream = container.streams.audio[0]
    promised, slack = _promised_seconds(container)
    counter, resampler = _Counter(), _Resampler(sample_rate, speechnorm)
    blocks = list(resampler.resampled(_counted(_frames(container, counter), longest_seconds)))
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    seconds = len(samples) / resampler.sample_rate
    if not len(samples):
        raise VideoError("has no sound: its audio stream is empty")
    if promised is not None and seconds < promised - slack:
        raise VideoError(f"is truncated or damaged: {seconds:.2f} of the {promised:.2f} s that it promises are there")
    if not np.isfinite(samples).all():
        raise VideoError("decodes to samples that are not finite: it is damaged")
    context = stream.codec_context
    codec = f"{context.name}, {context.sample_rate} Hz, {context.layout.name}"
    return Sound(samples, resampler.sample_rate, promised, counter.n_damaged, codec)


class _Counter:
    n_damaged = 0


def _promised_seconds(container: InputContainer) -> tuple[float | None, float]:
    """Duration of the sound by the container's word, and how far the decoded may fall short of it."""
    import av

    stream = container.streams.audio[0]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base), SLACK_SECONDS
    if container.duration is not None:
        return container.duration / av.time_base, CONTAINER_SLACK_SECONDS
    return None, 0


def _counted(frames: Iterator[Any], longest_seconds: float) -> Iterator[Any]:
    """The same, until there are too many."""
    n_samples = 0
    for frame in frames:
        n_samples += frame.samples
        if fault := too_long(n_samples, frame.sample_rate, len(frame.layout.channels), longest_seconds):
            raise VideoError(fault)
        yield frame


def _frames(container: InputContainer, counter: _Counter) -> Iterator[Any]:
    import av

    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            # The rest of the file is missing; its length will tell.
            counter.n_damaged += 1
            return
        if packet is None:
            return
        try:
            yield from packet.decode()
        except av.FFmpegError:
            counter.n_damaged += 1


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
