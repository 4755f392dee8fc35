"""How a sweep goes on, and what its best setting is chosen by: the options of the group `sweep`."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from omegaconf import MISSING

from sarcasm.errors import ConfigError
from sarcasm.options import option
from sarcasm.scoring import METRICS

OF_THE_TEST = ("test/", "baseline/", "gain/", "interval/", "chance/", "folds/", "seeds/")
"""Beginnings of metrics that come of test labels."""
TO_CHOOSE_BY = (*(f"validation/utterance/{metric}" for metric in METRICS), "validation/loss", "train/loss")
"""What runs usually have; a head of one's own may log others."""


@option("sweep", "sweep")
@dataclass
class Sweep:
    """A sweep's manners. None of these options can change the result of a job.

    Attributes:
        name: what this way is called.
        metric: what the best setting is chosen by, such as validation/utterance/f1_weighted.
        plan: whether to say what would be done, and stop.
        fail_fast: whether the first job that fails ends the sweep.
    """

    name: str = MISSING
    metric: str = MISSING
    plan: bool = MISSING
    fail_fast: bool = MISSING

    def __post_init__(self) -> None:
        if self.metric.startswith(OF_THE_TEST):
            raise ConfigError(
                f"sweep.metric={self.metric}: a score that settings are chosen by is worth nothing as a test any more;"
                f" choose by a validation metric, such as {TO_CHOOSE_BY[0]}"
            )
        if not self.metric.startswith(("validation/", "train/")):
            raise ConfigError(
                f"sweep.metric={self.metric}: there is no such metric to choose by{_meant(self.metric)}; its name"
                f" begins with validation/ or train/, such as {TO_CHOOSE_BY[0]}"
            )

    @property
    def minimises(self) -> bool:
        """Whether lower is better."""
        return is_minimised(self.metric)


def is_minimised(metric: str) -> bool:
    """Whether lower is better, as it is of a loss."""
    return metric.endswith("loss")


def _meant(metric: str) -> str:
    """The metric with the nearest last word, as did_you_mean has it."""
    by_word = {name.rpartition("/")[2]: name for name in reversed(TO_CHOOSE_BY)}
    near = difflib.get_close_matches(metric.rpartition("/")[2], by_word, n=1)
    return f"; did you mean {by_word[near[0]]}?" if near else ""
