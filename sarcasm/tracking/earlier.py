"""What there is already of a run that is about to begin: the same one done, or one that was cut short."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sarcasm.errors import TrackingError
from sarcasm.tracking.failures import impatiently, tracking_errors
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.processes import end_orphans
from sarcasm.tracking.recorded import ATTEMPT, NEWEST_FIRST, Recorded, search
from sarcasm.tracking.run import ATTEMPT_VARIABLE, PARENT_VARIABLE
from sarcasm.tracking.spool import run_id_of
from sarcasm.tracking.store import Store, experiment_of, put_off, reach_store, read_store
from sarcasm.tracking.sweeps import sweep_before

MOST_PAST = 1_000
"""Runs that a plan is made from."""


@dataclass(frozen=True)
class Earlier:
    """What there is of the same config, data and weights.

    Attributes:
        done: in a sweep, the job of it that has finished.
        cut_short: the id of a run that failed or was killed and can be taken up; empty where there is none.
        failed: in a sweep, the name of a job that has failed in this call of it; empty where there is none.
    """

    done: Recorded | None = None
    cut_short: str = ""
    failed: str = ""


def earlier(options: Tracking, project: Path, identity: str, can_go_on: Callable[[str], bool]) -> Earlier:
    """Look for the same among the jobs of the sweep that this process works for, or among the runs of their own.

    A job that is found done counts for this call of the sweep from now on.

    Args:
        options: which store and experiment.
        project: the folder that holds train.py.
        identity: the run's `config.hash`.
        can_go_on: whether the training of a run can be taken up, by its id.

    Raises:
        TrackingError: the store cannot be read; a server that fails knows of nothing, unless `on_failure=fail`.
    """
    store = reach_store(options, project)
    if not store.is_reached:
        return Earlier()

    def look() -> Earlier:
        with tracking_errors(store.uri, "look for earlier runs"):
            return _earlier(store, store.experiment, identity, can_go_on)

    try:
        return impatiently(look) if options.may_wait(store.is_server) else look()
    except TrackingError as error:
        put_off(store.uri, options, error)
        return Earlier()


def _earlier(store: Store, experiment: str, identity: str, can_go_on: Callable[[str], bool]) -> Earlier:
    experiments = {store.experiment_id(experiment): experiment}
    for experiment_id in experiments:
        end_orphans(store.client, experiment_id)
    same = search(store, experiments, f"tags.`config.hash` = '{identity}'", NEWEST_FIRST)
    reference = os.environ.get(PARENT_VARIABLE, "")
    parent = run_id_of(store, experiment, reference) if reference else ""
    own = [run for run in same if run.parent == parent]
    attempt = os.environ.get(ATTEMPT_VARIABLE, "")
    done = next((run for run in own if parent and run.status == "FINISHED"), None)
    if done is not None:
        store.client.set_tag(done.run_id, ATTEMPT, attempt)
    cut_short = next((run.run_id for run in own if run.status in ("FAILED", "KILLED") and can_go_on(run.run_id)), "")
    wanted = f"tags.`{ATTEMPT}` = '{attempt}' and attributes.status = 'FAILED'"
    failed = list(search(store, experiments, wanted, NEWEST_FIRST, most=1)) if attempt else []
    return Earlier(done, cut_short, failed[0].run_name if failed else "")


@dataclass(frozen=True)
class Past:
    """What a plan can be made from.

    Attributes:
        runs: that have finished, the latest of the experiment.
        done: identity -> id of the job that has finished, of the sweep in question.
    """

    runs: tuple[Recorded, ...] = ()
    done: Mapping[str, str] = field(default_factory=dict)


def past(options: Tracking, project: Path, key: str) -> Past:
    """Look at the runs of an experiment; nothing is made where there is none.

    Args:
        options: which store and experiment.
        project: the folder that holds train.py.
        key: of the sweep, see `sweep_key`.

    Raises:
        TrackingError: the store cannot be read.
    """
    store = read_store(options, project)
    if store is None:
        return Past()
    experiment = experiment_of(options, store)
    with tracking_errors(store.uri, "look for past runs"):
        experiments = {store.experiment_id(experiment): experiment}
        finished = "attributes.status = 'FINISHED' and params.fold IS NULL and tags.sweep IS NULL"
        runs = list(search(store, experiments, finished, NEWEST_FIRST, MOST_PAST))
    before = sweep_before(store, experiment, key)
    jobs = before.children() if before else []
    return Past(
        tuple(run for run in runs if "probe" not in run.tags),
        {run.tags["config.hash"]: run.run_id for run in jobs if run.status == "FINISHED" and "config.hash" in run.tags},
    )
