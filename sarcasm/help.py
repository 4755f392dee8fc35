"""The help text of train.py, made from conf/ itself: the first comment of each file, and the comment of each option.

Nothing is listed here by name: a file put into a folder of conf/ is choosable, listed and explained. The reference in
the documentation is made of the same (`summary`, `options`).
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sarcasm.project import PROJECT

CONF = PROJECT / "conf"
COLUMNS = 110
OPTION_LINE = re.compile(r"^(?P<key>[A-Za-z_]\w*): *(?P<value>.*?) +# (?P<comment>.*)$")
PROJECT_PATH = re.compile(r"\$\{project:([^}]*)\}")
DEFAULT_LINE = re.compile(r"^  - (?P<group>[a-z_]+(@[a-z_.]+)?): \"?(?P<choice>\w+)\"?")

USAGE = """\
Train and score one way of hearing sarcasm in speech, and record the run in MLflow.

USAGE
  python train.py [GROUP=CHOICE]... [OPTION=VALUE]...       one run
  python train.py -m GROUP=CHOICE,CHOICE... [...]           a sweep: every combination
  python train.py --cfg job [...]                           print the config and stop

EXAMPLES
  python train.py                                           made-up clips, to see that everything works
  python train.py dataset=denoised head=big                 MUStARD with the voices freed from noise
  python train.py dataset=original dataset.audio_dir=DIR dataset.labels=FILE
  python train.py dataset=manifest dataset.manifest=clips.csv scale=standard trainer=mini_batch
  python train.py -m dataset=original,denoised pca=on,off head=small,big
  python train.py experiment=notebook_denoised              the notebook's third section
"""
CLOSING = """\
Look at the runs:  make ui prints the link
Tab completion:    eval "$(python train.py -sc install=bash)"
Hydra's own help:  python train.py --hydra-help
"""


@dataclass(frozen=True)
class Option:
    """An option, as a file of conf/ has it.

    Attributes:
        key: its name in the file, without that of the group.
        value: what the file gives it, as text; paths are relative to the project.
        comment: what it means.
    """

    key: str
    value: str
    comment: str


def render() -> str:
    """The whole text: usage, groups with their choices, options with their defaults."""
    sections = [
        USAGE,
        "GROUPS (the default is marked *)\n",
        *map(_group, groups()),
        "OPTIONS (as the defaults have them)\n",
    ]
    sections.append(_options(CONF / "config.yaml"))
    sections += [_options(CONF / group / f"{choice}.yaml", f"{group}.") for group, choice in defaults().items()]
    return "\n".join([*sections, CLOSING])


def options_of(config: str) -> str:
    """The choices and options of conf/CONFIG.yaml, with their defaults: what its commands may change."""
    chosen = {group: choice for group, choice in defaults(config).items() if "@" not in group}
    sources = {group: choice for group, choice in defaults(config).items() if "@" in group}
    sections = ["choices (the default is marked *):", *(_group(group, config) for group in chosen), "options:"]
    sections.append(_options(CONF / f"{config}.yaml").rstrip("\n"))
    sections += [
        _options(CONF / group / f"{choice}.yaml", f"{group}.").rstrip("\n") for group, choice in chosen.items()
    ]
    for group, choice in sources.items():
        folder, _, package = group.partition("@")
        text = summary(CONF / folder / f"{choice}.yaml")
        sections.append(_row(f"  {package}.url=", text, indent=34))
    return "\n".join(sections)


def groups(config: str = "config") -> list[str]:
    """The groups of conf/ that conf/CONFIG.yaml chooses from, in its order; GROUP@PACKAGE where it says so."""
    return [match["group"] for match in _matches(DEFAULT_LINE, CONF / f"{config}.yaml")]


def choices(group: str) -> list[str]:
    """The choices of a group, by name."""
    return sorted(path.stem for path in (CONF / group.split("@")[0]).glob("*.yaml"))


def defaults(config: str = "config") -> dict[str, str]:
    """Group -> its default choice, for the groups that have one."""
    found = {match["group"]: match["choice"] for match in _matches(DEFAULT_LINE, CONF / f"{config}.yaml")}
    return {group: choice for group, choice in found.items() if choice != "null"}


def summary(path: Path) -> str:
    """What a file of conf/ is a choice of: its first comment."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and not line.startswith("# @package"):
            return line.removeprefix("# ")
    return ""


def options(path: Path) -> list[Option]:
    """The options that a file of conf/ explains, in its order."""
    return [
        Option(match["key"], PROJECT_PATH.sub(r"\1", match["value"]), match["comment"])
        for match in _matches(OPTION_LINE, path)
    ]


def _group(group: str, config: str = "config") -> str:
    marked = defaults(config).get(group)
    rows = [
        (f"{'*' if choice == marked else ' '} {group}={choice}", summary(CONF / group / f"{choice}.yaml"))
        for choice in choices(group)
    ]
    return "\n".join([*(_row(*row, indent=30) for row in rows), ""])


def _options(path: Path, prefix: str = "") -> str:
    rows = [(f"  {prefix}{option.key}={option.value}", option.comment) for option in options(path)]
    return "\n".join([*(_row(*row, indent=34) for row in rows), ""])


def _row(left: str, right: str, indent: int) -> str:
    """Two columns; the right one wrapped, and begun on a line of its own where the left one is too long."""
    wrapped = textwrap.fill(right, COLUMNS, initial_indent=" " * indent, subsequent_indent=" " * indent)
    return f"{left}\n{wrapped}" if len(left) >= indent else left + wrapped[len(left) :]


def _matches(pattern: re.Pattern[str], path: Path) -> Iterator[re.Match[str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if match := pattern.match(line):
            yield match
