"""How many processors there are for this process."""

from __future__ import annotations

import os


def n_processors() -> int:
    """Processors to use: what machine, scheduler and container leave, and no more than OMP_NUM_THREADS.

    The latter is what Slurm scripts, Ray and joblib set where several processes share a machine.
    """
    # Here, since it takes a moment: it knows affinity and the quotas of containers.
    import joblib

    asked_for = os.environ.get("OMP_NUM_THREADS", "")
    n_there = int(joblib.cpu_count())
    return max(1, min(n_there, int(asked_for))) if asked_for.isdecimal() else n_there
