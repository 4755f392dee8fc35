"""What is kept is found again by the code and the libraries that computed it, and by no other."""

import subprocess
import sys
import threading
from importlib.metadata import version

import numpy as np
import pytest
import soundfile

from sarcasm import sources
from sarcasm.config import compose, parse
from sarcasm.embeddings.stream import Clip, Task, embedded_in_batches, opened
from sarcasm.files import sha256
from sarcasm.sources import computed_by

ELSEWHERE = ("sarcasm.report.write", "sarcasm.tracking.run", "sarcasm.console", "sarcasm.config", "sarcasm.store.store")
TASKS = {"vggish": [], "mfcc_stats": ["embedding=mfcc_stats"], "copies": ["augment=origin"]}


def task_of(name: str) -> Task:
    config = parse(compose("config", [*TASKS[name], "embedding.workers=local"]))
    return Task(config.embedding, config.resampler, True, config.augment if name == "copies" else None)


@pytest.fixture
def changed(monkeypatch):
    """Change the source of a module, as far as its hash goes: `changed(name, more)` puts some lines at its end."""
    original = sources._module

    def change(name: str, more: str) -> None:
        other = sources._parsed(name, sources._path(name).read_bytes() + more.encode())
        monkeypatch.setattr(sources, "_module", lambda each: other if each == name else original(each))
        sources._followed.cache_clear()

    yield change
    sources._followed.cache_clear()


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Clip:
    path = tmp_path_factory.mktemp("sources") / "1_01.wav"
    soundfile.write(path, np.sin(np.arange(30_000) / 9), 22_050)
    return Clip(0, "1_01", path, sha256(path))


def at_work(task: Task, clip: Clip) -> set[str]:
    """The modules of ours of which a line runs while a clip is embedded."""
    ran: set[str] = set()

    def note(frame, event, argument):
        ran.add(frame.f_globals.get("__name__", ""))

    with opened(task, task.embedding.fingerprint(True, None)) as network:
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            list(embedded_in_batches([(clip, task.read(clip))], network))
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
    return {each for each in ran if each.startswith("sarcasm.") and not each.startswith(sources.NO_PART)}


SLOW = ("vggish", "copies")
"""Random weights of VGGish are drawn for seven seconds."""


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in TASKS])
def test_a_changed_line_in_any_module_that_is_at_work_makes_it_computed_anew(name, clip, changed):
    task = task_of(name)
    ran = at_work(task, clip)
    assert {"sarcasm.embeddings.stream", "sarcasm.loudness"} < ran
    before = task.recipe("none")
    for module in ran:
        changed(module, "\n# a comment\n")
        assert task.recipe("none") == before, module
        changed(module, "\nCHANGED = 1\n")
        assert task.recipe("none") != before, module


@pytest.mark.parametrize("name", TASKS)
def test_a_changed_line_in_any_module_on_the_way_makes_it_computed_anew_and_elsewhere_it_does_not(name, changed):
    task = task_of(name)
    before = task.recipe("none")
    kinds = (each for each in (task.embedding, task.augmentation) if each)
    way, _ = sources._followed((Task.__module__, *(type(each).__module__ for each in kinds)))
    assert {type(task.embedding).__module__, "sarcasm.embeddings.embedding", "sarcasm.resampling"} < {*way}
    assert not {*ELSEWHERE} & {*way}
    for module in way:
        changed(module, "\nCHANGED = 1\n")
        assert task.recipe("none") != before, module
    for module in ELSEWHERE:
        changed(module, "\nCHANGED = 1\n")
        assert task.recipe("none") == before, module


def test_the_libraries_are_those_that_the_modules_on_the_way_import():
    def libraries(name: str) -> set[str]:
        task = task_of(name)
        kinds = [type(each).__module__ for each in (task.embedding, task.augmentation) if each]
        return set(computed_by(Task.__module__, *kinds)["libraries"])

    reading = {"numpy", "soundfile", "soxr"}
    assert libraries("vggish") >= reading | {"numba", "llvmlite", "tensorflow", "tf_slim"}
    assert libraries("mfcc_stats") >= reading | {"librosa", "numba", "scipy"}
    assert not {"tensorflow", "tf_slim"} & libraries("mfcc_stats")
    assert libraries("copies") - libraries("vggish") == {"librosa", "scipy"}
    unheard = {"mlflow", "hydra", "omegaconf", "rich", "matplotlib", "ray", "joblib", "sarcasm"}
    assert not unheard & (libraries("vggish") | libraries("mfcc_stats") | libraries("copies"))


def test_versions_are_those_of_the_libraries_and_of_the_decoders_in_them():
    libraries = computed_by("sarcasm.audio")["libraries"]
    assert libraries["numpy"] == version("numpy")
    assert libraries["soundfile"] == f"{version('soundfile')}, libsndfile {soundfile.__libsndfile_version__}"
    assert sources._version("sklearn") == version("scikit-learn")
    assert sources._version("av").startswith(f"{version('av')}, FFmpeg ")
    assert sources._version("no_such_library") == "none"


def test_another_process_finds_the_same():
    here = computed_by("sarcasm.heads", "sarcasm.embeddings")
    program = "from sarcasm.sources import computed_by; print(computed_by('sarcasm.heads', 'sarcasm.embeddings'))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == f"{here}\n"


FILES = {
    "__init__": "from kept.one import first\nfrom kept.two import second\n",
    "way": "from typing import TYPE_CHECKING\nimport kept.dotted\nfrom kept import first\nfrom . import sibling as other\n"
    "if TYPE_CHECKING:\n    from kept import types\n",
    "one": "def first():\n    from .deep import value\n    return value\n",
    "two": "second = 2\n",
    "deep": "from kept.way import nothing\nvalue = 1\n",
    "dotted": "import soxr as rate\n",
    "sibling": "from sarcasm.logits import N_LOGITS\n",
    "types": "",
}


def test_imports_are_followed_wherever_they_stand_and_by_what_they_name(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kept").mkdir()
    for name, text in FILES.items():
        (tmp_path / "kept" / f"{name}.py").write_text(text)
    names, libraries = sources._followed(("kept.way",))
    ours = ["kept", "kept.deep", "kept.dotted", "kept.one", "kept.sibling", "kept.way"]
    assert list(names) == [*ours, "sarcasm.logits"]
    assert libraries == ("numpy", "scipy", "soxr")


def test_the_code_counts_but_not_what_is_written_about_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)

    def code(name: str, text: str) -> object:
        (tmp_path / f"{name}.py").write_text(text)
        return computed_by(name)["code"]

    one = code("one", '"""Doc."""\ndef f(x):\n    """Doc."""\n    return x + 1  # why\n')
    assert code("two", "def f(x):\n\n    return (x + 1)\n") == one
    assert code("three", "def f(x):\n    return x + 2\n") != one
    assert computed_by("no_such_module") != computed_by("no_such_module")
