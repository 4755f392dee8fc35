"""The table of a corpus: every utterance's examples as rows of embeddings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cached_property

import numpy as np

from sarcasm.advice import how_to_remake
from sarcasm.audio import SAMPLE_RATE, Condition
from sarcasm.augmentation import Augmentation
from sarcasm.corpus import MANIFEST, UNREADABLE, BadClips, Corpus, ShortClips, Utterance
from sarcasm.embeddings.embedding import Embedding
from sarcasm.embeddings.pca import PCA
from sarcasm.embeddings.stream import Clip, Embedded, Task, embed
from sarcasm.errors import AudioError, CorpusError
from sarcasm.near_copies import same_sound
from sarcasm.resampling import Resampler
from sarcasm.sources import computed_by
from sarcasm.store import Store
from sarcasm.vggish import Postprocessor

NEAR_COPIES = same_sound.__module__
Track = Callable[[Iterable[Utterance]], Iterable[Utterance]]


class Pool(Enum):
    """What a row of the table is."""

    none = "none"
    mean = "mean"


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
        conditions: what there is to hear of each of the utterances; empty where nobody knows.
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
    conditions: tuple[Condition, ...] = ()
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def utterance_labels(self) -> np.ndarray:
        """Bool [U], true where the utterance is sarcastic."""
        return np.array([utterance.is_sarcastic for utterance in self.utterances], bool)

    @cached_property
    def means(self) -> np.ndarray:
        """Float32 [U, D]: each utterance as the mean over its rows."""
        return means(self.X, self.utterance)

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
        return Copies(means(self.X, self.copy), self.copy[first], self.utterance[first])


def means(X: np.ndarray, owner: np.ndarray) -> np.ndarray:
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


def material(corpus: Corpus, embedding: Embedding, pca: PCA, reading: Reading, store: Store) -> dict[str, str]:
    """Fingerprints of what a table will be made of, found out before any clip is read: tag -> hash or name.

    Raises:
        WeightsError: the weights or PCA parameters cannot be used.
    """
    finish = _Finish(Task(embedding, reading.resampler, corpus.is_made_up), pca, store)
    return {
        "dataset.fingerprint": corpus.fingerprint,
        "embedding.weights": finish.weights,
        "pca.parameters": finish.pca,
    }


def missing(corpus: Corpus, embedding: Embedding, pca: PCA, reading: Reading, store: Store) -> set[tuple[str, str]]:
    """What `tabulate` would compute, as the store does not have it: how, and of which clip.

    Raises:
        WeightsError: see `material`.
    """
    finish = _Finish(Task(embedding, reading.resampler, corpus.is_made_up), pca, store)
    keys = sorted({finish.task.key(clip) for clip in _clips(range(len(corpus.utterances)), corpus)})
    if embedding.is_trained:
        return set()
    recipe = finish.task.recipe(finish.weights)
    return {(recipe, key) for key in store.lacks(recipe, keys)}


def tabulate(
    corpus: Corpus, embedding: Embedding, pca: PCA, reading: Reading, store: Store, track: Track = lambda clips: clips
) -> Table:
    """Embed every utterance.

    Args:
        corpus: what to embed; random weights may stand in for released ones where it is made up.
        embedding: with what network.
        pca: whether and with which parameters to post-process.
        reading: how clips are turned into examples.
        store: of embeddings, where what was computed before is found.
        track: wraps the utterances, to show progress.

    Raises:
        AudioError: a clip cannot be used, is too short, or was changed since it was prepared, and may not be skipped.
        CorpusError: no clip is left, or those left are of one class.
        WeightsError: the weights or PCA parameters cannot be used.
    """
    utterances = corpus.utterances
    skipped = _changed(corpus, reading.bad_clips)
    task = Task(embedding, reading.resampler, corpus.is_made_up)
    finish = _Finish(task, pca, store)
    found: dict[int, Embedded] = {}
    padded, dropped = [], []
    wanted = [position for position, utterance in enumerate(utterances) if utterance.id not in skipped]
    for position, result in _embedded(wanted, corpus, finish, store, track):
        utterance = utterances[position]
        if isinstance(result, AudioError):
            if reading.bad_clips is BadClips.fail:
                raise AudioError(f"{result} (dataset.bad_clips=skip goes on without such clips)") from result
            skipped[utterance.id] = str(result)
            continue
        if result.seconds * SAMPLE_RATE < embedding.shortest_samples:
            if reading.short_clips is ShortClips.fail:
                raise AudioError(
                    f"clip {utterance.id}: {utterance.path} lasts {result.seconds:.3f} s, less than one example"
                    f" ({embedding.shortest_samples / SAMPLE_RATE:.3f} s); dataset.short_clips=pad adds silence,"
                    " dataset.short_clips=drop leaves such clips out"
                )
            if reading.short_clips is ShortClips.drop:
                dropped.append(utterance.id)
                continue
            padded.append(utterance.id)
        found[position] = replace(result, rows=finish(result.rows))
    if not found:
        raise CorpusError(
            f"none of the {len(utterances)} clips can be used: {len(skipped)} are bad"
            f" and {len(dropped)} shorter than one example"
        )
    positions = sorted(found)
    kept = tuple(utterances[position] for position in positions)
    labels = np.array([each.is_sarcastic for each in kept], bool)
    if labels.all() or not labels.any():
        raise CorpusError(
            f"all {len(kept)} clips that can be used are {'sarcastic' if labels.all() else 'not sarcastic'}:"
            " there is nothing to tell apart"
        )
    each = [found[position] for position in positions]
    owner = np.repeat(np.arange(len(each)), [len(one.rows) for one in each])
    return Table(
        X=np.concatenate([one.rows for one in each]),
        y=labels[owner],
        utterance=owner,
        utterances=kept,
        seconds=np.array([one.seconds for one in each]),
        levels=np.array([one.level for one in each]),
        sounds=_same_sound([corpus.hashes[one.id] for one in kept], [one.envelope for one in each], reading, store),
        weights=finish.weights,
        pca=finish.pca,
        padded=tuple(sorted(padded)),
        dropped=tuple(sorted(dropped)),
        conditions=tuple(one.condition for one in each),
        skipped=dict(sorted(skipped.items())),
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
    store: Store,
    track: Track = lambda clips: clips,
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
        store: as for `tabulate`.
        track: as for `tabulate`.

    Raises:
        AudioError, WeightsError: see `tabulate`.
    """
    wanted = np.unique(table.utterance[rows]) if augmentation.n_copies else np.empty(0, int)
    if not len(wanted):
        return Copies(table.X[:0], wanted, wanted)
    finish = _Finish(Task(embedding, reading.resampler, corpus.is_made_up, augmentation, seed), pca, store)
    positions = {utterance.id: position for position, utterance in enumerate(corpus.utterances)}
    place = {positions[table.utterances[number].id]: int(number) for number in wanted}
    found: dict[int, Embedded] = {}
    for position, result in _embedded(list(place), corpus, finish, store, track):
        # What is wrong with a clip was found when the table was made.
        if isinstance(result, AudioError):
            raise result
        found[place[position]] = replace(result, rows=finish(result.rows))
    each = [found[number] for number in wanted.tolist()]
    parts = np.concatenate([one.parts for one in each])
    copy = np.repeat(np.arange(len(parts)), parts)
    return Copies(np.concatenate([one.rows for one in each]), copy, np.repeat(wanted, [len(one.rows) for one in each]))


