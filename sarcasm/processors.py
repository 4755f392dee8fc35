"""How many processors and how much memory there are for this process."""

from __future__ import annotations

import os
import resource
from contextlib import suppress
from pathlib import Path

LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Files in which a container's limit stands, of both versions of Linux's control groups."""


def n_processors() -> int:
    """Processors to use: what machine, scheduler and container leave, and no more than OMP_NUM_THREADS.

    The latter is what Slurm scripts, Ray and joblib set where several processes share a machine.
    """
    # Here, since it takes a moment: it knows affinity and the quotas of containers.
    import joblib

    asked_for = os.environ.get("OMP_NUM_THREADS", "")
    n_there = int(joblib.cpu_count())
    return max(1, min(n_there, int(asked_for))) if asked_for.isdecimal() else n_there


def memory_bytes() -> int:
    """Memory to use: that of the machine, or less where a container or the shell sets a limit."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), resource.getrlimit(resource.RLIMIT_AS)[0]]
    for path in LIMITS:
        with suppress(OSError, ValueError):  # no such control group, or no limit, which is the word max
            found.append(int(Path(path).read_text(encoding="ascii")))
    return min(each for each in found if each > 0)
