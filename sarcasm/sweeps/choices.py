"""What a sweep varies, told from the options of its jobs.

A choice is called what one types for it: `head` for head.name, `pca` (on, off) for pca.enabled, else the option's
dotted key. What was typed for the jobs explains the rest of their options; only what differs beyond that, or between
jobs of one choice in a group, is a choice of its own: with head=small,big there is no head.hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from sarcasm.options import OF_THE_PLACE
from sarcasm.report.words import shortened
from sarcasm.tracking import Recorded
from sarcasm.tracking.operations import LONGEST_PARAM

SEEDS = ("seed", "seeds")
"""Options that make another draw of the same setting."""
AS_TYPED = {"True": "true", "False": "false", "None": "null"}
ON = {"true": "on", "false": "off"}
LONGEST_SHOWN, LONGEST_NUMBER = 24, 8
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)

Choices = Mapping[str, str]
"""What a choice is called -> its value as text; "" where there is no such option."""


def choices(jobs: Sequence[Recorded]) -> dict[str, Choices]:
    """Id -> what distinguishes the job from others, the same names for all; in the order that a table has them.

    Args:
        jobs: of a sweep, in any order; those that failed before their options were recorded have their tag `overrides`.
    """
    jobs = sorted(jobs, key=lambda job: (job.started, job.run_id))
    typed = {job.run_id: dict(_typed(job)) for job in jobs}
    options = {job.run_id: typed[job.run_id] | _recorded(job) for job in jobs}
    whole = {job.run_id for job in jobs if job.params}
    names = list(dict.fromkeys(name for each in typed.values() for name in each))
    others = sorted({name for each in options.values() for name in each} - set(names))

    def varies(name: str, beyond: Sequence[str] = ()) -> bool:
        """Whether jobs that are equal in other choices differ in this one; or one has it and another has not."""
        found: dict[tuple[str, ...], set[str]] = {}
        for run_id, each in options.items():
            if name in each or run_id in whole:
                found.setdefault(tuple(each.get(other, "") for other in beyond), set()).add(each.get(name, ""))
        return any(len(values) > 1 for values in found.values())

    varied = [name for name in names if varies(name)]
    varied += [name for name in others if varies(name, [*varied, *([name.split(".")[0]] if "." in name else [])])]
    varied.sort(key=lambda name: name in SEEDS)
    found = {run_id: {name: each.get(name, "") for name in varied} for run_id, each in options.items()}
    places = {name: _places([each[name] for each in found.values()]) for name in varied}
    return dict(sorted(found.items(), key=lambda job: [places[name][value] for name, value in job[1].items()]))


def words(chosen: Choices) -> str:
    """Choices as one types them: "head=small seed=1"; those that have no value are left out."""
    return " ".join(f"{name}={value}" for name, value in chosen.items() if value)


def shown(chosen: Choices) -> Choices:
    """The same with values that are short enough to be read: paths without their middle, numbers of four digits."""
    return {
        name: f"{float(value):.4g}" if NUMBER.fullmatch(value) and len(value) > LONGEST_NUMBER
        else shortened(value, LONGEST_SHOWN)
        for name, value in chosen.items()
    }  # fmt: skip


def _places(values: Sequence[str]) -> dict[str, float]:
    """The place of each value among the others: of numbers by size, else as they first occur."""
    distinct = list(dict.fromkeys(values))
    are_numbers = all(map(NUMBER.fullmatch, distinct))
    return {value: float(value) if are_numbers else place for place, value in enumerate(distinct)}


def _typed(job: Recorded) -> Iterator[tuple[str, str]]:
    """Its own overrides, in their order."""
    for override in job.overrides():
        key, is_set, value = override.partition("=")
        if is_set and not key.startswith("~"):
            yield from _named(key.lstrip("+"), value)


def _recorded(job: Recorded) -> dict[str, str]:
    """Its options; read from the artifacts, which take longer, only where a param was cut."""
    is_cut = any(len(text) >= LONGEST_PARAM for text in job.params.values())
    options = {key: str(value) for key, value in job.options().items()} if is_cut else job.params
    return {name: value for key, text in options.items() for name, value in _named(key, text)}


def _named(key: str, text: str) -> Iterator[tuple[str, str]]:
    """What an option is called here and its value, where it says anything of what the job is."""
    if f"{key}.".startswith(OF_THE_PLACE):
        return
    group, _, word = key.partition(".")
    value = AS_TYPED.get(text, text)
    if word == "name":
        yield group, value
    elif word == "enabled":
        yield group, ON.get(value, value)
    else:
        yield key, _plain(value)


def _plain(value: str) -> str:
    """Numbers as Python writes them: 1e-4 and 0.0001 are one."""
    return str(float(value)) if NUMBER.fullmatch(value) and not value.lstrip("+-").isdigit() else value
