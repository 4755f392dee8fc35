"""Clips of the same sound, or nearly: copied, cut a little differently, louder, noisier or coded again.

Their loudness goes up and down alike. The normalised cross-correlation of two envelopes, over all shifts that let the
shorter one overlap by most of its length, is 0.95 and more for such copies; of different made-up clips of speech it
stayed below 0.65. Clips in which less than two seconds are heard are compared by their bytes alone, since one word
rises and falls like another, and so are those of one level. A copy without a beginning that was far louder than the
rest may be missed. The time this takes grows with the square of the number of clips of similar length: on one core,
1,000 clips of 1 to 12 s took 0.3 s and 10,000 took 20 s; as many of 5 s each, 0.7 s and 55 s.
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
BLOCK = 256
"""Clips that are compared with as many others at a time, so that memory stays small."""


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
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(len(first) + len(second), real=True)

    def powers(envelope: np.ndarray) -> np.ndarray:
        return rfft(np.stack([np.ones(len(envelope)), envelope, envelope**2]), length)

    one, other = powers(first), np.conj(powers(second))
    # Sums over what overlaps at each shift: of 1, of each envelope, of each squared and of their product.
    sums = irfft(one[[0, 1, 0, 2, 0, 1]] * other[[0, 0, 1, 0, 2, 1]], length)
    sums[0] = np.round(sums[0])
    enough = sums[0] >= LEAST_OVERLAP * min(len(first), len(second))
    n, sum_first, sum_second, square_first, square_second, product = sums[:, enough]
    # A stretch of silence has no shape.
    floor = 1e-6 * len(first) * max(first.var(), second.var(), 1e-12)
    variation_first = np.maximum(square_first - sum_first**2 / n, floor)
    variation_second = np.maximum(square_second - sum_second**2 / n, floor)
    return float(np.max((product - sum_first * sum_second / n) / np.sqrt(variation_first * variation_second)))


def _pairs(envelopes: Mapping[int, np.ndarray]) -> Iterator[tuple[int, int]]:
    """Numbers of clips that are nearly the same."""
    numbers = sorted((n for n, each in envelopes.items() if _has_shape(each)), key=lambda n: -len(envelopes[n]))
    for first, second in _promising([envelopes[n] for n in numbers]):
        if correlation(envelopes[numbers[first]], envelopes[numbers[second]]) >= LEAST_CORRELATION:
            yield numbers[first], numbers[second]


def _has_shape(envelope: np.ndarray) -> bool:
    """Whether enough is heard, and goes up and down: a steady tone is like any other."""
    if not len(envelope) or np.sum(envelope > HEARD * envelope.max()) < FEWEST_HEARD:
        return False
    return bool(envelope.std() >= LEAST_VARIATION * envelope.mean())


def _promising(longest_first: Sequence[np.ndarray]) -> Iterator[tuple[int, int]]:
    """Positions of any two that are not plainly different: the same correlation with one norm for all shifts, which
    costs less than a hundredth where a block is compared with a block.
    """
    from scipy.fft import irfft, next_fast_len

    lengths = np.array([len(each) for each in longest_first])
    least = np.ceil(LEAST_OVERLAP * lengths).astype(int)
    # Where those end that are long enough to be compared with each.
    ends = np.searchsorted(-lengths, -least, "right")
    start = 0
    while start < len(lengths):
        stop = min(start + BLOCK, ends[start])
        # Transforms are circular; just long enough that what wraps around falls on shifts with too little overlap.
        length = next_fast_len(2 * lengths[start] - least[start], real=True)
        firsts = np.conj(_spectra(longest_first[start:stop], length))
        for begin in range(start, ends[stop - 1], BLOCK):
            others = _spectra(longest_first[begin : min(begin + BLOCK, ends[stop - 1])], length)
            for first, spectrum in enumerate(firsts, start):
                low, high = max(first + 1, begin), min(ends[first], begin + BLOCK)
                if low < high:
                    by_shift = irfft(others[low - begin : high - begin] * spectrum, length)
                    # Where the other begins no later than the first one, and where it begins later.
                    early = by_shift[:, : lengths[low] - least[low] + 1].max(axis=1)
                    late = by_shift[:, least[high - 1] - lengths[first] :].max(axis=1)
                    for second in np.flatnonzero(np.maximum(early, late) >= LEAST_PROMISE):
                        yield first, low + int(second)
        start = stop


def _spectra(envelopes: Sequence[np.ndarray], length: int) -> np.ndarray:
    """Complex64 [n, length // 2 + 1], of envelopes without their mean and of norm 1."""
    from scipy.fft import rfft

    padded = np.zeros((len(envelopes), length), np.float32)
    for row, envelope in zip(padded, envelopes, strict=True):
        centred = envelope - envelope.mean()
        row[: len(envelope)] = centred / np.linalg.norm(centred)
    return rfft(padded)
