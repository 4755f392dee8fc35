"""What is asked of recorded runs: compare, repeat, probe; on runs of the made-up clips in a real store."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

import train
from sarcasm import cli, console
from sarcasm.config import compose, parse, restored, schemas
from sarcasm.options import leaves
from sarcasm.project import PROJECT
from sarcasm.repeat import differences
from sarcasm.report.page import clips_of
from sarcasm.tracking import find_run

FAST = ["trainer.steps=5", "trainer.learning_rate=0.01", "scale=standard", "pca=off", "report.pictures=false"]


@pytest.fixture(scope="module")
def store(tmp_path_factory, made_database) -> str:
    folder = tmp_path_factory.mktemp("asked")
    shutil.copy(made_database, folder / "mlflow.db")
    return f"tracking.uri=sqlite:///{folder}/mlflow.db"


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> str:
    return f"dataset.directory={tmp_path_factory.mktemp('clips')}/smoke"


def trained(*overrides: str) -> str:
    cfg = compose("config", [*FAST, *overrides])
    return train.run(parse(cfg), cfg).run_id


@pytest.fixture(scope="module")
def plain(store, clips) -> str:
    return trained(store, clips)


@pytest.fixture(scope="module")
def folded(store, clips) -> str:
    return trained(store, clips, "split=kfold", "split.k=3", "seeds=[0,1]")


def client_of(store) -> MlflowClient:
    return MlflowClient(store.removeprefix("tracking.uri="))


def artifact(client, run_id, path, tmp_path) -> str:
    tmp_path.mkdir(exist_ok=True)
    return Path(client.download_artifacts(run_id, path, str(tmp_path))).read_text()


def test_one_fit_is_one_plain_run(store, plain):
    children = client_of(store).search_runs(["1"], f"tags.`mlflow.parentRunId` = '{plain}'")
    assert children == []
    run = client_of(store).get_run(plain)
    assert {"test/utterance/f1_weighted", "train/loss", "gain/f1_weighted", "chance/p_value"} < set(run.data.metrics)
    low, high = (run.data.metrics[f"interval/utterance/f1_weighted/{end}"] for end in ("low", "high"))
    assert 0 <= low <= run.data.metrics["test/utterance/f1_weighted"] <= high <= 1
    assert {"baseline/level/f1_weighted", "baseline/linear_svm/f1_weighted", "test/utterance/ece"} < set(
        run.data.metrics
    )


def test_folds_and_seeds_are_nested_runs_under_one_that_pools_them(store, folded, tmp_path):
    client = client_of(store)
    children = client.search_runs(["1"], f"tags.`mlflow.parentRunId` = '{folded}'")
    parent = client.get_run(folded)
    named = {(child.data.params["fold"], child.data.params["seed"]) for child in children}
    assert named == {(f"fold_{fold}", str(seed)) for fold in (1, 2, 3) for seed in (0, 1)}
    assert {child.info.status for child in [*children, parent]} == {"FINISHED"}
    for child in children:
        assert len(client.get_metric_history(child.info.run_id, "train/loss")) == 5
        assert {each.path for each in client.list_artifacts(child.info.run_id)} > {"model", "predictions.csv"}
    assert not client.get_metric_history(folded, "train/loss")

    rows = list(csv.DictReader(io.StringIO(artifact(client, folded, "predictions.csv", tmp_path))))
    assert len(rows) == 2 * 48
    assert len({row["utterance"] for row in rows}) == 48
    right = sum(row["label"] == row["decision"] for row in rows) / len(rows)
    assert parent.data.metrics["test/utterance/accuracy"] == pytest.approx(right)

    fits = list(csv.DictReader(io.StringIO(artifact(client, folded, "fits.csv", tmp_path))))
    assert {row["run"] for row in fits} == {child.info.run_id for child in children}
    by_fold: dict[str, list[float]] = {}
    for row in fits:
        by_fold.setdefault(row["fold"], []).append(float(row["f1_weighted"]))
        child = client.get_run(row["run"])
        assert child.data.metrics["test/utterance/f1_weighted"] == pytest.approx(float(row["f1_weighted"]))
    means = [sum(each) / 2 for each in by_fold.values()]
    assert parent.data.metrics["folds/f1_weighted/mean"] == pytest.approx(sum(means) / 3)
    assert {"seeds/f1_weighted/sd", "folds/auroc/sd"} < set(parent.data.metrics)


def test_the_audit_stands_in_the_run(store, plain, tmp_path):
    client = client_of(store)
    tags = client.get_run(plain).data.tags
    assert (tags["split.leaky"], tags["audit.utterances"], tags["audit.speakers"]) == ("false", "0", "10")
    overlaps = artifact(client, plain, "audit/overlaps.csv", tmp_path).splitlines()
    assert overlaps[0] == "fold,sides,kind,utterances,shared,forbidden,ids"
    balances = list(csv.DictReader(io.StringIO(artifact(client, plain, "audit/balances.csv", tmp_path))))
    whole = {row["side"]: int(row["utterances"]) for row in balances if row["group"] == "all"}
    assert whole == {"train": 38, "test": 10}


def test_a_strict_audit_refuses_to_train_and_the_run_says_why(store, clips, capsys):
    from sarcasm.errors import SplitError

    with pytest.raises(
        SplitError, match=r"^split=example with split\.audit=strict refuses to train\. The split leaks: "
    ):
        trained(store, clips, "split=example", "split.audit=strict", "tracking.run_name=refused")
    (run,) = client_of(store).search_runs(["1"], "attributes.run_name = 'refused'")
    assert run.info.status == "FAILED"
    assert run.data.tags["split.leaky"] == "true"
    assert "train/loss" not in run.data.metrics
    assert "refuses to train" in run.data.tags["error"]


def test_a_config_comes_back_from_what_a_run_recorded():
    from omegaconf import OmegaConf

    cfg = compose("config", ["head=svm", "split=mustard_sd", "embedding=mfcc_stats", "seeds=[3,4]"])
    again = restored(OmegaConf.create(OmegaConf.to_yaml(cfg, resolve=True)), schemas(cfg))
    assert leaves(again) == leaves(cfg)
    assert parse(again) == parse(cfg)


@pytest.mark.parametrize("is_known", [True, False])
def test_the_paths_of_a_project_that_was_moved_since_lead_into_it(is_known, tmp_path):
    from omegaconf import OmegaConf

    chosen = tmp_path / "models" / "vggish_model.ckpt"
    chosen.parent.mkdir()
    chosen.touch()
    cfg = compose("config", [f"embedding.checkpoint={chosen}"])
    text = OmegaConf.to_yaml(cfg, resolve=True).replace(str(PROJECT), "/somewhere/else")
    again = restored(OmegaConf.create(text), schemas(cfg), "/somewhere/else" if is_known else "")
    assert again.dataset.directory == str(PROJECT / "data" / "smoke")
    assert again.pca.params == str(PROJECT / "models" / "vggish_pca_params.npz")
    assert again.embedding.checkpoint == str(chosen)


@pytest.mark.parametrize("which", ["plain", pytest.param("folded", marks=pytest.mark.slow)])
def test_a_run_repeats_to_the_bit(which, store, capsys, request):
    run_id = request.getfixturevalue(which)
    assert cli.main(["repeat", run_id[:12], store]) == console.DONE
    last = capsys.readouterr().out.splitlines()[-1]
    n_losses = 5 if which == "plain" else 30
    assert last.startswith(f"Repeated: all {n_losses} losses, ")
    assert last.endswith(f"equal those of {run_id} to the bit.")
    (again,) = client_of(store).search_runs(["1"], f"tags.`repeat.of` = '{run_id}'")
    assert again.data.params["trainer.checkpoint_seconds"] == "None"
    assert again.data.tags["config.hash"] == client_of(store).get_run(run_id).data.tags["config.hash"]


def test_a_run_of_another_seed_is_no_repetition(store, clips, plain):
    options = parse(compose("config", [store])).tracking
    other = trained(store, clips, "seed=7")
    found = differences(*(find_run(options, Path.cwd(), run_id) for run_id in (plain, other)))
    what = {each.what for each in found.differences}
    assert {"config.hash", "the run: train/loss, value 0", "the run: test/utterance/auroc"} < what
    assert not any("time/" in each for each in what)


def test_a_repetition_without_all_fits_is_none(store, folded, monkeypatch):
    options = parse(compose("config", [store])).tracking
    whole, fewer = (find_run(options, Path.cwd(), folded) for _ in range(2))
    monkeypatch.setattr(type(fewer), "children", lambda self: [] if self is fewer else whole_children)
    whole_children = client_children(store, whole)
    what = [each.what for each in differences(whole, fewer).differences]
    assert what == [f"fold fold_{fold}, seed {seed}" for fold in (1, 2, 3) for seed in (0, 1)]


def client_children(store, run):
    options = parse(compose("config", [store])).tracking
    found = client_of(store).search_runs(["1"], f"tags.`mlflow.parentRunId` = '{run.run_id}'")
    return [find_run(options, Path.cwd(), each.info.run_id) for each in found]


def test_a_run_that_did_not_finish_is_not_repeated(store, clips, capsys):
    from sarcasm.errors import SplitError

    with pytest.raises(SplitError):
        trained(store, clips, "split=example", "split.audit=strict", "tracking.run_name=stopped")
    capsys.readouterr()
    assert cli.main(["repeat", "stopped", store]) == console.FAILED
    assert "(stopped) is FAILED: there is no whole of it to compare with" in capsys.readouterr().err


def test_one_fit_of_several_is_not_repeated_by_itself(store, folded, capsys):
    child = client_of(store).search_runs(["1"], f"tags.`mlflow.parentRunId` = '{folded}'")[0].info.run_id
    assert cli.main(["repeat", child, store]) == console.FAILED
    assert capsys.readouterr().err == f"error: run {child} is one fit of run {folded}; repeat that one\n"


def test_two_runs_are_compared_with_what_differs_and_what_can_be_claimed(store, clips, plain, capsys):
    other = trained(store, clips, "head=svm", "store=off", "trainer.checkpoint_seconds=5")
    capsys.readouterr()
    assert cli.main(["compare", plain, other, store]) == console.DONE
    shown = capsys.readouterr().out
    assert "head.name" in shown
    assert "dataset.name" not in shown
    assert "tracking" not in shown
    assert " claimed: " in shown
    assert cli.main(["compare", plain, other, "--json", store]) == console.DONE
    found = json.loads(capsys.readouterr().out)
    (pair,) = found["pairs"]
    assert (pair["a"], pair["b"], pair["n_utterances"]) == (plain, other, 10)
    client = client_of(store)
    for which in ("a", "b"):
        assert pair[f"f1_weighted_{which}"] == client.get_run(pair[which]).data.metrics["test/utterance/f1_weighted"]
    assert found["differing"]["head.name"] == ["small", "svm"]
    of_the_place = ("store.", "tracking.", "trainer.checkpoint_seconds")
    assert not [key for key in found["differing"] if key.startswith(of_the_place)]


def test_a_run_with_several_fits_is_compared_on_what_both_tested(store, plain, folded, capsys):
    assert cli.main(["compare", folded, plain, store]) == console.DONE
    shown = capsys.readouterr().out
    assert "On the 10 utterances that both tested; 38 and 0 that only one did are left out." in shown
    assert "They were tested in different folds" in shown


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["compare", "last"], 2, "2 runs are needed, and 1 is named; see sarcasm --help"),
        (["compare", "last", "last"], 1, "a run is named twice; name different ones"),
        (["compare", "last", "nosuchrun"], 1, "there is no run nosuchrun in "),
        (["repeat", "nosuchrun"], 1, "there is no run nosuchrun in "),
        (["repeat", "last", "trainer.steps=1"], 2, "trainer.steps=1: a recorded run is what it is; only tracking...."),
        (
            ["compare", "last", "nosuchrun", "seeds=[7]"],
            2,
            "seeds=[7]: a recorded run is what it is; only tracking....",
        ),
    ],
)
def test_runs_that_are_not_there_are_one_clear_line(arguments, status, text, store, plain, capsys):
    try:
        found = cli.main([*arguments, store])
    except SystemExit as stopped:
        found = stopped.code
    assert found == status
    assert capsys.readouterr().err.startswith(f"error: {text}")


@pytest.mark.slow
def test_runs_on_other_labels_are_not_compared(store, clips, plain, tmp_path, capsys):
    labels = json.loads(Path(clips.removeprefix("dataset.directory="), "sarcasm_data.json").read_text())
    for entry in labels.values():
        entry["sarcasm"] = not entry["sarcasm"]
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    # Whoever has other labels is not made up, and may not have random weights.
    other = trained(store, clips, f"dataset.labels={tmp_path}/labels.json", "embedding=mfcc_stats", "split=kfold",
                    "split.k=2")  # fmt: skip
    assert cli.main(["compare", plain, other, store]) == console.FAILED
    assert "disagree on the label of " in capsys.readouterr().err.splitlines()[-1]


def test_runs_that_may_say_neither_are_not_compared(store, clips, plain, capsys):
    other = trained(store, clips, "decision=round", "trainer.steps=1", "trainer.learning_rate=1e-8")
    status = cli.main(["compare", plain, other, store])
    error = capsys.readouterr().err.splitlines()[-1]
    client = client_of(store)
    has_neither = "interval/utterance/accuracy/low" not in client.get_run(other).data.metrics
    assert (status == console.FAILED) == has_neither
    assert has_neither == error.startswith(f"error: run {other}")


def test_the_page_of_a_run_is_made_again_with_its_sound(store, plain, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page = artifact(client_of(store), plain, "report.html", tmp_path / "download")
    assert all(clip["sound"].startswith("file://") for clip in clips_of(page)["clips"])
    assert cli.main(["report", plain[:8], "--audio", "embedded", store]) == console.DONE
    made = tmp_path / f"report_{plain[:8]}.html"
    assert made.as_uri() in capsys.readouterr().out
    again = clips_of(made.read_text())
    assert all(clip.pop("sound").startswith("data:audio/mpeg;base64,") for clip in again["clips"])
    # All but the sound is as it was recorded.
    expected = clips_of(page)
    for clip in expected["clips"]:
        del clip["sound"]
    assert again == expected
    rows = list(
        csv.DictReader(io.StringIO(artifact(client_of(store), plain, "predictions.csv", tmp_path / "download")))
    )
    said = {clip["id"]: clip["said"][0]["probability"] for clip in again["clips"]}
    assert said == pytest.approx({row["utterance"]: float(row["probability"]) for row in rows}, abs=1e-5)
    # What is there is never overwritten.
    assert cli.main(["report", plain, store]) == console.FAILED
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == f"error: {made.name} is there already; take it away, or name another file with --output"


def test_a_page_of_two_runs_says_what_can_be_claimed(store, clips, plain, folded, tmp_path, capsys):
    output = tmp_path / "two.html"
    assert cli.main(["report", plain, folded, store, "--output", str(output)]) == console.DONE
    html = output.read_text()
    assert "Weighted F on the clips that both tested: A " in html
    assert "Cannot be claimed: " in html
    assert "<code>split.k</code>" in html
    assert clips_of(html)["runs"] == ["A", "B"]
    assert {len(clip["said"]) for clip in clips_of(html)["clips"]} == {2}
    assert {len(clip["said"][1]["votes"]) for clip in clips_of(html)["clips"]} == {2}


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["report"], 2, "1 run is needed, and none is named"),
        (["report", "a", "b", "c"], 2, "a page shows one run or two, not 3; sarcasm compare takes any number"),
        (["report", "last", "last"], 1, "a run is named twice; name different ones"),
        (
            ["report", "last", "--audio", "embeded"],
            2,
            "argument --audio: there is no audio embeded; did you mean embedded?",
        ),
        (["report", "last", "--output", "/nowhere/at/all.html"], 1, "/nowhere/at"),
    ],
)
def test_a_page_that_cannot_be_made_is_one_line(arguments, status, text, store, plain, capsys):
    try:
        found = cli.main([*arguments, store])
    except SystemExit as stopped:
        found = stopped.code
    assert found == status
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"error: {text}")


def test_a_run_without_a_page_says_so(store, tmp_path, plain, capsys):
    client = client_of(store)
    empty = client.create_run("1", run_name="empty").info.run_id
    client.set_terminated(empty)
    assert cli.main(["report", empty, store]) == console.FAILED
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"error: run {empty} (empty, FINISHED) has no report.html that can be read; was it made by train.py, and did it"
        " finish?"
    )
    client.delete_run(empty)


def test_a_probe_tells_what_else_the_embeddings_tell(store, clips, capsys):
    assert cli.main(["probe", *FAST, clips, store, "head=linear"]) == console.DONE
    shown = capsys.readouterr().out
    assert "Sarcasm by clip length and level alone (split=utterance): weighted F " in shown
    (run,) = client_of(store).search_runs(["1"], "tags.probe = 'true'")
    metrics = run.data.metrics
    assert metrics["probe/speaker/n_classes"] == 6
    assert metrics["probe/show/n_classes"] == 2
    assert all(0 <= metrics[f"probe/{target}/accuracy"] <= 1 for target in ("speaker", "show"))


def test_speakers_are_told_apart_where_they_can_be_and_not_where_they_cannot(rng):
    from dataclasses import replace

    import numpy as np

    from sarcasm import probe
    from sarcasm.features import Scale
    from sarcasm.fit import Adam, ClassWeight
    from sarcasm.heads import SVM
    from tests.conftest import make_table

    speakers = [f"SPEAKER{number % 5}" for number in range(100)] + ["RARE"] * 3
    table = make_table([True, False, False] * 34 + [True], [2] * 103, speakers=speakers)
    trainer = Adam("adam", 1, 0.0, ClassWeight.none, None, 1e-3, 1e-8, None, None)
    voices = rng.standard_normal((5, 128)) * 2
    whose = np.array([number % 5 if number < 100 else 0 for number in table.utterance])
    X = rng.standard_normal((206, 128))
    heard = replace(table, X=(X + voices[whose]).astype(np.float32))
    head = SVM(name="svm", C=1.0, gamma="scale")
    told = probe.name(heard, "speaker", head, trainer, Scale.standard, 0)
    assert (told.n_classes, told.n_left_out, told.accuracy) == (5, 3, 1.0)
    assert told.p_value < 1e-3
    untold = probe.name(replace(table, X=X.astype(np.float32)), "speaker", head, trainer, Scale.standard, 0)
    assert untold.p_value > 0.01
    assert (
        probe.name(
            replace(heard, utterances=tuple(replace(each, speaker="") for each in table.utterances)),
            "speaker",
            head,
            trainer,
            Scale.none,
            0,
        )
        is None
    )
