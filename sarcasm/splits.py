"""Split protocols: which rows of the table are trained on and which are tested.

A protocol answers with folds; each fold holds row numbers of the table. What a protocol promises is checked from
outside by `leakage`, which counts the test utterances of which the training side has already heard a part.

To add a protocol: a class here with a `folds` method, and a file in conf/split/ that picks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from omegaconf import MISSING

from sarcasm.embeddings import Table
from sarcasm.errors import ConfigError, SplitError
from sarcasm.options import option


@dataclass(frozen=True)
class Fold:
    """One division of the table.

    Attributes:
        name: what the fold is called in predictions and reports.
        train: int64 [n_train], row numbers of the table, ascending.
        test: int64 [n_test], likewise.
    """

    name: str
    train: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Leakage:
    """What the test side of all folds shares with its training side.

    Attributes:
        n_test_utterances: utterances with at least one row in a test side.
        n_seen_utterances: those of them with a row in the training side of the same fold.
    """

    n_test_utterances: int
    n_seen_utterances: int

    @property
    def is_leaky(self) -> bool:
        """Whether any test utterance was partly heard in training."""
        return self.n_seen_utterances > 0


@dataclass
class Split:
    """What every protocol has.

    Attributes:
        name: what the protocol is called in runs and reports.
    """

    name: str = MISSING

    def folds(self, table: Table, seed: int) -> list[Fold]:
        """Divide the table.

        Args:
            table: the embeddings of a corpus.
            seed: of whatever is drawn.

        Raises:
            SplitError: the corpus is too small, or a class too rare, for this protocol.
        """
        raise NotImplementedError


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

    def _draw(self, labels: np.ndarray, unit: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Train and test positions into `labels`, by scikit-learn's train_test_split.

        Raises:
            SplitError: scikit-learn cannot divide that few, or a class has a single member.
        """
        from sklearn.model_selection import train_test_split

        counts = {name: int(np.sum(labels == value)) for value, name in ((True, "sarcastic"), (False, "non-sarcastic"))}
        for name, count in counts.items():
            if self.stratify and count < 2:
                raise SplitError(
                    f"split={self.name} needs at least 2 {name} {unit}s to put one on each side,"
                    f" and the corpus has {count}; use more clips, or split.stratify=false"
                )
        positions = np.arange(len(labels))
        try:
            train, test = train_test_split(
                positions, test_size=self.test_size, random_state=seed, stratify=labels if self.stratify else None
            )
        except ValueError as error:
            raise SplitError(
                f"split={self.name} cannot divide {len(labels)} {unit}s ({counts['sarcastic']} sarcastic) with"
                f" split.test_size={self.test_size}: {' '.join(str(error).split())}"
            ) from error
        return train, test


@option("split", "utterance")
@dataclass
class UtteranceSplit(Holdout):
    """Draw utterances: all examples of one stand on the same side."""

    def folds(self, table: Table, seed: int) -> list[Fold]:
        """See `Split.folds`."""
        train, test = self._draw(table.utterance_labels, "utterance", seed)
        return [Fold("holdout", *(np.flatnonzero(np.isin(table.utterance, side)) for side in (train, test)))]


@option("split", "example")
@dataclass
class ExampleSplit(Holdout):
    """Draw examples, as the notebook did: parts of one utterance stand on both sides, and the score is too good."""

    def folds(self, table: Table, seed: int) -> list[Fold]:
        """See `Split.folds`."""
        train, test = self._draw(table.y, "example", seed)
        return [Fold("holdout", np.sort(train), np.sort(test))]


def leakage(folds: Sequence[Fold], table: Table) -> Leakage:
    """Count the test utterances that the training side of the same fold has already heard a part of."""
    tested = [set(table.utterance[fold.test]) for fold in folds]
    seen = [side & set(table.utterance[fold.train]) for side, fold in zip(tested, folds, strict=True)]
    return Leakage(sum(map(len, tested)), sum(map(len, seen)))
