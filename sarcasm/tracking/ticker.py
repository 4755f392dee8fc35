"""Something done again and again beside a run, in a thread of its own: the run's steps wait for no store."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Ticker:
    """Calls a function every so many seconds, and sooner when it is woken."""

    def __init__(self, tick: Callable[[], None], seconds: float) -> None:
        """
        Args:
            tick: what is done; it raises nothing.
            seconds: between two calls.
        """
        self._tick, self._seconds = tick, seconds
        self._woken, self._is_over = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name="tracking", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Let it be done now."""
        self._woken.set()

    def stop(self) -> None:
        """Wait for what is being done, and do it no more."""
        self._is_over = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over:
            self._woken.wait(self._seconds)
            self._woken.clear()
            if not self._is_over:
                self._tick()
