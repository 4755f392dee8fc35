"""A packaged model, damaged: it says what it said before, or is refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from sarcasm.packaged import Package
from tests.faults.fuzz.damage import damaged
from tests.faults.fuzz.project import copied
from tests.faults.fuzz.trial import RECORDED, Trial


class DamagedPackages:
    """Every file of a package in turn, with bytes flipped, cut, dropped, or the file gone."""

    def __init__(self, folder: Path) -> None:
        project = copied(folder.parent / RECORDED, folder / "project")
        model = project.artifacts(project.run_ids[0]) / "model"
        self._package = folder / "package"
        shutil.copytree(model / "artifacts" / "package", self._package)
        self._whole = {path: path.read_bytes() for path in sorted(self._package.rglob("*")) if path.is_file()}
        rng = np.random.default_rng(3)
        self._waveform = (0.1 * rng.standard_normal(32_000)).astype(np.float32)
        self._undamaged = self._prediction()

    def trial(self, rng: np.random.Generator) -> Trial:
        """A damaged package."""
        path = list(self._whole)[int(rng.integers(len(self._whole)))]
        content, said = damaged(self._whole[path] or b"\0", rng)
        is_gone = rng.random() < 0.05

        def run() -> object:
            if is_gone:
                path.unlink()
            else:
                path.write_bytes(content)
            try:
                return self._prediction()
            finally:
                path.write_bytes(self._whole[path])

        said = f"{path.relative_to(self._package)}, {'gone' if is_gone else said}"
        return Trial(said, run, (path.name, self._package.name), self._undamaged)

    def _prediction(self) -> object:
        with Package.load(self._package) as package:
            said = package.predict(self._waveform)
        return said.label, round(said.probability, 6), said.threshold, len(said.pieces)
