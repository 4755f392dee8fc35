"""Keep what a run was, did and gave, in MLflow.

    with tracking.start(config.tracking, PROJECT, run_name=..., params=..., tags=...) as tracked:
        tracked.log_step(0, {"train/loss": 0.69})
        tracked.log_metrics({"test/utterance/f1_weighted": 0.71})

This package alone knows MLflow, and loads it when a run starts: importing the package is cheap.
"""

from sarcasm.tracking.interrupts import Terminated
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.parts import Parts, count_parts
from sarcasm.tracking.recorded import Recorded, find_run, find_runs, runs_by_id
from sarcasm.tracking.repair import Repaired, repair
from sarcasm.tracking.run import Tracked, start
from sarcasm.tracking.store import Store, open_store
from sarcasm.tracking.sweeps import sweep

__all__ = [
    "Parts",
    "Recorded",
    "Repaired",
    "Store",
    "Terminated",
    "Tracked",
    "Tracking",
    "count_parts",
    "find_run",
    "find_runs",
    "open_store",
    "repair",
    "runs_by_id",
    "start",
    "sweep",
]
