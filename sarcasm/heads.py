"""Heads: what is trained on the embeddings.

A head answers each row of features with two logits (`sarcasm.logits`). To add one: a class here with a `logits` method,
which builds it in a TensorFlow graph, and a file in conf/head/ that picks it. One that is not trained by gradient steps
has a `fit` of its own, as `SVM` has.

Source: the 100 units are those of vggish_train_demo.py (tensorflow/models, research/audioset/vggish); the two layers of
4096 are the notebook's, after the fully connected layers of VGGish itself. Layers are tf-slim's, with its default
initialisers (Glorot uniform weights, zero biases).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from omegaconf import MISSING

from sarcasm.checkpoints import FitCheckpoint
from sarcasm.embeddings import Embedding
from sarcasm.errors import ConfigError, TrainingError
from sarcasm.fit import Adam, ClassWeight, LogStep, Rows, Track, fit_network
from sarcasm.logits import N_LOGITS
from sarcasm.model import Model
from sarcasm.options import option
from sarcasm.tensorflow_runtime import load_tensorflow, load_tf_slim

MOST_LAYERS = 100


@dataclass
class Head:
    """What every head has.

    Attributes:
        name: what the head is called in runs and reports.
    """

    name: str = MISSING

    def n_weights(self, n_inputs: int) -> int:  # noqa: ARG002
        """How many weights are trained for rows of so many values; 0 where that is not known before it is built."""
        return 0

    def logits(self, features: Any) -> Any:
        """Build the head in TensorFlow's current graph.

        Args:
            features: tensor, float32 [n, D].

        Returns:
            tensor, float32 [n, 2]: sarcastic, not sarcastic.
        """
        raise NotImplementedError

    def fit(
        self,
        trainer: Adam,
        training: Rows,
        validation: Rows | None,
        seed: int,
        log_step: LogStep,
        track: Track = lambda steps: steps,
        checkpoint: FitCheckpoint | None = None,
    ) -> Model:
        """Train it; see `sarcasm.fit.fit_network`."""
        return fit_network(self.logits, trainer, training, validation, seed, log_step, track, checkpoint=checkpoint)


@option("head", "mlp")
@dataclass
class MLP(Head):
    """Fully connected layers with ReLU, then two linear logits.

    Attributes:
        hidden: units of each hidden layer, first to last.
    """

    hidden: list[int] = MISSING

    def __post_init__(self) -> None:
        if any(units < 1 for units in self.hidden):
            raise ConfigError(f"head.hidden={list(self.hidden)}: a layer needs at least one unit")
        if len(self.hidden) > MOST_LAYERS:
            raise ConfigError(f"head.hidden: {len(self.hidden)} layers; {MOST_LAYERS} at most are possible")

    def n_weights(self, n_inputs: int) -> int:
        """See `Head.n_weights`."""
        return sum(a * b for a, b in pairwise([n_inputs, *self.hidden, N_LOGITS]))

    def logits(self, features: Any) -> Any:
        """See `Head.logits`."""
        slim = load_tf_slim()
        hidden = features
        for number, units in enumerate(self.hidden, start=1):
            hidden = slim.fully_connected(hidden, units, scope=f"head/fc{number}")
        return slim.fully_connected(hidden, N_LOGITS, activation_fn=None, scope="head/logits")


@option("head", "svm")
@dataclass
class SVM(Head):
    """A support vector machine with a Gaussian kernel, by scikit-learn: no steps, no losses, nothing drawn.

    Its logits are the signed distance from the border and its negative, so that the likelier class is the machine's
    answer; the probability that follows from them grows with the distance and is not calibrated.

    Attributes:
        C: how much a row on the wrong side costs.
        gamma: the kernel's: exp(-gamma |x - y|^2); "scale" is 1 / (D variance of the training rows), "auto" is 1 / D.
    """

    C: float = MISSING
    gamma: str = MISSING

    def __post_init__(self) -> None:
        if not 0 < self.C < float("inf"):
            raise ConfigError(f"head.C={self.C}: a number above 0 is needed")
        self._gamma()

    def fit(
        self,
        trainer: Adam,
        training: Rows,
        validation: Rows | None,  # noqa: ARG002  # nothing is chosen
        seed: int,  # noqa: ARG002
        log_step: LogStep,  # noqa: ARG002
        track: Track = lambda steps: steps,  # noqa: ARG002
        checkpoint: FitCheckpoint | None = None,  # noqa: ARG002
    ) -> Model:
        """Fit it to all training rows at once.

        Raises:
            TrainingError: the training rows are of one class.
        """
        from sklearn.svm import SVC

        if training.y.all() or not training.y.any():
            raise TrainingError(f"head={self.name} needs training rows of both classes; choose another split")
        weight = "balanced" if trainer.class_weight is ClassWeight.balanced else None
        X = training.X.reshape(len(training.X), -1).astype(np.float64)
        fitted = SVC(C=self.C, kernel="rbf", gamma=self._gamma(), class_weight=weight, cache_size=500).fit(
            X, training.y
        )
        arrays = {
            "support_vectors": fitted.support_vectors_, "coefficients": fitted.dual_coef_[0],
            "intercept": fitted.intercept_, "gamma": np.float64(fitted._gamma),
        }  # fmt: skip
        return Model(partial(_machine, arrays), training.X.shape[1:], {})

    def _gamma(self) -> float | str:
        if self.gamma in ("scale", "auto"):
            return self.gamma
        try:
            gamma = float(self.gamma)
        except ValueError:
            gamma = 0.0
        if not 0 < gamma < float("inf"):
            raise ConfigError(f"head.gamma={self.gamma}: scale, auto or a number above 0 is needed")
        return gamma


def _machine(arrays: Mapping[str, np.ndarray], features: Any) -> Any:
    """A fitted support vector machine as a graph; in float64, where differences of squares do not cancel out."""
    tf = load_tensorflow().compat.v1
    x, vectors = tf.cast(features, tf.float64), tf.constant(arrays["support_vectors"])
    squares = tf.reduce_sum(x**2, 1, keepdims=True) - 2 * tf.matmul(x, vectors, transpose_b=True)
    kernel = tf.exp(-arrays["gamma"] * (squares + tf.reduce_sum(vectors**2, 1)))
    distance = tf.linalg.matvec(kernel, tf.constant(arrays["coefficients"])) + arrays["intercept"]
    return tf.cast(tf.stack([distance, -distance], axis=1), tf.float32)


@dataclass
class Trained(Head):
    """A head, and the network before it trained with it.

    Attributes:
        head: the head.
        embedding: the network.
        may_be_random: whether random weights may stand in for a released checkpoint that is not there.
    """

    head: Head = MISSING
    embedding: Embedding = MISSING
    may_be_random: bool = False

    def logits(self, features: Any) -> Any:
        """Build network and head: tensor float32 [n, 96, 64] -> [n, 2]."""
        return self.head.logits(self.embedding.build(features))

    def fit(
        self,
        trainer: Adam,
        training: Rows,
        validation: Rows | None,
        seed: int,
        log_step: LogStep,
        track: Track = lambda steps: steps,
        checkpoint: FitCheckpoint | None = None,
    ) -> Model:
        """Train both, from the network's weights on."""
        weights = self.embedding.weights(self.may_be_random)
        return fit_network(self.logits, trainer, training, validation, seed, log_step, track, weights, checkpoint)


def behind(embedding: Embedding, head: Head, is_made_up: bool) -> Head:
    """The head that goes with an embedding: itself, or with the network before it where that is trained too.

    Args:
        embedding: as chosen.
        head: as chosen.
        is_made_up: whether the clips are, so that random weights may stand in for released ones.
    """
    if not embedding.is_trained:
        return head
    return Trained(head.name, head, embedding, is_made_up)
