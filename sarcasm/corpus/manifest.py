"""Any corpus, told by one table.

A CSV file with a header, or JSONL (one object a line), with the columns id, path, label and, where known, speaker,
show, text and split; further columns are ignored. Paths are relative to the table's folder; absolute ones, and ones
that lead out of it, are allowed, since whoever writes the table says what to read. Labels are 1 or 0, true or false,
sarcastic or non-sarcastic, in any case.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from sarcasm.corpus.dataset import (
    Dataset,
    bad_id,
    listed,
    nearest,
    read_json,
    read_text,
    refuse_one_class,
    shown,
    text_of,
)
from sarcasm.corpus.utterance import Corpus, Utterance
from sarcasm.errors import CorpusError
from sarcasm.options import option

NEEDED = ("id", "path", "label")
OPTIONAL = ("speaker", "show", "text", "split")
LABELS = {
    "1": True, "true": True, "sarcastic": True,
    "0": False, "false": False, "non-sarcastic": False, "non_sarcastic": False,
}  # fmt: skip


@option("dataset", "manifest")
@dataclass
class Manifest(Dataset):
    """A table of clips.

    Attributes:
        manifest: the file, .csv, .jsonl or .ndjson.
    """

    manifest: str = MISSING

    @property
    def source(self) -> str:
        """See `Dataset.source`."""
        return self.manifest

    def read(self) -> Corpus:
        """See `Dataset.read`."""
        source = Path(self.manifest)
        labelled = read_manifest(source)
        selected = self.selected(labelled, source)
        utterances = [each for each in selected if _is_there(each.path)]
        missing = [each.id for each in selected if not _is_there(each.path)]
        if not utterances:
            raise CorpusError(
                f"{source}: none of the {len(selected)} clips is there: {listed(str(each.path) for each in selected)};"
                " paths are relative to the manifest's folder"
            )
        self.refuse_missing(missing, len(selected), f"rows of {source} name a file that is not there")
        refuse_one_class(utterances, source)
        return Corpus(tuple(utterances), tuple(missing))


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        # In a folder that may not be searched: reading the clip will say so.
        return isinstance(error, PermissionError)


def read_manifest(path: Path) -> list[Utterance]:
    """Read the rows.

    Raises:
        CorpusError: the file is missing, of another kind, lacks a column, or has a row that cannot be used; the message
            names file and line.
    """
    readers = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".ndjson": _jsonl_rows}
    if path.suffix.lower() not in readers:
        raise CorpusError(f"dataset.manifest: {path} must end in {', '.join(readers)}; save it as one of them")
    text = read_text(path, "dataset.manifest", "name the file with dataset.manifest=FILE")
    utterances: list[Utterance] = []
    lines: dict[str, int] = {}
    for line, row in readers[path.suffix.lower()](text, path):
        utterance = _utterance(row, path.parent, f"{path}, line {line}")
        if utterance.id in lines:
            first = lines[utterance.id]
            raise CorpusError(
                f"{path}, line {line}: the id {utterance.id!r} stands in line {first} already; ids must differ"
            )
        lines[utterance.id] = line
        utterances.append(utterance)
    if not utterances:
        raise CorpusError(f"{path}: there are no rows; add one for each clip, with {', '.join(NEEDED)}")
    return utterances


def _csv_rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Not split into lines before: a quoted field may hold a line break.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, f"{path}, line 1")
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise CorpusError(
                    f"{path}, line {reader.line_num}: there are {len(row)} fields for {len(header)} columns; put a"
                    " field that holds a comma in quotes"
                )
            yield reader.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise CorpusError(f"{path}, line {reader.line_num}: not CSV ({error})") from error


def _check_header(header: list[str], where: str) -> None:
    for name in NEEDED:
        if name not in header:
            near = nearest(name, [other for other in header if other not in NEEDED + OPTIONAL])
            hint = f"is {near!r} meant for it?" if near else f"the header must name {', '.join(NEEDED)}"
            separated = ", separated by commas" if len(header) == 1 else ""
            raise CorpusError(f"{where}: the column {name!r} is missing; {hint}{separated}")
    for name in NEEDED + OPTIONAL:
        if header.count(name) > 1:
            raise CorpusError(f"{where}: the column {name!r} stands there {header.count(name)} times; keep one")


def _jsonl_rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Not splitlines(): JSON allows further line separators within a text.
    for line, row in enumerate(text.split("\n"), 1):
        if not row.strip():
            continue
        fields = read_json(row, str(path), line)
        if not isinstance(fields, dict):
            raise CorpusError(f"{path}, line {line}: an object is needed, not {shown(fields)}")
        yield line, fields


def _utterance(row: Mapping[str, Any], folder: Path, where: str) -> Utterance:
    for name in NEEDED:
        if row.get(name) in (None, ""):
            near = nearest(name, [other for other in row if other not in NEEDED + OPTIONAL])
            raise CorpusError(f"{where}: {name!r} is missing{f'; is {near!r} meant for it?' if near else ''}")
    id_, path = text_of(row, "id", where), text_of(row, "path", where)
    if fault := bad_id(id_):
        raise CorpusError(f"{where}: the id {id_!r} {fault}; ids must be fit for a file name")
    label = LABELS.get(str(row["label"]).strip().lower())
    if label is None:
        raise CorpusError(
            f"{where}: the label is {shown(row['label'])}; 1 or 0, true or false, sarcastic or non-sarcastic is needed"
        )
    return Utterance(id_, folder / path, label, **{name: text_of(row, name, where) for name in OPTIONAL})
