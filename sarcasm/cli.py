"""The `sarcasm` command: what comes before train.py, and what is asked of its runs.

sarcasm prepare denoised                  everything that python train.py dataset=denoised needs of MUStARD
sarcasm check denoised                    whether it is fit for use
sarcasm probe dataset=denoised            what else the embeddings tell
sarcasm compare RUN RUN                   what can be claimed of their difference
sarcasm repeat RUN                        whether it comes out the same again
sarcasm report RUN [RUN]                  its page again, with the sound in it, or a sweep's; or two side by side
sarcasm predict CLIP --run RUN            what its model says of a clip
sarcasm serve --run RUN                   a page on this machine to give its model clips and hear what it says
sarcasm runs list                         what was recorded; also show, diff, repair, export
sarcasm store info                        what is kept of embeddings, and what to do about it
"""

from __future__ import annotations

import argparse
import runpy
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sarcasm import console
from sarcasm import help as help_page
from sarcasm.arguments import (
    LISTS,
    Parser,
    add_commands,
    add_runs,
    no_such,
    number_of,
    one_of,
    path,
    read,
    store_options,
)
from sarcasm.config import PATHS, compose, parse, parse_preparation, run_name
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.options import leaves
from sarcasm.predict.command import add_predict_command
from sarcasm.project import PROJECT
from sarcasm.report.options import Audio
from sarcasm.runs.command import add_runs_command
from sarcasm.serve.command import add_serve_command
from sarcasm.terminal import print_error, say_json, set_up

