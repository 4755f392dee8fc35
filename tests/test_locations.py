"""A store that was moved or copied: its artifacts are looked for, and written, beside it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sarcasm.errors import TrackingError
from sarcasm.tracking import Tracking, find_run, model_of_run, model_of_uri, open_store, start
from sarcasm.tracking.locations import folder_of, location_of, uri_of

Options = Callable[..., Tracking]


def record(options: Tracking, project: Path, **given: str) -> str:
    """A run with an artifact; its id."""
    with start(options, project, run_name="first", params={"seed": 1}, tags={}, **given) as tracked:
        tracked.log_text("kept", "notes/a.txt")
    return tracked.run_id


def register(project: Path, run_id: str) -> None:
    """A model that is registered by the place of its run, as MLflow does."""
    client = open_store("", project, 5.0).client
    model = Path(folder_of(client.get_run(run_id).info.artifact_uri), "model")
    model.mkdir()
    (model / "MLmodel").write_text("flavors: {}\n")
    client.create_registered_model("tone")
    client.create_model_version("tone", location_of(model), run_id)


def files_of(folder: Path) -> Mapping[str, tuple[int, int]]:
    """Every file below a folder, and what tells it from a changed one; SQLite's own beside the database are left."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if not path.name.endswith(("-wal", "-shm", ".lock"))
    }


def everywhere(project: Path) -> list[str]:
    """Every place that MLflow names in a store, but that of its own default experiment."""
    columns = ["experiments.artifact_location", "runs.artifact_uri", "model_versions.source"]
    with closing(sqlite3.connect(project / "mlflow.db")) as connection:
        found = [connection.execute(f"SELECT {c} FROM {c.partition('.')[0]}").fetchall() for c in columns]
    return sorted({location for rows in found for (location,) in rows if not location.endswith("/mlruns/0")})


@pytest.fixture
def recorded(tracked_project: Path, tracking: Options) -> tuple[Path, str]:
    """A project with a run, and the run's id."""
    run_id = record(tracking(), tracked_project)
    register(tracked_project, run_id)
    return tracked_project, run_id


def test_the_model_of_a_run_is_used_where_it_lies_and_no_copy_is_left_behind(
    recorded: tuple[Path, str], tracking: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, run_id = recorded
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    here = project / "mlruns" / "sarcasm" / run_id / "artifacts" / "model"
    with model_of_run(tracking(), project, "last") as of_run:
        assert of_run == here
    with model_of_uri(tracking(), project, f"runs:/{run_id}/model") as of_uri:
        assert of_uri == here
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["moved", "my clips #1", "50% off? é"])
def test_a_project_that_is_moved_takes_its_runs_along(
    name: str, recorded: tuple[Path, str], tracking: Options, tmp_path: Path
) -> None:
    old, run_id = recorded
    new = shutil.move(old, tmp_path / name)
    run = find_run(tracking(), new, "last")
    assert (run.run_id, run.text("notes/a.txt")) == (run_id, "kept")
    with model_of_uri(tracking(), new, "models:/tone/1") as folder:
        assert folder == new / "mlruns" / "sarcasm" / run_id / "artifacts" / "model"
    other = record(tracking(), new)
    assert (new / "mlruns" / "sarcasm" / other / "artifacts" / "notes" / "a.txt").read_text() == "kept"
    artifacts = new / "mlruns" / "sarcasm"
    assert everywhere(new) == sorted(
        map(location_of, [artifacts, *(artifacts / each / "artifacts" for each in (run_id, other)),
                          artifacts / run_id / "artifacts" / "model"])
    )  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_mlflow_itself_finds_the_artifacts_of_a_project_that_was_moved(
    recorded: tuple[Path, str], tracking: Options, tmp_path: Path
) -> None:
    old, run_id = recorded
    new = shutil.move(old, tmp_path / "moved")
    find_run(tracking(), new, "last")
    client = MlflowClient(uri_of(new / "mlflow.db"))
    assert [each.path for each in client.list_artifacts(run_id, "notes")] == ["notes/a.txt"]


@pytest.mark.parametrize("does_go_on", [False, True])
def test_a_copy_never_writes_into_the_original(
    does_go_on: bool, recorded: tuple[Path, str], tracking: Options, tmp_path: Path
) -> None:
    project, run_id = recorded
    copy = shutil.copytree(project, tmp_path / "copy")
    before = files_of(project)
    # In the very process that recorded the run, whose place MLflow's client remembers by its id.
    with start(
        tracking(), copy, run_name="", params={}, tags={}, again=run_id if does_go_on else ""
    ) as tracked:  # fmt: skip
        tracked.log_text("of the copy", "new.txt")
        with tracked.child("fold 0", {"fold": 0}, {}) as child:
            child.log_text("of the copy", "new.txt")
    assert files_of(project) == before
    assert find_run(tracking(), copy, tracked.run_id).text("new.txt") == "of the copy"
    assert find_run(tracking(), copy, child.run_id).text("new.txt") == "of the copy"
    assert {len(list(each.rglob("new.txt"))) for each in (project, copy)} == {0, 2}
    assert find_run(tracking(), project, run_id).artifact_uri.startswith(f"{project}/")


