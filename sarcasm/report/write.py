"""Everything that is reported of a run, as files in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sarcasm.embeddings import Table
from sarcasm.report.files import fits_csv, predictions_csv, report_json, report_text
from sarcasm.report.layout import laid_out
from sarcasm.report.listening import Heard, as_json
from sarcasm.report.options import Report
from sarcasm.report.page import page
from sarcasm.report.pictures import Losses, pictures
from sarcasm.report.sound import with_sound
from sarcasm.scoring import Level, Result, Scores

PREDICTIONS = {"utterance": "predictions.csv", "example": "predictions_examples.csv"}


def write(
    folder: Path,
    title: str,
    facts: Mapping[str, str],
    warnings: Sequence[str],
    losses: Mapping[str, Losses],
    result: Result,
    run_ids: Sequence[str],
    table: Table,
    options: Mapping[str, Any],
    clips: Sequence[Heard],
    how: Report,
    seed: int,
) -> None:
    """Write the reports, predictions, pictures and page of a run.

    Args:
        folder: an empty folder.
        title: the run's name.
        facts: what was run, name -> value.
        warnings: what a reader must know before believing a number.
        losses: name of the fit -> its losses.
        result: what the run is worth.
        run_ids: of the runs that its fits are recorded in.
        table: what was trained and tested on.
        options: every option of the run.
        clips: what there is to hear of those that were tested.
        how: what is drawn, and where the page has their sound from.
        seed: of the map of the clips.

    Raises:
        AudioError: a clip that is to be put into the page cannot be read.
    """
    write_decisions(folder, result.levels, result.scores, table)
    if len(result.fits) > 1:
        (folder / "fits.csv").write_text(fits_csv(run_ids, result.fits), encoding="utf-8")
    drawn = {}
    if how.pictures:
        drawn = pictures(losses, result, laid_out(table, how.map, seed), note="; ".join(warnings[:1]))
    heard = as_json(clips, title)
    heard["clips"] = with_sound(heard["clips"], how.audio)
    whole = page(title, facts, warnings, result, drawn, options, heard)
    (folder / "report.html").write_text(whole.html(), encoding="utf-8", errors="backslashreplace")
    (folder / "plots").mkdir()
    for name, picture in drawn.items():
        (folder / "plots" / f"{name}.png").write_bytes(picture.png)
        (folder / "plots" / f"{name}.svg").write_bytes(picture.svg)


def write_decisions(folder: Path, levels: Sequence[Level], scores: Mapping[str, Scores], table: Table) -> None:
    """Write the classification report and every decision: all that is kept of one fit among several.

    Args:
        folder: where to.
        levels: what was decided, of whole clips and of examples.
        scores: level name -> what the decisions are worth.
        table: what was tested on.
    """
    texts = {
        "classification_report.txt": report_text(scores),
        "classification_report.json": json.dumps(report_json(scores), indent=2) + "\n",
    }
    texts |= {PREDICTIONS[level.name]: predictions_csv(level, table) for level in levels}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
