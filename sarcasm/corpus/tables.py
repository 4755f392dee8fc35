"""Tables as people have them -> rows: which columns there are, what the cells say, and where each row stands.

The same table gives the same rows however it was written: with commas, semicolons, tabs or bars, or as JSON; by pandas,
by Excel or by hand. What cannot be read so is refused, and the message names the cause.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sarcasm.corpus.dataset import nearest, read_json, shown
from sarcasm.corpus.utterance import normalized
from sarcasm.errors import CorpusError

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
"""What stands between the fields of a row -> its name; Excel takes semicolons where the comma is the decimal one."""
SEPARATOR_LINE = re.compile(r'"?sep=([^\w" ])"?(?:\1|\s)*', re.IGNORECASE)
"""The first line that tells Excel the separator; what saves it anew fills it up with empty fields."""
LABELS = {
    "true": True, "sarcastic": True,
    "false": False, "non-sarcastic": False, "non_sarcastic": False,
}  # fmt: skip
LABEL_NUMBER = re.compile(r"([01])([.,]0*)?")
"""1 or 0, also with decimals: pandas and Excel write 1.0 where a cell of the column is empty, or 1,0."""
WHOLE_NUMBER = re.compile(r"(-?[0-9]+)([.,]0+)?")
MISSING = frozenset({"nan", "NaN", "NaT", "<NA>", "None", "null", "NULL", "NA", "N/A", "n/a", "#N/A"})
"""What programs write for a value that is missing; pandas.read_csv takes each of them for one (`na_values`)."""

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands in its file, such as "line 2"; and its cells by the names of the columns."""
Reader = Callable[[str, Path, Sequence[str], Sequence[str]], Iterator[Row]]


