"""The table of a corpus: every utterance's examples as rows of embeddings.

Clips are read one after another and their examples gathered into batches across utterance borders, so that memory holds
one clip, one batch and the table, however large the corpus. This is the one place where an embedding is asked for: a
store of what was computed before belongs here.

To add an embedding: a class with `open` (and `examples`, where it does not take VGGish's), and a file in
conf/embedding/ that picks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from omegaconf import MISSING

from sarcasm import acoustics
from sarcasm.advice import how_to_prepare, how_to_remake
from sarcasm.audio import SAMPLE_RATE, read_waveform
from sarcasm.augmentation import Augmentation, generator_of
from sarcasm.corpus import MANIFEST, BadClips, Corpus, ShortClips, Utterance
from sarcasm.errors import AudioError, ConfigError, CorpusError, WeightsError
from sarcasm.loudness import envelope, level_db
from sarcasm.near_copies import same_sound
from sarcasm.options import option
from sarcasm.project import PROJECT
from sarcasm.resampling import Resampler
from sarcasm.vggish import (
    BLOCKS,
    EXAMPLE_SAMPLES,
    Engine,
    Layer,
    Postprocessor,
    VGGish,
    embeddings_of,
    fingerprint,
    random_weights,
    read_checkpoint,
    waveform_to_examples,
)

RELEASED_CHECKPOINT = PROJECT / "models" / "vggish_model.ckpt"
RELEASED_PCA = PROJECT / "models" / "vggish_pca_params.npz"
BATCH_EXAMPLES = 64


class Pool(Enum):
    """What a row of the table is."""

    none = "none"
    mean = "mean"


class Network(Protocol):
    """What an embedding opens: examples in, embeddings out."""

    @property
    def weights_fingerprint(self) -> str:
        """What makes two embeddings comparable: "sha256:..." of weights, "random:seed", or "none"."""

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Examples float32 [n, 96, 64], or as the embedding makes them -> embeddings float32 [n, D]."""


@dataclass(frozen=True)
class Unchanged:
    """A network that leaves its examples as they are.

    Attributes:
        weights_fingerprint: of whatever comes after it.
    """

    weights_fingerprint: str

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Give the examples back."""
        return examples


@dataclass
class Embedding:
    """What every embedding has.

    Attributes:
        name: what the embedding is called in runs and reports.
    """

    name: str = MISSING

    shortest_samples: ClassVar[int] = EXAMPLE_SAMPLES
    """Of a waveform that gives an example; a shorter clip is padded, dropped or refused."""

    def examples(self, waveform: np.ndarray) -> np.ndarray:
        """Waveform float32 [samples] at 16 kHz -> what the network takes: VGGish's log-mel float32 [n, 96, 64]."""
        return waveform_to_examples(waveform, SAMPLE_RATE)

    @property
    def has_released_pca(self) -> bool:
        """Whether VGGish's PCA was made for it; for any other, one is fitted on the training rows."""
        return False

    @property
    def is_trained(self) -> bool:
        """Whether its network is trained together with the head, so that the table holds examples."""
        return False

    def weights(self, may_be_random: bool) -> dict[str, np.ndarray]:
        """The weights that training begins with, by the names of the variables of `build`; where it is trained.

        Raises:
            WeightsError: see `open`.
        """
        raise NotImplementedError

    def build(self, examples: Any) -> Any:
        """Build the network in TensorFlow's current graph: tensor [n, ...] -> [n, D]; where it is trained."""
        raise NotImplementedError

    def open(self, may_be_random: bool) -> AbstractContextManager[Network]:
        """Load the weights.

        Args:
            may_be_random: whether seeded random weights may stand in for a released file that is not there: for made-up
                clips only.

        Raises:
            WeightsError: the weights are missing, damaged or of another network.
        """
        raise NotImplementedError


