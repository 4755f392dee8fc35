"""Where training stands, kept from time to time, so that a run that was cut off goes on where it was.

A checkpoint is one .npz file for each fit, in a folder of the run: all that training needs to go on as if it had never
stopped, and no pickle. It counts only for the code and the libraries that wrote it, and for the very training that it
is of; whatever else lies in its place is as good as none. Checkpoints save time and nothing depends on them: one that
cannot be read or written is warned of, and training goes on.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from sarcasm.files import atomic
from sarcasm.npz import Choose, Header, NpzError, read_npz
from sarcasm.sources import computed_by

TRAINED = ("sarcasm.heads", "sarcasm.embeddings")
"""Modules of what is trained: their code stands between what a checkpoint holds and the steps that follow it."""
REST = 20
"""How many times longer than writing the last one took it is until the next at least, where disks are slow."""
ABOUT = "about"
"""The array that tells of the others, as JSON."""
LONGEST_NAME = 80
"""Characters of a fit's name that the name of its file repeats."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class State:
    """All that training needs to go on.

    Attributes:
        training: fingerprint of what is trained, on what and how.
        losses: of every step that is done, before its update.
        validation_losses: step -> loss on the validation rows, where there are some.
        n_since_best: validation losses since the lowest.
        best: variable name -> value where the validation loss was lowest; None unless the end is chosen.
        variables: variable name -> value, the optimiser's among them; of training that is over, the fitted weights.
        is_over: whether no step is left.
    """

    training: str
    losses: tuple[float, ...]
    validation_losses: Mapping[int, float]
    n_since_best: int
    best: Mapping[str, np.ndarray] | None
    variables: Mapping[str, np.ndarray]
    is_over: bool


class Checkpoints:
    """Those of one run; the time between two is counted across its fits.

    Args:
        folder: of this run alone; made when the first is written.
        every_seconds: the time from one to the next, more where writing takes long; None neither writes nor reads any.
    """

    def __init__(self, folder: Path, every_seconds: float | None) -> None:
        self._folder, self._is_on, self._pace = folder, every_seconds is not None, _Pace(every_seconds)

    def of(self, fit_name: str) -> FitCheckpoint:
        """That of one fit; names that differ have files that differ."""
        # File systems may leave no room for a name, or take two that differ in capitals alone for one.
        begin = re.sub(r"[^A-Za-z0-9_.-]", "_", fit_name)[:LONGEST_NAME]
        end = hashlib.sha256(fit_name.encode()).hexdigest()[:8]
        return FitCheckpoint(self._folder / f"{begin}-{end}.npz", self._is_on, self._pace)

    def is_usable(self) -> bool:
        """Whether there is one of this version of the code and the libraries."""
        return self._is_on and any(_is_of_this_version(path) for path in self._folder.glob("*.npz"))

    def clear(self) -> None:
        """Remove them all, and their folder: the run has finished."""
        shutil.rmtree(self._folder, ignore_errors=True)


class FitCheckpoint:
    """That of one fit; `Checkpoints.of` makes it."""

    def __init__(self, path: Path, is_on: bool, pace: _Pace) -> None:
        self._path, self._is_on, self._pace = path, is_on, pace

    def load(self, training: str) -> State | None:
        """What is kept of a training.

        Args:
            training: its fingerprint.

        Returns:
            Where it stands; None, and a warning unless nothing is there, where it has to start from step 0.
        """
        if not self._is_on:
            return None
        try:
            state = _read(self._path)
        except FileNotFoundError:
            return None
        except _OfAnotherVersion:
            reason = "it was written by another version of the code or of a library"
        except Exception as error:  # what is wrong with a damaged file comes from the system, zipfile, numpy or json
            cause = (isinstance(error, NpzError) and error.__cause__) or error
            reason = f"it is damaged or no checkpoint: {' '.join(str(cause).split()) or type(cause).__name__}"
        else:
            if state.training == training:
                return state
            reason = "it is of other rows, other options or another network"
        logger.warning("%s is not used (%s); training starts from step 0", self._path, reason)
        return None

    def is_due(self) -> bool:
        """Whether it is time to keep where training stands; cheap enough to be asked after every step."""
        return self._pace.is_due()

    def is_end_due(self) -> bool:
        """Whether the run has lasted long enough for the end of a fit, which comes once, to be worth keeping."""
        return self._pace.is_end_due()

    def save(self, state: State) -> None:
        """Keep where training stands, in place of what was kept of this fit.

        Where that cannot be written, a warning says so, and nothing more is kept of this run.
        """
        began = monotonic()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with atomic(self._path) as file:
                np.savez(file, allow_pickle=False, **_arrays(state))
        except OSError as error:
            logger.warning(
                "%s cannot be written (%s): where training stands is no longer kept (trainer.checkpoint_seconds=null"
                " keeps nothing)", self._path, error.strerror or error,
            )  # fmt: skip
            self._pace.stop()
        else:
            self._pace.rest(monotonic() - began)


