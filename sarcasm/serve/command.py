"""`sarcasm serve --run RUN`: load a model, take a port, and wait for a browser of this machine."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from sarcasm import console
from sarcasm.arguments import Parser, add_model, model_folder, number_of, store_options
from sarcasm.errors import SarcasmError, TrackingError
from sarcasm.project import PROJECT
from sarcasm.runs.worth import SCORE, interval
from sarcasm.serve.limits import Limits
from sarcasm.terminal import say
from sarcasm.tracking import Tracking, endings_raise, find_run

PORT = 5010
LARGEST_MB, LONGEST_SECONDS = 25.0, 120.0


def add_serve_command(commands: argparse._SubParsersAction[Parser]) -> None:
    """Let the program have the command `serve`."""
    serve = commands.add_parser(
        "serve",
        help="a page on this machine, to give a model clips and see and hear what it says",
        description="Wait on this machine, and on no other, for clips that a browser sends: dropped, chosen or recorded"
        " there. Nothing of them is kept. Ctrl-C ends it.",
    )
    add_model(serve)
    serve.add_argument(
        "--port", type=number_of(int), default=PORT, metavar="N", help=f"{PORT} by default; 0 takes any that is free"
    )
    serve.add_argument(
        "--max-mb", type=number_of(float, 1), default=LARGEST_MB, metavar="X",
        help=f"the largest file, in MB; {LARGEST_MB:g} by default",
    )  # fmt: skip
    serve.add_argument(
        "--max-seconds", type=number_of(float, 1), default=LONGEST_SECONDS, metavar="S",
        help=f"the longest clip; {LONGEST_SECONDS:g} by default",
    )  # fmt: skip
    serve.add_argument("--verbose", action="store_true", help="tell every request")
    serve.set_defaults(run=_serve)


def _serve(parsed: argparse.Namespace) -> int:
    try:
        from sarcasm.serve import answer, app, facts, server
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise SarcasmError(
            f"sarcasm serve: {error.name} is not installed; install it with pip install 'sarcasm[serve]'"
        ) from error
    from sarcasm.packaged import Package

    tracking, _ = store_options(parsed)
    limits = Limits(parsed.max_mb, parsed.max_seconds)
    console.say_note("loading the model")
    # A port that is taken is said before a model is fetched and loaded. Told to end, it leaves nothing behind.
    with (
        endings_raise(),
        server.listen(parsed.port) as listening,
        model_folder(parsed, tracking) as folder,
        Package.load(folder) as package,
    ):
        package.longest_seconds = min(package.longest_seconds, limits.seconds)
        told = facts.facts(package.description, _score(tracking, package.description.run_id))
        answer.warm_up(package)
        _say(server.address(listening), told)
        server.serve(app.application(package, told, limits), listening, is_verbose=parsed.verbose)
    return console.DONE


def _score(tracking: Tracking, run_id: str) -> str:
    """What the run of a model is worth; "" where it is not known here."""
    if not run_id:
        return ""
    try:
        run = find_run(tracking, PROJECT, run_id)
    except TrackingError:
        # The model may be from elsewhere, and says enough without.
        return ""
    if SCORE not in run.metrics:
        return ""
    ends = interval(run, SCORE)
    return f"weighted F {run.metrics[SCORE]:.3f} on its test clips" + (
        f" (95 %: {ends.low:.3f} to {ends.high:.3f})" if ends else ""
    )


def _say(address: str, told: Mapping[str, Any]) -> None:
    """Print where it waits and what for, on stdout; and what must be known of it, on stderr."""
    console.say_cautions(told["cautions"])
    say("; ".join(told["facts"]))
    say(f"{address}  (nothing that is sent there is kept; Ctrl-C ends it)")
