"""What a sweep may try, from the command line: Hydra's words for several values, as Optuna's distributions.

    head=small,big                                        one of these words
    seed=range(0,5)                                       0 to 4, in this order
    trainer.steps=int(interval(10,60))                    a whole number from 10 to 60
    trainer.learning_rate=tag(log,interval(1e-5,1e-2))    a number, drawn evenly over its logarithm

https://hydra.cc/docs/advanced/override_grammar/extended; hydra-optuna-sweeper reads them in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, RangeSweep
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from sarcasm.errors import ConfigError


@dataclass(frozen=True)
class Space:
    """What varies and what does not.

    Attributes:
        distributions: what each option that varies is drawn from, by its key.
        ordered: the values of those that are drawn by their position among them.
        fixed: the other overrides, as they were written.
    """

    distributions: dict[str, BaseDistribution]
    ordered: Mapping[str, Sequence[str]]
    fixed: Sequence[str]

    def values(self, drawn: Mapping[str, Any]) -> dict[str, Any]:
        """What was drawn, as it is to be read."""
        return {key: self.ordered[key][value] if key in self.ordered else value for key, value in drawn.items()}

    def overrides(self, drawn: Mapping[str, Any]) -> tuple[str, ...]:
        """The command line of one trial.

        Args:
            drawn: by Optuna, for each option that varies.
        """
        return *self.fixed, *(f"{key}={value}" for key, value in self.values(drawn).items())

    def grid(self) -> dict[str, list[Any]]:
        """All that can be drawn, option by option.

        Raises:
            ConfigError: an interval has no end of values.
        """
        return {key: _listed(key, distribution) for key, distribution in self.distributions.items()}


def read_space(overrides: Sequence[Override]) -> Space:
    """Tell what varies from what does not.

    Args:
        overrides: of the sweep.

    Raises:
        ConfigError: nothing varies, or something does in a way that is not possible.
    """
    varied = {each.get_key_element(): each for each in overrides if each.is_sweep_override()}
    if not varied:
        raise ConfigError(
            "hydra/sweeper=optuna: nothing varies; give an option several values, such as head=small,big or"
            " trainer.learning_rate=tag(log,interval(1e-5,1e-2))"
        )
    return Space(
        {key: _distribution(override) for key, override in varied.items()},
        {key: _words(override) for key, override in varied.items() if override.is_range_sweep()},
        [str(override.input_line) for override in overrides if not override.is_sweep_override()],
    )


def _distribution(override: Override) -> BaseDistribution:
    sweep = override.value()
    try:
        if not isinstance(sweep, IntervalSweep):
            words = _words(override)
            return IntDistribution(0, len(words) - 1) if override.is_range_sweep() else CategoricalDistribution(words)
        is_log = "log" in sweep.tags
        if isinstance(sweep.start, int) and isinstance(sweep.end, int):
            return IntDistribution(sweep.start, sweep.end, log=is_log)
        return FloatDistribution(float(sweep.start or 0), float(sweep.end or 0), log=is_log)
    except ValueError as error:
        raise ConfigError(f"{override.input_line}: {error}") from error


def _words(override: Override) -> list[str]:
    sweep = override.value()
    if isinstance(sweep, ChoiceSweep | RangeSweep):
        sweep.shuffle = False  # by a generator that no seed reaches; their order means nothing here
    return list(override.sweep_string_iterator())


def _listed(key: str, distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return list(range(distribution.low, distribution.high + 1, distribution.step))
    raise ConfigError(
        f"hydra.sweeper.sampler=grid: {key} has no end of values; list them, or choose sampler=tpe or random"
    )
