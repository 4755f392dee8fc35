import numpy as np
import pytest

from sarcasm.features import Scale, fit_transform


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
