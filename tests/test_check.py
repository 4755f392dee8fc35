"""`sarcasm check`: every defect is found, named and answered with what to do; a good folder has none."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sarcasm import cli
from sarcasm.arguments import read
from sarcasm.check import Finding, Report, State, clips, environment, weights
from sarcasm.check.show import show
from sarcasm.corpus import MANIFEST, BadClips, Mustard, ShortClips
from sarcasm.corpus.provenance import Journal, Record
from sarcasm.files import sha256
from sarcasm.prepare.source import Source
from sarcasm.project import PROJECT
from tests.video_fixtures import voice

SECONDS = 1.5


def write(path: Path, samples: np.ndarray, rate: int = 16_000) -> None:
    soundfile.write(path, samples, rate, "FLOAT")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight good clips of two shows and four speakers, prepared by the record."""
    entries = {}
    (tmp_path / "audio").mkdir()
    for number in range(8):
        key = f"{1 + number // 4}_{60 + number}"
        write(tmp_path / "audio" / f"{key}.wav", voice(SECONDS, 16_000, number))
        entries[key] = {
            "utterance": "Made up.", "speaker": "ABCD"[number // 2], "context": [], "context_speakers": [],
            "show": "ONE" if number < 4 else "TWO", "sarcasm": number % 2 == 0,
        }  # fmt: skip
    (tmp_path / "labels.json").write_text(json.dumps(entries), encoding="utf-8")
    return tmp_path


def dataset(folder: Path) -> Mustard:
    return Mustard("own", [], BadClips.fail, ShortClips.pad, 0.05, str(folder / "audio"), str(folder / "labels.json"))


def found(folder: Path) -> dict[str, Finding]:
    findings, _ = clips.examine(dataset(folder))
    assert len({finding.what for finding in findings}) == len(findings)
    return {finding.what: finding for finding in findings}


def prepared(folder: Path, **changed: Any) -> None:
    """Write the records that sarcasm prepare would have left."""
    journal = Journal(folder / "audio")
    for path in sorted((folder / "audio").glob("*.wav")):
        values: dict[str, Any] = {
            "id": path.stem, "file": path.name, "sha256": sha256(path), "sample_rate": 16_000, "samples": 24_000, "seconds": SECONDS,
            "peak": 0.5, "rms": 0.1, "clipped": 0, "source": {}, "tool": "PyAV 1", "parameters": {}, "facts": {}, "warnings": (),
        }  # fmt: skip
        journal.append(Record(**(values | changed)))
    journal.close()


def test_a_good_folder_has_nothing_broken_and_its_numbers_are_right(folder):
    prepared(folder)
    findings, balance = clips.examine(dataset(folder))
    assert {finding.state for finding in findings} == {State.ok}
    assert balance is not None
    assert {(group.name, group.n_clips, group.seconds) for group in balance.classes} == {
        ("sarcastic", 4, 4 * SECONDS),
        ("not sarcastic", 4, 4 * SECONDS),
    }
    assert [(group.name, group.n_clips, group.n_sarcastic) for group in balance.shows] == [("ONE", 4, 2), ("TWO", 4, 2)]
    assert [group.name for group in balance.speakers] == ["ONE / A", "ONE / B", "TWO / C", "TWO / D"]


def remove(folder: Path) -> None:
    (folder / "audio" / "1_60.wav").unlink()


def truncate(folder: Path) -> None:
    path = folder / "audio" / "1_60.wav"
    path.write_bytes(path.read_bytes()[:-4000])


def empty(folder: Path) -> None:
    (folder / "audio" / "1_60.wav").write_bytes(b"")


def scribble(folder: Path) -> None:
    (folder / "audio" / "1_60.wav").write_bytes(b"not a sound" * 100)


def not_a_number(folder: Path) -> None:
    samples = voice(SECONDS, 16_000, 1)
    samples[700] = np.nan
    write(folder / "audio" / "1_60.wav", samples)


def silence(folder: Path) -> None:
    write(folder / "audio" / "1_60.wav", np.zeros(20_000, np.float32))


def nearly_silence(folder: Path) -> None:
    write(folder / "audio" / "1_60.wav", voice(SECONDS, 16_000, 1) * 1e-4)


def shorten(folder: Path) -> None:
    write(folder / "audio" / "1_60.wav", voice(SECONDS, 16_000, 1)[:15_599])


def lengthen(folder: Path) -> None:
    write(folder / "audio" / "1_60.wav", np.tile(voice(SECONDS, 16_000, 1), 21))


def clip(folder: Path) -> None:
    write(folder / "audio" / "1_60.wav", np.clip(voice(SECONDS, 16_000, 1) * 20, -1, 1))


def change_rate(folder: Path) -> None:
    write(folder / "audio" / "1_60.wav", voice(SECONDS, 44_100, 1), 44_100)


def repeat(folder: Path) -> None:
    shutil.copy(folder / "audio" / "1_61.wav", folder / "audio" / "1_60.wav")


def repeat_in_another_format(folder: Path) -> None:
    samples, rate = soundfile.read(folder / "audio" / "1_61.wav", dtype="float32")
    (folder / "audio" / "1_60.wav").unlink()
    whole = np.round(samples * 2**15).astype(np.int16)
    write(folder / "audio" / "1_61.wav", (whole / 2**15).astype(np.float32))
    soundfile.write(folder / "audio" / "1_60.flac", whole, rate)


def add(folder: Path) -> None:
    write(folder / "audio" / "9_99.wav", voice(SECONDS, 16_000, 50))


DEFECTS: dict[Callable[[Path], None], tuple[str, State, tuple[str, ...]]] = {
    remove: ("missing clips", State.broken, ("1_60",)),
    truncate: ("unreadable clips", State.broken, ("1_60",)),
    empty: ("unreadable clips", State.broken, ("1_60",)),
    scribble: ("unreadable clips", State.broken, ("1_60",)),
    not_a_number: ("unreadable clips", State.broken, ("1_60",)),
    silence: ("silent clips", State.note, ("1_60",)),
    nearly_silence: ("silent clips", State.note, ("1_60",)),
    shorten: ("short clips", State.note, ("1_60",)),
    lengthen: ("long clips", State.note, ("1_60",)),
    clip: ("clipped clips", State.note, ("1_60",)),
    change_rate: ("odd sample rates", State.note, ("1_60",)),
    repeat: ("identical clips", State.note, ("1_60", "1_61")),
    repeat_in_another_format: ("identical clips", State.broken, ("1_60", "1_61")),
    add: ("clips without a label", State.note, ("9_99.wav",)),
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_a_planted_defect_is_found_alone_and_rightly_judged(folder, defect):
    defect(folder)
    prepared(folder)
    what, state, ids = DEFECTS[defect]
    findings = found(folder)
    assert (findings[what].state, findings[what].clips) == (state, ids)
    others = {name for name, finding in findings.items() if finding.state is not State.ok} - {what, "clips"}
    assert others <= {"clips of your own"}
    assert (findings["clips"].state is State.broken) == (state is State.broken)
    if state is State.broken:
        assert findings[what].fix


def test_a_clip_that_was_changed_since_it_was_prepared_is_found(folder):
    prepared(folder)
    write(folder / "audio" / "1_60.wav", voice(SECONDS, 16_000, 40))
    finding = found(folder)["changed clips"]
    assert (finding.state, finding.clips) == (State.broken, ("1_60",))


def test_a_clip_that_is_silent_in_its_source_is_noted_and_not_to_be_made_again(folder):
    silence(folder)
    prepared(folder)
    finding = found(folder)["silent clips"]
    assert (finding.state, finding.clips) == (State.note, ("1_60",))
    assert finding.fix == "it would be made so again; take its label out, or give another source"
    assert found(folder)["clips"].state is State.ok


def test_a_pointer_in_place_of_a_clip_is_called_that(folder):
    (folder / "audio" / "1_60.wav").write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    finding = found(folder)["unreadable clips"]
    assert finding.detail == "is a Git LFS pointer, not the file: git lfs pull fetches it"
    assert not finding.fix


def test_channels_that_cancel_out_are_told_from_silence_and_from_damage(folder):
    whole, part = (voice(SECONDS, 16_000, number) for number in (0, 1))
    flipped = np.where(np.arange(len(part)) < 9_600, -part, part)
    write(folder / "audio" / "1_60.wav", np.stack([whole, -whole], axis=1))
    write(folder / "audio" / "1_61.wav", np.stack([part, flipped], axis=1))
    findings = found(folder)
    assert "silent clips" not in findings
    opposite, partly = findings["opposite channels"], findings["partly opposite channels"]
    assert (opposite.state, opposite.clips) == (State.broken, ("1_60",))
    assert opposite.detail.startswith("the channels cancel out: ")
    assert (partly.state, partly.clips) == (State.note, ("1_61",))
    assert opposite.fix == partly.fix == clips.SWAP


@pytest.mark.parametrize(("defect", "what"), [(silence, "silent clips"), (repeat, "identical clips")])
def test_a_clip_that_became_silent_or_identical_since_it_was_prepared_is_broken(folder, defect, what):
    prepared(folder)
    defect(folder)
    assert found(folder)[what].state is State.broken


def test_clips_that_are_identical_in_their_sources_are_noted_beside_others_that_are_broken(folder):
    repeat(folder)
    prepared(folder)
    shutil.copy(folder / "audio" / "2_64.wav", folder / "audio" / "2_65.wav")
    findings, _ = clips.examine(dataset(folder))
    same = {finding.state: finding for finding in findings if finding.what == "identical clips"}
    assert same[State.note].detail == "the same sound under several ids: 1_60 = 1_61"
    assert same[State.broken].detail == "the same sound under several ids: 2_64 = 2_65"
    assert same[State.note].fix == f"so are their sources; {same[State.broken].fix}"


def test_few_missing_clips_of_a_prepared_folder_are_named_in_the_command(folder, monkeypatch):
    monkeypatch.setattr(clips, "how_to_prepare", lambda _: "run: sarcasm prepare original (fetches 1.4 GB)")
    monkeypatch.setattr(clips, "how_to_remake", lambda clip: f"run: sarcasm prepare original --only {clip.stem}")
    remove(folder)
    assert found(folder)["missing clips"].fix == "run: sarcasm prepare original --only 1_60"


def test_one_thing_is_told_as_one(folder):
    remove(folder)
    add(folder)
    findings = found(folder)
    audio = folder / "audio"
    assert findings["missing clips"].detail == f"1 of 8 labels has no clip in {audio}"
    assert findings["clips without a label"].detail == f"1 file in {audio} has no label and is not used"
    (audio / "1_61.wav").unlink()
    write(audio / "9_98.wav", voice(SECONDS, 16_000, 51))
    findings = found(folder)
    assert findings["missing clips"].detail == f"2 of 8 labels have no clip in {audio}"
    assert findings["clips without a label"].detail == f"2 files in {audio} have no label and are not used"


@pytest.mark.parametrize(
    ("n_bad", "verdict"), [(1, "1 thing is not as it should be"), (2, "2 things are not as they should be")]
)
def test_the_verdict_counts_in_the_right_number(capsys, n_bad, verdict):
    show(Report((Finding("own", "clips", State.broken, "bad"),) * n_bad))
    assert capsys.readouterr().out.splitlines()[-1] == f"{verdict}: own: clips"


def test_a_clip_without_a_record_among_others_that_have_one_is_ones_own(folder):
    prepared(folder)
    manifest = folder / "audio" / MANIFEST
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[1:]))
    finding = found(folder)["clips of your own"]
    assert (finding.state, finding.clips) == (State.note, ("1_60",))


