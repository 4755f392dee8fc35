"""What was run, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

from sarcasm.embeddings import Table
from sarcasm.splits import Audit, Fold, units


def facts(
    table: Table, folds: Sequence[Fold], audit: Audit, dataset: str, embedding: str, head: str, split: str,
    seeds: Sequence[int], n_copies: int,
) -> dict[str, str]:  # fmt: skip
    """Name -> value, for the terminal and the page.

    Args:
        table: what was trained and tested on.
        folds: how it was divided.
        audit: what stands on both sides.
        dataset: its name.
        embedding: its name.
        head: its name.
        split: its name.
        seeds: of the fits of each fold.
        n_copies: changed copies of examples that were trained on as well.
    """
    speakers = {units.speaker(utterance) for utterance in table.utterances if utterance.speaker}
    weights = {"none": "no weights"}.get(table.weights, table.weights)
    if table.has_random_weights:
        weights = f"random weights (seed {table.weights.removeprefix('random:')})"
    source = ", fitted on the training rows" if table.fits_pca else ""
    what = "whole clips" if len(table.y) == len(table.utterances) else "of 0.96 s"
    values = " x ".join(map(str, table.X.shape[1:]))
    return {
        "dataset": f"{dataset}: {len(table.utterances)} clips ({table.utterance_labels.sum()} sarcastic),"
        f" {len(speakers) or 'unknown'} speakers, {table.seconds.sum():.0f} s",
        "examples": f"{len(table.y)} {what} ({table.y.sum()} sarcastic), {values} values each"
        + (f"; {n_copies} changed copies to train on" if n_copies else ""),
        "embedding": f"{embedding}, {weights}",
        "PCA": f"8 bits{source}" if table.pca != "none" else "none",
        "head": head,
        "split": f"{split}: {_sides(folds, table)}",
        "fits": " x ".join(
            f"{n} {noun}{'' if n == 1 else 's'}" for n, noun in ((len(folds), "fold"), (len(seeds), "seed"))
        ),
        "shared": _shared(audit),
    }


def _sides(folds: Sequence[Fold], table: Table) -> str:
    """How much is on each side, and how much of it is sarcastic: lowest and highest where there are several folds."""
    sides = {
        "to train": [fold.train for fold in folds],
        "to choose on": [fold.validation for fold in folds],
        "to test": [fold.test for fold in folds],
    }
    words = [
        f"{_span([len(each) for each in rows])} {side}"
        f" ({_span([round(100 * float(table.y[each].mean())) for each in rows])} % sarcastic)"
        for side, rows in sides.items()
        if len(rows[0])
    ]
    return (f"{len(folds)} folds, " if len(folds) > 1 else "") + "examples " + ", ".join(words)


def _span(values: Sequence[int]) -> str:
    return str(values[0]) if min(values) == max(values) else f"{min(values)} to {max(values)}"


def _shared(audit: Audit) -> str:
    """What a test clip has in common with training, said also where the protocol means it to be so."""
    counts = {
        "parts of them": "utterances", "their sound": "sounds", "their line": "lines", "their speaker": "speakers",
        "their show": "shows",
    }  # fmt: skip
    found = [f"{words} of {n}" for words, kind in counts.items() if (n := len(audit.shared(kind)))]
    return f"of {audit.n_tested} test clips, training has " + (", ".join(found) if found else "nothing")
