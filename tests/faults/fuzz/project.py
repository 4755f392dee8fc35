"""A small recorded project, two runs on synthetic clips: `python -m tests.faults.fuzz.project FOLDER` makes it."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import train
from sarcasm.config import compose, parse

RUN_IDS = "run_ids.json"


@dataclass(frozen=True)
class Project:
    """Recorded runs.

    Attributes:
        folder: holds mlflow.db, mlruns/ and smoke/.
        store: the option that names the store.
        run_ids: of the runs.
    """

    folder: Path
    store: str
    run_ids: tuple[str, ...]

    def artifacts(self, run_id: str) -> Path:
        """Where a run's artifacts lie."""
        return self.folder / "mlruns" / "sarcasm" / run_id / "artifacts"


def record(folder: Path) -> None:
    """Train twice, on acoustic features, which take no network."""
    clips = ",".join(f'"1_{number}"' for number in range(101, 117))
    options = [
        f"tracking.uri=sqlite:///{folder}/mlflow.db", f"store.path={folder}/embeddings.db",
        f"dataset.directory={folder}/smoke", f"dataset.only=[{clips}]", "embedding=mfcc_stats",
        "embedding.separate_vocals=false", "head=linear", "pca=off", "trainer.steps=2", "report.pictures=false",
    ]  # fmt: skip
    run_ids = []
    for seed in (0, 1):
        cfg = compose("config", [*options, f"seed={seed}"])
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            run_ids.append(train.run(parse(cfg), cfg).run_id)
    (folder / RUN_IDS).write_text(json.dumps(run_ids), encoding="utf-8")


def copied(recorded: Path, folder: Path) -> Project:
    """A copy of a recorded project, for one kind of input to damage."""
    shutil.copytree(recorded, folder)
    return Project(
        folder, f"tracking.uri=sqlite:///{folder}/mlflow.db", tuple(json.loads((folder / RUN_IDS).read_text()))
    )


if __name__ == "__main__":
    record(Path(sys.argv[1]))
