"""What one scores without listening, or by listening to next to nothing: the bar any model must clear.

Each rule is learned on the utterances of the training side (validation included) that no part of is tested, and scored
on those of the test side, fold by fold, pooled. On MUStARD's speaker-dependent folds the speaker's habit alone reaches
a weighted F of 68 to 69, above the published audio model (Castro et al. 2019).

The first four do not listen at all, and a score is measured against the best of them. The others hear the level, or the
same embeddings by a linear model over the means of utterances: what a head has to add to.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sarcasm.embeddings import Table
from sarcasm.scoring.intervals import N_RESAMPLES, distribution, percentiles, weighted_f
from sarcasm.scoring.metrics import Scores, score
from sarcasm.splits import Fold

Rule = Callable[[Table, np.ndarray, np.ndarray], np.ndarray]
"""(table, training utterances, test utterances) -> a score in [0, 1] for each of the latter; sarcastic above 0.5."""


DEAF = ("majority", "speaker_majority", "show_majority", "clip_length")
"""Rules that do not listen."""
LINEAR_C = 0.01
"""Of the linear models, on features of deviation 1: enough for 128 features of some hundred utterances."""


@dataclass(frozen=True)
class Baseline:
    """A rule and what it scores on the test utterances.

    Attributes:
        name: of the rule.
        scores: over all folds, pooled.
        by_fold: weighted F in each fold.
        interval: ends of the 95 % interval of its weighted F over utterances; NaN where it cannot be said.
    """

    name: str
    scores: Scores
    by_fold: tuple[float, ...]
    interval: tuple[float, float] = (math.nan, math.nan)

    @property
    def is_deaf(self) -> bool:
        """Whether it does not listen."""
        return self.name in DEAF


def baselines(folds: Sequence[Fold], table: Table, seed: int = 0) -> list[Baseline]:
    """Learn and score every rule that the corpus's annotations allow; those that do not listen first.

    Args:
        folds: to learn and be tested in.
        table: what they divide.
        seed: of the draws of the intervals; the same draws for all rules, and for the run itself.
    """
    rules: dict[str, Rule] = {"majority": _majority}
    if any(utterance.speaker for utterance in table.utterances):
        rules["speaker_majority"] = _speaker_majority
    if any(utterance.show for utterance in table.utterances):
        rules["show_majority"] = _show_majority
    rules["clip_length"] = _clip_length
    rules |= {"level": _level, "linear_svm": _linear_svm, "logistic_regression": _logistic_regression}
    sides = [learned_and_tested(fold, table) for fold in folds]
    said = {
        name: [rule(table, train, test) if len(train) else np.zeros(len(test)) for train, test in sides]
        for name, rule in rules.items()
    }
    labels = [table.utterance_labels[test] for _, test in sides]
    ends = _intervals(
        np.concatenate(labels), [np.concatenate(each) > 0.5 for each in said.values()],
        np.concatenate([test for _, test in sides]), seed,
    )  # fmt: skip
    return [
        Baseline(
            name,
            _score(np.concatenate(labels), np.concatenate(likelihoods)),
            tuple(_score(*of_fold).f1_weighted for of_fold in zip(labels, likelihoods, strict=True)),
            interval,
        )
        for (name, likelihoods), interval in zip(said.items(), ends, strict=True)
    ]


def best_deaf(compared: Sequence[Baseline]) -> Baseline:
    """The rule with the highest weighted F among those that do not listen."""
    return max((each for each in compared if each.is_deaf), key=lambda baseline: baseline.scores.f1_weighted)


def gain(scores: Scores, compared: Sequence[Baseline]) -> float:
    """How far the weighted F lies above the best rule that does not listen; below 0 where it does not."""
    return scores.f1_weighted - best_deaf(compared).scores.f1_weighted


def verdict(scores: Scores, compared: Sequence[Baseline]) -> str:
    """One sentence: whether the weighted F on utterances beats the best rule that does not listen."""
    best = best_deaf(compared)
    rule, has = best.name.replace("_", " "), f"has {best.scores.f1_weighted:.3f}"
    above, own = gain(scores, compared), f"eighted F over utterances is {scores.f1_weighted:.3f}"
    if above <= 0:
        return f"Does not beat the baselines: w{own}; {rule}, which does not listen, {has}."
    return f"W{own}, {above:.3f} above the best rule that does not listen: {rule} {has}."


def _intervals(
    labels: np.ndarray, decided: Sequence[np.ndarray], utterances: np.ndarray, seed: int
) -> list[tuple[float, float]]:
    """The interval of each rule's weighted F, all from the same draws of utterances."""
    _, of_row = np.unique(utterances, return_inverse=True)
    if len(of_row) == 0 or of_row.max() == 0:
        return [(math.nan, math.nan)] * len(decided)
    drawn = distribution(
        lambda weights: np.stack([weighted_f(labels, each, weights) for each in decided]), of_row, seed, N_RESAMPLES
    )
    low, high = percentiles(drawn)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def learned_and_tested(fold: Fold, table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the utterances that a rule learns from, and of those it is tested on."""
    test = np.unique(table.utterance[fold.test])
    # Where examples are divided, most utterances stand on both sides, and would give their own label away.
    return np.setdiff1d(table.utterance[fold.seen], test), test


def _score(labels: np.ndarray, likelihood: np.ndarray) -> Scores:
    return score(labels, likelihood, np.stack([likelihood > 0.5, likelihood <= 0.5], axis=1))


def _majority(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return np.full(len(test), table.utterance_labels[train].mean())


def _speaker_majority(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    # The show is part of who speaks: MUStARD's anonymous "PERSON" occurs in two shows and is not one voice.
    return _group_majority(table, train, test, [(utterance.show, utterance.speaker) for utterance in table.utterances])


def _show_majority(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return _group_majority(table, train, test, [utterance.show for utterance in table.utterances])


def _group_majority(table: Table, train: np.ndarray, test: np.ndarray, group_of: Sequence[object]) -> np.ndarray:
    """Share of sarcastic utterances of the same group in training.

    A group that is new is not taken for sarcastic: there, the share over all groups, one half at most.
    """
    labels = table.utterance_labels
    of_group: dict[object, list[bool]] = {}
    for position in train:
        of_group.setdefault(group_of[position], []).append(labels[position])
    of_new = min(0.5, labels[train].mean())
    return np.array([np.mean(of_group.get(group_of[position], of_new)) for position in test])


def _clip_length(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return _threshold(table.seconds, table.utterance_labels, train, test)


def _level(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    return _threshold(table.levels, table.utterance_labels, train, test)


def _threshold(values: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """A threshold, more or less than it, the most accurate on the training side; midway between two values."""
    from scipy.special import expit

    known, truth = values[train], labels[train]
    distinct = np.unique(known)
    thresholds = np.concatenate([[-np.inf], (distinct[:-1] + distinct[1:]) / 2])
    right_if_more = np.array([np.mean((known > threshold) == truth) for threshold in thresholds])
    # "Less is sarcastic" is right wherever "more is sarcastic" is wrong.
    best = int(np.argmax(np.maximum(right_if_more, 1 - right_if_more)))
    direction = 1 if right_if_more[best] >= 0.5 else -1
    return expit(direction * (values[test] - thresholds[best]))


def _linear_svm(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    from sklearn.svm import LinearSVC

    return linear(LinearSVC(C=LINEAR_C, random_state=0), table.means, table.utterance_labels, train, test)


def _logistic_regression(table: Table, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=LINEAR_C, max_iter=1000)
    return linear(model, table.means, table.utterance_labels, train, test)


def linear(model: Any, X: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """A linear model of scikit-learn, each feature brought to mean 0 and deviation 1.

    Args:
        model: to be fitted; it has a `decision_function`.
        X: [U, D], a row for each utterance.
        labels: bool [U].
        train: positions to learn from; if they are of one class, that is the answer.
        test: positions to answer for.

    Returns:
        float [n_test], in [0, 1]; sarcastic above 0.5.
    """
    from scipy.special import expit
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if labels[train].all() or not labels[train].any():
        return np.full(len(test), labels[train].mean())
    with warnings.catch_warnings():
        # A bar that stopped short of its last digit is a bar all the same.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = make_pipeline(StandardScaler(), model).fit(X[train], labels[train])
    return expit(fitted.decision_function(X[test]))
