"""How all pictures look, drawn with matplotlib; colours are told apart by colour-blind readers and in print.

Colours: Okabe & Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import io
from typing import Any

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"
NOTE_INCHES = 0.12
"""At the foot of a picture, left to its note."""


def new_figure(width: float, height: float) -> Any:
    """An empty figure, so many inches wide and high."""
    # Figure instead of pyplot: no global state, and pyplot alone takes a second to import.
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    foot = NOTE_INCHES / height
    return Figure(figsize=(width, height), dpi=150, layout=ConstrainedLayoutEngine(rect=(0, foot, 1, 1 - foot)))


def new_axes(title: str, width: float = 5.6, height: float = 4.0) -> tuple[Any, Any]:
    """A figure and the one pair of axes in it."""
    figure = new_figure(width, height)
    axes = figure.subplots()
    style(axes, title)
    return figure, axes


def style(axes: Any, title: str) -> None:
    """Give axes their title and our look."""
    axes.set_title(title, fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def legend(figure: Any, n_columns: int = 2) -> None:
    """Put the legend above the axes, where it covers no bar and no point."""
    figure.legend(fontsize=8, frameon=False, loc="outside upper right", ncols=n_columns, columnspacing=1.5)


def note_at_foot(figure: Any, note: str) -> None:
    """A line in small print under a picture; says so where data or weights are made up."""
    figure.text(0.01, 0.02 / figure.get_figheight(), note, fontsize=7, color=GREY, va="bottom")


def png(figure: Any) -> bytes:
    """The picture as PNG."""
    picture = io.BytesIO()
    # Packed tightly, a picture would take four times as long and two thirds of the room.
    figure.savefig(picture, format="png", pil_kwargs={"compress_level": 1})
    return picture.getvalue()


def svg(figure: Any) -> bytes:
    """The picture as SVG, the same bytes whenever it is drawn."""
    from matplotlib import rc_context

    picture = io.BytesIO()
    with rc_context({"svg.hashsalt": "sarcasm"}):
        figure.savefig(picture, format="svg", metadata={"Date": None})
    return picture.getvalue()


def pdf(figure: Any) -> bytes:
    """The picture as PDF, the same bytes whenever it is drawn; its letters are embedded as publishers ask for them."""
    from matplotlib import rc_context

    picture = io.BytesIO()
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(picture, format="pdf", metadata={"CreationDate": None, "ModDate": None})
    return picture.getvalue()
