"""Two or more runs on the same utterances: what can be claimed of their difference, and what cannot.

Runs are compared two by two on the utterances that both have tested, by the weighted F. Whether a difference is more
than luck is asked in two ways: by swapping the two runs' decisions on utterances at random (a paired permutation test),
and by whether one run alone is right more often than the other (McNemar). With more than two runs, the p-values of each
test are corrected for the number of comparisons (Holm 1979). Where speakers are known, they are swapped as a whole as
well, since the clips of one voice are not independent. Nothing is claimed of a run whose split leaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from string import ascii_uppercase
from typing import Any

import numpy as np

from sarcasm.corpus import normalized
from sarcasm.errors import SarcasmError
from sarcasm.options import OF_THE_PLACE
from sarcasm.scoring import N_SWAPS, Paired, holm, paired
from sarcasm.splits.units import codes
from sarcasm.tracking import Recorded

NAMES = ("utterance", "speaker", "show")
"""Columns of predictions.csv that are compared."""
SURE = 0.05
SEED = 0
DRAWS_BELOW = 20
"""How many times smaller than what is asked for the smallest p can be."""


@dataclass(frozen=True)
class Decided:
    """What a run decided of each utterance that it tested, or several that differ in their seeds; see `pooled`.

    Attributes:
        run: the run, or the first of several.
        labels: id -> whether it is sarcastic.
        calls: id -> for each fit that tested it, whether that fit called it sarcastic.
        speaker: id -> (show, speaker), or of its own where it is not known.
        tested_with: id -> for each such fit, ids that were tested in the same fold: what it was not learned from.
        is_leaky: whether anything was tested on what was heard in training.
    """

    run: Recorded
    labels: Mapping[str, bool]
    calls: Mapping[str, tuple[bool, ...]]
    speaker: Mapping[str, tuple[str, str]]
    tested_with: Mapping[str, frozenset[frozenset[str]]]
    is_leaky: bool

    def share(self, ids: Sequence[str]) -> np.ndarray:
        """The share of fits that called each of these sarcastic, float64 [n]."""
        return np.array([sum(self.calls[id_]) / len(self.calls[id_]) for id_ in ids])


@dataclass(frozen=True)
class Pair:
    """Two runs compared.

    Attributes:
        a, b: the runs.
        n_only_a, n_only_b: utterances that only one of them has tested, and that are left out.
        same_folds: whether both learned from the same utterances before each was tested.
        leaky: those of the two whose split leaks.
        n_speakers: how many there are, 0 where they are not known.
        result: over utterances.
        by_speaker: with speakers swapped as a whole, where they are known.
        p_permutation, p_mcnemar, p_speaker: corrected for the number of comparisons.
    """

    a: Recorded
    b: Recorded
    n_only_a: int
    n_only_b: int
    same_folds: bool
    leaky: tuple[Recorded, ...]
    n_speakers: int
    result: Paired
    by_speaker: Paired | None
    p_permutation: float
    p_mcnemar: float
    p_speaker: float | None

    @property
    def is_claimed(self) -> bool:
        """Whether a difference can be claimed: on utterances and, where known, on speakers; never of what leaks."""
        return not self.leaky and max(self.p_permutation, self.p_speaker or 0.0) < SURE


def read(run: Recorded) -> Decided:
    """Read a run's decisions.

    Raises:
        SarcasmError: it has none, or decided for neither class or both.
    """
    # Earlier versions recorded names as they were typed.
    rows = [
        {key: normalized(value) if key in NAMES and value else value for key, value in row.items()}
        for row in run.rows("predictions.csv")
    ]
    if any(row["decision"] not in ("0", "1") for row in rows):
        raise SarcasmError(
            f"run {run.run_id} ({run.run_name}) decided for neither class or both, as decision=round does; only runs"
            " that decide for one can be compared"
        )
    calls: dict[str, list[bool]] = {}
    folds: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        calls.setdefault(row["utterance"], []).append(row["decision"] == "1")
        folds.setdefault((row["fold"], row.get("seed", "")), set()).add(row["utterance"])
    return Decided(
        run,
        {row["utterance"]: row["label"] == "1" for row in rows},
        {id_: tuple(each) for id_, each in calls.items()},
        {
            row["utterance"]: (row.get("show", ""), row["speaker"]) if row.get("speaker") else ("", row["utterance"])
            for row in rows
        },
        _tested_with(map(frozenset, folds.values())),
        run.tags.get("split.leaky") == "true",
    )


def pooled(runs: Sequence[Decided]) -> Decided:
    """Take runs that differ in their seeds for one, with the fits of all of them.

    Args:
        runs: one or more. Where the seed drew the split as well, they need not have tested the same utterances.

    Raises:
        SarcasmError: they disagree on a label.
    """
    for other in runs[1:]:
        _refuse_other_labels(runs[0], other, runs[0].labels.keys() & other.labels.keys())
    ids = dict.fromkeys(id_ for each in runs for id_ in each.labels)
    return Decided(
        runs[0].run,
        {id_: label for each in runs for id_, label in each.labels.items()},
        {id_: tuple(call for each in runs for call in each.calls.get(id_, ())) for id_ in ids},
        {id_: speaker for each in runs for id_, speaker in each.speaker.items()},
        _tested_with({tested for each in runs for folds in each.tested_with.values() for tested in folds}),
        any(each.is_leaky for each in runs),
    )


def compare(runs: Sequence[Decided]) -> list[Pair]:
    """Compare each run with each other.

    Args:
        runs: two or more.

    Raises:
        SarcasmError: two of them share no utterance, or disagree on a label.
    """
    return compare_pairs(list(combinations(runs, 2)))


def compare_pairs(pairs: Sequence[tuple[Decided, Decided]]) -> list[Pair]:
    """Compare the two of each pair; p-values are corrected for the number of pairs.

    Raises:
        SarcasmError: see `shared`.
    """
    # The smallest p that swapping can give must be small enough after correction, too.
    n_swaps = max(N_SWAPS, round(DRAWS_BELOW * len(pairs) / SURE))
    found = [_compared(a, b, n_swaps) for a, b in pairs]
    permutation = holm([utterances.p_permutation for utterances, _, _ in found])
    mcnemar = holm([utterances.p_mcnemar for utterances, _, _ in found])
    by_speaker = iter(holm([speakers.p_permutation for _, speakers, _ in found if speakers]))
    return [
        Pair(
            a.run, b.run, len(a.labels.keys() - b.labels.keys()), len(b.labels.keys() - a.labels.keys()),
            all(a.tested_with[id_] == b.tested_with[id_] for id_ in a.labels.keys() & b.labels.keys()),
            tuple(each.run for each in (a, b) if each.is_leaky), n_speakers, utterances, speakers,
            permutation[number], mcnemar[number], next(by_speaker) if speakers else None,
        )
        for number, ((a, b), (utterances, speakers, n_speakers)) in enumerate(zip(pairs, found, strict=True))
    ]  # fmt: skip


def differing(runs: Sequence[Recorded]) -> dict[str, list[Any]]:
    """Option -> its value in each run, for those that differ; and what data and weights they had, where those do."""
    options = [run.options() for run in runs]
    keys = sorted({key for each in options for key in each})
    found = {key: [each.get(key) for each in options] for key in keys}
    # One fit among several has no such tags of its own.
    tagged = [tag for tag in ("dataset.fingerprint", "embedding.weights") if all(tag in run.tags for run in runs)]
    found |= {tag: [run.tags[tag] for run in runs] for tag in tagged}
    found |= {"git commit": [run.tags.get("mlflow.source.git.commit", "")[:12] for run in runs]}
    return {
        key: values
        for key, values in found.items()
        if any(not same(value, values[0]) for value in values) and not key.startswith(OF_THE_PLACE)
    }


def same(one: Any, other: Any) -> bool:
    """Whether two recorded values are equal; what is not a number equals itself."""
    return bool(one == other or (one != one and other != other))


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
    if pair.leaky:
        whose = " and ".join(called[run.run_id] for run in pair.leaky)
        heard = f"{whose} heard in training what {'it was' if len(pair.leaky) == 1 else 'they were'} tested on"
        return f"Cannot be claimed: {names}, by {size}: {heard} ({p}{corrected})."
    if pair.is_claimed:
        return f"Can be claimed: {names}, by {size} ({p}{corrected})."
    if not result.difference:
        return f"Cannot be claimed: {names} or the other way round; they are equal."
    if pair.p_permutation >= SURE:
        return f"Cannot be claimed: {names}; the difference, {size}, may be luck ({p}{corrected})."
    if 2 * 0.5**pair.n_speakers * n_pairs >= SURE:
        return (
            f"Cannot be claimed: {names}, by {size}: more than luck over these utterances, but nothing can be shown"
            f" with {pair.n_speakers} speaker{'' if pair.n_speakers == 1 else 's'} ({p}{corrected})."
        )
    return (
        f"Cannot be claimed: {names}, by {size}: more than luck over these utterances, but not over the speakers"
        f" ({p}{corrected})."
    )


def as_json(runs: Sequence[Recorded], pairs: Sequence[Pair], found: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """All of it as plain values."""
    return {
        "runs": [{"run_id": run.run_id, "run_name": run.run_name} for run in runs],
        "pairs": pairs_json(pairs, {run.run_id: run.run_id for run in runs}),
        "differing": dict(found),
    }


def pairs_json(pairs: Sequence[Pair], called: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each pair as plain values; for the arguments see `claims`."""
    return [
        {
            "a": called[pair.a.run_id], "b": called[pair.b.run_id],
            "f1_weighted_a": pair.result.a, "f1_weighted_b": pair.result.b, "difference": pair.result.difference,
            "low": _finite(pair.result.low), "high": _finite(pair.result.high),
            "n_utterances": pair.result.n_utterances, "p_permutation": pair.p_permutation,
            "p_mcnemar": pair.p_mcnemar, "p_speaker": pair.p_speaker, "is_claimed": pair.is_claimed,
            "leaky": [called[run.run_id] for run in pair.leaky], "claim": claim,
        }
        for pair, claim in zip(pairs, claims(pairs, called), strict=True)
    ]  # fmt: skip


