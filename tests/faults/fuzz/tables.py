"""Tables of clips: damaged ones, and whole ones as other programs write them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from sarcasm.config import compose, parse
from tests.faults.fuzz.damage import damaged
from tests.faults.fuzz.trial import Trial

COLUMNS = ("id", "path", "label", "speaker", "show", "text")
Row = dict[str, str]


def _rows(folder: Path) -> list[Row]:
    """Sixteen clips of noise and what a table says of them."""
    rng = np.random.default_rng(2)
    rows = []
    for number in range(16):
        path = folder / f"clip_{number:02}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(16_000), 16_000)
        rows.append(
            {
                "id": f"c{number:02}", "path": path.name, "label": str(number % 2), "speaker": f"S{number // 2 % 4}",
                "show": "A", "text": f"Oh, \"great\" number {number}.",
            }
        )  # fmt: skip
    return rows


def _read(path: Path) -> str:
    """Read a table as a run does; what it comes to, in one line."""
    config = parse(compose("config", ["dataset=manifest", f'dataset.manifest="{path}"']))
    return config.dataset.read().fingerprint


def _csv(
    rows: list[Row], separator: str = ",", columns: tuple[str, ...] = COLUMNS, quoting: int = csv.QUOTE_MINIMAL
) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, columns, delimiter=separator, quoting=quoting, lineterminator="\n", extrasaction="ignore"
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _jsonl(rows: list[Row]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


class DamagedTables:
    """A CSV and a JSONL table with bytes flipped, cut, dropped; any other table may come of it, but no traceback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        rows = _rows(folder)
        self._whole = {"clips.csv": _csv(rows).encode(), "clips.jsonl": _jsonl(rows).encode()}

    def trial(self, rng: np.random.Generator) -> Trial:
        """A damaged table."""
        name = list(self._whole)[int(rng.integers(len(self._whole)))]
        content, said = damaged(self._whole[name], rng)
        path = self._folder / f"damaged_{name}"
        path.write_bytes(content)
        return Trial(f"{name}, {said}", lambda: _read(path), (path.name,))


Spelling = Callable[[str], str]
LABELS: tuple[Spelling, ...] = (
    str, lambda label: f"{label}.0", lambda label: ("FALSE", "TRUE")[int(label)], lambda label: ("false", "True")[int(label)],
    lambda label: ("non-sarcastic", "Sarcastic")[int(label)], lambda label: f" {label} ",
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")
LINE_ENDS = ("\n", "\r\n", "\r")
TAILS = ("", "\n\n", ",,,,,\n,,,,,\n", " \n")


class RewrittenTables:
    """The same table as pandas, Excel, LibreOffice and scripts write it: the same corpus comes of it, or a refusal."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows = _rows(folder)
        path = folder / "clips.csv"
        path.write_text(_csv(self._rows), encoding="utf-8")
        self._undamaged = _read(path)

    def trial(self, rng: np.random.Generator) -> Trial:
        """The table written otherwise."""

        def one_of(choices):
            return choices[int(rng.integers(len(choices)))]

        spell, encoding, line_end, tail = one_of(LABELS), one_of(ENCODINGS), one_of(LINE_ENDS), one_of(TAILS)
        # What Windows-1252 has no letter for, it cannot hold.
        outer = one_of(
            ("", "", " ", "\t", "\u00a0") if encoding == "cp1252" else ("", "", " ", "\t", "\u00a0", "\u3000")
        )
        rows = [{**row, "label": spell(row["label"]), "speaker": row["speaker"] + outer} for row in self._rows]
        if rng.random() < 0.3:
            text, name = _jsonl(rows), "clips.jsonl"
            form = "JSONL"
        else:
            separator = one_of((",", ";", "\t", "|"))
            columns = tuple(np.array(COLUMNS)[rng.permutation(len(COLUMNS))])
            text = _csv(rows, separator, columns, one_of((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
            text += tail.replace(",", separator)
            if rng.random() < 0.2:
                text = f"sep={separator}\n{text}"
            name, form = one_of(("clips.csv", "clips.tsv")), f"columns {','.join(columns)} by {separator!r}"
        content = text.replace("\n", line_end).encode(encoding)
        path = self._folder / f"rewritten_{name}"
        path.write_bytes(content)
        said = f"{name}: {form}, {encoding}, line end {line_end!r}, label {spell('1')!r}, speaker + {outer!r}, tail {tail!r}"
        return Trial(said, lambda: _read(path), (path.name,), self._undamaged)
