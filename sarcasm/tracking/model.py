"""A packaged model as MLflow can load and serve it: the package, the code that reads it, and no pickles.

The folder carries this project's source too, so that `mlflow models serve` needs nothing of the project.
"""

from __future__ import annotations

import base64
import io
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import sarcasm

CODE = Path(__file__).with_name("served_model.py")
PACKAGE = "package"
REQUIREMENTS = (
    "av", "hydra-core", "librosa", "numba", "numpy", "omegaconf", "scikit-learn", "scipy", "soundfile", "soxr",
    "tensorflow", "tf-slim", "threadpoolctl",
)  # fmt: skip
"""What a package needs of others to go from sound to probability."""


def save_for_mlflow(package: Path, destination: Path) -> None:
    """Write a packaged model as MLflow's `pyfunc` flavor.

    Args:
        package: the folder that `sarcasm.packaged.save` wrote; must be called "package".
        destination: the folder to write; must not exist.
    """
    # MLflow warns of its own type hints when this much of it is imported.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
        import pandas as pd
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, DataType, Schema
        from mlflow.types.schema import Array

        text, number = DataType.string, DataType.double
        mlflow.pyfunc.save_model(
            destination,
            python_model=str(CODE),
            artifacts={PACKAGE: str(package)},
            code_paths=[str(Path(sarcasm.__file__).parent)],
            # Said here, or MLflow would run the model in another process to find out, for ten seconds.
            signature=ModelSignature(
                inputs=Schema([ColSpec(text, "audio", required=False), ColSpec(text, "path", required=False)]),
                outputs=Schema(
                    [ColSpec(number, "probability"), ColSpec(text, "label"), ColSpec(Array(number), "pieces")]
                ),
            ),
            input_example=pd.DataFrame({"audio": [_example()]}),
            pip_requirements=[_pinned(name) for name in REQUIREMENTS],
        )


def _example() -> str:
    """A second of a made-up tone, as a client sends it."""
    import numpy as np
    import soundfile

    file = io.BytesIO()
    tone = 0.1 * np.sin(2 * np.pi * 220 * np.arange(16_000) / 16_000)
    soundfile.write(file, tone, 16_000, format="OGG", subtype="VORBIS")
    return base64.b64encode(file.getvalue()).decode()


def _pinned(name: str) -> str:
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        return name  # installed under another name, such as tensorflow-cpu
