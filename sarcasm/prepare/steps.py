"""The steps from nothing to a folder that can be trained on, each skipped where its result is there and whole.

    fetch labels, fetch videos -> take out the sound -> free it from noise -> look at the result
    fetch VGGish

What there is to do is found out from the end: videos are fetched only if a clip is to be made of them, so an archive
may be deleted once its clips are there.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from sarcasm.corpus import Utterance
from sarcasm.corpus.dataset import listed, nearest
from sarcasm.corpus.provenance import Record, read_records
from sarcasm.errors import ConfigError, SourceError
from sarcasm.files import is_read_only, lock, once_a_version, remembered_sha256, sha256
from sarcasm.prepare.clips import ClipWork, DenoiseClip, ExtractClip, extract_parameters, make
from sarcasm.prepare.download import Advance, begin_anew, n_bytes_there
from sarcasm.prepare.fetch import fetch, note_sha256, noted_sha256
from sarcasm.prepare.folder import Filling, Look, look, path_of, settle, sweep
from sarcasm.prepare.options import Preparation
from sarcasm.prepare.recipes import ALL, CLIPS, DENOISED, ORIGINAL, WEIGHTS, Recipe
from sarcasm.prepare.source import Source
from sarcasm.prepare.videos import Video, archive_fault, find_videos
from sarcasm.workers import in_processes

SAMPLE_BYTES = 4
EXTRACT_SECONDS = 0.03
"""Of one core, for a clip of MUStARD; benchmarks/prepare.py."""
DENOISE_SECONDS, DENOISE_FACTOR = 0.3, 0.1
"""Of one core, for each clip and for each second of it; benchmarks/prepare.py."""
ROOM = 1.05
"""Of disk that is wanted beyond what will be written."""
ABORTED = "ended the process that worked on it"


class Show(Protocol):
    """How progress and notes reach a person."""

    def note(self, line: str) -> None:
        """Say something in a line."""

    def clips(self, title: str, n_clips: int) -> AbstractContextManager[Callable[[], None]]:
        """Show a step that goes through clips; what this gives is called after each."""

    def bytes(self, title: str) -> AbstractContextManager[Advance]:
        """Show a download; what this gives is told how far it is."""


@dataclass(frozen=True)
class Outlook:
    """What a step has to do.

    Attributes:
        title: what the step does.
        place: where its result is put.
        n_todo, n_all: how many files or clips are to be made, of how many.
        download_bytes: to be fetched.
        disk_bytes: to be written.
        seconds: how long it will take, roughly, without downloads.
        remark: what else a person should know, or "".
    """

    title: str
    place: Path
    n_todo: int
    n_all: int
    download_bytes: int = 0
    disk_bytes: int = 0
    seconds: float = 0
    remark: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of the clips of a folder.

    Attributes:
        folder: where they lie.
        n_all: how many were wanted.
        n_made: how many were made by this call.
        failed: id -> why it could not be made.
        warned: id -> what a person should know of the clip.
        seconds: id -> duration of those that are there and have a record.
        sarcastic: ids of the clips that are labelled so.
    """

    folder: Path
    n_all: int
    n_made: int
    failed: dict[str, str] = field(default_factory=dict)
    warned: dict[str, tuple[str, ...]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    sarcastic: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wish:
    """What a person asked for.

    Attributes:
        targets: of `recipes.TARGETS`, "all" resolved.
        preparation: how.
        only: ids of clips; empty for all.
        is_forced: whether clips that are there and whole are made again.
    """

    targets: tuple[str, ...]
    preparation: Preparation
    only: tuple[str, ...] = ()
    is_forced: bool = False


def resolve(words: Sequence[str]) -> tuple[str, ...]:
    """Targets by name, with "all" spelt out, each once and in a sensible order."""
    wanted = {target for word in words for target in (ALL if word == "all" else (word,))}
    return tuple(target for target in dict.fromkeys((*ALL, *CLIPS)) if target in wanted)


class Weights:
    """VGGish's files."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._folder = Path(wish.preparation.models_dir)

    def outlooks(self) -> Iterator[Outlook]:
        """What is to be fetched.

        Raises:
            SourceError: a file is there that is not the right one.
        """
        for source, target in self._files():
            todo = is_wanted(source, target, self._wish.is_forced)
            n_bytes = _n_missing(source, target, source.bytes or 0) if todo else 0
            yield Outlook(f"fetch {target.name}", target.parent, int(todo), 1, _n_fetched(source, n_bytes), n_bytes)

    def run(self, show: Show) -> None:
        """Fetch what is missing.

        Raises:
            SourceError: a file cannot be had, or is not the right one.
            BusyError: another process is at it.
        """
        if is_read_only(self._folder) and not any(outlook.n_todo for outlook in self.outlooks()):
            return
        with lock(self._folder):
            for source, target in self._files():
                fetch_if_wanted(source, target, self._wish.is_forced, show)

    def _files(self) -> Iterator[tuple[Source, Path]]:
        for name, file in WEIGHTS.items():
            yield self._wish.preparation.source[name], self._folder / file


class Clips:
    """The clips of a corpus."""

    def __init__(self, wish: Wish, recipe: Recipe, folders: frozenset[str]) -> None:
        self._wish, self._recipe, self._folders = wish, recipe, folders
        self._root = Path(wish.preparation.data_dir) / recipe.name
        self._labels = self._root / recipe.labels[0]
        self._labels_source = wish.preparation.source[recipe.labels[1]]
        self._archive = self._root / recipe.videos[0]
        self._videos_source = wish.preparation.source[recipe.videos[1]]
        self._seconds_a_clip = recipe.seconds / recipe.n_clips

    def outlooks(self) -> Iterator[Outlook]:
        """What is to be fetched and made.

        Raises:
            SarcasmError: something is there that is not the right one, or a wanted clip does not exist.
        """
        todo = is_wanted(self._labels_source, self._labels, self._wish.is_forced)
        n_bytes = _n_missing(self._labels_source, self._labels, self._labels_source.bytes or 0) if todo else 0
        yield Outlook(
            "fetch labels", self._labels.parent, int(todo), 1, _n_fetched(self._labels_source, n_bytes), n_bytes
        )
        if todo:
            # Who is in there is not known before; the published corpus is a good guess.
            ids = list(self._wish.only) or [f"?{number}" for number in range(self._recipe.n_clips)]
        else:
            ids = [each.id for each in self._utterances]
        cleaned = self._look_denoised(ids) if DENOISED in self._folders else None
        originals = self._look_original(ids, cleaned)
        source = self._videos_source
        are_wanted = bool(originals.todo or self._wideband(cleaned))
        if are_wanted and source.local is not None and not source.local.exists():
            raise SourceError(f"{source.option}: {source.local} is not there; name a zip archive or a folder of videos")
        todo = are_wanted and self._is_archive_wanted
        n_bytes = _n_missing(source, self._archive, source.bytes or self._recipe.archive_bytes) if todo else 0
        if source.local is None:
            yield Outlook("fetch videos", self._archive.parent, int(todo), 1, n_bytes, n_bytes)
        yield self._clips_outlook("take out sound", ORIGINAL, originals, len(ids), EXTRACT_SECONDS)
        if cleaned is not None:
            each = DENOISE_SECONDS + DENOISE_FACTOR * self._seconds_a_clip
            yield self._clips_outlook("free from noise", DENOISED, cleaned, len(ids), each)

    def run(self, show: Show) -> Iterator[Outcome]:
        """Fetch and make what is missing.

        Yields:
            What became of each folder that was asked for.

        Raises:
            SarcasmError: something cannot be had, or another process is at it; a clip that cannot be made is in the
                outcome instead.
        """
        if is_read_only(self._root) and not any(outlook.n_todo for outlook in self.outlooks()):
            ids = [each.id for each in self._utterances]
            yield from (self._outcome(name, ids, 0, {}) for name in (ORIGINAL, DENOISED) if name in self._folders)
            return
        with lock(self._root):
            yield from self._run(show)

    def _run(self, show: Show) -> Iterator[Outcome]:
        fetch_if_wanted(self._labels_source, self._labels, self._wish.is_forced, show)
        ids = [each.id for each in self._utterances]
        cleaned = self._look_denoised(ids) if DENOISED in self._folders else None
        originals = self._look_original(ids, cleaned)
        failed: dict[str, str] = {}
        if originals.todo:
            failed = self._make_originals(originals, show)
        settle(self._root / ORIGINAL)
        if ORIGINAL in self._folders:
            yield self._outcome(ORIGINAL, ids, len(originals.todo) - len(failed), failed)
        if cleaned is None:
            return
        # Looked at again, since originals may have changed, and clips with them.
        cleaned = self._look_denoised(ids)
        missing = {id_: failed[id_] for id_ in cleaned.todo if id_ in failed}
        wideband = self._wideband(cleaned) - missing.keys()
        videos = self._videos(wideband, show) if wideband else {}
        missing |= dict.fromkeys(wideband - videos.keys(), f"has no video in {self._videos_place}")
        denoiser, speechnorm = self._wish.preparation.denoise, self._wish.preparation.extract.speechnorm
        folder = self._root / DENOISED
        works: list[ClipWork] = [
            DenoiseClip(id_, path_of(folder, id_), self._original(id_), videos.get(id_), speechnorm, denoiser)
            for id_ in cleaned.todo
            if id_ not in missing
        ]
        n_todo = len(works)
        if works:
            missing |= self._make(folder, "free from noise", works, show)
        settle(folder)
        yield self._outcome(DENOISED, ids, n_todo - len(missing.keys() & {work.id for work in works}), missing)

    @cached_property
    def _utterances(self) -> list[Utterance]:
        """Those that are wanted, sorted by id."""
        known = {each.id: each for each in self._recipe.read_labels(self._labels)}
        for id_ in self._wish.only:
            if id_ not in known:
                near = nearest(id_, known)
                raise ConfigError(f"--only: {self._labels} has no {id_!r}{f'; did you mean {near}?' if near else ''}")
        return [known[id_] for id_ in sorted(set(self._wish.only) or known)]

    @property
    def _videos_place(self) -> Path:
        return self._videos_source.local or self._archive

    @property
    def _is_archive_wanted(self) -> bool:
        """Whether the archive has to be fetched before a clip can be made."""
        return self._videos_source.local is None and is_wanted(
            self._videos_source, self._archive, self._wish.is_forced, self._remembered_fault
        )

    @cached_property
    def _remembered_fault(self) -> Callable[[Path], str | None]:
        return once_a_version(self._archive_fault)

    def _archive_fault(self, path: Path) -> str | None:
        return archive_fault(path, self._recipe.folder, self._recipe.video)

    def _original(self, id_: str) -> Path:
        return path_of(self._root / ORIGINAL, id_)

    def _look_original(self, ids: Sequence[str], cleaned: Look | None) -> Look:
        """Of the originals that are asked for, or that a clip is to be made of."""
        if ORIGINAL not in self._folders and cleaned is not None:
            ids = cleaned.todo
        videos = self._videos_there(ids)

        def is_current(record: Record) -> bool:
            return self._is_original_current(record, videos)

        is_forced = self._wish.is_forced and ORIGINAL in self._folders
        return look(self._root / ORIGINAL, ids, is_current, is_forced)

    def _is_original_current(self, record: Record, videos: Mapping[str, Video]) -> bool:
        return record.parameters == extract_parameters(self._wish.preparation.extract) and _is_same(
            record, videos.get(record.id), self._original(record.id)
        )

    def _look_denoised(self, ids: Sequence[str]) -> Look:
        parameters = dict(self._wish.preparation.denoise.parameters)
        originals = {id_: records[-1] for id_, records in read_records(self._root / ORIGINAL).items()}
        videos: dict[str, Video] = {}
        # What is wrong with an archive matters once a clip is to be made of it.
        with suppress(SourceError):
            videos = self._videos_there(ids)

        def is_current(record: Record) -> bool:
            if record.parameters != parameters:
                return False
            original = originals.get(record.id)
            if original is not None:
                return original.sha256 == record.source.get("sha256") and self._is_original_current(original, videos)
            own = self._original(record.id)
            return not own.is_file() or sha256(own) == record.source.get("sha256")

        return look(self._root / DENOISED, ids, is_current, self._wish.is_forced)

    def _videos_there(self, ids: Collection[str]) -> dict[str, Video]:
        """The videos as far as they are at hand; none where the archive is still to be fetched, or was deleted."""
        place = self._videos_place
        if not ids or not place.exists() or (self._wish.is_forced and self._is_archive_wanted):
            return {}
        return find_videos(place, self._recipe.folder, self._recipe.video, ids, self._videos_source.option)

    def _wideband(self, cleaned: Look | None) -> set[str]:
        """Ids of clips to be denoised that are heard from the video, not from the original, as far as is known now."""
        if cleaned is None or not self._wish.preparation.denoise.is_wideband:
            return set()
        made_here = read_records(self._root / ORIGINAL)
        return {id_ for id_ in cleaned.todo if id_ in made_here or not self._original(id_).is_file()}

    def _videos(self, ids: Collection[str], show: Show) -> dict[str, Video]:
        """The videos, fetched if need be.

        Raises:
            SourceError: they cannot be had, are not the right ones, or none is among them.
        """
        source = self._videos_source
        if source.local is None:
            fetch_if_wanted(source, self._archive, self._wish.is_forced, show, self._archive_fault)
        videos = find_videos(self._videos_place, self._recipe.folder, self._recipe.video, ids, source.option)
        if not videos:
            name = self._recipe.video.format(id=min(ids))
            raise SourceError(
                f"{source.option}: {self._videos_place} has none of the {len(ids)} videos that are wanted, such as"
                f" {self._recipe.folder}/{name}; name another with {source.option}=FILE_OR_FOLDER"
            )
        self._refuse_wrong_archive()
        return videos

    def _make_originals(self, originals: Look, show: Show) -> dict[str, str]:
        videos = self._videos(originals.todo, show)
        missing = {id_: f"has no video in {self._videos_place}" for id_ in originals.todo if id_ not in videos}
        # Of what is read, whatever was noted of it; a folder has none.
        digest = None if self._videos_place.is_dir() else remembered_sha256(self._videos_place)
        folder, extract = self._root / ORIGINAL, self._wish.preparation.extract
        works: list[ClipWork] = [
            ExtractClip(id_, path_of(folder, id_), video, digest, extract) for id_, video in videos.items()
        ]
        return missing | self._make(folder, "take out sound", works, show)

    def _refuse_wrong_archive(self) -> None:
        """Stop before a clip is made of an archive that is not the right one, or was changed since it was fetched.

        Raises:
            SourceError: it is such an archive.
        """
        source, place = self._videos_source, self._videos_place
        if place.is_dir():
            return
        if source.local is not None:
            if fault := source.fault_of(place, remembered_sha256):
                raise SourceError(f"{source.option}: {place} {fault}; name another with {source.option}=FILE_OR_FOLDER")
            return
        noted = None if source.has_hash else noted_sha256(place)
        if noted is not None and (found := remembered_sha256(place)) != noted:
            raise SourceError(
                f"{place} has the sha256 {found}, and had {noted} when it was fetched; fetch it anew with --force,"
                f" which keeps this one as {place.name}.kept, or, if this one is meant, take it with"
                f" source.{source.name}.sha256={found}"
            )

    def _make(self, folder: Path, title: str, works: Sequence[ClipWork], show: Show) -> dict[str, str]:
        """Make clips; id -> reason of those where that failed."""
        failed: dict[str, str] = {}
        filling = Filling(folder)
        try:
            with show.clips(title, len(works)) as advance:
                for work, made in in_processes(make, works, self._wish.preparation.n_workers):
                    if isinstance(made, Record):
                        _put(filling, made, show)
                    else:
                        failed[work.id] = made or ABORTED
                    advance()
        finally:
            sweep(folder)
        return failed

    def _clips_outlook(self, title: str, name: str, found: Look, n_all: int, seconds: float) -> Outlook:
        rate = self._wish.preparation.extract.sample_rate
        n_bytes = int(len(found.todo) * self._seconds_a_clip * rate * SAMPLE_BYTES)
        remarks = []
        if found.own:
            remarks.append(f"{len(found.own)} clips of your own are used as they are")
        if found.changed:
            remarks.append(f"{listed(found.changed)} changed since made: remade, the changed file is kept as .kept")
        n_workers = self._wish.preparation.n_workers
        return Outlook(
            title,
            self._root / name,
            len(found.todo),
            n_all,
            0,
            n_bytes,
            len(found.todo) * seconds / n_workers,
            "; ".join(remarks),
        )

    def _outcome(self, name: str, ids: Sequence[str], n_made: int, failed: dict[str, str]) -> Outcome:
        folder = self._root / name
        records = {id_: records[-1] for id_, records in read_records(folder).items()}
        there = [records[id_] for id_ in ids if id_ in records and id_ not in failed]
        return Outcome(
            folder,
            len(ids),
            n_made,
            failed,
            {record.id: record.warnings for record in there if record.warnings},
            {record.id: record.seconds for record in there},
            frozenset(each.id for each in self._utterances if each.is_sarcastic),
        )


def steps(wish: Wish) -> list[Weights | Clips]:
    """What a wish comes to, in order; nothing is looked at yet."""
    found: list[Weights | Clips] = [Weights(wish)] if "vggish" in wish.targets else []
    wanted = [CLIPS[target] for target in wish.targets if target in CLIPS]
    for name in dict.fromkeys(recipe.name for recipe, _ in wanted):
        recipe = next(recipe for recipe, _ in wanted if recipe.name == name)
        found.append(Clips(wish, recipe, frozenset(folder for each, folder in wanted if each is recipe)))
    return found


def refuse_too_little_room(outlooks: Iterable[Outlook]) -> None:
    """Stop before anything is begun that the disk has no room for.

    Raises:
        SourceError: there is too little; the message says how much is wanted.
    """
    wanted: dict[int, tuple[Path, int]] = {}
    for outlook in outlooks:
        place = next(folder for folder in (outlook.place, *outlook.place.parents) if folder.exists())
        device = place.stat().st_dev
        wanted[device] = (place, wanted.get(device, (place, 0))[1] + outlook.disk_bytes)
    for place, n_bytes in wanted.values():
        free = shutil.disk_usage(place).free
        if n_bytes * ROOM > free:
            raise SourceError(
                f"{place}: {n_bytes / 1e9:.2f} GB are needed there and {free / 1e9:.2f} GB are free; free some, or name"
                " another place with data_dir=DIR and models_dir=DIR"
            )


def is_wanted(
    source: Source, target: Path, is_forced: bool, verify: Callable[[Path], str | None] = lambda _: None
) -> bool:
    """Whether a file has to be fetched.

    Args:
        source: where it comes from, and its hashes.
        target: its place.
        is_forced: whether it is fetched anew where it is not the right one, or damaged.
        verify: see `fetch`.

    Raises:
        SourceError: a file is there that is not the right one, and it may not be replaced; or one has to be fetched,
            and nobody knows where from.
    """
    is_right = target.exists() and _is_right(source, target, is_forced, verify)
    if not is_right and source.url is None:
        raise source.without_address()
    return not is_right


def _is_right(source: Source, target: Path, is_forced: bool, verify: Callable[[Path], str | None]) -> bool:
    fault = source.fault_of(target, remembered_sha256)
    if fault and not is_forced:
        checks = " ".join(f"source.{source.name}.{check}=null" for check in source.checks)
        raise SourceError(
            f"{target} {fault}; fetch it anew with --force, which keeps this one as {target.name}.kept, or, if this one"
            f" is meant, take it as it is with {checks}"
        )
    if fault or source.has_hash or not is_forced:
        return not fault
    return noted_sha256(target) in (None, remembered_sha256(target)) and verify(target) is None


def fetch_if_wanted(
    source: Source, target: Path, is_forced: bool, show: Show, verify: Callable[[Path], str | None] = lambda _: None
) -> None:
    """Fetch a file that is not there, or not the right one, and show how far it is.

    Raises:
        SourceError: see `is_wanted` and `fetch`.
    """
    if is_wanted(source, target, is_forced, verify):
        with show.bytes(target.name) as advance:
            fetch(source, target, advance, show.note, verify, is_forced)
    else:
        # What a process left that was killed just after the last step.
        begin_anew(target)
        if source.sha256 is not None and noted_sha256(target) not in (None, source.sha256):
            note_sha256(target, source.sha256)


def _n_missing(source: Source, target: Path, n_bytes: int) -> int:
    """How many bytes of a file are not there yet: a download that was cut is continued."""
    return max(0, n_bytes - n_bytes_there(source.url or "", target))


def _n_fetched(source: Source, n_bytes: int) -> int:
    return n_bytes if source.local is None else 0


def _put(filling: Filling, record: Record, show: Show) -> None:
    if kept := filling.put(record):
        show.note(f"{record.file} was changed since it was made, or not made here; it is kept as {kept.name}")


def _is_same(record: Record, video: Video | None, clip: Path) -> bool:
    """Whether a clip was made of this video, as far as can be told without reading it whole."""
    if video is None:
        return True
    if any(record.source.get(name) != value for name, value in video.identity.items()):
        return False
    if video.member or (clip.exists() and video.container.stat().st_mtime_ns <= clip.stat().st_mtime_ns):
        return True
    return sha256(video.container) == record.source.get("sha256")
