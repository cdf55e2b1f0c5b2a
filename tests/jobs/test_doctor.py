"""The doctor finds what is wrong, says how to mend it, and changes nothing."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from recommend.articles.article import Article, parse_article
from recommend.cli.app import app
from recommend.encoder import Encoder
from recommend.index.snapshot.publishing import locked
from recommend.jobs.doctor import Finding, examine
from recommend.settings import EncoderSettings, Settings
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom


@pytest.fixture(scope="module")
def once(toys: Newsroom, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a newsroom with the encoder that the settings name, and two snapshots."""
    folder = shutil.copytree(toys.settings.index.parent, tmp_path_factory.mktemp("healthy") / "newsroom")
    settings = Settings(store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index")
    with closing(Store(settings.store)) as store:
        replace(toys, store=store, settings=settings, encoder=encoder).reindex()
    return folder


@pytest.fixture
def healthy(once: Path, toys: Newsroom, settings: Settings, encoder: Encoder) -> Iterator[Newsroom]:
    """A copy of it."""
    shutil.copytree(once, settings.index.parent, dirs_exist_ok=True)
    few = settings.indexing.model_copy(update={"due": 300})
    settings = settings.model_copy(update={"indexing": few})
    with closing(Store(settings.store, staleness=0)) as store:
        yield replace(toys, store=store, settings=settings, encoder=encoder)


def sql(settings: Settings, statement: str) -> None:
    with closing(sqlite3.connect(settings.store.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(statement)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def takedown_log(newsroom: Newsroom) -> Path:
    log = newsroom.store.takedown_log()
    assert log is not None
    return log.path


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("recommend.db-")]
    return {str(path): path.read_bytes() for path in files}


def test_nothing_is_wrong_with_what_is_well_and_nothing_is_changed(healthy: Newsroom) -> None:
    before = contents(healthy.settings.index.parent)
    assert examine(healthy.settings) == []
    assert contents(healthy.settings.index.parent) == before


BREAKS: dict[str, tuple[Callable[[Newsroom], Any], str, str, str]] = {
    "counter": (
        lambda n: sql(n.settings, "UPDATE revision SET value = 5"),
        "revisions",
        "the counter is at 5 < 60",
        "SET value = 60",
    ),
    "size": (
        lambda n: sql(n.settings, "UPDATE embeddings SET vector = x'00' WHERE article_id = 'story-03'"),
        "vectors",
        "2 embeddings|1 embeddings of encoder .* have 1 bytes",
        "DELETE FROM embeddings WHERE fingerprint",
    ),
    "orphans": (
        lambda n: sql(n.settings, "UPDATE embeddings SET article_id = 'x' WHERE article_id = 'story-03'"),
        "vectors",
        "2 embeddings belong to no article",
        "DELETE FROM embeddings",
    ),
    "unembedded": (
        lambda n: n.store.put([(parse_article({"id": "late", "title": "Late"}), None)], "toy"),
        "unembedded",
        "1 articles wait",
        "run recommend reindex",
    ),
    "live": (
        lambda n: damage(n.layout.snapshot(n.live.name).embeddings),
        "snapshots",
        r"embeddings\.npy has SHA-256",
        "recommend rollback",
    ),
    "older": (
        lambda n: damage(next(p for p in n.layout.snapshots.iterdir() if p.name != n.live.name) / "groups.npy"),
        "snapshots",
        r"groups\.npy has SHA-256",
        "delete snapshots/",
    ),
    "unpublished": (lambda n: n.layout.current.unlink(), "snapshots", "no published", "recommend reindex"),
    "nowhere": (lambda n: n.layout.current.write_text("x"), "snapshots", "names 'x'", "recommend rollback NAME"),
    "killed": (
        lambda n: (n.layout.snapshots / ".building-x").mkdir(),
        "leftovers",
        r"snapshots/\.building-x was left",
        "reindex --full",
    ),
    "log": (
        lambda n: takedown_log(n).write_text("{}\nx\n{}\n"),
        "takedowns",
        "line 2 is damaged",
        "move it aside",
    ),
    "beginning": (
        lambda n: takedown_log(n).write_text(""),
        "takedowns",
        "does not tell since when",
        "move it aside",
    ),
    "changes": (
        lambda n: n.store.put(
            [(Article(id=str(i), title="T"), None) for i in range(n.settings.indexing.due)], n.encoder.fingerprint
        ),
        "overlay",
        "300 articles changed",
        "recommend reindex",
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_what_is_broken_is_found_with_its_remedy(healthy: Newsroom, name: str) -> None:
    spoil, check, problem, remedy = BREAKS[name]
    spoil(healthy)
    found = examine(healthy.settings)
    mine = [one for one in found if one.check == check]
    assert any(re.search(problem, one.problem) and remedy in one.remedy for one in mine), found


def test_a_store_that_is_missing_or_damaged_is_found_and_not_created(healthy: Newsroom) -> None:
    file = Path(healthy.settings.store.removeprefix("sqlite:///"))
    healthy.store.put(
        [(parse_article({"id": str(n), "title": "T", "text": f"{n} " * 999}), None) for n in range(99)], "x"
    )
    healthy.store.close()
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xff" * 16384 + content[24576:])
    assert {one.check for one in examine(healthy.settings)} & {"integrity", "store"}
    file.write_bytes(b"This is no database. " * 999)
    assert [one.remedy[:16] for one in examine(healthy.settings) if one.check == "store"] == ["restore a backup"]
    for path in file.parent.glob("recommend.db*"):
        path.unlink()
    assert examine(healthy.settings)[0] == Finding(
        "store", f"{file} does not exist", "run recommend ingest or recommend restore"
    )
    assert not file.exists()


def test_damaged_or_other_weights_are_found(healthy: Newsroom, models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "models")
    settings = healthy.settings.model_copy(update={"models": tmp_path / "models"})
    damage(tmp_path / "models" / "news-minilm" / "weights" / "model.int8.onnx")
    (tmp_path / "models" / "news-linear.json").write_text("{}")
    found = {one.check: one.problem for one in examine(settings)}
    assert found.keys() == {"models", "answers"}
    assert "model.int8.onnx has SHA-256" in found["models"]
    shorter = healthy.settings.model_copy(update={"encoder": EncoderSettings(max_tokens=64)})
    assert [one.check for one in examine(shorter)] == ["snapshots"]


def test_what_a_running_job_has_begun_is_not_left_over(healthy: Newsroom) -> None:
    (healthy.layout.snapshots / ".building-x").mkdir()
    with locked(healthy.layout):
        assert examine(healthy.settings) == []


def test_the_command_fails_with_findings_and_prints_them(healthy: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOMMEND_MODELS", str(healthy.settings.models))
    where = ["--store", healthy.settings.store, "--index", str(healthy.settings.index), "doctor"]
    well = CliRunner().invoke(app, where)
    assert (well.exit_code, well.stdout) == (0, "nothing is wrong\n")
    healthy.layout.current.unlink()
    ill = CliRunner().invoke(app, [*where, "--json"])
    assert (ill.exit_code, [one["check"] for one in orjson.loads(ill.stdout)]) == (1, ["snapshots"])
    assert "run recommend reindex" in CliRunner().invoke(app, where).stdout


def test_a_store_that_no_url_names_is_a_finding(healthy: Newsroom) -> None:
    settings = healthy.settings.model_copy(update={"store": "postgresql://u:SECRET PW@[::1/x"})
    found = [finding.problem for finding in examine(settings)]
    assert any("cannot be used" in problem for problem in found)
    assert not any("SECRET" in problem for problem in found)


def test_an_empty_place_is_told_what_to_run_first(settings: Settings, store: Store) -> None:
    assert [(one.check, one.remedy) for one in examine(settings)] == [("snapshots", "run recommend reindex")]
