"""Training that is cut off anywhere and taken up again gives what it would have given, to the bit."""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm import checkpoints
from sarcasm.checkpoints import Checkpoints, State
from sarcasm.fit import Adam, ClassWeight, Rows, fit_network
from sarcasm.heads import MLP, SVM
from sarcasm.model import Model
from sarcasm.project import PROJECT
from tests.test_fit import adam
from tests.tracking_fixtures import files_of_at_most

ALWAYS, NEVER = 1e-9, 1e9
"""Seconds, so that a checkpoint is due after every step, and after none."""
HEAD = MLP(name="small", hidden=[16])
N_STEPS = 12
N_LONG = 300
"""Steps of what is killed: far more than can be done while the signal is on its way."""

TRAINERS = {
    "full batch": adam(steps=N_STEPS),
    "mini-batches": adam(steps=N_STEPS, batch_size=16),
    "balanced": adam(steps=N_STEPS, batch_size=16, class_weight=ClassWeight.balanced),
    "validation": adam(steps=N_STEPS, batch_size=16, validation_share=0.2),
    "patience": adam(steps=N_STEPS, batch_size=16, validation_share=0.2, patience=3, learning_rate=1e-3),
    "patience that ends": adam(steps=N_STEPS, validation_share=0.2, patience=4, learning_rate=0.3),
}


class CutError(Exception):
    """Training is cut off."""


def made_up(n_rows: int, seed: int) -> Rows:
    generator = np.random.default_rng(seed)
    y = generator.random(n_rows) < 0.3
    return Rows((generator.standard_normal((n_rows, 8)) + y[:, np.newaxis]).astype(np.float32), y)


ROWS, HELD_OUT = made_up(50, 0), made_up(9, 1)


class Told:
    """What training has told of its steps, and an end that comes once they are so many."""

    def __init__(self, cut_at: int | None = None) -> None:
        self.steps: dict[int, dict[str, float]] = {}
        self._cut_at = cut_at

    def __call__(self, step: int, metrics: dict[str, float]) -> None:
        assert step == len(self.steps)
        self.steps[step] = metrics
        if step == self._cut_at:
            raise CutError


class Counted:
    """Counts the steps that are taken."""

    n_steps = 0

    def __call__(self, steps):
        for step in steps:
            self.n_steps += 1
            yield step


def fit(
    trainer: Adam, checkpoint=None, log_step=None, track=lambda steps: steps, rows=ROWS, head=HEAD, seed=3
) -> Model:
    validation = HELD_OUT if trainer.validation_share else None
    return head.fit(trainer, rows, validation, seed, log_step or Told(), track, checkpoint)


def kept_after(folder: Path, n_steps: int, trainer: Adam = TRAINERS["full batch"]) -> Path:
    """The file of a fit that was cut off in the step after so many."""
    with pytest.raises(CutError):
        fit(trainer, Checkpoints(folder, ALWAYS).of("fold-s0"), Told(cut_at=n_steps))
    (path,) = folder.iterdir()
    return path


def equal(one: Model, other: Model) -> bool:
    return (
        one.losses == other.losses
        and dict(one.validation_losses) == dict(other.validation_losses)
        and one.weights.keys() == other.weights.keys()
        and all(np.array_equal(value, other.weights[name]) for name, value in one.weights.items())
    )


@cache
def undisturbed(name: str) -> tuple[Model, dict[int, dict[str, float]]]:
    """What training that nothing cuts off gives and tells."""
    told = Told()
    return fit(TRAINERS[name], log_step=told), told.steps


