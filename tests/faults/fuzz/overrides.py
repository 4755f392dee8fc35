"""Overrides of a command line: mistyped, misquoted, of the wrong kind, or far too large."""

from __future__ import annotations

import contextlib
import io
import re

import numpy as np

from sarcasm import console
from sarcasm.config import compose, leaves, parse
from tests.faults.fuzz.trial import RefusedError, Trial

GROUPS = (
    "dataset",
    "embedding",
    "pca",
    "head",
    "split",
    "trainer",
    "augment",
    "store",
    "tracking",
    "report",
    "sweep",
    "experiment",
)
VALUES = (
    "", "null", "none", "true", "on", "0", "-1", "1e400", "nan", "inf", "-0.0", "99999999999999999999", "1.5", "[]", "{}",
    "[1,2]", "[a,[b,{c:d}]]", "{a:b}", "{a:{b:c}}", "[100000000]", "[0]", "[-5]", "[[1]]", "x" * 9000, "${seed}", "${nothing}",
    "${oc.env:HOME}", "${", "'", '"', "'a", "a b", "a,b", "a=b", "a#b", "~", "~/x", "é", "\u202eabc", "\x1b[31mred", "%", "%s", "{",
    "[", "]", "(", ")", "\\", "\\\\", "small", "smallish", "../x", "/dev/null", "/dev/zero", "glob(*)", "range(1,5)", "choice(a,b)",
    "interval(0,1)", "1_0", "0x10", "1e3", "\u0661", " ", "\t", "\n", "a\nb", "a\0b",
)  # fmt: skip
"""What somebody might write behind the equals sign."""
PREFIXES = ("", "", "", "", "+", "++", "~", "@", "-", "--", "=", ".")


class DamagedOverrides:
    """One or two overrides, real ones changed, in any order."""

    def __init__(self, folder: object) -> None:
        del folder
        self._keys = [*leaves(compose("config", [])), *GROUPS, "trainer", "hydra.run.dir", "hydra/launcher"]

    def trial(self, rng: np.random.Generator) -> Trial:
        """A command line."""
        words = [self._word(rng) for _ in range(int(rng.integers(1, 3)))]
        culprits = tuple(name for word in words for name in _names(word))
        return Trial(repr(words)[:300], lambda: _parsed(words), culprits)

    def _word(self, rng: np.random.Generator) -> str:
        def one_of(choices):
            return choices[int(rng.integers(len(choices)))]

        key, value = one_of(self._keys), one_of(VALUES)
        if rng.random() < 0.2:
            place = int(rng.integers(len(key) + 1))
            key = key[:place] + one_of(("x", "", ".", "/", "@", " ", "_")) + key[place + int(rng.integers(2)) :]
        word = f"{one_of(PREFIXES)}{key}={value}"
        if rng.random() < 0.05:
            word = word.replace("=", "", 1)
        return word


def _parsed(words: list[str]) -> str:
    """Read overrides as the commands of `sarcasm` do."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = console.exit_status(lambda: parse(compose("config", words)) and None, words, "config")
    if status == console.DONE:
        return ""
    message = err.getvalue()
    if status != console.WRONG_CONFIG or message.count("\n") != 1 or not message.startswith("error: "):
        raise AssertionError(f"exit status {status}: {message}")
    raise RefusedError(message)


def _names(word: str) -> list[str]:
    """What a message may call an override by: its text, its key, or the part of it that is wrong."""
    key = re.split("[=]", word.lstrip("+~@-="))[0]
    return [
        name
        for name in (" ".join(word.split())[:40], key, key.split(".")[0], word.partition("=")[2])
        if name.strip(" .")
    ]