ACTIONS = ("info", "verify", "prune", "clear")
"""Of `sarcasm store`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    set_up()
    parsed = read(program(), sys.argv[1:] if arguments is None else arguments)
    return console.exit_status(lambda: parsed.run(parsed), parsed.overrides, parsed.config)


def program() -> Parser:
    """The command with all its commands: what it takes and what it says of it."""
    from sarcasm.prepare.recipes import ALL, TARGETS

    parser = Parser(prog="sarcasm", description="What comes before train.py, and what is asked of its runs.")
    parser.set_defaults(n_runs=0, **{name: [] for name in LISTS})
    commands = add_commands(parser, "command")

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
        type=one_of("target", TARGETS),
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
        metavar="DATASET",
        help="of conf/dataset; by default those that sarcasm prepare makes",
    )
    check.add_argument("--json", action="store_true", help="print the report as JSON, with every clip named")
    _add_overrides(check, "conf/config.yaml")
    check.set_defaults(run=_check, config="config")

    probe = commands.add_parser(
        "probe",
        help="how much of a score could be a shortcut",
        description="Train the same head to tell the speaker and the show from the same embeddings, and tell sarcasm by"
        " a clip's length and level alone. The result is recorded as a run. Validation rows, copies, several seeds and"
        " decision= play no part in it.",
    )
    _add_overrides(probe, "conf/config.yaml")
    probe.set_defaults(run=_probe, config="config")

    compare = commands.add_parser(
        "compare",
        help="what can be claimed of the difference between runs",
        description="Compare runs two by two on the utterances that both tested: paired permutation tests over"
        " utterances and speakers, McNemar's test, corrected for the number of comparisons; and what options differ.",
    )
    add_runs(compare, "two or more", "+")
    compare.add_argument("--json", action="store_true", help="print the comparison as JSON")
    compare.set_defaults(run=_compare, n_runs=2)

    repeat = commands.add_parser(
        "repeat",
        help="run a run again and compare, loss by loss",
        description="Run a run again from what it recorded, and compare the two number by number. The exit status is 1"
        " when anything differs.",
    )
    add_runs(repeat, "one", 1)
    repeat.epilog = "tracking.uri=... names another store, dataset.audio_dir=... and so on where the files lie now."
    repeat.set_defaults(run=_repeat, n_runs=1)

    pages = commands.add_parser(
        "report",
        help="the page of a run or a sweep again, or two runs side by side, to hear what one fixed and the other broke",
        description="Write the page of a run anew, with its sound in it say, or of a sweep, of all its jobs; or that of"
        " two runs side by side: which clips the second fixed, which it broke, and what can be claimed of it.",
    )
    add_runs(pages, "one, or two to put side by side", "+")
    pages.add_argument(
        "--audio",
        type=one_of("audio", [each.value for each in Audio]),
        default=Audio.linked.value,
        metavar="AUDIO",
        help="linked (the clips are played from where they lie), embedded (whoever has the page can hear them) or none",
    )
    pages.add_argument("--output", type=path, metavar="FILE", help="where to; report_RUN.html if it is not said")
    pages.set_defaults(run=_report, n_runs=1)

    add_predict_command(commands)

    add_serve_command(commands)

    add_runs_command(commands)

    store = commands.add_parser(
        "store",
        help="look after the store of embeddings",
        description="info: what is kept, by recipe. verify: compare every entry with its checksum, drop those that are"
        " damaged, and say so with exit status 1. prune: drop what is no longer used. clear: drop everything. What is"
        " dropped is computed again by the run that needs it; other runs may go on meanwhile.",
    )
    store.add_argument("action", type=one_of("action", ACTIONS), metavar="ACTION", help=", ".join(ACTIONS))
    store.add_argument("--json", action="store_true", help="with info: print it as JSON")
    store.add_argument("--unused-days", type=number_of(int), metavar="N", help="with prune: not used for N days")
    store.add_argument(
        "--max-gb", type=number_of(float), metavar="X", help="with prune: the least recently used, down to X GB"
    )
    store.set_defaults(run=_store_action, config="config", overrides=[])
    store.epilog = "store.path=... names another file."
    return parser


def _add_overrides(command: argparse.ArgumentParser, file: str) -> None:
    command.add_argument(
        "overrides",
        nargs="*",
        default=[],  # or argparse names it among what is required
        metavar="OPTION=VALUE",
        help=f"options of {file}, or GROUP=CHOICE, as for train.py",
    )


def _prepare(parsed: argparse.Namespace) -> int:
    from sarcasm.prepare import Wish, refuse_too_little_room, resolve, steps
    from sarcasm.prepare.recipes import CLIPS
    from sarcasm.prepare.terminal import Terminal, say_outcome, say_plan

    targets = resolve([parsed.target])
    if parsed.only and CLIPS.keys().isdisjoint(targets):
        raise ConfigError(f"--only: {parsed.target} has no clips to choose from; leave it out")
    if any("," in key for key in parsed.only):
        keys = " ".join(key for word in parsed.only for key in word.split(",") if key)
        raise ConfigError(f"--only: keys are separated by blanks, not commas; write --only {keys}")
    preparation = parse_preparation(compose("prepare", parsed.overrides))
    wish = Wish(targets, preparation, tuple(parsed.only), parsed.force)
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
        except ConfigError:
            raise
        except SarcasmError as error:
            # What the other steps make is worth having all the same.
            print_error(str(error))
            has_failed = True
    return console.FAILED if has_failed else console.DONE


def _check(parsed: argparse.Namespace) -> int:
    from sarcasm.check import check
    from sarcasm.check.show import show
    from sarcasm.embeddings import VGGishEmbedding

    named, overrides = _dataset(parsed)
    names = [named] if named else ["original", "denoised"]
    configs = [parse(compose("config", [f"dataset={name}", *overrides])) for name in names]
    sources = parse_preparation(compose("prepare", [])).source
    config = configs[0]
    report = check(
        [each.dataset for each in configs],
        Path(config.embedding.checkpoint) if isinstance(config.embedding, VGGishEmbedding) else None,
        Path(config.pca.params or ""),
        (sources["vggish_checkpoint"], sources["vggish_pca"]),
        config.tracking,
        PROJECT,
        named=named,
    )
    if parsed.json:
        say_json(report.as_json())
    else:
        show(report)
    return console.FAILED if report.bad else console.DONE


def _dataset(parsed: argparse.Namespace) -> tuple[str, list[str]]:
    """The dataset that `sarcasm check` was told, as DATASET or as for train.py, wherever it stood; "" where none was.

    Returns:
        Its name, and the other options.
    """
    words = [word for word in (parsed.dataset, *parsed.overrides) if word is not None]
    told = [word for word in words if "=" not in word or word.startswith("dataset=")]
    names = [word.removeprefix("dataset=") for word in told]
    if len(names) > 1:
        parsed.parser.error(f"one dataset is looked at in a call, not {len(names)}: {', '.join(names)}")
    known = help_page.choices("dataset")
    if names and names[0] not in known:
        parsed.parser.error(no_such("dataset", names[0], known))
    return "".join(names), [word for word in words if word not in told]


def _compare(parsed: argparse.Namespace) -> int:
    from sarcasm import compare
    from sarcasm.tracking import find_run

    tracking, _ = store_options(parsed)
    runs = [find_run(tracking, PROJECT, word) for word in parsed.runs]
    if len({run.run_id for run in runs}) < len(runs):
        raise SarcasmError("a run is named twice; name different ones")
    pairs = compare.compare([compare.read(run) for run in runs])
    differing = compare.differing(runs)
    if parsed.json:
        say_json(compare.as_json(runs, pairs, differing))
    else:
        console.say_comparison(runs, pairs, differing)
    return console.DONE


def _report(parsed: argparse.Namespace) -> int:
    from sarcasm import pages
    from sarcasm.files import atomic, named
    from sarcasm.tracking import find_run

    if len(parsed.runs) > 2:
        raise ConfigError(f"a page shows one run or two, not {len(parsed.runs)}; sarcasm compare takes any number")
    tracking, _ = store_options(parsed)
    runs = [find_run(tracking, PROJECT, word) for word in parsed.runs]
    if len({run.run_id for run in runs}) < len(runs):
        raise SarcasmError("a run is named twice; name different ones")
    output = parsed.output or Path(f"report_{'_'.join(run.run_id[:8] for run in runs)}.html")
    if output.exists():
        raise SarcasmError(f"{output} is there already; take it away, or name another file with --output")
    if len(runs) == 2 and (held := next((run for run in runs if run.is_sweep), None)):
        raise SarcasmError(f"run {held.run_id} is a sweep: it stands side by side with nothing; name two of its jobs")
    audio = Audio(parsed.audio)
    with console.track("jobs" if runs[0].is_sweep else "sound") as track:
        if runs[0].is_sweep:
            html = pages.page_of_sweep(runs[0])
        elif len(runs) == 1:
            html = pages.page_again(runs[0], audio, track)
        else:
            html = pages.page_of_both(runs[0], runs[1], audio, track)
    with named(output), atomic(output) as file:
        file.write(html.encode(errors="backslashreplace"))
    console.say_page(output)
    return console.DONE


def _repeat(parsed: argparse.Namespace) -> int:
    from sarcasm import repeat
    from sarcasm.tracking import find_run

    tracking, moved = store_options(parsed, *PATHS)
    first = find_run(tracking, PROJECT, parsed.runs[0])
    cfg = repeat.recorded_config(first, tracking, moved)
    # It alone knows the order of steps, and is no part of the package.
    train = runpy.run_path(str(PROJECT / "train.py"))
    again = train["run"](parse(cfg), cfg, {"repeat.of": first.run_id}).run_id
    found = repeat.differences(first, find_run(tracking, PROJECT, again))
    console.say_repetition(first.run_id, again, found)
    return console.FAILED if found.differences else console.DONE


def _probe(parsed: argparse.Namespace) -> int:
    from sarcasm import embeddings, probe, tracking

    cfg = compose("config", parsed.overrides)
    config = parse(cfg)
    if config.embedding.is_trained:
        raise ConfigError("embedding.train=true: sarcasm probe looks at embeddings as they are; leave it false")
    read = config.dataset.read()
    name, options = f"probe-{run_name(config)}", leaves(cfg)
    with (
        tracking.start(config.tracking, PROJECT, run_name=name, params=options, tags={"probe": "true"}) as tracked,
        config.store.open() as store,
    ):
        corpus = replace(read, hash_files=store.hashes)
        with console.track("embedding") as track:
            table = embeddings.tabulate(corpus, config.embedding, config.pca, config.reading, store, track)
            table = table.pooled(config.pool)
        tracked.log_tags(
            {
                "dataset.fingerprint": corpus.fingerprint,
                "dataset.made_up": str(corpus.is_made_up).lower(),
                "embedding.weights": table.weights,
            }
        )
        tracked.log_metrics(store.metrics())
        named = []
        for target in ("speaker", "show"):
            with console.track(target) as track_names:
                named.append(
                    probe.name(table, target, config.head, config.trainer, config.scale, config.seed, track_names)
                )
        deaf = probe.deaf(table, config.split.folds(table, config.seed), config.seed)
        found = [each for each in named if each]
        tracked.log_metrics(probe.metrics(found, deaf))
    made_up = "The clips are made up: the numbers show that everything works, and nothing else."
    console.say_cautions([made_up] if corpus.is_made_up else [])
    console.say_probe(found, deaf, config.split.name, tracked.run_id, tracked.where)
    return console.DONE


def _store_action(parsed: argparse.Namespace) -> int:
    from dataclasses import asdict

    from sarcasm.store import upkeep

    if wrong := [word for word in parsed.overrides if not word.startswith("store.path=")]:
        raise ConfigError(f"{wrong[0]}: only store.path=FILE can be given here")
    limits = {"--unused-days": parsed.unused_days, "--max-gb": parsed.max_gb}
    given = [flag for flag, value in limits.items() if value is not None]
    if given and parsed.action != "prune":
        raise ConfigError(f"{given[0]}: only sarcasm store prune takes it")
    if not given and parsed.action == "prune":
        raise ConfigError("sarcasm store prune needs --unused-days N, --max-gb X or both; clear drops everything")
    if parsed.json and parsed.action != "info":
        raise ConfigError("--json: only sarcasm store info takes it")
    path = Path(parse(compose("config", parsed.overrides)).store.path or "")
    if parsed.action == "info":
        found = upkeep.info(path)
        if parsed.json:
            say_json(asdict(found))
        else:
            console.say_store(found)
    elif parsed.action == "verify":
        verified = upkeep.verify(path)
        console.say_verified(path, verified)
        return console.FAILED if verified.n_dropped or verified.complaints else console.DONE
    else:
        largest = None if parsed.max_gb is None else int(parsed.max_gb * 1e9)
        gone = upkeep.clear(path) if parsed.action == "clear" else upkeep.prune(path, parsed.unused_days, largest)
        console.say_dropped(path, gone)
    return console.DONE


if __name__ == "__main__":
    sys.exit(main())
