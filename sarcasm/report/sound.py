"""The sound of clips for a page: where it lies, or the sound itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sarcasm.audio import SAMPLE_RATE, read_waveform
from sarcasm.errors import AudioError
from sarcasm.processors import n_processors
from sarcasm.report.options import Audio
from sarcasm.resampling import Resampler

Track = Callable[[Iterable[Any]], Iterable[Any]]


def with_sound(clips: Sequence[dict[str, Any]], audio: Audio, track: Track = lambda each: each) -> list[dict[str, Any]]:
    """Give the clips of a page their sound.

    Args:
        clips: what the page is given of each; see `sarcasm.report.listening.as_json`.
        audio: where the page is to have it from.
        track: wraps the clips, to show progress.

    Raises:
        AudioError: a clip that is to be put into the page cannot be read; the message names it.
    """
    if audio is not Audio.embedded:
        return [each | {"sound": _link(each["path"]) if audio is Audio.linked else ""} for each in clips]
    with ThreadPoolExecutor(n_processors(), thread_name_prefix="sound") as pool:
        sounds = pool.map(lambda each: data_uri(Path(each["path"]), each["id"]), clips)
        return [each | {"sound": sound} for each, sound in zip(track(clips), sounds, strict=True)]


def _link(path: str) -> str:
    """A file of this machine as an address; "" where a path is none of this machine's, such as //HOST/FILE."""
    is_here = path.startswith("/") and not path.startswith("//") and "\0" not in path
    try:
        return Path(path).as_uri() if is_here else ""
    except UnicodeEncodeError:  # half a surrogate pair, which no file's name has
        return ""


def data_uri(path: Path, clip: str) -> str:
    """A clip as any browser plays it: MP3, mono, 16 kHz, as VGGish hears it.

    Raises:
        AudioError: it cannot be read.
    """
    import soundfile

    waveform = read_waveform(path, Resampler.soxr, clip)
    file = io.BytesIO()
    try:
        soundfile.write(file, waveform.clip(-1, 1, out=waveform), SAMPLE_RATE, format="MP3")
    except (soundfile.LibsndfileError, ValueError) as error:
        raise AudioError(f"clip {clip}: {path} cannot be made into MP3 ({error})") from error
    return f"data:audio/mpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
