"""Clips -> embeddings, as a stream: what is kept is taken from the store, the rest is computed and kept as it comes.

Threads (or processes, where Python itself is at work) read clips, change their rate and make examples, a few clips
ahead; meanwhile the network takes examples across the borders of clips, so many at a time. Memory holds these clips and
that batch, however large the corpus. What is made of a clip depends on the clip alone, whatever came before it and
however many threads there are: to the bit with the fast network, within 1e-5 of an embedding's deviation with
TensorFlow's (`embedding.engine=graph`), whose kernels sum in another order in another batch.

What was computed of a clip is found again by the SHA-256 of its file and a recipe: options, weights, the libraries that
decode and compute, and the code itself.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, fields, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sarcasm.audio import SAMPLE_RATE, Condition, padded, read_waveform
from sarcasm.embeddings.embedding import Embedding, Network, Workers
from sarcasm.errors import AudioError, WeightsError
from sarcasm.files import sha256
from sarcasm.loudness import envelope, level_db
from sarcasm.processors import n_processors
from sarcasm.resampling import Resampler
from sarcasm.sources import computed_by
from sarcasm.store import Store
from sarcasm.workers import in_processes

if TYPE_CHECKING:  # a clip that is not copied does not depend on how copies are made
    from sarcasm.augmentation import Augmentation

BATCH_EXAMPLES = 64
"""Given to the network at a time."""
AHEAD = 2
"""Clips read ahead for each thread that reads."""
FEWEST_FOR_PROCESSES = 32
"""Clips; starting processes takes as long as a dozen."""
HEAD = np.dtype(
    [
        ("seconds", "<f8"), ("level", "<f8"), ("peak", "<f8"), ("heard_seconds", "<f8"), ("cancelled_seconds", "<f8"),
        ("n_parts", "<i8"), ("n_columns", "<i8"), ("n_hops", "<i8"),
    ]
)  # fmt: skip
"""How the bytes of what is embedded begin: numbers, and the sizes of the arrays that follow."""


@dataclass(frozen=True)
class Clip:
    """A clip to embed.

    Attributes:
        number: of the clip, to tell its result by.
        id: of its utterance.
        path: the file.
        sha256: of the file as it is known; None where it could not be read.
    """

    number: int
    id: str
    path: Path
    sha256: str | None


@dataclass(frozen=True)
class Embedded:
    """What there is to know of a clip once it was read.

    Attributes:
        seconds: its length, before padding.
        level: in dB of full scale, before padding.
        condition: what there is to hear of it.
        envelope: float32 [n], see `sarcasm.loudness`.
        parts: int64 [k], rows of each of its k waveforms: of the clip itself, or of each changed copy.
        rows: float32 [sum(parts), D], embeddings; examples, before the network.
    """

    seconds: float
    level: float
    condition: Condition
    envelope: np.ndarray
    parts: np.ndarray
    rows: np.ndarray

    def to_bytes(self) -> bytes:
        """As the store keeps it."""
        sizes = (len(self.parts), self.rows.shape[1], len(self.envelope))
        head = np.array((self.seconds, self.level, *astuple(self.condition), *sizes), HEAD)
        arrays = (self.parts.astype("<i8"), self.envelope.astype("<f4"), self.rows.astype("<f4"))
        return head.tobytes() + b"".join(array.tobytes() for array in arrays)

    @classmethod
    def from_bytes(cls, kept: bytes) -> Embedded:
        """The same again."""
        head = np.frombuffer(kept, HEAD, 1)[0]
        parts = np.frombuffer(kept, "<i8", head["n_parts"], HEAD.itemsize)
        floats = np.frombuffer(kept, "<f4", offset=HEAD.itemsize + parts.nbytes)
        rows = floats[head["n_hops"] :].reshape(-1, head["n_columns"])
        condition = Condition(*(float(head[field.name]) for field in fields(Condition)))
        return cls(float(head["seconds"]), float(head["level"]), condition, floats[: head["n_hops"]], parts, rows)


@dataclass(frozen=True)
class Task:
    """What is done to each clip; it travels to other processes.

    Attributes:
        embedding: by which the clip is embedded.
        resampler: how other rates are brought to 16 kHz.
        may_be_random: whether random weights may stand in for released ones.
        augmentation: None for the clip itself, or what changed copies are made of it.
        seed: of what is drawn for the copies.
    """

    embedding: Embedding
    resampler: Resampler
    may_be_random: bool
    augmentation: Augmentation | None = None
    seed: int = 0

    def read(self, clip: Clip) -> Embedded:
        """Read a clip and make examples of it, which stand in place of the rows.

        Raises:
            AudioError: it cannot be used, or is not what it was when its hash was taken.
        """
        conditions: list[Condition] = []
        longest_seconds = min(each.longest_seconds for each in (self.embedding, self.augmentation) if each)
        waveform = read_waveform(clip.path, self.resampler, clip.id, longest_seconds, conditions.append)
        if clip.sha256 is None or sha256(clip.path) != clip.sha256:
            raise AudioError(f"clip {clip.id}: {clip.path} was changed while it was being read; run again")
        augmentation = self.augmentation
        waveforms = augmentation.copies_of(waveform, self.seed, clip.id) if augmentation else [waveform]
        shortest = self.embedding.shortest_samples
        examples = [self.embedding.examples(padded(each, shortest)) for each in waveforms]
        parts = np.array([len(each) for each in examples], np.int64)
        rows = examples[0] if len(examples) == 1 else np.concatenate(examples)
        seconds = len(waveform) / SAMPLE_RATE
        return Embedded(seconds, level_db(waveform), conditions[0], envelope(waveform), parts, rows)

    def key(self, clip: Clip) -> str:
        """What of: the file's content; what is drawn for copies depends on the id too."""
        return f"{clip.sha256} {clip.id}" if self.augmentation else f"{clip.sha256}"

    def recipe(self, weights: str) -> str:
        """How: everything but the clip that can change a value, as JSON."""
        embedding, augmentation = self.embedding, self.augmentation
        made: dict[str, object] = {}
        if augmentation:
            made = {"augment": {"class": type(augmentation).__qualname__, **asdict(augmentation)}, "seed": self.seed}
        recipe = {
            "embedding": type(embedding).__qualname__,
            **embedding.recipe,
            "weights": weights,
            "resampler": self.resampler.value,
            **made,
            **computed_by(__name__, *(type(each).__module__ for each in (embedding, augmentation) if each)),
        }
        return json.dumps(recipe, default=lambda value: getattr(value, "value", str(value)))


