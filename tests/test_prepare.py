"""`sarcasm prepare`, the real command: from nothing to a folder that can be trained on, whatever happens on the way."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sarcasm import cli
from sarcasm import help as help_page
from sarcasm.corpus import MANIFEST
from sarcasm.corpus.mustard import read_labels
from sarcasm.files import lock, sha256
from sarcasm.project import PROJECT
from sarcasm.tracking.processes import is_alive
from sarcasm.workers import in_processes
from tests.server_fixtures import cut_after, other_content, redirect, status, web_page
from tests.video_fixtures import CLIPS, voice, write_archive, write_video

LABELS_OWN = ["source.mustard_labels.bytes=null", "source.mustard_labels.sha256=null"]
LIGHT = ["denoise=noisereduce", "workers=2"]
Prepare = Callable[..., tuple[int, str, str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def prepare(published, data, capsys) -> Prepare:
    """The command in this process: status, stdout and stderr."""

    def run(
        *arguments: str, videos: Path | str = published.archive, labels: Path | str = published.labels
    ) -> tuple[int, str, str]:
        own = [
            f"source.mustard_labels.url={labels}",
            f"source.mustard_videos.url={videos}",
            f"data_dir={data}",
            *LABELS_OWN,
            *LIGHT,
        ]
        chosen = {argument.split("=")[0] for argument in arguments}
        own = [argument for argument in own if argument.split("=")[0] not in chosen]
        code = cli.main(["prepare", *arguments, *own])
        return code, *capsys.readouterr()

    return run


def content(folder: Path) -> dict[str, str]:
    """Name -> hash of every file below a folder but for locks."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): sha256(path) for path in paths}


def records(folder: Path) -> dict[str, dict]:
    lines = (folder / MANIFEST).read_text(encoding="utf-8").splitlines()
    return {record["id"]: record for record in map(json.loads, lines)}


def test_every_clip_is_there_mono_at_16_khz_with_a_record_that_fits(prepare, data, published):
    code, out, _ = prepare("denoised")
    assert code == 0
    for name in ("original", "denoised"):
        folder = data / "mustard" / name
        known = records(folder)
        assert list(known) == sorted(CLIPS)
        for key, record in known.items():
            sound, rate = soundfile.read(folder / f"{key}.wav", dtype="float32", always_2d=True)
            assert (rate, sound.shape[1], record["sample_rate"]) == (16_000, 1, 16_000)
            assert soundfile.info(folder / f"{key}.wav").subtype == "FLOAT"
            assert record["samples"] == len(sound)
            assert record["seconds"] == pytest.approx(CLIPS[key][0], abs=0.1)
            assert record["sha256"] == sha256(folder / f"{key}.wav")
            assert record["peak"] == pytest.approx(np.abs(sound).max(), abs=1e-6)
            assert record["rms"] == pytest.approx(np.sqrt(np.mean(sound.astype(float) ** 2)), abs=1e-6)
    originals, denoised = records(data / "mustard" / "original"), records(data / "mustard" / "denoised")
    for key in CLIPS:
        assert denoised[key]["samples"] == originals[key]["samples"]
        assert denoised[key]["source"]["sha256"] == originals[key]["sha256"]
        assert originals[key]["source"]["sha256"] == sha256(published.videos / f"{key}.mp4")
        assert originals[key]["source"]["archive_sha256"] == sha256(published.archive)
        assert originals[key]["tool"].startswith("PyAV ")
        assert denoised[key]["tool"].startswith("noisereduce ")
    assert "12 of 12 clips are there, 12 made now" in out
    assert "1 shorter than one example of 0.975 s: 2_94" in out


def test_what_is_there_is_left_as_it_is(prepare, data):
    prepare("denoised")
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*") if path.name != ".lock" and path.is_file()}
    code, out, err = prepare("denoised")
    assert code == 0
    assert "12 of 12 clips are there, 0 made now" in out
    assert err.count("nothing: all there") == 3
    assert "In all" not in err
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.slow
def test_the_result_does_not_depend_on_workers_order_or_where_the_archive_lies(prepare, data, published, tmp_path):
    prepare("denoised", "workers=1", "denoise=deepfilternet")
    first = content(data / "mustard" / "denoised") | content(data / "mustard" / "original")
    shutil.rmtree(data)
    moved = shutil.copy(published.archive, tmp_path / "mmsd_raw_data.zip")
    prepare("original", "--only", "2_97", "1_60", videos=moved)
    prepare("denoised", "workers=3", "denoise=deepfilternet", videos=f"file://{moved}")
    assert content(data / "mustard" / "denoised") | content(data / "mustard" / "original") == first


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(prepare, data, tmp_path):
    before = sorted(tmp_path.iterdir())
    code, out, err = prepare("all", "--dry-run", f"models_dir={tmp_path}/models")
    assert code == 0
    for words in (
        "fetch vggish_model.ckpt",
        "fetch labels",
        "take out sound",
        "free from noise",
        "690 of 690",
        "about",
        "291 MB",
        "of disk",
    ):
        assert words in out
    assert err == ""
    assert sorted(tmp_path.iterdir()) == before


