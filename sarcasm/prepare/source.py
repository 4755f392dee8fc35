"""Where a file comes from, and how one knows that it is the right one."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from omegaconf import MISSING

from sarcasm import files
from sarcasm.addresses import without_password
from sarcasm.errors import ConfigError, SourceError
from sarcasm.options import option

HEXADECIMAL = {"sha256": 64, "md5": 32}
"""Digits of each hash."""


@option("source", "file")
@dataclass
class Source:
    """One file to be fetched.

    Attributes:
        name: what messages call it.
        url: http:// or https://, file://, or a path.
        bytes: its size; null where that is not known.
        sha256: its hash in hexadecimal digits; null where that is not known, and none is checked.
        md5: another hash that it was published with; null for none.
    """

    name: str = MISSING
    url: str | None = MISSING
    bytes: int | None = MISSING
    sha256: str | None = MISSING
    md5: str | None = MISSING

    def __post_init__(self) -> None:
        for kind, n_digits in HEXADECIMAL.items():
            value = getattr(self, kind)
            if value is not None and not re.fullmatch(f"[0-9a-fA-F]{{{n_digits}}}", value):
                raise ConfigError(
                    f"source.{self.name}.{kind}={value}: {n_digits} hexadecimal digits are needed, or null"
                )
            setattr(self, kind, value and value.lower())
        if self.url is None:
            return
        try:
            address = urlsplit(self.url)
            # A single letter is a drive, not a scheme.
            is_known = len(address.scheme) <= 1 or address.scheme in ("http", "https", "file")
        except ValueError:
            is_known = False
        shown = without_password(self.url)
        if not is_known or not self.url.strip():
            raise ConfigError(
                f"{self.option}={shown}: an address with http://, https:// or file://, or a path, is needed"
            )
        if address.scheme == "file" and (address.netloc not in ("", "localhost") or not address.path.startswith("/")):
            raise ConfigError(
                f"{self.option}={shown}: the whole path is needed after file://, as in file:///home/me/{self.name};"
                " or a path alone"
            )

    @property
    def option(self) -> str:
        """The option that names another place to take it from."""
        return f"source.{self.name}.url"

    @property
    def checks(self) -> list[str]:
        """Names of the options that say what the right file is like."""
        return [name for name in ("bytes", *HEXADECIMAL) if getattr(self, name) is not None]

    @property
    def has_hash(self) -> bool:
        """Whether a hash tells the right file from all others."""
        return any(getattr(self, kind) is not None for kind in HEXADECIMAL)

    @property
    def local(self) -> Path | None:
        """The file or folder on this machine, or None where it has to be fetched from another, or none is known."""
        if self.url is None:
            return None
        address = urlsplit(self.url)
        if address.scheme in ("http", "https"):
            return None
        if address.scheme == "file":
            return Path(os.fsdecode(unquote_to_bytes(address.path)))
        return Path(os.path.expanduser(self.url))  # noqa: PTH111  # that of Path fails for a user that does not exist

    def fault_of(self, path: Path, sha256_of: Callable[[Path], str] = files.sha256) -> str | None:
        """What is wrong with a file that should be this one, worded to follow its name; None where nothing is.

        Args:
            path: the file.
            sha256_of: how its SHA-256 is found; another hash is looked at only where that is not known.

        Raises:
            OSError: it cannot be read.
        """
        if fault := files.stand_in_at(path):
            return fault
        n_bytes = path.stat().st_size
        if self.bytes is not None and n_bytes != self.bytes:
            return f"has {n_bytes:,} bytes where {self.bytes:,} are expected"
        if self.sha256 is not None:
            kind, expected, found = "sha256", self.sha256, sha256_of(path)
        elif self.md5 is not None:
            with path.open("rb") as file:
                kind, expected, found = "md5", self.md5, hashlib.file_digest(file, "md5").hexdigest()
        else:
            return None
        return None if found == expected else f"has the {kind} {found} where {expected} is expected"

    def without_address(self) -> SourceError:
        """The error where no place is known to take it from."""
        return SourceError(
            f"{self.option}: there is no public address to fetch it from; name a file or folder of yours"
        )
