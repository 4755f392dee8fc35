"""What a sweep would do: told without doing any of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from sarcasm.config import compose
from sarcasm.explain import read_command_line
from sarcasm.plan import Plan, plan, say
from sarcasm.tracking import sweep_key


@pytest.fixture
def options(tmp_path: Path, made_database: Path, own_environment: None) -> list[str]:
    """Where the plan looks: a tracking store and a store of embeddings of this test's own."""
    shutil.copy(made_database, tmp_path / "mlflow.db")
    return [f"tracking.uri=sqlite:///{tmp_path}/mlflow.db", f"store.path={tmp_path}/embeddings.db"]


def said(found: Plan, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    say(found)
    return capsys.readouterr().out


def finished(
    client: MlflowClient, tags: dict[str, str], params: dict[str, str], seconds: float, **metrics: float
) -> str:
    run = client.create_run("0", start_time=1_000, tags=tags)
    for key, value in params.items():
        client.log_param(run.info.run_id, key, value)
    for key, value in metrics.items():
        client.log_metric(run.info.run_id, key.replace("__", "/"), value)
    client.set_terminated(run.info.run_id, "FINISHED", 1_000 + round(seconds * 1000))
    return str(run.info.run_id)


def test_every_job_is_told_with_what_it_embeds_and_what_is_wrong(options, capsys):
    found = plan(["-m", "head=small,linear", "seed=0,1,1", "trainer.steps=5,-1", *options, "sweep.plan=true"])
    assert len(found.jobs) == 12
    assert found.jobs[0].overrides[:3] == ("head=small", "seed=0", "trainer.steps=5")
    to_do = [number for number, job in enumerate(found.jobs) if job.is_to_do]
    assert to_do == [0, 2, 6, 8]
    assert [job.same_as for job in found.jobs if job.same_as is not None] == [2, 8]
    assert {job.problem for job in found.jobs if job.problem} == {"trainer.steps=-1: at least 1 is needed"}
    # What the first embeds, the others find.
    assert [found.jobs[number].n_to_embed for number in to_do] == [48, 0, 0, 0]
    text = said(found, capsys)
    assert "12 jobs: 2 the same as another, 6 wrong, 4 to do." in text
    assert "To embed: 48 clips" in text
    assert "How long 4 of the jobs take no past run tells." in text


def test_jobs_may_differ_in_an_option_that_has_no_default(options, tmp_path):
    names = ["my clips (1).csv", "it's.csv"]
    typed = f"dataset.manifest={','.join(str(tmp_path / name) for name in names)}"
    words = read_command_line(["-m", "dataset=manifest", typed, *options, "sweep.plan=true"])
    found = plan(words)
    problems = [job.problem for job in found.jobs]
    assert [each.partition(" is not there")[0] for each in problems] == [
        f"dataset.manifest: {tmp_path / name}" for name in names
    ]


def test_times_come_of_the_runs_that_are_most_like_a_job(options, tmp_path, capsys):
    client = MlflowClient(options[0].split("=", 1)[1])
    alike = {
        "dataset.name": "smoke", "embedding.name": "vggish", "head.name": "small", "split.name": "utterance",
        "trainer.steps": "5", "embedding.train": "False", "seeds": "[]",
    }  # fmt: skip
    finished(client, {}, alike, 14.0, time__embed=10.0, store__misses=100.0)
    finished(client, {}, alike | {"trainer.steps": "30"}, 100.0)
    finished(client, {"probe": "true"}, alike, 1000.0)
    found = plan(["-m", "head=small,big", "trainer.steps=5", "tracking.experiment=Default", *options])
    assert [job.seconds for job in found.jobs] == [pytest.approx(4.0 + 48 * 0.1), None]
    assert found.n_past == 2
    assert "about 9 s, by 2 past runs" in said(found, capsys)


def test_an_embedding_without_the_options_of_another_has_times_too(options):
    alike = {
        "dataset.name": "smoke", "embedding.name": "mfcc_stats", "head.name": "small", "split.name": "utterance",
        "trainer.steps": "5", "seeds": "[]",
    }  # fmt: skip
    finished(MlflowClient(options[0].split("=", 1)[1]), {}, alike, 14.0, time__embed=10.0, store__misses=100.0)
    words = ["embedding=mfcc_stats", "embedding.separate_vocals=false", "pca=off", "tracking.experiment=Default"]
    found = plan(["-m", "seed=0,1", "trainer.steps=5", *words, *options])
    assert [job.seconds for job in found.jobs] == [pytest.approx(4.0 + 48 * 0.1), pytest.approx(4.0)]


def test_jobs_that_the_same_sweep_has_done_are_told(options, capsys):
    words = ["head=small,linear", *options, "tracking.experiment=Default"]
    first = plan(["-m", *words])
    assert [job.done for job in first.jobs] == ["", ""]
    from dataclasses import replace

    from sarcasm import embeddings
    from sarcasm.config import identity, parse

    cfg = compose("config", ["head=linear", *words[1:]])
    config = parse(cfg)
    with config.store.open() as store:
        corpus = replace(config.dataset.read(), hash_files=store.hashes)
        material = embeddings.material(corpus, config.embedding, config.pca, config.reading, store)
    client = MlflowClient(options[0].split("=", 1)[1])
    sweeper = compose("config", [], with_hydra=True).hydra.sweeper
    # In another order, and elsewhere: the same sweep.
    key = sweep_key(list(reversed(words)), sweeper)
    parent = finished(client, {"sweep": "true", "sweep.key": key}, {}, 1.0)
    job = finished(client, {"mlflow.parentRunId": parent, "config.hash": identity(cfg, *material.values())}, {}, 1.0)
    assert [each.done for each in plan(["-m", *words]).jobs] == ["", job]
    assert f"done: run {job[:8]}" in said(plan(["-m", *words]), capsys)
    assert [each.done for each in plan(["-m", *words, "force=true"]).jobs] == ["", ""]


def test_a_plan_makes_no_tracking_store(tmp_path, own_environment):
    found = plan([f"tracking.uri=sqlite:///{tmp_path}/none.db", f"store.path={tmp_path}/embeddings.db"])
    assert (len(found.jobs), found.n_past) == (1, 0)
    assert not (tmp_path / "none.db").exists()
