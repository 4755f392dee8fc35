"""All that a run says of itself, on a page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sarcasm.options import OF_THE_PLACE
from sarcasm.runs.listing import Listed, listed
from sarcasm.runs.worth import GAIN, SCORE, interval
from sarcasm.scoring import METRICS
from sarcasm.scoring.baselines import DEAF
from sarcasm.tracking import Recorded

FACTS = {
    "data": "dataset.fingerprint",
    "weights": "embedding.weights",
    "PCA": "pca.parameters",
    "split": "split.protocol",
}
"""What a fact is called -> the tag that tells it."""
BASELINE = re.compile(r"baseline/(?P<name>\w+)/f1_weighted")


@dataclass(frozen=True)
class Changed:
    """An option of a run that is not what conf/ has.

    Attributes:
        value, default: as text; None where conf/ has no such option with its defaults.
    """

    value: str
    default: str | None


@dataclass(frozen=True)
class Shown:
    """A run.

    Attributes:
        line: what a list says of it.
        changed: option -> what it is instead of its default.
        nested: the runs in it, all or the first of them; of a sweep, those of its last call.
        artifacts: names of what it keeps.
    """

    line: Listed
    changed: Mapping[str, Changed]
    nested: Sequence[Listed]
    artifacts: Sequence[str]

    @property
    def run(self) -> Recorded:
        """The run itself."""
        return self.line.run

    @property
    def cautions(self) -> list[str]:
        """What a reader must know before believing a number."""
        return self.run.tag("cautions").splitlines()

    def facts(self) -> dict[str, str]:
        """Name -> value, of what made it and of what it was made."""
        tags = self.run.tags
        found = {name: tags[tag] for name, tag in FACTS.items() if tags.get(tag)}
        if "data" in found and "dataset.name" in self.run.params:
            found["data"] = f"{self.run.params['dataset.name']}, {found['data']}"
        who = [tags.get("mlflow.user", ""), tags.get("process.host", "")]
        commit = tags.get("mlflow.source.git.commit", "")
        if commit and tags.get("git.dirty") == "true":
            commit += ", with uncommitted changes"
        first = {"error": tags.get("error", ""), "by": " on ".join(filter(None, who)), "commit": commit}
        return {name: value for name, value in first.items() if value} | found

    def scores(self) -> dict[str, list[float | None]]:
        """Level or rule -> its value of each of `METRICS`: levels first, then rules that do not listen, then others."""
        metrics = self.run.metrics
        rules = [match["name"] for match in map(BASELINE.fullmatch, metrics) if match]
        prefixes = {f"{level} level": f"test/{level}" for level in ("utterance", "example")}
        prefixes |= {
            rule.replace("_", " "): f"baseline/{rule}"
            for rule in sorted(rules, key=lambda rule: (rule not in DEAF, rule))
        }
        found = {name: [metrics.get(f"{prefix}/{each}") for each in METRICS] for name, prefix in prefixes.items()}
        return {name: values for name, values in found.items() if any(value is not None for value in values)}

    def certainty(self) -> list[str]:
        """How sure the weighted F is, in sentences."""
        metrics, said = self.run.metrics, []
        if GAIN in metrics:
            said.append(f"Against the best rule that does not listen: {metrics[GAIN]:+.3f} of weighted F.")
        spans = {unit: interval(self.run, SCORE, unit) for unit in ("utterance", "speaker")}
        if words := [f"{span.low:.3f} to {span.high:.3f} over {unit}s" for unit, span in spans.items() if span]:
            said.append(f"95 % interval of weighted F: {', '.join(words)}.")
        if math.isnan(metrics.get("interval/speaker/f1_weighted/low", 0.0)):
            said.append("All test clips are by one speaker: the score says nothing of other speakers.")
        if "chance/p_value" in metrics:
            within = metrics.get("chance/p_within_speakers")
            speakers = "" if within is None else f", {within:.2g} if shuffled within speakers"
            said.append(f"Against chance: p = {metrics['chance/p_value']:.2g}{speakers}.")
        for over in ("folds", "seeds"):
            mean, deviation = (metrics.get(f"{over}/f1_weighted/{each}") for each in ("mean", "sd"))
            if mean is not None and deviation is not None:
                said.append(f"Weighted F over {over}: {mean:.3f} \u00b1 {deviation:.3f}.")
        if (validated := metrics.get(SCORE.replace("test", "validation"))) is not None:
            said.append(f"On validation utterances weighted F is {validated:.3f}.")
        return said

    def as_json(self) -> dict[str, Any]:
        """As plain values, with every option, metric and tag."""
        return {
            **self.line.as_json(), "facts": self.facts(), "cautions": self.cautions,
            "changed": {key: {"value": each.value, "default": each.default} for key, each in self.changed.items()},
            "options": dict(self.run.params), "metrics": dict(self.run.metrics), "tags": dict(self.run.tags),
            "nested": [each.as_json() for each in self.nested], "artifacts": list(self.artifacts),
            "artifact_uri": self.run.artifact_uri, "where": self.run.where,
        }  # fmt: skip


def shown(run: Recorded, defaults: Mapping[str, Any], most_nested: int | None) -> Shown:
    """Gather all that a run says of itself.

    Args:
        run: the run.
        defaults: option -> its value as conf/ has it.
        most_nested: how many of the runs in it; None takes all.
    """
    texts = {key: str(value) for key, value in defaults.items()}
    changed = {
        key: Changed(value, texts.get(key))
        for key, value in sorted(run.params.items())
        if value != texts.get(key) and not key.startswith(OF_THE_PLACE)
    }
    line, *nested = listed([run, *run.parts(most_nested)])
    return Shown(line, changed, nested, run.artifacts())
