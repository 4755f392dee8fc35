import zipfile

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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_has_no_byte_is_refused(value):
    embeddings = np.zeros((2, 128), np.float32)
    embeddings[1, 7] = value
    with pytest.raises(ValueError, match=r"^an embedding holds a value that is not finite$"):
        IDENTITY.postprocess(embeddings)


@pytest.mark.parametrize("shape", [(128,), (128, 1), (1, 128)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_means_may_have_any_shape_and_float_type(reference, shape, dtype):
    parameters = inputs.pca_parameters()
    postprocessor = Postprocessor.from_arrays(
        parameters["pca_eigen_vectors"].astype(dtype), parameters["pca_means"].reshape(shape).astype(dtype)
    )
    assert np.array_equal(postprocessor.postprocess(reference.embeddings), reference.quantized)


GOOD = {"pca_eigen_vectors": np.eye(128), "pca_means": np.zeros(128)}
BAD = {
    "no means": ({"pca_eigen_vectors": np.eye(128)}, "has no pca_means; it holds pca_eigen_vectors"),
    "another shape": (GOOD | {"pca_means": np.zeros(64)}, "128 values are needed"),
    "pickled": (
        GOOD | {"pca_means": np.array([{"a": 1}] * 128, dtype=object)},
        "holds pickled objects, which are never loaded",
    ),
    "text": (
        GOOD | {"pca_eigen_vectors": np.full((128, 128), "1")},
        "pca_eigen_vectors is <U1; real numbers are needed",
    ),
    "complex": (GOOD | {"pca_means": np.full(128, 1j)}, "pca_means is complex128; real numbers are needed"),
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


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"404", b"\x80\x04N."])
def test_a_damaged_file_is_refused(tmp_path, content):
    path = tmp_path / "params.npz"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"get vggish_pca_params\.npz anew"):
        Postprocessor(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(WeightsError) as caught:
        Postprocessor(tmp_path)
    assert str(caught.value) == (
        f"pca.params: {tmp_path} cannot be opened (Is a directory); name another file with pca.params=FILE, or choose pca=off"
    )


def test_damage_anywhere_in_a_compressed_file_is_noticed_or_harmless(tmp_path, rng):
    """The released file is compressed: zipfile, zlib and numpy's parser each have errors of their own for damage."""
    path, good = tmp_path / "params.npz", rng.standard_normal((128, 128)).astype(np.float32)
    np.savez_compressed(path, pca_eigen_vectors=good.astype(float), pca_means=np.zeros(128))
    whole = path.read_bytes()
    expected = Postprocessor(path).fingerprint
    messages = []
    for place in [*range(120), *range(120, len(whole) - 300, 997), *range(len(whole) - 300, len(whole), 3)]:
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        try:
            assert Postprocessor(path).fingerprint == expected
        except WeightsError as error:
            messages.append(str(error))
    assert len(messages) > 100
    assert all(message.startswith(f"pca.params: {path} ") and "\n" not in message for message in messages)


def test_an_archive_of_something_else_is_refused(tmp_path):
    path = tmp_path / "params.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("pca_eigen_vectors.npy", "text")
        archive.writestr("pca_means.npy", "text")
    with pytest.raises(WeightsError, match=r"params\.npz holds no arrays; get vggish_pca_params\.npz anew$"):
        Postprocessor(path)


def test_one_array_is_refused(tmp_path):
    path = tmp_path / "params.npy"
    np.save(path, np.eye(128))
    with pytest.raises(
        WeightsError, match=r"is one array; an \.npz file with pca_eigen_vectors and pca_means is needed"
    ):
        Postprocessor(path)
