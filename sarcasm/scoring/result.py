"""All that a run is worth: scores over all its fits, how they spread, how sure they are, and the rules beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sarcasm.corpus import Utterance
from sarcasm.embeddings import Table
from sarcasm.scoring.baselines import Baseline, baselines, gain
from sarcasm.scoring.calibration import Calibration, calibration
from sarcasm.scoring.curves import Curve, curves
from sarcasm.scoring.intervals import Interval, intervals
from sarcasm.scoring.levels import Decision, Level, Predictions, levels, utterance_level
from sarcasm.scoring.metrics import METRICS, Scores, score
from sarcasm.scoring.significance import ChanceTest, against_chance
from sarcasm.splits import Fold, units


@dataclass(frozen=True)
class Spread:
    """One metric over several scores.

    Attributes:
        mean: of them.
        deviation: with n - 1 below; NaN of one score.
        n: how many.
    """

    mean: float
    deviation: float
    n: int


@dataclass(frozen=True)
class Fit:
    """What one fit is worth on the utterances that it was tested on.

    Attributes:
        fold, seed: which.
        scores: of its decisions.
    """

    fold: str
    seed: int
    scores: Scores


@dataclass(frozen=True)
class Result:
    """What a run is worth.

    Attributes:
        levels: every decision, of whole clips and of examples; with several fits, of all of them.
        scores: level name -> over all fits, pooled: with several seeds an utterance counts once for each.
        baselines: the rules, on the same folds.
        fits: each by itself.
        by_fold: metric -> over folds, each the mean over its seeds; empty with one fold.
        by_seed: metric -> over seeds, each pooled over its folds; empty with one seed.
        intervals: unit ("utterance", "speaker") -> metric -> 95 % interval, of utterance level.
        chance: whether weighted F on utterances is above chance, or None where decisions may say neither or both.
        calibration: of the probability of utterances.
        curves: "roc" and "precision_recall" -> the curve of the probability of utterances; none with one class.
        validation: on the utterances that thresholds and ends were chosen on, or None.
        tested: "speaker" and "show" -> names of those among the tested utterances; shows only where training heard
            none of them, and nothing where they are not known.
        is_leaky: whether test clips, or parts or copies of them, were heard in training, so that all this is too good.
    """

    levels: tuple[Level, ...]
    scores: Mapping[str, Scores]
    baselines: tuple[Baseline, ...]
    fits: tuple[Fit, ...]
    calibration: Calibration
    by_fold: Mapping[str, Spread] = field(default_factory=dict)
    by_seed: Mapping[str, Spread] = field(default_factory=dict)
    intervals: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)
    chance: ChanceTest | None = None
    curves: Mapping[str, Curve] = field(default_factory=dict)
    validation: Scores | None = None
    tested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_leaky: bool = False

    @property
    def utterances(self) -> Level:
        """Every decision of whole clips."""
        return self.levels[0]

    def metrics(self) -> dict[str, float]:
        """Every number by the name it is tracked under."""
        named = test_metrics(self.scores)
        named |= {"test/utterance/ece": self.calibration.ece, "test/utterance/brier": self.calibration.brier}
        for rule in self.baselines:
            named |= {f"baseline/{rule.name}/{name}": value for name, value in rule.scores.metrics().items()}
            if len(rule.by_fold) > 1:
                named[f"baseline/{rule.name}/folds/f1_weighted/mean"] = float(np.mean(rule.by_fold))
        named["gain/f1_weighted"] = gain(self.scores["utterance"], self.baselines)
        for over, spreads in (("folds", self.by_fold), ("seeds", self.by_seed)):
            for name, spread in spreads.items():
                named |= {f"{over}/{name}/mean": spread.mean, f"{over}/{name}/sd": spread.deviation}
        for unit, found in self.intervals.items():
            for name, interval in found.items():
                named |= {f"interval/{unit}/{name}/low": interval.low, f"interval/{unit}/{name}/high": interval.high}
        if self.chance:
            named["chance/p_value"] = self.chance.p_value
            if self.chance.p_within_speakers is not None:
                named["chance/p_within_speakers"] = self.chance.p_within_speakers
        if self.validation:
            named |= {f"validation/utterance/{name}": value for name, value in self.validation.metrics().items()}
        return named


def result(
    predictions: Sequence[Predictions],
    validated: Sequence[Predictions],
    folds: Sequence[Fold],
    table: Table,
    decision: Decision,
    seed: int,
    is_leaky: bool,
) -> Result:
    """Score the predictions of all fits together.

    Args:
        predictions: of each fit on its test side.
        validated: of each fit on its validation side, where there is one.
        folds: that were fitted.
        table: what they divide.
        decision: how probabilities become decisions.
        seed: of the resampling.
        is_leaky: whether the folds leak.
    """
    both = levels(predictions, table, decision)
    utterances = both[0]
    fits = tuple(
        Fit(fold, number, score_level(utterances.of(chosen), decision)) for fold, number, chosen in _fits(utterances)
    )
    speakers = units.codes(units.voice(each) for each in table.utterances)[utterances.utterance]
    has_speakers = any(each.speaker for each in table.utterances)
    of_unit = {"utterance": utterances.utterance} | ({"speaker": speakers} if has_speakers else {})
    decided = utterances.decisions[:, 0]
    return Result(
        levels=tuple(both),
        scores={level.name: score_level(level, decision) for level in both},
        baselines=tuple(baselines(folds, table, seed)),
        fits=fits,
        by_fold=_spread(fits, "fold"),
        by_seed=_by_seed(utterances, decision),
        intervals={
            unit: intervals(utterances.labels, utterances.probability, decided, of_each, unit, seed)
            for unit, of_each in of_unit.items()
        }
        if utterances.is_decided
        else {},
        chance=against_chance(
            utterances.labels, decided, utterances.utterance, units.codes(utterances.fold), of_unit.get("speaker"), seed
        )
        if utterances.is_decided
        else None,
        calibration=calibration(utterances.labels, utterances.probability, units=utterances.utterance),
        curves=curves(utterances.labels, utterances.probability, utterances.utterance, seed),
        validation=score_level(utterance_level(validated, table, decision), decision) if validated else None,
        tested={"speaker": _speakers(table, utterances) if has_speakers else (), "show": _new_shows(folds, table)},
        is_leaky=is_leaky,
    )


def _speakers(table: Table, level: Level) -> tuple[str, ...]:
    voices = {units.voice(table.utterances[position]) for position in np.unique(level.utterance)}
    return tuple(name for _, name in sorted(voices))


def _new_shows(folds: Sequence[Fold], table: Table) -> tuple[str, ...]:
    """The tested shows, where no fold tests one that it is trained on."""
    sides = [[{each.show for each in _utterances(table, rows)} for rows in (fold.test, fold.seen)] for fold in folds]
    tested = set.union(*(test for test, _ in sides))
    return () if "" in tested or any(test & seen for test, seen in sides) else tuple(sorted(tested))


def _utterances(table: Table, rows: np.ndarray) -> list[Utterance]:
    return [table.utterances[position] for position in np.unique(table.utterance[rows])]


def test_metrics(scores: Mapping[str, Scores]) -> dict[str, float]:
    """Level name -> scores, as `test/LEVEL/METRIC` -> value."""
    return {f"test/{level}/{name}": value for level, each in scores.items() for name, value in each.metrics().items()}


def score_level(level: Level, decision: Decision) -> Scores:
    """Score the decisions of a level."""
    return score(level.labels, level.probability, level.decisions, decision)


def _fits(level: Level) -> Iterable[tuple[str, int, np.ndarray]]:
    """Fold, seed and rows of each fit, in the order of the predictions."""
    for fold, seed in dict.fromkeys(zip(level.fold.tolist(), level.seed.tolist(), strict=True)):
        yield fold, seed, np.flatnonzero((level.fold == fold) & (level.seed == seed))


def _spread(fits: Sequence[Fit], group: str) -> dict[str, Spread]:
    """Over groups of fits, each group the mean over its fits."""
    grouped: dict[object, list[Scores]] = {}
    for fit in fits:
        grouped.setdefault(getattr(fit, group), []).append(fit.scores)
    return _over(
        {name: [np.mean([getattr(each, name) for each in scores]) for scores in grouped.values()] for name in METRICS}
    )


def _by_seed(level: Level, decision: Decision) -> dict[str, Spread]:
    scores = [score_level(level.of(level.seed == seed), decision) for seed in np.unique(level.seed)]
    return _over({name: [getattr(each, name) for each in scores] for name in METRICS})


def _over(values: Mapping[str, Sequence[float]]) -> dict[str, Spread]:
    return {
        name: Spread(float(np.mean(each)), float(np.std(each, ddof=1)), len(each))
        for name, each in values.items()
        if len(each) > 1
    }
