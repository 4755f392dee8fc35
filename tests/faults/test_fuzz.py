"""The harness of damaged inputs: that it sees what it has to see, and that it sees nothing (slow; `make fuzz` is longer)."""

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sarcasm.errors import AudioError
from sarcasm.project import PROJECT
from tests.faults.fuzz.damage import ALL, damaged
from tests.faults.fuzz.trial import Ending, Trial, ending


def _raised(error: Exception):
    def run():
        raise error

    return run


def _with_a_word(text: str, value: object):
    def run():
        logging.getLogger("sarcasm.somewhere").warning(text)
        return value

    return run


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        (lambda: 1, Ending.same),
        (lambda: 2, Ending.silent),
        (_with_a_word("clip.wav lacks a second", 2), Ending.mentioned),
        (_with_a_word("something is odd", 2), Ending.silent),
        (_raised(AudioError("clip.wav is cut off")), Ending.refused),
        (_raised(AudioError("it is cut off")), Ending.nameless),
        (_raised(ValueError("no such thing in clip.wav")), Ending.traceback),
        (_raised(SystemExit(1)), Ending.traceback),
    ],
)
def test_each_way_to_end_is_told_apart(run, expected) -> None:
    assert ending(Trial("", run, ("clip.wav",), undamaged=1))[0] is expected


def test_a_format_without_checksums_may_give_any_value() -> None:
    assert ending(Trial("", lambda: 2, ("clip.wav",)))[0] is Ending.other


@pytest.mark.parametrize("change", ALL)
def test_a_change_changes_bytes_and_the_same_seed_makes_the_same(change) -> None:
    content = bytes(range(1, 256)) * 4
    first, second = (damaged(content, np.random.default_rng(3), (change,)) for _ in range(2))
    assert first == second
    assert first[0] != content


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_is_wrong_in_silence_or_ends_in_a_traceback(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.fuzz", "--inputs", "300", "--seed", "11"]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr[-2000:]
