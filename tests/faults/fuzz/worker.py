"""A process that runs the inputs it is told, one line of JSON each: `python -m tests.faults.fuzz.worker KIND SEED FOLDER`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np

from tests.faults.fuzz.kinds import KINDS
from tests.faults.fuzz.trial import Ending, ending

MOST_BYTES = 10**9
"""That one input may add to what the process holds at rest."""


def main(kind_name: str, seed: int, folder: Path) -> None:
    """Open a kind, then run one input for each number that comes in, and answer by a line each."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    # What libraries print must not stand among the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    kind = KINDS[kind_name](folder)
    print(json.dumps({"ready": True}), file=answers)
    for line in sys.stdin:
        number = int(line)
        rng = np.random.default_rng([seed, list(KINDS).index(kind_name), number])
        trial = kind.trial(rng)
        print(json.dumps({"number": number, "said": trial.said}), file=answers)
        before = _forget_the_peak()
        kind_of_end, message = ending(trial)
        n_bytes = _status("VmHWM") - before
        if n_bytes > MOST_BYTES and not kind_of_end.is_finding:
            kind_of_end, message = Ending.memory, f"{n_bytes / 1e9:.1f} GB; {message}"
        print(
            json.dumps({"number": number, "ending": kind_of_end.name, "message": message, "bytes": n_bytes}),
            file=answers,
        )


def _forget_the_peak() -> int:
    """Let the kernel measure the peak of resident memory anew; bytes that are resident now."""
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets the peak resident set size
    return _status("VmRSS")


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"/proc/self/status has no {name}")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
