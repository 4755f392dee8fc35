"""VGGish's network as a tf-slim graph: the definition, which every faster way of computing it is held to.

Six 3 x 3 convolutions with ReLU and four 2 x 2 max-pools, all SAME, three fully connected layers, the last one linear:
the embedding is taken before any activation, as in the reference since 2020. Scopes are the reference's, so that
variables are called as in its checkpoint.

Source: vggish_slim.py (tensorflow/models, research/audioset/vggish); Hershey et al., CNN Architectures for Large-Scale
Audio Classification, ICASSP 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sarcasm.tensorflow_runtime import building_a_graph, load_tensorflow, load_tf_slim, load_weights
from sarcasm.vggish import constants as c
from sarcasm.vggish.checkpoint import Weights


def embeddings_of(examples: Any, layer: c.Layer = c.Layer.fc2, train_from: str | None = None) -> Any:
    """Build the network in TensorFlow's current graph, as far as it is needed.

    Args:
        examples: tensor, float32 [n, 96, 64].
        layer: what is taken from it.
        train_from: the first of `constants.BLOCKS` whose variables are trainable; None trains none.

    Returns:
        tensor, float32 [n, 128], or [n, 512] of `pool4`.
    """
    tf, slim = load_tensorflow().compat.v1, load_tf_slim()
    trained = () if train_from is None else c.BLOCKS[c.BLOCKS.index(train_from) :]

    def in_block(scope: str) -> dict[str, Any]:
        return {"scope": scope, "trainable": scope in trained}

    with (
        building_a_graph(),
        tf.variable_scope("vggish"),
        slim.arg_scope(
            [slim.conv2d, slim.fully_connected],
            weights_initializer=tf.truncated_normal_initializer(stddev=c.INITIAL_DEVIATION),
        ),
        slim.arg_scope([slim.max_pool2d], stride=2, padding="SAME"),
    ):
        net = tf.reshape(examples, [-1, c.EXAMPLE_FRAMES, c.N_MEL_BANDS, 1])
        net = slim.conv2d(net, 64, [3, 3], **in_block("conv1"))
        net = slim.max_pool2d(net, [2, 2], scope="pool1")
        net = slim.conv2d(net, 128, [3, 3], **in_block("conv2"))
        net = slim.max_pool2d(net, [2, 2], scope="pool2")
        net = slim.repeat(net, 2, slim.conv2d, 256, [3, 3], **in_block("conv3"))
        net = slim.max_pool2d(net, [2, 2], scope="pool3")
        net = slim.repeat(net, 2, slim.conv2d, c.LAST_CHANNELS, [3, 3], **in_block("conv4"))
        net = slim.max_pool2d(net, [2, 2], scope="pool4")
        if layer is c.Layer.pool4:
            return tf.reduce_mean(net, [1, 2])
        net = slim.flatten(net)
        net = slim.repeat(net, 2, slim.fully_connected, 4096, **in_block("fc1"))
        return slim.fully_connected(net, c.EMBEDDING_SIZE, activation_fn=None, **in_block("fc2"))


class GraphNetwork:
    """The graph in a session of its own, with given weights; closes as a context manager.

    Args:
        weights: see `Weights`.
        layer: what is taken from it.
    """

    def __init__(self, weights: Weights, layer: c.Layer = c.Layer.fc2) -> None:
        tf = load_tensorflow().compat.v1
        with tf.Graph().as_default() as graph:
            self._examples = tf.placeholder(tf.float32, [None, c.EXAMPLE_FRAMES, c.N_MEL_BANDS])
            self._embeddings = embeddings_of(self._examples, layer)
            self._session = tf.Session(graph=graph)
            load_weights(self._session, weights)

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Examples float32 [n, 96, 64] -> embeddings float32 [n, D], all n at once."""
        return self._session.run(self._embeddings, {self._examples: examples})

    def close(self) -> None:
        """Give the memory back."""
        self._session.close()
