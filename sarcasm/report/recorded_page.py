"""What the recorded page of a run says, as data: its texts, tables and pictures, and nothing else.

Whoever can write to a tracking server can write a run's page, with scripts in it. So no markup of a recorded page is
passed on: what stands in the places where our pages have texts, tables and PNG pictures is taken as text and bytes, and
a page is rendered of it anew. Pages of earlier versions are read alike.

The pages are our own, in which every text is escaped. So it is looked for elements as our templates write them, not for
all that a browser would make of a page; one pass over it is enough, however it has been damaged.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import unescape
from itertools import starmap

from sarcasm.report.page import Page, PagePicture, clips_of, without_clips
from sarcasm.tracking import Damage

ELEMENT = re.compile(
    r'<(?P<tag>h1|h2|p|th|td|pre)(?P<attributes>(?: [a-z-]+="[^"<>]*")*)>(?P<text>[^<]*)</(?P=tag)>'
    r'|<img alt="(?P<alt>[^"<>]*)"(?P<wide> class="wide")? src="(?P<source>[^"<>]*)">'
    r"|(?P<row><tr>)"
)
ATTRIBUTE = re.compile(r'(id|class)="([^"]*)"')
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
    if not html.rstrip().endswith("</html>"):
        raise Damage("it ends before the page does")
    others = without_clips(html)
    title, parts = _parts(others)
    facts, scores = parts["What was run"].rows, parts["scores"].rows
    if not (title and facts and scores):
        raise Damage("it is no page of a run")
    pictures = [each for each in starmap(_picture, parts["pictures"].pictures) if each]
    n_lost = others.count("<img ") - len(pictures)
    head, reports = parts[""].paragraphs, parts["reports"]
    return Page(
        title=title,
        warnings=[text for kind, text in head if kind == "warning"] + [LEFT_OUT.format(n=n_lost)] * bool(n_lost),
        verdict=" ".join(text for kind, text in head if kind == "verdict"),
        certainty=[text for kind, text in head if kind == ""],
        facts=_pairs(facts),
        scores=scores,
        fits=parts["Every fit, on whole clips"].rows,
        pictures=pictures,
        reports=list(zip([text for _, text in reports.paragraphs], reports.preformatted, strict=False)),
        options=_pairs(parts["options"].rows),
        clips=clips,
    )


@dataclass
class _Part:
    """What stands under a heading.

    Attributes:
        paragraphs: class and text of each.
        rows: of its tables.
        preformatted: texts.
        pictures: words, whether it is wide, and address of each.
    """

    paragraphs: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    preformatted: list[str] = field(default_factory=list)
    pictures: list[tuple[str, bool, str]] = field(default_factory=list)


class _Parts(dict[str, _Part]):
    """The parts of a page by the id of their heading, or its words where it has none; "" for what stands above all."""

    def __missing__(self, name: str) -> _Part:
        return self.setdefault(name, _Part())


def _parts(html: str) -> tuple[str, _Parts]:
    """The title of a page, and its parts."""
    title, parts = "", _Parts()
    part = parts[""]
    for found in ELEMENT.finditer(html.replace("<code>", "").replace("</code>", "")):
        tag, text = found["tag"], unescape(found["text"] or "")
        known = dict(ATTRIBUTE.findall(found["attributes"] or ""))
        if tag == "h1":
            title = text
        elif tag == "h2":
            part = parts[known.get("id", text)]
        elif tag == "p":
            part.paragraphs.append((known.get("class", ""), text))
        elif tag == "pre":
            part.preformatted.append(text)
        elif found["row"]:
            part.rows.append([])
        elif tag and part.rows:
            part.rows[-1].append(text)
        elif not tag:
            part.pictures.append((unescape(found["alt"]), bool(found["wide"]), found["source"]))
    return title, parts


def _pairs(rows: Sequence[Row]) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in rows if len(row) == 2]


def _picture(alt: str, is_wide: bool, uri: str) -> PagePicture | None:
    """A picture; None where it is no PNG within the page."""
    try:
        png = base64.b64decode(uri.removeprefix(PNG_URI), validate=True)
    except ValueError:
        return None
    return PagePicture(alt, is_wide, png) if uri.startswith(PNG_URI) and png.startswith(PNG) else None
