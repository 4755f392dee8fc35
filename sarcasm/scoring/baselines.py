"""What one scores without listening: the bar any model must clear.

Each rule is learned on the utterances of the training side and scored on those of the test side, fold by fold, pooled.
On MUStARD's speaker-dependent folds the speaker's habit alone reaches a weighted F of 68 to 69, above the published
audio model (Castro et al. 2019).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sarcasm.embeddings import Table
from sarcasm.scoring.metrics import Scores, score
from sarcasm.splits import Fold

Rule = Callable[[Table, np.ndarray, np.ndarray], np.ndarray]
"""(table, training utterances, test utterances) -> a score in [0, 1] for each of the latter; sarcastic from 0.5 on."""


@dataclass(frozen=True)
class Baseline:
    """A rule and what it scores on the test utterances."""

    name: str
    scores: Scores


def baselines(folds: Sequence[Fold], table: Table) -> list[Baseline]:
    """Learn and score every rule that the corpus's annotations allow."""
    rules: dict[str, Rule] = {"majority": _majority}
    if any(utterance.speaker for utterance in table.utterances):
        rules["speaker_majority"] = _speaker_majority
    if any(utterance.show for utterance in table.utterances):
        rules["show_majority"] = _show_majority
    rules["clip_length"] = _clip_length
    return [Baseline(name, _score(rule, folds, table)) for name, rule in rules.items()]


def metrics(scores: Mapping[str, Scores], compared: Sequence[Baseline]) -> dict[str, float]:
    """Every number by the name it is tracked under: test/LEVEL/METRIC and baseline/NAME/METRIC."""
    named = {f"test/{level}": each for level, each in scores.items()}
    named |= {f"baseline/{each.name}": each.scores for each in compared}
    return {f"{name}/{metric}": value for name, each in named.items() for metric, value in each.metrics().items()}


def verdict(scores: Scores, compared: Sequence[Baseline]) -> str:
    """One sentence: whether the weighted F on utterances beats the best rule that does not listen."""
    best = max(compared, key=lambda baseline: baseline.scores.f1_weighted)
    gain = scores.f1_weighted - best.scores.f1_weighted
    rule = f"{best.name.replace('_', ' ')}, which does not listen, has {best.scores.f1_weighted:.3f}"
    if gain <= 0:
        return f"Does not beat the baselines: weighted F over utterances is {scores.f1_weighted:.3f}; {rule}."
    return f"Weighted F over utterances is {scores.f1_weighted:.3f}, {gain:.3f} above the best baseline: {rule}."


def _score(rule: Rule, folds: Sequence[Fold], table: Table) -> Scores:
    labels, likelihoods = [], []
    for fold in folds:
        train, test = (np.unique(table.utterance[rows]) for rows in (fold.train, fold.test))
        labels.append(table.utterance_labels[test])
        likelihoods.append(rule(table, train, test))
    likelihood = np.concatenate(likelihoods)
    decisions = np.stack([likelihood >= 0.5, likelihood < 0.5], axis=1)
    return score(np.concatenate(labels), likelihood, decisions)


def _majority(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return np.full(len(test), table.utterance_labels[train].mean())


def _speaker_majority(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    # The show is part of who speaks: MUStARD's anonymous "PERSON" occurs in two shows and is not one voice.
    return _group_majority(table, train, test, [(utterance.show, utterance.speaker) for utterance in table.utterances])


def _show_majority(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return _group_majority(table, train, test, [utterance.show for utterance in table.utterances])


def _group_majority(table: Table, train: np.ndarray, test: np.ndarray, group_of: Sequence[object]) -> np.ndarray:
    """Share of sarcastic utterances of the same group in training; over all groups, where the group is new."""
    labels = table.utterance_labels
    of_group: dict[object, list[bool]] = {}
    for position in train:
        of_group.setdefault(group_of[position], []).append(labels[position])
    return np.array([np.mean(of_group.get(group_of[position], labels[train])) for position in test])


def _clip_length(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """A threshold on seconds, longer or shorter, the most accurate on the training side; midway between two lengths."""
    from scipy.special import expit

    seconds, labels = table.seconds[train], table.utterance_labels[train]
    lengths = np.unique(seconds)
    thresholds = np.concatenate([[-np.inf], (lengths[:-1] + lengths[1:]) / 2])
    right_if_longer = np.array([np.mean((seconds > threshold) == labels) for threshold in thresholds])
    # "Shorter is sarcastic" is right wherever "longer is sarcastic" is wrong.
    best = int(np.argmax(np.maximum(right_if_longer, 1 - right_if_longer)))
    direction = 1 if right_if_longer[best] >= 0.5 else -1
    return expit(direction * (table.seconds[test] - thresholds[best]))
