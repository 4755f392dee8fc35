"""What stands on both sides, and how the classes lie: looked at before anything is trained.

Kinds of overlap, each between what a fold tests and what it trains or validates on, and between validation and
training: utterances (parts of one), sounds (the same samples, or nearly), lines (the same words by the same speaker,
four or more), texts (the same words by anyone), speakers (told apart by show) and shows. Which of them a protocol must
not have, the protocol says (`Split.keeps_apart`); the others are facts about it that a reader should know.
"""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sarcasm.corpus import Utterance
from sarcasm.corpus.dataset import listed
from sarcasm.embeddings import Table
from sarcasm.errors import SplitError
from sarcasm.splits import units
from sarcasm.splits.fold import Fold
from sarcasm.splits.protocols import SIDES, AuditPolicy, Split

KINDS = {
    "utterances": "parts of the same clip",
    "sounds": "clips of (nearly) the same sound",
    "lines": "the same line by the same speaker",
    "texts": "the same words",
    "speakers": "the same speaker",
    "shows": "the same show",
}
MOST_NAMED = 3


@dataclass(frozen=True)
class Overlap:
    """What one side of a fold shares with another.

    Attributes:
        fold: its name.
        sides: "test/seen" (training and validation) or "validation/training".
        kind: see the module.
        n_first: utterances on the first side.
        shared: ids of those that have a counterpart on the other, ascending.
    """

    fold: str
    sides: str
    kind: str
    n_first: int
    shared: tuple[str, ...]


