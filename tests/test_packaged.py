"""A packaged model says of a clip what its run said; whatever else it is given, it says why it cannot be used."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sarcasm.corpus import ShortClips
from sarcasm.errors import AudioError, PackageError
from sarcasm.packaged import Description, Kind, Package, Weights
from sarcasm.packaged import package as package_module
from sarcasm.vggish import fingerprint, read_checkpoint
from tests.package_fixtures import PackagedRun, fits_of, record_run
from tests.vggish_fixtures import write_checkpoint
from tests.video_fixtures import voice, write_video

RATE = 16_000


def test_a_package_says_of_ten_clips_what_the_run_said(packaged_run: PackagedRun, package: Package) -> None:
    utterances = [row["utterance"] for row in packaged_run.rows("predictions.csv")]
    assert len(utterances) == 10
    for utterance in utterances:
        path = packaged_run.clip(utterance)
        prediction = package.predict(package.read(path))
        packaged_run.assert_said(utterance, prediction)
        assert package.predict(package.read_content(path.read_bytes(), "upload")) == prediction


def test_a_package_says_what_it_is(packaged_run: PackagedRun, package: Package) -> None:
    said = package.description
    assert (said.run_id, said.dataset, said.made_up) == (packaged_run.run_id, "smoke", True)
    assert said.run_name == "smoke-pca_on-small-s42"
    assert said.labels == ("sarcastic", "non_sarcastic")
    assert said.weights == Weights(Kind.random, "random:0", "")
    assert said.cautions[0].startswith("The clips are made up")
    assert Description.read(packaged_run.model / "artifacts" / "package") == said
    assert not list(packaged_run.model.rglob("*.pkl"))


OF_ALL_KINDS = {
    "vggish, tuned": ["scale=standard", "decision=tuned", "trainer.validation_share=0.2"],
    "vggish, pooled and rounded": ["pca=off", "pool=mean", "decision=round"],
    "vggish, svm": ["head=svm"],
    "pool4": ["embedding=vggish_pool4", "pca=off", "head=linear"],
    "acoustic, fitted PCA": ["embedding=mfcc_stats", "pca=on"],
    "acoustic, svm": ["embedding=mfcc_stats", "head=svm", "pca=off", "scale=standard"],
    "trained": [
        "embedding.train=true", "embedding.train_from=fc2", "pca=off", "head=linear", "trainer=mini_batch",
        "trainer.batch_size=8",
    ],
}  # fmt: skip


def all_equal(run: PackagedRun) -> None:
    with Package.load(run.model) as package:
        for row in run.rows("predictions.csv"):
            prediction = package.predict(package.read(run.clip(row["utterance"])))
            run.assert_said(row["utterance"], prediction)


def test_acoustic_features_are_packaged(acoustic_run: PackagedRun) -> None:
    for fit in fits_of(acoustic_run):
        all_equal(fit)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OF_ALL_KINDS)
def test_every_kind_of_model_is_packaged(kind: str, made_database: Path, tmp_path: Path) -> None:
    all_equal(record_run(tmp_path / "run", made_database, *OF_ALL_KINDS[kind]))


@pytest.mark.slow
def test_a_model_that_brings_its_weights_needs_no_others(
    made_database: Path, reference_weights: dict[str, np.ndarray], pca_params: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    # Of several files.
    checkpoint = write_checkpoint(tmp_path / "vggish", reference_weights, version=2)
    weights = [f"embedding.checkpoint={checkpoint}", f"pca.params={pca_params}", "tracking.weights=included"]
    run = record_run(tmp_path / "run", made_database, *weights)
    said = Description.read(run.model / "artifacts" / "package")
    assert said.weights.kind is Kind.included
    assert said.pca.startswith("sha256:")
    # Wherever they lay in training, nothing is looked for there.
    edited(run.model / "artifacts" / "package", embedding_options=dict(said.embedding_options) | {"checkpoint": "gone"})
    monkeypatch.setenv("SARCASM_WEIGHTS", str(tmp_path / "gone"))
    all_equal(run)


def test_a_long_clip_is_gone_through_in_parts(
    package: Package, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    waveform = rng.normal(0, 0.1, round(5.2 * RATE)).astype(np.float32)
    whole = package.predict(waveform)
    assert [(piece.begin, piece.end) for piece in whole.pieces] == [
        (0.0, 0.96), (0.96, 1.92), (1.92, 2.88), (2.88, 3.84), (3.84, 4.8)
    ]  # fmt: skip
    monkeypatch.setattr(package_module, "PIECES_AT_ONCE", 2)
    in_parts = package.predict(waveform)
    assert [piece.probability for piece in in_parts.pieces] == pytest.approx(
        [piece.probability for piece in whole.pieces], abs=1e-6
    )
    assert len(in_parts.pieces) == len(whole.pieces)


def test_a_short_clip_is_padded_or_refused_as_in_training(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(1600, 0.1), RATE)
    waveform = package.read(tmp_path / "short.wav")
    assert len(package.predict(waveform).pieces) == 1
    monkeypatch.setattr(package, "description", replace(package.description, short_clips=ShortClips.drop))
    with pytest.raises(AudioError, match=r"short.wav lasts 0.100 s, less than one example \(0.975 s\); the model was"):
        package.read(tmp_path / "short.wav")
    with pytest.raises(AudioError, match="the clip lasts"):
        package.predict(waveform)


def test_videos_and_what_libsndfile_does_not_know_are_read(package: Package, tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", voice(1.5, 44_100, 1))
    waveform = package.read(path)
    assert len(waveform) / RATE == pytest.approx(1.5, abs=0.1)
    assert np.array_equal(waveform, package.read_content(path.read_bytes(), "clip"))
    silent = write_video(tmp_path / "silent.mp4", None)
    with pytest.raises(AudioError, match=r"silent.mp4 is neither audio nor a video with sound .* has no sound"):
        package.read(silent)


def test_eight_channels_at_192_khz_are_read(package: Package, tmp_path: Path, rng: np.random.Generator) -> None:
    soundfile.write(tmp_path / "many.wav", rng.normal(0, 0.1, (192_000, 8)), 192_000)
    assert len(package.read(tmp_path / "many.wav")) == RATE


def bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("clip.wav", bytes(2**24))
    return content.getvalue()


def playlist(target: Path) -> bytes:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nfile://{target}\n#EXT-X-ENDLIST\n".encode()


BAD = {
    "text": (b"this is no sound at all, only words" * 9, "neither audio nor a video"),
    "empty": (b"", "is empty"),
    "zip": (bomb(), "neither audio nor a video"),
    "header": (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be decoded"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_sound_is_named_and_refused(kind: str, package: Package, tmp_path: Path) -> None:
    content, reason = BAD[kind]
    (tmp_path / "clip.wav").write_bytes(content)
    with pytest.raises(AudioError, match=rf"clip\.wav.*{reason}"):
        package.read(tmp_path / "clip.wav")
    with pytest.raises(AudioError, match=f"^upload 3.*{reason}"):
        package.read_content(content, "upload 3")


def test_a_playlist_opens_no_other_file(package: Package, tmp_path: Path) -> None:
    write_video(tmp_path / "other.mp4", voice(1.5, 44_100, 1))
    for content in (playlist(tmp_path / "other.mp4"), f"ffconcat version 1.0\nfile '{tmp_path}/other.mp4'\n".encode()):
        with pytest.raises(AudioError, match="neither audio nor a video"):
            package.read_content(content, "list")


def test_what_lasts_too_long_is_refused_before_it_fills_the_memory(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soundfile.write(tmp_path / "long.flac", np.zeros(4 * 8_000), 8_000)
    video = write_video(tmp_path / "long.mp4", voice(4.0, 44_100, 1))
    monkeypatch.setattr(package, "longest_seconds", 3.0)
    with pytest.raises(AudioError, match=r"long.flac lasts longer than 3 s.*cut it into parts"):
        package.read(tmp_path / "long.flac")
    with pytest.raises(AudioError, match="lasts longer than 3 s"):
        package.read(video)
    with pytest.raises(AudioError, match="the clip lasts 4 s, more than 3 s"):
        package.predict(np.zeros(4 * RATE, np.float32))


def test_a_header_that_promises_three_hours_reserves_no_memory(package: Package, tmp_path: Path) -> None:
    # A file with a hole: 3 hours of zeros that take no room on the disk.
    n_bytes = 3 * 3600 * 8_000
    header = (
        b"RIFF" + struct.pack("<I", n_bytes + 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 8_000, 1, 8)
    )
    with (tmp_path / "hours.wav").open("wb") as file:
        file.write(header + b"data" + struct.pack("<I", n_bytes))
        file.truncate(n_bytes + 44)
    with pytest.raises(AudioError, match="lasts longer than 3600 s"):
        package.read(tmp_path / "hours.wav")


@pytest.mark.parametrize("waveform", [np.zeros(0, np.float32), np.full(RATE, np.nan, np.float32), np.zeros((2, RATE))])
def test_a_waveform_that_is_none_is_refused(waveform: np.ndarray, package: Package) -> None:
    with pytest.raises(AudioError, match=r"waveform|not finite"):
        package.predict(waveform)


# --- damaged packages, and weights that are elsewhere ------------------------------------------------------------------


@pytest.fixture
def copied(packaged_run: PackagedRun, tmp_path: Path) -> Path:
    """A package that a test may damage."""
    return Path(shutil.copytree(packaged_run.model / "artifacts" / "package", tmp_path / "package"))


def edited(folder: Path, **changed: object) -> None:
    path = folder / "description.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))


WRONG = {
    "another format": ({"format": "other"}, "is not that of a packaged model"),
    "another version": ({"version": 9}, "is of version 9, this program reads version 1"),
    "no number": ({"threshold": "high"}, "threshold is 'high', where float is needed"),
    "no probability": ({"threshold": 3}, "threshold is 3.0, which is no probability"),
    "no rule": ({"decision": "coin"}, "decision is 'coin'; choose from argmax, round, tuned"),
    "no embedding": ({"embedding": "embedding_other"}, "embedding_other does not fit this version"),
    "a head": (
        {"embedding": "head_mlp", "embedding_options": {"name": "x", "hidden": [1]}},
        "head_mlp is no embedding",
    ),
    "three labels": ({"labels": ["a", "b", "c"]}, "labels are .*, where 2 are needed"),
    "no texts": ({"cautions": [1]}, "cautions is .*, where texts are needed"),
    "an option too many": ({"embedding_options": {"name": "vggish", "tuned": 1}}, "does not fit this version"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_description_that_is_none_is_refused(kind: str, copied: Path) -> None:
    changed, reason = WRONG[kind]
    edited(copied, **changed)
    with pytest.raises(PackageError, match=reason):
        Package.load(copied)


@pytest.mark.parametrize("file", ["transform.npz", "saved_model/saved_model.pb"])
def test_a_damaged_package_is_refused(file: str, copied: Path) -> None:
    (copied / file).write_bytes(b"damage")
    with pytest.raises(PackageError, match="missing or damaged"):
        Package.load(copied)


def test_another_folder_and_a_model_of_embeddings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"is no model that takes sound: it has no description\.json"):
        Package.load(tmp_path)


def test_weights_that_are_missing_or_others_are_refused(
    copied: Path, acoustic_run: PackagedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SARCASM_WEIGHTS", raising=False)
    edited(copied, weights={"kind": "reference", "fingerprint": "sha256:0", "path": str(tmp_path / "gone.ckpt")})
    with pytest.raises(PackageError, match=r"gone.ckpt is not there.*put the weights there.*SARCASM_WEIGHTS"):
        Package.load(copied)
    other = tmp_path / "other"
    shutil.copytree(fits_of(acoustic_run)[0].model / "artifacts" / "package", other)
    edited(other, weights={"kind": "none", "fingerprint": "sha256:0", "path": ""})
    with pytest.raises(PackageError, match=r"holds other weights \(none\) than the model was trained with"):
        Package.load(other)


def test_weights_of_a_project_that_was_moved_are_looked_for_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released, recorded = tmp_path / "vggish_model.ckpt", tmp_path / "old" / "[1].ckpt"
    monkeypatch.setattr("sarcasm.packaged.package.RELEASED_CHECKPOINT", released)
    assert package_module._released(recorded) == recorded
    released.touch()
    assert package_module._released(recorded) == released
    recorded.parent.mkdir()
    (recorded.parent / "[1].ckpt.index").touch()
    assert package_module._released(recorded) == recorded


@pytest.mark.slow
def test_weights_are_found_again_by_their_hash(
    copied: Path, v1_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = fingerprint(read_checkpoint(v1_checkpoint))
    missing = str(tmp_path / "gone.ckpt")
    monkeypatch.setenv("SARCASM_WEIGHTS", str(v1_checkpoint))
    edited(copied, weights={"kind": "reference", "fingerprint": right, "path": missing})
    Package.load(copied).close()
    edited(copied, weights={"kind": "reference", "fingerprint": "sha256:0", "path": missing})
    with pytest.raises(PackageError, match=r"holds other weights \(sha256:.*\) than the model was trained with"):
        Package.load(copied)


def test_a_package_is_loaded_without_what_only_training_needs(packaged_run: PackagedRun) -> None:
    code = "import sys, sarcasm.packaged; print([name for name in ('tensorflow', 'mlflow', 'matplotlib', 'librosa') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
