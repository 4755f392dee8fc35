import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as oracle

from sarcasm import scoring
from sarcasm.scoring import Decision, Predictions
from sarcasm.splits import Fold
from tests.conftest import make_table

LOGITS = arrays(np.float32, (12, 2), elements=st.floats(-900, 900, width=32))
LABELS = st.lists(st.booleans(), min_size=12, max_size=12).filter(lambda labels: 0 < sum(labels) < 12)


def one_example_each(labels, logits, decision=Decision.argmax):
    table = make_table(labels, [1] * len(labels))
    return scoring.example_level([Predictions("holdout", np.arange(len(labels)), logits)], table, decision)


@given(LABELS, LOGITS)
@settings(max_examples=50, deadline=None)
def test_scores_equal_scikit_learns_on_plain_labels(labels, logits):
    level = one_example_each(labels, logits)
    scores = scoring.score(level.labels, level.probability, level.decisions)
    truth, decided = np.array(labels), level.decisions[:, 0]
    assert scores.accuracy == oracle.accuracy_score(truth, decided)
    assert scores.f1_weighted == pytest.approx(oracle.f1_score(truth, decided, average="weighted", zero_division=0))
    assert scores.f1_macro == pytest.approx(oracle.f1_score(truth, decided, average="macro", zero_division=0))
    assert scores.auroc == oracle.roc_auc_score(truth, level.probability)
    assert scores.classes["sarcastic"].f1 == pytest.approx(oracle.f1_score(truth, decided, zero_division=0))
    assert scores.classes["sarcastic"].support == sum(labels)
    assert scores.confusion.sum() == len(labels)


@given(LOGITS)
@settings(max_examples=50, deadline=None)
def test_the_decision_is_the_larger_logit_and_the_probability_agrees(logits):
    level = one_example_each([True, False] * 6, logits)
    assert np.all((level.probability >= 0) & (level.probability <= 1))
    assert np.array_equal(level.decisions[:, 0], level.probability >= 0.5)
    # Where float64 can tell the two sigmoids apart.
    clear = np.abs(logits[:, 0].astype(float) - logits[:, 1]) > 1e-3
    moderate = np.max(logits, axis=1) < 20
    assert np.array_equal(level.decisions[clear & moderate, 0], (logits[:, 0] > logits[:, 1])[clear & moderate])


def test_perfect_decisions_score_one_and_inverted_ones_zero():
    labels = np.array([True, True, False, False, False])
    perfect = scoring.score(labels, labels.astype(float), np.stack([labels, ~labels], axis=1))
    inverted = scoring.score(labels, 1.0 - labels, np.stack([~labels, labels], axis=1))
    assert (perfect.accuracy, perfect.f1_weighted, perfect.f1_macro, perfect.auroc) == (1, 1, 1, 1)
    assert (inverted.accuracy, inverted.f1_weighted, inverted.f1_macro, inverted.auroc) == (0, 0, 0, 0)


def test_an_utterance_has_the_mean_probability_of_its_tested_examples():
    table = make_table([True, False], [3, 2])
    logits = np.array([[2, -2], [0, 0], [-1, 1], [3, -1]], np.float32)
    rows = np.array([0, 1, 3, 4])  # row 2 was trained on
    predictions = [Predictions("holdout", rows, logits)]
    examples = scoring.example_level(predictions, table, Decision.argmax)
    utterances = scoring.utterance_level(predictions, table, Decision.argmax)
    assert utterances.probability == pytest.approx([examples.probability[:2].mean(), examples.probability[2:].mean()])
    assert list(utterances.labels) == [True, False]


def test_rounding_decides_each_column_by_itself_as_the_notebook_did():
    logits = np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]], np.float32)
    labels = [True, True, True, False]
    level = one_example_each(labels, logits, Decision.round)
    assert level.decisions.tolist() == [[True, True], [False, False], [True, False], [False, True]]
    scores = scoring.score(level.labels, level.probability, level.decisions, Decision.round)
    truth = np.array([[1, 0], [1, 0], [1, 0], [0, 1]])
    notebook = oracle.classification_report(
        truth, np.round(1 / (1 + np.exp(-logits))), output_dict=True, zero_division=0
    )
    assert scores.f1_weighted == pytest.approx(notebook["weighted avg"]["f1-score"])
    assert list(scores.report_dict) == ["sarcastic", "non_sarcastic", *list(notebook)[2:]]
    assert scores.decided == ("sarcastic", "non_sarcastic", "neither", "both")
    assert scores.confusion.tolist() == [[1, 0, 1, 1], [0, 1, 0, 0]]


def test_one_class_alone_has_no_auroc():
    labels = np.array([False, False])
    scores = scoring.score(labels, np.array([0.1, 0.7]), np.array([[False, True], [True, False]]))
    assert np.isnan(scores.auroc)
    assert scores.accuracy == 0.5


def folds_of(table, n_train):
    return [Fold("holdout", np.flatnonzero(table.utterance < n_train), np.flatnonzero(table.utterance >= n_train))]


def test_the_speaker_baseline_finds_a_planted_habit():
    labels = [True, True, False, False] * 5
    table = make_table(labels, [1] * 20, speakers=["SNIDE", "SNIDE", "EARNEST", "EARNEST"] * 5)
    found = {each.name: each.scores for each in scoring.baselines(folds_of(table, 12), table)}
    assert found["speaker_majority"].accuracy == 1
    assert found["show_majority"].accuracy == found["majority"].accuracy == 0.5


def test_the_length_baseline_finds_a_planted_difference_in_either_direction():
    for longer_is_sarcastic in (True, False):
        labels = [True, False] * 10
        lengths = [4 if label == longer_is_sarcastic else 2 for label in labels]
        table = make_table(labels, lengths)
        found = {each.name: each.scores for each in scoring.baselines(folds_of(table, 12), table)}
        assert found["clip_length"].accuracy == 1


def test_baselines_never_see_a_test_label():
    labels = [True, True, False, False] * 5
    speakers = [f"SPEAKER{number % 3}" for number in range(20)]
    table = make_table(labels, [1 + number % 4 for number in range(20)], speakers=speakers)
    flipped = make_table(
        labels[:12] + [not label for label in labels[12:]], [1 + number % 4 for number in range(20)], speakers=speakers
    )
    for one, other in zip(
        scoring.baselines(folds_of(table, 12), table), scoring.baselines(folds_of(flipped, 12), flipped), strict=True
    ):
        assert one.scores.accuracy == pytest.approx(1 - other.scores.accuracy), one.name


def test_the_verdict_says_when_a_score_does_not_beat_the_baselines():
    labels = [True, True, False, False] * 5
    table = make_table(labels, [1] * 20, speakers=["SNIDE", "SNIDE", "EARNEST", "EARNEST"] * 5)
    compared = scoring.baselines(folds_of(table, 12), table)
    truth = np.array(labels[12:])
    poor = scoring.score(truth, np.zeros(8), np.stack([np.zeros(8, bool), np.ones(8, bool)], axis=1))
    assert scoring.verdict(poor, compared) == (
        "Does not beat the baselines: weighted F over utterances is 0.333; speaker majority, which does not listen, has 1.000."
    )
