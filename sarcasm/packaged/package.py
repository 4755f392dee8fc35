"""Predict with a package: the rooms that a clip of training went through, in their order."""

from __future__ import annotations

import glob
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
from omegaconf.errors import OmegaConfBaseException

from sarcasm.audio import SAMPLE_RATE, padded
from sarcasm.corpus import ShortClips
from sarcasm.embeddings import Embedding, Network, Pool, means
from sarcasm.embeddings.vggish import RELEASED_CHECKPOINT
from sarcasm.errors import AudioError, PackageError, SarcasmError, WeightsError
from sarcasm.features import Transform
from sarcasm.files import hash_files, stand_in_at
from sarcasm.logits import NON_SARCASTIC, SARCASTIC, probability
from sarcasm.npz import NpzError
from sarcasm.options import made_again
from sarcasm.packaged.description import DESCRIPTION, Description, Kind
from sarcasm.packaged.head import Head, HeadError
from sarcasm.packaged.save import RELEASED_PCA, SAVED_MODEL, TRANSFORM, WEIGHTS
from sarcasm.packaged.sound import read_clip, read_content
from sarcasm.scoring import decide_clip
from sarcasm.vggish import Postprocessor

WEIGHTS_VARIABLE = "SARCASM_WEIGHTS"
"""Environment variable: where the weights lie here, if not where they lay in training."""
PIECES_AT_ONCE = 64
"""That are computed together, so that memory does not grow with a long clip: a minute."""
IN_MLFLOW = Path("artifacts", "package")
"""Where a package lies in the folder of an MLflow model."""


@dataclass(frozen=True)
class Piece:
    """A piece of a clip.

    Attributes:
        begin, end: in seconds.
        probability: that it is sarcastic.
    """

    begin: float
    end: float
    probability: float


@dataclass(frozen=True)
class Prediction:
    """What a model says of a clip.

    Attributes:
        probability: that it is sarcastic: the mean over its pieces.
        threshold: from which on it is decided so.
        label: the decision, one of the package's labels; where each column is rounded by itself also "neither" or
            "both".
        pieces: of 0.96 s each with VGGish; the whole clip where it is taken as a whole.
        seconds: that it lasts.
    """

    probability: float
    threshold: float
    label: str
    pieces: tuple[Piece, ...]
    seconds: float


