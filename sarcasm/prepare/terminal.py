"""What a person sees of a preparation: the plan, progress, and what became of the clips.

Plan, progress and notes go to stderr, what became of the clips to stdout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from sarcasm.corpus.dataset import listed
from sarcasm.prepare.download import Advance
from sarcasm.prepare.steps import Outcome, Outlook
from sarcasm.terminal import screen


class Terminal:
    """Progress bars and notes; a `steps.Show`."""

    def note(self, line: str) -> None:
        """See `Show.note`."""
        screen.stderr().say(f"note: {line}")

    @contextmanager
    def clips(self, title: str, n_clips: int) -> Iterator[Callable[[], None]]:
        """See `Show.clips`."""
        with self._progress(MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()) as progress:
            task = progress.add_task(title, total=n_clips)
            yield lambda: progress.advance(task)

    @contextmanager
    def bytes(self, title: str) -> Iterator[Advance]:
        """See `Show.bytes`."""
        with self._progress(DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()) as progress:
            task = progress.add_task(title, total=None)
            yield lambda n_there, n_all: progress.update(task, completed=n_there, total=n_all)

    def _progress(self, *columns: Any) -> Progress:
        return screen.progress(BarColumn(), *columns, n_title=16)


def say_plan(outlooks: Sequence[Outlook], on_stdout: bool) -> None:
    """Print what there is to do, how much is to be fetched and written, and how long it will take."""
    console = screen.stdout() if on_stdout else screen.stderr()
    table = screen.grid("step", "to do", "download", "disk", "time")
    for column in table.columns:
        column.no_wrap = True
    for outlook in outlooks:
        done = f"{outlook.n_todo} of {outlook.n_all}" if outlook.n_todo else "nothing: all there"
        size = (_size(outlook.download_bytes), _size(outlook.disk_bytes))
        table.add_row(outlook.title, done, *size, _duration(outlook.seconds))
    console.show(table)
    for outlook in outlooks:
        if outlook.remark:
            console.say(f"note: {_shown(outlook.place)}: {outlook.remark}")
    if todo := [outlook for outlook in outlooks if outlook.n_todo]:
        download, disk = (sum(getattr(each, name) for each in todo) for name in ("download_bytes", "disk_bytes"))
        work = _duration(sum(each.seconds for each in todo)) or "no time"
        places = ", ".join(dict.fromkeys(_shown(each.place) for each in todo))
        console.say(
            f"In all: {_size(download) or 'nothing'} to fetch, {_size(disk) or 'nothing'} of disk, {work} of work"
            f" besides the downloads. Results go to {places}."
        )


def say_outcome(outcome: Outcome) -> None:
    """Print what became of the clips of a folder."""
    console = screen.stdout()
    n_there = outcome.n_all - len(outcome.failed)
    seconds = {True: 0.0, False: 0.0}
    for id_, duration in outcome.seconds.items():
        seconds[id_ in outcome.sarcastic] += duration
    lengths = f", {seconds[True]:.0f} s sarcastic and {seconds[False]:.0f} s not" if outcome.seconds else ""
    console.say(
        f"{_shown(outcome.folder)}: {n_there} of {outcome.n_all} clips are there, {outcome.n_made} made now{lengths}"
    )
    for warning, ids in _by_warning(outcome):
        console.say(f"  {len(ids)} {warning}: {listed(ids)}", "yellow")
    for id_, reason in sorted(outcome.failed.items()):
        console.say(f"  clip {id_} {reason}", "red")


def _shown(place: Path) -> str:
    """A path as short as it can be said where the person is."""
    return str(place.relative_to(Path.cwd())) if place.is_relative_to(Path.cwd()) else str(place)


def _by_warning(outcome: Outcome) -> list[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for id_, warnings in outcome.warned.items():
        for warning in warnings:
            found.setdefault(warning, []).append(id_)
    return sorted(found.items())


def _size(n_bytes: int) -> str:
    if not n_bytes:
        return ""
    for unit, name in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n_bytes >= unit:
            return f"{n_bytes / unit:.{1 if unit == 1e9 else 0}f} {name}"
    return f"{n_bytes} bytes"


def _duration(seconds: float) -> str:
    if not seconds:
        return ""
    return f"about {max(1, round(seconds))} s" if seconds < 90 else f"about {round(seconds / 60)} min"