@pytest.fixture(autouse=True, scope="module")
def no_waiting():
    """Every checkpoint is written that is due, and the disk is not waited for: it is the power that would have to fail."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpoints, "REST", 0)
        patched.setattr(os, "fsync", lambda number: None)
        yield


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time in its only element."""
    now = [100.0]
    monkeypatch.setattr(checkpoints, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize("name", TRAINERS)
@settings(deadline=None, max_examples=3)
@given(cuts=st.lists(st.integers(0, N_STEPS - 1), min_size=1, max_size=2).map(sorted))
def test_training_that_is_cut_off_anywhere_gives_the_same_to_the_bit(name, cuts):
    expected, steps = undisturbed(name)
    cuts = [cut for cut in cuts if cut < len(expected.losses)]
    with TemporaryDirectory() as folder:
        for cut_at in cuts:
            with pytest.raises(CutError):
                fit(TRAINERS[name], Checkpoints(Path(folder), ALWAYS).of("fold-s0"), Told(cut_at))
        told, left = Told(), Counted()
        model = fit(TRAINERS[name], Checkpoints(Path(folder), ALWAYS).of("fold-s0"), told, left)
    assert equal(model, expected)
    assert told.steps == steps
    # A step counts as done once it has been told.
    assert left.n_steps == len(expected.losses) - max(cuts, default=0)


def test_patience_ends_one_of_these_trainings_early_and_not_another():
    ends = [len(undisturbed(name)[0].losses) for name in ("patience that ends", "patience")]
    assert ends[0] < ends[1] == N_STEPS


def test_what_is_predicted_after_a_cut_is_the_same_to_the_bit(tmp_path):
    kept_after(tmp_path, 5)
    model = fit(TRAINERS["full batch"], Checkpoints(tmp_path, NEVER).of("fold-s0"))
    assert np.array_equal(model.logits(HELD_OUT.X), undisturbed("full batch")[0].logits(HELD_OUT.X))


def test_writing_checkpoints_changes_nothing(tmp_path):
    model = fit(TRAINERS["patience"], Checkpoints(tmp_path, ALWAYS).of("fold-s0"))
    assert equal(model, undisturbed("patience")[0])


def test_weights_that_training_began_with_but_does_not_train_are_kept_too(tmp_path):
    def build(features):
        from sarcasm.tensorflow_runtime import load_tensorflow

        tf = load_tensorflow().compat.v1
        fixed = tf.get_variable("fixed", [8], initializer=tf.zeros_initializer(), trainable=False)
        return HEAD.logits(features * fixed)

    initial = {"fixed": np.arange(8, dtype=np.float32)}

    def fitted(checkpoint, cut_at=None):
        arguments = build, TRAINERS["mini-batches"], ROWS, None, 3, Told(cut_at)
        return fit_network(*arguments, initial=initial, checkpoint=checkpoint)

    with pytest.raises(CutError):
        fitted(Checkpoints(tmp_path, ALWAYS).of("fold-s0"), 5)
    model = fitted(Checkpoints(tmp_path, ALWAYS).of("fold-s0"))
    assert np.array_equal(model.weights["fixed"], initial["fixed"])
    assert equal(model, fitted(None))


LONG = adam(steps=N_LONG, batch_size=16, validation_share=0.2, patience=N_LONG)


def train_and_say(folder: str) -> None:
    """What the process does that is killed."""
    checkpoints.REST = 0
    fit(LONG, Checkpoints(Path(folder), ALWAYS).of("fold-s0"), lambda step, metrics: print(step, flush=True))  # noqa: T201


@pytest.mark.slow
def test_a_process_that_is_killed_outright_goes_on_where_it_was(tmp_path):
    program = "import sys; from tests.test_checkpoints import train_and_say; train_and_say(sys.argv[1])"
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) == 20:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    told, left = Told(), Counted()
    model = fit(LONG, Checkpoints(tmp_path, NEVER).of("fold-s0"), told, left)
    assert 0 < left.n_steps <= N_LONG - 20
    assert len(told.steps) == N_LONG
    assert equal(model, fit(LONG))


@pytest.mark.parametrize("name", ["mini-batches", "patience", "patience that ends"])
def test_what_has_ended_is_not_trained_again(name, tmp_path):
    expected, steps = undisturbed(name)
    told, left = Told(), Counted()
    fit(TRAINERS[name], Checkpoints(tmp_path, ALWAYS).of("fold-s0"))
    model = fit(TRAINERS[name], Checkpoints(tmp_path, ALWAYS).of("fold-s0"), told, left)
    assert left.n_steps == 0
    assert equal(model, expected)
    assert told.steps == steps


