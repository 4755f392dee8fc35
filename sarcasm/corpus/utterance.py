"""Utterances, the corpus they make, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sarcasm.corpus.provenance import read_records
from sarcasm.files import hash_files

UNREADABLE = "unreadable"
INVISIBLE = ("Cc", "Cf")
"""Unicode categories of characters that nobody sees in a name: control and format characters, such as the zero-width
space, the soft hyphen and the byte order mark."""


def normalized(text: str) -> str:
    """A text as it is compared: two that look the same are the same, however they were typed.

    Returns:
        It in Unicode's form NFKC (Unicode Standard Annex 15), with neither white space of any kind at its ends nor more
        than one space in a row, and without invisible characters; normalizing it again changes nothing.
    """
    if not text.isprintable():
        text = "".join(each for each in text if each.isspace() or unicodedata.category(each) not in INVISIBLE)
    return " ".join(unicodedata.normalize("NFKC", text).split())


@dataclass(frozen=True)
class Utterance:
    """One clip and what is known of it.

    Names are kept as they are compared (see `normalized`), whatever made the utterance: everything that groups by one
    of them groups the same. A text is kept as it reads, in one form of Unicode and with one kind of line end.

    Attributes:
        id: unique in its corpus.
        path: the sound.
        is_sarcastic: the label.
        speaker: who speaks, "" where unknown; only unique within a show.
        show: from what programme, "" where unknown.
        text: what is said, "" where unknown.
        split: the part of a published split it belongs to, "" where there is none.
    """

    id: str
    path: Path
    is_sarcastic: bool
    speaker: str = ""
    show: str = ""
    text: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        for name in ("id", "speaker", "show", "split"):
            object.__setattr__(self, name, normalized(getattr(self, name)))
        text = unicodedata.normalize("NFC", self.text).replace("\r\n", "\n").replace("\r", "\n")
        object.__setattr__(self, "text", text.strip())


@dataclass(frozen=True)
class Corpus:
    """What a dataset holds.

    Attributes:
        utterances: those with a label and a file, sorted by id; of both classes.
        missing: ids with a label but without a file, sorted.
        unlabelled: names of files without a label, sorted.
        is_made_up: whether the sound is synthesised.
        hash_files: gives the SHA-256 of each file, None where it cannot be read; a store remembers them.
    """

    utterances: tuple[Utterance, ...]
    missing: tuple[str, ...] = ()
    unlabelled: tuple[str, ...] = ()
    is_made_up: bool = False
    hash_files: Callable[[Sequence[Path]], Sequence[str | None]] = hash_files

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Id -> SHA-256 of its file, or "unreadable": whoever needs its sound will say so."""
        found = self.hash_files([utterance.path for utterance in self.utterances])
        pairs = zip(self.utterances, found, strict=True)
        return {utterance.id: sha256 or UNREADABLE for utterance, sha256 in pairs}

    @cached_property
    def changed(self) -> tuple[Utterance, ...]:
        """Those whose file is there, but is not the one that its folder's manifest says was prepared.

        Raises:
            CorpusError: a manifest is not readable.
        """
        return tuple(
            utterance
            for utterance in self.utterances
            if self.hashes[utterance.id]
            not in (UNREADABLE, self._prepared.get(_composed(utterance.path), self.hashes[utterance.id]))
        )

    @property
    def as_prepared(self) -> frozenset[str]:
        """Ids of those whose file is the one that its folder's manifest says was prepared.

        Raises:
            CorpusError: a manifest is not readable.
        """
        return frozenset(
            utterance.id
            for utterance in self.utterances
            if self.hashes[utterance.id] == self._prepared.get(_composed(utterance.path))
        )

    @cached_property
    def _prepared(self) -> dict[Path, str]:
        """Path -> hash of what was prepared there."""
        folders = {utterance.path.parent for utterance in self.utterances}
        return {
            _composed(folder / records[-1].file): records[-1].sha256
            for folder in folders
            for records in read_records(folder).values()
        }

    @property
    def fingerprint(self) -> str:
        """Names the content: same utterances, same sound, same name, wherever the files lie.

        Ids, labels, speakers, shows, texts, sides (`split`) and the bytes of the files count, as all of them can change
        a result; the order and place of the files do not.

        Returns:
            "sha256:" and 64 hexadecimal digits.
        """
        whole = hashlib.sha256()
        for utterance in sorted(self.utterances, key=lambda each: each.id):
            known = [utterance.id, utterance.is_sarcastic, utterance.speaker, utterance.show]
            known += [utterance.text, utterance.split]
            whole.update(f"{json.dumps(known)}\n{self.hashes[utterance.id]}\n".encode())
        return f"sha256:{whole.hexdigest()}"


def _composed(path: Path) -> Path:
    """A path by which to find what is known of a file, whichever form of Unicode a disk keeps its name in."""
    return Path(unicodedata.normalize("NFC", str(path)))