@option("embedding", "vggish")
@dataclass
class VGGishEmbedding(Embedding):
    """VGGish's 128 values an example of 0.96 s, before the PCA; or another layer of it.

    Attributes:
        checkpoint: the released checkpoint, V1 (one file) or V2 (a prefix).
        engine: how the network is computed.
        layer: `fc2` gives VGGish's 128 values, `pool4` the 512 channels of its last convolution, averaged over time and
            frequency, as Gao et al. 2022 (10.21437/Interspeech.2022-11323) take them.
        train: whether the network is trained together with the head, from these weights on.
        train_from: the first layer that is trained; those before it stay as they are.
        random_seed: of the weights that stand in for a checkpoint where clips are made up.
    """

    checkpoint: str = MISSING
    engine: Engine = MISSING
    layer: Layer = MISSING
    train: bool = MISSING
    train_from: str = MISSING
    random_seed: int = MISSING

    def __post_init__(self) -> None:
        if self.train_from not in BLOCKS:
            raise ConfigError(
                f"embedding.train_from={self.train_from}: there is no such layer; choose from {', '.join(BLOCKS)}"
            )
        if self.train and self.layer is Layer.pool4 and self.train_from.startswith("fc"):
            raise ConfigError(
                f"embedding.train_from={self.train_from} lies behind embedding.layer=pool4; choose a convolution"
            )

    @property
    def has_released_pca(self) -> bool:
        """See `Embedding.has_released_pca`."""
        return self.layer is Layer.fc2

    @property
    def is_trained(self) -> bool:
        """See `Embedding.is_trained`."""
        return self.train

    def open(self, may_be_random: bool) -> AbstractContextManager[Network]:
        """See `Embedding.open`."""
        is_random = self._is_random(may_be_random)
        if self.train:
            return nullcontext(Unchanged(f"random:{self.random_seed}" if is_random else fingerprint(self._released())))
        if is_random:
            return VGGish.random(self.random_seed, self.engine, self.layer)
        return VGGish(Path(self.checkpoint), self.engine, self.layer)

    def weights(self, may_be_random: bool) -> dict[str, np.ndarray]:
        """See `Embedding.weights`."""
        return random_weights(self.random_seed) if self._is_random(may_be_random) else self._released()

    def build(self, examples: Any) -> Any:
        """See `Embedding.build`: float32 [n, 96, 64] -> [n, 128] or [n, 512]."""
        return embeddings_of(examples, self.layer, self.train_from)

    def _released(self) -> dict[str, np.ndarray]:
        return read_checkpoint(Path(self.checkpoint))

    def _is_random(self, may_be_random: bool) -> bool:
        checkpoint = Path(self.checkpoint)
        if checkpoint != RELEASED_CHECKPOINT or _checkpoint_is_there(checkpoint):
            return False
        if may_be_random:
            return True
        raise WeightsError(
            f"embedding.checkpoint: {checkpoint} is not there; {how_to_prepare(checkpoint)}, or name another file"
            " with embedding.checkpoint=FILE"
        )


@option("embedding", "mfcc_stats")
@dataclass
class MfccStatistics(Embedding):
    """One row a clip: the 283 acoustic features of the MUStARD baseline (Castro et al. 2019), as means over time.

    Attributes:
        separate_vocals: whether what repeats behind the voice is taken away first, as the baseline did.
    """

    separate_vocals: bool = MISSING

    shortest_samples = acoustics.SHORTEST_SAMPLES

    def examples(self, waveform: np.ndarray) -> np.ndarray:
        """Waveform float32 [samples] at 16 kHz -> float32 [1, 283]."""
        return acoustics.mfcc_statistics(waveform, self.separate_vocals)[np.newaxis]

    def open(self, may_be_random: bool) -> AbstractContextManager[Network]:  # noqa: ARG002
        """See `Embedding.open`; there are no weights."""
        return nullcontext(Unchanged("none"))


def _checkpoint_is_there(checkpoint: Path) -> bool:
    return checkpoint.exists() or checkpoint.with_name(f"{checkpoint.name}.index").exists()


@option("pca", "released")
@dataclass
class PCA:
    """VGGish's post-processing: PCA, clipping and 8 bits.

    Attributes:
        enabled: whether it is applied.
        params: the released parameters.
    """

    enabled: bool = MISSING
    params: str | None = MISSING

    def postprocessor(self) -> Postprocessor:
        """Load the released parameters.

        Raises:
            WeightsError: the file is missing, damaged or of another shape.
        """
        params = Path(self.params or "")
        if params == RELEASED_PCA and not params.exists():
            raise WeightsError(
                f"pca.params: {params} is not there; {how_to_prepare(params)}, name another file with pca.params=FILE,"
                " or choose pca=off"
            )
        return Postprocessor(params)

    def __post_init__(self) -> None:
        if self.enabled and not self.params:
            raise ConfigError("pca.enabled=true needs pca.params=FILE; choose pca=on")


