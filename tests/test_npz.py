"""An .npz file is read when it holds what it should, and nothing that it declares takes memory before that is known."""

from __future__ import annotations

import io
import os
import re
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from sarcasm.npz import Header, NpzError, OneArrayError, read_npz

ARRAYS = {"a": np.arange(6.0).reshape(2, 3), "b": np.array("text"), "c": np.zeros((0, 4), np.int64)}
MOST_BYTES = 2**24


def read(path: Path) -> dict[str, np.ndarray]:
    return read_npz(path, lambda headers: headers, most_bytes=MOST_BYTES)


def same(found: Mapping[str, np.ndarray]) -> bool:
    return {name: (each.dtype, each.shape, each.tobytes()) for name, each in found.items()} == {
        name: (each.dtype, each.shape, each.tobytes()) for name, each in ARRAYS.items()
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_come_back_and_headers_come_first(save: Callable[..., None], tmp_path: Path) -> None:
    save(tmp_path / "x.npz", **ARRAYS)
    assert same(read(tmp_path / "x.npz"))
    seen: dict[str, Header] = {}

    def choose(headers: Mapping[str, Header]) -> list[str]:
        seen.update(headers)
        return ["b"]

    assert list(read_npz(tmp_path / "x.npz", choose, most_bytes=MOST_BYTES)) == ["b"]
    assert seen == {name: Header(each.shape, each.dtype) for name, each in ARRAYS.items()}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damage_anywhere_is_noticed_or_harmless(
    save: Callable[..., None], tmp_path: Path, rng: np.random.Generator
) -> None:
    path = tmp_path / "x.npz"
    save(path, **ARRAYS)
    whole = path.read_bytes()
    refused = 0
    for bit in rng.choice(8 * len(whole), 200, replace=False):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert same(read(path)), bit
        except NpzError:
            refused += 1
    assert refused > 100
    for kept in rng.integers(0, len(whole), 20):
        path.write_bytes(whole[:kept])
        with pytest.raises(NpzError):
            read(path)


def member(shape: object, descr: str = "<f8", values: bytes = b"", version: bytes = b"\1\0") -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    length = struct.pack("<H" if version == b"\1\0" else "<I", len(header))
    return b"\x93NUMPY" + version + length + header + values


def archive(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


HUGE = 2**40
WRONG = {
    "more values than there are bytes": ([("a.npy", member((HUGE,)))], "a.npy is longer or shorter than its header"),
    "fewer": ([("a.npy", member((2,), values=bytes(24)))], "a.npy is longer or shorter than its header"),
    "negative": ([("a.npy", member((-1,), values=bytes(8)))], "is damaged"),
    "pickled": ([("a.npy", member((1,), "|O", bytes(8)))], "holds pickled objects, which are never loaded"),
    "fields": ([("a.npy", member((1,), "|V8", bytes(8)))], "is damaged"),
    "a later version": ([("a.npy", member((1,), values=bytes(8), version=b"\2\0"))], "no array as numpy writes them"),
    "no array": ([("a.npy", b"text")], "holds no arrays"),
    "another member": ([("a.npy", member((1,), values=bytes(8))), ("b.txt", b"text")], "no array as numpy writes them"),
    "code in the header": ([("a.npy", member("__import__('os')", values=b""))], "is damaged"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_numpy_does_not_write_is_refused(kind: str, tmp_path: Path) -> None:
    members, reason = WRONG[kind]
    with pytest.raises(NpzError, match=re.escape(reason)):
        read(archive(tmp_path / "x.npz", *members))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_stands_there_twice_is_refused(tmp_path: Path) -> None:
    content = member((1,), values=bytes(8))
    with pytest.raises(NpzError, match=r"^is damaged \(a name stands there twice\)$"):
        read(archive(tmp_path / "x.npz", ("a.npy", content), ("a.npy", content)))


def test_a_directory_without_entries_is_not_taken_for_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez(path, **ARRAYS)
    whole = path.read_bytes()
    path.write_bytes(whole[:-22] + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 3, 3, 0, len(whole) - 22, 0))
    with pytest.raises(NpzError, match="its directory has 0 entries, where 3 are counted"):
        read(path)
    np.savez(path)
    assert read(path) == {}


def peak_bytes(path: Path, choose: Callable[[Mapping[str, Header]], list[str]]) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(NpzError):
            read_npz(path, choose, most_bytes=MOST_BYTES)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_would_be_refused_takes_no_memory(tmp_path: Path) -> None:
    n_bytes = 2**26

    def refuse(headers: Mapping[str, Header]) -> list[str]:
        raise NpzError(f"is too large: {headers['a'].n_bytes}")

    values = archive(tmp_path / "values.npz", ("a.npy", member((n_bytes // 8,), values=bytes(n_bytes))))
    assert values.stat().st_size < 2**17
    assert peak_bytes(values, refuse) < 2**20
    # A header as long as that, which a later version of the format may have.
    content = b"\x93NUMPY\2\0" + struct.pack("<I", n_bytes) + bytes(n_bytes)
    assert peak_bytes(archive(tmp_path / "header.npz", ("a.npy", content)), refuse) < 2**20
    large = tmp_path / "large.npz"
    with large.open("wb") as file:
        file.truncate(2**30)
    assert peak_bytes(large, refuse) < 2**20


def test_what_is_no_npz_file_is_told_apart(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(OneArrayError, match=r"^is one array, not an \.npz file$"):
        read(tmp_path / "x.npy")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NpzError, match=r"^is no regular file$"):
        read(tmp_path / "pipe")
    with pytest.raises(IsADirectoryError):
        read(tmp_path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nothing")
    content = io.BytesIO()
    np.savez(content, a=np.array([{}], object))
    (tmp_path / "pickled.npz").write_bytes(content.getvalue())
    with pytest.raises(NpzError, match=r"^holds pickled objects, which are never loaded$"):
        read(tmp_path / "pickled.npz")
