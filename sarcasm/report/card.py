"""A model's card: what it is, what it was tested on, how well it did, and what it is not for.

Source: Mitchell et al. 2019, "Model cards for model reporting", FAT*, arXiv 1810.03993.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import sarcasm
from sarcasm.packaged import Origin
from sarcasm.report.escaping import markdown_text
from sarcasm.report.files import LEVEL_TITLES
from sarcasm.report.words import certainty
from sarcasm.scoring import METRICS, Result, Scores, verdict

CARD = "MODEL_CARD.md"
MODEL = "model"
"""The folder of the model among a run's artifacts."""


def write_card(folder: Path, title: str, run_id: str, facts: Mapping[str, str], origin: Origin, result: Result) -> None:
    """Write the card of a run, and with one fit, beside its model too.

    Args:
        folder: of the run's artifacts.
        title: the run's name.
        run_id: its id.
        facts: what was run, name -> value; see `sarcasm.report.facts`.
        origin: of the clips.
        result: what the run is worth.
    """
    baselines = [
        (f"{'does not listen' if each.is_deaf else 'simple'}: {each.name.replace('_', ' ')}", each.scores)
        for each in result.baselines
    ]
    card = _rendered(
        title, run_id, facts, origin, result.scores, baselines, result=result, n_fits=len(result.fits),
        verdict=verdict(result.scores["utterance"], result.baselines), certainty=certainty(result),
    )  # fmt: skip
    _write(folder, card, is_with_model=len(result.fits) == 1)


def write_card_of_fit(
    folder: Path, title: str, run_id: str, facts: Mapping[str, str], origin: Origin, scores: Mapping[str, Scores],
    parent: str, fold: str, seed: int,
) -> None:  # fmt: skip
    """Write the card of one fit among several, beside its model too.

    Args:
        folder: of the fit's artifacts.
        title: the fit's name.
        run_id: its id.
        facts: see `write_card`.
        origin: of the clips.
        scores: level name -> what its decisions are worth.
        parent: the run that it is part of.
        fold: its own.
        seed: its own.
    """
    card = _rendered(title, run_id, facts, origin, scores, [], parent=parent, fold=fold, seed=seed)
    _write(folder, card, is_with_model=True)


def _write(folder: Path, card: str, is_with_model: bool) -> None:
    (folder / CARD).write_text(card, encoding="utf-8", errors="backslashreplace")
    if is_with_model:
        (folder / MODEL).mkdir(exist_ok=True)
        (folder / MODEL / CARD).write_text(card, encoding="utf-8", errors="backslashreplace")


def _rendered(
    title: str, run_id: str, facts: Mapping[str, str], origin: Origin, scores: Mapping[str, Scores],
    baselines: list[tuple[str, Scores]], **further: Any,
) -> str:  # fmt: skip
    rows = [(f"this model, {level} level", scores[level]) for level in LEVEL_TITLES] + baselines
    values: dict[str, Any] = {
        "result": None, "n_fits": 1, "verdict": "", "certainty": [], "parent": "", "fold": "", "seed": 0, **further
    }  # fmt: skip
    text = _template().render(
        title=title, run_id=run_id, facts=facts, origin=origin, metrics=METRICS, version=sarcasm.__version__,
        rows=[(name, {metric: getattr(each, metric) for metric in METRICS}) for name, each in rows], **values,
    )  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(  # noqa: S701  # Markdown, which `_plain` keeps apart from what is filled in
        loader=PackageLoader("sarcasm.report", "."), undefined=StrictUndefined, finalize=_plain, trim_blocks=True
    )
    return environment.get_template("model_card.md.jinja")


def _plain(value: Any) -> Any:
    return markdown_text(value) if isinstance(value, str) else value