@dataclass(frozen=True)
class Table:
    """Rows of embeddings and where they come from.

    Attributes:
        X: [N, D], float32 embeddings, or uint8 after the released PCA; [N, 96, 64], float32 examples, where the network
            is trained too.
        y: bool [N], true where the utterance is sarcastic.
        utterance: int64 [N], ascending: the position in `utterances` that each row belongs to.
        utterances: those that gave at least one row, sorted by id.
        seconds: float64 [U], length of each utterance before padding.
        levels: float64 [U], dB of full scale, of each utterance before padding.
        sounds: int64 [U], the same number for utterances of (nearly) the same sound; see `sarcasm.near_copies`.
        weights: "sha256:..." of the released weights, "random:seed", or "none" where an embedding has none.
        pca: "sha256:..." of the released parameters that were applied, "fitted" where they come from the training rows,
            or "none".
        padded, dropped: ids of clips shorter than one example, by what was done with them.
        skipped: id -> cause, of clips that could not be used.
    """

    X: np.ndarray
    y: np.ndarray
    utterance: np.ndarray
    utterances: tuple[Utterance, ...]
    seconds: np.ndarray
    levels: np.ndarray
    sounds: np.ndarray
    weights: str
    pca: str = "none"
    padded: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def utterance_labels(self) -> np.ndarray:
        """Bool [U], true where the utterance is sarcastic."""
        return np.array([utterance.is_sarcastic for utterance in self.utterances], bool)

    @cached_property
    def means(self) -> np.ndarray:
        """Float32 [U, D]: each utterance as the mean over its rows."""
        return _means(self.X, self.utterance)

    def pooled(self, pool: Pool) -> Table:
        """The same with one row an utterance, the mean over its rows; or as it is."""
        if pool is Pool.none:
            return self
        return replace(self, X=self.means, y=self.utterance_labels, utterance=np.arange(len(self.utterances)))

    @property
    def fits_pca(self) -> bool:
        """Whether a PCA is still to be fitted on the training rows, as random weights have none that was released."""
        return self.pca == "fitted"

    @property
    def has_random_weights(self) -> bool:
        """Whether the embeddings are made up."""
        return self.weights.startswith("random:")


@dataclass(frozen=True)
class Copies:
    """Rows of changed copies of utterances, for training sides alone.

    Attributes:
        X: [M, D], as in the table.
        copy: int64 [M], ascending: the number of the copy that each row belongs to.
        utterance: int64 [M], the position in the table's utterances that each row is a copy of.
    """

    X: np.ndarray
    copy: np.ndarray
    utterance: np.ndarray

    def of(self, utterances: np.ndarray) -> np.ndarray:
        """Numbers of the rows that are copies of these utterances."""
        return np.flatnonzero(np.isin(self.utterance, utterances))

    def pooled(self, pool: Pool) -> Copies:
        """The same with one row a copy, the mean over its rows; or as it is."""
        if pool is Pool.none or not len(self.copy):
            return self
        first = np.unique(self.copy, return_index=True)[1]
        return Copies(_means(self.X, self.copy), self.copy[first], self.utterance[first])


