"""Read the options of a command line: what Hydra would misread is put in its words, and what is wrong is one line that
names the nearest right one.

The overrides are looked through with Hydra's own parser before anything is composed, so that nothing here depends on
the wording of Hydra's messages; only what that does not explain, a value of the wrong type say, is told in the words of
Hydra and OmegaConf, shortened to a line.
"""

from __future__ import annotations

import difflib
import math
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from importlib.util import find_spec
from itertools import chain
from types import NoneType, UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

from hydra._internal.utils import get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, Quote, QuotedString, RangeSweep
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ConfigTypeError, GrammarParseError, ValidationError

from sarcasm import help as help_page
from sarcasm.addresses import without_password
from sarcasm.errors import ConfigError
from sarcasm.options import SQLITE, at_home, is_place, is_utf8

SCHEMAS = {"config": "config", "prepare": "preparation"}
"""File in conf/ -> the schema that types it."""
NEEDS = {
    "hydra/launcher=submitit_local": "submitit",
    "hydra/launcher=slurm": "submitit",
    "hydra/launcher=ray": "ray",
    "hydra/sweeper=optuna": "optuna",
}
"""Choice -> the package that it needs, which is also the name of the extra that brings it."""
OF_HYDRA = re.compile(r"hydra([./@].*)?")
"""Options that are Hydra's own to judge."""
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
MANY = {int: "whole numbers", float: "numbers", str: "texts"}
EXAMPLES = {int: "0,1,2", str: "2_97,2_99"}
PLAIN = re.compile(r"[A-Za-z0-9_.+-]+|\[[0-9]+\]")
"""Defaults that are an example of themselves."""
NOT_PLAIN = re.compile(r"[][{}()'\"\\$]")
"""What may make a comma one that divides no values."""
PLAIN_LIST = re.compile(r"\[([^][{}'\"\\$]+)\]")
PLAIN_LISTS = re.compile(rf"{PLAIN_LIST.pattern}(\s*,\s*{PLAIN_LIST.pattern})*")
"""A list without quotes, lists or interpolations in it; and several, of a sweep."""
MOST_JOBS = 100_000
LONGEST_SHOWN = 200
"""Characters of what was typed that a message repeats."""


def read_command_line(arguments: Sequence[str]) -> list[str]:
    """The command line of train.py as Hydra is to read it.

    Args:
        arguments: what was typed, without the program's name.

    Raises:
        ConfigError: see `read_overrides`; a flag that does not exist, or stands in the wrong place.
    """
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise ConfigError(f"{message}; see python train.py --help and python train.py --hydra-help")

    parser.error = refuse  # type: ignore[method-assign]
    given, others = parser.parse_known_args(list(arguments))
    if others:
        flags = re.findall(r"--?[a-z-]+", parser.format_usage())
        shown = _shown(others[0])
        if others[0].startswith("-"):
            refuse(f"there is no flag {shown}{did_you_mean(others[0], flags)}")
        refuse(f"{shown} stands after a flag that follows other options; write flags first, as in -m {shown}")
    if given.shell_completion or given.hydra_help or given.info:
        return list(arguments)
    is_sweep = given.multirun or "hydra.mode=MULTIRUN" in given.overrides
    typed, read = list(given.overrides), read_overrides(given.overrides, "config", is_sweep)
    found = []
    for word in arguments:
        is_override = bool(typed) and word == typed[0]
        found.append(read.pop(0) if is_override else word)
        del typed[: int(is_override)]
    return found


def read_overrides(words: Sequence[str], config: str, is_sweep: bool | None = None) -> list[str]:
    """Overrides as Hydra is to read them: the value of an option that is a text, or a list of them, is what was typed.

    Args:
        words: what was typed.
        config: what is composed of them: the name of a file in conf/.
        is_sweep: whether an option may name several values; None where none ever can.

    Raises:
        ConfigError: one is wrong; the message names the nearest right one.
    """
    kinds = {key: _of_one(kind) for key, kind in known_types(config).items()}
    found = [_as_typed(word, kinds, bool(is_sweep)) for word in words]
    wrong = next(chain(_not_installed(found), _with_password(words)), None) if is_sweep else None
    wrong = wrong or next(_wrong_overrides(words, found, kinds, config, is_sweep), None)
    if wrong := wrong or (_too_many_jobs(found) if is_sweep else None):
        raise ConfigError(wrong)
    return found


