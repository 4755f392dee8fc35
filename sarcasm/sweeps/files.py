"""What the run that holds a sweep keeps of it: tables, a page of Markdown, comparisons and pictures."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sarcasm import compare
from sarcasm.report.drawing import note_at_foot, png, svg
from sarcasm.report.sweep_pictures import SettingScores, effects_picture, settings_picture
from sarcasm.scoring import Spread
from sarcasm.sweeps.choices import SEEDS
from sarcasm.sweeps.claims import Claims
from sarcasm.sweeps.gather import UNITS, Gathered, Setting
from sarcasm.sweeps.words import claimed, failures, headline, jobs_table, means_table

MOST_SAID = 20


def write(folder: Path, gathered: Gathered, found: Claims) -> None:
    """Write sweep.csv, settings.csv, comparisons.json, sweep.md and plots/.

    Args:
        folder: an empty folder.
        gathered: what the sweep came to.
        found: what can be claimed of it.
    """
    texts = {
        "sweep.csv": _csv(_job_rows(gathered)),
        "settings.csv": _csv(_setting_rows(gathered, found)),
        "comparisons.json": json.dumps(_comparisons(gathered, found), indent=2, ensure_ascii=False) + "\n",
        "sweep.md": _page(gathered, found),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "plots").mkdir()
    for name, picture in _pictures(gathered, found).items():
        (folder / "plots" / name).write_bytes(picture)


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
        f"# {headline(gathered)}",
        *(f"**{caution}**" for caution in gathered.cautions),
        gathered.choice,
        *([_table(jobs)] if jobs else []),
        *(["## Over seeds", _table(means)] if means else []),
        *(["## What can be claimed", _list(told)] if told else []),
        *(["## What did not finish", _list(failures(gathered))] if gathered.failed else []),
        *(["## What the jobs said", _list(said)] if (said := _said(gathered)) else []),
    ]
    return "\n\n".join(parts) + "\n"


def _said(gathered: Gathered) -> list[str]:
    """The cautions of the jobs, with the number of jobs that said each."""
    counts = Counter(caution for row in gathered.finished for caution in row.cautions)
    said = [f"{n} of {len(gathered.finished)} jobs: {caution}" for caution, n in counts.most_common(MOST_SAID)]
    return said + ([f"and {len(counts) - MOST_SAID} more"] if len(counts) > MOST_SAID else [])


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *others = [[_escaped(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *others])


def _list(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_escaped(sentence)}" for sentence in sentences)


def _escaped(text: str) -> str:
    """Text that Markdown takes for nothing but text."""
    return "".join(f"\\{each}" if each in "\\`*|<>[]" else each for each in " ".join(text.split()))


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
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


def _pictures(gathered: Gathered, found: Claims) -> dict[str, bytes]:
    """File name -> picture; none where no job has a score."""
    settings = [_scores(setting, gathered, found) for setting in gathered.settings if setting.f1]
    if not settings:
        return {}
    note = " ".join(gathered.cautions[:1])
    whole = settings_picture(settings)
    note_at_foot(whole, note)
    drawn = {"sweep.png": png(whole), "sweep.svg": svg(whole)}
    options = {
        name: [(row.choices[name], row.f1) for row in gathered.finished if row.f1 is not None and row.choices[name]]
        for name in gathered.varied
    }
    if options := {name: points for name, points in options.items() if points}:
        effects = effects_picture(options)
        note_at_foot(effects, note)
        drawn["effects.png"] = png(effects)
    return drawn
