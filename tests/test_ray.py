"""Embedding on a real Ray cluster of two workers, one of which is killed. `make test-ray` installs Ray and runs this."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sarcasm.config import compose, parse
from sarcasm.embeddings import Workers, on_ray, stream
from sarcasm.embeddings.stream import Clip, Task, embed
from sarcasm.errors import ConfigError, SarcasmError
from sarcasm.resampling import Resampler
from sarcasm.store import Store

N_CLIPS = 240
has_ray = pytest.mark.skipif(not Path(sys.executable).with_name("ray").exists(), reason="Ray is an extra")


def processes(is_meant: Callable[[bytes], bool]) -> list[int]:
    """Processes told by their command lines, as Linux gives them."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        try:
            words = (each / "cmdline").read_bytes()
        except OSError:
            continue
        if is_meant(words) and int(each.name) != os.getpid():
            found.append(int(each.name))
    return found


def workers_at_work() -> list[int]:
    return processes(lambda words: words.startswith(b"ray::Worker.embed"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A cluster of two processors on this machine, and its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Its sockets have short names.
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0"}
    started = subprocess.Popen(
        [Path(sys.executable).with_name("ray"), "start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2",
         "--include-dashboard=false", f"--temp-dir={folder}"],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    for _ in range(240):
        with socket.socket() as reached:
            if not reached.connect_ex(("127.0.0.1", port)):
                break
        time.sleep(0.25)
    time.sleep(3)
    yield f"127.0.0.1:{port}"
    os.killpg(started.pid, signal.SIGKILL)
    started.wait(30)
    # What it started has groups of its own, and the folder's name in its command line.
    for pid in processes(lambda words: str(folder).encode() in words):
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    """Clips of noise, made up; about three seconds each."""
    folder = tmp_path_factory.mktemp("noise")
    drawn = np.random.default_rng(0)
    lines = ["id,path,label"]
    for number in range(N_CLIPS):
        waveform = drawn.standard_normal(int(16_000 * drawn.uniform(2.5, 3.5))).clip(-3, 3) / 10
        soundfile.write(folder / f"{number:03}.wav", waveform, 16_000)
        lines.append(f"c{number:03},{number:03}.wav,{number % 2}")
    (folder / "clips.csv").write_text("\n".join(lines) + "\n")
    return folder / "clips.csv"


@pytest.mark.slow
@has_ray
def test_a_killed_worker_loses_nothing_and_changes_no_bit(cluster, manifest, v1_checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster)
    options = [
        f"dataset=manifest dataset.manifest={manifest} embedding.checkpoint={v1_checkpoint} pca=off trainer.steps=2"
    ]
    words = [*options[0].split(), f"tracking.uri=sqlite:///{tmp_path}/mlflow.db", f"store.path={tmp_path}/ray.db"]
    train = [sys.executable, str(Path(__file__).parents[1] / "train.py"), *words]
    running = subprocess.Popen(
        [*train, "embedding.workers=ray"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # Once there is something in the store, both are in the middle of their work.
    kept = tmp_path / "ray.db"
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline and running.poll() is None:
        if kept.exists() and kept.stat().st_size > 100_000 and (found := workers_at_work()):
            os.kill(found[0], signal.SIGKILL)
            break
        time.sleep(0.05)
    else:
        pytest.fail(f"nobody was seen at work: {running.communicate()}")
    out, err = running.communicate(timeout=300)
    assert running.returncode == 0, err
    assert f"0 clips found in {kept.name}, {N_CLIPS} computed" in out

    config = parse(compose("config", words))
    corpus = config.dataset.read()
    clips = [Clip(number, each.id, each.path, corpus.hashes[each.id]) for number, each in enumerate(corpus.utterances)]
    task, weights = Task(config.embedding, config.resampler, False), config.embedding.fingerprint(False, Store(None))
    here = {clip.number: result.rows for clip, result in embed(clips, task, Store(None), weights)}
    with Store(kept) as store:
        there = {clip.number: result.rows for clip, result in embed(clips, task, store, weights)}
        assert (store.n_hits, store.n_misses) == (N_CLIPS, 0)
    for number in range(N_CLIPS):
        np.testing.assert_array_equal(here[number], there[number])


@has_ray
def test_without_a_cluster_the_message_says_how_to_start_one(monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(
        ConfigError,
        match=r"^embedding.workers=ray: 127\.0\.0\.1:1 leads to no cluster .*; start one with ray start --head",
    ):
        on_ray._join()
    monkeypatch.delenv("RAY_ADDRESS")
    monkeypatch.setattr(on_ray, "CURRENT_CLUSTER", tmp_path / "none")
    with pytest.raises(ConfigError, match=r"^embedding.workers=ray: no Ray cluster runs on this machine; start one"):
        on_ray._join()


def test_without_ray_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"Ray is not installed; install it with pip install 'sarcasm\[ray\]'"):
        on_ray._load_ray()


def vggish(**options):
    return replace(parse(compose("config", [])).embedding, **options)


def test_a_worker_with_another_sarcasm_is_not_believed(monkeypatch):
    task = Task(vggish(workers=Workers.ray), Resampler.reference, True)
    recipe = task.recipe("random:0")
    monkeypatch.setattr(stream, "computed_by", lambda *modules: {"code": "another"})
    said = on_ray.Worker().embed([], task, "random:0", recipe)
    assert isinstance(said, SarcasmError)
    assert "would compute other embeddings" in str(said)
    assert "install the same sarcasm and libraries on every machine" in str(said)


def test_a_worker_that_cannot_use_the_weights_says_where_and_why():
    task = Task(vggish(checkpoint="nowhere.ckpt"), Resampler.reference, False)
    said = on_ray.Worker().embed([], task, "sha256:0", task.recipe("sha256:0"))
    assert str(said).startswith(f"{os.uname().nodename}: embedding.checkpoint: nowhere.ckpt is not there")
