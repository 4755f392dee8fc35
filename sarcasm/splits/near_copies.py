"""Clips of nearly the same sound: copied, cut a little differently, louder, noisier or coded again.

Their loudness goes up and down alike. The normalised cross-correlation of two envelopes, over all shifts that let the
shorter one overlap by most of its length, is 0.95 and more for such copies; of different made-up clips of speech it
stayed below 0.65. Clips under two seconds are compared by their samples alone, since one word rises and falls like
another.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sarcasm.embeddings import Table
from sarcasm.loudness import ENVELOPE_HOP_SECONDS

LEAST_CORRELATION = 0.95
LEAST_OVERLAP = 0.8
"""Of the shorter envelope, and of lengths to one another."""
LEAST_PROMISE = 0.7
BLOCK = 256
"""Clips that are compared with one at a time, so that memory stays small."""
SHORTEST_FRAMES = round(2 / ENVELOPE_HOP_SECONDS)


def near_copies(table: Table) -> list[object]:
    """For each utterance, what it shares with those of the same sound; None where there is no other.

    Args:
        table: with the envelopes and hashes of its clips; without them nothing is found.
    """
    from sarcasm.splits.units import joined

    partner: list[object] = list(table.sounds) or [None] * len(table.utterances)
    pairs = list(_pairs(table.envelopes))
    if pairs:
        unit = joined(partner, *([pair if each in pair else None for each in range(len(partner))] for pair in pairs))
        partner = list(unit)
    counts: dict[object, int] = {}
    for each in partner:
        counts[each] = counts.get(each, 0) + 1
    return [each if each is not None and counts[each] > 1 else None for each in partner]


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """The largest normalised cross-correlation of two envelopes float [n], [m] over shifts with enough overlap."""
    length = 1 << (len(first) + len(second) - 1).bit_length()

    def correlated(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.fft.irfft(np.fft.rfft(one, length) * np.conj(np.fft.rfft(other, length)), length)

    ones_first, ones_second = np.ones(len(first)), np.ones(len(second))
    n = np.round(correlated(ones_first, ones_second))
    enough = n >= LEAST_OVERLAP * min(len(first), len(second))
    n = n[enough]
    sum_first, sum_second = correlated(first, ones_second)[enough], correlated(ones_first, second)[enough]
    covariance = correlated(first, second)[enough] - sum_first * sum_second / n
    variances = [
        correlated(first**2, ones_second)[enough] - sum_first**2 / n,
        correlated(ones_first, second**2)[enough] - sum_second**2 / n,
    ]
    # A stretch of silence has no shape.
    floor = 1e-6 * len(first) * max(first.var(), second.var(), 1e-12)
    scale = np.sqrt(np.maximum(variances[0], floor) * np.maximum(variances[1], floor))
    return float(np.max(covariance / scale))


def _pairs(envelopes: tuple[np.ndarray, ...]) -> Iterator[tuple[int, int]]:
    """Positions of clips that are nearly the same."""
    longest_first = sorted(
        (position for position, each in enumerate(envelopes) if len(each) >= SHORTEST_FRAMES and each.std() > 0),
        key=lambda position: -len(envelopes[position]),
    )
    for rank, first in enumerate(longest_first):
        shortest = LEAST_OVERLAP * len(envelopes[first])
        others = [each for each in longest_first[rank + 1 :] if len(envelopes[each]) >= shortest]
        for second in _promising(envelopes, first, others):
            if correlation(envelopes[first], envelopes[second]) >= LEAST_CORRELATION:
                yield first, second


def _promising(envelopes: tuple[np.ndarray, ...], first: int, others: list[int]) -> list[int]:
    """Those of the others that are not plainly different: the same correlation with one norm for all shifts, which
    costs a tenth.
    """
    length = 1 << (2 * len(envelopes[first]) - 1).bit_length()

    def spectrum(envelope: np.ndarray) -> np.ndarray:
        centred = envelope - envelope.mean()
        return np.fft.rfft(centred / np.linalg.norm(centred), length)

    kept: list[int] = []
    ours = np.conj(spectrum(envelopes[first]))
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK]
        best = np.fft.irfft(np.stack([spectrum(envelopes[each]) for each in block]) * ours, length).max(axis=1)
        kept += [each for each, value in zip(block, best, strict=True) if value >= LEAST_PROMISE]
    return kept
