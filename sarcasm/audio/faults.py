"""What is wrong with a file, before anybody knows what it is called."""

from __future__ import annotations

AGAIN = "copy or extract it again"


class Fault(Exception):  # noqa: N818
    """What is wrong with a file, worded to follow its name."""


class UnknownFormat(Fault):
    """Neither libsndfile nor FFmpeg makes sound of it.

    Attributes:
        reason: what FFmpeg says, worded to follow "it".
    """

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason or text


class Unreadable(UnknownFormat):
    """FFmpeg cannot read it, whatever it begins as."""
