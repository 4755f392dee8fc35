"""What can be said of a sweep, in tables and sentences: for the terminal and the page."""

from __future__ import annotations

from collections import Counter

from sarcasm.report.words import spread_words
from sarcasm.scoring import METRICS, Spread
from sarcasm.sweeps.choices import SEEDS, shown, words
from sarcasm.sweeps.claims import Claims
from sarcasm.sweeps.gather import LONGEST_NAME, Gathered, Row

MOST_SAID = 20
MOST_NAMED = 4
"""Options that stand in a headline; more are counted."""
TO_GO_ON = "To go on, run the same command again: what is done is not done again."


def headline(gathered: Gathered) -> str:
    """What was swept, and how the jobs ended."""
    *others, last = gathered.varied or [""]
    over = f"{', '.join(others)} and {last}" if others else last
    if len(others) >= MOST_NAMED:
        over = f"{len(gathered.varied)} options"
    n, n_failed = len(gathered.rows), len(gathered.failed)
    ended = f"{n - n_failed} finished, {n_failed} did not" if n_failed or not n else "all finished"
    return f"Sweep{f' over {over}' if over else ''}: {n} job{'' if n == 1 else 's'}, {ended}."


def jobs_table(gathered: Gathered) -> list[list[str]]:
    """A header, and a row for each job; a column of warnings where they do not hold for all jobs alike. Empty without
    jobs.
    """
    is_mixed = len({row.beware for row in gathered.finished}) > 1
    head = ["run", *gathered.varied, "status", "weighted F", "gain", metric_words(gathered.metric), "time", "beware"]
    rows = [
        [
            row.run_id[:8], *shown(row.choices).values(), row.status, score_words(row),
            "" if row.gain is None else f"{row.gain:+.3f}", number_words(row.chosen_by), duration(row.seconds),
            ", ".join(row.beware) if is_mixed else "",
        ]
        for row in gathered.rows
    ]  # fmt: skip
    return _without_empty_columns([head, *rows])


def means_table(gathered: Gathered, found: Claims) -> list[list[str]]:
    """A header, and a row for each setting with its mean over seeds; empty where each has one job."""
    if all(len(setting.rows) == 1 for setting in gathered.settings):
        return []
    names = [name for name in gathered.varied if name not in SEEDS]
    head = [
        *names,
        "finished",
        "weighted F, over seeds",
        "95 %, all seeds",
        f"{metric_words(gathered.metric)}, over seeds",
    ]
    rows = [
        [
            *shown(setting.choices).values(), f"{len(setting.finished)} of {len(setting.rows)}",
            spread_or_nothing(setting.f1), span_words(found.intervals.get(setting.name)),
            spread_or_nothing(setting.chosen_by),
        ]
        for setting in gathered.settings
    ]  # fmt: skip
    return _without_empty_columns([head, *rows])


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    """A table without the columns that have nothing but a header; empty where all are so."""
    kept = [number for number in range(len(rows[0])) if any(row[number] for row in rows[1:])]
    return [[row[number] for number in kept] for row in rows] if kept else []


def claimed(found: Claims, most: int | None = None) -> list[str]:
    """How many comparisons were made, what can be claimed of them, and what to mind.

    Args:
        found: the settings compared.
        most: claims that are said; None says all.
    """
    n, holding = len(found.pairs), found.holding
    if n < 2:
        return [*found.sentences, *found.notes]
    differences = f"{len(holding) or 'no'} difference{'' if len(holding) == 1 else 's'}"
    said = [f"{n} comparisons of settings: {differences} can be claimed.", *holding[:most]]
    if more := len(holding[most:]) if most else 0:
        said.append(f"{more} more can be claimed; they stand in comparisons.json.")
    return [*said, *found.notes]


def best_on_test(gathered: Gathered, found: Claims) -> list[str]:
    """A sentence on what the best setting is worth on test clips, with its interval, beside rules that do not listen.

    None where nothing is best, or it has no such score.
    """
    best = gathered.best
    if best is None or best.f1 is None:
        return []
    interval = found.intervals.get(best.name)
    span = f" (95 % interval: {span_words(interval)} over utterances)" if interval else ""
    said = f"On test clips, which did not choose it, its weighted F is {best.f1.mean:.3f}{span}"
    deaf = [row.deaf for row in best.finished if row.deaf is not None]
    if not deaf:
        return [f"{said}."]
    rule = sum(deaf) / len(deaf)
    gain = best.f1.mean - rule
    beside = f"{gain:.3f} above" if gain > 0 else "no better than"
    return [f"{said}, {beside} the best rule that does not listen ({rule:.3f})."]


def said_by_jobs(gathered: Gathered) -> list[str]:
    """The cautions of the jobs, with the number of jobs that said each."""
    counts = Counter(caution for row in gathered.finished for caution in row.cautions)
    said = [f"{n} of {len(gathered.finished)} jobs: {caution}" for caution, n in counts.most_common(MOST_SAID)]
    return said + ([f"and {len(counts) - MOST_SAID} more"] if len(counts) > MOST_SAID else [])


def failures(gathered: Gathered) -> list[str]:
    """Each job that did not finish, and why."""
    named = [(row, words(shown(row.choices))) for row in gathered.failed]
    return [
        f"{row.status} {row.run_id[:8]}{f' {name}' if 0 < len(name) <= LONGEST_NAME else ''}: {row.error}"
        for row, name in named
    ]


def metric_words(metric: str) -> str:
    """A metric in few words: "validation" for the weighted F of it, else "validation loss" and so on."""
    side, _, name = metric.partition("/")
    last = name.rpartition("/")[2]
    return side if last == "f1_weighted" else f"{side} {METRICS.get(last, last)}"


def score_words(row: Row) -> str:
    """The weighted F of a job with its interval over utterances, where it has them."""
    interval = span_words(row.intervals.get("utterance"))
    return number_words(row.f1) + (f" ({interval})" if interval else "")


def duration(seconds: float | None) -> str:
    """Seconds, minutes or hours."""
    if seconds is None:
        return ""
    for unit, name in ((3600, "h"), (60, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"


def number_words(value: float | None) -> str:
    """A score; nothing where there is none."""
    return "" if value is None else f"{value:.3f}"


def span_words(interval: tuple[float, float] | None) -> str:
    """An interval; nothing where there is none."""
    return f"{interval[0]:.2f} to {interval[1]:.2f}" if interval else ""


def spread_or_nothing(spread: Spread | None) -> str:
    """Mean and standard deviation; nothing where there are none."""
    return "" if spread is None else spread_words(spread)
