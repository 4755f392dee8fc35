"""`sarcasm runs ACTION`: what is asked of all that was recorded."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sarcasm import console
from sarcasm.addresses import without_password
from sarcasm.arguments import Parser, add_commands, add_runs, add_store, number_of, one_of, path, store_options
from sarcasm.config import compose, did_you_mean, leaves
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.options import at_home
from sarcasm.project import PROJECT
from sarcasm.terminal import say, say_json, write

if TYPE_CHECKING:
    from sarcasm.tracking import Recorded, Tracking

STATUSES = ("RUNNING", "FINISHED", "FAILED", "KILLED", "SCHEDULED")
FILTER = """a filter in MLflow's words, such as 'params.head.name = "small" and metrics."gain/f1_weighted" > 0'"""
N_LISTED = 20
"""Runs that a list shows where nothing else is asked for."""


def add_runs_command(commands: argparse._SubParsersAction[Parser]) -> None:
    """Let the program have the command `runs`."""
    runs = commands.add_parser(
        "runs",
        help="look through what was recorded",
        description="Which runs there are, what one was, where several differ, which ended without a word, and a table"
        " of them for a paper.",
    )
    actions = add_commands(runs, "action")

    listing = actions.add_parser("list", help="runs, newest first")
    listing.add_argument("--all", action="store_true", help="those too that are nested in others: jobs of sweeps, fits")
    listing.add_argument("--status", type=_status, help=f"of this status only: {', '.join(STATUSES)}")
    listing.add_argument("--where", default="", metavar="FILTER", help=FILTER)
    listing.add_argument("--sort", default="", metavar="METRIC", help="highest first, and shown too")
    listing.add_argument(
        "--limit", type=number_of(int, least=1), default=N_LISTED, metavar="N", help=f"so many; {N_LISTED} by default"
    )
    listing.add_argument("--json", action="store_true", help="print the list as JSON")
    add_store(listing)
    listing.set_defaults(run=_list)

    show = actions.add_parser("show", help="all that a run says of itself")
    add_runs(show, "one", 1)
    show.add_argument("--json", action="store_true", help="print it as JSON, with every option and metric")
    show.set_defaults(run=_show, n_runs=1)

    diff = actions.add_parser("diff", help="where runs differ: options, data, code, machine, scores")
    add_runs(diff, "two or more", "+")
    diff.add_argument("--patch", action="store_true", help="print in what their uncommitted changes differ")
    diff.add_argument("--json", action="store_true", help="print it as JSON, with every metric")
    diff.set_defaults(run=_diff, n_runs=2)

    repair = actions.add_parser(
        "repair",
        help="mark runs as KILLED whose process is gone",
        description="Mark runs as KILLED that are RUNNING though their process, one of this machine, is gone.",
    )
    repair.add_argument(
        "--stale-hours",
        type=number_of(float),
        metavar="H",
        help="those of other machines too that have given no sign of life for H hours",
    )
    add_store(repair)
    repair.set_defaults(run=_repair)

    sync = actions.add_parser(
        "sync",
        help="send what a server did not take",
        description="Send what runs have recorded and their server, down or slow, has not taken: in order, and nothing"
        " twice. What is sent leaves outputs/spool/. The exit status is 1 when anything could not be sent.",
    )
    sync.add_argument(
        "folders", nargs="*", type=at_home, metavar="FOLDER", help="these only; all of outputs/spool/ by default"
    )
    add_store(sync)
    sync.epilog = "tracking.uri=... sends them there instead of to where they were meant for."
    sync.set_defaults(run=_sync)

    export = actions.add_parser(
        "export",
        help="a table of settings, for a paper",
        description="A row for each setting, with mean and standard deviation over its seeds, or the value of one run"
        " and its 95 % interval; under it what must be known to read it. Of a sweep, its jobs are taken.",
    )
    add_runs(export, "none, one or more, or sweeps", "*")
    places = export.add_mutually_exclusive_group()
    places.add_argument("--markdown", type=path, metavar="FILE", help="write Markdown, as is printed by default")
    places.add_argument("--latex", type=path, metavar="FILE", help="write LaTeX, for booktabs")
    places.add_argument("--csv", type=path, metavar="FILE", help="write every option, metric and tag, a row for a run")
    export.add_argument("--metric", nargs="+", default=[], metavar="NAME", help="told of each setting")
    export.add_argument("--by", nargs="+", default=[], metavar="OPTION", help="what tells settings apart")
    export.add_argument("--where", default="", metavar="FILTER", help=f"of these only: {FILTER}")
    export.add_argument("--force", action="store_true", help="overwrite a file that this command did not make")
    export.set_defaults(run=_export)


def _status(word: str) -> str:
    return one_of("status", STATUSES)(word.upper())


