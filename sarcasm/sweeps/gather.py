"""What a sweep came to: its jobs, the settings that they repeat with other seeds, and which of these is best.

A setting is chosen by a metric of validation or training rows, averaged over its seeds, and never by what it scores on
the test side.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sarcasm.report.cautions import MADE_UP
from sarcasm.report.words import spread_words
from sarcasm.scoring import Spread
from sarcasm.scoring.baselines import DEAF
from sarcasm.sweeps.choices import SEEDS, Choices, choices, shown, words
from sarcasm.sweeps.options import TO_CHOOSE_BY
from sarcasm.tracking import Recorded

SCORE = "f1_weighted"
SEED_METRICS = ("seeds/n", f"seeds/{SCORE}/mean", f"seeds/{SCORE}/sd")
"""What a job is given of its setting; the first only by a sweep, the others also by a run of its own with `seeds`."""
UNITS = ("utterance", "speaker")
FINISHED = "FINISHED"
LONGEST_NAME = 60
UNLIKE_VALIDATION = ("split", "trainer.validation_share")
"""Choices that change which clips are held out to choose by."""
BEWARE = {
    "made up": MADE_UP,
    "random weights": "There is no VGGish checkpoint: the embeddings come from random weights.",
    "leaky": "The split leaks: what was tested, or copies of it, was heard in training; such scores are too good.",
}
"""What a score cannot be believed for, in a word and in a sentence; most important first."""


@dataclass(frozen=True)
class Row:
    """A job.

    Attributes:
        run_id, run_name, status: as MLflow has them.
        choices: what distinguishes it from others.
        seconds: how long it took, or None where it has not ended.
        error: why it did not finish.
        f1: weighted F over test utterances.
        intervals: unit of `UNITS` -> ends of its 95 % interval, where it has one.
        gain: how far it lies above the best rule that does not listen.
        deaf: weighted F of that rule.
        chosen_by: the metric that settings are chosen by.
        beware: words of `BEWARE` that hold for it.
        cautions: what the run itself said, a sentence each.
        has_own_seeds: whether it has `SEED_METRICS` of its own seeds.
    """

    run_id: str
    run_name: str
    status: str
    choices: Choices
    seconds: float | None
    error: str
    f1: float | None
    intervals: Mapping[str, tuple[float, float]]
    gain: float | None
    deaf: float | None
    chosen_by: float | None
    beware: tuple[str, ...]
    cautions: tuple[str, ...]
    has_own_seeds: bool

    @property
    def is_finished(self) -> bool:
        """Whether it ended well."""
        return self.status == FINISHED


@dataclass(frozen=True)
class Setting:
    """The jobs that differ in their seeds alone.

    Attributes:
        name: its choices as one types them, or that of one of its jobs where they are too long.
        choices: what they have in common, and others do not.
        rows: all of them.
        f1: weighted F over test utterances, over those that finished; None where none has it.
        chosen_by: likewise the metric that settings are chosen by; None also where only some have it.
    """

    name: str
    choices: Choices
    rows: tuple[Row, ...]
    f1: Spread | None
    chosen_by: Spread | None

    @property
    def finished(self) -> list[Row]:
        """The jobs that ended well."""
        return [row for row in self.rows if row.is_finished]


@dataclass(frozen=True)
class Gathered:
    """What a sweep came to.

    Attributes:
        varied: what its jobs differ in, as one types it; seeds last.
        metric: what settings are chosen by.
        rows: a job each, in the order of its choices.
        settings: likewise.
        best: the setting with the best mean of `metric`, if it can be said.
        choice: a sentence on that: what is best, or why nothing is.
        cautions: what a reader must know before believing a number, a sentence each.
    """

    varied: tuple[str, ...]
    metric: str
    rows: tuple[Row, ...]
    settings: tuple[Setting, ...]
    best: Setting | None
    choice: str
    cautions: tuple[str, ...]

    @property
    def finished(self) -> list[Row]:
        """The jobs that ended well."""
        return [row for row in self.rows if row.is_finished]

    @property
    def failed(self) -> list[Row]:
        """The others."""
        return [row for row in self.rows if not row.is_finished]

    def metrics(self) -> dict[str, float]:
        """What the run that holds the sweep keeps, by the names that it is tracked under."""
        found: dict[str, float] = {"sweep/n_finished": len(self.finished), "sweep/n_failed": len(self.failed)}
        if self.best and self.best.chosen_by:
            found[f"sweep/best/{self.metric}"] = self.best.chosen_by.mean
            if self.best.f1:
                found[f"sweep/best/test/utterance/{SCORE}"] = self.best.f1.mean
        return found

    def tags(self) -> dict[str, str]:
        """What that run is tagged with, as each job is: true where it is so of any job that finished."""
        marks = {"dataset.made_up": "made up", "split.leaky": "leaky"}
        words = {word for row in self.finished for word in row.beware}
        return {tag: str(word in words).lower() for tag, word in marks.items()} if self.finished else {}

    def metrics_of_jobs(self) -> dict[str, dict[str, float]]:
        """Id -> what a job that finished is given of its setting, so that a list of runs can be sorted by the mean."""
        found: dict[str, dict[str, float]] = {}
        for setting in self.settings:
            if setting.f1:
                values = (setting.f1.n, setting.f1.mean, setting.f1.deviation)
                named = {name: value for name, value in zip(SEED_METRICS, values, strict=True) if math.isfinite(value)}
                found |= {row.run_id: named for row in setting.finished if not row.has_own_seeds}
        return found


def gather(jobs: Sequence[Recorded], metric: str, minimises: bool) -> Gathered:
    """Gather what the jobs of a sweep came to.

    Args:
        jobs: in any order, however they ended.
        metric: what settings are chosen by.
        minimises: whether less of it is better.
    """
    of_run = {job.run_id: job for job in jobs}
    rows = tuple(as_row(of_run[run_id], chosen, metric) for run_id, chosen in choices(jobs).items())
    varied = tuple(rows[0].choices) if rows else ()
    settings = _settings(rows)
    best, choice = _best(settings, metric, minimises, [job for job in jobs if job.status == FINISHED])
    return Gathered(varied, metric, rows, settings, best, choice, _cautions([row for row in rows if row.is_finished]))


def as_row(job: Recorded, chosen: Choices, metric: str) -> Row:
    """A job by itself.

    Args:
        job: the run.
        chosen: what distinguishes it from others.
        metric: what settings are chosen by.
    """
    rules = [value for name in DEAF if (value := _value(job, f"baseline/{name}/{SCORE}")) is not None]
    tags = job.tags
    holds = {
        "made up": tags.get("dataset.made_up") == "true",
        "random weights": tags.get("embedding.weights", "").startswith("random:"),
        "leaky": tags.get("split.leaky") == "true",
    }
    return Row(
        job.run_id, job.run_name, job.status, chosen,
        seconds=(job.ended - job.started).total_seconds() if job.ended else None,
        error="" if job.status == FINISHED else tags.get("error", "it has not said why"),
        f1=_value(job, f"test/utterance/{SCORE}"),
        intervals={unit: ends for unit in UNITS if (ends := _interval(job, unit))},
        gain=_value(job, f"gain/{SCORE}"),
        deaf=max(rules, default=None),
        chosen_by=_value(job, metric),
        beware=tuple(word for word in BEWARE if holds[word]),
        cautions=tuple(job.tag("cautions").splitlines()),
        has_own_seeds=SEED_METRICS[1] in job.metrics and SEED_METRICS[0] not in job.metrics,
    )  # fmt: skip


def _interval(job: Recorded, unit: str) -> tuple[float, float] | None:
    low, high = (_value(job, f"interval/{unit}/{SCORE}/{end}") for end in ("low", "high"))
    return None if low is None or high is None else (low, high)


def _value(job: Recorded, metric: str) -> float | None:
    """A metric; None where there is no such number."""
    value = job.metrics.get(metric, math.nan)
    return value if math.isfinite(value) else None


def _settings(rows: Sequence[Row]) -> tuple[Setting, ...]:
    grouped: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(_without_seeds(row.choices).values()), []).append(row)
    names = Counter(words(shown(_without_seeds(each[0].choices))) for each in grouped.values())
    return tuple(_setting(each, names) for each in grouped.values())


def _setting(rows: Sequence[Row], names: Counter[str]) -> Setting:
    finished = [row for row in rows if row.is_finished]
    chosen_by = [row.chosen_by for row in finished if row.chosen_by is not None]
    chosen = _without_seeds(rows[0].choices)
    name = words(shown(chosen))
    is_usable = names[name] == 1 and len(name) <= LONGEST_NAME
    return Setting(
        (name or "the one setting") if is_usable else f"run{'s like' * (len(rows) > 1)} {rows[0].run_id[:8]}",
        chosen,
        tuple(rows),
        spread([row.f1 for row in finished if row.f1 is not None]),
        spread(chosen_by) if len(chosen_by) == len(finished) else None,
    )


def _without_seeds(chosen: Choices) -> Choices:
    return {name: value for name, value in chosen.items() if name not in SEEDS}


def spread(values: Sequence[float]) -> Spread | None:
    """Mean and standard deviation of values; None of none, and NaN the deviation of one."""
    if not values:
        return None
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else math.nan
    return Spread(float(np.mean(values)), deviation, len(values))


def _best(
    settings: Sequence[Setting], metric: str, minimises: bool, finished: Sequence[Recorded]
) -> tuple[Setting | None, str]:
    """The best setting, and a sentence on it; of equal ones the first."""
    if not finished:
        return None, "No job finished: there is nothing to choose from."
    ranked = [(each, each.chosen_by) for each in settings if each.chosen_by]
    if not ranked:
        return None, _nothing_to_choose_by(metric, finished)
    best, found = (min if minimises else max)(ranked, key=lambda each: each[1].mean)
    seeds = f" over {found.n} seeds" if found.n > 1 else ""
    by = f"{metric}{', of which less is better' if minimises else ''}"
    which = f"{best.name} ({words(best.choices)})" if best.choices and "=" not in best.name else best.name
    said = f"Best by {by}: {which}, {spread_words(found)}{seeds}"
    if best.f1:
        said += f"; its weighted F on test clips is {spread_words(best.f1)}"
    if n_equal := sum(math.isclose(each.mean, found.mean) for _, each in ranked) - 1:
        said += f"; {_counted(n_equal, 'other setting')} just as good"
    if n_unknown := sum(bool(each.finished) for each in settings) - len(ranked):
        said += f"; {_counted(n_unknown, 'setting')} not asked, as not all jobs there have it"
    if unlike := [name for name in UNLIKE_VALIDATION if len({each.choices.get(name) for each in settings}) > 1]:
        said += f"; settings that differ in {' and '.join(unlike)} are compared on different clips there"
    return best, f"{said}."


def _nothing_to_choose_by(metric: str, finished: Sequence[Recorded]) -> str:
    there = {name for job in finished for name in job.metrics if name.startswith(("train/", "validation/"))}
    if metric.startswith("validation/") and not any(name.startswith("validation/utterance/") for name in there):
        return (
            "No setting is called the best: nothing was held out to choose by, and the test must not choose; add"
            " trainer.validation_share=0.2."
        )
    known = [name for name in TO_CHOOSE_BY if name in there]
    return (
        f"No setting is called the best: none has {metric} in all its jobs; choose by another with"
        f" sweep.metric={'|'.join(known) or 'NAME'}."
    )


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'} {'is' if n == 1 else 'are'}"


def _cautions(finished: Sequence[Row]) -> tuple[str, ...]:
    counts = {word: sum(word in row.beware for row in finished) for word in BEWARE}
    return tuple(
        sentence if counts[word] == len(finished) else f"{counts[word]} of {len(finished)} jobs: {sentence}"
        for word, sentence in BEWARE.items()
        if counts[word]
    )
