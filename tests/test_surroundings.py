"""What a run is surrounded by: machine, packages, and changes to the code that no commit holds."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from sarcasm.files import sha256
from sarcasm.processors import n_processors
from sarcasm.tracking.surroundings import LONGEST_DIFF_BYTES, environment, lock_hash, uncommitted


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one committed file."""
    (tmp_path / "code.py").write_text("a = 1\n")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "first"],
    ):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def test_the_environment_names_machine_and_packages():
    found = environment()
    packages = found["packages"]
    assert isinstance(packages, dict)
    assert packages["numpy"] == version("numpy")
    assert packages["scikit_learn"] == version("scikit-learn")
    assert found["processors"] == n_processors()
    assert found["python"]


def test_changes_that_no_commit_holds_are_a_patch_that_applies(repository: Path):
    assert uncommitted(repository) == ""
    (repository / "code.py").write_text("a = 2\n")
    (repository / "new.py").write_text("b = 1\n")
    patch = uncommitted(repository)
    assert patch.startswith("# not known to git: new.py\n")
    subprocess.run(["git", "checkout", "-q", "code.py"], cwd=repository, check=True)
    subprocess.run(["git", "apply"], cwd=repository, input=patch, text=True, check=True)
    assert (repository / "code.py").read_text() == "a = 2\n"


def test_a_patch_that_is_too_long_is_cut_and_says_so(repository: Path):
    (repository / "code.py").write_text("a = 2\n" * LONGEST_DIFF_BYTES)
    patch = uncommitted(repository)
    assert len(patch) < LONGEST_DIFF_BYTES + 100
    assert "characters in all" in patch[-100:]


def test_without_a_repository_or_a_lock_file_nothing_is_said(tmp_path: Path):
    assert (uncommitted(tmp_path), lock_hash(tmp_path)) == ("", "none")
    (tmp_path / "requirements.lock").write_text("numpy==2.0\n")
    assert lock_hash(tmp_path) == f"sha256:{sha256(tmp_path / 'requirements.lock')}"
