"""Pictures of several runs in the size and letters of a paper, in our look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sarcasm.errors import ConfigError
from sarcasm.files import atomic, named
from sarcasm.report.drawing import BLUE, GREY, ORANGE, legend, new_figure, note_at_foot, pdf, png, style, svg
from sarcasm.report.escaping import picture_text

COLUMN_INCHES, PAGE_INCHES = 3.15, 6.5
"""Widths of a column and of a page of text: 80 mm is Interspeech's column, and fits ACL's and IEEE's."""
HEIGHT_INCHES = 2.2
LETTERS: Any = {
    "font.size": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7, "lines.linewidth": 1.2,
    "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
}  # fmt: skip
"""In points, as they are printed."""
COLOURS = (BLUE, ORANGE, "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe & Ito's, those first that differ most in print."""
LINES = ("-", "--", ":", "-.")
WRITERS = {".pdf": pdf, ".png": png, ".svg": svg}
"""End of a file's name -> what writes it."""


@dataclass(frozen=True, repr=False)
class Picture:
    """A figure of matplotlib's with one pair of axes; a notebook shows it.

    Attributes:
        figure: the figure.
        axes: to draw on.
    """

    figure: Any
    axes: Any

    def __repr__(self) -> str:
        width, height = self.figure.get_size_inches()
        return f"Picture({width:g} x {height:g} inches)"

    def save(self, path: str | Path) -> Path:
        """Write it as PDF, SVG or PNG, as the name ends; the same picture gives the same bytes.

        Args:
            path: where to; a file that is there is overwritten.

        Returns:
            The path.

        Raises:
            ConfigError: the name ends otherwise, or there is no such folder.
        """
        path = Path(path)
        if path.suffix.lower() not in WRITERS:
            raise ConfigError(f"{path}: a picture is written as {', '.join(WRITERS)}; let the name end so")
        if not path.parent.is_dir():
            raise ConfigError(f"{path}: there is no folder {path.parent}; make it, or name another")
        with named(path), atomic(path) as file:
            file.write(WRITERS[path.suffix.lower()](self.figure))
        return path

    def legend(self, n_columns: int = 2) -> None:
        """Name what is drawn, above the axes."""
        legend(self.figure, n_columns)

    def _repr_png_(self) -> bytes:
        return png(self.figure)


def new_picture(width: float = COLUMN_INCHES, height: float = HEIGHT_INCHES) -> Picture:
    """Empty axes, so many inches wide and high."""
    from matplotlib import rc_context

    with rc_context(LETTERS):
        figure = new_figure(width, height)
        axes = figure.subplots()
        style(axes, "")
        return Picture(figure, axes)


def losses(curves: Mapping[str, Sequence[Sequence[float]]], width: float, note: str) -> Picture:
    """The loss of each step.

    Args:
        curves: what a run is called -> the losses of each of its fits; several fits are drawn alike, and thinner.
        width: in inches.
        note: in small print under it; empty for none.
    """
    picture = new_picture(width)
    for number, (name, fits) in enumerate(curves.items()):
        look = {"color": COLOURS[number % len(COLOURS)], "linestyle": LINES[number % len(LINES)]}
        for position, values in enumerate(fits):
            label = picture_text(name) if position == 0 else None
            picture.axes.plot(np.arange(len(values)), values, **look, linewidth=1.2 / len(fits) ** 0.5, label=label)
    picture.axes.set(xlabel="step", ylabel="mean cross-entropy")
    picture.axes.set_ylim(bottom=0)
    if len(curves) > 1:
        picture.legend()
    note_at_foot(picture.figure, note)
    return picture


@dataclass(frozen=True)
class Point:
    """A run's score.

    Attributes:
        name: what the run is called.
        value: the score.
        low, high: ends of its 95 % interval; None where it has none.
        deaf: the same score of the best rule that does not listen; None where it is not known.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    deaf: float | None


def scores(points: Sequence[Point], what: str, width: float, note: str) -> Picture:
    """Scores of runs with their intervals, one below the other, each beside what one scores without listening.

    Args:
        points: the runs, from the top.
        what: the score's name.
        width: in inches.
        note: in small print under it; empty for none.
    """
    picture = new_picture(width, 0.9 + 0.25 * len(points))
    for row, point in enumerate(points):
        if point.low is not None and point.high is not None:
            picture.axes.hlines(row, point.low, point.high, color=BLUE, linewidth=1.2)
        picture.axes.plot(
            point.value, row, "o", color=BLUE, markersize=4, label="run, 95 % interval" if not row else None
        )
    known = [(point.deaf, row) for row, point in enumerate(points) if point.deaf is not None]
    if known:
        picture.axes.plot(*zip(*known, strict=True), "|", color=ORANGE, markersize=9, label="best without listening")
        picture.legend()
    picture.axes.set_yticks(range(len(points)), [picture_text(point.name) for point in points])
    picture.axes.set_ylim(len(points) - 0.5, -0.5)
    picture.axes.set(xlabel=what)
    picture.axes.grid(axis="x", color=GREY, alpha=0.3, linewidth=0.5)
    note_at_foot(picture.figure, note)
    return picture
