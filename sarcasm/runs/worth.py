"""What a run's numbers are, and how far they may be believed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sarcasm.tracking import Recorded, runs_by_id

TESTED = "test/utterance/"
SCORE, GAIN = f"{TESTED}f1_weighted", "gain/f1_weighted"
OF_THE_TIME = ("time/", "store/")
"""Beginnings of metrics that say how long a run took, and nothing of what it is worth."""
MADE_UP, LEAKY, UNSAID = "made up", "leaky", "data unsaid"
MEANINGS = {
    MADE_UP: "the clips are synthesised, and the numbers mean nothing",
    LEAKY: "tested on what was heard in training, so the numbers are too good",
    UNSAID: "the run does not say whether its clips are made up",
}
"""What a run may be marked as, and what that means."""


class Interval(NamedTuple):
    """Ends of a 95 % interval."""

    low: float
    high: float


def interval(run: Recorded, metric: str, unit: str = "utterance") -> Interval | None:
    """The interval of a test metric of whole clips; None where the run has none, or none can be said."""
    ends = [
        run.metrics.get(f"interval/{unit}/{metric.removeprefix(TESTED)}/{end}") if metric.startswith(TESTED) else None
        for end in Interval._fields
    ]
    known = [end for end in ends if end is not None and not math.isnan(end)]
    return Interval(*known) if len(known) == len(ends) else None


def marks(runs: Sequence[Recorded]) -> dict[str, tuple[str, ...]]:
    """Id -> what a run's numbers are marked as; one fit among several is what the run is that holds it."""
    unsaid = [run for run in runs if "dataset.made_up" not in run.tags and run.parent]
    known = {run.run_id: run for run in runs}
    known |= runs_by_id(runs[0].store, {run.parent for run in unsaid} - known.keys()) if unsaid else {}
    return {run.run_id: _marks(run, known[run.parent].tags if run.parent in known else {}) for run in runs}


def _marks(run: Recorded, of_parent: Mapping[str, str]) -> tuple[str, ...]:
    tags = {**of_parent, **run.tags}
    found = [MADE_UP] if tags.get("dataset.made_up") == "true" else []
    found += [LEAKY] if tags.get("split.leaky") == "true" else []
    has_numbers = any(not name.startswith(OF_THE_TIME) for name in run.metrics)
    return (*found, *([UNSAID] if has_numbers and "dataset.made_up" not in tags else []))
