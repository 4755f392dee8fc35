"""Where runs differ: options, data and weights, code, machine and packages, and what came out.

Only that, and nothing of whether a difference of scores is more than luck: `sarcasm.compare` asks that.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sarcasm import compare
from sarcasm.runs.worth import GAIN, OF_THE_TIME, SCORE, TESTED
from sarcasm.scoring import METRICS
from sarcasm.tracking import Damage, Recorded

ENVIRONMENT, PATCH = "environment.json", "uncommitted.patch"
TAGS = ("pca.parameters", "split.protocol", "split.leaky", "dataset.made_up")
"""Of what a run was made of, beside those that `compare.differing` looks at."""
FINAL = (
    *(f"{TESTED}{name}" for name in METRICS), "test/example/f1_weighted", GAIN, SCORE.replace("test", "validation"),
    "validation/loss", "train/loss",
)  # fmt: skip
"""Metrics that stand on the terminal; there are many more."""


@dataclass(frozen=True)
class Differences:
    """Where runs differ; every list has a value for each of them.

    Attributes:
        settings: option or tag -> its values.
        environment: part of the machine, or package -> its values.
        unrecorded: runs that do not say what machine they had.
        patches: what was not committed; None where nothing was, or the run does not say.
        metrics: name -> its values, of those that differ.
        n_metrics: how many were compared.
    """

    settings: Mapping[str, list[Any]]
    environment: Mapping[str, list[Any]]
    unrecorded: Sequence[Recorded]
    patches: Sequence[str | None]
    metrics: Mapping[str, list[float | None]]
    n_metrics: int

    def between_patches(self, names: Sequence[str]) -> list[str]:
        """Lines of a unified diff of the first run's uncommitted changes with each other's.

        Args:
            names: what the runs are called.
        """
        first, *others = [(patch or "").splitlines() for patch in self.patches]
        return [
            line
            for name, other in zip(names[1:], others, strict=True)
            for line in difflib.unified_diff(
                first, other, f"{names[0]}/{PATCH}", f"{name}/{PATCH}", lineterm=""
            )
        ]  # fmt: skip

    def as_json(self, runs: Sequence[Recorded]) -> dict[str, Any]:
        """As plain values.

        Args:
            runs: that were compared.
        """
        return {
            "runs": [{"run_id": run.run_id, "run_name": run.run_name} for run in runs],
            "settings": dict(self.settings), "environment": dict(self.environment),
            "unrecorded": [run.run_id for run in self.unrecorded], "metrics": dict(self.metrics),
            "n_metrics": self.n_metrics, "uncommitted": self.between_patches([run.run_id for run in runs]),
        }  # fmt: skip


def differences(runs: Sequence[Recorded]) -> Differences:
    """Look where runs differ.

    Args:
        runs: two or more.

    Raises:
        SarcasmError: what one of them recorded cannot be read.
    """
    settings = compare.differing(runs)
    settings |= _unlike({tag: [run.tags.get(tag) for run in runs] for tag in TAGS})
    kept = [run.artifacts() for run in runs]
    machines = [_environment(run) if ENVIRONMENT in names else None for run, names in zip(runs, kept, strict=True)]
    known = [each for each in machines if each is not None]
    # What one run does not say of its machine is no difference from what another says.
    parts = _unlike(
        {part: [each.get(part) for each in known] for part in sorted({part for each in known for part in each})}
    )
    names = sorted({name for run in runs for name in run.metrics if not name.startswith(OF_THE_TIME)})
    return Differences(
        settings,
        {part: [each.get(part) if each is not None else None for each in machines] for part in parts},
        [run for run, each in zip(runs, machines, strict=True) if each is None],
        [run.text(PATCH) if PATCH in names else None for run, names in zip(runs, kept, strict=True)],
        _unlike({name: [run.metrics.get(name) for run in runs] for name in names}),
        len(names),
    )


def _environment(run: Recorded) -> dict[str, Any]:
    """Part of the machine, or `package NAME` -> what it was."""
    parts = run.json(ENVIRONMENT)
    packages = parts.pop("packages", {})
    parts.pop("project", None)  # where it lies is nothing of the machine
    with run.reading(ENVIRONMENT):
        if not isinstance(packages, dict):
            raise Damage(f"its packages are {type(packages).__name__} where an object is needed")
    return parts | {f"package {name}": version for name, version in packages.items()}


def _unlike(values: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    return {name: each for name, each in values.items() if any(not compare.same(each[0], other) for other in each[1:])}
