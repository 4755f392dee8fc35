"""Optuna's part in a sweep: what to try next, given what came of the trials before."""

from __future__ import annotations

import warnings
from itertools import product

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study, StudyDirection

from hydra_plugins.sarcasm_optuna._space import Space


def new_study(space: Space, sampler: str, seed: int, direction: str, n_at_once: int) -> Study:
    """A study without a trial, kept in memory alone: the same seed and values make it ask for the same trials again.

    Args:
        space: what varies.
        sampler: how the next trial is chosen: tpe, random or grid.
        seed: of the sampler.
        direction: "minimize" or "maximize".
        n_at_once: trials that are asked for before the first of them has ended.

    Raises:
        ConfigError: a grid over an interval.
    """
    # What it has to say goes the way of our own notes and warnings.
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction=StudyDirection[direction.upper()], sampler=_sampler(sampler, seed, n_at_once))
    if sampler == "grid":
        # Its own sampler for grids ends a study that is not asked in this way with an error.
        for drawn in product(*space.grid().values()):
            study.enqueue_trial(dict(zip(space.distributions, drawn, strict=True)))
    return study


def _sampler(sampler: str, seed: int, n_at_once: int) -> BaseSampler:
    if sampler != "tpe":
        return RandomSampler(seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        # Takes trials that run for bad ones, else those of one batch would be near each other.
        return TPESampler(seed=seed, constant_liar=n_at_once > 1)
