"""Which code it is: what was computed by other code than there is now is not to be found again."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import uuid
from functools import lru_cache
from pathlib import Path


@lru_cache
def code_hash(modules: tuple[str, ...]) -> str:
    """Hash over what modules do, which comments and docstrings do not change; 16 hexadecimal digits.

    Where the source of one is not to be had, it is a number that never comes again, so that nothing stale is found.
    """
    digest = hashlib.sha256()
    for name in sorted(set(modules)):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None or not Path(spec.origin).is_file():
            return uuid.uuid4().hex[:16]
        tree = ast.parse(Path(spec.origin).read_bytes())
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                node.body = [each for each in node.body if not _is_text(each)]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a string that stands alone, as docstrings do."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )
