"""What the commands of `sarcasm` have in common: how words are read, and how a wrong one is told.

Everything wrong with a command line is one line that names the nearest right word, with exit status 2.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sarcasm import console
from sarcasm.config import compose, did_you_mean, parse
from sarcasm.errors import ConfigError
from sarcasm.options import at_home
from sarcasm.project import PROJECT
from sarcasm.terminal import print_error

if TYPE_CHECKING:
    from sarcasm.tracking import Tracking

LISTS = ("only", "runs", "metric", "by", "folders", "clips")
"""Arguments that take whatever follows them, and so also options that stand there."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like everything else here; what was given tells the innermost in `parser`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.set_defaults(parser=self)

    def error(self, message: str) -> NoReturn:
        """See `argparse.ArgumentParser.error`."""
        print_error(f"{re.sub('^argument [A-Z]+: ', '', message)}; see {self.prog} --help")
        sys.exit(console.WRONG_CONFIG)


def read(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """Read a command line.

    Args:
        parser: of the program; see `add_commands`.
        words: without the program's name.

    Returns:
        What was given; OPTION=VALUE, wherever it stood, in `overrides`.
    """
    _refuse_unknown(parser, words)
    parsed, others = parser.parse_known_args(words)
    # Options may stand before and after flags.
    for name in LISTS:
        given = getattr(parsed, name)
        options = [word for word in given if "=" in word and not (name == "clips" and os.path.lexists(at_home(word)))]
        others += options
        given[:] = [word for word in given if word not in options]
    if flags := [word for word in others if "=" not in word or word.startswith("-")]:
        parsed.parser.error(f"there is no {flags[0] or 'empty word'}{_meant(flags[0], parsed.parser)}")
    parsed.overrides += others
    if len(parsed.runs) < parsed.n_runs:
        needed = "1 run is" if parsed.n_runs == 1 else f"{parsed.n_runs} runs are"
        parser.error(f"{needed} needed, and {len(parsed.runs) or 'none'} is named")
    return parsed


def add_commands(parser: Parser, noun: str) -> argparse._SubParsersAction[Parser]:
    """Let a command have commands.

    Args:
        parser: of the command.
        noun: what they are called where one is wrong: command, action.
    """
    commands: argparse._SubParsersAction[Parser] = parser.add_subparsers(required=True, metavar=noun.upper())
    parser.set_defaults(commands=commands.choices, noun=noun)
    return commands


def add_runs(command: Parser, how_many: str, nargs: str | int) -> None:
    """Let a command be told which runs, and which store they stand in."""
    command.add_argument(
        "runs", nargs=nargs, metavar="RUN", help=f"{how_many}: an id, the beginning of one, a run's name, or last"
    )
    add_store(command)


def add_model(command: Parser) -> None:
    """Let a command be told which fitted model, and which store it stands in; see `model_folder`."""
    model = command.add_mutually_exclusive_group(required=True)
    model.add_argument(
        "--run", dest="model_run", metavar="RUN", help="by its run: an id, the beginning of one, a name, or last"
    )
    model.add_argument(
        "--model",
        dest="model_uri",
        type=at_home,
        metavar="URI",
        help="models:/NAME/VERSION, models:/NAME@ALIAS, runs:/ID/model, or a folder",
    )
    command.add_argument(
        "--fold", default="", metavar="FOLD", help="of a run with several fits: the fold, or FOLD-sSEED"
    )
    add_store(command)


def model_folder(parsed: argparse.Namespace, tracking: Tracking) -> AbstractContextManager[Path]:
    """The folder of the model that a command was told; what had to be fetched is gone after the block.

    Raises:
        SarcasmError: see `sarcasm.tracking.model_of_run` and `model_of_uri`.
    """
    from sarcasm.tracking import model_of_run, model_of_uri

    if parsed.model_run:
        return model_of_run(tracking, PROJECT, parsed.model_run, parsed.fold)
    return model_of_uri(tracking, PROJECT, parsed.model_uri, parsed.fold)


def add_store(command: Parser) -> None:
    """Let a command be told which store."""
    command.set_defaults(overrides=[], config="config")
    command.epilog = "tracking.uri=... names another store."


def store_options(parsed: argparse.Namespace, *others: str) -> tuple[Tracking, list[str]]:
    """The options that say which store, and those others that were given; beginnings of their names are in `others`."""
    store = [word for word in parsed.overrides if word.startswith("tracking")]
    rest = [word for word in parsed.overrides if word not in store]
    if wrong := [word for word in rest if not word.startswith(others)]:
        allowed = " and ".join(f"{name}..." for name in ("tracking.", *others))
        raise ConfigError(f"{wrong[0]}: a recorded run is what it is; only {allowed} can be given here")
    return parse(compose("config", store)).tracking, rest


def one_of(what: str, known: Sequence[str]) -> Callable[[str], str]:
    """A word that is one of some; what they are is said where it is none."""

    def checked(word: str) -> str:
        if word not in known:
            raise argparse.ArgumentTypeError(no_such(what, word, known))
        return word

    return checked


def path(word: str) -> Path:
    """A path; ~ is the user's own folder, which a shell does not say after the = of a flag."""
    return Path(at_home(word))


def number_of(kind: Callable[[str], float], least: int = 0) -> Callable[[str], float]:
    """A number from some on; whole, where the kind is `int`."""

    def checked(word: str) -> float:
        try:
            number = kind(word)
        except ValueError:
            number = least - 1
        if not least <= number < float("inf"):
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"a {what} of {least} or more is needed, not {word}")
        return number

    return checked


def no_such(what: str, word: str, known: Sequence[str]) -> str:
    """That a word is wrong, the nearest right one, and all of them."""
    return f"there is no {what} {word}{did_you_mean(word, list(known))} (choose from {', '.join(known)})"


def _refuse_unknown(parser: Parser, words: Sequence[str]) -> None:
    """Argparse would look at the flags first, and take those of a wrong command for the mistake."""
    known, noun = parser.get_default("commands"), parser.get_default("noun")
    position = next((number for number, word in enumerate(words) if not word.startswith("-")), None)
    if known is None or position is None:
        return
    if words[position] not in known:
        parser.error(no_such(noun, words[position], list(known)))
    _refuse_unknown(known[words[position]], words[position + 1 :])


def _meant(flag: str, command: Parser) -> str:
    flags = ["--help", *re.findall(r"--[a-z-]+", command.format_usage())]
    if flag in flags:
        return " before the command; write it after"
    return did_you_mean(flag.partition("=")[0], flags)
