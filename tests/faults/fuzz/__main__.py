"""Run the harness and print what it found; the exit status is 1 where there is a finding."""

from __future__ import annotations

import argparse
import json
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.faults.fuzz.kinds import KINDS, OF_A_PROJECT, SHARES
from tests.faults.fuzz.trial import RECORDED, Ending

PROJECT = Path(__file__).resolve().parents[3]
OPENING_SECONDS = 240.0
"""For a worker to import everything and make the undamaged input; some train a model for it."""
HANG_SECONDS = 60.0
"""For one input; the slowest takes about two, on a quiet machine."""


@dataclass(frozen=True)
class Outcome:
    """How one input ended."""

    kind: str
    number: int
    said: str
    ending: Ending
    message: str
    n_bytes: int = 0


def outcomes(kind: str, seed: int, numbers: list[int], folder: Path) -> Iterator[Outcome]:
    """Run the inputs of a kind in a worker, and in another one where the first dies or hangs."""
    left = list(numbers)
    n_workers = 0
    while left:
        n_workers += 1
        own = folder / f"{kind}-{n_workers}"
        own.mkdir()
        with _Worker(kind, seed, own) as worker:
            while left:
                outcome = worker.outcome(left.pop(0))
                yield outcome
                if outcome.ending in (Ending.hang, Ending.crash):
                    break


class _Worker:
    """A worker process; ended with the block."""

    def __init__(self, kind: str, seed: int, folder: Path) -> None:
        self._kind = kind
        self._errors = (folder / "stderr.txt").open("w+")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.fuzz.worker", kind, str(seed), str(folder)], cwd=PROJECT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        if not self._line(OPENING_SECONDS):
            self._process.kill()
            self._process.wait()
            self._errors.seek(0)
            raise SystemExit(f"the inputs of {kind} cannot be made:\n{self._errors.read()[-4000:]}")

    def outcome(self, number: int) -> Outcome:
        """Run one input."""
        assert self._process.stdin is not None
        said = ""
        with suppress(BrokenPipeError):
            self._process.stdin.write(f"{number}\n")
            self._process.stdin.flush()
        deadline = time.monotonic() + HANG_SECONDS
        while line := self._line(max(0.0, deadline - time.monotonic())):
            found = json.loads(line)
            if "said" in found:
                said = found["said"]
                continue
            return Outcome(self._kind, number, said, Ending[found["ending"]], found["message"], found["bytes"])
        if line is None:
            return Outcome(self._kind, number, said, Ending.hang, f"nothing for {HANG_SECONDS:.0f} s")
        self._process.wait()
        self._errors.seek(0)
        last = " ".join(self._errors.read()[-600:].split())
        return Outcome(self._kind, number, said, Ending.crash, f"status {self._process.returncode}: {last}")

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        self._errors.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")  # the process has ended

    def _line(self, seconds: float) -> str | None:
        """The next line; empty when the process has ended, None when nothing comes in time."""
        with suppress(queue.Empty):
            return self._lines.get(timeout=seconds)
        return None


def shares(n_inputs: int, kinds: list[str]) -> dict[str, int]:
    """How many inputs each kind gets of so many, at least one."""
    total = sum(SHARES[kind] for kind in kinds)
    return {kind: max(1, round(n_inputs * SHARES[kind] / total)) for kind in kinds}


def run(n_inputs: int, seed: int, kinds: list[str], folder: Path, jobs: int = 2) -> list[Outcome]:
    """Run so many inputs, shared out among the kinds; the kinds that take longest begin first."""

    def of_kind(kind: str) -> list[Outcome]:
        begun = time.monotonic()
        found = list(outcomes(kind, seed, list(range(numbers[kind])), folder))
        print(f"{kind:<14} {len(found):>4} inputs, {time.monotonic() - begun:5.1f} s", file=sys.stderr)
        return found

    numbers = shares(n_inputs, kinds)
    if not OF_A_PROJECT.isdisjoint(kinds):
        recorded = folder / RECORDED
        recorded.mkdir()
        subprocess.run([sys.executable, "-m", "tests.faults.fuzz.project", str(recorded)], cwd=PROJECT, check=True)
    with ThreadPoolExecutor(jobs) as threads:
        return [outcome for found in threads.map(of_kind, kinds) for outcome in found]


def table(found: list[Outcome]) -> str:
    """The endings of each kind, as Markdown."""
    endings = [each for each in Ending if any(outcome.ending is each for outcome in found)]
    lines = ["| kind | inputs | " + " | ".join(each.value for each in endings) + " | most memory |"]
    lines.append("|---|" + "---:|" * (len(endings) + 2))
    for kind in dict.fromkeys(outcome.kind for outcome in found):
        own = [outcome for outcome in found if outcome.kind == kind]
        counted = Counter(outcome.ending for outcome in own)
        most = max(outcome.n_bytes for outcome in own) / 1e6
        cells = [str(counted[each]) for each in endings]
        lines.append(f"| {kind} | {len(own)} | {' | '.join(cells)} | {most:.0f} MB |")
    return "\n".join(lines)


def main() -> int:
    """Read the command line, run, print."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1000, help="how many, over all kinds")
    parser.add_argument("--seed", type=int, default=0, help="the same seed makes the same inputs")
    parser.add_argument("--kind", nargs="+", choices=list(KINDS), default=list(KINDS), help="only these kinds")
    parser.add_argument("--jobs", type=int, default=2, help="workers at a time")
    given = parser.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = run(given.inputs, given.seed, given.kind, Path(folder), given.jobs)
    print(table(found))
    findings = [outcome for outcome in found if outcome.ending.is_finding]
    for each in findings:
        print(f"\n{each.kind} {each.number}, {each.said}: {each.ending.value}\n  {each.message}")
    print(
        f"\n{len(found)} inputs of seed {given.seed} in {time.monotonic() - begun:.0f} s: {len(findings)} finding"
        f"{'' if len(findings) == 1 else 's'}"
    )
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
