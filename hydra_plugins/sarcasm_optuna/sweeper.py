"""A sweep in which each trial is chosen by what came of those before, by Optuna (https://optuna.org).

hydra-optuna-sweeper does the same with Optuna 2. A trial is a job: what train.py's `main` returns is its value. A trial
that fails is told to Optuna as such, and the sweep goes on. Nothing of a study is kept for the next call: the same seed
asks for the same trials again, and train.py passes over those that are done.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.files import atomic

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from hydra_plugins.sarcasm_optuna._space import Space

DIRECTIONS, SAMPLERS = ("minimize", "maximize"), ("tpe", "random", "grid")


class NoValueError(SarcasmError):
    """A trial that ended well, and gave nothing to judge it by."""


class OptunaSweeper(Sweeper):
    """Asks for some trials, launches them, tells what they gave, and so on.

    Args:
        n_trials: trials in all.
        n_jobs: trials that are launched together.
        sampler: one of `SAMPLERS`.
        seed: of the sampler.
        direction: one of `DIRECTIONS`; None follows from what is measured.
    """

    def __init__(self, n_trials: int, n_jobs: int, sampler: str, seed: int, direction: str | None) -> None:
        for name, value in (("n_trials", n_trials), ("n_jobs", n_jobs)):
            if value < 1:
                raise ConfigError(f"hydra.sweeper.{name}={value}: at least 1 is needed")
        for name, word, choices in (
            ("direction", direction or DIRECTIONS[0], DIRECTIONS),
            ("sampler", sampler, SAMPLERS),
        ):
            if word not in choices:
                raise ConfigError(f"hydra.sweeper.{name}={word}: choose from {', '.join(choices)}")
        self._n_trials, self._n_jobs, self._sampler = n_trials, n_jobs, sampler
        self._seed, self._direction = seed, direction

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """See hydra.plugins.sweeper."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> float:
        """Run it.

        Args:
            arguments: the overrides, of which some name several values.

        Returns:
            The best value.

        Raises:
            SarcasmError: a trial failed; what is best of the others has been said.
        """
        from optuna.trial import TrialState

        from hydra_plugins.sarcasm_optuna._space import read_space
        from hydra_plugins.sarcasm_optuna._study import new_study

        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        space = read_space(parser.parse_overrides(arguments))
        metric = str(OmegaConf.select(self.config, "sweep.metric"))
        direction = self._direction or DIRECTIONS[not metric.endswith("loss")]
        study = new_study(space, self._sampler, self._seed, direction, self._n_jobs)
        # Only a grid has its trials from the beginning.
        n_left = min(self._n_trials, len(study.trials) or self._n_trials)
        outcomes: dict[tuple[str, ...], float | Exception] = {}
        while n_left:
            asked = [study.ask(space.distributions) for _ in range(min(self._n_jobs, n_left))]
            n_left -= len(asked)
            jobs = [space.overrides(trial.params) for trial in asked]
            # Where few values are possible, the same is asked for again.
            outcomes |= self._launched(
                [job for job in dict.fromkeys(jobs) if job not in outcomes], len(outcomes), metric
            )
            for trial, job in zip(asked, jobs, strict=True):
                if isinstance(value := outcomes[job], Exception):
                    study.tell(trial, state=TrialState.FAIL)
                else:
                    study.tell(trial, value)
            self._write(study, space, metric)
            # What no trial of the first batch has, the others will lack as well.
            if all(isinstance(outcome, NoValueError) for outcome in outcomes.values()):
                break
        return self._ended(study, space, metric, outcomes)

    def _launched(
        self, jobs: Sequence[tuple[str, ...]], first: int, metric: str
    ) -> dict[tuple[str, ...], float | Exception]:
        """Run jobs, and judge them."""
        batch = [list(job) for job in jobs]
        self.validate_batch_is_legal(batch)
        returned = self.launcher.launch(batch, initial_job_idx=first) if batch else []
        return {job: _judged(gave, job, metric) for job, gave in zip(jobs, returned, strict=True)}

    def _write(self, study: Study, space: Space, metric: str) -> None:
        """Keep what is known so far in optuna.yaml, in the folder of the sweep."""
        trials = [
            {"number": trial.number, "value": trial.value, "params": space.values(trial.params)}
            for trial in _ended_trials(study)
        ]
        best = _best(study)
        found = {
            "metric": metric,
            "direction": study.direction.name.lower(),
            "best_trial": best and best.number,
            "best_value": best and best.value,
            "best_params": best and space.values(best.params),
            "trials": trials,
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with atomic(self._file) as file:
            file.write(yaml.safe_dump(found, sort_keys=False).encode())

    def _ended(
        self, study: Study, space: Space, metric: str, outcomes: Mapping[tuple[str, ...], float | Exception]
    ) -> float:
        """Say what is best, and what failed."""
        failures = [outcome for outcome in outcomes.values() if isinstance(outcome, Exception)]
        for failure in failures:
            if not isinstance(failure, SarcasmError):
                raise failure  # a mistake of ours, with its traceback
        best = _best(study)
        if best is None or best.value is None:
            raise SarcasmError(f"no trial gave a value of {metric}, so none is best; why each failed stands above")
        print(  # noqa: T201
            f"Best of {len(_ended_trials(study))} trials: {metric} is {best.value:.4g} with"
            f" {' '.join(space.overrides(best.params))}\nAll of them: {self._file}"
        )
        if failures:
            raise SarcasmError(f"{len(failures)} of {len(outcomes)} jobs failed; why each did stands above")
        return best.value

    @property
    def _file(self) -> Path:
        return Path(self.config.hydra.sweep.dir) / "optuna.yaml"


def _judged(gave: JobReturn, job: Sequence[str], metric: str) -> float | Exception:
    """What a job is worth, or why that is not known."""
    value = gave._return_value
    if isinstance(value, Exception):
        return value
    if isinstance(value, float | int) and math.isfinite(value):
        return float(value)
    error = NoValueError(
        f"the run has no {metric}; trainer.validation_share=0.2 holds out what trials are judged by"
        if value is None
        else f"{metric} is {value}, by which no trial can be judged"
    )
    from sarcasm.console import say_failed

    say_failed(error, job)
    return error


def _ended_trials(study: Study) -> list[FrozenTrial]:
    return [trial for trial in study.trials if trial.state.is_finished()]


def _best(study: Study) -> FrozenTrial | None:
    try:
        return study.best_trial
    except ValueError:  # none is complete
        return None
