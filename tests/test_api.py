"""`sarcasm.api` on runs that train.py made of the made-up clips, and on what nobody has made."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pandas
import pytest

import train
from sarcasm import api, cli, console
from sarcasm.config import compose, parse
from sarcasm.errors import ConfigError, SarcasmError, TrackingError
from sarcasm.project import PROJECT


@pytest.fixture(scope="module")
def store(tmp_path_factory, made_database):
    """Two runs of train.py: one fit of head=small, and two fits (seeds) of head=linear in an experiment of their own."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copy(made_database, folder / "mlflow.db")
    uri = f"sqlite:///{folder}/mlflow.db"
    for words in (["head=small"], ["head=linear", "seeds=[0,1]", "tracking.experiment=other"]):
        own = [
            f"tracking.uri={uri}",
            f"dataset.directory={folder}/smoke",
            "trainer.steps=3",
            "pca=off",
            "report.log_mel=false",
        ]
        cfg = compose("config", [*own, *words])
        train.run(parse(cfg), cfg)
    return uri


@pytest.fixture
def small(store):
    return api.run("smoke-pca_off-small-s42", uri=store)


@pytest.fixture
def linear(store):
    return api.run("last", uri=store)


def test_every_run_is_a_row_newest_first_with_its_options_and_metrics(store, small, linear):
    found = api.runs(uri=store)
    assert list(found.index) == [linear.id, small.id]
    assert list(found["name"]) == [linear.name, small.name]
    assert list(found["marks"]) == ["made up", "made up"]
    assert list(found["params.head.name"]) == ["linear", "small"]
    assert found.loc[small.id, "metrics.test/utterance/f1_weighted"] == small.metrics["test/utterance/f1_weighted"]
    assert found["metrics.train/loss"].dtype == "float64"
    # Several fits have no one curve.
    assert np.isnan(found.loc[linear.id, "metrics.train/loss"])
    assert not [column for column in found if column.startswith("tags.mlflow.")]
    assert "tags.dataset.fingerprint" in found


def test_runs_are_chosen_by_experiment_filter_and_kind(store, small, linear):
    assert list(api.runs(experiment="other", uri=store).index) == [linear.id]
    assert list(api.runs(where='params.head.name = "small"', uri=store).index) == [small.id]
    assert len(api.runs(with_parts=True, uri=store)) == 4
    nothing = api.runs(where='params.head.name = "big"', uri=store)
    assert (len(nothing), list(nothing.columns)[:2]) == (0, ["name", "experiment"])
    with pytest.raises(
        ConfigError, match=r"^no run is of the experiment othr; did you mean other\? \(there are other, sarcasm\)$"
    ):
        api.runs(experiment="othr", uri=store)
    with pytest.raises(ConfigError, match="MLflow does not take the filter"):
        api.runs(where="seed is 42", uri=store)


def test_a_run_says_what_it_was(small, linear):
    assert (small.status, small.options["trainer.steps"], small.options["head.hidden"]) == ("FINISHED", 3, [100])
    assert small.cautions[0].startswith("The clips are made up")
    assert small.marks == ("made up",)
    assert [each.name for each in linear.parts] == [
        "smoke-pca_off-linear-holdout-s0",
        "smoke-pca_off-linear-holdout-s1",
    ]
    assert small.parts == []


def test_losses_are_those_of_each_fit_step_by_step(small, linear):
    losses = small.losses()
    assert list(losses.columns) == ["fit", "step", "loss"]
    assert list(losses["step"]) == [0, 1, 2]
    assert list(losses["loss"]) == small.recorded.history("train/loss")
    assert list(linear.losses()["fit"].unique()) == [each.name for each in linear.parts]
    assert len(linear.losses()) == 6


def test_predictions_give_the_score_that_was_recorded(small, linear):
    from sklearn.metrics import f1_score

    found = small.predictions()
    assert found["label"].dtype == found["decision"].dtype == "int64"
    assert (
        f1_score(found["label"], found["decision"], average="weighted") == small.metrics["test/utterance/f1_weighted"]
    )
    assert list(found["utterance"]) == [row["utterance"] for row in small.recorded.rows("predictions.csv")]
    assert set(linear.predictions()["seed"]) == {0, 1}
    examples = small.predictions("example")
    assert len(examples) > len(found)
    assert "example" in examples
    with pytest.raises(
        ConfigError, match=r"^there is no level examples; did you mean example\? \(choose from utterance, example\)$"
    ):
        small.predictions("examples")


def test_an_interval_is_the_recorded_one(small):
    low, high = small.interval()
    assert low == small.metrics["interval/utterance/f1_weighted/low"]
    assert low < small.metrics["test/utterance/f1_weighted"] < high
    assert (
        small.interval("test/utterance/f1_weighted", unit="speaker").high
        == small.metrics["interval/speaker/f1_weighted/high"]
    )
    assert small.interval("train/loss") is None
    with pytest.raises(ConfigError, match=r"has no metric f1_wieghted; did you mean f1_weighted\?$"):
        small.interval("f1_wieghted")


