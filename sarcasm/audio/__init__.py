"""A clip on disk, or its bytes -> a waveform, or what is wrong with the file."""

from pkgutil import iter_modules

from sarcasm.audio.condition import SILENT_PEAK, Condition
from sarcasm.audio.length import LONGEST_SECONDS, padded, too_long
from sarcasm.audio.read import (
    BLOCK_SAMPLES,
    SAMPLE_RATE,
    read_samples,
    read_waveform,
    survey,
    waveform_of,
)

MODULES = tuple(f"{__name__}.{module.name}" for module in iter_modules(__path__))
"""Whose code stands between a file and its waveform."""

__all__ = [
    "BLOCK_SAMPLES", "LONGEST_SECONDS", "MODULES", "SAMPLE_RATE", "SILENT_PEAK", "Condition", "padded", "read_samples",
    "read_waveform", "survey", "too_long", "waveform_of",
]  # fmt: skip
