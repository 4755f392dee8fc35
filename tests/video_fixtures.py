"""Videos like MUStARD's, made on the spot: a made-up voice as AAC in MP4, in a zip with the junk that real ones have."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest

from sarcasm.corpus.synthesis import Delivery, speak

CLIPS = {
    # id -> (seconds, sarcastic, speaker, show)
    "1_60": (2.4, True, "SHELDON", "BBT"), "1_70": (1.6, False, "PENNY", "BBT"), "1_80": (3.1, True, "SHELDON", "BBT"),
    "1_90": (2.0, False, "HOWARD", "BBT"), "2_91": (2.2, False, "JOEY", "FRIENDS"), "2_94": (0.7, False, "ROSS", "FRIENDS"),
    "2_96": (1.9, False, "JOEY", "FRIENDS"), "2_97": (2.6, True, "CHANDLER", "FRIENDS"), "2_99": (2.3, False, "ROSS", "FRIENDS"),
    "2_100": (1.7, True, "CHANDLER", "FRIENDS"), "2_101": (2.1, True, "DOROTHY", "GOLDENGIRLS"), "2_102": (1.4, False, "ROSE", "GOLDENGIRLS"),
}  # fmt: skip


def voice(seconds: float, sample_rate: int, seed: int) -> np.ndarray:
    """Somebody says something: float32 [n] in [-1, 1]; made up."""
    random = np.random.default_rng(seed)
    delivery = Delivery(110 + 15 * (seed % 8), 7, 4.8, -20, 1 + 0.02 * (seed % 8), 0.2)
    return speak(delivery, max(2, round(seconds * 4.5)), sample_rate, random, seconds).astype(np.float32)


def write_video(
    path: Path,
    sound: np.ndarray | None,
    sample_rate: int = 44_100,
    codec: str = "aac",
    options: dict[str, str] | None = None,
    size: tuple[int, int] = (64, 48),
    frame_rate: int = 5,
    picture_codec: str = "mpeg4",
) -> Path:
    """Write a video with a moving picture and, unless it is None, sound: float32 [n] or [channels, n]."""
    channels = np.zeros((1, 2 * sample_rate), np.float32) if sound is None else np.atleast_2d(sound)
    with av.open(str(path), "w", options=options or {}) as container:
        picture = container.add_stream(picture_codec, rate=frame_rate)
        picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
        layout = {1: "mono", 2: "stereo"}[len(channels)]
        stream = None if sound is None else container.add_stream(codec, rate=sample_rate, layout=layout)
        ramp = np.arange(size[0] * size[1] * 3, dtype=np.uint32).reshape(size[1], size[0], 3)
        for number in range(max(1, round(channels.shape[1] / sample_rate * frame_rate))):
            frame = av.VideoFrame.from_ndarray((ramp * (7 + number % 50) >> 9).astype(np.uint8), "rgb24")
            frame.pts = number
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        if stream is not None:
            for start in range(0, channels.shape[1], 1024):
                block = np.ascontiguousarray(channels[:, start : start + 1024], np.float32)
                frame = av.AudioFrame.from_ndarray(block, "fltp", layout)
                frame.sample_rate, frame.pts = sample_rate, start
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


def damaged_video(folder: Path) -> Path:
    """Write a video of 3 s of which two or three packets of sound cannot be decoded."""
    video = write_video(folder / "clip.mp4", voice(3.0, 44_100, 6))
    content = bytearray(video.read_bytes())
    middle = (content.index(b"mdat") + content.index(b"moov")) // 2
    content[middle : middle + 300] = np.random.default_rng(1).integers(0, 256, 300, np.uint8).tobytes()
    video.write_bytes(content)
    return video


@dataclass(frozen=True)
class Published:
    """What a publisher of a corpus would serve.

    Attributes:
        folder: holds the files below, under their names.
        labels: sarcasm_data.json.
        archive: mmsd_raw_data.zip.
        videos: a folder of KEY.mp4.
    """

    folder: Path
    labels: Path
    archive: Path
    videos: Path


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Labels, videos and the archive of twelve made-up clips."""
    folder = tmp_path_factory.mktemp("published")
    videos = folder / "utterances_final"
    videos.mkdir()
    entries = {}
    for number, (key, (seconds, is_sarcastic, speaker, show)) in enumerate(CLIPS.items()):
        rate = 44_100 if number % 2 else 48_000
        sound = voice(seconds, rate, number)
        write_video(videos / f"{key}.mp4", np.stack([sound, 0.8 * sound]) if number % 3 == 0 else sound, rate)
        entries[key] = {
            "utterance": f"Made-up line number {number}.", "speaker": speaker, "context": ["A line before."],
            "context_speakers": ["BEN"], "show": show, "sarcasm": is_sarcastic,
        }  # fmt: skip
    labels = folder / "sarcasm_data.json"
    labels.write_text(json.dumps(entries), encoding="utf-8")
    return Published(folder, labels, write_archive(folder / "mmsd_raw_data.zip", videos), videos)


def write_archive(path: Path, videos: Path, root: str = "mmsd_raw_data/") -> Path:
    """Zip videos as a Mac does, contexts and hidden files included."""
    with zipfile.ZipFile(path, "w") as archive:
        for video in sorted(videos.iterdir()):
            archive.write(video, f"{root}utterances_final/{video.name}")
            archive.writestr(f"__MACOSX/{root}utterances_final/._{video.name}", b"\0\5\x16\7 resource fork")
            archive.writestr(f"{root}context_final/{video.stem}_c.mp4", b"a context that nobody asked for")
        archive.writestr(f"{root}utterances_final/.DS_Store", b"Bud1")
        archive.writestr(f"{root}utterances_final/._2_97.mp4", b"not a video")
    return path
