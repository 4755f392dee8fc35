"""A sweep as a page that can be sorted and looked through: sweep.html."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sarcasm.report.parallel import Axis, of_choices, of_numbers
from sarcasm.report.sweep_page import Cell, Column, SortedTable, SweepPage
from sarcasm.scoring import Spread
from sarcasm.sweeps.choices import SEEDS, shown, words
from sarcasm.sweeps.claims import Claims
from sarcasm.sweeps.effects import Effect, effects
from sarcasm.sweeps.gather import Gathered, Row
from sarcasm.sweeps.words import (
    best_on_test,
    claimed,
    duration,
    failures,
    headline,
    metric_words,
    number_words,
    said_by_jobs,
    score_words,
    span_words,
    spread_or_nothing,
)

MOST_AXES = 10
MOST_VALUES = 12
"""Of an option, whose means are listed."""
MOST_COMPARISONS = 200


def page(
    gathered: Gathered, found: Claims, pictures: Sequence[tuple[bytes, str]], links: Mapping[str, str]
) -> SweepPage:
    """The page of a sweep.

    Args:
        gathered: what it came to.
        found: what can be claimed of it.
        pictures: PNG, and what it shows in words.
        links: id of a job -> its page on the server; those without one are left out.
    """
    drawn = [row for row in gathered.finished if row.f1 is not None]
    line_of = {row.run_id: number for number, row in enumerate(drawn)}
    best = {row.run_id for row in gathered.best.rows} if gathered.best else set()
    has_seeds = any(len(setting.rows) > 1 for setting in gathered.settings)
    axes, left_out = _axes(gathered, drawn)
    comparisons = list(found.sentences) if len(found.pairs) > 1 else []
    return SweepPage(
        title=headline(gathered),
        warnings=gathered.cautions,
        verdict=[gathered.choice, *best_on_test(gathered, found)],
        settings=_settings(gathered, found, line_of).without_empty_columns() if has_seeds else None,
        jobs=_jobs(gathered, links, line_of, best).without_empty_columns(),
        are_linked=bool(links),
        pictures=pictures,
        axes=axes,
        names=[_line_words(row, gathered) for row in drawn],
        best=[line_of[row.run_id] for row in drawn if row.run_id in best],
        left_out=left_out,
        effects=_effects(gathered),
        claims=claimed(found),
        comparisons=comparisons[:MOST_COMPARISONS],
        failures=failures(gathered),
        said=said_by_jobs(gathered),
    )


def _jobs(gathered: Gathered, links: Mapping[str, str], line_of: Mapping[str, int], best: set[str]) -> SortedTable:
    # What holds for all alike stands above.
    is_mixed = len({row.beware for row in gathered.finished}) > 1
    columns = [
        Column("run"), *map(Column, gathered.varied), Column("status"), Column("weighted F", True),
        Column("gain", True), Column(metric_words(gathered.metric), True), Column("time", True), Column("to mind"),
    ]  # fmt: skip
    return SortedTable(
        columns,
        [
            [
                Cell(row.run_id[:8], link=links.get(row.run_id, "")),
                *map(Cell, shown(row.choices).values()),
                Cell(row.status),
                Cell(score_words(row), row.f1),
                Cell("" if row.gain is None else f"{row.gain:+.3f}", row.gain),
                Cell(number_words(row.chosen_by), row.chosen_by),
                Cell(duration(row.seconds), row.seconds),
                Cell(row.error or ", ".join(row.beware if is_mixed else ())),
            ]
            for row in gathered.rows
        ],
        ["failed" if not row.is_finished else "best" if row.run_id in best else "" for row in gathered.rows],
        [[line_of[row.run_id]] if row.run_id in line_of else [] for row in gathered.rows],
    )


def _settings(gathered: Gathered, found: Claims, line_of: Mapping[str, int]) -> SortedTable:
    names = [name for name in gathered.varied if name not in SEEDS]
    columns = [
        *map(Column, names), Column("finished", True), Column("weighted F, over seeds", True),
        Column("95 %, all seeds", True), Column(f"{metric_words(gathered.metric)}, over seeds", True),
    ]  # fmt: skip
    return SortedTable(
        columns,
        [
            [
                *map(Cell, shown(setting.choices).values()),
                Cell(f"{len(setting.finished)} of {len(setting.rows)}", len(setting.finished)),
                Cell(spread_or_nothing(setting.f1), _mean(setting.f1)),
                Cell(span_words(found.intervals.get(setting.name)), found.intervals.get(setting.name, (None,))[0]),
                Cell(spread_or_nothing(setting.chosen_by), _mean(setting.chosen_by)),
            ]
            for setting in gathered.settings
        ],
        [
            "best" if setting is gathered.best else "" if setting.finished else "failed"
            for setting in gathered.settings
        ],
        [
            [line_of[row.run_id] for row in setting.rows if row.run_id in line_of]
            for setting in gathered.settings
        ],
    )  # fmt: skip


def _axes(gathered: Gathered, drawn: Sequence[Row]) -> tuple[list[Axis], str]:
    """The options that vary and the scores, and a sentence on what has no axis."""
    names = gathered.varied[:MOST_AXES]
    axes = [of_choices(name, [row.choices[name] for row in drawn]) for name in names]
    if any(row.chosen_by is not None for row in drawn):
        axes.append(of_numbers(metric_words(gathered.metric), [row.chosen_by for row in drawn]))
    axes.append(of_numbers("weighted F, test", [row.f1 for row in drawn]))
    more = len(gathered.varied) - len(names)
    return axes, f"{more} more options have no axis." if more else ""


def _line_words(row: Row, gathered: Gathered) -> str:
    parts = [row.run_id[:8], words(shown(row.choices)), f"weighted F {score_words(row)}"]
    if row.chosen_by is not None:
        parts.append(f"{metric_words(gathered.metric)} {number_words(row.chosen_by)}")
    return ", ".join(filter(None, parts))


def _effects(gathered: Gathered) -> list[list[str]]:
    found = effects(gathered)
    counts = Counter(effect.option for effect in found)
    rows = []
    for effect in found:
        if counts[effect.option] <= MOST_VALUES:
            rows.append(_effect(effect))
        elif not rows or rows[-1][0] != effect.option:
            rows.append([effect.option, f"{counts[effect.option]} values, in the picture", "", "", ""])
    return rows


def _effect(effect: Effect) -> list[str]:
    value, difference = shown({effect.option: effect.value})[effect.option], effect.difference
    pairs = f"{difference.n} pair{'' if difference.n == 1 else 's'}" if difference else ""
    apart = f"{difference.mean:+.3f} ({pairs})" if difference else ""
    return [effect.option, value, str(effect.f1.n), spread_or_nothing(effect.f1), apart]


def _mean(spread: Spread | None) -> float | None:
    return None if spread is None else spread.mean
