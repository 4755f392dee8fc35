import csv
import io
import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sarcasm.errors import ConfigError, SplitError
from sarcasm.splits import (
    AuditPolicy,
    ExampleSplit,
    Fold,
    KFold,
    MustardSD,
    MustardSI,
    Predefined,
    Reading,
    ShowOut,
    SpeakerSplit,
    UtteranceSplit,
    audit,
    units,
    with_validation,
)
from sarcasm.splits.mustard import FOLDS_FILE
from tests.conftest import make_table

WARN = {"audit": AuditPolicy.warn}
UTTERANCE = UtteranceSplit(name="utterance", test_size=0.2, stratify=True, **WARN)
EXAMPLE = ExampleSplit(name="example", test_size=0.2, stratify=True, **WARN)
SPEAKER = SpeakerSplit(name="speaker", test_size=0.2, stratify=True, **WARN)
KFOLD = KFold(name="kfold", k=4, grouped=False, **WARN)
GROUPED = KFold(name="kfold", k=3, grouped=True, **WARN)
SHOW_OUT = ShowOut(name="show_out", fewest=1, **WARN)
EVERY = [UTTERANCE, EXAMPLE, SPEAKER, KFOLD, GROUPED, SHOW_OUT]
NAMES = ["utterance", "example", "speaker", "kfold", "kfold_grouped", "show_out"]


@st.composite
def tables(draw):
    """Tables that every protocol can divide: three shows of four speakers, each with both classes."""
    labels, speakers, shows, lengths = [], [], [], []
    for show in ("BBT", "FRIENDS", "TAXI"):
        for speaker in ("PERSON", "ANNA", "BEN", "CLEO"):
            n = draw(st.integers(2, 6))
            labels += [True, False, *draw(st.lists(st.booleans(), min_size=n - 2, max_size=n - 2))]
            speakers += [speaker] * n
            shows += [show] * n
    lengths = draw(st.lists(st.integers(1, 5), min_size=len(labels), max_size=len(labels)))
    table = make_table(labels, lengths, speakers=speakers)
    utterances = tuple(replace(each, show=show) for each, show in zip(table.utterances, shows, strict=True))
    return replace(table, utterances=utterances)


def sides(table, rows, key):
    return {key(table.utterances[position]) for position in np.unique(table.utterance[rows])}


@given(tables(), st.sampled_from(EVERY), st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3]))
@settings(max_examples=60, deadline=None)
def test_every_fold_divides_all_rows_into_sides_that_share_none(table, split, seed, share):
    for fold in with_validation(split.folds(table, seed), split, table, share, seed, []):
        assert sorted([*fold.train, *fold.validation, *fold.test]) == list(range(len(table.y)))
        assert all(np.all(np.diff(rows) > 0) for rows in (fold.train, fold.validation, fold.test))
        assert len(fold.train)
        assert len(fold.test)
        assert bool(len(fold.validation)) == bool(share)


APART = [
    (UTTERANCE, lambda each: each.id),
    (KFOLD, lambda each: each.id),
    (SPEAKER, units.speaker),
    (GROUPED, units.speaker),
    (SHOW_OUT, lambda each: each.show),
]


