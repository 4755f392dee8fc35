"""Intervals by the bootstrap, over utterances and over speakers.

What is drawn with replacement is a unit with all its rows: an utterance with all its fits, or a speaker with all its
utterances (the bootstrap of clusters). Several fits of one utterance are not several utterances, and the clips of one
voice are not independent evidence: intervals over rows would be too narrow. Those over speakers are the honest ones for
a claim about voices. With few of them, under some twenty to thirty, percentile intervals still come out too narrow, and
nothing here mends that.

Source: Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile intervals); Field & Welsh
2007, Bootstrapping clustered data, J. R. Statist. Soc. B 69(3) (whole clusters).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

N_RESAMPLES = 2000
LEVEL = 0.95
VALUES_AT_ONCE = 2**22
"""Weights of rows that are held at a time, so that memory stays small."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""Weights of rows [r, n] -> a value for each set of weights [r], or several [k, r]."""


@dataclass(frozen=True)
class Interval:
    """A 95 % interval; NaN where it cannot be said.

    Attributes:
        low, high: its ends.
        unit: what was drawn, "utterance" or "speaker".
        n_units: how many there are.
    """

    low: float
    high: float
    unit: str
    n_units: int


def intervals(
    labels: np.ndarray, probability: np.ndarray, decided: np.ndarray, units: np.ndarray, unit: str, seed: int,
    n_resamples: int = N_RESAMPLES,
) -> dict[str, Interval]:  # fmt: skip
    """The intervals of weighted F, macro F, accuracy and AUROC.

    Args:
        labels: bool [n], true where sarcastic; n > 0.
        probability: float [n], of sarcastic.
        decided: bool [n], decided sarcastic.
        units: int64 [n], what each row belongs to.
        unit: what the units are called.
        seed: of the draws.
        n_resamples: how many.

    Returns:
        By name of the metric. NaN with one unit, and where more than half of the draws have no such number, as AUROC
        with one class; fewer than that are left out.
    """
    _, of_row = np.unique(units, return_inverse=True)
    n_units = int(of_row.max()) + 1
    found = {
        name: bootstrapped(statistic, of_row, seed, n_resamples) if n_units > 1 else (np.nan, np.nan)
        for name, statistic in statistics(labels, probability, decided).items()
    }
    return {name: Interval(low, high, unit, n_units) for name, (low, high) in found.items()}


def statistics(labels: np.ndarray, probability: np.ndarray, decided: np.ndarray) -> dict[str, Statistic]:
    """The metrics that have intervals, as functions of the weights of rows; for the arguments see `intervals`."""
    return {
        "f1_weighted": lambda weights: weighted_f(labels, decided, weights),
        "f1_macro": lambda weights: _by_class(labels, decided, weights)[0].mean(axis=-1),
        "accuracy": lambda weights: weights @ (labels == decided) / weights.sum(axis=-1),
        "auroc": auroc_of(labels, probability),
    }


def bootstrapped(statistic: Statistic, of_row: np.ndarray, seed: int, n_resamples: int) -> tuple[float, float]:
    """The ends of the percentile interval of a statistic; for the arguments see `distribution`."""
    low, high = percentiles(distribution(statistic, of_row, seed, n_resamples))
    return float(low), float(high)


