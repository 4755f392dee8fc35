"""What is told to MLflow of a run, as values: they can be carried out at once, or kept in a file and carried out later.

Each may be carried out twice with the same outcome as once, because nobody can know whether an answer that never came
stands for a deed that was done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sarcasm.tracking.metrics import Point, post_to_server

if TYPE_CHECKING:
    from mlflow import MlflowClient

SPOOLED = "spool:"
"""Begins the name of a run that no server has numbered yet."""
LONGEST_PARAM, LONGEST_TAG = 6000, 8000
"""Characters that MLflow keeps of a value; it drops the rest without a word."""


@dataclass(frozen=True)
class Begin:
    """A run begins, or one that is there is taken up.

    Attributes:
        experiment: by name.
        run_name: what it is called; MLflow makes a name up where it is empty.
        started: when, milliseconds since 1970.
        tags: that it has from the beginning.
        parent: the run that it is nested in, by its id or by `sarcasm.tracking.spool.address`; empty for none.
        run_id: of the run that is taken up; empty for a new one.
    """

    experiment: str
    run_name: str
    started: int
    tags: Mapping[str, str]
    parent: str = ""
    run_id: str = ""

    def take_up(self, client: MlflowClient) -> None:
        """Tell MLflow that a run that was cut short goes on."""
        client.update_run(self.run_id, status="RUNNING")
        Batch(tags=self.tags).carry_out(client, self.run_id)
        if "error" in client.get_run(self.run_id).data.tags:
            client.delete_tag(self.run_id, "error")


@dataclass(frozen=True)
class Batch:
    """Metrics, params and tags that go together.

    Attributes:
        metrics: points.
        params, tags: texts by key, short enough for MLflow.
    """

    metrics: Sequence[Point] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)

    def carry_out(self, client: MlflowClient, run_id: str) -> None:
        """Tell MLflow."""
        from mlflow.entities import Metric, Param, RunTag

        metrics = () if post_to_server(client, run_id, self.metrics) else self.metrics
        # The client sends them by hundreds, as many as a server takes at once.
        client.log_batch(
            run_id,
            metrics=[Metric(*point) for point in metrics],
            params=[Param(key, text) for key, text in self.params.items()],
            tags=[RunTag(key, text) for key, text in self.tags.items()],
        )


@dataclass(frozen=True)
class Files:
    """Files that are kept as artifacts.

    Attributes:
        folder: copies are made of all that it holds.
        artifact_path: where among the artifacts; empty for their root.
    """

    folder: str
    artifact_path: str = ""

    def carry_out(self, client: MlflowClient, run_id: str) -> None:
        """Tell MLflow."""
        client.log_artifacts(run_id, self.folder, self.artifact_path or None)

    def keep_in(self, artifact_uri: str, client: MlflowClient) -> None:
        """Keep them at a place that is known; the client by itself remembers places by the run's id, which a copy of
        the store has as well.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        repository = get_artifact_repository(artifact_uri, tracking_uri=client.tracking_uri)
        repository.log_artifacts(self.folder, self.artifact_path or None)


@dataclass(frozen=True)
class Input:
    """The dataset that a run was trained on; see `mlflow.entities.Dataset`.

    Attributes:
        name, digest, source, profile: as MLflow has them.
    """

    name: str
    digest: str
    source: str
    profile: str

    def carry_out(self, client: MlflowClient, run_id: str) -> None:
        """Tell MLflow."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        dataset = Dataset(self.name, self.digest, "local", self.source, profile=self.profile)
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        try:
            client.log_inputs(run_id, inputs)
        except Exception as error:
            # MLflow looks for the dataset and then makes it: another run may have made it in between.
            if "unique constraint" not in str(error).lower():
                raise
            client.log_inputs(run_id, inputs)


@dataclass(frozen=True)
class End:
    """A run ends.

    Attributes:
        status: FINISHED, FAILED or KILLED.
        ended: when, milliseconds since 1970.
        error: why, in a line; empty where nothing went wrong.
    """

    status: str
    ended: int
    error: str = ""

    def carry_out(self, client: MlflowClient, run_id: str) -> None:
        """Tell MLflow."""
        if self.error:
            client.set_tag(run_id, "error", self.error)
        client.set_terminated(run_id, self.status, self.ended)


Operation = Batch | Files | Input | End
KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Begin, Batch, Files, Input, End)}


def to_line(operation: Begin | Operation) -> str:
    """As a line of a file."""
    # Not `asdict`, which copies each point: that takes longer than all the rest.
    return json.dumps({"operation": type(operation).__name__, **vars(operation)}) + "\n"


def from_line(line: str) -> Begin | Operation:
    """The same again.

    Raises:
        ValueError, KeyError, TypeError: it is no such line.
    """
    values = json.loads(line)
    kind = KINDS[values.pop("operation")]
    if kind is Batch:
        values["metrics"] = [Point(*point) for point in values["metrics"]]
    return kind(**values)


def moved(operation: Operation, folder: Path) -> Operation:
    """The same, of files that lie in a folder now."""
    return Files(str(folder), operation.artifact_path) if isinstance(operation, Files) else operation
