"""Run a run again, from what it recorded, and compare the two number by number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf

from sarcasm.config import restored
from sarcasm.errors import SarcasmError
from sarcasm.tracking import Recorded

CONTENT = ("dataset.fingerprint", "embedding.weights", "pca.parameters", "config.hash")
COMPARED = ("test/", "validation/", "baseline/")
"""Beginnings of the metrics that a repetition has to repeat; the others are seconds."""


@dataclass(frozen=True)
class Difference:
    """Something that a repetition did not repeat.

    Attributes:
        what: it is, and of which fit.
        first, second: its values.
    """

    what: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Repetition:
    """A run and its repetition, compared.

    Attributes:
        n_losses, n_metrics, n_decisions: how many were compared.
        differences: what differs; empty where everything is equal to the bit.
    """

    n_losses: int
    n_metrics: int
    n_decisions: int
    differences: tuple[Difference, ...]


def recorded_config(run: Recorded, tracking: Any) -> DictConfig:
    """The config that a run was made with, to be recorded where it is recorded now.

    Args:
        run: the run; not one of the fits in it.
        tracking: the options of the group `tracking`.

    Raises:
        SarcasmError: it is a part of another, or it was not made by train.py of this version.
    """
    if parent := (run.tags.get("mlflow.parentRunId") if "fold" in run.params else None):
        raise SarcasmError(f"run {run.run_id} is one fit of run {parent}; repeat that one")
    if "config.schemas" not in run.tags:
        raise SarcasmError(f"run {run.run_id} ({run.run_name}) does not say of what choices it was made; run it anew")
    values = cast(DictConfig, OmegaConf.create(run.text("config.yaml")))
    values.pop("tracking", None)
    chosen: Mapping[str, str] = json.loads(run.tags["config.schemas"])
    cfg = restored(values, {group: schema for group, schema in chosen.items() if group != "tracking"})
    cfg.tracking = tracking
    return cfg


def differences(first: Recorded, second: Recorded) -> Repetition:
    """Compare two runs of one config: data and weights, the loss of every step, metrics and decisions of every fit."""
    found = [
        Difference(tag, first.tags.get(tag), second.tags.get(tag))
        for tag in CONTENT
        if first.tags.get(tag) != second.tags.get(tag)
    ]
    n_losses = n_metrics = n_decisions = 0
    for name, one, other in _paired(first, second):
        losses, again = one.history("train/loss"), other.history("train/loss")
        n_losses += len(losses)
        if losses != again:
            step = next(
                (step for step, pair in enumerate(zip(losses, again, strict=False)) if pair[0] != pair[1]), None
            )
            if step is None:
                found.append(Difference(f"{name}: number of losses", len(losses), len(again)))
            else:
                found.append(Difference(f"{name}: train/loss at step {step}", losses[step], again[step]))
        metrics = {key: value for key, value in one.metrics.items() if key.startswith(COMPARED)}
        n_metrics += len(metrics)
        found += [
            Difference(f"{name}: {key}", value, other.metrics.get(key))
            for key, value in metrics.items()
            if not _equal(value, other.metrics.get(key))
        ]
        rows, rows_again = one.rows("predictions_examples.csv"), other.rows("predictions_examples.csv")
        n_decisions += len(rows)
        n_other = sum(row != row_again for row, row_again in zip(rows, rows_again, strict=False))
        if n_other or len(rows) != len(rows_again):
            found.append(
                Difference(f"{name}: predictions_examples.csv", f"{len(rows)} rows", f"{n_other} of them differ")
            )
    return Repetition(n_losses, n_metrics, n_decisions, tuple(found))


def _paired(first: Recorded, second: Recorded) -> list[tuple[str, Recorded, Recorded]]:
    """Fit by fit, the runs of each."""
    ours, theirs = ({_fit(each): each for each in run.children()} for run in (first, second))
    pairs = [(name, each, theirs[name]) for name, each in ours.items() if name in theirs]
    return [("the run", first, second), *pairs]


def _fit(run: Recorded) -> str:
    return f"fold {run.params.get('fold')}, seed {run.params.get('seed')}"


def _equal(one: float, other: float | None) -> bool:
    return one == other or (other is not None and one != one and other != other)
