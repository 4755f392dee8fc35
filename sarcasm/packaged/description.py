"""What a package says of itself: whose it is, and every option between sound and decision, as JSON."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Set
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from sarcasm.corpus import ShortClips
from sarcasm.corpus.dataset import read_json
from sarcasm.embeddings import PCA, Embedding, Pool
from sarcasm.errors import CorpusError, PackageError
from sarcasm.files import read_whole, stand_in_at
from sarcasm.logits import N_LOGITS
from sarcasm.resampling import Resampler
from sarcasm.scoring import CLASSES, Decision

FORMAT, VERSION = "sarcasm package", 1
"""The latter grows when a package of before can no longer be read."""
DESCRIPTION = "description.json"
CHECKSUM = "sha256"
"""The key of the hash over all else that a description says."""
MOST_BYTES = 2**24
"""Of a description: a sentence for each of 100,000 things that a reader must know."""
LONGEST_LABEL, LONGEST_SHOWN = 100, 200
"""In characters: of a label, and of a wrong value in a message."""
NO_HASHES = (
    "This model was packaged by an earlier version, which kept no hashes: not all damage to it can be noticed"
    " (sarcasm repeat makes it anew)."
)
LARGEST_WHOLE = 2**53
"""That a float holds exactly."""
Kept = TypeVar("Kept")


class Kind(Enum):
    """Where the weights of the network before the head are."""

    none = "none"  # there is no network
    random = "random"  # drawn anew from their seed: made up
    trained = "trained"  # in the saved model, as they were trained with the head
    reference = "reference"  # in a file elsewhere, told by its hash
    included = "included"  # in the package


@dataclass(frozen=True)
class Weights:
    """The weights of the network before the head.

    Attributes:
        kind: where they are.
        fingerprint: "sha256:..." of their values, "random:seed" or "none", as the run's tag `embedding.weights` has it.
        path: of a reference, the file or prefix that training read; of what is included, that within the package.
    """

    kind: Kind
    fingerprint: str
    path: str


@dataclass(frozen=True)
class Way:
    """The options between a clip and its decision.

    Attributes:
        embedding: of its examples.
        pca: whether and by which parameters embeddings are post-processed.
        resampler: how other rates are brought to 16 kHz.
        short_clips: what becomes of a clip shorter than one example.
        pool: what a row is.
        decision: how probabilities become a decision.
    """

    embedding: Embedding
    pca: PCA
    resampler: Resampler
    short_clips: ShortClips
    pool: Pool
    decision: Decision


@dataclass(frozen=True)
class Origin:
    """What a model was trained on.

    Attributes:
        dataset: its name.
        dataset_fingerprint: hash of its labels and sound.
        made_up: whether its sound is synthesised.
        cautions: what a reader must know before believing a number of it.
    """

    dataset: str
    dataset_fingerprint: str
    made_up: bool
    cautions: tuple[str, ...]


@dataclass(frozen=True)
class Description:
    """What a package says of itself.

    Attributes:
        run_id, run_name: of the run that fitted it; the former empty where a server had given none yet.
        fold, seed: of the fit.
        dataset, dataset_fingerprint, made_up, cautions: see `Origin`.
        embedding: the name of the embedding's schema.
        embedding_options: its options, by the names that the config has.
        weights: of its network.
        pca: "sha256:..." of the released parameters, "fitted" where they are part of the transform, or "none".
        resampler, short_clips, pool, decision: see `Way`.
        threshold: on the probability, from which on it decides sarcastic.
        labels: what it decides between, sarcastic first.
        files: each other file of the package, by its path there -> SHA-256, 64 hexadecimal digits; none in packages of
            earlier versions.
    """

    run_id: str
    run_name: str
    fold: str
    seed: int
    dataset: str
    dataset_fingerprint: str
    made_up: bool
    cautions: tuple[str, ...]
    embedding: str
    embedding_options: Mapping[str, Any]
    weights: Weights
    pca: str
    resampler: Resampler
    short_clips: ShortClips
    pool: Pool
    decision: Decision
    threshold: float
    labels: tuple[str, ...] = CLASSES
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """As it stands in the package."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        content = json.loads(json.dumps(content, default=lambda value: value.value))
        return json.dumps(content | {CHECKSUM: _checksum(content)}, indent=2) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Description:
        """Read that of a package.

        Raises:
            PackageError: there is none, or it is of another version, or not what it should be.
        """
        path = folder / DESCRIPTION
        if fault := stand_in_at(path):
            raise PackageError(f"{path} {fault}")
        try:
            content = read_json(read_whole(path, MOST_BYTES).decode(), str(path))
        except FileNotFoundError:
            raise PackageError(
                f"{folder} is no model that takes sound: it has no {DESCRIPTION}; that of an earlier version takes"
                " embeddings, and is made anew by running its run again (sarcasm repeat)"
            ) from None
        except CorpusError as error:
            raise PackageError(f"{error}; get the model anew") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise PackageError(f"{path} cannot be read ({reason}); get the model anew") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise PackageError(f"{path} is not that of a packaged model; name another folder")
        if (version := content.get("version")) != VERSION:
            raise PackageError(
                f"{path} is of version {_shown(version)}, this program reads version {VERSION}; install the program"
                " that made it, or train the model anew"
            )
        try:
            found = _read(content)
            _check_whole(content)
        except _Wrong as error:
            raise PackageError(f"{path}: {error}; get the model anew") from error
        return found


