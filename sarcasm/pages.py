"""Pages made of what runs have recorded: that of a run or a sweep anew, or two runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sarcasm import compare, sweeps
from sarcasm.errors import AudioError, SarcasmError, TrackingError
from sarcasm.files import hash_files
from sarcasm.project import here
from sarcasm.report.listening import side_by_side
from sarcasm.report.options import Audio
from sarcasm.report.page import Page, page_of_two
from sarcasm.report.recorded_page import read_page
from sarcasm.report.sound import with_sound
from sarcasm.sweeps.options import TO_CHOOSE_BY, is_minimised
from sarcasm.tracking import Recorded

PAGE = "report.html"
Track = Callable[[Iterable[Any]], Iterable[Any]]


def page_again(run: Recorded, audio: Audio, track: Track = lambda each: each) -> str:
    """The page of a run, rendered anew of what its recorded page says, with its sound from elsewhere.

    Args:
        run: the run.
        audio: where the page is to have the sound from.
        track: wraps the clips, to show progress.

    Raises:
        SarcasmError: the run has no such page, it is damaged, or a file to be put into it is not what the run heard.
        AudioError: a clip that is to be put into it cannot be read.
    """
    recorded = _recorded(run)
    warnings = dict.fromkeys([*_cautions(run), *recorded.warnings])
    clips = {"runs": [run.run_name], "clips": _with_sound(run, recorded.clips["clips"], audio, track)}
    return replace(recorded, title=run.run_name or recorded.title, warnings=list(warnings), clips=clips).html()


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
    differing = compare.differing(runs)
    clips = side_by_side(*({**_recorded(run).clips, "runs": [run.run_name]} for run in runs))
    # Two runs of the same options have the same name.
    clips |= {"runs": ["A", "B"], "clips": _with_sound(first, clips["clips"], audio, track)}
    warnings = dict.fromkeys(line for run in runs for line in _cautions(run))
    return page_of_two([compare.short(run) for run in runs], list(warnings), _claims(runs), differing, clips)


def _claims(runs: list[Recorded]) -> list[str]:
    try:
        pairs = compare.compare([compare.read(run) for run in runs])
    except SarcasmError as error:
        return [f"They cannot be compared: {error}."]
    a, b = (f"{score:.3f}" for score in (pairs[0].result.a, pairs[0].result.b))
    called = compare.letters(runs)
    return [f"Weighted F on the clips that both tested: A {a}, B {b}.", *compare.claims(pairs, called)]


def _cautions(run: Recorded) -> list[str]:
    return run.tag("cautions").splitlines()


def _recorded(run: Recorded) -> Page:
    html = run.text(PAGE)
    try:
        with run.reading(PAGE):
            page = read_page(html)
            clips = [each | {"path": _moved(each["path"], run.project)} for each in page.clips["clips"]]
            return replace(page, clips={**page.clips, "clips": clips})
    except TrackingError:
        raise
    except SarcasmError as error:
        raise SarcasmError(f"run {run.run_id} ({run.run_name}): {error}") from error


def _moved(path: str, project: str) -> str:
    """A clip's path, in this project if it was moved here from where the run was made."""
    moved = here(path, project)
    return moved if Path(moved).exists() else path


def _with_sound(run: Recorded, clips: Sequence[dict[str, Any]], audio: Audio, track: Track) -> list[dict[str, Any]]:
    """The clips of a run's page with their sound; whoever recorded it could name any file of this machine as a clip.

    Raises:
        AudioError: a file that is to be put into the page is not what the run heard, or cannot be read.
    """
    hashes = hash_files([Path(clip["path"]) for clip in clips]) if audio is Audio.embedded else []
    for clip, found in zip(clips, hashes, strict=False):
        named = f"clip {clip['id']}: {clip['path']}"
        if found is None:
            raise AudioError(f"{named} is not there or cannot be read; bring it back, or choose --audio linked")
        if not (found == clip["sha256"] if clip["sha256"] else _is_in_place(clip["path"], run)):
            raise AudioError(
                f"{named} is not known to be the file that the run heard, and is not put into a page; bring that file"
                " back, make the run anew, or choose --audio linked"
            )
    return with_sound(clips, audio, track)


def _is_in_place(path: str, run: Recorded) -> bool:
    """Whether a file lies where a run's dataset does: for runs of earlier versions, which kept no hash of each file.

    Only of a store on this machine: what a server says of its runs, others have written.
    """
    labels = run.params.get("dataset.manifest", "")
    place = run.params.get("dataset.audio_dir") or (labels and str(Path(labels).parent))
    is_ours = bool(place) and run.store.database is not None
    return is_ours and Path(path).resolve().is_relative_to(Path(_moved(place, run.project)).resolve())
