"""VGGish's post-processing, on or off."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from sarcasm.advice import how_to_prepare
from sarcasm.errors import ConfigError, WeightsError
from sarcasm.options import option
from sarcasm.project import PROJECT
from sarcasm.vggish import Postprocessor

RELEASED_PCA = PROJECT / "models" / "vggish_pca_params.npz"


@option("pca", "released")
@dataclass
class PCA:
    """VGGish's post-processing: PCA, clipping and 8 bits.

    Attributes:
        enabled: whether it is applied.
        params: the released parameters.
    """

    enabled: bool = MISSING
    params: str | None = MISSING

    def postprocessor(self) -> Postprocessor:
        """Load the released parameters.

        Raises:
            WeightsError: the file is missing, damaged or of another shape.
        """
        params = Path(self.params or "")
        if params == RELEASED_PCA and not params.exists():
            raise WeightsError(
                f"pca.params: {params} is not there; {how_to_prepare(params)}, name another file with pca.params=FILE,"
                " or choose pca=off"
            )
        return Postprocessor(params)

    def __post_init__(self) -> None:
        if self.enabled and not self.params:
            raise ConfigError("pca.enabled=true needs pca.params=FILE; choose pca=on")
