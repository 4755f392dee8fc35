import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as oracle

from sarcasm.scoring import curves, intervals
from sarcasm.scoring.curves import _at
from tests.test_intervals import rows, weighted_rows


def of(labels, probability, seed=0, n_resamples=200):
    return curves(labels, probability, np.arange(len(labels)), seed, n_resamples)


@given(weighted_rows())
@settings(deadline=None, max_examples=30)
def test_curves_of_weighted_rows_are_scikit_learns_of_repeated_rows(drawn):
    labels, probability, _, weights = drawn
    places = np.linspace(0, 1, 11)
    found = _at(places, labels, probability, weights[np.newaxis].astype(float)).reshape(2, -1)
    truth, score = np.repeat(labels, weights), np.repeat(probability, weights)
    if truth.all() or not truth.any():
        assert np.isnan(found).all()
        return
    assert found[0, 0] == pytest.approx(oracle.roc_auc_score(truth, score))
    assert found[1, 0] == pytest.approx(oracle.average_precision_score(truth, score))
    false_rate, true_rate, _ = oracle.roc_curve(truth, score, drop_intermediate=False)
    precision, recall, _ = oracle.precision_recall_curve(truth, score)
    for place, height, exactness in zip(places, found[0, 1:], found[1, 1:], strict=True):
        at = np.isclose(false_rate, place)
        expected = true_rate[at].max() if at.any() else np.interp(place, false_rate, true_rate)
        assert height == pytest.approx(expected, abs=1e-9)
        # The highest threshold, and so the least recall, that reaches it.
        reached = recall[:-1] >= max(place, 1e-9) - 1e-9
        assert exactness == pytest.approx(precision[:-1][reached][-1] if place else precision[:-1][recall[:-1] > 0][-1])


def test_areas_are_scikit_learns_and_the_interval_of_auroc_is_that_of_the_scores(rng):
    labels, probability, decided = rows(rng, 60)
    found = of(labels, probability, seed=3)
    assert found["roc"].area == oracle.roc_auc_score(labels, probability)
    assert found["precision_recall"].area == oracle.average_precision_score(labels, probability)
    expected = intervals(labels, probability, decided, np.arange(60), "utterance", 3, 200)["auroc"]
    assert found["roc"].interval == pytest.approx((expected.low, expected.high))
    assert found["precision_recall"].chance == labels.mean()


@pytest.mark.parametrize("name", ["roc", "precision_recall"])
def test_a_curve_runs_from_0_to_1_and_lies_in_its_band(rng, name):
    curve = of(*rows(rng, 200)[:2])[name]
    assert (curve.x[0], curve.x[-1]) == (0, 1)
    assert np.all(np.diff(curve.x) >= 0)
    assert np.all(curve.low <= curve.high)
    inner = slice(10, -10)
    heights = np.interp(curve.places, curve.x, curve.y)[inner]
    assert np.mean((curve.low[inner] <= heights) & (heights <= curve.high[inner])) > 0.95
    assert curve.interval[0] < curve.area < curve.interval[1]


def test_perfect_probabilities_have_perfect_curves():
    labels = np.array([True] * 4 + [False] * 6)
    found = of(labels, labels.astype(float))
    assert [(each.area, *each.interval) for each in found.values()] == [(1, 1, 1)] * 2
    assert all(np.all(each.low == 1) for each in found.values())


@given(st.integers(2, 4))
@settings(deadline=None, max_examples=3)
def test_fits_of_the_same_utterances_make_no_band_narrower(n_fits):
    labels, probability, _ = rows(np.random.default_rng(0), 40)
    one = of(labels, probability)
    several = curves(np.tile(labels, n_fits), np.tile(probability, n_fits), np.tile(np.arange(40), n_fits), 0, 200)
    for name, curve in one.items():
        assert several[name].n_units == 40
        assert several[name].interval == pytest.approx(curve.interval)
        assert several[name].low == pytest.approx(curve.low)


def test_one_class_has_no_curves_and_one_utterance_no_band():
    assert of(np.ones(4, bool), np.linspace(0, 1, 4)) == {}
    found = curves(np.array([True, False]), np.array([0.6, 0.4]), np.zeros(2, int), 0)
    assert np.isnan([found["roc"].interval, *zip(found["roc"].low, found["roc"].high, strict=True)]).all()
