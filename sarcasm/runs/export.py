"""What a table for a paper is made of: which runs count, what they came to, and what must be said beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sarcasm.runs import caption
from sarcasm.runs.table import Table, newest_of_each, table
from sarcasm.runs.worth import marks
from sarcasm.tracking import Recorded, count_parts


@dataclass(frozen=True)
class Export:
    """A table, and what belongs to it.

    Attributes:
        table: the settings.
        caption: what must be known to read it, in sentences.
        cautions: what to be warned of before it is believed, in sentences.
        counted: the runs that are in it.
    """

    table: Table
    caption: list[str]
    cautions: list[str]
    counted: list[Recorded]


def has_scores(run: Recorded) -> bool:
    """Whether a run is told by itself: no sweep or probe, which have no scores, nor one fit among several."""
    return not {"sweep", "probe"} & set(run.tags) and "fold" not in run.params


def export(runs: Sequence[Recorded], metrics: Sequence[str], by: Sequence[str]) -> Export:
    """Gather a table of settings; see `table`.

    Args:
        runs: one or more that have finished; of those that repeat each other the newest counts.
        metrics: to be told; none tells the usual ones.
        by: options that tell settings apart, or groups; none takes all that vary.

    Raises:
        ConfigError: no run has such a metric or option.
    """
    counted, repeated = newest_of_each(runs)
    found = table(counted, marks(runs), metrics, by)
    cautions = [f"Left out, as newer runs repeat them: {ids(repeated)}."] if repeated else []
    return Export(found, caption.caption(found, count_parts(counted)), cautions + caption.warnings(found), counted)


def ids(runs: Sequence[Recorded]) -> str:
    """The beginnings of their ids."""
    return ", ".join(run.run_id[:8] for run in runs)
