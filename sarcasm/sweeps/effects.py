"""What each option does to the score, by itself: means, and differences all else equal.

A mean over all jobs of a value also counts what else differs between them, where some have failed say. A difference is
therefore taken between two jobs that agree in every other choice, the seed included, and averaged over such pairs. That
it is not luck is said only of what `sarcasm.sweeps.claims` has tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sarcasm.scoring import Spread
from sarcasm.sweeps.gather import Gathered, Row, spread


@dataclass(frozen=True)
class Effect:
    """What the jobs of one value of an option score.

    Attributes:
        option, value: which; the value as one types it.
        f1: weighted F over test utterances, over all finished jobs of the value.
        difference: from the first value of the option, over pairs of jobs that agree in all else; None for the first
            value, and where there is no such pair.
    """

    option: str
    value: str
    f1: Spread
    difference: Spread | None


def effects(gathered: Gathered) -> list[Effect]:
    """The effects of all options, in the order of the sweep's table; only of values that some job has a score for."""
    found = []
    for option in gathered.varied:
        scored = [row for row in gathered.finished if row.f1 is not None and row.choices[option]]
        scores = {_all_else(row, option, row.choices[option]): row.f1 for row in scored}
        values = list(dict.fromkeys(row.choices[option] for row in scored))
        for value in values:
            own = [row for row in scored if row.choices[option] == value]
            f1 = spread([row.f1 for row in own if row.f1 is not None])
            if f1 is not None:
                found.append(Effect(option, value, f1, _difference(own, option, values[0], scores)))
    return found


def _difference(
    rows: Sequence[Row], option: str, first: str, scores: dict[tuple[str, ...], float | None]
) -> Spread | None:
    if rows[0].choices[option] == first:
        return None
    pairs = [(row.f1, scores.get(_all_else(row, option, first))) for row in rows]
    return spread([own - other for own, other in pairs if own is not None and other is not None])


def _all_else(row: Row, option: str, value: str) -> tuple[str, ...]:
    """The choices of a job, with another value of one option."""
    return tuple(value if name == option else chosen for name, chosen in row.choices.items())
