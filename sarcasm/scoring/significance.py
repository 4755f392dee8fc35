"""Is a score more than chance, and a difference more than luck?

Permutation tests, which ask nothing of distributions; p counts the observed value among those drawn, so that it is
never 0 (Phipson & Smyth 2010, Statist. Appl. Genet. Mol. Biol. 9(1)). scipy.stats.permutation_test shuffles neither
within folds nor whole utterances, hence the shuffling by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sarcasm.scoring.intervals import VALUES_AT_ONCE, bootstrapped, weighted_f, weighted_f_of_counts

N_PERMUTATIONS = 2000
N_SWAPS = 5000
"""Fewest; more where more comparisons need smaller p-values."""
EQUAL = 1e-9
"""Values that differ by rounding alone."""


@dataclass(frozen=True)
class ChanceTest:
    """Whether a weighted F is above chance.

    Attributes:
        p_value: how often shuffled labels reach as much; one-sided.
        p_within_speakers: the same with labels shuffled among each speaker's own utterances alone; None where speakers
            are not known.
        n_permutations: how often they were shuffled.
        mean_of_null: what they reach on average.
    """

    p_value: float
    p_within_speakers: float | None
    n_permutations: int
    mean_of_null: float


@dataclass(frozen=True)
class Paired:
    """Two runs on the same utterances.

    Attributes:
        a, b: weighted F of each.
        difference: b - a.
        low, high: its 95 % interval.
        p_permutation: how often swapping the runs' decisions makes as large a difference, either way.
        p_mcnemar: of the utterances that only one is right on, exact; it takes them for independent, whatever the
            units are.
        n_utterances: how many.
        n_only_a, n_only_b: utterances that most fits of this run alone are right on; those that half of a run's fits
            are right on are left out.
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    p_permutation: float
    p_mcnemar: float
    n_utterances: int
    n_only_a: int
    n_only_b: int


def against_chance(
    labels: np.ndarray, decided: np.ndarray, utterance: np.ndarray, fold: np.ndarray, speaker: np.ndarray | None,
    seed: int, n_permutations: int = N_PERMUTATIONS,
) -> ChanceTest:  # fmt: skip
    """Compare the weighted F with that of the same decisions on labels that were shuffled.

    Shuffling within a fold asks whether the decisions know anything of the labels. Where voices are new in the test, it
    answers yes too often: one voice gets much the same decision in all its clips, and has much the same label. So
    labels are shuffled within each speaker of each fold as well, which asks whether the decisions know anything beyond
    whose voice it is.

    Args:
        labels: bool [n], true where sarcastic.
        decided: bool [n], decided sarcastic.
        utterance: int64 [n]; an utterance that was tested by several fits keeps one label for all of them.
        fold: int64 [n], that each was tested in; the same for all fits of an utterance.
        speaker: int64 [n], of each utterance, or None.
        seed: of the shuffling.
        n_permutations: how often.
    """
    _, first, of_row = np.unique(utterance, return_index=True, return_inverse=True)
    truth, folds = labels[first], fold[first]
    observed = float(weighted_f(labels, decided, np.ones(len(labels))))
    n, n_called = len(labels), int(decided.sum())
    times, times_called = np.bincount(of_row), np.bincount(of_row, decided)

    def drawn(groups: np.ndarray) -> np.ndarray:
        generator = np.random.default_rng(seed)
        sorted_by_group, shuffled = np.argsort(groups, kind="stable"), truth.astype(float)
        right, support = np.empty((2, n_permutations))
        for number in range(n_permutations):
            # Sorted by group and, within each, by a number that is drawn.
            shuffled[sorted_by_group] = truth[np.lexsort((generator.random(len(groups)), groups))]
            right[number], support[number] = shuffled @ times_called, shuffled @ times
        return weighted_f_of_counts(right, support, n_called, n)

    def p_of(values: np.ndarray) -> float:
        return float((1 + np.sum(values >= observed - EQUAL)) / (1 + n_permutations))

    # Exchanged within a fold, since what a fold was trained on depends on which labels it tests.
    null = drawn(folds)
    within = None
    if speaker is not None:
        pairs = np.unique(np.stack([folds, speaker[first]]), axis=1, return_inverse=True)[1]
        within = p_of(drawn(pairs.reshape(-1)))
    return ChanceTest(p_of(null), within, n_permutations, float(null.mean()))


