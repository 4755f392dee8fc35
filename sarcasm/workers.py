"""The same work on many clips, in processes that may die.

Processes, because a library in C may end the one that calls it. The work in hand of one that died is done again, each
piece alone, so that the one piece at fault is told from its neighbours.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import connection, get_context, parent_process
from typing import TypeVar

AHEAD = 2
"""Pieces handed out for each process, so that none waits for its next."""
Piece = TypeVar("Piece")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], n_processes: int
) -> Iterator[tuple[Piece, Result | None]]:
    """Do a piece of work after another, several at a time, in whatever order they are done.

    Args:
        work: a function of a module.
        pieces: its arguments.
        n_processes: how many at a time.

    Yields:
        Each piece and its result, which is None where the process that worked on it died.
    """
    waiting = deque(pieces)
    while waiting:
        suspects: list[Piece] = []
        yield from _in_pool(work, waiting, min(n_processes, len(waiting)), suspects)
        for piece in suspects:
            again: list[Piece] = []
            yield from _in_pool(work, deque([piece]), 1, again)
            for culprit in again:
                yield culprit, None


def _in_pool(
    work: Callable[[Piece], Result], waiting: deque[Piece], n_processes: int, suspects: list[Piece]
) -> Iterator[tuple[Piece, Result]]:
    """Work until all is done, or a process died: what was in hand then is put into `suspects`."""
    running: dict[Future[Result], Piece] = {}
    # Forked, a process would inherit threads and locks in whatever state they are.
    pool = ProcessPoolExecutor(n_processes, mp_context=get_context("spawn"), initializer=_begin)
    try:
        while (waiting and not suspects) or running:
            while waiting and not suspects and len(running) < AHEAD * n_processes:
                piece = waiting.popleft()
                try:
                    running[pool.submit(work, piece)] = piece
                except BrokenProcessPool:
                    suspects.append(piece)
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                piece = running.pop(future)
                try:
                    result = future.result()
                except BrokenProcessPool:
                    suspects.append(piece)
                else:
                    yield piece, result
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In each new process: one thread for each library, and an end with the process that began it."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
    # Ctrl-C reaches all processes of a terminal; the first one tells the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
