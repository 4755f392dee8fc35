"""Which rows are trained on, which choose a threshold or an end, and which are tested; and what stands on both sides.

A protocol (`protocols`, `mustard`) answers with folds. What a protocol promises is checked from outside by `audit`.
"""

from sarcasm.splits.audit import Audit, Balance, Overlap, audit, case_warnings
from sarcasm.splits.fold import Fold
from sarcasm.splits.mustard import MustardSD, MustardSI, Reading
from sarcasm.splits.protocols import (
    AuditPolicy,
    ExampleSplit,
    KFold,
    Predefined,
    ShowOut,
    SpeakerSplit,
    Split,
    UtteranceSplit,
)
from sarcasm.splits.validation import with_validation

__all__ = [
    "Audit",
    "AuditPolicy",
    "Balance",
    "ExampleSplit",
    "Fold",
    "KFold",
    "MustardSD",
    "MustardSI",
    "Overlap",
    "Predefined",
    "Reading",
    "ShowOut",
    "SpeakerSplit",
    "Split",
    "UtteranceSplit",
    "audit",
    "case_warnings",
    "with_validation",
]
