"""What a server has not taken yet: a folder a run, that outlives the process.

An entry holds a journal, a line for each operation from the run's beginning on, copies of the files that go with it,
and how far the server has taken it. All of a run stays there until the server has taken its end, so that a server that
was replaced by an empty one can be told everything again. Whoever records a run, or sends it later, holds the entry's
lock; the system lets go of it when the process ends, however it ends. What waits there is for its user alone.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from pathlib import Path

from sarcasm.addresses import without_password
from sarcasm.errors import BusyError, TrackingError
from sarcasm.files import lock
from sarcasm.tracking.failures import is_silence, one_line, tracking_errors
from sarcasm.tracking.operations import SPOOLED, Begin, End, Files, Operation, from_line, moved, to_line
from sarcasm.tracking.options import Tracking
from sarcasm.tracking.store import Store, open_store

KEY_TAG = "spool.key"
"""Tag of a run: the name of its entry, by which a run is found whose making was never answered."""
JOURNAL, STATE, ARTIFACTS, ASKED_FOR = "journal.jsonl", "state.json", "artifacts", "asked_for"

logger = logging.getLogger(__name__)


def root_of(project: Path) -> Path:
    """The folder of all entries."""
    return project / "outputs" / "spool"


def address(key: str) -> str:
    """What a run is called that the server has not numbered yet."""
    return f"{SPOOLED}{key}"


def run_id_of(store: Store, experiment: str, reference: str) -> str:
    """The id of a run by its id or its address in the spool; empty where the store has no such run."""
    return _find(store, experiment, reference.removeprefix(SPOOLED)) if reference.startswith(SPOOLED) else reference


@dataclass(frozen=True)
class Sent:
    """What came of sending an entry.

    Attributes:
        key: the entry's name.
        run_name: the run's.
        run_id: where it is recorded; empty where it is not.
        uri: the store that it was sent to, or was to be sent to; empty where that is not known.
        problem: why it could not be sent; empty where it was.
    """

    key: str
    run_name: str
    run_id: str
    uri: str
    problem: str = ""


class Entry:
    """One run's part of the spool.

    Attributes:
        key: the entry's name.
        folder: where it lies.
        uri: the store that it is meant for.
        begin: its first operation.
        run_id: the run's id, once the store has given it one.
    """

    def __init__(self, folder: Path) -> None:
        """Take the entry of a folder.

        Raises:
            BusyError: another process holds it.
            ValueError, KeyError, TypeError, OSError: there is no entry that can be read.
        """
        self.key, self.folder = folder.name, folder
        (folder / JOURNAL).stat()  # the lock would make the folder
        with suppress(OSError):  # one of an earlier version may be open to others, and hold a password
            folder.chmod(0o700)
        self._held = ExitStack()
        self._held.enter_context(lock(folder))
        try:
            _cut_unfinished(folder / JOURNAL)
            with (folder / JOURNAL).open(encoding="utf-8") as journal:
                self.uri = without_password(str(json.loads(journal.readline())["uri"]))
                self._first = journal.tell()
                begin = from_line(journal.readline())
            if not isinstance(begin, Begin):
                raise ValueError("it does not begin with the beginning")
        except BaseException:
            self._held.close()
            raise
        self.begin = begin
        self._sent, self.run_id = self._first, begin.run_id
        with suppress(OSError, ValueError):  # without it, everything is sent again
            state = json.loads((folder / STATE).read_text(encoding="utf-8"))
            self._sent, self.run_id = int(state["sent"]), str(state["run_id"])
        self._may_be_made = self._sent > self._first or (folder / STATE).exists()
        self._writing, self._delivering = threading.Lock(), threading.Lock()
        self._numbers = count(len(list((folder / ARTIFACTS).glob("*"))))

    @classmethod
    def new(cls, project: Path, uri: str, begin: Begin, operations: Sequence[Operation] = ()) -> Entry:
        """Begin an entry.

        Args:
            project: whose spool it belongs to.
            uri: the store that it is meant for.
            begin: the run's beginning.
            operations: what goes with it from the start.

        Raises:
            OSError: it cannot be written; nothing is left of it.
        """
        key = uuid.uuid4().hex
        folder = root_of(project) / key
        begin = replace(begin, tags={**begin.tags, KEY_TAG: key})
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700)
            (folder / JOURNAL).touch(mode=0o600)
            (folder / JOURNAL).write_text(json.dumps({"uri": uri}) + "\n" + to_line(begin), encoding="utf-8")
            entry = cls(folder)
            for operation in operations:
                entry.append(operation)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return entry

    def append(self, operation: Operation) -> None:
        """Keep an operation; of files, copies are kept.

        Raises:
            OSError: it cannot be written.
        """
        with self._writing:
            if isinstance(operation, Files):
                copies = self.folder / ARTIFACTS / str(next(self._numbers))
                shutil.copytree(operation.folder, copies)
                operation = Files(copies.name, operation.artifact_path)
            with (self.folder / JOURNAL).open("a", encoding="utf-8") as journal:
                journal.write(to_line(operation))

    @property
    def has_end(self) -> bool:
        """Whether the run's end stands in it."""
        return any(isinstance(operation, End) for _, operation in self._operations(self._first))

    def deliver(self, store: Store) -> None:
        """Tell the store what it has not been told yet, in order.

        Raises:
            TrackingError: it does not take it; what it took is known.
        """
        asked_for = self.folder / ASKED_FOR
        with self._delivering, tracking_errors(store.uri, "record a run"):
            if asked_for.exists():
                asked_for.unlink()
                if self.run_id and _is_unknown(store, self.run_id):
                    self._begin_anew(store)
            for may_begin_anew in (True, False):
                try:
                    self._deliver(store)
                    return
                except Exception as error:
                    has_run = self.run_id and may_begin_anew and not is_silence(error)
                    if not has_run or not _is_unknown(store, self.run_id):
                        raise
                self._begin_anew(store)

    def _begin_anew(self, store: Store) -> None:
        shown = without_password(store.uri)
        logger.warning("%s knows nothing of run %s any more; it is told everything again", shown, self.run_id)
        store.experiment_ids.clear()
        self._keep(self._first, "")

    def _deliver(self, store: Store) -> None:
        for end, operation in self._operations(self._sent):
            if isinstance(operation, Begin):
                self._keep(self._first, self.run_id or self._find(store) or self._make(store, operation))
                if operation.run_id == self.run_id:
                    operation.take_up(store.client)
            else:
                operation = moved(operation, self.folder / ARTIFACTS / getattr(operation, "folder", ""))
                operation.carry_out(store.client, self.run_id)
            self._keep(end, self.run_id)

    def close(self, is_done: bool) -> None:
        """Let go of it; what is done is removed."""
        if is_done:
            shutil.rmtree(self.folder, ignore_errors=True)
        self._held.close()

    def _find(self, store: Store) -> str:
        """The run whose making was asked for and maybe never answered."""
        if not self._may_be_made:
            # Noted before it is asked for: from now on an answer may get lost.
            self._may_be_made = True
            self._keep(self._sent, "")
            return ""
        return _find(store, self.begin.experiment, self.key)

    def _make(self, store: Store, begin: Begin) -> str:
        tags = dict(begin.tags)
        if begin.parent:
            tags["mlflow.parentRunId"] = self._parent(store, begin)
        experiment_id = store.experiment_id(begin.experiment)
        run = store.client.create_run(experiment_id, begin.started, tags, begin.run_name or None)
        return str(run.info.run_id)

    def _parent(self, store: Store, begin: Begin) -> str:
        if not begin.parent.startswith(SPOOLED):
            return begin.parent
        if found := run_id_of(store, begin.experiment, begin.parent):
            return found
        key = begin.parent.removeprefix(SPOOLED)
        with suppress(OSError):
            # Its own recorder would find out much later that a server knows nothing of it.
            (self.folder.parent / key / ASKED_FOR).touch()
        raise TrackingError(f"run {self.key} waits for the run that it is nested in, {key}, to be recorded")

    def _operations(self, start: int) -> Iterator[tuple[int, Begin | Operation]]:
        """Each whole line from a place on, and where it ends."""
        with (self.folder / JOURNAL).open("rb") as journal:
            journal.seek(start)
            # The last one may just be being written.
            while (line := journal.readline()).endswith(b"\n"):
                yield journal.tell(), from_line(line.decode())

    def _keep(self, sent: int, run_id: str) -> None:
        self._sent, self.run_id = sent, run_id
        aside = self.folder / f".{STATE}"
        aside.touch(mode=0o600)
        aside.write_text(json.dumps({"sent": sent, "run_id": run_id}), encoding="utf-8")
        aside.replace(self.folder / STATE)


