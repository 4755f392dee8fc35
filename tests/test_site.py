"""The site of the documentation: nothing left out, no link that leads nowhere, nothing asked of other hosts."""

import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sarcasm import help as help_page
from sarcasm.cli import program
from sarcasm.config import known_keys
from sarcasm.project import PROJECT
from tests.site_fixtures import made_pages, reference

DOCS = PROJECT / "docs"
TITLE = re.compile(r"^#{1,6} +(.*?) *$", re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?![a-z]+:)([^)#]*)#([^)]+)\)")
NAMES = {"name", "enabled"}
"""Options that are set by the choice in a group."""


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return made_pages()


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    return {str(path.relative_to(DOCS)): path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md"))}


def in_nav(node) -> list[str]:
    if isinstance(node, str):
        return [node]
    inner = node.values() if isinstance(node, dict) else node
    return [page for each in inner for page in in_nav(each)]


def test_every_page_stands_in_the_navigation_once(made, written):
    pages = in_nav(yaml.safe_load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    assert sorted(pages) == sorted([*made, *written])


def slugs(text: str) -> set[str]:
    """The anchors of a page's titles, as MkDocs makes them."""
    titles = [re.sub(r"[`*]|\]\([^)]*\)|\[", "", title) for title in TITLE.findall(BLOCK.sub("", text))]
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", title).strip().lower()) for title in titles}


def test_every_link_to_a_title_leads_to_one(made, written):
    pages = {**made, **written}
    for name, text in pages.items():
        for target, anchor in LINK.findall(text):
            page = os.path.normpath(Path(name).parent / target) if target else name
            assert anchor in slugs(pages[page]), f"{name}: {target}#{anchor}"


@pytest.mark.parametrize(("page", "config"), [("options", "config"), ("preparation", "prepare")])
def test_every_choice_and_option_is_in_the_reference(page, config, made):
    text = html.unescape(made[f"reference/{page}.md"])
    groups = [group for group in help_page.groups(config) if "@" not in group]
    assert len(groups) > 1
    for group in groups:
        assert help_page.choices(group)
        for choice in help_page.choices(group):
            assert f"### {group}={choice}\n" in text
    keys = [key for key in known_keys(config) if "@" not in key and key not in {*groups, "source"}]
    assert len(keys) > 10
    for key in keys:
        if key.rpartition(".")[2] not in NAMES:
            assert f"<code>{key}=" in text, key


def test_every_command_and_argument_is_in_the_reference(made):
    text = html.unescape(made["reference/commands.md"])
    assert "## sarcasm runs export\n" in text
    for command in reference._commands(program()):
        section = text.partition(f"## {command.prog}\n")[2].partition("\n## ")[0]
        for action in command._actions[1:]:
            assert f"<code>{(action.option_strings or [action.metavar])[0]}" in section, (command.prog, action)


def test_a_remark_is_shown_as_it_was_written(made):
    assert "&#42;&#95;x&#124;&lt;".replace("&lt;", "&#60;") in reference._shown("*_x|<")
    assert reference._shown("see https://a.b/c_d, or not") == "see <https://a.b/c_d>, or not"
    assert "<code>source.mustard&#95;labels.sha256=ec9533" in made["reference/preparation.md"]


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_nothing_of_other_hosts(tmp_path):
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path)],
        cwd=PROJECT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    pages = sorted(tmp_path.rglob("*.html"))
    assert len(pages) > 10
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|link)\b[^>]*?\b(?:src|href)=\"?([^\"\s>]+)", text)
        assert loaded
        assert [each for each in loaded if each.startswith(("http", "//"))] == []


def test_the_search_finds_the_parts_of_an_option():
    plugins = yaml.safe_load((PROJECT / "mkdocs.yml").read_text(encoding="utf-8"))["plugins"]
    (separator,) = [each["search"]["separator"] for each in plugins if "search" in each]
    assert re.split(separator, "trainer.class_weight=none 0.96") == ["trainer", "class", "weight", "none", "0.96"]