class _Pace:
    """When a run keeps where its training stands."""

    def __init__(self, every_seconds: float | None) -> None:
        self._every_seconds = math.inf if every_seconds is None else every_seconds
        self._due_at = self._end_due_at = monotonic() + self._every_seconds

    def is_due(self) -> bool:
        return monotonic() >= self._due_at

    def is_end_due(self) -> bool:
        return monotonic() >= self._end_due_at

    def rest(self, took_seconds: float) -> None:
        self._due_at = monotonic() + max(self._every_seconds, REST * took_seconds)

    def stop(self) -> None:
        self._due_at = self._end_due_at = math.inf


class _OfAnotherVersion(Exception):  # noqa: N818  # never seen outside
    """What a checkpoint holds was written by other code than there is now."""


def _version() -> dict[str, object]:
    """Of the code and the libraries."""
    return computed_by(*TRAINED)


def _arrays(state: State) -> dict[str, np.ndarray]:
    """A state as the members of an .npz file."""
    arrays = {
        "losses": np.array(state.losses, np.float64),
        "validation_steps": np.array(list(state.validation_losses), np.int64),
        "validation_losses": np.array(list(state.validation_losses.values()), np.float64),
        **{f"variable/{name}": value for name, value in state.variables.items()},
        **{f"best/{name}": value for name, value in (state.best or {}).items()},
    }
    about = {
        "version": _version(), "training": state.training, "n_since_best": state.n_since_best,
        "is_over": state.is_over, "arrays": list(arrays),
    }  # fmt: skip
    return {ABOUT: np.array(json.dumps(about)), **arrays}


def _read(path: Path) -> State:
    """The state in a file of this version.

    Raises:
        FileNotFoundError: there is none.
        _OfAnotherVersion: it is of another.
        Exception: it is damaged, or something else.
    """
    about = _about(path)

    def choose(headers: Mapping[str, Header]) -> Sequence[str]:
        if list(headers) != [ABOUT, *about["arrays"]]:
            raise NpzError("does not hold the arrays that it names")
        return about["arrays"]

    arrays = _values(path, choose)
    variables, best = (
        {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        for prefix in ("variable/", "best/")
    )
    steps, losses = arrays["validation_steps"].tolist(), arrays["validation_losses"].tolist()
    return State(
        about["training"], tuple(arrays["losses"].tolist()), dict(zip(steps, losses, strict=True)),
        about["n_since_best"], best or None, variables, about["is_over"],
    )  # fmt: skip


def _values(path: Path, choose: Choose) -> dict[str, np.ndarray]:
    n_bytes = path.stat().st_size

    def choose_stored(headers: Mapping[str, Header]) -> Iterable[str]:
        # Nothing in it is compressed.
        if sum(header.n_bytes for header in headers.values()) > n_bytes:
            raise NpzError("names more values than it has bytes")
        return choose(headers)

    return read_npz(path, choose_stored, most_bytes=n_bytes)


def _about(path: Path) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(str(_values(path, lambda _: [ABOUT])[ABOUT]))
    if about["version"] != _version():
        raise _OfAnotherVersion
    return about


def _is_of_this_version(path: Path) -> bool:
    try:
        _about(path)
    except Exception:  # as in `FitCheckpoint.load`
        return False
    return True
