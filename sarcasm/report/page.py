"""The page of a run: one self-contained HTML file, from an autoescaped template."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from sarcasm.report.files import LEVEL_TITLES
from sarcasm.report.words import certainty, fits_table
from sarcasm.scoring import METRICS, Result, verdict


def page(
    title: str,
    facts: Mapping[str, str],
    warnings: Sequence[str],
    result: Result,
    shown: Mapping[str, bytes],
    options: Mapping[str, Any],
) -> str:
    """Render the page.

    Args:
        title: the run's name.
        facts: what was run, name -> value.
        warnings: what a reader must know before believing a number.
        result: what the run is worth.
        shown: name -> PNG, in order.
        options: every option of the run.

    Returns:
        HTML that refers to nothing outside itself.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(loader=PackageLoader("sarcasm.report", "."), autoescape=True, undefined=StrictUndefined)
    scores = result.scores
    rows = [(f"this run, {level} level", scores[level]) for level in LEVEL_TITLES]
    rows += [
        (f"{'does not listen' if each.is_deaf else 'simple'}: {each.name.replace('_', ' ')}", each.scores)
        for each in result.baselines
    ]
    return environment.get_template("page.html.jinja").render(
        title=title, facts=facts, warnings=warnings, verdict=verdict(scores["utterance"], result.baselines),
        certainty=certainty(result), fits=fits_table(result), metrics=METRICS,
        rows=[(name, {metric: getattr(each, metric) for metric in METRICS}) for name, each in rows],
        pictures={name: f"data:image/png;base64,{base64.b64encode(png).decode()}" for name, png in shown.items()},
        reports={LEVEL_TITLES[level]: scores[level].report for level in LEVEL_TITLES}, options=options,
    )  # fmt: skip
