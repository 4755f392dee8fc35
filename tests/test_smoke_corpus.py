"""The made-up corpus: what it holds, that it is the same each time, and that it never harms what is not its own."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from sarcasm.audio import SAMPLE_RATE, read_waveform
from sarcasm.corpus import BadClips, Corpus, Mustard, ShortClips, Smoke
from sarcasm.corpus.smoke import MARKER, VERSION
from sarcasm.errors import CorpusError
from sarcasm.project import PROJECT
from sarcasm.resampling import Resampler

NOTEBOOK = ["2_91", "2_94", "2_96", "2_97", "2_99"]
EXAMPLE_SECONDS, TWO_EXAMPLES_SECONDS = 0.975, 1.935


def smoke(directory: Path, labels: Path | None = None, audio_dir: Path | None = None) -> Smoke:
    return Smoke(
        name="smoke", only=[], bad_clips=BadClips.fail, short_clips=ShortClips.pad, max_missing=0.05,
        audio_dir=str(audio_dir or directory / "audio"), labels=str(labels or directory / "sarcasm_data.json"),
        directory=str(directory),
    )  # fmt: skip


def content(directory: Path) -> dict[str, bytes]:
    """Name -> bytes of every file below a folder."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made_up") / "smoke"
    smoke(folder).read()
    return folder


@pytest.fixture(scope="module")
def corpus(directory: Path) -> Corpus:
    return smoke(directory).read()


@pytest.fixture(scope="module")
def waveforms(corpus: Corpus) -> dict[str, NDArray[np.float32]]:
    return {each.id: read_waveform(each.path, Resampler.reference, each.id) for each in corpus.utterances}


# What it holds


def test_it_is_large_and_balanced_enough_to_try_things_out(corpus: Corpus) -> None:
    assert len(corpus.utterances) == 48
    assert sum(each.is_sarcastic for each in corpus.utterances) == 24
    assert len({(each.show, each.speaker) for each in corpus.utterances}) == 6
    assert len({each.show for each in corpus.utterances}) == 2
    assert (corpus.missing, corpus.unlabelled, corpus.is_made_up) == ((), (), True)


def test_every_speaker_is_sarcastic_at_times_and_who_speaks_tells_little(corpus: Corpus) -> None:
    counts = Counter((each.speaker, each.is_sarcastic) for each in corpus.utterances)
    assert len(counts) == 12
    assert min(counts.values()) >= 3
    # What the rule "as this speaker mostly is" would score.
    by_speaker = sum(max(counts[name, True], counts[name, False]) for name in {speaker for speaker, _ in counts})
    assert by_speaker / len(corpus.utterances) < 0.6


def test_each_show_has_ids_of_its_own(corpus: Corpus) -> None:
    shows = {each.id[:2]: each.show for each in corpus.utterances}
    assert all(shows[each.id[:2]] == each.show for each in corpus.utterances)
    assert sorted(shows) == ["1_", "2_"]


def test_it_lies_on_disk_in_mustard_s_layout(directory: Path, corpus: Corpus) -> None:
    entries = json.loads((directory / "sarcasm_data.json").read_text(encoding="utf-8"))
    fields = {"utterance": str, "speaker": str, "context": list, "context_speakers": list, "show": str, "sarcasm": bool}
    for entry in entries.values():
        assert {name: type(value) for name, value in entry.items()} == fields
        assert len(entry["context"]) == len(entry["context_speakers"]) >= 1
    dataset = smoke(directory)
    options = {name: getattr(dataset, name) for name in vars(dataset) if name != "directory"}
    assert Mustard(**options).read() == replace(corpus, is_made_up=False)


def test_the_notebook_s_five_clips_are_there_and_one_of_them_is_sarcastic(directory: Path) -> None:
    five = replace(smoke(directory), only=NOTEBOOK, max_missing=0.0).read()
    assert [each.id for each in five.utterances if each.is_sarcastic] == ["2_97"]
    for each in five.utterances:
        assert soundfile.info(str(each.path)).duration >= TWO_EXAMPLES_SECONDS


def test_the_files_differ_as_found_ones_do(corpus: Corpus) -> None:
    files = [soundfile.info(str(each.path)) for each in corpus.utterances]
    kinds = Counter((file.samplerate, file.channels, file.subtype) for file in files)
    assert {file.samplerate for file in files} == {8_000, 16_000, 44_100}
    assert {file.channels for file in files} == {1, 2}
    assert {file.subtype for file in files} == {"PCM_16", "PCM_24", "FLOAT"}
    assert kinds.most_common(1)[0][0] == (16_000, 1, "PCM_16")
    assert kinds[16_000, 1, "PCM_16"] > len(files) / 2


def test_one_clip_is_too_short_for_an_example(waveforms: dict[str, NDArray[np.float32]]) -> None:
    seconds = {id_: len(waveform) / SAMPLE_RATE for id_, waveform in waveforms.items()}
    assert [id_ for id_, length in seconds.items() if length < EXAMPLE_SECONDS] == ["1_112"]
    assert seconds["1_112"] == pytest.approx(0.6, abs=0.001)
    assert max(seconds.values()) <= 4


