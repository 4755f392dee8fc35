from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn.metrics import f1_score

from sarcasm.scoring import against_chance, holm, paired

N_NULLS, N_DRAWS = 200, 99


def weighted(labels, decided):
    return f1_score(labels, decided, average="weighted", zero_division=0)


def one_fold(labels, decided, seed=0, n=99):
    return against_chance(labels, decided, np.arange(len(labels)), np.zeros(len(labels), int), None, seed, n)


def is_honest(p_values):
    """Whether as many of the p-values are at most 0.05 as the binomial allows."""
    fewest, most = binom.ppf([0.0005, 0.9995], len(p_values), 0.05)
    return fewest <= np.sum(np.array(p_values) <= 0.05) <= most


# Against chance


@pytest.mark.parametrize("n_fits", [1, 3])
def test_chance_is_found_as_often_as_p_says(rng, n_fits):
    utterance, fold = np.tile(np.arange(60), n_fits), np.tile(np.arange(60) % 3, n_fits)
    p_values = []
    for seed in range(N_NULLS):
        # Of the fits of an utterance most say the same, as different seeds of a model do.
        decided = np.tile(rng.random(60) < 0.5, n_fits) ^ (rng.random(60 * n_fits) < 0.1)
        labels = np.tile(rng.random(60) < 0.5, n_fits)
        p_values.append(against_chance(labels, decided, utterance, fold, None, seed, N_DRAWS).p_value)
    assert is_honest(p_values)


def test_decisions_that_know_something_are_above_chance(rng):
    labels = rng.random(100) < 0.5
    decided = labels ^ (rng.permutation(100) < 25)
    found = one_fold(labels, decided, n=999)
    assert found.p_value == 1 / 1000
    assert found.mean_of_null == pytest.approx(0.5, abs=0.02)


def test_decisions_that_are_mostly_wrong_are_not_above_chance(rng):
    labels = rng.random(100) < 0.5
    assert one_fold(labels, ~labels).p_value == 1


@pytest.mark.parametrize("folds", [[range(8)], [range(0, 8, 2), range(1, 8, 2)]], ids=["one_fold", "two_folds"])
def test_the_null_is_that_of_all_ways_to_shuffle_each_fold(folds):
    labels = np.array([True, True, True, True, False, False, False, False])
    decided = np.array([True, True, True, False, True, False, False, False])
    fold = np.sum([number * np.isin(np.arange(8), members) for number, members in enumerate(folds)], axis=0)
    ways = product(*(combinations(members, int(labels[list(members)].sum())) for members in folds))
    null = [weighted(np.isin(np.arange(8), np.concatenate(chosen)), decided) for chosen in ways]
    found = against_chance(labels, decided, np.arange(8), fold, None, 0, 5000)
    assert found.mean_of_null == pytest.approx(np.mean(null), abs=0.01)
    assert found.p_value == pytest.approx(np.mean(np.array(null) >= weighted(labels, decided) - 1e-9), abs=0.02)
    assert found.n_permutations == 5000


def test_what_the_fold_alone_gives_away_is_no_evidence():
    fold = np.repeat([0, 1], 20)
    labels = np.concatenate([np.arange(20) < 18, np.arange(20) < 2])
    decided = fold == 0
    found = against_chance(labels, decided, np.arange(40), fold, None, 0, N_DRAWS)
    # Shuffled within its fold, every label falls under the same decision.
    assert found.p_value == 1
    assert found.mean_of_null == pytest.approx(weighted(labels, decided))
    assert one_fold(labels, decided).p_value == 1 / 100


def test_copies_of_a_fit_add_no_evidence(rng):
    labels = rng.random(40) < 0.5
    decided = labels ^ (rng.random(40) < 0.4)
    utterance, fold = rng.permutation(40), np.arange(40) % 4
    once = against_chance(labels, decided, utterance, fold, None, 5)
    five_times = against_chance(*(np.tile(each, 5) for each in (labels, decided, utterance, fold)), None, 5)
    assert 0.001 < once.p_value < 0.9
    assert five_times.p_value == once.p_value
    assert five_times.mean_of_null == pytest.approx(once.mean_of_null)


