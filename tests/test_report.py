import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from sarcasm import report, scoring
from sarcasm.corpus import Corpus
from sarcasm.report.options import Audio
from sarcasm.report.page import clips_of
from sarcasm.scoring import Decision, Predictions
from sarcasm.splits import Audit, AuditPolicy, Fold, UtteranceSplit, audit
from tests.conftest import make_table

NOTHING_SEEN = Audit((), (), (), AuditPolicy.warn)
SPLIT = UtteranceSplit(name="utterance", audit=AuditPolicy.warn, test_size=0.5, stratify=True)


@pytest.fixture
def table():
    return make_table([True, False] * 4, [2] * 8, speakers=["ANNA", "BEN"] * 4)


def halves(table) -> list[Fold]:
    return [Fold("holdout", np.arange(8), np.arange(8, 16))]


def test_a_run_without_faults_needs_no_caution(table):
    assert report.cautions(Corpus(table.utterances), table, halves(table), NOTHING_SEEN) == []


def test_every_caution_is_a_sentence_that_counts_and_names(table):
    corpus = Corpus(table.utterances, ("1_7", "1_8"), ("x.wav",), is_made_up=True)
    table = replace(
        table,
        weights="random:5",
        pca="fitted",
        padded=("1_1",),
        dropped=tuple("abcdefg"),
        skipped={"1_2": "clip 1_2: bad"},
    )
    # The second half of each clip but the last is tested.
    folds = [Fold("holdout", np.arange(0, 14, 2), np.array([1, 3, 5, 14, 15]))]
    assert report.cautions(corpus, table, folds, audit(folds, table, SPLIT)) == [
        "The clips are made up (synthesised sound): the scores show that everything works, and nothing else.",
        "There is no VGGish checkpoint: the embeddings come from random weights (seed 5), and the PCA is fitted on the"
        " training rows.",
        "The split leaks: parts of 3 of the 4 test utterances were heard in training.",
        "2 labels without a clip: 1_7, 1_8.",
        "1 clip without a label: x.wav.",
        "1 bad clip skipped: clip 1_2: bad.",
        "1 clip under one example padded with silence: 1_1.",
        "7 clips under one example dropped: a, b, c, d, e and 2 more.",
    ]


def test_one_class_on_a_side_and_one_clip_of_a_class_are_cautions():
    table = make_table([True, False, False], [2, 2, 2])
    (fold,) = [Fold("holdout", np.arange(4), np.arange(4, 6))]
    assert report.cautions(Corpus(table.utterances), table, [fold], NOTHING_SEEN) == [
        "Only 1 of the 3 clips is sarcastic: no score over so few can mean anything.",
        "All 2 test examples are not sarcastic: the scores of such a split mean nothing.",
    ]


def written(folder, table, decision=Decision.argmax, title="a run", cautions=("Beware.",)):
    logits = np.array([[2, -2], [1, 1], [-1, -1], [-3, 3], [1, -1], [1, -1], [-2, 2], [-1, 1]], np.float32)
    predictions = [Predictions("holdout", np.arange(8, 16), logits, seed=1)]
    folds = halves(table)
    result = scoring.result(predictions, [], folds, table, decision, seed=0, is_leaky=False)
    facts = report.facts(
        table, folds, audit(folds, table, SPLIT), "smoke", "vggish", "small", "utterance", [1], n_copies=0
    )
    clips = report.heard(predictions, result.utterances, table, {}, 0.96)
    report.write(
        folder, title, facts, cautions, {"holdout-s1": [0.7, 0.6]}, result, ["run"], table, {"seed": 1}, clips,
        Audio.linked,
    )  # fmt: skip
    return result.scores


def test_predictions_give_back_the_scores(table, tmp_path):
    scores = written(tmp_path, table)
    for name, level in (("predictions.csv", "utterance"), ("predictions_examples.csv", "example")):
        rows = list(csv.DictReader(io.StringIO((tmp_path / name).read_text())))
        right = np.mean([row["label"] == row["decision"] for row in rows])
        assert right == scores[level].accuracy
    assert [row["example"] for row in rows] == ["0", "1"] * 4
    assert {row["fold"] for row in rows} == {"holdout"}


def test_columns_that_are_rounded_may_say_neither_or_both(table, tmp_path):
    written(tmp_path, table, Decision.round)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "predictions_examples.csv").read_text())))
    assert [row["decision"] for row in rows][:4] == ["1", "both", "neither", "0"]


def test_both_levels_stand_in_the_reports_under_their_names(table, tmp_path):
    scores = written(tmp_path, table)
    text = (tmp_path / "classification_report.txt").read_text()
    assert text.index("Utterance level") < text.index(scores["utterance"].report) < text.index("Example level")
    found = json.loads((tmp_path / "classification_report.json").read_text())
    assert found["example"]["weighted avg"]["f1-score"] == pytest.approx(scores["example"].f1_weighted)
    assert found["utterance"]["sarcastic"]["support"] == scores["utterance"].classes["sarcastic"].support


def test_the_page_holds_everything_itself_and_text_stays_text(table, tmp_path):
    hostile = "</script><script>alert(1)</script><!--"
    table = replace(table, utterances=tuple(replace(each, text=hostile) for each in table.utterances))
    written(tmp_path, table, title="<script>alert(1)</script>", cautions=("a < b & c",))
    page = (tmp_path / "report.html").read_text()
    # The clips and the script that shows them; nothing of what is said in a clip ends or begins one.
    assert page.count("<script") == page.count("</script>") == 2
    assert {clip["text"] for clip in clips_of(page)["clips"]} == {hostile}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a &lt; b &amp; c" in page
    assert "default-src &#39;none&#39;" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert page.count('src="data:image/png;base64,') == 5


def test_the_pictures_are_pngs(table, tmp_path):
    written(tmp_path, table)
    pictures = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert pictures == ["confusion_example.png", "confusion_utterance.png", "loss.png", "reliability.png", "scores.png"]
    assert all((tmp_path / "plots" / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n") for name in pictures)
