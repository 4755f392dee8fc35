"""What a run is surrounded by: the machine, the packages, and changes to the code that no commit holds.

Kept as artifacts, so that a run can be told apart from one of the same options on another machine or of other code.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from sarcasm.files import sha256
from sarcasm.processors import n_processors

LOCK = "requirements.lock"
LONGEST_DIFF_BYTES = 1_000_000
SECONDS = 10.0
"""That another program may take to answer."""


def environment() -> dict[str, object]:
    """The machine and what is installed: JSON can hold it."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else None
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "processors": n_processors(),
        "memory_bytes": memory,
        "gpus": _gpus(),
        "packages": _packages(),
    }


def lock_hash(project: Path) -> str:
    """The hash of the file that pins every package: "sha256:...", or "none" where there is no such file."""
    try:
        return f"sha256:{sha256(project / LOCK)}"
    except OSError:
        return "none"


def uncommitted(project: Path) -> str:
    """What differs from the last commit, as a patch, and the names of files that git does not know; "" for nothing."""
    patch = _said(["git", "diff", "HEAD", "--no-color", "--no-ext-diff"], project)
    unknown = _said(["git", "ls-files", "--others", "--exclude-standard"], project)
    if len(patch) > LONGEST_DIFF_BYTES:
        patch = f"{patch[:LONGEST_DIFF_BYTES]}\n... (cut; {len(patch)} characters in all)\n"
    names = "".join(f"# not known to git: {name}\n" for name in unknown.splitlines())
    return names + patch


def _packages() -> dict[str, str]:
    """Name -> version of what is installed, by the names of the folders that say so; to read each would take a second.

    Source of the form of these names: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
    """
    found: dict[str, str] = {}
    for place in map(Path, sys.path):
        for folder in place.glob("*.dist-info"):
            name, _, version = folder.name.removesuffix(".dist-info").partition("-")
            found.setdefault(name, version)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _gpus() -> list[str]:
    """Name, driver and memory of each GPU of NVIDIA's; TensorFlow is not asked, as it may not be needed yet."""
    if not shutil.which("nvidia-smi"):
        return []
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    return _said(query, Path.cwd()).splitlines()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _said(command: list[str], folder: Path) -> str:
    """What another program prints, or nothing where it fails."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=SECONDS, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")
