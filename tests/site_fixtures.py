"""The pages of the site that are made when it is built."""

import importlib.util
from types import ModuleType

from sarcasm.project import PROJECT


def _load() -> ModuleType:
    # Beside the pages, as MkDocs wants it, and no part of a package.
    spec = importlib.util.spec_from_file_location("reference", PROJECT / "docs" / "hooks" / "reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = _load()
