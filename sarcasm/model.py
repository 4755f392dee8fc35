"""A fitted network: it predicts, and is saved as one that can be served."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sarcasm.errors import TrainingError
from sarcasm.logits import N_LOGITS
from sarcasm.tensorflow_runtime import building_a_graph, load_tensorflow, load_weights

Build = Callable[[Any], Any]
"""Builds a network in TensorFlow's current graph: features [n, ...] -> logits [n, 2]."""
VALUES_AT_ONCE = 2**20
"""Feature values that are given to a network at a time when it predicts, so that memory stays small."""


@dataclass(frozen=True)
class Model:
    """A fitted network.

    Attributes:
        build: builds it.
        shape: of a row of its features, such as (128,).
        weights: variable name -> float32 array.
        losses: of every step, before its update; of what is not trained in steps, none.
        validation_losses: step -> loss on the validation rows, where there are some.
    """

    build: Build
    shape: tuple[int, ...]
    weights: Mapping[str, np.ndarray]
    losses: tuple[float, ...] = ()
    validation_losses: Mapping[int, float] | None = None

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Predict.

        Args:
            X: float32 [n, ...], transformed as the training rows were.

        Returns:
            float32 [n, 2]: sarcastic, not sarcastic.
        """
        with self._opened() as (session, features, logits):
            found = [session.run(logits, {features: X[part]}) for part in parts(X)]
        return np.concatenate(found) if found else np.empty((0, N_LOGITS), np.float32)

    def save(self, folder: Path) -> None:
        """Write a TensorFlow SavedModel to a folder that does not exist.

        Its signature `serving_default` takes `features` float32 [n, ...] and gives `logits` float32 [n, 2].

        Raises:
            TrainingError: it cannot be written.
        """
        tf = load_tensorflow().compat.v1
        try:
            with self._opened() as (session, inputs, outputs):
                tf.saved_model.simple_save(session, str(folder), {"features": inputs}, {"logits": outputs})
        except tf.errors.OpError as error:
            # The system's reason stands behind the file's name, below what TensorFlow says of the graph.
            lines = error.message.splitlines()
            reason = next((line.rpartition("; ")[2] for line in lines if "; " in line), lines[0])
            raise TrainingError(f"the model cannot be written to {folder} ({reason}); free some space there") from error

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any, Any]]:
        """A session of a graph of its own, the features to feed and the logits to fetch."""
        tf = load_tensorflow().compat.v1
        with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
            features = tf.placeholder(tf.float32, [None, *self.shape], name="features")
            with building_a_graph():
                logits = self.build(features)
            load_weights(session, self.weights)
            yield session, features, logits


def parts(X: np.ndarray) -> Iterator[slice]:
    """Rows [n, ...] in parts that a network takes at a time."""
    n_at_once = max(1, VALUES_AT_ONCE // int(np.prod(X.shape[1:])))
    return (slice(start, start + n_at_once) for start in range(0, len(X), n_at_once))
