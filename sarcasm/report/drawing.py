"""How all pictures look, drawn with matplotlib; told apart by colour-blind readers and, by marks and dashes, in print.

Colours: Okabe & Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sarcasm.report.escaping import picture_text

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#999999"
OKABE_ITO = (BLUE, ORANGE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Without the yellow, which white paper swallows."""
MARKS = ("o", "^", "s", "D", "v", "P", "X")
"""Of kinds of points, as many as there are colours."""
DASHES = ("-", "--", ":", "-.")
MOST_DRAWN = 2000
"""Points, from which on an SVG has them as an image: as marks they would make it slow, and large."""
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
    axes.set_title(picture_text(title), fontsize=11, loc="left")
    axes.spines[["top", "right"]].set_visible(False)


def legend(figure: Any, n_columns: int = 2) -> None:
    """Put the legend above the axes, where it covers no bar and no point."""
    figure.legend(fontsize=8, frameon=False, loc="outside upper right", ncols=n_columns, columnspacing=1.5)


def note_at_foot(figure: Any, note: str) -> None:
    """A line in small print under a picture; says so where data or weights are made up."""
    figure.text(0.01, 0.02 / figure.get_figheight(), picture_text(note), fontsize=7, color="#666666", va="bottom")


def png(figure: Any) -> bytes:
    """The picture as PNG. It is laid out now, once: an SVG of it that is made afterwards is laid out the same."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    picture = io.BytesIO()
    with _any_script():
        # As savefig does, which would draw it twice, and lay it out as often. Packed tightly, a picture would take four
        # times as long and two thirds of the room.
        FigureCanvasAgg(figure).print_png(picture, pil_kwargs={"compress_level": 1})
    figure.set_layout_engine("none")
    return picture.getvalue()


def svg(figure: Any) -> bytes:
    """The picture as SVG, the same bytes whenever it is drawn.

    Its text is text: it can be searched, read aloud and changed, and the file is half as large as with outlines; where
    the font, DejaVu Sans, is not there, letters look a little different.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    picture = io.BytesIO()
    dpi = figure.dpi
    with rc_context({"svg.hashsalt": "sarcasm", "svg.fonttype": "none"}), _any_script():
        FigureCanvasSVG(figure).print_svg(picture, metadata={"Date": None})
    figure.dpi = dpi
    return picture.getvalue()


def pdf(figure: Any) -> bytes:
    """The picture as PDF, the same bytes whenever it is drawn; its letters are embedded as publishers ask for them."""
    from matplotlib import rc_context

    picture = io.BytesIO()
    with rc_context({"pdf.fonttype": 42}):
        figure.savefig(picture, format="pdf", metadata={"CreationDate": None, "ModDate": None})
    return picture.getvalue()


@contextmanager
def _any_script() -> Iterator[None]:
    """Within the block, letters that the font has not are drawn as boxes, without a word."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        yield
