import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sarcasm.errors import WeightsError
from sarcasm.tensorflow_runtime import Checkpoint, CheckpointError, open_checkpoint
from sarcasm.vggish import Engine, VGGish, checkpoint
from sarcasm.vggish.checkpoint import fingerprint, read_checkpoint
from sarcasm.vggish.constants import variable_shapes
from tests.vggish_fixtures import write_checkpoint


def test_v1_and_v2_hold_the_same_weights(v1_checkpoint, reference_weights, tmp_path):
    v1 = read_checkpoint(v1_checkpoint)
    prefix = write_checkpoint(
        tmp_path / "v2.ckpt", reference_weights | {"extra/step": np.zeros(3, np.float32)}, version=2
    )
    v2 = read_checkpoint(prefix)
    assert v1.keys() == v2.keys() == reference_weights.keys()
    assert all(
        np.array_equal(v1[name], values) and np.array_equal(v2[name], values)
        for name, values in reference_weights.items()
    )
    assert fingerprint(v1) == fingerprint(v2)
    assert read_checkpoint(Path(f"{prefix}.index")).keys() == v1.keys()
    examples = np.random.default_rng(0).normal(-2, 1, (2, 96, 64))
    with VGGish(v1_checkpoint) as network, VGGish(prefix) as other:
        assert np.array_equal(network.embed(examples), other.embed(examples))
        assert network.weights_fingerprint == other.weights_fingerprint == fingerprint(reference_weights)


def test_another_value_is_another_fingerprint(reference_weights):
    changed = reference_weights | {"vggish/fc2/biases": reference_weights["vggish/fc2/biases"] + np.float32(1e-6)}
    assert fingerprint(changed) != fingerprint(reference_weights)


def refused(path: Path) -> str:
    with pytest.raises(WeightsError) as caught:
        VGGish(path, Engine.graph)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_file_names_the_option(tmp_path):
    path = tmp_path / "nowhere.ckpt"
    assert (
        refused(path) == f"embedding.checkpoint: {path} is not there; name another file with embedding.checkpoint=FILE"
    )


def test_a_folder_is_refused(tmp_path):
    assert refused(tmp_path) == f"embedding.checkpoint: {tmp_path} is a folder; name the checkpoint in it"


@pytest.mark.parametrize("kept", [0, 1, 1000, 100_000_000, -1])
def test_a_truncated_file_is_refused(v1_checkpoint, tmp_path, kept):
    path = tmp_path / "cut.ckpt"
    with v1_checkpoint.open("rb") as whole:
        path.write_bytes(whole.read(kept) if kept >= 0 else whole.read()[:-1])
    assert refused(path).startswith(
        f"embedding.checkpoint: {path} is damaged, cut short or no checkpoint of TensorFlow ("
    )


def test_a_name_no_file_can_have_is_refused():
    path = Path("n" * 300)
    assert refused(path) == (
        f"embedding.checkpoint: {path} cannot be opened (File name too long);"
        " name another file with embedding.checkpoint=FILE"
    )


@pytest.mark.parametrize("kept", [None, 0, 100, -1])
def test_a_v2_checkpoint_whose_values_are_cut_or_gone_is_refused(tmp_path, kept):
    zeros = {name: np.zeros(shape, np.float32) for name, shape in variable_shapes().items()}
    prefix = write_checkpoint(tmp_path / "cut.ckpt", zeros, version=2)
    values = tmp_path / "cut.ckpt.data-00000-of-00001"
    if kept is None:
        values.unlink()
    else:
        os.truncate(values, kept if kept >= 0 else values.stat().st_size + kept)
    assert refused(prefix).startswith(f"embedding.checkpoint: {prefix} is damaged, cut short or no checkpoint")


def test_a_flipped_bit_is_noticed(v1_checkpoint, tmp_path):
    content = bytearray(v1_checkpoint.read_bytes())
    content[len(content) // 2] ^= 1
    path = tmp_path / "flipped.ckpt"
    path.write_bytes(content)
    assert refused(path).startswith(f"embedding.checkpoint: {path} is damaged")


def test_something_else_altogether_is_refused(tmp_path):
    path = tmp_path / "page.ckpt"
    path.write_text("404: not found\n" * 100)
    assert refused(path).startswith(f"embedding.checkpoint: {path} is damaged")


SMALL = {"vggish/conv1/weights": np.zeros((3, 3, 1, 64), np.float32), "vggish/conv1/biases": np.zeros(64, np.float32)}


def test_a_missing_variable_is_named_with_the_nearest_there_is(tmp_path):
    path = write_checkpoint(
        tmp_path / "other.ckpt", SMALL | {"vggish/conv2/weight": np.zeros(1, np.float32)}, version=1
    )
    assert refused(path) == (
        f"embedding.checkpoint: {path} has no variable vggish/conv2/weights; the nearest it has is vggish/conv2/weight;"
        " it is the checkpoint of another network"
    )


def test_another_shape_is_named_beside_the_right_one(tmp_path):
    path = write_checkpoint(
        tmp_path / "other.ckpt", SMALL | {"vggish/conv1/weights": np.zeros((3, 3, 3, 64), np.float32)}, version=1
    )
    assert refused(path) == (
        f"embedding.checkpoint: {path}: vggish/conv1/weights has shape (3, 3, 3, 64), VGGish's has (3, 3, 1, 64);"
        " it is of another network"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.float32("nan"), "holds a value that is not finite"),
        (np.float64(0), "is float64; VGGish's weights are float32"),
    ],
)
def test_weights_that_cannot_be_right_are_refused(reference_weights, tmp_path, value, expected):
    biases = np.full(128, value)
    path = write_checkpoint(tmp_path / "odd.ckpt", reference_weights | {"vggish/fc2/biases": biases}, version=2)
    assert re.fullmatch(rf"embedding\.checkpoint: .*: vggish/fc2/biases {re.escape(expected)}", refused(path))


