from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn import metrics as oracle

from sarcasm.scoring import Interval, intervals
from sarcasm.scoring.intervals import bootstrapped, statistics

METRICS = ["f1_weighted", "f1_macro", "accuracy", "auroc"]


@st.composite
def weighted_rows(draw):
    """Labels, probabilities with ties, decisions that need not agree with them, and how often each row occurs."""
    n = draw(st.integers(1, 12))
    labels = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    probability = draw(st.lists(st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]), min_size=n, max_size=n))
    decided = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    weights = draw(st.lists(st.integers(0, 4), min_size=n, max_size=n).filter(any))
    return np.array(labels), np.array(probability), np.array(decided), np.array(weights)


def rows(rng, n):
    """Labels, probabilities and decisions that are right more often than not."""
    labels = rng.random(n) < 0.5
    probability = np.clip(0.5 + 0.2 * (labels - 0.5) + 0.2 * rng.standard_normal(n), 0, 1)
    return labels, probability, probability >= 0.5


def width(interval):
    return interval.high - interval.low


@given(weighted_rows())
@settings(deadline=None)
def test_a_metric_of_weighted_rows_equals_scikit_learns_of_repeated_rows(drawn):
    labels, probability, decided, weights = drawn
    truth, score, said = (np.repeat(each, weights) for each in (labels, probability, decided))
    expected = {
        f"f1_{average}": oracle.f1_score(truth, said, labels=[True, False], average=average, zero_division=0)
        for average in ("weighted", "macro")
    }
    expected["accuracy"] = oracle.accuracy_score(truth, said)
    expected["auroc"] = oracle.roc_auc_score(truth, score) if 0 < truth.sum() < len(truth) else np.nan
    found = {
        name: float(statistic(weights.astype(float)))
        for name, statistic in statistics(labels, probability, decided).items()
    }
    assert found == pytest.approx(expected, nan_ok=True)


