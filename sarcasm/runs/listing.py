"""Runs, a line each: how they ended, when, how long they took, what they scored, and what is nested in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sarcasm.runs.worth import GAIN, SCORE, Interval, interval, marks
from sarcasm.tracking import Parts, Recorded, count_parts


@dataclass(frozen=True)
class Listed:
    """A run, as a line of a list.

    Attributes:
        run: the run.
        parts: what is nested in it.
        marks: how far its numbers may be believed; see `worth.MEANINGS`.
    """

    run: Recorded
    parts: Parts
    marks: tuple[str, ...]

    @property
    def status(self) -> str:
        """As MLflow has it, and whether that is still true."""
        return f"{self.run.status} (gone)" if self.run.is_gone else self.run.status

    @property
    def seconds(self) -> float | None:
        """How long it took, or has been running for; None where nobody can say."""
        if self.run.is_gone or (self.run.ended is None and self.run.status != "RUNNING"):
            return None
        return ((self.run.ended or datetime.now(UTC)) - self.run.started).total_seconds()

    @property
    def score(self) -> float | None:
        """Weighted F on utterances."""
        return self.run.metrics.get(SCORE)

    @property
    def interval(self) -> Interval | None:
        """Of the score, over utterances."""
        return interval(self.run, SCORE)

    @property
    def gain(self) -> float | None:
        """How far the score lies above the best rule that does not listen."""
        return self.run.metrics.get(GAIN)

    def as_json(self) -> dict[str, Any]:
        """As plain values."""
        low, high = self.interval or (None, None)
        return {
            "run_id": self.run.run_id, "run_name": self.run.run_name, "experiment": self.run.experiment,
            "status": self.run.status, "is_gone": self.run.is_gone, "started": self.run.started.isoformat(),
            "ended": self.run.ended.isoformat() if self.run.ended else None, "seconds": self.seconds,
            "f1_weighted": self.score, "low": low, "high": high, "gain": self.gain, "parent": self.run.parent or None,
            "n_nested": self.parts.n_all, "n_nested_finished": self.parts.n_finished, "marks": list(self.marks),
        }  # fmt: skip


def listed(runs: Sequence[Recorded]) -> list[Listed]:
    """Gather what the lines of runs of one store say, in their order."""
    counted, marked = count_parts(runs), marks(runs)
    return [Listed(run, counted[run.run_id], marked[run.run_id]) for run in runs]