# --- damage ------------------------------------------------------------------------------------------------------------

FEW = {"a/weights": np.arange(15, dtype=np.float32).reshape(3, 5), "b/biases": np.ones(4, np.float32)}


def values(path: Path) -> dict[str, bytes]:
    with open_checkpoint(path) as opened:
        return {name: opened.read(name).tobytes() for name in opened.shapes}


def damaged(file: Path, seed: int, n: int) -> Iterator[None]:
    """Flip a bit or cut the end in so many places, most of them where the tables end; whole again after each."""
    generator, size = np.random.default_rng(seed), file.stat().st_size
    for number in range(n):
        at = int(generator.integers(size) if number % 2 else size - 1 - generator.integers(min(size, 400)))
        with file.open("r+b") as opened:
            opened.seek(at)
            rest = opened.read() if number % 5 == 0 else opened.read(1)
            opened.seek(at)
            if number % 5 == 0:
                opened.truncate()
            else:
                opened.write(bytes([rest[0] ^ 1 << int(generator.integers(8))]))
        yield
        with file.open("r+b") as opened:
            opened.seek(at)
            opened.write(rest)


@pytest.mark.parametrize(("version", "suffix"), [(1, ""), (2, ".index"), (2, ".data-00000-of-00001")])
def test_damage_is_noticed_or_harmless(tmp_path, version, suffix):
    path = write_checkpoint(tmp_path / "few.ckpt", FEW, version)
    whole, refused = values(path), 0
    assert whole == {name: each.tobytes() for name, each in FEW.items()}
    for _ in damaged(Path(f"{path}{suffix}"), 3, 150):
        try:
            assert values(path) == whole
        except CheckpointError:
            refused += 1
    assert refused > 75
    assert values(path) == whole


@pytest.mark.slow
@pytest.mark.parametrize(("version", "suffix"), [(1, ""), (2, ".index"), (2, ".data-00000-of-00001")])
def test_weights_cut_or_flipped_in_100_places_are_named_or_the_same(tmp_path, reference_weights, version, suffix):
    path = write_checkpoint(tmp_path / "vggish.ckpt", reference_weights, version)
    whole, messages = fingerprint(reference_weights), []
    for _ in damaged(Path(f"{path}{suffix}"), 4, 100):
        try:
            assert fingerprint(read_checkpoint(path)) == whole
        except WeightsError as error:
            messages.append(str(error))
    assert len(messages) > 50
    assert all(each.startswith(f"embedding.checkpoint: {path} is damaged, cut short or no") for each in messages)


def test_an_index_that_names_more_memory_than_there_is_is_refused(tmp_path):
    path = write_checkpoint(tmp_path / "few.ckpt", FEW, version=1)
    content = path.read_bytes()
    # The end of a table: where its two indices begin and how long they are, as varints, 40 bytes in all; and its mark.
    # https://github.com/google/leveldb/blob/main/doc/table_format.md
    path.write_bytes(content[:-48] + (bytes(3) + b"\xff" * 8 + b"\x7f").ljust(40, b"\0") + content[-8:])
    assert "std::bad_alloc" in refused(path)


@pytest.mark.parametrize("version", [1, 2])
def test_a_name_that_looks_like_a_pattern_is_a_name(tmp_path, version):
    folder = tmp_path / "vggish [2017] * \\"
    folder.mkdir()
    write_checkpoint(tmp_path / "few.ckpt", FEW, version)
    for part in tmp_path.glob("few.ckpt*"):
        part.rename(folder / f"few?{part.name.removeprefix('few')}")
    assert values(folder / "few?.ckpt").keys() == FEW.keys()


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.ckpt")
    assert refused(tmp_path / "pipe.ckpt") == (
        f"embedding.checkpoint: {tmp_path}/pipe.ckpt is a named pipe, not a file; name another"
    )


def test_values_of_another_type_are_refused_before_they_are_read(tmp_path, monkeypatch):
    texts = np.full((3, 3, 1, 64), b"text", object)
    path = write_checkpoint(tmp_path / "odd.ckpt", {"vggish/conv1/weights": texts}, version=2)
    monkeypatch.setattr(checkpoint, "variable_shapes", lambda: {"vggish/conv1/weights": (3, 3, 1, 64)})
    monkeypatch.setattr(Checkpoint, "read", None)
    assert refused(path) == (
        f"embedding.checkpoint: {path}: vggish/conv1/weights is string; VGGish's weights are float32"
    )