def test_only_the_named_clips_are_made(prepare, data):
    code, out, _ = prepare("denoised", "--only", "2_97", "1_60")
    assert code == 0
    assert sorted(path.name for path in (data / "mustard" / "denoised").glob("*.wav")) == ["1_60.wav", "2_97.wav"]
    assert "2 of 2 clips are there, 2 made now" in out


def test_a_clip_that_does_not_exist_is_refused_with_the_nearest(prepare, data):
    prepare("original", "--only", "2_97")
    code, _, err = prepare("original", "--only", "2_977")
    assert code == 2
    assert err == f"error: --only: {data}/mustard/sarcasm_data.json has no '2_977'; did you mean 2_97?\n"


def test_force_makes_clips_again(prepare, data):
    prepare("original")
    before = content(data)
    code, out, _ = prepare("original", "--force", "--only", "2_97")
    assert code == 0
    assert "1 of 1 clips are there, 1 made now" in out
    assert content(data) == before


@pytest.mark.slow
def test_other_options_make_clips_again(prepare, data):
    prepare("denoised")
    code, out, _ = prepare("denoised", "denoise.share=0.5")
    assert (code, records(data / "mustard" / "denoised")["2_97"]["parameters"]["share"]) == (0, 0.5)
    assert "12 made now" in out
    code, out, _ = prepare("denoised", "extract=tu_berlin")
    assert {record["sample_rate"] for record in records(data / "mustard" / "original").values()} == {48_000}
    assert {record["sample_rate"] for record in records(data / "mustard" / "denoised").values()} == {48_000}


@pytest.mark.parametrize("choice", [f"extract={name}" for name in help_page.choices("extract")] + [f"denoise={name}" for name in help_page.choices("denoise")])  # fmt: skip
def test_every_choice_makes_a_clip(prepare, data, choice):
    code, out, _ = prepare("denoised", choice, "--only", "2_97")
    assert code == 0
    group, name = choice.split("=")
    of = "denoised" if group == "denoise" else "original"
    parameters = records(data / "mustard" / of)["2_97"]["parameters"]
    assert parameters.get("name", name) == name
    assert "1 of 1 clips are there" in out


def test_the_archive_may_be_deleted_when_its_clips_are_there(prepare, published, tmp_path):
    own = shutil.copy(published.archive, tmp_path / "own.zip")
    prepare("original", videos=own)
    Path(own).unlink()
    code, out, _ = prepare("original", videos=own)
    assert code == 0
    assert "0 made now" in out
    code, _, err = prepare("original", "--force", videos=own)
    assert code == 1
    assert err.splitlines()[-1] == (
        f"error: source.mustard_videos.url: {own} is not there; name a zip archive or a folder of videos"
    )


@pytest.mark.parametrize("place", ["folder", "its parent", "archive without a root"])
def test_videos_may_lie_in_a_folder_or_in_any_zip(prepare, data, published, tmp_path, place):
    videos = {
        "folder": published.videos,
        "its parent": published.folder,
        "archive without a root": write_archive(tmp_path / "own.zip", published.videos, root=""),
    }[place]
    assert prepare("original", videos=videos)[0] == 0
    assert len(list((data / "mustard" / "original").glob("*.wav"))) == 12


def test_a_video_that_was_replaced_in_its_folder_is_taken_again(prepare, data, published, tmp_path):
    videos = Path(shutil.copytree(published.videos, tmp_path / "videos"))
    prepare("original", videos=videos)
    before = content(data / "mustard" / "original")
    write_video(videos / "2_97.mp4", voice(2.6, 44_100, 77))
    code, out, _ = prepare("original", videos=videos)
    assert code == 0
    assert "1 made now" in out
    changed = {name for name, digest in content(data / "mustard" / "original").items() if before[name] != digest}
    assert changed == {"2_97.wav", MANIFEST}


