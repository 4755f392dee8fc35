"""Commands in the documents: every train.py line composes, every make target exists, every file that is linked is there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

import train
from sarcasm import cli, console
from sarcasm.config import compose, parse
from sarcasm.project import PROJECT
from sarcasm.store import Store
from tests.package_fixtures import fits_of
from tests.site_fixtures import made_pages

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```bash\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(python train\.py[^`]*|make [a-z-]+|sarcasm (?:prepare|check|probe) [a-z][^`.]*)`")
LINK = re.compile(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)")


def commands() -> list[tuple[str, str]]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        lines = [line for block in BLOCK.findall(text) for line in block.splitlines() if line.strip()]
        found += [(document.name, line) for line in [*lines, *INLINE.findall(text)]]
    # What stands behind a command is for the reader.
    return sorted({(name, command.partition("  #")[0].rstrip()) for name, command in found})


ASKED = ("sarcasm compare", "sarcasm repeat", "sarcasm probe")
LOOKED_UP = ("sarcasm runs", "sarcasm report")
PREDICTED = "sarcasm predict"
ELSEWHERE = ("ray start", "ray stop", "sbatch", "pip install")
"""Commands of other programs, for machines that a test does not have; `make test-ray` starts a cluster."""
OF_A_SERVER = (
    "createdb", "echo", "export MLFLOW_", "initdb", "mkdir", "mlflow db upgrade", "mlflow server", "openssl", "pg_ctl",
    "pg_dump", "ssh -N -L", "tar --create",
)  # fmt: skip
"""Commands of docs/server.md; test_server.py runs those that begin a server, word by word as they stand there."""
OF_A_PAGE = ("curl --data-binary", "ssh -N -L")
"""Commands of docs/serve.md; test_serve.py asks in their place."""
SERVED = "sarcasm serve"
OF_SERVING = ("curl", "export MLFLOW_", "export SARCASM_CLIPS=", "mlflow models serve")
"""Commands of docs/predict.md; test_served.py serves a model."""
KNOWN = (
    "python train.py", "sarcasm prepare", "sarcasm check", "sarcasm store", SERVED, *LOOKED_UP, PREDICTED, *ASKED, *ELSEWHERE,
    "make",
    ".venv/bin/pre-commit install",
)  # fmt: skip


def test_there_are_commands_and_all_are_of_a_kind_that_is_checked():
    assert len(commands()) > 8
    for document, command in commands():
        own = {"server.md": OF_A_SERVER, "serve.md": OF_A_PAGE, "predict.md": OF_SERVING}
        known = KNOWN + own.get(document, ())
        assert command.startswith(known), f"{document}: {command}"


def first_value(word: str) -> str:
    """What the first job of a sweep makes of an override."""
    (override,) = OverridesParser.create().parse_overrides([word])
    if override.is_interval_sweep():
        return f"{override.get_key_element()}={override.value().start}"
    if override.is_sweep_override():
        return f"{override.get_key_element()}={next(override.sweep_string_iterator())}"
    return word


@pytest.mark.parametrize(
    "command", sorted({command for _, command in commands() if command.startswith("python train.py")})
)
def test_every_train_command_composes(command):
    words = shlex.split(command, comments=True)[2:]
    if "head=bottleneck" in words:
        pytest.skip("an example of what docs/extending.md adds, run by test_extending.py")
    if "--help" in words:
        done = subprocess.run(
            [sys.executable, "train.py", *words], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return
    # In this process, as each by itself would take a second; how the command line does it is tested elsewhere.
    overrides = [first_value(word) for word in words if not word.startswith("-") and word != "job"]
    assert compose("config", overrides, with_hydra=True).hydra.launcher
    assert parse(compose("config", [word for word in overrides if not word.startswith("hydra")]))


@pytest.mark.parametrize(
    "command", sorted({command for _, command in commands() if command.startswith("sarcasm prepare")})
)
def test_every_prepare_command_plans(command, tmp_path, published):
    words = shlex.split(command)[1:]
    # The plan of a call with --only looks the names up, in labels that have to be there.
    labels = tmp_path / "data" / "mustard" / "sarcasm_data.json"
    labels.parent.mkdir(parents=True)
    shutil.copy(published.labels, labels)
    own = [
        f"data_dir={tmp_path}/data",
        f"models_dir={tmp_path}/models",
        "source.mustard_labels.bytes=null",
        "source.mustard_labels.sha256=null",
    ]
    # What a command says of a reader's own folder has to be there as well.
    theirs = tmp_path / "theirs"
    (theirs / "final_utterance_videos").mkdir(parents=True)
    with zipfile.ZipFile(theirs / "mmsd_raw_data.zip", "w") as archive:
        archive.writestr("utterances_final/1_60.mp4", b"")
    words = [word.replace("=/data/", f"={theirs}/") for word in words]
    done = run_sarcasm(*words, *own, *([] if "--dry-run" in words else ["--dry-run"]))
    assert done.returncode == 0, done.stderr
    assert "to do" in done.stdout


@pytest.mark.parametrize(
    "command", sorted({command for _, command in commands() if command.startswith("sarcasm check")})
)
def test_every_check_command_answers(command, tmp_path):
    words = shlex.split(command)[1:]
    done = run_sarcasm(*words, f"tracking.uri=sqlite:///{tmp_path}/mlflow.db")
    # Without data what was asked for is missing, which is an answer too.
    assert done.returncode in (0, 1)
    assert "versions" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory, made_database) -> tuple[list[str], dict[str, str]]:
    """Where two runs of the made-up clips are recorded, and what they are called."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copy(made_database, folder / "mlflow.db")
    store, clips = f"tracking.uri=sqlite:///{folder}/mlflow.db", f"dataset.directory={folder}/smoke"
    found = {}
    for name, head in (("RUN_A", "small"), ("RUN_B", "linear")):
        cfg = compose("config", [store, clips, f"head={head}", "trainer.steps=2", "pca=off", "report.pictures=false"])
        found[name] = train.run(parse(cfg), cfg).run_id
    return [store, clips], found


