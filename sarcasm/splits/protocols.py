"""Split protocols: rules by which a table is divided, for any corpus.

To add one: a class here with `folds` (and `validation_units` and `keeps_apart`, where more than copies must stay
together), and a file in conf/split/ that picks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from omegaconf import MISSING

from sarcasm.embeddings import Table
from sarcasm.errors import ConfigError, SplitError
from sarcasm.options import option
from sarcasm.splits import units
from sarcasm.splits.fold import NO_ROWS, Fold
from sarcasm.splits.parts import one_part, parts

KEPT_APART = ("utterances", "lines", "sounds")
"""Kinds of overlap that no protocol may have; see `sarcasm.splits.audit`."""
SIDES = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
"""What a manifest may call a side -> the side."""


class AuditPolicy(Enum):
    """What is done about a leak."""

    warn = "warn"
    strict = "strict"
    off = "off"


@dataclass
class Split:
    """What every protocol has.

    Attributes:
        name: what the protocol is called in runs and reports.
        audit: whether what stands on both sides is warned of, refused, or not looked for.
    """

    name: str = MISSING
    audit: AuditPolicy = MISSING

    @property
    def keeps_apart(self) -> tuple[str, ...]:
        """Kinds of overlap that this protocol must not have; see `sarcasm.splits.audit`."""
        return KEPT_APART

    def folds(self, table: Table, seed: int) -> list[Fold]:
        """Divide the table.

        Args:
            table: the embeddings of a corpus.
            seed: of whatever is drawn.

        Raises:
            SplitError: the corpus is too small, a class too rare, or something is not known, for this protocol.
        """
        raise NotImplementedError

    def validation_units(self, table: Table) -> np.ndarray:
        """Int64 [N]: rows of one unit stand on the same side when a part of the training side is held out."""
        return units.of_utterances(table)[table.utterance]


@dataclass
class Holdout(Split):
    """One fold, drawn once.

    Attributes:
        test_size: share that is tested, between 0 and 1.
        stratify: whether both sides hold the classes in the corpus's proportion.
    """

    test_size: float = MISSING
    stratify: bool = MISSING

    def __post_init__(self) -> None:
        if not 0 < self.test_size < 1:
            raise ConfigError(f"split.test_size={self.test_size}: a share between 0 and 1 is needed, such as 0.2")

    def _draw(self, labels: np.ndarray, of_each: np.ndarray, seed: int, what: str) -> tuple[np.ndarray, np.ndarray]:
        asked = f"split={self.name} with split.test_size={self.test_size:g} over {what}"
        return one_part(labels, of_each, self.test_size, self.stratify, seed, asked)


@option("split", "utterance")
@dataclass
class UtteranceSplit(Holdout):
    """Draw utterances: all examples of one stand on the same side, with those of its copies."""

    def folds(self, table: Table, seed: int) -> list[Fold]:
        """See `Split.folds`."""
        train, test = self._draw(table.utterance_labels, units.of_utterances(table), seed, "utterances")
        return [fold_of("holdout", table, train, test)]


@option("split", "speaker")
@dataclass
class SpeakerSplit(Holdout):
    """Draw speakers, told apart by (show, speaker): no voice stands on both sides."""

    @property
    def keeps_apart(self) -> tuple[str, ...]:
        """See `Split.keeps_apart`."""
        return (*KEPT_APART, "speakers")

    def folds(self, table: Table, seed: int) -> list[Fold]:
        """See `Split.folds`."""
        refuse_unknown(table, "speaker", self.name)
        train, test = self._draw(table.utterance_labels, units.of_speakers(table), seed, "speakers")
        return [fold_of("holdout", table, train, test)]

    def validation_units(self, table: Table) -> np.ndarray:
        """See `Split.validation_units`."""
        return units.of_speakers(table)[table.utterance]


@option("split", "example")
@dataclass
class ExampleSplit(Holdout):
    """Draw examples, as the notebook did: parts of one utterance stand on both sides, and the score is too good."""

    def folds(self, table: Table, seed: int) -> list[Fold]:
        """See `Split.folds`."""
        train, test = self._draw(table.y, np.arange(len(table.y)), seed, "examples")
        return [Fold("holdout", train, test)]

    def validation_units(self, table: Table) -> np.ndarray:
        """See `Split.validation_units`."""
        return np.arange(len(table.y))


@option("split", "kfold")
@dataclass
class KFold(Split):
    """Every utterance is tested once, in one of k stratified folds.

    Attributes:
        k: number of folds.
        grouped: whether speakers, told apart by (show, speaker), are kept whole.
    """

    k: int = MISSING
    grouped: bool = MISSING

    def __post_init__(self) -> None:
        if self.k < 2:
            raise ConfigError(f"split.k={self.k}: at least 2 folds are needed")

    @property
    def keeps_apart(self) -> tuple[str, ...]:
        """See `Split.keeps_apart`."""
        return (*KEPT_APART, "speakers") if self.grouped else KEPT_APART

    def folds(self, table: Table, seed: int) -> list[Fold]:
        """See `Split.folds`."""
        if self.grouped:
            refuse_unknown(table, "speaker", f"{self.name} split.grouped=true")
        of_each = self._units(table)
        asked = f"split={self.name} split.k={self.k} split.grouped={str(self.grouped).lower()}"
        tested = parts(table.utterance_labels, of_each, self.k, seed, asked)
        return folds_of(table, {f"fold_{number}": part for number, part in enumerate(tested, start=1)})

    def validation_units(self, table: Table) -> np.ndarray:
        """See `Split.validation_units`."""
        return self._units(table)[table.utterance]

    def _units(self, table: Table) -> np.ndarray:
        return units.of_speakers(table) if self.grouped else units.of_utterances(table)


@option("split", "show_out")
@dataclass
class ShowOut(Split):
    """Each show that can be tested is tested once, by what was learned on all others.

    A show with too few clips of a class (of MUStARD's four, one has none that is not sarcastic, and one has a single
    one) cannot be tested by itself, and is always trained on.

    Attributes:
        fewest: clips of each class that a show needs to be tested.
    """

    fewest: int = MISSING

    def __post_init__(self) -> None:
        if self.fewest < 1:
            raise ConfigError(f"split.fewest={self.fewest}: at least 1 clip of each class is needed")

    @property
    def keeps_apart(self) -> tuple[str, ...]:
        """See `Split.keeps_apart`."""
        return (*KEPT_APART, "speakers", "shows")

    def folds(self, table: Table, seed: int) -> list[Fold]:  # noqa: ARG002
        """See `Split.folds`; nothing is drawn."""
        refuse_unknown(table, "show", self.name)
        of_each, labels = units.of_shows(table), table.utterance_labels
        tested = {}
        for number in np.unique(of_each):
            is_tested = of_each == number
            both = (labels[is_tested], labels[~is_tested])
            if _rarest(both[0]) >= self.fewest and _rarest(both[1]) > 0:
                part = np.flatnonzero(is_tested)
                tested["+".join(sorted({table.utterances[position].show for position in part}))] = part
        if not tested:
            raise SplitError(
                f"split={self.name} needs a show with {self.fewest} clips of each class (split.fewest) and clips of"
                f" both classes in the others, and this corpus has none among {len(np.unique(of_each))} shows; choose"
                " split=speaker or split=utterance"
            )
        return folds_of(table, dict(sorted(tested.items())))

    def validation_units(self, table: Table) -> np.ndarray:
        """By speaker: shows are too few, and too one-sided, to hold one of them out for every choice."""
        return units.of_speakers(table)[table.utterance]


@option("split", "predefined")
@dataclass
class Predefined(Split):
    """The manifest's own: its column `split` says train, validation or test, or in which fold each clip is tested."""

    def folds(self, table: Table, seed: int) -> list[Fold]:  # noqa: ARG002
        """See `Split.folds`; nothing is drawn."""
        named = [each.split for each in table.utterances]
        if nameless := [each.id for each, name in zip(table.utterances, named, strict=True) if not name]:
            raise SplitError(
                f"split={self.name}: {len(nameless)} of {len(named)} clips have no value in the column split, such as"
                f" {nameless[0]}; say train, validation or test there, or the name of a fold"
            )
        sides = [SIDES.get(name.lower()) for name in named]
        if not any(sides):
            return self._numbered(table, named)
        if None in sides:
            odd = named[sides.index(None)]
            raise SplitError(
                f"split={self.name}: the column split has {odd!r} beside {named[sides.index(_first(sides))]!r}; use"
                " train, validation and test only, or names of folds only"
            )
        for side in ("train", "test"):
            if side not in sides:
                raise SplitError(f"split={self.name}: the column split says {side} for no clip; there must be some")
        positions = {side: np.flatnonzero([each == side for each in sides]) for side in ("train", "validation", "test")}
        return [fold_of("predefined", table, *(positions[side] for side in ("train", "test", "validation")))]

    def _numbered(self, table: Table, named: Sequence[str]) -> list[Fold]:
        names = sorted(set(named), key=lambda name: (len(name), name) if name.isdigit() else (0, name))
        if len(names) < 2:
            raise SplitError(f"split={self.name}: the column split names the one fold {names[0]!r}; two are needed")
        return folds_of(table, {name: np.flatnonzero([each == name for each in named]) for name in names})


