"""Sound that is like speech: how somebody says something, in numbers -> a waveform.

Source and filter (Fant 1960, "Acoustic Theory of Speech Production"). The source is a train of glottal pulses
(Rosenberg 1971, JASA 49(2), 583-590) that follows a pitch contour, uneven in period and strength as voices are, with
breath. The filter is a cascade of formant resonators (Klatt 1980, JASA 67(3), 971-995), different for each syllable.
Consonants are bursts of filtered noise. There are no words in it.

Everything is float64 at the sample rate asked for; the same arguments and generator give the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

VOWELS = (
    (730, 1090, 2440),
    (530, 1840, 2480),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
    (500, 1500, 2500),
)
"""First three formants in Hz: "ah", "eh", "ee", "aw", "oo" of men in Peterson & Barney 1952 (JASA 24(2), 175-184), and
the evenly spaced ones of a uniform tube of 17 cm for the neutral vowel."""
FOURTH_FORMANT = 3500
BANDWIDTHS = (80, 100, 140, 200)
"""Of the formants, in Hz."""
OPENING, CLOSING = 0.4, 0.16
"""Shares of a period that the glottis takes to open and to close (Rosenberg 1971)."""
JITTER, SHIMMER = 0.01, 0.06
"""Deviation of a period's length and strength."""
CONSONANT_SECONDS = (0.04, 0.09)
EDGE_SECONDS = (0.04, 0.12)
"""Of silence before and after."""
ONSET_SECONDS, RELEASE_SECONDS = 0.02, 0.05
NOISE_DB = -45.0
"""Background, against full scale."""


@dataclass(frozen=True)
class Delivery:
    """How something is said.

    Attributes:
        pitch_hz: the middle of the contour.
        range_semitones: from its lowest to its highest point, about.
        syllables_per_second: tempo.
        level_db: root mean square of the speech against full scale.
        formant_scale: 1 for a vocal tract of 17 cm, more for a shorter one.
        breath: noise in the source, against the pulses.
    """

    pitch_hz: float
    range_semitones: float
    syllables_per_second: float
    level_db: float
    formant_scale: float
    breath: float


def speak(
    delivery: Delivery, n_syllables: int, sample_rate: int, random: np.random.Generator, seconds: float | None = None
) -> FloatArray:
    """Say some syllables.

    Args:
        delivery: how.
        n_syllables: how many.
        sample_rate: in Hz.
        random: what vowels, consonants and unevenness are drawn from.
        seconds: exact length; None takes what the tempo gives.

    Returns:
        float64 [samples], within [-0.98, 0.98].
    """
    lengths = random.lognormal(0.0, 0.2, n_syllables) / delivery.syllables_per_second
    # The last syllable of a phrase is drawn out.
    lengths[-1] *= 1.4
    before, after = random.uniform(*EDGE_SECONDS, 2)
    if seconds is not None:
        lengths *= (seconds - before - after) / lengths.sum()
    starts = before + np.concatenate([[0.0], np.cumsum(lengths)])
    n_samples = round((starts[-1] + after) * sample_rate)

    pitch = _contour(delivery, starts, n_samples, sample_rate, random)
    source = _source(pitch, sample_rate, delivery.breath, random)
    speech = np.zeros(n_samples)
    for start, stop in zip(
        *(np.round(edge * sample_rate).astype(int) for edge in (starts[:-1], starts[1:])), strict=True
    ):
        speech[start:stop] += _syllable(source[start:stop], sample_rate, delivery.formant_scale, random)
    speech *= _gain(delivery.level_db) / np.sqrt(np.mean(speech**2))
    speech += _background(n_samples, random)
    return speech * min(1.0, 0.98 / np.abs(speech).max())


def _contour(
    delivery: Delivery, starts: FloatArray, n_samples: int, sample_rate: int, random: np.random.Generator
) -> FloatArray:
    """Pitch in Hz at each sample: a fall over the phrase with an accent, up or down, on each syllable."""
    middles = (starts[:-1] + starts[1:]) / 2
    fall = np.linspace(0.5, -0.5, len(middles)) if len(middles) > 1 else np.zeros(1)
    semitones = delivery.range_semitones * (0.6 * fall + 0.25 * random.standard_normal(len(middles)).clip(-2, 2))
    time = np.arange(n_samples) / sample_rate
    return delivery.pitch_hz * 2 ** (np.interp(time, middles, semitones) / 12)


