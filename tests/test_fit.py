import numpy as np
import pytest

from sarcasm import fit
from sarcasm.errors import ConfigError, TrainingError
from sarcasm.fit import Adam, ClassWeight, Rows, balanced_weights
from sarcasm.heads import MLP, SVM
from sarcasm.model import Model

SMALL = MLP(name="small", hidden=[100])


def adam(**options) -> Adam:
    plain = {
        "name": "adam", "steps": 30, "learning_rate": 1e-4, "epsilon": 1e-8, "batch_size": None, "validation_share": 0.0,
        "patience": None, "class_weight": ClassWeight.none, "checkpoint_seconds": None,
    }  # fmt: skip
    return Adam(**(plain | options))


def losses_of(head, trainer, X, y, seed=42, validation=None) -> tuple[Model, list[float]]:
    losses: list[float] = []

    def log_step(step, metrics):
        assert step == len(losses)
        losses.append(metrics["train/loss"])

    return head.fit(trainer, Rows(X, y), validation, seed, log_step), losses


@pytest.fixture
def separable(rng):
    y = np.arange(60) % 2 == 0
    return (rng.standard_normal((60, 128)) + 2 * y[:, np.newaxis]).astype(np.float32), y


@pytest.mark.parametrize("batch_size", [None, 16, 60, 1000])
def test_there_is_one_loss_for_each_step(separable, batch_size):
    _, losses = losses_of(SMALL, adam(steps=7, batch_size=batch_size), *separable)
    assert len(losses) == 7


@pytest.mark.parametrize("batch_size", [None, 16])
def test_the_same_seed_gives_the_same_losses_to_the_bit_and_another_does_not(separable, batch_size):
    trainer = adam(steps=5, batch_size=batch_size)
    first, again, other = (losses_of(SMALL, trainer, *separable, seed=seed)[1] for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("batch_size", [None, 16])
def test_a_separable_problem_is_learned(separable, batch_size):
    X, y = separable
    model, losses = losses_of(SMALL, adam(steps=200, learning_rate=1e-2, batch_size=batch_size), X, y)
    assert losses[-1] < 0.05 < losses[0]
    assert np.array_equal(np.argmax(model.logits(X), axis=1) == 0, y)


def test_the_first_loss_is_the_cross_entropy_of_the_initial_weights(separable):
    X, y = separable
    # A learning rate this small leaves the weights where they began.
    model, losses = losses_of(SMALL, adam(steps=1, learning_rate=1e-30), X, y)
    logits, labels = model.logits(X).astype(float), np.stack([y, ~y], axis=1)
    assert losses == [pytest.approx(np.mean(np.logaddexp(0, logits) - labels * logits), rel=1e-5)]


def test_losses_on_bytes_jump_before_they_fall_as_the_notebooks_did(rng):
    """The notebook's full-batch loss on unscaled 8-bit features: 17.4, 66.5, 62.0, ... 3.15, and 7.96, 66.0, ... 3.46."""
    X = rng.integers(0, 256, (300, 128)).astype(np.float32)
    _, losses = losses_of(MLP(name="big", hidden=[1024, 1024]), adam(), X, rng.random(300) < 0.5)
    assert losses[0] > 1
    assert losses[-1] < max(losses)


def test_training_that_does_not_fit_into_the_memory_is_not_begun(separable, monkeypatch):
    # 128 x 100 + 100 + 100 x 2 + 2 weights of 16 bytes, and 102 units of 8 bytes for each row.
    needed = 16 * 13_102 + 8 * 102 * 16
    monkeypatch.setattr(fit, "memory_bytes", lambda: needed)
    assert losses_of(SMALL, adam(steps=1, batch_size=16), *separable)[1]
    with pytest.raises(ConfigError) as caught:
        losses_of(SMALL, adam(steps=1, batch_size=17), *separable)
    assert str(caught.value) == (
        "the head that is chosen: training 13,102 weights on 17 rows at a time takes 0.0 GB of memory, and there are 0.0 GB;"
        " choose fewer units, or fewer rows at a time with trainer.batch_size"
    )


def test_a_saved_model_gives_the_same_logits(separable, tmp_path):
    from sarcasm.tensorflow_runtime import load_tensorflow

    X, y = separable
    model, _ = losses_of(SMALL, adam(steps=3), X, y)
    model.save(tmp_path / "saved_model")
    served = load_tensorflow().saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    assert np.array_equal(served(features=load_tensorflow().constant(X))["logits"].numpy(), model.logits(X))


def test_a_loss_that_is_not_finite_stops_with_advice(separable):
    X, y = separable
    X = X.copy()
    X[3, 7] = np.inf
    with pytest.raises(
        TrainingError, match=r"^the loss is (nan|inf) at step 0 of 30; try a smaller trainer\.learning_rate"
    ):
        losses_of(SMALL, adam(), X, y)


@pytest.mark.parametrize(
    "option",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"patience": 0},
        {"validation_share": 1.0},
        {"learning_rate": 0.0},
        {"epsilon": -1.0},
        {"learning_rate": float("inf")},
        {"checkpoint_seconds": 0.0},
    ],
)
def test_options_out_of_range_are_refused(option):
    ((name, value),) = option.items()
    with pytest.raises(ConfigError, match=rf"^trainer\.{name}={value}: .* needed$"):
        adam(**option)


