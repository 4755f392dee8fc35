"""Drawing parts of a corpus in which the classes stand in proportion and no unit is divided, by scikit-learn."""

from __future__ import annotations

import numpy as np

from sarcasm.errors import SplitError

CLASS_WORDS = ((True, "sarcastic"), (False, "non-sarcastic"))
DRAWS = 200
"""Of groups, from which the one nearest to what was asked for is taken."""


def parts(labels: np.ndarray, units: np.ndarray, n_parts: int, seed: int, asked: str) -> list[np.ndarray]:
    """Divide everything into parts of about the same size and share of sarcastic ones.

    Args:
        labels: bool [n].
        units: int64 [n].
        n_parts: how many.
        seed: of the draw.
        asked: the options that ask for this, for messages.

    Returns:
        Positions [n_i] of each part, ascending.

    Raises:
        SplitError: there are too few units of a class.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    for value, name in CLASS_WORDS:
        count = len(np.unique(units[labels == value]))
        if count < n_parts:
            raise SplitError(
                f"{asked} needs {name} clips of at least {n_parts} groups that must not be divided, and there are"
                f" {count}; use more clips or fewer parts"
            )
    # Only the first keeps the proportions to within one; the second cannot always.
    is_single = len(np.unique(units)) == len(units)
    kind = StratifiedKFold if is_single else StratifiedGroupKFold
    divided = kind(n_parts, shuffle=True, random_state=seed).split(labels, labels, None if is_single else units)
    return [np.sort(test) for _, test in divided]


def one_part(
    labels: np.ndarray, units: np.ndarray, share: float, stratify: bool, seed: int, asked: str
) -> tuple[np.ndarray, np.ndarray]:
    """Take one part out.

    Args:
        labels: bool [n].
        units: int64 [n].
        share: of the whole that is taken, about.
        stratify: whether both sides hold the classes in the whole's proportion, as far as units allow.
        seed: of the draw.
        asked: the options that ask for this, for messages.

    Returns:
        Positions that stay, positions that are taken; both ascending.

    Raises:
        SplitError: too few units, or a class would be missing on a side.
    """
    found, unit = np.unique(units, return_inverse=True)
    if len(found) < len(units):
        stays, taken = _grouped(labels, unit, share, stratify, seed, asked)
    else:
        stays, taken = _single(labels, share, stratify, seed, asked)
    return np.sort(stays), np.sort(taken)


def _single(labels: np.ndarray, share: float, stratify: bool, seed: int, asked: str) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.model_selection import train_test_split

    for value, name in CLASS_WORDS:
        if stratify and (count := int(np.sum(labels == value))) < 2:
            raise SplitError(
                f"{asked} needs at least 2 {name} ones to put one on each side, and there is {count or 'none'};"
                " use more clips, or split.stratify=false"
            )
    try:
        stays, taken = train_test_split(
            np.arange(len(labels)), test_size=share, random_state=seed, stratify=labels if stratify else None
        )
    except ValueError as error:
        raise SplitError(
            f"{asked} cannot divide {len(labels)} ({labels.sum()} sarcastic): {' '.join(str(error).split())}"
        ) from error
    return stays, taken


def _grouped(
    labels: np.ndarray, units: np.ndarray, share: float, stratify: bool, seed: int, asked: str
) -> tuple[np.ndarray, np.ndarray]:
    """Of many draws of groups, the one nearest to the share of clips and, if asked for, of sarcastic ones."""
    from sklearn.model_selection import GroupShuffleSplit

    if units.max() < 1:
        raise SplitError(f"{asked} needs clips of at least 2 groups, and all are of one; choose another split")
    try:
        drawn = list(GroupShuffleSplit(DRAWS, test_size=share, random_state=seed).split(labels, labels, units))
    except ValueError as error:
        raise SplitError(f"{asked} cannot divide {units.max() + 1} groups: {' '.join(str(error).split())}") from error
    best: tuple[float, np.ndarray, np.ndarray] | None = None
    for stays, taken in drawn:
        if stratify and not (0 < labels[taken].sum() < len(taken) and 0 < labels[stays].sum() < len(stays)):
            continue
        distance = abs(len(taken) / len(labels) - share)
        if stratify:
            distance += abs(labels[taken].mean() - labels.mean())
        if best is None or distance < best[0]:
            best = distance, stays, taken
    if best is None:
        raise SplitError(
            f"{asked} found no way to put both classes on both sides without dividing one of the {units.max() + 1}"
            " groups; use more clips, another split, or split.stratify=false"
        )
    return best[1], best[2]
