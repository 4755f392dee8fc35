"""MUStARD (Castro et al. 2019, ACL, https://github.com/soujanyaporia/MUStARD), and any folder of its shape.

The labels are one JSON object: id -> {utterance, speaker, context, context_speakers, show, sarcasm}. The clips are
files of one folder, each named after its id with an extension of a format that libsndfile reads.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from sarcasm.advice import how_to_prepare
from sarcasm.corpus import tables
from sarcasm.corpus.dataset import (
    Dataset,
    bad_id,
    listed,
    nearest,
    read_json,
    read_text,
    refuse_one_class,
    shown,
)
from sarcasm.corpus.paths import located
from sarcasm.corpus.utterance import Corpus, Utterance, normalized
from sarcasm.errors import CorpusError
from sarcasm.options import option

TEXTS = {"text": "utterance", "speaker": "speaker", "show": "show"}
"""What we call a field -> what the file calls it."""
LISTS = ("context", "context_speakers")
LABEL = "sarcasm"
OTHER_EXTENSIONS = frozenset({".aif", ".aifc", ".bwf", ".oga", ".opus", ".sf", ".snd", ".sph", ".wave"})
"""Of formats that libsndfile lists under another name."""
VIDEO_EXTENSIONS = frozenset({".mp4", ".mkv", ".mov", ".webm", ".avi", ".aac", ".m4a"})
"""Of files that hold sound which libsndfile does not read; MUStARD's own clips are .mp4."""
WHERE_LABELS = "https://github.com/soujanyaporia/MUStARD, data/sarcasm_data.json"


@option("dataset", "mustard")
@dataclass
class Mustard(Dataset):
    """Labels in MUStARD's JSON and a folder of clips.

    Attributes:
        audio_dir: the folder of clips, KEY.wav or another format; hidden files are ignored.
        labels: the JSON file.
    """

    audio_dir: str = MISSING
    labels: str = MISSING

    @property
    def source(self) -> str:
        """See `Dataset.source`."""
        return self.labels

    def labelled(self) -> list[Utterance]:
        """All that the labels name; the paths of the utterances are still to be filled in.

        Raises:
            CorpusError: the labels cannot be used as they are.
        """
        return read_labels(located(self.labels, Path()))

    def read(self) -> Corpus:
        """See `Dataset.read`."""
        labels, folder = (located(each, Path()) for each in (self.labels, self.audio_dir))
        if (how := how_to_prepare(labels)) and not labels.exists():
            # The command that makes the clips brings the labels along.
            raise CorpusError(
                f"dataset.labels: {labels} is not there; {how_to_prepare(folder) or how}, or name another file with"
                " dataset.labels=FILE"
            )
        labelled = self.labelled()
        clips, videos = _find_clips(folder)
        known = {utterance.id for utterance in labelled}
        for id_ in sorted(known & clips.keys()):
            if len(clips[id_]) > 1:
                files = listed(map(str, clips[id_]))
                raise CorpusError(f"dataset.audio_dir: clip {id_} has {len(clips[id_])} files, {files}; keep one")

        selected = self.selected(labelled, labels)
        utterances = [replace(each, path=clips[each.id][0]) for each in selected if each.id in clips]
        missing = [each.id for each in selected if each.id not in clips]
        unlabelled = sorted(path.name for id_ in clips.keys() - known for path in clips[id_])
        if not utterances:
            raise CorpusError(
                f"dataset.audio_dir: {folder} has no clip for any of the {len(selected)} labels in {labels}:"
                f" {listed(missing)}; {how_to_prepare(folder) or _advice(missing, videos)}"
            )
        self.refuse_missing(
            missing, len(selected), f"labels in {labels} have no clip in {folder}", how_to_prepare(folder)
        )
        n_files = sum(map(len, clips.values()))
        self.refuse_missing(unlabelled, n_files, f"clips in {folder} have no label in {labels}")
        refuse_one_class(utterances, labels)
        return Corpus(tuple(utterances), tuple(missing), tuple(unlabelled))


