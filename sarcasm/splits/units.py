"""What must not be divided: utterances by unit, where a unit stands on one side as a whole.

Each function gives int64 [U], the unit of each utterance of a table. Two clips of the same sound, nearly, or the same
line by the same speaker, are one unit: MUStARD's 2_161 and 2_558 are such a pair.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from sarcasm.corpus import Utterance, normalized
from sarcasm.embeddings import Table
from sarcasm.near_copies import connected

FEWEST_WORDS = 4
"""Of a line that counts as the same line; shorter ones ("Okay?") are said again and again."""


def of_utterances(table: Table) -> np.ndarray:
    """Each utterance is a unit, with its copies."""
    return joined([line(each) for each in table.utterances], table.sounds.tolist())


def of_speakers(table: Table) -> np.ndarray:
    """Each (show, speaker) is a unit: MUStARD's anonymous "PERSON" occurs in two shows and is not one voice."""
    return joined([speaker(each) for each in table.utterances], table.sounds.tolist())


def of_shows(table: Table) -> np.ndarray:
    """Each show is a unit."""
    return joined([each.show for each in table.utterances], table.sounds.tolist())


def speaker(utterance: Utterance) -> tuple[str, str]:
    """Who speaks, told apart across shows."""
    return utterance.show, utterance.speaker


def voice(utterance: Utterance) -> tuple[str, str]:
    """Whose voice it is, told apart across shows; a speaker that is not known is taken for one of his own."""
    return speaker(utterance) if utterance.speaker else ("", utterance.id)


def words(text: str) -> str:
    """A text without case, punctuation and what nobody sees."""
    return " ".join(re.findall(r"\w+", normalized(text).casefold()))


def line(utterance: Utterance) -> Hashable | None:
    """The line of an utterance: speaker and words; None where it is too short to be told from another."""
    said = words(utterance.text)
    return (*speaker(utterance), said) if said.count(" ") + 1 >= FEWEST_WORDS else None


def joined(*keys: Sequence[Hashable | None]) -> np.ndarray:
    """Units that share a key of any kind are one unit; None is shared with nobody."""
    first: dict[tuple[int, Hashable], int] = {}
    links = [
        (first.setdefault((kind, key), position), position)
        for kind, column in enumerate(keys)
        for position, key in enumerate(column)
        if key is not None
    ]
    return connected(len(keys[0]), links)


def codes(keys: Iterable[Hashable]) -> np.ndarray:
    """Int64 [n]: the same number for the same key, in the order of first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)
