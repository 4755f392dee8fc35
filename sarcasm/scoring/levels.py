"""From logits to decisions, at two levels: each example by itself, and each utterance by the mean over its examples.

What the two columns of logits say stands in `sarcasm.logits`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from sarcasm.embeddings import Table
from sarcasm.logits import N_LOGITS, NON_SARCASTIC, SARCASTIC, probability, sigmoids
from sarcasm.scoring.calibration import best_threshold


class Decision(Enum):
    """How probabilities become a decision."""

    argmax = "argmax"
    round = "round"
    tuned = "tuned"


@dataclass(frozen=True)
class Predictions:
    """What a fitted head says of one side of a fold.

    Attributes:
        fold: the fold's name.
        rows: int64 [n], row numbers of the table.
        logits: float32 [n, 2].
        seed: of the fit.
        threshold: on the probability, from which on it decides sarcastic; see `tuned_threshold`.
    """

    fold: str
    rows: np.ndarray
    logits: np.ndarray
    seed: int = 0
    threshold: float = 0.5


@dataclass(frozen=True)
class Level:
    """Labels, probabilities and decisions at one level.

    Attributes:
        name: "example" or "utterance".
        fold: str [n], the fold each was tested in.
        seed: int64 [n], of the fit that tested it.
        utterance: int64 [n], positions in the table's utterances.
        labels: bool [n], true where sarcastic.
        probability: float64 [n], of sarcastic.
        decisions: bool [n, 2], columns sarcastic and not; `Decision.round` may set neither or both.
    """

    name: str
    fold: np.ndarray
    seed: np.ndarray
    utterance: np.ndarray
    labels: np.ndarray
    probability: np.ndarray
    decisions: np.ndarray

    def of(self, chosen: np.ndarray) -> Level:
        """Those rows alone: a boolean or integer index."""
        arrays = {name: value[chosen] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **arrays)

    @property
    def is_decided(self) -> bool:
        """Whether every decision is for one class and against the other."""
        return bool(np.all(self.decisions.sum(axis=1) == 1))


def levels(predictions: Sequence[Predictions], table: Table, decision: Decision) -> list[Level]:
    """Both levels, the whole clips first.

    Args:
        predictions: of every fold.
        table: what the folds divide.
        decision: how probabilities become decisions.
    """
    return [utterance_level(predictions, table, decision), example_level(predictions, table, decision)]


def example_level(predictions: Sequence[Predictions], table: Table, decision: Decision) -> Level:
    """Every test example by itself, in the order of the predictions."""
    levels = [
        _level(
            "example", each, table.utterance[each.rows], table.y[each.rows], sigmoids(each.logits),
            probability(each.logits), decision,
        )
        for each in predictions
    ]  # fmt: skip
    return _joined(levels)


def utterance_level(predictions: Sequence[Predictions], table: Table, decision: Decision) -> Level:
    """Every test utterance by the mean over those of its examples that were tested, fit by fit, sorted by id."""
    levels = []
    for each in predictions:
        found, owner = np.unique(table.utterance[each.rows], return_inverse=True)
        columns, of_sarcastic = _of_utterances(each.logits, owner)
        levels.append(_level("utterance", each, found, table.utterance_labels[found], columns, of_sarcastic, decision))
    return _joined(levels)


def decide_clip(logits: np.ndarray, decision: Decision, threshold: float) -> tuple[float, np.ndarray]:
    """Decide one clip as `utterance_level` decides it.

    Args:
        logits: float32 [n, 2], of all its rows.
        decision: how probabilities become a decision.
        threshold: see `Predictions`.

    Returns:
        The probability of sarcastic; and the decision, bool [2].
    """
    columns, of_sarcastic = _of_utterances(logits, np.zeros(len(logits), np.int64))
    return float(of_sarcastic[0]), _decide(columns, of_sarcastic, decision, threshold)[0]


def _of_utterances(logits: np.ndarray, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means over the rows of each utterance: of the sigmoids, float64 [n, 2], and of the probability, float64 [n]."""
    columns = np.stack([_mean(column, owner) for column in sigmoids(logits).T], axis=1)
    return columns, _mean(probability(logits), owner)


def _mean(values: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Values [n] and the number of what each belongs to -> the mean for each number."""
    return np.bincount(owner, values) / np.bincount(owner)


def tuned_threshold(validation: Predictions, table: Table) -> float:
    """The threshold on an utterance's probability that has the highest weighted F on validation rows.

    Args:
        validation: what a fit says of its validation side; never of its test side.
        table: what the folds divide.
    """
    level = utterance_level([validation], table, Decision.argmax)
    return best_threshold(level.labels, level.probability)


def _level(
    name: str, said: Predictions, utterance: np.ndarray, labels: np.ndarray, columns: np.ndarray,
    of_sarcastic: np.ndarray, decision: Decision,
) -> Level:  # fmt: skip
    n = len(utterance)
    decisions = _decide(columns, of_sarcastic, decision, said.threshold)
    return Level(name, np.full(n, said.fold), np.full(n, said.seed), utterance, labels, of_sarcastic, decisions)


def _joined(levels: Sequence[Level]) -> Level:
    names = [name for name, value in vars(levels[0]).items() if isinstance(value, np.ndarray)]
    joined: dict[str, Any] = {name: np.concatenate([getattr(each, name) for each in levels]) for name in names}
    return replace(levels[0], **joined)


def _decide(columns: np.ndarray, of_sarcastic: np.ndarray, decision: Decision, threshold: float) -> np.ndarray:
    if decision is Decision.round:
        return np.round(columns).astype(bool)
    decisions = np.empty((len(of_sarcastic), N_LOGITS), bool)
    decisions[:, SARCASTIC] = of_sarcastic >= threshold
    decisions[:, NON_SARCASTIC] = ~decisions[:, SARCASTIC]
    return decisions
