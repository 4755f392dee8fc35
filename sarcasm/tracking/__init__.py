"""Keep what a run was, did and gave, in MLflow.

    with tracking.start(config.tracking, PROJECT, run_name=..., params=..., tags=...) as tracked:
        tracked.log_step(0, {"train/loss": 0.69})
        tracked.log_metrics({"test/utterance/f1_weighted": 0.71})

This package alone knows MLflow, and loads it when a run starts: importing the package is cheap.
"""

from sarcasm.tracking.artifacts import Damage, check_options
from sarcasm.tracking.earlier import Earlier, Past, earlier, past
from sarcasm.tracking.interrupts import Terminated, endings_raise
from sarcasm.tracking.models import model_of_run, model_of_uri
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.parts import Parts, count_parts
from sarcasm.tracking.recorded import Recorded, find_run, find_runs, runs_by_id
from sarcasm.tracking.repair import Repaired, repair
from sarcasm.tracking.run import Tracked, start
from sarcasm.tracking.spool import Sent, sync
from sarcasm.tracking.store import Prospect, Store, open_store, prospect
from sarcasm.tracking.sweeps import VARIED_VARIABLE, OpenSweep, open_sweep, sweep, sweep_key

__all__ = [
    "VARIED_VARIABLE",
    "Damage",
    "Earlier",
    "OpenSweep",
    "Parts",
    "Past",
    "Prospect",
    "Recorded",
    "Repaired",
    "Sent",
    "Store",
    "Terminated",
    "Tracked",
    "Tracking",
    "check_options",
    "count_parts",
    "earlier",
    "endings_raise",
    "find_run",
    "find_runs",
    "model_of_run",
    "model_of_uri",
    "open_store",
    "open_sweep",
    "past",
    "prospect",
    "repair",
    "runs_by_id",
    "start",
    "sweep",
    "sweep_key",
    "sync",
]
