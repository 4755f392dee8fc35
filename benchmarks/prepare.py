"""`sarcasm prepare` on a corpus of MUStARD's size: both cores against one, and how fast it goes against real time.

The clips are made up: 40 different ones, 5 s long on average, each under several of 690 names. Sound is taken out of
all of them, a part of them is freed from noise; each with one process and with two, in turns. Starting the processes
counts.
"""

from __future__ import annotations

import json
import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from sarcasm.config import compose, parse_preparation
from sarcasm.prepare import Wish, steps
from sarcasm.prepare.clips import DenoiseClip, ExtractClip, make
from sarcasm.prepare.videos import find_videos
from sarcasm.workers import in_processes
from tests.video_fixtures import voice, write_video

N_CLIPS, N_DISTINCT, N_DENOISED, ROUNDS = 690, 40, 40, 3
MEAN_SECONDS, SAMPLE_RATE = 5.2, 44_100
CORES_BUDGET, AGAIN_SECONDS_BUDGET = 1.7, 2.0


class _Quiet:
    """Shows nothing."""

    def note(self, _line: str) -> None:
        pass

    def clips(self, _title: str, _n_clips: int) -> AbstractContextManager[Callable[[], None]]:
        return nullcontext(lambda: None)

    def bytes(self, _title: str) -> AbstractContextManager[Callable[[int, int | None], None]]:
        return nullcontext(lambda _n_there, _n_all: None)


def measure() -> Iterator[dict[str, object]]:
    """Rows: what, ratio, budget."""
    with TemporaryDirectory() as folder:
        yield from _measure(Path(folder))


def _measure(folder: Path) -> Iterator[dict[str, object]]:
    labels, archive, seconds = _publish(folder)
    options = [
        f"data_dir={folder}/data", f"source.mustard_labels.url={labels}", f"source.mustard_videos.url={archive}",
        "source.mustard_labels.bytes=null", "source.mustard_labels.sha256=null",
    ]  # fmt: skip
    preparation = parse_preparation(compose("prepare", options))
    videos = find_videos(archive, "utterances_final", "{id}.mp4", list(seconds), "videos")
    target = folder / "clips"
    target.mkdir()
    extraction = [
        ExtractClip(id_, target / f"{id_}.wav", video, None, preparation.extract) for id_, video in videos.items()
    ]
    yield from _compared("take out the sound of 690 clips", extraction, sum(seconds.values()))

    wish = Wish(("original",), preparation)
    _run(wish)
    originals = folder / "data" / "mustard" / "original"
    chosen = list(seconds)[:N_DENOISED]
    denoising = [
        DenoiseClip(id_, target / f"{id_}.wav", originals / f"{id_}.wav", videos[id_], None, preparation.denoise)
        for id_ in chosen
    ]
    yield from _compared(f"free {N_DENOISED} clips from noise", denoising, sum(seconds[id_] for id_ in chosen))

    start = time.perf_counter()
    _run(wish)
    again = time.perf_counter() - start
    yield {"what": "a second call over 690 clips: seconds", "ratio": again, "budget": AGAIN_SECONDS_BUDGET}


def _compared(what: str, works: list[Any], seconds: float) -> Iterator[dict[str, object]]:
    turns = [[_timed(works, n_processes) for n_processes in (1, 2)] for _ in range(ROUNDS)]
    ratio = statistics.median(one / two for one, two in turns)
    yield {"what": f"{what}: two processes against one", "ratio": ratio, "budget": CORES_BUDGET}
    speed = seconds / statistics.median(two for _, two in turns)
    yield {"what": f"{what}: times real time, two processes", "ratio": speed, "budget": 1.0}


def _timed(works: list[Any], n_processes: int) -> float:
    start = time.perf_counter()
    failed = [made for _, made in in_processes(make, works, n_processes) if not hasattr(made, "sha256")]
    assert not failed, failed
    return time.perf_counter() - start


def _run(wish: Wish) -> None:
    for step in steps(wish):
        list(step.run(_Quiet()) or [])


def _publish(folder: Path) -> tuple[Path, Path, dict[str, float]]:
    """Labels, archive, and how long each clip is in seconds."""
    rng = np.random.default_rng(20190728)
    lengths = np.clip(rng.lognormal(np.log(MEAN_SECONDS) - 0.125, 0.5, N_DISTINCT), 0.7, 20)
    videos = [_video(folder / f"{number}.mp4", length, number) for number, length in enumerate(lengths)]
    ids = [f"1_{number}" for number in range(N_CLIPS)]
    archive, labels = folder / "mmsd_raw_data.zip", folder / "sarcasm_data.json"
    with zipfile.ZipFile(archive, "w") as file:
        for number, id_ in enumerate(ids):
            file.write(videos[number % N_DISTINCT], f"utterances_final/{id_}.mp4")
            file.writestr(f"context_final/{id_}_c.mp4", b"not wanted")
    entry = {"utterance": "", "speaker": "A", "context": [], "context_speakers": [], "show": "BBT"}
    labels.write_text(json.dumps({id_: {**entry, "sarcasm": n % 2 == 0} for n, id_ in enumerate(ids)}))
    return labels, archive, {id_: float(lengths[n % N_DISTINCT]) for n, id_ in enumerate(ids)}


def _video(path: Path, seconds: float, seed: int) -> Path:
    """Like those of MUStARD, whose 1,380 have 1 MB on average: stereo, with a picture in H.264."""
    sound = voice(seconds, SAMPLE_RATE, seed)
    stereo = np.stack([sound, 0.9 * sound])
    return write_video(path, stereo, SAMPLE_RATE, size=(640, 360), frame_rate=25, picture_codec="libx264")
