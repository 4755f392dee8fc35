"""What a reader must know before believing a number of a run."""

from __future__ import annotations

from collections.abc import Sequence, Sized

from sarcasm.corpus import Corpus
from sarcasm.embeddings import Table
from sarcasm.splits import Audit, Fold, case_warnings

MADE_UP = "The clips are made up (synthesised sound): the scores show that everything works, and nothing else."


def cautions(clips: Corpus, table: Table, folds: Sequence[Fold], audit: Audit) -> list[str]:
    """What a reader must know before believing a number, most important first; each a sentence.

    They stand on the terminal, on the page and in the tags of the run.
    """
    found = []
    if clips.is_made_up:
        found.append(MADE_UP)
    if table.has_random_weights:
        seed = table.weights.removeprefix("random:")
        fitted = ", and the PCA is fitted on the training rows" if table.fits_pca else ""
        found.append(f"There is no VGGish checkpoint: the embeddings come from random weights (seed {seed}){fitted}.")
    elif table.fits_pca:
        found.append("VGGish's PCA was not made for this embedding: one is fitted on the training rows.")
    found += [*audit.warnings, *case_warnings(clips.utterances), *_unheard(table)]
    n_sarcastic, n_all = int(table.utterance_labels.sum()), len(table.utterances)
    if 1 in (n_sarcastic, n_all - n_sarcastic):
        word = "sarcastic" if n_sarcastic == 1 else "not sarcastic"
        found.append(f"Only 1 of the {n_all} clips is {word}: no score over so few can mean anything.")
    for fold in folds:
        for side, rows in (("training", fold.train), ("validation", fold.validation), ("test", fold.test)):
            if len(set(table.y[rows])) == 1:
                word = "sarcastic" if table.y[rows[0]] else "not sarcastic"
                where = f" of fold {fold.name}" if len(folds) > 1 else ""
                found.append(
                    f"All {len(rows)} {side} examples{where} are {word}: the scores of such a split mean nothing."
                )
    if clips.missing:
        found.append(f"{_counted(clips.missing, 'label')} without a clip: {_listed(clips.missing)}.")
    if clips.unlabelled:
        found.append(f"{_counted(clips.unlabelled, 'clip')} without a label: {_listed(clips.unlabelled)}.")
    if table.skipped:
        found.append(f"{_counted(table.skipped, 'bad clip')} skipped: {_listed(list(table.skipped.values()), '; ')}.")
    if table.padded:
        found.append(
            f"{_counted(table.padded, 'clip')} under one example padded with silence: {_listed(table.padded)}."
        )
    if table.dropped:
        found.append(f"{_counted(table.dropped, 'clip')} under one example dropped: {_listed(table.dropped)}.")
    return found


def _unheard(table: Table) -> list[str]:
    """What is silent, and whose channels leave nothing when they are averaged."""
    each = [(one.id, condition) for one, condition in zip(table.utterances, table.conditions, strict=False)]
    silent = [id_ for id_, condition in each if condition.is_silent]
    opposite = [
        f"{id_} (in {condition.cancelled_seconds:.1f} of {condition.heard_seconds:.1f} s)"
        for id_, condition in each
        if condition.cancels_out
    ]
    found = []
    if opposite:
        clips_have, their = ("clip has", "its") if len(opposite) == 1 else ("clips have", "their")
        found.append(
            f"{len(opposite)} {clips_have} channels that cancel out (opposite phase), so that {their} average, which is"
            f" what is used, loses the sound (turn one channel's sign, or keep one channel alone): {_listed(opposite)}."
        )
    if silent:
        clips_are = "clip is" if len(silent) == 1 else "clips are"
        found.append(f"{len(silent)} {clips_are} silent: {_listed(silent)}.")
    return found


def clips(corpus: Corpus, table: Table) -> dict[str, list[str]]:
    """What became of every clip: kind -> ids, or for bad ones, causes that name them."""
    return {
        "used": [utterance.id for utterance in table.utterances],
        "padded": list(table.padded),
        "dropped": list(table.dropped),
        "skipped": list(table.skipped.values()),
        "missing": list(corpus.missing),
        "unlabelled": list(corpus.unlabelled),
    }


def _counted(items: Sized, noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _listed(names: Sequence[str], separator: str = ", ", most: int = 5) -> str:
    return separator.join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