def test_a_comparison_says_what_can_be_claimed(store, small, linear):
    found = api.compare(small.id[:8], linear, uri=store)
    assert found.pair.result.a == small.metrics["test/utterance/f1_weighted"]
    assert (found.pair.a.run_id, found.pair.b.run_id) == (small.id, linear.id)
    assert found.claim.startswith(("Can be claimed: ", "Cannot be claimed: "))
    assert small.name in found.claim
    assert found.differing["head.name"] == ["small", "linear"]
    assert found.is_claimed == found.pair.is_claimed
    with pytest.raises(SarcasmError, match="compared with itself"):
        api.compare(small, small.id, uri=store)


def test_a_table_is_what_the_command_writes(store, small, linear, tmp_path, capsys):
    found = api.table([small, linear], metrics=["auroc"], by=["head"])
    assert (
        cli.main(["runs", "export", small.id, linear.id, "--metric", "auroc", "--by", "head", f"tracking.uri={store}"])
        == console.DONE
    )
    assert capsys.readouterr().out == found.markdown == found._repr_markdown_()
    assert "made-up clips" in found.latex
    assert found.save(tmp_path / "table.tex").read_text(encoding="utf-8") == found.latex
    assert found.save(tmp_path / "table.tex")
    (tmp_path / "own.md").write_text("mine", encoding="utf-8")
    with pytest.raises(SarcasmError, match="was not made by"):
        found.save(tmp_path / "own.md")
    with pytest.raises(ConfigError, match="let the name end so"):
        found.save(tmp_path / "table.docx")
    with pytest.raises(SarcasmError, match="a table needs a run"):
        api.table([])


@pytest.mark.parametrize(("end", "begin"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_figures_are_written_the_same_each_time_and_say_what_is_made_up(end, begin, small, linear, tmp_path):
    def draw(name):
        losses = api.losses_figure(small, linear, labels=["small", "linear"]).save(tmp_path / f"{name}_losses.{end}")
        return losses.read_bytes(), api.scores_figure(small, linear).save(
            tmp_path / f"{name}_scores.{end}"
        ).read_bytes()

    first = draw("first")
    assert first == draw("second")
    assert all(each.startswith(begin) for each in first)


def test_figures_are_as_wide_as_a_column_and_hold_what_was_recorded(small, linear):
    losses = api.losses_figure(small, linear)
    assert losses.figure.get_size_inches()[0] == api.COLUMN_INCHES
    assert [len(line.get_ydata()) for line in losses.axes.lines] == [3, 3, 3]
    assert list(losses.axes.lines[0].get_ydata()) == small.recorded.history("train/loss")
    scores = api.scores_figure(small, linear, metric="accuracy", width=api.PAGE_INCHES)
    assert [text.get_text() for text in scores.axes.get_yticklabels()] == [small.name, linear.name]
    assert scores.axes.get_xlabel() == "accuracy"
    for picture in (losses, scores):
        assert [text.get_text() for text in picture.figure.texts] == ["Made-up clips: the numbers mean nothing."]
    assert api.figure()._repr_png_().startswith(b"\x89PNG")


def test_figures_refuse_what_they_cannot_draw(small, tmp_path):
    with pytest.raises(ConfigError, match=r"a picture is written as \.pdf, \.png, \.svg"):
        api.figure().save(tmp_path / "figure.jpeg")
    with pytest.raises(ConfigError, match="there is no folder"):
        api.figure().save(tmp_path / "nowhere" / "figure.pdf")
    with pytest.raises(ConfigError, match=r"^labels: 1 different ones are needed, one for each run$"):
        api.losses_figure(small, labels=["a", "b"])
    with pytest.raises(SarcasmError, match="a figure needs a run"):
        api.scores_figure()


def test_an_empty_store_has_no_runs(tmp_path, made_database):
    shutil.copy(made_database, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert api.runs(uri=uri).empty
    with pytest.raises(TrackingError, match="there is no run last"):
        api.run(uri=uri)


def test_a_run_that_never_scored_has_no_predictions_and_no_losses(tmp_path, made_database, tracking):
    from sarcasm import tracking as runs

    shutil.copy(made_database, tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    began = runs.start(tracking(uri=uri), tmp_path, run_name="cut", params={}, tags={})
    with suppress(SarcasmError), began:
        raise SarcasmError("cut short")
    cut = api.run("cut", uri=uri)
    assert cut.losses().empty
    assert isinstance(cut.losses(), pandas.DataFrame)
    with pytest.raises(TrackingError, match=r"has no predictions\.csv that can be read"):
        cut.predictions()
    with pytest.raises(SarcasmError, match="has not finished"):
        api.table([cut])
    with pytest.raises(SarcasmError, match="their heads are not trained in steps"):
        api.losses_figure(cut)


def test_reading_runs_loads_no_tensorflow():
    code = "import sys; from sarcasm import api; sys.exit('tensorflow' in sys.modules or 'mlflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=dict(os.environ), check=True, timeout=60)
