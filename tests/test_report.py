import csv
import io
import json
import re
from dataclasses import replace
from importlib.util import find_spec
from xml.etree import ElementTree

import numpy as np
import pytest

from sarcasm import report, scoring
from sarcasm.corpus import Corpus
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.report.drawing import svg
from sarcasm.report.options import Audio, Map, Report
from sarcasm.report.page import clips_of
from sarcasm.report.pictures import _map
from sarcasm.report.recorded_page import read_page
from sarcasm.report.words import certainty
from sarcasm.scoring import Decision, Predictions
from sarcasm.splits import Audit, AuditPolicy, Fold, UtteranceSplit, audit
from sarcasm.tracking import Damage
from tests.conftest import make_table

NOTHING_SEEN = Audit((), (), (), AuditPolicy.warn)
PICTURES = [
    "loss",
    "scores",
    "confusion_utterance",
    "confusion_example",
    "roc",
    "precision_recall",
    "reliability",
    "map",
]
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


def test_names_that_differ_in_case_alone_are_a_caution_but_not_what_a_split_calls_its_sides(table):
    speakers, sides = (
        ["S1", "s1", "S1 ", "\uff331", "Straße", "STRASSE", "", ""],
        ["Train", "train", "TEST", "test"] * 2,
    )
    utterances = [
        replace(each, speaker=speaker, split=side)
        for each, speaker, side in zip(table.utterances, speakers, sides, strict=True)
    ]
    assert report.cautions(Corpus(tuple(utterances)), table, halves(table), NOTHING_SEEN) == [
        "These speakers differ in upper and lower case alone and count as different: S1 / s1, STRASSE / Straße. If they"
        " are the same, spell them alike."
    ]
    folds = [
        replace(each, show=side, split="One" if side == "Train" else "one")
        for each, side in zip(table.utterances, sides, strict=True)
    ]
    assert [
        each.split(":")[0] for each in report.cautions(Corpus(tuple(folds)), table, halves(table), NOTHING_SEEN)
    ] == [
        "These shows differ in upper and lower case alone and count as different",
        "These folds differ in upper and lower case alone and count as different",
    ]


ONE_SPEAKER = (
    "All test clips are by one speaker, {}: the score says nothing of other speakers, and no interval over speakers can"
    " be given."
)
TWO_SPEAKERS = "All test clips are by two speakers, ANNA and BEN: the score says little of other speakers."
ONE_SHOW = "All test clips are from one show, B: the score says nothing of other shows."
TWO_SHOWS = "All test clips are from two shows, B and C: the score says little of other shows."


@pytest.mark.parametrize(
    ("speakers", "shows", "said"),
    [
        (["ANNA"] * 8, ["A"] * 8, [ONE_SPEAKER.format("ANNA")]),
        (["ANNA"] * 4 + ["BEN\u00a0", "BEN"] * 2, ["A"] * 8, [ONE_SPEAKER.format("BEN")]),
        (["ANNA", "BEN"] * 4, ["A"] * 8, [TWO_SPEAKERS]),
        (["ANNA", "BEN", "CLEO", "DAN"] * 2, ["A"] * 8, []),
        (["ANNA", ""] * 4, ["A"] * 8, []),
        ([""] * 8, [""] * 8, []),
        (["ANNA", "BEN", "CLEO", "DAN"] * 2, ["A"] * 4 + ["B"] * 4, [ONE_SHOW]),
        (["ANNA", "BEN", "CLEO", "DAN"] * 2, ["A"] * 4 + ["B", "C"] * 2, [TWO_SHOWS]),
        (["ANNA", "BEN", "CLEO", "DAN"] * 2, ["A", "B"] * 4, []),
        ([""] * 8, ["A"] * 4 + ["B"] * 4, [ONE_SHOW]),
    ],
)
def test_a_split_that_tests_one_or_two_speakers_or_new_shows_says_so(table, speakers, shows, said):
    utterances = tuple(
        replace(each, speaker=speaker, show=show)
        for each, speaker, show in zip(table.utterances, speakers, shows, strict=True)
    )
    for decision in (Decision.argmax, Decision.round):
        found = certainty(scored(replace(table, utterances=utterances), decision))
        assert [sentence for sentence in found if sentence.startswith("All test clips")] == said


HOSTILE = "</script><script>alert(1)</script><!--"
NAMES = ["$x^2$", "_BEN", "<b>&", "\u5f35"]
"""Neither a formula, nor a name to be left out, nor markup, nor letters that every font has."""


def predicted():
    logits = np.array([[2, -2], [1, 1], [-1, -1], [-3, 3], [1, -1], [1, -1], [-2, 2], [-1, 1]], np.float32)
    return [Predictions("holdout", np.arange(8, 16), logits, seed=1)]