def test_clips_that_cannot_be_made_are_named_and_the_others_made(prepare, data, published, tmp_path):
    videos = Path(shutil.copytree(published.videos, tmp_path / "videos"))
    (videos / "1_60.mp4").unlink()
    write_video(videos / "1_70.mp4", None)
    (videos / "1_80.mp4").write_bytes((videos / "1_80.mp4").read_bytes()[:9000])
    write_video(videos / "1_90.mp4", np.zeros(44_100, np.float32))
    code, out, _ = prepare("denoised", videos=videos)
    assert code == 1
    assert f"clip 1_60 has no video in {videos}" in out
    assert "clip 1_70 has no sound: there is no audio stream" in out
    assert "clip 1_80 is no video that FFmpeg can read, or a damaged one" in out
    assert "9 of 12 clips are there, 9 made now" in out
    assert "1 silent: 1_90" in out
    assert sorted(path.stem for path in (data / "mustard" / "denoised").glob("*.wav")) == sorted(
        CLIPS.keys() - {"1_60", "1_70", "1_80"}
    )
    # Mended, they are made up for.
    code, out, _ = prepare("denoised", videos=published.videos)
    assert code == 0
    assert "12 of 12 clips are there" in out


def test_a_clip_of_ones_own_is_used_and_never_overwritten(prepare, data, published):
    own = data / "mustard" / "original" / "2_97.wav"
    own.parent.mkdir(parents=True)
    soundfile.write(own, voice(1.5, 16_000, 9), 16_000)
    before = sha256(own)
    code, _, err = prepare("denoised")
    assert code == 0
    assert "1 clips of your own are used as they are" not in err or "2_97" not in records(own.parent)
    assert sha256(own) == before
    assert "2_97" not in records(own.parent)
    assert records(data / "mustard" / "denoised")["2_97"]["source"]["sha256"] == before
    assert records(data / "mustard" / "denoised")["2_97"]["samples"] == 24_000


def test_force_keeps_a_clip_of_ones_own_under_another_name(prepare, data):
    own = data / "mustard" / "original" / "2_97.wav"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"my own")
    code, _, err = prepare("original", "--force", "--only", "2_97")
    assert code == 0
    assert own.with_name("2_97.wav.kept").read_bytes() == b"my own"
    assert "2_97.wav was changed since it was made, or not made here; it is kept as 2_97.wav.kept" in err


@pytest.mark.slow
def test_a_changed_clip_is_made_again_and_the_change_kept(prepare, data):
    prepare("denoised")
    before = content(data)
    clip = data / "mustard" / "original" / "2_97.wav"
    clip.write_bytes(clip.read_bytes()[:-400])
    changed = sha256(clip)
    code, out, _ = prepare("original")
    assert code == 0
    assert "1 made now" in out
    kept = clip.with_name("2_97.wav.kept")
    assert sha256(kept) == changed
    kept.unlink()
    assert content(data) == before


def test_what_a_kill_just_before_the_end_left_is_put_in_order(prepare, data):
    prepare("denoised")
    before = content(data)
    for name in ("original", "denoised"):
        folder = data / "mustard" / name
        lines = (folder / MANIFEST).read_bytes().splitlines(keepends=True)
        (folder / MANIFEST).write_bytes(b"".join([*lines[::-1], lines[0], b'{"id": "2_9']))
        (folder / ".2_97.wav.part").write_bytes(b"half")
    for name in (".sarcasm_data.json.part", ".sarcasm_data.json.part.version"):
        (data / "mustard" / name).write_bytes(b"half")
    code, out, _ = prepare("denoised")
    assert code == 0
    assert "0 made now" in out
    assert content(data) == before


def damaged(content: bytes, member: bytes = b"mmsd_raw_data/utterances_final/1_60.mp4") -> bytes:
    """An archive with a wrong byte in a member."""
    changed = bytearray(content)
    changed[changed.index(member) + len(member) + 500] ^= 255
    return bytes(changed)


@pytest.fixture
def served(faulty_server, published) -> str:
    """The address of the archive on a server."""
    shutil.copy(published.archive, faulty_server.folder)
    return f"{faulty_server.url}/mmsd_raw_data.zip"


def test_an_archive_that_comes_damaged_is_fetched_again_before_its_hash_is_noted(
    prepare, data, published, faulty_server, served
):
    faulty_server.will("mmsd_raw_data.zip", other_content(damaged(published.archive.read_bytes())))
    code, _, err = prepare("original", "--only", "2_97", videos=served)
    assert code == 0
    assert "what came holds a damaged mmsd_raw_data/utterances_final/1_60.mp4 (Bad CRC-32 for file" in err
    archive = data / "mustard" / "mmsd_raw_data.zip"
    assert archive.read_bytes() == published.archive.read_bytes()
    assert archive.with_name("mmsd_raw_data.zip.sha256").read_text().split()[0] == sha256(archive)


