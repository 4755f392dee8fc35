"""MUStARD-shaped folders and manifests: what is found, and the whole text of each complaint."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm.corpus import BadClips, Corpus, Dataset, Manifest, Mustard, ShortClips, Utterance, normalized
from sarcasm.corpus.dataset import bad_id
from sarcasm.corpus.paths import located
from sarcasm.errors import ConfigError, CorpusError

NAME_IT = "name each entry after its clip, such as 2_97"
NEEDED = "1 or 0, true or false, sarcastic or non-sarcastic is needed"
HEADER = "the header must name id, path, label"
SEPARATED = "separated by commas, semicolons or tabs"
QUOTES = "put a field that holds a comma in quotes"
WHERE = "https://github.com/soujanyaporia/MUStARD, data/sarcasm_data.json"


def entry(is_sarcastic: bool, **changes: Any) -> dict[str, Any]:
    """One entry of MUStARD's labels."""
    return {
        "utterance": "Sure.", "speaker": "ANNA", "context": ["Well?"], "context_speakers": ["BEN"], "show": "SHOW",
        "sarcasm": is_sarcastic,
    } | changes  # fmt: skip


ENTRIES = {"2_10": entry(False), "1_1": entry(True, speaker="BEN"), "2_9": entry(False)}


def mustard(folder: Path, entries: Any = None, clips: tuple[str, ...] | None = None, **options: Any) -> Mustard:
    """A dataset over a folder written for it; entries that are text are written as they are."""
    entries = ENTRIES if entries is None else entries
    text = entries if isinstance(entries, str) else json.dumps(entries)
    (folder / "labels.json").write_text(text, encoding="utf-8")
    (folder / "clips").mkdir(exist_ok=True)
    for name in clips if clips is not None else tuple(f"{id_}.wav" for id_ in ENTRIES):
        (folder / "clips" / name).write_bytes(name.encode())
    defaults: dict[str, Any] = {
        "name": "test", "only": [], "bad_clips": BadClips.fail, "short_clips": ShortClips.pad, "max_missing": 0.5,
        "audio_dir": str(folder / "clips"), "labels": str(folder / "labels.json"),
    }  # fmt: skip
    return Mustard(**(defaults | options))


def manifest(folder: Path, text: str | bytes, name: str = "clips.csv", **options: Any) -> Manifest:
    """A dataset over a manifest written for it, beside three clips."""
    for clip in "abc":
        (folder / f"{clip}.wav").write_bytes(clip.encode())
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    defaults: dict[str, Any] = {
        "name": "test", "only": [], "bad_clips": BadClips.fail, "short_clips": ShortClips.pad, "max_missing": 0.5,
        "manifest": str(folder / name),
    }  # fmt: skip
    return Manifest(**(defaults | options))


def complaint(dataset: Dataset, folder: Path) -> str:
    """What reading it raises, with the folder's name shortened to DIR."""
    with pytest.raises(CorpusError) as raised:
        dataset.read()
    return str(raised.value).replace(str(folder), "DIR")


def ids(corpus: Corpus) -> list[str]:
    return [utterance.id for utterance in corpus.utterances]


# MUStARD: what is found


def test_utterances_are_sorted_and_told_in_full(tmp_path: Path) -> None:
    corpus = mustard(tmp_path).read()
    assert ids(corpus) == ["1_1", "2_10", "2_9"]
    assert corpus.utterances[0] == Utterance(
        "1_1", tmp_path / "clips" / "1_1.wav", True, speaker="BEN", show="SHOW", text="Sure."
    )
    assert (corpus.missing, corpus.unlabelled, corpus.is_made_up) == ((), (), False)


@pytest.mark.parametrize("extension", [".flac", ".WAV", ".ogg", ".mp3", ".aiff", ".aif", ".opus", ".au", ".sph"])
def test_clips_may_be_of_any_format(tmp_path: Path, extension: str) -> None:
    corpus = mustard(tmp_path, clips=("1_1.wav", f"2_9{extension}", "2_10.wav")).read()
    assert corpus.utterances[2].path.name == f"2_9{extension}"


def test_what_is_not_a_clip_is_passed_over(tmp_path: Path) -> None:
    dataset = mustard(
        tmp_path, clips=("1_1.wav", "2_9.wav", "2_10.wav", "._1_1.wav", ".DS_Store", "1_1.txt", "2_9.json")
    )
    (tmp_path / "clips" / "__MACOSX").mkdir()
    (tmp_path / "clips" / "folder.wav").mkdir()
    corpus = dataset.read()
    assert ids(corpus) == ["1_1", "2_10", "2_9"]
    assert corpus.unlabelled == ()


def test_labels_without_a_clip_and_clips_without_a_label_are_listed(tmp_path: Path) -> None:
    corpus = mustard(tmp_path, clips=("1_1.wav", "2_10.wav", "8_8.wav")).read()
    assert ids(corpus) == ["1_1", "2_10"]
    assert corpus.missing == ("2_9",)
    assert corpus.unlabelled == ("8_8.wav",)


def test_a_mark_at_the_head_of_the_labels_is_passed_over(tmp_path: Path) -> None:
    assert len(mustard(tmp_path, "\ufeff" + json.dumps(ENTRIES)).read().utterances) == 3


