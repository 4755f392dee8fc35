"""What the pages and pictures of a run show: the options of the group `report`. None of them can change a result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec

from omegaconf import MISSING

from sarcasm.errors import ConfigError
from sarcasm.options import option


class Audio(Enum):
    """Where the page of a run has the sound of its clips from."""

    linked = "linked"
    embedded = "embedded"
    none = "none"


class Map(Enum):
    """How embeddings are laid out in a plane."""

    pca = "pca"
    umap = "umap"


@option("report", "page")
@dataclass
class Report:
    """The page of a run and its pictures.

    Attributes:
        name: what this way of reporting is called.
        audio: where the page has the sound of the clips from.
        log_mel: whether it shows a picture of each clip.
        pictures: whether curves, scores and the map of the run are drawn.
        map: how the map of embeddings is made.
    """

    name: str = MISSING
    audio: Audio = MISSING
    log_mel: bool = MISSING
    pictures: bool = MISSING
    map: Map = MISSING

    def __post_init__(self) -> None:
        if self.map is Map.umap and not find_spec("umap"):
            raise ConfigError(
                "report.map=umap: umap-learn is not installed; install it with pip install -e '.[umap]', or leave"
                " report.map=pca"
            )
