"""Text as each format shows it, whatever stands in it: one function for Markdown, LaTeX, CSV and pictures.

Names of clips, speakers, runs and options come from anywhere; none of them is markup. HTML is escaped by the templates,
and a terminal by `sarcasm.terminal`.
"""

from __future__ import annotations

import re

from sarcasm.terminal import one_line

LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\char34{}",
    # At the beginning of a row these would be read as what belongs to the end of the row before.
    "[": "{[}", "]": "{]}", "*": "{*}",
    "\u00b1": r"$\pm$", "\u2212": "$-$",
}  # fmt: skip
"""What stands for a sign that means something to LaTeX."""
NOT_IN_LATEX = re.compile(
    "[^ -~\u00b1\u2212\u00c0-\u00cf\u00d1-\u00d6\u00d8-\u00dd\u00df-\u00ef\u00f1-\u00f6\u00f8-\u00fd\u00ff]"
)
"""What its usual fonts lack, so that it stops: all but ASCII and the letters of Western Europe."""
LIGATURES = re.compile(r"([-`',])(?=\1)|([?!])(?=`)")
"""Signs that LaTeX would draw as one with the next."""
MARKDOWN = re.compile(r"[\\`*\[\]<>|&~$#!]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.|^[-+=](?=[\s=-]|$)")
"""Signs that mean something to Markdown, those that begin a bare address or a list among them; an underline only where
no letters stand on both of its sides."""
NUMBERED = re.compile(r"^(\d{1,9})([.)])(?=\s|$)")
"""How a numbered list begins."""
LINE_END = re.compile(r"\s*[\r\n]\s*")
FORMULA = re.compile("[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
"""How a cell begins that a spreadsheet would compute; signs of full width are taken for the others in East Asia."""


def latex_text(text: str) -> str:
    """A text that LaTeX shows as it is; what its fonts lack is shown as ?."""
    known = NOT_IN_LATEX.sub("?", one_line(text))
    return LIGATURES.sub(r"\g<0>{}", "".join(LATEX.get(character, character) for character in known))


def markdown_text(text: str) -> str:
    """A text that Markdown shows as it is, on one line."""
    return NUMBERED.sub(r"\1\\\2", MARKDOWN.sub(r"\\\g<0>", one_line(LINE_END.sub(" ", text))))


def csv_cell(value: str | float) -> str:
    """A number to the last digit; a text, with ' before it where a spreadsheet would compute it."""
    if not isinstance(value, str):
        return repr(float(value))
    return f"'{value}" if FORMULA.match(value) and not _is_number(value) else value


def picture_text(text: str) -> str:
    """A text that matplotlib draws as it is: dollars begin no formula, and one that begins with _ is not left out."""
    shown = one_line(text).replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
