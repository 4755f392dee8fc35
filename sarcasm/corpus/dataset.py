"""What every dataset has: its options, and the rules any corpus must keep to be of use.

The rules: ids are unique, and fit for a file name where clips are found by them; most labels have a clip and most clips
a label; both classes occur.
"""

from __future__ import annotations

import codecs
import difflib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from sarcasm.corpus.utterance import Corpus, Utterance, normalized
from sarcasm.errors import ConfigError, CorpusError
from sarcasm.files import stand_in_at

MOST_LISTED = 5
"""Names that an error lists before it only counts."""
MARKS = {
    codecs.BOM_UTF8: "UTF-8", codecs.BOM_UTF32_LE: "UTF-32", codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16",
}  # fmt: skip
"""Byte order mark -> encoding, in the order to be tried: the mark of UTF-32 (LE) begins with that of UTF-16 (LE)."""
OTHER_FILES = {
    b"PK\x03\x04": "an Excel workbook (.xlsx) or another zip archive", b"\xd0\xcf\x11\xe0": "an Excel workbook (.xls)",
    b"PAR1": "a Parquet file", b"ARROW1": "an Arrow file", b"SQLite format 3\0": "an SQLite database",
    b"\x1f\x8b": "compressed by gzip", b"{\\rtf": "a document in rich text (RTF)", b"%PDF": "a PDF document",
}  # fmt: skip
"""How files begin that are taken for tables, or hold one -> what they are."""


class BadClips(Enum):
    """What to do with a clip that cannot be used."""

    fail = "fail"
    skip = "skip"


class ShortClips(Enum):
    """What to do with a clip shorter than one example."""

    pad = "pad"
    drop = "drop"
    fail = "fail"


@dataclass
class Dataset:
    """What every dataset has.

    Attributes:
        name: what the dataset is called in runs and reports.
        only: keep these ids; empty keeps all.
        bad_clips: what to do with a clip that cannot be used.
        short_clips: what to do with a clip shorter than one example.
        max_missing: largest share of labels without a clip, or of clips without a label, that is let pass.
    """

    name: str = MISSING
    only: list[str] = MISSING
    bad_clips: BadClips = MISSING
    short_clips: ShortClips = MISSING
    max_missing: float = MISSING

    def __post_init__(self) -> None:
        if not 0 <= self.max_missing <= 1:
            raise ConfigError(
                f"dataset.max_missing={self.max_missing}: a share between 0 and 1 is needed, such as 0.05"
            )

    @property
    def source(self) -> str:
        """The file that says what is spoken, by whom, and the label."""
        raise NotImplementedError

    def read(self) -> Corpus:
        """Find out what is there; no sound is read.

        Raises:
            CorpusError: labels or clips cannot be used as they are; the message says what to do.
        """
        raise NotImplementedError

    def selected(self, utterances: Sequence[Utterance], source: Path) -> list[Utterance]:
        """Those that `only` keeps, sorted by id.

        Args:
            utterances: all that are labelled.
            source: where the labels stand, for messages.

        Raises:
            CorpusError: `only` names an id that does not exist, and the message the nearest; or two have the same id.
        """
        known = {utterance.id: utterance for utterance in utterances}
        if len(known) < len(utterances):
            twice = Counter(utterance.id for utterance in utterances).most_common(1)[0][0]
            raise CorpusError(f"{source}: the id {twice!r} stands there twice; ids must differ")
        only = set(map(normalized, self.only))
        for id_ in sorted(only - known.keys()):
            raise CorpusError(f"dataset.only: {source} has no {id_!r}{_meant(id_, known)}")
        return [known[id_] for id_ in sorted(only or known)]

    def refuse_missing(self, names: Collection[str], n_all: int, what: str, how: str | None = None) -> None:
        """Stop when too large a share is missing.

        Args:
            names: what is missing, or has no counterpart.
            n_all: out of how many.
            what: what they are and what they lack, such as "labels in FILE have no clip in FOLDER".
            how: the command that mends it, if there is one.

        Raises:
            CorpusError: the share is above `max_missing`.
        """
        if names and len(names) > self.max_missing * n_all:
            raise CorpusError(
                f"{len(names)} of {n_all} {what}: {listed(names)}; {how or 'put that right'}, or allow more than"
                f" dataset.max_missing={self.max_missing:g}"
            )


def refuse_one_class(utterances: Sequence[Utterance], source: Path) -> None:
    """Stop when there is nothing to tell apart.

    Raises:
        CorpusError: all utterances, or all but none, have the same label.
    """
    labels = {utterance.is_sarcastic for utterance in utterances}
    if len(labels) == 1:
        clips = "the one clip" if len(utterances) == 1 else f"all {len(utterances)} clips"
        word = "sarcastic" if labels.pop() else "not sarcastic"
        verb = "is" if len(utterances) == 1 else "are"
        raise CorpusError(
            f"{source}: {clips} to be used {verb} {word}: there is nothing to tell apart; add other clips"
        )


