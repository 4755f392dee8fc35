"""Training a network: graph-mode TensorFlow, one loss a step.

The loss is the mean sigmoid cross-entropy over both columns of the one-hot labels, minimised by Adam: the notebook's,
and that of vggish_train_demo.py (tensorflow/models, research/audioset/vggish). The training rows live in the graph, so
that no step copies them. The same rows, options and seed give the same losses to the bit on one machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import MISSING

from sarcasm.errors import ConfigError, TrainingError
from sarcasm.logits import N_LOGITS, one_hot
from sarcasm.options import option
from sarcasm.tensorflow_runtime import building_a_graph, load_tensorflow, load_weights

LogStep = Callable[[int, dict[str, float]], None]
"""Called after every step with its number, from 0, and the metrics of it."""
Track = Callable[[Iterable[int]], Iterable[int]]
"""Wraps the steps, to show progress."""
Build = Callable[[Any], Any]
"""Builds a network in TensorFlow's current graph: features [n, ...] -> logits [n, 2]."""
VALUES_AT_ONCE = 2**20
"""Feature values that are given to a network at a time when it predicts, so that memory stays small."""


class ClassWeight(Enum):
    """How much a training row counts."""

    none = "none"
    balanced = "balanced"


@dataclass
class Trainer:
    """What every trainer has.

    Attributes:
        name: what the trainer is called in runs and reports.
        steps: updates of the weights; each gives one point of `train/loss`.
        validation_share: of the training side that is held out to choose on; 0 holds nothing out.
        class_weight: whether rows of both classes count alike, or each class as much as the other.
    """

    name: str = MISSING
    steps: int = MISSING
    validation_share: float = MISSING
    class_weight: ClassWeight = MISSING