def _means(X: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Rows [N, ...] and the number, from 0 and ascending, of what each belongs to -> float32 [n, D], the means."""
    n_rows = np.bincount(owner)
    first = np.concatenate([[0], np.cumsum(n_rows)[:-1]])
    sums = np.add.reduceat(X.reshape(len(X), -1), first, axis=0, dtype=np.float64)
    return (sums / n_rows[:, np.newaxis]).astype(np.float32)


@dataclass(frozen=True)
class Reading:
    """How clips are turned into examples.

    Attributes:
        resampler: how other rates are brought to 16 kHz.
        bad_clips: whether a clip that cannot be used stops the run or is skipped.
        short_clips: what to do with a clip shorter than one example.
    """

    resampler: Resampler
    bad_clips: BadClips
    short_clips: ShortClips


@dataclass
class _Log:
    """What happened to clips on the way; filled while reading."""

    seconds: dict[int, float] = field(default_factory=dict)
    levels: dict[int, float] = field(default_factory=dict)
    envelopes: dict[int, np.ndarray] = field(default_factory=dict)
    padded: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)


def tabulate(
    corpus: Corpus,
    embedding: Embedding,
    pca: PCA,
    reading: Reading,
    track: Callable[[Iterable[Utterance]], Iterable[Utterance]] = lambda clips: clips,
) -> Table:
    """Embed every utterance.

    Args:
        corpus: what to embed; random weights may stand in for released ones where it is made up.
        embedding: with what network.
        pca: whether and with which parameters to post-process.
        reading: how clips are turned into examples.
        track: wraps the utterances, to show progress.

    Raises:
        AudioError: a clip cannot be used, is too short, or was changed since it was prepared, and may not be skipped.
        CorpusError: no clip is left, or those left are of one class.
        WeightsError: the weights or PCA parameters cannot be used.
    """
    utterances, log = corpus.utterances, _Log()
    _refuse_changed(corpus, reading, log)
    waveforms = _waveforms(track(utterances), embedding, reading, log)
    X, owner, weights, pca_of = _embedded(waveforms, corpus, embedding, pca)
    if not len(owner):
        raise CorpusError(
            f"none of the {len(utterances)} clips can be used: {len(log.skipped)} are bad"
            f" and {len(log.dropped)} shorter than one example"
        )
    old, utterance = np.unique(owner, return_inverse=True)
    kept = tuple(utterances[position] for position in old)
    labels = np.array([each.is_sarcastic for each in kept], bool)
    if labels.all() or not labels.any():
        raise CorpusError(
            f"all {len(kept)} clips that can be used are {'sarcastic' if labels.all() else 'not sarcastic'}:"
            " there is nothing to tell apart"
        )
    return Table(
        X=X,
        y=labels[utterance],
        utterance=utterance,
        utterances=kept,
        seconds=np.array([log.seconds[position] for position in old]),
        levels=np.array([log.levels[position] for position in old]),
        sounds=same_sound([corpus.hashes[each.id] for each in kept], [log.envelopes[position] for position in old]),
        weights=weights,
        pca=pca_of,
        padded=tuple(log.padded),
        dropped=tuple(log.dropped),
        skipped=log.skipped,
    )


def tabulate_copies(
    corpus: Corpus,
    table: Table,
    rows: np.ndarray,
    embedding: Embedding,
    pca: PCA,
    reading: Reading,
    augmentation: Augmentation,
    seed: int,
    track: Callable[[Iterable[Utterance]], Iterable[Utterance]] = lambda clips: clips,
) -> Copies:
    """Embed changed copies of the utterances that are trained on.

    Args:
        corpus: as for `tabulate`.
        table: of the utterances themselves.
        rows: int64 [n], those rows of the table that any fold trains on; no other utterance is copied.
        embedding: as for `tabulate`.
        pca: as for `tabulate`.
        reading: as for `tabulate`.
        augmentation: what copies to make.
        seed: of what is drawn for each copy.
        track: as for `tabulate`.

    Raises:
        AudioError, WeightsError: see `tabulate`.
    """
    wanted = np.unique(table.utterance[rows]) if augmentation.n_copies else np.empty(0, int)
    if not len(wanted):
        return Copies(table.X[:0], wanted, wanted)
    utterance_of: list[int] = []

    def copies() -> Iterator[tuple[int, np.ndarray]]:
        utterances = [table.utterances[position] for position in wanted]
        # What is wrong with a clip was found when the table was made.
        for number, waveform in _waveforms(track(utterances), embedding, reading, _Log()):
            for copy in augmentation.copies(waveform, generator_of(seed, utterances[number].id)):
                utterance_of.append(int(wanted[number]))
                yield len(utterance_of) - 1, np.pad(copy, (0, max(0, embedding.shortest_samples - len(copy))))

    X, copy, _, _ = _embedded(copies(), corpus, embedding, pca)
    return Copies(X, copy, np.array(utterance_of)[copy])


def _embedded(
    waveforms: Iterator[tuple[int, np.ndarray]], corpus: Corpus, embedding: Embedding, pca: PCA
) -> tuple[np.ndarray, np.ndarray, str, str]:
    """Rows [N, D], the number that came with each row's waveform [N], and where weights and PCA are from."""
    with embedding.open(corpus.is_made_up) as network:
        is_random = network.weights_fingerprint.startswith("random:")
        # Before any clip is read: a missing file should not be found out after an hour.
        postprocessor = pca.postprocessor() if pca.enabled and embedding.has_released_pca and not is_random else None
        rows, owners = [], []
        examples = ((owner, embedding.examples(waveform)) for owner, waveform in waveforms)
        for batch, owner in _batched(examples, BATCH_EXAMPLES):
            embeddings = network.embed(batch)
            rows.append(postprocessor.postprocess(embeddings) if postprocessor else embeddings)
            owners.append(owner)
        weights = network.weights_fingerprint
    not_released = "fitted" if pca.enabled else "none"
    pca_of = postprocessor.fingerprint if postprocessor else not_released
    if not rows:
        return np.empty((0, 0), np.float32), np.empty(0, int), weights, pca_of
    return np.concatenate(rows), np.concatenate(owners), weights, pca_of


def _refuse_changed(corpus: Corpus, reading: Reading, log: _Log) -> None:
    """Before any clip is read: what was made of something else than is known should not be found out after an hour."""
    for utterance in corpus.changed:
        how = how_to_remake(utterance.path) or "make it again"
        reason = (
            f"clip {utterance.id}: {utterance.path} was changed since it was prepared; {how}, or, if the change is"
            f" meant, delete its line in {MANIFEST} there"
        )
        if reading.bad_clips is BadClips.fail:
            n_more = len(corpus.changed) - 1
            more = f" ({n_more} more were changed)" if n_more else ""
            raise AudioError(f"{reason}{more} (dataset.bad_clips=skip goes on without such clips)")
        log.skipped[utterance.id] = reason


def _waveforms(
    utterances: Iterable[Utterance], embedding: Embedding, reading: Reading, log: _Log
) -> Iterator[tuple[int, np.ndarray]]:
    """Position of each utterance that gives examples, and its waveform at 16 kHz, long enough for one."""
    shortest = embedding.shortest_samples
    for position, utterance in enumerate(utterances):
        if utterance.id in log.skipped:
            continue
        try:
            waveform = read_waveform(utterance.path, reading.resampler, utterance.id)
        except AudioError as error:
            if reading.bad_clips is BadClips.fail:
                raise AudioError(f"{error} (dataset.bad_clips=skip goes on without such clips)") from error
            log.skipped[utterance.id] = str(error)
            continue
        seconds = len(waveform) / SAMPLE_RATE
        loudness = level_db(waveform), envelope(waveform)
        if len(waveform) < shortest:
            if reading.short_clips is ShortClips.fail:
                raise AudioError(
                    f"clip {utterance.id}: {utterance.path} lasts {seconds:.3f} s, less than one example"
                    f" ({shortest / SAMPLE_RATE:.3f} s); dataset.short_clips=pad adds silence,"
                    " dataset.short_clips=drop leaves such clips out"
                )
            if reading.short_clips is ShortClips.drop:
                log.dropped.append(utterance.id)
                continue
            log.padded.append(utterance.id)
            waveform = np.pad(waveform, (0, shortest - len(waveform)))
        log.seconds[position] = seconds
        log.levels[position], log.envelopes[position] = loudness
        yield position, waveform


def _batched(clips: Iterable[tuple[int, np.ndarray]], size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Join examples of successive clips: batches [size, ...] and the owner of each [size]; the last is smaller."""
    examples, owners, n_waiting = [], [], 0
    for owner, clip in clips:
        examples.append(clip)
        owners.append(np.full(len(clip), owner))
        n_waiting += len(clip)
        if n_waiting >= size:
            joined, joined_owners = np.concatenate(examples), np.concatenate(owners)
            whole = n_waiting - n_waiting % size
            for start in range(0, whole, size):
                yield joined[start : start + size], joined_owners[start : start + size]
            examples, owners, n_waiting = [joined[whole:]], [joined_owners[whole:]], n_waiting - whole
    if n_waiting:
        yield np.concatenate(examples), np.concatenate(owners)