Result = tuple[Clip, Embedded | AudioError]


def embed(clips: Sequence[Clip], task: Task, store: Store, weights: str) -> Iterator[Result]:
    """Embed clips; those that are kept come first.

    Args:
        clips: what to embed.
        task: how.
        store: where to look before anything is computed, and where results go as they come.
        weights: the fingerprint of the network's.

    Yields:
        Each clip once, with its embeddings, or with what is wrong with it.

    Raises:
        WeightsError: the weights cannot be used, or are not those of the fingerprint.
    """
    recipe = task.recipe(weights)
    by_key: dict[str, list[Clip]] = {}
    for clip in clips:
        if clip.sha256 is not None:
            by_key.setdefault(task.key(clip), []).append(clip)
    found = set()
    for key, kept in store.get(recipe, list(by_key)):
        found.add(key)
        embedded = Embedded.from_bytes(kept)
        yield from ((clip, embedded) for clip in by_key[key])
    missing = [clip for clip in clips if task.key(clip) not in found]
    for clip, result in _computed(missing, task, weights):
        if isinstance(result, Embedded):
            store.put(recipe, task.key(clip), result.to_bytes())
        yield clip, result


@contextmanager
def opened(task: Task, weights: str) -> Iterator[Network]:
    """The network, once it is sure that its weights are those of a fingerprint.

    Raises:
        WeightsError: they are not, or cannot be used.
    """
    with task.embedding.open(task.may_be_random) as network:
        if network.weights_fingerprint != weights:
            raise WeightsError("the weights were changed while they were being read; run again")
        yield network


def embedded_in_batches(clips: Iterable[Result], network: Network) -> Iterator[Result]:
    """Put examples through a network, so many at a time across the borders of clips; clips keep their order."""
    waiting: deque[Result] = deque()
    examples: list[np.ndarray] = []
    rows = np.empty((0, 0), np.float32)
    for each in chain(clips, [None]):
        if each is not None:
            waiting.append(each)
            examples += [each[1].rows] if isinstance(each[1], Embedded) else []
        n = sum(map(len, examples))
        # At the end, what is left; before it, whole batches.
        n_now = n if each is None else n - n % BATCH_EXAMPLES
        if n_now:
            joined = np.concatenate(examples)
            computed = network.embed(joined[:n_now])
            rows, examples = np.concatenate([rows, computed]) if len(rows) else computed, [joined[n_now:]]
        while waiting:
            clip, result = waiting[0]
            if isinstance(result, Embedded):
                if len(result.rows) > len(rows):
                    break
                # A copy, as a view would keep the whole batch.
                own, rows = np.array(rows[: len(result.rows)], np.float32), rows[len(result.rows) :]
                result = replace(result, rows=own)
            waiting.popleft()
            yield clip, result


def read(clips: Sequence[Clip], task: Task) -> Iterator[Result]:
    """Read clips some ahead, with every processor that this process may use.

    Yields:
        Each clip with its examples, or with what is wrong with it; in their order, unless processes read them.
    """
    n = n_processors()
    if task.embedding.reads_in_processes and len(clips) >= FEWEST_FOR_PROCESSES:
        for each, result in in_processes(partial(_read_one, task), clips, n):
            died = AudioError(f"clip {each.id}: {each.path} ended the process that was to read it; look at it")
            yield each, died if result is None else result
        return
    pool = ThreadPoolExecutor(n, thread_name_prefix="read")
    reading: deque[tuple[Clip, Future[Embedded | AudioError]]] = deque()
    try:
        for clip in chain(clips, [None] * (AHEAD * n)):
            if clip is not None:
                reading.append((clip, pool.submit(_read_one, task, clip)))
            if reading and (clip is None or len(reading) > AHEAD * n):
                first, future = reading.popleft()
                yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read_one(task: Task, clip: Clip) -> Embedded | AudioError:
    try:
        return task.read(clip)
    except AudioError as error:
        return error


def _computed(clips: Sequence[Clip], task: Task, weights: str) -> Iterator[Result]:
    if not clips:
        return
    if task.embedding.workers is Workers.ray:
        from sarcasm.embeddings.on_ray import embed_on_ray

        yield from embed_on_ray(clips, task, weights)
        return
    with opened(task, weights) as network:
        yield from embedded_in_batches(read(clips, task), network)
