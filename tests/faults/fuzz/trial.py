"""One input of the harness, and how it ends."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np

from sarcasm.errors import SarcasmError

RECORDED = "recorded"
"""Folder of the recorded project that some kinds copy, beside the folders of the kinds."""


class RefusedError(Exception):
    """A command line ended with an error; the message is what it printed."""


@dataclass(frozen=True)
class Trial:
    """An input.

    Attributes:
        said: how it was made, for whoever reads a finding.
        run: takes it through the code; what it gives is compared with what the undamaged input gives.
        culprits: a refusal has to name one of them.
        undamaged: the value of the undamaged input; None where the format has nothing to tell damage by, so that any
            value may come of it.
    """

    said: str
    run: Callable[[], object]
    culprits: tuple[str, ...]
    undamaged: object = None


class Kind(Protocol):
    """A kind of input. The undamaged one is made in a folder of its own when the kind is opened."""

    def trial(self, rng: np.random.Generator) -> Trial:
        """The next input, by what the generator says."""


class Ending(Enum):
    """How an input ended; from `traceback` on, it is a finding."""

    same = "the undamaged value"
    other = "another value, which nothing could tell"
    mentioned = "another value, with a word"
    refused = "refused, naming the culprit"
    traceback = "a traceback"
    hang = "a hang"
    crash = "a crash of the process"
    memory = "over a gigabyte"
    nameless = "refused without naming the culprit"
    silent = "another value without a word"

    @property
    def is_finding(self) -> bool:
        """Whether something has to be mended."""
        return list(Ending).index(self) >= list(Ending).index(Ending.traceback)


@dataclass
class Heard(logging.Handler):
    """What was logged and warned of while an input ran."""

    messages: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.messages.append(record.getMessage())

    __hash__ = logging.Handler.__hash__


@contextmanager
def heard() -> Iterator[Heard]:
    """Listen to every logger and warning within the block."""
    handler = Heard()
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield handler
        handler.messages += [str(each.message) for each in caught if not issubclass(each.category, DeprecationWarning)]
    finally:
        root.removeHandler(handler)


def ending(trial: Trial) -> tuple[Ending, str]:
    """Run an input; how it ended, and what was said of it."""
    with heard() as handler:
        try:
            value = trial.run()
        except (SarcasmError, RefusedError) as error:
            message = str(error)
            names_one = any(culprit and culprit in message for culprit in trial.culprits)
            has_traceback = "Traceback (most recent call last)" in message
            kind = Ending.traceback if has_traceback else Ending.refused if names_one else Ending.nameless
            return kind, message
        except (Exception, SystemExit) as error:
            import traceback

            where = "; ".join(
                f"{Path(frame.filename).name}:{frame.lineno}"
                for frame in traceback.extract_tb(error.__traceback__)[-3:]
            )
            return Ending.traceback, f"{type(error).__name__}: {error} ({where})"
    if trial.undamaged is None:
        return Ending.other, ""
    if value == trial.undamaged:
        return Ending.same, ""
    words = " | ".join(handler.messages)
    names_one = any(culprit and culprit in words for culprit in trial.culprits)
    return (Ending.mentioned, words) if names_one else (Ending.silent, f"{_short(value)} for {_short(trial.undamaged)}")


def _short(value: object) -> str:
    return re.sub(r"\s+", " ", str(value))[:200]
