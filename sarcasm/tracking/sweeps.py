"""One run that holds the runs of a sweep.

Hydra calls `SweepParent` before it launches any job (conf/config.yaml names it). The parent's id travels to the jobs in
an environment variable, which reaches them in whatever process a launcher starts them. Hydra does not call back when a
sweep with a failed job ends, so the command line wraps it in `sweep`.
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from sarcasm.errors import TrackingError
from sarcasm.project import PROJECT
from sarcasm.tracking.run import PARENT_VARIABLE, start

_open_sweep = ExitStack()


class SweepParent(Callback):
    """Opens the parent run."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """See hydra.experimental.callback.

        Args:
            config: of the sweep, before any job's choices are made; with Hydra's own part.
        """
        overrides = dict(text.lstrip("+~").partition("=")[::2] for text in config.hydra.overrides.task)
        varied = {key: value for key, value in overrides.items() if "," in value or "(" in value}
        name = f"sweep over {', '.join(varied)}" if varied else "sweep"
        options: Any = OmegaConf.to_object(config.tracking)
        options.run_name = ""  # is the jobs'
        try:
            parent = start(options, PROJECT, run_name=name, params=overrides, tags={"sweep": "true"})
            os.environ[PARENT_VARIABLE] = _open_sweep.enter_context(parent).run_id
            _open_sweep.callback(os.environ.pop, PARENT_VARIABLE)
        except TrackingError:
            return  # Every job is about to say the same, and Hydra would make a warning with a traceback of it.


def sweep() -> AbstractContextManager[Any]:
    """Within the block Hydra may run a sweep; its parent run, if there is one, ends as the block does."""
    return _open_sweep
