"""Precision, recall, F, accuracy and AUROC of decisions, all by scikit-learn.

Labels and decisions are indicator matrices [n, 2] (sarcastic, not), so that decisions of neither or both count as the
notebook counted them. For one-hot decisions every number equals that of the one-dimensional call. A ratio of nothing to
nothing is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sarcasm.logits import NON_SARCASTIC, SARCASTIC
from sarcasm.scoring.levels import Decision

CLASSES = ("sarcastic", "non_sarcastic")
"""Names of the columns, in the order of the logits."""
METRICS = {
    "f1_weighted": "weighted F",
    "f1_macro": "macro F",
    "precision_weighted": "precision",
    "recall_weighted": "recall",
    "accuracy": "accuracy",
    "auroc": "AUROC",
}
"""Fields of `Scores` that are single numbers, and what they are called; precision and recall are the weighted means."""

_REPORT = {"labels": [SARCASTIC, NON_SARCASTIC], "target_names": CLASSES, "zero_division": 0}
"""Options of scikit-learn's report."""


@dataclass(frozen=True)
class ClassScores:
    """One class against the rest, each in [0, 1]; support counts the labels of the class."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class Scores:
    """What decisions are worth.

    Attributes:
        accuracy: share of rows with both columns right.
        precision_weighted, recall_weighted, f1_weighted: means over classes, weighted by support.
        f1_macro: plain mean over classes.
        auroc: area under the ROC curve of the probability; NaN where only one class is present.
        classes: by class name.
        confusion: int64 [2, k], labels by decisions; the columns are named in `decided`.
        decided: names of the decisions that can occur: the classes, and "neither" and "both" where they do.
        reported: labels and decisions as scikit-learn's report takes them.
    """

    accuracy: float
    precision_weighted: float
    recall_weighted: float
    f1_weighted: float
    f1_macro: float
    auroc: float
    classes: dict[str, ClassScores]
    confusion: np.ndarray
    decided: tuple[str, ...]
    reported: tuple[np.ndarray, np.ndarray]

    @property
    def report(self) -> str:
        """Scikit-learn's classification report, as text."""
        from sklearn.metrics import classification_report

        return classification_report(*self.reported, **_REPORT)

    @property
    def report_dict(self) -> dict[str, Any]:
        """The same as a dict."""
        from sklearn.metrics import classification_report

        return classification_report(*self.reported, output_dict=True, **_REPORT)

    def metrics(self) -> Mapping[str, float]:
        """The numbers by the names they are tracked under, classes as `CLASS/precision` and so on."""
        by_class = {
            f"{name}/{metric}": float(value)
            for name, scores in self.classes.items()
            for metric, value in vars(scores).items()
        }
        return {name: getattr(self, name) for name in METRICS} | by_class


def score(
    labels: np.ndarray, probability: np.ndarray, decisions: np.ndarray, decision: Decision = Decision.argmax
) -> Scores:
    """Score decisions.

    Args:
        labels: bool [n], true where sarcastic; n > 0.
        probability: float [n], of sarcastic: any score that grows with it will do.
        decisions: bool [n, 2], sarcastic and not.
        decision: how they were made; what was rounded is reported on the indicator matrices, as the notebook did.
    """
    from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score

    truth = np.stack([labels, ~labels], axis=1)
    precision, recall, f1, support = precision_recall_fscore_support(truth, decisions, zero_division=0)
    weighted = [float(np.average(each, weights=support)) for each in (precision, recall, f1)]
    # One-dimensional, the report ends with the accuracy; on indicators, with micro and samples averages.
    reported = (truth, decisions) if decision is Decision.round else (truth.argmax(axis=1), decisions.argmax(axis=1))
    confusion, decided = _confusion(labels, decisions)
    return Scores(
        accuracy=float(accuracy_score(truth, decisions)),
        precision_weighted=weighted[0],
        recall_weighted=weighted[1],
        f1_weighted=weighted[2],
        f1_macro=float(np.mean(f1)),
        auroc=float(roc_auc_score(labels, probability)) if 0 < labels.sum() < len(labels) else float("nan"),
        classes={
            name: ClassScores(float(precision[column]), float(recall[column]), float(f1[column]), int(support[column]))
            for column, name in enumerate(CLASSES)
        },
        confusion=confusion,
        decided=decided,
        reported=reported,
    )


def _confusion(labels: np.ndarray, decisions: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    kinds = {
        "sarcastic": decisions[:, SARCASTIC] & ~decisions[:, NON_SARCASTIC],
        "non_sarcastic": ~decisions[:, SARCASTIC] & decisions[:, NON_SARCASTIC],
        "neither": ~decisions.any(axis=1),
        "both": decisions.all(axis=1),
    }
    occurring = {name: chosen for name, chosen in kinds.items() if name in CLASSES or chosen.any()}
    confusion = np.array([[np.sum(chosen[side]) for chosen in occurring.values()] for side in (labels, ~labels)])
    return confusion, tuple(occurring)