def explain(error: BaseException, arguments: Sequence[str], config: str) -> str:
    """One line for an error in the configuration.

    Args:
        error: what was raised while the config was composed.
        arguments: the command line, without the program's name.
        config: what was composed: the name of a file in conf/.
    """
    key, cause = None, error
    while True:
        key = getattr(cause, "full_key", None) or key
        if cause.__cause__ is None or not isinstance(cause, HydraException):
            break
        cause = cause.__cause__
    if key and isinstance(cause, ConfigKeyError | ConfigAttributeError):
        group = key.partition(".")[0]
        if OF_HYDRA.fullmatch(key):
            return f"there is no option {key}; python train.py --cfg hydra prints those of Hydra"
        return f"there is no option {key} with the {group} that is chosen; leave it out, or choose another {group}"
    if found := re.search(r"Could not find '(hydra/\w+)/(\w+)'\s+Available options in '.*':((?:\n\t\w+)+)", str(cause)):
        group, word, choices = found[1], found[2], found[3].split()
        near = did_you_mean(word, choices)
        return f"{group}={word}: there is no such choice{near} (choose from {', '.join(choices)})"
    lines = [line.strip() for line in str(cause).splitlines()]
    kept = [line for line in lines if line and not re.match(r"(full_key|object_type|reference_type)[:=]", line)]
    message = _shown(" ".join(kept).rstrip("."))
    is_known = key is not None and (key.partition("[")[0] in known_keys(config) or OF_HYDRA.fullmatch(key))
    if (named := key if key and is_known else _shown(" ".join(arguments)) or key) and named not in message:
        message = f"{named}: {message}"
    if choice := re.search(r"Invalid value '(.*)', expected one of \[(.*)\]", message):
        message += did_you_mean(choice[1], choice[2].split(", "))
    elif isinstance(cause, ValidationError | ConfigTypeError) and (needed := _needed(key or "", config)):
        message += f"; {needed}"
    return message


