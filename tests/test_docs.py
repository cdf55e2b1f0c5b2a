"""The documentation site builds without a warning, from this checkout alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from effort import THOROUGH
from recommend.cli.commands import MODULES

ROOT = Path(__file__).parents[1]


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs is absent: pip install --group docs")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    quickly = {**os.environ, "SEPARATE_SIGNATURES": str(THOROUGH).lower()}  # which nothing that is checked depends on
    ran = subprocess.run(build, cwd=ROOT, env=quickly, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    pages = {page.parent.name for page in (tmp_path / "site").rglob("index.html")}
    assert {"tutorial", "glossary", "request", "article", "ranking"} <= pages


def test_every_promise_names_tests_that_exist() -> None:
    written = (ROOT / "docs" / "promises.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:tests|service)/[\w/.]+)`", written))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_link_of_the_readme_leads_somewhere() -> None:
    written = (ROOT / "README.md").read_text(encoding="utf-8")
    links = set(re.findall(r"\]\(([^)#]+)\)", written))
    assert [link for link in sorted(links) if "://" not in link and not (ROOT / link).exists()] == []


def test_every_command_is_described_and_every_one_described_exists() -> None:
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") + (ROOT / "docs" / "operating.md").read_text(
        encoding="utf-8"
    )
    assert [name for name in MODULES if f"`recommend {name}" not in written and f"`{name}`" not in written] == []
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^recommend (\w+)", readme, re.MULTILINE)) <= MODULES.keys()


def test_every_decision_is_listed() -> None:
    listed = (ROOT / "docs" / "decisions" / "index.md").read_text(encoding="utf-8")
    decisions = {path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
    assert {name for name in decisions if f"({name})" not in listed} == set()


def test_every_picture_is_taken_by_the_script_and_shown_somewhere() -> None:
    docs = ROOT / "docs"
    script = (docs / "pictures" / "take.py").read_text(encoding="utf-8")
    pages = "".join(page.read_text(encoding="utf-8") for page in docs.rglob("*.md"))
    for picture in (docs / "pictures").glob("*.png"):
        assert f'"{picture.stem}"' in script
        assert f"(pictures/{picture.name})" in pages
        assert picture.stat().st_size < 100_000, "make pictures keeps them small"


def test_the_tables_of_where_to_change_what_name_files_that_there_are() -> None:
    for page in ("request", "article"):
        text = (ROOT / "docs" / "explanation" / f"{page}.md").read_text(encoding="utf-8").split("| to change |")[1]
        named = re.findall(r"`((?:recommend|recommend_service|models)/[\w./-]+)`", text)
        assert len(named) > 8
        for path in named:
            assert any((ROOT / part / path).exists() for part in ("src", "service", "")), path
