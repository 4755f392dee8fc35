"""Fixtures that more than one test file uses: the command line, a table without a network, MUStARD-shaped folders."""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings

from sarcasm.corpus import Utterance
from sarcasm.embeddings import Table
from sarcasm.project import PROJECT
from sarcasm.splits.mustard import FOLDS_FILE

FIXTURES = ("vggish", "tracking", "video", "server", "sweep", "package", "record")
pytest_plugins = [f"tests.{kind}_fixtures" for kind in FIXTURES]

# A machine that is busy with something else is no fault of what is tested.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell lets what it starts in the background ignore Ctrl-C, and all that this starts in turn; tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

RunTrain = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def embeddings_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all tests of this call, and all processes that run them: what one has embedded, the others find."""
    base = tmp_path_factory.getbasetemp()
    path = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "embeddings.db"
    os.environ["SARCASM_STORE"] = str(path)
    return path


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of tests are on this machine, whatever proxy the developer's environment names."""
    named = {name for name in os.environ if name.lower().endswith("_proxy")}
    for name in named | {"no_proxy", "NO_PROXY"}:
        monkeypatch.setenv(name, "")


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """What our own loggers say; those of libraries, and their threads, may say something at any time."""
    of_ours = logging.Filter("sarcasm")
    caplog.handler.addFilter(of_ours)
    yield caplog
    caplog.handler.removeFilter(of_ours)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20190728)


@pytest.fixture
def run_train(tmp_path: Path) -> RunTrain:
    """The real command line, as a process of its own, with a store and made-up clips of this test's own."""

    def run(*arguments: str, project: Path = PROJECT, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        own = [] if project != PROJECT else [f"tracking.uri=sqlite:///{tmp_path}/mlflow.db"]
        chosen = {argument.split("=")[0] for argument in arguments}
        own = [argument for argument in own if argument.split("=")[0] not in chosen]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "HYDRA_"))}
        return subprocess.run(
            [sys.executable, str(project / "train.py"), *arguments, *(own if not arguments or "--" not in arguments[0] else [])],
            cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=timeout, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    return run


@pytest.fixture
def project_copy(tmp_path: Path) -> Path:
    """The project as a fresh clone would have it: without data, runs or environment."""
    copy = tmp_path / "project"
    copy.mkdir()
    shutil.copy(PROJECT / "train.py", copy)
    for folder in ("sarcasm", "hydra_plugins", "conf", "mlruns"):
        shutil.copytree(
            PROJECT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "[0-9]*", "sarcasm")
        )
    # The pattern that leaves runs out must not leave the package out.
    shutil.copytree(PROJECT / "sarcasm", copy / "sarcasm", dirs_exist_ok=True)
    return copy


def make_table(labels: list[bool], n_examples: list[int], seed: int = 0, speakers: list[str] | None = None) -> Table:
    """A table of random bytes: utterance i has n_examples[i] rows."""
    generator = np.random.default_rng(seed)
    utterances = tuple(
        Utterance(
            id=f"1_{position:03}", path=Path("nowhere"), is_sarcastic=label,
            speaker=speakers[position] if speakers else "", show="SHOW" if speakers else "",
        )
        for position, label in enumerate(labels)
    )  # fmt: skip
    utterance = np.repeat(np.arange(len(labels)), n_examples)
    return Table(
        X=generator.integers(0, 256, (len(utterance), 128)).astype(np.uint8),
        y=np.array(labels)[utterance],
        utterance=utterance,
        utterances=utterances,
        seconds=np.array(n_examples, float),
        levels=generator.uniform(-30, -20, len(labels)),
        sounds=np.arange(len(labels)),
        weights="sha256:" + "0" * 64,
    )


@pytest.fixture(scope="session")
def mustard_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in MUStARD's shape: sarcasm_data.json and audio/KEY.wav for 24 clips of noise, the notebook's five among them.

    Noise bursts, louder where sarcastic; made up, like every number that comes of them.
    """
    folder = tmp_path_factory.mktemp("mustard")
    (folder / "audio").mkdir()
    generator = np.random.default_rng(3)
    # All of them MUStARD's own, from each of its folds.
    folds = json.loads(FOLDS_FILE.read_text(encoding="utf-8"))["py2_order"]
    others = [[key for key in sorted(fold) if key.startswith("1_")][:4] for fold in folds]
    keys = ["2_99", "2_97", "2_96", "2_94", "2_91", *[key for four in others for key in four][:19]]
    entries = {}
    for number, key in enumerate(keys):
        is_sarcastic = key == "2_97" if key.startswith("2_") else number % 2 == 0
        seconds = 2.5 + number % 3
        noise = generator.standard_normal(int(seconds * 16_000)) * (0.2 if is_sarcastic else 0.1)
        soundfile.write(folder / "audio" / f"{key}.wav", noise.clip(-1, 1), 16_000)
        entries[key] = {
            "utterance": f"Made-up line number {number}.", "speaker": ["ANNA", "BEN", "CLEO"][number % 3],
            "context": ["A line before."], "context_speakers": ["BEN"], "show": "BBT" if key.startswith("1_") else "FRIENDS",
            "sarcasm": is_sarcastic,
        }  # fmt: skip
    (folder / "sarcasm_data.json").write_text(json.dumps(entries), encoding="utf-8")
    return folder
