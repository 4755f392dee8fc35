"""What a sweep gathers, on made-up jobs: no MLflow, nothing trained."""

import csv
import io
import itertools
import json
import statistics
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from sarcasm import compare, repeat, sweeps
from sarcasm.config import compose, parse, schemas
from sarcasm.errors import ConfigError, TrackingError
from sarcasm.scoring import holm
from sarcasm.sweeps import Sweep, gather, terminal
from sarcasm.sweeps.choices import choices
from sarcasm.tracking import Recorded
from sarcasm.tracking.operations import LONGEST_PARAM

METRIC = "validation/utterance/f1_weighted"
NOTHING_COMPARED = sweeps.Claims((), {}, (), (), {})
START = datetime(2026, 5, 1, tzinfo=UTC)
OPTIONS = {"head.name": "small", "head.hidden": [100], "pca.enabled": True, "pca.params": "pca.npz", "seed": 42,
           "seeds": [], "scale": "none", "tracking.uri": "", "sweep.metric": METRIC, "force": False}  # fmt: skip
"""Of a job, unless it says otherwise."""


@dataclass(frozen=True)
class Made(Recorded):
    """A run that stands in no store."""

    files: dict[str, str] = field(default_factory=dict)

    def text(self, artifact_path: str) -> str:
        if artifact_path not in self.files:
            raise TrackingError(f"run {self.run_id} has no {artifact_path} that can be read")
        return self.files[artifact_path]


def job(number: int, typed: tuple[str, ...] = (), options: dict[str, Any] | None = None, status: str = "FINISHED",
        metrics: dict[str, float] | None = None, files: dict[str, str] | None = None, **tags: str) -> Made:  # fmt: skip
    """A job; by default its weighted F tells its number."""
    scores = {"test/utterance/f1_weighted": 0.5 + number / 100, "gain/f1_weighted": 0.01}
    return Made(
        run_id=f"{number:08x}" * 4, run_name=f"run{number}", status=status,
        params={} if options is None else {key: str(value) for key, value in (OPTIONS | options).items()},
        metrics=scores if metrics is None else metrics, tags={"overrides": json.dumps(typed), **tags}, store=None,
        started=START + timedelta(seconds=number), ended=START + timedelta(seconds=number + 4.2), files=files or {},
    )  # fmt: skip


def chosen(*jobs: Made) -> list[dict[str, str]]:
    """The choices of jobs, in the order that a table has them."""
    return list(choices(jobs).values())


# Options


@pytest.mark.parametrize(
    "metric",
    ["test/utterance/f1_weighted", "gain/f1_weighted", "baseline/majority/f1_macro", "interval/speaker/auroc/low",
     "chance/p_value", "folds/f1_weighted/mean", "seeds/f1_weighted/mean"],
)  # fmt: skip
def test_settings_are_not_chosen_by_what_comes_of_test_labels(metric):
    with pytest.raises(ConfigError) as caught:
        Sweep("go_on", metric, False, False)
    assert str(caught.value) == (
        f"sweep.metric={metric}: a score that settings are chosen by is worth nothing as a test any more; choose by a"
        " validation metric, such as validation/utterance/f1_weighted"
    )


@pytest.mark.parametrize(
    ("metric", "meant"),
    [("f1_weighted", METRIC), ("valid/utterance/f1_makro", "validation/utterance/f1_macro"), ("loss", "validation/loss"),
     ("qqq", None)],
)  # fmt: skip
def test_a_metric_that_is_none_is_refused_with_the_nearest_that_is(metric, meant):
    with pytest.raises(ConfigError) as caught:
        Sweep("go_on", metric, False, False)
    advice = f"; did you mean {meant}?" if meant else ""
    assert str(caught.value) == (
        f"sweep.metric={metric}: there is no such metric to choose by{advice}; its name begins with validation/ or"
        " train/, such as validation/utterance/f1_weighted"
    )


@pytest.mark.parametrize(("metric", "minimises"), [("validation/loss", True), (METRIC, False), ("train/loss", True)])
def test_less_of_a_loss_is_better(metric, minimises):
    assert Sweep("go_on", metric, False, False).minimises is minimises


def test_the_ways_of_a_sweep_differ_in_what_a_failure_does():
    ways = [parse(compose("config", [f"sweep={way}"])).sweep for way in ("go_on", "fail_fast")]
    assert [way.fail_fast for way in ways] == [False, True]
    assert [way.metric for way in ways] == [METRIC, METRIC]
    assert not any(way.plan for way in ways)


# Choices


def test_a_choice_is_called_what_one_types_and_what_follows_from_it_is_none():
    assert chosen(
        job(0, ("head=small", "pca=on"), {}),
        job(1, ("head=big", "pca=off"), {"head.name": "big", "head.hidden": [4096], "pca.enabled": False, "pca.params": None}),
    ) == [{"head": "small", "pca": "on"}, {"head": "big", "pca": "off"}]  # fmt: skip


def test_runs_that_do_not_say_what_was_typed_are_told_apart_just_so():
    other = {"head.name": "svm", "head.C": 1.0, "pca.enabled": False, "pca.params": None}
    assert chosen(job(0, (), {}), job(1, (), other)) == [{"head": "small", "pca": "on"}, {"head": "svm", "pca": "off"}]


