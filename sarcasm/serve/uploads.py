"""Files on their way: each within its time and size, and so many at once; where that is too much, the oldest gives way.

Whoever sends slowly thus keeps nobody out: a browser on this machine has six connections and needs a moment for a file,
so the oldest of many is one that came to a stop.
"""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request

from sarcasm.serve.limits import Limits

DISCARDED_SHARE = 4
"""Times the limit, up to which a file that is too large is read away: only then does its sender read what is wrong."""
CLOSE = {"Connection": "close"}
"""Or the server would go on reading, and throwing away, what is still being sent."""


class Uploads:
    """Takes the bodies of requests; all of it is one thread, so that nobody else counts them.

    Args:
        limits: how much is taken.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._arriving: dict[asyncio.Timeout, int] = {}
        """Bytes that are here of each, the oldest first."""

    async def content(self, request: Request) -> bytes:
        """All bytes of a request's body, at least one.

        Raises:
            HTTPException: it is empty, too large, or too slow, or the server ends; worded for its sender.
            ClientDisconnect: nobody is there any more.
        """
        most = self._limits.most_bytes
        too_large = (
            f"the file is larger than {self._limits.megabytes:g} MB; cut it into parts, or start with more --max-mb"
        )
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > DISCARDED_SHARE * most:
            raise HTTPException(413, too_large, CLOSE)
        content, n_bytes = bytearray(), 0
        deadline = asyncio.timeout(self._limits.upload_seconds)
        try:
            async with deadline:
                try:
                    self._note(deadline, 0)
                    async for chunk in request.stream():
                        n_bytes += len(chunk)
                        if n_bytes > DISCARDED_SHARE * most:
                            raise HTTPException(413, too_large, CLOSE)
                        if n_bytes <= most:
                            content += chunk
                            self._note(deadline, n_bytes)
                finally:
                    gave_way = self._arriving.pop(deadline, None) is None
        except asyncio.CancelledError as error:
            # The server has been told to end, and has waited for those who still sent.
            raise HTTPException(503, "the server has ended; send it again when it is there", CLOSE) from error
        except TimeoutError as error:
            why = (
                "the file came slowly, and others were waiting"
                if gave_way
                else f"the file has not arrived within {self._limits.upload_seconds:g} s"
            )
            raise HTTPException(408, f"{why}; send it again", CLOSE) from error
        if n_bytes > most:
            raise HTTPException(413, too_large)
        if not content:
            raise HTTPException(400, "there is no clip in the request; send the bytes of a sound file as its body")
        return bytes(content)

    def _note(self, deadline: asyncio.Timeout, n_bytes: int) -> None:
        """Write down how much of a file is here, and end the oldest ones until there is room for all."""
        if n_bytes and deadline not in self._arriving:
            return  # it has given way, and is about to hear of it
        self._arriving[deadline] = n_bytes
        most_bytes = self._limits.waiting * self._limits.most_bytes
        while len(self._arriving) > self._limits.uploads or sum(self._arriving.values()) > most_bytes:
            oldest = next(iter(self._arriving))
            del self._arriving[oldest]
            oldest.reschedule(asyncio.get_running_loop().time())
