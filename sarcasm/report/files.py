"""The report and the predictions as files that other programs read."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sarcasm.embeddings import Table
from sarcasm.scoring import CLASSES, METRICS, Fit, Level, Scores

COLUMNS = ("fold", "label", "probability", "decision", "seed", "speaker", "show")
LEVEL_TITLES = {
    "utterance": "Utterance level: whole clips, each decided by the mean over its examples",
    "example": "Example level: pieces of 0.96 s, each by itself",
}


def report_text(scores: Mapping[str, Scores]) -> str:
    """Scikit-learn's classification report of each level under a title that says which it is."""
    return "\n".join(f"{title}\n\n{scores[level].report}" for level, title in LEVEL_TITLES.items())


def report_json(scores: Mapping[str, Scores]) -> dict[str, Any]:
    """Level -> scikit-learn's classification report as a dict."""
    return {level: scores[level].report_dict for level in LEVEL_TITLES}


def predictions_csv(level: Level, table: Table) -> str:
    """One row a decision, CSV with a header.

    The columns are utterance (its id), fold, label (1 sarcastic, 0 not), probability (of sarcastic), decision (1, 0, or
    "neither" or "both" where columns are rounded one by one), seed (of the fit), speaker and show; at example level
    also example, its number within the test examples of the utterance.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    has_examples = level.name == "example"
    writer.writerow(["utterance", *(["example"] if has_examples else []), *COLUMNS])
    seen: dict[tuple[str, int, int], int] = {}
    for fold, seed, position, label, probability, decided in zip(
        level.fold, level.seed, level.utterance, level.labels, level.probability, level.decisions, strict=True
    ):
        number = seen[fold, seed, position] = seen.get((fold, seed, position), -1) + 1
        utterance = table.utterances[position]
        name = [utterance.id, *([number] if has_examples else [])]
        speaker = [utterance.speaker, utterance.show]
        writer.writerow([*name, fold, int(label), float(probability), word(decided), seed, *speaker])
    return text.getvalue()


def fits_csv(run_ids: Sequence[str], fits: Sequence[Fit]) -> str:
    """One row a fit: the run it is recorded in, fold, seed and its scores on whole clips."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", "fold", "seed", *METRICS])
    for run_id, fit in zip(run_ids, fits, strict=True):
        writer.writerow([run_id, fit.fold, fit.seed, *(getattr(fit.scores, metric) for metric in METRICS)])
    return text.getvalue()


def word(decided: np.ndarray) -> str:
    """A decision, bool [2], as files have it: 1 sarcastic, 0 not, neither or both."""
    if decided.all():
        return "both"
    if not decided.any():
        return "neither"
    return str(int(decided[CLASSES.index("sarcastic")]))