def _source(pitch: FloatArray, sample_rate: int, breath: float, random: np.random.Generator) -> FloatArray:
    """Glottal flow, differentiated, with breath that comes and goes with it."""
    n_periods = int(np.sum(pitch) / sample_rate) + 2
    period = np.minimum(np.cumsum(pitch) / sample_rate, n_periods - 1.001)
    # The phase runs ahead and behind a little, and steadily between the borders of the periods.
    uneven = np.cumsum(1 + JITTER * random.standard_normal(n_periods + 1)) - 1
    period = np.interp(period, np.arange(n_periods + 1), uneven).clip(0, n_periods - 0.001)
    phase = period % 1
    strength = 1 + SHIMMER * random.standard_normal(n_periods)[period.astype(int)]
    opening = 0.5 * (1 - np.cos(np.pi * phase / OPENING))
    closing = np.cos(0.5 * np.pi * (phase - OPENING) / CLOSING)
    flow = strength * np.where(phase < OPENING, opening, np.where(phase < OPENING + CLOSING, closing, 0.0))
    pulses = np.diff(flow, prepend=0.0)
    noise = random.standard_normal(len(pitch)) * (0.3 + flow)
    return pulses / _rms(pulses) + breath * noise


def _syllable(source: FloatArray, sample_rate: int, formant_scale: float, random: np.random.Generator) -> FloatArray:
    """A consonant, maybe, and a vowel, on the given stretch of the source."""
    vowel = VOWELS[random.integers(len(VOWELS))]
    consonant = random.choice(["none", "fricative", "burst"], p=[0.4, 0.35, 0.25])
    consonant_seconds, place_hz, loudness = (
        random.uniform(*CONSONANT_SECONDS),
        random.uniform(2500, 6000),
        random.uniform(0.3, 0.7),
    )
    formants = np.array([*vowel, FOURTH_FORMANT]) * formant_scale * random.normal(1.0, 0.03, 4)
    voiced = _resonate(source, formants, BANDWIDTHS, sample_rate)
    syllable = voiced / _rms(voiced) * random.uniform(0.6, 1.0)

    n_consonant = 0 if consonant == "none" else min(round(consonant_seconds * sample_rate), len(source) // 2)
    syllable[:n_consonant] = 0
    syllable[n_consonant:] *= _envelope(len(source) - n_consonant, sample_rate)
    if n_consonant:
        noise = random.standard_normal(n_consonant)
        # At 8 kHz, most of a fricative lies above what the file can hold.
        hiss = _resonate(noise, np.array([min(place_hz * formant_scale, 0.42 * sample_rate)]), (900,), sample_rate)
        shape = np.hanning(n_consonant) if consonant == "fricative" else np.geomspace(1.0, 0.01, n_consonant)
        syllable[:n_consonant] += loudness * shape * hiss / _rms(hiss)
    return syllable


def _resonate(source: FloatArray, frequencies: FloatArray, bandwidths: tuple[int, ...], sample_rate: int) -> FloatArray:
    """A cascade of two-pole resonators, with a gain of 1 at 0 Hz; those beyond the sample rate are left out."""
    from scipy.signal import sosfilt

    sections = []
    for frequency, bandwidth in zip(frequencies, bandwidths, strict=True):
        if frequency < 0.45 * sample_rate:
            radius = np.exp(-np.pi * bandwidth / sample_rate)
            a1, a2 = -2 * radius * np.cos(2 * np.pi * frequency / sample_rate), radius**2
            sections.append([1 + a1 + a2, 0.0, 0.0, 1.0, a1, a2])
    return sosfilt(np.array(sections), source)


def _envelope(n_samples: int, sample_rate: int) -> FloatArray:
    """Rise and fall of a syllable, as raised cosines."""
    rising = np.clip(np.arange(n_samples) / (ONSET_SECONDS * sample_rate), 0, 1)
    falling = np.clip(np.arange(n_samples)[::-1] / (RELEASE_SECONDS * sample_rate), 0, 1)
    return 0.25 * (1 - np.cos(np.pi * rising)) * (1 - np.cos(np.pi * falling))


def _background(n_samples: int, random: np.random.Generator) -> FloatArray:
    """Noise that falls with frequency, as a room's."""
    from scipy.signal import lfilter

    noise = lfilter([1.0], [1.0, -0.9], random.standard_normal(n_samples))
    return noise * _gain(NOISE_DB) / _rms(noise)


def _gain(decibels: float) -> float:
    return 10 ** (decibels / 20)


def _rms(samples: FloatArray) -> float:
    return float(np.sqrt(np.mean(samples**2))) or 1.0