def _advice(missing: Sequence[str], videos: Counter[str]) -> str:
    if not videos:
        return "name the folder that holds them with dataset.audio_dir=DIR"
    extension, count = videos.most_common(1)[0]
    return (
        f"there are {count} {extension} files, whose sound must be extracted first, such as by"
        f" ffmpeg -i {missing[0]}{extension} -vn {missing[0]}.wav"
    )


def _find_clips(folder: Path) -> tuple[Mapping[str, list[Path]], Counter[str]]:
    """Id -> its files, sorted; and how many files there are of formats that hold sound but cannot be read."""
    known = _audio_extensions()
    clips, others = defaultdict(list), Counter[str]()
    try:
        for path in sorted(folder.iterdir()):
            extension = path.suffix.lower()
            # macOS leaves ._KEY.wav beside KEY.wav on disks of other systems.
            if path.name.startswith(".") or not path.is_file():
                continue
            if extension in known:
                clips[normalized(path.stem)].append(path)
            elif extension in VIDEO_EXTENSIONS:
                others[extension] += 1
    except FileNotFoundError:
        how = how_to_prepare(folder) or "put the clips there, each named after its label (2_97.wav)"
        raise CorpusError(
            f"dataset.audio_dir: {folder} is not there; {how}, or name another folder with dataset.audio_dir=DIR"
        ) from None
    except NotADirectoryError:
        raise CorpusError(f"dataset.audio_dir: {folder} is not a folder; name one with dataset.audio_dir=DIR") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CorpusError(
            f"dataset.audio_dir: {folder} cannot be read ({reason}); name another with dataset.audio_dir=DIR"
        ) from error
    return clips, others


def _audio_extensions() -> frozenset[str]:
    import soundfile

    formats = soundfile.available_formats()
    # Headerless samples could be of any rate and width.
    return OTHER_EXTENSIONS | {f".{name.lower()}" for name in formats if name != "RAW"}


def read_labels(path: Path) -> list[Utterance]:
    """Read the labels; the paths of the utterances are still to be filled in.

    Raises:
        CorpusError: the file is missing, not JSON, not of MUStARD's shape, or names an id twice.
    """
    advice = f"put MUStARD's labels there ({WHERE_LABELS}), or name another file with dataset.labels=FILE"
    entries = read_json(read_text(path, "dataset.labels", advice), str(path))
    if not isinstance(entries, dict):
        raise CorpusError(f"{path}: an object of id -> entry is needed, as in {WHERE_LABELS}")
    if not entries:
        raise CorpusError(f"{path}: there are no entries; name another file with dataset.labels=FILE")
    labels = [_label(id_, entry, path) for id_, entry in entries.items()]
    rows = [(f"entry {id_}", entry) for id_, entry in entries.items()]
    speakers, shows = (tables.names(rows, TEXTS[field], path) for field in ("speaker", "show"))
    texts = [tables.text_of(entry, TEXTS["text"], f"{path}, {where}") for where, entry in rows]
    return [
        Utterance(id_, Path(), label, speaker, show, text)
        for id_, label, speaker, show, text in zip(entries, labels, speakers, shows, texts, strict=True)
    ]


def _label(id_: str, entry: Any, path: Path) -> bool:
    """The label of an entry, which must be of MUStARD's shape."""
    if fault := bad_id(normalized(id_)):
        raise CorpusError(f"{path}: the id {id_!r} {fault}; name each entry after its clip, such as 2_97")
    where = f"{path}, entry {id_}"
    if not isinstance(entry, dict):
        raise CorpusError(f"{where}: an object with {LABEL!r} is needed, not {shown(entry)}")
    if LABEL not in entry:
        near = nearest(LABEL, entry)
        raise CorpusError(f"{where}: {LABEL!r} is missing{f' (there is {near!r})' if near else ''}; add true or false")
    if (label := tables.label_of(entry[LABEL])) is None:
        raise CorpusError(f"{where}: {LABEL!r} is {shown(entry[LABEL])}; true or false is needed")
    for name in LISTS:
        texts = entry.get(name) or []
        if not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
            raise CorpusError(f"{where}: {name!r} is {shown(texts)}; a list of texts is needed")
    return label
