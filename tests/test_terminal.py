"""What is printed is text and does nothing, whatever stands in it and whatever the terminal can show."""

import ast
import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.text import Text

from sarcasm.project import PROJECT
from sarcasm.terminal import one_line, print_error, say, say_json, screen, set_up, visible, write

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


def test_a_command_prints_on_a_terminal_without_utf_8():
    words = ["runs", os.fsdecode(b"\xe5\xbc\xb5\xff\x1b[2J")]
    environment = os.environ | {"PYTHONIOENCODING": "ascii:strict"}
    done = subprocess.run(
        [sys.executable, "-m", "sarcasm.cli", *words], capture_output=True, env=environment, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"error: there is no action \\u5f35\\xff\\x1b[2J")
