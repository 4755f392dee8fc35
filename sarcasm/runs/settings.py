"""Which runs are of one setting, and which options tell settings apart.

Runs of one setting differ in nothing but their seed: not in any option that can change a result, and not in data or
weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from sarcasm.config import NOT_IDENTITY, compose, did_you_mean, leaves
from sarcasm.errors import ConfigError
from sarcasm.tracking import Recorded

SEEDS = ("seed", "seeds")
CONTENT = ("dataset.fingerprint", "embedding.weights", "pca.parameters")
"""Tags of what a run was made of, beside its options."""
PLAIN = ("dataset.name", "head.name")
"""Options that name a setting where none tells it from others."""
NAMING = ("name", "enabled")
"""Options of a group that say which of its choices was made."""


def value(run: Recorded, option: str) -> str:
    """What a run has for an option, or for a tag of its content; empty where it has nothing."""
    text = run.param(option)
    return text if text is not None else run.tags.get(option, "") if option in CONTENT else ""


def identity(run: Recorded) -> tuple[tuple[str, str], ...]:
    """All that can change a run's result, seeds included; equal for a run and its repetition."""
    options = [option for option in run.params if not option.startswith(NOT_IDENTITY)]
    return tuple((option, value(run, option)) for option in [*sorted(options), *CONTENT])


def seed(run: Recorded) -> str:
    """What a run was seeded with: `seeds` where it has several, or `seed`."""
    several = (run.param("seeds") or "[]").strip("[]")
    return several or run.params.get("seed", "")


def varying(runs: Sequence[Recorded]) -> list[str]:
    """The options by which some runs are of several settings; those of content where no option tells data apart.

    An option that merely follows from a choice, such as the units of head=big, is left out.
    """
    options = sorted({option for run in runs for option in run.params})
    free = [option for option in options if not option.startswith(NOT_IDENTITY) and option not in SEEDS]
    found = [option for option in free if _varies(runs, option)]
    found = [option for option in found if not all(_follows(run, option) for run in runs)]
    for tag in CONTENT:
        if len({_row(run, [*found, tag]) for run in runs}) > len({_row(run, found) for run in runs}):
            found.append(tag)
    return found or list(PLAIN)


def pooled_over(runs: Sequence[Recorded], by: Sequence[str]) -> list[str]:
    """The options, or content, in which runs differ that are equal in those that are given."""
    rows: dict[tuple[str, ...], list[Recorded]] = {}
    for run in runs:
        rows.setdefault(_row(run, by), []).append(run)
    found = {name for alike in rows.values() for name in varying(alike) if _varies(alike, name)}
    return sorted(found - set(by))


def named(runs: Sequence[Recorded], word: str) -> str:
    """The option that a word means: itself, or for a group the one that says which choice was made.

    Raises:
        ConfigError: no run has it.
    """
    known = sorted({option for run in runs for option in run.params} | set(CONTENT))
    for option in (word, *(f"{word}.{each}" for each in NAMING)):
        if option in known:
            return option
    groups = sorted({option.partition(".")[0] for option in known})
    raise ConfigError(f"--by {word}: the runs have no such option{did_you_mean(word, [*groups, *known])}")


def _varies(runs: Sequence[Recorded], option: str) -> bool:
    return len({value(run, option) for run in runs}) > 1


def _row(run: Recorded, options: Sequence[str]) -> tuple[str, ...]:
    return tuple(value(run, option) for option in options)


def _follows(run: Recorded, option: str) -> bool:
    """Whether a run's value of an option is what conf/ has for the choice that was made in its group."""
    group, _, rest = option.partition(".")
    choice = run.params.get(f"{group}.name", "")
    return bool(rest) and rest not in NAMING and run.params.get(option) == _of_choice(group, choice).get(option)


@cache
def _of_choice(group: str, choice: str) -> dict[str, str]:
    """Option -> its value in conf/GROUP/CHOICE.yaml; empty where there is no such choice, or it needs others."""
    try:
        found = leaves(compose("config", [f"{group}={choice}"]))
    except (ConfigError, HydraException, OmegaConfBaseException):
        return {}
    return {option: str(each) for option, each in found.items() if option.startswith(f"{group}.")}
