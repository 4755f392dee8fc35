"""What is read back of a run whose artifacts are damaged: the same, or an error that names artifact and run."""

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sarcasm import api, compare, pages, repeat, report, scoring
from sarcasm.audio import SAMPLE_RATE
from sarcasm.errors import AudioError, ConfigError, SarcasmError, TrackingError
from sarcasm.files import sha256
from sarcasm.report.options import Audio, Map, Report
from sarcasm.report.page import clips_of
from sarcasm.runs.differ import differences
from sarcasm.scoring import Decision, Predictions
from sarcasm.splits import AuditPolicy, Fold, UtteranceSplit, audit
from sarcasm.sweeps.choices import choices
from sarcasm.tracking import Recorded, find_run
from tests.conftest import make_table
from tests.record_fixtures import Records

LOGITS = np.array([[2, -2], [1, 1], [-1, -1], [-3, 3], [1, -1], [1, -1], [-2, 2], [-1, 1]], np.float32)
CONFIG = "seed: 1\nhead:\n  name: small\n  hidden: [100]\n"
ENVIRONMENT = {"python": "3.12", "packages": {"numpy": "2.0"}}


def reported(folder: Path) -> dict[str, float]:
    """Write the page and the decisions of a run on four clips of a second; gives its metrics."""
    table = make_table([True, False] * 4, [2] * 8, speakers=["ANNA", "BEN"] * 4)
    (folder / "clips").mkdir()
    for each in table.utterances:
        noise = np.random.default_rng(len(each.id)).normal(0, 0.1, SAMPLE_RATE)
        soundfile.write(folder / "clips" / f"{each.id}.wav", noise, SAMPLE_RATE)
    utterances = tuple(replace(each, path=folder / "clips" / f"{each.id}.wav") for each in table.utterances)
    table, predictions = replace(table, utterances=utterances), [Predictions("holdout", np.arange(8, 16), LOGITS, 1)]
    folds = [Fold("holdout", np.arange(8), np.arange(8, 16))]
    split = UtteranceSplit(name="utterance", audit=AuditPolicy.warn, test_size=0.5, stratify=True)
    result = scoring.result(predictions, [], folds, table, Decision.argmax, seed=0, is_leaky=False)
    facts = report.facts(table, folds, audit(folds, table, split), "own", "vggish", "small", "utterance", [1], 0)
    hashes = {each.id: sha256(each.path) for each in table.utterances}
    heard = report.heard(predictions, result.utterances, table, {}, 0.96, hashes)
    how = Report("linked", Audio.linked, log_mel=False, pictures=False, map=Map.pca)
    (folder / "files").mkdir()
    report.write(folder / "files", "run", facts, ["Beware."], {}, result, ["run"], table, {"seed": 1}, heard, how, 0)
    return result.metrics()


@pytest.fixture(scope="module")
def store(tmp_path_factory, made_database) -> tuple[Records, Path, list[str]]:
    """Two runs with whole artifacts, and the folder of the first one's."""
    folder = tmp_path_factory.mktemp("damaged")
    shutil.copy(made_database, folder / "mlflow.db")
    metrics, records = reported(folder), Records(folder)
    tags = {
        "cautions": "Mind this.",
        "overrides": json.dumps(["seed=1"]),
        "config.schemas": json.dumps({"head": "head_mlp"}),
    }
    files = {path.name: path.read_text() for path in (folder / "files").glob("*.*")}
    files |= {"config.yaml": CONFIG, "environment.json": json.dumps(ENVIRONMENT)}
    ids = [
        records.add(f"run {number}", metrics=metrics, tags=tags, artifacts=files, params={"head.name": str(number)})
        for number in range(2)
    ]
    return records, folder / "mlruns" / "sarcasm" / ids[0] / "artifacts", ids


@pytest.fixture(autouse=True)
def few_swaps(monkeypatch):
    monkeypatch.setattr(compare, "N_SWAPS", 100)
    monkeypatch.setattr(compare, "DRAWS_BELOW", 5)


@pytest.fixture
def recorded(store, tmp_path) -> list[Recorded]:
    records, artifacts, ids = store
    shutil.copytree(artifacts, tmp_path / "whole")
    yield [find_run(records.options, artifacts, run_id) for run_id in ids]
    shutil.rmtree(artifacts)
    shutil.copytree(tmp_path / "whole", artifacts)


def ask_compare(runs):
    differing = compare.differing(runs)
    return differing, [pair.result for pair in compare.compare([compare.read(run) for run in runs])]


def ask_diff(runs):
    found = differences(runs)
    return found.settings, found.environment, found.metrics


