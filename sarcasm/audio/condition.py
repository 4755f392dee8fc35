"""Is there anything to hear in a clip? Two things leave nothing, and neither is damage: silence, and channels that
cancel out when they are averaged, because one of them has the opposite sign.

Measured block by block while a clip is decoded, before its channels are averaged. In windows of 0.1 s, the variance of
the average is compared with the mean of the channels' variances (a constant offset is no sound, and left aside).
Channels that have nothing to do with each other leave 1/n of it, n channels; so does sound in one of them alone. A
window cancels out where less than a tenth of that is left: with two channels of equal power, where their correlation
is below -0.9, since the average then has (1 + correlation) / 2 of the power. Microphones far apart, and stereo effects,
come that low for moments only; so a clip is said to cancel out from half a second on, or half of what is heard in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SILENT_PEAK = 1e-3
"""-60 dB of full scale: below the dither and hum of any recording with somebody speaking."""
WINDOW_SECONDS = 0.1
"""A few periods of the lowest voice, and shorter than a word."""
LEFT_SHARE = 0.1
"""Of the power that unrelated channels leave: 10 dB below it, what cancels out is no longer a matter of balance."""
HEARD_SHARE = 1e-3
"""Of the power of the loudest window: what is more than 30 dB below it is the background."""
MEASURED_SAMPLES = 2**18
"""In float64 at a time."""
LEAST_SECONDS, LEAST_SHARE = 0.5, 0.5
"""Half a segment of VGGish; the share is of what is heard."""


@dataclass(frozen=True)
class Condition:
    """What there is to hear of a clip.

    Attributes:
        peak: largest distance of the average from the middle of its range; full scale is 1.
        heard_seconds: in which any channel is heard.
        cancelled_seconds: of these, in which the channels cancel out.
    """

    peak: float
    heard_seconds: float = 0.0
    cancelled_seconds: float = 0.0

    @property
    def cancels_out(self) -> bool:
        """Whether so much cancels out that it is worth a word."""
        least = min(LEAST_SECONDS, LEAST_SHARE * self.heard_seconds)
        return self.cancelled_seconds > 0 and self.cancelled_seconds >= least - 1e-9

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to hear, though no channels cancel out."""
        return self.peak < SILENT_PEAK and not self.cancels_out

    @property
    def faults(self) -> list[str]:
        """What somebody who believes a clip must know, each worded to follow its name."""
        if self.cancels_out:
            part = f"{self.cancelled_seconds:.1f} of the {self.heard_seconds:.1f} s in which it is heard"
            return [
                f"has channels that cancel out (opposite phase) in {part}: their average, which is used, loses that"
            ]
        return ["is silent"] if self.is_silent else []


class ConditionMeter:
    """Finds out the condition of a clip that comes block by block.

    Args:
        sample_rate: in Hz.
    """

    def __init__(self, sample_rate: int) -> None:
        self._window = max(1, round(WINDOW_SECONDS * sample_rate))
        self._sample_rate = sample_rate
        self._lowest, self._highest = np.inf, -np.inf
        self._held: list[NDArray[np.float32]] = []
        self._powers: list[NDArray[np.float64]] = []
        """[windows, 3]: what the channels have, what is left of it times their number, and the length in seconds."""

    def add(self, block: NDArray[np.float32], average: NDArray[np.float32]) -> None:
        """Take the next block: float32 [frames, channels], at least one frame; and the average, float32 [frames]."""
        self._lowest = min(self._lowest, float(average.min()))
        self._highest = max(self._highest, float(average.max()))
        if block.shape[1] == 1:
            return
        self._held.append(block)
        if sum(each.size for each in self._held) >= MEASURED_SAMPLES:
            self._measure_held()

    def _measure_held(self) -> None:
        """Measure the windows that are whole."""
        whole = np.concatenate(self._held)
        n_whole = len(whole) - len(whole) % self._window
        windows = whole[:n_whole].reshape(-1, self._window, whole.shape[1])
        at_once = max(1, MEASURED_SAMPLES // (self._window * whole.shape[1]))
        for start in range(0, len(windows), at_once):
            self._measure(windows[start : start + at_once])
        self._held = [whole[n_whole:].copy()]

    def _measure(self, windows: NDArray[np.float32]) -> None:
        """Take windows, float32 [n, samples, channels]."""
        # What is not finite is refused elsewhere.
        with np.errstate(invalid="ignore", over="ignore"):
            self._powers.append(self._power(windows))

    def _power(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        # Channels first: sums run along what lies together.
        channels = np.ascontiguousarray(np.moveaxis(windows, 2, 0), np.float64)
        n_channels, _, n_samples = channels.shape
        before = _variance(channels).mean(axis=0)
        after = _variance(channels.sum(axis=0)) / n_channels
        seconds = np.full(len(windows), n_samples / self._sample_rate)
        return np.stack([before, after, seconds], axis=1)

    @property
    def condition(self) -> Condition:
        """Of all blocks so far, of which there is one at least."""
        if self._held:
            self._measure_held()
            if len(rest := self._held.pop()):
                self._measure(rest[np.newaxis])
        peak = (self._highest - self._lowest) / 2
        if not self._powers:
            return Condition(peak)
        before, after, seconds = np.concatenate(self._powers).T
        is_heard = before >= max(SILENT_PEAK**2 / 2, HEARD_SHARE * before.max())
        cancels = is_heard & (after < LEFT_SHARE * before)
        return Condition(peak, float(seconds[is_heard].sum()), float(seconds[cancels].sum()))


def _variance(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Along the last axis."""
    n_samples = samples.shape[-1]
    return np.einsum("...s,...s->...", samples, samples) / n_samples - (samples.sum(axis=-1) / n_samples) ** 2
