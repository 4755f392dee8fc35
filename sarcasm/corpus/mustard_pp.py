"""MUStARD++ (Ray et al. 2022, LREC, https://github.com/cfiltnlp/MUStARD_Plus_Plus), and any table of its shape.

The table has a row for each sentence, those of the context too; the rows with a label are the utterances. An utterance
is named by SCENE, not by KEY: one of the published rows has an emotion there. END_TIME is not read: a spreadsheet has
turned its minutes and seconds into something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sarcasm.corpus import tables
from sarcasm.corpus.dataset import bad_id, read_text, shown
from sarcasm.corpus.mustard import Mustard
from sarcasm.corpus.utterance import Utterance, normalized
from sarcasm.errors import CorpusError
from sarcasm.options import option

ID, LABEL = "SCENE", "Sarcasm"
TEXTS = {"text": "SENTENCE", "speaker": "SPEAKER", "show": "SHOW"}
"""What we call a field -> what the table calls it."""
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
    for line, cells in tables.delimited_rows(text, path, (ID, LABEL, *TEXTS.values())):
        where = f"{path}, {line}"
        if tables.is_missing(cells[LABEL]):
            continue  # a sentence of the context
        if (label := tables.label_of(cells[LABEL])) is None:
            raise CorpusError(
                f"{where}: {LABEL} is {shown(cells[LABEL])}; 1 or 0 is needed, or nothing for the context"
            )
        id_ = normalized(cells[ID])
        if fault := bad_id(id_):
            raise CorpusError(f"{where}: the {ID} {id_!r} {fault}; name each utterance after its clip, such as 1_60")
        if id_ in found:
            raise CorpusError(f"{where}: the {ID} {id_!r} has a label already, further up; keep one of them")
        texts = {field: tables.text_of(cells, column, where) for field, column in TEXTS.items()}
        if normalized(texts["speaker"]) == UNKNOWN:
            texts["speaker"] = ""
        found[id_] = Utterance(id_, Path(), label, **texts)
    if not found:
        raise CorpusError(f"{path}: no row has a label; name another file with dataset.labels=FILE")
    return list(found.values())
