"""What can be said of a score, in sentences and a table: for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sarcasm.scoring import METRICS, ChanceTest, Result, Spread

FEW_SPEAKERS = 20
"""Below about so many, intervals over speakers come out too narrow (Cameron, Gelbach & Miller 2008)."""
SURE = 0.05
FEW_TESTED = 2
"""Speakers or shows of which a score says little beyond themselves: of one there is no interval, of two hardly any."""


def certainty(result: Result) -> list[str]:
    """How sure the score is, in sentences: what is simpler and better, intervals, chance, spread, calibration."""
    said = ["The split leaks: every number here is too good."] if result.is_leaky else []
    own = result.scores["utterance"].f1_weighted
    simple = max((each for each in result.baselines if not each.is_deaf), key=lambda each: each.scores.f1_weighted)
    if simple.scores.f1_weighted > own:
        said.append(f"Something simpler does better: {_words(simple.name)} has {simple.scores.f1_weighted:.3f}.")
    by_unit = {unit: found["f1_weighted"] for unit, found in result.intervals.items()}
    if "utterance" in by_unit:
        words = [f"{_span(by_unit['utterance'].low, by_unit['utterance'].high)} over utterances"]
        if "speaker" in by_unit and by_unit["speaker"].n_units > 1:
            speakers = by_unit["speaker"]
            few = ", too few to be sure of it" if speakers.n_units < FEW_SPEAKERS else ""
            words.append(f"{_span(speakers.low, speakers.high)} over its {speakers.n_units} speakers{few}")
        said.append(f"95 % interval of weighted F: {', '.join(words)}.")
    said += [few_tested(unit, names) for unit, names in result.tested.items() if 0 < len(names) <= FEW_TESTED]
    if result.chance:
        said.append(_chance(result.chance, result.is_leaky))
    for over, spreads in (("folds", result.by_fold), ("seeds", result.by_seed)):
        if spread := spreads.get("f1_weighted"):
            said.append(f"Weighted F over {spread.n} {over}: {spread_words(spread)}.")
    if len(result.by_fold):
        deaf = max((each for each in result.baselines if each.is_deaf), key=lambda each: sum(each.by_fold))
        mean = sum(deaf.by_fold) / len(deaf.by_fold)
        said.append(f"The best rule that does not listen, {_words(deaf.name)}, has {mean:.3f} as its mean over folds.")
    if result.validation:
        said.append(f"On validation utterances weighted F is {result.validation.f1_weighted:.3f}.")
    said.append(
        f"Calibration of whole clips: expected error {result.calibration.ece:.3f}, Brier score"
        f" {result.calibration.brier:.3f}."
    )
    return said


def _chance(chance: ChanceTest, is_leaky: bool) -> str:
    """Whether a score is above chance, and what else it may be above it by."""
    reached = (
        f"the same decisions on shuffled labels reach {chance.mean_of_null:.3f} on average, and as much as here with"
    )
    within = chance.p_within_speakers
    p = f"p = {chance.p_value:.2g}" + (f", {within:.2g} if shuffled within speakers" if within is not None else "")
    if chance.p_value >= SURE:
        return f"Not shown to be above chance: {reached} {p}."
    if is_leaky:
        return f"Above chance, but on clips that were heard in training: {reached} {p}."
    if within is not None and within >= SURE:
        return f"Above chance, but maybe by whose voice it is, not by the tone: {reached} {p}."
    return f"Above chance: {reached} {p}."


def few_tested(unit: str, names: Sequence[str]) -> str:
    """What a score on one or two speakers or shows is worth; for the names see `Result.tested`."""
    of = {"speaker": "by", "show": "from"}[unit]
    if len(names) == 1:
        no_interval = ", and no interval over speakers can be given" if unit == "speaker" else ""
        return f"All test clips are {of} one {unit}, {names[0]}: the score says nothing of other {unit}s{no_interval}."
    return f"All test clips are {of} two {unit}s, {' and '.join(names)}: the score says little of other {unit}s."


def spread_words(spread: Spread) -> str:
    """Mean and standard deviation; the value alone, where there is one."""
    return f"{spread.mean:.3f}" + (f" \u00b1 {spread.deviation:.3f}" if spread.n > 1 else "")


def fits_table(result: Result) -> list[list[str]]:
    """A header and a row for each fit; empty where there is one fit."""
    if len(result.fits) == 1:
        return []
    rows = [
        [fit.fold, str(fit.seed), *(_number(getattr(fit.scores, metric)) for metric in METRICS)] for fit in result.fits
    ]
    return [["fold", "seed", *METRICS.values()], *rows]


def shortened(text: str, longest: int) -> str:
    """A text without its middle, where it is longer than so many characters; paths differ at their ends."""
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[: longest - 3 - half]}...{text[-half:]}"


def _words(name: str) -> str:
    return name.replace("_", " ").replace("svm", "SVM")


def _span(low: float, high: float) -> str:
    return "none" if math.isnan(low) else f"{low:.3f} to {high:.3f}"


def _number(value: float) -> str:
    return f"{value:.3f}"