def test_the_sound_is_neither_silent_nor_clipped(waveforms: dict[str, NDArray[np.float32]]) -> None:
    for id_, waveform in waveforms.items():
        assert -35 < decibels(waveform) < -15, id_
        assert np.abs(waveform).max() < 0.99, id_


def test_simple_rules_tell_the_classes_apart_but_not_well(
    corpus: Corpus, waveforms: dict[str, NDArray[np.float32]]
) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import LeaveOneOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    X = np.array([[decibels(waveforms[each.id]), semitones(waveforms[each.id])] for each in corpus.utterances])
    y = np.array([each.is_sarcastic for each in corpus.utterances])
    speakers = np.array([each.speaker for each in corpus.utterances])
    X -= np.array([X[speakers == speaker].mean(axis=0) for speaker in speakers])
    rule = make_pipeline(StandardScaler(), LogisticRegression())
    accuracy = np.mean(cross_val_predict(rule, X, y, cv=LeaveOneOut()) == y)
    assert 0.7 <= accuracy <= 0.85


def test_sarcasm_is_lower_flatter_and_slower_on_average(
    corpus: Corpus, waveforms: dict[str, NDArray[np.float32]]
) -> None:
    measured: dict[bool, list[list[float]]] = {True: [], False: []}
    for each in corpus.utterances:
        pitch = track(waveforms[each.id])
        span = np.subtract(*np.percentile(12 * np.log2(pitch), [90, 10]))
        pace = len(each.text) / len(waveforms[each.id])
        measured[each.is_sarcastic].append([np.log2(np.median(pitch)), float(span), pace, decibels(waveforms[each.id])])
    assert (np.mean(measured[True], axis=0) < np.mean(measured[False], axis=0)).all()


def decibels(waveform: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(waveform.astype(float) ** 2)))


def semitones(waveform: NDArray[np.float32]) -> float:
    return float(12 * np.log2(np.median(track(waveform))))