def test_fields_other_than_the_label_may_be_absent(tmp_path: Path) -> None:
    corpus = mustard(tmp_path, {"1_1": {"sarcasm": True}, "2_9": {"sarcasm": False}}, ("1_1.wav", "2_9.wav")).read()
    assert corpus.utterances[0] == Utterance("1_1", tmp_path / "clips" / "1_1.wav", True)


def test_only_keeps_the_ids_it_names(tmp_path: Path) -> None:
    corpus = mustard(tmp_path, clips=("1_1.wav", "2_10.wav"), only=["2_10", "1_1"], max_missing=0.0).read()
    assert ids(corpus) == ["1_1", "2_10"]
    assert corpus.missing == ()


def test_clips_of_labels_that_are_not_wanted_do_not_count_as_unlabelled(tmp_path: Path) -> None:
    corpus = mustard(tmp_path, only=["2_10", "1_1"], max_missing=0.0).read()
    assert corpus.unlabelled == ()


# MUStARD: what is wrong


def test_missing_labels(tmp_path: Path) -> None:
    dataset = mustard(tmp_path, labels=str(tmp_path / "none.json"))
    assert complaint(dataset, tmp_path) == (
        f"dataset.labels: DIR/none.json is not there; put MUStARD's labels there ({WHERE}), or name another file with"
        " dataset.labels=FILE"
    )


def test_labels_that_are_a_folder(tmp_path: Path) -> None:
    assert complaint(mustard(tmp_path, labels=str(tmp_path)), tmp_path) == (
        "dataset.labels: DIR is a folder; name the file with dataset.labels=FILE"
    )


def test_labels_under_an_impossible_name(tmp_path: Path) -> None:
    assert complaint(mustard(tmp_path, labels="x\0y"), tmp_path) == (
        "dataset.labels: x\0y cannot be read (embedded null byte); name another with dataset.labels=FILE"
    )


def test_missing_clips(tmp_path: Path) -> None:
    dataset = mustard(tmp_path, audio_dir=str(tmp_path / "none"))
    assert complaint(dataset, tmp_path) == (
        "dataset.audio_dir: DIR/none is not there; put the clips there, each named after its label (2_97.wav), or name"
        " another folder with dataset.audio_dir=DIR"
    )


def test_clips_in_something_that_is_no_folder(tmp_path: Path) -> None:
    assert complaint(mustard(tmp_path, audio_dir=str(tmp_path / "labels.json")), tmp_path) == (
        "dataset.audio_dir: DIR/labels.json is not a folder; name one with dataset.audio_dir=DIR"
    )