def ask_api(runs):
    return api.Run(runs[0]).options, api.Run(runs[0]).predictions("example").to_csv()


READERS = {
    "compare": (ask_compare, ("predictions.csv",)),
    "diff": (ask_diff, ("params.json", "environment.json")),
    "report": (lambda runs: pages.page_again(runs[0], Audio.none), ("report.html",)),
    "report of two": (lambda runs: pages.page_of_both(*runs, Audio.none), ("params.json",)),
    "api": (ask_api, ("params.json", "predictions_examples.csv")),
    "losses and decisions": (lambda runs: repeat.differences(*runs).differences, ("predictions_examples.csv",)),
}  # fmt: skip
DAMAGES = {
    "empty": lambda data: b"",
    "cut": lambda data: data[: len(data) // 2],
    "cut at its end": lambda data: data[:-3],
    "not UTF-8": lambda data: b"\xff\xfe" + data,
    "a list": lambda data: b'["a", 1]\n',
    "null": lambda data: b"null\n",
    "nested": lambda data: b"[" * 100_000 + b"\n",
    "NUL": lambda data: b"\x00" * len(data) + b"\n",
    "a long field": lambda data: b"a" * 200_000 + b"\n",
    "a huge number": lambda data: b'{"seed": ' + b"9" * 5000 + b"}\n",
    "gone": None,
}


@pytest.mark.parametrize("reader", READERS)
def test_whole_artifacts_are_read(recorded, reader):
    assert READERS[reader][0](recorded) is not None


@pytest.mark.parametrize(("reader", "artifact"), [(name, each) for name, (_, all_) in READERS.items() for each in all_])
def test_damage_is_told_with_artifact_and_run(store, recorded, reader, artifact):
    _, artifacts, ids = store
    whole = (artifacts / artifact).read_bytes()
    for kind, damage in DAMAGES.items():
        if (artifact, kind) == ("environment.json", "gone"):
            continue  # is no damage: earlier versions did not write it
        (artifacts / artifact).unlink(missing_ok=True)
        if damage:
            (artifacts / artifact).write_bytes(damage(whole))
        with pytest.raises(SarcasmError) as caught:
            READERS[reader][0](recorded)
        error = str(caught.value)
        assert artifact in error, kind
        assert ids[0] in error, kind
        assert "\n" not in error


def test_a_machine_that_is_not_recorded_is_no_damage(store, recorded):
    (store[1] / "environment.json").unlink()
    assert differences(recorded).unrecorded == [recorded[0]]


@pytest.mark.parametrize(("old", "new", "why"), [
    ("1_004,holdout,1,", "1_004,holdout,0,", "0.7500 of its decisions are right, and the run counted 1.0000"),
    ("1_004,holdout,1,", "1_004,holdout,2,", "row 1 has '2' as its label"),
    (",decision,", ",decided,", "it has no column decision"),
    (",decision,", ",label,", "its head does not name each column once"),
    ("holdout,1,", "holdout,1,1,", "row 1 has 9 values under 8 columns"),
    ("1,0.", "1,nan", "row 1 has 'nan"),
    ("utterance,", '"utterance,', "it is no table (unexpected end of data)"),
])  # fmt: skip
def test_decisions_are_those_that_the_scores_were_computed_from(store, recorded, old, new, why):
    path = store[1] / "predictions.csv"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(
        TrackingError, match=rf"^predictions.csv of run {store[2][0]} \(run 0\) is damaged: {re_escaped(why)}"
    ):
        compare.read(recorded[0])


def re_escaped(text: str) -> str:
    return "".join(f"\\{each}" if each in "()." else each for each in text)


def test_half_of_the_decisions_are_not_taken_for_all(store, recorded):
    path = store[1] / "predictions.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    with pytest.raises(TrackingError, match="is damaged: it has 3 decisions, and the run counted 4;"):
        compare.read(recorded[0])


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1, 2]",
        "a: [",
        "just words",
        "a: &x [1]\nb: *x",
        "a: ${b}\n",
        "head: 1\n",
        "head: {hidden: x}\n",
        "nosuch: 1\n",
        "\x00",
    ],
)
def test_a_config_that_is_none_is_not_repeated(store, recorded, content):
    (store[1] / "config.yaml").write_text(content)
    with pytest.raises(SarcasmError) as caught:
        repeat.recorded_config(recorded[0], {})
    assert str(caught.value).startswith(f"config.yaml of run {store[2][0]} ")


