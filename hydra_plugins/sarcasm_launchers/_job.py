"""A job of a sweep on its way: made where the sweep is, run in another process, and said to have failed where it is
lost there.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, env_override, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict

from hydra_plugins.sarcasm_launchers.own_configs import forget_others
from sarcasm.processors import n_processors
from sarcasm.project import PROJECT

TAKEN_ALONG = ("SARCASM_", "MLFLOW_")
"""Beginnings of the environment variables that a job finds wherever it runs; the others are that machine's own."""
SECONDS_BETWEEN_LOOKS = 0.5
"""At which jobs have ended."""
END_SECONDS = 10.0
"""For jobs that are cancelled to record their ends."""


@dataclass(frozen=True)
class Job:
    """What one job is made of; pickled, it travels to the process that runs it.

    Attributes:
        context: Hydra's.
        task: what train.py runs for a config.
        config: of the sweep.
        overrides: what makes the config of this job out of it.
        number: of the job, from 0.
        singletons: what Hydra keeps once a process.
        environment: variables to set.
        folder: where the sweep was called, which paths may start from.
    """

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    overrides: list[str]
    number: int
    singletons: Mapping[Any, Any]
    environment: Mapping[str, str]
    folder: str

    def __call__(self) -> JobReturn:
        """Run it in this process."""
        from sarcasm.console import OBJECTS_BETWEEN_COLLECTIONS

        gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
        os.environ.update(self.environment)
        os.chdir(self.folder)
        setup_globals()
        Singleton.set_state(self.singletons)
        forget_others()  # the line above has registered them again
        config = self.context.config_loader.load_sweep_config(self.config, self.overrides)
        with open_dict(config):
            config.hydra.job.id = f"{config.hydra.job.name}_{self.number}"
            config.hydra.job.num = self.number
        HydraConfig.instance().set_config(config)
        with _ended_by_sigterm():
            return run_job(
                hydra_context=self.context,
                task_function=self.task,
                config=config,
                job_dir_key="hydra.sweep.dir",
                job_subdir_key="hydra.sweep.subdir",
            )

    def failed(self, error: Exception) -> JobReturn:
        """What Hydra is told of a job that gave nothing back."""
        return JobReturn(overrides=self.overrides, status=JobStatus.FAILED, _return_value=error)


class JobLauncher(Launcher):
    """A launcher that goes on when a job fails or is lost, and says so at once.

    Attributes:
        is_heard: whether what a job prints reaches this terminal.
    """

    is_heard = False

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """See hydra.plugins.launcher."""
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs.

        Args:
            job_overrides: what makes each of them.
            initial_job_idx: the first one's number.

        Returns:
            What each gave, in the same order.
        """
        from sarcasm import console
        from sarcasm.errors import SarcasmError

        Path(self._config.hydra.sweep.dir).mkdir(parents=True, exist_ok=True)
        along = {name: value for name, value in os.environ.items() if name.startswith(TAKEN_ALONG)}
        jobs = [
            Job(
                self._context,
                self._task,
                self._config,
                list(overrides),
                number,
                Singleton.get_state(),
                along,
                str(Path.cwd()),
            )
            for number, overrides in enumerate(job_overrides, initial_job_idx)
        ]
        returned = {}
        with nullcontext(iter) if self.is_heard else console.track("jobs") as track:
            for _, (job, gave) in zip(track(jobs), self.run(jobs), strict=True):
                returned[job.number] = gave
                error = gave._return_value
                if isinstance(error, SarcasmError) and not (self.is_heard and hasattr(error, "is_said")):
                    console.say_failed(error, job.overrides)
        return [returned[job.number] for job in jobs]

    @abstractmethod
    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, JobReturn]]:
        """Run jobs elsewhere.

        Args:
            jobs: all that there are.

        Yields:
            Each with what it gave, as they end.
        """


def environment() -> AbstractContextManager[None]:
    """Within the block, processes may be begun that find this package: train.py finds it by where it lies itself."""
    path = os.environ.get("PYTHONPATH")
    given: AbstractContextManager[None] = env_override(
        {"PYTHONPATH": f"{PROJECT}{os.pathsep}{path}" if path else str(PROJECT)}
    )
    return given


def share_of_processors(n_jobs: int) -> str:
    """What OMP_NUM_THREADS is for each of so many jobs on this machine, unless the user has set it: see
    `sarcasm.processors`.
    """
    return os.environ.get("OMP_NUM_THREADS", str(max(1, n_processors() // n_jobs)))


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Within the block SIGTERM is as in a new process, so that a run takes it for its end: submitit would have it do
    nothing, and Ray end the process at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
