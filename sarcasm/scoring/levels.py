"""From logits to decisions, at two levels: each example by itself, and each utterance by the mean over its examples.

Two columns, as the head has them: 0 sarcastic, 1 not. Each goes through a sigmoid of its own, since the head is trained
so; the probability of sarcastic is the first column's share of both, p0 / (p0 + p1), which is above one half exactly
where argmax says sarcastic and equals p0 where the columns sum to one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from sarcasm.embeddings import Table
from sarcasm.heads import N_LOGITS, NON_SARCASTIC, SARCASTIC


class Decision(Enum):
    """How probabilities become a decision."""

    argmax = "argmax"
    round = "round"


@dataclass(frozen=True)
class Predictions:
    """What a fitted head says of the test side of one fold.

    Attributes:
        fold: the fold's name.
        rows: int64 [n], row numbers of the table.
        logits: float32 [n, 2].
    """

    fold: str
    rows: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Level:
    """Labels, probabilities and decisions at one level.

    Attributes:
        name: "example" or "utterance".
        fold: str [n], the fold each was tested in.
        utterance: int64 [n], positions in the table's utterances.
        labels: bool [n], true where sarcastic.
        probability: float64 [n], of sarcastic.
        decisions: bool [n, 2], columns sarcastic and not; `Decision.round` may set neither or both.
    """

    name: str
    fold: np.ndarray
    utterance: np.ndarray
    labels: np.ndarray
    probability: np.ndarray
    decisions: np.ndarray


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
    fold = np.concatenate([np.full(len(each.rows), each.fold) for each in predictions])
    rows = np.concatenate([each.rows for each in predictions])
    columns, probability = _probabilities(np.concatenate([each.logits for each in predictions]))
    return Level(
        "example", fold, table.utterance[rows], table.y[rows], probability, _decide(columns, probability, decision)
    )


def utterance_level(predictions: Sequence[Predictions], table: Table, decision: Decision) -> Level:
    """Every test utterance by the mean over those of its examples that were tested; sorted by fold, then id."""
    folds, utterances, columns, probabilities = [], [], [], []
    for each in sorted(predictions, key=lambda each: each.fold):
        found, owner = np.unique(table.utterance[each.rows], return_inverse=True)
        share = np.eye(len(found))[owner] / np.bincount(owner)
        example_columns, example_probability = _probabilities(each.logits)
        folds.append(np.full(len(found), each.fold))
        utterances.append(found)
        columns.append(share.T @ example_columns)
        probabilities.append(share.T @ example_probability)
    utterance, probability = np.concatenate(utterances), np.concatenate(probabilities)
    return Level(
        "utterance",
        np.concatenate(folds),
        utterance,
        table.utterance_labels[utterance],
        probability,
        _decide(np.concatenate(columns), probability, decision),
    )


def _probabilities(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sigmoid of each column [n, 2] and the probability of sarcastic [n]; float64, right for logits of any size."""
    from scipy.special import expit, log_expit

    logits = logits.astype(np.float64)
    log_columns = log_expit(logits)
    return expit(logits), expit(log_columns[:, SARCASTIC] - log_columns[:, NON_SARCASTIC])


def _decide(columns: np.ndarray, probability: np.ndarray, decision: Decision) -> np.ndarray:
    if decision is Decision.round:
        return np.round(columns).astype(bool)
    decisions = np.empty((len(probability), N_LOGITS), bool)
    decisions[:, SARCASTIC] = probability >= 0.5
    decisions[:, NON_SARCASTIC] = ~decisions[:, SARCASTIC]
    return decisions
