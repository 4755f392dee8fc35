"""MUStARD++ (Ray et al. 2022, LREC, https://github.com/cfiltnlp/MUStARD_Plus_Plus), and any table of its shape.

The table has a row for each sentence, those of the context too; the rows with a label are the utterances. An utterance
is named by SCENE, not by KEY: one of the published rows has an emotion there. END_TIME is not read: a spreadsheet has
turned its minutes and seconds into something else.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sarcasm.corpus.dataset import bad_id, nearest, read_text, shown
from sarcasm.corpus.mustard import Mustard
from sarcasm.corpus.utterance import Utterance
from sarcasm.errors import CorpusError
from sarcasm.options import option

ID, LABEL = "SCENE", "Sarcasm"
TEXTS = {"text": "SENTENCE", "speaker": "SPEAKER", "show": "SHOW"}
"""What we call a field -> what the table calls it."""
LABELS = {"1": True, "1.0": True, "0": False, "0.0": False}
"""A spreadsheet that found empty cells in the column writes 1.0."""
UNKNOWN = "-"
"""Stands for a speaker who was not named."""
WHERE_LABELS = "https://github.com/cfiltnlp/MUStARD_Plus_Plus, mustard++_text.csv"


@option("dataset", "mustard_pp")
@dataclass
class MustardPP(Mustard):
    """Labels in MUStARD++'s CSV and a folder of clips, each named after its SCENE."""

    def labelled(self) -> list[Utterance]:
        """See `Mustard.labelled`."""
        return read_labels(Path(self.labels))


def read_labels(path: Path) -> list[Utterance]:
    """Read the labelled rows; the paths of the utterances are still to be filled in.

    Raises:
        CorpusError: the file is missing, not CSV, lacks a column, has a label that is none, or an id twice.
    """
    advice = f"put MUStARD++'s table there ({WHERE_LABELS}), or name another file with dataset.labels=FILE"
    text = read_text(path, "dataset.labels", advice)
    found: dict[str, Utterance] = {}
    for line, row in _rows(text, path):
        where = f"{path}, line {line}"
        label = row[LABEL].strip()
        if not label:
            continue  # a sentence of the context
        if label not in LABELS:
            raise CorpusError(f"{where}: {LABEL} is {shown(label)}; 1 or 0 is needed, or nothing for the context")
        id_ = row[ID].strip()
        if fault := bad_id(id_):
            raise CorpusError(f"{where}: the {ID} {id_!r} {fault}; name each utterance after its clip, such as 1_60")
        if id_ in found:
            raise CorpusError(f"{where}: the {ID} {id_!r} has a label already, further up; keep one of them")
        texts = {field: row[column].strip() for field, column in TEXTS.items()}
        if texts["speaker"] == UNKNOWN:
            texts["speaker"] = ""
        found[id_] = Utterance(id_, Path(), LABELS[label], **texts)
    if not found:
        raise CorpusError(f"{path}: no row has a label; name another file with dataset.labels=FILE")
    return list(found.values())


def _rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    # Not split into lines before: sentences hold line breaks.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        for name in (ID, LABEL, *TEXTS.values()):
            if name not in header:
                near = nearest(name, header)
                hint = f" (there is {near!r})" if near else ""
                raise CorpusError(f"{path}: the column {name!r} is missing{hint}; it is not MUStARD++'s table")
        for row in reader:
            if row and len(row) != len(header):
                raise CorpusError(
                    f"{path}, line {reader.line_num}: there are {len(row)} fields for {len(header)} columns; put a"
                    " field that holds a comma in quotes"
                )
            if row:
                yield reader.line_num, dict(zip(header, row, strict=True))
    except csv.Error as error:
        raise CorpusError(f"{path}, line {reader.line_num}: not CSV ({error})") from error
