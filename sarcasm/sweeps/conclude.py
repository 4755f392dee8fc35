"""The end of a sweep: its jobs are gathered, compared and shown, and the run that holds them keeps what came of it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from omegaconf import OmegaConf

from sarcasm.sweeps.claims import claims
from sarcasm.sweeps.files import links, write
from sarcasm.sweeps.gather import gather
from sarcasm.sweeps.options import Sweep
from sarcasm.sweeps.terminal import say_sweep
from sarcasm.tracking import OpenSweep


def conclude(opened: OpenSweep) -> int:
    """Gather the jobs of a sweep; its run and the jobs' runs keep the means over seeds.

    Args:
        opened: the sweep, all of whose jobs have ended.

    Returns:
        How many jobs have not finished.

    Raises:
        TrackingError: the jobs cannot be read, or what came of them not be kept.
    """
    options = cast(Sweep, OmegaConf.to_object(opened.config.sweep))
    jobs = opened.jobs()
    if not jobs:
        return 0
    gathered = gather(jobs, options.metric, options.minimises)
    found = claims(gathered, jobs)
    with TemporaryDirectory() as folder:
        write(Path(folder), gathered, found, links(jobs))
        opened.tracked.log_folder(Path(folder))
    opened.tracked.log_metrics(gathered.metrics())
    opened.tracked.log_tags(gathered.tags())
    opened.log_metrics_of_jobs(gathered.metrics_of_jobs())
    say_sweep(gathered, found, opened.tracked.run_id, opened.tracked.where)
    return len(gathered.failed)
