"""The table of a corpus: every utterance's examples as rows of embeddings.

Clips are read one after another and their examples gathered into batches across utterance borders, so that memory holds
one clip, one batch and the table, however large the corpus. This is the one place where an embedding is asked for: a
store of what was computed before belongs here.

To add an embedding: a class with `open`, and a file in conf/embedding/ that picks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from omegaconf import MISSING

from sarcasm.advice import how_to_prepare, how_to_remake
from sarcasm.audio import SAMPLE_RATE, read_waveform
from sarcasm.corpus import MANIFEST, BadClips, Corpus, ShortClips, Utterance
from sarcasm.errors import AudioError, ConfigError, CorpusError, WeightsError
from sarcasm.options import option
from sarcasm.project import PROJECT
from sarcasm.resampling import Resampler
from sarcasm.vggish import EXAMPLE_SAMPLES, Engine, Postprocessor, VGGish, waveform_to_examples

RELEASED_CHECKPOINT = PROJECT / "models" / "vggish_model.ckpt"
RELEASED_PCA = PROJECT / "models" / "vggish_pca_params.npz"
BATCH_EXAMPLES = 64


class Network(Protocol):
    """What an embedding opens: examples in, embeddings out."""

    weights_fingerprint: str

    def embed(self, examples: np.ndarray) -> np.ndarray:
        """Examples float32 [n, 96, 64] -> embeddings float32 [n, D]."""


@dataclass
class Embedding:
    """What every embedding has.

    Attributes:
        name: what the embedding is called in runs and reports.
    """

    name: str = MISSING

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
    """VGGish's 128 values an example of 0.96 s, before the PCA.

    Attributes:
        checkpoint: the released checkpoint, V1 (one file) or V2 (a prefix).
        engine: how the network is computed.
        random_seed: of the weights that stand in for a checkpoint where clips are made up.
    """

    checkpoint: str = MISSING
    engine: Engine = MISSING
    random_seed: int = MISSING

    def open(self, may_be_random: bool) -> AbstractContextManager[Network]:
        """See `Embedding.open`."""
        checkpoint = Path(self.checkpoint)
        if checkpoint == RELEASED_CHECKPOINT and not _checkpoint_is_there(checkpoint):
            if may_be_random:
                return VGGish.random(self.random_seed, self.engine)
            raise WeightsError(
                f"embedding.checkpoint: {checkpoint} is not there; {how_to_prepare(checkpoint)}, or name another file"
                " with embedding.checkpoint=FILE"
            )
        return VGGish(checkpoint, self.engine)


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
        X: [N, D], float32 embeddings, or uint8 after the released PCA.
        y: bool [N], true where the utterance is sarcastic.
        utterance: int64 [N], ascending: the position in `utterances` that each row belongs to.
        utterances: those that gave at least one row, sorted by id.
        seconds: float64 [U], length of each utterance before padding.
        weights: "sha256:..." of the released weights, or "random:seed".
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
    weights: str
    pca: str = "none"
    padded: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def utterance_labels(self) -> np.ndarray:
        """Bool [U], true where the utterance is sarcastic."""
        return np.array([utterance.is_sarcastic for utterance in self.utterances], bool)

    @property
    def fits_pca(self) -> bool:
        """Whether a PCA is still to be fitted on the training rows, as random weights have none that was released."""
        return self.pca == "fitted"

    @property
    def has_random_weights(self) -> bool:
        """Whether the embeddings are made up."""
        return self.weights.startswith("random:")


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
    with embedding.open(corpus.is_made_up) as network:
        is_random = network.weights_fingerprint.startswith("random:")
        # Before any clip is read: a missing file should not be found out after an hour.
        postprocessor = pca.postprocessor() if pca.enabled and not is_random else None
        rows, owners = [], []
        for examples, owner in _batched(_examples(track(utterances), reading, log), BATCH_EXAMPLES):
            embeddings = network.embed(examples)
            rows.append(postprocessor.postprocess(embeddings) if postprocessor else embeddings)
            owners.append(owner)
    if not rows:
        raise CorpusError(
            f"none of the {len(utterances)} clips can be used: {len(log.skipped)} are bad"
            f" and {len(log.dropped)} shorter than one example"
        )
    old, utterance = np.unique(np.concatenate(owners), return_inverse=True)
    kept = tuple(utterances[position] for position in old)
    labels = np.array([each.is_sarcastic for each in kept], bool)
    if labels.all() or not labels.any():
        raise CorpusError(
            f"all {len(kept)} clips that can be used are {'sarcastic' if labels.all() else 'not sarcastic'}:"
            " there is nothing to tell apart"
        )
    not_released = "fitted" if pca.enabled else "none"
    return Table(
        X=np.concatenate(rows),
        y=labels[utterance],
        utterance=utterance,
        utterances=kept,
        seconds=np.array([log.seconds[position] for position in old]),
        weights=network.weights_fingerprint,
        pca=postprocessor.fingerprint if postprocessor else not_released,
        padded=tuple(log.padded),
        dropped=tuple(log.dropped),
        skipped=log.skipped,
    )


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


def _examples(utterances: Iterable[Utterance], reading: Reading, log: _Log) -> Iterator[tuple[int, np.ndarray]]:
    """Position of each utterance that gives examples, and its examples float32 [n, 96, 64], n > 0."""
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
        if len(waveform) < EXAMPLE_SAMPLES:
            if reading.short_clips is ShortClips.fail:
                raise AudioError(
                    f"clip {utterance.id}: {utterance.path} lasts {seconds:.3f} s, less than one example"
                    f" ({EXAMPLE_SAMPLES / SAMPLE_RATE} s); dataset.short_clips=pad adds silence,"
                    " dataset.short_clips=drop leaves such clips out"
                )
            if reading.short_clips is ShortClips.drop:
                log.dropped.append(utterance.id)
                continue
            log.padded.append(utterance.id)
            waveform = np.pad(waveform, (0, EXAMPLE_SAMPLES - len(waveform)))
        log.seconds[position] = seconds
        yield position, waveform_to_examples(waveform, SAMPLE_RATE)


def _batched(clips: Iterable[tuple[int, np.ndarray]], size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Join examples of successive clips: batches [size, 96, 64] and the owner of each [size]; the last is smaller."""
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