@pytest.mark.parametrize("command", sorted({command for _, command in commands() if command.startswith(ASKED)}))
def test_every_question_about_runs_is_answered(command, two_runs, capsys):
    (store, clips), named = two_runs
    words = [named.get(word, word) for word in shlex.split(command, comments=True)[1:]]
    assert cli.main([*words, store, *([] if words[0] == "compare" else [clips])]) == console.DONE
    assert capsys.readouterr().out


@pytest.mark.parametrize("command", sorted({command for _, command in commands() if command.startswith(SERVED)}))
def test_every_command_that_serves_a_model_begins(command, two_runs, monkeypatch, capsys):
    (store, _), _ = two_runs
    monkeypatch.setattr("sarcasm.serve.server.serve", lambda *_, **__: None)
    assert cli.main([*shlex.split(command, comments=True)[1:], "--port", "0", store]) == console.DONE
    assert "http://127.0.0.1:" in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted({command for _, command in commands() if command.startswith(LOOKED_UP)}))
def test_every_look_through_runs_finds_something(command, two_runs, tmp_path, monkeypatch, capsys):
    (store, _), named = two_runs
    monkeypatch.chdir(tmp_path)
    # Or `sync` would send what waits in the developer's own spool to the store of this test.
    monkeypatch.setattr("sarcasm.runs.command.PROJECT", tmp_path)
    words = [named.get({"SWEEP": "RUN_B"}.get(word, word), word) for word in shlex.split(command, comments=True)[1:]]
    assert cli.main([*words, store]) == console.DONE
    assert "No run is" not in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted({command for _, command in commands() if command.startswith(PREDICTED)}))
def test_every_prediction_says_something(command, acoustic_run, tmp_path, monkeypatch, capsys):
    fit = fits_of(acoustic_run)[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    for path in ("clip.wav", "clips/one.wav"):
        shutil.copy(fit.clip("1_101"), path)
    # Which of several models is chosen, and how a registered one is found, is tested elsewhere.
    words = [word.replace("RUN", fit.run_id) for word in shlex.split(command, comments=True)[1:]]
    words = [
        fit.run_id if word == "last" else str(fit.model) if word.startswith("models:/") else word for word in words
    ]
    assert cli.main([*words, fit.store]) == console.DONE
    assert "clip.wav" in (out := capsys.readouterr().out) or "one.wav" in out


@pytest.mark.parametrize(
    "command", sorted({command for _, command in commands() if command.startswith("sarcasm store")})
)
def test_every_store_command_answers(command, tmp_path):
    path = tmp_path / "embeddings.db"
    with Store(path) as store:
        store.put('{"embedding": "VGGishEmbedding"}', "key", b"value")
    done = run_sarcasm(*shlex.split(command, comments=True)[1:], f"store.path={path}")
    assert done.returncode == 0, done.stderr
    assert str(path) in done.stdout


def run_sarcasm(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sarcasm.cli", *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.parametrize(
    "target", sorted({shlex.split(command)[1] for _, command in commands() if command.startswith("make ")})
)
def test_every_make_target_exists(target):
    subprocess.run(["make", "--dry-run", target], cwd=PROJECT, capture_output=True, check=True, timeout=300)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_to_one(document: Path):
    made = {(PROJECT / "docs" / name).resolve() for name in made_pages()}
    for target in LINK.findall(document.read_text(encoding="utf-8")):
        path = (document.parent / target).resolve()
        assert path in made or path.exists(), target


@pytest.mark.slow
def test_the_tutorial_says_what_its_commands_print(project_copy, tmp_path):
    """All of it, in order, from nothing; numbers, which are those of one machine, may differ."""
    text = (PROJECT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "HYDRA_"))}
    environment |= {"COLUMNS": "160", "PYTHONPATH": str(project_copy), "SARCASM_STORE": str(tmp_path / "embeddings.db")}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], cwd=project_copy, env=environment, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def listed(name: str) -> str:
        runs = json.loads(run("-m", "sarcasm.cli", "runs", "list", "--json"))["runs"]
        (run_id,) = [each["run_id"] for each in runs if each["run_name"].startswith(name)]
        return run_id

    printed = run("train.py")
    called = {"RUN_A": "smoke-pca_on-small-s42", "RUN_B": "smoke-pca_on-linear-s42", "SWEEP": "sweep over"}
    commands = [line for block in BLOCK.findall(text) for line in block.splitlines() if not line.startswith("make ")]
    assert len(commands) > 6
    for command in commands:
        program, *words = shlex.split(command)
        words = [listed(called[word]) if word in called else word for word in words]
        printed += run(*words) if program == "python" else run("-m", "sarcasm.cli", *words)
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    shown = [line for language, block in blocks if not language for line in block.splitlines()]
    assert len(shown) > 30
    found = {masked(line) for line in printed.splitlines()}
    missing = [line for line in shown if line != "..." and not any(each.startswith(masked(line)) for each in found)]
    assert missing == []


def masked(line: str) -> str:
    """A line without what is of one machine and one day: ids, numbers, and how wide columns are."""
    plain = re.sub(r"\b[0-9a-f]{8}\b|[+−-]?\d+(\.\d+)?( min| s\b)?", "#", line.removesuffix(" ..."))
    return " ".join(plain.split())
