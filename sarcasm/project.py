"""Where the project lies: the folder that holds train.py, conf/, data/, models/, mlruns/ and mlflow.db."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def here(path: str, project: str) -> str:
    """A path into a project that lay elsewhere, as it leads into this one; any other as it is.

    Args:
        path: that was noted when the project lay elsewhere.
        project: where that was; empty where it is not known.
    """
    if not project or not Path(path).is_relative_to(project):
        return path
    return str(PROJECT / Path(path).relative_to(project))
