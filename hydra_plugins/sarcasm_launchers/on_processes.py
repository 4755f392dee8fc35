"""Run the jobs of a sweep in processes of this machine, several at a time: fresh interpreters, made by joblib's loky.

Each has a pool of its own, so that one that is killed takes no other with it.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from multiprocessing import active_children
from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn

from hydra_plugins.sarcasm_launchers._job import END_SECONDS, Job, JobLauncher, share_of_processors
from sarcasm.errors import ConfigError, LostJobError

if TYPE_CHECKING:
    from joblib.externals.loky import ProcessPoolExecutor


class ProcessLauncher(JobLauncher):
    """Processes that stay for the next job, with what they have imported.

    Args:
        n_jobs: how many jobs run at once.
    """

    is_heard = True

    def __init__(self, n_jobs: int) -> None:
        if n_jobs < 1:
            raise ConfigError(f"hydra.launcher.n_jobs={n_jobs}: at least 1 is needed")
        self._n_jobs = n_jobs
        self._idle: list[ProcessPoolExecutor] = []

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, JobReturn]]:
        """See `JobLauncher.run`."""
        waiting = deque(jobs)
        running: dict[Future[JobReturn], tuple[Job, ProcessPoolExecutor]] = {}
        try:
            while waiting or running:
                while waiting and len(running) < self._n_jobs:
                    job, process = waiting.popleft(), self._idle.pop() if self._idle else self._process()
                    running[process.submit(job)] = job, process
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    job, process = running.pop(done)
                    error = done.exception()
                    if isinstance(error, BrokenExecutor):
                        yield job, job.failed(LostJobError())
                        continue
                    self._idle.append(process)
                    # Someone has ended that job, and not this process.
                    yield job, job.failed(LostJobError()) if isinstance(error, SystemExit) else done.result()
        finally:
            if running:
                for child in active_children():
                    child.terminate()
                wait(running, END_SECONDS)
                for _, process in running.values():
                    process.shutdown(kill_workers=True)  # they would take seconds to forget what they have imported

    def _process(self) -> ProcessPoolExecutor:
        from joblib.externals.loky import ProcessPoolExecutor

        shared = {"OMP_NUM_THREADS": share_of_processors(self._n_jobs)}
        return ProcessPoolExecutor(1, env=shared, initializer=_begin, initargs=(os.getpid(),))


def _begin(parent: int) -> None:
    """In each new process: an end with the one that began it, which hears Ctrl-C for all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
