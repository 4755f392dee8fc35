"""What a person sees on the terminal: progress, one line for an error, a table at the end.

Progress, warnings and errors go to stderr; the final table to stdout.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf.errors import OmegaConfBaseException

from sarcasm import compare
from sarcasm import help as help_page
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.explain import explain, is_planned, read_command_line
from sarcasm.plan import plan
from sarcasm.plan import say as say_plan
from sarcasm.probe import Deaf, Named
from sarcasm.repeat import Repetition
from sarcasm.report.words import SURE, certainty, fits_table
from sarcasm.scoring import METRICS, Result, Scores, gain, verdict
from sarcasm.store.upkeep import Dropped, Info, Verified
from sarcasm.terminal import print_error, say, set_up, write
from sarcasm.tracking import VARIED_VARIABLE, Recorded, open_sweep, sweep

_stopped: list[SarcasmError] = []
"""The error that ended the only job of this process."""
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
WHAT_TO_DO = {
    **dict.fromkeys(FORBIDDEN, "change who may read and write there, or name another place"),
    errno.ENOTDIR: "a folder is needed there: name another place",
    errno.EISDIR: "a file is needed there: move the folder away, or name another place",
    errno.EEXIST: "a folder is needed there: move the file away, or name another place",
    errno.ENOENT: "put it there, or name another place",
    errno.ELOOP: "mend the link, or name another place",
    errno.ENAMETOOLONG: "name another place",
}
"""Number of a system's error that names a file -> what the user can do."""
MOST_DIFFERENCES = 10
FEW_CLIPS = 100
DONE, FAILED, WRONG_CONFIG, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141
"""The last two are what a shell says of a program that SIGINT or SIGPIPE ended."""
OBJECTS_BETWEEN_COLLECTIONS = 50_000
"""Made more than freed, before Python looks for what could go; 700 is its own."""
Item = TypeVar("Item")


def train_status(main: Callable[[], Any]) -> int:
    """Run train.py; say what went wrong in one line.

    Returns:
        See `exit_status`.

    Raises:
        Exception: whatever is our own mistake, with its traceback.
    """
    set_up()
    # Libraries make half a million objects that stay; looking through them for what could go costs a second and a half.
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    # Otherwise Hydra prints exceptions itself and exits with 1 for all of them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    if {"-h", "--help"} & set(sys.argv[1:]):
        # Hydra's own way to this text takes half a second longer, for lists that do not stand in it.
        return exit_status(lambda: write(help_page.render()), sys.argv[1:], "config")

    def run() -> int:
        sys.argv[1:] = read_command_line(sys.argv[1:])  # where Hydra looks for them
        if is_planned(sys.argv[1:]):
            found = plan(sys.argv[1:])
            say_plan(found)
            return FAILED if any(job.problem for job in found.jobs) else DONE
        with sweep():
            _run_sweep(main)
        if _stopped:
            raise _stopped.pop()
        return DONE

    try:
        return exit_status(run, sys.argv[1:], "config")
    finally:
        # Python would look through them once more before it ends, for two seconds.
        gc.freeze()


def _run_sweep(main: Callable[[], Any]) -> None:
    """Run train.py, and conclude the sweep that this may be: whatever became of its jobs, it is gathered and shown."""
    failure: Exception | None = None
    try:
        main()
    except Exception as error:
        if (opened := open_sweep()) is None:
            raise
        failure = error
    if (opened := open_sweep()) is None:
        return
    from sarcasm.sweeps.conclude import conclude

    n_failed = conclude(opened)
    if failure and not isinstance(failure, SarcasmError):
        raise failure
    if failure or n_failed:
        ended = SarcasmError(f"{n_failed} of the sweep's jobs have not finished" if n_failed else str(failure))
        ended.is_said = bool(n_failed) or hasattr(failure, "is_said")  # type: ignore[attr-defined]
        raise ended