@pytest.mark.parametrize("is_there", [True, False])
def test_the_noted_hash_of_a_damaged_archive_does_not_bind_when_forced(prepare, data, published, served, is_there):
    archive = data / "mustard" / "mmsd_raw_data.zip"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(damaged(published.archive.read_bytes()))
    note = archive.with_name("mmsd_raw_data.zip.sha256")
    note.write_text(f"{sha256(archive)}  mmsd_raw_data.zip\n")
    code, out, _ = prepare("original", "--only", "1_60", videos=served)
    assert code == 1
    assert "get the archive anew (--force does, if it was downloaded)" in out
    if not is_there:
        archive.unlink()
        code, _, err = prepare("original", "--only", "1_60", videos=served)
        assert code == 1
        assert "in mmsd_raw_data.zip.sha256); --force takes it" in err
    code, _, _ = prepare("original", "--only", "1_60", "--force", videos=served)
    assert code == 0
    assert archive.read_bytes() == published.archive.read_bytes()
    assert note.read_text().split()[0] == sha256(published.archive)
    assert archive.with_name("mmsd_raw_data.zip.kept").exists() == is_there


def test_what_is_no_archive_any_more_is_fetched_anew_with_force(prepare, data, published, served):
    archive = data / "mustard" / "mmsd_raw_data.zip"
    prepare("original", "--only", "2_97", videos=served)
    archive.write_bytes(archive.read_bytes()[:-9000])
    assert prepare("original", "--only", "2_97", "--force", videos=served)[0] == 0
    assert archive.read_bytes() == published.archive.read_bytes()


def test_an_archive_that_was_changed_since_it_was_fetched_is_not_used_unasked(prepare, data, published, served):
    archive = data / "mustard" / "mmsd_raw_data.zip"
    prepare("original", "--only", "2_97", videos=served)
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr("more.txt", "changed")
    noted, found = sha256(published.archive), sha256(archive)
    code, _, err = prepare("original", "--only", "1_60", videos=served)
    assert code == 1
    assert err.splitlines()[-1] == (
        f"error: {archive} has the sha256 {found}, and had {noted} when it was fetched; fetch it anew with --force, which"
        f" keeps this one as mmsd_raw_data.zip.kept, or, if this one is meant, take it with source.mustard_videos.sha256={found}"
    )
    assert prepare("original", "--only", "1_60", f"source.mustard_videos.sha256={found}", videos=served)[0] == 0
    assert records(data / "mustard" / "original")["1_60"]["source"]["archive_sha256"] == found
    # Its note is that of the file again.
    assert prepare("original", "--only", "1_70", videos=served)[0] == 0


def test_a_note_beside_an_archive_of_ones_own_is_not_believed(prepare, data, published, tmp_path):
    own = Path(shutil.copy(published.archive, tmp_path / "own.zip"))
    own.with_name("own.zip.sha256").write_text(f"{'0' * 64}  own.zip\n")
    assert prepare("original", "--only", "2_97", videos=own)[0] == 0
    assert records(data / "mustard" / "original")["2_97"]["source"]["archive_sha256"] == sha256(own)


@pytest.mark.slow
def test_a_damaged_archive_that_was_fetched_is_fetched_anew_with_force(project_with_sources, faulty_server):
    call = ["-m", "sarcasm.cli", "prepare", "original", "--only", "2_97"]
    assert run_in(project_with_sources, *call).returncode == 0
    archive = project_with_sources / "data" / "mustard" / "mmsd_raw_data.zip"
    archive.write_bytes(damaged(archive.read_bytes()))
    changed = archive.read_bytes()
    archive.with_name("mmsd_raw_data.zip.sha256").unlink()
    call[-1] = "1_60"
    done = run_in(project_with_sources, *call)
    assert done.returncode == 1
    assert "1_60.mp4 is damaged (Bad CRC-32 for file" in done.stdout
    assert "get the archive anew (--force does, if it was downloaded)" in done.stdout
    assert run_in(project_with_sources, *call, "--force").returncode == 0
    assert archive.with_name("mmsd_raw_data.zip.kept").read_bytes() == changed


def test_two_at_once_are_told_apart(prepare, data):
    with lock(data / "mustard"):
        code, _, err = prepare("original")
    assert code == 1
    assert err.splitlines()[-1] == (f"error: {data}/mustard: another process is writing there; wait for it, or end it")


