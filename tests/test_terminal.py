"""What is printed is text and does nothing, whatever stands in it and whatever the terminal can show."""

import ast
import io
import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.text import Text

import sarcasm.predict.terminal as terminal_of_predictions
import sarcasm.prepare.terminal as terminal_of_preparation
import sarcasm.runs.terminal as terminal_of_runs
import sarcasm.sweeps.terminal as terminal_of_sweeps
from sarcasm import console, plan
from sarcasm.check.findings import Balance, Finding, Report, State, grouped
from sarcasm.check.show import show
from sarcasm.errors import SarcasmError
from sarcasm.plan import Job, Plan
from sarcasm.prepare.steps import Outcome, Outlook
from sarcasm.project import PROJECT
from sarcasm.repeat import Difference, Repetition
from sarcasm.runs.differ import Differences
from sarcasm.runs.listing import Listed
from sarcasm.runs.show import Changed, Shown
from sarcasm.store.upkeep import Dropped, Info, Kept, Verified
from sarcasm.sweeps import Claims, gather
from sarcasm.terminal import one_line, print_error, say, say_json, screen, set_up, visible, write
from sarcasm.tracking import Parts, Recorded, Repaired, Sent

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

ACTING = {
    "\x1b[2J": r"\x1b[2J",
    "\x1b]8;;http://evil\x1b\\x": r"\x1b]8;;http://evil\x1b\x",
    "\x9b31m": r"\x9b31m",
    "over\rwritten\b\x07\x00\x7f": r"over\x0dwritten\x08\x07\x00\x7f",
    "gpj\u202etxt.exe\u2066": r"gpj\u202etxt.exe\u2066",
    "a\u200bb\ufeff\u2028": r"a\u200bb\ufeff\u2028",
    "tag\U000e0041": r"tag\U000e0041",
    os.fsdecode(b"caf\xe9.wav"): r"caf\xe9.wav",
    "half \ud83d": r"half \ud83d",
}
HARMLESS = ["Title [dQw4w9WgXcQ].wav", "[bold]x[/bold]", "[/]", "[red]", ":smile:", "[link=http://x]y", "\u00e9 \u5f35 \U0001f600 \u2581", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "a\u00a0b", r"C:\x\[1]", "{{ x }}", "%s"]  # fmt: skip
"""Markup of rich and emoji codes among them; a Persian word is spelt with a joiner that is not seen."""


@pytest.mark.parametrize(("text", "shown"), ACTING.items(), ids=ascii)
def test_what_would_act_on_a_terminal_is_shown(text, shown):
    assert visible(text) == shown == visible(shown)


@pytest.mark.parametrize("text", HARMLESS, ids=ascii)
def test_what_is_harmless_stays_as_it_is(text):
    assert one_line(text) == text


def test_a_text_is_no_second_line():
    assert visible("a\n\tb") == "a\n\tb"
    assert one_line("a\n\tb") == r"a\n\tb"


def test_a_letter_that_a_terminal_has_not_is_shown_by_its_number():
    assert visible("\u00e9\u5f35", "ascii") == r"\xe9\u5f35"
    assert visible("\u00e9\u5f35", "cp1252") == r"é\u5f35"


def every_way(text: str) -> None:
    say(text)
    write(f"{text}\n")
    print_error(text)
    console = screen.stdout()
    console.say(text, "red")
    console.print(text)
    table = screen.grid(one_line(text), "x", title=text)
    table.add_row(text, "1")
    table.add_row(Text(text), Text(text))
    console.show(table)
    with screen.progress() as bars:
        bars.add_task(text)


@pytest.mark.parametrize("text", [*ACTING, *HARMLESS], ids=ascii)
def test_by_no_way_does_a_text_act_or_vanish(capsys, text):
    every_way(text)
    out, err = capsys.readouterr()
    assert visible(out + err) == out + err
    # Text objects have lost some control characters to rich before they come here.
    assert (out.count(visible(text)), err.count(visible(text))) >= (5, 2)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "koi8-r", "utf-8"])
def test_every_encoding_can_show_every_text(monkeypatch, encoding):
    files = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", files[0])
    monkeypatch.setattr(sys, "stderr", files[1])
    set_up()
    for text in (*ACTING, *HARMLESS):
        every_way(text)
        sys.stdout.write(text)  # as a library would
    say_json({text: text for text in (*ACTING, *HARMLESS)})
    files[0].flush()
    printed = files[0].buffer.getvalue().decode(encoding)
    assert json.loads(printed[printed.rindex("{\n") :])["half \ud83d"] == "half \ud83d"


def test_json_has_neither_nan_nor_a_letter_beyond_ascii(capsys):
    say_json({"a": [float("nan"), float("-inf"), 0.5], "é": (Path("x"), 1)})
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out) == {"a": [None, None, 0.5], "é": ["x", 1]}