def send(folder: Path, open_of: Callable[[str], Store]) -> Sent:
    """Send an entry that no living process records, and remove it once the store has taken all of it.

    Args:
        folder: the entry's.
        open_of: opens the store of an address; may raise TrackingError.
    """
    if not (folder / JOURNAL).is_file():
        return Sent(
            folder.name, "", "", "", f"no run waits in {folder}; name a folder of outputs/spool/, or none to send all"
        )
    try:
        entry = Entry(folder)
    except BusyError:
        return Sent(folder.name, "", "", "", "it is still being recorded")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Sent(
            folder.name, "", "", "", f"{folder} cannot be read ({one_line(str(error))}); remove it if it is of no use"
        )
    is_done, uri = False, ""
    try:
        if not entry.has_end:
            last = (folder / JOURNAL).stat().st_mtime_ns // 1_000_000
            entry.append(End("KILLED", last, "its process ended without a word; noticed when it was sent"))
        store = open_of(entry.uri)
        uri = store.uri
        entry.deliver(store)
        is_done = True
        return Sent(entry.key, entry.begin.run_name, entry.run_id, uri)
    except TrackingError as error:
        return Sent(entry.key, entry.begin.run_name, entry.run_id, uri, str(error))
    finally:
        entry.close(is_done)


def sync(options: Tracking, project: Path, folders: Sequence[Path] = ()) -> Iterator[Sent]:
    """Send what waits in the spool to the stores that it is meant for, or to the one that `options.uri` names.

    Args:
        options: where to, and how long to wait for a server.
        project: whose spool it is.
        folders: of single entries, wherever they lie; all of the project's where there are none.

    Yields:
        What came of each, in the order in which the runs began.
    """

    @cache
    def opened(uri: str) -> Store | TrackingError:
        try:
            return open_store(uri, project, options.timeout_seconds)
        except TrackingError as error:  # remembered, or each entry would wait for the same server
            return error

    def open_of(uri: str) -> Store:
        store = opened(options.uri or uri)
        if isinstance(store, TrackingError):
            raise store
        return store

    for folder in folders or waiting(project):
        yield send(folder, open_of)


