"""Colours, tables and progress on a terminal, by rich: for which here a text is a text, and no markup."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.padding import PaddingDimensions
from rich.progress import Progress, ProgressColumn, TextColumn
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from sarcasm.terminal.text import one_line, visible

PIPED = 200
"""Columns where no terminal says how many it has; whoever reads a file or a pipe wants an entry on one line."""

WIDEST = 10_000
"""Columns, more than any table has."""


class Screen(Console):
    """Rich's console, to which names mean nothing: neither markup, nor emoji codes, nor control characters."""

    def __init__(self, file: TextIO, width: int | None = None) -> None:
        # COLUMNS says nothing here: whoever loads readline, as Python's debugger does, hands it on to all it starts.
        piped = None if file.isatty() else PIPED
        super().__init__(file=file, width=width or piped, highlight=False, markup=False, emoji=False)

    def say(self, line: str = "", style: str = "") -> None:
        """Print a text as one line, however wide the terminal is."""
        self.print(Text(one_line(line, self.encoding), style), soft_wrap=True)

    def show(self, table: Table, less: Sequence[str] = ()) -> None:
        """Print a table.

        Args:
            table: what to print.
            less: heads of columns that are left out, the first one first, where the terminal is too narrow for all.
        """
        unbound = self.options.update_width(WIDEST)  # or rich takes the terminal's width for that of the table
        for head in less:
            if self.measure(table, options=unbound).maximum <= self.width:
                break
            table.columns = [column for column in table.columns if column.header != head]
            for number, column in enumerate(table.columns):
                column._index = number
        self.print(table)

    def render_str(self, text: str, *, style: str | Style = "", **options: Any) -> Text:
        """See `rich.console.Console.render_str`, by which every text comes here that is not rich's own."""
        justify, overflow = options.get("justify"), options.get("overflow")
        return Text(visible(text, self.encoding), style, justify=justify, overflow=overflow)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """See `rich.console.Console.render`: what comes in some other way is made visible too, if not as neatly."""
        for segment in super().render(renderable, options):
            is_text = not segment.control
            yield Segment(visible(segment.text, self.encoding), segment.style) if is_text else segment


class Grid(Table):
    """A table without lines, each of whose cells is one line of text."""

    def add_row(self, *cells: RenderableType | None, style: Any = None, end_section: bool = False) -> None:
        """See `rich.table.Table.add_row`; what is styled, or meant to have several lines, is given as `Text`."""
        shown = [one_line(cell) if isinstance(cell, str) else cell for cell in cells]
        super().add_row(*shown, style=style, end_section=end_section)


def stdout(width: int | None = None) -> Screen:
    """The console on stdout.

    Args:
        width: columns; None takes those of the terminal, or `PIPED`.
    """
    return Screen(sys.stdout, width)


def stderr() -> Screen:
    """The console on stderr."""
    return Screen(sys.stderr)


def grid(*columns: str, padding: PaddingDimensions = (0, 1), **options: Any) -> Grid:
    """A table without lines and with bold heads.

    Args:
        *columns: what stands at their heads, which may have several lines.
        padding: around cells: above and to both sides, or above, right, below and left.
        **options: see `rich.table.Table`.
    """
    return Grid(*columns, box=None, padding=padding, header_style="bold", **options)


def progress(
    *columns: ProgressColumn, n_title: int = 10, is_transient: bool = False, is_silent: bool = False
) -> Progress:
    """Bars on stderr, for the block.

    Args:
        *columns: what stands behind each bar's title.
        n_title: columns for the title.
        is_transient: whether they are wiped off at the end.
        is_silent: whether nothing is shown where nobody looks at a terminal.
    """
    console = stderr()
    title = TextColumn(f"{{task.description:>{n_title}}}", markup=False)
    is_off = is_silent and not console.is_terminal
    return Progress(title, *columns, console=console, transient=is_transient, disable=is_off)
