"""`sarcasm predict`: what a recorded model says of clips, on the screen and as JSON; and what it says of what is no clip."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sarcasm import cli, console
from sarcasm.predict.clips import find_clips
from sarcasm.predict.terminal import sparkline
from sarcasm.tracking.runtime import load_mlflow
from tests.package_fixtures import PackagedRun, fits_of, record_run
from tests.test_command_line import run_sarcasm
from tests.tracking_fixtures import MlflowServer
from tests.video_fixtures import damaged_video


def test_clips_are_files_folders_and_patterns_in_order_and_each_once(tmp_path: Path) -> None:
    for name in ("b.wav", "deep/er/a.MP4", "deep/notes.txt", "deep/.hidden.wav", "odd.name"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, nothing = find_clips([f"{tmp_path}/odd.name", str(tmp_path), f"{tmp_path}/**/*.wav", f"{tmp_path}/no/*.wav"])
    assert [path.name for path in found] == ["odd.name", "b.wav", "a.MP4"]
    assert nothing == [f"{tmp_path}/no/*.wav"]


@pytest.mark.parametrize(
    ("values", "line"), [([0.0], "▁"), ([0.0, 0.5, 1.0], "▁▅█"), ([0.0] * 90 + [1.0] * 90, "▁" * 15 + "█" * 15)]
)
def test_a_line_of_bars_is_no_longer_than_a_line(values: list[float], line: str) -> None:
    assert sparkline(values) == line


def test_help_loads_nothing_heavy() -> None:
    script = "from sarcasm import cli\nimport sys\ntry: cli.main(['predict', '--help'])\nexcept SystemExit: pass\n"
    script += "print([name for name in ('tensorflow', 'mlflow', 'numba', 'matplotlib') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_each_clip_has_its_line_and_what_cannot_be_read_is_named(
    acoustic_run: PackagedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("1_101", "1_102", "1_103"):
        shutil.copy(acoustic_run.clip(name), tmp_path)
    run = fits_of(acoustic_run)[0]
    (tmp_path / "text.wav").write_text("no sound " * 99)
    missing = f"{tmp_path}/missing.wav"
    status = cli.main(["predict", str(tmp_path), missing, "--run", run.run_id[:8], run.store])
    out, err = capsys.readouterr()
    assert status == console.FAILED
    assert "model smoke-mfcc_stats-pca_off-linear-holdout-s0 [" in out
    assert sum(".wav" in line for line in out.splitlines()) == 3
    assert "warning: The clips are made up" in err
    assert f"error: {missing}: there is no such clip" in err
    assert f"error: {tmp_path}/text.wav is neither audio nor a video" in err
    assert "Traceback" not in err


def test_json_says_what_the_run_said_and_when(packaged_run: PackagedRun, capsys: pytest.CaptureFixture[str]) -> None:
    (row, *_) = packaged_run.rows("predictions.csv")
    clip = str(packaged_run.clip(row["utterance"]))
    assert cli.main(["predict", clip, "--json", "--model", str(packaged_run.model), packaged_run.store]) == console.DONE
    said = json.loads(capsys.readouterr().out)
    assert (said["model"]["run_id"], said["model"]["made_up"]) == (packaged_run.run_id, True)
    (one,) = said["clips"]
    assert one["clip"] == clip
    assert one["probability"] == pytest.approx(float(row["probability"]), abs=1e-5)
    assert one["label"] in said["model"]["labels"]
    assert [piece["begin"] for piece in one["pieces"]] == pytest.approx(0.96 * np.arange(len(one["pieces"])))
    assert said["failed"] == []


def test_what_a_video_lacks_is_a_warning(
    acoustic_run: PackagedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video, run = damaged_video(tmp_path), fits_of(acoustic_run)[0]
    whole = str(acoustic_run.clip("1_101"))
    assert cli.main(["predict", str(video), whole, "--json", "--run", run.run_id, run.store]) == console.DONE
    out, err = capsys.readouterr()
    lacking, nothing = (clip["warnings"] for clip in json.loads(out)["clips"])
    assert nothing == []
    assert len(lacking) == 1
    assert lacking[0].startswith(f"{video} is damaged: ")
    assert "damaged packets left out" in " ".join(err.split())


def test_each_clip_is_drawn(acoustic_run: PackagedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip, run, plots = acoustic_run.clip("1_101"), fits_of(acoustic_run)[0], tmp_path / "new" / "plots"
    (tmp_path / "other").mkdir()
    shutil.copy(clip, tmp_path / "other")
    words = ["predict", str(clip), str(tmp_path / "other"), "--run", run.run_id, "--plot", str(plots), run.store]
    assert cli.main(words) == console.DONE
    assert sorted(path.name for path in plots.iterdir()) == ["1_101-2.png", "1_101.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots.iterdir())
    assert cli.main(words) == console.WRONG_CONFIG
    assert f"--plot {plots}: a new or empty folder is needed" in capsys.readouterr().err


WRONG = {
    "no clip": (["nothing.wav", "--run", "last"], 2, "nothing.wav: there is no clip; name audio or video files"),
    "no run": (["CLIP", "--run", "nosuch"], 1, "there is no run nosuch in"),
    "no folder": (["CLIP", "--model", "nosuch"], 2, "--model nosuch: there is no such folder; give models:/NAME"),
    "another folder": (["CLIP", "--model", "."], 1, "is no model that takes sound: it has no description.json"),
    "no model": (["CLIP", "--model", "models:/nosuch/1"], 1, "nosuch"),
    "no artifact": (["CLIP", "--model", "runs:/RUN/other"], 1, "cannot fetch the model runs:/"),
    "a fold of one": (["CLIP", "--run", "RUN", "--fold", "fold3"], 2, "is one fit; leave it out"),
    "an option": (["CLIP", "--run", "RUN", "seed=3"], 2, "seed=3: a recorded run is what it is"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_call_is_one_line(
    kind: str, acoustic_run: PackagedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    soundfile.write("clip.wav", np.zeros(16_000), 16_000)
    words, status, reason = WRONG[kind]
    words = [word.replace("CLIP", "clip.wav").replace("RUN", fits_of(acoustic_run)[0].run_id) for word in words]
    assert cli.main(["predict", *words, acoustic_run.store]) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert reason in err
    assert len(err.splitlines()) == 1


def test_neither_run_nor_model_exits_with_2() -> None:
    done = run_sarcasm("predict", "x.wav")
    expected = "error: one of the arguments --run --model is required; see sarcasm predict --help\n"
    assert (done.returncode, done.stderr) == (2, expected)


def test_of_several_fits_one_is_chosen_by_its_fold(
    acoustic_run: PackagedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    clip, store = str(acoustic_run.clip("1_101")), acoustic_run.store
    first, second = fits_of(acoustic_run)
    named = f"holdout-s0 ({first.run_id[:8]}), holdout-s1 ({second.run_id[:8]})"
    for words, reason in (
        ([], f"has 2 fits, each with its model; choose one with --fold, or name its run: {named}\n"),
        (["--fold", "holdout"], f"--fold holdout: that has several fits; choose from {named}\n"),
        (["--fold", "fold_1"], f"--fold fold_1: that is none of its folds; choose from {named}\n"),
    ):
        assert cli.main(["predict", clip, "--run", "last", *words, store]) == console.WRONG_CONFIG
        assert capsys.readouterr().err.endswith(reason)
    uri = f"runs:/{acoustic_run.run_id}/model"
    assert cli.main(["predict", clip, "--model", uri, "--fold", "holdout-s1", "--json", store]) == console.DONE
    model = json.loads(capsys.readouterr().out)["model"]
    assert (model["run_id"], model["fold"], model["seed"]) == (second.run_id, "holdout", 1)


@pytest.mark.slow
def test_a_model_is_fetched_from_a_server(
    mlflow_server: MlflowServer, made_database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = f"tracking.uri={mlflow_server.uri}"
    options = ["embedding=mfcc_stats", "embedding.separate_vocals=false", "pca=off", "head=linear"]
    run = record_run(tmp_path / "run", made_database, *options, store)
    mlflow = load_mlflow()
    client = mlflow.MlflowClient(mlflow_server.uri, registry_uri=mlflow_server.uri)
    client.create_registered_model("tone")
    source = f"{client.get_run(run.run_id).info.artifact_uri}/model"
    client.create_model_version("tone", source, run.run_id)
    capsys.readouterr()
    for words in (["--run", "last"], ["--model", f"runs:/{run.run_id}/model"], ["--model", "models:/tone/1"]):
        assert cli.main(["predict", str(run.clip("1_101")), "--json", *words, store]) == console.DONE
        assert json.loads(capsys.readouterr().out)["model"]["run_id"] == run.run_id
    next((mlflow_server.folder / "artifacts").rglob(f"{run.run_id}/**/transform.npz")).write_bytes(b"")
    assert cli.main(["predict", str(run.clip("1_101")), "--run", "last", store]) == console.FAILED
    assert capsys.readouterr().err == (
        f"error: runs:/{run.run_id}/model/artifacts/package/transform.npz is missing or damaged (its hash is not the one"
        " in description.json); get the model anew\n"
    )
