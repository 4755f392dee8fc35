"""Whole runs of the real command line, on made-up clips of real audio files, into a real MLflow store."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

import train
from sarcasm.config import compose, parse
from sarcasm.embeddings import stream, table
from sarcasm.project import PROJECT
from sarcasm.tracking import Tracked

ARTIFACTS = {
    "classification_report.txt", "classification_report.json", "config.yaml", "predictions.csv", "predictions_examples.csv",
    "report.html", "plots", "model", "params.json", "MODEL_CARD.md",
}  # fmt: skip
METRICS = ("accuracy", "precision_weighted", "recall_weighted", "f1_weighted", "f1_macro", "auroc")
CLASS_METRICS = [
    f"{name}/{metric}" for name in ("sarcastic", "non_sarcastic") for metric in ("precision", "recall", "f1", "support")
]


def runs_in(folder: Path) -> tuple[MlflowClient, list[Run]]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return client, list(client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]))


def sweep_in(folder: Path) -> tuple[Run, list[Run]]:
    """The parent of the one sweep in a store, and its jobs."""
    _, runs = runs_in(folder)
    (parent,) = (run for run in runs if "sweep" in run.data.tags)
    jobs = [run for run in runs if run is not parent]
    assert {job.data.tags["mlflow.parentRunId"] for job in jobs} == {parent.info.run_id}
    return parent, jobs


def losses_of(client: MlflowClient, run: Run) -> list[float]:
    points = sorted(client.get_metric_history(run.info.run_id, "train/loss"), key=lambda point: point.step)
    assert [point.step for point in points] == list(range(len(points)))
    return [point.value for point in points]


@pytest.fixture(scope="module")
def mustard_options(mustard_folder, v1_checkpoint, pca_params) -> list[str]:
    """Options that point MUStARD and VGGish at a folder and at files in the released formats; the weights are random."""
    return [
        f"dataset.labels={mustard_folder}/sarcasm_data.json", f"dataset.audio_dir={mustard_folder}/audio",
        f"embedding.checkpoint={v1_checkpoint}", f"pca.params={pca_params}",
    ]  # fmt: skip


NOT_REPEATED = ("time/", "store/")


def test_a_fresh_clone_trains_and_tells_everything_twice_the_same(run_train, project_copy):
    first = run_train(project=project_copy)
    assert first.returncode == 0, first.stderr
    client, (run,) = runs_in(project_copy)

    assert run.info.status == "FINISHED"
    assert run.info.run_name == "smoke-pca_on-small-s42"
    losses = losses_of(client, run)
    assert len(losses) == int(run.data.params["trainer.steps"]) == 30
    for level in ("example", "utterance"):
        assert {f"test/{level}/{metric}" for metric in [*METRICS, *CLASS_METRICS]} <= set(run.data.metrics)
    for baseline in ("majority", "speaker_majority", "show_majority", "clip_length"):
        assert {f"baseline/{baseline}/{metric}" for metric in METRICS} <= set(run.data.metrics)
    assert {"time/embed", "time/fit"} <= set(run.data.metrics)

    composed = subprocess.run(
        [sys.executable, project_copy / "train.py", "--cfg", "job"],
        capture_output=True,
        text=True,
        check=True,
        cwd=project_copy,
    )
    n_leaves = sum(1 for line in composed.stdout.splitlines() if ": " in line) + composed.stdout.count("hidden:")
    assert len(run.data.params) == n_leaves
    assert run.data.params["head.hidden"] == "[100]"
    assert run.data.params["pca.enabled"] == "True"
    assert run.data.params["resampler"] == "reference"

    tags = run.data.tags
    assert tags["dataset.fingerprint"].startswith("sha256:")
    assert tags["config.hash"].startswith("sha256:")
    assert (tags["embedding.weights"], tags["pca.parameters"], tags["dataset.made_up"]) == (
        "random:0",
        "fitted",
        "true",
    )
    assert (tags["split.protocol"], tags["split.leaky"]) == ("utterance", "false")
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.name == "smoke"

    folder = project_copy / "mlruns" / "sarcasm" / run.info.run_id / "artifacts"
    assert {path.name for path in folder.iterdir()} >= ARTIFACTS
    with (folder / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    right = [row["label"] == row["decision"] for row in rows]
    assert run.data.metrics["test/utterance/accuracy"] == pytest.approx(np.mean(right))
    assert [row["decision"] for row in rows] == ["1" if float(row["probability"]) >= 0.5 else "0" for row in rows]
    report = json.loads((folder / "classification_report.json").read_text())
    assert report["utterance"]["weighted avg"]["f1-score"] == pytest.approx(
        run.data.metrics["test/utterance/f1_weighted"]
    )
    for text in ((folder / "report.html").read_text(), first.stderr):
        assert "made up" in text
        assert "random weights" in text

    assert run.info.run_id in first.stdout
    assert "utterance level" in first.stdout
    assert "example level" in first.stdout
    assert first.stderr.startswith(f"note: wrote 48 made-up clips to {project_copy}/data/smoke\n")
    assert "Traceback" not in first.stderr
    assert "oneDNN" not in first.stderr

    again = run_train(project=project_copy)
    assert again.returncode == 0, again.stderr
    client, runs = runs_in(project_copy)
    assert len(runs) == 2
    assert losses_of(client, runs[0]) == losses_of(client, runs[1])
    assert runs[0].data.tags["dataset.fingerprint"] == runs[1].data.tags["dataset.fingerprint"]
    assert {name: value for name, value in runs[0].data.metrics.items() if not name.startswith(NOT_REPEATED)} == {
        name: value for name, value in runs[1].data.metrics.items() if not name.startswith(NOT_REPEATED)
    }


def test_the_big_head_on_original_from_released_formats_and_the_model_that_is_kept(
    run_train, ready, mustard_options, mustard_folder, v1_checkpoint, tmp_path
):
    from sarcasm.packaged import Kind, Package

    result = run_train("dataset=original", "head=big", "scale=standard", *mustard_options)
    assert result.returncode == 0, result.stderr
    assert "warning" not in result.stderr
    client, (run,) = runs_in(tmp_path)
    assert run.info.status == "FINISHED"
    assert len(losses_of(client, run)) == 30
    tags = run.data.tags
    assert tags["dataset.made_up"] == "false"
    assert tags["embedding.weights"].startswith("sha256:")
    assert tags["pca.parameters"].startswith("sha256:")

    artifacts = tmp_path / "mlruns" / "sarcasm" / run.info.run_id / "artifacts"
    with (artifacts / "predictions.csv").open() as file:
        row = next(csv.DictReader(file))
    with Package.load(artifacts / "model") as package:
        said = package.description
        prediction = package.predict(package.read(mustard_folder / "audio" / f"{row['utterance']}.wav"))
    assert (said.weights.kind, said.weights.path) == (Kind.reference, str(v1_checkpoint))
    assert (said.weights.fingerprint, said.pca) == (tags["embedding.weights"], tags["pca.parameters"])
    assert prediction.probability == pytest.approx(float(row["probability"]), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "experiment",
    [
        "notebook_smoke",
        "notebook_original",
        "notebook_denoised",
    ],
)
def test_the_notebooks_sections_run_on_a_folder_shaped_like_mustard(
    run_train, ready, mustard_options, tmp_path, experiment
):
    result = run_train(f"experiment={experiment}", *mustard_options, "trainer.steps=5")
    assert result.returncode == 0, result.stderr
    client, (run,) = runs_in(tmp_path)
    params, tags = run.data.params, run.data.tags
    assert (params["decision"], params["split.name"], params["pca.enabled"]) == ("round", "example", "True")
    assert (tags["split.protocol"], tags["split.leaky"]) == ("example", "true")
    assert "test utterances were heard in training" in result.stderr
    assert params["head.hidden"] == ("[100]" if experiment == "notebook_smoke" else "[4096, 4096]")
    n_clips = 5 if experiment == "notebook_smoke" else 24
    path = tmp_path / "mlruns" / "sarcasm" / run.info.run_id / "artifacts" / "predictions.csv"
    with path.open() as file:
        tested = {row["utterance"] for row in csv.DictReader(file)}
    assert len(tested) <= n_clips
    if experiment == "notebook_smoke":
        assert "Only 1 of the 5 clips is sarcastic" in result.stderr
        assert tested <= {"2_99", "2_97", "2_96", "2_94", "2_91"}
    assert len(losses_of(client, run)) == 5


@pytest.mark.slow
def test_one_sweep_runs_all_of_dataset_pca_and_head(run_train, ready, mustard_options, tmp_path):
    groups = {"dataset": ("original", "denoised"), "pca": ("on", "off"), "head": ("small", "big")}
    sweep = [f"{group}={','.join(choices)}" for group, choices in groups.items()]
    # pca=off reads no parameters; for it, pca.params stays what it is.
    result = run_train("-m", *sweep, "trainer.steps=2", *mustard_options)
    assert result.returncode == 0, result.stderr
    parent, runs = sweep_in(tmp_path)
    assert parent.info.status == "FINISHED"
    assert parent.data.params["head"] == "small,big"
    assert {run.info.status for run in runs} == {"FINISHED"}
    found = [
        (run.data.params["dataset.name"], run.data.params["pca.enabled"], run.data.params["head.name"]) for run in runs
    ]
    assert sorted(found) == sorted(product(groups["dataset"], ("True", "False"), groups["head"]))


def own_run(folder: Path, *overrides: str) -> Run:
    """A run in this process, with stores of its own."""
    own = [f"tracking.uri=sqlite:///{folder}/mlflow.db", f"store.path={folder}/embeddings.db",
           "trainer.steps=2", "report.pictures=false"]  # fmt: skip
    cfg = compose("config", [*own, *overrides])
    return MlflowClient(f"sqlite:///{folder}/mlflow.db").get_run(train.run(parse(cfg), cfg).run_id)


def test_the_second_run_decodes_no_clip_and_runs_no_network(ready, tmp_path, monkeypatch, capsys):
    augmented = ["augment=origin", "augment.stretch=null", "augment.semitones=null"]
    first = own_run(tmp_path, *augmented)
    assert (first.data.metrics["store/hits"], first.data.metrics["store/misses"]) == (0, 48 + 38)

    def never(*_):
        raise AssertionError

    for name in ("read_waveform", "opened", "sha256"):
        monkeypatch.setattr(stream, name, never)
    monkeypatch.setattr(table, "same_sound", never)
    capsys.readouterr()
    second = own_run(tmp_path, *augmented, "head=linear", "pca=off")
    assert (second.data.metrics["store/hits"], second.data.metrics["store/misses"]) == (48 + 38, 0)
    assert "store  86 clips found in embeddings.db, 0 computed" in capsys.readouterr().out
    assert (
        own_run(tmp_path, *augmented).data.metrics["test/example/f1_weighted"]
        == first.data.metrics["test/example/f1_weighted"]
    )


def test_training_that_was_cut_off_goes_on_in_the_same_run_with_the_losses_of_an_undisturbed_one(
    ready, made_database, tmp_path, monkeypatch
):
    folds = [
        "split=kfold",
        "split.k=2",
        "trainer.steps=30",
        "trainer.validation_share=0.2",
        "trainer.checkpoint_seconds=1e-9",
    ]
    monkeypatch.setattr(train, "PROJECT", tmp_path)
    log_step = Tracked.log_step

    def interrupted(self, step, metrics):
        log_step(self, step, metrics)
        if step == 20 and "fold_2" in self.run_name:
            raise KeyboardInterrupt

    monkeypatch.setattr(Tracked, "log_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        own_run(tmp_path, *folds)
    _, runs = runs_in(tmp_path)
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED", "KILLED"]
    steps_done = []

    def counted(self, step, metrics):
        steps_done.append(step)
        log_step(self, step, metrics)

    monkeypatch.setattr(Tracked, "log_step", counted)
    again = own_run(tmp_path, *folds)
    elsewhere = tmp_path / "undisturbed"
    elsewhere.mkdir()
    shutil.copy(made_database, elsewhere / "mlflow.db")
    undisturbed = own_run(elsewhere, *folds)

    client, resumed = runs_in(tmp_path)
    assert len(resumed) == 3
    assert {run.info.status for run in resumed} == {"FINISHED"}
    assert again.info.run_id in {run.info.run_id for run in runs}
    assert not (tmp_path / "outputs" / "checkpoints" / again.info.run_id).exists()
    other_client, others = runs_in(elsewhere)
    for run in resumed:
        (twin,) = (other for other in others if other.info.run_name == run.info.run_name)
        for name, value in twin.data.metrics.items():
            if not name.startswith(NOT_REPEATED):
                assert run.data.metrics[name] == value, name
        if "fold" in run.data.params:
            assert losses_of(client, run) == losses_of(other_client, twin)
            assert len(losses_of(client, run)) == 30
    assert again.data.metrics["test/utterance/f1_weighted"] == undisturbed.data.metrics["test/utterance/f1_weighted"]


@pytest.mark.slow
def test_two_sweeps_at_once_on_one_store_compute_everything_right(run_train, mustard_options, tmp_path):
    folders = [tmp_path / "one", tmp_path / "other"]
    train_py, shared = str(PROJECT / "train.py"), f"store.path={tmp_path}/embeddings.db"
    jobs = ["-m", "dataset=original", "pca=on,off", "trainer.steps=2", shared, *mustard_options]
    running = []
    for folder in folders:
        folder.mkdir()
        own = f"tracking.uri=sqlite:///{folder}/mlflow.db"
        running.append(subprocess.Popen([sys.executable, train_py, *jobs, own], cwd=folder, stdout=subprocess.DEVNULL))
    assert [each.wait(300) for each in running] == [0, 0]
    assert run_train(*jobs[1:2], "pca=on", *jobs[3:4], "store=off", *mustard_options).returncode == 0
    _, (expected,) = runs_in(tmp_path)
    for folder in folders:
        _, runs = sweep_in(folder)
        assert {run.info.status for run in runs} == {"FINISHED"}
        with_pca = next(run for run in runs if run.data.params["pca.enabled"] == "True")
        for name in ("test/example/f1_weighted", "train/loss"):
            assert with_pca.data.metrics[name] == expected.data.metrics[name]


@pytest.mark.slow
def test_a_sweep_goes_on_after_a_job_that_fails_and_says_so_in_the_end(run_train, ready, mustard_options, tmp_path):
    result = run_train(
        "-m",
        "dataset=original",
        "trainer.steps=2",
        *mustard_options[:3],
        f"pca.params=nowhere.npz,{mustard_options[3].split('=')[1]}",
    )
    assert result.returncode == 1
    parent, runs = sweep_in(tmp_path)
    assert parent.info.status == "FAILED"
    assert sorted(run.info.status for run in runs) == ["FAILED", "FINISHED"]
    (failed,) = (run for run in runs if run.info.status == "FAILED")
    assert failed.data.tags["error"].startswith("pca.params: nowhere.npz is not there")
    assert result.stderr.count("error: pca.params: nowhere.npz is not there") == 1
    assert "Traceback" not in result.stderr


@pytest.mark.slow
def test_jobs_in_other_processes_are_nested_too(run_train, ready, mustard_options, tmp_path):
    launcher = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    result = run_train("-m", *launcher, "dataset=original", "seed=1,2", "trainer.steps=2", *mustard_options)
    assert result.returncode == 0, result.stderr
    parent, runs = sweep_in(tmp_path)
    assert {run.info.status for run in [parent, *runs]} == {"FINISHED"}
    assert sorted(run.data.params["seed"] for run in runs) == ["1", "2"]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "exit_status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_killed_and_keeps_its_losses(project_copy, number, exit_status):
    process = subprocess.Popen(
        [sys.executable, "train.py", "trainer.steps=1000000", "tracking.flush_seconds=0.2"],
        cwd=project_copy, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 300
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.2)
            if (project_copy / "mlflow.db").exists():
                client, runs = runs_in(project_copy)
                if runs and client.get_metric_history(runs[0].info.run_id, "train/loss"):
                    break
        process.send_signal(number)
        _, errors = process.communicate(timeout=300)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == exit_status
    assert "Traceback" not in errors
    client, (run,) = runs_in(project_copy)
    assert run.info.status == "KILLED"
    assert losses_of(client, run)


@pytest.mark.slow
def test_a_full_disk_is_one_clear_line_and_the_run_is_failed(mustard_options, tmp_path):
    """A limit on the size of files, set for the process, is what a full disk looks like to it."""
    limited = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000,) * 2); sys.argv = sys.argv[1:]"
    run = f"{limited}; runpy.run_path(sys.argv[0], run_name='__main__')"
    options = [
        "dataset=original",
        "head=big",
        "trainer.steps=1",
        f"tracking.uri=sqlite:///{tmp_path}/mlflow.db",
        *mustard_options,
    ]
    result = subprocess.run(
        [sys.executable, "-c", run, str(PROJECT / "train.py"), *options],
        capture_output=True, text=True, check=False, timeout=300, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 1
    assert re.search(
        r"^error: the model cannot be written to \S+ \(File too large\); free some space there$",
        result.stderr,
        re.MULTILINE,
    )
    assert "Traceback" not in result.stderr
    _, (failed,) = runs_in(tmp_path)
    assert failed.info.status == "FAILED"
    assert "File too large" in failed.data.tags["error"]


@pytest.mark.slow
def test_six_processes_in_a_fresh_directory_give_six_finished_runs(project_copy):
    processes = [
        subprocess.Popen(
            [sys.executable, "train.py", f"seed={seed}"],
            cwd=project_copy,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(6)
    ]
    errors = [process.communicate(timeout=500)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 6, errors
    client, runs = runs_in(project_copy)
    assert sorted(run.data.params["seed"] for run in runs) == [str(seed) for seed in range(6)]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert {len(losses_of(client, run)) for run in runs} == {30}
