"""Memory of the embedding step: its peak over 10,000 clips against that over 1,000.

Clips are read some ahead, embedded and kept in a store as they come, so that only what stands in the table grows with
the corpus: 128 values of 4 bytes for each example, once as they come and once more while they are joined. Both sizes
are tabulated in a process of their own, with an empty store; clips last 1 to 3 s and are cut and mixed from 200 made-up
voices, so that no two files are alike. The weights are random.

    python -m benchmarks.memory [--few 1000] [--many 10000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from sarcasm.corpus import Corpus, Utterance
from sarcasm.corpus.wav import wav_bytes
from tests.video_fixtures import voice

N_FEW, N_MANY = 1_000, 10_000
N_VOICES, VOICE_SECONDS = 200, 6
SHORTEST_SECONDS, LONGEST_SECONDS, SAMPLE_RATE = 1.0, 3.0, 16_000
PEAK_BUDGET, GROWTH_BUDGET = 1.1, 8.0


def measure(n_few: int = N_FEW, n_many: int = N_MANY) -> Iterator[dict[str, object]]:
    """Rows: what, ratio, budget."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        write_clips(folder, n_many)
        few, many = (_in_a_process(folder, n_clips) for n_clips in (n_few, n_many))
    peaks = {"peak_bytes": [few["peak"], many["peak"]], "table_bytes": [few["table"], many["table"]]}
    yield {
        "what": f"peak memory, {n_many:,} clips over {n_few:,} (at most)", "budget": PEAK_BUDGET,
        "ratio": many["peak"] / few["peak"], **peaks,
    }  # fmt: skip
    grown = max(0, many["resident"] - few["resident"])
    yield {
        "what": "memory a clip more takes over its rows (at most)", "budget": GROWTH_BUDGET,
        "ratio": grown / (many["table"] - few["table"]), "bytes_a_clip": grown / (n_many - n_few),
    }  # fmt: skip


def write_clips(folder: Path, n_clips: int) -> None:
    """Write 0.wav and so on: two voices each, cut somewhere, at some level."""
    generator = np.random.default_rng(0)
    voices = np.stack([voice(VOICE_SECONDS, SAMPLE_RATE, seed) for seed in range(N_VOICES)])
    for number in range(n_clips):
        n_samples = round(generator.uniform(SHORTEST_SECONDS, LONGEST_SECONDS) * SAMPLE_RATE)
        sound = np.zeros(n_samples, np.float32)
        for each in generator.choice(N_VOICES, 2, replace=False):
            start = generator.integers(voices.shape[1] - n_samples)
            sound += generator.uniform(0.3, 0.5) * voices[each, start : start + n_samples]
        (folder / f"{number}.wav").write_bytes(wav_bytes(sound[:, np.newaxis], SAMPLE_RATE, "pcm_16"))


def tabulate(folder: Path, n_clips: int) -> dict[str, int]:
    """Embed the first clips of a folder.

    Returns:
        bytes: of the peak of this process, of what it holds afterwards, and of the table's rows.
    """
    from sarcasm import embeddings
    from sarcasm.config import compose, parse
    from sarcasm.store import Store

    config = parse(compose("config", []))
    utterances = [Utterance(str(n), folder / f"{n}.wav", n % 2 == 0) for n in range(n_clips)]
    with Store(folder / f"{n_clips}.db") as store:
        corpus = Corpus(tuple(sorted(utterances, key=lambda each: each.id)), is_made_up=True)
        corpus = replace(corpus, hash_files=store.hashes)
        table = embeddings.tabulate(corpus, config.embedding, config.pca, config.reading, store)
    return {**_memory(), "table": table.X.nbytes}


def _memory() -> dict[str, int]:
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # in bytes on macOS
        return {"peak": peak, "resident": peak}
    # Not ru_maxrss: Linux counts into it what the parent held before this process became another program.
    fields = dict(line.split(":", 1) for line in lines)
    return {name: int(fields[field].split()[0]) * 1024 for name, field in (("peak", "VmHWM"), ("resident", "VmRSS"))}


def _in_a_process(folder: Path, n_clips: int) -> dict[str, int]:
    command = [sys.executable, "-m", "benchmarks.memory", "--tabulate", str(folder), "--few", str(n_clips)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])


def main() -> None:
    """Print each row as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=N_FEW)
    parser.add_argument("--many", type=int, default=N_MANY)
    parser.add_argument("--tabulate", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.tabulate:
        print(json.dumps(tabulate(asked.tabulate, asked.few)))
        return
    for row in measure(asked.few, asked.many):
        print(json.dumps({**row, "load": os.getloadavg()[0]}), flush=True)


if __name__ == "__main__":
    main()
