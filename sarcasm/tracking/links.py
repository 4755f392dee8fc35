"""Links into MLflow's page that show runs: by itself it opens on traces of language models, of which there are none."""

from __future__ import annotations

MODE = "workflowType=machine_learning"
"""Opens the page on runs, with their curves and scores; not documented by MLflow, tried with 3.17."""
BY_DEFAULT = "http://127.0.0.1:5000"
"""Where `make ui` and `mlflow ui` serve it."""


def link_to_runs(page: str, experiment_id: str) -> str:
    """The table of an experiment's runs.

    Args:
        page: the address of MLflow's page.
        experiment_id: of the experiment.
    """
    return f"{page.rstrip('/')}/#/experiments/{experiment_id}/runs?{MODE}"


def link_to_run(page: str, experiment_id: str, run_id: str) -> str:
    """The page of a run.

    Args:
        page: the address of MLflow's page.
        experiment_id: of the run's experiment.
        run_id: of the run.
    """
    return f"{page.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}?{MODE}"
