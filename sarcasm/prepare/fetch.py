"""A source -> the file in its place, verified before it is called by its name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from sarcasm.addresses import without_password
from sarcasm.errors import SourceError
from sarcasm.files import atomic, part_of, set_aside, sha256
from sarcasm.prepare.download import Advance, begin_anew, download
from sarcasm.prepare.source import Source

WRONG_FILES = 3
"""Complete files that are not the right one, before it is given up: a faulty proxy may mend, another file will not."""


def fetch(
    source: Source,
    target: Path,
    advance: Advance,
    say: Callable[[str], None],
    verify: Callable[[Path], str | None] = lambda _: None,
    is_forced: bool = False,
) -> None:
    """Put a file into its place, whatever stands there; what nobody can fetch again is kept under another name.

    Args:
        source: where it comes from, and its hashes.
        target: its place.
        advance: is told how far it is.
        say: takes a line for the user.
        verify: what is wrong with a complete file that no hash vouches for, worded to follow its name.
        is_forced: whether the file may be another than the one that was fetched first.

    Raises:
        SourceError: it cannot be had, or is not the right file.
        OSError: it cannot be written.
    """
    if source.url is None:
        raise source.without_address()
    target.parent.mkdir(parents=True, exist_ok=True)
    known = noted_sha256(target)

    def fault_of(path: Path) -> str | None:
        found = source.fault_of(path) or (None if source.has_hash else verify(path))
        if not found and source.sha256 is None and not is_forced and known and sha256(path) != known:
            return f"differs from what was fetched first (sha256 {known}, in {_note(target).name}); --force takes it"
        return found

    if source.local is not None:
        part = _copy(source, source.local, target, advance, fault_of)
    else:
        part = _download(source, target, advance, say, fault_of)
    if source.sha256 is None:
        digest = sha256(part)
        note_sha256(target, digest)
        other = f", where {known} was fetched first" if known and known != digest else ""
        say(f"{target.name}: sha256 {digest}{other}; pin it with source.{source.name}.sha256={digest}")
    elif known:
        note_sha256(target, source.sha256)
    if target.is_dir() or (target.exists() and sha256(target) != sha256(part)):
        set_aside(target)
    part.replace(target)
    begin_anew(target)


def noted_sha256(target: Path) -> str | None:
    """The hash that a file without a published one had when it was fetched first, from NAME.sha256 beside it."""
    try:
        return _note(target).read_text(encoding="ascii").split()[0].lower()
    except (OSError, ValueError, IndexError):
        return None


def note_sha256(target: Path, digest: str) -> None:
    """Write down the hash of a file, in NAME.sha256 beside it.

    Raises:
        OSError: it cannot be written.
    """
    with atomic(_note(target)) as file:
        # The form of sha256sum, which can check it.
        file.write(f"{digest}  {target.name}\n".encode())


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.sha256")


def _copy(source: Source, local: Path, target: Path, advance: Advance, fault_of: Callable[[Path], str | None]) -> Path:
    part, remedy = part_of(target), f"name a file with {source.option}=FILE"
    try:
        if not local.is_file():
            kind = "a folder" if local.is_dir() else "not there, or no file"
            raise SourceError(f"{source.option}: {local} is {kind}; {remedy}")
        with local.open("rb") as file:
            n_bytes = file.seek(0, os.SEEK_END)
    except OSError as error:
        raise SourceError(f"{source.option}: {local} cannot be read ({error.strerror}); {remedy}") from error
    # Otherwise a download that was cut would be continued where the copy is cut.
    begin_anew(target)
    shutil.copyfile(local, part)
    advance(n_bytes, n_bytes)
    # The copy and not what it was made of, which may have been changed meanwhile.
    if fault := fault_of(part):
        begin_anew(target)
        raise SourceError(
            f"{source.option}: {local} {fault}; name another file with {source.option}=FILE, or, if this one is meant,"
            f" its hash with source.{source.name}.sha256=..."
        )
    return part


def _download(
    source: Source,
    target: Path,
    advance: Advance,
    say: Callable[[str], None],
    fault_of: Callable[[Path], str | None],
) -> Path:
    url = source.url or ""
    for n_tries in range(1, WRONG_FILES + 1):
        part = download(url, target, source.bytes, source.option, advance, say)
        fault = fault_of(part)
        if not fault:
            return part
        # Nothing of it may be continued.
        begin_anew(target)
        if n_tries < WRONG_FILES:
            say(f"{target.name}: what came {fault}; fetching it again")
    raise SourceError(
        f"{target.name}: {without_password(url)} was fetched {WRONG_FILES} times and {fault}; name another place with"
        f" {source.option}=URL_OR_FILE, or, if this one is meant, its hash with source.{source.name}.sha256=..."
    )