@pytest.mark.parametrize(("content", "why"), [
    ("seed: 2\n", "it does not say head.name"),
    ("head: {name: '7'}\n", "its head.name is '7', and the run was made with '0'"),
])  # fmt: skip
def test_a_config_that_lacks_a_line_or_says_another_value_is_not_repeated(store, recorded, content, why):
    (store[1] / "config.yaml").write_text(content)
    with pytest.raises(TrackingError, match=f"^config.yaml of run {store[2][0]} .run 0. is damaged: {why};"):
        repeat.recorded_config(replace(recorded[0], params={"head.name": "0"}), {})


def test_an_option_that_no_longer_exists_is_told_with_its_run(store, recorded):
    (store[1] / "config.yaml").write_text("head: {name: '0'}\nnosuch: 1\n")
    with pytest.raises(SarcasmError, match=f"^config.yaml of run {store[2][0]} .run 0.: the run's config does not fit"):
        repeat.recorded_config(replace(recorded[0], params={"head.name": "0"}), {})


def test_options_are_those_that_the_run_was_made_with(store, recorded):
    path = store[1] / "params.json"
    path.write_text(path.read_text().replace('"head.name": "0"', '"head.name": "1"'))
    with pytest.raises(
        TrackingError,
        match=r"^params.json of run \w+ \(run 0\) is damaged: its head.name is '1', and the run was made with '0';",
    ):
        recorded[0].options()


@pytest.mark.parametrize("tag", ["[", "{}", "null", "[1]"])
def test_what_was_typed_is_left_out_where_it_cannot_be_read(recorded, tag):
    runs = [replace(run, tags=run.tags | {"overrides": tag}) for run in recorded]
    assert [dict(each) for each in choices(runs).values()] == [{"head": "0"}, {"head": "1"}]
    broken = replace(recorded[0], tags=recorded[0].tags | {"config.schemas": tag})
    with pytest.raises((TrackingError, ConfigError)):
        repeat.recorded_config(broken, {})


def test_only_what_a_run_heard_is_put_into_a_page(store, recorded, tmp_path):
    html = pages.page_again(recorded[0], Audio.embedded)
    assert all(clip["sound"].startswith("data:audio/mpeg;base64,") for clip in clips_of(html)["clips"])
    assert "Mind this." in html
    assert "Beware." in html
    page = store[1] / "report.html"
    clip = clips_of(page.read_text())["clips"][0]
    other = tmp_path / "private.wav"
    soundfile.write(other, np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    for path, why in {other: "not known to be the file", Path("/etc/passwd"): "not known to be", Path("/dev/zero"): "not there"}.items():  # fmt: skip
        page.write_text(page.read_text().replace(clip["path"], str(path)))
        with pytest.raises(AudioError, match=f"^clip {clip['id']}: {path} is {why}"):
            pages.page_again(recorded[0], Audio.embedded)
        clip["path"] = str(path)


def test_without_hashes_only_files_in_the_place_of_the_dataset_are(store, recorded, tmp_path):
    page = store[1] / "report.html"
    text = page.read_text()
    for clip in clips_of(text)["clips"]:
        text = text.replace(clip["sha256"], "")
    page.write_text(text)
    of_run = recorded[0]
    folder = store[0].store.database.parent
    inside = replace(of_run, params=of_run.params | {"dataset.audio_dir": str(folder / "clips")})
    by_table = replace(
        of_run, params=of_run.params | {"dataset.manifest": str(folder / "clips.csv"), "dataset.audio_dir": ""}
    )
    for run in (inside, by_table):
        assert clips_of(pages.page_again(run, Audio.embedded))["clips"][0]["sound"]
    elsewhere = replace(of_run, params=of_run.params | {"dataset.audio_dir": str(tmp_path)})
    of_a_server = replace(inside, store=replace(inside.store, database=None))
    (tmp_path / "link").symlink_to(folder / "clips")
    for run in (elsewhere, replace(elsewhere, params={}), of_a_server):
        if run is of_a_server:
            run = replace(run, store=_Served(run.store))
        with pytest.raises(AudioError, match="is not known to be the file that the run heard"):
            pages.page_again(run, Audio.embedded)


class _Served:
    """A store as a server is one, whose artifacts are still to be had here."""

    def __init__(self, store):
        self.client, self.uri, self.database = store.client, store.uri, None


def test_a_name_that_is_no_utf_8_comes_through(store, recorded):
    page = store[1] / "report.html"
    clip = clips_of(page.read_text())["clips"][0]
    name = os.fsdecode(b"/clips/caf\xe9.wav")
    page.write_text(page.read_text().replace(json.dumps(clip["path"])[1:-1], json.dumps(name)[1:-1]))
    html = pages.page_again(recorded[0], Audio.linked)
    assert clips_of(html)["clips"][0]["sound"] == "file:///clips/caf%E9.wav"
    assert html.encode(errors="backslashreplace").isascii() is False
