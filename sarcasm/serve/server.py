"""Wait for a browser on this machine, until Ctrl-C."""

from __future__ import annotations

import errno
import logging
import socket
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from sarcasm.errors import ConfigError, SarcasmError

HOST = "127.0.0.1"
"""This machine alone: who reaches the port may ask, and there are no passwords. Others come by ssh -L."""
LAST_SECONDS = 3
"""That those who still send or read are given when it ends."""


def listen(port: int) -> socket.socket:
    """Take a port of this machine, before anything that takes long.

    Args:
        port: which; 0 takes any that is free.

    Raises:
        ConfigError: there is no such port.
        SarcasmError: it is taken, or only root may have it.
    """
    if not 0 <= port < 2**16:
        raise ConfigError(f"--port {port}: a number from 0 to 65535 is needed")
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            cause = "is taken by another program, another sarcasm serve say"
        else:
            cause = f"cannot be had ({error.strerror})"
        raise SarcasmError(
            f"port {port} {cause}; name another with --port N, or any that is free with --port 0"
        ) from error


def address(listening: socket.socket) -> str:
    """Where a browser finds it."""
    return f"http://{HOST}:{listening.getsockname()[1]}"


def serve(application: ASGIApp, listening: socket.socket, *, is_verbose: bool) -> None:
    """Answer until Ctrl-C, which is how it ends and no failure, or another signal.

    Args:
        application: what answers.
        listening: see `listen`.
        is_verbose: whether every request is told on stderr.
    """
    # It has then said goodbye to those who were still asking.
    with suppress(KeyboardInterrupt):
        server(application, is_verbose=is_verbose).run([listening])


def server(application: ASGIApp, *, is_verbose: bool) -> uvicorn.Server:
    """What `serve` runs."""
    if is_verbose:
        logging.basicConfig(format="%(asctime)s %(message)s")
    return uvicorn.Server(
        uvicorn.Config(
            application, lifespan="on", log_config=None, log_level="info" if is_verbose else "error",
            access_log=is_verbose, server_header=False, proxy_headers=False, timeout_graceful_shutdown=LAST_SECONDS,
            h11_max_incomplete_event_size=16_384,
        )
    )  # fmt: skip
