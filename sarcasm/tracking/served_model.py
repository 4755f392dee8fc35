"""What MLflow runs to serve a fitted model; a copy of this file lies beside the model.

Input: embeddings float32 [n, D], as the run's table held them, or examples float32 [n, 96, 64] where the network before
the head was trained too. Output: float32 [n], the probability that a row is sarcastic.

The model's artifacts are `saved_model`, a TensorFlow SavedModel whose signature `serving_default` takes `features`
float32 [n, D] to `logits` [n, 2] (sarcastic, not sarcastic), and maybe `transform`, an .npz with what was fitted before
the head: `pca_eigen_vectors` [D, D] and `pca_means` [D], then `scale_mean` [D] and `scale_standard_deviation` [D].
"""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext


class SarcasmModel(PythonModel):
    """Embeddings -> probability of sarcastic."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the artifacts."""
        from sarcasm.tensorflow_runtime import load_tensorflow

        self._tensorflow = load_tensorflow()
        self._model = self._tensorflow.saved_model.load(context.artifacts["saved_model"])
        self._fitted: dict[str, np.ndarray] = {}
        if "transform" in context.artifacts:
            with np.load(context.artifacts["transform"], allow_pickle=False) as arrays:
                self._fitted = dict(arrays)

    def predict(
        self,
        context: PythonModelContext,  # noqa: ARG002
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """Predict.

        Args:
            context: not used.
            model_input: embeddings float32 [n, D].
            params: not used.

        Returns:
            float32 [n], in [0, 1].
        """
        from sarcasm.logits import probability

        features = self._tensorflow.constant(self._transformed(model_input))
        served = self._model.signatures["serving_default"](features=features)
        return probability(served["logits"].numpy()).astype(np.float32)

    def _transformed(self, embeddings: np.ndarray) -> np.ndarray:
        fitted = self._fitted
        if "pca_means" in fitted:
            from sarcasm.vggish import Postprocessor

            postprocessor = Postprocessor.from_arrays(fitted["pca_eigen_vectors"], fitted["pca_means"])
            embeddings = postprocessor.postprocess(embeddings)
        if "scale_mean" in fitted:
            embeddings = (embeddings - fitted["scale_mean"]) / fitted["scale_standard_deviation"]
        return embeddings.astype(np.float32)


set_model(SarcasmModel())