def _list(parsed: argparse.Namespace) -> int:
    from sarcasm.runs.listing import listed
    from sarcasm.runs.terminal import say_list
    from sarcasm.runs.worth import TESTED
    from sarcasm.scoring import METRICS
    from sarcasm.tracking import find_runs

    tracking, _ = store_options(parsed)
    metric = f"{TESTED}{parsed.sort}" if parsed.sort in METRICS else parsed.sort
    found = find_runs(
        tracking, PROJECT, where=parsed.where, status=parsed.status or "", with_nested=parsed.all, sort_by=metric,
        most=parsed.limit + 1,
    )  # fmt: skip
    # Those that have it come first; where the first have not, none has.
    if metric and found and metric not in found[0].metrics:
        known = sorted({name for run in found for name in run.metrics})
        raise ConfigError(f"--sort {parsed.sort}: no run has such a metric{did_you_mean(metric, [*METRICS, *known])}")
    rows, has_more = listed(found[: parsed.limit]), len(found) > parsed.limit
    if parsed.json:
        say_json({"runs": [row.as_json() for row in rows], "has_more": has_more})
    elif rows:
        say_list(rows, metric, has_more)
    elif parsed.status or parsed.where:
        say("No run is like that; sarcasm runs list shows those that there are.")
    else:
        say("No run is recorded yet; python train.py makes one.")
    return console.DONE


def _show(parsed: argparse.Namespace) -> int:
    from sarcasm.runs.show import shown
    from sarcasm.runs.terminal import say_shown

    (run,) = _named(parsed)
    found = shown(run, leaves(compose("config", [])), None if parsed.json else N_LISTED)
    if parsed.json:
        say_json(found.as_json())
    else:
        say_shown(found)
    return console.DONE


def _diff(parsed: argparse.Namespace) -> int:
    from sarcasm.runs.differ import differences
    from sarcasm.runs.terminal import say_differences
    from sarcasm.runs.worth import marks

    runs = _named(parsed)
    found = differences(runs)
    if parsed.json:
        say_json(found.as_json(runs))
    else:
        say_differences(runs, found, marks(runs), parsed.patch)
    return console.DONE


def _repair(parsed: argparse.Namespace) -> int:
    from sarcasm.runs.terminal import say_repaired
    from sarcasm.tracking import repair

    tracking, _ = store_options(parsed)
    say_repaired(repair(tracking, PROJECT, parsed.stale_hours))
    return console.DONE


def _sync(parsed: argparse.Namespace) -> int:
    from sarcasm.runs.terminal import say_sent
    from sarcasm.tracking import sync

    tracking, _ = store_options(parsed)
    if address := next((each for each in parsed.folders if "://" in each), None):
        raise ConfigError(f"{without_password(address)}: not a folder; a server is named with tracking.uri=ADDRESS")
    has_failed, n_sent = False, 0
    for sent in sync(tracking, PROJECT, [Path(folder) for folder in parsed.folders]):
        say_sent(sent)
        has_failed |= bool(sent.problem)
        n_sent += 1
    if not n_sent:
        say("Nothing waits to be sent.")
    return console.FAILED if has_failed else console.DONE


def _export(parsed: argparse.Namespace) -> int:
    from sarcasm.runs import formats
    from sarcasm.runs.export import export
    from sarcasm.runs.worth import marks

    if parsed.csv and (parsed.metric or parsed.by):
        raise ConfigError("--csv holds every option and metric; leave --metric and --by out")
    chosen = _chosen(parsed)
    if parsed.csv:
        formats.save(formats.csv_text(chosen, marks(chosen)), parsed.csv, parsed.force)
        say(f"{parsed.csv}: {len(chosen)} runs")
        return console.DONE
    found = export(chosen, parsed.metric, parsed.by)
    console.say_cautions(found.cautions)
    form = formats.latex if parsed.latex else formats.markdown
    text = form(found.table, found.caption)
    if path := parsed.latex or parsed.markdown:
        formats.save(text, path, parsed.force)
        say(f"{path}: {len(found.table.settings)} settings, {len(found.counted)} runs")
    else:
        write(text)
    return console.DONE


def _chosen(parsed: argparse.Namespace) -> list[Recorded]:
    """The finished runs to be exported: those named, the jobs of sweeps in place of these, and of all what fits."""
    from sarcasm.runs.export import has_scores, ids
    from sarcasm.tracking import find_runs

    tracking, _ = store_options(parsed)
    if not parsed.runs and not parsed.where:
        raise ConfigError("name runs or a sweep, or say which with --where; see sarcasm runs export --help")
    fitting = find_runs(tracking, PROJECT, where=parsed.where) if parsed.where else []
    if parsed.runs:
        named = _find(tracking, parsed.runs)
        found = [each for run in named for each in (run.parts() if run.is_sweep else [run])]
        fits = {run.run_id for run in fitting}
        found = [run for run in found if not parsed.where or run.run_id in fits]
    else:
        found = [run for run in fitting if has_scores(run)]
    found = list({run.run_id: run for run in found}.values())
    if unfinished := [run for run in found if run.status != "FINISHED"]:
        console.say_cautions([f"Left out, as they have not finished: {ids(unfinished)}."])
    if not (finished := [run for run in found if run.status == "FINISHED"]):
        raise SarcasmError("none of these runs has finished" if found else "no run is like that")
    return finished


def _named(parsed: argparse.Namespace) -> list[Recorded]:
    tracking, _ = store_options(parsed)
    found = _find(tracking, parsed.runs)
    if len({run.run_id for run in found}) < len(found):
        raise SarcasmError("a run is named twice; name different ones")
    return found


def _find(tracking: Tracking, words: Sequence[str]) -> list[Recorded]:
    from sarcasm.tracking import find_run

    return [find_run(tracking, PROJECT, word) for word in words]