@option("trainer", "adam")
@dataclass
class Adam(Trainer):
    """Adam (Kingma & Ba 2015, arXiv 1412.6980) over the whole training side, or over mini-batches of it.

    Attributes:
        learning_rate: step size.
        epsilon: Adam's constant for numerical stability.
        batch_size: rows in a step, drawn in a new order each epoch; None takes all rows in every step.
        patience: epochs without a lower validation loss after which training ends, with the weights of the lowest; None
            trains all steps and keeps the last.
    """

    learning_rate: float = MISSING
    epsilon: float = MISSING
    batch_size: int | None = MISSING
    patience: int | None = MISSING

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("batch_size", 1), ("patience", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"trainer.{name}={value}: at least {least} is needed")
        for name in ("learning_rate", "epsilon"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"trainer.{name}={getattr(self, name)}: a number above 0 is needed")
        if not 0 <= self.validation_share < 1:
            raise ConfigError(
                f"trainer.validation_share={self.validation_share}: a share from 0 up to 1, such as 0.2, is needed"
            )


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, or to choose on.

    Attributes:
        X: float32 [n, D], transformed; [n, 96, 64] where the network is trained too.
        y: bool [n], true where the utterance is sarcastic.
    """

    X: np.ndarray
    y: np.ndarray


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
            parts = [session.run(logits, {features: X[part]}) for part in _parts(X)]
        return np.concatenate(parts) if parts else np.empty((0, N_LOGITS), np.float32)

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


def fit_network(
    build: Build,
    trainer: Adam,
    training: Rows,
    validation: Rows | None,
    seed: int,
    log_step: LogStep,
    track: Track = lambda steps: steps,
    initial: Mapping[str, np.ndarray] | None = None,
) -> Model:
    """Train a network.

    Args:
        build: what to train.
        trainer: how.
        training: what to learn from.
        validation: what the end may be chosen on, or None, with which all steps are trained; each epoch's loss on it is
            logged.
        seed: of the initial weights and of the order of mini-batches.
        log_step: told the loss of every step, before its update, as soon as it is known.
        track: wraps the steps, to show progress.
        initial: variable name -> value that training begins with, for some of the variables.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    tf = load_tensorflow().compat.v1
    n_rows, batch_size = len(training.y), trainer.batch_size or len(training.y)
    is_full_batch = batch_size >= n_rows
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        tf.set_random_seed(seed)
        # Fed once, at initialisation: a constant would count towards a graph's limit of 2 GB, a placeholder be copied
        # in every step.
        given_X, given_y = tf.placeholder(tf.float32, training.X.shape), tf.placeholder(tf.float32, (n_rows, N_LOGITS))
        all_X, all_y = (tf.Variable(given, trainable=False) for given in (given_X, given_y))
        rows = tf.placeholder(tf.int64, [None])
        batch_X, batch_y = (each.value() if is_full_batch else tf.gather(each, rows) for each in (all_X, all_y))
        if is_full_batch and validation is not None:
            # Lets other rows in, as many as there are.
            batch_X, batch_y = (
                tf.placeholder_with_default(each, [None, *each.shape[1:]]) for each in (batch_X, batch_y)
            )
        fed = {given_X: training.X, given_y: one_hot(training.y)}
        with building_a_graph():
            logits = build(batch_X)
        losses_of_rows = tf.nn.sigmoid_cross_entropy_with_logits(labels=batch_y, logits=logits)
        if trainer.class_weight is ClassWeight.balanced:
            # Of all rows, not of the batch, which may have no row of a class.
            weights = tf.reduce_sum(batch_y * balanced_weights(training.y), axis=1, keepdims=True)
            losses_of_rows = losses_of_rows * weights
        loss = tf.reduce_mean(losses_of_rows)
        update = tf.train.AdamOptimizer(trainer.learning_rate, epsilon=trainer.epsilon).minimize(loss)
        session.run(tf.global_variables_initializer(), fed)
        load_weights(session, initial or {})
        variables = [
            *tf.trainable_variables(),
            *(each for each in tf.global_variables() if each.op.name in (initial or {})),
        ]
        variables = list(dict.fromkeys(variables))

        batches = _batches(n_rows, batch_size, seed)
        epoch_steps = -(-n_rows // batch_size)
        watched = _Watched(logits, batch_X, batch_y, validation, trainer.patience) if validation else None
        losses: list[float] = []
        for step in track(range(trainer.steps)):
            value, _ = session.run([loss, update], {} if is_full_batch else {rows: next(batches)})
            if not np.isfinite(value):
                raise TrainingError(
                    f"the loss is {value} at step {step} of {trainer.steps}; try a smaller trainer.learning_rate"
                    f" (now {trainer.learning_rate}) or scale=standard"
                )
            losses.append(float(value))
            metrics = {"train/loss": losses[-1]}
            if watched and ((step + 1) % epoch_steps == 0 or step + 1 == trainer.steps):
                metrics["validation/loss"] = watched.look(session, variables, step)
            log_step(step, metrics)
            if watched and watched.is_over:
                break
        values = (watched and watched.best) or session.run(variables)
        fitted = {variable.op.name: value for variable, value in zip(variables, values, strict=True)}
    return Model(build, training.X.shape[1:], fitted, tuple(losses), watched.losses if watched else {})


class _Watched:
    """The loss on validation rows, epoch by epoch, and when it no longer falls.

    Attributes:
        losses: step -> loss after its update.
        best: values of the variables where it was lowest; None unless the end is chosen.
        is_over: whether it has not been lower for as many epochs as there is patience.
    """

    def __init__(self, logits: Any, X: Any, y: Any, validation: Rows, patience: int | None) -> None:
        tf = load_tensorflow().compat.v1
        self._X, self._y, self._validation, self._patience = X, y, validation, patience
        self._sum = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits))
        self._n_since_best = 0
        self.losses: dict[int, float] = {}
        self.best: list[np.ndarray] | None = None
        self.is_over = False

    def look(self, session: Any, variables: list[Any], step: int) -> float:
        """The loss after a step's update."""
        X, y = self._validation.X, one_hot(self._validation.y)
        sums = [session.run(self._sum, {self._X: X[part], self._y: y[part]}) for part in _parts(X)]
        loss = float(np.sum(sums)) / y.size
        is_lowest = loss < min(self.losses.values(), default=np.inf)
        self.losses[step] = loss
        self._n_since_best = 0 if is_lowest else self._n_since_best + 1
        if self._patience is not None:
            self.best = session.run(variables) if is_lowest else self.best
            self.is_over = self._n_since_best >= self._patience
        return loss


def _parts(X: np.ndarray) -> Iterator[slice]:
    """Rows [n, ...] in parts that a network takes at a time."""
    n_at_once = max(1, VALUES_AT_ONCE // int(np.prod(X.shape[1:])))
    return (slice(start, start + n_at_once) for start in range(0, len(X), n_at_once))


def balanced_weights(y: np.ndarray) -> np.ndarray:
    """What a row of each column counts, float32 [2], such that both classes count alike and the mean is 1.

    n / (2 n_class), as scikit-learn's "balanced": King & Zeng 2001, Political Analysis 9(2).
    """
    counts = one_hot(y).sum(axis=0)
    return (len(y) / (N_LOGITS * np.maximum(counts, 1))).astype(np.float32)


def _batches(n_rows: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Row numbers of mini-batches without end: each epoch in a new order, its last batch as small as what is left."""
    generator = np.random.default_rng(seed)
    while True:
        order = generator.permutation(n_rows)
        yield from (order[start : start + batch_size] for start in range(0, n_rows, batch_size))
