"""ROC and precision-recall curves, as arrays, with 95 % bands over utterances.

Between two thresholds a ROC curve is a straight line, as ties are worth half. A precision-recall curve is a step: the
precision at a recall is that of the highest threshold which reaches it, as in average precision; a straight line would
promise too much.

Bands are pointwise percentiles at each share of the horizontal axis, over the same draws of utterances as
`sarcasm.scoring.intervals` has. Where a draw holds one class alone, it has no curve, and is left out.

Source: Fawcett 2006, An introduction to ROC analysis, Pattern Recognition Letters 27 (vertical averaging); Davis &
Goadrich 2006, The relationship between precision-recall and ROC curves, ICML.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sarcasm.scoring.intervals import N_RESAMPLES, distribution, percentiles

N_PLACES = 101
"""Places on the horizontal axis at which the bands are."""
TINY = 1e-12


@dataclass(frozen=True)
class Curve:
    """A curve, its area and how sure both are.

    Attributes:
        x, y: float64 [k], x ascending: false positive rate and true positive rate, or recall and precision.
        area: below it: AUROC, or average precision.
        interval: ends of its 95 % interval; NaN where it cannot be said.
        places: float64 [101], from 0 to 1, on the axis of x.
        low, high: float64 [101], the ends of the 95 % band at each place; NaN where it cannot be said.
        chance: what a coin gives: the area under its curve.
        n_units: utterances that were drawn.
    """

    x: np.ndarray
    y: np.ndarray
    area: float
    interval: tuple[float, float]
    places: np.ndarray
    low: np.ndarray
    high: np.ndarray
    chance: float
    n_units: int


def curves(
    labels: np.ndarray, probability: np.ndarray, units: np.ndarray, seed: int, n_resamples: int = N_RESAMPLES
) -> dict[str, Curve]:
    """Both curves of a probability.

    Args:
        labels: bool [n], true where sarcastic; n > 0.
        probability: float [n], of sarcastic.
        units: int64 [n], what each row belongs to: an utterance with all its fits.
        seed: of the draws.
        n_resamples: how many.

    Returns:
        "roc" and "precision_recall"; nothing where all labels are of one class.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    if labels.all() or not labels.any():
        return {}
    false_rate, true_rate, _ = roc_curve(labels, probability)
    precision, recall, _ = precision_recall_curve(labels, probability, drop_intermediate=True)
    places = np.linspace(0, 1, N_PLACES)
    _, of_row = np.unique(units, return_inverse=True)
    n_units = int(of_row.max()) + 1
    ends = np.full((2, 2 * (N_PLACES + 1)), np.nan)
    if n_units > 1:
        ends = percentiles(
            distribution(lambda weights: _at(places, labels, probability, weights), of_row, seed, n_resamples)
        )
    (roc_low, pr_low), (roc_high, pr_high) = (np.split(each, 2) for each in ends)
    return {
        "roc": Curve(
            false_rate, true_rate, float(roc_auc_score(labels, probability)), (float(roc_low[0]), float(roc_high[0])),
            places, roc_low[1:], roc_high[1:], 0.5, n_units,
        ),
        "precision_recall": Curve(
            recall[::-1], precision[::-1], float(average_precision_score(labels, probability)),
            (float(pr_low[0]), float(pr_high[0])), places, pr_low[1:], pr_high[1:], float(labels.mean()), n_units,
        ),
    }  # fmt: skip


def _at(places: np.ndarray, labels: np.ndarray, probability: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Both curves of weighted rows: weights [r, n] -> [2 * (1 + p), r], for each its area and its height at places [p].

    NaN for draws of one class.
    """
    values, tie = np.unique(-probability, return_inverse=True)
    order = np.argsort(tie, kind="stable")
    first = np.searchsorted(tie[order], np.arange(len(values)))
    ordered = weights[:, order]
    n_called = np.cumsum(np.add.reduceat(ordered, first, axis=1), axis=1)
    n_right = np.cumsum(np.add.reduceat(ordered * labels[order], first, axis=1), axis=1)
    found = np.full((2, 1 + len(places), len(weights)), np.nan)
    n_sarcastic, n = n_right[:, -1:], n_called[:, -1:]
    drawn = np.flatnonzero((n_sarcastic > 0) & (n_sarcastic < n))
    n_right, n_called, n_sarcastic, n = (each[drawn] for each in (n_right, n_called, n_sarcastic, n))
    # Below the first threshold, nothing is called sarcastic.
    true_rate = np.pad(n_right / n_sarcastic, ((0, 0), (1, 0)))
    false_rate = np.pad((n_called - n_right) / (n - n_sarcastic), ((0, 0), (1, 0)))
    # A threshold that calls nothing reaches nothing either, and its precision is not asked for.
    precision = np.divide(n_right, n_called, out=np.ones(n_right.shape), where=n_called > 0)
    gained = np.diff(true_rate)
    reached = np.maximum(places - TINY, TINY)
    found[0, 0, drawn] = np.sum(np.diff(false_rate) * (true_rate[:, 1:] - gained / 2), axis=1)
    found[1, 0, drawn] = np.sum(gained * precision, axis=1)
    for row, draw in enumerate(drawn):
        # Where the curve goes straight up, its upper end; shares are not exact, and may lie just beside a place.
        found[0, 1:, draw] = np.interp(places + TINY, false_rate[row], true_rate[row])
        found[1, 1:, draw] = precision[row, np.searchsorted(true_rate[row, 1:], reached)]
    return found.reshape(-1, len(weights))