def test_what_differs_between_jobs_of_one_head_is_a_choice_of_its_own():
    assert chosen(
        job(0, (), {}), job(1, (), {"head.hidden": [7]}), job(2, (), {"head.name": "big", "head.hidden": [4096]})
    ) == [
        {"head": "small", "head.hidden": "[100]"},
        {"head": "small", "head.hidden": "[7]"},
        {"head": "big", "head.hidden": "[4096]"},
    ]


def test_what_was_typed_explains_options_that_were_made_of_it():
    assert chosen(
        job(0, ("dataset.directory=a",), {"dataset.directory": "a", "dataset.labels": "a/labels.json"}),
        job(1, ("dataset.directory=b",), {"dataset.directory": "b", "dataset.labels": "b/labels.json"}),
    ) == [{"dataset.directory": "a"}, {"dataset.directory": "b"}]


def test_a_named_set_up_is_one_choice():
    assert chosen(
        job(0, ("experiment=x", "seed=1"), {"head.name": "svm", "scale": "standard", "seed": 1}),
        job(1, ("experiment=y", "seed=1"), {"seed": 1}),
    ) == [{"experiment": "x"}, {"experiment": "y"}]


def test_where_and_beside_what_a_job_was_run_is_no_choice():
    elsewhere = {"tracking.uri": "http://x", "store.enabled": False, "sweep.metric": "train/loss", "force": True}
    typed = ("tracking.uri=http://x", "store=off", "force=true")
    assert chosen(job(0, (), {"store.enabled": True}), job(1, typed, elsewhere)) == [{}, {}]


def test_columns_are_as_typed_with_seeds_last_and_rows_by_size_or_first_use():
    grid = [("2", "on", "100"), ("2", "on", "30"), ("2", "off", "100"), ("1", "off", "30")]
    jobs = [
        job(number, (f"seed={seed}", f"pca={pca}", f"trainer.steps={steps}"),
            {"seed": seed, "pca.enabled": pca == "on", "trainer.steps": steps})
        for number, (seed, pca, steps) in enumerate(grid)
    ]  # fmt: skip
    found = chosen(*jobs)
    assert list(found[0]) == ["pca", "trainer.steps", "seed"]
    assert [tuple(each.values()) for each in found] == [
        ("on", "30", "2"), ("on", "100", "2"), ("off", "30", "1"), ("off", "100", "2")
    ]  # fmt: skip


def test_a_job_that_failed_before_its_options_were_recorded_has_what_was_typed():
    jobs = [
        job(0, ("head=small", "trainer.learning_rate=1e-4"), {"trainer.learning_rate": 0.0001}),
        job(1, ("+head=big", "trainer.learning_rate=1e-3"), None, "FAILED"),
        job(2, ("~pca",), None, "FAILED"),
    ]
    assert chosen(*jobs) == [
        {"head": "small", "trainer.learning_rate": "0.0001"},
        {"head": "big", "trainer.learning_rate": "0.001"},
        {"head": "", "trainer.learning_rate": ""},
    ]


def test_options_that_were_cut_are_read_whole():
    ids = [f"1_{number}" for number in range(3000)]
    made = []
    for number, only in enumerate((ids, [*ids[:-1], "2_9"])):
        text = str(only)[: LONGEST_PARAM - 10] + " ... (cut)"
        files = {"params.json": json.dumps(OPTIONS | {"dataset.only": only})}
        made.append(job(number, (), {"dataset.only": text}, files=files))
    assert [each["dataset.only"] for each in chosen(*made)] == [str(ids), str([*ids[:-1], "2_9"])]


def test_an_id_that_python_would_take_for_a_number_stays_what_it_is():
    assert chosen(job(0, ("x=2_99",), None), job(1, ("x=1e3",), None)) == [{"x": "2_99"}, {"x": "1000.0"}]


# What is gathered


@st.composite
def some_jobs(draw) -> list[Made]:
    """Jobs over two options and seeds, some failed, most with a validation score."""
    score = st.floats(0, 1)
    jobs = []
    for number, (head, pca, seed) in enumerate(itertools.product(["small", "big"], ["on", "off"], ["0", "1", "2"])):
        metrics = {"test/utterance/f1_weighted": draw(score), "gain/f1_weighted": draw(score)}
        if draw(st.integers(0, 9)):
            metrics[METRIC] = draw(score)
        status = draw(st.sampled_from(["FINISHED"] * 4 + ["FAILED"]))
        options = {"head.name": head, "pca.enabled": pca == "on", "seed": seed}
        jobs.append(job(number, (f"head={head}", f"pca={pca}", f"seed={seed}"), options, status, metrics))
    return draw(st.lists(st.sampled_from(jobs), unique_by=lambda each: each.run_id, min_size=1))


@given(some_jobs(), st.randoms(use_true_random=False), st.booleans())
@settings(deadline=None)
def test_the_order_of_jobs_does_not_matter(jobs, random, minimises):
    shuffled = random.sample(jobs, len(jobs))
    assert gather(shuffled, METRIC, minimises) == gather(jobs, METRIC, minimises)