@dataclass(frozen=True)
class Balance:
    """How the classes lie in a group of a side of a fold.

    Attributes:
        fold, side: train, validation or test of which fold.
        group: "all", "show" or "speaker".
        name: of the show or the (show, speaker).
        n_utterances, n_sarcastic: utterances, and sarcastic ones among them.
        n_examples, n_sarcastic_examples: likewise.
    """

    fold: str
    side: str
    group: str
    name: str
    n_utterances: int
    n_sarcastic: int
    n_examples: int
    n_sarcastic_examples: int


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        overlaps: of each fold, pair of sides and kind.
        balances: of each fold, side and group.
        forbidden: kinds that the protocol must not have.
        policy: what is done about a leak.
    """

    overlaps: tuple[Overlap, ...]
    balances: tuple[Balance, ...]
    forbidden: tuple[str, ...]
    policy: AuditPolicy

    def shared(self, kind: str, sides: str = "test/seen") -> tuple[str, ...]:
        """Ids of the utterances that stand on both sides in any fold, by kind."""
        found = {id_ for each in self.overlaps if (each.kind, each.sides) == (kind, sides) for id_ in each.shared}
        return tuple(sorted(found))

    def n_first(self, sides: str = "test/seen") -> int:
        """Utterances on the first of two sides, over all folds."""
        return sum(each.n_first for each in self.overlaps if (each.kind, each.sides) == ("utterances", sides))

    @property
    def n_tested(self) -> int:
        """Utterances that are tested, over all folds."""
        return self.n_first()

    @property
    def is_leaky(self) -> bool:
        """Whether what is tested was, in part or in a copy, heard in training: the scores are too good."""
        return any(self.shared(kind) for kind in self.forbidden)

    @property
    def leaks(self) -> list[str]:
        """Whatever the protocol must not have, each as a sentence; the worst first."""
        sides = {"test/seen": "The split leaks", "validation/training": "Validation leaks"}
        return [
            f"{words}: {_sentence(self, kind, side)}"
            for side, words in sides.items()
            for kind in KINDS
            if kind in self.forbidden and self.shared(kind, side)
        ]

    @property
    def warnings(self) -> list[str]:
        """The leaks, unless they are not asked for."""
        return [] if self.policy is AuditPolicy.off else self.leaks

    def refuse(self, protocol: str) -> None:
        """Stop where leaks are not let pass.

        Raises:
            SplitError: `split.audit=strict`, and something stands on both sides that must not.
        """
        if self.policy is AuditPolicy.strict and (leaks := self.leaks):
            raise SplitError(
                f"split={protocol} with split.audit=strict refuses to train. {' '.join(leaks)} Choose another split, or"
                " split.audit=warn"
            )

    def tags(self) -> Mapping[str, str]:
        """Whether it leaks, and by kind how many test utterances have a counterpart in training: tags of a run."""
        counts = {f"audit.{kind}": str(len(self.shared(kind))) for kind in KINDS}
        return {"split.leaky": str(self.is_leaky).lower(), **counts}

    def overlaps_csv(self) -> str:
        """The overlaps as a table: fold, sides, kind, utterances, shared, forbidden, ids.

        Ids stand in one cell, with spaces between them; those with spaces of their own are quoted as a shell does it.
        """
        rows = (
            (each.fold, each.sides, each.kind, each.n_first, len(each.shared), each.kind in self.forbidden,
             shlex.join(each.shared))
            for each in self.overlaps
        )  # fmt: skip
        return _table(("fold", "sides", "kind", "utterances", "shared", "forbidden", "ids"), rows)

    def balances_csv(self) -> str:
        """The balances as a table."""
        names = ("fold", "side", "group", "name", "utterances", "sarcastic", "examples", "sarcastic_examples")
        return _table(names, (tuple(vars(each).values()) for each in self.balances))


def case_warnings(utterances: Sequence[Utterance]) -> list[str]:
    """Names that differ in upper and lower case alone, and so count as different: a sentence for each kind of name.

    What a split calls its sides is left out: there, case does not matter.
    """
    kinds: dict[str, list[tuple[Hashable, str]]] = {
        "shows": [(each.show.casefold(), each.show) for each in utterances],
        "speakers": [((each.show.casefold(), each.speaker.casefold()), each.speaker) for each in utterances],
        "folds": [(each.split.casefold(), each.split) for each in utterances if each.split.lower() not in SIDES],
    }
    said = []
    for kind, keyed in kinds.items():
        spellings: dict[Hashable, set[str]] = {}
        for key, name in keyed:
            spellings.setdefault(key, set()).add(name)
        alike = [" / ".join(sorted(each)) for each in spellings.values() if len(each) > 1]
        if alike:
            said.append(
                f"These {kind} differ in upper and lower case alone and count as different: {listed(alike)}. If they"
                " are the same, spell them alike."
            )
    return said


def audit(folds: Sequence[Fold], table: Table, split: Split) -> Audit:
    """Look at what stands on both sides of each fold.

    Args:
        folds: to look at.
        table: what they divide.
        split: the protocol that made them.
    """
    keys = _keys(table)
    overlaps = [
        overlap
        for fold in folds
        for sides, first, second in (
            ("test/seen", fold.test, fold.seen),
            ("validation/training", fold.validation, fold.train),
        )
        if len(first)
        for overlap in _overlaps(fold.name, sides, first, second, table, keys)
    ]
    balances = [
        balance
        for fold in folds
        for side in ("train", "validation", "test")
        for balance in _balances(fold.name, side, getattr(fold, side), table)
    ]
    return Audit(tuple(overlaps), tuple(balances), split.keeps_apart, split.audit)


def _keys(table: Table) -> dict[str, list[Hashable | None]]:
    """Kind -> what an utterance shares with another where they overlap in that way; None is shared with nobody."""
    everyone = table.utterances
    return {
        "utterances": [each.id for each in everyone],
        "sounds": table.sounds.tolist(),
        "lines": [units.line(each) for each in everyone],
        "texts": [units.words(each.text) or None for each in everyone],
        "speakers": [units.speaker(each) if each.speaker else None for each in everyone],
        "shows": [each.show or None for each in everyone],
    }


def _overlaps(
    fold: str, sides: str, first: np.ndarray, second: np.ndarray, table: Table, keys: Mapping[str, Sequence[Hashable]]
) -> list[Overlap]:
    ours, theirs = np.unique(table.utterance[first]), np.unique(table.utterance[second])
    found = []
    for kind, of_each in keys.items():
        # Parts of one clip are counted as such, not as a line or a sound that stands there twice.
        others = theirs if kind in ("utterances", "speakers", "shows") else np.setdiff1d(theirs, ours)
        there = {of_each[position] for position in others} - {None}
        shared = sorted(table.utterances[position].id for position in ours if of_each[position] in there)
        found.append(Overlap(fold, sides, kind, len(ours), tuple(shared)))
    return found


def _balances(fold: str, side: str, rows: np.ndarray, table: Table) -> list[Balance]:
    groups: dict[tuple[str, str], list[int]] = {("all", ""): list(rows)} if len(rows) else {}
    for row in rows:
        utterance = table.utterances[table.utterance[row]]
        if utterance.show:
            groups.setdefault(("show", utterance.show), []).append(row)
        if utterance.speaker:
            groups.setdefault(("speaker", ":".join(units.speaker(utterance)).lstrip(":")), []).append(row)
    found = []
    for (group, name), members in sorted(groups.items()):
        utterances = np.unique(table.utterance[members])
        n_sarcastic = int(table.utterance_labels[utterances].sum())
        sarcastic_examples = int(table.y[members].sum())
        found.append(Balance(fold, side, group, name, len(utterances), n_sarcastic, len(members), sarcastic_examples))
    return found


def _sentence(found: Audit, kind: str, sides: str) -> str:
    shared, n_first, first = found.shared(kind, sides), found.n_first(sides), sides.partition("/")[0]
    if kind == "utterances":
        return f"parts of {len(shared)} of the {n_first} {first} utterances were heard in training."
    named = ", ".join(shared[:MOST_NAMED]) + (" ..." if len(shared) > MOST_NAMED else "")
    return f"{len(shared)} of the {n_first} {first} utterances ({named}) have {KINDS[kind]} in training."


def _table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(rows)
    return text.getvalue()
