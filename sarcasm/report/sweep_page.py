"""The page of a sweep: a self-contained HTML file, from an autoescaped template.

Everything that it says stands in it as text and tables; its script sorts them, looks through them and draws the lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sarcasm.report.parallel import Axis
from sarcasm.report.rendering import png_uri, rendered


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Attributes:
        text: what stands there.
        value: what it is sorted by, where it is a number; None sorts last, whichever way.
        link: where it leads; empty for nowhere.
    """

    text: str
    value: float | None = None
    link: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its name, and whether it is sorted as numbers and stands to the right."""

    name: str
    is_number: bool = False


@dataclass(frozen=True)
class SortedTable:
    """A table that a reader can sort.

    Attributes:
        columns: of it.
        rows: each with a cell a column.
        marks: of each row: "best", "failed" or "".
        lines: of each row, the numbers of its lines among those that are drawn.
    """

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    marks: Sequence[str]
    lines: Sequence[Sequence[int]]

    def without_empty_columns(self) -> SortedTable:
        """The same without the columns that have nothing but a name."""
        kept = [number for number in range(len(self.columns)) if any(row[number].text for row in self.rows)]
        return replace(
            self,
            columns=[self.columns[number] for number in kept],
            rows=[[row[number] for number in kept] for row in self.rows],
        )


@dataclass(frozen=True)
class SweepPage:
    """What stands on the page of a sweep.

    Attributes:
        title: what was swept, and how the jobs ended.
        warnings: what a reader must know before believing a number.
        verdict: what is best and what that is worth, a sentence each.
        settings: a row for each setting with its mean over seeds; None where each has one job.
        jobs: a row for each job.
        are_linked: whether jobs lead to a server.
        pictures: PNG and what it shows, in words.
        axes: on which the finished jobs are lines, in the order of `names`.
        names: of the lines.
        best: numbers of the lines of the best setting.
        left_out: what is not drawn, in words, or empty.
        effects: option, value, jobs, mean and difference; a row each, as text.
        claims: what can be claimed, and what to mind.
        comparisons: every comparison, in words.
        failures: the jobs that did not finish, and why.
        said: what the jobs themselves warn of.
    """

    title: str
    warnings: Sequence[str]
    verdict: Sequence[str]
    settings: SortedTable | None
    jobs: SortedTable
    are_linked: bool
    pictures: Sequence[tuple[bytes, str]]
    axes: Sequence[Axis]
    names: Sequence[str]
    best: Sequence[int]
    left_out: str
    effects: Sequence[Sequence[str]]
    claims: Sequence[str]
    comparisons: Sequence[str]
    failures: Sequence[str]
    said: Sequence[str]

    def html(self) -> str:
        """Render it."""
        drawn: dict[str, Any] = {
            "axes": [axis.as_json() for axis in self.axes], "names": list(self.names), "best": list(self.best),
        }  # fmt: skip
        tables = [("settings", "Settings, means over seeds", self.settings)] if self.settings else []
        return rendered(
            "sweep.html.jinja", ("sweep.js",), page=self, title=self.title, drawn=drawn,
            tables=[*tables, ("jobs", "Jobs", self.jobs)],
            shown=[(alt, png_uri(png)) for png, alt in self.pictures],
        )  # fmt: skip
