"""Where an SQLite file's artifacts lie: in `mlruns/EXPERIMENT/` beside it, wherever the project is moved or copied.

MLflow keeps absolute places: of each experiment, run, logged model and registered version. A project that was moved
would look for its artifacts where it lay before, and a copy would write into the original. So whoever opens a file
compares what it says of its experiments with where it lies now, and lets it say that. What is kept elsewhere by choice
stays there, as does what has been left behind: artifacts that are in the old place alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

PREFIX = "sqlite:///"
ARTIFACTS = "mlruns"
KIND_TAG = "mlflow.experimentKind"
"""Tag of every experiment that sarcasm made."""
COLUMNS = (
    ("runs", "artifact_uri"), ("logged_models", "artifact_location"), ("model_versions", "source"),
    ("model_versions", "storage_location"), ("trace_tags", "value"),
)  # fmt: skip
"""Where MLflow names a place of artifacts, beside experiments.artifact_location; not every version has all of them."""


def uri_of(database: Path) -> str:
    """The uri of an SQLite file by its absolute path."""
    # What SQLAlchemy would read as an escape or as the beginning of options.
    return PREFIX + str(database).replace("%", "%25").replace("?", "%3F")


def mlflow_uri_of(database: Path) -> str:
    """The same for MLflow 3, which would make the folder that the escaped path reads as; by this name it makes none."""
    uri = uri_of(database)
    return uri if uri == PREFIX + str(database) else uri.replace("sqlite:", "sqlite+pysqlite:", 1)


def folder_name(experiment: str) -> str:
    """A folder name for an experiment: its name where that is safe as one, else made safe and told apart by a hash."""
    safe = re.sub(r"[^\w.-]", "_", experiment, flags=re.ASCII).lstrip(".")[:100]
    return safe if safe == experiment else f"{safe}-{hashlib.sha256(experiment.encode()).hexdigest()[:8]}"


def location_of(folder: Path) -> str:
    """A folder as MLflow keeps it."""
    # A plain path is what MLflow itself would store, but it reads these three as parts of a uri.
    return folder.as_uri() if set("%#?") & set(str(folder)) else str(folder)


def folder_of(location: str) -> Path | None:
    """The folder of this machine that a location names; None where it names none, such as a bucket."""
    if location.startswith("file:"):
        return Path(unquote(urlsplit(location).path))
    return Path(location) if location.startswith("/") else None


def moved_experiments(connection: sqlite3.Connection, root: Path) -> dict[int, tuple[Path, Path]]:
    """The experiments whose artifacts a file looks for beside where it lay once.

    Args:
        connection: of the file.
        root: the folder that it lies in.

    Returns:
        The id of the experiment -> its folder as it is recorded, and that beside the file.
    """
    candidates, roots = {}, set()
    for number, name, location, is_ours in connection.execute(
        # The first experiment, Default, comes with the file: until a run is in it, nobody has chosen its place.
        "SELECT experiment_id, name, artifact_location, EXISTS (SELECT 1 FROM experiment_tags t"
        " WHERE t.experiment_id = e.experiment_id AND t.key = ?) OR (experiment_id = 0 AND NOT EXISTS"
        " (SELECT 1 FROM runs r WHERE r.experiment_id = e.experiment_id)) FROM experiments e",
        (KIND_TAG,),
    ):
        old = folder_of(location or "")
        if old is None or old.parent.name != ARTIFACTS or old.parent.parent == root:
            continue
        new = root / ARTIFACTS / old.name
        candidates[number] = (old, new)
        # An experiment may have been given such a place on purpose, or a new name since: two of three signs are enough.
        if is_ours + (old.name in (folder_name(name), str(number))) + _is_there(new) >= 2:
            roots.add(old.parent)
    return {number: (old, new) for number, (old, new) in candidates.items() if old.parent in roots}


def follow(connection: sqlite3.Connection, root: Path) -> int:
    """Let a file say that its artifacts lie beside it, in one transaction.

    Args:
        connection: of the file.
        root: the folder that it lies in.

    Returns:
        How many runs had moved.

    Raises:
        sqlite3.Error: it cannot be read or written to; it is as it was.
    """
    if not moved_experiments(connection, root):
        return 0
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        experiments = moved_experiments(connection, root)  # anew, because another process may have been faster
        moves = dict(experiments.values())
        for number, (_, new) in experiments.items():
            connection.execute(
                "UPDATE experiments SET artifact_location = ? WHERE experiment_id = ?", (location_of(new), number)
            )
        moved = {table: _follow(connection, table, column, moves) for table, column in COLUMNS}
    return moved["runs"]


def write_beside(connection: sqlite3.Connection, root: Path, run_id: str) -> None:
    """Let a run that is about to be taken up write beside a file, even if its artifacts were left behind.

    Raises:
        sqlite3.Error: it cannot be read or written to; it is as it was.
    """
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        rows = connection.execute(
            "SELECT r.artifact_uri, e.artifact_location FROM runs r JOIN experiments e USING (experiment_id)"
            " WHERE r.run_uuid = ?",
            (run_id,),
        ).fetchall()
        for uri, location in rows:
            place, folder = folder_of(uri or ""), folder_of(location or "")
            if place is None or folder is None or folder.parent != root / ARTIFACTS:
                continue
            new = folder.joinpath(*place.parts[-2:])  # RUN/artifacts
            if new != place and place.parts[-4:-2] == (ARTIFACTS, folder.name):
                connection.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (location_of(new), run_id))


def _is_there(path: Path) -> bool:
    """Whether a path leads anywhere, as far as this user may see."""
    return os.access(path, os.F_OK)


def _follow(connection: sqlite3.Connection, table: str, column: str, moves: Mapping[Path, Path]) -> int:
    """Replace the places of one column that lie in folders that have moved; returns how many."""
    if column not in {name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}:
        return 0
    changed = []
    for row, location in connection.execute(f"SELECT rowid, {column} FROM {table}"):  # noqa: S608  # constants
        place = folder_of(location or "")
        old = next((each for each in moves if place and place.is_relative_to(each)), None)
        if place is None or old is None:
            continue
        new = moves[old] / place.relative_to(old)
        if _is_there(new) or not _is_there(place):  # else it was left behind
            changed.append((location_of(new), row))
    connection.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", changed)  # noqa: S608  # constants
    return len(changed)
