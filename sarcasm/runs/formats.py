"""Write a table of settings as Markdown or LaTeX, and runs as CSV; no name in them can do any harm.

The first line of each says where it comes from, which is how a file of ours is told from a user's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sarcasm.errors import SarcasmError
from sarcasm.files import atomic, irregular
from sarcasm.report.escaping import csv_cell, latex_text, markdown_text
from sarcasm.runs.table import Cell, Table, heading
from sarcasm.tracking import Recorded

MARKER = "made by sarcasm runs export"
FIRST_COLUMNS = ("run_id", "run_name", "experiment", "status", "started", "ended", "marks")
"""Of the CSV; together they are its marker, since a comment would be read as a row."""
IDS_IN_A_LINE = 3


def latex(table: Table, caption: Sequence[str]) -> str:
    """A table with booktabs, which compiles whatever runs are called."""
    heads = [*map(latex_text, table.by), "n", *(latex_text(heading(metric)) for metric in table.metrics)]
    rows = [" & ".join(cells) for cells in _rows(table, latex_text, r"\textbf{{{}}}".format)]
    return "\n".join(
        [
            f"% {MARKER}; it needs \\usepackage{{booktabs}}",
            *(f"% {line}" for line in _ids(table)),
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{latex_text(' '.join(caption))}}}",
            rf"\begin{{tabular}}{{{'l' * len(table.by)}{'r' * (1 + len(table.metrics))}}}",
            r"\toprule",
            rf"{' & '.join(heads)} \\",
            r"\midrule",
            *(rf"{row} \\" for row in rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def markdown(table: Table, caption: Sequence[str]) -> str:
    """A table as GitHub shows it, above its caption."""
    heads = [*map(markdown_text, table.by), "n", *(markdown_text(heading(metric)) for metric in table.metrics)]
    rows = [heads, ["---"] * len(heads), *_rows(table, markdown_text, "**{}**".format)]
    return "\n".join(
        [
            f"<!-- {MARKER}", *_ids(table), "-->", *(f"| {' | '.join(row)} |" for row in rows), "",
            markdown_text(" ".join(caption)), "",
        ]
    )  # fmt: skip


def csv_text(runs: Sequence[Recorded], marks: Mapping[str, tuple[str, ...]]) -> str:
    """A row for each run, with every option (params.X), metric (metrics.X) and tag (tags.X), to the last digit."""
    parts: list[dict[str, Mapping[str, Any]]] = [
        {"params": run.whole_params(), "metrics": run.metrics, "tags": run.tags} for run in runs
    ]
    columns = [(kind, name) for kind in parts[0] for name in sorted({name for each in parts for name in each[kind]})]
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*FIRST_COLUMNS, *(f"{kind}.{name}" for kind, name in columns)])
    for run, own in zip(runs, parts, strict=True):
        ended = run.ended.isoformat() if run.ended else ""
        first = [run.run_id, run.run_name, run.experiment, run.status, run.started.isoformat(), ended]
        rest = [own[kind].get(name, "") for kind, name in columns]
        writer.writerow(map(csv_cell, [*first, ", ".join(marks[run.run_id]), *rest]))
    return text.getvalue()


def save(text: str, path: Path, is_forced: bool) -> None:
    """Write a file, whole or not at all.

    Args:
        text: what it is to hold.
        path: where to; a file that is there is overwritten if it is ours.
        is_forced: whether any other file is too.

    Raises:
        SarcasmError: a file is there that is not ours, or there is no folder to write to.
    """
    if path.is_dir():
        raise SarcasmError(f"{path} is a folder; name a file in it")
    if fault := irregular(path):
        raise SarcasmError(f"{path} {fault}; name another")
    if not path.parent.is_dir():
        raise SarcasmError(f"{path}: there is no folder {path.parent}; make it, or name another")
    if path.exists() and not is_forced and not _is_ours(path):
        raise SarcasmError(f"{path} was not made by sarcasm runs export; name another file, or add --force")
    with atomic(path) as file:
        file.write(text.encode(errors="backslashreplace"))


def _rows(table: Table, text: Callable[[str], str], bold: Callable[[str], str]) -> list[list[str]]:
    rows = []
    for row in table.settings:
        values = [text(value) for value in row.values]
        values[-1] += text(f" ({', '.join(row.marks)})") if row.marks else ""
        cells = [(cell, text(_cell(cell, len(row.runs)))) for cell in row.cells]
        told = [bold(shown) if cell and cell.is_best else shown for cell, shown in cells]
        rows.append([*values, str(len(row.runs)), *told])
    return rows


def _cell(cell: Cell | None, n_runs: int) -> str:
    if cell is None:
        return "n/a"
    text = f"{cell.mean:.3f}".replace("-", "\u2212")
    if cell.deviation is not None:
        text += f" \u00b1 {cell.deviation:.3f}"
    if cell.interval:
        text += f" ({cell.interval.low:.3f} to {cell.interval.high:.3f})"
    return text if cell.n == n_runs else f"{text} (n = {cell.n})"


def _ids(table: Table) -> list[str]:
    """Which runs a table is of, in lines; ids are hexadecimal, and so safe in any comment."""
    ids = [run.run_id for run in table.runs]
    return ["runs:", *(" ".join(ids[start : start + IDS_IN_A_LINE]) for start in range(0, len(ids), IDS_IN_A_LINE))]


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        first = file.readline(1_000).decode(errors="replace")
    return MARKER in first or first.startswith(",".join(FIRST_COLUMNS))
