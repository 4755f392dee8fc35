"""A run of the made-up clips with its model, recorded once for all tests of a process."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import train
from sarcasm.config import compose, parse
from sarcasm.packaged import Package, Prediction


@dataclass(frozen=True)
class PackagedRun:
    """A run whose model is packaged.

    Attributes:
        run_id: its id.
        store: the option that names the store it stands in.
        artifacts: where its artifacts lie.
        clips: the folder of the clips.
    """

    run_id: str
    store: str
    artifacts: Path
    clips: Path

    @property
    def model(self) -> Path:
        """The MLflow model."""
        return self.artifacts / "model"

    def rows(self, name: str) -> list[dict[str, str]]:
        """A table of the run's."""
        with (self.artifacts / name).open(newline="") as file:
            return list(csv.DictReader(file))

    def clip(self, utterance: str) -> Path:
        """The file of an utterance."""
        return self.clips / f"{utterance}.wav"

    def assert_said(self, utterance: str, prediction: Prediction) -> None:
        """Fail unless a prediction is what the run recorded of its test clip."""
        (row,) = [row for row in self.rows("predictions.csv") if row["utterance"] == utterance]
        assert prediction.probability == pytest.approx(float(row["probability"]), abs=1e-5)
        decision = {"1": "sarcastic", "0": "non_sarcastic"}.get(row["decision"], row["decision"])
        assert prediction.label == decision
        of_pieces = [row for row in self.rows("predictions_examples.csv") if row["utterance"] == utterance]
        assert [piece.probability for piece in prediction.pieces] == pytest.approx(
            [float(row["probability"]) for row in of_pieces], abs=1e-5
        )


def record_run(folder: Path, made_database: Path, *options: str) -> PackagedRun:
    """Train on the made-up clips, for a step or two."""
    folder.mkdir(exist_ok=True)
    shutil.copy(made_database, folder / "mlflow.db")
    store = f"tracking.uri=sqlite:///{folder}/mlflow.db"
    own = [
        store,
        f"dataset.directory={folder}/smoke",
        "trainer.steps=2",
        "report.log_mel=false",
        "report.pictures=false",
    ]
    cfg = compose("config", [*own, *options])
    run_id = train.run(parse(cfg), cfg).run_id
    return PackagedRun(run_id, store, folder / "mlruns" / "sarcasm" / run_id / "artifacts", folder / "smoke" / "audio")


@pytest.fixture(scope="session")
def packaged_run(tmp_path_factory: pytest.TempPathFactory, made_database: Path) -> PackagedRun:
    """VGGish of random weights, PCA and all: a run as it comes by default."""
    return record_run(tmp_path_factory.mktemp("packaged"), made_database)


@pytest.fixture(scope="session")
def package(packaged_run: PackagedRun) -> Iterator[Package]:
    """Its model, open."""
    with Package.load(packaged_run.model) as opened:
        yield opened


@pytest.fixture(scope="session")
def acoustic_run(tmp_path_factory: pytest.TempPathFactory, made_database: Path) -> PackagedRun:
    """Two fits of the same fold on acoustic features, whose models are open in no time; see `fits_of`."""
    clips = ",".join(f'"1_{number}"' for number in range(101, 117))
    return record_run(
        tmp_path_factory.mktemp("acoustic"), made_database, "embedding=mfcc_stats", "embedding.separate_vocals=false",
        "head=linear", "pca=off", "seeds=[0,1]", f"dataset.only=[{clips}]",
    )  # fmt: skip


def fits_of(run: PackagedRun) -> list[PackagedRun]:
    """The fits that a run holds, each a run by itself."""
    ids = [row["run"] for row in run.rows("fits.csv")]
    return [replace(run, run_id=id_, artifacts=run.artifacts.parents[1] / id_ / "artifacts") for id_ in ids]
