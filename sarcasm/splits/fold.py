"""One division of a table into sides."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

NO_ROWS = np.empty(0, np.int64)


@dataclass(frozen=True)
class Fold:
    """One division of the table.

    Attributes:
        name: what the fold is called in predictions and reports.
        train: int64 [n_train], row numbers of the table, ascending.
        test: int64 [n_test], likewise.
        validation: int64 [n_validation], likewise; what a threshold or an early end is chosen on. Empty where nothing
            asks for one.
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    validation: np.ndarray = field(default_factory=lambda: NO_ROWS)

    @property
    def seen(self) -> np.ndarray:
        """Int64, ascending: every row that a fit may look at, training and validation."""
        return np.sort(np.concatenate([self.train, self.validation]))
