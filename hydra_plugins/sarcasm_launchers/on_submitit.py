"""Run the jobs of a sweep by submitit (https://github.com/facebookincubator/submitit): on a Slurm cluster, or in
processes of this machine.

What a job prints stands in files of its own, below `folder`, beside the pickles by which submitit hands it over.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn, env_override
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.sarcasm_launchers._job import (
    SECONDS_BETWEEN_LOOKS,
    Job,
    JobLauncher,
    environment,
    share_of_processors,
)
from sarcasm.errors import ConfigError, LostJobError, SarcasmError

if TYPE_CHECKING:
    import submitit

    Submitted = submitit.Job[JobReturn]


class SubmititLauncher(JobLauncher):
    """What both ways have in common.

    Attributes:
        cluster: as submitit calls it.
        timeout_min: minutes that a job may take.
    """

    cluster: str
    timeout_min: int

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, JobReturn]]:
        """See `JobLauncher.run`."""
        waiting = deque(jobs)
        running: dict[int, tuple[Job, Submitted]] = {}
        try:
            while waiting or running:
                for job, submitted in self.submit(waiting, len(running)):
                    running[job.number] = job, submitted
                for job, submitted in [each for each in running.values() if each[1].done()]:
                    yield job, self._given(job, submitted)
                    del running[job.number]
                time.sleep(SECONDS_BETWEEN_LOOKS if running else 0)
        finally:
            self.cancel([submitted for _, submitted in running.values() if not submitted.done()])

    @abstractmethod
    def submit(self, waiting: deque[Job], n_running: int) -> Iterator[tuple[Job, Submitted]]:
        """Hand over as many jobs as may run, and take them off those that wait.

        Args:
            waiting: those that are left.
            n_running: how many are on their way.
        """

    @abstractmethod
    def cancel(self, running: Sequence[Submitted]) -> None:
        """End jobs before their time."""

    def executor(self, folder: str, options: Mapping[str, Any]) -> submitit.AutoExecutor:
        """Who hands jobs over.

        Args:
            folder: where what jobs print is kept.
            options: under submitit's names; those that are None are its own to choose.
        """
        import submitit

        executor = submitit.AutoExecutor(folder, cluster=self.cluster)
        given = {name: value for name, value in options.items() if value is not None}
        executor.update_parameters(timeout_min=self.timeout_min, **given)
        return executor

    def _given(self, job: Job, submitted: Submitted) -> JobReturn:
        from submitit.core.utils import FailedJobError, UncompletedJobError

        try:
            gave = submitted.result()
        except FailedJobError:
            raise  # a mistake of ours, with its traceback
        except UncompletedJobError:
            return job.failed(LostJobError())
        # Raised in the job by submitit, shortly before it would be killed.
        if isinstance(gave._return_value, UncompletedJobError):
            return job.failed(
                SarcasmError(
                    f"stopped because it takes longer than hydra.launcher.timeout_min={self.timeout_min}; give it more"
                )
            )
        return gave


class SubmititLocalLauncher(SubmititLauncher):
    """Processes of this machine, some at a time.

    Args:
        n_jobs: how many run at once.
        folder: where what they print is kept.
        timeout_min: minutes that a job may take.
        gpus_per_node: GPUs that a job sees, always the first ones.
    """

    cluster = "local"

    def __init__(self, n_jobs: int, folder: str, timeout_min: int, gpus_per_node: int) -> None:
        self._n_jobs, self.timeout_min = n_jobs, timeout_min
        self._folder, self._options = folder, {"gpus_per_node": gpus_per_node}

    def submit(self, waiting: deque[Job], n_running: int) -> Iterator[tuple[Job, Submitted]]:
        """See `SubmititLauncher.submit`."""
        executor = self.executor(self._folder, self._options)
        shared = {"OMP_NUM_THREADS": share_of_processors(self._n_jobs)}
        for _ in range(min(len(waiting), self._n_jobs - n_running)):
            job = waiting.popleft()
            with environment(), env_override(shared), _deaf_to_ctrl_c():
                submitted = executor.submit(job)
            yield job, submitted

    def cancel(self, running: Sequence[Submitted]) -> None:
        """See `SubmititLauncher.cancel`; waits until they have recorded their ends."""
        for submitted in running:
            # Not submitit's own way, SIGINT, to which they are deaf; they hand this on to what they began.
            os.kill(int(submitted.job_id), signal.SIGTERM)
        for submitted in running:
            submitted.wait()


class SlurmLauncher(SubmititLauncher):
    """An array of Slurm jobs.

    Args:
        folder: where what they print is kept; every machine has to see it.
        timeout_min: minutes that a job may take.
        partition: where to queue.
        cpus_per_task: processors of a job.
        mem_gb: memory of a job.
        gpus_per_node: GPUs of a job.
        array_parallelism: how many run at once.
        setup: lines of shell to run before each.
        additional_parameters: further options of sbatch, such as account.
    """

    cluster = "slurm"

    def __init__(
        self, folder: str, timeout_min: int, partition: str | None, cpus_per_task: int, mem_gb: float,
        gpus_per_node: int | None, array_parallelism: int, setup: Sequence[str], additional_parameters: DictConfig,
    ) -> None:  # fmt: skip
        self._folder, self.timeout_min = folder, timeout_min
        self._options = {
            "cpus_per_task": cpus_per_task,
            "mem_gb": mem_gb,
            "gpus_per_node": gpus_per_node,
            "slurm_partition": partition,
            "slurm_array_parallelism": array_parallelism,
            "slurm_setup": list(setup),
            "slurm_additional_parameters": OmegaConf.to_container(additional_parameters),
        }

    def submit(self, waiting: deque[Job], n_running: int) -> Iterator[tuple[Job, Submitted]]:
        """See `SubmititLauncher.submit`: all at once, since Slurm has a queue of its own."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        if not waiting:
            return
        if not shutil.which("srun"):
            raise ConfigError(
                "hydra/launcher=slurm: there is no Slurm on this machine; start the sweep on a login node of the cluster,"
                " or choose hydra/launcher=submitit_local"
            )
        executor = self.executor(self._folder, self._options)
        try:
            with environment(), executor.batch():
                submitted = [(job, executor.submit(job)) for job in waiting]
        except (FailedJobError, FailedSubmissionError) as error:
            raise ConfigError(f"hydra/launcher=slurm: sbatch refuses: {error}") from error
        waiting.clear()
        yield from submitted

    def cancel(self, running: Sequence[Submitted]) -> None:
        """See `SubmititLauncher.cancel`."""
        for submitted in running:
            submitted.cancel(check=False)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes begun within the block do not hear Ctrl-C, which a terminal sends to all: who began them ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
