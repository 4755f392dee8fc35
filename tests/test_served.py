"""A run's model in MLflow: loaded, registered and served, it takes sound, and says why it does not take something."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sarcasm import cli, console
from sarcasm.tracking.runtime import load_mlflow
from tests.package_fixtures import PackagedRun, fits_of
from tests.tracking_fixtures import free_port


def encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.fixture(scope="module")
def served(packaged_run: PackagedRun) -> Any:
    """The model, as MLflow loads it."""
    load_mlflow()
    import mlflow.pyfunc

    return mlflow.pyfunc.load_model(str(packaged_run.model))


def test_mlflow_says_what_the_run_said(packaged_run: PackagedRun, served: Any) -> None:
    import pandas as pd

    rows = packaged_run.rows("predictions.csv")[:2]
    found = served.predict(pd.DataFrame({"audio": [encoded(packaged_run.clip(row["utterance"])) for row in rows]}))
    assert list(found.columns) == ["probability", "label", "pieces"]
    assert list(found["probability"]) == pytest.approx([float(row["probability"]) for row in rows], abs=1e-5)
    assert [len(pieces) for pieces in found["pieces"]] == [
        sum(each["utterance"] == row["utterance"] for each in packaged_run.rows("predictions_examples.csv"))
        for row in rows
    ]


def test_paths_are_read_from_the_named_folders_alone(
    packaged_run: PackagedRun, served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd
    from mlflow.exceptions import MlflowException

    clip = packaged_run.clip("1_101")
    monkeypatch.delenv("SARCASM_CLIPS", raising=False)
    with pytest.raises(MlflowException, match="clip 0: paths are not read here; send the sound as audio"):
        served.predict(pd.DataFrame({"path": [str(clip)]}))
    monkeypatch.setenv("SARCASM_CLIPS", f"{tmp_path}{os.pathsep}{clip.parent}")
    assert len(served.predict(pd.DataFrame({"path": [str(clip)]}))) == 1
    (tmp_path / "link.wav").symlink_to("/etc/passwd")
    for path in ("/etc/passwd", f"{clip.parent}/../../mlflow.db", f"{tmp_path}/link.wav", "clip.wav", "nul\0"):
        with pytest.raises(MlflowException, match=r"does not lie in a folder that SARCASM_CLIPS|is no path"):
            served.predict(pd.DataFrame({"path": [path]}))


WRONG = {
    "no base64": ({"audio": ["@"]}, 'clip 0: its "audio" is not base64'),
    "no sound": ({"audio": [base64.b64encode(b"words").decode()]}, "clip 0 is neither audio nor a video"),
    "neither": ({"audio": [None]}, 'clip 0: give "audio"'),
    "no column": ({"sound": ["x"]}, 'a table with a column "audio" or "path" is needed'),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_clip_is_a_mistake_of_the_client(kind: str, served: Any) -> None:
    import pandas as pd
    from mlflow.exceptions import MlflowException

    content, reason = WRONG[kind]
    with pytest.raises(MlflowException, match=reason) as caught:
        served.predict(pd.DataFrame(content))
    assert caught.value.get_http_status_code() == 400


def test_what_would_keep_others_waiting_is_refused(
    served: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np
    import pandas as pd
    import soundfile
    from mlflow.exceptions import MlflowException

    monkeypatch.setenv("SARCASM_CLIPS", str(tmp_path))
    soundfile.write(tmp_path / "long.flac", np.zeros(601 * 1_000, np.int16), 1_000)
    with pytest.raises(MlflowException, match=r"long.flac lasts longer than 600 s .*, which is the most that is read"):
        served.predict(pd.DataFrame({"path": [str(tmp_path / "long.flac")]}))
    soundfile.write(tmp_path / "short.flac", np.zeros(10 * 1_000, np.int16), 1_000)
    soundfile.write(tmp_path / "rest.flac", np.zeros(595 * 1_000, np.int16), 1_000)
    with pytest.raises(
        MlflowException,
        match=r"^clip 1: the clips of this request last longer than 600 s together; send them in several",
    ):
        served.predict(pd.DataFrame({"path": [f"{tmp_path}/short.flac", f"{tmp_path}/rest.flac"]}))


def test_a_model_says_what_it_takes_and_needs(packaged_run: PackagedRun) -> None:
    load_mlflow()
    from mlflow.models import Model

    model = Model.load(str(packaged_run.model))
    assert model.signature.inputs.input_names() == ["audio", "path"]
    assert model.signature.outputs.input_names() == ["probability", "label", "pieces"]
    assert set(model.load_input_example(str(packaged_run.model)).columns) == {"audio"}
    needed = (packaged_run.model / "requirements.txt").read_text().splitlines()
    assert {"tensorflow", "numpy", "soundfile", "av"} <= {line.split("==")[0] for line in needed}
    assert (packaged_run.model / "code" / "sarcasm" / "packaged" / "package.py").exists()


def test_a_registered_model_is_found_by_version_and_alias(
    acoustic_run: PackagedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    run = fits_of(acoustic_run)[1]
    mlflow = load_mlflow()
    uri = run.store.removeprefix("tracking.uri=")
    client = mlflow.MlflowClient(uri, registry_uri=uri)
    client.create_registered_model("tone")
    version = client.create_model_version("tone", str(run.model), run.run_id).version
    client.set_registered_model_alias("tone", "good", version)
    for word in (f"models:/tone/{version}", "models:/tone@good", "models:/tone/latest"):
        words = ["predict", str(run.clip("1_101")), "--json", "--model", word, run.store]
        assert cli.main(words) == console.DONE
        assert json.loads(capsys.readouterr().out)["model"]["run_id"] == run.run_id


@pytest.fixture
def address(packaged_run: PackagedRun, tmp_path: Path) -> Iterator[str]:
    """Where `mlflow models serve` serves the model, with nothing of the project but what the model brings."""
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["MLFLOW_TRACKING_URI"] = packaged_run.store.removeprefix("tracking.uri=")
    # It starts uvicorn by its name.
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    words = ["models", "serve", "-m", f"runs:/{packaged_run.run_id}/model", "--env-manager", "local", "-p", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words, "-w", "1"], cwd=tmp_path, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(240):
            assert process.poll() is None
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).close()
                break
            except OSError:
                time.sleep(1)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=300)


def asked(address: str, content: object) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        address, json.dumps(content).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.slow
def test_the_real_server_answers_in_every_form(packaged_run: PackagedRun, address: str) -> None:
    (row, *_) = packaged_run.rows("predictions.csv")
    audio = encoded(packaged_run.clip(row["utterance"]))
    for content in (
        {"dataframe_split": {"columns": ["audio"], "data": [[audio]]}},
        {"dataframe_records": [{"audio": audio}]},
        {"inputs": {"audio": [audio]}},
    ):
        status, said = asked(address, content)
        assert status == 200, said
        (prediction,) = said["predictions"]
        assert prediction["probability"] == pytest.approx(float(row["probability"]), abs=1e-5)
        assert isinstance(prediction["pieces"], list)
    status, said = asked(address, {"dataframe_records": [{"audio": base64.b64encode(b"words").decode()}]})
    assert status == 400
    assert "clip 0 is neither audio nor a video" in said["message"]
    status, said = asked(address, {"dataframe_records": [{"path": "/etc/passwd"}]})
    assert status == 400
    assert "paths are not read here" in said["message"]
    assert "stack_trace" not in said