def scored(table, decision=Decision.argmax):
    return scoring.result(predicted(), [], halves(table), table, decision, seed=0, is_leaky=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of a run whose clips have texts and speakers to beware of, and what it is worth."""
    folder = tmp_path_factory.mktemp("written")
    table = make_table([True, False] * 4, [2] * 8, speakers=NAMES * 2)
    table = replace(table, utterances=tuple(replace(each, text=HOSTILE) for each in table.utterances))
    result, folds = scored(table), halves(table)
    facts = report.facts(
        table, folds, audit(folds, table, SPLIT), "smoke", "vggish", "small", "utterance", [1], n_copies=0
    )
    report.write(
        folder, "<script>alert(1)</script>", facts, ["a < b & c"], {"holdout-s1": report.Losses((0.7, 0.6), {1: 0.65})},
        result, ["run"], table, {"seed": 1}, report.heard(predicted(), result.utterances, table, {}, 0.96),
        Report("linked", Audio.linked, log_mel=True, pictures=True, map=Map.pca),
        0,
    )  # fmt: skip
    return folder, result.scores


def test_predictions_give_back_the_scores(written):
    folder, scores = written
    for name, level in (("predictions.csv", "utterance"), ("predictions_examples.csv", "example")):
        rows = list(csv.DictReader(io.StringIO((folder / name).read_text())))
        right = np.mean([row["label"] == row["decision"] for row in rows])
        assert right == scores[level].accuracy
    assert [row["example"] for row in rows] == ["0", "1"] * 4
    assert {row["fold"] for row in rows} == {"holdout"}


def test_columns_that_are_rounded_may_say_neither_or_both(table, tmp_path):
    result = scored(table, Decision.round)
    report.write_decisions(tmp_path, result.levels, result.scores, table)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "predictions_examples.csv").read_text())))
    assert [row["decision"] for row in rows][:4] == ["1", "both", "neither", "0"]


def test_both_levels_stand_in_the_reports_under_their_names(written):
    folder, scores = written
    text = (folder / "classification_report.txt").read_text()
    assert text.index("Utterance level") < text.index(scores["utterance"].report) < text.index("Example level")
    found = json.loads((folder / "classification_report.json").read_text())
    assert found["example"]["weighted avg"]["f1-score"] == pytest.approx(scores["example"].f1_weighted)
    assert found["utterance"]["sarcastic"]["support"] == scores["utterance"].classes["sarcastic"].support


def test_the_page_holds_everything_itself_and_text_stays_text(written):
    page = (written[0] / "report.html").read_text()
    # The clips and the script that shows them; nothing of what is said in a clip ends or begins one.
    assert page.count("<script") == page.count("</script>") == 2
    assert {clip["text"] for clip in clips_of(page)["clips"]} == {HOSTILE}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "a &lt; b &amp; c" in page
    assert "default-src &#39;none&#39;" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert page.count('src="data:image/png;base64,') == len(PICTURES)
    assert (
        'alt="Confusion matrix, utterance level: of 2 sarcastic, 2 decided sarcastic, 0 decided non-sarcastic;' in page
    )


def test_what_a_page_says_is_read_back_from_it(written):
    html = (written[0] / "report.html").read_text()
    page = read_page(html)
    # To the letter: what is read of a page gives the same page.
    assert page.html() == html
    assert page.title == "<script>alert(1)</script>"
    assert page.warnings == ["a < b & c"]
    assert dict(page.facts)["dataset"].startswith("smoke: 8 clips (4 sarcastic), 4 speakers")
    assert page.scores[0][:2] == ["", "weighted F"]
    assert page.scores[1][0] == "this run, utterance level"
    assert [text for _, text in page.reports] == [scores.report for scores in written[1].values()]
    assert (page.options, len(page.pictures), len(page.clips["clips"])) == ([("seed", "1")], len(PICTURES), 4)


PLANTED = {
    "script": ("</body>", "<script>alert(2)</script></body>"),
    "handler": ("<main>", '<main onclick="alert(2)"><img src="x" onerror="alert(2)">'),
    "policy": ("default-src", "script-src *; default-src"),
    "style": ("</style>", "</style><style>@import url(http://evil/)</style>"),
    "frame": ("</main>", '<iframe src="http://evil/"></iframe><object data="x"></object></main>'),
    "svg": ("data:image/png;base64,", "data:image/svg+xml;base64,"),
    "remote picture": ("data:image/png;base64,", "http://evil/x.png?"),
    "attribute": ('class="wide"', 'class="wide" onload="alert(2)"'),
    "code of the page": ('"use strict";', '"use strict"; alert(2);'),
    "declaration": ("<main>", "<main><![if evil]><!-- x --!><?php alert(2) ?>"),
}


@pytest.mark.parametrize("how", PLANTED)
def test_nothing_of_a_recorded_page_but_its_texts_and_pictures_is_passed_on(written, how):
    html = (written[0] / "report.html").read_text()
    genuine, planted = PLANTED[how]
    assert genuine in html
    try:
        again = read_page(html.replace(genuine, planted, 1)).html()
    except Damage:
        return
    assert "alert(2)" not in again
    assert "evil" not in again
    assert "svg+xml" not in again
    assert again.count("<img") == len(PICTURES) - (how in ("svg", "remote picture", "attribute"))
    is_said = "1 of the recorded page&#39;s pictures cannot be shown, and are left out." in again
    assert is_said == (how in ("svg", "remote picture", "attribute", "handler"))


@pytest.mark.parametrize("repeated", ["<!--", "<a ", "<p", '<p a="', "<td>", '<img alt="', "<tr>", "&", "<script>"])
def test_a_page_is_gone_through_once_whatever_stands_in_it(written, repeated):
    html = (written[0] / "report.html").read_text()
    # A parser that begins anew at each of these would take hours.
    again = read_page(html.replace("<h2>", f"{repeated * 100_000}<h2>", 1))
    assert again.title == "<script>alert(1)</script>"


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3, 0.6, 0.9, 0.9999])
def test_a_page_that_is_cut_is_damaged(written, share):
    html = (written[0] / "report.html").read_text()
    with pytest.raises((Damage, SarcasmError)):
        read_page(html[: int(share * len(html))])


def test_each_picture_is_there_as_png_and_as_svg_whose_text_is_text(written):
    plots = written[0] / "plots"
    found = sorted(path.name for path in plots.iterdir())
    assert found == sorted(f"{name}.{end}" for name in PICTURES for end in ("png", "svg"))
    said = {}
    for name in PICTURES:
        assert (plots / f"{name}.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
        drawn = ElementTree.fromstring((plots / f"{name}.svg").read_bytes())
        asked = [each.get("{http://www.w3.org/1999/xlink}href") for each in drawn.iter()]
        assert all(each.startswith(("#", "data:image/png;base64,")) for each in asked if each)
        said[name] = [each.text.strip() for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
        assert "a < b & c" in said[name]
    assert {*(f"{name} (2)" for name in NAMES), "sarcastic (4)", "not sarcastic (4)"} <= set(said["map"])


def test_an_svg_is_the_same_whenever_it_is_drawn(table):
    layout = report.laid_out(table, Map.pca, seed=0)
    assert len({svg(_map(layout)[0]) for _ in range(2)}) == 1


def test_the_most_frequent_speakers_are_named_on_the_map_and_clips_that_are_alike_lie_together(tmp_path):
    table = make_table(
        [False] * 22 + [True] * 18, [1] * 40, speakers=[f"S{n}" if n < 20 else "ANNA" for n in range(40)]
    )
    table = replace(table, X=np.repeat([[0, 0, 0], [9, 1, 0]], 20, axis=0).astype(np.uint8))
    layout = report.laid_out(table, Map.pca, seed=0)
    assert np.ptp(layout.places[:20], axis=0) == pytest.approx(0)
    assert abs(layout.places[0, 0] - layout.places[20, 0]) == pytest.approx(np.hypot(9, 1))
    figure, words = _map(layout)
    labels = figure.axes[1].get_legend_handles_labels()[1]
    assert labels[:2] == ["others (14)", "ANNA (20)"]
    # However many there are of each, a label has its look.
    assert figure.axes[0].get_legend_handles_labels()[1] == ["sarcastic (18)", "not sarcastic (22)"]
    assert len(labels) == 8
    assert words == "Map of 40 clips (PCA of clips), by label, speaker, show."


@pytest.mark.parametrize("n", [1, 2])
def test_a_map_of_hardly_any_clips_is_a_map(n):
    layout = report.laid_out(make_table([True] * n, [1] * n), Map.pca, seed=0)
    assert layout.places.shape == (n, 2)
    assert list(layout.groups) == ["label"]
    _map(layout)


@pytest.mark.skipif(find_spec("umap") is not None, reason="umap-learn is installed")
def test_a_map_by_umap_without_umap_says_what_to_install():
    with pytest.raises(ConfigError, match=re.escape(
        "report.map=umap: umap-learn is not installed; install it with pip install -e '.[umap]', or leave report.map=pca"
    )):  # fmt: skip
        Report("linked", Audio.linked, log_mel=True, pictures=True, map=Map.umap)
