"""Mark runs as ended whose process can no longer say so itself.

A process of this machine is there or not. Of one elsewhere only its sign of life is known, which a living run writes
once a minute; how old that may be is the user's to say, since a machine may also have been cut off for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sarcasm.tracking.failures import tracking_errors
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.processes import HEARTBEAT, HOST, NAMESPACE, PID, end_orphans, end_silent, this_process
from sarcasm.tracking.recorded import find_runs
from sarcasm.tracking.store import open_store


@dataclass(frozen=True)
class Seen:
    """A run that was RUNNING.

    Attributes:
        run_id, run_name: as MLflow has them.
        why: it was marked, or left alone.
    """

    run_id: str
    run_name: str
    why: str


@dataclass(frozen=True)
class Repaired:
    """What became of the runs that were RUNNING.

    Attributes:
        marked: those that are KILLED now.
        unknown: those that were left alone, because nothing tells whether their process still lives.
        n_elsewhere: runs of other machines, the unknown ones not counted, that were left alone too.
    """

    marked: tuple[Seen, ...]
    unknown: tuple[Seen, ...]
    n_elsewhere: int


def repair(options: Tracking, project: Path, stale_hours: float | None) -> Repaired:
    """Mark as KILLED the runs of all experiments that are RUNNING though their process is gone.

    Args:
        options: which store.
        project: the folder that holds train.py.
        stale_hours: after how long without a sign of life the process of another machine counts as gone; None judges
            processes of this machine alone.

    Raises:
        TrackingError: the store fails.
    """
    store = open_store(options.uri, project, options.timeout_seconds)
    running = find_runs(options, project, status="RUNNING")
    with tracking_errors(store.uri, "mark runs"):
        marked = [
            _seen(run, f"process {run.data.tags[PID]} of this machine is gone")
            for experiment_id in sorted({run.experiment_id for run in running})
            for run in end_orphans(store.client, experiment_id)
        ]
        known = {each.run_id for each in marked}
        here, unknown, n_elsewhere = this_process(), [], 0
        for each in running:
            host = each.tags.get(HOST)
            if each.run_id in known or (host, each.tags.get(NAMESPACE)) == (here.host, here.namespace):
                continue
            run = store.client.get_run(each.run_id)
            last = _last_sign(run.data.tags)
            if PID not in each.tags:
                unknown.append(_seen(run, "it does not say which process records it"))
            elif stale_hours is None:
                n_elsewhere += 1
            elif last is None:
                unknown.append(_seen(run, f"it is of {host} and gives no signs of life"))
            elif datetime.now(UTC) - last < timedelta(hours=stale_hours):
                n_elsewhere += 1
            else:
                why = f"no sign of life of process {each.tags[PID]} of {host} since {last:%Y-%m-%d %H:%M} UTC"
                if end_silent(store.client, run, f"{why}; noticed later"):
                    marked.append(_seen(run, why))
    return Repaired(tuple(marked), tuple(unknown), n_elsewhere)


def _last_sign(tags: Mapping[str, str]) -> datetime | None:
    """When a run last gave a sign of life; None where it gives none that can be read."""
    try:
        last = datetime.fromisoformat(tags.get(HEARTBEAT, ""))
    except ValueError:
        return None
    return last if last.tzinfo else last.replace(tzinfo=UTC)


def _seen(run: Any, why: str) -> Seen:
    return Seen(run.info.run_id, run.info.run_name or "", why)