def test_a_folder_that_was_made_in_two_ways_is_noted(folder):
    prepared(folder)
    journal = Journal(folder / "audio")
    record = journal.latest("1_60")
    assert record is not None
    journal.append(Record(**{**record.__dict__, "tool": "PyAV 2"}))
    journal.close()
    assert found(folder)["provenance"].detail == "made in 2 different ways (PyAV 1, PyAV 2)"


def test_what_was_said_while_a_clip_was_prepared_is_told_again(folder):
    prepared(folder, warnings=("3 damaged packets left out", "silent"))
    finding = found(folder)["warnings while prepared"]
    assert (finding.detail, len(finding.clips)) == ("3 damaged packets left out", 8)


def test_records_that_cannot_be_read_are_broken(folder):
    (folder / "audio" / MANIFEST).write_text("scribble\n")
    finding = found(folder)["provenance"]
    assert finding.state is State.broken
    assert finding.fix == "delete the line, and the clip counts as your own"


def test_shows_and_speakers_of_one_class_are_noted(folder):
    labels = json.loads((folder / "labels.json").read_text())
    for entry in list(labels.values())[:4]:
        entry["sarcasm"] = True
    (folder / "labels.json").write_text(json.dumps(labels))
    findings = found(folder)
    assert (
        findings["shows of one class"].detail
        == "1 of 2 shows has one class only and gives it away: ONE (4 of 4 sarcastic)"
    )
    assert findings["speakers of one class"].detail.startswith(
        "2 of 4 speakers have one class only and give it away: ONE / A (2 of 2"
    )


