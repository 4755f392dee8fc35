"""What can go wrong that a user can put right.

Each message says what was wrong, in which file or option, and what to do. It is worded where the fact is known and
printed once, by `sarcasm.console`, as one line without a traceback.
"""


class SarcasmError(Exception):
    """Something the user can put right; the exit status is 1."""


class ConfigError(SarcasmError):
    """An option that does not exist, or a value it cannot take; the exit status is 2."""


class CorpusError(SarcasmError):
    """Labels, manifest or folder of clips that cannot be used as they are."""


class AudioError(SarcasmError):
    """A clip that cannot be used: missing, empty, truncated, unreadable, not finite or too short."""


class UnknownFormatError(AudioError):
    """A file that neither libsndfile nor FFmpeg makes sound of.

    Attributes:
        reason: what is wrong with it, worded to follow "it".
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason or message


class PackageError(SarcasmError):
    """A packaged model that is not one, or whose weights are missing or other than recorded."""


class WeightsError(SarcasmError):
    """A VGGish checkpoint or PCA file that is missing, damaged or of another network."""


class SplitError(SarcasmError):
    """A split that cannot be made, or that leaves nothing to train or test on."""


class TrainingError(SarcasmError):
    """A fit that cannot go on, such as a loss that is no longer finite."""


class TrackingError(SarcasmError):
    """A tracking store that cannot be opened, written to or reached."""


class UnreachedError(TrackingError):
    """A tracking server that does not answer now."""


class StoreError(SarcasmError):
    """A store of embeddings that is not there, or cannot be read or written."""


class SourceError(SarcasmError):
    """A file that cannot be fetched, or is not what it should be: wrong length or hash, a hostile archive."""


class VideoError(SarcasmError):
    """A video whose sound cannot be taken out: damaged, truncated, or without any."""


class DenoiseError(SarcasmError):
    """A clip that cannot be freed from noise."""


class BusyError(SarcasmError):
    """A folder that another process is writing to."""


class LostJobError(SarcasmError):
    """A job of a sweep whose process was killed."""

    def __init__(self) -> None:
        super().__init__(
            "a worker process was killed (by the system where memory ran out?); run the same command again to go on"
        )
