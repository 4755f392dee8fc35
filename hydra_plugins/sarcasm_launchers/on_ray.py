"""Run the jobs of a sweep on Ray (https://docs.ray.io): on a cluster, or on this machine as a cluster of one.

What a job prints stands in Ray's own files, on the machine where it ran: /tmp/ray/session_latest/logs/worker-*.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator, Sequence
from types import ModuleType

from hydra.core.utils import JobReturn

from hydra_plugins.sarcasm_launchers._job import END_SECONDS, SECONDS_BETWEEN_LOOKS, Job, JobLauncher, environment
from sarcasm.errors import ConfigError, LostJobError
from sarcasm.ray_runtime import join, load_ray


class RayLauncher(JobLauncher):
    """Tasks of Ray, as many at once as there are processors for.

    Args:
        address: of a cluster; None begins one on this machine, which ends with the sweep.
        num_cpus: processors that a cluster begun here has to give; None is all.
        cpus_per_job: processors of a job.
    """

    def __init__(self, address: str | None, num_cpus: int | None, cpus_per_job: int) -> None:
        self._address, self._num_cpus, self._cpus_per_job = address, num_cpus, cpus_per_job

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, JobReturn]]:
        """See `JobLauncher.run`."""
        ray = load_ray(begins=self._address is None)
        from ray.exceptions import RayError, RayTaskError

        if not ray.is_initialized():
            ours = signal.getsignal(signal.SIGTERM)
            self._join(ray)
            signal.signal(signal.SIGTERM, ours)  # Ray's own speaks of it at length, and ends with another status
        # Not begun anew when its process dies: what killed it once, most often memory, would do so again.
        task = ray.remote(num_cpus=self._cpus_per_job, max_retries=0)(_run)
        running = {task.remote(job): job for job in jobs}
        try:
            while running:
                # Waiting in Ray, SIGTERM would become another exception than ours.
                time.sleep(SECONDS_BETWEEN_LOOKS)
                for done in ray.wait(list(running), num_returns=len(running), timeout=0)[0]:
                    job = running.pop(done)
                    try:
                        gave = ray.get(done)
                    except RayTaskError:
                        raise  # a mistake of ours, with its traceback
                    except RayError:
                        gave = job.failed(LostJobError())
                    yield job, gave
        finally:
            if running:
                for reference in running:
                    ray.cancel(reference)  # raises KeyboardInterrupt there
                ray.wait(list(running), num_returns=len(running), timeout=END_SECONDS)

    def _join(self, ray: ModuleType) -> None:
        if self._address is None:
            with environment():
                ray.init(
                    "local", num_cpus=self._num_cpus, include_dashboard=False, logging_level=logging.ERROR,
                    log_to_driver=False,
                )  # fmt: skip
            return
        try:
            join(self._address)
        except (OSError, RuntimeError, ValueError) as error:
            raise ConfigError(
                f"hydra.launcher.address={self._address}: this leads to no Ray cluster ({error}); start one with ray"
                " start --head, or leave it null"
            ) from error


def _run(job: Job) -> JobReturn:
    return job()