def test_fits_are_kept_apart(tmp_path):
    run = Checkpoints(tmp_path, ALWAYS)
    one, other = (fit(TRAINERS["full batch"], run.of(f"fold-s{seed}"), seed=seed) for seed in (0, 1))
    assert one.losses != other.losses
    assert equal(fit(TRAINERS["full batch"], Checkpoints(tmp_path, ALWAYS).of("fold-s1"), seed=1), other)


def test_the_ends_of_fits_are_kept_once_a_run_has_lasted_long_enough(tmp_path, clock):
    run = Checkpoints(tmp_path, 60)
    fit(TRAINERS["full batch"], run.of("early"))
    assert list(tmp_path.iterdir()) == []
    clock[0] += 60
    fit(TRAINERS["full batch"], run.of("late"))
    fit(TRAINERS["full batch"], run.of("later"))
    assert sorted(path.name.rpartition("-")[0] for path in tmp_path.iterdir()) == ["late", "later"]


def test_the_time_between_checkpoints_is_counted_across_fits(tmp_path, clock):
    run = Checkpoints(tmp_path, 60)
    one, other = run.of("one"), run.of("other")
    clock[0] += 59
    assert not one.is_due()
    clock[0] += 1
    assert one.is_due()
    assert other.is_due()
    one.save(STATE)
    clock[0] += 59
    assert not other.is_due()
    clock[0] += 1
    assert other.is_due()


def test_where_writing_takes_long_it_is_done_less_often(tmp_path, clock, monkeypatch):
    kept = Checkpoints(tmp_path, 60).of("fold-s0")
    monkeypatch.setattr(checkpoints, "REST", 20)
    monkeypatch.setattr(os, "fsync", lambda number: clock.__setitem__(0, clock[0] + 10))
    kept.save(STATE)
    clock[0] += 199
    assert not kept.is_due()
    clock[0] += 1
    assert kept.is_due()


def test_without_an_interval_nothing_is_written_or_read(tmp_path):
    kept_after(tmp_path, 5)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    off, left = Checkpoints(tmp_path, None), Counted()
    assert not off.is_usable()
    fit(TRAINERS["full batch"], off.of("fold-s0"), track=left)
    assert left.n_steps == N_STEPS
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_head_without_steps_needs_no_checkpoint(tmp_path):
    fit(adam(), Checkpoints(tmp_path, ALWAYS).of("fold-s0"), head=SVM(name="svm", C=1.0, gamma="scale"))
    assert list(tmp_path.iterdir()) == []


def test_finished_runs_leave_nothing(tmp_path):
    folder = tmp_path / "run"
    run = Checkpoints(folder, ALWAYS)
    run.clear()
    assert not run.is_usable()
    kept_after(folder, 3)
    assert run.is_usable()
    run.clear()
    assert list(tmp_path.iterdir()) == []
    assert not run.is_usable()


# The file

STATE = State(
    "what", (0.7, 0.1 + 0.2), {1: 0.5}, 0, {"head/w": np.ones(3, np.float32)},
    {"head/w": np.arange(3, dtype=np.float32), "beta1_power": np.float32(0.9)}, False,
)  # fmt: skip


def same(one: State, other: State) -> bool:
    arrays = [(each.variables, each.best or {}) for each in (one, other)]
    return replace(one, variables={}, best=None) == replace(other, variables={}, best=None) and all(
        {name: (value.dtype, value.tobytes()) for name, value in first.items()}
        == {name: (value.dtype, value.tobytes()) for name, value in second.items()}
        for first, second in zip(*arrays, strict=True)
    )


