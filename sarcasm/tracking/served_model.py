"""What MLflow runs to serve a packaged model; a copy of this file lies beside the model.

Input: a table with a row for each clip and a column `audio` (the bytes of a file, in base64) or `path` (a file on this
machine). Output, row by row: `probability` that the clip is sarcastic, `label`, and `pieces`, the probability of each
piece. A clip that cannot be used is answered with HTTP 400 and why; so are clips that together last too long.

Environment: SARCASM_CLIPS names the folders that paths may lead into, separated as in PATH; without it, none is read.
SARCASM_WEIGHTS names the weights where they lie elsewhere than they lay in training.
"""

import base64
import binascii
import os
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

CLIPS_VARIABLE = "SARCASM_CLIPS"
LARGEST_BYTES = 2**26
"""Of a clip that is sent, 64 MiB."""
LONGEST_SECONDS = 600.0
"""Of all clips of a request together: MLflow waits a minute for an answer (MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT). On
two busy processor cores, VGGish needed ten seconds for as much."""


class SarcasmModel(PythonModel):
    """Sound -> probability of sarcastic."""

    def load_context(self, context: PythonModelContext) -> None:
        """Open the package."""
        from sarcasm.packaged import Package

        self._package = Package.load(Path(context.artifacts["package"]))
        self._package.longest_seconds = min(self._package.longest_seconds, LONGEST_SECONDS)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> pd.DataFrame:
        """Predict.

        Args:
            context: not used.
            model_input: the table.
            params: not used.

        Returns:
            A table with a row for each of its.

        Raises:
            MlflowException: a row has neither column or both, or its clip cannot be used.
        """
        from sarcasm.audio import SAMPLE_RATE
        from sarcasm.errors import AudioError, SarcasmError

        if not {"audio", "path"} & set(model_input.columns):
            raise MlflowException.invalid_parameter_value('a table with a column "audio" or "path" is needed')
        said, n_samples = [], 0
        for number, row in enumerate(model_input.to_dict("records")):
            given = {name: row[name] for name in ("audio", "path") if isinstance(row.get(name), str)}
            try:
                waveform = self._waveform(given, f"clip {number}")
                n_samples += len(waveform)
                if n_samples > LONGEST_SECONDS * SAMPLE_RATE:
                    raise AudioError(
                        f"clip {number}: the clips of this request last longer than {LONGEST_SECONDS:g} s together;"
                        " send them in several requests"
                    )
                prediction = self._package.predict(waveform)
            except SarcasmError as error:
                raise MlflowException.invalid_parameter_value(str(error)) from error
            pieces = [piece.probability for piece in prediction.pieces]
            said.append({"probability": prediction.probability, "label": prediction.label, "pieces": pieces})
        return pd.DataFrame(said, columns=["probability", "label", "pieces"])

    def _waveform(self, given: dict[str, str], clip: str) -> Any:
        from sarcasm.errors import AudioError

        if len(given) != 1:
            raise AudioError(f'{clip}: give "audio" (its bytes in base64) or "path", and not both')
        if "path" in given:
            return self._package.read(_allowed(given["path"], clip))
        if len(given["audio"]) > LARGEST_BYTES * 4 // 3:
            raise AudioError(f"{clip} has more than {LARGEST_BYTES // 2**20} MiB; send it in parts")
        try:
            content = base64.b64decode(given["audio"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise AudioError(f'{clip}: its "audio" is not base64 ({error})') from error
        return self._package.read_content(content, clip)


def _allowed(path: str, clip: str) -> Path:
    """A path that leads, links followed, into a folder of SARCASM_CLIPS."""
    from sarcasm.errors import AudioError

    folders = [Path(os.path.realpath(each)) for each in os.environ.get(CLIPS_VARIABLE, "").split(os.pathsep) if each]
    if not folders:
        raise AudioError(
            f"{clip}: paths are not read here; send the sound as audio, or start the server with"
            f" {CLIPS_VARIABLE}=FOLDER"
        )
    try:
        real = Path(os.path.realpath(path))
    except ValueError as error:
        raise AudioError(f"{clip}: {path!r} is no path ({error})") from error
    if not any(real.is_relative_to(folder) for folder in folders):
        # Not even whether it is there.
        raise AudioError(f"{clip}: {path} does not lie in a folder that {CLIPS_VARIABLE} names")
    return real


set_model(SarcasmModel())
