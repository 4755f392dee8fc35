"""A program with train.py's manners, whose jobs take no time: what launchers and sweepers are tried on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sarcasm.project import PROJECT

PROGRAM = '''
"""A job says where it ran; seeds above a hundred are trouble."""
import json, os, sys, time
from pathlib import Path
import hydra
from sarcasm import console
from sarcasm.errors import SarcasmError
from sarcasm.processors import n_processors
from sarcasm.tracking.interrupts import endings_raise

@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(cfg):
    with endings_raise(), console.job():
        if cfg.seed == 101:
            raise SarcasmError("a made-up failure")
        if cfg.seed == 102:
            os.kill(os.getpid(), 9)
        try:
            Path(f"began_{cfg.seed}").touch()
            for _ in range(10 * cfg.trainer.steps):
                time.sleep(0.1)  # what Ray interrupts a job with waits for the end of one call
        except BaseException as ending:
            Path(f"ended_{cfg.seed}").write_text(repr(ending))
            raise
        where = {"pid": os.getpid(), "folder": os.getcwd(), "parent": os.environ["SARCASM_PARENT_RUN"],
                 "n_processors": n_processors(), "threads": os.environ["OMP_NUM_THREADS"]}
        Path(f"done_{cfg.seed}").write_text(json.dumps(where))
    return 1.0 - abs(cfg.seed - 7)

if __name__ == "__main__":
    with endings_raise():
        sys.exit(console.train_status(main))
'''
CONFIG = """
seed: 1
scale: none
trainer: {steps: 0}
sweep: {metric: validation/utterance/f1_weighted}
hydra:
  searchpath: ["file://PROJECT/conf"]
  output_subdir: null
  sweep: {dir: multirun, subdir: "${hydra:job.num}"}
"""
PLUGIN = """
from hydra.core.config_store import ConfigStore
for name in ("joblib", "submitit_local", "ray"):
    ConfigStore.instance().store(group="hydra/launcher", name=name, node={"_target_": "hydra_plugins.theirs.Launcher"})
"""
"""Another's, that registers launchers of the names of ours, as Hydra's own plugins do."""


class Sweep:
    """The program, called with `-m` in a folder of its own.

    Attributes:
        folder: where it runs, and its jobs leave what they have to say.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "conf").mkdir()
        (folder / "program.py").write_text(PROGRAM)
        (folder / "hydra_plugins" / "theirs").mkdir(parents=True)
        (folder / "hydra_plugins" / "theirs" / "__init__.py").write_text(PLUGIN)
        (folder / "conf" / "config.yaml").write_text(CONFIG.replace("PROJECT", str(PROJECT)))

    def begin(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start it; all its processes are in a group of their own, as a terminal has it."""
        own = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        own |= {"PYTHONPATH": str(PROJECT), "SARCASM_PARENT_RUN": "the parent"} | environment
        return subprocess.Popen(
            [sys.executable, "program.py", "-m", *words], cwd=self.folder, env=own, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip

    def call(self, *words: str, **environment: str) -> tuple[int, str, str]:
        """Start it and wait: exit status, stdout, stderr."""
        process = self.begin(*words, **environment)
        try:
            out, err = process.communicate(timeout=200)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        return process.returncode, out, err

    def wait_for(self, *names: str) -> None:
        """Return once files of these names are there."""
        deadline = time.monotonic() + 300
        while not all((self.folder / name).exists() for name in names):
            assert time.monotonic() < deadline, sorted(path.name for path in self.folder.iterdir())
            time.sleep(0.1)


@pytest.fixture
def sweep(tmp_path: Path) -> Iterator[Sweep]:
    """The program; whatever it left running in that folder is a failure."""
    folder = tmp_path / "sweep"
    folder.mkdir()
    yield Sweep(folder)
    left = processes_in(folder)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def processes_in(folder: Path, ending_seconds: float = 30.0) -> list[int]:
    """Processes whose working directory this is, as Linux gives them; those that are about to end do not count."""
    deadline = time.monotonic() + ending_seconds
    while True:
        found = []
        for each in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (each / "cwd").readlink() == folder:
                    found.append(int(each.name))
        if not found or time.monotonic() >= deadline:
            return found
        time.sleep(0.1)
