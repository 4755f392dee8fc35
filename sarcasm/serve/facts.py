"""What the page says of a model before anybody believes it."""

from __future__ import annotations

from typing import Any

from sarcasm.packaged import Description
from sarcasm.report.cautions import MADE_UP

ADVICE = "Voices, rooms and microphones other than those it was trained on may mislead it."


def facts(description: Description, score: str) -> dict[str, Any]:
    """What the page says of a model.

    Args:
        description: of the model.
        score: what its run is worth; "" where that is not known.

    Returns:
        `name` of the run, `cautions` (what a reader must know, most important first), `facts` (a sentence or two
        words each) and `advice`; and for programs `run_id`, `dataset`, `made_up`, `labels` and `threshold`.
    """
    cautions = list(description.cautions)
    if description.made_up and MADE_UP not in cautions:
        cautions.insert(0, MADE_UP)
    said = [f"Model of run {description.run_name}", f"trained on dataset {description.dataset}"]
    if description.run_id:
        said[0] += f" ({description.run_id[:8]})"
    said.append(score or "what it scored is not known here")
    return {
        "name": description.run_name, "run_id": description.run_id, "dataset": description.dataset,
        "made_up": description.made_up, "labels": list(description.labels), "threshold": description.threshold,
        "cautions": cautions, "facts": said, "advice": ADVICE,
    }  # fmt: skip