class Package:
    """A packaged model, open until `close`; a context manager. May be used from several threads, which take turns.

    Attributes:
        description: what it says of itself.
        longest_seconds: of a clip; more is refused.
    """

    def __init__(
        self, description: Description, embedding: Embedding, network: Network, postprocessor: Postprocessor | None,
        transform: Transform, head: Head, opened: ExitStack,
    ) -> None:  # fmt: skip
        self.description = description
        self.longest_seconds = embedding.longest_seconds
        self._embedding, self._network, self._postprocessor = embedding, network, postprocessor
        self._transform, self._head, self._opened = transform, head, opened
        self._turn = threading.Lock()

    @classmethod
    def load(cls, folder: Path) -> Package:
        """Open a package.

        Args:
            folder: of the package, or of the MLflow model that holds it.

        Raises:
            PackageError: it is none, is damaged, or its weights are missing or other than those it was trained with.
        """
        if not (folder / DESCRIPTION).exists() and (folder / IN_MLFLOW).is_dir():
            folder = folder / IN_MLFLOW
        description = Description.read(folder)
        for path in sorted(folder.rglob("*")):
            if fault := stand_in_at(path):
                raise PackageError(f"{path} {fault}")
        _check_files(folder, description.files)
        embedding = _embedding(folder, description)
        with ExitStack() as opening:
            postprocessor = _postprocessor(folder / RELEASED_PCA, description)
            head = _head(folder / SAVED_MODEL)
            opening.callback(head.close)
            transform = _transform(folder / TRANSFORM, description, head.row_shape)
            network = _network(folder, description, embedding, opening)
            package = cls(description, embedding, network, postprocessor, transform, head, opening.pop_all())
        try:
            # What does not fit together, or gives no numbers, shows here and not with the first clip.
            noise = np.random.default_rng(0).normal(0, 0.01, embedding.shortest_samples)
            package.predict(noise.astype(np.float32))
        except BaseException as error:
            package.close()
            if isinstance(error, PackageError):
                raise PackageError(f"{folder / SAVED_MODEL}: {error}; get the model anew") from error
            raise
        return package

    def read(self, path: Path) -> np.ndarray:
        """Read a clip, audio or video.

        Returns:
            float32 [samples] at 16 kHz.

        Raises:
            AudioError: it cannot be used, is too long, or too short for this model; the message names it.
        """
        waveform = read_clip(path, self.description.resampler, self.longest_seconds)
        self._refuse_short(waveform, str(path))
        return waveform

    def read_content(self, content: bytes, name: str) -> np.ndarray:
        """Read a clip from its bytes; see `read`.

        Args:
            content: all bytes of the file.
            name: what an error calls it.
        """
        waveform = read_content(content, name, self.description.resampler, self.longest_seconds)
        self._refuse_short(waveform, name)
        return waveform

    def predict(self, waveform: np.ndarray) -> Prediction:
        """Say of a clip whether it is sarcastic.

        Args:
            waveform: float32 [samples] at 16 kHz, finite.

        Raises:
            AudioError: it is empty, too long, too short for this model, or not finite.
            PackageError: the model makes no finite number of it.
        """
        if waveform.ndim != 1 or not len(waveform):
            raise AudioError(f"a waveform [samples] is needed, not one of shape {list(waveform.shape)}")
        seconds = len(waveform) / SAMPLE_RATE
        if seconds > self.longest_seconds:
            raise AudioError(
                f"the clip lasts {seconds:.0f} s, more than {self.longest_seconds:.0f} s; cut it into parts"
            )
        if not np.isfinite(waveform).all():
            raise AudioError("the clip has samples that are not finite")
        self._refuse_short(waveform, "the clip")
        with self._turn:
            logits = np.concatenate(list(self._logits(waveform)))
        if not np.isfinite(logits).all():
            raise PackageError("the model answers with values that are not finite")
        said = self.description
        of_clip, decided = decide_clip(logits, said.decision, said.threshold)
        return Prediction(of_clip, said.threshold, self._label(decided), self._pieces(logits, seconds), seconds)

    def close(self) -> None:
        """Give memory and threads back."""
        self._opened.close()

    def __enter__(self) -> Package:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def is_in_pieces(self) -> bool:
        """Whether it says something of each piece of a clip, and not only of the whole."""
        return self._embedding.piece_seconds is not None and self.description.pool is Pool.none

    def _logits(self, waveform: np.ndarray) -> Iterator[np.ndarray]:
        """Logits float32 [n, 2] of one part of the clip's rows after another."""
        if self.description.pool is Pool.none:
            for rows in self._rows(waveform):
                yield self._answer(rows)
            return
        rows = np.concatenate(list(self._rows(waveform)))
        yield self._answer(means(rows, np.zeros(len(rows), np.int64)))

    def _rows(self, waveform: np.ndarray) -> Iterator[np.ndarray]:
        """Rows [n, D] as a table has them, of one part of the clip after another."""
        for part in self._parts(waveform):
            rows = self._network.embed(self._embedding.examples(part))
            if rows.shape[1:] != self._head.row_shape:
                raise PackageError(
                    f"the embedding gives rows {list(rows.shape[1:])}, the head takes {list(self._head.row_shape)}"
                )
            yield self._postprocessor.postprocess(rows) if self._postprocessor else rows

    def _parts(self, waveform: np.ndarray) -> Iterator[np.ndarray]:
        """Waveforms of so many pieces each; a short clip with silence behind it."""
        shortest, piece_seconds = self._embedding.shortest_samples, self._embedding.piece_seconds
        if piece_seconds is None or len(waveform) <= shortest:
            yield padded(waveform, shortest)
            return
        # From one piece to the next; a piece may reach into the next one, as VGGish's last window does.
        hop = round(piece_seconds * SAMPLE_RATE)
        n_pieces = (len(waveform) - shortest) // hop + 1
        for first in range(0, n_pieces, PIECES_AT_ONCE):
            last = min(first + PIECES_AT_ONCE, n_pieces) - 1
            yield waveform[first * hop : last * hop + shortest]

    def _answer(self, rows: np.ndarray) -> np.ndarray:
        try:
            return self._head.logits(self._transform(rows))
        except HeadError as error:
            raise PackageError(f"the model {error}") from error

    def _pieces(self, logits: np.ndarray, seconds: float) -> tuple[Piece, ...]:
        each = probability(logits)
        length = self._embedding.piece_seconds
        if length is None or not self.is_in_pieces:
            return (Piece(0.0, seconds, float(each[0])),)
        return tuple(
            Piece(round(number * length, 6), round((number + 1) * length, 6), float(value))
            for number, value in enumerate(each)
        )

    def _label(self, decided: np.ndarray) -> str:
        if decided.all():
            return "both"
        if not decided.any():
            return "neither"
        return self.description.labels[SARCASTIC if decided[SARCASTIC] else NON_SARCASTIC]

    def _refuse_short(self, waveform: np.ndarray, name: str) -> None:
        shortest, rule = self._embedding.shortest_samples, self.description.short_clips
        if len(waveform) < shortest and rule is not ShortClips.pad:
            raise AudioError(
                f"{name} lasts {len(waveform) / SAMPLE_RATE:.3f} s, less than one example"
                f" ({shortest / SAMPLE_RATE:.3f} s); the model was trained without such clips"
                f" (dataset.short_clips={rule.value})"
            )


