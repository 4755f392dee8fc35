"""The options of the store."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from sarcasm.errors import ConfigError
from sarcasm.files import irregular
from sarcasm.options import option
from sarcasm.store.store import Store


@option("store", "file")
@dataclass
class Keeping:
    """Whether and where embeddings are kept.

    Attributes:
        enabled: whether they are kept from run to run.
        path: the file; made on first use.
    """

    enabled: bool = MISSING
    path: str | None = MISSING

    def __post_init__(self) -> None:
        if self.enabled and not self.path:
            raise ConfigError("store.enabled=true needs store.path=FILE; choose store=on")

    def open(self) -> Store:
        """Open the store; where it cannot be used, a warning says so, and nothing is kept.

        Raises:
            ConfigError: what is there can never be one: a folder, a pipe, a socket or a device.
        """
        if self.enabled and self.path and (fault := irregular(Path(self.path))):
            raise ConfigError(
                f"store.path: {self.path} {fault}; name another with store.path=FILE, or choose store=off"
            )
        return Store(Path(self.path) if self.enabled and self.path else None)