def test_a_voice_that_gives_the_label_away_is_no_evidence_within_speakers(rng):
    """Each voice has one decision and mostly one label: all that is known is whose voice it is."""
    speaker = np.repeat(np.arange(12), 10)
    labels = rng.random(120) < np.where(speaker % 2, 0.9, 0.1)
    found = against_chance(labels, speaker % 2 == 1, np.arange(120), np.zeros(120, int), speaker, 0)
    assert found.p_value < 0.001
    assert found.p_within_speakers == 1.0


def test_a_tone_that_is_heard_in_every_voice_is_evidence_within_speakers(rng):
    speaker = np.repeat(np.arange(12), 10)
    labels = rng.random(120) < 0.5
    decided = labels ^ (rng.random(120) < 0.2)
    found = against_chance(labels, decided, np.arange(120), np.zeros(120, int), speaker, 0)
    assert found.p_within_speakers < 0.001


def test_the_same_seed_shuffles_the_same_and_another_differently(rng):
    labels, decided = rng.random(30) < 0.5, rng.random(30) < 0.5
    assert one_fold(labels, decided, 1) == one_fold(labels, decided, 1)
    assert one_fold(labels, decided, 1) != one_fold(labels, decided, 2)


# Two runs


@st.composite
def two_runs(draw):
    """Labels, shares of two fits each, and units."""
    n = draw(st.integers(1, 14))
    share = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=n, max_size=n).map(np.array)
    labels = draw(st.lists(st.booleans(), min_size=n, max_size=n).map(np.array))
    return labels, draw(share), draw(share), draw(st.lists(st.integers(0, 9), min_size=n, max_size=n).map(np.array))


def as_one_fit(labels, a, b, seed=0, n=200):
    return paired(labels, a.astype(float), b.astype(float), np.arange(len(labels)), seed, n)


@given(two_runs(), st.sampled_from([16, 60]))
@settings(max_examples=40, deadline=None)
def test_to_swap_the_runs_turns_the_sign_and_nothing_else(runs, n_resamples):
    labels, a, b, units = runs
    one, other = paired(labels, a, b, units, 1, n_resamples), paired(labels, b, a, units, 1, n_resamples)
    assert (other.a, other.b, other.difference) == (one.b, one.a, -one.difference)
    assert (other.p_permutation, other.p_mcnemar) == (one.p_permutation, one.p_mcnemar)
    assert (other.n_only_a, other.n_only_b) == (one.n_only_b, one.n_only_a)
    assert (other.low, other.high) == pytest.approx((-one.high, -one.low), nan_ok=True)


def test_the_score_of_shares_is_that_of_all_fits_pooled(rng):
    labels = rng.random(30) < 0.5
    fits_a, fits_b = rng.random((4, 30)) < 0.5, rng.random((4, 30)) < 0.5
    found = paired(labels, fits_a.mean(axis=0), fits_b.mean(axis=0), np.arange(30), 0, 20)
    assert found.a == pytest.approx(weighted(np.tile(labels, 4), fits_a.ravel()))
    assert found.b == pytest.approx(weighted(np.tile(labels, 4), fits_b.ravel()))
    assert found.difference == found.b - found.a
    assert found.n_utterances == 30


@pytest.mark.parametrize("units", [np.arange(8), np.array([4, 4, 0, 9, 9, 9, 2, 2])], ids=["utterances", "clusters"])
def test_with_few_units_every_way_of_swapping_counts(units):
    labels = np.array([True, True, True, False, False, False, True, False])
    a = np.array([True, False, True, False, True, True, False, False])
    b = np.array([True, True, True, False, False, False, False, True])
    _, of_row = np.unique(units, return_inverse=True)
    observed = abs(weighted(labels, b) - weighted(labels, a))
    as_large = []
    for swaps in product([False, True], repeat=of_row.max() + 1):
        swap = np.array(swaps)[of_row]
        difference = weighted(labels, np.where(swap, a, b)) - weighted(labels, np.where(swap, b, a))
        as_large.append(abs(difference) >= observed - 1e-9)
    exact = np.mean(as_large)
    assert 0 < exact < 1
    assert paired(labels, a.astype(float), b.astype(float), units, 0, 256).p_permutation == exact


