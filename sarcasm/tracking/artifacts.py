"""What the artifacts of a run hold, checked as they are read: a disk may have cut them, and anybody may have made them.

Each function takes a text and gives what it holds, or raises `Damage`, which says why it cannot be what a run recorded.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sarcasm.tracking.operations import LONGEST_PARAM

LARGEST_MB = 500
"""Of an artifact that is read whole; the page of a run with the sound of its clips is the largest."""
ACCURACY = {"predictions.csv": "test/utterance/accuracy", "predictions_examples.csv": "test/example/accuracy"}
"""Artifact of decisions -> the metric that has been computed from them."""
COUNTS = "classification_report.json"
"""Artifact that counts them."""
VALUES = {"label": {"0", "1"}, "decision": {"0", "1", "neither", "both"}}
"""Column of decisions -> what may stand there."""
NUMBERS: Mapping[str, type[int] | type[float]] = {"seed": int, "example": int, "probability": float}
"""Column of decisions -> what it is read as, where it is there: earlier versions had fewer."""
KIND_WORDS = {dict: "an object", list: "a list"}
Kind = TypeVar("Kind", dict[str, Any], list[Any])


class Damage(Exception):  # noqa: N818
    """Why something is not what a run recorded, worded to follow its name."""


def json_of(text: str, kind: type[Kind]) -> Kind:
    """JSON that is an object or a list."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Damage(f"it is no JSON ({error})" if text.strip() else "it is empty") from error
    if not isinstance(found, kind):
        raise Damage(f"it holds {type(found).__name__} where {KIND_WORDS[kind]} is needed")
    return found


def rows_of(text: str) -> list[dict[str, str]]:
    """A CSV table: column -> value, for each row."""
    if not text.endswith("\n"):
        raise Damage("it ends in the middle of a line" if text else "it is empty")
    try:
        head, *lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    except (csv.Error, ValueError) as error:
        raise Damage(f"it is no table ({error})") from error
    if not head or len(set(head)) < len(head):
        raise Damage("its head does not name each column once")
    for number, line in enumerate(lines, 1):
        if len(line) != len(head):
            raise Damage(f"row {number} has {len(line)} values under {len(head)} columns")
    return [dict(zip(head, line, strict=True)) for line in lines]


def n_decided(report: Mapping[str, Any], metric: str) -> int | None:
    """How many decisions a run made, by its classification report; None where that does not say so.

    Args:
        report: level -> scikit-learn's report as a dict.
        metric: of `ACCURACY`.
    """
    found: Any = report
    for key in (metric.split("/")[1], "weighted avg", "support"):
        found = found.get(key) if isinstance(found, dict) else None
    return int(found) if isinstance(found, int | float) and math.isfinite(found) else None


def check_decisions(rows: Sequence[Mapping[str, str]], accuracy: float | None, n: int | None) -> None:
    """Stop where decisions are not those that a run has made.

    Args:
        rows: a decision each.
        accuracy: share of right ones, as the run computed it; None where it is not known.
        n: how many there are, likewise.
    """
    if n is not None and len(rows) != n:
        raise Damage(f"it has {len(rows)} decisions, and the run counted {n}")
    if not rows:
        return
    if lacking := [name for name in ("utterance", "fold", *VALUES) if name not in rows[0]]:
        raise Damage(f"it has no column {' and no column '.join(lacking)}")
    for number, row in enumerate(rows, 1):
        for name, known in VALUES.items():
            if row[name] not in known:
                raise Damage(f"row {number} has {row[name]!r} as its {name}")
        for name, kind in NUMBERS.items():
            if name in row and not _is(kind, row[name]):
                raise Damage(f"row {number} has {row[name]!r} as its {name}")
    right = sum(row["label"] == row["decision"] for row in rows) / len(rows)
    if accuracy is not None and not math.isclose(right, accuracy, abs_tol=1e-6):
        raise Damage(f"{right:.4f} of its decisions are right, and the run counted {accuracy:.4f}")


def check_options(options: Mapping[str, Any], params: Mapping[str, str]) -> None:
    """Stop where options are not those that a run was made with.

    Args:
        options: by their dotted keys.
        params: as the store has them; what is not among the options, or was too long for the store, is not looked at.
    """
    for key, text in params.items():
        # Passwords in addresses are hidden by a rule that may change.
        if (
            key in options
            and len(text) < LONGEST_PARAM
            and not key.startswith("tracking.")
            and str(options[key]) != text
        ):
            raise Damage(f"its {key} is {options[key]!r}, and the run was made with {text!r}")


def _is(kind: type[int] | type[float], text: str) -> bool:
    try:
        return math.isfinite(kind(text))
    except (ValueError, OverflowError):
        return False
