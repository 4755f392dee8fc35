"""VGGish's files in the released formats, with the random weights of the reference vectors; 288 MB, made once and removed at the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sarcasm.tensorflow_runtime import load_tensorflow
from tests.assets.vggish import inputs

ASSETS = Path(__file__).parent / "assets" / "vggish"


@dataclass(frozen=True)
class Reference:
    """What goes into the reference implementation and what comes out."""

    waveforms: dict[str, np.ndarray]
    examples: dict[str, np.ndarray]
    embeddings: np.ndarray
    quantized: np.ndarray

    @property
    def all_examples(self) -> np.ndarray:
        return np.concatenate([self.examples[name] for name in self.waveforms])


@pytest.fixture(scope="session")
def reference() -> Reference:
    waveforms = inputs.waveforms()
    with np.load(ASSETS / "golden.npz", allow_pickle=False) as golden:
        examples = {name: golden[f"examples/{name}"] for name in waveforms}
        return Reference(waveforms, examples, golden["embeddings"], golden["quantized"])


@pytest.fixture(scope="session")
def reference_weights() -> dict[str, np.ndarray]:
    return inputs.weights()


def write_checkpoint(path: Path, weights: dict[str, np.ndarray], version: int) -> Path:
    """Write TensorFlow's format V1 (one file, as released) or V2 (a prefix)."""
    tf = load_tensorflow().compat.v1
    with tf.Graph().as_default(), tf.Session() as session:
        placeholders = {name: tf.placeholder(values.dtype, values.shape) for name, values in weights.items()}
        variables = [tf.Variable(placeholder, name=name) for name, placeholder in placeholders.items()]
        session.run(
            [variable.initializer for variable in variables],
            {placeholders[name]: values for name, values in weights.items()},
        )
        saver = tf.train.Saver(variables, write_version=version)
        saver.save(session, str(path), write_meta_graph=False, latest_filename=f"{path.name}.latest")
    return path


@pytest.fixture(scope="session")
def v1_checkpoint(tmp_path_factory: pytest.TempPathFactory, reference_weights: dict[str, np.ndarray]) -> Iterator[Path]:
    path = write_checkpoint(tmp_path_factory.mktemp("v1") / "vggish_model.ckpt", reference_weights, version=1)
    yield path
    path.unlink()


@pytest.fixture(scope="session")
def pca_params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pca") / "vggish_pca_params.npz"
    np.savez(path, **inputs.pca_parameters())
    return path
