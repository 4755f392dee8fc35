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

from sarcasm.tensorflow_runtime import building_a_graph, load_tensorflow, load_tf_slim
from sarcasm.vggish import constants as c
from sarcasm.vggish.checkpoint import Weights


def embeddings_of(examples: Any, training: bool = False) -> Any:
    """Build the network in TensorFlow's current graph.

    Args:
        examples: tensor, float32 [n, 96, 64].
        training: whether the 18 variables are trainable.

    Returns:
        tensor, float32 [n, 128].
    """
    tf, slim = load_tensorflow().compat.v1, load_tf_slim()
    with (
        building_a_graph(),
        tf.variable_scope("vggish"),
        slim.arg_scope(
            [slim.conv2d, slim.fully_connected],
            weights_initializer=tf.truncated_normal_initializer(stddev=c.INITIAL_DEVIATION),
            trainable=training,
        ),
        slim.arg_scope([slim.max_pool2d], stride=2, padding="SAME"),
    ):
        net = tf.reshape(examples, [-1, c.EXAMPLE_FRAMES, c.N_MEL_BANDS, 1])
        net = slim.conv2d(net, 64, [3, 3], scope="conv1")
        net = slim.max_pool2d(net, [2, 2], scope="pool1")
        net = slim.conv2d(net, 128, [3, 3], scope="conv2")
        net = slim.max_pool2d(net, [2, 2], scope="pool2")
        net = slim.repeat(net, 2, slim.conv2d, 256, [3, 3], scope="conv3")
        net = slim.max_pool2d(net, [2, 2], scope="pool3")
        net = slim.repeat(net, 2, slim.conv2d, 512, [3, 3], scope="conv4")
        net = slim.max_pool2d(net, [2, 2], scope="pool4")
        net = slim.flatten(net)
        net = slim.repeat(net, 2, slim.fully_connected, 4096, scope="fc1")
        return slim.fully_connected(net, c.EMBEDDING_SIZE, activation_fn=None, scope="fc2")


class GraphNetwork:
    """The graph in a session of its own, with given weights; closes as a context manager.

    Args:
        weights: see `Weights`.
    """

    def __init__(self, weights: Weights) -> None:
        tf = load_tensorflow().compat.v1
        with tf.Graph().as_default() as graph:
            self._examples = tf.placeholder(tf.float32, [None, c.EXAMPLE_FRAMES, c.N_MEL_BANDS])
            self._embeddings = embeddings_of(self._examples)
            self._session = tf.Session(graph=graph)
            for variable in tf.global_variables("vggish/"):
                # In place of what it would be drawn from; `variable.load` does the same, and warns of its end.
                drawn = variable.initializer.inputs[1]
                self._session.run(variable.initializer, {drawn: weights[variable.op.name]})

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Examples float32 [n, 96, 64] -> embeddings float32 [n, 128], all n at once."""
        return self._session.run(self._embeddings, {self._examples: examples})

    def close(self) -> None:
        """Give the memory back."""
        self._session.close()