def test_drawn_swaps_come_near_to_all_of_them(rng):
    labels = rng.random(12) < 0.5
    a, b = labels ^ (rng.permutation(12) < 6), labels ^ (rng.permutation(12) < 3)
    exact, drawn = as_one_fit(labels, a, b, n=4096).p_permutation, as_one_fit(labels, a, b, n=4000).p_permutation
    assert 0.1 < exact < 0.9
    # Drawn ones are counted in 4001st parts, which those of 4096 are not.
    assert drawn != exact
    assert drawn == pytest.approx(exact, abs=0.03)


def test_two_runs_that_are_alike_differ_as_often_as_p_says(rng):
    p_values = []
    for seed in range(N_NULLS):
        labels = rng.random(50) < 0.5
        a, b = (labels ^ (rng.random(50) < 0.35) for _ in range(2))
        p_values.append(as_one_fit(labels, a, b, seed, N_DRAWS).p_permutation)
    assert is_honest(p_values)


def test_a_better_run_is_found(rng):
    labels = rng.random(200) < 0.5
    a, b = labels ^ (rng.random(200) < 0.45), labels ^ (rng.random(200) < 0.2)
    found = as_one_fit(labels, a, b, n=999)
    assert 0 < found.low < found.difference < found.high
    assert found.p_permutation == 1 / 1000
    assert found.p_mcnemar < 0.001


def test_a_run_is_no_better_than_itself(rng):
    labels = rng.random(30) < 0.5
    a = rng.random(30) < 0.5
    found = as_one_fit(labels, a, a)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert (found.p_permutation, found.p_mcnemar, found.n_only_a, found.n_only_b) == (1, 1, 0, 0)


def test_one_speaker_who_is_better_understood_is_no_evidence_over_speakers(rng):
    labels = rng.random(80) < 0.5
    speaker = np.repeat(np.arange(4), 20)
    a = labels ^ (np.arange(80) % 2 == 0)
    b = np.where(speaker == 0, labels, a)
    over_utterances = as_one_fit(labels, a, b, n=999)
    over_speakers = paired(labels, a.astype(float), b.astype(float), speaker, 0, 999)
    assert over_utterances.p_permutation < 0.01
    # Whichever way the one speaker is swapped, the difference is as large.
    assert over_speakers.p_permutation == 1
    assert over_speakers.difference == over_utterances.difference
    assert over_speakers.low == 0 < over_utterances.low


def test_one_unit_has_no_interval_and_no_evidence():
    labels = np.array([True, False, True])
    found = paired(labels, np.zeros(3), labels.astype(float), np.zeros(3, int), 0, 50)
    assert np.isnan([found.low, found.high]).all()
    assert found.p_permutation == 1


def test_mcnemar_asks_only_utterances_that_most_fits_of_one_run_are_right_on():
    labels = np.array([True] * 7 + [False] * 5)
    a = np.array([1, 1, 0.5, 1, 0.25, 0, 0, 0, 1, 1, 1, 0.5])
    b = np.array([0, 1, 0, 0.5, 0.75, 1, 1, 0, 0, 0, 0.25, 0])
    found = paired(labels, a, b, np.arange(12), 0, 20)
    # Half of the fits right: neither right nor wrong, so the third, fourth and last do not count.
    assert (found.n_only_a, found.n_only_b) == (1, 6)
    assert found.p_mcnemar == pytest.approx(binomtest(1, 7, 0.5).pvalue)


def test_the_same_seed_compares_the_same_and_another_differently(rng):
    labels, a, b = (rng.random(30) < 0.5 for _ in range(3))
    assert as_one_fit(labels, a, b, 1) == as_one_fit(labels, a, b, 1)
    one, other = as_one_fit(labels, a, b, 1), as_one_fit(labels, a, b, 2)
    assert (one.low, one.high, one.p_permutation) != (other.low, other.high, other.p_permutation)


# Several comparisons


def test_holm_equals_a_computation_by_hand():
    # Ascending, times 4, 3, 2, 1, none below the one before: 0.02, 0.03, 0.06, max(0.04, 0.06).
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_goes_no_higher_than_one_and_leaves_a_single_value():
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([0.04]) == [0.04]
    assert holm([]) == []
