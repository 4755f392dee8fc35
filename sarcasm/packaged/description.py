"""What a package says of itself: whose it is, and every option between sound and decision, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from sarcasm.corpus import ShortClips
from sarcasm.embeddings import PCA, Embedding, Pool
from sarcasm.errors import PackageError
from sarcasm.files import stand_in_at
from sarcasm.logits import N_LOGITS
from sarcasm.resampling import Resampler
from sarcasm.scoring import CLASSES, Decision

FORMAT, VERSION = "sarcasm package", 1
"""The latter grows when a package of before can no longer be read."""
DESCRIPTION = "description.json"
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

    def to_json(self) -> str:
        """As it stands in the package."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        return json.dumps(content, indent=2, default=lambda value: value.value) + "\n"

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
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise PackageError(
                f"{folder} is no model that takes sound: it has no {DESCRIPTION}; that of an earlier version takes"
                " embeddings, and is made anew by running its run again (sarcasm repeat)"
            ) from None
        except (OSError, ValueError) as error:
            raise PackageError(f"{path} cannot be read ({error}); get the model anew") from error
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise PackageError(f"{path} is not that of a packaged model; name another folder")
        if content.get("version") != VERSION:
            raise PackageError(
                f"{path} is of version {content.get('version')}, this program reads version {VERSION}; install the"
                " program that made it, or train the model anew"
            )
        try:
            return _read(content)
        except _Wrong as error:
            raise PackageError(f"{path}: {error}; get the model anew") from error


class _Wrong(Exception):  # noqa: N818
    """What is wrong with a description, worded to follow its name."""


def _read(content: Mapping[str, Any]) -> Description:
    take = _Taker(content, "")
    weights = _Taker(take("weights", dict), "weights.")
    threshold = take("threshold", float)
    if not 0 <= threshold <= 1:
        raise _Wrong(f"threshold is {threshold}, which is no probability")
    labels = take.texts("labels")
    if len(labels) != N_LOGITS:
        raise _Wrong(f"labels are {list(labels)}, where {N_LOGITS} are needed")
    return Description(
        run_id=take("run_id", str),
        run_name=take("run_name", str),
        fold=take("fold", str),
        seed=take("seed", int),
        dataset=take("dataset", str),
        dataset_fingerprint=take("dataset_fingerprint", str),
        made_up=take("made_up", bool),
        cautions=take.texts("cautions"),
        embedding=take("embedding", str),
        embedding_options=take("embedding_options", dict),
        weights=Weights(weights.one_of("kind", Kind), weights("fingerprint", str), weights("path", str)),
        pca=take("pca", str),
        resampler=take.one_of("resampler", Resampler),
        short_clips=take.one_of("short_clips", ShortClips),
        pool=take.one_of("pool", Pool),
        decision=take.one_of("decision", Decision),
        threshold=threshold,
        labels=labels,
    )


@dataclass(frozen=True)
class _Taker:
    """Takes values of known types out of what JSON gave."""

    content: Mapping[str, Any]
    prefix: str

    def __call__(self, name: str, kind: type[Kept]) -> Kept:
        value: Any = self.content.get(name)
        # JSON knows one kind of number, and Python takes a boolean for a whole one.
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise _Wrong(f"{self.prefix}{name} is {value!r}, where {kind.__name__} is needed")
        found: Kept = value
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        values: list[str] = self(name, list)
        if not all(isinstance(value, str) for value in values):
            raise _Wrong(f"{self.prefix}{name} is {values!r}, where texts are needed")
        return tuple(values)

    def one_of(self, name: str, kind: type[Enum]) -> Any:
        value = self.content.get(name)
        if value not in [each.value for each in kind]:
            raise _Wrong(f"{self.prefix}{name} is {value!r}; choose from {', '.join(each.value for each in kind)}")
        return kind(value)
