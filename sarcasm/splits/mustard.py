"""The two protocols that MUStARD was published with (Castro et al. 2019, https://github.com/soujanyaporia/MUStARD).

Speaker-dependent: five folds, published as numbers of clips. Those numbers count in the order of a Python 2 dict, in
which each test side has 69 sarcastic clips of 138, as the stratified split that made them must; read as numbers into
the file, as most have read them since, they give other folds (74, 71, 63, 76 and 61). Both readings are here, as ids;
say which one a number comes from. Speaker-independent: Friends is tested, the other three shows are trained on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from omegaconf import MISSING

from sarcasm.corpus import normalized
from sarcasm.embeddings import Table
from sarcasm.errors import SplitError
from sarcasm.options import option
from sarcasm.splits import units
from sarcasm.splits.fold import Fold
from sarcasm.splits.protocols import KEPT_APART, Split, folds_of, refuse_unknown

FOLDS_FILE = Path(__file__).with_name("mustard_folds.json")
"""Reading -> five lists of the ids that are tested."""


class Reading(Enum):
    """How the published numbers are read."""

    py2_order = "py2_order"
    file_order = "file_order"


@option("split", "mustard_sd")
@dataclass
class MustardSD(Split):
    """The five official speaker-dependent folds.

    Attributes:
        reading: how the published numbers are read.
    """

    reading: Reading = MISSING

    @property
    def keeps_apart(self) -> tuple[str, ...]:
        """See `Split.keeps_apart`; without lines, as the published folds divide one (2_161 and 2_558)."""
        return tuple(kind for kind in KEPT_APART if kind != "lines")

    def folds(self, table: Table, seed: int) -> list[Fold]:  # noqa: ARG002
        """See `Split.folds`; nothing is drawn. Clips that are not there are left out of their fold."""
        published = json.loads(FOLDS_FILE.read_text(encoding="utf-8"))[self.reading.value]
        fold_of = {id_: number for number, ids in enumerate(published) for id_ in ids}
        strange = [each.id for each in table.utterances if each.id not in fold_of]
        if strange:
            raise SplitError(
                f"split={self.name} divides MUStARD's 690 clips, and {len(strange)} of {len(table.utterances)} are not"
                f" among them, such as {strange[0]}; choose another split"
            )
        numbers = np.array([fold_of[each.id] for each in table.utterances])
        present = np.unique(numbers)
        if len(present) < 2:
            raise SplitError(f"split={self.name}: all clips belong to one of the five folds; use more of MUStARD")
        return folds_of(table, {f"fold_{number + 1}": np.flatnonzero(numbers == number) for number in present})


@option("split", "mustard_si")
@dataclass
class MustardSI(Split):
    """The official speaker-independent division: one show is tested, all others are trained on.

    Attributes:
        test_show: the show.
    """

    test_show: str = MISSING

    @property
    def keeps_apart(self) -> tuple[str, ...]:
        """See `Split.keeps_apart`."""
        return (*KEPT_APART, "speakers", "shows")

    def folds(self, table: Table, seed: int) -> list[Fold]:  # noqa: ARG002
        """See `Split.folds`; nothing is drawn."""
        refuse_unknown(table, "show", self.name)
        shows, test_show = sorted({each.show for each in table.utterances}), normalized(self.test_show)
        if test_show not in shows or len(shows) == 1:
            raise SplitError(
                f"split={self.name} tests the show {self.test_show} and trains on others; this corpus has"
                f" {', '.join(shows)}; name one of several with split.test_show=SHOW"
            )
        tested = np.flatnonzero([each.show == test_show for each in table.utterances])
        return folds_of(table, {test_show: tested})

    def validation_units(self, table: Table) -> np.ndarray:
        """By speaker, as `split=show_out`."""
        return units.of_speakers(table)[table.utterance]