def _meant(id_: str, known: Iterable[str]) -> str:
    # Hydra, like YAML, takes 2_99 for the number 299.
    if unquoted := [other for other in known if "_" in other and other.replace("_", "") == id_]:
        return f"; if {unquoted[0]} is meant, put it in quotes: dataset.only='[\"{unquoted[0]}\"]'"
    near = nearest(id_, known)
    return f"; did you mean {near}?" if near else ""


def bad_id(id_: str) -> str | None:
    """Why an id cannot be the name of a file in a folder; None where it can."""
    if not id_:
        return "is empty"
    if id_ in (".", "..") or "/" in id_ or "\\" in id_:
        return "leads out of its folder"
    if not id_.isprintable():
        return "has characters that cannot be printed"
    return None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that is most like another, in whatever case, or None where none is."""
    lowered = {other.lower(): other for other in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.5)
    return lowered[near[0]] if near else None


def listed(names: Iterable[str]) -> str:
    """The first few names and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def shown(value: Any) -> str:
    """A value from a file as JSON, shortened, for a message."""
    text = json.dumps(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def read_text(path: Path, option: str, advice: str) -> str:
    """Read a file of labels: text in UTF-8, or in UTF-16 or UTF-32 with a byte order mark.

    Args:
        path: the file.
        option: the option that names it.
        advice: what to do when it is not there.

    Returns:
        The text without the mark; its lines end with a line feed, whatever they end with in the file.

    Raises:
        CorpusError: it is missing, not the file (see `stand_in_at`), not readable, or not such text.
    """
    if fault := stand_in_at(path):
        raise CorpusError(f"{option}: {path} {fault}")
    try:
        text = _decoded(path.read_bytes(), f"{option}: {path}")
    except FileNotFoundError:
        raise CorpusError(f"{option}: {path} is not there; {advice}") from None
    except IsADirectoryError:
        raise CorpusError(f"{option}: {path} is a folder; name the file with {option}=FILE") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(f"{option}: {path} cannot be read ({reason}); name another with {option}=FILE") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(content: bytes, where: str) -> str:
    """The text of a file; the message of the error names its encoding, or what it is instead of text."""
    if found := next((what for start, what in OTHER_FILES.items() if content.startswith(start)), None):
        raise CorpusError(f"{where} is {found}, not text; save it as CSV or JSON in UTF-8")
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "UTF-8")
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode(encoding, "ignore")
        fault = f"not {encoding} text"
        # A byte beyond ASCII is a letter in what Western systems wrote before UTF-8: whoever reads this may know it.
        letter = content[error.start : error.start + 1].decode("cp1252", "replace")
        if encoding == "UTF-8" and letter.isprintable() and letter != "\N{REPLACEMENT CHARACTER}":
            fault += f": byte 0x{content[error.start]:02X}, which is {letter!r} in Windows-1252 (Latin-1)"
        raise CorpusError(f"{where}, line {_line_of(before)}: {fault}; save it as UTF-8") from error
    if "\0" in text:
        raise CorpusError(
            f"{where}, line {_line_of(text.partition(chr(0))[0])}: it has NUL characters, so it is UTF-16 without a"
            " byte order mark, or no text; save it as UTF-8"
        )
    return text


def _line_of(before: str) -> int:
    """The line that follows a text, from 1, whatever its lines end with."""
    return len(re.split(r"\r\n|\r|\n", before))


def read_json(text: str, where: str, first_line: int = 1) -> Any:
    """Parse JSON strictly: an object that names a key twice is refused.

    Args:
        text: the JSON.
        where: the file, for messages.
        first_line: of the text in the file.

    Raises:
        CorpusError: it is not JSON, or names a key twice.
    """

    def pairs(members: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(members)
        if len(found) < len(members):
            twice = Counter(name for name, _ in members).most_common(1)[0][0]
            raise CorpusError(f"{where}: {twice!r} stands there twice; keep one of them")
        return found

    try:
        return json.loads(text, object_pairs_hook=pairs)
    except json.JSONDecodeError as error:
        line = error.lineno + first_line - 1
        raise CorpusError(f"{where}, line {line}, column {error.colno}: not JSON ({error.msg})") from error
    except RecursionError:
        raise CorpusError(f"{where}: not JSON that can be used (nested too deeply)") from None
    except ValueError as error:
        # A whole number of more than 4300 digits.
        raise CorpusError(f"{where}: not JSON that can be used ({error})") from error