class _Wrong(Exception):  # noqa: N818
    """What is wrong with a description, worded to follow its name."""


def _checksum(content: Mapping[str, Any]) -> str:
    """Hash over what a description says, however it is laid out."""
    text = json.dumps({key: value for key, value in content.items() if key != CHECKSUM}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _check_whole(content: Mapping[str, Any]) -> None:
    """Compare a description with its checksum, where it has one: those of earlier versions have none."""
    if (CHECKSUM in content or "files" in content) and content.get(CHECKSUM) != _checksum(content):
        raise _Wrong(f"it was changed since it was written ({CHECKSUM} is of something else)")
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise _Wrong("it holds half a character (a lone surrogate)") from None


def _shown(value: object) -> str:
    """A value as Python writes it, without what a terminal might obey, and not too long."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _read(content: Mapping[str, Any]) -> Description:
    take = _Taker(content, "", {"format", "version", CHECKSUM} | {each.name for each in fields(Description)})
    weights = _Taker(take("weights", dict), "weights.", {each.name for each in fields(Weights)})
    run_id = take("run_id", str)
    # A word such as "last" would be taken for another run of whoever reads it.
    if run_id and not re.fullmatch("[0-9a-f]{32}", run_id):
        raise _Wrong(f"run_id is {_shown(run_id)}, where 32 hexadecimal digits are needed")
    threshold = take("threshold", float)
    if not 0 <= threshold <= 1:
        raise _Wrong(f"threshold is {threshold}, which is no probability")
    embedding = take("embedding", str)
    if not re.fullmatch(r"\w+", embedding, re.ASCII):
        raise _Wrong(f"embedding is {_shown(embedding)}, where a name is needed")
    labels = take.texts("labels")
    if len(labels) != N_LOGITS:
        raise _Wrong(f"labels are {_shown(list(labels))}, where {N_LOGITS} are needed")
    if not all(0 < len(label) <= LONGEST_LABEL and label.isprintable() for label in labels):
        raise _Wrong(f"labels are {_shown(list(labels))}, where printable words are needed")
    options = take("embedding_options", dict)
    # OmegaConf would put in what the environment or another option holds.
    if "${" in json.dumps(options):
        raise _Wrong(f"embedding_options are {_shown(options)}, where plain values are needed")
    files = take("files", dict) if "files" in content else {}
    if not all(isinstance(value, str) for value in files.values()):
        raise _Wrong(f"files are {_shown(files)}, where hashes are needed")
    return Description(
        run_id=run_id,
        run_name=take("run_name", str),
        fold=take("fold", str),
        seed=take("seed", int),
        dataset=take("dataset", str),
        dataset_fingerprint=take("dataset_fingerprint", str),
        made_up=take("made_up", bool),
        cautions=take.texts("cautions") + (() if files else (NO_HASHES,)),
        embedding=embedding,
        embedding_options=options,
        weights=Weights(weights.one_of("kind", Kind), weights("fingerprint", str), weights("path", str)),
        pca=take("pca", str),
        resampler=take.one_of("resampler", Resampler),
        short_clips=take.one_of("short_clips", ShortClips),
        pool=take.one_of("pool", Pool),
        decision=take.one_of("decision", Decision),
        threshold=threshold,
        labels=labels,
        files=files,
    )


@dataclass(frozen=True)
class _Taker:
    """Takes values of known types out of what JSON gave."""

    content: Mapping[str, Any]
    prefix: str
    names: Set[str]

    def __post_init__(self) -> None:
        if unknown := sorted(self.content.keys() - self.names):
            raise _Wrong(
                f"it holds {self.prefix}{_shown(unknown[0])}, which this program does not know (a later one may)"
            )

    def __call__(self, name: str, kind: type[Kept]) -> Kept:
        value: Any = self.content.get(name)
        # JSON knows one kind of number, and Python takes a boolean for a whole one.
        if kind is float and type(value) is int and abs(value) < LARGEST_WHOLE:
            value = float(value)
        if type(value) is not kind:
            raise _Wrong(f"{self.prefix}{name} is {_shown(value)}, where {kind.__name__} is needed")
        found: Kept = value
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        values: list[str] = self(name, list)
        if not all(isinstance(value, str) for value in values):
            raise _Wrong(f"{self.prefix}{name} is {_shown(values)}, where texts are needed")
        return tuple(values)

    def one_of(self, name: str, kind: type[Enum]) -> Any:
        value = self.content.get(name)
        if value not in [each.value for each in kind]:
            raise _Wrong(
                f"{self.prefix}{name} is {_shown(value)}; choose from {', '.join(each.value for each in kind)}"
            )
        return kind(value)
