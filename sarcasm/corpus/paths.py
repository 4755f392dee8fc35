"""Where a file lies that a table or an option names, on a disk that may write its name in another way."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from sarcasm.files import once_a_version


def is_there(path: Path) -> bool:
    """Whether something lies at a path, as far as one may look."""
    try:
        return path.exists()
    except OSError as error:
        # In a folder that may not be searched: reading the file will say so.
        return isinstance(error, PermissionError)


def located(name: str, folder: Path) -> Path:
    """The path of what a table names.

    It is taken as it is written. Only where nothing lies there it is tried as other systems would have it: without
    white space at its ends, with slashes for backslashes, with the home folder for ~, and with its letters composed or
    decomposed (é is one character in most tables, and two in the names that macOS gives to files).

    Args:
        name: as the table has it, absolute or relative to the folder.
        folder: of the table.

    Returns:
        The path; as it is written, where nothing is found at all.
    """
    written = folder / name
    plain = name.strip().replace("\\", "/")
    at_home = os.path.expanduser(plain)  # noqa: PTH111  # Path.expanduser stops where there is no home
    for spelling in dict.fromkeys((name, name.strip(), plain, at_home)):
        path = folder / spelling
        if is_there(path):
            return path
        if not str(path).isascii() and (found := _in_another_form(path)):
            return found
    return written


def _in_another_form(path: Path) -> Path | None:
    """The one path that differs in the forms of its letters alone; None where there is not just one."""
    found = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        if is_there(found / part):
            found = found / part
            continue
        alike = _by_form(found).get(_form(part), [])
        if len(alike) != 1:
            return None
        found = found / alike[0]
    return found


def _form(name: str) -> str:
    return unicodedata.normalize("NFC", name)


@once_a_version
def _by_form(folder: Path) -> Mapping[str, list[str]]:
    """Composed name -> the names in a folder that are the same but for the forms of their letters."""
    names = defaultdict(list)
    # What cannot be looked through holds nothing that could be found.
    with suppress(OSError):
        for path in folder.iterdir():
            names[_form(path.name)].append(path.name)
    return names
