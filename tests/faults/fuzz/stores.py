"""The store of embeddings, and MLflow's database."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np

from sarcasm import cli, console
from sarcasm.store.store import Store
from tests.faults.fuzz.damage import damaged
from tests.faults.fuzz.trial import RECORDED, RefusedError, Trial

RECIPES, KEYS = ("one", "two"), [f"{number:064x}" for number in range(24)]


def _value(recipe: str, key: str) -> bytes:
    rng = np.random.default_rng([len(recipe), int(key, 16)])
    return rng.bytes(int(rng.integers(100, 3000)))


class DamagedStores:
    """A store of embeddings: whatever became of its file, it gives what was put into it, or nothing."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "embeddings.db"
        with Store(self._path) as store:
            for recipe in RECIPES:
                for key in KEYS:
                    store.put(recipe, key, _value(recipe, key))
        self._whole = self._path.read_bytes()

    def trial(self, rng: np.random.Generator) -> Trial:
        """A damaged store."""
        content, said = damaged(self._whole, rng)
        for left in self._path.parent.glob("embeddings.db*"):
            left.unlink()
        self._path.write_bytes(content)
        return Trial(said, self._wrong_values, (self._path.name,), [])

    def _wrong_values(self) -> list[tuple[str, str]]:
        with Store(self._path) as store:
            found = [(recipe, key, value) for recipe in RECIPES for key, value in store.get(recipe, KEYS)]
            for recipe, key in ((recipe, key) for recipe in RECIPES for key in KEYS):
                store.put(recipe, key, _value(recipe, key))
        with Store(self._path) as store:
            found += [(recipe, key, value) for recipe in RECIPES for key, value in store.get(recipe, KEYS)]
        return [(recipe, key) for recipe, key, value in found if value != _value(recipe, key)]


class DamagedDatabases:
    """MLflow's file, damaged: reading it says so. SQLite has no checksums, so that other texts may be read."""

    def __init__(self, folder: Path) -> None:
        from tests.faults.fuzz.project import copied

        self._project = copied(folder.parent / RECORDED, folder / "project")
        self._path = self._project.folder / "mlflow.db"
        # Whatever moved with its folder is written down anew at first use; that is no damage.
        printed(["runs", "list", self._project.store])
        self._whole = self._path.read_bytes()

    def trial(self, rng: np.random.Generator) -> Trial:
        """A damaged database, and a command that reads it."""
        content, said = damaged(self._whole, rng)
        for left in self._path.parent.glob("mlflow.db*"):
            left.unlink()
        self._path.write_bytes(content)
        run_id = self._project.run_ids[0]
        commands = (["runs", "list"], ["runs", "show", run_id], ["compare", *self._project.run_ids])
        command = commands[int(rng.integers(len(commands)))]
        culprits = (self._path.name, *(each[:8] for each in self._project.run_ids))
        return Trial(f"{said}; {' '.join(command)}", lambda: printed([*command, self._project.store]), culprits)


def printed(words: list[str]) -> str:
    """Run a command of `sarcasm`; what it printed on stdout.

    Raises:
        RefusedError: its exit status is 1 or 2.
    """
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = cli.main(words)
    if status not in (console.DONE, console.FAILED, console.WRONG_CONFIG):
        raise AssertionError(f"exit status {status}: {err.getvalue()}")
    if status != console.DONE:
        raise RefusedError(err.getvalue())
    return out.getvalue()
