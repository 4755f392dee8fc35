"""Pages of the reference that are made of the project whenever the site is built: every option and every command.

MkDocs calls `on_files` (hooks: in mkdocs.yml). The pages are of the same source as `--help`: the files of conf/ and
their comments, the option classes that type them, and the parser of `sarcasm`.
"""

from __future__ import annotations

import argparse
import enum
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import OmegaConf

from sarcasm import help as help_page
from sarcasm.cli import program
from sarcasm.config import NOT_IDENTITY, Config
from sarcasm.prepare import Preparation
from sarcasm.project import PROJECT

MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|&#~$^]")
"""Signs that Markdown could take for its own."""
URL = re.compile(r"https?://[^\s;,)]+[^\s;,.)]")
SCHEMA = re.compile(r"^  - /schema/(?P<schema>\w+)@_here_$", re.MULTILINE)
PARENT = re.compile(r"^  - (?P<choice>(?!_self_)\w+)$", re.MULTILINE)
LEAF_TYPES = {str: "a text", int: "a whole number", float: "a number", type(None): "null"}


def on_files(files: Any, config: Any) -> Any:
    """Give MkDocs the pages that no file holds."""
    from mkdocs.structure.files import File

    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def pages() -> dict[str, str]:
    """Name -> text, of every page that is made."""
    return {
        "reference/options.md": options_page(),
        "reference/preparation.md": preparation_page(),
        "reference/commands.md": commands_page(),
        "changelog.md": (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }


def options_page() -> str:
    """Every option of train.py: those that stand alone, then each group with its choices."""
    intro = """\
        # Options of train.py

        Made of the files in `conf/`, as `python train.py --help` is. A choice is made by `GROUP=CHOICE`, an option is
        set by `OPTION=VALUE`, in any order; the choice marked *default* is made where nothing is said. What is *no part
        of the identity* of a run cannot change its result, and two runs that differ in nothing else count as one.
        """
    parts = [textwrap.dedent(intro), "## Options that stand alone\n", _list(help_page.CONF / "config.yaml", Config, "")]
    for group in help_page.groups():
        parts.append(f"## {group}=\n")
        parts += _group(group, "config")
    parts.append("## hydra/launcher= and hydra/sweeper=\n")
    where = (
        "Where the [jobs of a sweep](../launchers.md) run, and who chooses them; Hydra's own `basic` is the default."
    )
    parts.append(f"{where}\n")
    for part in ("launcher", "sweeper"):
        for path in sorted((help_page.CONF / "hydra" / part).glob("*.yaml")):
            parts.append(f"### hydra/{part}={path.stem}\n\n{_shown(help_page.summary(path))}\n")
            parts.append(_list(path, None, f"hydra.{part}."))
    return "\n".join(parts)


def preparation_page() -> str:
    """Every option of `sarcasm prepare`."""
    intro = """\
        # Options of sarcasm prepare

        Made of `conf/prepare.yaml` and the folders that it names, as `sarcasm prepare --help` is.
        """
    parts = [textwrap.dedent(intro), "## Options that stand alone\n"]
    parts.append(_list(help_page.CONF / "prepare.yaml", Preparation, ""))
    groups = help_page.groups("prepare")
    for group in (each for each in groups if "@" not in each):
        parts.append(f"## {group}=\n")
        parts += _group(group, "prepare")
    parts.append("## source.NAME\n")
    parts.append("What is fetched, from where, and how it is known to be the right thing.\n")
    for word in (each for each in groups if "@" in each):
        group, _, package = word.partition("@")
        path = help_page.CONF / group / f"{help_page.defaults('prepare')[word]}.yaml"
        parts.append(f"### {package}\n\n{_shown(help_page.summary(path))}\n")
        parts.append(_list(path, _schema(path), f"{package}."))
    return "\n".join(parts)


def commands_page() -> str:
    """Every command of `sarcasm`, with what it takes."""
    parser = program()
    parts = [
        f"# The sarcasm command\n\n{_shown(parser.description or '')} `train.py` has [options](options.md) alone.\n"
    ]
    for command in _commands(parser):
        parts.append(f"## {command.prog}\n")
        parts.append(f"{_shown(command.description or '')}\n")
        parts.append(f"```text\n{_usage(command)}\n```\n")
        if rows := list(_arguments(command)):
            parts.append("\n".join(rows))
        # The options of conf/prepare.yaml have a page of their own.
        if command.epilog and "\n" not in command.epilog:
            parts.append(f"{_shown(command.epilog)}\n")
        elif command.epilog:
            parts.append("Its options: [options of sarcasm prepare](preparation.md).\n")
    return "\n".join(parts)


def _group(group: str, config: str) -> Iterator[str]:
    default = help_page.defaults(config).get(group)
    for choice in sorted(help_page.choices(group), key=lambda choice: choice != default):
        path = help_page.CONF / group / f"{choice}.yaml"
        yield f"### {group}={choice}\n"
        yield f"{_shown(help_page.summary(path))}{' *Default.*' if choice == default else ''}\n"
        if group == "experiment":
            yield f"```yaml\n{path.read_text(encoding='utf-8').rstrip()}\n```\n"
            continue
        if parent := PARENT.search(path.read_text(encoding="utf-8")):
            yield f"All other options as for `{group}={parent['choice']}`:\n"
        yield _list(path, _schema(path), f"{group}.")


def _list(path: Path, schema: type | None, prefix: str) -> str:
    hints = typing.get_type_hints(schema) if schema else {}
    entries = []
    for option in help_page.options(path):
        key = f"{prefix}{option.key}"
        said = [_sentence(option.comment)]
        if option.key in hints and hints[option.key] is not str:
            said.append(f"*Takes {_shown(_type(hints[option.key]))}.*")
        if schema is not Preparation and key.startswith(NOT_IDENTITY):
            said.append("*No part of the identity.*")
        entries.append(_entry(f"{key}={option.value}", " ".join(said)))
    return "\n".join(entries)


def _schema(path: Path) -> type:
    """The option class that a file of conf/ picks, by itself or through another of its folder."""
    text = path.read_text(encoding="utf-8")
    if found := SCHEMA.search(text):
        return typing.cast(
            type, OmegaConf.get_type(ConfigStore.instance().repo["schema"][f"{found['schema']}.yaml"].node)
        )
    parent = PARENT.search(text)
    if not parent:
        raise ValueError(f"{path} picks no option class")
    return _schema(path.with_name(f"{parent['choice']}.yaml"))


def _type(hint: Any) -> str:
    """What an option takes, in words."""
    if hint is bool:
        return "true or false"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return " or ".join(each.name for each in hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " or ".join(_type(each) for each in typing.get_args(hint))
    if typing.get_origin(hint) is list:
        return f"a list [{_type(typing.get_args(hint)[0])}, ...]"
    return LEAF_TYPES.get(hint, "a value")


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command that has no commands of its own, in their order."""
    inner = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not inner:
        yield parser
    for action in inner:
        helps = {each.dest: each.help for each in action._choices_actions}
        for name, command in action.choices.items():
            # An action of `runs` may have a line alone.
            command.description = command.description or f"{(helps[name] or '').capitalize()}."
            yield from _commands(command)


def _usage(command: argparse.ArgumentParser) -> str:
    # Argparse breaks lines where the terminal ends.
    words = command.format_usage().removeprefix("usage: ").replace("[-h] ", "")
    return textwrap.fill(" ".join(words.split()), 72, subsequent_indent="    ", break_on_hyphens=False)


def _arguments(command: argparse.ArgumentParser) -> Iterator[str]:
    for action in command._actions:
        if isinstance(action, argparse._HelpAction):
            continue
        value = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar or action.dest.upper()}"
        called = ", ".join(f"{flag}{value}" for flag in action.option_strings) or str(action.metavar or action.dest)
        yield _entry(called, _sentence(action.help or ""))


def _entry(term: str, text: str) -> str:
    return f"<code>{_escaped(term)}</code>\n:   {text}\n"


def _sentence(text: str) -> str:
    """A remark as a sentence; words that begin it are as they are typed, and stay in lower case."""
    return _shown(text) + ("" if text.endswith(".") or URL.fullmatch(text) else ".")


def _shown(text: str) -> str:
    """A text that Markdown shows as it is, addresses can be followed."""
    words = " ".join(text.split())
    return "".join(_pieces(words))


def _pieces(text: str) -> Iterable[str]:
    end = 0
    for match in URL.finditer(text):
        yield _escaped(text[end : match.start()])
        yield f"<{match[0]}>"
        end = match.end()
    yield _escaped(text[end:])


def _escaped(text: str) -> str:
    return MARKDOWN.sub(lambda match: f"&#{ord(match[0])};", text)
