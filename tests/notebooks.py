"""Runs a notebook's cells in this process, and keeps what they show."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any

_SHOWN = {"_repr_svg_": "image/svg+xml", "_repr_html_": "text/html"}


def run_notebook(path: Path) -> dict[str, Any]:
    """The notebook with the outputs that its code cells have when run one after the other in its folder.

    Raises:
        Exception: whatever a cell raises.
    """
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {"__name__": "__main__"}
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        for number, cell in enumerate(cells, start=1):
            shown = _run("".join(cell["source"]), names)
            bundle = {} if shown is None else _bundle(shown)
            result = {"output_type": "execute_result", "execution_count": number, "data": bundle, "metadata": {}}
            cell |= {"execution_count": number, "outputs": [result] if bundle else []}
    finally:
        os.chdir(before)
    return notebook


def write_notebook(notebook: dict[str, Any], path: Path) -> None:
    """Writes it as Jupyter does."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _run(source: str, names: dict[str, Any]) -> object:
    """The value of the last expression of a cell."""
    body = ast.parse(source)
    last = body.body[-1] if body.body else None
    if isinstance(last, ast.Expr):
        body.body.pop()
    exec(compile(body, "<cell>", "exec"), names)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names) if isinstance(last, ast.Expr) else None


def _bundle(shown: object) -> dict[str, list[str]]:
    found = {kind: getattr(shown, name)() for name, kind in _SHOWN.items() if hasattr(shown, name)}
    return {kind: text.splitlines(keepends=True) for kind, text in {"text/plain": repr(shown), **found}.items()}
