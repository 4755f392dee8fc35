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
from omegaconf import DictConfig

from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.files import atomic
from sarcasm.terminal import say

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from hydra_plugins.sarcasm_optuna._space import Space

DIRECTIONS, SAMPLERS = ("minimize", "maximize"), ("tpe", "random", "grid")
Command = tuple[str, ...]
"""The overrides of a job."""


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
        for name, number in (("n_trials", n_trials), ("n_jobs", n_jobs)):
            if number < 1:
                raise ConfigError(f"hydra.sweeper.{name}={number}: at least 1 is needed")
        if sampler not in SAMPLERS:
            raise ConfigError(f"hydra.sweeper.sampler={sampler}: choose from {', '.join(SAMPLERS)}")
        if direction not in (None, *DIRECTIONS):
            raise ConfigError(f"hydra.sweeper.direction={direction}: choose from {', '.join(DIRECTIONS)}")
        self._n_trials, self._n_jobs, self._sampler = n_trials, n_jobs, sampler
        self._seed, self._direction = seed, direction

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """See hydra.plugins.sweeper."""
        self.hydra_context, self.config = hydra_context, config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self._parser = OverridesParser.create(config_loader=hydra_context.config_loader)
        self._metric = str(config.sweep.metric)
        self._file = Path(config.hydra.sweep.dir) / "optuna.yaml"

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

        space = read_space(self._parser.parse_overrides(arguments))
        direction = self._direction or ("minimize" if self._metric.endswith("loss") else "maximize")
        study = new_study(space, self._sampler, self._seed, direction, self._n_jobs)
        # Only a grid has its trials from the beginning.
        n_left = min(self._n_trials, len(study.trials) or self._n_trials)
        values: dict[Command, float | Exception] = {}
        while n_left:
            asked = [study.ask(space.distributions) for _ in range(min(self._n_jobs, n_left))]
            n_left -= len(asked)
            commands = [space.overrides(trial.params) for trial in asked]
            # Where few values are possible, the same is asked for again.
            values |= self._launch([each for each in dict.fromkeys(commands) if each not in values], len(values))
            for trial, command in zip(asked, commands, strict=True):
                if isinstance(value := values[command], Exception):
                    study.tell(trial, state=TrialState.FAIL)
                else:
                    study.tell(trial, value)
            self._write(study, space)
            # What no trial of the first batch has, the others will lack as well.
            if all(isinstance(value, NoValueError) for value in values.values()):
                break
        return self._end(study, space, values)

    def _launch(self, commands: Sequence[Command], first: int) -> dict[Command, float | Exception]:
        """Run jobs; what each is worth, or why that is not known.

        Args:
            commands: which; none may be left to run.
            first: the number of the first.
        """
        batch = [list(command) for command in commands]
        self.validate_batch_is_legal(batch)
        returned = self._launcher.launch(batch, initial_job_idx=first) if batch else []
        return {command: self._judge(gave, command) for command, gave in zip(commands, returned, strict=True)}

    def _judge(self, gave: JobReturn, command: Command) -> float | Exception:
        from sarcasm.console import say_failed

        value = gave._return_value
        if isinstance(value, Exception):
            return value
        if isinstance(value, float | int) and math.isfinite(value):
            return float(value)
        error = NoValueError(
            f"the run has no {self._metric}; trainer.validation_share=0.2 holds out what trials are judged by"
            if value is None
            else f"{self._metric} is {value}, by which no trial can be judged"
        )
        say_failed(error, command)
        return error

    def _write(self, study: Study, space: Space) -> None:
        """Keep what is known so far in optuna.yaml, in the folder of the sweep."""
        best = _best(study)
        found = {
            "metric": self._metric,
            "direction": study.direction.name.lower(),
            "best_value": best and best.value,
            "best_params": best and space.values(best.params),
            "trials": [
                {"number": trial.number, "value": trial.value, "params": space.values(trial.params)}
                for trial in _ended(study)
            ],
        }
        self._file.parent.mkdir(parents=True, exist_ok=True)
        with atomic(self._file) as file:
            file.write(yaml.safe_dump(found, sort_keys=False).encode())

    def _end(self, study: Study, space: Space, values: Mapping[Command, float | Exception]) -> float:
        """Say what is best, and what failed."""
        failures = [value for value in values.values() if isinstance(value, Exception)]
        for failure in failures:
            if not isinstance(failure, SarcasmError):
                raise failure  # a mistake of ours, with its traceback
        best = _best(study)
        if best is None or best.value is None:
            raise SarcasmError(f"no trial gave a {self._metric}, so none is best; why each failed stands above")
        chosen = " ".join(f"{key}={value}" for key, value in space.values(best.params).items())
        say(f"Best of {len(_ended(study))} trials: {self._metric} is {best.value:.4g} with {chosen}")
        say(f"All of them: {self._file}")
        if failures:
            raise SarcasmError(f"{len(failures)} of {len(values)} jobs failed; why each did stands above")
        return best.value


def _ended(study: Study) -> list[FrozenTrial]:
    return [trial for trial in study.trials if trial.state.is_finished()]


def _best(study: Study) -> FrozenTrial | None:
    try:
        return study.best_trial
    except ValueError:  # none is complete
        return None
