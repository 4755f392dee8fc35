"""A table of settings: each a row, with what its runs came to.

Where a setting has several runs, of different seeds, a cell is their mean and standard deviation (n - 1 below); where
it has one, the run's value and its 95 % interval over utterances.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sarcasm.config import did_you_mean
from sarcasm.errors import ConfigError
from sarcasm.runs import settings
from sarcasm.runs.worth import GAIN, LEAKY, MADE_UP, TESTED, Interval, interval
from sarcasm.scoring import METRICS
from sarcasm.tracking import Recorded

DEFAULT = (f"{TESTED}precision_weighted", f"{TESTED}recall_weighted", f"{TESTED}f1_weighted", GAIN)
"""What is told of a setting where nothing is asked for: as Castro et al. 2019, and what it is worth."""
HIGHER = {*METRICS, "precision", "recall", "f1"}
LOWER = {"ece", "brier", "loss"}
"""Last parts of the names of metrics of which the highest, or the lowest, is the best; of others none is."""


@dataclass(frozen=True)
class Cell:
    """What a setting came to in one metric.

    Attributes:
        mean: over its runs.
        deviation: with n - 1 below; None of one run.
        interval: of one run, where it has one.
        n: runs that have the metric.
        is_best: whether no other setting has a better mean; never of one whose numbers cannot be believed.
    """

    mean: float
    deviation: float | None
    interval: Interval | None
    n: int
    is_best: bool = False


@dataclass(frozen=True)
class Setting:
    """A row.

    Attributes:
        values: of the options that tell settings apart.
        runs: of the setting, each of another seed.
        marks: how far its numbers may be believed.
        cells: one for each metric; None where no run of it has the metric.
    """

    values: tuple[str, ...]
    runs: tuple[Recorded, ...]
    marks: tuple[str, ...]
    cells: tuple[Cell | None, ...]

    @property
    def is_believed(self) -> bool:
        """Whether its numbers can be the best of a table: neither of made-up clips nor of a split that leaks."""
        return not {MADE_UP, LEAKY} & set(self.marks)


@dataclass(frozen=True)
class Table:
    """Settings, one below the other.

    Attributes:
        by: the options that tell them apart.
        pooled_over: options in which runs of one row differ beside their seeds.
        metrics: what is told of each.
        settings: the rows, in the order of their values.
    """

    by: tuple[str, ...]
    pooled_over: tuple[str, ...]
    metrics: tuple[str, ...]
    settings: tuple[Setting, ...]

    @property
    def runs(self) -> list[Recorded]:
        """Of all rows."""
        return [run for setting in self.settings for run in setting.runs]


def newest_of_each(runs: Sequence[Recorded]) -> tuple[list[Recorded], list[Recorded]]:
    """Of runs that repeat each other the newest, and the others: a mean over seeds counts each seed once.

    Args:
        runs: in any order.

    Returns:
        Those to count, oldest first, and those not to.
    """
    ordered = sorted(runs, key=lambda run: (run.started, run.run_id))
    newest = {settings.identity(run): run.run_id for run in ordered}
    counted = [run for run in ordered if newest[settings.identity(run)] == run.run_id]
    return counted, [run for run in ordered if newest[settings.identity(run)] != run.run_id]


def table(
    runs: Sequence[Recorded], marks: Mapping[str, tuple[str, ...]], metrics: Sequence[str], by: Sequence[str]
) -> Table:
    """Group runs by setting, and say what each came to.

    Args:
        runs: one or more, none the repetition of another.
        marks: id -> how far a run's numbers may be believed.
        metrics: to be told, by their whole names or as `METRICS` has them; none tells `DEFAULT`.
        by: options that tell settings apart, or groups; none takes all that vary.

    Raises:
        ConfigError: no run has such a metric or option.
    """
    options = tuple(dict.fromkeys(settings.named(runs, word) for word in by)) or tuple(settings.varying(runs))
    told = tuple(dict.fromkeys(_named(runs, word) for word in metrics)) or DEFAULT
    rows: dict[tuple[str, ...], list[Recorded]] = {}
    for run in runs:
        rows.setdefault(tuple(settings.value(run, option) for option in options), []).append(run)
    found = tuple(
        Setting(
            values, tuple(alike), tuple(dict.fromkeys(mark for run in alike for mark in marks[run.run_id])),
            tuple(_cell(alike, metric) for metric in told),
        )
        for values, alike in sorted(rows.items(), key=lambda row: [_order(value) for value in row[0]])
    )  # fmt: skip
    return Table(options, tuple(settings.pooled_over(runs, options)), told, _with_best(found, told))


def heading(metric: str) -> str:
    """What a metric is called at the head of a column."""
    if metric == GAIN:
        return "gain"
    return METRICS.get(metric.removeprefix(TESTED), metric) if metric.startswith(TESTED) else metric


def _named(runs: Sequence[Recorded], word: str) -> str:
    known = sorted({name for run in runs for name in run.metrics})
    for name in (word, f"{TESTED}{word}"):
        if name in known:
            return name
    # A metric that these runs lack is no misspelling.
    near = "" if word in METRICS else did_you_mean(word, [*METRICS, *known])
    raise ConfigError(f"--metric {word}: no run has such a metric{near}")


def _cell(runs: Sequence[Recorded], metric: str) -> Cell | None:
    having = [run for run in runs if math.isfinite(run.metrics.get(metric, math.nan))]
    if not having:
        return None
    values = [run.metrics[metric] for run in having]
    if len(values) == 1:
        return Cell(values[0], None, interval(having[0], metric) if len(runs) == 1 else None, 1)
    return Cell(statistics.fmean(values), statistics.stdev(values), None, len(values))


def _order(value: str) -> tuple[bool, float, str]:
    """Numbers by size, before words."""
    try:
        return False, float(value), value
    except ValueError:
        return True, 0.0, value


def _with_best(rows: tuple[Setting, ...], metrics: Sequence[str]) -> tuple[Setting, ...]:
    """The same rows, with the best cell of each column marked; none where there is nothing to compare it with."""
    best: list[float | None] = []
    for column, metric in enumerate(metrics):
        last = metric.rpartition("/")[2]
        pick = max if last in HIGHER else min if last in LOWER else None
        means = [cell.mean for row in rows if row.is_believed and (cell := row.cells[column])]
        best.append(pick(means) if pick and len(means) > 1 else None)
    return tuple(
        replace(row, cells=tuple(
            cell and replace(cell, is_best=row.is_believed and cell.mean == mean)
            for cell, mean in zip(row.cells, best, strict=True)
        ))
        for row in rows
    )  # fmt: skip
