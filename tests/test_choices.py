"""Every choice of every group of conf/, found by looking, is run for two steps. A new one is tested by being there."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from mlflow import MlflowClient
from omegaconf import DictConfig, OmegaConf

import train
from sarcasm import help as help_page
from sarcasm.config import parse

USUAL = dict(
    next(iter(each.items()))
    for each in OmegaConf.to_container(OmegaConf.load(help_page.CONF / "config.yaml"))["defaults"]
    if isinstance(each, dict)
)
OTHERS = {
    group: [choice for choice in help_page.choices(group) if group == "dataset" or USUAL[group] != choice]
    for group in help_page.groups()
}
"""Group -> its choices but the usual one, which runs together with those of other groups."""
ROUNDS = [
    {
        group: choices[-1 - number]
        for group, choices in OTHERS.items()
        if group != "experiment" and number < len(choices)
    }
    for number in range(max(map(len, OTHERS.values())))
] + [{"experiment": choice} for choice in OTHERS["experiment"]]
LONG = {("experiment", "castro2019_sd"), ("experiment", "gao2022"), ("embedding", "mfcc_stats")}
"""Set-ups of many fits, and voices told apart from music; test_packaged.py runs the latter in short."""
"""One choice of each group at a time, as starting a run costs more than what differs; a set-up chooses for itself."""


@pytest.fixture
def needed(mustard_folder, v1_checkpoint, pca_params, tmp_path) -> dict[str, list[str]]:
    """What a choice needs beyond its name, by the option of its config that asks for it."""
    manifest = tmp_path / "clips.csv"
    entries = json.loads((mustard_folder / "sarcasm_data.json").read_text())
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path", "label", "speaker", "show", "split"])
        for number, (key, entry) in enumerate(entries.items()):
            writer.writerow(
                [key, mustard_folder / "audio" / f"{key}.wav", int(entry["sarcasm"]), entry["speaker"], entry["show"],
                 ["train", "train", "validation", "test"][number // 2 % 4]]
            )  # fmt: skip
    table = tmp_path / "mustard++_text.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["SCENE", "KEY", "SENTENCE", "END_TIME", "SPEAKER", "SHOW", "Sarcasm"])
        for key, entry in entries.items():
            writer.writerow([key, f"{key}_c_00", entry["context"][0], "0:1", "-", entry["show"], ""])
            writer.writerow(
                [key, f"{key}_u", entry["utterance"], "0:3", entry["speaker"], entry["show"], int(entry["sarcasm"])]
            )
    labels = {"mustard_pp": table}.get
    return {
        "dataset.labels": lambda cfg: labels(cfg.dataset.name, mustard_folder / "sarcasm_data.json"),
        "dataset.audio_dir": lambda cfg: mustard_folder / "audio",
        "dataset.manifest": lambda cfg: manifest,
        "embedding.checkpoint": lambda cfg: v1_checkpoint,
        "pca.params": lambda cfg: pca_params if cfg.pca.enabled else "null",
    }


def composed(overrides: list[str]) -> DictConfig:
    with initialize_config_dir(str(help_page.CONF), version_base="1.3"):
        return compose("config", overrides)


@pytest.fixture(autouse=True)
def ready(tmp_path, made_database) -> None:
    """A tracking store, which MLflow takes seconds to make."""
    shutil.copy(made_database, tmp_path / "mlflow.db")


def run(overrides: list[str], folder: Path) -> None:
    cfg = composed([*overrides, "trainer.steps=2", f"tracking.uri=sqlite:///{folder}/mlflow.db"])
    train.run(parse(cfg), cfg)


def test_there_are_choices_and_each_has_its_round():
    assert sum(map(len, OTHERS.values())) > 25
    assert {choice for each in ROUNDS for choice in each.items()} == {
        (group, choice) for group, choices in OTHERS.items() for choice in choices
    }
    of_prepare = {group.split("@")[0] for group in help_page.groups("prepare")}
    of_training = set(help_page.groups())
    assert of_prepare == {"source", "extract", "denoise"}
    assert of_training | of_prepare == {path.name for path in help_page.CONF.iterdir() if path.is_dir()} - {"hydra"}


@pytest.mark.parametrize(
    "chosen",
    [pytest.param(each, marks=[pytest.mark.slow] * bool(LONG & each.items())) for each in ROUNDS],
    ids=lambda chosen: ",".join(map("=".join, chosen.items())),
)
def test_every_choice_runs(chosen, needed, tmp_path, capsys):
    overrides = [f"{group}={choice}" for group, choice in chosen.items()]
    if chosen.get("split") == "predefined":
        overrides.append("dataset=manifest")
    cfg = composed(overrides)
    offered = {f"{group}.{key}" for group in cfg if OmegaConf.is_config(cfg[group]) for key in cfg[group]}
    overrides += [f"{option}={place(cfg)}" for option, place in needed.items() if option in offered]
    # Each picture is drawn in the rounds of single choices.
    run([*overrides, *(["report.pictures=false"] if "experiment" in chosen else [])], tmp_path)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    runs = client.search_runs(["1"])
    (whole,) = (each for each in runs if "mlflow.parentRunId" not in each.data.tags)
    assert {each.info.status for each in runs} == {"FINISHED"}
    assert whole.data.tags["dataset.made_up"] == "false"
    assert whole.info.run_id in capsys.readouterr().out


ALONE = [
    ["resampler=soxr", "scale=standard", "decision=round", "trainer.batch_size=7", "split.audit=off"],
    ["embedding.engine=graph", "pool=mean", "trainer.class_weight=balanced", "dataset.short_clips=drop"],
    ["head.hidden=[]", "split.stratify=false", "trainer.validation_share=0.2"],
]
"""Options that stand alone, some at a time."""


TOGETHER = {
    "the network is trained": [
        "embedding.train=true", "embedding.train_from=fc1", "pca=off", "trainer=mini_batch", "trainer.batch_size=16",
    ],
    "a threshold and an end are chosen": [
        "decision=tuned", "trainer.validation_share=0.3", "trainer=mini_batch", "trainer.patience=1",
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [pytest.param(each, marks=[pytest.mark.slow] * ("embedding.train=true" in each)) for each in TOGETHER.values()],
    ids=TOGETHER,
)
def test_options_that_need_one_another_run_on_the_made_up_clips(options, tmp_path):
    run([*options, "report.pictures=false", f"dataset.directory={tmp_path}/smoke"], tmp_path)
    (finished,) = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert finished.info.status == "FINISHED"
    assert ("validation/threshold" in finished.data.metrics) == ("decision=tuned" in options)


@pytest.mark.parametrize("options", ALONE, ids=",".join)
def test_options_that_stand_alone_run_on_the_made_up_clips(options, tmp_path, capsys):
    run([*options, "report.pictures=false", f"dataset.directory={tmp_path}/smoke"], tmp_path)
    (finished,) = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_runs(["1"])
    assert finished.info.status == "FINISHED"
    n_dropped = finished.data.metrics["clips/dropped"]
    assert n_dropped == (1 if "dataset.short_clips=drop" in options else 0)
    assert "utterance level" in capsys.readouterr().out
