"""Which code and which libraries a value is computed by: what others computed is not to be found again.

Nothing is listed by hand. From the module that computes a value on, its imports are followed through the package, those
inside functions too; the hash over all modules on the way tells the code, and the other packages that they import are
the libraries. A name that a package's `__init__` only passes on leads to the module that it comes from, not to all that
stand beside it.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

PACKAGE = __name__.partition(".")[0]
NO_PART = (
    # They declare options, whose values stand in recipes themselves;
    "omegaconf", f"{PACKAGE}.options",
    # say what is wrong, and where things lie;
    f"{PACKAGE}.advice", f"{PACKAGE}.errors", f"{PACKAGE}.project",
    # tell which clips there are, and find again what was kept;
    f"{PACKAGE}.corpus", f"{PACKAGE}.store", __name__,
    # divide the work.
    f"{PACKAGE}.processors", f"{PACKAGE}.workers", f"{PACKAGE}.ray_runtime", f"{PACKAGE}.embeddings.on_ray",
)  # fmt: skip
"""What the modules on the way import, and what can change no value; with all that it consists of."""
BUILT_ON = {"librosa": ("numba", "scipy")}
"""Library -> others that it computes by, where ours do not import them themselves."""


@dataclass(frozen=True)
class _Import:
    """One import: `from MODULE import NAME`, bound as `bound`; without a name, of the whole module."""

    module: str
    name: str | None
    bound: str | None


@dataclass(frozen=True)
class _Module:
    """What a module does, without its comments and docstrings, and what it imports."""

    code: str
    imports: tuple[_Import, ...]


def computed_by(*modules: str) -> dict[str, object]:
    """What a value depends on beside its inputs and options, as a part of a recipe.

    Args:
        modules: names of those that compute it; what they import is found here.

    Returns:
        "code", a hash over the modules, of 16 hexadecimal digits; where the source of one is not to be had, it is a
        number that never comes again, so that nothing stale is found. "libraries", name -> version.
    """
    followed = _followed(modules)
    if followed is None:
        return {"code": uuid.uuid4().hex[:16], "libraries": {}}
    names, libraries = followed
    digest = hashlib.sha256("".join(_module(name).code for name in names).encode())
    return {"code": digest.hexdigest()[:16], "libraries": {name: _version(name) for name in libraries}}


@cache
def _followed(modules: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Names of all modules on the way and of the libraries that they import, sorted; None where a source is missing."""
    packages = {PACKAGE, *(name.partition(".")[0] for name in modules)}
    waiting = [_Import(name, None, None) for name in modules]
    seen, libraries = set(waiting), set()
    names = set()
    while waiting:
        each = waiting.pop()
        if each.name and _path(f"{each.module}.{each.name}"):
            each = _Import(f"{each.module}.{each.name}", None, None)
        top = each.module.partition(".")[0]
        if any(f"{each.module}.".startswith(f"{name}.") for name in NO_PART) or top in sys.stdlib_module_names:
            continue
        if top not in packages:
            libraries |= {top, *BUILT_ON.get(top, ())}
            continue
        if _path(each.module) is None:
            return None
        names.add(each.module)
        leads_to = _module(each.module).imports
        if each.name and _is_package(each.module):
            leads_to = tuple(other for other in leads_to if other.bound == each.name) or leads_to
        waiting += [other for other in leads_to if other not in seen]
        seen.update(leads_to)
    return tuple(sorted(names)), tuple(sorted(libraries))


@cache
def _module(name: str) -> _Module:
    path = _path(name)
    return _parsed(name, path.read_bytes() if path else b"")


def _parsed(name: str, text: bytes) -> _Module:
    tree = ast.parse(text)
    imports = tuple(_imports(tree, name if _is_package(name) else name.rpartition(".")[0]))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [each for each in node.body if not _is_text(each)]
    return _Module(ast.dump(tree), imports)


def _imports(node: ast.AST, package: str) -> Iterator[_Import]:
    """All imports below a node but those for the checker of types alone.

    Args:
        node: where to look.
        package: what dots at the beginning of a name stand for.
    """
    if isinstance(node, ast.Import):
        yield from (_Import(each.name, None, each.asname or each.name.partition(".")[0]) for each in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        module = ".".join([*above, *([node.module] if node.module else [])])
        for each in node.names:
            yield _Import(module, None if each.name == "*" else each.name, each.asname or each.name)
    elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        for statement in node.orelse:
            yield from _imports(statement, package)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imports(child, package)


def _is_package(name: str) -> bool:
    path = _path(name)
    return path is not None and path.name == "__init__.py"


@cache
def _path(name: str) -> Path | None:
    """The source of a module of a package that can be imported, found without importing it."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except ValueError:  # of what is typed or given to Python as a program
        return None
    if spec is None or top in sys.stdlib_module_names:
        return None
    if not rest:
        return Path(spec.origin) if spec.origin and Path(spec.origin).suffix == ".py" else None
    for folder in spec.submodule_search_locations or ():
        stem = Path(folder, *rest)
        for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if path.is_file():
                return path
    return None


def _version(library: str) -> str:
    """Of a library, by the name that it is imported by, and of the program in C that it hands files to."""
    try:
        found = version(library)
    except PackageNotFoundError:
        distributions = packages_distributions().get(library, [])  # scikit-learn is imported as sklearn
        found = " ".join(version(each) for each in sorted(set(distributions))) or "none"
    if library == "soundfile":
        import soundfile

        return f"{found}, libsndfile {soundfile.__libsndfile_version__}"
    if library == "av":
        import av

        return f"{found}, FFmpeg {av.ffmpeg_version_info}"
    return found


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a string that stands alone, as docstrings do."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
