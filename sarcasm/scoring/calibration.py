"""Does a probability mean what it says; and from which one on is it best to decide?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sarcasm.scoring.intervals import LEVEL, f_of_counts

N_BINS = 10


@dataclass(frozen=True)
class Calibration:
    """How far probabilities lie from shares.

    Attributes:
        ece: expected calibration error: the mean over bins, weighted by count, of the distance between the mean
            probability and the share that is sarcastic (Naeini, Cooper & Hauskrecht 2015, AAAI; Guo et al. 2017, ICML;
            here of the probability of sarcastic, not of the class decided for).
        brier: mean squared distance between probability and label.
        bins: mean probability, share that is sarcastic, count; ascending, without empty ones.
        intervals: of each bin, the ends of the 95 % interval of its share (Wilson 1927, J. Am. Stat. Assoc. 22(158)).
    """

    ece: float
    brier: float
    bins: tuple[tuple[float, float, int], ...]
    intervals: tuple[tuple[float, float], ...]


def calibration(
    labels: np.ndarray, probability: np.ndarray, n_bins: int = N_BINS, units: np.ndarray | None = None
) -> Calibration:
    """Compare probabilities with labels, in bins of equal width.

    Args:
        labels: bool [n], true where sarcastic; n > 0.
        probability: float [n], of sarcastic, in [0, 1].
        n_bins: how many; a probability between two bins is in the upper one, as 0.5 is decided sarcastic.
        units: int64 [n], what each row belongs to; None where each is one by itself. Several fits of an utterance say
            no more of a share than one, and make its interval no narrower.
    """
    from sklearn.metrics import brier_score_loss
    from statsmodels.stats.proportion import proportion_confint

    # The last bin holds 1 too.
    of_bin = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    counts = np.bincount(of_bin, minlength=n_bins)
    kept = counts > 0
    expected = np.bincount(of_bin, probability, n_bins)[kept] / counts[kept]
    observed = np.bincount(of_bin, labels, n_bins)[kept] / counts[kept]
    ece = float(np.sum(counts[kept] * np.abs(expected - observed)) / len(labels))
    brier = float(brier_score_loss(labels, probability, pos_label=True))
    bins = zip(expected.tolist(), observed.tolist(), counts[kept].tolist(), strict=True)
    rows = np.stack([of_bin, np.arange(len(labels)) if units is None else units])
    n_units = np.bincount(np.unique(rows, axis=1)[0], minlength=n_bins)[kept]
    low, high = proportion_confint(observed * n_units, n_units, alpha=1 - LEVEL, method="wilson")
    return Calibration(ece, brier, tuple(bins), tuple(zip(low.tolist(), high.tolist(), strict=True)))


def best_threshold(labels: np.ndarray, probability: np.ndarray) -> float:
    """The threshold with the highest weighted F, where sarcastic is decided from it on.

    Args:
        labels: bool [n], of validation rows alone: chosen on test rows, it makes their score too good; n > 0.
        probability: float [n], of sarcastic.

    Returns:
        0.5, or the middle between two neighbouring probabilities; of equally good ones the nearest to 0.5, and of two
        as near the lower.
    """
    distinct = np.unique(probability)
    candidates = np.concatenate([[0.5], (distinct[:-1] + distinct[1:]) / 2])
    order = np.argsort(probability)
    # What lies below a threshold is decided not sarcastic.
    n_below = np.searchsorted(probability[order], candidates)
    n_missed = np.concatenate([[0], np.cumsum(labels[order])])[n_below]
    n, n_sarcastic = len(labels), int(np.sum(labels))
    scores = (
        n_sarcastic * f_of_counts(n_sarcastic - n_missed, n_sarcastic, n - n_below)
        + (n - n_sarcastic) * f_of_counts(n_below - n_missed, n - n_sarcastic, n_below)
    ) / n
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    return float(candidates[best[np.argmin(np.abs(candidates[best] - 0.5))]])