def test_two_copies_in_turns_keep_to_themselves(recorded: tuple[Path, str], tracking: Options, tmp_path: Path) -> None:
    project, run_id = recorded
    copies = [shutil.copytree(project, tmp_path / name) for name in ("one", "two")]
    for project_ in [project, *copies, project]:
        assert find_run(tracking(), project_, run_id).artifact_uri.startswith(f"{project_}/")


def test_artifacts_that_were_kept_elsewhere_by_choice_stay_there(
    recorded: tuple[Path, str], tracking: Options, tmp_path: Path
) -> None:
    project, _ = recorded
    client = open_store("", project, 5.0).client
    chosen = [str(tmp_path / "disk"), f"file://{tmp_path}/disk/mlruns/chosen", "s3://bucket/mlruns/sarcasm"]
    for number, location in enumerate(chosen):
        client.create_experiment(f"chosen {number}", location)
    run = client.create_run(client.get_experiment_by_name("chosen 0").experiment_id)
    client.log_text(run.info.run_id, "kept", "a.txt")
    moved = shutil.move(project, tmp_path / "moved")
    client = open_store("", moved, 5.0).client
    assert [client.get_experiment_by_name(f"chosen {n}").artifact_location for n in range(3)] == chosen
    assert find_run(tracking(), moved, run.info.run_id).text("a.txt") == "kept"


def test_a_copy_of_the_database_alone_reads_where_artifacts_are_and_writes_beside_itself(
    recorded: tuple[Path, str], tracking: Options, tmp_path: Path
) -> None:
    project, run_id = recorded
    alone = tmp_path / "alone"
    alone.mkdir()
    with closing(sqlite3.connect(project / "mlflow.db")) as one, closing(sqlite3.connect(alone / "mlflow.db")) as other:
        one.backup(other)
    before = files_of(project / "mlruns")
    other_id = record(tracking(), alone)
    assert find_run(tracking(), alone, run_id).text("notes/a.txt") == "kept"
    assert files_of(project / "mlruns") == before
    assert (alone / "mlruns" / "sarcasm" / other_id / "artifacts" / "notes" / "a.txt").exists()


def test_a_run_whose_artifacts_were_left_behind_is_taken_up_beside_the_copy(
    recorded: tuple[Path, str], tracking: Options, tmp_path: Path
) -> None:
    project, run_id = recorded
    copy = shutil.copytree(project, tmp_path / "copy", ignore=shutil.ignore_patterns("mlruns"))
    before = files_of(project)
    record(tracking(), copy, again=run_id)
    assert files_of(project) == before
    assert find_run(tracking(), copy, run_id).artifact_uri == f"{copy}/mlruns/sarcasm/{run_id}/artifacts"
    assert find_run(tracking(), copy, run_id).text("notes/a.txt") == "kept"


def test_a_project_behind_a_link_is_where_the_link_leads(
    recorded: tuple[Path, str], tracking: Options, tmp_path: Path
) -> None:
    project, run_id = recorded
    (tmp_path / "link").symlink_to(project)
    before = everywhere(project)
    assert find_run(tracking(uri=f"sqlite:///{tmp_path}/link/mlflow.db"), Path("/nowhere"), run_id).text(
        "notes/a.txt"
    ) == "kept"  # fmt: skip
    assert everywhere(project) == before


def test_an_experiment_that_was_renamed_moves_along(
    recorded: tuple[Path, str], tracking: Options, tmp_path: Path
) -> None:
    project, run_id = recorded
    opened = open_store("", project, 5.0)
    opened.client.rename_experiment(opened.experiment_id("sarcasm"), "tone")
    moved = shutil.move(project, tmp_path / "moved")
    assert find_run(tracking(), moved, run_id).artifact_uri == f"{moved}/mlruns/sarcasm/{run_id}/artifacts"


def test_a_run_whose_project_is_moved_meanwhile_ends_and_makes_nothing_in_the_old_place(
    tracked_project: Path, tracking: Options, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"

    def record_and_move() -> None:
        with start(tracking(), tracked_project, run_name="first", params={}, tags={}) as tracked:
            shutil.move(tracked_project, moved)
            tracked.log_text("kept", "a.txt")

    with pytest.raises(TrackingError) as raised:
        record_and_move()
    run = find_run(tracking(), moved, "first")
    assert str(raised.value) == (
        f"{tracked_project}/mlflow.db is gone: it was moved or removed while run {run.run_id} was recorded; start"
        " it again from where it lies now"
    )
    assert not tracked_project.exists()
    assert run.artifacts() == ["params.json"]
