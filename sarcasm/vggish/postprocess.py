"""VGGish's post-processing: PCA with whitening, clipping to [-2, 2] and 8 bits.

    y = P (e - m);   byte = trunc((clip(y, -2, 2) + 2) * 255 / 4)

Truncated, not rounded: 2 becomes 255, anything just below it 254.

Source: vggish_postprocess.py (tensorflow/models, research/audioset/vggish).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sarcasm.errors import WeightsError
from sarcasm.files import stand_in_at
from sarcasm.npz import Header, NpzError, OneArrayError, read_npz
from sarcasm.vggish import constants as c

EIGEN_VECTORS, MEANS = "pca_eigen_vectors", "pca_means"
SHAPE = (c.EMBEDDING_SIZE, c.EMBEDDING_SIZE)
MOST_BYTES = 2**22
"""Of a file of parameters: 16 times what they take in the largest dtype."""


class Postprocessor:
    """PCA parameters, and what is done with them.

    Args:
        params: the released vggish_pca_params.npz or one like it: `pca_eigen_vectors` [128, 128], whose rows are output
            dimensions, and `pca_means`, 128 values in any shape; both real numbers of any dtype.

    Raises:
        WeightsError: the file is missing, damaged, pickled, or of another shape.
    """

    def __init__(self, params: Path | str) -> None:
        self._set(*_read(Path(params)), SHAPE)

    @classmethod
    def from_arrays(cls, eigen_vectors: np.ndarray, means: np.ndarray) -> Postprocessor:
        """Take parameters from memory; they may be of an embedding with another number of values.

        Args:
            eigen_vectors: [D, D], rows are output dimensions.
            means: D values in any shape.

        Raises:
            WeightsError: another shape, no real numbers, or a value that is not finite.
        """
        made = cls.__new__(cls)
        means = np.asarray(means)
        made._set(np.asarray(eigen_vectors), means, "PCA parameters", (means.size, means.size))
        return made

    def _set(self, eigen_vectors: np.ndarray, means: np.ndarray, source: str, shape: tuple[int, int]) -> None:
        _check(eigen_vectors, means, source, shape)
        self._eigen_vectors = eigen_vectors.astype(np.float64)
        self._means = means.reshape(-1).astype(np.float64)
        if not (np.all(np.isfinite(self._eigen_vectors)) and np.all(np.isfinite(self._means))):
            raise WeightsError(f"{source}: a value is not finite")

    @property
    def fingerprint(self) -> str:
        """Hash over the parameters: "sha256:..."."""
        digest = hashlib.sha256(self._eigen_vectors.astype("<f8").tobytes())
        digest.update(self._means.astype("<f8").tobytes())
        return f"sha256:{digest.hexdigest()}"

    def postprocess(self, embeddings: np.ndarray) -> np.ndarray:
        """Post-process embeddings.

        Args:
            embeddings: floating [n, D], 128 values with the released parameters.

        Returns:
            uint8 [n, D].

        Raises:
            ValueError: another shape, or NaN or an infinite value, for which there is no byte.
        """
        embeddings = np.asarray(embeddings)
        if embeddings.ndim != 2 or embeddings.shape[1] != len(self._means):
            raise ValueError(f"embeddings are [n, {len(self._means)}], not {list(embeddings.shape)}")
        if not np.all(np.isfinite(embeddings)):
            raise ValueError("an embedding holds a value that is not finite")
        projected = (embeddings - self._means) @ self._eigen_vectors.T
        clipped = np.clip(projected, c.QUANTIZE_LOWEST, c.QUANTIZE_HIGHEST)
        steps = (clipped - c.QUANTIZE_LOWEST) * (c.QUANTIZE_STEPS / (c.QUANTIZE_HIGHEST - c.QUANTIZE_LOWEST))
        return steps.astype(np.uint8)


def _check(eigen_vectors: Header | np.ndarray, means: Header | np.ndarray, source: str, shape: tuple[int, int]) -> None:
    if eigen_vectors.shape != shape or math.prod(means.shape) != shape[1]:
        raise WeightsError(
            f"{source}: {EIGEN_VECTORS} has shape {eigen_vectors.shape} and {MEANS} {means.shape}; {shape} and"
            f" {shape[1]} values are needed"
        )
    for name, values in ((EIGEN_VECTORS, eigen_vectors), (MEANS, means)):
        if values.dtype.kind not in "fiu":
            raise WeightsError(f"{source}: {name} is {values.dtype}; real numbers are needed")


def _read(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    source = f"pca.params: {path}"
    if fault := stand_in_at(path):
        raise WeightsError(f"{source} {fault}")

    def choose(headers: Mapping[str, Header]) -> tuple[str, str]:
        if missing := [name for name in (EIGEN_VECTORS, MEANS) if name not in headers]:
            raise WeightsError(
                f"{source} has no {' and no '.join(missing)}; it holds {', '.join(headers) or 'nothing'}"
            )
        _check(headers[EIGEN_VECTORS], headers[MEANS], source, SHAPE)
        return EIGEN_VECTORS, MEANS

    try:
        arrays = read_npz(path, choose, most_bytes=MOST_BYTES)
    except FileNotFoundError as error:
        raise WeightsError(f"{source} is not there; name the file with pca.params=FILE, or choose pca=off") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise WeightsError(
            f"{source} cannot be opened ({reason}); name another file with pca.params=FILE, or choose pca=off"
        ) from error
    except OneArrayError as error:
        raise WeightsError(f"{source} is one array; an .npz file with {EIGEN_VECTORS} and {MEANS} is needed") from error
    except NpzError as error:
        raise WeightsError(f"{source} {error}; get vggish_pca_params.npz anew") from error
    return arrays[EIGEN_VECTORS], arrays[MEANS], source
