"""What can be prepared, and of what: a target of `sarcasm prepare` -> its parts.

To add a corpus: a recipe here, and a file in conf/source/ for each thing it is made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sarcasm.corpus import Utterance, mustard, mustard_pp


@dataclass(frozen=True)
class Recipe:
    """A corpus of videos.

    Attributes:
        name: its folder in the data folder.
        labels: file of its labels, and the name of their source.
        videos: file of its archive, and the name of its source.
        folder: where in the archive the videos stand.
        video: what they are called.
        read_labels: the file of labels -> utterances.
        n_clips, seconds: of the published corpus, for estimates before anything is there.
        archive_bytes: size of the published archive, roughly; 0 where none was.
    """

    name: str
    labels: tuple[str, str]
    videos: tuple[str, str]
    folder: str
    video: str
    read_labels: Callable[[Path], list[Utterance]]
    n_clips: int
    seconds: float
    archive_bytes: int


MUSTARD = Recipe(
    name="mustard",
    labels=("sarcasm_data.json", "mustard_labels"),
    videos=("mmsd_raw_data.zip", "mustard_videos"),
    folder="utterances_final",
    video="{id}.mp4",
    read_labels=mustard.read_labels,
    n_clips=690,
    seconds=3602,
    archive_bytes=1_400_000_000,
)
MUSTARD_PP = Recipe(
    name="mustard_pp",
    labels=("mustard++_text.csv", "mustard_pp_labels"),
    videos=("final_utterance_videos.zip", "mustard_pp_videos"),
    folder="final_utterance_videos",
    video="{id}_u.mp4",
    read_labels=mustard_pp.read_labels,
    n_clips=1202,
    seconds=1202 * 5.2,  # as long as those of MUStARD on average, since no total was published
    archive_bytes=0,
)
ORIGINAL, DENOISED = "original", "denoised"
"""Folders of clips in the folder of a corpus."""
CLIPS: dict[str, tuple[Recipe, str]] = {
    "original": (MUSTARD, ORIGINAL),
    "denoised": (MUSTARD, DENOISED),
    "mustard_pp": (MUSTARD_PP, ORIGINAL),
}
"""Target -> corpus and the folder of clips it ends in."""
WEIGHTS = {"vggish_checkpoint": "vggish_model.ckpt", "vggish_pca": "vggish_pca_params.npz"}
"""Name of a source -> file in the folder of models."""
ALL = ("vggish", "original", "denoised")
TARGETS = (*ALL, "mustard_pp", "all")
