import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import f1_score

from sarcasm.scoring import calibration
from sarcasm.scoring.calibration import best_threshold


def weighted(labels, decided):
    return f1_score(labels, decided, average="weighted", zero_division=0)


# Calibration


def test_probabilities_that_equal_the_shares_have_no_error():
    shares = [0.05, 0.25, 0.5, 0.75, 0.95]
    labels = np.concatenate([np.arange(20) < 20 * share for share in shares])
    found = calibration(labels, np.repeat(shares, 20))
    assert found.ece == pytest.approx(0)
    assert found.bins == tuple((pytest.approx(share), pytest.approx(share), 20) for share in shares)


def test_certainty_about_a_coin_is_wrong_by_half():
    found = calibration(np.array([True, False] * 8), np.ones(16))
    assert (found.ece, found.brier, found.bins) == (0.5, 0.5, ((1.0, 0.5, 16),))


def test_the_error_weighs_bins_by_their_count():
    labels = np.array([True, True, True, False])
    found = calibration(labels, np.array([0.9, 0.9, 0.9, 0.4]))
    assert found.ece == pytest.approx(0.75 * 0.1 + 0.25 * 0.4)
    assert found.brier == pytest.approx((3 * 0.01 + 0.16) / 4)


@pytest.mark.parametrize("n_bins", [1, 5, 10])
def test_bins_equal_scikit_learns(rng, n_bins):
    probability = rng.random(300)
    labels = rng.random(300) < probability**2
    observed, expected = calibration_curve(labels, probability, n_bins=n_bins, strategy="uniform")
    found = calibration(labels, probability, n_bins)
    assert [each[0] for each in found.bins] == pytest.approx(expected)
    assert [each[1] for each in found.bins] == pytest.approx(observed)
    assert sum(count for *_, count in found.bins) == 300


def test_without_a_number_there_are_ten_bins(rng):
    labels, probability = rng.random(300) < 0.5, rng.random(300)
    assert calibration(labels, probability) == calibration(labels, probability, 10)
    assert len(calibration(labels, probability).bins) == 10


def test_a_probability_between_two_bins_is_in_the_upper_one_and_one_in_the_last():
    found = calibration(np.zeros(5, bool), np.array([0.0, 0.45, 0.5, 0.95, 1.0]))
    assert [(mean, count) for mean, _, count in found.bins] == [(0, 1), (0.45, 1), (0.5, 1), (pytest.approx(0.975), 2)]


@pytest.mark.parametrize("label", [True, False])
def test_one_class_alone_has_an_error_too(label):
    found = calibration(np.full(3, label), np.array([0.2, 0.2, 0.2]))
    assert found.ece == pytest.approx(0.8 if label else 0.2)
    assert found.brier == pytest.approx(0.64 if label else 0.04)


# The threshold


@given(st.data())
@settings(deadline=None)
def test_no_other_threshold_has_a_higher_score(data):
    n = data.draw(st.integers(1, 12))
    labels = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    probability = np.array(data.draw(st.lists(st.integers(0, 16), min_size=n, max_size=n))) / 16
    threshold = best_threshold(labels, probability)
    distinct = np.unique(probability)
    candidates = [0.5, *(distinct[:-1] + distinct[1:]) / 2]
    scores = {each: weighted(labels, probability >= each) for each in candidates}
    assert threshold in scores
    as_good = [each for each, score in scores.items() if score > max(scores.values()) - 1e-9]
    assert scores[threshold] == pytest.approx(max(scores.values()))
    assert abs(threshold - 0.5) == min(abs(each - 0.5) for each in as_good)


@pytest.mark.parametrize("shift", [-0.25, 0.25])
def test_a_shifted_probability_has_a_shifted_threshold(shift):
    labels = np.array([False] * 5 + [True] * 5)
    assert best_threshold(labels, np.where(labels, 0.625, 0.375) + shift) == 0.5 + shift


def test_where_one_half_is_as_good_as_any_it_stays():
    labels = np.array([False, True])
    assert best_threshold(labels, np.array([0.1, 0.8])) == 0.5
    assert best_threshold(labels, np.array([0.3, 0.3])) == 0.5


def test_of_two_as_good_the_nearer_to_one_half_is_taken():
    # Below the third row, one that is not sarcastic is taken for it; above the fourth, one that is is missed.
    labels = np.array([False, False, True, False, True, True])
    probability = np.array([0.0, 0.125, 0.25, 0.5625, 0.6875, 0.75])
    scores = [weighted(labels, probability >= threshold) for threshold in (0.1875, 0.5, 0.625)]
    assert scores[0] == scores[2] > scores[1]
    assert best_threshold(labels, probability) == 0.625


def test_of_two_as_good_and_as_near_the_lower_is_taken():
    # From 0.25 on, one that is not sarcastic is taken for it; from 0.75 on, one that is is missed.
    labels = np.array([False, False, True, False, True, True])
    probability = np.array([0.0, 0.125, 0.375, 0.625, 0.875, 1.0])
    assert weighted(labels, probability >= 0.25) == weighted(labels, probability >= 0.75)
    assert best_threshold(labels, probability) == 0.25


def test_a_row_at_the_threshold_is_decided_sarcastic():
    labels = np.array([False, True, True])
    assert best_threshold(labels, np.array([0.25, 0.5, 0.75])) == 0.5


def test_the_interval_of_a_bin_is_wilsons_and_fits_of_an_utterance_count_once():
    labels, probability = np.array([True] * 3 + [False] * 7), np.full(10, 0.55)
    once = calibration(labels, probability)
    # The score interval: the roots of (share - p)^2 = z^2 p (1 - p) / n.
    z, share, n = 1.959963984540054, 0.3, 10
    roots = np.sort(np.roots([1 + z**2 / n, -2 * share - z**2 / n, share**2]))
    assert once.intervals[0] == pytest.approx(tuple(roots))
    units = np.tile(np.arange(10), 3)
    assert calibration(np.tile(labels, 3), np.full(30, 0.55), units=units).intervals[0] == pytest.approx(
        once.intervals[0]
    )
