"""What a sweep gathers from its jobs: a table, means over seeds, what is best and what can be claimed.

    gathered = gather(jobs, config.sweep.metric, config.sweep.minimises)
    found = claims(gathered, jobs)
    write(folder, gathered, found)

The jobs are runs as they were recorded; nothing is trained here.
"""

from sarcasm.sweeps.claims import Claims, claims
from sarcasm.sweeps.files import html, links, write
from sarcasm.sweeps.gather import SEED_METRICS, Gathered, Row, Setting, gather
from sarcasm.sweeps.options import Sweep

__all__ = [
    "SEED_METRICS",
    "Claims",
    "Gathered",
    "Row",
    "Setting",
    "Sweep",
    "claims",
    "gather",
    "html",
    "links",
    "write",
]