def test_names_that_differ_in_case_alone_are_noted(folder):
    entries = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    entries["1_60"]["speaker"], entries["1_61"]["speaker"] = "a", "A\u00a0 "
    entries["2_67"]["show"] = "Two"
    (folder / "labels.json").write_text(json.dumps(entries), encoding="utf-8")
    finding = found(folder)["names"]
    assert (finding.state, finding.detail) == (
        State.note,
        "These shows differ in upper and lower case alone and count as different: TWO / Two. If they are the same, spell"
        " them alike. These speakers differ in upper and lower case alone and count as different: A / a. If they are the"
        " same, spell them alike.",
    )


def test_a_rare_class_is_noted(folder):
    labels = json.loads((folder / "labels.json").read_text())
    template = labels["1_60"]
    for number, entry in enumerate(labels.values()):
        entry["sarcasm"] = number == 0
    for number in range(30):
        key = f"3_{number}"
        labels[key] = {**template, "sarcasm": False}
        write(folder / "audio" / f"{key}.wav", voice(1.0, 16_000, 100 + number))
    (folder / "labels.json").write_text(json.dumps(labels))
    assert found(folder)["class balance"].detail.startswith("3% of 38 clips are sarcastic")


@pytest.mark.parametrize(("gone", "state"), [("labels.json", State.missing), ("audio", State.missing)])
def test_without_labels_or_folder_the_dataset_is_missing(folder, gone, state):
    shutil.rmtree(folder / gone) if gone == "audio" else (folder / gone).unlink()
    findings, balance = clips.examine(dataset(folder))
    assert balance is None
    assert [(finding.what, finding.state) for finding in findings] == [("labels and clips", state)]
    assert findings[0].detail.endswith("is not there")
    assert findings[0].fix


