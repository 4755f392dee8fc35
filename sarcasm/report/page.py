"""The page of a run, and of two side by side: self-contained HTML files, from autoescaped templates.

A page asks for nothing outside itself, which its Content-Security-Policy holds the browser to; only sound may be played
from files of the same machine. What it is given of its clips stands in it as JSON, so that a page can be made of pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sarcasm.errors import SarcasmError
from sarcasm.report.clip_data import checked
from sarcasm.report.files import LEVEL_TITLES
from sarcasm.report.pictures import Picture
from sarcasm.report.rendering import png_uri, rendered
from sarcasm.report.words import certainty, fits_table
from sarcasm.scoring import METRICS, Result, verdict
from sarcasm.tracking.artifacts import json_of

CLIPS, SCRIPT_END = '<script type="application/json" id="clips">', "</script>"
"""What the clips stand between; within them no < stands."""
ORDERS = {
    "mistakes": "confident mistakes", "swing": "changes its mind most", "probability": "most sarcastic",
    "length": "longest", "id": "id",
}  # fmt: skip
"""Orders of clips, by their names in clips.js."""
ORDERS_OF_TWO = {**ORDERS, "mistakes": "fixed, then broken", "difference": "largest difference"}
KINDS = ("wrong", "missed", "false alarm", "right")
KINDS_OF_TWO = ("fixed", "broken", "both wrong", "both right")


@dataclass(frozen=True)
class PagePicture:
    """A picture of a page.

    Attributes:
        alt: what it shows, in words.
        is_wide: whether it has several plots beside each other.
        png: itself.
    """

    alt: str
    is_wide: bool
    png: bytes


@dataclass(frozen=True)
class Page:
    """What stands on the page of a run; all texts as they are to be read.

    Attributes:
        title: the run's name.
        warnings: what a reader must know before believing a number.
        verdict: what came of the run, in a sentence.
        certainty: how sure that is, a sentence each.
        facts: what was run, name and value.
        scores: a head and a row for each score.
        fits: likewise for each fit; empty where there is one.
        pictures: in order.
        reports: title and text of each classification report.
        options: every option, name and value.
        clips: what there is to hear; see `sarcasm.report.listening.as_json`.
    """

    title: str
    warnings: Sequence[str]
    verdict: str
    certainty: Sequence[str]
    facts: Sequence[tuple[str, str]]
    scores: Sequence[Sequence[str]]
    fits: Sequence[Sequence[str]]
    pictures: Sequence[PagePicture]
    reports: Sequence[tuple[str, str]]
    options: Sequence[tuple[str, str]]
    clips: Mapping[str, Any]

    def html(self) -> str:
        """Render it."""
        return _rendered(
            "page.html.jinja", page=self, title=self.title, clips=self.clips, kinds=KINDS, orders=ORDERS,
            pictures=[(each.alt, each.is_wide, png_uri(each.png)) for each in self.pictures],
        )  # fmt: skip


def page(
    title: str,
    facts: Mapping[str, str],
    warnings: Sequence[str],
    result: Result,
    shown: Mapping[str, Picture],
    options: Mapping[str, Any],
    clips: Mapping[str, Any],
) -> Page:
    """What stands on the page of a run.

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
    return Page(
        title=title, warnings=warnings, verdict=verdict(scores["utterance"], result.baselines),
        certainty=certainty(result), facts=list(facts.items()),
        scores=[
            ["", *METRICS.values()],
            *([name, *(f"{getattr(each, metric):.3f}" for metric in METRICS)] for name, each in rows),
        ],
        fits=fits_table(result), pictures=[PagePicture(each.alt, each.is_wide, each.png) for each in shown.values()],
        reports=[(title, scores[level].report) for level, title in LEVEL_TITLES.items()],
        options=[(name, str(value)) for name, value in options.items()], clips=clips,
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
        Damage: what it was given is damaged.
    """
    _, found, rest = html.partition(CLIPS)
    if not found:
        raise SarcasmError("its report.html has no clips to hear: it is of an older version; run it again")
    return checked(json_of(rest.partition(SCRIPT_END)[0], dict))


def without_clips(html: str) -> str:
    """A page without what it was given of its clips."""
    before, _, rest = html.partition(CLIPS)
    return before + rest.partition(SCRIPT_END)[2]


def _rendered(template: str, **values: Any) -> str:
    return rendered(template, ("timeline.js", "clips.js"), media="data: file:", **values)