def test_what_is_logged_or_warned_of_is_harmless(capsys):
    set_up()
    handler = logging.StreamHandler(sys.stderr)
    loggers = [logging.getLogger(name) for name in ("sarcasm.tests", "other", "py.warnings")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        loggers[0].warning("run %s", "\x1b[2J\nerror: forged")
        loggers[1].warning("two\nlines \x1b[2J")
        loggers[2].warning("from a library: \x1b[2J")
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
    err = capsys.readouterr().err
    assert "run \\x1b[2J\\nerror: forged\ntwo\nlines \\x1b[2J\n" in err
    assert "\x1b" not in err


def recorded(text: str, **tags: str) -> Recorded:
    metrics = {"test/utterance/f1_weighted": 0.5, "validation/utterance/f1_weighted": 0.5}
    tags |= {"cautions": text, "error": text, "embedding.weights": text, "mlflow.user": text}
    return Recorded(
        "0" * 32, text, "FINISHED", {"head.name": text}, metrics, tags, SimpleNamespace(where=lambda *_: text), NOON, NOON,
        experiment=text, artifact_uri=text,
    )  # fmt: skip


def say_runs(text: str) -> None:
    line = Listed(recorded(text), Parts(0, 0), (text,))
    terminal_of_runs.say_list([line, line], text, has_more=True)
    terminal_of_runs.say_shown(Shown(line, {text: Changed(text, text)}, [line], [text]))
    terminal_of_runs.say_sent(Sent(text, text, "", "sqlite:///x", text))
    seen = SimpleNamespace(run_id="0", run_name=text, why=text)
    terminal_of_runs.say_repaired(Repaired((seen,), (seen,), 1))
    found = Differences({text: [text, None]}, {text: [1, text]}, [], [text, None], {}, 2)
    terminal_of_runs.say_differences(
        [recorded(text), replace(recorded(text), run_id="1" * 32)],
        found,
        {"0" * 32: (text,), "1" * 32: ()},
        with_patch=True,
    )


def say_predictions(text: str) -> None:
    description = SimpleNamespace(
        run_name=text, run_id="", dataset=text, labels=(text, text), decision=SimpleNamespace(value="argmax")
    )
    prediction = SimpleNamespace(
        threshold=0.5, seconds=1.0, probability=0.5, label=text, pieces=(SimpleNamespace(probability=1.0),)
    )
    terminal_of_predictions.say_predictions(description, [(Path(text), prediction)])


def say_check(text: str) -> None:
    group = grouped(text, [(True, 1.0)])
    findings = (Finding(text, text, State.broken, text, text, (text,)), Finding(text, "x", State.missing, text))
    show(Report(findings, (Balance(text, (group,), (group,), (group,)),), text))


def say_preparation(text: str) -> None:
    prepared = Path(text)
    terminal_of_preparation.say_plan([Outlook(text, prepared, 1, 2, remark=text)], on_stdout=True)
    terminal_of_preparation.say_outcome(Outcome(prepared, 2, 1, failed={text: text}, warned={text: (text,)}))
    shown = terminal_of_preparation.Terminal()
    shown.note(text)
    with shown.clips(text, 1) as advance:
        advance()


def say_sweep(text: str) -> None:
    run = recorded(text, overrides=json.dumps([f"head={text}"]))
    other = replace(
        run,
        run_id="1" * 32,
        status="FAILED",
        params={"head.name": "a"},
        tags={"overrides": '["head=a"]', "error": text},
    )
    terminal_of_sweeps.say_job(run, 0, "validation/utterance/f1_weighted")
    gathered = gather([run, other], "validation/utterance/f1_weighted", minimises=False)
    terminal_of_sweeps.say_sweep(gathered, Claims((), {}, (text,), (text,), {}), text, text)
    plan.say(Plan((Job((text,), problem=text), Job(("a", text), n_to_embed=1)), 0, text))


def say_of_console(text: str) -> None:
    console.say_cautions([text])
    console.say_note(text)
    console.say_store(Info(Path(text), 1, 1, (Kept({text: text, "x": {text: text}}, 1, 1, text),)))
    console.say_verified(Path(text), Verified(1, 1, (text,)))
    console.say_dropped(Path(text), Dropped(1, 1))
    console.say_repetition(text, text, Repetition(1, 1, 1, (Difference(text, text, text),)))
    console.say_comparison([recorded(text)], [], {text: [text]})
    console.say_failed(SarcasmError(text), [text])
    with console.track(text) as track:
        list(track([1]))


@pytest.mark.parametrize("writer", [say_runs, say_predictions, say_check, say_preparation, say_sweep, say_of_console], ids=lambda each: each.__name__)  # fmt: skip
def test_no_writer_prints_what_acts_and_none_loses_a_bracket(capsys, writer):
    for text in (*ACTING, *HARMLESS, "two\nlines"):
        writer(text.replace("/", "|"))
        out, err = capsys.readouterr()
        printed = out + err
        assert visible(printed) == printed, ascii(text)
        shown = " ".join(one_line(text.replace("/", "|")).split())
        assert shown in " ".join(printed.split()), ascii(text)


def test_nothing_else_prints_or_makes_a_console():
    """By the program's own text: rich's makers of output are imported in one module, and one calls print."""
    files = [*PROJECT.glob("sarcasm/**/*.py"), *PROJECT.glob("hydra_plugins/**/*.py"), PROJECT / "train.py"]
    nodes = [(path.name, node) for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    prints = {name for name, node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"}
    imports = {
        name
        for name, node in nodes
        if isinstance(node, ast.ImportFrom)
        if {alias.name for alias in node.names} & {"Console", "Table", "Progress", "TextColumn", "Panel", "Live"}
        if (node.module or "").startswith("rich")
    }
    assert prints == {"text.py"}
    assert imports == {"screen.py", "terminal.py"}
    makers = {name for name, node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Progress"}
    assert makers == {"screen.py"}  # prepare/terminal.py names it as a type alone


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_what_is_said_where_nobody_can_hear_it_is_no_mistake(monkeypatch, name):
    monkeypatch.setattr(sys, name, None)  # as Python starts where a shell has closed it
    set_up()
    say("a line")
    print_error("a reason")
    screen.stdout().say("a line")
    screen.stderr().show(screen.grid("a head"))
    assert getattr(sys, name).name == os.devnull
    getattr(sys, name).close()


def test_a_command_prints_on_a_terminal_without_utf_8():
    words = ["runs", os.fsdecode(b"\xe5\xbc\xb5\xff\x1b[2J")]
    environment = os.environ | {"PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(
        [sys.executable, "-m", "sarcasm.cli", *words], capture_output=True, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: there is no action \\u5f35\\xff\\x1b[2J")
