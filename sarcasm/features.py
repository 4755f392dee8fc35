"""What is fitted on the training rows before the head: a PCA where none was released, and the scaling.

Whatever learns from data learns from the training side of its fold only. The released PCA is a constant and belongs to
the embedding; a PCA for random weights, and the mean and deviation of `scale=standard`, are fitted here, inside the
fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from sarcasm.npz import Header, NpzError, read_npz
from sarcasm.vggish import Postprocessor

NAMES = ("pca_eigen_vectors", "pca_means", "scale_mean", "scale_standard_deviation")
"""Of what is fitted, in its file."""
ARCHIVE_BYTES = 2**16
"""More than a file takes beside its arrays."""


class Scale(Enum):
    """How the features are scaled before the head."""

    none = "none"
    standard = "standard"


@dataclass(frozen=True)
class Transform:
    """Table rows -> what the head sees, fitted on training rows.

    Attributes:
        eigen_vectors: float64 [D, D], rows are output dimensions, or None where no PCA is fitted.
        means: float64 [D], taken off before the PCA.
        scale_mean: float64 [D] or None.
        scale_deviation: float64 [D] or None; 1 where a feature is constant.
    """

    eigen_vectors: np.ndarray | None = None
    means: np.ndarray | None = None
    scale_mean: np.ndarray | None = None
    scale_deviation: np.ndarray | None = None

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Transform rows.

        Args:
            X: [n, D] of the table.

        Returns:
            float32 [n, D].
        """
        if self.eigen_vectors is not None and self.means is not None:
            X = Postprocessor.from_arrays(self.eigen_vectors, self.means).postprocess(X)
        if self.scale_mean is not None:
            X = (X - self.scale_mean) / self.scale_deviation
        return X.astype(np.float32)

    @classmethod
    def load(cls, path: Path, row_shape: tuple[int, ...]) -> Transform:
        """Read what `save` wrote.

        Args:
            path: the file.
            row_shape: of a row of what it transforms, which says the shapes of all that it may hold.

        Raises:
            OSError: it cannot be opened.
            NpzError: it is damaged, or holds anything but such arrays: none, the PCA, the scaling, or both.
        """
        # A network that is trained with its head gets its examples as they are.
        sets = ((), NAMES[:2], NAMES[2:], NAMES) if len(row_shape) == 1 else ((),)
        n = row_shape[-1]
        shapes = ((n, n), (n,), (n,), (n,))
        expected = {name: Header(shape, np.dtype(np.float64)) for name, shape in zip(NAMES, shapes, strict=True)}

        def choose(headers: Mapping[str, Header]) -> Iterable[str]:
            if tuple(headers) not in sets:
                raise NpzError(f"holds {', '.join(headers) or 'nothing'}, which is no whole transform")
            for name, header in headers.items():
                if header != (needed := expected[name]):
                    raise NpzError(f"is of another model: {name} is {header}, where {needed} is needed")
            return headers

        most_bytes = ARCHIVE_BYTES + sum(header.n_bytes for header in expected.values())
        arrays = read_npz(path, choose, most_bytes=most_bytes)
        if not all(np.isfinite(values).all() for values in arrays.values()):
            raise NpzError("holds a value that is not finite")
        made = cls(*(arrays.get(name) for name in NAMES))
        if made.scale_deviation is not None and not (made.scale_deviation > 0).all():
            raise NpzError(f"holds a {NAMES[3]} that is not above 0")
        return made

    def save(self, path: Path) -> None:
        """Write the fitted arrays, if any, as an .npz file."""
        arrays = (self.eigen_vectors, self.means, self.scale_mean, self.scale_deviation)
        named = {name: array for name, array in zip(NAMES, arrays, strict=True) if array is not None}
        np.savez(path, allow_pickle=False, **named)


def fit_transform(X: np.ndarray, fit_pca: bool, scale: Scale) -> Transform:
    """Fit on the rows of the training side.

    Args:
        X: [n, D], the training rows of the table.
        fit_pca: whether to fit a whitening PCA, quantised as the released one is.
        scale: whether to bring each feature to mean 0 and deviation 1.
    """
    eigen_vectors = means = None
    if fit_pca:
        eigen_vectors, means = _whitening(X)
        X = Postprocessor.from_arrays(eigen_vectors, means).postprocess(X)
    if scale is Scale.none:
        return Transform(eigen_vectors, means)
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(X.astype(np.float64))
    return Transform(eigen_vectors, means, scaler.mean_, scaler.scale_)


def _whitening(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """PCA with whitening: eigen vectors [D, D] divided by each component's deviation, means [D].

    Components without variance (fewer rows than dimensions) become rows of zeros: they stay constant instead of blowing
    up noise.
    """
    from sklearn.decomposition import PCA

    dimension = X.shape[1]
    fitted = PCA(svd_solver="full").fit(X.astype(np.float64))
    deviations = np.sqrt(fitted.explained_variance_)
    kept = deviations > 1e-6 * deviations.max(initial=0)
    eigen_vectors = np.zeros((dimension, dimension))
    eigen_vectors[: kept.sum()] = fitted.components_[kept] / deviations[kept, np.newaxis]
    return eigen_vectors, fitted.mean_
