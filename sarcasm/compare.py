"""Two or more runs on the same utterances: what can be claimed of their difference, and what cannot.

Runs are compared two by two on the utterances that both have tested, by the weighted F. Whether a difference is more
than luck is asked in two ways: by swapping the two runs' decisions on utterances at random (a paired permutation test),
and by whether one run alone is right more often than the other (McNemar). With more than two runs, the p-values of each
test are corrected for the number of comparisons (Holm 1979). Where speakers are known, they are swapped as a whole as
well, since the clips of one voice are not independent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_uppercase
from typing import Any

import numpy as np

from sarcasm.errors import SarcasmError
from sarcasm.scoring import Paired, holm, paired
from sarcasm.splits.units import codes
from sarcasm.tracking import Recorded

SURE = 0.05
SEED = 0


@dataclass(frozen=True)
class Decided:
    """What a run decided of each utterance that it tested.

    Attributes:
        run: the run.
        labels: id -> whether it is sarcastic.
        share: id -> share of the run's fits that called it sarcastic.
        speaker: id -> (show, speaker).
        folds: id -> the fold that it was tested in.
    """

    run: Recorded
    labels: Mapping[str, bool]
    share: Mapping[str, float]
    speaker: Mapping[str, tuple[str, str]]
    folds: Mapping[str, str]


@dataclass(frozen=True)
class Pair:
    """Two runs compared.

    Attributes:
        a, b: the runs.
        n_only_a, n_only_b: utterances that only one of them has tested, and that are left out.
        same_folds: whether each utterance was tested in the same fold by both.
        result: over utterances.
        by_speaker: with speakers swapped as a whole, where they are known.
        p_permutation, p_mcnemar, p_speaker: corrected for the number of comparisons.
    """

    a: Recorded
    b: Recorded
    n_only_a: int
    n_only_b: int
    same_folds: bool
    result: Paired
    by_speaker: Paired | None
    p_permutation: float
    p_mcnemar: float
    p_speaker: float | None

    @property
    def is_claimed(self) -> bool:
        """Whether a difference can be claimed: on utterances and, where known, on speakers."""
        return max(self.p_permutation, self.p_speaker or 0.0) < SURE


def read(run: Recorded) -> Decided:
    """Read a run's decisions.

    Raises:
        SarcasmError: it has none, or decided for neither class or both.
    """
    rows = run.rows("predictions.csv")
    if any(row["decision"] not in ("0", "1") for row in rows):
        raise SarcasmError(
            f"run {run.run_id} ({run.run_name}) decided for neither class or both, as decision=round does; only runs"
            " that decide for one can be compared"
        )
    calls: dict[str, list[bool]] = {}
    for row in rows:
        calls.setdefault(row["utterance"], []).append(row["decision"] == "1")
    return Decided(
        run,
        {row["utterance"]: row["label"] == "1" for row in rows},
        {id_: float(np.mean(each)) for id_, each in calls.items()},
        {row["utterance"]: (row.get("show", ""), row.get("speaker", "")) for row in rows},
        {row["utterance"]: row["fold"] for row in rows},
    )


def compare(runs: Sequence[Decided]) -> list[Pair]:
    """Compare each run with each other.

    Args:
        runs: two or more.

    Raises:
        SarcasmError: two of them share no utterance, or disagree on a label.
    """
    found = [(a, b, *_compared(a, b)) for a, b in combinations(runs, 2)]
    permutation = holm([utterances.p_permutation for *_, utterances, _ in found])
    mcnemar = holm([utterances.p_mcnemar for *_, utterances, _ in found])
    by_speaker = iter(holm([speakers.p_permutation for *_, speakers in found if speakers]))
    return [
        Pair(
            a.run, b.run, len(a.labels.keys() - b.labels.keys()), len(b.labels.keys() - a.labels.keys()),
            all(a.folds[id_] == b.folds[id_] for id_ in a.labels.keys() & b.labels.keys()), utterances, speakers,
            permutation[number], mcnemar[number], next(by_speaker) if speakers else None,
        )
        for number, (a, b, utterances, speakers) in enumerate(found)
    ]  # fmt: skip


def differing(runs: Sequence[Recorded]) -> dict[str, list[Any]]:
    """Option -> its value in each run, for those that differ; and what data and weights they had, where those do."""
    options = [run.options() for run in runs]
    keys = sorted({key for each in options for key in each})
    found = {key: [each.get(key) for each in options] for key in keys}
    found |= {tag: [run.tags.get(tag) for run in runs] for tag in ("dataset.fingerprint", "embedding.weights")}
    found |= {"git commit": [run.tags.get("mlflow.source.git.commit", "")[:12] for run in runs]}
    return {
        key: values
        for key, values in found.items()
        if any(value != values[0] for value in values) and not key.startswith("tracking.")
    }


def claims(pairs: Sequence[Pair], called: Mapping[str, str]) -> list[str]:
    """What can be said of each pair, a sentence each.

    Args:
        pairs: of all runs that are compared.
        called: id -> what a run is called.
    """
    return [_claim(pair, len(pairs), called) for pair in pairs]


def letters(runs: Sequence[Recorded]) -> dict[str, str]:
    """Id -> a letter for each run, in their order; numbers where there are more than letters."""
    names = ascii_uppercase if len(runs) <= len(ascii_uppercase) else [str(n) for n in range(1, len(runs) + 1)]
    return {run.run_id: name for run, name in zip(runs, names, strict=False)}


def _claim(pair: Pair, n_pairs: int, called: Mapping[str, str]) -> str:
    result = pair.result
    better, worse = (pair.b, pair.a) if result.difference > 0 else (pair.a, pair.b)
    corrected = f", corrected for {n_pairs} comparisons" if n_pairs > 1 else ""
    p = f"p = {pair.p_permutation:.2g} over utterances"
    p += f" and {pair.p_speaker:.2g} over speakers" if pair.p_speaker is not None else ""
    names = f"{called[better.run_id]} over {called[worse.run_id]}"
    size = f"{abs(result.difference):.3f} of weighted F"
    if pair.is_claimed:
        return f"Can be claimed: {names}, by {size} ({p}{corrected})."
    if pair.p_permutation < SURE:
        return (
            f"Cannot be claimed: {names}, by {size}: more than luck over these utterances, but not over the speakers"
            f" ({p}{corrected})."
        )
    return f"Cannot be claimed: {names}; the difference, {size}, may be luck ({p}{corrected})."


def as_json(runs: Sequence[Recorded], pairs: Sequence[Pair], found: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """All of it as plain values."""
    called = {run.run_id: run.run_id for run in runs}
    return {
        "runs": [{"run_id": run.run_id, "run_name": run.run_name} for run in runs],
        "pairs": [
            {
                "a": pair.a.run_id, "b": pair.b.run_id, "f1_weighted_a": pair.result.a, "f1_weighted_b": pair.result.b,
                "difference": pair.result.difference, "low": pair.result.low, "high": pair.result.high,
                "n_utterances": pair.result.n_utterances, "p_permutation": pair.p_permutation,
                "p_mcnemar": pair.p_mcnemar, "p_speaker": pair.p_speaker, "is_claimed": pair.is_claimed, "claim": claim,
            }
            for pair, claim in zip(pairs, claims(pairs, called), strict=True)
        ],
        "differing": dict(found),
    }  # fmt: skip


def short(run: Recorded) -> str:
    """A run by its name and the beginning of its id."""
    return f"{run.run_name} [{run.run_id[:8]}]"


def _compared(a: Decided, b: Decided) -> tuple[Paired, Paired | None]:
    shared = sorted(a.labels.keys() & b.labels.keys())
    names = f"{short(a.run)} and {short(b.run)}"
    if not shared:
        raise SarcasmError(f"{names} tested no utterance in common; compare runs of one dataset and split")
    if differ := [id_ for id_ in shared if a.labels[id_] != b.labels[id_]]:
        raise SarcasmError(
            f"{names} disagree on the label of {len(differ)} utterances, such as {differ[0]}: they are of different"
            " datasets"
        )
    labels = np.array([a.labels[id_] for id_ in shared])
    share_a, share_b = (np.array([each.share[id_] for id_ in shared]) for each in (a, b))
    utterances = paired(labels, share_a, share_b, np.arange(len(shared)), SEED)
    speakers = codes(a.speaker[id_] for id_ in shared)
    if len(np.unique(speakers)) == 1:
        return utterances, None
    return utterances, paired(labels, share_a, share_b, speakers, SEED)