def test_a_file_that_is_not_the_published_one_is_not_overwritten_unasked(prepare, data, published):
    labels = data / "mustard" / "sarcasm_data.json"
    labels.parent.mkdir(parents=True)
    labels.write_text("{}")
    expected = hashlib.sha256(published.labels.read_bytes()).hexdigest()
    pinned = f"source.mustard_labels.sha256={expected}"
    code, _, err = prepare("original", pinned)
    assert code == 1
    assert err == (
        f"error: {labels} has the sha256 {sha256(labels)} where {expected} is expected; fetch it anew with --force, which"
        " keeps this one as sarcasm_data.json.kept, or, if this one is meant, take it as it is with"
        " source.mustard_labels.sha256=null\n"
    )
    assert prepare("original", pinned, "--force")[0] == 0
    assert labels.with_name("sarcasm_data.json.kept").read_text() == "{}"


def test_too_little_room_is_said_before_anything_is_begun(prepare, data, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 10**7))
    code, _, err = prepare("original")
    assert code == 1
    assert err.splitlines()[-1] == (
        f"error: {tmp_path}: 0.23 GB are needed there and 0.01 GB are free; free some, or name another place with"
        " data_dir=DIR and models_dir=DIR"
    )
    assert not data.exists()


def test_what_a_cut_download_left_needs_no_room_and_is_not_fetched_again(
    prepare, data, faulty_server, served, monkeypatch
):
    faulty_server.will("mmsd_raw_data.zip", cut_after(100_000), *[status(404)] * 3)
    assert prepare("original", "--only", "2_97", videos=served)[0] == 1
    # Most of a large file, without writing it.
    os.truncate(data / "mustard" / ".mmsd_raw_data.zip.part", 900_000_000)
    size = "source.mustard_videos.bytes=1000000000"
    _, out, _ = prepare("original", "--only", "2_97", "--dry-run", size, videos=served)
    assert "In all: 100 MB to fetch, 100 MB of disk" in out
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 2 * 10**8))
    faulty_server.will("mmsd_raw_data.zip", *[status(404)] * 3)
    code, _, err = prepare("original", "--only", "2_97", size, videos=served)
    assert code == 1
    assert "answered 404" in err
    # From another address nothing of it can be continued.
    code, _, err = prepare("original", "--only", "2_97", size, videos=f"{served}?other")
    assert code == 1
    assert "1.00 GB are needed there and 0.20 GB are free" in err


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_videos_that_are_not_there_are_said_before_anything_is_planned(prepare, data, tmp_path, more):
    code, out, err = prepare("original", *more, videos=tmp_path / "none.zip")
    assert (code, out, err) == (
        1,
        "",
        f"error: source.mustard_videos.url: {tmp_path}/none.zip is not there; name a zip archive or a folder of videos\n",
    )
    assert cli.main(["prepare", "mustard_pp", f"data_dir={data}", *more]) == 1
    assert not data.exists()


def test_a_large_file_that_is_there_is_hashed_once(prepare, tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.write_bytes(b"weights")
    md5 = hashlib.md5(b"weights").hexdigest()
    options = [f"models_dir={tmp_path}/models"]
    for name in ("vggish_checkpoint", "vggish_pca"):
        known = {"url": own, "bytes": 7, "sha256": sha256(own), "md5": md5}
        options += [f"source.{name}.{option}={value}" for option, value in known.items()]
    assert prepare("vggish", *options)[0] == 0
    remembered = tmp_path / "models" / "vggish_model.ckpt"
    os.utime(remembered, (1, 1))
    digest, hashed = hashlib.file_digest, []
    monkeypatch.setattr(
        hashlib, "file_digest", lambda file, kind: hashed.append((file.name, kind)) or digest(file, kind)
    )
    assert prepare("vggish", *options)[0] == 0
    assert [kind for name, kind in hashed if name == str(remembered)] == ["sha256"]


def test_where_nothing_is_to_be_done_nothing_is_written(prepare, data, tmp_path, monkeypatch):
    own = tmp_path / "own"
    own.write_bytes(b"weights")
    options = [f"models_dir={tmp_path}/models"]
    for name in ("vggish_checkpoint", "vggish_pca"):
        known = {"url": own, "bytes": "null", "sha256": sha256(own), "md5": "null"}
        options += [f"source.{name}.{option}={value}" for option, value in known.items()]
    assert prepare("all", *options)[0] == 0
    real_open = Path.open

    def refuse(path: Path, *_, **__) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    def open_to_read(path: Path, mode: str = "r", *more, **named):
        return refuse(path) if set(mode) & set("wax+") else real_open(path, mode, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_to_read)
        patch.setattr(Path, "unlink", refuse)
        patch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)
        code, out, err = prepare("all", *options)
        assert (code, out.count("12 of 12 clips are there, 0 made now")) == (0, 2), err
        code, _, err = prepare("original", "--force")
    assert code == 1
    assert f"{data}/mustard/.lock: Read-only file system" in err


