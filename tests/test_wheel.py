"""The built wheel, installed somewhere else, with the sources out of the way."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMOKE = """
import sys
from pathlib import Path

sources = [Path(sys.argv[1]) / "src", Path(sys.argv[1]) / "service"]
sys.path[:] = [folder for folder in sys.path if Path(folder).resolve() not in sources]

import recommend
import recommend_service
from recommend.resources import bundled
from recommend.cli import main

for package in (recommend, recommend_service):
    assert Path(package.__file__).is_relative_to(Path(sys.argv[2])), package.__file__
articles = bundled("examples") / "corpus" / "articles.jsonl"
for command in (["ingest", str(articles)], ["reindex"], ["related", "b-korea-martial-law"]):
    sys.argv = ["recommend", *command]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, command

from starlette.testclient import TestClient
from recommend_service.app import create_app

with TestClient(create_app()) as client:
    page = client.get("/")
    assert page.status_code == 200, page.text
    assert "/assets/site.css" in page.text
    assert client.get("/assets/related-articles.js").status_code == 200
    assert len(client.get("/v1/articles/b-korea-martial-law/related").json()["items"]) == 5
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    return next(folder.glob("related_articles-*.whl"))


def test_the_wheel_holds_what_it_needs_and_nothing_that_git_ignores(wheel: Path, models: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for kept in (
        "recommend/_bundled/models/news-linear.json",
        "recommend/_bundled/models/news-minilm/manifest.json",
        "recommend/_bundled/examples/corpus/articles.jsonl",
        "recommend/store/migrations/versions/0001_articles.py",
        "recommend/evaluation/report.html",
        "recommend_service/web/site/index.html",
    ):
        assert kept in names
    assert (models / "news-minilm" / "weights").is_dir()
    assert [name for name in names if "/weights" in name or "/test_" in name or "__pycache__" in name] == []
    assert wheel.stat().st_size < 2_500_000


def test_an_installed_wheel_ingests_indexes_answers_and_serves(wheel: Path, models: Path, tmp_path: Path) -> None:
    target, elsewhere = tmp_path / "installed", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True)
    own = {"PYTHONPATH": str(target), "RECOMMEND_SERVICE__SITE": "true", "RECOMMEND_MODELS": str(elsewhere / "models")}
    (elsewhere / "models" / "news-minilm").mkdir(parents=True)
    (elsewhere / "models" / "news-minilm" / "weights").symlink_to(models / "news-minilm" / "weights")
    ran = subprocess.run(
        [sys.executable, "-c", SMOKE, str(ROOT), str(target)],
        cwd=elsewhere,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "146 added" in ran.stdout
    assert "144 articles" in ran.stdout
