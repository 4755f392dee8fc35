"""What a person sees of a sweep: a line as each job ends, and at the end the whole of it. All on stdout."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sarcasm.sweeps.claims import Claims
from sarcasm.sweeps.gather import Gathered, as_row
from sarcasm.sweeps.words import (
    TO_GO_ON,
    claimed,
    duration,
    failures,
    headline,
    jobs_table,
    means_table,
    metric_words,
    score_words,
)
from sarcasm.tracking import Recorded

MOST_ROWS = 60
MOST_CLAIMS = 5
WIDEST = 1000
"""Columns that a line may have: a table that is cut where nobody looks at a terminal is of no use in a file."""


def say_job(run: Recorded, number: int, metric: str, varied: Collection[str] = (), *, was_done: bool = False) -> None:
    """Print how a job ended, in a line.

    Args:
        run: the job.
        number: of the job, from 0 as Hydra counts.
        metric: what settings are chosen by.
        varied: keys of the overrides that the sweep varies, such as "pca" and "seed"; empty shows all overrides.
        was_done: whether it was done before, and is not done again.
    """
    overrides = run.overrides()
    shown = [each for each in overrides if not varied or each.lstrip("+").partition("=")[0] in varied]
    row = as_row(run, {}, metric)
    parts = [
        f"#{number}",
        "done before" if was_done else f"{run.status:<8}",
        " ".join(shown) or run.run_name,
        f" weighted F {score_words(row)}" if row.f1 is not None else "",
        f"{metric_words(metric)} {row.chosen_by:.2f}" if row.chosen_by is not None else "",
        "" if was_done else duration(row.seconds),
        f"run {run.run_id[:8]}",
    ]
    _stdout().print("  ".join(part for part in parts if part))


def say_sweep(gathered: Gathered, found: Claims, run_id: str, where: str) -> None:
    """Print the jobs, means over seeds, what is best, what can be claimed, and what failed.

    Args:
        gathered: what the sweep came to.
        found: what can be claimed of it.
        run_id: of the run that holds the sweep.
        where: how to look at it.
    """
    console = _stdout()
    console.print(f"\n{headline(gathered)}", style="bold")
    for caution in gathered.cautions:
        console.print(caution, style="yellow")
    for table in (jobs_table(gathered), means_table(gathered, found)):
        if table:
            _print_table(table)
    console.print(f"\n{gathered.choice}")
    for sentence in claimed(found, MOST_CLAIMS):
        console.print(sentence)
    if gathered.failed:
        console.print()
        for failure in failures(gathered):
            console.print(failure, style="red")
        console.print(TO_GO_ON)
    console.print(f"\nSweep {run_id}; to look at it: {where}")


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print a header and rows."""
    from rich.table import Table

    # A dotted name may be much wider than its values.
    table = Table(
        *(name.replace(".", ".\n") for name in rows[0]),
        box=None,
        padding=(0, 0, 0, 2),
        pad_edge=False,
        header_style="bold",
    )
    for column in table.columns:
        column.no_wrap = True
    for row in rows[1 : MOST_ROWS + 1]:
        table.add_row(*row)
    console = _stdout()
    console.print()
    console.print(table)
    if len(rows) > MOST_ROWS + 1:
        console.print(f"and {len(rows) - MOST_ROWS - 1} more, in sweep.csv and settings.csv of the sweep's run")


def _stdout() -> Any:
    from rich.console import Console

    return Console(highlight=False, markup=False, soft_wrap=True, width=WIDEST)