def paired(
    labels: np.ndarray, decided_a: np.ndarray, decided_b: np.ndarray, units: np.ndarray, seed: int,
    n_resamples: int = N_SWAPS,
) -> Paired:  # fmt: skip
    """Compare two runs.

    Args:
        labels: bool [U], true where sarcastic; U > 0.
        decided_a: float [U], the share of the first run's fits that decided sarcastic: 0 or 1 with one fit.
        decided_b: of the second run's.
        units: int64 [U], what is swapped as a whole, and drawn as a whole: the utterance, or its speaker.
        seed: of the draws.
        n_resamples: how many.
    """
    from statsmodels.stats.contingency_tables import mcnemar

    ones = np.ones(len(labels))
    a, b = (float(weighted_f(labels, each, ones)) for each in (decided_a, decided_b))
    _, of_row = np.unique(units, return_inverse=True)
    n_units = int(of_row.max()) + 1
    # More swaps are for smaller p-values; an interval is no better for them.
    n_draws = min(n_resamples, N_SWAPS)

    def difference(weights: np.ndarray) -> np.ndarray:
        return weighted_f(labels, decided_b, weights) - weighted_f(labels, decided_a, weights)

    low, high = bootstrapped(difference, of_row, seed, n_draws) if n_units > 1 else (float("nan"),) * 2
    right_a, right_b = (_is_right(labels, each) for each in (decided_a, decided_b))
    only_a = int(np.sum((right_a > 0.5) & (right_b < 0.5)))
    only_b = int(np.sum((right_b > 0.5) & (right_a < 0.5)))
    return Paired(
        a, b, b - a, low, high,
        _swapped(labels, decided_a, decided_b, of_row, abs(b - a), seed, n_resamples),
        float(mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue) if only_a + only_b else 1.0,
        len(labels), only_a, only_b,
    )  # fmt: skip


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979, Scand. J. Statist. 6(2)), in the same order."""
    from statsmodels.stats.multitest import multipletests

    return multipletests(p_values, method="holm")[1].tolist() if len(p_values) else []


def _is_right(labels: np.ndarray, decided: np.ndarray) -> np.ndarray:
    """The share of fits that are right, [U]."""
    return np.where(labels, decided, 1 - decided)


def _swapped(
    labels: np.ndarray, a: np.ndarray, b: np.ndarray, of_row: np.ndarray, observed: float, seed: int, n_swaps: int
) -> float:
    """How often swapping decisions unit by unit makes a difference as large; every way of swapping, if they are few."""
    n, n_units, support = len(labels), int(of_row.max()) + 1, labels.sum()
    is_exact = 2**n_units <= n_swaps
    n_all = 2**n_units if is_exact else n_swaps
    generator = np.random.default_rng(seed)
    # What swapping a unit gives to the one and takes from the other: of what is right, and of what is called sarcastic.
    given = np.stack([np.bincount(of_row, labels * (b - a)), np.bincount(of_row, b - a)], axis=1)
    n_as_large = 0
    at_once = max(1, VALUES_AT_ONCE // n_units)
    for start in range(0, n_all, at_once):
        numbers = np.arange(start, min(start + at_once, n_all))
        swap = (
            (numbers[:, np.newaxis] >> np.arange(n_units)) & 1 == 1
            if is_exact
            else generator.random((len(numbers), n_units)) < 0.5
        )
        right, called = (swap @ given).T
        one = weighted_f_of_counts((labels * a).sum() + right, support, a.sum() + called, n)
        other = weighted_f_of_counts((labels * b).sum() - right, support, b.sum() - called, n)
        n_as_large += int(np.sum(np.abs(other - one) >= observed - EQUAL))
    # Swapping nothing is among every way of swapping.
    return n_as_large / n_all if is_exact else (1 + n_as_large) / (1 + n_all)