def track(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Pitch in Hz of the voiced frames, where their autocorrelation peaks."""
    shortest, longest = SAMPLE_RATE // 350, SAMPLE_RATE // 70
    pitches = []
    for start in range(0, len(waveform) - 1024, 512):
        frame = waveform[start : start + 1024] - waveform[start : start + 1024].mean()
        correlation = np.correlate(frame, frame, "full")[1023:]
        lag = shortest + int(np.argmax(correlation[shortest:longest]))
        if np.mean(frame**2) > 0.1 * np.mean(waveform**2) and correlation[lag] > 0.4 * correlation[0]:
            pitches.append(SAMPLE_RATE / lag)
    return np.array(pitches)


# That it is the same each time


def test_it_is_the_same_to_the_byte_each_time(directory: Path, corpus: Corpus, tmp_path: Path) -> None:
    again = smoke(tmp_path / "again").read()
    assert content(tmp_path / "again") == content(directory)
    assert again.fingerprint == corpus.fingerprint


def test_it_is_written_once_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sarcasm"):
        smoke(tmp_path / "smoke").read()
        assert caplog.messages == [f"wrote 48 made-up clips to {tmp_path / 'smoke'}"]
        before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
        smoke(tmp_path / "smoke").read()
    assert len(caplog.messages) == 1
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.slow
def test_six_processes_at_once_find_the_same_whole_corpus(directory: Path, corpus: Corpus, tmp_path: Path) -> None:
    start = time.time() + 3
    program = f"""
import time
from sarcasm.corpus import BadClips, ShortClips, Smoke
import scipy.signal
folder = {str(tmp_path / "smoke")!r}
dataset = Smoke(name="smoke", only=[], bad_clips=BadClips.fail, short_clips=ShortClips.pad, max_missing=0.0,
                audio_dir=folder + "/audio", labels=folder + "/sarcasm_data.json", directory=folder)
time.sleep(max(0, {start} - time.time()))
corpus = dataset.read()
print(corpus.is_made_up, corpus.fingerprint)
"""
    processes = [
        subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    said = [process.communicate(timeout=300)[0].strip() for process in processes]
    assert said == [f"True {corpus.fingerprint}"] * 6
    assert [process.returncode for process in processes] == [0] * 6
    assert content(tmp_path / "smoke") == content(directory)
    assert names(tmp_path) == ["smoke"]


# That it never harms what is not its own


def test_the_folder_says_that_its_sound_is_made_up(directory: Path) -> None:
    marker = json.loads((directory / MARKER).read_text(encoding="utf-8"))
    assert marker["about"].startswith("All sound in this folder is synthesised")
    assert marker["version"] == VERSION


def test_a_folder_of_another_version_is_written_anew(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "smoke"
    with monkeypatch.context() as patch:
        patch.setattr("sarcasm.corpus.smoke.VERSION", VERSION - 1)
        smoke(folder).read()
    (folder / "audio" / "2_97.wav").unlink()
    assert smoke(folder).read().is_made_up
    assert content(folder) == content(directory)
    assert names(tmp_path) == ["smoke"]


def test_a_folder_of_another_version_that_holds_something_else_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "smoke"
    with monkeypatch.context() as patch:
        patch.setattr("sarcasm.corpus.smoke.VERSION", VERSION - 1)
        smoke(folder).read()
    (folder / "notes.txt").write_text("mine")
    before = content(tmp_path)
    with pytest.raises(CorpusError) as refused:
        smoke(folder).read()
    assert str(refused.value) == (
        f"dataset.directory: {folder} holds other files (such as notes.txt), which are left alone; name a new or empty"
        " folder with dataset.directory=DIR"
    )
    assert content(tmp_path) == before


def test_a_folder_without_the_marker_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio" / "2_97.wav").write_bytes(b"mine")
    with pytest.raises(CorpusError) as refused:
        smoke(tmp_path).read()
    assert str(refused.value) == (
        f"dataset.directory: {tmp_path} holds other files (such as audio/2_97.wav), which are left alone; name a new or"
        " empty folder with dataset.directory=DIR"
    )
    assert content(tmp_path) == {"audio/2_97.wav": b"mine"}


@pytest.mark.parametrize("marker", ["", "not JSON", "[]", '{"generator": "another"}', "\xff"])
def test_another_s_marker_does_not_count(tmp_path: Path, marker: str) -> None:
    (tmp_path / MARKER).write_bytes(marker.encode("latin-1"))
    (tmp_path / "notes.txt").touch()
    with pytest.raises(CorpusError, match="holds other files"):
        smoke(tmp_path).read()


def test_a_half_written_folder_is_not_taken_for_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    folder = tmp_path / "smoke"
    with monkeypatch.context() as patch:
        patch.setattr("sarcasm.corpus.smoke._clip", fail)
        with pytest.raises(CorpusError) as refused:
            smoke(folder).read()
    assert str(refused.value) == (
        f"dataset.directory: the made-up clips cannot be written to {folder} (No space left on device); name another"
        " folder with dataset.directory=DIR"
    )
    assert names(tmp_path) == []
    assert len(smoke(folder).read().utterances) == 48


def test_a_place_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "smoke").touch()
    with pytest.raises(CorpusError) as refused:
        smoke(tmp_path / "smoke").read()
    assert str(refused.value) == (
        f"dataset.directory: {tmp_path / 'smoke'} is a file; name a new or empty folder with dataset.directory=DIR"
    )


def test_an_empty_folder_may_be_used(tmp_path: Path) -> None:
    (tmp_path / "smoke").mkdir()
    assert smoke(tmp_path / "smoke").read().is_made_up


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "smoke").symlink_to("elsewhere")
    assert smoke(tmp_path / "smoke").read().is_made_up
    assert (tmp_path / "smoke").is_symlink()
    assert (tmp_path / "elsewhere" / MARKER).exists()


def test_labels_and_clips_may_be_named_differently_within_the_folder(tmp_path: Path) -> None:
    corpus = smoke(tmp_path / "a", tmp_path / "a" / "labels" / "all.json", tmp_path / "a").read()
    assert corpus.is_made_up
    assert corpus.utterances[0].path == tmp_path / "a" / "1_101.wav"


def test_labels_and_clips_elsewhere_are_read_as_they_are(directory: Path, tmp_path: Path) -> None:
    dataset = smoke(tmp_path / "unused", directory / "sarcasm_data.json", directory / "audio")
    assert not dataset.read().is_made_up
    assert names(tmp_path) == []


def test_somebody_s_own_corpus_in_the_folder_is_read_as_it_is(directory: Path, tmp_path: Path) -> None:
    for name, written in content(directory).items():
        if name != MARKER:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_bytes(written)
    before = content(tmp_path)
    assert not smoke(tmp_path).read().is_made_up
    assert content(tmp_path) == before


def test_a_clip_that_somebody_removed_is_missing_and_not_replaced(directory: Path, tmp_path: Path) -> None:
    folder = tmp_path / "smoke"
    smoke(folder).read()
    (folder / "audio" / "2_97.wav").unlink()
    assert smoke(folder).read().missing == ("2_97",)


@pytest.mark.parametrize("sample_rate", [8_000, 44_100])
@pytest.mark.parametrize(
    ("n_channels", "encoding", "subtype"), [(1, "pcm_16", "PCM_16"), (2, "pcm_24", "PCM_24"), (1, "float_32", "FLOAT")]
)
def test_wav_files_are_what_libsndfile_reads(
    tmp_path: Path, sample_rate: int, n_channels: int, encoding: str, subtype: str
) -> None:
    from sarcasm.corpus.wav import wav_bytes

    samples = np.random.default_rng(0).uniform(-1, 1, (101, n_channels))
    path = tmp_path / "clip.wav"
    path.write_bytes(wav_bytes(samples, sample_rate, encoding))
    file = soundfile.info(str(path))
    assert (file.samplerate, file.channels, file.frames, file.subtype) == (sample_rate, n_channels, 101, subtype)
    steps = {"pcm_16": 2**15, "pcm_24": 2**23, "float_32": 2**20}[encoding]
    np.testing.assert_allclose(soundfile.read(path, always_2d=True)[0], samples, rtol=0, atol=1 / steps)
    read_waveform(path, Resampler.reference)
