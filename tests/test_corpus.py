"""MUStARD-shaped folders and manifests: what is found, and the whole text of each complaint."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm.corpus import BadClips, Corpus, Dataset, Manifest, Mustard, ShortClips, Utterance
from sarcasm.corpus.dataset import bad_id
from sarcasm.errors import ConfigError, CorpusError

NAME_IT = "name each entry after its clip, such as 2_97"
NEEDED = "1 or 0, true or false, sarcastic or non-sarcastic is needed"
HEADER = "the header must name id, path, label"
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
        ({"1_1": entry(1)}, ", entry 1_1: 'sarcasm' is 1; true or false is needed"),
        ({"1_1": entry("true")}, ", entry 1_1: 'sarcasm' is \"true\"; true or false is needed"),
        ({"1_1": entry(None)}, ", entry 1_1: 'sarcasm' is null; true or false is needed"),
        ({"1_1": entry(True, speaker=7)}, ", entry 1_1: 'speaker' is 7; text is needed"),
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
        ({"a\0b": entry(True)}, f": the id 'a\\x00b' has characters that cannot be printed; {NAME_IT}"),
    ],
)  # fmt: skip
def test_labels_that_cannot_be_used(tmp_path: Path, labels: Any, fault: str) -> None:
    assert complaint(mustard(tmp_path, labels), tmp_path) == f"DIR/labels.json{fault}"


def test_labels_that_are_not_utf_8(tmp_path: Path) -> None:
    dataset = mustard(tmp_path)
    (tmp_path / "labels.json").write_bytes(b'{"1_1":\n {"utterance": "\xe9"}}')
    assert complaint(dataset, tmp_path) == "dataset.labels: DIR/labels.json, line 2: not UTF-8 text; save it as UTF-8"


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
        ("id,path,Label\na,a.wav,1\n", ", line 1: the column 'label' is missing; is 'Label' meant for it?"),
        ("id,file,label\na,a.wav,1\n", f", line 1: the column 'path' is missing; {HEADER}"),
        ("id;path;label\na;a.wav;1\n", f", line 1: the column 'id' is missing; {HEADER}, separated by commas"),
        ("id,path,label,id\na,a.wav,1,b\n", ", line 1: the column 'id' stands there 2 times; keep one"),
        ("id,path,label\na,a.wav,1\nb,b.wav,maybe\n", f", line 3: the label is \"maybe\"; {NEEDED}"),
        ("id,path,label\na,a.wav,\n", ", line 2: 'label' is missing"),
        ("id,path,label\n,a.wav,1\n", ", line 2: 'id' is missing"),
        ("id,path,label\na,,1\n", ", line 2: 'path' is missing"),
        ("id,path,label\na,a.wav,1\na,b.wav,0\n", ", line 3: the id 'a' stands in line 2 already; ids must differ"),
        ("id,path,label\n../a,a.wav,1\n",
         ", line 2: the id '../a' leads out of its folder; ids must be fit for a file name"),
        ("id,path,label\na,a.wav\n", f", line 2: there are 2 fields for 3 columns; {QUOTES}"),
        ("id,path,label\na,a.wav,1,x\n", f", line 2: there are 4 fields for 3 columns; {QUOTES}"),
        ('id,path,label\n"a,a.wav,1\n', ", line 2: not CSV (unexpected end of data)"),
        ('id,path,label\n"a"b,a.wav,1\n', ", line 2: not CSV (',' expected after '\"')"),
        (f"id,path,label\n{'x' * 200_000},a.wav,1\n", ", line 2: not CSV (field larger than field limit (131072))"),
        ("id,path,label\nz,z.wav,1\n",
         ": none of the 1 clips is there: DIR/z.wav; paths are relative to the manifest's folder"),
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
        ("[1]\n", ", line 1: an object is needed, not [1]"),
        ('{"id": "a", "path": "a.wav", "labels": 1}\n', ", line 1: 'label' is missing; is 'labels' meant for it?"),
        ('{"id": 0, "path": "a.wav", "label": 1}\n', ", line 1: 'id' is 0; text is needed"),
        ('{"id": "a", "path": false, "label": 1}\n', ", line 1: 'path' is false; text is needed"),
        ('{"id": "a", "path": "a.wav", "label": 1, "speaker": 3}\n', ", line 1: 'speaker' is 3; text is needed"),
        ('{"id": "a", "path": "a.wav", "label": 0.5}\n', f", line 1: the label is 0.5; {NEEDED}"),
        ('{"id": "a", "id": "b", "path": "a.wav", "label": 1}\n', ": 'id' stands there twice; keep one of them"),
        ("\n\n", ": there are no rows; add one for each clip, with id, path, label"),
    ],
)  # fmt: skip
def test_jsonl_that_cannot_be_used(tmp_path: Path, text: str, fault: str) -> None:
    assert complaint(manifest(tmp_path, text, "clips.jsonl"), tmp_path) == f"DIR/clips.jsonl{fault}"


def test_a_manifest_of_another_kind(tmp_path: Path) -> None:
    assert complaint(manifest(tmp_path, CSV, "clips.xlsx"), tmp_path) == (
        "dataset.manifest: DIR/clips.xlsx must end in .csv, .jsonl, .ndjson; save it as one of them"
    )


def test_a_missing_manifest(tmp_path: Path) -> None:
    dataset = replace(manifest(tmp_path, CSV), manifest=str(tmp_path / "none.csv"))
    assert complaint(dataset, tmp_path) == (
        "dataset.manifest: DIR/none.csv is not there; name the file with dataset.manifest=FILE"
    )


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_manifest_that_is_not_utf_8(tmp_path: Path, encoding: str) -> None:
    dataset = manifest(tmp_path, "id,path,label,text\na,a.wav,1,café\n".encode(encoding))
    line = 2 if encoding == "latin-1" else 1
    assert (
        complaint(dataset, tmp_path)
        == f"dataset.manifest: DIR/clips.csv, line {line}: not UTF-8 text; save it as UTF-8"
    )


def test_more_rows_without_a_file_than_allowed(tmp_path: Path) -> None:
    dataset = manifest(tmp_path, "id,path,label\na,a.wav,1\nb,b.wav,0\nz,z.wav,0\n", max_missing=0.05)
    assert complaint(dataset, tmp_path) == (
        "1 of 3 rows of DIR/clips.csv name a file that is not there: z; put that right, or allow more than"
        " dataset.max_missing=0.05"
    )


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
