"""Training a head: graph-mode TensorFlow, one loss a step.

The loss is the mean sigmoid cross-entropy over both columns of the one-hot labels, minimised by Adam: the notebook's,
and that of vggish_train_demo.py (tensorflow/models, research/audioset/vggish). The training rows live in the graph, so
that no step copies them. The same rows, options and seed give the same losses to the bit on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import MISSING

from sarcasm.errors import ConfigError, TrainingError
from sarcasm.heads import N_LOGITS, NON_SARCASTIC, SARCASTIC, Head
from sarcasm.options import option
from sarcasm.tensorflow_runtime import building_a_graph, load_tensorflow

LogStep = Callable[[int, dict[str, float]], None]
"""Called after every step with its number, from 0, and the metrics of it."""


@dataclass
class Trainer:
    """What every trainer has.

    Attributes:
        name: what the trainer is called in runs and reports.
        steps: updates of the weights; each gives one point of `train/loss`.
    """

    name: str = MISSING
    steps: int = MISSING


@option("trainer", "adam")
@dataclass
class Adam(Trainer):
    """Adam (Kingma & Ba 2015, arXiv 1412.6980) over the whole training side, or over mini-batches of it.

    Attributes:
        learning_rate: step size.
        epsilon: Adam's constant for numerical stability.
        batch_size: rows in a step, drawn in a new order each epoch; None takes all rows in every step.
    """

    learning_rate: float = MISSING
    epsilon: float = MISSING
    batch_size: int | None = MISSING

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"trainer.{name}={value}: at least {least} is needed")
        for name in ("learning_rate", "epsilon"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"trainer.{name}={getattr(self, name)}: a number above 0 is needed")


@dataclass(frozen=True)
class Model:
    """A fitted head.

    Attributes:
        head: what was fitted.
        dimension: D, of its features.
        weights: variable name -> float32 array.
        losses: of every step, before its update.
    """

    head: Head
    dimension: int
    weights: dict[str, np.ndarray]
    losses: tuple[float, ...]

    def logits(self, X: np.ndarray) -> np.ndarray:
        """Predict.

        Args:
            X: float32 [n, D], transformed as the training rows were.

        Returns:
            float32 [n, 2]: sarcastic, not sarcastic.
        """
        with self._opened() as (session, features, logits):
            return session.run(logits, {features: X})

    def save(self, folder: Path) -> None:
        """Write a TensorFlow SavedModel to a folder that does not exist.

        Its signature `serving_default` takes `features` float32 [n, D] and gives `logits` float32 [n, 2].

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
            features = tf.placeholder(tf.float32, [None, self.dimension], name="features")
            with building_a_graph():
                logits = self.head.logits(features)
            for variable in tf.trainable_variables():
                variable.load(self.weights[variable.op.name], session)
            yield session, features, logits


def fit(
    head: Head,
    trainer: Adam,
    X: np.ndarray,
    y: np.ndarray,
    seed: int,
    log_step: LogStep,
    track: Callable[[Iterable[int]], Iterable[int]] = lambda steps: steps,
) -> Model:
    """Train a head.

    Args:
        head: what to train.
        trainer: how.
        X: float32 [n, D], the training rows, transformed.
        y: bool [n], true where the utterance is sarcastic.
        seed: of the initial weights and of the order of mini-batches.
        log_step: told the loss of every step, before its update, as soon as it is known.
        track: wraps the steps, to show progress.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    tf = load_tensorflow().compat.v1
    is_full_batch = trainer.batch_size is None or trainer.batch_size >= len(y)
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        tf.set_random_seed(seed)
        # Fed once, at initialisation: a constant would count towards a graph's limit of 2 GB, a placeholder be copied
        # in every step.
        given_X, given_y = tf.placeholder(tf.float32, X.shape), tf.placeholder(tf.float32, (len(y), N_LOGITS))
        all_X, all_y = (tf.Variable(given, trainable=False) for given in (given_X, given_y))
        rows = tf.placeholder(tf.int64, [None])
        batch_X, batch_y = (each.value() if is_full_batch else tf.gather(each, rows) for each in (all_X, all_y))
        with building_a_graph():
            logits = head.logits(batch_X)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=batch_y, logits=logits))
        update = tf.train.AdamOptimizer(trainer.learning_rate, epsilon=trainer.epsilon).minimize(loss)
        session.run(tf.global_variables_initializer(), {given_X: X, given_y: one_hot(y)})

        batches = _batches(len(y), trainer.batch_size or len(y), seed)
        losses = []
        for step in track(range(trainer.steps)):
            value, _ = session.run([loss, update], {} if is_full_batch else {rows: next(batches)})
            if not np.isfinite(value):
                raise TrainingError(
                    f"the loss is {value} at step {step} of {trainer.steps}; try a smaller trainer.learning_rate"
                    f" (now {trainer.learning_rate}) or scale=standard"
                )
            losses.append(float(value))
            log_step(step, {"train/loss": losses[-1]})
        variables = tf.trainable_variables()
        weights = {variable.op.name: value for variable, value in zip(variables, session.run(variables), strict=True)}
    return Model(head, X.shape[1], weights, tuple(losses))


def one_hot(y: np.ndarray) -> np.ndarray:
    """Labels bool [n] -> float32 [n, 2], one column a class."""
    labels = np.zeros((len(y), N_LOGITS), np.float32)
    labels[:, SARCASTIC], labels[:, NON_SARCASTIC] = y, ~y
    return labels


def _batches(n_rows: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Row numbers of mini-batches without end: each epoch in a new order, its last batch as small as what is left."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(n_rows)
        yield from (order[start : start + batch_size] for start in range(0, n_rows, batch_size))
