"""Training a network: graph-mode TensorFlow, one loss a step.

The loss is the mean sigmoid cross-entropy over both columns of the one-hot labels, minimised by Adam: the notebook's,
and that of vggish_train_demo.py (tensorflow/models, research/audioset/vggish). The training rows live in the graph, so
that no step copies them. The same rows, options and seed give the same losses to the bit on one machine, and so does
training that was cut off and goes on from a checkpoint.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Any

import numpy as np
from omegaconf import MISSING

from sarcasm.checkpoints import FitCheckpoint, State
from sarcasm.errors import ConfigError, TrainingError
from sarcasm.logits import N_LOGITS, one_hot
from sarcasm.model import Build, Model, parts
from sarcasm.options import option
from sarcasm.processors import memory_bytes
from sarcasm.tensorflow_runtime import building_a_graph, load_tensorflow, load_weights

LogStep = Callable[[int, dict[str, float]], None]
"""Called after every step with its number, from 0, and the metrics of it."""
Track = Callable[[Iterable[int]], Iterable[int]]
"""Wraps the steps, to show progress."""
MOST_STEPS = 10_000_000
BYTES_OF_A_STEP = 100
"""A row of MLflow's table of metrics, with its index."""
BYTES_OF_A_WEIGHT = 16
"""While it is trained: itself, its gradient and Adam's two moments, float32."""
BYTES_OF_A_VALUE = 8
"""Of a unit for a row: itself and its gradient, float32."""


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
        checkpoint_seconds: time after which it is kept where training stands, so that a run that was cut off goes on
            there; None keeps nothing.
    """

    name: str = MISSING
    steps: int = MISSING
    validation_share: float = MISSING
    class_weight: ClassWeight = MISSING
    checkpoint_seconds: float | None = MISSING


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
        if self.steps > MOST_STEPS:
            gigabytes = self.steps * BYTES_OF_A_STEP / 1e9
            raise ConfigError(
                f"trainer.steps={self.steps}: each step is a point of train/loss, and as many take {gigabytes:,.0f} GB"
                f" of the store; {MOST_STEPS:,} at most are possible"
            )
        for name in ("learning_rate", "epsilon", "checkpoint_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"trainer.{name}={value}: a number above 0 is needed")
        if not 0 <= self.validation_share < 1:
            raise ConfigError(
                f"trainer.validation_share={self.validation_share}: a share from 0 up to 1, such as 0.2, is needed"
            )


def refuse_too_many_weights(n_weights: int, what: str, n_rows: int = 0, n_units: int = 0) -> None:
    """Stop before more memory is asked for than there is.

    Args:
        n_weights: that are trained.
        what: the option that makes them so many, with its value.
        n_rows: that a step takes at a time, where that is known.
        n_units: of all layers.

    Raises:
        ConfigError: training them does not fit into the memory of this machine.
    """
    needed, there = BYTES_OF_A_WEIGHT * n_weights + BYTES_OF_A_VALUE * n_rows * n_units, memory_bytes()
    if needed > there:
        on_rows = f" on {n_rows:,} rows at a time" if n_rows else ""
        or_fewer = ", or fewer rows at a time with trainer.batch_size" if n_rows else ""
        raise ConfigError(
            f"{what}: training {n_weights:,} weights{on_rows} takes {needed / 1e9:,.1f} GB of memory, and there are"
            f" {there / 1e9:,.1f} GB; choose fewer units{or_fewer}"
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


def fit_network(
    build: Build,
    trainer: Adam,
    training: Rows,
    validation: Rows | None,
    seed: int,
    log_step: LogStep,
    track: Track = lambda steps: steps,
    initial: Mapping[str, np.ndarray] | None = None,
    checkpoint: FitCheckpoint | None = None,
) -> Model:
    """Train a network, from where it was cut off.

    What a network draws in its steps, as dropout does, is drawn anew after a cut: its losses are then others than
    without one.

    Args:
        build: what to train.
        trainer: how.
        training: what to learn from.
        validation: what the end may be chosen on, or None, with which all steps are trained; each epoch's loss on it is
            logged.
        seed: of the initial weights and of the order of mini-batches.
        log_step: told the loss of every step, before its update, as soon as it is known; of steps that were done before
            a cut, again.
        track: wraps the steps that are left, to show progress.
        initial: variable name -> value that training begins with, for some of the variables.
        checkpoint: where training that was cut off stands, and where it is kept from time to time; None keeps nothing.

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
        shapes = [each.shape.as_list() for each in tf.trainable_variables()]
        n_units = sum(shape[0] for shape in shapes if len(shape) == 1)  # each has a bias
        n_weights = sum(map(math.prod, shapes))
        refuse_too_many_weights(n_weights, "the head that is chosen", min(batch_size, n_rows), n_units)
        watched = _Watched(logits, batch_X, batch_y, validation, trainer.patience) if validation else None
        all_variables = [each for each in tf.global_variables() if each is not all_X and each is not all_y]
        fitted_ones = set(initial or {}) | {each.op.name for each in tf.trainable_variables()}
        variables = [each for each in all_variables if each.op.name in fitted_ones]

        what = _fingerprint(graph, trainer, training, validation, seed, initial) if checkpoint else ""
        state = checkpoint.load(what) if checkpoint else None
        if state:
            _tell_again(state, log_step)
        if state and state.is_over:
            return Model(build, training.X.shape[1:], state.variables, state.losses, state.validation_losses)
        if state and watched:
            watched.go_on(state)
        losses = list(state.losses) if state else []
        session.run(tf.global_variables_initializer(), fed)
        load_weights(session, state.variables if state else initial or {})

        batches = islice(_batches(n_rows, batch_size, seed), len(losses), None)
        epoch_steps = -(-n_rows // batch_size)
        for step in track(range(len(losses), trainer.steps)):
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
            if checkpoint and checkpoint.is_due():
                checkpoint.save(_state(what, losses, watched, _values(session, all_variables), is_over=False))
        fitted = (watched and watched.best) or _values(session, variables)
        if checkpoint and checkpoint.is_end_due():
            checkpoint.save(_state(what, losses, watched, fitted, is_over=True))
    return Model(build, training.X.shape[1:], fitted, tuple(losses), watched.losses if watched else {})


class _Watched:
    """The loss on validation rows, epoch by epoch, and when it no longer falls.

    Attributes:
        losses: step -> loss after its update.
        n_since_best: losses since the lowest.
        best: variable name -> value where it was lowest; None unless the end is chosen.
        is_over: whether it has not been lower for as many epochs as there is patience.
    """

    def __init__(self, logits: Any, X: Any, y: Any, validation: Rows, patience: int | None) -> None:
        tf = load_tensorflow().compat.v1
        self._X, self._y, self._validation, self._patience = X, y, validation, patience
        self._sum = tf.reduce_sum(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=logits))
        self.losses: dict[int, float] = {}
        self.n_since_best = 0
        self.best: Mapping[str, np.ndarray] | None = None
        self.is_over = False

    def go_on(self, state: State) -> None:
        """Go on where training was cut off."""
        self.losses, self.n_since_best, self.best = dict(state.validation_losses), state.n_since_best, state.best

    def look(self, session: Any, variables: list[Any], step: int) -> float:
        """The loss after a step's update."""
        X, y = self._validation.X, one_hot(self._validation.y)
        sums = [session.run(self._sum, {self._X: X[part], self._y: y[part]}) for part in parts(X)]
        loss = float(np.sum(sums)) / y.size
        is_lowest = loss < min(self.losses.values(), default=np.inf)
        self.losses[step] = loss
        self.n_since_best = 0 if is_lowest else self.n_since_best + 1
        if self._patience is not None:
            self.best = _values(session, variables) if is_lowest else self.best
            self.is_over = self.n_since_best >= self._patience
        return loss


