"""The acoustic features of the MUStARD baseline: 283 numbers for an utterance, whatever its length.

- 13 mel-frequency cepstral coefficients, of 128 mel bands in dB, no more than 80 dB below the strongest;
- 13 slopes of these over time ("deltas": a line fitted through 9 frames, change per frame);
- 128 mel bands, as power, not in dB;
- 128 slopes of these;
- the spectral centroid in Hz;

each as the mean over time. About a dozen frames of 93 ms, spread evenly, stand for a clip of any length, as there. The
mel bands reach to 11,025 Hz and clips only to 8,000 Hz, so that the topmost dozen hold no more than what leaks upwards;
a baseline that heard the clips at 22,050 Hz heard more. Power grows with the square of the level, so features of clips
that differ in level are comparable only after scaling, which the baseline left to its classifier.

Before all this, what repeats behind the voice may be taken away (Rafii and Pardo 2012, ISMIR): each frame of the
spectrum is compared with the median over those frames that are most like it and at least 2 s away; what exceeds that
median by far is voice.

Source: Castro et al. 2019 (ACL, arXiv 1906.01815, section 4.1), and audio/extract_audio_features.py in
https://github.com/soujanyaporia/MUStARD at 551ebe6, which calls itself a later re-implementation, not surely what the
paper used; an older script there (b269a5d, deleted since) has a margin of 4, 0.2 s, bands to 8,000 Hz and the deltas of
power too. The mean over time is from data_loader.py there. Read and written anew; equal to neither to the bit, because
librosa and its resampler have changed since. One thing differs: librosa of today refuses a distance of 2 s in clips of
2 to 4 s, and the one of then took every frame without another 2 s away for music, that is, silenced the middle of the
clip. Here the distance shrinks to what such a clip has room for, somewhat less than half of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sarcasm.audio import SAMPLE_RATE
from sarcasm.resampling import Resampler, resample

WORKING_RATE = 22_050
"""In Hz; what librosa.load gives unless told otherwise, which the source did not."""
WINDOW_SAMPLES = 2048
"""At the working rate, 93 ms; librosa's own, which the source kept, as it did for all that has no constant here."""
N_HOPS = 11
"""That a clip is divided into: source."""
N_MFCC = 13
"""Source."""
N_MELS = 128
"""librosa's own."""
SEPARATION_SECONDS = 2.0
"""How far apart frames are that are compared, and the longest clip that is left as it is: source."""
SEPARATION_HOP_SAMPLES = 512
"""At the working rate, 23 ms; librosa's own."""
VOCAL_MARGIN = 10.0
"""How many times what repeats has to be exceeded to be half taken for voice: source."""
MASK_POWER = 2.0
"""Of the soft mask, where infinity would be all or nothing: source."""

LONGEST_SECONDS = 600.0
"""Taking apart what repeats costs more than the length: its square."""
SHORTEST_SAMPLES = 1_600
"""At 16 kHz, 0.1 s: one window, and some samples more for the hops."""


def names() -> list[str]:
    """What the 283 columns are called, in their order; bands and coefficients are counted from 1."""
    mfcc = [f"mfcc_{number:02}" for number in range(1, N_MFCC + 1)]
    mel = [f"mel_{number:03}" for number in range(1, N_MELS + 1)]
    return [
        *mfcc,
        *(f"{name}_delta" for name in mfcc),
        *mel,
        *(f"{name}_delta" for name in mel),
        "spectral_centroid_hz",
    ]


def mfcc_statistics(waveform: NDArray[np.float32], separate_vocals: bool) -> NDArray[np.float32]:
    """Describe an utterance by the features of the MUStARD baseline.

    Args:
        waveform: float32 [samples] at 16 kHz, finite, mono.
        separate_vocals: whether what repeats behind the voice is taken away first; clips of up to 2 s are left as they
            are. The time it takes grows with the square of the length: under a second for an utterance, minutes for
            ten minutes.

    Returns:
        float32 [283], finite, the columns of `names`. Silence has a centroid of 0 Hz.

    Raises:
        ValueError: less than 0.1 s.
    """
    import librosa

    if len(waveform) < SHORTEST_SAMPLES:
        raise ValueError(f"a waveform of {len(waveform)} samples is too short; at least {SHORTEST_SAMPLES} are needed")
    samples = resample(waveform, SAMPLE_RATE, WORKING_RATE, Resampler.soxr)
    # From the clip as it is: the separation gives back whole hops only, so a few samples fewer.
    hop_samples = (len(samples) - WINDOW_SAMPLES) // N_HOPS
    if separate_vocals:
        samples = _vocals(samples)
    magnitudes = np.abs(librosa.stft(samples, n_fft=WINDOW_SAMPLES, hop_length=hop_samples))
    mel = librosa.feature.melspectrogram(S=magnitudes**2, sr=WORKING_RATE, n_mels=N_MELS)
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(mel), n_mfcc=N_MFCC)
    centroid = librosa.feature.spectral_centroid(S=magnitudes, sr=WORKING_RATE)
    frames = (mfcc, librosa.feature.delta(mfcc), mel, librosa.feature.delta(mel), centroid)
    return np.concatenate([part.mean(axis=1, dtype=np.float64) for part in frames]).astype(np.float32)


def _vocals(samples: NDArray[np.floating]) -> NDArray[np.floating]:
    """Samples [n] at the working rate without what repeats; those of up to 2 s as they are."""
    import librosa

    if len(samples) <= SEPARATION_SECONDS * WORKING_RATE:
        return samples
    magnitudes, phases = librosa.magphase(
        librosa.stft(samples, n_fft=WINDOW_SAMPLES, hop_length=SEPARATION_HOP_SAMPLES)
    )
    # The largest distance that librosa takes lies just below this half.
    half = (magnitudes.shape[1] - 1) // 2
    distance = int(SEPARATION_SECONDS * WORKING_RATE / SEPARATION_HOP_SAMPLES)
    # By distance: left to itself, librosa ranks neighbours by whether they are any, so that the first in time win.
    nearest = librosa.segment.recurrence_matrix(
        magnitudes, metric="cosine", width=min(distance, half - 1), mode="distance", sparse=True
    )
    repeated = librosa.decompose.nn_filter(magnitudes, rec=nearest, aggregate=np.median)
    repeated = np.minimum(magnitudes, repeated)
    mask = librosa.util.softmask(magnitudes - repeated, VOCAL_MARGIN * repeated, power=MASK_POWER)
    return librosa.istft(mask * magnitudes * phases, hop_length=SEPARATION_HOP_SAMPLES)
