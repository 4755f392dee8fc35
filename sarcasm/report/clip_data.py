"""What a page is given of its clips, as it stands in the page: which values there are, and what each can be.

`sarcasm.report.listening.as_json` gives them. Whoever recorded a run may have written anything in their place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from sarcasm.tracking import Damage

LARGEST_NUMBER = 1e9
"""Of seconds, seeds and probabilities; no clip has more."""


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a page was given of its clips, and nothing beyond what a page shows of them.

    Args:
        given: as it stands in a recorded page.

    Raises:
        Damage: it is not what a page is given.
    """
    runs, clips = given.get("runs"), given.get("clips")
    if not (isinstance(runs, list) and runs and all(map(_is_text, runs)) and isinstance(clips, list)):
        raise Damage("it does not say which runs and clips it shows")
    return {"runs": runs, "clips": [_clip(clip, number, len(runs)) for number, clip in enumerate(clips, 1)]}


def _clip(clip: Any, number: int, n_runs: int) -> dict[str, Any]:
    own = _known(clip, CLIP, f"clip {number}")
    said = clip.get("said")
    if not (isinstance(said, list) and len(said) == n_runs):
        raise Damage(f"clip {number} has not what each run said of it")
    return own | {"said": [_known(each, SAID, f"what was said of clip {number}") for each in said]}


def _known(values: Any, kinds: Mapping[str, Callable[[Any], bool]], what: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise Damage(f"{what} is no object")
    values = OF_EARLIER_VERSIONS | values
    if wrong := [name for name, is_so in kinds.items() if name not in values or not is_so(values[name])]:
        raise Damage(f"{what} has no {wrong[0]} that a page can show")
    return {name: values[name] for name in kinds}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER


def _is_length(value: Any) -> bool:
    return _is_number(value) and value >= 0


def _is_base64(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[A-Za-z0-9+/]*={0,2}", value) is not None


def _are_pieces(value: Any) -> bool:
    return isinstance(value, list) and all(each is None or _is_number(each) for each in value)


def _are_votes(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_vote, value))


def _is_vote(value: Any) -> bool:
    kinds = (_is_text, _is_number, _is_number, _is_text, _is_number)
    return (
        isinstance(value, list) and len(value) == len(kinds) and all(map(lambda is_so, each: is_so(each), kinds, value))
    )


CLIP: Mapping[str, Callable[[Any], bool]] = {
    "id": _is_text, "speaker": _is_text, "show": _is_text, "text": _is_text, "label": _is_truth, "seconds": _is_length,
    "path": _is_text, "sha256": _is_text, "sound": _is_text, "picture": _is_base64, "picture_seconds": _is_length,
}  # fmt: skip
"""What there is of a clip: name -> whether a value can be that."""
SAID: Mapping[str, Callable[[Any], bool]] = {
    "probability": _is_number, "wrong": _is_truth, "piece_seconds": _is_length, "pieces": _are_pieces,
    "votes": _are_votes,
}  # fmt: skip
"""Likewise, of what a run says of it."""
OF_EARLIER_VERSIONS = {"sha256": ""}
"""What they did not give, and what stands for it."""