def is_planned(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for a plan instead of runs."""
    words = [argument for argument in arguments if argument.startswith("sweep.plan=")]
    return bool(words) and OverridesParser.create().parse_overrides(words[-1:])[0].value() is True


def known_types(config: str = "config") -> dict[str, Any]:
    """Key -> type, of every option that some choice of the groups of conf/CONFIG.yaml offers."""
    schemas = {file.removesuffix(".yaml"): each.node for file, each in ConfigStore.instance().repo["schema"].items()}
    found = get_type_hints(OmegaConf.get_type(schemas[SCHEMAS[config]]))
    for word in help_page.groups(config):
        group, _, package = word.partition("@")
        for name, node in schemas.items():
            if name.startswith(f"{group}_"):
                hints = get_type_hints(OmegaConf.get_type(node))
                found |= {f"{package or group}.{key}": hints[key] for key in node}
    return {key: kind for key, kind in found.items() if get_origin(kind) is not dict}


def known_keys(config: str = "config") -> list[str]:
    """Every key that some choice of the groups of conf/CONFIG.yaml offers, and the groups."""
    return sorted({*help_page.groups(config), *known_types(config)})


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """The nearest known word as the end of a message: "; did you mean X?", or nothing where none is near."""
    near = difflib.get_close_matches(word[:LONGEST_SHOWN], known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def text_of(word: str) -> str | None:
    """The value of an override of an option that is a text, such as a path: as it was typed, or as Hydra's quotes say.

    Raises:
        ConfigError: it has several values, or none.
    """
    key, is_set, _ = word.partition("=")
    override = _parsed(_as_typed(word, {key: str}, is_sweep=False))
    if not is_set or override is None or override.is_sweep_override():
        raise ConfigError(f"{_shown(word)}: one value is needed, as in {key}=VALUE")
    value = override.value()
    return None if value is None else str(value)


def _as_typed(word: str, kinds: Mapping[str, Any], is_sweep: bool) -> str:
    """An override with quotes around every text that Hydra would read as something else."""
    name, is_set, value = word.partition("=")
    key = name.lstrip("+")
    kind = kinds.get(key) if is_set else None
    if kind is str:
        return f"{name}={_value_as_typed(value, is_place(key), is_sweep)}"
    if kind == list[str] and re.fullmatch(PLAIN_LISTS, value):
        return f"{name}={re.sub(PLAIN_LIST, _list_as_typed, value)}"
    return word


def _list_as_typed(found: re.Match[str]) -> str:
    words = [each.strip() for each in found[1].split(",")]
    return f"[{','.join(_quoted(each) if each.lower() == 'null' else _value_as_typed(each) for each in words)}]"


def _value_as_typed(value: str, is_place: bool = False, is_sweep: bool = False) -> str:
    override = _parsed(f"key={value}")
    is_there = is_place and bool(value) and os.path.lexists(at_home(value).removeprefix(SQLITE))
    if override is None:
        if is_sweep and "," in value and not is_there:
            return ",".join(_value_as_typed(each, is_place) for each in value.split(","))
        return _quoted(value)
    read = override.value()
    if (is_there and (read != value or "${" in value)) or not _can_be_resolved(value):
        # What several values, an interpolation or blanks around a word are to Hydra is the name of a file here.
        return _quoted(value)
    if is_sweep and isinstance(read, ChoiceSweep) and not re.search(NOT_PLAIN, value):
        return ",".join(_value_as_typed(each.strip(), is_place) for each in value.split(","))
    if read is None or isinstance(read, str) or override.is_sweep_override():
        return value
    return value if isinstance(read, int | float) and str(read) == value else _quoted(value)


def _can_be_resolved(value: str) -> bool:
    """Whether all that begins like an interpolation is one."""
    try:
        OmegaConf.create([value])
    except GrammarParseError:
        return False
    return True


def _quoted(text: str) -> str:
    """A text as Hydra reads it without changing it."""
    # An interpolation is none after a backslash, and two of these stand for one before it.
    plain = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", text)
    return str(QuotedString(plain, Quote.single if '"' in text else Quote.double).with_quotes())


def _parsed(word: str) -> Override | None:
    try:
        (override,) = OverridesParser.create().parse_overrides([word])
    except (OverrideParseException, RecursionError):
        return None
    return override


def _not_installed(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if (package := NEEDS.get(word)) and not find_spec(package):
            yield f"{word}: {package} is not installed; install it with pip install -e '.[{package}]'"


def _with_password(words: Sequence[str]) -> Iterator[str]:
    """A job refuses one by itself, but Hydra keeps a sweep's command line in multirun/ before that."""
    for word in words:
        name, is_uri, uri = word.partition("tracking.uri=")
        shown = without_password(word)
        if is_uri and not uri.startswith("sqlite:"):
            shown = f"{name}{is_uri}{without_password(uri).rpartition('@')[2]}"
        if shown != word:
            yield (
                f"{shown}: a password or token in an address would be recorded; leave it out, and set"
                " MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            )


def _too_many_jobs(words: Sequence[str]) -> str | None:
    """What to say of a sweep that no machine could even list; a sweeper other than Hydra's own lists none."""
    swept = [override for word in words if (override := _parsed(word)) and override.is_sweep_override()]
    if any(word.startswith("hydra/sweeper=") for word in words):
        return None
    n_values = [_n_values(override.value()) for override in swept]
    if (n_jobs := math.prod(n_values)) <= MOST_JOBS:
        return None
    most = _shown(str(swept[n_values.index(max(n_values))].input_line))
    if not math.isfinite(n_jobs):
        return f"{most}: the numbers of a range must be finite"
    return f"{most}: the sweep would have {n_jobs:,.0f} jobs; {MOST_JOBS:,} at most are possible"


def _n_values(swept: Any) -> float:
    if isinstance(swept, ChoiceSweep):
        return len(swept.list)
    if isinstance(swept, RangeSweep) and swept.step:
        n_values = ((swept.stop or 0) - (swept.start or 0)) / swept.step
        return n_values if math.isfinite(n_values) and n_values > 0 else 0 if n_values <= 0 else math.inf
    return 1


def _wrong_overrides(
    words: Sequence[str], read: Sequence[str], kinds: Mapping[str, Any], config: str, is_sweep: bool | None
) -> Iterator[str]:
    """What is wrong with overrides: as they were typed, and as Hydra reads them."""
    keys, groups = known_keys(config), help_page.groups(config)
    for word, as_read in zip(words, read, strict=True):
        override, shown = _parsed(as_read), _shown(word)
        if not is_utf8(word):
            yield f"{shown.encode(errors='backslashreplace').decode()}: not a text in UTF-8; give the file another name"
        elif override is None:
            yield f"{shown}: not of the form OPTION=VALUE (a value with spaces, commas or brackets needs quotes)" + (
                _right_line(word, keys, config)
            )
        if override is None:
            continue
        key = f"{override.key_or_group}@{override.package}" if override.package else override.key_or_group
        if OF_HYDRA.fullmatch(key) and key != "hydra":
            continue
        if key not in keys:
            what = f"there is no option {_shown(key)}{did_you_mean(key, keys)}"
            yield what if override.key_or_group else f"{shown}: no option is named before it; write OPTION=VALUE"
        elif override.is_delete():
            yield f"{shown}: no option can be taken away; leave it out or give it a value: {_example(key, config)}"
        elif override.is_add() and not override.is_force_add():
            yield f"{shown}: {key} is there already; write {shlex.quote(word.lstrip('+'))}"
        elif override.is_force_add() and key in groups:
            yield f"{shown}: {key} is a choice; write {shlex.quote(word.lstrip('+'))}"
        elif override.is_sweep_override() and not is_sweep:
            how = "one is needed" if is_sweep is None else "add -m to run each of them"
            whole = shlex.quote(f"{key}={_quoted(word.partition('=')[2])}")
            other = f"for one name write {whole}" if kinds.get(key) is str else f"write a list as {key}=[...]"
            yield f"{shown} names several values; {how}, or {other}"
        elif key in groups:
            yield from _wrong_choices(key, override, config)


def _wrong_choices(group: str, override: Override, config: str) -> Iterator[str]:
    value, typed = override.value(), _shown(str(override.input_line))
    choices = help_page.choices(group)
    if override.is_sweep_override() and not isinstance(value, ChoiceSweep):
        return  # a glob or a range: Hydra's to judge
    for chosen in value.list if isinstance(value, ChoiceSweep) else [value]:
        from_these = f"choose from {', '.join(choices)}"
        if isinstance(chosen, list | dict):
            words = re.findall(r"\w+", str(chosen))
            near = next(filter(None, (did_you_mean(word, choices) for word in words)), "")
            yield f"{typed}: one {group} is chosen at a time, by its name{near} ({from_these})"
        elif chosen is None and group not in help_page.defaults(config):
            # Hydra takes the word for a value; that nothing is chosen is how it is without it.
            yield f"{typed}: no {group} is chosen unless it is named; leave it out, or {from_these}"
        elif chosen is None or isinstance(chosen, bool):
            # YAML read the word as null or as a boolean; what was typed is still in the line.
            yield f"{typed}: {from_these}"
        elif (word := str(chosen.text if isinstance(chosen, QuotedString) else chosen)) not in choices:
            near = did_you_mean(word, choices)
            yield f"{group}={_shown(word)}: there is no such {group}{near} ({from_these})"


def _right_line(word: str, keys: Sequence[str], config: str) -> str:
    """The end of a message about a word that Hydra cannot read: what to write instead, where that is known."""
    name, is_set, value = (part.strip() for part in re.sub("^([^=]*):", r"\1=", word, count=1).partition("="))
    key, value = name.lstrip("+~"), value.lstrip("= ")
    if OF_HYDRA.fullmatch(key) and is_set:
        return f"; write {shlex.quote(f'{key}={_quoted(value)}')}"
    if key not in keys:
        near = did_you_mean(key, keys)
        return near or f"; name an option, as in {_example('seed' if 'seed' in keys else keys[0], config)}"
    tried = [f"{key}={value}"] if is_set and value else [_example(key, config)]
    if get_origin(known_types(config).get(key)) is list:
        tried.append(f"{key}=[{','.join(_value_as_typed(each.strip()) for each in value.strip('[]').split(','))}]")
    for candidate in tried:
        if (override := _parsed(candidate)) and not override.is_sweep_override():
            return f"; write {shlex.quote(candidate)}"
    return f"; {needed}" if (needed := _needed(key, config)) else f"; write {_example(key, config)}"


def _of_one(kind: Any) -> Any:
    """The type of an option's value where it is not null."""
    return next((each for each in get_args(kind) if each is not NoneType), kind) if _is_union(kind) else kind


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _needed(key: str, config: str) -> str:
    """What kind of value an option needs, as a part of a message; empty where that is not known."""
    key = key.partition("[")[0]
    kinds = known_types(config)
    kind = _of_one(kinds.get(key))
    if get_origin(kind) is list:
        words = f"a list of {MANY[get_args(kind)[0]]}"
    elif isinstance(kind, type) and issubclass(kind, Enum):
        words = f"one of {', '.join(kind.__members__)}"
    elif kind in KINDS:
        words = KINDS[kind]
    else:
        return ""
    or_null = ", or null," if _is_union(kinds[key]) else ""
    return f"{words}{or_null} is needed, as in {_example(key, config)}"


def _example(key: str, config: str) -> str:
    """An option with a value that it can have: its default, where that is short."""
    if key in help_page.groups(config):
        return f"{key}={help_page.defaults(config).get(key) or help_page.choices(key)[0]}"
    group, _, option = key.rpartition(".")
    path = help_page.CONF / (f"{group}/{help_page.defaults(config).get(group)}.yaml" if group else f"{config}.yaml")
    values = {each.key: each.value for each in help_page.options(path)} if path.is_file() else {}
    kind = known_types(config).get(key)
    other = f"[{EXAMPLES.get(get_args(kind)[0], '')}]" if get_origin(kind) is list else "VALUE"
    return f"{key}={values[option] if re.fullmatch(PLAIN, values.get(option, '')) else other}"


def _shown(text: str) -> str:
    """What was typed, short enough for a line."""
    words = text if text.strip() else f'"{text}"'
    return words if len(words) <= LONGEST_SHOWN else f"{words[:LONGEST_SHOWN]}... ({len(words)} characters)"