def percentiles(drawn: np.ndarray) -> np.ndarray:
    """The ends of the percentile interval of values over draws, [..., r] -> [2, ...].

    Draws without a value, as those of one class have no AUROC, are left out; NaN where more than half have none.
    """
    known = np.isfinite(drawn)
    found = np.full((2, *drawn.shape[:-1]), np.nan)
    for place in np.ndindex(drawn.shape[:-1]):
        if known[place].sum() >= drawn.shape[-1] / 2:
            found[:, *place] = np.quantile(drawn[place][known[place]], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return found


def distribution(statistic: Statistic, of_row: np.ndarray, seed: int, n_resamples: int) -> np.ndarray:
    """What a statistic is in each draw.

    Args:
        statistic: of weights of rows; it may give several values for each set of weights, [k, r].
        of_row: int64 [n], the unit of each row, from 0 without gaps.
        seed: of the draws; the same seed draws the same units for every statistic.
        n_resamples: how many.

    Returns:
        float [r], or [k, r].
    """
    from scipy.stats import DegenerateDataWarning, bootstrap

    n_units = int(of_row.max()) + 1

    def of_draws(drawn: np.ndarray, axis: int) -> np.ndarray:  # noqa: ARG001  scipy names it; it is the last
        flat = np.atleast_2d(drawn).astype(int)
        # Counted in one go, the units of each draw by numbers of their own.
        numbers = flat + n_units * np.arange(len(flat))[:, np.newaxis]
        counts = np.bincount(numbers.ravel(), minlength=n_units * len(flat)).reshape(-1, n_units).astype(float)
        found = statistic(counts[:, of_row])
        return found.reshape(*found.shape[:-1], *np.shape(drawn)[:-1])

    at_once = max(1, VALUES_AT_ONCE // max(len(of_row), n_units))
    with warnings.catch_warnings():
        # A perfect score is perfect in every draw, and a draw of one class has no AUROC: both are seen to below.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        return bootstrap(
            (np.arange(n_units),), of_draws, n_resamples=n_resamples, batch=at_once, vectorized=True, axis=-1,
            method="percentile", confidence_level=LEVEL, rng=np.random.default_rng(seed),
        ).bootstrap_distribution  # fmt: skip


def weighted_f(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F averaged over both classes by support, as scikit-learn's with each row repeated as often as it weighs.

    Args:
        labels: bool [n].
        decided: bool [n], or the share of fits that decided sarcastic, float [n].
        weights: float [n] or [r, n].

    Returns:
        [r], or a single value.
    """
    f1, support = _by_class(labels, decided, weights)
    return np.sum(f1 * support, axis=-1) / np.sum(support, axis=-1)


def _by_class(labels: np.ndarray, decided: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F and support of both classes, [r, 2]; F is 0 where a class is neither there nor decided."""
    truth, called = (np.stack([each, 1.0 - each], axis=-1) for each in (labels.astype(float), decided.astype(float)))
    # One product for all counts: with thousands of sets of weights, anything of their size costs more than it.
    right, support, n_called = np.split(weights @ np.concatenate([truth * called, truth, called], axis=-1), 3, axis=-1)
    return f_of_counts(right, support, n_called), support


def f_of_counts(right: np.ndarray, support: np.ndarray | int, called: np.ndarray | int) -> np.ndarray:
    """F of one class: 2 right / (support + called), 0 where the class is neither there nor decided."""
    both = np.asarray(support + called, float)
    return np.divide(2 * right, both, out=np.zeros(both.shape), where=both > 0)


def weighted_f_of_counts(right: np.ndarray, support: np.ndarray | int, called: np.ndarray | int, n: int) -> np.ndarray:
    """What `weighted_f` gives, from counts of the sarcastic class.

    Args:
        right: called sarcastic, and so.
        support: sarcastic.
        called: called sarcastic.
        n: all rows.
    """
    other = f_of_counts(n - support - called + right, n - support, n - called)
    return (f_of_counts(right, support, called) * support + other * (n - support)) / n


def auroc_of(labels: np.ndarray, probability: np.ndarray) -> Statistic:
    """The area under the ROC curve of weighted rows: the share of pairs in the right order, ties counting half."""
    values, tie = np.unique(probability, return_inverse=True)
    order = np.argsort(tie, kind="stable")
    first = np.searchsorted(tie[order], np.arange(len(values)))

    def auroc(weights: np.ndarray) -> np.ndarray:
        ordered = weights[..., order]
        sarcastic = np.add.reduceat(ordered * labels[order], first, axis=-1)
        other = np.add.reduceat(ordered * ~labels[order], first, axis=-1)
        below = np.cumsum(other, axis=-1) - other / 2
        pairs = sarcastic.sum(axis=-1) * other.sum(axis=-1)
        won = np.sum(sarcastic * below, axis=-1)
        return np.divide(won, pairs, out=np.full(np.shape(pairs), np.nan), where=pairs > 0)

    return auroc
