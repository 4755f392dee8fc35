"""Where runs are recorded, and how often: the options of the group `tracking`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from sarcasm.errors import ConfigError
from sarcasm.options import at_home, option

MOST_SECONDS = 86_400


class OnFailure(Enum):
    """What happens while a server does not take what is recorded."""

    spool = "spool"
    fail = "fail"


class ModelWeights(Enum):
    """Whether a model that is kept brings the released weights of the network before its head."""

    reference = "reference"
    included = "included"


@option("tracking", "mlflow")
@dataclass
class Tracking:
    """MLflow, in a file of the project or on a server. None of these options can change a result.

    Attributes:
        name: what this way of tracking is called.
        uri: sqlite:///FILE or http(s)://SERVER; empty takes MLFLOW_TRACKING_URI where it is set, else mlflow.db in the
            project.
        experiment: the MLflow experiment that the run belongs to, made on first use; empty takes the one that
            MLFLOW_EXPERIMENT_NAME or MLFLOW_EXPERIMENT_ID names where set, else "sarcasm".
        run_name: what the run is called; empty leaves the name to the caller.
        flush_metrics: metrics that are sent together at the latest.
        flush_seconds: seconds after which the next step sends what has gathered.
        timeout_seconds: how long to wait for a server that does not answer.
        on_failure: whether a run goes on while a server fails, with all that is recorded kept and sent later, or fails.
        weights: whether a model that is kept says where VGGish's released weights lie, by their hash, or brings them.
    """

    name: str = MISSING
    uri: str = MISSING
    experiment: str = MISSING
    run_name: str = MISSING
    flush_metrics: int = MISSING
    flush_seconds: float = MISSING
    timeout_seconds: float = MISSING
    on_failure: OnFailure = MISSING
    weights: ModelWeights = MISSING

    def __post_init__(self) -> None:
        self.uri = at_home(self.uri)
        if self.flush_metrics < 1:
            raise ConfigError(f"tracking.flush_metrics={self.flush_metrics}: at least 1 is needed")
        for name in ("flush_seconds", "timeout_seconds"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ConfigError(f"tracking.{name}={value}: a number above 0 is needed")
            if value > MOST_SECONDS:
                raise ConfigError(f"tracking.{name}={value}: at most {MOST_SECONDS}, a day, are possible")
        if self.experiment.isspace():
            raise ConfigError("tracking.experiment is empty; give the experiment a name")

    @property
    def with_weights(self) -> bool:
        """Whether a model that is kept brings its weights."""
        return self.weights is ModelWeights.included

    def may_wait(self, is_server: bool) -> bool:
        """Whether a store that fails is told later."""
        return is_server and self.on_failure is OnFailure.spool
