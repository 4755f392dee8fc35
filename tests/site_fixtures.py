"""The pages of the site that are made when it is built."""

import importlib.util
from types import ModuleType

from sarcasm.project import PROJECT


def _load(name: str) -> ModuleType:
    # Beside the pages, as MkDocs wants it, and no part of a package.
    spec = importlib.util.spec_from_file_location(name, PROJECT / "docs" / "hooks" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


notebook, reference = _load("notebook"), _load("reference")


def made_pages() -> dict[str, str]:
    """Name -> text, of every page that no file holds."""
    texts = {name: text for name, text in notebook.pages().items() if isinstance(text, str)}
    return texts | reference.pages()
