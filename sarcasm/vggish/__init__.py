"""VGGish, faithful to the released one: waveform -> examples -> embeddings -> bytes. Knows no config and no corpus."""

from sarcasm.vggish.checkpoint import checkpoint_files, fingerprint, random_weights, read_checkpoint
from sarcasm.vggish.constants import BLOCKS, EXAMPLE_SAMPLES, Layer
from sarcasm.vggish.log_mel import n_examples, waveform_to_examples
from sarcasm.vggish.model import Engine, VGGish
from sarcasm.vggish.network import embeddings_of
from sarcasm.vggish.postprocess import Postprocessor

__all__ = [
    "BLOCKS",
    "EXAMPLE_SAMPLES",
    "Engine",
    "Layer",
    "Postprocessor",
    "VGGish",
    "checkpoint_files",
    "embeddings_of",
    "fingerprint",
    "n_examples",
    "random_weights",
    "read_checkpoint",
    "waveform_to_examples",
]
