"""The store of embeddings: whatever happens to its file, it gives what was put in, or nothing."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sarcasm.errors import StoreError
from sarcasm.store import Store, layout, upkeep
from sarcasm.store import store as store_module
from tests.tracking_fixtures import files_of_at_most

HARNESS = Path(__file__).parent / "assets" / "store" / "killed_writers.py"


@cache
def value_of(number: int) -> bytes:
    """As large as what is kept of a clip of MUStARD, and told by its number."""
    return np.random.default_rng(number).bytes(3_000)


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "embeddings.db"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("made") / "embeddings.db"
    with Store(path) as store:
        for number in range(200):
            store.put("recipe", f"key {number}", value_of(number))
    return path


@pytest.fixture
def filled(made, path) -> Path:
    """A store of 200 values."""
    return Path(shutil.copy(made, path))


def found_in(path: Path, n: int = 200) -> dict[str, bytes]:
    with Store(path) as store:
        return dict(store.get("recipe", [f"key {number}" for number in range(n)]))


@given(st.text(max_size=20), st.text(max_size=20), st.binary(max_size=200))
@settings(max_examples=30, deadline=None)
def test_what_was_put_in_is_found_by_recipe_and_key(tmp_path_factory, recipe, key, value):
    path = tmp_path_factory.mktemp("store") / "embeddings.db"
    with Store(path) as store:
        store.put(recipe, key, value)
    with Store(path) as store:
        assert dict(store.get(recipe, [key, f"{key}x"])) == {key: value}
        assert dict(store.get(f"{recipe}x", [key])) == {}
        assert (store.n_hits, store.n_misses) == (1, 2)


def test_what_is_put_in_again_replaces_what_was_there(path):
    for value in (b"one", b"other"):
        with Store(path) as store:
            store.put("recipe", "key", value)
    assert dict(Store(path).get("recipe", ["key"])) == {"key": b"other"}


def test_more_keys_than_a_query_takes_are_found(path):
    with Store(path) as store:
        for number in range(1_200):
            store.put("recipe", f"key {number}", b"value")
    assert len(found_in(path, 2_000)) == 1_200


def test_an_error_in_between_loses_nothing_that_was_put_in(path):
    def fails() -> None:
        with Store(path) as store:
            store.put("recipe", "key 7", b"value")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert found_in(path) == {"key 7": b"value"}


def test_off_nothing_is_kept_and_everything_computed(tmp_path):
    with Store(None) as store:
        store.put("recipe", "key", b"value")
        assert dict(store.get("recipe", ["key"])) == {}
        assert store.remembered("recipe", "key", lambda: b"computed") == b"computed"
        assert store.n_misses == 1
    assert not list(tmp_path.iterdir())


def test_what_is_remembered_is_computed_once(path):
    computed = []
    for _ in range(2):
        with Store(path) as store:
            assert store.remembered("recipe", "key", lambda: computed.append(1) or b"value") == b"value"
            assert (store.n_hits, store.n_misses) == (0, 0)
    assert computed == [1]


def test_a_flipped_bit_in_a_value_is_noticed_and_mended_by_putting_it_in_again(filled, caplog):
    content = filled.read_bytes()
    at = content.index(value_of(5)[100:130])
    filled.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    with Store(filled) as store:
        found = dict(store.get("recipe", [f"key {number}" for number in range(10)]))
        assert "key 5" not in found
        assert len(found) == 9
        assert store.n_damaged == 1
        assert caplog.messages == [f"{filled}: what is kept of 1 is damaged and computed again"]
        store.put("recipe", "key 5", value_of(5))
    assert found_in(filled)["key 5"] == value_of(5)


def is_sound_after(path: Path) -> None:
    """A store gives right values or none, and keeps new ones."""
    for name, value in found_in(path).items():
        assert value == value_of(int(name.removeprefix("key ")))
    with Store(path) as store:
        store.put("recipe", "key 0", value_of(0))
    assert found_in(path)["key 0"] == value_of(0)
    with Store(path) as store:
        assert dict(store.get("recipe", ["key 0"])) == {"key 0": value_of(0)}


@pytest.mark.parametrize("seed", range(40))
def test_bits_flipped_anywhere_never_give_a_wrong_value(filled, seed):
    generator = np.random.default_rng(seed)
    content = bytearray(filled.read_bytes())
    # Half of the time in the first pages, where the file's own structure stands.
    last = len(content) if seed % 2 else 3 * 4096
    for at in generator.integers(0, last, 1 + seed % 20):
        content[at] ^= 1 << int(generator.integers(8))
    filled.write_bytes(content)
    is_sound_after(filled)


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.001, 0.01, 0.3, 0.7, 0.99, 0.9999])
def test_a_truncated_file_never_gives_a_wrong_value(filled, share):
    os.truncate(filled, int(filled.stat().st_size * share))
    is_sound_after(filled)


def test_of_a_damaged_file_what_can_be_read_is_kept(filled, caplog):
    content = bytearray(filled.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 3 * 4096] = bytes(3 * 4096)
    filled.write_bytes(content)
    with Store(filled) as store:
        for number in range(200, 210):
            store.put("recipe", f"key {number}", value_of(number))
    found = found_in(filled, 210)
    assert len(found) > 190
    assert all(value == value_of(int(name.removeprefix("key "))) for name, value in found.items())
    assert upkeep.verify(filled).complaints == ()


def test_a_file_damaged_beyond_reading_is_set_aside(filled, caplog):
    before = b"\xff" * 100 + filled.read_bytes()[100:]
    filled.write_bytes(before)
    assert found_in(filled) == {}
    assert filled.with_name("embeddings.db.kept").read_bytes() == before
    assert caplog.messages == [
        f"{filled} was damaged beyond reading: it is now embeddings.db.kept, and a new one is begun"
    ]


NOT_STORES = {
    "text": lambda path: path.write_text("my notes, no store at all, and long enough to be one\n" * 9),
    "another program's": lambda path: sqlite3.connect(path).execute("CREATE TABLE runs (id)").connection.close(),
}


@pytest.mark.parametrize("make", NOT_STORES.values(), ids=NOT_STORES)
def test_a_file_that_is_no_store_is_left_alone(path, make, caplog):
    make(path)
    before = path.read_bytes()
    with Store(path) as store:
        store.put("recipe", "key", b"value")
        assert dict(store.get("recipe", ["key"])) == {}
    assert path.read_bytes() == before
    assert "is no store of embeddings: it is left as it is; this run goes without it" in caplog.text
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_store_of_a_newer_version_is_left_alone(filled, caplog):
    with sqlite3.connect(filled) as connection:
        connection.execute(f"PRAGMA user_version = {layout.VERSION + 1}")
    before = filled.read_bytes()
    assert found_in(filled) == {}
    assert filled.read_bytes() == before
    assert "was written by a newer sarcasm (layout 2, known here is 1)" in caplog.text
    with pytest.raises(StoreError, match="was written by a newer sarcasm"):
        upkeep.clear(filled)


def test_a_store_that_may_not_be_written_to_is_read(filled, caplog, monkeypatch):
    # Root may write anywhere, so the system is not asked here.
    monkeypatch.setattr(store_module.os, "access", lambda path, mode: False)
    with Store(filled) as store:
        store.put("recipe", "key 999", b"value")
        assert len(dict(store.get("recipe", ["key 1", "key 2", "key 999"]))) == 2
    assert caplog.messages == [f"{filled} may not be written to: what is computed now is not kept"]


def test_a_full_disk_keeps_nobody_from_reading(filled, caplog):
    with files_of_at_most(filled.stat().st_size + 20_000), Store(filled) as store:
        for number in range(200, 300):
            store.put("recipe", f"key {number}", value_of(number))
        store._write()
        store.put("recipe", "key 300", b"value")
        assert len(dict(store.get("recipe", ["key 1", "key 2"]))) == 2
    (message,) = caplog.messages
    assert message.startswith(f"{filled} cannot be written to (")
    assert message.endswith("): what is computed now is not kept")
    assert len(found_in(filled)) == 200


def test_a_store_that_another_process_holds_for_too_long_is_done_without(filled, caplog, monkeypatch):
    monkeypatch.setattr(layout, "LONGEST_WAIT_SECONDS", 0.1)
    other = sqlite3.connect(filled, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with Store(filled) as store:
        assert dict(store.get("recipe", ["key 1"])) == {}
    other.execute("ROLLBACK")
    other.close()
    assert "database is locked" in caplog.text
    assert len(found_in(filled)) == 200


def test_a_folder_in_its_place_is_said(tmp_path, caplog):
    with Store(tmp_path) as store:
        store.put("recipe", "key", b"value")
    assert "cannot be opened" in caplog.text


def test_writers_at_once_lose_nothing(path):
    script = (
        "import sys; from pathlib import Path; from sarcasm.store import Store\n"
        "with Store(Path(sys.argv[1])) as store:\n"
        "    for number in range(150):\n"
        "        store.put('recipe', f'key {sys.argv[2]} {number}', b'value'); store._write()"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(path), str(number)]) for number in range(3)]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    keys = [f"key {writer} {number}" for writer in range(3) for number in range(150)]
    assert len(dict(Store(path).get("recipe", keys))) == 450


def test_killed_writers_leave_everything_they_had_written(path):
    """Fifty SIGKILLs at random moments; the harness says what it found."""
    done = subprocess.run([sys.executable, str(HARNESS), str(path), "50"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("50 killed, ")


# Hashes of files


@pytest.fixture
def hashed(monkeypatch) -> list[Path]:
    """The files that were read to be hashed."""
    found: list[Path] = []
    original = store_module.hash_files

    def hash_files(paths):
        found.extend(paths)
        return original(paths)

    monkeypatch.setattr(store_module, "hash_files", hash_files)
    return found


@pytest.fixture
def later(monkeypatch):
    """Let some time pass, as far as the age of files goes."""

    def pass_(seconds: float) -> None:
        now = time.time()
        monkeypatch.setattr("sarcasm.files.time.time", lambda: now + seconds)

    return pass_


@pytest.fixture
def clip(tmp_path) -> Path:
    clip = tmp_path / "clip.wav"
    clip.write_bytes(b"one sound")
    return clip


def hash_of(path: Path, clip: Path) -> str | None:
    with Store(path) as store:
        return store.hashes([clip])[0]


def test_a_file_that_did_not_change_is_read_once(path, clip, hashed, later):
    later(10)
    assert len({hash_of(path, clip) for _ in range(3)}) == 1
    assert hashed == [clip]


def test_a_file_that_was_just_changed_is_read_again(path, clip, hashed, later):
    later(clip.stat().st_mtime - time.time())
    for _ in range(2):
        hash_of(path, clip)
    assert hashed == [clip, clip]


def test_a_change_is_noticed_though_size_and_date_are_put_back(path, clip, later):
    later(10)
    before, status = hash_of(path, clip), clip.stat()
    time.sleep(0.02)
    clip.write_bytes(b"two sound")
    os.utime(clip, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert clip.stat().st_mtime_ns == status.st_mtime_ns
    assert hash_of(path, clip) != before


def test_with_the_clock_set_back_files_are_read_each_time(path, clip, hashed, later):
    later(-3_600)
    for _ in range(2):
        hash_of(path, clip)
    assert hashed == [clip, clip]


def test_another_file_in_its_place_is_read(path, clip, tmp_path, later):
    other = tmp_path / "other.wav"
    other.write_bytes(b"two sound")
    shutil.copystat(clip, other)
    later(10)
    before = hash_of(path, clip)
    other.replace(clip)
    assert hash_of(path, clip) != before


def test_a_file_that_changes_while_it_is_hashed_is_not_remembered(path, clip, later, monkeypatch):
    later(10)
    original = store_module.hash_files

    def changes(paths):
        found = original(paths)
        time.sleep(0.02)
        clip.write_bytes(b"two sound")
        return found

    monkeypatch.setattr(store_module, "hash_files", changes)
    before = hash_of(path, clip)
    monkeypatch.setattr(store_module, "hash_files", original)
    assert hash_of(path, clip) != before


def test_files_that_cannot_be_read_have_no_hash(path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with Store(path) as store:
        assert store.hashes([tmp_path / "missing", tmp_path, tmp_path / "pipe"]) == [None, None, None]


def test_names_need_not_be_text(path, tmp_path, hashed, later):
    clip = tmp_path / os.fsdecode(b"\xff.wav")
    clip.write_bytes(b"sound")
    later(10)
    assert hash_of(path, clip) == hash_of(path, clip)
    assert hashed == [clip]


# What a user does to it


def test_verify_drops_what_is_damaged(filled):
    content = filled.read_bytes()
    at = content.index(value_of(5)[100:130])
    filled.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert upkeep.verify(filled) == upkeep.Verified(199, 1, ())
    assert upkeep.verify(filled) == upkeep.Verified(199, 0, ())


def test_verify_drops_what_damage_has_made_another_type(filled):
    with sqlite3.connect(filled) as connection:
        connection.execute("UPDATE entries SET value = 'text' WHERE key = 'key 5'")
    assert upkeep.verify(filled) == upkeep.Verified(199, 1, ())


def test_info_shows_a_recipe_that_is_damaged(filled):
    (kept,) = upkeep.info(filled).kept
    assert (kept.recipe, kept.n_entries) == ({"damaged": "recipe"}, 200)


def used_on(path: Path, number: int, day: int) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entries SET used = ? WHERE key = ?", (day, f"key {number}"))


def test_prune_drops_what_was_not_used_for_long(filled):
    today = int(time.time() // 86_400)
    for number in range(50):
        used_on(filled, number, today - 31)
    size = filled.stat().st_size
    # A use counts, and it counts from then on.
    assert len(found_in(filled, 10)) == 10
    assert upkeep.prune(filled, 30, None) == upkeep.Dropped(40, 40 * 3_000)
    assert len(found_in(filled)) == 160
    assert filled.stat().st_size < size


def test_prune_drops_the_least_recently_used_down_to_a_size(filled):
    today = int(time.time() // 86_400)
    for number in range(150):
        used_on(filled, number, today - 200 + number)
    upkeep.prune(filled, None, 60 * 3_000)
    assert set(found_in(filled)) == {f"key {number}" for number in range(140, 200)}


def test_clear_drops_everything(filled, clip):
    assert upkeep.clear(filled) == upkeep.Dropped(200, 600_000)
    assert found_in(filled) == {}
    assert upkeep.info(filled).kept == ()


def test_a_day_in_the_future_counts_as_the_last(filled):
    used_on(filled, 7, int(time.time() // 86_400) + 1_000)
    assert len(found_in(filled)) == 200
    upkeep.prune(filled, 0, None)
    assert set(found_in(filled)) == {"key 7"}


def test_where_there_is_no_store_the_message_says_what_makes_one(tmp_path):
    with pytest.raises(StoreError, match=f"^store.path: {tmp_path}/no.db is not there; a run with store=on makes it$"):
        upkeep.info(tmp_path / "no.db")