@given(tables(), st.sampled_from(APART), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_what_a_protocol_keeps_whole_stands_on_one_side(table, apart, seed):
    split, key = apart
    for fold in split.folds(table, seed):
        assert not sides(table, fold.train, key) & sides(table, fold.test, key)


@given(tables(), st.sampled_from([UTTERANCE, KFOLD, SPEAKER, GROUPED]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_what_is_held_out_for_validation_is_held_out_whole(table, split, seed):
    key = next(key for each, key in APART if each is split)
    for fold in with_validation(split.folds(table, seed), split, table, 0.3, seed, []):
        held_out = sides(table, fold.validation, key)
        assert not held_out & (sides(table, fold.train, key) | sides(table, fold.test, key))


@given(tables(), st.sampled_from([KFOLD, GROUPED]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_every_utterance_is_tested_in_one_of_k_folds(table, split, seed):
    tested = np.concatenate([np.unique(table.utterance[fold.test]) for fold in split.folds(table, seed)])
    assert sorted(tested) == list(range(len(table.utterances)))


@given(tables(), st.sampled_from([UTTERANCE, KFOLD]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_stratified_folds_hold_the_classes_in_proportion(table, split, seed):
    for fold in split.folds(table, seed):
        tested = np.unique(table.utterance[fold.test])
        expected = len(tested) * table.utterance_labels.mean()
        assert abs(table.utterance_labels[tested].sum() - expected) <= 1


@given(tables(), st.sampled_from([SPEAKER, GROUPED]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_grouped_protocols_have_both_classes_on_both_sides(table, split, seed):
    for fold in split.folds(table, seed):
        assert 0 < table.y[fold.test].sum() < len(fold.test)
        assert 0 < table.y[fold.train].sum() < len(fold.train)


def test_the_example_split_is_scikit_learns_with_the_notebooks_arguments():
    from sklearn.model_selection import train_test_split

    table = make_table([True, False] * 20, [5] * 40)
    (fold,) = EXAMPLE.folds(table, 42)
    train, test = train_test_split(np.arange(200), test_size=0.2, random_state=42, stratify=table.y)
    assert list(fold.train) == sorted(train)
    assert list(fold.test) == sorted(test)


@pytest.mark.parametrize("split", [UTTERANCE, SPEAKER, KFOLD], ids=["utterance", "speaker", "kfold"])
def test_the_same_seed_draws_the_same_split_and_another_draws_another(split):
    table = make_table([True, False] * 40, [3] * 80, speakers=[f"SPEAKER{number // 4}" for number in range(80)])
    first, again, other = (split.folds(table, seed)[0].test for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


SCRIPT = """
import json, sys
from sarcasm.splits import AuditPolicy, KFold, SpeakerSplit
from tests.conftest import make_table
table = make_table([True, False, False] * 20, [2] * 60, speakers=[f"S{number // 5}" for number in range(60)])
chosen = (KFold("kfold", AuditPolicy.warn, 4, True), SpeakerSplit("speaker", AuditPolicy.warn, 0.3, True))
print(json.dumps([[fold.test.tolist() for fold in split.folds(table, 3)] for split in chosen]))
"""


def test_a_split_does_not_depend_on_pythons_hash_seed():
    drawn = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(drawn) == 1
    assert json.loads(drawn.pop())


def test_copies_of_a_clip_stand_on_the_same_side_whatever_is_drawn():
    labels = [True, False] * 15
    table = make_table(labels, [2] * 30, speakers=["ANNA", "BEN"] * 15)
    line = "I can see it from right here."
    utterances = [
        replace(each, text=line if number in (4, 20) else f"Line {number}")
        for number, each in enumerate(table.utterances)
    ]
    table = replace(table, utterances=tuple(utterances), sounds=np.array([7 if n == 9 else n for n in range(30)]))
    for seed in range(20):
        for split in (UTTERANCE, KFOLD):
            for fold in split.folds(table, seed):
                tested = set(table.utterance[fold.test])
                assert (4 in tested) == (20 in tested)
                assert (7 in tested) == (9 in tested)


def test_short_lines_are_no_copies_and_neither_are_those_of_two_speakers():
    table = make_table([True, False, True, False], [1] * 4, speakers=["ANNA", "ANNA", "BEN", "BEN"])
    texts = ["Okay, sure.", "okay sure", "That is very kind of you.", "That is very kind of you!"]
    utterances = [replace(each, text=text) for each, text in zip(table.utterances, texts, strict=True)]
    assert len(set(units.of_utterances(replace(table, utterances=tuple(utterances))))) == 3
    utterances[3] = replace(utterances[3], speaker="ANNA")
    assert len(set(units.of_utterances(replace(table, utterances=tuple(utterances))))) == 4


def mustard_table():
    """MUStARD's ids with made-up labels."""
    ids = sorted(id_ for ids in json.loads(FOLDS_FILE.read_text())["py2_order"] for id_ in ids)
    table = make_table([number % 2 == 0 for number in range(len(ids))], [1] * len(ids))
    show = {"1": "BBT", "2": "FRIENDS"}
    utterances = [replace(each, id=id_, show=show[id_[0]]) for each, id_ in zip(table.utterances, ids, strict=True)]
    return replace(table, utterances=tuple(utterances))


@pytest.mark.parametrize("reading", Reading)
def test_mustards_official_folds_are_five_of_138_over_690(reading):
    table = mustard_table()
    assert len(table.utterances) == 690
    folds = MustardSD(name="mustard_sd", reading=reading, **WARN).folds(table, 0)
    assert [(len(fold.train), len(fold.test)) for fold in folds] == [(552, 138)] * 5
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(690))


def test_the_two_readings_of_mustards_folds_differ():
    table = mustard_table()
    one, other = (MustardSD(name="mustard_sd", reading=reading, **WARN).folds(table, 0)[0].test for reading in Reading)
    assert not np.array_equal(one, other)


def test_mustards_folds_do_without_clips_that_are_missing_and_refuse_strange_ones():
    table = mustard_table()
    split = MustardSD(name="mustard_sd", reading=Reading.py2_order, **WARN)
    part = replace(
        table, utterances=table.utterances[:100], X=table.X[:100], y=table.y[:100], utterance=table.utterance[:100]
    )
    assert sum(len(fold.test) for fold in split.folds(part, 0)) == 100
    strange = replace(table, utterances=(replace(table.utterances[0], id="1_0"), *table.utterances[1:]))
    with pytest.raises(SplitError) as caught:
        split.folds(strange, 0)
    assert str(caught.value) == (
        "split=mustard_sd divides MUStARD's 690 clips, and 1 of 690 are not among them, such as 1_0; choose another split"
    )


def test_mustards_speaker_independent_test_is_one_show():
    table = mustard_table()
    (fold,) = MustardSI(name="mustard_si", test_show="FRIENDS", **WARN).folds(table, 0)
    assert sides(table, fold.test, lambda each: each.show) == {"FRIENDS"}
    with pytest.raises(SplitError, match=r"tests the show TAXI and trains on others; this corpus has BBT, FRIENDS"):
        MustardSI(name="mustard_si", test_show="TAXI", **WARN).folds(table, 0)


def test_a_show_of_one_class_is_trained_on_and_never_tested():
    shows = ["BBT"] * 4 + ["FRIENDS"] * 4 + ["GOLDENGIRLS"] * 3
    table = make_table([True, False] * 4 + [True] * 3, [2] * 11, speakers=["ANNA"] * 11)
    utterances = tuple(replace(each, show=show) for each, show in zip(table.utterances, shows, strict=True))
    folds = SHOW_OUT.folds(replace(table, utterances=utterances), 0)
    assert [fold.name for fold in folds] == ["BBT", "FRIENDS"]
    assert all(set(range(16, 22)) <= set(fold.train) for fold in folds)


def of_splits(*names):
    table = make_table([True, False] * (len(names) // 2), [2] * len(names))
    utterances = tuple(replace(each, split=name) for each, name in zip(table.utterances, names, strict=True))
    return replace(table, utterances=utterances)


def test_a_manifests_own_sides_are_taken_as_they_are_called():
    table = of_splits("train", "Training", "dev", "val", "test", "test", "train", "train")
    (fold,) = Predefined(name="predefined", **WARN).folds(table, 0)
    assert list(fold.train) == [0, 1, 2, 3, 12, 13, 14, 15]
    assert list(fold.validation) == [4, 5, 6, 7]
    assert list(fold.test) == [8, 9, 10, 11]
    (kept,) = with_validation([fold], Predefined(name="predefined", **WARN), table, 0.5, 0, ["decision=tuned"])
    assert kept is fold


def test_a_manifests_own_folds_are_tested_one_after_another():
    table = of_splits("2", "10", "2", "10", "3", "3")
    folds = Predefined(name="predefined", **WARN).folds(table, 0)
    assert [fold.name for fold in folds] == ["2", "3", "10"]
    assert list(folds[0].test) == [0, 1, 4, 5]


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["train", "", "test", ""], "2 of 4 clips have no value in the column split, such as 1_001; say"),
        (["train", "fold1", "test", "test"], "the column split has 'fold1' beside 'train'; use train, validation"),
        (["train", "train", "dev", "dev"], "the column split says test for no clip; there must be some"),
        (["a", "a", "a", "a"], "the column split names the one fold 'a'; two are needed"),
    ],
)
def test_a_column_that_is_no_division_is_refused(names, text):
    with pytest.raises(SplitError, match=f"^split=predefined: {text}"):
        Predefined(name="predefined", **WARN).folds(of_splits(*names), 0)


def test_a_choice_on_validation_rows_needs_some():
    table = make_table([True, False] * 20, [3] * 40)
    with pytest.raises(SplitError) as caught:
        with_validation(UTTERANCE.folds(table, 1), UTTERANCE, table, 0.0, 1, ["decision=tuned"])
    assert str(caught.value) == (
        "decision=tuned is chosen on validation rows, and there are none; add trainer.validation_share=0.2, or name them"
        " in a manifest with split=predefined"
    )


@pytest.mark.parametrize(("split", "what"), [(SPEAKER, "speaker"), (GROUPED, "speaker"), (SHOW_OUT, "show")])
def test_what_the_corpus_does_not_say_cannot_be_split_by(split, what):
    with pytest.raises(SplitError, match=rf"needs the {what} of every clip, and 20 of 20 have none, such as 1_000; "):
        split.folds(make_table([True, False] * 10, [2] * 20), 1)


def test_one_speaker_cannot_be_held_out_from_himself():
    table = make_table([True, False] * 10, [2] * 20, speakers=["ANNA"] * 20)
    with pytest.raises(
        SplitError, match=r"needs clips of at least 2 groups, and all are of one; choose another split$"
    ):
        SPEAKER.folds(table, 1)


def test_a_class_of_one_utterance_cannot_be_stratified():
    expected = (
        "split=utterance with split.test_size=0.2 over utterances needs at least 2 sarcastic ones to put one on each side,"
        " and there is 1; use more clips, or split.stratify=false"
    )
    with pytest.raises(SplitError) as caught:
        UTTERANCE.folds(make_table([True] + [False] * 9, [2] * 10), 42)
    assert str(caught.value) == expected


def test_too_few_utterances_for_the_test_size_is_said_in_one_line():
    with pytest.raises(
        SplitError,
        match=r"^split=utterance with split\.test_size=0\.2 over utterances cannot divide 4 \(2 sarcastic\): ",
    ):
        UTTERANCE.folds(make_table([True, True, False, False], [2] * 4), 42)


def test_more_folds_than_clips_of_a_class_are_refused():
    with pytest.raises(
        SplitError,
        match=r"^split=kfold split\.k=4 split\.grouped=false needs sarcastic clips of at least 4 groups .* there are 3; ",
    ):
        KFOLD.folds(make_table([True] * 3 + [False] * 9, [2] * 12), 42)


@pytest.mark.parametrize("test_size", [0.0, 1.0, -0.2, 20.0])
def test_a_test_size_that_is_no_share_is_refused(test_size):
    with pytest.raises(ConfigError, match=r"split\.test_size=.*a share between 0 and 1"):
        UtteranceSplit(name="utterance", test_size=test_size, stratify=True)


def test_one_fold_is_no_cross_validation():
    with pytest.raises(ConfigError, match=r"^split\.k=1: at least 2 folds are needed$"):
        KFold(name="kfold", k=1, grouped=False)


def test_the_audit_of_the_example_split_counts_what_was_heard_and_strict_refuses():
    table = make_table([True, False] * 10, [5] * 20)
    folds = EXAMPLE.folds(table, 42)
    found = audit(folds, table, EXAMPLE)
    tested, trained = set(table.utterance[folds[0].test]), set(table.utterance[folds[0].train])
    assert found.is_leaky
    assert (found.n_tested, len(found.shared("utterances"))) == (len(tested), len(tested & trained))
    found.refuse("example")  # only warned of
    strict = replace(found, policy=AuditPolicy.strict)
    with pytest.raises(SplitError) as caught:
        strict.refuse("example")
    assert str(caught.value) == (
        f"split=example with split.audit=strict refuses to train. The split leaks: parts of {len(tested & trained)} of the"
        f" {len(tested)} test utterances were heard in training. Choose another split, or split.audit=warn"
    )


@given(tables(), st.sampled_from([split for split in EVERY if split is not EXAMPLE]), st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_other_protocol_leaks(table, split, seed):
    found = audit(split.folds(table, seed), table, split)
    assert not found.leaks
    assert not found.is_leaky


def test_the_audit_finds_what_is_planted_on_both_sides():
    table = make_table([True, False] * 4, [2] * 8, speakers=["ANNA", "BEN"] * 4)
    texts = ["What a lovely day it is", *["Okay"] * 6, "What a lovely day it is!"]
    speakers = ["ANNA", "BEN", "ANNA", "BEN", "ANNA", "BEN", "CLEO", "ANNA"]
    utterances = [
        replace(each, text=text, speaker=speaker)
        for each, text, speaker in zip(table.utterances, texts, speakers, strict=True)
    ]
    table = replace(table, utterances=tuple(utterances), sounds=np.array([0, 1, 2, 3, 4, 2, 6, 7]))
    folds = [Fold("one", np.arange(10), np.arange(10, 16))]
    found = audit(folds, table, UTTERANCE)
    shared = {kind: found.shared(kind) for kind in ("utterances", "sounds", "lines", "texts", "speakers", "shows")}
    assert shared == {
        "utterances": (), "sounds": ("1_005",), "lines": ("1_007",), "texts": ("1_005", "1_006", "1_007"),
        "speakers": ("1_005", "1_007"), "shows": ("1_005", "1_006", "1_007"),
    }  # fmt: skip
    assert found.leaks == [
        "The split leaks: 1 of the 3 test utterances (1_005) have clips of (nearly) the same sound in training.",
        "The split leaks: 1 of the 3 test utterances (1_007) have the same line by the same speaker in training.",
    ]
    assert found.tags()["audit.speakers"] == "2"
    assert "one,test/seen,sounds,3,1,True,1_005" in found.overlaps_csv().splitlines()
    assert "one,train,speaker,SHOW:BEN,2,0,4,0" in found.balances_csv().splitlines()


def test_what_validation_shares_with_training_is_a_leak_of_its_own():
    table = make_table([True, False] * 4, [2] * 8)
    table = replace(table, sounds=np.array([0, 1, 2, 3, 0, 5, 6, 7]))
    folds = [Fold("one", np.arange(8), np.arange(12, 16), validation=np.arange(8, 12))]
    found = audit(folds, table, UTTERANCE)
    assert not found.is_leaky  # the test is as it should be
    assert found.leaks == [
        "Validation leaks: 1 of the 2 validation utterances (1_004) have clips of (nearly) the same sound in training."
    ]
    with pytest.raises(SplitError, match=r"refuses to train\. Validation leaks"):
        replace(found, policy=AuditPolicy.strict).refuse("utterance")


def test_a_choice_is_not_made_on_validation_rows_of_one_class():
    table = make_table([True, False] * 4, [1] * 8)
    fold = Fold("one", np.arange(4), np.array([6, 7]), validation=np.array([4]))
    with pytest.raises(
        SplitError, match=r"^decision=tuned is chosen on validation rows, and those of fold one are all "
    ):
        with_validation([fold], UTTERANCE, table, 0.0, 0, ["decision=tuned"])


def test_the_published_folds_may_divide_a_line_and_are_not_leaky_for_it():
    table = mustard_table()
    utterances = [
        replace(each, text="The very same line here.", speaker="CHANDLER") if each.id in ("2_161", "2_558") else each
        for each in table.utterances
    ]
    table = replace(table, utterances=tuple(utterances))
    split = MustardSD(name="mustard_sd", reading=Reading.py2_order, audit=AuditPolicy.strict)
    found = audit(split.folds(table, 0), table, split)
    found.refuse("mustard_sd")
    assert found.shared("lines") == ("2_161", "2_558")
    assert (found.leaks, found.is_leaky) == ([], False)


def test_a_share_that_leaves_nothing_is_one_clear_line():
    table = make_table([True, False] * 12, [1] * 24, speakers=["ANNA", "BEN", "CLEO"] * 8)
    with pytest.raises(SplitError, match=r"cannot divide 3 groups: "):
        replace(SPEAKER, test_size=0.99).folds(table, 0)


def test_ids_with_spaces_can_be_told_apart_in_the_table_of_overlaps():
    table = make_table([True, False] * 2, [1] * 4)
    utterances = tuple(
        replace(each, id=id_) for each, id_ in zip(table.utterances, ["a b", "s1/c", "it's", "d"], strict=True)
    )
    found = audit(
        [Fold("one", np.array([3]), np.arange(3))],
        replace(table, utterances=utterances, sounds=np.zeros(4, int)),
        UTTERANCE,
    )
    (row,) = [row for row in csv.DictReader(io.StringIO(found.overlaps_csv())) if row["kind"] == "sounds"]
    assert shlex.split(row["ids"]) == ["a b", "it's", "s1/c"]


SPELLINGS = ["S2", "S2 ", "S2\u3000", "\uff332", "S2\u200b"]


def test_one_speaker_stands_on_one_side_however_the_name_was_typed():
    names = [
        f"S{number // 2 % 4}" if number < 8 else SPELLINGS[number % 5].replace("2", str(number // 2 % 4))
        for number in range(16)
    ]
    table = make_table([True, False] * 8, [1] * 16, speakers=names)
    split = replace(SPEAKER, test_size=0.25, audit=AuditPolicy.strict)
    (fold,) = split.folds(table, 0)
    assert len({units.speaker(each) for each in table.utterances}) == 4
    assert not sides(table, fold.train, units.speaker) & sides(table, fold.test, units.speaker)
    audit([fold], table, split).refuse("speaker")
    leaky = Fold("one", np.arange(8), np.arange(8, 16))
    assert len(audit([leaky], table, split).shared("speakers")) == 8


def test_the_same_line_is_found_however_its_letters_were_typed():
    table = make_table([True, False] * 2, [1] * 4, speakers=["ANNA"] * 4)
    lines = [
        "Un café, s’il vous plaît",
        " UN  CAFE\u0301 S\u2019IL\u00a0VOUS\nPLAI\u0302T!",
        "Un ca\u00adfé s\u2019il vous plaît.",
        "Sure.",
    ]
    utterances = tuple(replace(each, text=text) for each, text in zip(table.utterances, lines, strict=True))
    assert units.of_utterances(replace(table, utterances=utterances)).tolist() == [0, 0, 0, 1]


def test_a_fold_and_a_show_are_known_however_they_were_typed():
    table = make_table([True, False] * 4, [1] * 8)
    split = Predefined(name="predefined", **WARN)
    sides_typed = ["train ", "Train\u00a0", "ＴＲＡＩＮ", "train", "test\u200b", " TEST", "test", "test"]
    utterances = tuple(
        replace(each, split=side, show="BBT" if number < 4 else "\u3000FRIENDS")
        for number, (each, side) in enumerate(zip(table.utterances, sides_typed, strict=True))
    )
    table = replace(table, utterances=utterances)
    assert split.folds(table, 0)[0].test.tolist() == [4, 5, 6, 7]
    by_show = MustardSI(name="mustard_si", test_show=" FRIENDS ", **WARN)
    assert [(fold.name, fold.test.tolist()) for fold in by_show.folds(table, 0)] == [("FRIENDS", [4, 5, 6, 7])]


def test_the_audit_can_be_switched_off_but_the_tag_stays_true():
    table = make_table([True, False] * 10, [5] * 20)
    split = replace(EXAMPLE, audit=AuditPolicy.off)
    found = audit(split.folds(table, 42), table, split)
    assert found.warnings == []
    assert found.is_leaky
