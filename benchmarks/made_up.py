"""What whole runs are measured on: a folder in MUStARD's shape, and VGGish's files in the released formats.

The voices are synthesised and the weights random, so that nothing needs to be fetched; the time a run takes does not
depend on what is said. Clips last 2 to 8 s, 5 s on average as MUStARD's do, at 16 kHz, as `sarcasm prepare` writes
them.

    python -m benchmarks.made_up FOLDER N_CLIPS
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

SAMPLE_RATE = 16_000
SHORTEST_SECONDS, LONGEST_SECONDS = 2.0, 8.0
SPEAKERS = ("ADA", "BEN", "CLEO", "DAN")
AUDIO, LABELS, CHECKPOINT, PCA = "audio", "sarcasm_data.json", "vggish_model.ckpt", "vggish_pca_params.npz"
"""What stands in the folder."""


def options(folder: Path) -> list[str]:
    """What train.py is to be told to find it."""
    return [
        "dataset=original", f"dataset.audio_dir={folder / AUDIO}", f"dataset.labels={folder / LABELS}",
        f"embedding.checkpoint={folder / CHECKPOINT}", f"pca.params={folder / PCA}",
    ]  # fmt: skip


def write_clips(folder: Path, n_clips: int) -> None:
    """Write clips and labels; the same to the byte each time."""
    from sarcasm.corpus.wav import wav_bytes
    from tests.video_fixtures import voice

    (folder / AUDIO).mkdir()
    lengths = np.random.default_rng(0).uniform(SHORTEST_SECONDS, LONGEST_SECONDS, n_clips)
    entries = {}
    for number, seconds in enumerate(lengths):
        sound = voice(float(seconds), SAMPLE_RATE, number)
        (folder / AUDIO / f"1_{number}.wav").write_bytes(wav_bytes(sound[:, np.newaxis], SAMPLE_RATE, "pcm_16"))
        entries[f"1_{number}"] = {
            "utterance": f"Made-up line number {number}.", "speaker": SPEAKERS[number // 2 % len(SPEAKERS)],
            "context": [], "context_speakers": [], "show": "BBT", "sarcasm": number % 2 == 0,
        }  # fmt: skip
    (folder / LABELS).write_text(json.dumps(entries), encoding="utf-8")


def write_weights(folder: Path) -> None:
    """Write the checkpoint, V1 as released, and the parameters of the PCA."""
    from tests.assets.vggish import inputs
    from tests.vggish_fixtures import write_checkpoint

    write_checkpoint(folder / CHECKPOINT, inputs.weights(), version=1)
    parameters: dict[str, Any] = inputs.pca_parameters()
    np.savez(folder / PCA, **parameters)


def main() -> None:
    """Write all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("n_clips", type=int)
    asked = parser.parse_args()
    write_clips(asked.folder, asked.n_clips)
    write_weights(asked.folder)


if __name__ == "__main__":
    main()
