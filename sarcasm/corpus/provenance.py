"""What every file of a prepared folder went through: prepared.jsonl in that folder, one JSON object a clip.

`sarcasm prepare` writes it; training reads it to notice that a file was changed since. While a folder is being prepared
the manifest is a journal: a clip's record is appended before its file takes its place, so that a file without a record
was made by somebody else and is never overwritten. A later record of a clip replaces an earlier one. When all is done
the journal is written anew, sorted by id; nothing in it depends on when, in which order or on how many cores the clips
were made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sarcasm.errors import CorpusError
from sarcasm.files import atomic

MANIFEST = "prepared.jsonl"


@dataclass(frozen=True)
class Record:
    """What is known of one prepared clip.

    Attributes:
        id: of the utterance.
        file: name in the folder.
        sha256: hash of the file, 64 hexadecimal digits.
        sample_rate: in Hz.
        samples: how many, mono.
        seconds: their duration.
        peak: largest absolute sample; 1 is full scale.
        rms: root of the mean square of the samples.
        clipped: samples at full scale or beyond.
        source: what it was made of: "file", "sha256", and, from an archive, "member" and "crc32".
        tool: with what, and its version.
        parameters: how; a clip that was made with others is made anew.
        facts: what else the step found out, such as the duration that the container promised.
        warnings: what a person should know of the clip.
    """

    id: str
    file: str
    sha256: str
    sample_rate: int
    samples: int
    seconds: float
    peak: float
    rms: float
    clipped: int
    source: Mapping[str, Any]
    tool: str
    parameters: Mapping[str, Any]
    facts: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def read_records(folder: Path) -> dict[str, list[Record]]:
    """Id -> its records, oldest first; the last one holds. Empty where the folder has no manifest.

    Raises:
        CorpusError: the manifest cannot be read, or a line is none of ours; the message names it.
    """
    path = folder / MANIFEST
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise CorpusError(f"{path} cannot be read ({error.strerror}); mend that, or delete the file") from error
    found: dict[str, list[Record]] = {}
    # A process that was killed, or a full disk, may have left half a line at the end.
    *whole, _ = content.split(b"\n")
    for number, line in enumerate(whole, 1):
        if line.strip():
            record = _record(line, f"{path}, line {number}")
            found.setdefault(record.id, []).append(record)
    return found


def _record(line: bytes, where: str) -> Record:
    try:
        entry = json.loads(line)
        record = Record(**{**entry, "warnings": tuple(entry["warnings"])})
        if not all(isinstance(text, str) for text in (record.id, record.file, record.sha256)):
            raise TypeError("id, file and sha256 are texts")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CorpusError(
            f"{where}: not a record that sarcasm prepare wrote; delete the line, and the clip counts as your own"
        ) from error
    return record


class Journal:
    """The manifest of a folder while the folder is being prepared; used by one process at a time.

    Args:
        folder: the prepared folder, which must be there.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / MANIFEST
        self._records = read_records(folder)
        _drop_torn_line(self._path)

    def latest(self, id_: str) -> Record | None:
        """The record that holds, or None."""
        return self._records[id_][-1] if id_ in self._records else None

    def made_here(self, id_: str, sha256: str) -> bool:
        """Whether a file with this hash was once made for the clip."""
        return any(record.sha256 == sha256 for record in self._records.get(id_, []))

    def append(self, record: Record) -> None:
        """Add a record; it is on its way to the disk when this returns.

        Raises:
            OSError: it cannot be written.
        """
        with self._path.open("ab") as file:
            file.write(_line(record))
        self._records.setdefault(record.id, []).append(record)

    def close(self) -> None:
        """Write the manifest anew, sorted, with the latest record of each clip.

        Raises:
            OSError: it cannot be written; the journal stays as it is.
        """
        latest = [records[-1] for _, records in sorted(self._records.items())]
        content = b"".join(map(_line, latest))
        if content and content != self._path.read_bytes():
            with atomic(self._path) as file:
                file.write(content)
        self._records = {record.id: [record] for record in latest}


def _line(record: Record) -> bytes:
    return (json.dumps(asdict(record), ensure_ascii=False) + "\n").encode()


def _drop_torn_line(path: Path) -> None:
    if path.exists() and not (content := path.read_bytes()).endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
