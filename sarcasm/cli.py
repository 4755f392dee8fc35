"""The `sarcasm` command: prepare data, and check what is there.

sarcasm prepare denoised                  everything that python train.py dataset=denoised needs of MUStARD
sarcasm check denoised                    whether it is fit for use
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from sarcasm import console
from sarcasm import help as help_page
from sarcasm.config import compose, did_you_mean, parse, parse_preparation
from sarcasm.errors import SarcasmError
from sarcasm.project import PROJECT


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, like everything else here."""

    def error(self, message: str) -> NoReturn:
        """See `argparse.ArgumentParser.error`."""
        console.print_error(f"{re.sub('^argument [A-Z]+: ', '', message)}; see {self.prog} --help")
        sys.exit(console.WRONG_CONFIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    parsed, others = parser.parse_known_args(arguments)
    # Options may stand before and after flags, and KEY takes whatever follows it.
    others += [word for word in parsed.only if "=" in word]
    parsed.only = [word for word in parsed.only if "=" not in word]
    if flags := [word for word in others if "=" not in word or word.startswith("-")]:
        parser.error(f"there is no {flags[0]}")
    parsed.overrides += others
    return console.exit_status(lambda: parsed.run(parsed), parsed.overrides, parsed.config)


def _parser() -> _Parser:
    from sarcasm.prepare.recipes import ALL, TARGETS

    parser = _Parser(prog="sarcasm", description="Make data ready for train.py, and check it.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    prepare = commands.add_parser(
        "prepare",
        help="fetch data, take the sound out of videos, free it from noise",
        description="Fetch what is missing, take the sound out of the videos and free it from noise.\nWhat is there and"
        " whole is left as it is; a call that was cut off is taken up by the same call.",
        epilog=help_page.options_of("prepare"),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    prepare.add_argument(
        "target",
        type=_one_of("target", TARGETS),
        metavar="TARGET",
        help=f"what to make ready: {', '.join(TARGETS)}, which is {', '.join(ALL)}",
    )
    prepare.add_argument("--dry-run", action="store_true", help="print what would be done, and stop")
    prepare.add_argument(
        "--force", action="store_true", help="make clips again, and replace files that are not the right ones"
    )
    prepare.add_argument("--only", nargs="+", default=[], metavar="KEY", help="these clips only, such as 2_97")
    _add_overrides(prepare, "conf/prepare.yaml")
    prepare.set_defaults(run=_prepare, config="prepare")

    check = commands.add_parser(
        "check",
        help="look whether data, weights and machine are fit for a run",
        description="Look at every clip of a dataset, at VGGish's files and at the machine. The exit status is 1 when"
        " something is broken, or a dataset that was named is missing.",
    )
    check.add_argument(
        "dataset",
        nargs="?",
        type=_one_of("dataset", help_page.choices("dataset")),
        metavar="DATASET",
        help="of conf/dataset; by default those that sarcasm prepare makes",
    )
    check.add_argument("--json", action="store_true", help="print the report as JSON, with every clip named")
    _add_overrides(check, "conf/config.yaml")
    check.set_defaults(run=_check, config="config", only=[])
    return parser


def _add_overrides(command: argparse.ArgumentParser, file: str) -> None:
    command.add_argument(
        "overrides", nargs="*", metavar="OPTION=VALUE", help=f"options of {file}, or GROUP=CHOICE, as for train.py"
    )


def _one_of(what: str, known: Sequence[str]) -> Callable[[str], str]:
    def checked(word: str) -> str:
        if word not in known:
            near = did_you_mean(word, list(known))
            raise argparse.ArgumentTypeError(f"there is no {what} {word}{near} (choose from {', '.join(known)})")
        return word

    return checked


def _prepare(parsed: argparse.Namespace) -> int:
    from sarcasm.prepare import Wish, refuse_too_little_room, resolve, steps
    from sarcasm.prepare.terminal import Terminal, say_outcome, say_plan

    preparation = parse_preparation(compose("prepare", parsed.overrides))
    wish = Wish(resolve([parsed.target]), preparation, tuple(parsed.only), parsed.force)
    todo = steps(wish)
    outlooks = [outlook for step in todo for outlook in step.outlooks()]
    say_plan(outlooks, on_stdout=parsed.dry_run)
    if parsed.dry_run:
        return console.DONE
    refuse_too_little_room(outlooks)
    has_failed = False
    for step in todo:
        try:
            for outcome in step.run(Terminal()) or []:
                say_outcome(outcome)
                has_failed |= bool(outcome.failed)
        except SarcasmError as error:
            # What the other steps make is worth having all the same.
            console.print_error(str(error))
            has_failed = True
    return console.FAILED if has_failed else console.DONE


def _check(parsed: argparse.Namespace) -> int:
    import json

    from sarcasm.check import check
    from sarcasm.check.show import show
    from sarcasm.embeddings import VGGishEmbedding

    names = [parsed.dataset] if parsed.dataset else ["original", "denoised"]
    configs = [parse(compose("config", [f"dataset={name}", *parsed.overrides])) for name in names]
    sources = parse_preparation(compose("prepare", [])).source
    config = configs[0]
    report = check(
        [each.dataset for each in configs],
        Path(config.embedding.checkpoint) if isinstance(config.embedding, VGGishEmbedding) else None,
        Path(config.pca.params or ""),
        (sources["vggish_checkpoint"], sources["vggish_pca"]),
        config.tracking,
        PROJECT,
        named=parsed.dataset or "",
    )
    if parsed.json:
        print(json.dumps(report.as_json(), indent=2))  # noqa: T201
    else:
        show(report)
    return console.FAILED if report.bad else console.DONE


if __name__ == "__main__":
    sys.exit(main())
