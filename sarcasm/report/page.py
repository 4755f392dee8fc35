"""The page of a run, and of two side by side: self-contained HTML files, from autoescaped templates.

A page asks for nothing outside itself, which its Content-Security-Policy holds the browser to; only sound may be played
from files of the same machine. What it is given of its clips stands in it as JSON, so that a page can be made of pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from sarcasm.errors import SarcasmError
from sarcasm.report.files import LEVEL_TITLES
from sarcasm.report.pictures import Picture
from sarcasm.report.rendering import png_uri, rendered
from sarcasm.report.words import certainty, fits_table
from sarcasm.scoring import METRICS, Result, verdict

CLIPS = re.compile(r'(<script type="application/json" id="clips">)(.*?)(</script>)', re.DOTALL)
ORDERS = {
    "mistakes": "confident mistakes", "swing": "changes its mind most", "probability": "most sarcastic",
    "length": "longest", "id": "id",
}  # fmt: skip
"""Orders of clips, by their names in clips.js."""
ORDERS_OF_TWO = {**ORDERS, "mistakes": "fixed, then broken", "difference": "largest difference"}
KINDS = ("wrong", "missed", "false alarm", "right")
KINDS_OF_TWO = ("fixed", "broken", "both wrong", "both right")


def page(
    title: str,
    facts: Mapping[str, str],
    warnings: Sequence[str],
    result: Result,
    shown: Mapping[str, Picture],
    options: Mapping[str, Any],
    clips: Mapping[str, Any],
) -> str:
    """Render the page of a run.

    Args:
        title: the run's name.
        facts: what was run, name -> value.
        warnings: what a reader must know before believing a number.
        result: what the run is worth.
        shown: name -> picture, in order.
        options: every option of the run.
        clips: what there is to hear; see `sarcasm.report.listening.as_json`.
    """
    scores = result.scores
    rows = [(f"this run, {level} level", scores[level]) for level in LEVEL_TITLES]
    rows += [
        (f"{'does not listen' if each.is_deaf else 'simple'}: {each.name.replace('_', ' ')}", each.scores)
        for each in result.baselines
    ]
    return _rendered(
        "page.html.jinja", title=title, facts=facts, warnings=warnings,
        verdict=verdict(scores["utterance"], result.baselines), certainty=certainty(result), fits=fits_table(result),
        metrics=METRICS, rows=[(name, {metric: getattr(each, metric) for metric in METRICS}) for name, each in rows],
        pictures=[(each.alt, each.is_wide, png_uri(each.png)) for each in shown.values()],
        reports={LEVEL_TITLES[level]: scores[level].report for level in LEVEL_TITLES}, options=options,
        clips=clips, kinds=KINDS, orders=ORDERS,
    )  # fmt: skip


def page_of_two(
    titles: Sequence[str], warnings: Sequence[str], said: Sequence[str], differing: Mapping[str, Sequence[Any]],
    clips: Mapping[str, Any],
) -> str:  # fmt: skip
    """Render the page of two runs side by side.

    Args:
        titles: of the two.
        warnings: what a reader must know of either.
        said: what can be claimed of their difference, a sentence each.
        differing: option -> its value in each.
        clips: see `sarcasm.report.listening.side_by_side`.
    """
    return _rendered(
        "two.html.jinja", title=f"{titles[0]} and {titles[1]}", titles=titles, warnings=warnings, said=said,
        differing=differing, clips=clips, kinds=KINDS_OF_TWO, orders=ORDERS_OF_TWO,
    )  # fmt: skip


def clips_of(html: str) -> dict[str, Any]:
    """What a page was given of its clips.

    Raises:
        SarcasmError: it is no page of a run, or one of an older version.
    """
    found = CLIPS.search(html)
    if not found:
        raise SarcasmError("its report.html has no clips to hear: it is of an older version; run it again")
    return json.loads(found[2])


def with_clips(html: str, clips: Mapping[str, Any]) -> str:
    """The same page with other clips, or with their sound.

    Raises:
        SarcasmError: see `clips_of`.
    """
    from jinja2.utils import htmlsafe_json_dumps

    clips_of(html)
    # As a template writes it, without a character that could end the script.
    data = str(htmlsafe_json_dumps(clips))
    return CLIPS.sub(lambda match: match[1] + data + match[3], html, count=1)


def _rendered(template: str, **values: Any) -> str:
    return rendered(template, ("timeline.js", "clips.js"), media="data: file:", **values)
