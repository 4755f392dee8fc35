"""Words of a command line -> the clips that they name, in order, each once."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from sarcasm.options import at_home

SUFFIXES = frozenset(
    (
        ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".au", ".avi", ".caf", ".flac", ".flv", ".m4a",
        ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpeg", ".mpg", ".oga", ".ogg", ".ogv", ".opus",
        ".rf64", ".snd", ".ts", ".w64", ".wav", ".webm", ".wma", ".wmv",
    )
)  # fmt: skip
"""Of the files in a folder that are taken for audio or video."""


def find_clips(words: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Find clips.

    Args:
        words: files, whatever they are called; folders, whose audio and video files are taken, however deep; and
            patterns such as "clips/**/*.wav".

    Returns:
        The clips; and the words that name none.
    """
    found: dict[Path, None] = {}
    nothing = []
    for word in words:
        named = list(_named(word))
        nothing += [] if named else [word]
        found |= dict.fromkeys(named)
    return list(found), nothing


def _named(word: str) -> Iterator[Path]:
    word = word if os.path.lexists(word) else at_home(word)
    path = Path(word)
    if path.is_dir():
        inside = (each for each in path.rglob("*") if each.suffix.lower() in SUFFIXES and each.is_file())
        yield from sorted(each for each in inside if not each.name.startswith("."))
    elif path.exists():
        yield path
    elif glob.has_magic(word):
        # Unlike Path.glob, it takes a pattern that begins anywhere.
        matched = (Path(each) for each in sorted(glob.glob(word, recursive=True)))  # noqa: PTH207
        yield from (each for each in matched if each.is_file())