def test_labels_that_are_no_json_are_broken(folder):
    (folder / "labels.json").write_text("{")
    findings, _ = clips.examine(dataset(folder))
    assert findings[0].state is State.broken


@given(seed=st.integers(1000, 2**16), gain=st.sampled_from([0.5, 0.9, 1.1]))
@settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_clip_that_is_only_alike_is_not_identical(folder, seed, gain):
    write(folder / "audio" / "1_60.wav", voice(SECONDS, 16_000, seed))
    write(folder / "audio" / "1_61.wav", voice(SECONDS, 16_000, seed) * np.float32(gain))
    assert "identical clips" not in found(folder)


@given(n_full=st.integers(0, 6), cut=st.integers(0, 20))
@settings(deadline=None, max_examples=40)
def test_three_samples_in_a_row_at_full_scale_are_clipped_and_two_are_not(n_full, cut):
    samples = np.full(20, 0.5, np.float32)
    samples[5 : 5 + n_full] = [1.0, -1.0] * (n_full // 2) + [1.0] * (n_full % 2)
    flat_top = clips._FlatTop()
    for block in (samples[:cut], samples[cut : cut + 1], samples[cut + 1 :]):
        flat_top.look(block)
    assert flat_top.is_there == (n_full >= 3)


# VGGish's files


def sources(checkpoint: Path | None = None, params: Path | None = None) -> tuple[Source, Source]:
    def source(name: str, path: Path | None) -> Source:
        return Source(name, "https://host/file", path and path.stat().st_size, path and sha256(path), None)

    return source("vggish_checkpoint", checkpoint), source("vggish_pca", params)


def test_files_of_ones_own_are_noted_and_the_engines_agree(v1_checkpoint, pca_params):
    findings = {
        each.what: each for each in weights.examine(v1_checkpoint, pca_params, sources(v1_checkpoint, pca_params))
    }
    assert [findings[name].state for name in ("vggish_model.ckpt", "vggish_pca_params.npz")] == [State.ok, State.ok]
    assert findings["smoke test"].state is State.note
    assert findings["smoke test"].detail.startswith(
        "other weights than the released ones: mean and deviation of embeddings "
    )
    assert findings["engine"].state is State.ok


def test_missing_files_are_missing_and_nothing_is_computed(tmp_path):
    findings = list(weights.examine(tmp_path / "a.ckpt", tmp_path / "b.npz", sources()))
    assert [finding.state for finding in findings] == [State.missing, State.missing]


def test_a_file_of_the_right_size_with_other_bytes_is_broken(tmp_path, pca_params):
    damaged = tmp_path / "vggish_pca_params.npz"
    content = bytearray(pca_params.read_bytes())
    content[5000] ^= 1
    damaged.write_bytes(content)
    findings = list(weights.examine(tmp_path / "none.ckpt", damaged, sources(None, pca_params)))
    assert findings[1].state is State.broken
    assert findings[1].detail.startswith("not the file of its source: it has the sha256 ")


def test_a_checkpoint_that_cannot_be_loaded_is_broken(tmp_path, pca_params):
    scribble_file = tmp_path / "vggish_model.ckpt"
    scribble_file.write_bytes(b"scribble" * 100)
    findings = {each.what: each for each in weights.examine(scribble_file, pca_params, sources())}
    assert findings["smoke test"].state is State.broken
    assert "damaged" in findings["smoke test"].detail


@pytest.mark.parametrize(("is_released", "state"), [(True, State.broken), (False, State.note)])
def test_numbers_other_than_the_references_are_broken_for_the_released_files_only(is_released, state):
    assert weights._of_numbers({"embeddings": (0.1, 0.3), "after PCA": (120.0, 80.0)}, is_released).state is state


def test_the_references_own_numbers_are_good():
    assert weights._of_numbers(dict(weights.EXPECTED), True).state is State.ok


# The machine


def test_the_machine_is_told(tmp_path, tracking):
    findings = {each.what: each for each in environment.examine(tracking(), tmp_path, [tmp_path / "not" / "there"])}
    assert {"versions", "machine", "TensorFlow", "tracking store", "disk"} == findings.keys()
    assert {finding.state for finding in findings.values()} <= {State.ok, State.note}
    assert f"python {sys.version.split()[0]}" in findings["versions"].detail
    assert "oneDNN" in findings["TensorFlow"].detail


def test_a_store_that_cannot_be_used_is_broken(tmp_path, tracking):
    finding = environment._of_store(tracking(uri="file:./mlruns"), tmp_path)
    assert finding.state is State.broken
    assert finding.fix.startswith("use sqlite:///FILE")


@pytest.mark.parametrize(("free", "state"), [(5e8, State.broken), (3e9, State.note), (9e9, State.ok)])
def test_a_full_disk_is_told(tmp_path, monkeypatch, free, state):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=int(free)))
    (finding,) = environment._of_disk([tmp_path])
    assert finding.state is state


