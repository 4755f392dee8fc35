"""What must be known of a table of settings to read it, and what to be warned of before it is believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sarcasm.runs.settings import seed
from sarcasm.runs.table import Table
from sarcasm.runs.worth import LEAKY, MADE_UP, SCORE
from sarcasm.scoring.baselines import DEAF
from sarcasm.tracking import Parts, Recorded

SPLIT = "split."
NOT_OF_THE_SPLIT = ("split.name", "split.audit")
"""Options of the group that do not divide: the protocol, which is told by itself, and how strict one is."""


def caption(table: Table, parts: Mapping[str, Parts]) -> list[str]:
    """Sentences: on what data, divided how, what a cell is, what one scores without listening, and when.

    Args:
        table: the table.
        parts: id -> how many runs are nested in a run, its fits.
    """
    runs, has = table.runs, {mark for row in table.settings for mark in row.marks}
    made_up = " (made-up clips: the numbers show that everything works, and nothing else)" if MADE_UP in has else ""
    leaky = "; LEAKY: tested on what was heard in training, so the numbers are too good" if LEAKY in has else ""
    options = _each(runs, lambda run: _split(run) and f"{run.tags.get('split.protocol', '')} ({_split(run)})")
    folds = [_n_folds(run, parts[run.run_id]) for run in runs]
    seeds = {each.strip() for run in runs for each in seed(run).split(",")} - {""}
    days = sorted({f"{run.started:%Y-%m-%d}" for run in runs})
    return [
        f"Data: {_each(runs, lambda run: run.params.get('dataset.name', 'unsaid'))}{made_up},"
        f" {_counts(run.metrics.get('clips/used') for run in runs)} utterances.",
        f"Split: {options or _each(runs, lambda run: run.tags.get('split.protocol', 'unsaid'))},"
        f" {_plural(_counts(folds), 'fold')}{leaky}.",
        f"Seeds: {', '.join(sorted(seeds, key=lambda each: (len(each), each))) or 'unsaid'}.",
        *_cells(table),
        *_bar(runs),
        f"Runs of {' to '.join(dict.fromkeys((days[0], days[-1])))}.",
    ]


def warnings(table: Table) -> list[str]:
    """What makes rows hard to compare, or numbers hard to believe; a sentence each."""
    runs, found = table.runs, []
    if len({run.tags.get("dataset.fingerprint") for run in runs}) > 1:
        names = _each(runs, lambda run: run.params.get("dataset.name", "unsaid"))
        found.append(f"The runs are of different data ({names}).")
    if len({(run.tags.get("split.protocol"), _split(run)) for run in runs}) > 1:
        found.append("The runs are of different protocols: they were not tested on the same utterances.")
    leaky = sum(LEAKY in row.marks for row in table.settings)
    if leaky:
        found.append(f"{leaky} of {len(table.settings)} rows are of splits that leak: their numbers are too good.")
    if table.pooled_over:
        found.append(f"Rows pool runs that also differ in {', '.join(table.pooled_over)}.")
    return found


def _cells(table: Table) -> list[str]:
    """What a cell is."""
    cells = [cell for row in table.settings for cell in row.cells if cell]
    over = " and ".join(["seeds, of the division and of training", *table.pooled_over])
    said = []
    if any(cell.deviation is not None for cell in cells):
        said.append(f"Mean \u00b1 standard deviation (n \u2212 1) over n runs of different {over}.")
    if any(cell.interval for cell in cells):
        said.append("Of one run its value, and in brackets its 95 % interval over utterances (bootstrap).")
    return said


def _bar(runs: list[Recorded]) -> list[str]:
    """The best rule that does not listen."""
    best = []
    for run in runs:
        scores = {name: run.metrics.get(f"baseline/{name}/f1_weighted") for name in DEAF}
        known = {name: value for name, value in scores.items() if value is not None}
        if known and SCORE in run.metrics:
            best.append(max(known.items(), key=lambda item: item[1]))
    if not best:
        return []
    rules = ", ".join(dict.fromkeys(name.replace("_", " ") for name, _ in best))
    values = sorted(f"{value:.3f}" for _, value in best)
    return [
        f"Best rule that does not listen: {rules}, weighted F {' to '.join(dict.fromkeys((values[0], values[-1])))}."
    ]


def _split(run: Recorded) -> str:
    """The options by which a run divides, beyond the protocol's name."""
    own = {key: value for key, value in run.params.items() if key.startswith(SPLIT) and key not in NOT_OF_THE_SPLIT}
    return ", ".join(f"{key.removeprefix(SPLIT)} {value}" for key, value in sorted(own.items()))


def _n_folds(run: Recorded, parts: Parts) -> int:
    return max(1, parts.n_all // max(1, len(seed(run).split(","))))


def _each(runs: Iterable[Recorded], of: Callable[[Recorded], str]) -> str:
    """What runs have, each once, in the order of the runs."""
    return ", ".join(dict.fromkeys(filter(None, map(of, runs))))


def _counts(numbers: Iterable[Any]) -> str:
    """Numbers as one, or as the lowest and the highest."""
    known = sorted({int(number) for number in numbers if number is not None and math.isfinite(number)})
    return " to ".join(map(str, dict.fromkeys((known[0], known[-1])))) if known else "an unknown number of"


def _plural(count: str, noun: str) -> str:
    return f"{count} {noun}{'' if count == '1' else 's'}"