@given(weighted_rows(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_many_sets_of_weights_at_once_give_what_each_gives_alone(drawn, seed):
    labels, probability, decided, weights = drawn
    sets = np.stack(
        [weights, *np.random.default_rng(seed).multinomial(len(labels), np.ones(len(labels)) / len(labels), 3)]
    )
    for statistic in statistics(labels, probability, decided).values():
        together = statistic(sets.astype(float))
        assert together == pytest.approx([float(statistic(each.astype(float))) for each in sets], nan_ok=True)


@pytest.mark.parametrize("unit_of", [lambda n: np.arange(n), lambda n: np.arange(n) % 30], ids=["utterance", "speaker"])
def test_an_interval_contains_the_estimate_and_not_everything(rng, unit_of):
    labels, probability, decided = rows(rng, 300)
    found = intervals(labels, probability, decided, unit_of(300), "unit", 0)
    assert list(found) == METRICS
    for name, statistic in statistics(labels, probability, decided).items():
        assert found[name].low < statistic(np.ones(300)) < found[name].high
        assert 0 < width(found[name]) < 0.2


def test_the_interval_of_accuracy_has_the_quantiles_of_the_binomial(rng):
    labels, probability, decided = rows(rng, 400)
    right = np.mean(labels == decided)
    accuracy = intervals(labels, probability, decided, np.arange(400), "utterance", 0, 5000)["accuracy"]
    # A draw of independent rows is right on a binomial number of them.
    assert [accuracy.low, accuracy.high] == pytest.approx(binom.ppf([0.025, 0.975], 400, right) / 400, abs=0.005)


def test_an_interval_says_what_was_drawn_and_of_how_many(rng):
    found = intervals(*rows(rng, 40), np.repeat([7, 100, -3, 12], 10), "speaker", 0, 50)
    assert {(each.unit, each.n_units) for each in found.values()} == {("speaker", 4)}


def test_one_unit_has_no_interval(rng):
    found = intervals(*rows(rng, 20), np.full(20, 5), "speaker", 0, 50)
    assert list(found) == METRICS
    for each in found.values():
        assert (each.unit, each.n_units) == ("speaker", 1)
        assert np.isnan([each.low, each.high]).all()


def test_copies_of_an_utterance_add_no_evidence(rng):
    once = rows(rng, 60)
    five_times = tuple(np.tile(each, 5) for each in once)
    one = intervals(*once, np.arange(60), "utterance", 3)
    five = intervals(*five_times, np.tile(np.arange(60), 5), "utterance", 3)
    as_rows = intervals(*five_times, np.arange(300), "utterance", 3)
    for name in METRICS:
        assert (five[name].low, five[name].high) == pytest.approx((one[name].low, one[name].high))
        # As if sqrt(5) times as narrow were honest.
        assert width(five[name]) > 1.8 * width(as_rows[name])


def test_speakers_whose_clips_are_alike_make_the_interval_wider(rng):
    labels = rng.random(400) < 0.5
    speaker = np.arange(400) % 20
    is_easy = (rng.random(20) < 0.5)[speaker]
    decided = np.where(is_easy, labels, ~labels)
    of_speakers, of_utterances = (
        intervals(labels, decided.astype(float), decided, units, "unit", 0)
        for units in (speaker, np.arange(400))
    )  # fmt: skip
    for name in METRICS:
        assert width(of_speakers[name]) > 2 * width(of_utterances[name])


def test_the_same_seed_gives_the_same_numbers_and_another_gives_others(rng):
    drawn = (*rows(rng, 50), np.arange(50), "utterance")
    assert intervals(*drawn, 1, 200) == intervals(*drawn, 1, 200)
    assert intervals(*drawn, 1, 200) != intervals(*drawn, 2, 200)


def test_the_order_of_rows_does_not_matter(rng):
    labels, probability, decided = rows(rng, 50)
    units, order = np.arange(50) % 11, rng.permutation(50)
    one = intervals(labels, probability, decided, units, "speaker", 1, 200)
    other = intervals(labels[order], probability[order], decided[order], units[order], "speaker", 1, 200)
    for name in METRICS:
        assert (other[name].low, other[name].high) == pytest.approx((one[name].low, one[name].high))


def test_how_much_is_held_at_a_time_does_not_matter(rng, monkeypatch):
    drawn = (*rows(rng, 50), np.arange(50), "utterance", 1, 200)
    at_once = intervals(*drawn)
    # The package's name for the module is that of the function.
    monkeypatch.setattr(import_module("sarcasm.scoring.intervals"), "VALUES_AT_ONCE", 350)
    assert intervals(*drawn) == at_once


def test_one_class_has_no_auroc_and_all_else():
    decided = np.array([True, False] * 10)
    found = intervals(np.zeros(20, bool), np.linspace(0, 1, 20), decided, np.arange(20), "utterance", 0, 100)
    assert np.isnan([found["auroc"].low, found["auroc"].high]).all()
    assert 0 < found["accuracy"].low < 0.5 < found["accuracy"].high < 1


def test_a_perfect_score_is_perfect_in_every_draw():
    labels = np.array([True, False] * 10)
    found = intervals(labels, labels.astype(float), labels, np.arange(20), "utterance", 0, 100)
    for name in ("f1_weighted", "accuracy", "auroc"):
        assert found[name] == Interval(1.0, 1.0, "utterance", 20)


def test_draws_without_a_number_are_left_out_unless_they_are_most():
    # The first of many units is missing from a draw with probability 1 / e.
    def where_drawn(weights):
        return np.where(weights[..., 0] > 0, weights[..., 0], np.nan)

    def where_missing(weights):
        return np.where(weights[..., 0] == 0, 1.0, np.nan)

    low, high = bootstrapped(where_drawn, np.arange(50), 0, 500)
    assert low == 1 < high
    assert np.isnan(bootstrapped(where_missing, np.arange(50), 0, 500)).all()