@pytest.mark.slow
def test_a_denoised_clip_is_remade_with_its_original_when_the_videos_are_others(prepare, data, published, tmp_path):
    prepare("denoised")
    videos = Path(shutil.copytree(published.videos, tmp_path / "videos"))
    write_video(videos / "2_97.mp4", voice(2.6, 44_100, 77))
    other = write_archive(tmp_path / "other.zip", videos)
    _, out, _ = prepare("denoised", "--dry-run", videos=other)
    assert out.count("1 of 12") == 2
    code, out, _ = prepare("denoised", videos=other)
    assert code == 0
    assert "12 of 12 clips are there, 1 made now" in out
    original = data / "mustard" / "original" / "2_97.wav"
    assert records(original.parent)["2_97"]["source"]["sha256"] == sha256(videos / "2_97.mp4")
    assert records(data / "mustard" / "denoised")["2_97"]["source"]["sha256"] == sha256(original)
    # What is wrong with an archive does not matter where no clip is to be made.
    other.write_bytes(b"no archive")
    assert prepare("denoised", videos=other)[0] == 0


WRONG = {
    "originl": "there is no target originl; did you mean original? (choose from vggish, original, denoised, mustard_pp, all); see sarcasm prepare --help",
    "original denoise=noisreduce": "denoise=noisreduce: there is no such denoise; did you mean noisereduce? (choose from deepfilternet, noisereduce)",
    "original denoise.attenuation=3": "there is no option denoise.attenuation; did you mean denoise.attenuation_db?",
    "original source.mustard_video.url=x": "there is no option source.mustard_video.url; did you mean source.mustard_videos.url?",
    "original extract.sample_rate=1": "extract.sample_rate=1: Hz between 8000 and 192000 are needed",
    "original workers=0": "workers=0: 1 or more are needed, or null for one on each core",
    "original source.mustard_videos.url=ftp://host/x": "source.mustard_videos.url=ftp://host/x: an address with http://, https:// or file://, or a path, is needed",
    "original source.mustard_videos.md5=12": "source.mustard_videos.md5=12: 32 hexadecimal digits are needed, or null",
    "mustard_pp source.mustard_pp_labels.url=null source.mustard_pp_labels.sha256=null": "source.mustard_pp_labels.url: there is no public address to fetch it from; name a file or folder of yours",
}  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_a_wrong_word_is_answered_in_one_line(line, tmp_path):
    command = [sys.executable, "-m", "sarcasm.cli", "prepare", *line.split(), f"data_dir={tmp_path}/data"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == (1 if "url=null" in line else 2)
    assert done.stderr.splitlines()[-1] == f"error: {WRONG[line]}"
    assert done.stdout == ""


def test_the_help_loads_no_heavy_library():
    code = "import sys; from sarcasm import cli\ntry: cli.main(['prepare', '--help'])\nexcept SystemExit: print(sorted({'tensorflow', 'mlflow', 'av', 'sklearn', 'numba'} & set(sys.modules)))"  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout.splitlines()[-1] == "[]"


# Faults


def command(published, data: Path, *arguments: str) -> list[str]:
    return [
        sys.executable, "-m", "sarcasm.cli", "prepare", *arguments, f"data_dir={data}", *LABELS_OWN, "workers=2",
        f"source.mustard_labels.url={published.labels}", f"source.mustard_videos.url={published.archive}",
    ]  # fmt: skip


def killed_and_taken_up(published, folder: Path, moments: list[float], *arguments: str) -> None:
    """Kill the command at each moment, then let it end."""
    for seconds in moments:
        running = subprocess.Popen(
            command(published, folder, *arguments), cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        time.sleep(seconds)
        running.send_signal(signal.SIGKILL)
        running.wait(30)
        for path in folder.rglob("*.wav"):
            # Whatever bears its final name is whole.
            assert soundfile.info(path).frames * 4 < path.stat().st_size
            soundfile.read(path)
    done = subprocess.run(
        command(published, folder, *arguments), cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr


def kill_at_random(published, tmp_path: Path, n_rounds: int, n_kills: int, seed: int) -> None:
    start = time.monotonic()
    killed_and_taken_up(published, tmp_path / "undisturbed", [], "denoised")
    longest = time.monotonic() - start
    expected = content(tmp_path / "undisturbed")
    assert len([name for name in expected if name.endswith(".wav")]) == 24
    moments = random.Random(seed)
    for number in range(n_rounds):
        folder = tmp_path / f"killed{number}"
        killed_and_taken_up(published, folder, [moments.uniform(0.3, longest) for _ in range(n_kills)], "denoised")
        assert content(folder) == expected
        shutil.rmtree(folder)


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_ends_with_the_same_files(published, tmp_path):
    kill_at_random(published, tmp_path, n_rounds=10, n_kills=2, seed=2)


def children(pid: int) -> list[int]:
    """Of a process, as Linux tells them."""
    found = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return found + [grandchild for child in found for grandchild in children(child)]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up as Linux tells them")
def test_workers_end_with_the_process_that_began_them(published, tmp_path):
    running = subprocess.Popen(
        command(published, tmp_path / "data", "denoised"), cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    # The first one only keeps track of what the others share.
    while len(workers := children(running.pid)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait(30)
    while any(is_alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(workers) >= 2
    assert not any(is_alive(worker) for worker in workers)


@pytest.mark.slow
def test_ctrl_c_says_so_and_leaves_no_half_written_file(published, tmp_path):
    running = subprocess.Popen(
        command(published, tmp_path / "data", "denoised"), cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    folder = tmp_path / "data" / "mustard"
    deadline = time.monotonic() + 300
    while not list(folder.glob("denoised/*.wav")) and time.monotonic() < deadline:
        time.sleep(0.05)
    # As a terminal does: to all processes of the group.
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=300)
    assert running.returncode == 130
    assert err.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in err
    assert not list(folder.rglob(".*.part*"))


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_next_call_goes_on(published, tmp_path):
    data = tmp_path / "data"

    def limited() -> None:
        # Writing beyond it fails like a full disk does, whatever file it is; Python ignores the signal.
        resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, 90_000))

    done = subprocess.run(
        command(published, data, "original"), cwd=PROJECT, capture_output=True, text=True, check=False, timeout=300, preexec_fn=limited,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: cannot write to {data}/mustard/original/.")
    assert "Traceback" not in done.stderr
    killed_and_taken_up(published, data, [], "original")
    killed_and_taken_up(published, tmp_path / "undisturbed", [], "original")
    assert content(data) == content(tmp_path / "undisturbed")


def die_on_three(number: int) -> int:
    if number == 3:
        os.abort()
    return number * number


@pytest.mark.slow
def test_a_piece_of_work_that_ends_its_process_is_told_from_the_others():
    done = dict(in_processes(die_on_three, list(range(8)), 2))
    assert done == {number: None if number == 3 else number * number for number in range(8)}


def raise_on_three(number: int) -> int:
    if number == 3:
        raise OSError(28, "No space left on device", "somewhere")
    return number


def test_an_error_in_a_process_reaches_the_caller():
    with pytest.raises(OSError, match="No space left"):
        list(in_processes(raise_on_three, list(range(8)), 2))


# From an empty folder to a trained run


def point_at(project: Path, server: str, published: Path) -> None:
    """Let the sources of a project copy name a server that has made-up files."""
    files = {
        "mustard_labels": "sarcasm_data.json", "mustard_videos": "mmsd_raw_data.zip", "vggish_checkpoint": "vggish_model.ckpt",
        "vggish_pca": "vggish_pca_params.npz",
    }  # fmt: skip
    for name, file in files.items():
        digest = "null" if name == "mustard_videos" else sha256(published / file)
        path = project / "conf" / "source" / f"{name}.yaml"
        lines = path.read_text(encoding="utf-8").splitlines()
        values = {"url": f"{server}/{file}", "bytes": "null", "sha256": digest, "md5": "null"}
        lines = [f"{line.split(':')[0]}: {values[line.split(':')[0]]}  # {line.partition('# ')[2]}" if line.split(":")[0] in values else line for line in lines]  # fmt: skip
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_in(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "HYDRA_"))}
    environment["PYTHONPATH"] = str(project)
    return subprocess.run(
        [sys.executable, *words], cwd=project, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture
def project_with_sources(project_copy, faulty_server, published, v1_checkpoint, pca_params) -> Path:
    for path in (published.labels, published.archive, v1_checkpoint, pca_params):
        (faulty_server.folder / path.name).symlink_to(path)
    point_at(project_copy, faulty_server.url, faulty_server.folder)
    return project_copy


@pytest.mark.slow
def test_from_nothing_to_a_run_in_two_commands_though_the_server_fails(project_with_sources, faulty_server):
    project = project_with_sources
    faulty_server.will(
        "vggish_model.ckpt",
        cut_after(100_000_000),
        status(503),
        redirect("/mirror/vggish_model.ckpt"),
        cut_after(50_000_000),
    )
    faulty_server.will("vggish_pca_params.npz", status(404), web_page)
    faulty_server.will("sarcasm_data.json", other_content(b"{}"), status(429, Retry_After="1"))
    faulty_server.will(
        "mmsd_raw_data.zip", status(500), cut_after(100_000), web_page, cut_after(1000), other_content(b"PK no zip")
    )
    prepared = run_in(project, "-m", "sarcasm.cli", "prepare", "all")
    assert prepared.returncode == 0, prepared.stderr
    assert prepared.stdout.count("12 of 12 clips are there, 12 made now") == 2
    n_checkpoint = (project / "models" / "vggish_model.ckpt").stat().st_size
    # Nothing is fetched twice, but for what was on its way when the connection was cut.
    assert faulty_server.n_sent("vggish_model.ckpt") < n_checkpoint * 1.05

    n_requests = len(faulty_server.requests)
    again = run_in(project, "-m", "sarcasm.cli", "prepare", "all")
    assert (again.returncode, len(faulty_server.requests)) == (0, n_requests)
    assert again.stdout.count("0 made now") == 2

    trained = run_in(project, "train.py", "dataset=denoised", "head=big", "trainer.steps=3")
    assert trained.returncode == 0, trained.stderr
    assert "denoised: 12 clips (5 sarcastic), 8 speakers, 24 s" in trained.stdout
    assert "embedding  vggish, sha256:" in trained.stdout

    clip = project / "data" / "mustard" / "denoised" / "2_97.wav"
    soundfile.write(clip, voice(2.0, 16_000, 50), 16_000)
    refused = run_in(project, "train.py", "dataset=denoised")
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1] == (
        f"error: clip 2_97: {clip} was changed since it was prepared; run: sarcasm prepare denoised --only 2_97, or, if"
        f" the change is meant, delete its line in {MANIFEST} there (dataset.bad_clips=skip goes on without such clips)"
    )
    remade = run_in(project, "-m", "sarcasm.cli", "prepare", "denoised", "--only", "2_97")
    assert remade.returncode == 0, remade.stderr
    assert clip.with_name("2_97.wav.kept").exists()


@pytest.mark.slow
def test_a_server_that_is_not_there_is_one_line_and_the_other_steps_are_done(
    project_with_sources, faulty_server, monkeypatch
):
    faulty_server.will("vggish_model.ckpt", *[status(404)] * 3)
    done = run_in(project_with_sources, "-m", "sarcasm.cli", "prepare", "all", "denoise=noisereduce")
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    url = f"{faulty_server.url}/vggish_model.ckpt"
    assert errors == [
        f"error: vggish_model.ckpt: {url} answered 404 Not Found (the last of 3 tries); try again later (what is there is"
        " continued), or name another place with source.vggish_checkpoint.url=URL_OR_FILE"
    ]
    assert done.stdout.count("12 of 12 clips are there") == 2


def test_mustard_pp_is_prepared_from_a_folder_of_ones_own(published, data, tmp_path, capsys):
    videos = tmp_path / "final_utterance_videos"
    videos.mkdir()
    rows = ["SCENE,KEY,SENTENCE,END_TIME,SPEAKER,SHOW,Sarcasm"]
    for utterance in read_labels(published.labels):
        shutil.copy(published.videos / f"{utterance.id}.mp4", videos / f"{utterance.id}_u.mp4")
        rows += [
            f'{utterance.id},{utterance.id}_c_00,"A line\nbefore.",0:1,-,{utterance.show},',
            f"{utterance.id},{utterance.id}_u,{utterance.text},0:3,{utterance.speaker},{utterance.show},{float(utterance.is_sarcastic)}",
        ]
    table = tmp_path / "mustard++_text.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    options = [
        f"source.mustard_pp_labels.url={table}",
        "source.mustard_pp_labels.bytes=null",
        "source.mustard_pp_labels.sha256=null",
        f"data_dir={data}",
    ]
    code = cli.main(["prepare", "mustard_pp", *options])
    assert code == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: source.mustard_pp_videos.url: there is no public address to fetch it from; name a file or folder of yours"
    )
    assert cli.main(["prepare", "mustard_pp", *options, f"source.mustard_pp_videos.url={videos}"]) == 0
    assert sorted(path.stem for path in (data / "mustard_pp" / "original").glob("*.wav")) == sorted(CLIPS)
