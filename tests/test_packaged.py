"""A packaged model says of a clip what its run said; whatever else it is given, it says why it cannot be used."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sarcasm.corpus import ShortClips
from sarcasm.embeddings import PCA, Pool
from sarcasm.embeddings.embedding import Workers
from sarcasm.embeddings.mfcc_stats import MfccStatistics
from sarcasm.errors import AudioError, PackageError
from sarcasm.features import Transform
from sarcasm.model import Model
from sarcasm.packaged import Description, Kind, Origin, Package, Prediction, Way, Weights, save
from sarcasm.packaged import package as package_module
from sarcasm.resampling import Resampler
from sarcasm.scoring import Decision
from sarcasm.tensorflow_runtime import load_tensorflow
from sarcasm.vggish import fingerprint, read_checkpoint
from tests.conftest import make_table
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
    assert not any("hashes" in each for each in said.cautions)
    assert said.files.keys() == {"transform.npz", *FILES}
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
    """Change a description into one that an earlier version might have written, which kept no hashes."""
    path = folder / "description.json"
    said = json.loads(path.read_text()) | changed
    path.write_text(json.dumps({key: value for key, value in said.items() if key not in ("files", "sha256")}))


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
    "labels that move the cursor": (
        {"labels": ["\x1b[2J", "b"]},
        r"labels are \['\\x1b\[2J', 'b'\], where printable words",
    ),
    "an endless label": ({"labels": ["a" * 10_000, "b"]}, r"labels are .{200}\.\.\., where printable words are needed"),
    "half a character": ({"run_name": "\ud800"}, "it holds half a character"),
    "a word for another run": ({"run_id": "last"}, "run_id is 'last', where 32 hexadecimal digits are needed"),
    "a number beyond floats": ({"threshold": 10**400}, "threshold is 10+..., where float is needed"),
    "a truth value": ({"threshold": True}, "threshold is True, where float is needed"),
    "what nobody knows": ({"code": "print()"}, "it holds 'code', which this program does not know"),
    "of weights": (
        {"weights": {"kind": "random", "fingerprint": "random:0", "path": "", "loader": "x"}},
        "it holds weights.'loader', which this program does not know",
    ),
    "an interpolation": (
        {"embedding_options": {"name": "${oc.env:HOME}"}},
        "embedding_options are .*oc.env:HOME.*, where plain values are needed",
    ),
    "a name with a path": ({"embedding": "../embedding"}, "embedding is '../embedding', where a name is needed"),
    "an option too many": ({"embedding_options": {"name": "vggish", "tuned": 1}}, "does not fit this version"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_description_that_is_none_is_refused(kind: str, copied: Path) -> None:
    changed, reason = WRONG[kind]
    edited(copied, **changed)
    with pytest.raises(PackageError, match=reason):
        Package.load(copied)


CONTENT = {
    "no JSON": (b"{", r"description\.json, line 1, column 2: not JSON"),
    "a key twice": (b'{"seed": 1, "seed": 2}', "'seed' stands there twice"),
    "nested": (b"[" * 100_000, "nested too deeply"),
    "no text": (b"\xff\xfe", "cannot be read .*; get the model anew"),
    "too long": (b" " * (2**24 + 1), r"cannot be read \(has 16,777,217 bytes, more than 16,777,216\)"),
}


@pytest.mark.parametrize("kind", CONTENT)
def test_a_description_that_is_no_json_is_refused(kind: str, tmp_path: Path) -> None:
    content, reason = CONTENT[kind]
    (tmp_path / "description.json").write_bytes(content)
    with pytest.raises(PackageError, match=reason):
        Package.load(tmp_path)


def test_a_description_that_is_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "description.json")
    with pytest.raises(PackageError, match=r"description\.json is a named pipe, not a file; name another$"):
        Package.load(tmp_path)


@pytest.mark.parametrize("file", ["transform.npz", "saved_model/saved_model.pb"])
def test_a_damaged_package_is_refused(file: str, copied: Path) -> None:
    path = copied / file
    path.write_bytes(b"damage")
    with pytest.raises(PackageError) as caught:
        Package.load(copied)
    assert str(caught.value) == (
        f"{path} is missing or damaged (its hash is not the one in description.json); get the model anew"
    )
    path.unlink()
    with pytest.raises(PackageError) as caught:
        Package.load(copied)
    assert str(caught.value) == f"{path} is missing or damaged (description.json names it); get the model anew"


@pytest.fixture
def scaled(acoustic_run: PackagedRun, tmp_path: Path) -> Path:
    """A package of acoustic features, quick to load, with a scaling, as an earlier version wrote it: without hashes."""
    folder = Path(shutil.copytree(fits_of(acoustic_run)[0].model / "artifacts" / "package", tmp_path / "scaled"))
    np.savez(folder / "transform.npz", **SCALING)
    edited(folder)
    return folder


def heard(folder: Path, waveform: np.ndarray) -> tuple[Description, Prediction]:
    with Package.load(folder) as package:
        return package.description, package.predict(waveform)


NOISE = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)
SCALING = {"scale_mean": np.zeros(283), "scale_standard_deviation": np.full(283, 1e3)}
WRONG_ARRAYS = {
    "one name is another": ({"scale_mean": SCALING["scale_mean"]}, "it holds scale_mean, which is no whole transform"),
    "not finite": (SCALING | {"scale_mean": np.full(283, np.nan)}, "it holds a value that is not finite"),
    "no deviation": (
        SCALING | {"scale_standard_deviation": np.zeros(283)},
        "it holds a scale_standard_deviation that is not above 0",
    ),
    "another width": (
        {"scale_mean": np.zeros(128), "scale_standard_deviation": np.ones(128)},
        r"scale_mean is float64 \[128\], where float64 \[283\] is needed",
    ),
}


@pytest.mark.parametrize("kind", WRONG_ARRAYS)
def test_without_hashes_arrays_are_checked_by_themselves(kind: str, scaled: Path) -> None:
    arrays, reason = WRONG_ARRAYS[kind]
    np.savez(scaled / "transform.npz", **arrays)
    with pytest.raises(
        PackageError, match=rf"transform\.npz is missing or damaged \(.*{reason}\); get the model anew$"
    ):
        Package.load(scaled)


def test_a_pca_that_is_not_there_is_noticed_and_one_that_should_not_be(scaled: Path) -> None:
    edited(scaled, pca="fitted")
    with pytest.raises(PackageError, match=r"transform\.npz does not hold the PCA that description\.json says"):
        Package.load(scaled)
    edited(scaled, pca="none")
    np.savez(scaled / "transform.npz", pca_eigen_vectors=np.eye(283), pca_means=np.zeros(283))
    with pytest.raises(PackageError, match=r"transform\.npz does not hold the PCA that description\.json says"):
        Package.load(scaled)


def test_a_package_without_hashes_says_so(scaled: Path) -> None:
    assert Description.read(scaled).cautions[-1] == (
        "This model was packaged by an earlier version, which kept no hashes: not all damage to it can be noticed"
        " (sarcasm repeat makes it anew)."
    )


def damaged(file: Path, generator: np.random.Generator) -> bytes:
    """A file with a bit flipped, bytes changed or taken out, or its end cut off."""
    content = bytearray(file.read_bytes())
    at = int(generator.integers(len(content)))
    match generator.integers(4):
        case 0:
            del content[at:]
        case 1:
            del content[at : at + int(generator.integers(1, 64))]
        case 2:
            content[at] = int(generator.integers(256))
        case _:
            content[at] ^= 1 << int(generator.integers(8))
    return bytes(content)


def assert_named_or_the_same(folder: Path, files: list[str], n: int, seed: int) -> None:
    """Damage files in turn: each time an error must name the file, or nothing may be said that was not before."""
    whole, generator, messages = heard(folder, NOISE), np.random.default_rng(seed), []
    for number in range(n):
        file = folder / files[number % len(files)]
        content = file.read_bytes()
        file.write_bytes(damaged(file, generator))
        try:
            assert heard(folder, NOISE) == whole, file
        except PackageError as error:
            messages.append((file, str(error)))
        file.write_bytes(content)
    assert len(messages) > n // 2
    for file, message in messages:
        # TensorFlow's folder is named as a whole.
        assert str(file if file.parent == folder else folder / "saved_model") in message
        assert "\n" not in message
    assert heard(folder, NOISE) == whole


FILES = [
    f"saved_model/{name}"
    for name in ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
]


def test_damage_to_a_package_is_named_or_harmless(acoustic_run: PackagedRun, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(fits_of(acoustic_run)[0].model / "artifacts" / "package", tmp_path / "package"))
    assert_named_or_the_same(folder, ["description.json", "transform.npz", *FILES], 60, seed=1)


def test_damage_to_a_package_without_hashes_is_named_or_harmless(scaled: Path) -> None:
    # Nothing tells whether a word of its description is another.
    assert_named_or_the_same(scaled, ["transform.npz", *FILES], 60, seed=2)


@pytest.mark.slow
def test_damage_in_a_thousand_places_is_named_or_harmless(
    acoustic_run: PackagedRun, scaled: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(fits_of(acoustic_run)[0].model / "artifacts" / "package", tmp_path / "package"))
    assert_named_or_the_same(folder, ["description.json", "transform.npz", *FILES], 500, seed=3)
    assert_named_or_the_same(scaled, ["transform.npz", *FILES], 500, seed=4)


# --- hostile packages ---------------------------------------------------------------------------------------------------


def with_head(folder: Path, build: Callable[[Any], Any], row_shape: tuple[int, ...] = (283,)) -> None:
    shutil.rmtree(folder / "saved_model")
    Model(build, row_shape, {}).save(folder / "saved_model")


def tensorflow() -> Any:
    return load_tensorflow().compat.v1


def two_columns(features: Any) -> Any:
    total = tensorflow().reduce_sum(features, 1)
    return tensorflow().stack([total, -total], axis=1)


def test_a_graph_that_writes_or_reads_a_file_is_not_run(scaled: Path, tmp_path: Path) -> None:
    def writing(features: Any) -> Any:
        tf = tensorflow()
        with tf.control_dependencies([tf.io.write_file(str(tmp_path / "written"), "text")]):
            return tf.identity(two_columns(features))

    def reading(features: Any) -> Any:
        tf = tensorflow()
        length = tf.strings.length(tf.io.read_file("/etc/passwd"))
        return two_columns(features) + tf.cast(length, tf.float32)

    for build, operation in ((writing, "WriteFile"), (reading, "StringLength|ReadFile")):
        with_head(scaled, build)
        with pytest.raises(
            PackageError, match=rf"saved_model holds the operation ({operation}), and only such are run"
        ):
            Package.load(scaled)
    assert not (tmp_path / "written").exists()


def test_what_does_not_lead_to_the_logits_is_left_alone(scaled: Path, tmp_path: Path) -> None:
    def build(features: Any) -> Any:
        tensorflow().io.write_file(str(tmp_path / "written"), "text")
        return two_columns(features)

    with_head(scaled, build)
    assert 0 <= heard(scaled, NOISE)[1].probability <= 1
    assert not (tmp_path / "written").exists()


def test_a_run_says_that_its_head_will_be_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    embedding = MfccStatistics("mfcc_stats", Workers.local, separate_vocals=False)
    way = Way(embedding, PCA(False, None), Resampler.reference, ShortClips.pad, Pool.none, Decision.argmax)
    table = make_table([True, False], [1, 1])

    def build(features: Any) -> Any:
        return two_columns(tensorflow().fill([1, 283], 2.0) * features)

    save(
        tmp_path / "package", Model(build, (283,), {}), Transform(), table, way, Origin("clips", "", False, ()),
        run_id="", run_name="", fold="", seed=0, threshold=0.5, with_weights=False,
    )  # fmt: skip
    assert caplog.messages == [
        "sarcasm predict will refuse the model of this run: it holds the operation Fill, and only such are run as compute"
        " logits from features; sarcasm/packaged/head.py lists the operations that a head may have"
    ]


def test_a_tensor_that_no_memory_has_is_refused_before_it_is_made(scaled: Path) -> None:
    def outer(features: Any) -> Any:
        tf = tensorflow()
        column = tf.reshape(tf.concat([features] * 200, 1), [-1, 283 * 200, 1])
        return two_columns(tf.reduce_sum(tf.matmul(column, column, transpose_b=True), [2]))

    def constant(features: Any) -> Any:
        tf = tensorflow()
        return two_columns(features) + tf.reduce_sum(tf.constant(0.0, shape=[2**20, 2**20]))

    for build, shape in ((outer, r"\(None, 56600, 56600\)"), (constant, r"\(1048576, 1048576\)")):
        with_head(scaled, build)
        with pytest.raises(PackageError, match=rf"saved_model holds a tensor of shape {shape}, larger than any head"):
            Package.load(scaled)


HEADS = {
    "three logits": (
        lambda x: tensorflow().concat([two_columns(x)] * 2, 1),
        (283,),
        r"not give 2 logits, .* \(None, 4\)",
    ),
    "other rows": (two_columns, (128,), r"the embedding gives rows \[283\], the head takes \[128\]"),
    "no numbers": (lambda x: two_columns(x) * np.nan, (283,), "answers with values that are not finite"),
    "rows of any width": (two_columns, (None,), "does not take rows of features"),
}


@pytest.mark.parametrize("kind", HEADS)
def test_a_head_that_does_not_fit_is_refused(kind: str, scaled: Path) -> None:
    build, row_shape, reason = HEADS[kind]
    np.savez(scaled / "transform.npz")
    with_head(scaled, build, row_shape)
    with pytest.raises(PackageError, match=reason):
        Package.load(scaled)


def test_code_that_a_model_brings_is_not_run(acoustic_run: PackagedRun, tmp_path: Path) -> None:
    model = fits_of(acoustic_run)[0].model
    folder = Path(shutil.copytree(model, tmp_path / "model"))
    ran = tmp_path / "ran"
    for file in (folder / "code" / "sarcasm" / "__init__.py", folder / "served_model.py", folder / "hostile.py"):
        file.write_text(f"open({str(ran)!r}, 'w')\n")
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: hostile\n    code: code\n")
    assert heard(folder, NOISE) == heard(model, NOISE)
    assert not ran.exists()


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
