"""What a file imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def statements(path: Path) -> Iterator[tuple[str, str | None]]:
    """Every module that a file imports, at the top, in a function or for type checking only, with each name that it
    takes from it; None where it takes the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            yield from ((str(node.module), alias.name) for alias in node.names)
