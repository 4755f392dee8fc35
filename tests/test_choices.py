"""Every choice of every group of conf/, found by looking, is run for two steps. A new one is tested by being there."""

import csv
import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from mlflow import MlflowClient

import train
from sarcasm import help as help_page
from sarcasm.config import parse

CHOICES = [(group, choice) for group in help_page.groups() for choice in help_page.choices(group)]


@pytest.fixture
def needed(mustard_folder, v1_checkpoint, pca_params, tmp_path) -> dict[str, list[str]]:
    """What a choice needs beyond its name, by the fields that its config has."""
    manifest = tmp_path / "clips.csv"
    entries = json.loads((mustard_folder / "sarcasm_data.json").read_text())
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path", "label", "speaker", "show"])
        for key, entry in entries.items():
            writer.writerow(
                [key, mustard_folder / "audio" / f"{key}.wav", int(entry["sarcasm"]), entry["speaker"], entry["show"]]
            )
    table = tmp_path / "mustard++_text.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["SCENE", "KEY", "SENTENCE", "END_TIME", "SPEAKER", "SHOW", "Sarcasm"])
        for key, entry in entries.items():
            writer.writerow([key, f"{key}_c_00", entry["context"][0], "0:1", "-", entry["show"], ""])
            writer.writerow(
                [key, f"{key}_u", entry["utterance"], "0:3", entry["speaker"], entry["show"], int(entry["sarcasm"])]
            )
    return {
        "table": [f"dataset.labels={table}", f"dataset.audio_dir={mustard_folder}/audio"],
        "labels": [f"dataset.labels={mustard_folder}/sarcasm_data.json", f"dataset.audio_dir={mustard_folder}/audio"],
        "manifest": [f"dataset.manifest={manifest}"],
        "checkpoint": [f"embedding.checkpoint={v1_checkpoint}"],
        "params": [f"pca.params={pca_params}"],
    }


def run(overrides: list[str], folder: Path) -> None:
    with initialize_config_dir(str(help_page.CONF), version_base="1.3"):
        cfg = compose("config", [*overrides, "trainer.steps=2", f"tracking.uri=sqlite:///{folder}/mlflow.db"])
        train.run(parse(cfg), cfg)


def test_there_are_choices():
    assert len(CHOICES) > 15
    of_prepare = {group.split("@")[0] for group in help_page.groups("prepare")}
    of_training = {group for group, _ in CHOICES}
    assert of_prepare == {"source", "extract", "denoise"}
    assert of_training | of_prepare == {path.name for path in help_page.CONF.iterdir() if path.is_dir()} - {"hydra"}


@pytest.mark.parametrize(("group", "choice"), CHOICES, ids=map("=".join, CHOICES))
def test_every_choice_runs(group, choice, needed, tmp_path, capsys):
    overrides = [f"{group}={choice}"]
    if (group, choice) == ("dataset", "manifest"):
        overrides += needed["manifest"]
    elif (group, choice) == ("dataset", "mustard_pp"):
        overrides += needed["table"]
    else:
        overrides += needed["labels"]
    overrides += needed["checkpoint"]
    if (group, choice) != ("pca", "off"):
        overrides += needed["params"]
    run(overrides, tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (finished,) = client.search_runs(["1"])
    assert finished.info.status == "FINISHED"
    assert finished.data.tags["dataset.made_up"] == "false"
    assert finished.info.run_id in capsys.readouterr().out


OPTIONS = [
    "resampler=soxr", "scale=standard", "decision=round", "embedding.engine=graph", "trainer.batch_size=7",
    "dataset.short_clips=drop", "head.hidden=[]", "split.stratify=false",
]  # fmt: skip


@pytest.mark.parametrize("option", OPTIONS)
def test_options_that_stand_alone_run_on_the_made_up_clips(option, tmp_path, capsys):
    run([option, f"dataset.directory={tmp_path}/smoke"], tmp_path)
    (finished,) = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert finished.info.status == "FINISHED"
    n_dropped = finished.data.metrics["clips/dropped"]
    assert n_dropped == (1 if option == "dataset.short_clips=drop" else 0)
    assert "utterance level" in capsys.readouterr().out