def exit_status(run: Callable[[], int | None], arguments: Sequence[str], config: str) -> int:
    """Run a program; say what went wrong in one line.

    Args:
        run: the program; it may return a status of its own.
        arguments: the command line, for what to say of a wrong option.
        config: the file in conf/ that the options belong to.

    Returns:
        0 done, 1 failed, 2 wrong configuration, 130 interrupted, 141 nobody reads on.

    Raises:
        Exception: whatever is our own mistake, with its traceback.
    """
    set_up()
    # Where these go stands in conf/hydra/job_logging/console.yaml.
    logging.addLevelName(logging.WARNING, "warning")
    logging.addLevelName(logging.INFO, "note")
    try:
        with _unwritable_as_our_error():
            status = run() or DONE
            # What is still held back would otherwise fail when Python ends, past this function.
            sys.stdout.flush()
            return status
    except KeyboardInterrupt:
        print_error("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # Who read what is printed here has seen enough, as head does; Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except SystemExit as end:
        # Rich ends the program itself.
        if isinstance(end.__context__, BrokenPipeError):
            return UNREAD
        raise
    except SarcasmError as error:
        if not getattr(error, "is_said", False):
            print_error(str(error))
        return WRONG_CONFIG if isinstance(error, ConfigError) else FAILED
    except (HydraException, OmegaConfBaseException) as error:
        print_error(explain(error, arguments, config))
        return WRONG_CONFIG
    except ValueError as error:
        # Hydra lets a bare ValueError out where YAML turned a choice into a boolean, such as pca=true.
        if not _is_from_hydra(error):
            raise
        print_error(explain(error, arguments, config))
        return WRONG_CONFIG


@contextmanager
def _unwritable_as_our_error() -> Iterator[None]:
    """Say in one line what is wrong with a file, whichever of the many that a run reads and writes it is."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.errno in NO_ROOM:
            where = f" to {error.filename}" if error.filename else f", maybe to {tempfile.gettempdir()}"
            raise SarcasmError(f"cannot write{where}: {error.strerror}; free some space") from error
        # Without the name of a file, or with a number in its place, it is a mistake of ours.
        if error.errno is not None and error.filename and not isinstance(error.filename, int):
            what = WHAT_TO_DO.get(error.errno, "see to that place, or name another")
            raise SarcasmError(f"{os.fsdecode(error.filename)}: {error.strerror}; {what}") from error
        raise


@contextmanager
def job() -> Iterator[None]:
    """Keep an error that a user can put right from Hydra, which would print a line of its own before it.

    In a sweep Hydra has to know which job failed, and goes on with the others: there the error is said at once, and
    raised.
    """
    set_up()  # a launcher may have started this process for the job
    try:
        with _unwritable_as_our_error():
            yield
    except SarcasmError as error:
        if HydraConfig.get().mode is not RunMode.MULTIRUN:
            _stopped.append(error)
            return
        say_failed(error, HydraConfig.get().overrides.task)
        raise


def say_failed(error: SarcasmError, overrides: Sequence[str]) -> None:
    """Say why a job of a sweep failed; at the sweep's end it is not said again.

    Args:
        error: why.
        overrides: which job.
    """
    print_error(f"{error} (job: {' '.join(overrides)})")
    error.is_said = True  # type: ignore[attr-defined]  # an attribute travels with the exception between processes


def _is_from_hydra(error: BaseException) -> bool:
    """Whether an exception was raised by Hydra's own code."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_globals.get("__name__", "").startswith("hydra.")


@contextmanager
def track(description: str) -> Iterator[Callable[[Iterable[Item]], Iterable[Item]]]:
    """Within the block, show how far something is that is gone through with the function that this gives.

    Args:
        description: what is being done.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, TimeElapsedColumn, TimeRemainingColumn

    from sarcasm.terminal import screen

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    # What is wiped off a terminal leaves empty lines in a file.
    is_brief = is_one_of_many()
    with screen.progress(*columns, is_transient=is_brief, is_silent=is_brief) as progress:
        yield partial(progress.track, description=description)


def say_cautions(cautions: Sequence[str]) -> None:
    """Print each on a line of its own; of a sweep's jobs, they are said once in its end."""
    if is_one_of_many():
        return
    from sarcasm.terminal import screen

    for caution in cautions:
        screen.stderr().say(f"warning: {caution}", "yellow")


def is_one_of_many() -> bool:
    """Whether this is a job of a sweep, of which a line is said and no more."""
    return HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN


def say_job(run: Recorded, metric: str, *, was_done: bool = False) -> None:
    """Print how a job of a sweep ended, in a line on stdout.

    Args:
        run: the job.
        metric: what settings are chosen by.
        was_done: whether it was done before, and is not done again.
    """
    from sarcasm.sweeps import terminal

    config = HydraConfig.get()
    varied = os.environ.get(VARIED_VARIABLE, "").split(",")
    terminal.say_job(run, int(config.job.num), metric, varied, was_done=was_done)


def say_note(text: str) -> None:
    """Print what is going on, on stderr."""
    from sarcasm.terminal import screen

    screen.stderr().say(f"note: {text}")


def say_goes_on(run_id: str) -> None:
    """Say that a run that was cut short is taken up."""
    say_note(f"goes on with run {run_id}, which was cut short; force=true begins anew")


def say_summary(facts: Mapping[str, str], result: Result, run_id: str, where: str) -> None:
    """Print what was run, the scores above the baselines, what can be said of them, and how to look at the run, on
    stdout.
    """
    from sarcasm.terminal import screen

    console = screen.stdout()
    for name, value in facts.items():
        console.say(f"{name:>10}  {value}")
    if rows := fits_table(result):
        fits = screen.grid(*rows[0])
        for row in rows[1:]:
            fits.add_row(*row)
        console.say()
        console.show(fits)
    table = screen.grid("", *METRICS.values(), "gain", padding=(0, 0, 0, 1))
    for column in table.columns:
        column.no_wrap = True
        column.justify = "right"
    for level, each in result.scores.items():
        above = f"{gain(each, result.baselines):+.3f}" if level == "utterance" else ""
        table.add_row(f"{level} level", *_numbers(each), above, style="bold")
    for title, is_deaf in (("without listening:", True), ("listening a little:", False)):
        table.add_row(title, style="dim")
        for baseline in result.baselines:
            if baseline.is_deaf is is_deaf:
                table.add_row(baseline.name.replace("_", " "), *_numbers(baseline.scores), style="dim")
    console.say()
    console.show(table)
    console.say()
    console.say(verdict(result.scores["utterance"], result.baselines))
    for sentence in certainty(result):
        console.say(sentence)
    console.say(f"Run {run_id}; to look at it: {where}")


def say_comparison(
    runs: Sequence[Recorded], pairs: Sequence[compare.Pair], differing: Mapping[str, Sequence[Any]]
) -> None:
    """Print the runs, the options that differ, each pair's numbers, and what can be claimed, on stdout."""
    from sarcasm.terminal import screen

    console, called = screen.stdout(), compare.letters(runs)
    for run in runs:
        console.say(f"{called[run.run_id]:>2}  {run.run_id[:8]}  {run.run_name}")
    console.say()
    options = screen.grid("differs", *called.values())
    for key, values in differing.items():
        options.add_row(key, *(str(value) if value is not None else "" for value in values))
    if differing:
        console.show(options)
    else:
        console.say("No option differs.")
    table = screen.grid(
        "", "weighted F", "differ", "95 %", "alone right", "p clips", "p voices", "McNemar", padding=(0, 0, 0, 1)
    )
    for pair in pairs:
        result = pair.result
        by_speaker = "" if pair.p_speaker is None else f"{pair.p_speaker:.2g}"
        table.add_row(
            f"{called[pair.b.run_id]} : {called[pair.a.run_id]}", f"{result.b:.3f} : {result.a:.3f}",
            f"{result.difference:+.3f}", f"{result.low:+.3f} to {result.high:+.3f}",
            f"{result.n_only_b} : {result.n_only_a}", f"{pair.p_permutation:.2g}", by_speaker, f"{pair.p_mcnemar:.2g}",
        )  # fmt: skip
    console.say()
    console.show(table)
    console.say()
    for pair, claim in zip(pairs, compare.claims(pairs, called), strict=True):
        console.say(claim)
        if pair.n_only_a or pair.n_only_b:
            console.say(
                f"  On the {pair.result.n_utterances} utterances that both tested; {pair.n_only_a} and"
                f" {pair.n_only_b} that only one did are left out.")  # fmt: skip
        if not pair.same_folds:
            console.say("  They were tested in different folds: they also learned from different utterances.")


def say_page(path: Path) -> None:
    """Print where a page is, on stdout."""
    say(f"{path}; to look at it: {path.absolute().as_uri()}")


def say_repetition(first: str, again: str, found: Repetition) -> None:
    """Print whether a run came out the same again, on stdout."""
    from sarcasm.terminal import screen

    console = screen.stdout()
    compared = f"{found.n_losses} losses, {found.n_metrics} metrics and {found.n_decisions} predictions"
    if not found.differences:
        console.say(f"Repeated: all {compared} of run {again} equal those of {first} to the bit.")
        return
    for each in found.differences[:MOST_DIFFERENCES]:
        console.say(f"{each.what}: {each.first} then, {each.second} now")
    more = len(found.differences) - MOST_DIFFERENCES
    if more > 0:
        console.say(f"and {more} more")
    console.say(f"Not repeated: run {again} differs from {first}; {compared} were compared.")


def say_probe(named: Sequence[Named], alone: Deaf, split: str, run_id: str, where: str) -> None:
    """Print what else the embeddings tell, on stdout."""
    from sarcasm.terminal import screen

    console = screen.stdout()
    table = screen.grid("who speaks, and where", "classes", "clips", "accuracy", "balanced", "by chance", "p")
    for each in named:
        table.add_row(
            each.target, str(each.n_classes), str(each.n_tested), f"{each.accuracy:.3f}",
            f"{each.balanced_accuracy:.3f}", f"{each.by_chance:.3f}", f"{each.p_value:.2g}",
        )  # fmt: skip
    if named:
        console.show(table)
    else:
        console.say("The corpus names no two speakers or shows with enough clips.")
    for each in named:
        console.say(
            f"From these embeddings the head can tell the {each.target}: what it learns of sarcasm may be the"
            f" {each.target}'s habit."
            if each.p_value < SURE
            else f"That the head can tell the {each.target} is not shown; with {each.n_tested} clips this says"
            f" {'little' if each.n_tested < FEW_CLIPS else 'something'}.")  # fmt: skip
    scores, interval = alone.scores, alone.interval["f1_weighted"]
    console.say(
        f"Sarcasm by clip length and level alone (split={split}): weighted F {scores.f1_weighted:.3f}"
        f" ({interval.low:.3f} to {interval.high:.3f}), AUROC {scores.auroc:.3f}.")  # fmt: skip
    console.say(f"Run {run_id}; to look at it: {where}")


def say_store(found: Info) -> None:
    """Print what a store holds, on stdout."""
    from sarcasm.terminal import screen

    console = screen.stdout()
    console.say(f"{found.path}: {found.n_bytes / 1e6:.1f} MB, hashes of {found.n_files} files")
    for kept in found.kept:
        table = screen.grid(show_header=False)
        table.add_row("entries", f"{kept.n_entries}, {kept.n_bytes / 1e6:.1f} MB, last used {kept.last_used}")
        for name, value in kept.recipe.items():
            text = ", ".join(f"{key} {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
            table.add_row(name, text)
        console.say()
        console.show(table)


def say_verified(path: Path, found: Verified) -> None:
    """Print whether a store is as it was written, on stdout."""
    from sarcasm.terminal import screen

    console = screen.stdout()
    damaged = f"; {found.n_dropped} were damaged and are dropped" if found.n_dropped else ""
    console.say(f"{path}: {found.n_whole} entries are as they were written{damaged}")
    for complaint in found.complaints:
        console.say(f"The file is damaged ({complaint}); the next run mends it")


def say_dropped(path: Path, gone: Dropped) -> None:
    """Print what was dropped from a store, on stdout."""
    n = "1 entry" if gone.n_entries == 1 else f"{gone.n_entries} entries"
    say(f"{path}: {n} of {gone.n_bytes / 1e6:.1f} MB dropped")


def _numbers(scores: Scores) -> list[str]:
    return [f"{getattr(scores, metric):.3f}" for metric in METRICS]
