"""`sarcasm.api` on records in a real store; on runs that train.py made, test_notebook.py calls it."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from mlflow.entities import Metric
from sklearn.metrics import accuracy_score, f1_score

from sarcasm import api, cli, console
from sarcasm.errors import ConfigError, SarcasmError, TrackingError
from sarcasm.project import PROJECT
from sarcasm.report.files import COLUMNS
from tests.record_fixtures import Records

LOSSES = [0.7, 0.5, 0.25]
MADE_UP = {"dataset.made_up": "true", "cautions": "The clips are made up.\nThere are few."}


def decided(generator: np.random.Generator, seeds: list[int]) -> tuple[str, dict[str, float]]:
    """Predictions as train.py writes them, of sixteen clips by four speakers; and their scores."""
    rows = [
        (f"1_{clip}", "holdout", clip % 2, p := generator.random(), int(p > 0.5), seed, f"NA{clip // 4}", "SHOW")
        for seed in seeds
        for clip in range(16)
    ]
    labels, decisions = [row[2] for row in rows], [row[4] for row in rows]
    text = "\n".join(",".join(map(str, row)) for row in [("utterance", *COLUMNS), *rows])
    accuracy = {"test/utterance/accuracy": accuracy_score(labels, decisions)}
    return text + "\n", accuracy | {"f": f1_score(labels, decisions, average="weighted")}


@pytest.fixture(scope="module")
def store(tmp_path_factory, made_database) -> str:
    """A run of one fit, and one of two fits (seeds) in an experiment of its own."""
    folder = tmp_path_factory.mktemp("runs")
    shutil.copy(made_database, folder / "mlflow.db")
    records, generator = Records(folder), np.random.default_rng(0)

    def add(name: str, seeds: list[int], **own) -> str:
        text, metrics = decided(generator, seeds)
        artifacts = {
            "predictions.csv": text,
            "predictions_examples.csv": text.replace("utterance,", "utterance,example,", 1).replace(
                "holdout", "0,holdout"
            ),
        }
        interval = {"interval/speaker/f1_weighted/low": 0.1, "interval/speaker/f1_weighted/high": 0.9}
        return records.add(
            name, f=metrics.pop("f"), metrics=metrics | interval, tags=MADE_UP, artifacts=artifacts, **own
        )

    def fit(run_id: str) -> None:
        records.client.log_batch(run_id, [Metric("train/loss", loss, 0, step) for step, loss in enumerate(LOSSES)])

    fit(add("small", [42], params={"head.name": "small", "seed": "42"}))
    other = {"experiment": "other", "params": {"head.name": "linear", "seeds": "[0, 1]"}}
    parent = add("linear", [0, 1], **other)
    for seed in (0, 1):
        params = {"head.name": "linear", "seed": str(seed), "fold": "holdout"}
        fit(records.add(f"linear-s{seed}", parent=parent, experiment="other", params=params))
    records.add("cut", status="KILLED")
    return records.uri.removeprefix("tracking.uri=")


@pytest.fixture
def small(store):
    return api.run("small", uri=store)


@pytest.fixture
def linear(store):
    return api.run("linear", uri=store)


def test_every_run_is_a_row_newest_first_with_its_options_and_metrics(store, small, linear):
    found = api.runs(uri=store)
    assert list(found["name"]) == ["cut", "linear", "small"]
    assert list(found.index[1:]) == [linear.id, small.id]
    assert list(found["marks"]) == ["", "made up", "made up"]
    assert list(found["params.head.name"]) == ["small", "linear", "small"]
    assert found.loc[small.id, "metrics.test/utterance/f1_weighted"] == small.metrics["test/utterance/f1_weighted"]
    assert found["metrics.train/loss"].dtype == "float64"
    # Several fits have no one curve.
    assert np.isnan(found.loc[linear.id, "metrics.train/loss"])
    assert found.loc[small.id, "seconds"] == 90
    assert not [column for column in found if column.startswith("tags.mlflow.")]
    assert "tags.dataset.fingerprint" in found


def test_runs_are_chosen_by_experiment_filter_and_kind(store, small, linear):
    assert list(api.runs(experiment="other", uri=store).index) == [linear.id]
    assert list(api.runs(where='params.head.name = "linear"', uri=store).index) == [linear.id]
    assert len(api.runs(with_parts=True, uri=store)) == 5
    nothing = api.runs(where='params.head.name = "big"', uri=store)
    assert (len(nothing), list(nothing.columns)[:2]) == (0, ["name", "experiment"])
    with pytest.raises(
        ConfigError, match=r"^no run is of the experiment othr; did you mean other\? \(there are other, sarcasm\)$"
    ):
        api.runs(experiment="othr", uri=store)
    with pytest.raises(ConfigError, match="MLflow does not take the filter"):
        api.runs(where="seed is 42", uri=store)


def test_a_run_says_what_it_was(small, linear):
    assert (small.status, small.options["head.name"]) == ("FINISHED", "small")
    assert small.cautions == ["The clips are made up.", "There are few."]
    assert small.marks == ("made up",)
    assert [each.name for each in linear.parts] == ["linear-s0", "linear-s1"]
    assert small.parts == []
    assert repr(small) == f"Run(small [{small.id[:8]}], FINISHED)"


def test_losses_are_those_of_each_fit_step_by_step(small, linear):
    losses = small.losses()
    assert list(losses.columns) == ["fit", "step", "loss"]
    assert list(losses["step"]) == [0, 1, 2]
    assert list(losses["loss"]) == LOSSES
    assert list(linear.losses()["fit"].unique()) == [each.name for each in linear.parts]
    assert len(linear.losses()) == 6


def test_predictions_give_the_score_that_was_recorded(small, linear):
    found = small.predictions()
    assert found["label"].dtype == found["decision"].dtype == "int64"
    assert (
        f1_score(found["label"], found["decision"], average="weighted") == small.metrics["test/utterance/f1_weighted"]
    )
    assert list(found["utterance"]) == [row["utterance"] for row in small.recorded.rows("predictions.csv")]
    assert set(linear.predictions()["seed"]) == {0, 1}
    examples = small.predictions("example")
    assert examples["example"].dtype == "int64"
    assert found["speaker"][0] == "NA0"
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
    assert repr(found) == found.claim
    assert found.differing["head.name"] == ["small", "linear"]
    assert found.is_claimed == found.pair.is_claimed
    with pytest.raises(SarcasmError, match="compared with itself"):
        api.compare(small, small.id, uri=store)


def test_a_table_is_what_the_command_writes(store, small, linear, tmp_path, capsys):
    found = api.table([small, linear], metrics=["accuracy"], by=["head"])
    assert (
        cli.main(
            ["runs", "export", small.id, linear.id, "--metric", "accuracy", "--by", "head", f"tracking.uri={store}"]
        )
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
    assert list(losses.axes.lines[0].get_ydata()) == LOSSES
    scores = api.scores_figure(small, linear, metric="accuracy", width=api.PAGE_INCHES)
    assert [text.get_text() for text in scores.axes.get_yticklabels()] == [small.name, linear.name]
    assert scores.axes.get_xlabel() == "accuracy"
    assert repr(scores) == "Picture(6.5 x 1.4 inches)"
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


def test_a_run_that_never_scored_has_no_predictions_and_no_losses(store):
    cut = api.run("cut", uri=store)
    assert cut.losses().empty
    assert list(cut.losses().columns) == ["fit", "step", "loss"]
    with pytest.raises(TrackingError, match=r"has no predictions\.csv that can be read"):
        cut.predictions()
    with pytest.raises(SarcasmError, match="has not finished"):
        api.table([cut])
    with pytest.raises(SarcasmError, match="their heads are not trained in steps"):
        api.losses_figure(cut)


def test_reading_runs_loads_no_tensorflow():
    code = "import sys; from sarcasm import api; sys.exit('tensorflow' in sys.modules or 'mlflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, env=dict(os.environ), check=True, timeout=300)