@pytest.fixture(scope="module")
def state_file(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("checkpoints")
    Checkpoints(folder, ALWAYS).of("fold-s0").save(STATE)
    (path,) = folder.iterdir()
    return path.read_bytes()


@pytest.fixture
def here(tmp_path) -> Path:
    """Where the checkpoint of `fold-s0` lies."""
    Checkpoints(tmp_path, ALWAYS).of("fold-s0").save(STATE)
    (path,) = tmp_path.iterdir()
    return path


def test_a_state_comes_back_as_it_was(here):
    assert same(Checkpoints(here.parent, ALWAYS).of("fold-s0").load("what"), STATE)


def test_a_checkpoint_holds_what_training_needs_and_neither_rows_nor_pickles(tmp_path):
    path = kept_after(tmp_path, 5, TRAINERS["patience"])
    assert path.suffix == ".npz"
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    weights = {f"head/{layer}/{kind}" for layer in ("fc1", "logits") for kind in ("weights", "biases")}
    expected = {f"variable/{name}{slot}" for name in weights for slot in ("", "/Adam", "/Adam_1")}
    expected |= {"variable/beta1_power", "variable/beta2_power"} | {f"best/{name}" for name in weights}
    assert arrays.keys() == expected | {"about", "losses", "validation_steps", "validation_losses"}
    assert max(value.size for name, value in arrays.items() if "/" in name) == 8 * 16
    assert len(arrays["losses"]) == 5


def test_a_finished_fit_is_kept_as_its_weights_alone(tmp_path):
    fit(TRAINERS["patience"], Checkpoints(tmp_path, ALWAYS).of("fold-s0"))
    (path,) = tmp_path.iterdir()
    with np.load(path, allow_pickle=False) as archive:
        assert sum("/" in name for name in archive.files) == 4


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
@settings(deadline=None, max_examples=30)
def test_any_names_of_fits_have_files_of_their_own_in_the_folder(names):
    with TemporaryDirectory() as folder:
        run = Checkpoints(Path(folder, "run"), ALWAYS)
        for number, name in enumerate(names):
            run.of(name).save(replace(STATE, losses=(float(number),)))
        assert [run.of(name).load("what").losses for name in names] == [(0.0,), (1.0,)]
        assert len(list(Path(folder).rglob("*.npz"))) == 2
        run.clear()
        assert list(Path(folder).iterdir()) == []


@pytest.mark.parametrize("name", ["a" * 300, "../../outside", "Fold-s0", "", "show_out:Öde/1"])
def test_awkward_names_of_fits_do(name, tmp_path):
    run = Checkpoints(tmp_path / "run", ALWAYS)
    run.of("fold-s0").save(replace(STATE, losses=()))
    run.of(name).save(STATE)
    assert same(run.of(name).load("what"), STATE)
    assert len({path.name.lower() for path in (tmp_path / "run").iterdir()}) == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "run"]


@given(data=st.data())
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_in_which_a_byte_has_changed_or_the_end_is_missing_is_whole_or_none(here, state_file, data):
    content = bytearray(state_file)
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        del content[at:]
    here.write_bytes(content)
    found = Checkpoints(here.parent, ALWAYS).of("fold-s0").load("what")
    assert found is None or same(found, STATE)


def test_a_damaged_checkpoint_is_named_and_training_starts_from_the_first_step(tmp_path, caplog):
    path = kept_after(tmp_path, 5)
    path.write_bytes(path.read_bytes()[:-30])
    left = Counted()
    model = fit(TRAINERS["full batch"], Checkpoints(tmp_path, ALWAYS).of("fold-s0"), track=left)
    assert left.n_steps == N_STEPS
    assert equal(model, undisturbed("full batch")[0])
    (message,) = caplog.messages
    assert message == (
        f"{path} is not used (it is damaged or no checkpoint: File is not a zip file); training starts from step 0"
    )


def a_text(path: Path) -> None:
    path.write_text("losses")


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def an_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.zeros(3))


def other_arrays(path: Path) -> None:
    np.savez(path, losses=np.zeros(3))


def a_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps({"about": 1}))


def pickled_arrays(path: Path) -> None:
    np.savez(path, about=np.array([{}], dtype=object))


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "foreign",
    [a_text, nothing, an_array, other_arrays, a_pickle, pickled_arrays, a_folder],
    ids=lambda make: make.__name__,
)
def test_something_else_in_its_place_is_as_good_as_none(here, caplog, foreign):
    foreign(here)
    run = Checkpoints(here.parent, ALWAYS)
    assert not run.is_usable()
    assert run.of("fold-s0").load("what") is None
    (message,) = caplog.messages
    assert message.startswith(f"{here} is not used (it is damaged or no checkpoint: ")
    assert message.endswith("); training starts from step 0")


