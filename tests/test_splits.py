import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sarcasm.errors import ConfigError, SplitError
from sarcasm.splits import ExampleSplit, UtteranceSplit, leakage
from tests.conftest import make_table

UTTERANCE = UtteranceSplit(name="utterance", test_size=0.2, stratify=True)
EXAMPLE = ExampleSplit(name="example", test_size=0.2, stratify=True)


@st.composite
def tables(draw):
    """Tables that a stratified split can divide: at least five utterances of each class."""
    n_sarcastic, n_other = draw(st.integers(5, 30)), draw(st.integers(5, 30))
    labels = draw(st.permutations([True] * n_sarcastic + [False] * n_other))
    return make_table(labels, draw(st.lists(st.integers(1, 9), min_size=len(labels), max_size=len(labels))))


@given(tables(), st.sampled_from([UTTERANCE, EXAMPLE]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_every_row_stands_on_exactly_one_side(table, split, seed):
    (fold,) = split.folds(table, seed)
    assert sorted([*fold.train, *fold.test]) == list(range(len(table.y)))


@given(tables(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_utterance_stands_on_both_sides(table, seed):
    folds = UTTERANCE.folds(table, seed)
    assert not set(table.utterance[folds[0].train]) & set(table.utterance[folds[0].test])
    assert not leakage(folds, table).is_leaky


@given(tables(), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_both_sides_hold_the_classes_in_proportion(table, seed):
    (fold,) = UTTERANCE.folds(table, seed)
    tested = np.unique(table.utterance[fold.test])
    expected = len(tested) * table.utterance_labels.mean()
    assert abs(table.utterance_labels[tested].sum() - expected) <= 1


def test_the_example_split_is_scikit_learns_with_the_notebooks_arguments():
    from sklearn.model_selection import train_test_split

    table = make_table([True, False] * 20, [5] * 40)
    (fold,) = EXAMPLE.folds(table, 42)
    train, test = train_test_split(np.arange(200), test_size=0.2, random_state=42, stratify=table.y)
    assert list(fold.train) == sorted(train)
    assert list(fold.test) == sorted(test)


def test_the_example_split_is_found_leaky_and_counted():
    table = make_table([True, False] * 10, [5] * 20)
    folds = EXAMPLE.folds(table, 42)
    found = leakage(folds, table)
    tested, trained = set(table.utterance[folds[0].test]), set(table.utterance[folds[0].train])
    assert found.is_leaky
    assert (found.n_test_utterances, found.n_seen_utterances) == (len(tested), len(tested & trained))


def test_the_same_seed_draws_the_same_split_and_another_draws_another():
    table = make_table([True, False] * 20, [3] * 40)
    first, again, other = (UTTERANCE.folds(table, seed)[0].test for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_class_of_one_utterance_cannot_be_stratified():
    expected = (
        "split=utterance needs at least 2 sarcastic utterances to put one on each side, and the corpus has 1;"
        " use more clips, or split.stratify=false"
    )
    with pytest.raises(SplitError) as caught:
        UTTERANCE.folds(make_table([True] + [False] * 9, [2] * 10), 42)
    assert str(caught.value) == expected


def test_too_few_utterances_for_the_test_size_is_said_in_one_line():
    with pytest.raises(
        SplitError, match=r"^split=utterance cannot divide 4 utterances \(2 sarcastic\) with split\.test_size=0\.2: "
    ):
        UTTERANCE.folds(make_table([True, True, False, False], [2] * 4), 42)


@pytest.mark.parametrize("test_size", [0.0, 1.0, -0.2, 20.0])
def test_a_test_size_that_is_no_share_is_refused(test_size):
    with pytest.raises(ConfigError, match=r"split\.test_size=.*a share between 0 and 1"):
        UtteranceSplit(name="utterance", test_size=test_size, stratify=True)
