"""Seeded damage to bytes, as disks, networks, editors and hurried scripts do it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Change = Callable[[bytearray, np.random.Generator], str]
LONGEST_RUN = 64
"""Bytes that one change overwrites, drops or repeats."""


def flip_a_bit(content: bytearray, rng: np.random.Generator) -> str:
    """Turn one bit over."""
    position, bit = int(rng.integers(len(content))), int(rng.integers(8))
    content[position] ^= 1 << bit
    return f"bit {bit} of byte {position} flipped"


def flip_a_bit_of_the_head(content: bytearray, rng: np.random.Generator) -> str:
    """Turn one bit over where headers stand."""
    position, bit = int(rng.integers(min(len(content), 256))), int(rng.integers(8))
    content[position] ^= 1 << bit
    return f"bit {bit} of byte {position} flipped"


def cut(content: bytearray, rng: np.random.Generator) -> str:
    """Drop the end, as a download that was cut off."""
    n_left = int(rng.integers(len(content)))
    del content[n_left:]
    return f"cut to {n_left} bytes"


def zero(content: bytearray, rng: np.random.Generator) -> str:
    """Overwrite a few bytes by zeros."""
    start, n = _run(content, rng)
    content[start : start + n] = bytes(n)
    return f"{n} bytes from {start} on set to zero"


def scribble(content: bytearray, rng: np.random.Generator) -> str:
    """Overwrite a few bytes by random ones."""
    start, n = _run(content, rng)
    content[start : start + n] = rng.bytes(n)
    return f"{n} bytes from {start} on overwritten"


def drop(content: bytearray, rng: np.random.Generator) -> str:
    """Take a few bytes out of the middle."""
    start, n = _run(content, rng)
    del content[start : start + n]
    return f"{n} bytes from {start} on dropped"


def repeat(content: bytearray, rng: np.random.Generator) -> str:
    """Put a few bytes in twice."""
    start, n = _run(content, rng)
    content[start:start] = content[start : start + n]
    return f"{n} bytes from {start} on repeated"


def append(content: bytearray, rng: np.random.Generator) -> str:
    """Put random bytes behind the end."""
    n = int(rng.integers(1, 4 * LONGEST_RUN))
    content.extend(rng.bytes(n))
    return f"{n} random bytes appended"


FLIPS_AND_CUTS: tuple[Change, ...] = (flip_a_bit, flip_a_bit, flip_a_bit_of_the_head, cut, cut)
ALL: tuple[Change, ...] = (*FLIPS_AND_CUTS, zero, scribble, drop, repeat, append)


def damaged(content: bytes, rng: np.random.Generator, changes: tuple[Change, ...] = ALL) -> tuple[bytes, str]:
    """Bytes with one change, and what was changed.

    Args:
        content: at least one byte.
        rng: decides on the change, and on its place.
        changes: to choose from.
    """
    changed = bytearray(content)
    said = changes[int(rng.integers(len(changes)))](changed, rng)
    return bytes(changed), said


def _run(content: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    start = int(rng.integers(len(content)))
    return start, int(rng.integers(1, min(LONGEST_RUN, len(content) - start) + 1))
