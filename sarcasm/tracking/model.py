"""The fitted model as MLflow can load and serve it: a TensorFlow SavedModel, arrays, the code that joins them, and no
pickles.

The folder carries this package's source too, so that `mlflow models serve` needs nothing of the project.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sarcasm

CODE = Path(__file__).with_name("served_model.py")
REQUIREMENTS = ("numpy", "scipy", "tensorflow")


def save_for_mlflow(folder: Path, destination: Path, shape: Sequence[int]) -> None:
    """Write a model as MLflow's `pyfunc` flavor.

    Args:
        folder: holds `saved_model/` and, where features are transformed before the head, `transform.npz`; see
            `served_model`.
        destination: the folder to write; must not exist.
        shape: of a row of what it takes, such as (128,).
    """
    import numpy as np

    float32 = np.dtype(np.float32)
    parts = {name: folder / name for name in ("saved_model", "transform.npz")}
    # MLflow warns of its own type hints when this much of it is imported.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        mlflow.pyfunc.save_model(
            destination,
            python_model=str(CODE),
            artifacts={path.stem: str(path) for path in parts.values() if path.exists()},
            code_paths=[str(Path(sarcasm.__file__).parent)],
            # Said here, or MLflow would run the model in another process to find out, for ten seconds.
            signature=ModelSignature(
                inputs=Schema([TensorSpec(float32, (-1, *shape))]), outputs=Schema([TensorSpec(float32, (-1,))])
            ),
            pip_requirements=[_pinned(name) for name in REQUIREMENTS],
        )


def _pinned(name: str) -> str:
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return name  # installed under another name, such as tensorflow-cpu