@given(some_jobs())
@settings(deadline=None)
def test_settings_are_jobs_that_differ_in_seeds_with_means_over_those_that_finished(jobs):
    found = gather(jobs, METRIC, False)
    assert sorted(row.run_id for setting in found.settings for row in setting.rows) == sorted(
        each.run_id for each in jobs
    )
    of_run = {each.run_id: each for each in jobs}
    for setting in found.settings:
        params = [{**of_run[row.run_id].params, "seed": ""} for row in setting.rows]
        assert all(each == params[0] for each in params)
        finished = [of_run[row.run_id].metrics for row in setting.rows if row.status == "FINISHED"]
        scores = [each["test/utterance/f1_weighted"] for each in finished]
        chosen_by = [each[METRIC] for each in finished if METRIC in each]
        for spread, values in ((setting.f1, scores), (setting.chosen_by, chosen_by)):
            if not values or len(values) < len(finished):
                assert spread is None
                continue
            assert spread.n == len(values)
            assert spread.mean == pytest.approx(statistics.mean(values))
            assert (
                np.isnan(spread.deviation)
                if len(values) == 1
                else spread.deviation == pytest.approx(statistics.stdev(values))
            )


@given(some_jobs(), st.booleans(), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_what_is_best_never_depends_on_test_scores(jobs, minimises, seed):
    generator = np.random.default_rng(seed)
    others = [
        Made(**{**vars(each), "metrics": {
            key: value if key == METRIC else float(generator.random()) for key, value in each.metrics.items()
        }})
        for each in jobs
    ]  # fmt: skip
    first, second = (gather(each, METRIC, minimises).best for each in (jobs, others))
    assert (first and first.name) == (second and second.name)


@given(some_jobs(), st.booleans())
@settings(deadline=None)
def test_none_is_better_than_the_best(jobs, minimises):
    found = gather(jobs, METRIC, minimises)
    means = [setting.chosen_by.mean for setting in found.settings if setting.chosen_by]
    assert (found.best is None) == (not means)
    if found.best:
        assert found.best.chosen_by.mean == (min if minimises else max)(means)


def grid(scores, validation=None, **heads) -> list[Made]:
    """Jobs of HEAD=[scores] by seed, with a validation score of each where it is given."""
    jobs = []
    for head, values in scores.items():
        for seed, value in enumerate(values):
            metrics = {"test/utterance/f1_weighted": value, "gain/f1_weighted": value - 0.5}
            if validation:
                metrics[METRIC] = validation[head][seed]
            options = {"head.name": head, "seed": seed}
            jobs.append(job(len(jobs), (f"head={head}", f"seed={seed}"), options, metrics=metrics, **heads))
    return jobs


def test_the_best_is_said_with_what_it_scores_on_the_test():
    found = gather(grid({"a": [0.9, 0.9], "b": [0.6, 0.7]}, {"a": [0.5, 0.6], "b": [0.7, 0.8]}), METRIC, False)
    assert found.choice == (
        "Best by validation/utterance/f1_weighted: head=b, 0.750 ± 0.071 over 2 seeds; its weighted F on test clips is"
        " 0.650 ± 0.071."
    )
    assert found.metrics() == {
        "sweep/n_finished": 4, "sweep/n_failed": 0, f"sweep/best/{METRIC}": 0.75,
        "sweep/best/test/utterance/f1_weighted": pytest.approx(0.65),
    }  # fmt: skip


def test_what_is_as_good_is_counted_and_what_has_no_such_metric_is_not_chosen():
    scores = {"a": [0.9], "b": [0.6], "c": [0.5], "d": [0.4]}
    jobs = grid(scores, {"a": [0.7], "b": [0.7], "c": [0.1], "d": [0.9]})
    del jobs[3].metrics[METRIC]
    assert gather(jobs, METRIC, False).choice == (
        "Best by validation/utterance/f1_weighted: head=a, 0.700; its weighted F on test clips is 0.900; 1 other setting"
        " is just as good; 1 setting is not asked, as not all jobs there have it."
    )


def test_settings_of_other_splits_are_validated_on_other_clips_and_this_is_said():
    jobs = [
        job(n, (f"split={split}",), {"split.name": split}, metrics={METRIC: n / 10})
        for n, split in enumerate(["kfold", "speaker"])
    ]
    assert gather(jobs, METRIC, False).choice.endswith(
        "split=speaker, 0.100; settings that differ in split are compared on different clips there."
    )


def test_without_validation_nothing_is_called_the_best():
    found = gather(grid({"a": [0.9], "b": [0.6]}), METRIC, False)
    assert found.best is None
    assert found.choice == (
        "No setting is called the best: nothing was held out to choose by, and the test must not choose; add"
        " trainer.validation_share=0.2."
    )
    assert set(found.metrics()) == {"sweep/n_finished", "sweep/n_failed"}


def test_a_metric_that_no_job_has_is_said_with_those_that_they_have():
    jobs = [job(0, metrics={METRIC: 0.5, "train/loss": 0.1, "validation/threshold": 0.5})]
    assert gather(jobs, "validation/loss", True).choice == (
        "No setting is called the best: none has validation/loss in all its jobs; choose by another with"
        " sweep.metric=validation/utterance/f1_weighted|train/loss."
    )


def test_where_nothing_finished_there_is_nothing_to_choose_from():
    found = gather([job(0, status="FAILED", error="no room"), job(1, status="RUNNING")], METRIC, False)
    assert found.choice == "No job finished: there is nothing to choose from."
    assert [row.error for row in found.rows] == ["no room", "it has not said why"]
    assert found.metrics() == {"sweep/n_finished": 0, "sweep/n_failed": 2}
    assert found.tags() == {}
    assert gather([], METRIC, False).rows == ()


def test_a_sweep_is_tagged_as_made_up_where_one_job_that_finished_is():
    made_up, leaky = {"dataset.made_up": "true"}, {"dataset.made_up": "false", "split.leaky": "true"}
    assert gather([job(0, **made_up), job(1)], METRIC, False).tags() == {
        "dataset.made_up": "true", "split.leaky": "false"
    }  # fmt: skip
    assert gather([job(0, status="FAILED", **made_up), job(1, **leaky)], METRIC, False).tags() == {
        "dataset.made_up": "false", "split.leaky": "true"
    }  # fmt: skip


def test_each_job_is_given_the_mean_of_its_setting_and_keeps_that_of_its_own_seeds():
    jobs = grid({"a": [0.6, 0.8], "b": [0.5]})
    jobs[2].metrics["seeds/f1_weighted/mean"] = 0.5
    # Given by a call of the sweep before this one.
    jobs[0].metrics.update({"seeds/n": 1, "seeds/f1_weighted/mean": 0.6})
    given = gather(jobs, METRIC, False).metrics_of_jobs()
    expected = {"seeds/n": 2, "seeds/f1_weighted/mean": 0.7, "seeds/f1_weighted/sd": pytest.approx(0.02**0.5)}
    assert given == {jobs[0].run_id: expected, jobs[1].run_id: expected}


def test_one_job_has_a_mean_and_no_deviation():
    (given,) = gather(grid({"a": [0.6]}), METRIC, False).metrics_of_jobs().values()
    assert given == {"seeds/n": 1, "seeds/f1_weighted/mean": 0.6}


def test_a_row_tells_what_a_job_recorded():
    ends = {f"interval/{unit}/f1_weighted/{end}": value for unit, end, value in [
        ("utterance", "low", 0.5), ("utterance", "high", 0.7), ("speaker", "low", 0.4), ("speaker", "high", 0.8)
    ]}  # fmt: skip
    rules = {f"baseline/{rule}/f1_weighted": value for rule, value in [
        ("majority", 0.3), ("clip_length", 0.45), ("linear_svm", 0.9)
    ]}  # fmt: skip
    metrics = {"test/utterance/f1_weighted": 0.6, "gain/f1_weighted": 0.15, METRIC: float("nan"), **ends, **rules}
    tags = {"dataset.made_up": "true", "split.leaky": "true", "embedding.weights": "sha256:0", "cautions": "One.\nTwo."}
    (row,) = gather([job(3, metrics=metrics, **tags)], METRIC, False).rows
    assert (row.f1, row.gain, row.deaf, row.chosen_by, row.seconds) == (0.6, 0.15, 0.45, None, 4.2)
    assert row.intervals == {"utterance": (0.5, 0.7), "speaker": (0.4, 0.8)}
    assert (row.beware, row.cautions) == (("made up", "leaky"), ("One.", "Two."))


# What can be claimed


def decisions(labels: dict[str, bool], wrong: set[str], seed: int = 0, word: str = "") -> str:
    """predictions.csv of a run that is wrong on these; every fourth utterance is of one speaker."""
    rows = [
        f"{id_},holdout,{int(label)},0.5,{word or int(label ^ (id_ in wrong))},{seed},SPEAKER{int(id_) % 20},SHOW"
        for id_, label in labels.items()
    ]
    return "\n".join(["utterance,fold,label,probability,decision,seed,speaker,show", *rows]) + "\n"


LABELS = {f"{number:03}": number % 2 == 0 for number in range(120)}


def with_decisions(
    head: str, seed: int, n_wrong: int, labels=LABELS, word: str = "", n_th: int = 0, **tags: str
) -> Made:
    """A job of a head that is wrong on so many utterances, drawn by the seed."""
    generator = np.random.default_rng([seed, sum(map(ord, head))])
    wrong = set(generator.permutation(list(labels))[:n_wrong].tolist())
    number = 1000 * n_th + 10 * sum(map(ord, head)) + seed
    files = {"predictions.csv": decisions(labels, wrong, seed, word)}
    metrics = {"test/utterance/f1_weighted": 1 - n_wrong / len(labels), METRIC: 0.9 - n_wrong / len(labels)}
    options = {"head.name": head, "seed": seed}
    return job(number, (f"head={head}", f"seed={seed}"), options, metrics=metrics, files=files, **tags)


def claimed(jobs: list[Made]) -> sweeps.Claims:
    return sweeps.claims(gather(jobs, METRIC, False), jobs)


def test_a_setting_has_the_decisions_of_all_its_seeds():
    first, second = LABELS.copy(), {id_: label for id_, label in LABELS.items() if int(id_) >= 60}
    runs = [compare.read(with_decisions("a", 0, 0, first)), compare.read(with_decisions("a", 1, 0, second, split_x=""))]
    runs[1].calls["100"] = (not LABELS["100"],)
    whole = compare.pooled(runs)
    assert whole.labels == LABELS
    assert whole.calls["100"] == (True, False)
    assert whole.share(["000", "001", "100"]).tolist() == [1.0, 0.0, 0.5]
    assert whole.tested_with["000"] == {frozenset(first)}
    assert whole.tested_with["100"] == {frozenset(first), frozenset(second)}
    assert compare.pooled(runs[:1]) == runs[0]


def test_a_setting_leaks_as_soon_as_one_of_its_runs_does():
    jobs = [with_decisions("a", 0, 0), with_decisions("a", 1, 0, **{"split.leaky": "true"}), with_decisions("b", 0, 60)]
    found = claimed(jobs)
    assert not found.holding
    assert "head=a heard in training what it was tested on" in found.sentences[0]


@pytest.mark.slow
def test_settings_are_compared_each_with_each_with_their_seeds_together():
    jobs = [with_decisions(head, seed, n) for head, n in (("a", 5), ("b", 50), ("c", 52)) for seed in (0, 1, 2)]
    found = claimed(jobs)
    assert [(found.called[pair.a.run_id], found.called[pair.b.run_id]) for pair in found.pairs] == [
        ("head=a", "head=b"), ("head=a", "head=c"), ("head=b", "head=c")
    ]  # fmt: skip
    assert len(found.holding) == 2
    assert all(sentence.startswith("Can be claimed: head=a over head=") for sentence in found.holding)
    assert all("corrected for 3 comparisons" in sentence for sentence in found.sentences)
    low, high = found.intervals["head=a"]
    assert low < np.mean([row.f1 for row in gather(jobs, METRIC, False).settings[0].rows]) < high
    assert found.notes == ("head=a is shown to differ from 2 of the other 2 settings.",)
    alone = [
        compare.compare_pairs([pair])[0].p_permutation
        for pair in itertools.combinations(
            [compare.pooled([compare.read(each) for each in jobs[start : start + 3]]) for start in (0, 3, 6)], 2
        )
    ]
    assert [pair.p_permutation for pair in found.pairs] == pytest.approx(holm(alone))


@pytest.fixture(scope="module")
def one_ahead() -> tuple[sweeps.Gathered, sweeps.Claims]:
    """Thirteen settings of which the fourth is the best by far."""
    jobs = [with_decisions(f"h{n:02}", 0, 3 if n == 3 else 60, n_th=n) for n in range(13)]
    return gather(jobs, METRIC, False), claimed(jobs)


def test_many_settings_are_compared_with_the_best_alone(one_ahead):
    _, found = one_ahead
    assert len(found.pairs) == len(found.holding) == 12
    assert {found.called[pair.a.run_id] for pair in found.pairs} == {"head=h03"}
    assert found.notes == (
        "13 settings are too many to compare each with each: they are with head=h03, the best by"
        " validation/utterance/f1_weighted.",
        "head=h03 is shown to differ from 12 of the other 12 settings.",
        "With one seed each, a claim is of fitted models; of ways to train, it needs several seeds: add seed=0,1,2.",
    )


def test_many_settings_of_which_none_is_singled_out_are_compared_with_the_first():
    jobs = [with_decisions(f"h{number:02}", 0, 30 - number, n_th=number) for number in range(13)]
    for each in jobs:
        del each.metrics[METRIC]
    found = claimed(jobs)
    assert {found.called[pair.a.run_id] for pair in found.pairs} == {"head=h00"}
    assert found.notes[0].endswith("with head=h00, the first, as no metric that may choose has singled one out.")


def test_decisions_that_may_say_neither_are_left_out_with_a_sentence():
    jobs = [with_decisions("a", 0, 5), with_decisions("b", 0, 50), with_decisions("c", 0, 5, word="neither")]
    found = claimed(jobs)
    assert len(found.pairs) == 1
    assert found.notes[0] == (
        f"1 of 3 settings cannot be compared, such as head=c: run {jobs[2].run_id} ({jobs[2].run_name}) decided for neither"
        " class or both, as decision=round does; only runs that decide for one can be compared."
    )


def test_settings_that_tested_other_clips_are_left_out_with_a_sentence():
    others = {f"9{number:03}": number % 2 == 0 for number in range(120)}
    jobs = [with_decisions("a", 0, 5), with_decisions("b", 0, 50), with_decisions("c", 0, 5, others)]
    found = claimed(jobs)
    assert len(found.pairs) == 1
    assert "corrected" not in found.sentences[0]
    assert found.notes[0] == (
        f"2 of 3 pairs of settings cannot be compared, such as {compare.short(jobs[0])} and {compare.short(jobs[2])} tested"
        " no utterance in common; compare runs of one dataset and split."
    )


def test_settings_with_other_labels_are_left_out_with_a_sentence():
    flipped = {id_: not label for id_, label in LABELS.items()}
    within = claimed([with_decisions("a", 0, 5), with_decisions("a", 1, 5, flipped), with_decisions("b", 0, 50)])
    between = claimed([with_decisions("a", 0, 5), with_decisions("b", 0, 50, flipped)])
    for found, what in ((within, "1 of 2 settings"), (between, "1 of 1 pairs of settings")):
        assert not found.pairs
        assert found.notes[0].startswith(f"{what} cannot be compared, such as ")
        assert "disagree on the label of 120 utterances, such as 000" in found.notes[0]


def test_settings_that_share_some_clips_are_compared_on_those_and_this_is_said():
    later = {f"{number:03}": number % 2 == 0 for number in range(40, 160)}
    found = claimed([with_decisions("a", 0, 5), with_decisions("b", 0, 50, later)])
    (pair,) = found.pairs
    assert pair.result.n_utterances == 80
    assert found.notes[:2] == (
        "Not all settings tested the same clips: two are compared on those that both did.",
        "Some were tested in different folds: they also learned from different clips.",
    )


def test_where_the_seed_draws_the_split_too_settings_of_the_same_seeds_learned_from_the_same():
    halves = [{id_: label for id_, label in LABELS.items() if int(id_) % 3 != seed} for seed in (0, 1)]
    found = claimed([with_decisions(head, seed, 5, halves[seed]) for head in ("a", "b") for seed in (0, 1)])
    (pair,) = found.pairs
    assert pair.same_folds
    assert (pair.result.n_utterances, pair.n_only_a, pair.n_only_b) == (120, 0, 0)


# Files


def written(folder, jobs: list[Made]) -> sweeps.Gathered:
    found = gather(jobs, METRIC, False)
    sweeps.write(folder, found, sweeps.claims(found, jobs))
    return found


def rows_of(path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_the_files_hold_every_number_in_full(tmp_path):
    jobs = [with_decisions(head, seed, n) for head, n in (("a", 7), ("b", 50)) for seed in (0, 1)]
    jobs.append(job(9999, ("head=b", "seed=2"), {"head.name": "b", "seed": 2}, "FAILED", {}, error="no|room\nleft"))
    found = written(tmp_path, jobs)
    rows = rows_of(tmp_path / "sweep.csv")
    assert [row["run_id"] for row in rows] == [row.run_id for row in found.rows]
    assert [row["head"] for row in rows] == ["a", "a", "b", "b", "b"]
    assert [float(row["f1_weighted"]) for row in rows[:4]] == [row.f1 for row in found.rows[:4]]
    assert [float(row[METRIC]) for row in rows[:4]] == [row.chosen_by for row in found.rows[:4]]
    assert (rows[4]["status"], rows[4]["f1_weighted"], rows[4]["error"]) == ("FAILED", "", "no|room\nleft")
    means = rows_of(tmp_path / "settings.csv")
    assert [(row["setting"], row["n_jobs"], row["n_finished"], row["is_best"]) for row in means] == [
        ("head=a", "2", "2", "1"), ("head=b", "3", "2", "0")
    ]  # fmt: skip
    assert [float(row["f1_weighted/mean"]) for row in means] == [each.f1.mean for each in found.settings]
    assert float(means[0]["utterance_low"]) < float(means[0]["f1_weighted/mean"]) < float(means[0]["utterance_high"])

    def refuse(constant):
        raise AssertionError(constant)

    compared = json.loads((tmp_path / "comparisons.json").read_text(), parse_constant=refuse)
    (pair,) = compared["pairs"]
    assert (pair["a"], pair["b"], pair["is_claimed"]) == ("head=a", "head=b", True)
    assert [len(each["run_ids"]) for each in compared["settings"]] == [2, 2]
    page = (tmp_path / "sweep.md").read_text()
    assert "# Sweep over head and seed: 5 jobs, 4 finished, 1 did not." in page
    assert "| head | finished | weighted F, over seeds |" in page
    assert "head=b seed=2: no\\|room left" in page
    assert "Can be claimed: head=a over head=b" in page


def test_an_interval_that_cannot_be_said_is_null(tmp_path):
    jobs = [with_decisions(head, 0, 0, {"001": True}) for head in "ab"]
    written(tmp_path, jobs)
    (pair,) = json.loads((tmp_path / "comparisons.json").read_text())["pairs"]
    assert (pair["n_utterances"], pair["low"], pair["high"]) == (1, None, None)


def test_the_page_warns_beside_the_numbers(tmp_path):
    tags = {"dataset.made_up": "true", "cautions": "Only 1 of the 9 clips is sarcastic."}
    jobs = [*grid({"a": [0.6]}, **tags, **{"split.leaky": "true"}), *grid({"b": [0.6]}, **tags)]
    jobs[1] = Made(**{**vars(jobs[1]), "run_id": "b" * 32})
    written(tmp_path, jobs)
    page = (tmp_path / "sweep.md").read_text()
    assert (
        "**The clips are made up (synthesised sound): the scores show that everything works, and nothing else.**"
        in page
    )
    assert "**1 of 2 jobs: The split leaks: what was tested, or copies of it, was heard in training;" in page
    assert "| made up, leaky |" in page
    assert "- 2 of 2 jobs: Only 1 of the 9 clips is sarcastic." in page


def test_a_sweep_without_jobs_or_scores_is_written_too(tmp_path):
    for name, jobs in (("none", []), ("failed", [job(0, status="FAILED", metrics={})])):
        (tmp_path / name).mkdir()
        written(tmp_path / name, jobs)
        assert list((tmp_path / name / "plots").iterdir()) == []
        assert "No job finished" in (tmp_path / name / "sweep.md").read_text()


def many(n: int) -> list[Made]:
    """So many jobs of two heads and many learning rates."""
    return [
        job(number, (f"head={'ab'[number % 2]}", f"trainer.learning_rate={rate}"),
            {"head.name": "ab"[number % 2], "trainer.learning_rate": rate},
            metrics={"test/utterance/f1_weighted": 0.4 + number / 300, METRIC: number / 300, "gain/f1_weighted": 0.0,
                     "baseline/majority/f1_weighted": 0.33}, files={"predictions.csv": decisions(LABELS, set())})
        for number, rate in enumerate(np.geomspace(1e-5, 1e-2, n).tolist())
    ]  # fmt: skip


@pytest.mark.parametrize("n", [1, 12, 100])
def test_the_pictures_are_drawn_for_few_and_many_jobs(n, tmp_path):
    sweeps.write(tmp_path, gather(many(n), METRIC, False), NOTHING_COMPARED)
    plots = sorted((tmp_path / "plots").iterdir())
    assert [path.name for path in plots] == [
        *(["effects.png", "effects.svg"] if n > 1 else []),
        "sweep.png",
        "sweep.svg",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n") for path in plots if path.suffix == ".png")


def test_what_was_written_once_is_written_the_same_again(tmp_path):
    found = gather(many(2), METRIC, False)
    for name in ("once", "again"):
        (tmp_path / name).mkdir()
        sweeps.write(tmp_path / name, found, NOTHING_COMPARED)
    once, again = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("once", "again")
    )
    assert len(once) == 9
    assert once == again


def test_of_many_settings_the_highest_and_lowest_are_shown(tmp_path):
    from sarcasm.report.sweep_pictures import SettingScores, settings_picture

    scores = [SettingScores(f"n{number}", [number / 100], None, None, False) for number in range(100)]
    (axes,) = settings_picture(scores).axes
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert shown == [f"n{number}" for number in [*range(99, 79, -1), *range(19, -1, -1)]]
    assert axes.get_xlabel() == "weighted F of the 20 highest and the 20 lowest of 100 settings"
    (axes,) = settings_picture(scores[:40]).axes
    assert len(axes.get_yticklabels()) == 40
    assert axes.get_xlabel() == "weighted F"


def test_the_means_of_an_option_are_over_all_jobs_of_a_value():
    from sarcasm.report.sweep_pictures import effects_picture

    points = [("30", 0.5), ("4", 0.8), ("30", 0.7), ("4", 0.6), ("30", 0.9)]
    (axes,) = effects_picture({"trainer.steps": points}).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["4", "30"]
    jobs, means = axes.get_lines()
    assert sorted(jobs.get_xydata().tolist()) == [[0, 0.6], [0, 0.8], [1, 0.5], [1, 0.7], [1, 0.9]]
    assert means.get_ydata() == pytest.approx([0.7, 0.7])


# The terminal


def said(capsys) -> str:
    """What was printed, without blanks at the ends of lines."""
    return "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines()) + "\n"


def test_a_whole_sweep_on_the_terminal(capsys):
    jobs = [with_decisions(head, seed, n) for head, n in (("a", 6), ("b", 60)) for seed in (0, 1)]
    jobs[0].metrics.update({"interval/utterance/f1_weighted/low": 0.9, "interval/utterance/f1_weighted/high": 0.99})
    for each in jobs:
        each.tags["dataset.made_up"] = "true"
    jobs.append(job(5000, ("head=b", "seed=2"), {"head.name": "b", "seed": 2}, "FAILED", {}, error="the loss is nan"))
    found = gather(jobs, METRIC, False)
    terminal.say_sweep(found, sweeps.claims(found, jobs), "c0ffee", "make ui, or mlflow ui")
    assert (
        said(capsys)
        == """
Sweep over head and seed: 5 jobs, 4 finished, 1 did not.
The clips are made up (synthesised sound): the scores show that everything works, and nothing else.

run       head  seed  status    weighted F            validation  time
000003ca  a     0     FINISHED  0.950 (0.90 to 0.99)  0.850       4.2 s
000003cb  a     1     FINISHED  0.950                 0.850       4.2 s
000003d4  b     0     FINISHED  0.500                 0.400       4.2 s
000003d5  b     1     FINISHED  0.500                 0.400       4.2 s
00001388  b     2     FAILED                                      4.2 s

head  finished  weighted F, over seeds  95 %, all seeds  validation, over seeds
a     2 of 2    0.950 ± 0.000           0.92 to 0.98     0.850 ± 0.000
b     2 of 3    0.500 ± 0.000           0.43 to 0.56     0.400 ± 0.000

Best by validation/utterance/f1_weighted: head=a, 0.850 ± 0.000 over 2 seeds; its weighted F on test clips is 0.950 ± 0.000.
Can be claimed: head=a over head=b, by 0.450 of weighted F (p = 0.0002 over utterances and 0.0002 over speakers).

FAILED 00001388 head=b seed=2: the loss is nan
To go on, run the same command again: what is done is not done again.

Sweep c0ffee; to look at it: make ui, or mlflow ui
"""
    )


def test_a_sweep_of_one_job_on_the_terminal(capsys):
    jobs = [job(1, (), {}, metrics={"test/utterance/f1_weighted": 0.6, "gain/f1_weighted": 0.1, METRIC: 0.5})]
    found = gather(jobs, METRIC, False)
    terminal.say_sweep(found, NOTHING_COMPARED, "c0ffee", "make ui")
    assert (
        said(capsys)
        == """
Sweep: 1 job, all finished.

run       status    weighted F  gain    validation  time
00000001  FINISHED  0.600       +0.100  0.500       4.2 s

Best by validation/utterance/f1_weighted: the one setting, 0.500; its weighted F on test clips is 0.600.

Sweep c0ffee; to look at it: make ui
"""
    )


def test_a_few_claims_are_said_and_the_rest_counted(one_ahead, capsys):
    terminal.say_sweep(*one_ahead, "c0ffee", "make ui")
    shown = said(capsys)
    assert shown.count("Can be claimed: head=h03 over ") == 5
    assert "12 comparisons of settings: 12 differences can be claimed.\n" in shown
    assert "7 more can be claimed; they stand in comparisons.json.\n" in shown


def test_long_choices_go_by_the_runs_that_have_them(capsys):
    jobs = [
        job(number, (f"dataset.audio_dir={path}",), {"dataset.audio_dir": path})
        for number, path in enumerate([f"/data/{'x' * 60}/{which}/of/the/clips" for which in "ab"])
    ]
    found = gather(jobs, METRIC, False)
    # Without their middle both are called the same.
    assert [setting.name for setting in found.settings] == ["run 00000000", "run 00000001"]
    terminal.say_sweep(found, NOTHING_COMPARED, "c0ffee", "make ui")
    assert "00000000  /data/xxxxx.../the/clips  FINISHED" in said(capsys)


def test_of_hundreds_of_jobs_some_are_printed(capsys):
    found = gather(many(300), METRIC, False)
    terminal.say_sweep(found, NOTHING_COMPARED, "c0ffee", "make ui")
    shown = said(capsys)
    assert shown.count("FINISHED") == 60
    assert "and 240 more, in sweep.csv and settings.csv of the sweep's run" in shown


@pytest.mark.parametrize(
    ("changed", "arguments", "line"),
    [
        ({}, {}, "#3  FINISHED  pca=on seed=1   weighted F 0.712 (0.60 to 0.81)  validation 0.70  4.2 s  run 1a2b3c4d\n"),
        ({}, {"was_done": True},
         "#3  done before  pca=on seed=1   weighted F 0.712 (0.60 to 0.81)  validation 0.70  run 1a2b3c4d\n"),
        ({"status": "FAILED", "metrics": {}}, {}, "#3  FAILED    pca=on seed=1  4.2 s  run 1a2b3c4d\n"),
        ({}, {"varied": ()}, "#3  FINISHED  pca=on seed=1 trainer.steps=5   weighted F 0.712 (0.60 to 0.81)"
         "  validation 0.70  4.2 s  run 1a2b3c4d\n"),
    ],
    ids=["finished", "done_before", "failed", "all_overrides"],
)  # fmt: skip
def test_a_job_that_has_ended_is_one_line(changed, arguments, line, capsys):
    metrics = {"test/utterance/f1_weighted": 0.712, METRIC: 0.7, "interval/utterance/f1_weighted/low": 0.6,
               "interval/utterance/f1_weighted/high": 0.81}  # fmt: skip
    run = job(1, ("pca=on", "seed=1", "trainer.steps=5"), {}, metrics=metrics)
    run = Made(**{**vars(run), "run_id": "1a2b3c4d" * 4, **changed})
    terminal.say_job(run, 3, METRIC, **{"varied": ("pca", "seed"), **arguments})
    assert capsys.readouterr().out == line


# Runs of a sweep, compared and repeated


def recorded_run(without: tuple[str, ...] = (), *overrides: str) -> Made:
    """A run of the usual choices, as versions before recorded it without some groups."""
    cfg = compose("config", list(overrides))
    chosen_schemas = {group: schema for group, schema in schemas(cfg).items() if group not in without}
    values = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
    text = OmegaConf.to_yaml({key: value for key, value in values.items() if key not in without})
    return job(1, files={"config.yaml": text}, **{"config.schemas": json.dumps(chosen_schemas)})


@pytest.mark.parametrize("without", [(), ("sweep", "force"), ("sweep", "force", "store")])
def test_a_run_of_a_sweep_or_of_a_version_without_sweeps_is_repeated(without):
    tracking = parse(compose("config", [])).tracking
    again = parse(repeat.recorded_config(recorded_run(without, "head=big", "sweep=fail_fast"), tracking))
    assert again.head.name == "big"
    assert (again.sweep.name, again.sweep.fail_fast, again.force) == ("none", False, True)


@pytest.fixture
def alone() -> Made:
    metrics = {"test/utterance/f1_weighted": 0.5}
    return job(1, metrics=metrics, files={"predictions_examples.csv": "utterance\n"})


def test_what_a_sweep_gave_a_run_is_not_repeated(alone, monkeypatch):
    monkeypatch.setattr(Made, "children", lambda self: [])
    monkeypatch.setattr(Made, "history", lambda self, metric: [])
    of_a_sweep = Made(**{**vars(alone), "metrics": alone.metrics | {"seeds/n": 2, "seeds/f1_weighted/mean": 0.6}})
    own_seeds = Made(**{**vars(alone), "metrics": alone.metrics | {"seeds/f1_weighted/mean": 0.6}})
    found = repeat.differences(of_a_sweep, alone)
    assert (found.differences, found.n_metrics) == ((), 1)
    assert [each.what for each in repeat.differences(own_seeds, alone).differences] == [
        "the run: seeds/f1_weighted/mean"
    ]


def test_manners_of_a_sweep_are_no_difference_of_runs():
    files = [{"params.json": json.dumps(OPTIONS | changed)} for changed in ({}, {"force": True, "sweep.metric": "x"})]
    assert compare.differing([job(number, files=each) for number, each in enumerate(files)]) == {}
