"""Wait for a browser on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from contextlib import suppress

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from sarcasm.errors import ConfigError, SarcasmError

HOST = "127.0.0.1"
"""This machine alone: who reaches the port may ask, and there are no passwords. Others come by ssh -L."""
LAST_SECONDS = 3
"""That those who still send or read are given when it ends."""
MOST_HEAD_BYTES = 16_384
HEAD_SECONDS = 10.0
"""That a connection may take for the head of a request, from when one may begin; uvicorn itself waits for ever."""


class _Protocol(H11Protocol):
    """HTTP by h11, which is always there; with httptools, another would be taken, of other limits, where it is."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._stop_waiting()
        self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


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
            http=_Protocol, ws="none", loop="asyncio", h11_max_incomplete_event_size=MOST_HEAD_BYTES,
        )
    )  # fmt: skip
