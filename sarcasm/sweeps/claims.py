"""What can be claimed of the settings of a sweep, each with the decisions of all its seeds.

A few settings are compared each with each other. Many are compared with one alone, which no test score has chosen: the
best by the sweep's metric, or the first. P-values are corrected for as many comparisons as are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sarcasm import compare
from sarcasm.compare import Decided, Pair
from sarcasm.errors import SarcasmError
from sarcasm.scoring.intervals import N_RESAMPLES, bootstrapped, weighted_f
from sarcasm.sweeps.gather import Gathered, Setting
from sarcasm.tracking import Recorded

MOST_COMPARED = 12
"""Settings, each with each other: 66 pairs, and some ten seconds."""


@dataclass(frozen=True)
class Claims:
    """The settings of a sweep compared.

    Attributes:
        pairs: of settings, each of which goes by the id of one of its runs.
        called: that id -> the setting's name.
        sentences: what can be said of each pair.
        notes: what was not compared, and what to mind, a sentence each.
        intervals: name of a setting -> ends of the 95 % interval of weighted F over utterances, with all its seeds.
    """

    pairs: tuple[Pair, ...]
    called: Mapping[str, str]
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    intervals: Mapping[str, tuple[float, float]]

    @property
    def holding(self) -> list[str]:
        """What can be claimed, the surest first."""
        held = [number for number, pair in enumerate(self.pairs) if pair.is_claimed]
        held.sort(key=lambda number: (self.pairs[number].p_permutation, -abs(self.pairs[number].result.difference)))
        return [self.sentences[number] for number in held]


def claims(gathered: Gathered, jobs: Sequence[Recorded]) -> Claims:
    """Compare the settings of a sweep.

    Args:
        gathered: what it came to.
        jobs: what it was gathered from.
    """
    decided, unread = _decided(gathered.settings, {job.run_id: job for job in jobs})
    called = {each.run.run_id: name for name, each in decided.items()}
    pairs, singled_out = _pairs(decided, gathered)
    comparable, unlike = _comparable(pairs)
    found = compare.compare_pairs(comparable)
    return Claims(
        tuple(found),
        called,
        tuple(compare.claims(found, called)),
        (*unread, *singled_out, *unlike, *_to_mind(gathered, found)),
        dict(_intervals(gathered.settings, decided)),
    )


def _decided(settings: Sequence[Setting], jobs: Mapping[str, Recorded]) -> tuple[dict[str, Decided], list[str]]:
    """Name of a setting -> what its finished runs decided, for those that can be compared; and a note on the others."""
    decided, refused = {}, []
    finished = [setting for setting in settings if setting.finished]
    for setting in finished:
        try:
            runs = [compare.read(jobs[row.run_id]) for row in setting.finished]
            decided[setting.name] = compare.pooled(runs)
        except SarcasmError as error:
            refused.append(f"{setting.name}: {error}")
    return decided, _noted(refused, len(finished), "settings cannot be compared")


def _pairs(decided: Mapping[str, Decided], gathered: Gathered) -> tuple[list[tuple[Decided, Decided]], list[str]]:
    """Who is compared with whom, and a note where that is not everybody with everybody."""
    if len(decided) <= MOST_COMPARED:
        return list(combinations(decided.values(), 2)), []
    if gathered.best and gathered.best.name in decided:
        name, why = gathered.best.name, f"the best by {gathered.metric}"
    else:
        name, why = next(iter(decided)), "the first, as no metric that may choose has singled one out"
    pairs = [(decided[name], each) for other, each in decided.items() if other != name]
    return pairs, [f"{len(decided)} settings are too many to compare each with each: they are with {name}, {why}."]


def _comparable(pairs: Sequence[tuple[Decided, Decided]]) -> tuple[list[tuple[Decided, Decided]], list[str]]:
    """The pairs that tested the same utterances, and a note on the others."""
    kept, refused = [], []
    for pair in pairs:
        try:
            compare.shared(*pair)
            kept.append(pair)
        except SarcasmError as error:
            refused.append(str(error))
    return kept, _noted(refused, len(pairs), "pairs of settings cannot be compared")


def _noted(refused: Sequence[str], n_all: int, what: str) -> list[str]:
    return [f"{len(refused)} of {n_all} {what}, such as {refused[0]}."] if refused else []


def _to_mind(gathered: Gathered, pairs: Sequence[Pair]) -> Iterator[str]:
    best = {row.run_id for row in gathered.best.rows} if gathered.best else set()
    with_best = [pair for pair in pairs if {pair.a.run_id, pair.b.run_id} & best]
    if gathered.best and len(with_best) > 1:
        n_unlike = sum(pair.is_claimed for pair in with_best)
        yield f"{gathered.best.name} is shown to differ from {n_unlike} of the other {len(with_best)} settings."
    if any(pair.n_only_a or pair.n_only_b for pair in pairs):
        yield "Not all settings tested the same clips: two are compared on those that both did."
    if not all(pair.same_folds for pair in pairs):
        yield "Some were tested in different folds: they also learned from different clips."
    has_seeds = any(row.has_own_seeds for row in gathered.rows)
    if pairs and not has_seeds and all(len(setting.finished) < 2 for setting in gathered.settings):
        yield (
            "With one seed each, a claim is of fitted models; of ways to train, it needs several seeds: add seed=0,1,2."
        )


def _intervals(
    settings: Sequence[Setting], decided: Mapping[str, Decided]
) -> Iterator[tuple[str, tuple[float, float]]]:
    for setting in settings:
        if len(setting.finished) > 1 and setting.name in decided:
            yield setting.name, _interval(decided[setting.name])
        elif len(setting.finished) == 1 and (own := setting.finished[0].intervals.get("utterance")):
            yield setting.name, own


def _interval(decided: Decided) -> tuple[float, float]:
    ids = list(decided.labels)
    labels, share = np.array([decided.labels[id_] for id_ in ids]), decided.share(ids)
    return bootstrapped(
        lambda weights: weighted_f(labels, share, weights), np.arange(len(ids)), compare.SEED, N_RESAMPLES
    )
