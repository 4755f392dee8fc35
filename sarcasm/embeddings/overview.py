"""The log-mel of a whole clip, small enough that a page holds hundreds: what one looks at while listening.

It is what VGGish hears, example after example, with several frames in a column and few levels. Pictures are kept by the
clip's content beside the embeddings, so that no clip is read again for them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np

from sarcasm.audio import SAMPLE_RATE, padded, read_waveform
from sarcasm.corpus import UNREADABLE, Corpus, Utterance
from sarcasm.errors import AudioError
from sarcasm.files import sha256
from sarcasm.processors import n_processors
from sarcasm.resampling import Resampler
from sarcasm.sources import computed_by
from sarcasm.store import Store
from sarcasm.vggish import EXAMPLE_SAMPLES, waveform_to_examples

FRAMES_A_COLUMN = 4
"""40 ms, at 100 frames a second."""
MOST_COLUMNS = 1_500
"""A minute; columns of a longer clip are wider."""
N_LEVELS = 16
LOWEST, HIGHEST = -4.6, 3.0
"""What the lowest and the highest level stand for: silence, which is log(0.01), and loud speech."""


def overview(examples: np.ndarray) -> np.ndarray:
    """Draw a clip small.

    Args:
        examples: log-mel, float32 [n, 96, 64].

    Returns:
        uint8 [columns, 64], from 0 (silence) to 15 (loud); a column is the mean over some frames.
    """
    frames = examples.reshape(-1, examples.shape[-1])
    n_in_column = max(FRAMES_A_COLUMN, -(-len(frames) // MOST_COLUMNS))
    starts = np.arange(0, len(frames), n_in_column)
    sums = np.add.reduceat(frames, starts, axis=0, dtype=np.float64)
    means = sums / np.diff([*starts, len(frames)])[:, np.newaxis]
    return np.rint((means.clip(LOWEST, HIGHEST) - LOWEST) / (HIGHEST - LOWEST) * (N_LEVELS - 1)).astype(np.uint8)


def overviews(
    corpus: Corpus, utterances: Sequence[Utterance], resampler: Resampler, store: Store,
    track: Callable[[Iterable[Utterance]], Iterable[Utterance]] = lambda each: each,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Draw clips small, each once ever: what was drawn before is in the store.

    Args:
        corpus: that they belong to.
        utterances: which.
        resampler: how other rates are brought to 16 kHz.
        store: where pictures are kept.
        track: wraps the utterances, to show progress.

    Returns:
        Id -> uint8 [columns, 64], see `overview`; a clip that can no longer be read has none.
    """
    recipe = json.dumps({"overview": "log-mel", "resampler": resampler.value, **computed_by(__name__)})
    hashes = corpus.hashes
    wanted = {hashes[each.id]: each for each in utterances if hashes[each.id] != UNREADABLE}
    found = {key: _unpacked(kept) for key, kept in store.get(recipe, list(wanted), is_counted=False)}
    missing = {key: each for key, each in wanted.items() if key not in found}
    with ThreadPoolExecutor(n_processors(), thread_name_prefix="overview") as pool:
        drawn = pool.map(partial(_drawn, resampler), missing.values(), missing)
        for (key, _), picture in zip(missing.items(), _tracked(track, list(missing.values()), drawn), strict=True):
            if picture is not None:
                found[key] = picture
                store.put(recipe, key, _packed(picture))
    return {each.id: found[hashes[each.id]] for each in utterances if hashes[each.id] in found}


def _tracked(track: Callable, utterances: Sequence[Utterance], drawn: Iterable) -> Iterable[np.ndarray | None]:
    return (picture for _, picture in zip(track(utterances), drawn, strict=True))


def _drawn(resampler: Resampler, utterance: Utterance, known: str) -> np.ndarray | None:
    try:
        waveform = read_waveform(utterance.path, resampler, utterance.id)
        if sha256(utterance.path) != known:
            return None
    except (AudioError, OSError):
        # The clip was there when it was embedded; a page without its picture is still worth having.
        return None
    return overview(waveform_to_examples(padded(waveform, EXAMPLE_SAMPLES), SAMPLE_RATE))


def _packed(picture: np.ndarray) -> bytes:
    """Two levels a byte."""
    return (picture[:, ::2] << 4 | picture[:, 1::2]).tobytes()


def _unpacked(kept: bytes) -> np.ndarray:
    pairs = np.frombuffer(kept, np.uint8).reshape(-1, 32)
    return np.stack([pairs >> 4, pairs & 15], axis=-1).reshape(len(pairs), -1)
