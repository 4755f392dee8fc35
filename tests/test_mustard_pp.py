"""MUStARD++'s table, with the traps of the published one."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm.corpus import BadClips, MustardPP, ShortClips
from sarcasm.corpus.mustard_pp import read_labels
from sarcasm.errors import CorpusError

HEADER = (
    "SCENE,KEY,SENTENCE,END_TIME,SPEAKER,SHOW,Sarcasm,Sarcasm_Type,Implicit_Emotion,Explicit_Emotion,Valence,Arousal"
)
ROWS = [
    '1_60,1_60_c_00,"A line\nover two rows.",0:1,-,BBT,,,,,,',
    '1_60,1_60_u,"It\'s just a privilege, to watch.",0:3.37,SHELDON,BBT,1.0,PRO,Happy,Sad,3,4',
    "1_S11E03_067,1_S11E03_067_c_00,Context,0:1,-,0,,,,,,",
    "1_S11E03_067,Disgust,The key is an emotion.,0:2,PENNY,BBT,0.0,NONE,Neutral,Neutral,5,5",
    "3_S04E05_320,3_S04E05_320_u,Nobody knows who.,0:9,-,SV,1,ILL,Anger,Anger,2,6",
]


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "table.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    with pytest.raises(CorpusError) as caught:
        read_labels(path)
    return str(caught.value).replace(str(path), "TABLE")


def test_labelled_rows_are_utterances_named_by_scene(tmp_path):
    found = {each.id: each for each in read_labels(write(tmp_path, *ROWS))}
    assert found.keys() == {"1_60", "1_S11E03_067", "3_S04E05_320"}
    assert [each.is_sarcastic for each in found.values()] == [True, False, True]
    assert found["1_60"].text == "It's just a privilege, to watch."
    assert (found["1_S11E03_067"].speaker, found["1_S11E03_067"].show) == ("PENNY", "BBT")
    assert found["3_S04E05_320"].speaker == ""


@pytest.mark.parametrize("form", ["semicolons", "UTF-16", "by Excel", "by pandas"])
def test_the_same_table_is_read_however_it_was_written(tmp_path, form):
    path = write(tmp_path, *ROWS)
    table = pd.read_csv(path)
    written = {
        "semicolons": lambda: "sep=;\n" + table.to_csv(index=False, sep=";"),
        "UTF-16": lambda: table.to_csv(index=False, sep="\t").encode("utf-16"),
        "by Excel": lambda: (table.to_csv(index=False, lineterminator="\r\n") + ",,,,,,,,,,,\r\n").encode("utf-8-sig"),
        "by pandas": lambda: table.to_csv(na_rep="nan").replace("3_S04E05_320,", "3_S04E05_320\u00a0,", 1),
    }[form]()
    other = tmp_path / "other.csv"
    other.write_bytes(written if isinstance(written, bytes) else written.encode())
    assert read_labels(other) == read_labels(path)


def test_the_dataset_finds_its_clips(tmp_path):
    labels = write(tmp_path, *ROWS)
    (tmp_path / "audio").mkdir()
    for id_ in ("1_60", "1_S11E03_067", "3_S04E05_320"):
        (tmp_path / "audio" / f"{id_}.wav").write_bytes(b"sound")
    dataset = MustardPP("mustard_pp", [], BadClips.fail, ShortClips.pad, 0.05, str(tmp_path / "audio"), str(labels))
    assert [each.path.name for each in dataset.read().utterances] == [
        "1_60.wav",
        "1_S11E03_067.wav",
        "3_S04E05_320.wav",
    ]


WRONG = {
    "not a label": (ROWS[1].replace("1.0", "yes"), 'TABLE, line 2: Sarcasm is "yes"; 1 or 0 is needed, or nothing for the context'),
    "a way out": (ROWS[1].replace("1_60,", "../x,", 1), "TABLE, line 2: the SCENE '../x' leads out of its folder; name each utterance after its clip, such as 1_60"),
    "twice": (ROWS[1] + "\n" + ROWS[1], "TABLE, line 3: the SCENE '1_60' has a label already, further up; keep one of them"),
    "too few fields": ("1_60,1_60_u", "TABLE, line 2: there are 2 fields for 12 columns; put a field that holds a comma in quotes, and write empty fields, too"),
    "an open quote": ('1_60,"1_60_u', "TABLE, line 2: not CSV (unexpected end of data)"),
    "no labels": (ROWS[0], "TABLE: no row has a label; name another file with dataset.labels=FILE"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_line(tmp_path, case):
    row, message = WRONG[case]
    assert complaint(write(tmp_path, row)) == message


def test_a_table_of_another_shape_is_refused_with_the_nearest_column(tmp_path):
    path = write(tmp_path, ROWS[1], header=HEADER.replace("Sarcasm,", "sarcastic,"))
    assert complaint(path) == ("TABLE, line 1: the column 'Sarcasm' is missing; is 'sarcastic' meant for it?")


def test_without_the_table_the_error_says_where_it_is_from(tmp_path):
    assert complaint(tmp_path / "none.csv") == (
        "dataset.labels: TABLE is not there; put MUStARD++'s table there"
        " (https://github.com/cfiltnlp/MUStARD_Plus_Plus, mustard++_text.csv), or name another file with"
        " dataset.labels=FILE"
    )


@given(text=st.text(st.characters(codec="utf-8"), max_size=80))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(tmp_path, text):
    path = tmp_path / "any.csv"
    path.write_bytes(f"{HEADER}\n{text}".encode())
    with contextlib.suppress(CorpusError):
        assert read_labels(path)