# The command


def run_check(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sarcasm.cli", "check", *words]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300)


def options(folder: Path) -> list[str]:
    return [
        f"dataset.audio_dir={folder}/audio", f"dataset.labels={folder}/labels.json", f"tracking.uri=sqlite:///{folder}/mlflow.db",
        f"embedding.checkpoint={folder}/none.ckpt",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_command_says_that_a_good_folder_is_good(folder):
    prepared(folder)
    done = run_check("original", *options(folder))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].startswith("Nothing is broken")
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_command_finds_every_defect_at_once_and_json_has_it_all(folder):
    prepared(folder)
    labels = json.loads((folder / "labels.json").read_text())
    names = ["1_61", "1_62", "1_63", "2_64", "2_65"]
    truncate(folder)
    write(folder / "audio" / f"{names[0]}.wav", np.zeros(20_000, np.float32))
    write(folder / "audio" / f"{names[1]}.wav", voice(0.5, 16_000, 5))
    write(folder / "audio" / f"{names[2]}.wav", np.clip(voice(SECONDS, 44_100, 5) * 20, -1, 1), 44_100)
    shutil.copy(folder / "audio" / "2_66.wav", folder / "audio" / f"{names[3]}.wav")
    (folder / "audio" / f"{names[4]}.wav").unlink()
    add(folder)
    done = run_check("original", "--json", *options(folder))
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["is_broken"] is True
    states = {
        finding["what"]: (finding["state"], finding["clips"])
        for finding in report["findings"]
        if finding["area"] == "original"
    }
    assert states["missing clips"] == ("broken", ["2_65"])
    assert states["unreadable clips"] == ("broken", ["1_60"])
    assert states["silent clips"] == ("broken", ["1_61"])
    assert states["short clips"] == ("note", ["1_62"])
    assert states["clipped clips"] == ("note", ["1_63"])
    assert states["odd sample rates"] == ("note", ["1_63"])
    assert states["identical clips"] == ("broken", ["2_64", "2_66"])
    assert states["clips without a label"] == ("note", ["9_99.wav"])
    assert states["changed clips"] == ("broken", ["1_60", "1_61", "1_62", "1_63", "2_64"])
    assert {group["name"] for group in report["balances"][0]["shows"]} == {"ONE", "TWO"}
    assert len(labels) == 8


def test_the_command_names_the_nearest_dataset():
    done = run_check("originl")
    assert done.returncode == 2
    assert done.stderr == (
        "error: there is no dataset originl; did you mean original? (choose from denoised, manifest, mustard_pp, original,"
        " smoke); see sarcasm check --help\n"
    )


@pytest.mark.parametrize(
    "words",
    [["smoke", "seed=1"], ["seed=1", "smoke"], ["dataset=smoke", "seed=1"], ["seed=1", "--json", "dataset=smoke"]],
)
def test_the_dataset_may_be_told_as_for_train_and_stand_anywhere(words):
    parsed = read(cli.program(), ["check", *words])
    assert cli._dataset(parsed) == ("smoke", ["seed=1"])
    assert cli._dataset(read(cli.program(), ["check", "seed=1"])) == ("", ["seed=1"])


def test_two_datasets_or_a_wrong_one_are_one_line(capsys):
    wrong = {
        ("smoke", "dataset=original"): "one dataset is looked at in a call, not 2: smoke, original",
        ("dataset=smok",): "there is no dataset smok; did you mean smoke?"
        " (choose from denoised, manifest, mustard_pp, original, smoke)",
    }
    for words, message in wrong.items():
        with pytest.raises(SystemExit, match="2"):
            cli._dataset(read(cli.program(), ["check", *words]))
        assert capsys.readouterr().err == f"error: {message}; see sarcasm check --help\n"


def test_what_was_named_and_is_missing_is_as_bad_as_broken():
    finding = Finding("original", "labels and clips", State.missing, "not there")
    assert Report((finding,), named="original").bad == (finding,)
    assert Report((finding,)).bad == ()
    assert Report((finding,), named="denoised").bad == ()


def test_nothing_in_a_name_can_move_the_cursor(capsys):
    show(Report((Finding("own", "clips", State.note, "by [red]X[/red] \x1b[2J", "", ("\x1b]0;title\x07",)),)))
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[red]X[/red]" in out


def test_the_words_of_states_are_those_that_are_documented():
    assert Counter(state.value for state in State) == Counter(["ok", "note", "missing", "broken"])
    assert cli.program().prog == "sarcasm"
