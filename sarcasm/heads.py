"""Heads: what is trained on the embeddings.

A head turns features [n, D] into two logits [n, 2]; column 0 is sarcastic, column 1 is not. To add one: a class here
with a `logits` method, and a file in conf/head/ that picks it.

Source: the 100 units are those of vggish_train_demo.py (tensorflow/models, research/audioset/vggish); the two layers of
4096 are the notebook's, after the fully connected layers of VGGish itself. Layers are tf-slim's, with its default
initialisers (Glorot uniform weights, zero biases).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING

from sarcasm.errors import ConfigError
from sarcasm.options import option
from sarcasm.tensorflow_runtime import load_tf_slim

SARCASTIC, NON_SARCASTIC = 0, 1
"""The columns of logits and probabilities."""
N_LOGITS = 2


@dataclass
class Head:
    """What every head has.

    Attributes:
        name: what the head is called in runs and reports.
    """

    name: str = MISSING

    def logits(self, features: Any) -> Any:
        """Build the head in TensorFlow's current graph.

        Args:
            features: tensor, float32 [n, D].

        Returns:
            tensor, float32 [n, 2]: sarcastic, not sarcastic.
        """
        raise NotImplementedError


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

    def logits(self, features: Any) -> Any:
        """See `Head.logits`."""
        slim = load_tf_slim()
        hidden = features
        for number, units in enumerate(self.hidden, start=1):
            hidden = slim.fully_connected(hidden, units, scope=f"head/fc{number}")
        return slim.fully_connected(hidden, N_LOGITS, activation_fn=None, scope="head/logits")
