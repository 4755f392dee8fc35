"""Axes beside each other, one for each option and score, on which a job is a line: where each mark and each job lies.

Heights are shares of an axis, 0 at its foot. Choices stand in their order at equal distances; more numbers than can
stand beside each other lie on a scale, which is logarithmic where they span more than a factor of fifty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sarcasm.report.sweep_pictures import MOST_MARKS, WIDE_RANGE, numbers
from sarcasm.report.words import shortened

MARK_CHARACTERS = 14
MOST_NAMED = 12
"""Choices of an axis that are named; of more, some are."""


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        name: of the option or score.
        marks: text and height of each.
        heights: of each job; None where it has no such value.
    """

    name: str
    marks: tuple[tuple[str, float], ...]
    heights: tuple[float | None, ...]

    def as_json(self) -> dict[str, Any]:
        """The same for a page."""
        return asdict(self)


def of_choices(name: str, values: Sequence[str]) -> Axis:
    """The axis of an option.

    Args:
        name: of it.
        values: of each job, in the order of the table; "" where it has none.
    """
    distinct = list(dict.fromkeys(filter(None, values)))
    found = numbers(distinct) if distinct else None
    if found and len(distinct) > MOST_MARKS:
        return of_numbers(name, [float(value) if value else None for value in values])
    if found:
        distinct = [value for _, value in sorted(zip(found, distinct, strict=True))]
    places = {value: place / (len(distinct) - 1) if len(distinct) > 1 else 0.5 for place, value in enumerate(distinct)}
    every = max(1, math.ceil(len(distinct) / MOST_NAMED))
    marks = tuple((shortened(value, MARK_CHARACTERS), places[value]) for value in distinct[::every])
    return Axis(name, marks, tuple(places.get(value) for value in values))


def of_numbers(name: str, values: Sequence[float | None]) -> Axis:
    """The axis of a score, or of an option with many numbers.

    Args:
        name: of it.
        values: of each job; None where it has none.
    """
    known = [value for value in values if value is not None and math.isfinite(value)]
    if not known:
        return Axis(name, (), tuple(None for _ in values))
    low, high = min(known), max(known)
    is_wide = low > 0 and high / low >= WIDE_RANGE

    def height(value: float) -> float:
        if low == high:
            return 0.5
        if is_wide:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)

    middle = math.sqrt(low * high) if is_wide else (low + high) / 2
    ends = [low, middle, high] if low < high else [low]
    heights = tuple(None if value is None or not math.isfinite(value) else height(value) for value in values)
    return Axis(name, tuple((f"{value:.3g}", height(value)) for value in ends), heights)