class _Finish:
    """What is done to embeddings before they stand in a table, and the names of weights and PCA.

    Made before any clip is read: a missing file should not be found out after an hour.
    """

    def __init__(self, task: Task, pca: PCA, store: Store) -> None:
        self.task = task
        self.weights = task.embedding.fingerprint(task.may_be_random, store)
        is_released = task.embedding.has_released_pca and not self.weights.startswith("random:")
        self._postprocessor: Postprocessor | None = pca.postprocessor() if pca.enabled and is_released else None
        not_released = "fitted" if pca.enabled else "none"
        self.pca = self._postprocessor.fingerprint if self._postprocessor else not_released

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        return self._postprocessor.postprocess(rows) if self._postprocessor else rows


def _embedded(
    positions: Sequence[int], corpus: Corpus, finish: _Finish, store: Store, track: Track
) -> Iterator[tuple[int, Embedded | AudioError]]:
    """Position and embeddings of each of these utterances, in whatever order they come."""
    clips = _clips(positions, corpus)
    utterances = [corpus.utterances[position] for position in positions]
    # Examples of a network that is trained are made faster than kept.
    used = Store(None) if finish.task.embedding.is_trained else store
    for _, (clip, result) in zip(track(utterances), embed(clips, finish.task, used, finish.weights), strict=True):
        yield clip.number, result


def _clips(positions: Sequence[int], corpus: Corpus) -> list[Clip]:
    known = {id_: None if sha256 == UNREADABLE else sha256 for id_, sha256 in corpus.hashes.items()}
    utterances = [corpus.utterances[position] for position in positions]
    return [
        Clip(position, each.id, each.path, known[each.id]) for position, each in zip(positions, utterances, strict=True)
    ]


def _same_sound(hashes: Sequence[str], envelopes: Sequence[np.ndarray], reading: Reading, store: Store) -> np.ndarray:
    """`same_sound`, kept as well: it compares every clip with every other."""
    recipe = {"near copies": reading.resampler.value, **computed_by(NEAR_COPIES, Task.__module__)}
    key = hashlib.sha256(" ".join(hashes).encode()).hexdigest()
    found = store.remembered(json.dumps(recipe), key, lambda: same_sound(hashes, envelopes).astype("<i8").tobytes())
    return np.frombuffer(found, "<i8").astype(np.int64)


def _changed(corpus: Corpus, bad_clips: BadClips) -> dict[str, str]:
    """Id -> cause, of clips made of something else than is known; found out before any clip is read."""
    skipped = {}
    for utterance in corpus.changed:
        how = how_to_remake(utterance.path) or "make it again"
        reason = (
            f"clip {utterance.id}: {utterance.path} was changed since it was prepared; {how}, or, if the change is"
            f" meant, delete its line in {MANIFEST} there"
        )
        if bad_clips is BadClips.fail:
            n_more = len(corpus.changed) - 1
            more = f" ({n_more} more were changed)" if n_more else ""
            raise AudioError(f"{reason}{more} (dataset.bad_clips=skip goes on without such clips)")
        skipped[utterance.id] = reason
    return skipped
