"""Let SIGTERM and SIGHUP end a run as Ctrl-C does: by an exception, so that what is open is closed and what is gathered
is kept.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

ENDINGS = (signal.SIGTERM, signal.SIGHUP)


class Terminated(SystemExit):
    """The process was told to end by a signal; uncaught, it ends with status 128 + the signal's number, as shells
    count.

    Attributes:
        signal: which one.
    """

    def __init__(self, number: int) -> None:
        self.signal = signal.Signals(number)
        super().__init__(128 + number)

    def __str__(self) -> str:
        return f"stopped by {self.signal.name}"

    def __reduce__(self) -> tuple[type[Terminated], tuple[int]]:
        return Terminated, (self.signal,)  # a worker process hands it over to its parent


@contextmanager
def endings_raise() -> Iterator[None]:
    """Within the block, SIGTERM and SIGHUP raise `Terminated` in the main thread.

    A signal that is ignored stays so (`nohup` ignores SIGHUP), and a handler that someone else has set stays. Outside
    the main thread nothing changes, because Python sets handlers only there.
    """
    with _handlers({number: _terminate for number in ENDINGS if signal.getsignal(number) is signal.SIG_DFL}):
        yield


@contextmanager
def endings_wait() -> Iterator[None]:
    """Within the block, the same signals and Ctrl-C are ignored: it is short, and cut, it would lose what it saves."""
    held = (*ENDINGS, signal.SIGINT)
    with _handlers({number: signal.SIG_IGN for number in held if callable(signal.getsignal(number))}):
        yield


def _terminate(number: int, _: FrameType | None) -> NoReturn:
    raise Terminated(number)


@contextmanager
def _handlers(handlers: dict[signal.Signals, signal._HANDLER]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
