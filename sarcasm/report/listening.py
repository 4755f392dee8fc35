"""What there is to hear of each tested clip: where its sound lies, what was said of it, and when in it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sarcasm.audio import SAMPLE_RATE
from sarcasm.corpus import normalized
from sarcasm.embeddings import N_LEVELS, Embedding, Table
from sarcasm.errors import SarcasmError
from sarcasm.logits import probability
from sarcasm.report.files import word
from sarcasm.scoring import Level, Predictions
from sarcasm.vggish import n_examples

PAPER, INK = np.array([255, 255, 255]), np.array([8, 34, 74])
"""Colours of silence and of loud sound in a picture of a clip; between them, its levels."""
NOT_KNOWN: Mapping[str, str] = {}


@dataclass(frozen=True)
class Vote:
    """What one fit says of a clip.

    Attributes:
        fold, seed: of the fit.
        probability: of sarcastic, of the whole clip.
        decision: "1", "0", or "neither" or "both" where columns are rounded one by one.
        threshold: from which probability on it says sarcastic.
    """

    fold: str
    seed: int
    probability: float
    decision: str
    threshold: float


@dataclass(frozen=True)
class Heard:
    """A clip that was tested.

    Attributes:
        id, speaker, show, text: of the utterance; "" where not known.
        is_sarcastic: the label.
        seconds: its length.
        path: where its sound lies.
        votes: of each fit that tested it.
        pieces: probability of sarcastic of each piece, in the order of time, as the mean over the fits that tested it;
            None where none has.
        piece_seconds: length of a piece; that of the whole clip, where it is not cut.
        picture: PNG of its log-mel, low frequencies below; None where there is none.
        picture_seconds: what it shows, from the beginning of the clip.
        sha256: hash of the file, by which it is known again; "" where it is not known.
    """

    id: str
    speaker: str
    show: str
    text: str
    is_sarcastic: bool
    seconds: float
    path: Path
    votes: tuple[Vote, ...]
    pieces: tuple[float | None, ...]
    piece_seconds: float
    picture: bytes | None = field(default=None, repr=False)
    picture_seconds: float = 0.0
    sha256: str = ""

    @property
    def probability(self) -> float:
        """The mean over its votes."""
        return float(np.mean([vote.probability for vote in self.votes]))

    @property
    def is_mistaken(self) -> bool:
        """Whether more votes are wrong than right; where they are even, whether the probability is."""
        right = str(int(self.is_sarcastic))
        n_wrong = sum(vote.decision != right for vote in self.votes)
        if 2 * n_wrong == len(self.votes):
            return (self.probability >= float(np.mean([vote.threshold for vote in self.votes]))) != self.is_sarcastic
        return 2 * n_wrong > len(self.votes)


def heard(
    predictions: Sequence[Predictions], level: Level, table: Table, overviews: Mapping[str, np.ndarray],
    piece_seconds: float | None, hashes: Mapping[str, str] = NOT_KNOWN,
) -> list[Heard]:  # fmt: skip
    """Gather what there is to hear of every tested clip, sorted by id.

    Args:
        predictions: of each fit on its test side.
        level: the decisions on whole clips that come of them.
        table: what the folds divide.
        overviews: id -> levels of the log-mel, uint8 [columns, 64]; maybe not of all.
        piece_seconds: seconds from one row of an utterance to the next; None where a row is the whole clip.
        hashes: id -> SHA-256 of its file.
    """
    votes: dict[int, list[Vote]] = {}
    thresholds = {(each.fold, each.seed): each.threshold for each in predictions}
    for fold, seed, position, of_sarcastic, decided in zip(
        level.fold.tolist(), level.seed.tolist(), level.utterance.tolist(), level.probability.tolist(), level.decisions,
        strict=True,
    ):  # fmt: skip
        vote = Vote(fold, seed, of_sarcastic, word(decided), thresholds[fold, seed])
        votes.setdefault(position, []).append(vote)
    pieces = _pieces(predictions, table)
    first_row = np.searchsorted(table.utterance, np.arange(len(table.utterances) + 1))
    return [
        Heard(
            each.id, each.speaker, each.show, each.text, each.is_sarcastic, float(table.seconds[position]),
            each.path.absolute(), tuple(votes[position]),
            tuple(None if np.isnan(value) else float(value) for value in
                  pieces[first_row[position] : first_row[position + 1]]),
            piece_seconds or float(table.seconds[position]),
            picture=drawn(overviews[each.id]) if each.id in overviews else None,
            picture_seconds=_drawn_seconds(float(table.seconds[position])), sha256=hashes.get(each.id, ""),
        )
        for position, each in enumerate(table.utterances)
        if position in votes
    ]  # fmt: skip


def drawn(overview: np.ndarray) -> bytes:
    """Levels of a log-mel, uint8 [columns, 64] -> a PNG, time to the right and low frequencies below."""
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(overview.T[::-1]), "P")
    shares = np.linspace(0, 1, N_LEVELS)[:, np.newaxis]
    picture.putpalette(np.rint(PAPER + shares * (INK - PAPER)).astype(np.uint8).tobytes())
    file = io.BytesIO()
    picture.save(file, "PNG", bits=4, optimize=True)
    return file.getvalue()


def as_json(clips: Sequence[Heard], name: str) -> dict[str, Any]:
    """What a page is given of the clips of a run; see clips.js.

    Args:
        clips: what there is to hear; the sound is added by `sarcasm.report.sound`.
        name: of the run.
    """
    return {"runs": [name], "clips": [_clip(each) | {"said": [_said(each)]} for each in clips]}


def side_by_side(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """What a page is given of the clips that two runs have tested.

    Args:
        first: what a page is given of one of them.
        second: likewise of the other.

    Raises:
        SarcasmError: they share no clip, or disagree on a label.
    """
    others = {normalized(clip["id"]): clip for clip in second["clips"]}
    shared = [(clip, others[id_]) for clip in first["clips"] if (id_ := normalized(clip["id"])) in others]
    names = [*first["runs"], *second["runs"]]
    if not shared:
        raise SarcasmError(f"{' and '.join(names)} have tested no clip in common; compare runs on the same split")
    for clip, other in shared:
        if clip["label"] != other["label"]:
            raise SarcasmError(f"{' and '.join(names)} disagree on the label of clip {clip['id']}")
    clips = [clip | {"said": [*clip["said"], *other["said"]]} for clip, other in shared]
    return {"runs": names, "clips": clips}


def _clip(clip: Heard) -> dict[str, object]:
    return {
        "id": clip.id, "speaker": clip.speaker, "show": clip.show, "text": clip.text, "label": clip.is_sarcastic,
        "seconds": round(clip.seconds, 3), "path": str(clip.path), "sha256": clip.sha256, "sound": "",
        "picture": base64.b64encode(clip.picture).decode() if clip.picture else "",
        "picture_seconds": round(clip.picture_seconds, 3),
    }  # fmt: skip


def _said(clip: Heard) -> dict[str, object]:
    return {
        "probability": round(clip.probability, 6), "wrong": clip.is_mistaken, "piece_seconds": clip.piece_seconds,
        "pieces": [None if value is None else round(value, 4) for value in clip.pieces],
        "votes": [
            [vote.fold, vote.seed, round(vote.probability, 6), vote.decision, round(vote.threshold, 4)]
            for vote in clip.votes
        ],
    }  # fmt: skip


def _drawn_seconds(seconds: float) -> float:
    """How much of a clip an overview shows: whole examples, and one at least."""
    return max(1, n_examples(round(seconds * SAMPLE_RATE))) * (Embedding.piece_seconds or 0.0)


def _pieces(predictions: Sequence[Predictions], table: Table) -> np.ndarray:
    """Float64 [N]: the probability of each row of the table, as the mean over the fits that tested it, or NaN."""
    rows = np.concatenate([each.rows for each in predictions])
    values = np.concatenate([probability(each.logits) for each in predictions])
    counts = np.bincount(rows, minlength=len(table.y))
    with np.errstate(invalid="ignore"):
        return np.bincount(rows, values, minlength=len(table.y)) / counts
