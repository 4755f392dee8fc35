"""The map of a corpus: a point for each clip, near to those of similar embeddings.

A clip is the mean over its rows. By PCA, the plane is that in which clips differ most, and distances are those of the
embeddings as far as a plane can hold them; UMAP keeps neighbours together, and its distances mean little.

Source: McInnes, Healy & Melville 2018, UMAP: Uniform Manifold Approximation and Projection, arXiv:1802.03426.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sarcasm.corpus import Utterance
from sarcasm.embeddings import Table
from sarcasm.report.options import Map
from sarcasm.splits import units

LABELS = ("sarcastic", "not sarcastic")
N_NEIGHBOURS = 15
"""Of UMAP; its own default, and fewer where there are fewer clips."""
FEWEST_FOR_UMAP = 5
"""Clips; with fewer, there are no neighbours to speak of, and PCA draws them as well."""


@dataclass(frozen=True)
class Layout:
    """Clips in a plane.

    Attributes:
        places: float64 [U, 2].
        title: how they were laid out.
        axes: what the axes are called.
        groups: what clips differ by ("label", "speaker", "show") -> the group of each; what is not known is left out.
    """

    places: np.ndarray
    title: str
    axes: tuple[str, str]
    groups: dict[str, Sequence[str]]


def laid_out(table: Table, by: Map, seed: int) -> Layout:
    """Lay out the clips of a table.

    Args:
        table: what was trained and tested on; at least one utterance.
        by: how.
        seed: of UMAP's beginnings.
    """
    utterances = table.utterances
    groups: dict[str, Sequence[str]] = {
        "label": [LABELS[0 if each.is_sarcastic else 1] for each in utterances],
        "speaker": _speakers(utterances),
        "show": [each.show for each in utterances],
    }
    groups = {name: found for name, found in groups.items() if any(found)}
    if by is Map.umap and len(utterances) >= FEWEST_FOR_UMAP:
        return Layout(_umap(table.means, seed), "UMAP of clips", ("UMAP 1", "UMAP 2"), groups)
    places, shares = _pca(table.means)
    one, two = (f"component {number} ({share:.0%} of variance)" for number, share in enumerate(shares, 1))
    return Layout(places, "PCA of clips", (one, two), groups)


def _speakers(utterances: Sequence[Utterance]) -> list[str]:
    """Who speaks in each; with the show, where two go by one name."""
    people = [units.speaker(each) for each in utterances]
    counts = Counter(name for _, name in set(people))
    return [f"{name} ({show})" if name and counts[name] > 1 else name for show, name in people]


def _pca(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first two components of clips [U, D], float64 [U, 2], and the share of variance of each [2]."""
    from sklearn.decomposition import PCA

    n = min(2, *X.shape)
    places, shares = np.zeros((len(X), 2)), np.zeros(2)
    if len(X) > 1 and np.ptp(X, axis=0).any():
        model = PCA(n, random_state=0).fit(X)
        places[:, :n], shares[:n] = model.transform(X), model.explained_variance_ratio_
    return places, shares


def _umap(X: np.ndarray, seed: int) -> np.ndarray:
    from umap import UMAP

    n = len(X)
    # With few points its own beginning, of eigenvectors, has too few of them. One job, as with a seed it takes no more.
    begin = "spectral" if n > 2 * N_NEIGHBOURS else "random"
    model = UMAP(n_neighbors=min(N_NEIGHBOURS, n - 1), init=begin, random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(X), float)
