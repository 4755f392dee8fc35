"""Run a run again, from what it recorded, and compare the two number by number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sarcasm.compare import same
from sarcasm.config import restored
from sarcasm.embeddings import Workers
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.explain import text_of
from sarcasm.options import leaves
from sarcasm.store import Keeping
from sarcasm.sweeps import SEED_METRICS, Sweep
from sarcasm.tracking import Damage, Recorded, check_options

CONTENT = ("dataset.fingerprint", "embedding.weights", "pca.parameters", "config.hash")
STEPPED = ("train/loss", "validation/loss")
"""Metrics that have a value for each step, or each epoch."""
OF_THE_TIME = ("time/", "store/")
"""Beginnings of the only metrics that a repetition need not repeat: how long it took, and what was kept by then."""
NOT_REPEATED = ("tracking", "store", "sweep", "force")
"""Groups of options, and one by itself, that are chosen anew; runs of earlier versions lack some."""
NO_SWEEP = Sweep(name="none", metric="validation/utterance/f1_weighted", plan=False, fail_fast=False)


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


def recorded_config(run: Recorded, tracking: Any, moved: Sequence[str] = ()) -> DictConfig:
    """The config that a run was made with, to be recorded where it is recorded now.

    Args:
        run: the run; not one of the fits in it.
        tracking: the options of the group `tracking`.
        moved: OPTION=VALUE for what lies elsewhere now.

    Raises:
        ConfigError: one of these is no option of the run.
        SarcasmError: it did not finish, is a part of another, or was not made by train.py of this version.
    """
    if run.status != "FINISHED":
        raise SarcasmError(
            f"run {run.run_id} ({run.run_name}) is {run.status}: there is no whole of it to compare with"
        )
    if parent := (run.tags.get("mlflow.parentRunId") if "fold" in run.params else None):
        raise SarcasmError(f"run {run.run_id} is one fit of run {parent}; repeat that one")
    chosen = {group: schema for group, schema in run.choices().items() if group not in NOT_REPEATED}
    values = _values(run)
    for group in NOT_REPEATED:
        values.pop(group, None)
    try:
        cfg = restored(values, chosen, run.project)
    except ConfigError as error:
        raise SarcasmError(f"config.yaml of run {run.run_id} ({run.run_name}): {error}; run it anew") from error
    try:
        # Computed here and anew: what is kept would repeat itself.
        cfg.tracking, cfg.store, cfg.embedding.workers = tracking, Keeping(enabled=False, path=None), Workers.local
        cfg.sweep, cfg.force = NO_SWEEP, True
        cfg.trainer.checkpoint_seconds = None
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"the config of run {run.run_id} does not fit this version: {' '.join(str(error).split())}"
        ) from error
    try:
        for word in moved:
            OmegaConf.update(cfg, word.partition("=")[0], text_of(word))
        return cfg
    except OmegaConfBaseException as error:
        raise ConfigError(f"the run has no such option: {' '.join(moved)}") from error


def _values(run: Recorded) -> DictConfig:
    """Every option of a run, resolved, as it recorded them.

    Raises:
        TrackingError: it has no such file, or it is damaged.
    """
    text = run.text("config.yaml")
    with run.reading("config.yaml"):
        try:
            # What we write has no aliases, by which a short text can unfold to any size.
            if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
                raise Damage("it has aliases")
            values = OmegaConf.create(text)
            said = leaves(values) if isinstance(values, DictConfig) else {}
        except (yaml.YAMLError, OmegaConfBaseException, ValueError, RecursionError) as error:
            raise Damage(f"it is no YAML that can be used ({error})") from error
        if not isinstance(values, DictConfig) or not said:
            raise Damage("it holds no options" if text.strip() else "it is empty")
        # A file that was cut between two lines is YAML as well, and what it lacks would be as it is by default.
        if lacking := [key for key in run.params if key not in said]:
            raise Damage(f"it does not say {lacking[0]}")
        check_options(said, run.params)
        return values


def differences(first: Recorded, second: Recorded) -> Repetition:
    """Compare two runs of one config: data and weights, the loss of every step, metrics and decisions of every fit."""
    found = [
        Difference(tag, first.tags.get(tag), second.tags.get(tag))
        for tag in CONTENT
        if first.tags.get(tag) != second.tags.get(tag)
    ]
    n_losses = n_metrics = n_decisions = 0
    ours, theirs = ({_fit(each): each for each in [run, *run.children()]} for run in (first, second))
    for name in sorted(ours.keys() ^ theirs.keys()):
        found.append(Difference(name, *("there" if name in each else "missing" for each in (ours, theirs))))
    for name, one in ours.items():
        if not (other := theirs.get(name)):
            continue
        for curve in STEPPED:
            losses, again = one.history(curve), other.history(curve)
            n_losses += len(losses)
            found += _unlike_losses(f"{name}: {curve}", losses, again)
        repeated = [_without_seeds_of_a_sweep(each.metrics) for each in (one, other)]
        keys = sorted(key for key in repeated[0].keys() | repeated[1].keys() if not key.startswith(OF_THE_TIME))
        n_metrics += len(keys)
        found += [
            Difference(f"{name}: {key}", *(metrics.get(key) for metrics in repeated))
            for key in keys
            if not same(*(metrics.get(key) for metrics in repeated))
        ]
        rows, rows_again = one.rows("predictions_examples.csv"), other.rows("predictions_examples.csv")
        n_decisions += len(rows)
        n_other = sum(row != row_again for row, row_again in zip(rows, rows_again, strict=False))
        if n_other or len(rows) != len(rows_again):
            found.append(
                Difference(f"{name}: predictions_examples.csv", f"{len(rows)} rows", f"{n_other} of them differ")
            )
    return Repetition(n_losses, n_metrics, n_decisions, tuple(found))


def _without_seeds_of_a_sweep(metrics: Mapping[str, float]) -> Mapping[str, float]:
    """Metrics but those that a sweep gave the run over others; a run over several seeds has some of the same names."""
    of_the_sweep = SEED_METRICS if SEED_METRICS[0] in metrics else ()
    return {key: value for key, value in metrics.items() if key not in of_the_sweep}


def _unlike_losses(what: str, losses: list[float], again: list[float]) -> list[Difference]:
    """Where two curves part, if they do."""
    for number, (loss, other) in enumerate(zip(losses, again, strict=False)):
        if not same(loss, other):
            return [Difference(f"{what}, value {number}", loss, other)]
    if len(losses) != len(again):
        return [Difference(f"{what}, number of values", len(losses), len(again))]
    return []


def _fit(run: Recorded) -> str:
    """What a run is called beside its repetition: the whole, or one fit of it."""
    if "fold" not in run.params:
        return "the run"
    return f"fold {run.params['fold']}, seed {run.params.get('seed')}"
