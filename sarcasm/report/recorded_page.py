"""What the recorded page of a run says, as data: its texts, tables and pictures, and nothing else.

Whoever can write to a tracking server can write a run's page, with scripts in it. So no markup of a recorded page is
passed on: what stands in the places where our pages have texts, tables and PNG pictures is taken as text and bytes, and
a page is rendered of it anew. Pages of earlier versions are read alike.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from sarcasm.report.page import CLIPS, Page, PagePicture, clips_of
from sarcasm.tracking import Damage

PNG_URI, PNG = "data:image/png;base64,", b"\x89PNG\r\n\x1a\n"
LEFT_OUT = "{n} of the recorded page's pictures cannot be shown, and are left out."
Row = list[str]


def read_page(html: str) -> Page:
    """What the recorded page of a run says.

    Args:
        html: the page, of this version or an earlier one.

    Raises:
        SarcasmError: it is of a version that had no clips to hear.
        Damage: it is cut, or no page of a run.
    """
    clips = clips_of(html)
    reader = _Reader()
    try:
        reader.feed(CLIPS.sub("", html, count=1))
        reader.close()
    except AssertionError as error:  # of the parser, on declarations that no browser knows
        raise Damage(f"it is no page ({error})") from error
    if not html.rstrip().endswith("</html>"):
        raise Damage("it ends before the page does")
    parts = reader.parts
    facts, scores = parts["What was run"].rows, parts["scores"].rows
    if not (reader.title and facts and scores):
        raise Damage("it is no page of a run")
    pictures = [_picture(*each) for each in parts["pictures"].images]
    found = [each for each in pictures if each]
    n_lost = len(pictures) - len(found)
    head = parts[""].paragraphs
    reports = parts["reports"]
    return Page(
        title=reader.title,
        warnings=[
            *(text for kind, text in head if kind == "warning"),
            *([LEFT_OUT.format(n=n_lost)] if n_lost else []),
        ],
        verdict=" ".join(text for kind, text in head if kind == "verdict"),
        certainty=[text for kind, text in head if kind == ""],
        facts=_pairs(facts),
        scores=scores,
        fits=parts["Every fit, on whole clips"].rows,
        pictures=found,
        reports=list(zip([text for _, text in reports.paragraphs], reports.preformatted, strict=False)),
        options=_pairs(parts["options"].rows),
        clips=clips,
    )


@dataclass
class _Part:
    """What stands under a heading: paragraphs with their classes, rows of tables, preformatted texts, pictures."""

    paragraphs: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    preformatted: list[str] = field(default_factory=list)
    images: list[tuple[str, str, str]] = field(default_factory=list)


class _Parts(dict[str, _Part]):
    def __missing__(self, name: str) -> _Part:
        return self.setdefault(name, _Part())


class _Reader(HTMLParser):
    """Gathers texts by the id of the heading that they stand under, or by its words where it has none."""

    TEXTS = ("h1", "h2", "p", "th", "td", "pre")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title, self.parts = "", _Parts()
        self._part, self._open, self._kind, self._text = self.parts[""], "", "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "tr":
            self._part.rows.append([])
        elif tag == "img":
            self._part.images.append((known.get("alt", ""), known.get("class", ""), known.get("src", "")))
        elif tag in self.TEXTS and "hidden" not in known:
            self._open, self._text = tag, ""
            self._kind = known.get("id", "") if tag == "h2" else known.get("class", "")

    def handle_data(self, data: str) -> None:
        # What stands in a script or a style is not text.
        if self._open and self.cdata_elem is None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag != self._open:
            return
        self._open, text = "", self._text
        if tag == "h1":
            self.title = text
        elif tag == "h2":
            self._part = self.parts[self._kind or text]
        elif tag == "p":
            self._part.paragraphs.append((self._kind, text))
        elif tag == "pre":
            self._part.preformatted.append(text)
        elif self._part.rows:
            self._part.rows[-1].append(text)


def _pairs(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in rows if len(row) == 2]


def _picture(alt: str, kind: str, uri: str) -> PagePicture | None:
    """A picture; None where it is no PNG within the page."""
    try:
        png = base64.b64decode(uri.removeprefix(PNG_URI), validate=True)
    except ValueError:
        return None
    is_png = uri.startswith(PNG_URI) and png.startswith(PNG)
    return PagePicture(alt, kind == "wide", png) if is_png else None