def delimited_rows(text: str, path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a table whose first line names the columns; rows without anything in them are left out.

    Args:
        text: the table; its lines end with a line feed.
        path: its file, for messages.
        needed: columns that must be there.
        optional: columns that may be there; all others are left out.

    Raises:
        CorpusError: a column is missing or stands there twice, a row has more or fewer fields than there are columns,
            or a quote is not closed; the message names file and line.
    """
    first, _, rest = text.partition("\n")
    stated = SEPARATOR_LINE.fullmatch(first)
    separator = stated[1] if stated else _separator(text, needed)
    # Not split into lines before: a quoted field may hold a line break.
    reader = _csv_reader(rest if stated else text, separator)
    columns: dict[str, int] = {}
    n_columns = 0
    try:
        for row in reader:
            if not any(map(normalized, row)):
                continue
            where = f"line {reader.line_num + bool(stated)}"
            if not columns:
                columns, n_columns = _columns(row, needed, optional, f"{path}, {where}"), len(row)
                continue
            # Excel ends rows with empty fields where cells beyond the table were once filled.
            while len(row) > n_columns and not normalized(row[-1]):
                row.pop()
            if len(row) != n_columns:
                how = f"put a field that holds a {SEPARATORS.get(separator, separator)} in quotes"
                how += "" if len(row) > n_columns else ", and write empty fields, too"
                raise CorpusError(f"{path}, {where}: there are {len(row)} fields for {n_columns} columns; {how}")
            yield where, {name: row[number] for name, number in columns.items()}
    except csv.Error as error:
        raise CorpusError(f"{path}, line {reader.line_num + bool(stated)}: not CSV ({error})") from error
    if not columns:
        _columns([], needed, optional, f"{path}, line 1")


def json_rows(text: str, path: Path, needed: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
    """The rows of a table of JSON objects, one a line or all in one array; for the arguments see `delimited_rows`.

    Raises:
        CorpusError: it is not JSON, a row is no object, lacks a column or has it twice.
    """
    for where, fields in _json_values(text, path):
        if not isinstance(fields, dict):
            raise CorpusError(f"{path}, {where}: an object is needed, not {shown(fields)}")
        own = _own_names(list(fields), (*needed, *optional), f"{path}, {where}")
        for name in needed:
            if name not in own:
                near = nearest(name, [other for other in fields if other not in own.values()])
                hint = f"; is {near!r} meant for it?" if near else ""
                raise CorpusError(f"{path}, {where}: {name!r} is missing{hint}")
        yield where, {name: fields[field] for name, field in own.items()}


def names(rows: Iterable[Row], column: str, path: Path) -> list[str]:
    """The cells of a column as texts; "" for missing values.

    Whole numbers that stand there with decimals, all of them, are written without: so pandas writes a column of whole
    numbers that has an empty cell.

    Args:
        rows: of the table.
        column: its name; a row need not have it.
        path: the file of the table, for messages.

    Raises:
        CorpusError: a cell is neither text nor a number.
    """
    texts = [text_of(cells, column, f"{path}, {where}") for where, cells in rows]
    whole = [WHOLE_NUMBER.fullmatch(normalized(text)) for text in texts]
    if all(whole[number] for number, text in enumerate(texts) if text):
        return [match[1] if match else "" for match in whole]
    return texts


def text_of(cells: Mapping[str, Any], name: str, where: str) -> str:
    """A cell as text; "" for a missing value.

    Raises:
        CorpusError: it is neither text nor a number, or not valid Unicode (half a surrogate pair).
    """
    value = cells.get(name)
    if is_missing(value):
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or any("\ud800" <= character <= "\udfff" for character in value):
        raise CorpusError(f"{where}: {name!r} is {shown(value)}; text is needed")
    return value


def label_of(value: Any) -> bool | None:
    """The label that a cell means, true where sarcastic; None where it is none."""
    text = normalized(str(value)).casefold()
    number = LABEL_NUMBER.fullmatch(text)
    return number[1] == "1" if number else LABELS.get(text)


def is_missing(value: Any) -> bool:
    """Whether a cell is empty, or holds what programs write for a missing value."""
    if isinstance(value, str):
        text = normalized(value)
        return not text or text in MISSING
    return value is None or value != value  # not a number, which pandas has in place of a missing one


def _csv_reader(text: str, separator: str) -> Any:
    return csv.reader(io.StringIO(text, newline="\n"), delimiter=separator, strict=True, skipinitialspace=True)


def _separator(text: str, needed: Sequence[str]) -> str:
    """That by which the header names most of the columns that are needed; the comma, where several do."""

    def n_named(separator: str) -> int:
        try:
            header: list[str] = next((row for row in _csv_reader(text, separator) if any(map(normalized, row))), [])
        except csv.Error:
            return 0
        folded = {_folded(name) for name in header}
        return sum(_folded(name) in folded for name in needed)

    return max(SEPARATORS, key=n_named)


def _columns(header: Sequence[str], needed: Sequence[str], optional: Sequence[str], where: str) -> dict[str, int]:
    """Column -> its number in the header."""
    header = [name.strip() for name in header]
    own = _own_names(header, (*needed, *optional), where)
    for name in needed:
        if name not in own:
            near = nearest(name, [other for other in header if other not in own.values()])
            hint = f"is {near!r} meant for it?" if near else f"the header must name {', '.join(needed)}"
            separated = ", separated by commas, semicolons or tabs" if len(header) == 1 else ""
            raise CorpusError(f"{where}: the column {name!r} is missing; {hint}{separated}")
    return {name: header.index(each) for name, each in own.items()}


def _own_names(header: Sequence[str], wanted: Iterable[str], where: str) -> dict[str, str]:
    """Column -> what the table calls it: the very name, or else one that differs in case and white space alone."""
    own = {}
    for name in wanted:
        alike = [each for each in header if each == name] or [each for each in header if _folded(each) == _folded(name)]
        if len(alike) > 1:
            which = f" ({', '.join(map(repr, alike))})" if len(set(alike)) > 1 else ""
            raise CorpusError(f"{where}: the column {name!r} stands there {len(alike)} times{which}; keep one")
        if alike:
            own[name] = alike[0]
    return own


def _folded(name: str) -> str:
    return normalized(name).casefold()


def _json_values(text: str, path: Path) -> Iterator[tuple[str, Any]]:
    if text.lstrip().startswith("["):
        for number, value in enumerate(read_json(text, str(path)), 1):
            yield f"entry {number}", value
        return
    # Not splitlines(): JSON allows further line separators within a text.
    lines = text.split("\n")
    if lines[0].strip() == "{":
        read_json(text, str(path))
        raise CorpusError(
            f"{path}: it is one JSON object over several lines; an object for each clip is needed, one a line or all in"
            " an array"
        )
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield f"line {number}", read_json(line, str(path), number)
