"""What the run that holds a sweep keeps of it: tables, a page of Markdown, comparisons and pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sarcasm import compare
from sarcasm.report.drawing import note_at_foot, png, svg
from sarcasm.report.escaping import csv_cell, markdown_text
from sarcasm.report.sweep_pictures import SettingScores, effects_picture, settings_picture
from sarcasm.scoring import Spread
from sarcasm.sweeps.choices import SEEDS
from sarcasm.sweeps.claims import Claims
from sarcasm.sweeps.gather import UNITS, Gathered, Setting
from sarcasm.sweeps.page import page
from sarcasm.sweeps.words import claimed, failures, headline, jobs_table, means_table, said_by_jobs
from sarcasm.tracking import Recorded


def write(folder: Path, gathered: Gathered, found: Claims, links: Mapping[str, str] | None = None) -> None:
    """Write sweep.csv, settings.csv, comparisons.json, sweep.md, sweep.html and plots/.

    Args:
        folder: an empty folder.
        gathered: what the sweep came to.
        found: what can be claimed of it.
        links: id of a job -> its page on the server, for those that have one.
    """
    drawn = _pictures(gathered, found)
    texts = {
        "sweep.csv": _csv(_job_rows(gathered)),
        "settings.csv": _csv(_setting_rows(gathered, found)),
        "comparisons.json": json.dumps(_comparisons(gathered, found), indent=2, ensure_ascii=False) + "\n",
        "sweep.md": _page(gathered, found),
        "sweep.html": _html(gathered, found, drawn, links or {}),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    (folder / "plots").mkdir()
    for name, (as_png, as_svg, _) in drawn.items():
        (folder / "plots" / f"{name}.png").write_bytes(as_png)
        (folder / "plots" / f"{name}.svg").write_bytes(as_svg)


def links(jobs: Iterable[Recorded]) -> dict[str, str]:
    """Id -> its page on the server, for those that have one."""
    return {job.run_id: job.address for job in jobs if job.address}


def html(gathered: Gathered, found: Claims, links: Mapping[str, str]) -> str:
    """The page of a sweep alone; for the arguments see `write`."""
    return _html(gathered, found, _pictures(gathered, found), links)


def _html(
    gathered: Gathered, found: Claims, drawn: Mapping[str, tuple[bytes, bytes, str]], links: Mapping[str, str]
) -> str:
    return page(gathered, found, [(as_png, alt) for as_png, _, alt in drawn.values()], links).html()


def _job_rows(gathered: Gathered) -> list[list[Any]]:
    ends = [f"{unit}_{end}" for unit in UNITS for end in ("low", "high")]
    head = ["run_id", "run_name", "status", "seconds", *gathered.varied, "f1_weighted", *ends, "gain", "best_deaf"]
    rows = [
        [
            row.run_id, row.run_name, row.status, row.seconds, *row.choices.values(), row.f1,
            *(end for unit in UNITS for end in row.intervals.get(unit, (None, None))), row.gain, row.deaf,
            row.chosen_by, ", ".join(row.beware), row.error,
        ]
        for row in gathered.rows
    ]  # fmt: skip
    return [[*head, gathered.metric, "beware", "error"], *rows]


def _setting_rows(gathered: Gathered, found: Claims) -> list[list[Any]]:
    names = [name for name in gathered.varied if name not in SEEDS]
    scores = [f"{name}/{what}" for name in ("f1_weighted", gathered.metric) for what in ("mean", "sd")]
    rows = [
        [
            setting.name, *setting.choices.values(), len(setting.rows), len(setting.finished),
            *_mean_and_deviation(setting.f1), *_mean_and_deviation(setting.chosen_by),
            *found.intervals.get(setting.name, (None, None)), int(setting is gathered.best),
        ]
        for setting in gathered.settings
    ]  # fmt: skip
    return [["setting", *names, "n_jobs", "n_finished", *scores, "utterance_low", "utterance_high", "is_best"], *rows]


def _mean_and_deviation(spread: Spread | None) -> tuple[float | None, float | None]:
    if spread is None:
        return None, None
    return spread.mean, spread.deviation if spread.n > 1 else None


def _comparisons(gathered: Gathered, found: Claims) -> dict[str, Any]:
    return {
        "settings": [
            {
                "name": setting.name,
                "choices": dict(setting.choices),
                "run_ids": [row.run_id for row in setting.finished],
            }
            for setting in gathered.settings
        ],
        "pairs": compare.pairs_json(found.pairs, found.called),
        "notes": list(found.notes),
    }


def _page(gathered: Gathered, found: Claims) -> str:
    """All of it but the pictures, in Markdown."""
    jobs, means = jobs_table(gathered), means_table(gathered, found)
    told = claimed(found)
    told += [sentence for sentence in found.sentences if sentence not in told]
    parts = [
        f"# {markdown_text(headline(gathered))}",
        *(f"**{markdown_text(caution)}**" for caution in gathered.cautions),
        markdown_text(gathered.choice),
        *([_table(jobs)] if jobs else []),
        *(["## Over seeds", _table(means)] if means else []),
        *(["## What can be claimed", _list(told)] if told else []),
        *(["## What did not finish", _list(failures(gathered))] if gathered.failed else []),
        *(["## What the jobs said", _list(said)] if (said := said_by_jobs(gathered)) else []),
    ]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *others = [[markdown_text(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *others])


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {markdown_text(sentence)}" for sentence in sentences)


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([csv_cell(each) if isinstance(each, str) else each for each in row] for row in rows)
    return text.getvalue()


def _scores(setting: Setting, gathered: Gathered, found: Claims) -> SettingScores:
    deaf = [row.deaf for row in setting.finished if row.deaf is not None]
    return SettingScores(
        name=setting.name,
        scores=[row.f1 for row in setting.finished if row.f1 is not None],
        interval=found.intervals.get(setting.name),
        deaf=sum(deaf) / len(deaf) if deaf else None,
        is_best=setting is gathered.best,
    )


def _pictures(gathered: Gathered, found: Claims) -> dict[str, tuple[bytes, bytes, str]]:
    """Name -> PNG, SVG and what it shows in words; none where no job has a score."""
    settings = [_scores(setting, gathered, found) for setting in gathered.settings if setting.f1]
    if not settings:
        return {}
    note = " ".join(gathered.cautions[:1])
    figures = {"sweep": (settings_picture(settings), "Weighted F of each setting, with its jobs and its interval.")}
    options = {
        name: [(row.choices[name], row.f1) for row in gathered.finished if row.f1 is not None and row.choices[name]]
        for name in gathered.varied
    }
    if options := {name: points for name, points in options.items() if points}:
        figures["effects"] = (effects_picture(options), "Weighted F of the jobs by the value of each option.")
    drawn = {}
    for name, (figure, alt) in figures.items():
        note_at_foot(figure, note)
        drawn[name] = (png(figure), svg(figure), alt)
    return drawn
