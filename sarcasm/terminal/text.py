"""Text as any terminal can show it, and what is printed without colours or tables."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from sarcasm.addresses import without_password

HIDDEN = re.compile(
    # Control characters (C0 but tab and line feed, DEL, C1), which begin escape sequences.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"
    # What is not seen: soft hyphen, zero-width space, marks and embeddings of direction (UAX 9), separators of lines
    # and paragraphs, fillers, the byte order mark, tags. The joiners U+200C and U+200D, which spelling needs, stay.
    "\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff"
    # Halves of a surrogate pair: Python's stand-ins for bytes of a file name that are no UTF-8 (PEP 383).
    "\ud800-\udfff]"
)


def visible(text: str, encoding: str = "utf-8") -> str:
    r"""A text that shows what in it would act on a terminal, would not be seen, or that a terminal has no letter for.

    Args:
        text: from anywhere; line feeds and tabs stay.
        encoding: of the terminal.

    Returns:
        The text with such characters as backslash escapes: ESC is the four characters "\x1b".
    """
    shown = HIDDEN.sub(_escaped, text)
    return shown if shown.isascii() else shown.encode(encoding, "backslashreplace").decode(encoding)


def one_line(text: str, encoding: str = "utf-8") -> str:
    """The same on one line: line feeds and tabs are shown as well, so that no text can pretend to be a second line."""
    return visible(text, encoding).replace("\n", r"\n").replace("\t", r"\t")


def set_up() -> None:
    """Let stdout and stderr take any text, and whatever is logged or warned of be harmless.

    To be called once a process, by whoever owns it.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Python's stand-in for one that was closed before it began, as `>&-` does; what is said there is not heard.
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115  # for as long as it runs
    for stream in (sys.stdout, sys.stderr):
        # An ASCII or Latin-1 terminal, or a pipe in the locale C, would end the program at the first other letter.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    logging.setLogRecordFactory(_Record)
    logging.captureWarnings(capture=True)


def say(line: str = "") -> None:
    """Print a line on stdout, at once."""
    print(one_line(line, _encoding(sys.stdout)), flush=True)


def write(text: str) -> None:
    """Print a text of several lines on stdout, as it is but for what is not to be seen."""
    print(visible(text, _encoding(sys.stdout)), end="", flush=True)


def say_json(content: Any) -> None:
    """Print JSON on stdout: ASCII, which any terminal and any program takes; None stands for numbers that JSON has not.

    A name that is no UTF-8 keeps its bytes as Python writes them (PEP 383): os.fsencode gives them back.
    """
    print(json.dumps(_plain(content), indent=2, default=str), flush=True)


def print_error(message: str) -> None:
    """Print what went wrong on stderr, on one line, and whatever address stands in it without its password."""
    shown = " ".join(without_password(message).split())
    print(f"error: {one_line(shown, _encoding(sys.stderr))}", file=sys.stderr)


class _Record(logging.LogRecord):
    """What is logged, harmless whichever handler prints it; ours on one line."""

    def getMessage(self) -> str:  # noqa: N802  # as logging calls it
        """See `logging.LogRecord.getMessage`."""
        message = super().getMessage()
        return one_line(message) if self.name.startswith("sarcasm") else visible(message)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # the byte that it stands for
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _encoding(stream: Any) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _plain(content: Any) -> Any:
    """The same, with None in place of numbers that JSON does not know."""
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(each) for each in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
