"""Turn what Hydra and OmegaConf say of a wrong command line into one line that names the nearest right one.

The overrides are looked through with Hydra's own parser, so that nothing here depends on the wording of Hydra's
messages; only what that does not explain, a value of the wrong type say, is told in Hydra's words, shortened to a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import chain

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf.errors import ConfigAttributeError, ConfigKeyError

from sarcasm import help as help_page
from sarcasm.addresses import without_password
from sarcasm.config import did_you_mean, known_keys

MULTIRUN = ("-m", "--multirun")
TAKE_A_VALUE = {"-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name", "-cd", "--config-dir"}
"""Flags of Hydra's whose next word is no override."""
NEEDS = {
    "hydra/launcher=submitit_local": "submitit",
    "hydra/launcher=slurm": "submitit",
    "hydra/launcher=ray": "ray",
    "hydra/sweeper=optuna": "optuna",
}
"""Choice -> the package that it needs, which is also the name of the extra that brings it."""


def explain(error: BaseException, arguments: Sequence[str], config: str) -> str:
    """One line for an error in the configuration.

    Args:
        error: what was raised while the config was composed.
        arguments: the command line, without the program's name.
        config: what was composed: the name of a file in conf/.
    """
    return next(_wrong_overrides(arguments, config), None) or _shortened(error)


def wrong_sweep(arguments: Sequence[str]) -> str | None:
    """What is wrong with a sweep's choices, before Hydra begins it; None where nothing is, or it is no sweep."""
    if not set(MULTIRUN) & set(arguments):
        return None
    wrong = (_not_installed(arguments), _with_password(arguments), _wrong_overrides(arguments, "config"))
    return next(chain(*wrong), None)


def is_planned(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for a plan instead of runs."""
    words = [argument for argument in arguments if argument.startswith("sweep.plan=")]
    return bool(words) and OverridesParser.create().parse_overrides(words[-1:])[0].value() is True


def _not_installed(arguments: Sequence[str]) -> Iterator[str]:
    for argument in arguments:
        if (package := NEEDS.get(argument)) and not find_spec(package):
            yield f"{argument}: {package} is not installed; install it with pip install -e '.[{package}]'"


def _with_password(arguments: Sequence[str]) -> Iterator[str]:
    """A job refuses one by itself, but Hydra keeps a sweep's command line in multirun/ before that."""
    for argument in arguments:
        name, is_uri, uri = argument.partition("tracking.uri=")
        shown = without_password(argument)
        if is_uri and not uri.startswith("sqlite:"):
            shown = f"{name}{is_uri}{without_password(uri).rpartition('@')[2]}"
        if shown != argument:
            yield (
                f"{shown}: a password or token in an address would be recorded; leave it out, and set"
                " MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            )


def _wrong_overrides(arguments: Sequence[str], config: str) -> Iterator[str]:
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if argument.startswith("-") or before in TAKE_A_VALUE:
            continue
        try:
            (override,) = OverridesParser.create().parse_overrides([argument])
        except OverrideParseException:
            yield f"{argument}: not of the form OPTION=VALUE (a value with spaces, commas or brackets needs quotes)"
            continue
        key = override.key_or_group
        if key.startswith("hydra") or override.package is not None or override.is_delete():
            continue
        if override.is_sweep_override() and not set(MULTIRUN) & set(arguments):
            yield f"{argument} names several values; add -m to run each of them, or write a list as {key}=[...]"
        if key in help_page.groups(config):
            yield from _wrong_choices(key, override, config)
        elif key not in known_keys(config):
            yield f"there is no option {key}{did_you_mean(key, known_keys(config))}"


def _wrong_choices(group: str, override: Override, config: str) -> Iterator[str]:
    value = override.value()
    choices = help_page.choices(group)
    for chosen in value.list if isinstance(value, ChoiceSweep) else [value]:
        if override.is_sweep_override() and not isinstance(value, ChoiceSweep):
            continue  # a glob or a range: Hydra's to judge
        if chosen is None and group not in help_page.defaults(config):
            continue
        word = str(chosen)
        if chosen is None or isinstance(chosen, bool):
            # YAML read the word as null or as a boolean; what was typed is still in the line.
            yield f"{override.input_line}: choose from {', '.join(choices)}"
        elif word not in choices:
            near = did_you_mean(word, choices)
            yield f"{group}={word}: there is no such {group}{near} (choose from {', '.join(choices)})"


def _shortened(error: BaseException) -> str:
    """The innermost message that names a key, without Hydra's and OmegaConf's notes."""
    key, cause = None, error
    while True:
        key = getattr(cause, "full_key", None) or key
        if cause.__cause__ is None or not isinstance(cause, HydraException):
            break
        cause = cause.__cause__
    if key and isinstance(cause, ConfigKeyError | ConfigAttributeError):
        group = key.partition(".")[0]
        return f"there is no option {key} with the {group} that is chosen; leave it out, or choose another {group}"
    if found := re.search(r"Could not find '(hydra/\w+)/(\w+)'\s+Available options in '.*':((?:\n\t\w+)+)", str(cause)):
        group, word, choices = found[1], found[2], found[3].split()
        near = did_you_mean(word, choices)
        return f"{group}={word}: there is no such choice{near} (choose from {', '.join(choices)})"
    lines = [line.strip() for line in str(cause).splitlines()]
    kept = [line for line in lines if line and not re.match(r"(full_key|object_type|reference_type)[:=]", line)]
    message = " ".join(kept)
    if choice := re.search(r"Invalid value '(.*)', expected one of \[(.*)\]", message):
        message += did_you_mean(choice[1], choice[2].split(", "))
    return f"{key}: {message}" if key and key not in message else message