def _check_files(folder: Path, files: Mapping[str, str]) -> None:
    """Compare files with the hashes that the description has of them; those of earlier versions have none."""
    inside = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    listed = [name for name in files if name in inside]
    found = dict(zip(listed, hash_files([folder / name for name in listed]), strict=True))
    for name, wanted in files.items():
        if found.get(name) != wanted:
            why = f"its hash is not the one in {DESCRIPTION}" if name in found else f"{DESCRIPTION} names it"
            raise PackageError(f"{folder / name} is missing or damaged ({why}); get the model anew")


def _embedding(folder: Path, description: Description) -> Embedding:
    name = description.embedding
    if not name.startswith("embedding_"):
        raise PackageError(f"{folder / DESCRIPTION}: {name} is no embedding; get the model anew")
    try:
        made: Embedding = made_again(name, dict(description.embedding_options))
    except (KeyError, OmegaConfBaseException, SarcasmError) as error:
        raise PackageError(
            f"{folder / DESCRIPTION}: the embedding {name} does not fit this version of the program"
            f" ({' '.join(str(error).split())}); train it anew"
        ) from error
    return made


def _postprocessor(path: Path, description: Description) -> Postprocessor | None:
    if not description.pca.startswith("sha256:"):
        return None
    try:
        postprocessor = Postprocessor(path)
    except WeightsError as error:
        raise PackageError(f"{path} is missing or damaged; get the model anew") from error
    if postprocessor.fingerprint != description.pca:
        raise PackageError(f"{path} is not the PCA that the model was trained with; get the model anew")
    return postprocessor


def _transform(path: Path, description: Description, row_shape: tuple[int, ...]) -> Transform:
    try:
        transform = Transform.load(path, row_shape)
    except (OSError, NpzError) as error:
        reason = f"it {error}" if isinstance(error, NpzError) else error.strerror
        raise PackageError(f"{path} is missing or damaged ({reason}); get the model anew") from error
    if (transform.eigen_vectors is not None) != (description.pca == "fitted"):
        raise PackageError(f"{path} does not hold the PCA that {DESCRIPTION} says; get the model anew")
    return transform


def _head(folder: Path) -> Head:
    try:
        return Head(folder)
    except HeadError as error:
        raise PackageError(f"{folder} {error}; get the model anew") from error


def _released(recorded: Path) -> Path:
    """Where weights lie: as recorded, or in this project, where nothing is there any more; their hash is checked."""
    is_there = any(recorded.parent.glob(f"{glob.escape(recorded.name)}*"))  # a checkpoint may be several files
    return recorded if is_there or not RELEASED_CHECKPOINT.exists() else RELEASED_CHECKPOINT


def _network(folder: Path, description: Description, embedding: Embedding, opened: ExitStack) -> Network:
    """The network, once it is sure that it is the one that the model was trained with; `opened` closes it."""
    weights = description.weights
    file: Path | None = None
    if weights.kind is Kind.included:
        file = folder / WEIGHTS / Path(weights.path).name  # its name alone, so that no path leads out
    elif weights.kind is Kind.reference:
        named = os.environ.get(WEIGHTS_VARIABLE)
        file = Path(named) if named else _released(Path(weights.path))
    what_to_do = (
        f"put the weights there that it was trained with ({weights.fingerprint}), or name their file in the"
        f" environment's {WEIGHTS_VARIABLE}"
    )
    if weights.kind is Kind.included:
        what_to_do = "get the model anew"
    try:
        network = opened.enter_context(embedding.reopen(weights.fingerprint, file))
    except (WeightsError, ValueError) as error:
        raise PackageError(
            f"{folder / DESCRIPTION}: the weights of the model cannot be read ({error}); {what_to_do}"
        ) from error
    if network.weights_fingerprint != weights.fingerprint:
        raise PackageError(
            f"{folder / DESCRIPTION}: {file or 'the network'} holds other weights ({network.weights_fingerprint}) than"
            f" the model was trained with; {what_to_do}"
        )
    return network
