"""How much a server takes at a time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much is taken.

    Attributes:
        megabytes: of a file, in millions of bytes.
        seconds: of a clip.
        waiting: clips at once, that one included which is being heard; who comes then is asked to come again. As much
            memory is there for files on their way.
        uploads: files on their way at once; where there are more, the oldest gives way.
        upload_seconds: that sending a file may take.
    """

    megabytes: float
    seconds: float
    waiting: int = 4
    uploads: int = 32
    upload_seconds: float = 60.0

    @property
    def most_bytes(self) -> int:
        """Of a file."""
        return int(self.megabytes * 1e6)
