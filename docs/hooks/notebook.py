"""The page of the site that shows docs/tutorial.ipynb, with the results that are kept in it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NOTEBOOK = Path(__file__).resolve().parents[1] / "tutorial.ipynb"
PAGE = "notebook.md"
MADE_BY_PANDAS = re.compile(r"<style scoped>.*?</style>\n?|(?<=<table) border=\"1\" class=\"dataframe\"", re.DOTALL)
"""The look of its tables, which is not the site's."""


def on_files(files: Any, config: Any) -> Any:
    """Give MkDocs the page and its pictures."""
    from mkdocs.structure.files import File

    for name, content in pages().items():
        files.append(File.generated(config, name, content=content))
    return files


def pages() -> dict[str, str | bytes]:
    """Name -> content: the page, and each picture in it."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    found: dict[str, str | bytes] = {}
    parts = []
    for number, cell in enumerate(cells):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            data = {kind: "".join(text) for kind, text in output.get("data", {}).items()}
            if "image/png" in data:
                found[f"notebook/{number}.png"] = base64.b64decode(data["image/png"])
            parts += _shown(output, data, number)
    own = f"*[This page as a notebook]({NOTEBOOK.name})*"
    return {PAGE: "\n\n".join([*parts[:1], own, *parts[1:], ""]), **found}


def _shown(output: Mapping[str, Any], data: Mapping[str, str], number: int) -> Iterator[str]:
    if "text" in output:
        yield f"```text\n{''.join(output['text']).rstrip()}\n```"
    elif "image/png" in data:
        yield f"![What the lines above draw](notebook/{number}.png)"
    elif "text/html" in data:
        yield f'<div class="scrolls">\n{MADE_BY_PANDAS.sub("", data["text/html"]).strip()}\n</div>'
    elif "text/markdown" in data:
        yield data["text/markdown"]
    elif "text/plain" in data:
        yield f"```text\n{data['text/plain']}\n```"
