"""Samples -> the bytes of a WAV file, the same on every machine.

soundfile would do, but libsndfile puts the time of day into a floating file (its PEAK chunk) and its own choices into
every header.
"""

from __future__ import annotations

import struct
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Encoding = Literal["pcm_16", "pcm_24", "float_32"]


def wav_bytes(samples: NDArray[np.floating], sample_rate: int, encoding: Encoding) -> bytes:
    """Write a WAV file into memory.

    Args:
        samples: [samples, channels], in [-1, 1); floating samples may go beyond.
        sample_rate: in Hz.
        encoding: of the samples.

    Source: Microsoft & IBM 1991, "Multimedia Programming Interface and Data Specifications 1.0", and its supplement
        of 1994 for floating samples.
    """
    if encoding == "float_32":
        sound = samples.astype("<f4").tobytes()
    elif encoding == "pcm_24":
        # Four bytes a sample, lowest first; the highest only repeats the sign.
        whole = np.round(samples * 2**23).clip(-(2**23), 2**23 - 1).astype("<i4")
        sound = whole.reshape(-1, 1).view(np.uint8)[:, :3].tobytes()
    else:
        sound = np.round(samples * 2**15).clip(-(2**15), 2**15 - 1).astype("<i2").tobytes()

    n_frames, n_channels = samples.shape
    n_bytes = {"pcm_16": 2, "pcm_24": 3, "float_32": 4}[encoding]
    is_float = encoding == "float_32"
    block = n_channels * n_bytes
    form = struct.pack(
        "<HHIIHH", 3 if is_float else 1, n_channels, sample_rate, sample_rate * block, block, 8 * n_bytes
    )
    chunks = [(b"fmt ", form + b"\0\0"), (b"fact", struct.pack("<I", n_frames))] if is_float else [(b"fmt ", form)]
    chunks.append((b"data", sound))
    body = b"".join(
        name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2) for name, content in chunks
    )
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
