"""Every option of `sarcasm prepare`, typed; conf/prepare.yaml gives them their values."""

from __future__ import annotations

from dataclasses import dataclass, field

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING

from sarcasm.errors import ConfigError
from sarcasm.prepare.denoise import Denoiser
from sarcasm.prepare.sound import Extract
from sarcasm.prepare.source import Source
from sarcasm.processors import n_processors

MOST_WORKERS = 256
BYTES_OF_A_WORKER = 300_000_000
"""Python, numpy and what denoises: DeepFilterNet with its model, say."""


@dataclass
class Preparation:
    """What is fetched from where, how it is worked on, and where it is put.

    Attributes:
        source: name -> where a file comes from; the names are those of the files in conf/source/.
        extract: how sound is taken out of videos.
        denoise: how it is freed from noise.
        data_dir: folder for labels, archives and clips.
        models_dir: folder for VGGish's files.
        workers: clips at a time; None takes one for each core.
    """

    source: dict[str, Source] = field(default_factory=dict)
    extract: Extract = MISSING
    denoise: Denoiser = MISSING
    data_dir: str = MISSING
    models_dir: str = MISSING
    workers: int | None = MISSING

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ConfigError(f"workers={self.workers}: 1 or more are needed, or null for one on each core")
        if self.workers is not None and self.workers > MOST_WORKERS:
            gigabytes = self.workers * BYTES_OF_A_WORKER / 1e9
            raise ConfigError(
                f"workers={self.workers}: as many processes at once take {gigabytes:,.0f} GB of memory;"
                f" {MOST_WORKERS} at most are possible, and null takes one on each core"
            )

    @property
    def n_workers(self) -> int:
        """Clips at a time."""
        return self.workers or n_processors()


ConfigStore.instance().store(group="schema", name="preparation", node=Preparation)
