"""Something done again and again beside a run, in a thread of its own: the run's steps wait for no store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Ticker:
    """Calls a function every so many seconds, and sooner when it is woken."""

    def __init__(self, tick: Callable[[], None], seconds: float) -> None:
        """
        Args:
            tick: what is done; an error of it is warned of once, and it is done again all the same.
            seconds: between two calls.
        """
        self._tick, self._seconds = tick, seconds
        self._woken, self._is_over, self._has_failed = threading.Event(), False, False
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
            if self._is_over:
                return
            try:
                self._tick()
            except Exception as error:  # without the thread, nothing more would be sent before the end
                if not self._has_failed:
                    logger.warning("what is recorded is not sent for now (%s: %s)", type(error).__name__, error)
                self._has_failed = True
