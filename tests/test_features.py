import re

import numpy as np
import pytest

from sarcasm.features import Scale, Transform, fit_transform
from sarcasm.npz import NpzError


def test_without_options_rows_pass_unchanged_as_float32(rng):
    X = rng.integers(0, 256, (5, 128)).astype(np.uint8)
    transformed = fit_transform(X, fit_pca=False, scale=Scale.none)(X)
    assert transformed.dtype == np.float32
    assert np.array_equal(transformed, X)


def test_standard_scaling_uses_the_training_rows_alone(rng):
    train, test = rng.normal(3, 2, (200, 8)), rng.normal(-5, 9, (50, 8))
    transform = fit_transform(train, fit_pca=False, scale=Scale.standard)
    assert transform(train).mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert transform(train).std(axis=0) == pytest.approx(1, abs=1e-5)
    assert transform(test) == pytest.approx((test - train.mean(axis=0)) / train.std(axis=0), abs=1e-4)


def test_a_constant_feature_is_not_divided_by_zero():
    X = np.ones((10, 3))
    assert np.array_equal(fit_transform(X, fit_pca=False, scale=Scale.standard)(X), np.zeros((10, 3)))


def test_a_fitted_pca_whitens_into_bytes(rng):
    X = (rng.standard_normal((500, 128)) @ rng.standard_normal((128, 128))).astype(np.float32)
    features = fit_transform(X, fit_pca=True, scale=Scale.none)(X)
    assert set(np.unique(features)) <= set(range(256))
    # Unit variance before clipping to [-2, 2] in 255 steps: a deviation of about 64 less what is clipped.
    assert np.all((features.std(axis=0) > 45) & (features.std(axis=0) < 65))
    correlation = np.corrcoef(features.T) - np.eye(128)
    assert np.abs(correlation).max() < 0.2


def test_directions_without_variance_stay_constant(rng):
    X = rng.standard_normal((10, 128)).astype(np.float32)
    features = fit_transform(X, fit_pca=True, scale=Scale.none)(rng.standard_normal((50, 128)).astype(np.float32))
    assert np.all(features[:, 9:] == 127)
    assert np.all(features[:, :9].std(axis=0) > 0)


@pytest.mark.parametrize("fit_pca", [False, True])
@pytest.mark.parametrize("scale", Scale)
def test_what_is_fitted_comes_back_as_it_was(rng, tmp_path, fit_pca, scale):
    X = rng.standard_normal((20, 4)).astype(np.float32)
    fitted = fit_transform(X, fit_pca, scale)
    fitted.save(tmp_path / "transform.npz")
    assert np.array_equal(Transform.load(tmp_path / "transform.npz", (4,))(X), fitted(X))


PCA = {"pca_eigen_vectors": np.eye(4), "pca_means": np.zeros(4)}
SCALING = {"scale_mean": np.zeros(4), "scale_standard_deviation": np.ones(4)}
WRONG = {
    "means alone": ({"pca_means": np.zeros(4)}, "holds pca_means, which is no whole transform"),
    "another array": (SCALING | {"more": np.ones(4)}, "which is no whole transform"),
    "another width": (
        {"scale_mean": np.zeros(5), "scale_standard_deviation": np.ones(5)},
        "is of another model: scale_mean is float64 [5], where float64 [4] is needed",
    ),
    "means that spread": (
        PCA | {"pca_means": np.zeros((4, 1))},
        "pca_means is float64 [4, 1], where float64 [4] is needed",
    ),
    "another type": (
        SCALING | {"scale_mean": np.zeros(4, np.float32)},
        "scale_mean is float32 [4], where float64 [4] is needed",
    ),
    "not finite": (PCA | {"pca_means": np.array([0, 0, np.nan, 0])}, "holds a value that is not finite"),
    "no deviation": (
        SCALING | {"scale_standard_deviation": np.array([1, 0, 1, 1.0])},
        "holds a scale_standard_deviation that is not above 0",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_was_not_fitted_for_such_rows_is_refused(tmp_path, kind):
    arrays, reason = WRONG[kind]
    np.savez(tmp_path / "transform.npz", **arrays)
    with pytest.raises(NpzError, match=re.escape(reason)):
        Transform.load(tmp_path / "transform.npz", (4,))


def test_examples_that_a_network_is_trained_on_are_not_transformed(tmp_path):
    np.savez(tmp_path / "transform.npz")
    assert Transform.load(tmp_path / "transform.npz", (96, 64)) == Transform()
    np.savez(tmp_path / "transform.npz", **SCALING)
    with pytest.raises(NpzError, match="which is no whole transform"):
        Transform.load(tmp_path / "transform.npz", (96, 64))
