"""Self-contained HTML files from autoescaped templates, and the policy that holds a browser to asking for nothing else.

Style and scripts stand in the page and are named in its Content-Security-Policy by their hashes: what is smuggled in
with a name or a text is neither markup nor run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any


def rendered(template: str, scripts: Sequence[str], media: str = "'none'", **values: Any) -> str:
    """Render a page.

    Args:
        template: its file beside this one; it has `style` and `script` to put in, beside the values.
        scripts: files that make up its one script, in order.
        media: where sound may come from, as a policy names it.
        values: of the template; everything is escaped.
    """
    from markupsafe import Markup

    style, script = _asset("page.css"), "".join(map(_asset, scripts))
    policy = (
        f"default-src 'none'; img-src data:; media-src {media}; style-src '{_hash(style)}';"
        f" script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )
    # Ours, and not escaped, as the hashes are those of the very text.
    own = {"style": Markup(style), "script": Markup(script)}  # noqa: S704
    return _environment().get_template(template).render(policy=policy, **own, **values)


def png_uri(png: bytes) -> str:
    """A picture as the address of itself."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("sarcasm.report", "."), autoescape=True, undefined=StrictUndefined)


@cache
def _asset(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a Content-Security-Policy names a script or a style."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