def _values(session: Any, variables: list[Any]) -> dict[str, np.ndarray]:
    """The values of variables, by their names."""
    return dict(zip((each.op.name for each in variables), session.run(variables), strict=True))


def _state(
    training: str, losses: list[float], watched: _Watched | None, variables: Mapping[str, np.ndarray], is_over: bool
) -> State:
    """Where training stands; see `State`."""
    n_since_best, validation_losses = (watched.n_since_best, watched.losses) if watched else (0, {})
    best = watched.best if watched and not is_over else None
    return State(training, tuple(losses), validation_losses, n_since_best, best, variables, is_over)


def _tell_again(state: State, log_step: LogStep) -> None:
    """Log what was logged of the steps that are done."""
    for step, loss in enumerate(state.losses):
        metrics = {"train/loss": loss}
        if step in state.validation_losses:
            metrics["validation/loss"] = state.validation_losses[step]
        log_step(step, metrics)


def _fingerprint(
    graph: Any, trainer: Adam, training: Rows, validation: Rows | None, seed: int,
    initial: Mapping[str, np.ndarray] | None,
) -> str:  # fmt: skip
    """Hash over all that decides what training gives: network, options, seed, rows and the weights it begins with."""
    # The graph holds the network, whose code may stand anywhere, and the loss and Adam with their constants.
    digest = hashlib.sha256(graph.as_graph_def().SerializeToString(deterministic=True))
    digest.update(repr([seed, trainer.steps, trainer.batch_size, trainer.patience]).encode())
    rows = [array for each in (training, validation) if each for array in (each.X, each.y)]
    for array in [*rows, *(value for _, value in sorted((initial or {}).items()))]:
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


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
