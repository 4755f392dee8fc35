"""What was run, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

from sarcasm.embeddings import Table
from sarcasm.splits import Fold


def facts(table: Table, folds: Sequence[Fold], dataset: str, pca: bool, head: str, split: str) -> dict[str, str]:
    """Name -> value, for the terminal and the page.

    Args:
        table: what was trained and tested on.
        folds: how it was divided.
        dataset: its name.
        pca: whether embeddings were post-processed.
        head: its name.
        split: the protocol's name.
    """
    speakers = {(utterance.show, utterance.speaker) for utterance in table.utterances}
    weights = (
        f"random weights (seed {table.weights.removeprefix('random:')})" if table.has_random_weights else table.weights
    )
    source = ", fitted on the training rows" if table.fits_pca else ""
    return {
        "dataset": f"{dataset}: {len(table.utterances)} clips ({table.utterance_labels.sum()} sarcastic),"
        f" {len(speakers)} speakers, {table.seconds.sum():.0f} s",
        "examples": f"{len(table.y)} of 0.96 s ({table.y.sum()} sarcastic), {table.X.shape[1]} values each",
        "embedding": f"VGGish, {weights}",
        "PCA": f"8 bits{source}" if pca else "none",
        "head": head,
        "split": f"{split}: "
        + "; ".join(f"{len(fold.train)} examples to train, {len(fold.test)} to test" for fold in folds),
    }
