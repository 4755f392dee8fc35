"""VGGish's files: a checkpoint in both of TensorFlow's formats, and the parameters of its PCA."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from sarcasm.vggish import Postprocessor
from sarcasm.vggish.checkpoint import fingerprint, read_checkpoint
from tests.assets.vggish import inputs
from tests.faults.fuzz.damage import damaged
from tests.faults.fuzz.trial import Trial
from tests.vggish_fixtures import write_checkpoint

PLACES_OF_TABLES = 100_000
"""Bytes at either end, where the tables of a checkpoint stand; the rest is 288 MB of weights."""


class DamagedCheckpoints:
    """A checkpoint of random weights, changed in place and put right again."""

    def __init__(self, folder: Path) -> None:
        weights = inputs.weights()
        v1 = write_checkpoint(folder / "v1.ckpt", weights, version=1)
        v2 = write_checkpoint(folder / "v2.ckpt", weights, version=2)
        data = next(folder.glob("v2.ckpt.data-*"))
        self._files = ((v1, v1), (data, v2), (folder / "v2.ckpt.index", v2))
        self._undamaged = {path: fingerprint(read_checkpoint(path)) for path in (v1, v2)}

    def trial(self, rng: np.random.Generator) -> Trial:
        """A damaged checkpoint: a flip anywhere, a flip in its tables, or a cut."""
        file, checkpoint = self._files[int(rng.integers(len(self._files)))]
        n_bytes = file.stat().st_size
        place = int(rng.integers(n_bytes))
        if rng.random() < 0.5:
            near = int(rng.integers(min(n_bytes, PLACES_OF_TABLES)))
            place = near if rng.random() < 0.3 else n_bytes - 1 - near
        is_cut, bit = rng.random() < 0.3, int(rng.integers(8))

        def run() -> str:
            with file.open("r+b") as opened:
                opened.seek(place)
                behind = opened.read() if is_cut else opened.read(1)
                opened.seek(place)
                if is_cut:
                    opened.truncate()
                else:
                    opened.write(bytes([behind[0] ^ (1 << bit)]))
            try:
                return fingerprint(read_checkpoint(checkpoint))
            finally:
                with file.open("r+b") as opened:
                    opened.seek(place)
                    opened.write(behind)

        said = f"{file.name}, {f'cut to {place} bytes' if is_cut else f'bit {bit} of byte {place} flipped'}"
        return Trial(said, run, (file.name, checkpoint.name), self._undamaged[checkpoint])


class DamagedPCA:
    """The parameters of the PCA, as the release packs them, compressed, and of hostile shapes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._embeddings = np.random.default_rng(5).standard_normal((4, 128)).astype(np.float32)
        parameters = inputs.pca_parameters()
        stored, compressed = io.BytesIO(), io.BytesIO()
        np.savez(stored, **parameters)
        np.savez_compressed(compressed, **parameters)
        self._whole = (stored.getvalue(), compressed.getvalue())
        self._parameters = parameters
        path = folder / "vggish_pca_params.npz"
        path.write_bytes(self._whole[0])
        self._undamaged = self._value(path)

    def trial(self, rng: np.random.Generator) -> Trial:
        """Damaged or hostile parameters."""
        path = self._folder / "damaged_pca.npz"
        if rng.random() < 0.2:
            said = self._hostile(path, rng)
        else:
            content, said = damaged(self._whole[int(rng.integers(2))], rng)
            path.write_bytes(content)
        return Trial(said, lambda: self._value(path), (path.name,), self._undamaged)

    def _value(self, path: Path) -> bytes:
        return Postprocessor(path).postprocess(self._embeddings).tobytes()

    def _hostile(self, path: Path, rng: np.random.Generator) -> str:
        vectors, means = self._parameters["pca_eigen_vectors"], self._parameters["pca_means"]
        hostile = {
            "vectors of a gigabyte of zeros": {"pca_eigen_vectors": np.zeros((16_384, 8_192)), "pca_means": means},
            "means of a gigabyte of zeros": {"pca_eigen_vectors": vectors, "pca_means": np.zeros(2**27)},
            "another gigabyte beside": {"pca_eigen_vectors": vectors, "pca_means": means, "more": np.zeros(2**27)},
            "no means": {"pca_eigen_vectors": vectors},
            "NaN": {"pca_eigen_vectors": vectors * np.nan, "pca_means": means},
            "words": {"pca_eigen_vectors": vectors.astype("U8"), "pca_means": means},
            "pickled": {"pca_eigen_vectors": vectors.astype(object), "pca_means": means},
            "transposed means of 127": {"pca_eigen_vectors": vectors, "pca_means": means[:127].T},
        }
        name = list(hostile)[int(rng.integers(len(hostile)))]
        np.savez_compressed(path, **hostile[name])
        return name
