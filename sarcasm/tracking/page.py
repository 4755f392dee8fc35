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
from sarcasm.tracking.reading import may_be_written, read_database
from sarcasm.tracking.sqlite import path_of
from sarcasm.tracking.store import default_uri, open_store


def lines(page: str) -> list[str]:
    """What to say of the project's store, whose page is about to be served; where it may be written to, runs whose
    process is gone are ended.

    Args:
        page: where.

    Raises:
        TrackingError: the store cannot be opened.
    """
    uri = default_uri(PROJECT)
    database = path_of(uri)
    is_writable = all(may_be_written(path) for path in (database, database.parent) if path.exists())
    with tracking_errors(uri, "look for runs"):
        client = open_store(uri, PROJECT, timeout_seconds=10.0).client if is_writable else read_database(database)
        shown = [
            each for each in client.search_experiments() if client.search_runs([each.experiment_id], max_results=1)
        ]
        for each in shown if is_writable else ():
            end_orphans(client, each.experiment_id)
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
