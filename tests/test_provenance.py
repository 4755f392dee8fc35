"""Records of prepared clips, and what training makes of them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm.corpus import Corpus, Utterance
from sarcasm.corpus.provenance import MANIFEST, Journal, Record, read_records
from sarcasm.errors import CorpusError
from sarcasm.files import sha256

RECORD = Record(
    id="2_97", file="2_97.wav", sha256="0" * 64, sample_rate=16_000, samples=16_000, seconds=1.0, peak=0.5, rms=0.1, clipped=0,
    source={"file": "a.zip", "member": "2_97.mp4"}, tool="PyAV 1", parameters={"sample_rate": 16_000}, facts={"codec": "aac"}, warnings=("silent",),
)  # fmt: skip


def test_a_folder_without_a_manifest_has_no_records(tmp_path):
    assert read_records(tmp_path) == {}
    assert read_records(tmp_path / "nowhere") == {}


def test_what_is_written_is_read_and_the_last_record_holds(tmp_path):
    journal = Journal(tmp_path)
    newer = replace(RECORD, sha256="1" * 64)
    journal.append(RECORD)
    journal.append(newer)
    assert read_records(tmp_path) == {"2_97": [RECORD, newer]}
    assert Journal(tmp_path).made_here("2_97", "0" * 64)
    assert not Journal(tmp_path).made_here("2_97", "2" * 64)
    journal.close()
    assert read_records(tmp_path) == {"2_97": [newer]}


@given(order=st.permutations(["1_1", "1_2", "2_1", "2_10", "2_9"]))
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_closed_manifest_does_not_depend_on_the_order_of_work(tmp_path, order):
    (tmp_path / MANIFEST).unlink(missing_ok=True)
    journal = Journal(tmp_path)
    for id_ in order:
        journal.append(replace(RECORD, id=id_, file=f"{id_}.wav"))
    journal.close()
    ids = [json.loads(line)["id"] for line in (tmp_path / MANIFEST).read_text().splitlines()]
    assert ids == sorted(order)


@given(n_bytes=st.integers(1, 400))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_half_a_line_at_the_end_is_forgotten(tmp_path, n_bytes):
    (tmp_path / MANIFEST).unlink(missing_ok=True)
    journal = Journal(tmp_path)
    journal.append(RECORD)
    whole = (tmp_path / MANIFEST).read_bytes()
    (tmp_path / MANIFEST).write_bytes(whole + whole[: min(n_bytes, len(whole) - 1)])
    assert read_records(tmp_path) == {"2_97": [RECORD]}
    taken_up = Journal(tmp_path)
    taken_up.append(replace(RECORD, id="2_99"))
    assert read_records(tmp_path).keys() == {"2_97", "2_99"}


@pytest.mark.parametrize("line", ["{}", "[]", "1", "not JSON", '{"id": 1}', json.dumps(asdict(RECORD) | {"more": 1}), json.dumps(asdict(RECORD) | {"id": 5})])  # fmt: skip
def test_a_line_that_is_no_record_is_named(tmp_path, line):
    (tmp_path / MANIFEST).write_text(f"{json.dumps(asdict(RECORD))}\n{line}\n")
    with pytest.raises(CorpusError) as caught:
        read_records(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path / MANIFEST}, line 2: not a record that sarcasm prepare wrote; delete the line, and the clip counts as"
        " your own"
    )


def corpus(folder: Path) -> Corpus:
    clip = folder / "2_97.wav"
    clip.write_bytes(b"sound")
    return Corpus((Utterance("2_97", clip, True),))


def test_a_clip_that_is_as_it_was_prepared_has_not_changed(tmp_path):
    prepared = corpus(tmp_path)
    assert prepared.changed == ()
    Journal(tmp_path).append(replace(RECORD, sha256=sha256(tmp_path / "2_97.wav")))
    assert corpus(tmp_path).changed == ()


def test_a_clip_that_was_changed_since_is_noticed(tmp_path):
    Journal(tmp_path).append(RECORD)
    (utterance,) = corpus(tmp_path).changed
    assert utterance.id == "2_97"


def test_a_clip_that_is_gone_has_not_changed(tmp_path):
    Journal(tmp_path).append(RECORD)
    gone = corpus(tmp_path)
    (tmp_path / "2_97.wav").unlink()
    assert gone.changed == ()
