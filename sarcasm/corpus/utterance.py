"""Utterances, the corpus they make, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Utterance:
    """One clip and what is known of it.

    Attributes:
        id: unique in its corpus.
        path: the sound.
        is_sarcastic: the label.
        speaker: who speaks, "" where unknown; only unique within a show.
        show: from what programme, "" where unknown.
        text: what is said, "" where unknown.
        split: the part of a published split it belongs to, "" where there is none.
    """

    id: str
    path: Path
    is_sarcastic: bool
    speaker: str = ""
    show: str = ""
    text: str = ""
    split: str = ""


@dataclass(frozen=True)
class Corpus:
    """What a dataset holds.

    Attributes:
        utterances: those with a label and a file, sorted by id; of both classes.
        missing: ids with a label but without a file, sorted.
        unlabelled: names of files without a label, sorted.
        is_made_up: whether the sound is synthesised.
    """

    utterances: tuple[Utterance, ...]
    missing: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    is_made_up: bool = False


def fingerprint(utterances: Iterable[Utterance]) -> str:
    """Name the content of a corpus: same utterances, same sound, same name, wherever the files lie.

    Ids, labels, speakers, shows and the bytes of the files count, their order and place do not. A file that cannot be
    read counts as such, without an error: whoever needs its sound will say so.

    Returns:
        "sha256:" and 64 hexadecimal digits.
    """
    whole = hashlib.sha256()
    for utterance in sorted(utterances, key=lambda each: each.id):
        labels = [utterance.id, utterance.is_sarcastic, utterance.speaker, utterance.show]
        whole.update(f"{json.dumps(labels)}\n{_file_hash(utterance.path)}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _file_hash(path: Path) -> str:
    try:
        # Opening a pipe would wait for someone to write into it.
        if not path.is_file():
            return "unreadable"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "unreadable"
