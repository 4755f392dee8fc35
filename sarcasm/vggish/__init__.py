"""VGGish, faithful to the released one: waveform -> examples -> embeddings -> bytes. Knows no config and no corpus."""

from sarcasm.vggish.constants import EXAMPLE_SAMPLES
from sarcasm.vggish.log_mel import n_examples, waveform_to_examples
from sarcasm.vggish.model import Engine, VGGish
from sarcasm.vggish.postprocess import Postprocessor

__all__ = ["EXAMPLE_SAMPLES", "Engine", "Postprocessor", "VGGish", "n_examples", "waveform_to_examples"]
