"""Clips of the same sound, or nearly: copied, cut a little differently, louder, noisier or coded again.

Their loudness goes up and down alike. The normalised cross-correlation of two envelopes, over all shifts that let the
shorter one overlap by most of its length, is 0.95 and more for such copies; of different made-up clips of speech it
stayed below 0.65. Clips in which less than two seconds are heard are compared by their bytes alone, since one word
rises and falls like another, and so are those of one level. A copy without a beginning that was far louder than the
rest may be missed. The time this takes grows with the square of the number of clips of similar length.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from sarcasm.loudness import ENVELOPE_HOP_SECONDS

LEAST_CORRELATION = 0.95
LEAST_OVERLAP = 0.8
"""Of the shorter envelope, and of lengths to one another."""
LEAST_PROMISE = 0.7
HEARD = 10 ** (-30 / 20)
"""What is heard is no more than 30 dB below the loudest moment."""
FEWEST_HEARD = round(2 / ENVELOPE_HOP_SECONDS)
LEAST_VARIATION = 0.1
"""Deviation of an envelope in terms of its mean; that of speech is about one half and more."""
BLOCK = 1024
"""Clips that are compared with one at a time, so that memory stays small."""


def same_sound(hashes: Sequence[str | None], envelopes: Sequence[np.ndarray]) -> np.ndarray:
    """Find clips of the same sound.

    Args:
        hashes: of each file; None where not known.
        envelopes: of each clip, see `sarcasm.loudness`.

    Returns:
        int64 [U], the same number for clips of the same sound.
    """
    first: dict[str, int] = {}
    links = [(first.setdefault(each, number), number) for number, each in enumerate(hashes) if each is not None]
    # Files of the same bytes need not be heard.
    repeated = {number for earlier, number in links if earlier != number}
    return connected(len(hashes), [*links, *_pairs({n: each for n, each in enumerate(envelopes) if n not in repeated})])


def connected(n: int, links: Sequence[tuple[int, int]]) -> np.ndarray:
    """Int64 [n]: the same number for whatever is linked, directly or by others."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = np.array(links, int).reshape(-1, 2).T
    graph = coo_matrix((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


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


def _pairs(envelopes: Mapping[int, np.ndarray]) -> Iterator[tuple[int, int]]:
    """Numbers of clips that are nearly the same."""
    longest_first = sorted(
        (number for number, each in envelopes.items() if _has_shape(each)), key=lambda number: -len(envelopes[number])
    )
    spectra: dict[int, np.ndarray] = {}
    length = 0
    for rank, first in enumerate(longest_first):
        own = 1 << (2 * len(envelopes[first]) - 1).bit_length()
        if own != length:
            length, spectra = own, {}
        shortest = LEAST_OVERLAP * len(envelopes[first])
        others = []
        for each in longest_first[rank + 1 :]:
            if len(envelopes[each]) < shortest:
                break
            others.append(each)
        for each in (first, *others):
            if each not in spectra:
                spectra[each] = _spectrum(envelopes[each], length)
        for second in _promising(spectra, first, others, length):
            if correlation(envelopes[first], envelopes[second]) >= LEAST_CORRELATION:
                yield first, second


def _has_shape(envelope: np.ndarray) -> bool:
    """Whether enough is heard, and goes up and down: a steady tone is like any other."""
    if not len(envelope) or np.sum(envelope > HEARD * envelope.max()) < FEWEST_HEARD:
        return False
    return bool(envelope.std() >= LEAST_VARIATION * envelope.mean())


def _spectrum(envelope: np.ndarray, length: int) -> np.ndarray:
    from scipy.fft import rfft

    centred = envelope - envelope.mean()
    return rfft((centred / np.linalg.norm(centred)).astype(np.float32), length)


def _promising(spectra: dict[int, np.ndarray], first: int, others: Sequence[int], length: int) -> list[int]:
    """Those of the others that are not plainly different: the same correlation with one norm for all shifts, which
    costs a tenth.
    """
    from scipy.fft import irfft

    kept: list[int] = []
    ours = np.conj(spectra[first])
    for start in range(0, len(others), BLOCK):
        block = others[start : start + BLOCK]
        best = irfft(np.stack([spectra[each] for each in block]) * ours, length).max(axis=1)
        kept += [each for each, value in zip(block, best, strict=True) if value >= LEAST_PROMISE]
    return kept
