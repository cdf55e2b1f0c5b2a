"""The notebooks run as they stand, and show plots and tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from notebooks import run_notebook

FOLDER = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.name for path in FOLDER.glob("*.ipynb"))


def kinds(notebook: dict[str, Any]) -> list[set[str]]:
    """The kinds of what each code cell shows."""
    code = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    return [{kind for output in cell["outputs"] for kind in output["data"]} for cell in code]


@pytest.fixture(scope="module")
def own_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One for what notebooks keep, so that articles are embedded once."""
    return str(tmp_path_factory.mktemp("notebooks"))


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_and_shows_what_it_shows_where_it_is_read(
    name: str, own_folder: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pandas", reason="pandas is absent: pip install 'related-articles[notebook]'")
    monkeypatch.setattr("tempfile.tempdir", own_folder)
    monkeypatch.setenv("RECOMMEND_MODELS", str(models))
    ran = kinds(run_notebook(FOLDER / name))
    assert ran == kinds(json.loads((FOLDER / name).read_text(encoding="utf-8")))
    assert {"image/svg+xml", "text/html"} <= set().union(*ran)


def test_there_are_notebooks() -> None:
    assert NAMES == ["first_evaluation.ipynb", "judge_and_compare.ipynb"]
