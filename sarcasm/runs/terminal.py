"""What a person sees of runs: a list, one of them, where several differ, and what was repaired; all on stdout."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sarcasm.addresses import without_password
from sarcasm.compare import letters
from sarcasm.runs.differ import FINAL, Differences
from sarcasm.runs.listing import Listed
from sarcasm.runs.show import Shown
from sarcasm.runs.worth import MEANINGS, SCORE
from sarcasm.scoring import METRICS
from sarcasm.terminal import say, screen
from sarcasm.terminal.screen import Grid, Screen
from sarcasm.tracking import Parts, Recorded, Repaired, Sent

NARROW, LONGEST_NAME = 120, 20
"""Columns of a terminal up to which names of runs go on in a second line, and after how many letters."""


def say_list(rows: Sequence[Listed], sorted_by: str, has_more: bool) -> None:
    """Print runs, a line each.

    Args:
        rows: the runs.
        sorted_by: a metric that is shown too; empty shows none.
        has_more: whether there are others.
    """
    console = screen.stdout()
    experiments = {row.run.experiment for row in rows}
    further = sorted_by if sorted_by != SCORE else ""
    named = [*(["experiment"] if len(experiments) > 1 else []), *([further] if further else [])]
    table = _table("run", "name", "status", "began", "took", "weighted F", "95 %", "gain", "nested", *named, "")
    table.columns[1].no_wrap, table.columns[1].max_width = False, None if console.width > NARROW else LONGEST_NAME
    for row in rows:
        own = {"experiment": row.run.experiment, further: number(row.run.metrics.get(further))}
        table.add_row(
            row.run.run_id[:8], row.run.run_name, row.status, when(row.run.started), duration(row.seconds),
            number(row.score), span(row.interval), number(row.gain, "+.3f"), _parts(row.parts),
            *(own[name] for name in named), ", ".join(row.marks),
        )  # fmt: skip
    console.show(table, less=("nested", "took", "began", "95 %", "gain"))
    _say_marks(console, rows)
    if has_more:
        console.say(f"There are more than these {len(rows)}; --limit N shows N.")


def say_sent(sent: Sent) -> None:
    """Print what came of sending a run."""
    name = f"{sent.run_name} [{sent.run_id or sent.key}]" if sent.run_name else sent.key
    what = f"not sent: {sent.problem}" if sent.problem else f"sent to {without_password(sent.uri)}"
    say(f"{name}: {what}")


def say_shown(shown: Shown) -> None:
    """Print all that a run says of itself."""
    console, line, run = screen.stdout(), shown.line, shown.run
    began = when(run.started) + (f", for {duration(line.seconds)}" if line.seconds is not None else "")
    facts = {
        "run": f"{run.run_name} [{run.run_id}]", "experiment": run.experiment, "status": line.status, "began": began,
        **shown.facts(),
    }  # fmt: skip
    for name, value in facts.items():
        console.say(f"{name:>10}  {value}")
    # What a run says of itself says all that its marks do, and more.
    for text in shown.cautions or [f"{mark}: {MEANINGS[mark]}" for mark in line.marks]:
        console.say(f"{'caution':>10}  {text}", "yellow")
    if scores := shown.scores():
        table = _table("", *METRICS.values())
        for column in table.columns:
            column.justify = "right"
        for name, values in scores.items():
            table.add_row(name, *(number(value) for value in values))
        console.say()
        console.show(table)
        for sentence in shown.certainty():
            console.say(sentence)
    if shown.changed:
        options = _table("option", "here", "by default", wraps=True)
        for key, each in shown.changed.items():
            options.add_row(key, each.value, each.default or "")
        console.say()
        console.show(options)
    if shown.nested:
        nested = _table("nested run", "name", "status", "weighted F", "95 %")
        for row in shown.nested:
            nested.add_row(row.run.run_id[:8], row.run.run_name, row.status, number(row.score), span(row.interval))
        console.say()
        console.show(nested)
        if line.parts.n_all > len(shown.nested):
            parent = f"tags.mlflow.parentRunId = '{run.run_id}'"
            more = line.parts.n_all - len(shown.nested)
            console.say(f'and {more} more: sarcasm runs list --all --where "{parent}"')
    console.say()
    console.say(f"It keeps {', '.join(shown.artifacts) or 'nothing'}")
    console.say(f"in {run.artifact_uri}; to look at it: {run.where}")


def say_differences(
    runs: Sequence[Recorded], found: Differences, marks: Mapping[str, tuple[str, ...]], with_patch: bool
) -> None:
    """Print where runs differ.

    Args:
        runs: that were compared.
        found: where they differ.
        marks: id -> how far a run's numbers may be believed.
        with_patch: whether the lines in which uncommitted changes differ are printed.
    """
    console, called = screen.stdout(), letters(runs)
    for run in runs:
        marked = f" ({', '.join(marks[run.run_id])})" if marks[run.run_id] else ""
        console.say(f"{called[run.run_id]:>2}  {run.run_id[:8]}  {run.run_name}{marked}")
    console.say()
    for heading, values in (("differs", found.settings), ("machine", found.environment)):
        if values:
            table = _table(heading, *called.values(), wraps=True)
            for name, each in values.items():
                table.add_row(name, *(str(value) if value is not None else "" for value in each))
            console.show(table)
            console.say()
    if not found.settings:
        console.say("No option, data, weights or commit differs.")
    if found.unrecorded:
        named = ", ".join(called[run.run_id] for run in found.unrecorded)
        console.say(f"Of the machine of {named} nothing is recorded.")
    elif not found.environment:
        console.say("Machine and packages do not differ.")
    if any(patch != found.patches[0] for patch in found.patches):
        console.say("Changes that were not committed differ" + ("." if with_patch else "; --patch prints in what."))
        for line in found.between_patches(list(called.values())) if with_patch else []:
            console.say(line)
    final = {name: found.metrics[name] for name in FINAL if name in found.metrics}
    if final:
        table = _table("came out", *called.values(), *(["differ"] if len(runs) == 2 else []))
        for name, scores in final.items():
            apart = [number(_difference(scores), "+.3f")] if len(runs) == 2 else []
            table.add_row(name, *map(number, scores), *apart)
        console.say()
        console.show(table)
    console.say(f"{len(found.metrics)} of {found.n_metrics} metrics differ; --json prints them all.")
    console.say(f"Whether a difference is more than luck: sarcasm compare {' '.join(run.run_id[:8] for run in runs)}")


def say_repaired(found: Repaired) -> None:
    """Print which runs were marked, and which were left alone for want of knowledge."""
    console = screen.stdout()
    for each in found.marked:
        console.say(f"{each.run_id[:8]}  {each.run_name}: KILLED; {each.why}")
    for each in found.unknown:
        console.say(f"{each.run_id[:8]}  {each.run_name}: left alone; {each.why}")
    if found.n_elsewhere:
        runs = "1 run is" if found.n_elsewhere == 1 else f"{found.n_elsewhere} runs are"
        console.say(f"{runs} of other machines, and left alone; see --stale-hours")
    if not found.marked:
        console.say("Nothing to repair.")


def number(value: float | None, spec: str = ".3f") -> str:
    """A score; empty where there is none."""
    return "" if value is None else format(value, spec)


def span(ends: tuple[float, float] | None) -> str:
    """An interval; empty where there is none."""
    return "" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"


def when(moment: datetime) -> str:
    """A date and time as this machine's clock shows them."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def duration(seconds: float | None) -> str:
    """As much of a time as one wants to know; empty where nobody can say."""
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60:02} min"


def _difference(values: Sequence[float | None]) -> float | None:
    first, second = values
    return None if first is None or second is None else second - first


def _parts(parts: Parts) -> str:
    return f"{parts.n_finished} of {parts.n_all}" if parts.n_all else ""


def _say_marks(console: Screen, rows: Sequence[Listed]) -> None:
    present = {mark for row in rows for mark in row.marks}
    for mark, meaning in MEANINGS.items():
        if mark in present:
            console.say(f"{mark}: {meaning}.")
    if any(row.run.is_gone for row in rows):
        console.say("gone: the process has ended without a word; sarcasm runs repair marks the run.")


def _table(*columns: str, wraps: bool = False) -> Grid:
    table = screen.grid(*columns, padding=(0, 1, 0, 0))
    for column in table.columns:
        column.no_wrap, column.overflow = not wraps, "fold"
    return table
