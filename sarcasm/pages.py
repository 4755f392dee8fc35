"""Pages made of what runs have recorded: that of a run or a sweep anew, or two runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sarcasm import compare, sweeps
from sarcasm.errors import SarcasmError
from sarcasm.report.listening import side_by_side
from sarcasm.report.options import Audio
from sarcasm.report.page import clips_of, page_of_two, with_clips
from sarcasm.report.sound import with_sound
from sarcasm.sweeps.options import TO_CHOOSE_BY, is_minimised
from sarcasm.tracking import Recorded

PAGE = "report.html"
Track = Callable[[Iterable[Any]], Iterable[Any]]


def page_again(run: Recorded, audio: Audio, track: Track = lambda each: each) -> str:
    """The page that a run has recorded, with its sound from elsewhere.

    Args:
        run: the run.
        audio: where the page is to have the sound from.
        track: wraps the clips, to show progress.

    Raises:
        SarcasmError: the run has no such page.
        AudioError: a clip that is to be put into it cannot be read.
    """
    html = run.text(PAGE)
    clips = _clips(run, html)
    return with_clips(html, clips | {"clips": with_sound(clips["clips"], audio, track)})


def page_of_sweep(run: Recorded) -> str:
    """The page of a sweep, made anew of its jobs as they stand recorded now.

    Args:
        run: that holds it.

    Raises:
        SarcasmError: it has no jobs.
    """
    jobs = run.parts()
    if not jobs:
        raise SarcasmError(f"run {run.run_id} ({run.run_name}) is a sweep without jobs; there is nothing to show")
    metric = next((job.params["sweep.metric"] for job in jobs if "sweep.metric" in job.params), TO_CHOOSE_BY[0])
    gathered = sweeps.gather(jobs, metric, is_minimised(metric))
    return sweeps.html(gathered, sweeps.claims(gathered, jobs), sweeps.links(jobs))


def page_of_both(first: Recorded, second: Recorded, audio: Audio, track: Track = lambda each: each) -> str:
    """Two runs side by side: what can be claimed, what differs, and the clips that the second fixed or broke.

    Args:
        first: the run that is changed.
        second: what it is changed to.
        audio: where the page is to have the sound from.
        track: wraps the clips, to show progress.

    Raises:
        SarcasmError: either has no page, or they share no clip or disagree on a label.
        AudioError: see `page_again`.
    """
    runs = [first, second]
    clips = side_by_side(*(_clips(run, run.text(PAGE)) for run in runs))
    # Two runs of the same options have the same name.
    clips |= {"runs": ["A", "B"], "clips": with_sound(clips["clips"], audio, track)}
    warnings = dict.fromkeys(line for run in runs for line in run.tag("cautions").splitlines())
    return page_of_two(
        [compare.short(run) for run in runs], list(warnings), _claims(runs), compare.differing(runs), clips
    )


def _claims(runs: list[Recorded]) -> list[str]:
    try:
        pairs = compare.compare([compare.read(run) for run in runs])
    except SarcasmError as error:
        return [f"They cannot be compared: {error}."]
    a, b = (f"{score:.3f}" for score in (pairs[0].result.a, pairs[0].result.b))
    called = compare.letters(runs)
    return [f"Weighted F on the clips that both tested: A {a}, B {b}.", *compare.claims(pairs, called)]


def _clips(run: Recorded, html: str) -> dict[str, Any]:
    try:
        return clips_of(html)
    except SarcasmError as error:
        raise SarcasmError(f"run {run.run_id} ({run.run_name}): {error}") from error
