"""Which command makes what is missing, told by the place where it should be."""

from __future__ import annotations

from pathlib import Path

from sarcasm.project import PROJECT

VIDEOS = "fetches 1.4 GB; about {disk} GB of disk in {place}"
PLACES = {
    "data/mustard/sarcasm_data.json": ("original", VIDEOS.format(disk=1.6, place="data/mustard")),
    "data/mustard/original": ("original", VIDEOS.format(disk=1.6, place="data/mustard")),
    "data/mustard/denoised": ("denoised", VIDEOS.format(disk=1.9, place="data/mustard")),
    "data/mustard_pp/mustard++_text.csv": ("mustard_pp source.mustard_pp_videos.url=FOLDER", "videos of yours"),
    "data/mustard_pp/original": ("mustard_pp source.mustard_pp_videos.url=FOLDER", "videos of yours"),
    "models/vggish_model.ckpt": ("vggish", "fetches 291 MB into models"),
    "models/vggish_pca_params.npz": ("vggish", "fetches 73 kB into models, and the weights of 291 MB"),
}
"""Place in the project -> target of `sarcasm prepare`, and what that costs."""


def how_to_prepare(place: Path) -> str | None:
    """How to make what should be at a place, for the end of a message; None where no command makes it."""
    for known, (target, cost) in PLACES.items():
        if place == PROJECT / known:
            return f"run: sarcasm prepare {target} ({cost})"
    return None


def how_to_remake(clip: Path) -> str | None:
    """How to make one clip of a prepared folder again; None where no command makes it."""
    for known, (target, _) in PLACES.items():
        if clip.parent == PROJECT / known:
            return f"run: sarcasm prepare {target} --only {clip.stem}"
    return None
