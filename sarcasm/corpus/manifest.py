"""Any corpus, told by one table.

A table with a header, separated by commas, semicolons, tabs or bars, or JSON objects (one a line, or an array of them),
with the columns id, path, label and, where known, speaker, show, text and split; further columns are ignored. Paths are
relative to the table's folder; absolute ones, and ones that lead out of it, are allowed, since whoever writes the table
says what to read. Labels are 1 or 0, true or false, sarcastic or non-sarcastic, in any case. What else a table may look
like: `sarcasm.corpus.tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from sarcasm.corpus import tables
from sarcasm.corpus.dataset import Dataset, listed, read_text, refuse_one_class, shown
from sarcasm.corpus.paths import is_there, located
from sarcasm.corpus.utterance import Corpus, Utterance, normalized
from sarcasm.errors import CorpusError
from sarcasm.options import option

NEEDED = ("id", "path", "label")
OPTIONAL = ("speaker", "show", "text", "split")
READERS: dict[str, tables.Reader] = {
    ".csv": tables.delimited_rows, ".tsv": tables.delimited_rows, ".txt": tables.delimited_rows,
    ".jsonl": tables.json_rows, ".ndjson": tables.json_rows, ".json": tables.json_rows,
}  # fmt: skip
"""How a file's name ends -> what reads it."""


@option("dataset", "manifest")
@dataclass
class Manifest(Dataset):
    """A table of clips.

    Attributes:
        manifest: the file, .csv, .tsv, .txt, .jsonl, .ndjson or .json.
    """

    manifest: str = MISSING

    @property
    def source(self) -> str:
        """See `Dataset.source`."""
        return self.manifest

    def read(self) -> Corpus:
        """See `Dataset.read`."""
        source = located(self.manifest, Path())
        labelled = read_manifest(source)
        selected = self.selected(labelled, source)
        utterances = [each for each in selected if is_there(each.path)]
        missing = [each for each in selected if not is_there(each.path)]
        if not utterances:
            raise CorpusError(
                f"{source}: none of the {len(selected)} clips is there: {listed(str(each.path) for each in selected)};"
                f" paths are relative to the manifest's folder{_slashes(missing)}"
            )
        ids = [each.id for each in missing]
        what = f"rows of {source} name a file that is not there"
        self.refuse_missing(ids, len(selected), what, f"put that right{_slashes(missing)}")
        refuse_one_class(utterances, source)
        return Corpus(tuple(utterances), tuple(ids))


def _slashes(missing: Sequence[Utterance]) -> str:
    is_windows = any("\\" in str(each.path) for each in missing)
    return ", and take / between folders, not \\" if is_windows else ""


def read_manifest(path: Path) -> list[Utterance]:
    """Read the rows.

    Raises:
        CorpusError: the file is missing, of another kind, lacks a column, or has a row that cannot be used; the message
            names file and line.
    """
    if path.suffix.lower() not in READERS:
        raise CorpusError(f"dataset.manifest: {path} must end in {', '.join(READERS)}; save it as one of them")
    text = read_text(path, "dataset.manifest", "name the file with dataset.manifest=FILE")
    # Whatever the file is called, no header begins like JSON.
    is_json = text.lstrip().startswith(("{", "["))
    reader = tables.json_rows if is_json else READERS[path.suffix.lower()]
    rows = list(reader(text, path, NEEDED, OPTIONAL))
    if not rows:
        raise CorpusError(f"{path}: there are no rows; add one for each clip, with {', '.join(NEEDED)}")
    for where, cells in rows:
        for name in NEEDED:
            if tables.is_missing(cells[name]):
                is_written = isinstance(cells[name], str) and normalized(cells[name])
                raise CorpusError(f"{path}, {where}: {name!r} is missing{f' ({is_written})' if is_written else ''}")
    columns = {name: tables.names(rows, name, path) for name in ("id", "speaker", "show", "split")}
    utterances: list[Utterance] = []
    first: dict[str, str] = {}
    for number, (where, cells) in enumerate(rows):
        at = f"{path}, {where}"
        if (label := tables.label_of(cells["label"])) is None:
            raise CorpusError(
                f"{at}: the label is {shown(cells['label'])}; 1 or 0, true or false, sarcastic or non-sarcastic is"
                " needed"
            )
        clip, said = located(tables.text_of(cells, "path", at), path.parent), tables.text_of(cells, "text", at)
        known = {name: texts[number] for name, texts in columns.items()}
        utterance = Utterance(path=clip, is_sarcastic=label, text=said, **known)
        if not utterance.id.isprintable():
            raise CorpusError(f"{at}: the id {utterance.id!r} has characters that cannot be printed; name it otherwise")
        if utterance.id in first:
            raise CorpusError(f"{at}: the id {utterance.id!r} stands in {first[utterance.id]} already; ids must differ")
        first[utterance.id] = where
        utterances.append(utterance)
    return utterances
