"""Changed copies of clips stand on training sides alone, and belong to the clip that they are made of."""

from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import pytest
import soundfile

from sarcasm.augmentation import NoAugmentation, Origin
from sarcasm.corpus import BadClips, Corpus, ShortClips, Utterance
from sarcasm.embeddings import PCA, Embedding, Pool, Reading, Unchanged, tabulate, tabulate_copies
from sarcasm.resampling import Resampler
from sarcasm.store import Store

READING = Reading(Resampler.reference, BadClips.fail, ShortClips.pad)
OFF = PCA(enabled=False, params=None)
ORIGIN = Origin(name="origin", shift_seconds=0.1, stretch=0.8, semitones=3.0)


@dataclass
class Loudest(Embedding):
    """Two rows a clip, the loudest sample of each half: tells clips of different level apart."""

    def examples(self, waveform):
        return np.abs(waveform[: len(waveform) // 2 * 2]).reshape(2, -1).max(axis=1, keepdims=True).repeat(3, axis=1)

    def open(self, may_be_random):
        return nullcontext(Unchanged("none"))


@pytest.fixture
def corpus(tmp_path, rng) -> Corpus:
    """Six clips, each of another level."""
    utterances = []
    for number in range(6):
        path = tmp_path / f"1_{number}.wav"
        soundfile.write(path, 0.1 * (number + 1) * np.sign(rng.standard_normal(20_000)), 16_000)
        utterances.append(Utterance(f"1_{number}", path, number % 2 == 0))
    return Corpus(tuple(utterances))


def copied(corpus, rows, augmentation, seed=0):
    table = tabulate(corpus, Loudest("loudest"), OFF, READING, Store(None))
    return table, tabulate_copies(
        corpus, table, rows, Loudest("loudest"), OFF, READING, augmentation, seed, Store(None)
    )


def test_only_what_is_trained_on_is_copied_three_times(corpus):
    table, copies = copied(corpus, np.array([0, 1, 4, 5, 10]), ORIGIN)
    assert set(copies.utterance) == {0, 2, 5}
    assert len(set(copies.copy)) == 9
    assert [len(set(copies.copy[copies.utterance == each])) for each in (0, 2, 5)] == [3, 3, 3]
    assert copies.X.shape[1:] == table.X.shape[1:]


def test_a_copy_is_of_the_clip_that_it_says(corpus):
    _, copies = copied(corpus, np.arange(12), Origin(name="origin", shift_seconds=0.1, stretch=None, semitones=None))
    np.testing.assert_allclose(copies.X[:, 0], 0.1 * (copies.utterance + 1), atol=1e-3)


def test_a_fold_gets_the_copies_of_its_own_training_side(corpus):
    table, copies = copied(corpus, np.arange(12), ORIGIN)
    trained = np.array([0, 1, 6, 7])
    assert set(copies.utterance[copies.of(table.utterance[trained])]) == {0, 3}


def test_copies_do_not_depend_on_which_others_are_made(corpus):
    _, alone = copied(corpus, np.array([4]), ORIGIN)
    _, among = copied(corpus, np.arange(12), ORIGIN)
    np.testing.assert_array_equal(alone.X, among.X[among.utterance == 2])


def test_pooled_there_is_one_row_a_copy(corpus):
    _, copies = copied(corpus, np.arange(12), ORIGIN)
    pooled = copies.pooled(Pool.mean)
    assert len(pooled.X) == len(set(copies.copy)) == 18
    np.testing.assert_allclose(pooled.X[4], copies.X[copies.copy == 4].mean(axis=0), rtol=1e-6)


def test_without_augmentation_there_are_none(corpus):
    _, copies = copied(corpus, np.arange(12), NoAugmentation("none"))
    assert copies.X.shape == (0, 3)
    assert len(copies.of(np.arange(6))) == 0
