"""Clips -> embeddings: each by itself, once, and never out of date."""

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from sarcasm import sources
from sarcasm.audio import Condition
from sarcasm.augmentation import Origin
from sarcasm.corpus import BadClips, Corpus, ShortClips, Utterance
from sarcasm.embeddings import (
    PCA,
    Embedding,
    Reading,
    Unchanged,
    VGGishEmbedding,
    Workers,
    stream,
    tabulate,
    tabulate_copies,
)
from sarcasm.embeddings.stream import BATCH_EXAMPLES, Clip, Embedded, Task, embedded_in_batches
from sarcasm.errors import AudioError, WeightsError
from sarcasm.resampling import Resampler
from sarcasm.store import Store
from sarcasm.vggish import Engine, Layer

READING = Reading(Resampler.reference, BadClips.fail, ShortClips.pad)
OFF = PCA(enabled=False, params=None)
ORIGIN = Origin(name="origin", shift_seconds=0.1, stretch=None, semitones=None)


@dataclass
class Peaks(Embedding):
    """A row for each quarter of a second: its loudest sample, and how often the network was asked."""

    factor: float = 1.0
    weights_are: str = "sha256:peaks"
    shortest_samples = 4_000

    def examples(self, waveform):
        return (
            np.abs(waveform[: len(waveform) // 4_000 * 4_000])
            .reshape(-1, 4_000)
            .max(axis=1, keepdims=True)
            .repeat(3, 1)
        )

    @contextmanager
    def open(self, may_be_random):
        yield Unchanged(self.weights_are)


def peaks(**options) -> Peaks:
    return Peaks(name="peaks", workers=Workers.local, **options)


@pytest.fixture
def corpus(tmp_path, rng) -> Corpus:
    """Twelve clips of different length and level, one of them short."""
    utterances = []
    for number in range(12):
        path = tmp_path / f"1_{number:02}.wav"
        waveform = (0.05 + 0.05 * number) * np.sign(
            rng.standard_normal(3_000 if number == 5 else 5_000 + 1_500 * number)
        )
        soundfile.write(path, waveform, 16_000)
        utterances.append(Utterance(path.stem, path, number % 2 == 0))
    return Corpus(tuple(utterances))


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "embeddings.db"


def counted(corpus: Corpus, path: Path | None, embedding: Embedding | None = None, reading: Reading = READING):
    """A table, and how many clips were found and computed for it."""
    with Store(path) as store:
        found = tabulate(replace(corpus, hash_files=store.hashes), embedding or peaks(), OFF, reading, store)
        return found, (store.n_hits, store.n_misses)


@st.composite
def clips_read(draw) -> list[int | None]:
    """How many examples each clip has, None where it cannot be used."""
    return draw(st.lists(st.one_of(st.none(), st.integers(1, 3), st.integers(1, 200)), max_size=40))


@given(clips_read())
@settings(max_examples=60, deadline=None)
def test_each_clip_gets_its_own_rows_in_whole_batches(sizes):
    total, read = 0, []
    for number, size in enumerate(sizes):
        clip = Clip(number, str(number), Path(), None)
        if size is None:
            read.append((clip, AudioError(str(number))))
            continue
        rows = np.arange(total, total + size, dtype=np.float32)[:, np.newaxis]
        read.append((clip, Embedded(size, 0.0, Condition(0.5), np.empty(0), np.array([size]), rows)))
        total += size
    asked: list[int] = []

    class Doubles:
        weights_fingerprint = "none"

        def embed(self, examples):
            asked.append(len(examples))
            return 2 * examples

    found = list(embedded_in_batches(iter(read), Doubles()))
    assert [clip.number for clip, _ in found] == list(range(len(sizes)))
    for (_, before), (_, after) in zip(read, found, strict=True):
        if isinstance(before, AudioError):
            assert after is before
        else:
            np.testing.assert_array_equal(after.rows, 2 * before.rows)
    assert all(n % BATCH_EXAMPLES == 0 for n in asked[:-1])
    assert sum(asked) == total


def test_no_more_than_a_few_clips_are_read_ahead(monkeypatch):
    monkeypatch.setattr(stream, "n_processors", lambda: 3)
    taken = []
    lock = threading.Lock()

    def read_one(task, clip):
        with lock:
            taken.append(clip.number)
        return clip.number

    monkeypatch.setattr(stream, "_read_one", read_one)
    clips = [Clip(number, str(number), Path(), None) for number in range(100)]
    ahead = stream.read(clips, Task(peaks(), Resampler.reference, False))
    assert [next(ahead)[1] for _ in range(10)] == list(range(10))
    assert len(taken) <= 10 + 2 * 3 + 1
    ahead.close()
    assert len(taken) <= 10 + 2 * 3 + 1


@dataclass
class Deadly(Peaks):
    """Ends the process that reads a loud clip, as a library in C may."""

    reads_in_processes = True

    def examples(self, waveform):
        if np.abs(waveform).max() > 0.9:
            os._exit(1)
        return super().examples(waveform)


def test_processes_give_what_threads_give_and_a_clip_that_ends_one_is_told(corpus, monkeypatch):
    monkeypatch.setattr(stream, "FEWEST_FOR_PROCESSES", 2)
    loud = corpus.utterances[9].path
    soundfile.write(loud, np.full(8_000, 0.95), 16_000)
    skipping = replace(READING, bad_clips=BadClips.skip)
    deadly = Deadly(name="deadly", workers=Workers.local)
    table, _ = counted(corpus, None, deadly, skipping)
    assert table.skipped == {"1_09": f"clip 1_09: {loud} ended the process that was to read it; look at it"}
    others = Corpus(tuple(each for each in corpus.utterances if each.id != "1_09"))
    assert equal(table, counted(others, None)[0])


@given(st.integers(1, 4), st.integers(1, 9), st.integers(1, 5), st.integers(0, 30))
@settings(max_examples=30, deadline=None)
def test_what_is_kept_of_a_clip_comes_back_to_the_bit(n_parts, n_rows, n_columns, n_hops):
    drawn = np.random.default_rng(n_rows)
    parts = drawn.integers(0, 9, n_parts)
    rows = drawn.standard_normal((parts.sum(), n_columns)).astype(np.float32)
    first = Embedded(1 / 3, -20 / 3, Condition(0.1, 2 / 3, 1 / 7), drawn.random(n_hops).astype(np.float32), parts, rows)
    again = Embedded.from_bytes(first.to_bytes())
    assert (again.seconds, again.level, again.condition) == (first.seconds, first.level, first.condition)
    for name in ("envelope", "parts", "rows"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
        assert getattr(again, name).shape == getattr(first, name).shape


def equal(one, other) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("X", "y", "utterance", "seconds", "levels", "sounds")
    ) and all(getattr(one, name) == getattr(other, name) for name in ("padded", "dropped", "utterances", "conditions"))


def test_the_second_time_no_clip_is_read_and_no_network_opened(corpus, path, monkeypatch):
    first, counts = counted(corpus, path)
    assert counts == (0, 12)

    def never(*_):
        raise AssertionError

    monkeypatch.setattr(stream, "read_waveform", never)
    monkeypatch.setattr(stream, "opened", never)
    second, counts = counted(corpus, path)
    assert counts == (12, 0)
    assert equal(first, second)
    assert equal(first, counted(corpus, path)[0])


def test_kept_or_not_the_table_is_the_same(corpus, path):
    assert equal(counted(corpus, path)[0], counted(corpus, None)[0])


def test_a_clip_is_found_again_under_another_name_and_id(corpus, path, tmp_path):
    counted(corpus, path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    moved = []
    for number, each in enumerate(reversed(corpus.utterances)):
        place = each.path.rename(folder / f"{number}.wav")
        moved.append(Utterance(f"2_{number:02}", place, each.is_sarcastic))
    _, counts = counted(Corpus(tuple(moved)), path)
    assert counts == (12, 0)


def test_only_what_changed_is_computed(corpus, path):
    counted(corpus, path)
    changed = corpus.utterances[3]
    soundfile.write(changed.path, np.full(8_000, 0.9), 16_000)
    table, counts = counted(corpus, path)
    assert counts == (11, 1)
    np.testing.assert_allclose(table.X[table.utterance == 3], 0.9, atol=1e-4)


@pytest.mark.parametrize(
    "embedding", [peaks(factor=2.0), peaks(weights_are="sha256:others")], ids=["an option", "the weights"]
)
def test_another_embedding_finds_nothing(corpus, path, embedding):
    counted(corpus, path)
    assert counted(corpus, path, embedding)[1] == (0, 12)


def test_another_resampler_finds_nothing(corpus, path):
    counted(corpus, path)
    assert counted(corpus, path, reading=replace(READING, resampler=Resampler.soxr))[1] == (0, 12)


def test_other_code_finds_nothing(corpus, path, monkeypatch):
    counted(corpus, path)
    monkeypatch.setattr(stream, "computed_by", lambda *modules: {"code": "another"})
    assert counted(corpus, path)[1] == (0, 12)


def test_another_decoder_finds_nothing(corpus, path, monkeypatch):
    counted(corpus, path)
    monkeypatch.setattr(sources, "version", lambda name: "99.0")
    assert counted(corpus, path)[1] == (0, 12)


def test_what_is_done_with_short_clips_does_not_matter(corpus, path):
    counted(corpus, path)
    table, counts = counted(corpus, path, reading=replace(READING, short_clips=ShortClips.drop))
    assert counts == (12, 0)
    assert table.dropped == ("1_05",)
    with pytest.raises(AudioError, match=r"^clip 1_05: .* lasts 0.188 s, less than one example"):
        counted(corpus, path, reading=replace(READING, short_clips=ShortClips.fail))


def vggish(**options) -> VGGishEmbedding:
    values = {
        "name": "vggish", "workers": Workers.local, "checkpoint": "vggish_model.ckpt", "engine": Engine.auto, "layer": Layer.fc2,
        "train": False, "train_from": "conv1", "random_seed": 0,
    }  # fmt: skip
    return VGGishEmbedding(**(values | options))


def test_recipes_tell_all_that_changes_a_value_and_nothing_else():
    def recipe(embedding, weights="sha256:1", resampler=Resampler.reference, augmentation=None, seed=0):
        return Task(embedding, resampler, False, augmentation, seed).recipe(weights)

    one = recipe(vggish())
    others = [
        recipe(vggish(layer=Layer.pool4)), recipe(vggish(engine=Engine.graph)), recipe(vggish(), "sha256:2"),
        recipe(vggish(), resampler=Resampler.soxr), recipe(vggish(), augmentation=ORIGIN),
        recipe(vggish(), augmentation=ORIGIN, seed=1), recipe(vggish(), augmentation=replace(ORIGIN, shift_seconds=0.2)),
    ]  # fmt: skip
    assert len({one, *others}) == 8
    same = [
        vggish(engine=Engine.winograd),
        vggish(name="other", checkpoint="elsewhere", workers=Workers.ray, train_from="fc1"),
    ]
    assert {recipe(each) for each in same} == {one}


def test_a_step_that_was_cut_off_goes_on_where_it_was(corpus, path, monkeypatch):
    reads = []
    original = stream.read_waveform

    def read(clip, *arguments):
        reads.append(clip.stem)
        if clip.stem == "1_08" and len(reads) < 12:
            raise KeyboardInterrupt
        return original(clip, *arguments)

    monkeypatch.setattr(stream, "read_waveform", read)
    monkeypatch.setattr(stream, "BATCH_EXAMPLES", 2)
    with pytest.raises(KeyboardInterrupt):
        counted(corpus, path)
    monkeypatch.setattr(stream, "read_waveform", original)
    table, (n_hits, n_misses) = counted(corpus, path)
    assert n_hits >= 5
    assert n_hits + n_misses == 12
    assert equal(table, counted(corpus, None)[0])


def test_a_clip_that_is_changed_while_the_run_reads_it_is_said_and_not_kept(corpus, path, monkeypatch):
    original = stream.read_waveform

    def read(clip, *arguments):
        if clip.stem == "1_03":
            soundfile.write(clip, np.full(8_000, 0.9), 16_000)
        return original(clip, *arguments)

    monkeypatch.setattr(stream, "read_waveform", read)
    with pytest.raises(AudioError, match=r"^clip 1_03: .*1_03.wav was changed while it was being read; run again"):
        counted(corpus, path)
    monkeypatch.setattr(stream, "read_waveform", original)
    table, _ = counted(corpus, path)
    np.testing.assert_allclose(table.X[table.utterance == 3], 0.9, atol=1e-4)


def test_weights_that_are_changed_meanwhile_are_said(corpus, monkeypatch):
    embedding = peaks()
    monkeypatch.setattr(Peaks, "fingerprint", lambda *_: "sha256:before")
    with pytest.raises(WeightsError, match=r"^the weights were changed while they were being read; run again$"):
        counted(corpus, None, embedding)


@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("n_at_once", [1, 7])
def test_neither_threads_nor_batches_change_a_bit(corpus, n_threads, n_at_once, monkeypatch):
    before = counted(corpus, None)[0]
    monkeypatch.setattr(stream, "n_processors", lambda: n_threads)
    monkeypatch.setattr(stream, "BATCH_EXAMPLES", n_at_once)
    assert equal(before, counted(corpus, None)[0])


def test_damaged_entries_are_computed_again_to_the_bit(corpus, path):
    before, _ = counted(corpus, path)
    content = bytearray(path.read_bytes())
    at = content.index(before.X[before.utterance == 7].tobytes())
    content[at] ^= 1
    path.write_bytes(content)
    after, counts = counted(corpus, path)
    assert counts == (11, 1)
    assert equal(before, after)
    assert counted(corpus, path)[1] == (12, 0)


def test_copies_are_kept_by_seed_and_clip(corpus, path):
    def copies(seed: int):
        with Store(path) as store:
            table = tabulate(corpus, peaks(), OFF, READING, store)
            hits = store.n_hits
            made = tabulate_copies(corpus, table, np.arange(len(table.y)), peaks(), OFF, READING, ORIGIN, seed, store)
            return made, store.n_hits - hits

    (first, n_first), (again, n_again), (_, n_other) = copies(0), copies(0), copies(1)
    assert (n_first, n_again, n_other) == (0, 12, 0)
    for name in ("X", "copy", "utterance"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))


def test_two_clips_of_one_sound_are_both_there(corpus, path, tmp_path):
    twin = tmp_path / "9_99.wav"
    twin.write_bytes(corpus.utterances[2].path.read_bytes())
    both = Corpus((*corpus.utterances, Utterance("9_99", twin, False)))
    for _ in range(2):
        table, _ = counted(both, path)
        assert len(table.utterances) == 13
        np.testing.assert_array_equal(table.X[table.utterance == 2], table.X[table.utterance == 12])


def test_clips_that_cannot_be_read_are_not_kept(corpus, path):
    bad = corpus.utterances[4].path
    bad.write_bytes(b"RIFF")
    skipping = replace(READING, bad_clips=BadClips.skip)
    for n_hits in (0, 11):
        table, counts = counted(corpus, path, reading=skipping)
        assert counts == (n_hits, 12 - n_hits)
        assert list(table.skipped) == ["1_04"]
