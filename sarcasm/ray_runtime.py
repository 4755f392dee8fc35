"""Ray, without a word to its makers, and with the token that its clusters ask for."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from types import ModuleType

ANSWER_SECONDS = 10.0


def load_ray(*, begins: bool = False) -> ModuleType:
    """Import Ray.

    Args:
        begins: whether a cluster is to be begun here. Ray listens on every address of the machine, whichever it is
            given, so that who connects to it is to be asked for a token.

    Returns:
        The module `ray`.

    Raises:
        ImportError: it is not installed.
    """
    # Before it is imported: that is when it reads them.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if begins or (Path.home() / ".ray" / "auth_token").exists():
        # Where there is a token, `ray start` asks for it; but who is given an address does not show it unasked.
        # https://docs.ray.io/en/latest/ray-security/token-auth.html
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray

    return ray


def join(address: str) -> None:
    """Connect to a cluster.

    Args:
        address: HOST:PORT, or ray://HOST:PORT.

    Raises:
        OSError, RuntimeError, ValueError: nobody answers there, or not as Ray does.
    """
    host, _, port = address.removeprefix("ray://").rpartition(":")
    # Ray ends the whole process where nobody answers.
    socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    load_ray().init(address, logging_level=logging.ERROR, log_to_driver=False)
