"""What else do the embeddings tell, and how much of sarcasm needs no voice at all?

If a head that is given the speaker's or the show's name instead of the label learns it well, then whatever it learns
of sarcasm may be who speaks, or how a show was mixed. And if the length and the level of a clip alone tell sarcasm,
then so may everything that is derived from them. Neither proves that a score is a shortcut; both say how much of it
could be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sarcasm import features
from sarcasm.embeddings import Table
from sarcasm.errors import SplitError
from sarcasm.features import Scale
from sarcasm.fit import Adam, Rows
from sarcasm.heads import Head
from sarcasm.logits import probability
from sarcasm.scoring import Interval, Scores, intervals, score
from sarcasm.scoring.baselines import learned_and_tested, linear
from sarcasm.splits import Fold, units

FEWEST_CLIPS = 5
"""Of a speaker or show to be told from the others; as many as there are parts."""
N_PARTS = 5
N_PERMUTATIONS = 2000


@dataclass(frozen=True)
class Named:
    """How well a head tells who speaks, or from what show a clip is.

    Attributes:
        target: "speaker" or "show".
        n_classes: how many there are to tell apart.
        n_tested: utterances that were tested: of the same speakers and shows as those that were trained on, and none of
            them a part or a copy of one.
        n_left_out: utterances of speakers or shows with too few of them.
        accuracy: share of tested utterances that were named rightly.
        balanced_accuracy: mean over classes of the share of each.
        by_chance: the balanced accuracy of the same answers on shuffled clips, on average.
        p_value: of a balanced accuracy as high by chance (permutation test).
    """

    target: str
    n_classes: int
    n_tested: int
    n_left_out: int
    accuracy: float
    balanced_accuracy: float
    by_chance: float
    p_value: float


@dataclass(frozen=True)
class Deaf:
    """What length and level alone tell of sarcasm, on the folds of a protocol.

    Attributes:
        scores: of a logistic regression on the two.
        interval: metric -> 95 % interval over utterances.
    """

    scores: Scores
    interval: dict[str, Interval]


def name(
    table: Table,
    target: str,
    head: Head,
    trainer: Adam,
    scale: Scale,
    seed: int,
    track: Callable[[Iterable[str]], Iterable[str]] = lambda names: names,
) -> Named | None:
    """Train a head to tell speakers or shows apart, one against the others each, and test it on other clips of theirs.

    Args:
        table: the embeddings of a corpus.
        target: "speaker" or "show".
        head: as for sarcasm, like the next two.
        trainer: how it is trained.
        scale: how features are scaled.
        seed: of the draw and the weights.
        track: wraps the names, to show progress.

    Returns:
        What came of it, or None where the corpus does not name two of them with enough clips.
    """
    key = units.speaker if target == "speaker" else (lambda utterance: utterance.show)
    of_each = [key(each) if getattr(each, target) else None for each in table.utterances]
    counts = Counter(each for each in of_each if each is not None)
    classes = sorted(each for each, count in counts.items() if count >= FEWEST_CLIPS)
    if len(classes) < 2:
        return None
    number = np.array([classes.index(each) if each in classes else -1 for each in of_each])
    kept = np.flatnonzero(number >= 0)
    trained, tested = _divided(number[kept], units.of_utterances(table)[kept], seed)
    train_rows = np.flatnonzero(np.isin(table.utterance, kept[trained]))
    test_rows = np.flatnonzero(np.isin(table.utterance, kept[tested]))
    transform = features.fit_transform(table.X[train_rows], table.fits_pca, scale)
    heard, asked = transform(table.X[train_rows]), transform(table.X[test_rows])
    found, owner = np.unique(table.utterance[test_rows], return_inverse=True)
    likeness = np.empty((len(found), len(classes)))
    for position, _ in enumerate(track([str(each) for each in classes])):
        y = number[table.utterance[train_rows]] == position
        model = head.fit(trainer, Rows(heard, y), None, seed, lambda step, metrics: None)  # noqa: ARG005
        said = probability(model.logits(asked))
        likeness[:, position] = np.bincount(owner, said) / np.bincount(owner)
    return _named(target, classes, number[found], likeness.argmax(axis=1), len(table.utterances) - len(kept), seed)


def deaf(table: Table, folds: Sequence[Fold], seed: int) -> Deaf:
    """Fit a logistic regression to length and level on each fold's training side, and test it.

    Args:
        table: with levels.
        folds: of the protocol.
        seed: of the resampling.
    """
    from sklearn.linear_model import LogisticRegression

    X = np.stack([np.log(table.seconds), table.levels], axis=1)
    labels, said, tested = [], [], []
    for fold in folds:
        train, test = learned_and_tested(fold, table)
        if not len(train):
            raise SplitError(f"fold {fold.name} tests a part of every clip, so that there is nothing to learn from")
        said.append(linear(LogisticRegression(), X, table.utterance_labels, train, test))
        labels.append(table.utterance_labels[test])
        tested.append(test)
    truth, likelihood, utterance = map(np.concatenate, (labels, said, tested))
    decided = likelihood > 0.5
    scores = score(truth, likelihood, np.stack([decided, ~decided], axis=1))
    return Deaf(scores, intervals(truth, likelihood, decided, utterance, "utterance", seed))


def metrics(named: Sequence[Named], alone: Deaf) -> dict[str, float]:
    """Every number by the name it is tracked under."""
    found = {
        f"probe/{each.target}/{field}": float(getattr(each, field))
        for each in named
        for field in ("n_classes", "n_tested", "accuracy", "balanced_accuracy", "by_chance", "p_value")
    }
    return found | {f"probe/length_and_level/{key}": value for key, value in alone.scores.metrics().items()}


def _divided(number: np.ndarray, of_each: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to train on and to test on, every class on both sides."""
    from sklearn.model_selection import StratifiedKFold

    if len(np.unique(of_each)) < N_PARTS:
        raise SplitError(f"sarcasm probe needs at least {N_PARTS} clips that are no copies of one another")
    trained, tested = next(StratifiedKFold(N_PARTS, shuffle=True, random_state=seed).split(number, number))
    # A copy of a tested clip is not trained on.
    return trained[~np.isin(of_each[trained], of_each[tested])], tested


def _named(
    target: str, classes: Sequence[object], truth: np.ndarray, said: np.ndarray, n_left_out: int, seed: int
) -> Named:
    from scipy.stats import permutation_test
    from sklearn.metrics import accuracy_score

    # Of each class the share of its clips, one class after another: their mean is the balanced accuracy.
    weights = 1 / np.bincount(truth)[truth] / len(np.unique(truth))

    def balanced_accuracy(said: np.ndarray, axis: int) -> np.ndarray:
        return np.sum(weights * (said == truth), axis=axis)

    tested = permutation_test(
        (said,), balanced_accuracy, permutation_type="pairings", vectorized=True, alternative="greater",
        n_resamples=N_PERMUTATIONS, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return Named(
        target, len(classes), len(truth), n_left_out, float(accuracy_score(truth, said)), float(tested.statistic),
        float(np.mean(tested.null_distribution)), float(tested.pvalue),
    )  # fmt: skip
