import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sarcasm.errors import WeightsError
from sarcasm.vggish import Postprocessor
from tests.assets.vggish import inputs

IDENTITY = Postprocessor.from_arrays(np.eye(128), np.zeros((128, 1)))


def test_bytes_equal_the_reference(reference, pca_params):
    quantized = Postprocessor(pca_params).postprocess(reference.embeddings)
    assert quantized.dtype == np.uint8
    assert np.array_equal(quantized, reference.quantized)


def test_rounding_instead_of_truncating_would_be_noticed(reference):
    parameters = inputs.pca_parameters()
    projected = (reference.embeddings - parameters["pca_means"].T) @ parameters["pca_eigen_vectors"].T
    rounded = np.round((np.clip(projected, -2, 2) + 2) * 255 / 4)
    assert np.mean(rounded != reference.quantized) > 0.2


@given(st.floats(-1e6, 1e6))
def test_values_are_clipped_and_truncated_in_255_steps(value):
    (byte,) = set(IDENTITY.postprocess(np.full((1, 128), value)).ravel())
    assert byte == int((min(2.0, max(-2.0, value)) + 2) * 63.75)


def test_the_ends_are_0_and_255_and_just_below_the_top_is_254():
    values = np.zeros((1, 128))
    values[0, :4] = -2, 2, 2 - 1e-9, -7
    assert IDENTITY.postprocess(values)[0, :4].tolist() == [0, 255, 254, 0]


def test_no_examples_give_no_bytes():
    assert IDENTITY.postprocess(np.zeros((0, 128))).shape == (0, 128)


@pytest.mark.parametrize("shape", [(128,), (2, 127), (1, 2, 128)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"^embeddings are \[n, 128\], not "):
        IDENTITY.postprocess(np.zeros(shape))


def test_nan_is_refused():
    with pytest.raises(ValueError, match=r"^an embedding holds NaN$"):
        IDENTITY.postprocess(np.full((1, 128), np.nan))


GOOD = {"pca_eigen_vectors": np.eye(128), "pca_means": np.zeros(128)}
BAD = {
    "no means": ({"pca_eigen_vectors": np.eye(128)}, "has no pca_means; it holds pca_eigen_vectors"),
    "another shape": (GOOD | {"pca_means": np.zeros(64)}, "128 values are needed"),
    "pickled": (
        GOOD | {"pca_means": np.array([{"a": 1}] * 128, dtype=object)},
        "holds pickled objects, which are never loaded",
    ),
    "not finite": (GOOD | {"pca_means": np.full(128, np.inf)}, "a value is not finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_cannot_be_right_is_refused(tmp_path, case):
    arrays, expected = BAD[case]
    path = tmp_path / "params.npz"
    np.savez(path, allow_pickle=True, **arrays)
    with pytest.raises(WeightsError) as caught:
        Postprocessor(path)
    assert str(caught.value).startswith(f"pca.params: {path}")
    assert expected in str(caught.value)


def test_a_missing_file_names_the_option(tmp_path):
    path = tmp_path / "nowhere.npz"
    with pytest.raises(WeightsError) as caught:
        Postprocessor(path)
    assert (
        str(caught.value) == f"pca.params: {path} is not there; name the file with pca.params=FILE, or choose pca=off"
    )


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"<html>", b"\x80\x04N."])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "params.npz"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"get vggish_pca_params\.npz anew"):
        Postprocessor(path)


def test_one_array_is_refused(tmp_path):
    path = tmp_path / "params.npy"
    np.save(path, np.eye(128))
    with pytest.raises(
        WeightsError, match=r"is one array; an \.npz file with pca_eigen_vectors and pca_means is needed"
    ):
        Postprocessor(path)
