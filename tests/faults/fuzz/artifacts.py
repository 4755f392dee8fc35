"""What a run recorded, damaged, and the commands that read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.faults.fuzz.damage import damaged
from tests.faults.fuzz.project import copied
from tests.faults.fuzz.stores import printed
from tests.faults.fuzz.trial import RECORDED, Trial

REPLACEMENTS = {
    "emptied": b"", "a list": b"[1, 2]", "a number": b"7", "null": b"null", "an empty object": b"{}", "not UTF-8": b"\xff\xfe\x00x\xd8",
    "NaN": b'{"a": NaN}', "deep": b"[" * 100_000, "a web page": b"<!DOCTYPE html><html></html>", "one line": b"id,label\n",
}  # fmt: skip
"""What else a file may hold, whole."""
READ = {
    "compare": ("predictions.csv", "classification_report.json", "params.json"),
    "runs diff": ("params.json", "environment.json"),
    "report": ("report.html",),
    "report of two": ("report.html", "predictions.csv", "params.json"),
}
"""Command -> the artifacts that it reads; `runs list` and `runs show` read none."""


class DamagedArtifacts:
    """Each reading command on a run one of whose artifacts is damaged, replaced or gone; text has no checksum."""

    def __init__(self, folder: Path) -> None:
        self._project = copied(folder.parent / RECORDED, folder / "project")
        self._run_id = self._project.run_ids[0]
        root = self._project.artifacts(self._run_id)
        names = sorted({name for read in READ.values() for name in read})
        self._whole = {root / name: (root / name).read_bytes() for name in names}
        self._output = folder / "page.html"

    def trial(self, rng: np.random.Generator) -> Trial:
        """A damaged artifact and a command."""
        first, second = self._project.run_ids
        commands = {
            "compare": ["compare", first, second], "runs diff": ["runs", "diff", first, second],
            "report": ["report", first, f"--output={self._output}"],
            "report of two": ["report", first, second, f"--output={self._output}"],
        }  # fmt: skip
        name, command = list(commands.items())[int(rng.integers(len(commands)))]
        read = [path for path in self._whole if path.name in READ[name]]
        path = read[int(rng.integers(len(read)))]
        if rng.random() < 0.5:
            said, content = list(REPLACEMENTS.items())[int(rng.integers(len(REPLACEMENTS)))]
        else:
            content, said = damaged(self._whole[path], rng)
        is_gone = rng.random() < 0.05

        def run() -> str:
            self._output.unlink(missing_ok=True)
            if is_gone:
                path.unlink()
            else:
                path.write_bytes(content)
            try:
                return printed([*command, self._project.store])
            finally:
                path.write_bytes(self._whole[path])

        said = f"{path.name} {'gone' if is_gone else said}; {' '.join(command)}"
        return Trial(said, run, (path.name, first[:8]))
