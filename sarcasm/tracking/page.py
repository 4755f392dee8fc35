"""What `make ui` does before it serves MLflow's page: it ends the runs whose process is gone, which the page would show
as running for ever, and prints the links that show the runs of the project's store there.

python -m sarcasm.tracking.page PORT
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sarcasm.errors import TrackingError
from sarcasm.project import PROJECT
from sarcasm.terminal import print_error, say
from sarcasm.tracking.failures import tracking_errors
from sarcasm.tracking.links import link_to_runs
from sarcasm.tracking.processes import end_orphans
from sarcasm.tracking.store import default_uri, open_store


def lines(page: str) -> list[str]:
    """What to say of the project's store, whose page is about to be served; runs whose process is gone are ended.

    Args:
        page: where.

    Raises:
        TrackingError: the store cannot be opened.
    """
    store = open_store(default_uri(PROJECT), PROJECT, timeout_seconds=10.0)
    with tracking_errors(store.uri, "look for runs"):
        shown = [
            each
            for each in store.client.search_experiments()
            if store.client.search_runs([each.experiment_id], max_results=1)
        ]
        for each in shown:
            end_orphans(store.client, each.experiment_id)
    found = [f"Runs of the experiment {each.name!r}: {link_to_runs(page, each.experiment_id)}" for each in shown]
    return found or [f"No run is recorded yet; python train.py makes one. The page: {page}"]


def main(arguments: Sequence[str]) -> None:
    """Print the links into a page that is about to be served on a port of this machine.

    Raises:
        SystemExit: the store cannot be opened, so that MLflow must not either: one of an older MLflow, into which a run
            is being recorded, it would bring up to date under that run.
    """
    try:
        for line in lines(f"http://127.0.0.1:{arguments[0]}"):
            say(line)
    except TrackingError as error:
        print_error(str(error))
        raise SystemExit(1) from error


if __name__ == "__main__":
    main(sys.argv[1:])
