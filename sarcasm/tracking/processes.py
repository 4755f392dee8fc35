"""Which process records a run, and whether it still lives.

A killed process cannot say that its run has ended. So each run carries who records it, and a later run of the same
machine looks whether that process is still there: the same process id, in the same namespace of such ids (containers
have their own), started at the same moment (ids are used again) since the machine last started. Other machines can go
by a heartbeat alone.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

HOST, BOOT, NAMESPACE, PID, STARTED = (
    "process.host", "process.boot", "process.namespace", "process.pid", "process.started"
)  # fmt: skip
HEARTBEAT = "process.heartbeat"
"""When a run was last known to be alive, for machines that cannot look: ISO 8601, UTC."""
BEAT_SECONDS = 60.0
"""Between two heartbeats."""
SILENT_SECONDS = 10 * BEAT_SECONDS
"""Without a heartbeat, until a run of a machine that was started again counts as gone."""
MOST_RUNNING = 1_000
"""Runs of an experiment that are looked at at a time."""


@dataclass(frozen=True)
class Process:
    """A process of some machine.

    Attributes:
        host: the machine's name.
        boot: a number that is drawn when the machine starts; empty where /proc does not tell.
        namespace: the namespace that the id belongs to, as Linux names it; empty elsewhere.
        pid: its id.
        started: when it started, in clock ticks since the machine did; empty where /proc does not tell.
    """

    host: str
    boot: str
    namespace: str
    pid: int
    started: str

    def tags(self) -> dict[str, str]:
        """As tags of a run."""
        return {
            HOST: self.host, BOOT: self.boot, NAMESPACE: self.namespace, PID: str(self.pid), STARTED: self.started,
            HEARTBEAT: now(),
        }  # fmt: skip


def now() -> str:
    """As a heartbeat says it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def this_process() -> Process:
    """The process that asks."""
    try:
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        namespace = ""
    return Process(socket.gethostname(), _boot(), namespace, os.getpid(), _started(os.getpid()))


def is_gone(tags: Mapping[str, str]) -> bool:
    """Whether the process that a run's tags name is a process of this machine that has ended; False where that cannot
    be told.
    """
    here = this_process()
    if tags.get(HOST) == here.host and tags.get(BOOT, here.boot) != here.boot:
        # Either the machine has been started again since, or it is another one of the same name.
        return seconds_silent(tags) > SILENT_SECONDS
    if (tags.get(HOST), tags.get(NAMESPACE)) != (here.host, here.namespace) or not tags.get(PID, "").isdigit():
        return False
    pid = int(tags[PID])
    return not is_alive(pid) or tags.get(STARTED, "") != _started(pid)


def is_live(tags: Mapping[str, str]) -> bool:
    """Whether the process that a run's tags name is at work, as far as can be told: one of this machine is there, one
    of another has given a sign of life lately.
    """
    here = this_process()
    if not tags.get(PID, "").isdigit() or is_gone(tags):
        return False
    if (tags.get(HOST), tags.get(NAMESPACE), tags.get(BOOT, here.boot)) == (here.host, here.namespace, here.boot):
        return True
    return HEARTBEAT in tags and seconds_silent(tags) < SILENT_SECONDS


def seconds_silent(tags: Mapping[str, str]) -> float:
    """Seconds since a run's last heartbeat; 0 where it has none."""
    try:
        last = datetime.fromisoformat(tags[HEARTBEAT])
    except (KeyError, ValueError):
        return 0.0
    return (datetime.now(UTC) - last).total_seconds() if last.tzinfo else 0.0


def is_alive(pid: int) -> bool:
    """Whether a process of this id runs; one that has ended and waits for its parent to notice does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return _status(pid)[:1] not in (["Z"], ["X"])


def end_orphans(client: MlflowClient, experiment_id: str) -> list[Run]:
    """Mark as KILLED the runs of an experiment that are RUNNING, in the name of a process of this machine that has
    ended.

    Returns:
        Those that were marked, as they were before.
    """
    search = f"attributes.status = 'RUNNING' and tags.`{HOST}` = '{this_process().host}'"
    running = client.search_runs([experiment_id], search, max_results=MOST_RUNNING)
    return [
        run
        for run in running
        if is_gone(run.data.tags)
        and end_silent(client, run, f"process {run.data.tags[PID]} ended without a word; noticed later")
    ]


def end_silent(client: MlflowClient, run: Run, error: str) -> bool:
    """Mark a run as KILLED whose process is known to be gone; False where it has meanwhile ended by itself."""
    if client.get_run(run.info.run_id).info.status != "RUNNING":
        return False
    client.set_tag(run.info.run_id, "error", error)
    client.set_terminated(run.info.run_id, "KILLED")
    return True


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _started(pid: int) -> str:
    return "".join(_status(pid)[19:20])


def _status(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the process's name, which may itself hold spaces and brackets; see proc(5).

    The first is the state, the twentieth the start in clock ticks. Empty where there is no /proc.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