def waiting(project: Path) -> list[Path]:
    """The folders of all entries, in the order in which their runs began."""
    return sorted((path.parent for path in root_of(project).glob(f"*/{JOURNAL}")), key=_began)


def _cut_unfinished(journal: Path) -> None:
    """Take off a last line that the end of a process cut short, or the next would be glued to it."""
    with journal.open("r+b") as file:
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)


def n_left(project: Path) -> int:
    """Entries that no process records or sends now."""
    n = 0
    for folder in waiting(project):
        with suppress(BusyError, OSError), lock(folder):
            n += 1
    return n


def _began(folder: Path) -> int:
    with suppress(OSError, ValueError, KeyError), (folder / JOURNAL).open(encoding="utf-8") as journal:
        journal.readline()
        return int(json.loads(journal.readline())["started"])
    return 0


def _find(store: Store, experiment: str, key: str) -> str:
    found = store.client.search_runs([store.experiment_id(experiment)], f"tags.`{KEY_TAG}` = '{key}'")
    return str(found[0].info.run_id) if found else ""


def _is_unknown(store: Store, run_id: str) -> bool:
    """Whether the store answers, and has no such run."""
    from mlflow.exceptions import MlflowException

    try:
        store.client.get_run(run_id)
    except MlflowException as error:
        return bool(error.error_code == "RESOURCE_DOES_NOT_EXIST")
    except OSError:
        return False
    return False
