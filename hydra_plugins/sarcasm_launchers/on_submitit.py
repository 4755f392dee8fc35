"""Run the jobs of a sweep by submitit (https://github.com/facebookincubator/submitit): on a Slurm cluster, or in
processes of this machine.

What a job prints stands in files of its own, below `folder`, beside the pickles by which submitit hands it over.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
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
    from submitit import AutoExecutor
    from submitit import Job as Submitted


class SubmititLauncher(JobLauncher):
    """What both ways have in common.

    Args:
        folder: where what jobs print is kept.
        timeout_min: minutes that a job may take.
        options: further ones, under submitit's names; those that are None are its own to choose.
        n_jobs: how many jobs are handed over before one has ended.
    """

    cluster = ""

    def __init__(self, folder: str, timeout_min: int, options: dict[str, Any], n_jobs: float) -> None:
        self._folder, self._timeout_min, self._n_jobs = folder, timeout_min, n_jobs
        self._options = {name: value for name, value in options.items() if value is not None}

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, JobReturn]]:
        """See `JobLauncher.run`."""
        executor, waiting = self.executor(), deque(jobs)
        running: dict[int, tuple[Job, Submitted]] = {}
        try:
            while waiting or running:
                if n_next := int(min(len(waiting), self._n_jobs - len(running))):
                    following = [waiting.popleft() for _ in range(n_next)]
                    for job, submitted in zip(following, self.submit(following, executor), strict=True):
                        running[job.number] = job, submitted
                time.sleep(SECONDS_BETWEEN_LOOKS)
                for job, submitted in [each for each in running.values() if each[1].done()]:
                    del running[job.number]
                    yield job, self.given(job, submitted)
        finally:
            self.cancel([submitted for _, submitted in running.values()])

    def executor(self) -> AutoExecutor:
        """Who hands jobs over."""
        import submitit

        executor = submitit.AutoExecutor(self._folder, cluster=self.cluster)
        executor.update_parameters(timeout_min=self._timeout_min, **self._options)
        return executor

    @abstractmethod
    def submit(self, jobs: Sequence[Job], executor: AutoExecutor) -> list[Submitted]:
        """Hand jobs over."""

    @abstractmethod
    def cancel(self, running: Sequence[Submitted]) -> None:
        """End jobs before their time."""

    def given(self, job: Job, submitted: Submitted) -> JobReturn:
        """What came of a job that has ended."""
        from submitit.core.utils import FailedJobError, UncompletedJobError

        try:
            gave: JobReturn = submitted.result()
        except FailedJobError:
            raise  # a mistake of ours, with its traceback
        except UncompletedJobError:
            return job.failed(LostJobError())
        # Raised in the job by submitit, shortly before it would be killed.
        if isinstance(gave._return_value, UncompletedJobError):
            return job.failed(
                SarcasmError(
                    f"stopped, as it takes longer than hydra.launcher.timeout_min={self._timeout_min}; give it more"
                )
            )
        return gave


class SubmititLocalLauncher(SubmititLauncher):
    """Processes of this machine, a fresh one for each job.

    Args:
        n_jobs: how many jobs run at once.
        folder: where what they print is kept.
        timeout_min: minutes that a job may take.
        gpus_per_node: GPUs that a job sees, always the first ones.
    """

    cluster = "local"

    def __init__(self, n_jobs: int, folder: str, timeout_min: int, gpus_per_node: int) -> None:
        if n_jobs < 1:
            raise ConfigError(f"hydra.launcher.n_jobs={n_jobs}: at least 1 is needed")
        super().__init__(folder, timeout_min, {"gpus_per_node": gpus_per_node}, n_jobs)

    def submit(self, jobs: Sequence[Job], executor: AutoExecutor) -> list[Submitted]:
        """See `SubmititLauncher.submit`."""
        shared = {"OMP_NUM_THREADS": share_of_processors(int(self._n_jobs))}
        with environment(), env_override(shared), _deaf_to_ctrl_c():
            return [executor.submit(job) for job in jobs]

    def cancel(self, running: Sequence[Submitted]) -> None:
        """See `SubmititLauncher.cancel`; waits until they have recorded their ends."""
        for submitted in running:
            # Not submitit's own way, SIGINT, to which they are deaf. What it began hands this on to the job.
            os.kill(int(submitted.job_id), signal.SIGTERM)
        for submitted in running:
            submitted.wait()

    def given(self, job: Job, submitted: Submitted) -> JobReturn:
        """See `SubmititLauncher.given`; on this machine's own disk, what is not there now will not be."""
        return super().given(job, submitted) if submitted.paths.result_pickle.exists() else job.failed(LostJobError())


class SlurmLauncher(SubmititLauncher):
    """An array of Slurm jobs.

    Args:
        folder: where what they print is kept; every node has to see it.
        timeout_min: minutes that a job may take.
        partition: where to queue.
        cpus_per_task: processors of a job.
        mem_gb: memory of a job.
        gpus_per_node: GPUs of a job.
        array_parallelism: how many jobs run at once.
        setup: lines of shell to run before each.
        additional_parameters: further options of sbatch, such as account.
    """

    cluster = "slurm"

    def __init__(
        self, folder: str, timeout_min: int, partition: str | None, cpus_per_task: int, mem_gb: float,
        gpus_per_node: int | None, array_parallelism: int, setup: Sequence[str], additional_parameters: DictConfig,
    ) -> None:  # fmt: skip
        options = {
            "name": "sarcasm",
            "cpus_per_task": cpus_per_task,
            "mem_gb": mem_gb,
            "gpus_per_node": gpus_per_node,
            "slurm_partition": partition,
            "slurm_array_parallelism": array_parallelism,
            "slurm_setup": list(setup),
            "slurm_additional_parameters": OmegaConf.to_container(additional_parameters),
        }
        super().__init__(folder, timeout_min, options, math.inf)  # there is a queue already

    def executor(self) -> AutoExecutor:
        """See `SubmititLauncher.executor`."""
        if not shutil.which("srun"):
            raise ConfigError(
                "hydra/launcher=slurm: there is no Slurm on this machine; start the sweep on a login node of the"
                " cluster, or choose hydra/launcher=submitit_local"
            )
        return super().executor()

    def submit(self, jobs: Sequence[Job], executor: AutoExecutor) -> list[Submitted]:
        """See `SubmititLauncher.submit`."""
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        try:
            with environment(), executor.batch():
                submitted = [executor.submit(job) for job in jobs]
        except (FailedJobError, FailedSubmissionError) as error:
            raise ConfigError(f"hydra/launcher=slurm: sbatch refuses: {error}") from error
        return submitted

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