def test_a_layer_without_units_is_refused():
    with pytest.raises(ConfigError, match=r"^head\.hidden=\[100, 0\]: a layer needs at least one unit$"):
        MLP(name="odd", hidden=[100, 0])


@pytest.mark.parametrize("batch_size", [None, 16])
def test_validation_rows_are_watched_and_change_no_loss(separable, rng, batch_size):
    X, y = separable
    held_out = Rows(rng.standard_normal((7, 128)).astype(np.float32), np.arange(7) % 2 == 0)
    trainer = adam(steps=12, batch_size=batch_size)
    plain, losses = losses_of(SMALL, trainer, X, y)
    watched, losses_again = losses_of(SMALL, trainer, X, y, validation=held_out)
    assert losses_again == losses
    assert watched.validation_losses is not None
    assert sorted(watched.validation_losses) == (list(range(12)) if batch_size is None else [3, 7, 11])
    logits, labels = watched.logits(held_out.X).astype(float), np.stack([held_out.y, ~held_out.y], axis=1)
    expected = np.mean(np.logaddexp(0, logits) - labels * logits)
    assert watched.validation_losses[11] == pytest.approx(expected, rel=1e-5)
    assert plain.validation_losses == {}


def test_training_ends_when_the_validation_loss_rises_and_keeps_the_best_weights(separable):
    X, y = separable
    # What is learned is wrong for every row that is held out, so the first epoch's weights are the best.
    held_out = Rows(X, ~y)
    trainer = adam(steps=50, learning_rate=1e-2, patience=3)
    model, losses = losses_of(SMALL, trainer, X, y, validation=held_out)
    assert len(losses) == 4
    first, _ = losses_of(SMALL, adam(steps=1, learning_rate=1e-2), X, y)
    assert np.array_equal(model.logits(X), first.logits(X))


def test_balanced_weights_let_both_classes_count_alike(separable):
    X, y = separable
    y = np.arange(60) < 6
    weights = balanced_weights(y)
    assert weights == pytest.approx([60 / 12, 60 / 108])
    plain, _ = losses_of(SMALL, adam(steps=1, learning_rate=1e-30), X, y)
    _, (weighted,) = losses_of(SMALL, adam(steps=1, learning_rate=1e-30, class_weight=ClassWeight.balanced), X, y)
    logits, labels = plain.logits(X).astype(float), np.stack([y, ~y], axis=1)
    of_row = np.mean(np.logaddexp(0, logits) - labels * logits, axis=1)
    assert weighted == pytest.approx((of_row[y].mean() + of_row[~y].mean()) / 2, rel=1e-5)


@pytest.mark.parametrize("gamma", ["scale", "auto", "0.05"])
def test_a_support_vector_machine_decides_as_scikit_learns(separable, rng, gamma):
    from sklearn.svm import SVC

    X, y = separable
    y = y ^ (rng.random(60) < 0.2)
    model, losses = losses_of(SVM(name="svm", C=3.0, gamma=gamma), adam(), X, y)
    oracle = SVC(C=3.0, gamma=gamma if gamma in ("scale", "auto") else float(gamma)).fit(X.astype(float), y)
    other = rng.standard_normal((200, 128)).astype(np.float32) + 1
    assert losses == []
    assert model.logits(other)[:, 0] == pytest.approx(oracle.decision_function(other.astype(float)), abs=1e-5)
    assert model.logits(other)[:, 1] == pytest.approx(-model.logits(other)[:, 0])


def test_a_support_vector_machine_is_saved_without_pickles(separable, tmp_path):
    from sarcasm.tensorflow_runtime import load_tensorflow

    X, y = separable
    model, _ = losses_of(SVM(name="svm", C=1.0, gamma="scale"), adam(), X, y)
    model.save(tmp_path / "saved_model")
    served = load_tensorflow().saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    assert served(features=load_tensorflow().constant(X))["logits"].numpy() == pytest.approx(model.logits(X))
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib")]


def test_a_support_vector_machine_needs_both_classes(separable):
    with pytest.raises(TrainingError, match=r"^head=svm needs training rows of both classes; choose another split$"):
        losses_of(SVM(name="svm", C=1.0, gamma="scale"), adam(), separable[0], np.ones(60, bool))


@pytest.mark.parametrize(("option", "text"), [({"C": 0.0}, "head.C=0.0"), ({"gamma": "sclae"}, "head.gamma=sclae")])
def test_options_of_a_support_vector_machine_out_of_range_are_refused(option, text):
    with pytest.raises(ConfigError, match=f"^{text}: .* needed$"):
        SVM(**({"name": "svm", "C": 1.0, "gamma": "scale"} | option))