def _finite(value: float) -> float | None:
    # JSON has no word for what is not a number.
    return value if np.isfinite(value) else None


def short(run: Recorded) -> str:
    """A run by its name and the beginning of its id."""
    return f"{run.run_name} [{run.run_id[:8]}]"


def shared(a: Decided, b: Decided) -> list[str]:
    """Ids of the utterances that both tested, sorted.

    Raises:
        SarcasmError: there are none, or their labels differ.
    """
    ids = a.labels.keys() & b.labels.keys()
    if not ids:
        raise SarcasmError(
            f"{short(a.run)} and {short(b.run)} tested no utterance in common; compare runs of one dataset and split"
        )
    _refuse_other_labels(a, b, ids)
    return sorted(ids)


def _refuse_other_labels(a: Decided, b: Decided, ids: Iterable[str]) -> None:
    if differ := sorted(id_ for id_ in ids if a.labels[id_] != b.labels[id_]):
        raise SarcasmError(
            f"{short(a.run)} and {short(b.run)} disagree on the label of {len(differ)} utterances, such as {differ[0]}:"
            " they are of different datasets"
        )


def _tested_with(folds: Iterable[frozenset[str]]) -> dict[str, frozenset[frozenset[str]]]:
    """Id -> the folds that it was tested in."""
    found: dict[str, set[frozenset[str]]] = {}
    for tested in folds:
        for id_ in tested:
            found.setdefault(id_, set()).add(tested)
    return {id_: frozenset(each) for id_, each in found.items()}


def _compared(a: Decided, b: Decided, n_swaps: int) -> tuple[Paired, Paired | None, int]:
    """Over utterances; over speakers, where any is known; and how many speakers there are."""
    ids = shared(a, b)
    labels = np.array([a.labels[id_] for id_ in ids])
    share_a, share_b = a.share(ids), b.share(ids)
    utterances = paired(labels, share_a, share_b, np.arange(len(ids)), SEED, n_swaps)
    if all(a.speaker[id_] == ("", id_) for id_ in ids):
        return utterances, None, 0
    speakers = codes(a.speaker[id_] for id_ in ids)
    return utterances, paired(labels, share_a, share_b, speakers, SEED, n_swaps), len(np.unique(speakers))
