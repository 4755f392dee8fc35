"""Rows to choose on: carved out of a fold's training side, never out of its test side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sarcasm.embeddings import Table
from sarcasm.errors import SplitError
from sarcasm.splits.fold import Fold
from sarcasm.splits.parts import one_part
from sarcasm.splits.protocols import Split


def with_validation(
    folds: Sequence[Fold], split: Split, table: Table, share: float, seed: int, choosers: Sequence[str]
) -> list[Fold]:
    """Take a share of the training side of each fold for validation, dividing no unit of the protocol.

    Args:
        folds: whose training sides are divided; one that has a validation side already (`split=predefined`) keeps it.
        split: the protocol, which says what must not be divided.
        table: what the folds divide.
        share: of the training side; 0 takes nothing.
        seed: of the draw.
        choosers: options that need validation rows, such as "decision=tuned".

    Raises:
        SplitError: the training side is too small, or something needs validation rows and there are none.
    """
    divided = list(folds) if not share else [_with_validation(fold, split, table, share, seed) for fold in folds]
    for fold in divided if choosers else []:
        if not len(fold.validation):
            raise SplitError(
                f"{choosers[0]} is chosen on validation rows, and there are none; add trainer.validation_share=0.2, or"
                " name them in a manifest with split=predefined"
            )
        if len(set(table.y[fold.validation])) == 1:
            word = "sarcastic" if table.y[fold.validation[0]] else "not sarcastic"
            raise SplitError(
                f"{choosers[0]} is chosen on validation rows, and those of fold {fold.name} are all {word}; hold out"
                " more, or others"
            )
    return divided


def _with_validation(fold: Fold, split: Split, table: Table, share: float, seed: int) -> Fold:
    if len(fold.validation):
        return fold
    units = split.validation_units(table)[fold.train]
    asked = f"trainer.validation_share={share:g} with split={split.name}"
    stays, taken = _divide(fold.train, units, table, share, seed, asked)
    return replace(fold, train=fold.train[stays], validation=fold.train[taken])


def _divide(
    rows: np.ndarray, units: np.ndarray, table: Table, share: float, seed: int, asked: str
) -> tuple[np.ndarray, np.ndarray]:
    if len(np.unique(units)) == len(units):
        return one_part(table.y[rows], units, share, True, seed, asked)
    # By utterances, so that long ones do not count more than others.
    first = np.unique(table.utterance[rows], return_index=True)[1]
    _, taken = one_part(table.y[rows[first]], units[first], share, True, seed, asked)
    is_taken = np.isin(table.utterance[rows], table.utterance[rows[first[taken]]])
    return np.flatnonzero(~is_taken), np.flatnonzero(is_taken)