@pytest.mark.parametrize("part", ["code", "libraries"])
def test_a_checkpoint_of_another_version_is_as_good_as_none(here, caplog, monkeypatch, part):
    run = Checkpoints(here.parent, ALWAYS)
    assert run.is_usable()
    now = checkpoints.computed_by(*checkpoints.TRAINED)
    monkeypatch.setattr(checkpoints, "computed_by", lambda *modules: now | {part: "another"})
    assert not run.is_usable()
    assert run.of("fold-s0").load("what") is None
    reason = "it was written by another version of the code or of a library"
    assert caplog.messages == [f"{here} is not used ({reason}); training starts from step 0"]


X_CHANGED = ROWS.X + np.eye(50, 8, dtype=np.float32) * 1e-3
OTHERS = {
    "rows": {"rows": Rows(X_CHANGED, ROWS.y)},
    "labels": {"rows": Rows(ROWS.X, ~ROWS.y)},
    "seed": {"seed": 4},
    "head": {"head": MLP(name="small", hidden=[17])},
    "steps": {"trainer": adam(steps=N_STEPS + 1, batch_size=16)},
    "batches": {"trainer": adam(steps=N_STEPS, batch_size=17)},
    "learning rate": {"trainer": adam(steps=N_STEPS, batch_size=16, learning_rate=2e-4)},
    "weights of classes": {"trainer": TRAINERS["balanced"]},
    "validation rows": {"trainer": TRAINERS["validation"]},
}  # fmt: skip


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory) -> Path:
    """A folder with the checkpoint of training with mini-batches."""
    return kept_after(tmp_path_factory.mktemp("cut_off"), 5, TRAINERS["mini-batches"]).parent


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_checkpoint_of_another_training_is_as_good_as_none(other, cut_off, caplog):
    left = Counted()
    model = fit(
        **{"trainer": TRAINERS["mini-batches"]} | other,
        checkpoint=Checkpoints(cut_off, NEVER).of("fold-s0"),
        track=left,
    )
    assert left.n_steps == len(model.losses)
    (path,) = cut_off.iterdir()
    reason = "it is of other rows, other options or another network"
    assert caplog.messages == [f"{path} is not used ({reason}); training starts from step 0"]


def test_how_often_checkpoints_are_written_makes_no_other_training(cut_off, caplog):
    left, trainer = Counted(), replace(TRAINERS["mini-batches"], checkpoint_seconds=7.0)
    fit(trainer, Checkpoints(cut_off, NEVER).of("fold-s0"), track=left)
    assert left.n_steps == N_STEPS - 5
    assert not caplog.messages


def test_a_full_disk_is_warned_of_once_and_ends_no_training(tmp_path, caplog):
    folder = tmp_path / "run"
    with files_of_at_most(1000):
        model = fit(TRAINERS["mini-batches"], Checkpoints(folder, ALWAYS).of("fold-s0"))
    assert equal(model, undisturbed("mini-batches")[0])
    assert list(folder.iterdir()) == []
    (message,) = caplog.messages
    assert message.startswith(f"{folder}/fold-s0-")
    assert message.endswith(
        " cannot be written (File too large): where training stands is no longer kept (trainer.checkpoint_seconds=null"
        " keeps nothing)"
    )


def test_a_disk_that_is_full_later_keeps_what_is_there(here):
    before = here.read_bytes()
    with files_of_at_most(1000):
        Checkpoints(here.parent, ALWAYS).of("fold-s0").save(replace(STATE, losses=(1.0,)))
    assert list(here.parent.iterdir()) == [here]
    assert here.read_bytes() == before


def test_a_folder_that_cannot_be_made_ends_no_training(tmp_path, caplog):
    (tmp_path / "run").write_text("a file")
    run = Checkpoints(tmp_path / "run", ALWAYS)
    assert not run.is_usable()
    fit(TRAINERS["full batch"], run.of("fold-s0"))
    assert len([message for message in caplog.messages if "cannot be written" in message]) == 1
