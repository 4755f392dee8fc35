"""A clip on disk, or its bytes -> a waveform, or what is wrong with the file."""

from sarcasm.audio.condition import SILENT_PEAK, Condition
from sarcasm.audio.length import LONGEST_SECONDS, padded
from sarcasm.audio.libsndfile import BLOCK_SAMPLES
from sarcasm.audio.read import SAMPLE_RATE, lenient, read_samples, read_waveform, survey, waveform_of

__all__ = [
    "BLOCK_SAMPLES", "LONGEST_SECONDS", "SAMPLE_RATE", "SILENT_PEAK", "Condition", "lenient", "padded",
    "read_samples", "read_waveform", "survey", "waveform_of",
]  # fmt: skip