def fold_of(name: str, table: Table, train: np.ndarray, test: np.ndarray, validation: np.ndarray = NO_ROWS) -> Fold:
    """The fold whose sides hold all rows of these utterances, given as positions in the table's utterances."""
    return Fold(name, *(np.flatnonzero(np.isin(table.utterance, side)) for side in (train, test, validation)))


def folds_of(table: Table, tested: dict[str, np.ndarray]) -> list[Fold]:
    """One fold for each set of utterances, tested by what is learned on all others."""
    everyone = np.arange(len(table.utterances))
    return [fold_of(name, table, np.setdiff1d(everyone, part), part) for name, part in tested.items()]


def refuse_unknown(table: Table, what: str, split: str) -> None:
    """Stop where the corpus does not say what a protocol goes by.

    Raises:
        SplitError: a clip has no speaker, or no show.
    """
    nameless = [each.id for each in table.utterances if not getattr(each, what)]
    if nameless:
        raise SplitError(
            f"split={split} needs the {what} of every clip, and {len(nameless)} of {len(table.utterances)} have none,"
            f" such as {nameless[0]}; fill in the labels' {what}s, or choose split=utterance"
        )


def _rarest(labels: np.ndarray) -> int:
    """How many there are of the rarer class."""
    return int(min(labels.sum(), (~labels).sum()))


def _first(sides: Iterable[str | None]) -> str:
    return next(side for side in sides if side)