@pytest.mark.parametrize(
    ("labels", "fault"),
    [
        ('{"1_1": {"sarcasm": true},\n "2_9": {"sarcasm": maybe}}', ", line 2, column 21: not JSON (Expecting value)"),
        ("", ", line 1, column 1: not JSON (Expecting value)"),
        ("[" * 100_000, ": not JSON that can be used (nested too deeply)"),
        ("[]", f": an object of id -> entry is needed, as in {WHERE}"),
        ("{}", ": there are no entries; name another file with dataset.labels=FILE"),
        ('{"1_1": {"sarcasm": true}, "1_1": {"sarcasm": false}}', ": '1_1' stands there twice; keep one of them"),
        ('{"1_1": {"sarcasm": true, "sarcasm": false}}', ": 'sarcasm' stands there twice; keep one of them"),
        ({"1_1": True}, ", entry 1_1: an object with 'sarcasm' is needed, not true"),
        ({"1_1": {}}, ", entry 1_1: 'sarcasm' is missing; add true or false"),
        ({"1_1": {"sarcastic": True}}, ", entry 1_1: 'sarcasm' is missing (there is 'sarcastic'); add true or false"),
        ({"1_1": entry(2)}, ", entry 1_1: 'sarcasm' is 2; true or false is needed"),
        ({"1_1": entry("maybe")}, ", entry 1_1: 'sarcasm' is \"maybe\"; true or false is needed"),
        ({"1_1": entry(None)}, ", entry 1_1: 'sarcasm' is null; true or false is needed"),
        ({"1_1": entry(True, speaker=True)}, ", entry 1_1: 'speaker' is true; text is needed"),
        ({"1_1": entry(True, show=["x" * 99])}, f", entry 1_1: 'show' is [\"{'x' * 38}...; text is needed"),
        ({"1_1": entry(True, utterance="\ud800")},
         ", entry 1_1: 'utterance' is \"\\ud800\"; text is needed"),
        ({"1_1": entry(True, context="Well?")},
         ", entry 1_1: 'context' is \"Well?\"; a list of texts is needed"),
        ({"1_1": entry(True, context_speakers=[1])},
         ", entry 1_1: 'context_speakers' is [1]; a list of texts is needed"),
        ({"../x": entry(True)}, f": the id '../x' leads out of its folder; {NAME_IT}"),
        ({"/etc/x": entry(True)}, f": the id '/etc/x' leads out of its folder; {NAME_IT}"),
        ({"..": entry(True)}, f": the id '..' leads out of its folder; {NAME_IT}"),
        ({"a\\b": entry(True)}, f": the id 'a\\\\b' leads out of its folder; {NAME_IT}"),
        ({"": entry(True)}, f": the id '' is empty; {NAME_IT}"),
        ({"a\ue000b": entry(True)}, f": the id 'a\\ue000b' has characters that cannot be printed; {NAME_IT}"),
        ({"1_1": entry(True), "1_1 ": entry(False)}, ": the id '1_1' stands there twice; ids must differ"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_used(tmp_path: Path, labels: Any, fault: str) -> None:
    assert complaint(mustard(tmp_path, labels), tmp_path) == f"DIR/labels.json{fault}"


def test_labels_that_are_not_utf_8(tmp_path: Path) -> None:
    dataset = mustard(tmp_path)
    (tmp_path / "labels.json").write_bytes(b'{"1_1":\n {"utterance": "\xe9"}}')
    assert complaint(dataset, tmp_path) == (
        "dataset.labels: DIR/labels.json, line 2: not UTF-8 text: byte 0xE9, which is 'é' in Windows-1252 (Latin-1); save"
        " it as UTF-8"
    )


def test_two_files_for_one_label(tmp_path: Path) -> None:
    dataset = mustard(tmp_path, clips=("1_1.wav", "1_1.flac", "2_9.wav"))
    assert complaint(dataset, tmp_path) == (
        "dataset.audio_dir: clip 1_1 has 2 files, DIR/clips/1_1.flac, DIR/clips/1_1.wav; keep one"
    )


def test_no_clip_at_all(tmp_path: Path) -> None:
    assert complaint(mustard(tmp_path, clips=(), max_missing=1.0), tmp_path) == (
        "dataset.audio_dir: DIR/clips has no clip for any of the 3 labels in DIR/labels.json: 1_1, 2_10, 2_9; name the"
        " folder that holds them with dataset.audio_dir=DIR"
    )


def test_videos_whose_sound_was_not_extracted(tmp_path: Path) -> None:
    dataset = mustard(tmp_path, clips=("1_1.mp4", "2_9.mp4", "2_10.mp4"))
    assert complaint(dataset, tmp_path).endswith(
        "; there are 3 .mp4 files, whose sound must be extracted first, such as by ffmpeg -i 1_1.mp4 -vn 1_1.wav"
    )


def test_more_labels_without_a_clip_than_allowed(tmp_path: Path) -> None:
    entries = {f"1_{number}": entry(number % 2 == 0) for number in range(10)}
    dataset = mustard(tmp_path, entries, ("1_0.wav", "1_1.wav"), max_missing=0.05)
    assert complaint(dataset, tmp_path) == (
        "8 of 10 labels in DIR/labels.json have no clip in DIR/clips: 1_2, 1_3, 1_4, 1_5, 1_6 and 3 more; put that"
        " right, or allow more than dataset.max_missing=0.05"
    )


def test_more_clips_without_a_label_than_allowed(tmp_path: Path) -> None:
    dataset = mustard(tmp_path, clips=("1_1.wav", "2_9.wav", "2_10.wav", "8_8.wav"), max_missing=0.2)
    assert complaint(dataset, tmp_path) == (
        "1 of 4 clips in DIR/clips have no label in DIR/labels.json: 8_8.wav; put that right, or allow more than"
        " dataset.max_missing=0.2"
    )


@pytest.mark.parametrize(("max_missing", "is_let_pass"), [(0.34, True), (0.33, False), (0.0, False), (1.0, True)])
def test_the_largest_share_that_may_be_missing_is_inclusive(
    tmp_path: Path, max_missing: float, is_let_pass: bool
) -> None:
    dataset = mustard(tmp_path, clips=("1_1.wav", "2_9.wav"), max_missing=max_missing)
    if is_let_pass:
        assert dataset.read().missing == ("2_10",)
    else:
        assert complaint(dataset, tmp_path).startswith("1 of 3 labels")


@pytest.mark.parametrize(
    ("only", "clips"),
    [(["2_9", "2_10"], "all 2 clips to be used are not sarcastic"), (["1_1"], "the one clip to be used is sarcastic")],
)
def test_a_single_class(tmp_path: Path, only: list[str], clips: str) -> None:
    assert complaint(mustard(tmp_path, only=only), tmp_path) == (
        f"DIR/labels.json: {clips}: there is nothing to tell apart; add other clips"
    )


@pytest.mark.parametrize(
    ("id_", "hint"),
    [
        ("2_91", "; did you mean 2_9?"),
        ("elephant", ""),
        ("210", "; if 2_10 is meant, put it in quotes: dataset.only='[\"2_10\"]'"),
    ],
)
def test_only_names_an_id_that_is_not_there(tmp_path: Path, id_: str, hint: str) -> None:
    assert (
        complaint(mustard(tmp_path, only=["1_1", id_]), tmp_path)
        == f"dataset.only: DIR/labels.json has no {id_!r}{hint}"
    )


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_beyond_0_and_1(tmp_path: Path, share: float) -> None:
    message = f"dataset.max_missing={share}: a share between 0 and 1 is needed, such as 0.05"
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        mustard(tmp_path, max_missing=share)


# Manifests

CSV = 'id,path,label,speaker,show,text,split\nb,b.wav,0,BEN,SHOW,"Well, well.",test\na,a.wav,1,ANNA,SHOW,Sure.,train\n'
JSONL = """\
{"id": "b", "path": "b.wav", "label": 0, "speaker": "BEN", "show": "SHOW", "text": "Well, well.", "split": "test"}
{"id": "a", "path": "a.wav", "label": true, "speaker": "ANNA", "show": "SHOW", "text": "Sure.", "split": "train"}
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clips.csv", CSV),
        ("clips.CSV", "\ufeff" + CSV),
        ("clips.csv", CSV.replace("\n", "\r\n")),
        ("clips.jsonl", JSONL),
        ("clips.ndjson", "\ufeff" + JSONL.replace("\n", "\r\n\r\n")),
    ],
)
def test_a_manifest_is_read_in_full(tmp_path: Path, name: str, text: str) -> None:
    corpus = manifest(tmp_path, text, name).read()
    assert corpus.utterances == (
        Utterance("a", tmp_path / "a.wav", True, "ANNA", "SHOW", "Sure.", "train"),
        Utterance("b", tmp_path / "b.wav", False, "BEN", "SHOW", "Well, well.", "test"),
    )


@pytest.mark.parametrize("sarcastic", ["1", "true", "TRUE", "Sarcastic", " sarcastic "])
@pytest.mark.parametrize("other", ["0", "false", "False", "non-sarcastic", "Non_Sarcastic"])
def test_labels_have_three_spellings(tmp_path: Path, sarcastic: str, other: str) -> None:
    corpus = manifest(tmp_path, f"id,path,label\na,a.wav,{sarcastic}\nb,b.wav,{other}\n").read()
    assert [utterance.is_sarcastic for utterance in corpus.utterances] == [True, False]


def test_the_rest_of_a_manifest_is_optional_and_may_be_null(tmp_path: Path) -> None:
    one = '{"id": "a", "path": "a.wav", "label": 1, "speaker": null, "year": 1999}'
    other = '{"id": "b", "path": "b.wav", "label": 0}'
    corpus = manifest(tmp_path, f"{one}\n{other}", "clips.jsonl").read()
    assert corpus.utterances[0] == Utterance("a", tmp_path / "a.wav", True)


def test_a_manifest_may_point_anywhere(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    text = f"id,path,label\na,{tmp_path / 'a.wav'},1\nb,../b.wav,0\n"
    manifest(tmp_path, text)
    corpus = manifest(tmp_path, text, "elsewhere/clips.csv").read()
    assert [utterance.path.resolve() for utterance in corpus.utterances] == [tmp_path / "a.wav", tmp_path / "b.wav"]


def test_a_text_may_hold_line_breaks(tmp_path: Path) -> None:
    text = 'id,path,label,text\na,a.wav,1,"one\ntwo"\nb,b.wav,0,\n\n'
    assert manifest(tmp_path, text).read().utterances[0].text == "one\ntwo"
    text = (
        '{"id": "a", "path": "a.wav", "label": 1, "text": "one\u2028two"}\n{"id": "b", "path": "b.wav", "label": 0}\n'
    )
    assert manifest(tmp_path, text, "clips.jsonl").read().utterances[0].text == "one\u2028two"


def test_rows_without_a_file_are_listed(tmp_path: Path) -> None:
    corpus = manifest(tmp_path, "id,path,label\na,a.wav,1\nb,b.wav,0\nz,z.wav,0\n").read()
    assert ids(corpus) == ["a", "b"]
    assert corpus.missing == ("z",)


def test_only_keeps_rows_of_a_manifest(tmp_path: Path) -> None:
    assert ids(manifest(tmp_path, "id,path,label\na,a.wav,1\nb,b.wav,0\nc,c.wav,0\n", only=["c", "a"]).read()) == [
        "a",
        "c",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", f", line 1: the column 'id' is missing; {HEADER}"),
        ("id,path,label\n", ": there are no rows; add one for each clip, with id, path, label"),
        ("id,path,labels\na,a.wav,1\n", ", line 1: the column 'label' is missing; is 'labels' meant for it?"),
        ("id,file,label\na,a.wav,1\n", f", line 1: the column 'path' is missing; {HEADER}"),
        ("id path label\na a.wav 1\n", f", line 1: the column 'id' is missing; {HEADER}, {SEPARATED}"),
        ("id,path,label,id\na,a.wav,1,b\n", ", line 1: the column 'id' stands there 2 times; keep one"),
        ("id,path,label,Show,SHOW\na,a.wav,1,x,y\n",
         ", line 1: the column 'show' stands there 2 times ('Show', 'SHOW'); keep one"),
        ("sep=;\nid;path;label\na;a.wav;maybe\n", f", line 3: the label is \"maybe\"; {NEEDED}"),
        ("id;path;label\na;a.wav;1;x\n",
         ", line 2: there are 4 fields for 3 columns; put a field that holds a semicolon in quotes"),
        ("id,path,label\na,a.wav,1\nb,b.wav,maybe\n", f", line 3: the label is \"maybe\"; {NEEDED}"),
        ("id,path,label\na,a.wav,\n", ", line 2: 'label' is missing"),
        ("id,path,label\n,a.wav,1\n", ", line 2: 'id' is missing"),
        ("id,path,label\na,a.wav,1\nb,b.wav,nan\n", ", line 3: 'label' is missing (nan)"),
        ("id,path,label\na,,1\n", ", line 2: 'path' is missing"),
        ("id,path,label\na,a.wav,1\na,b.wav,0\n", ", line 3: the id 'a' stands in line 2 already; ids must differ"),
        ("id,path,label\na,a.wav,1\na ,b.wav,0\n", ", line 3: the id 'a' stands in line 2 already; ids must differ"),
        ("id,path,label\na\ue000,a.wav,1\n",
         ", line 2: the id 'a\\ue000' has characters that cannot be printed; name it otherwise"),
        ("id,path,label\na,a.wav\n",
         f", line 2: there are 2 fields for 3 columns; {QUOTES}, and write empty fields, too"),
        ("id,path,label\na,a.wav,1,x\n", f", line 2: there are 4 fields for 3 columns; {QUOTES}"),
        ('id,path,label\n"a,a.wav,1\n', ", line 2: not CSV (unexpected end of data)"),
        ('id,path,label\n"a"b,a.wav,1\n', ", line 2: not CSV (',' expected after '\"')"),
        (f"id,path,label\n{'x' * 200_000},a.wav,1\n", ", line 2: not CSV (field larger than field limit (131072))"),
        ("id,path,label\nz,z.wav,1\n",
         ": none of the 1 clips is there: DIR/z.wav; paths are relative to the manifest's folder"),
        ("id,path,label\nz,C:\\clips\\z.wav,1\n",
         ": none of the 1 clips is there: DIR/C:\\clips\\z.wav; paths are relative to the manifest's folder, and take /"
         " between folders, not \\"),
        ("id,path,label\na,a.wav,1\nb,b.wav,1\n",
         ": all 2 clips to be used are sarcastic: there is nothing to tell apart; add other clips"),
    ],
)  # fmt: skip
def test_a_csv_that_cannot_be_used(tmp_path: Path, text: str, fault: str) -> None:
    assert complaint(manifest(tmp_path, text), tmp_path) == f"DIR/clips.csv{fault}"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('{"id": "a", "path": "a.wav", "label": 1}\n{"id": "b",\n',
         ", line 2, column 12: not JSON (Expecting property name enclosed in double quotes)"),
        ("7\n", ", line 1: an object is needed, not 7"),
        ("[1]\n", ", entry 1: an object is needed, not 1"),
        ('[{"id": "a",\n"path": "a.wav"}]', ", entry 1: 'label' is missing"),
        ('{\n"a": {"path": "a.wav", "label": 1}\n}\n',
         ": it is one JSON object over several lines; an object for each clip is needed, one a line or all in an array"),
        ('{"id": {"0": "a"}, "path": {"0": "a.wav"}, "label": {"0": 1}}',
         ", line 1: 'id' is {\"0\": \"a\"}; text is needed"),
        ('{"id": "a", "path": "a.wav", "labels": 1}\n', ", line 1: 'label' is missing; is 'labels' meant for it?"),
        ('{"id": [0], "path": "a.wav", "label": 1}\n', ", line 1: 'id' is [0]; text is needed"),
        ('{"id": NaN, "path": "a.wav", "label": 1}\n', ", line 1: 'id' is missing"),
        ('{"id": "a", "path": false, "label": 1}\n', ", line 1: 'path' is false; text is needed"),
        ('{"id": "a", "path": "a.wav", "label": 1, "speaker": {}}\n', ", line 1: 'speaker' is {}; text is needed"),
        ('{"id": "a", "path": "a.wav", "label": 0.5}\n', f", line 1: the label is 0.5; {NEEDED}"),
        ('{"id": "a", "id": "b", "path": "a.wav", "label": 1}\n', ": 'id' stands there twice; keep one of them"),
        ("\n\n", ": there are no rows; add one for each clip, with id, path, label"),
    ],
)  # fmt: skip
def test_jsonl_that_cannot_be_used(tmp_path: Path, text: str, fault: str) -> None:
    assert complaint(manifest(tmp_path, text, "clips.jsonl"), tmp_path) == f"DIR/clips.jsonl{fault}"


def test_a_manifest_of_another_kind(tmp_path: Path) -> None:
    assert complaint(manifest(tmp_path, CSV, "clips.xlsx"), tmp_path) == (
        "dataset.manifest: DIR/clips.xlsx must end in .csv, .tsv, .txt, .jsonl, .ndjson, .json; save it as one of them"
    )


def test_a_missing_manifest(tmp_path: Path) -> None:
    dataset = replace(manifest(tmp_path, CSV), manifest=str(tmp_path / "none.csv"))
    assert complaint(dataset, tmp_path) == (
        "dataset.manifest: DIR/none.csv is not there; name the file with dataset.manifest=FILE"
    )


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("id,path,label,text\na,a.wav,1,café\n".encode("latin-1"),
         ", line 2: not UTF-8 text: byte 0xE9, which is 'é' in Windows-1252 (Latin-1); save it as UTF-8"),
        ("id,path,label,text\r\ra,a.wav,1,“”\r".encode("cp1252"),
         ", line 3: not UTF-8 text: byte 0x93, which is '“' in Windows-1252 (Latin-1); save it as UTF-8"),
        (b"id,path,label\na,a.wav,1\nb\x81,b.wav,0\n", ", line 3: not UTF-8 text; save it as UTF-8"),
        ("id,path,label\n".encode("utf-16")[:-1], ", line 1: not UTF-16 text; save it as UTF-8"),
        ("id,path,label\n".encode("utf-16-le"),
         ", line 1: it has NUL characters, so it is UTF-16 without a byte order mark, or no text; save it as UTF-8"),
        (b"id,path,label\na,a.wav,1\nb,b\0.wav,0\n",
         ", line 3: it has NUL characters, so it is UTF-16 without a byte order mark, or no text; save it as UTF-8"),
        (b"PK\x03\x04\x14\0",
         " is an Excel workbook (.xlsx) or another zip archive, not text; save it as CSV or JSON in UTF-8"),
        (b"PAR1\x15\x04", " is a Parquet file, not text; save it as CSV or JSON in UTF-8"),
    ],
)  # fmt: skip
def test_a_manifest_that_is_no_text_is_called_what_it_is(tmp_path: Path, content: bytes, fault: str) -> None:
    assert complaint(manifest(tmp_path, content), tmp_path) == f"dataset.manifest: DIR/clips.csv{fault}"


def test_more_rows_without_a_file_than_allowed(tmp_path: Path) -> None:
    dataset = manifest(tmp_path, "id,path,label\na,a.wav,1\nb,b.wav,0\nz,z.wav,0\n", max_missing=0.05)
    assert complaint(dataset, tmp_path) == (
        "1 of 3 rows of DIR/clips.csv name a file that is not there: z; put that right, or allow more than"
        " dataset.max_missing=0.05"
    )


# Tables as people have them

CELLS = [
    ("a", "a.wav", 1, 1.0, "SHOW", 'She said "sure", and\nthen é.', "train"),
    ("b", "b.wav", 0, None, "SHOW", "Well; well|well.", "test"),
    ("c", "c.wav", 1, 12.0, "SHOW", None, "test"),
]
"""The speakers are whole numbers, and one is not known: pandas makes floating numbers of them."""
COLUMNS = ("id", "path", "label", "speaker", "show", "text", "split")


def frame() -> pd.DataFrame:
    return pd.DataFrame(CELLS, columns=COLUMNS)


def as_csv(**options: Any) -> str:
    return str(frame().to_csv(**({"index": False} | options)))


FORMS: dict[str, Callable[[], str | bytes]] = {
    "whole speakers": lambda: as_csv().replace("1.0,", "1,").replace("12.0,", "12,"),
    "with an index": lambda: as_csv(index=True),
    "missing values spelled out": lambda: as_csv(na_rep="nan"),
    "missing values of a database": lambda: as_csv(na_rep="NULL"),
    "everything in quotes": lambda: as_csv(quoting=csv.QUOTE_ALL),
    "semicolons": lambda: as_csv(sep=";"),
    "semicolons and decimal commas": lambda: as_csv(sep=";", decimal=","),
    "bars": lambda: as_csv(sep="|"),
    "tabs, told to Excel": lambda: "sep=\t\n" + as_csv(sep="\t"),
    "semicolons, told to Excel": lambda: "sep=;\r\n" + as_csv(sep=";", lineterminator="\r\n"),
    "slashes, told to Excel": lambda: '"SEP=/"\r' + as_csv(sep="/", lineterminator="\r"),
    "lines as on Windows": lambda: as_csv(lineterminator="\r\n").encode("utf-8-sig"),
    "lines as on an old Mac": lambda: as_csv(lineterminator="\r"),
    "UTF-16, little end first": lambda: codecs.BOM_UTF16_LE + as_csv(sep="\t").encode("utf-16-le"),
    "UTF-16, big end first": lambda: codecs.BOM_UTF16_BE + as_csv().encode("utf-16-be"),
    "UTF-32": lambda: as_csv().encode("utf-32"),
    "a tail of empty rows": lambda: as_csv() + ",,,,,,\n" * 3 + ",,\n\n , , ,,,,\n",
    "empty columns to the right": lambda: as_csv(lineterminator="\r\n").replace("\r\n", ",,\r\n").replace("\n,,\r\n", "\n"),
    "empty lines": lambda: "\n,,,,,,\n" + as_csv().replace("train\n", "train\n\n") + "\n",
    "a header by hand": lambda: as_csv(header=[" ID", "Path ", "\u00a0Label", "SPEAKER", "\ufeffShow", "text", "split"]),
    "floating labels": lambda: frame().assign(label=[1.0, 0.0, 1.0]).to_csv(index=False),
    "labels that are true or false": lambda: frame().assign(label=[True, False, True]).to_csv(index=False),
    "labels as Excel has them": lambda: frame().assign(label=[" TRUE ", "FALSE", "TRUE"]).to_csv(index=False),
    "letters decomposed": lambda: unicodedata.normalize("NFD", as_csv()),
    "JSON lines": lambda: frame().to_json(orient="records", lines=True),
    "JSON lines as on an old Mac": lambda: frame().to_json(orient="records", lines=True).replace("\n", "\r"),
    "JSON lines in UTF-16": lambda: frame().to_json(orient="records", lines=True).encode("utf-16"),
    "a JSON array": lambda: frame().to_json(orient="records", indent=2),
    "JSON of floating labels": lambda: frame().assign(label=[1.0, 0.0, 1.0]).to_json(orient="records", lines=True),
    "JSON of texts": lambda: frame().assign(label=["1", "0", "true"]).to_json(orient="records", lines=True),
    "JSON with values that are no numbers": lambda: "\n".join(
        json.dumps(dict(zip(COLUMNS, row, strict=True)) | ({"speaker": math.nan} if row[3] is None else {})) for row in CELLS
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_same_table_is_the_same_corpus_however_it_was_written(tmp_path: Path, form: str) -> None:
    content = FORMS[form]()
    corpus = manifest(tmp_path, content, "clips.json" if "JSON" in form else "clips.csv", max_missing=0.0).read()
    assert corpus.utterances == (
        Utterance("a", tmp_path / "a.wav", True, "1", "SHOW", 'She said "sure", and\nthen é.', "train"),
        Utterance("b", tmp_path / "b.wav", False, "", "SHOW", "Well; well|well.", "test"),
        Utterance("c", tmp_path / "c.wav", True, "12", "SHOW", "", "test"),
    )
    assert corpus.fingerprint == manifest(tmp_path, as_csv()).read().fingerprint


@pytest.mark.parametrize("name", ["clips.tsv", "clips.TXT", "clips.csv"])
def test_the_separator_is_told_by_the_header_not_by_the_name(tmp_path: Path, name: str) -> None:
    assert ids(manifest(tmp_path, "id\tpath\tlabel\na\ta.wav\t1\nb\tb.wav\t0\n", name).read()) == ["a", "b"]


def test_json_is_read_whatever_its_file_is_called(tmp_path: Path) -> None:
    assert ids(manifest(tmp_path, JSONL, "clips.csv").read()) == ["a", "b"]


def test_decimals_that_mean_something_stay(tmp_path: Path) -> None:
    rows = "1.0,a.wav,1,3.10\n1.1,b.wav,0,3.0\n"
    corpus = manifest(tmp_path, f"id,path,label,speaker\n{rows}").read()
    assert [(each.id, each.speaker) for each in corpus.utterances] == [("1.0", "3.10"), ("1.1", "3.0")]


def test_ids_may_be_whole_numbers_and_hold_slashes(tmp_path: Path) -> None:
    rows = ({"id": 7, "path": "a.wav", "label": 1}, {"id": "s1/../b", "path": "b.wav", "label": 0})
    assert ids(manifest(tmp_path, "\n".join(map(json.dumps, rows)), "clips.jsonl").read()) == ["7", "s1/../b"]


def test_labels_of_mustard_may_be_numbers_or_texts_and_speakers_numbers(tmp_path: Path) -> None:
    entries = {"1_1": entry(1.0, speaker=3.0), "2_10": entry(0, speaker=None), "2_9": entry("False", speaker="4")}
    found = mustard(tmp_path, entries).read().utterances
    assert [(each.is_sarcastic, each.speaker) for each in found] == [(True, "3"), (False, ""), (False, "4")]


# Names


@pytest.mark.parametrize(
    "typed",
    ["S2 é", "S2 é ", " S2  é", "\tS2\té\n", "S2\u00a0é", "S2\u3000é\u2009", "S2 e\u0301", "Ｓ２ é", "S2 é\u200b", "\ufeffS2 é",
     "S2 \u00ad\u2060é", "S2 \x00é"],
)  # fmt: skip
def test_names_that_look_the_same_are_the_same(typed: str) -> None:
    named = Utterance(typed, Path("a.wav"), True, typed, typed, "", typed)
    assert (named.id, named.speaker, named.show, named.split) == ("S2 é",) * 4


@given(st.text())
def test_normalizing_again_changes_nothing(text: str) -> None:
    assert normalized(normalized(text)) == normalized(text)


@pytest.mark.parametrize("nothing", ["", " ", "\u3000\t", "\u200b"])
def test_a_name_of_white_space_is_none(nothing: str) -> None:
    assert Utterance("a", Path("a.wav"), True, speaker=nothing).speaker == ""


def test_a_text_keeps_its_spaces_and_its_signs() -> None:
    assert Utterance("a", Path("a.wav"), True, text=" Well…  cafe\u0301 ™\r\nSure. ").text == "Well…  café ™\nSure."


def test_only_names_ids_however_they_were_typed(tmp_path: Path) -> None:
    assert ids(mustard(tmp_path, only=["1_1 ", "２_9"]).read()) == ["1_1", "2_9"]


# Paths


@pytest.mark.parametrize(("on_disk", "in_table"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFC", "NFC")])
def test_a_clip_is_found_whichever_form_its_name_has(tmp_path: Path, on_disk: str, in_table: str) -> None:
    folder = tmp_path / unicodedata.normalize(on_disk, "clés")
    folder.mkdir()
    written = [unicodedata.normalize(on_disk, f"é{number}.wav") for number in range(2)]
    for name in written:
        (folder / name).write_bytes(name.encode())
    rows = [f"{number},clés/é{number}.wav,{number}" for number in range(2)]
    table = unicodedata.normalize(in_table, "\n".join(["id,path,label", *rows]))
    corpus = manifest(tmp_path, table, max_missing=0.0).read()
    assert [each.path for each in corpus.utterances] == [folder / name for name in written]


def test_a_table_in_one_form_of_unicode_may_name_files_in_another_folder_by_folder(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    clip = tmp_path / composed / decomposed / f"{composed}{decomposed}.wav"
    clip.parent.mkdir(parents=True)
    clip.touch()
    assert located(f"{decomposed}/{composed}/{decomposed}{decomposed}.wav", tmp_path) == clip


def test_of_two_files_that_a_name_could_mean_neither_is_taken_unless_it_is_the_very_one(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))
    (tmp_path / f"{composed}.wav").touch()
    (tmp_path / f"{decomposed}.wav").touch()
    assert located(f"{decomposed}.wav", tmp_path).name == f"{decomposed}.wav"
    (tmp_path / f"{composed}{decomposed}").touch()
    (tmp_path / f"{decomposed}{composed}").touch()
    assert located(f"{composed}{composed}", tmp_path) == tmp_path / f"{composed}{composed}"


def test_paths_of_other_systems_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wav").mkdir()
    (tmp_path / "wav" / "a.wav").touch()
    (tmp_path / r"odd\name.wav").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert located(r"wav\a.wav", tmp_path) == tmp_path / "wav" / "a.wav"
    assert located(" wav/a.wav\u00a0", tmp_path) == tmp_path / "wav" / "a.wav"
    assert located("~/wav/a.wav", Path("/elsewhere")) == tmp_path / "wav" / "a.wav"
    assert located(r"odd\name.wav", tmp_path) == tmp_path / r"odd\name.wav"


def test_clips_of_mustard_are_found_whichever_form_their_names_have(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é_1") for form in ("NFC", "NFD"))
    dataset = mustard(tmp_path, {composed: entry(True), "2_9": entry(False)}, (f"{decomposed}.wav", "2_9 .wav"))
    assert ids(dataset.read()) == ["2_9", composed]
    assert [each.path.name for each in dataset.read().utterances] == ["2_9 .wav", f"{decomposed}.wav"]


# Laws


@given(st.text(max_size=8))
def test_an_id_that_is_let_pass_is_a_file_of_its_folder(id_: str) -> None:
    if bad_id(id_) is None:
        assert Path("/folder", f"{id_}.wav").parent == Path("/folder")
        assert Path("/folder", f"{id_}.wav").resolve() == Path("/folder", f"{id_}.wav")
        assert Path(f"{id_}.wav").stem == id_


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["sarcasm", "id", "path", "label", "1_1"]), inner),
    max_leaves=8,
).map(json.dumps)


@pytest.mark.parametrize("kind", ["labels.json", "clips.csv", "clips.jsonl"])
@given(text=st.text(st.characters(codec="utf-8"), max_size=60) | ANY_JSON)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(tmp_path: Path, kind: str, text: str) -> None:
    dataset = mustard(tmp_path, text) if kind == "labels.json" else manifest(tmp_path, text, kind)
    assert "\n" not in complaint(dataset, tmp_path)


def fingerprint(utterances: Iterable[Utterance]) -> str:
    return Corpus(tuple(utterances)).fingerprint


def test_the_fingerprint_is_of_content_not_of_place_or_order(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    one = mustard(tmp_path / "one").read().utterances
    other = mustard(tmp_path / "other").read().utterances
    assert fingerprint(one) == fingerprint(other[::-1])
    assert re.fullmatch("sha256:[0-9a-f]{64}", fingerprint(one))


def test_a_corpus_whose_names_were_clean_keeps_the_fingerprint_it_always_had(tmp_path: Path) -> None:
    clean = manifest(
        tmp_path, 'id,path,label,speaker,show,text,split\nb,b.wav,0,Zoë,A  B,"Well…  so?",test\na,a.wav,1,S2,,,\n'
    )
    content = "".join(
        f"{json.dumps(known)}\n{hashlib.sha256(known[0].encode()).hexdigest()}\n"
        for known in (["a", True, "S2", "", "", ""], ["b", False, "Zoë", "A B", "Well…  so?", "test"])
    )
    assert clean.read().fingerprint == f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"


@pytest.mark.parametrize(
    "change",
    [
        {"id": "1_2"},
        {"is_sarcastic": False},
        {"speaker": "OTTO"},
        {"show": "OTHER"},
        {"path": Path("gone.wav")},
        {"text": "Other."},
        {"split": "x"},
    ],
)
def test_the_fingerprint_changes_with_what_it_covers(tmp_path: Path, change: dict[str, Any]) -> None:
    utterances = mustard(tmp_path).read().utterances
    assert fingerprint((replace(utterances[0], **change), *utterances[1:])) != fingerprint(utterances)


def test_the_fingerprint_changes_with_a_byte_of_sound(tmp_path: Path) -> None:
    utterances = mustard(tmp_path).read().utterances
    before = fingerprint(utterances)
    utterances[0].path.write_bytes(b"other sound")
    assert fingerprint(utterances) != before


def test_the_fingerprint_does_not_mix_up_its_parts(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.touch()
    assert fingerprint([Utterance("a", path, True, "bc", "d")]) != fingerprint([Utterance("a", path, True, "b", "cd")])
