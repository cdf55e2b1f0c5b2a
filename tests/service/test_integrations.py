"""What lies in integrations/, against a real service."""

from __future__ import annotations

import hmac
import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recommend.articles.article import Article
from recommend.cli.app import app
from recommend.settings import Settings

HERE = Path(__file__).parents[2] / "integrations"
KEY = "correct horse battery staple"
STORY = {
    "post_title": "Tokayev & Mirziyoyev condemn drone attack on Putin's residence",
    "post_content": "<!-- wp:paragraph --><p>The leaders of Central Asia condemned an alleged drone raid.</p>",
    "post_date": "2025-12-31T14:00:00+00:00",
    "category": ["World"],
    "post_tag": ["drones"],
}
php = pytest.mark.skipif(shutil.which("php") is None, reason="php is not on the PATH: apt-get install php-cli")
node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not on the PATH")


@pytest.fixture
def wordpress(newsroom: Any) -> Iterator[Callable[..., Any]]:
    """A WordPress, stubbed, that does one thing after another."""
    plugin = HERE / "wordpress" / "related-articles" / "related-articles.php"
    stub = ["php", "-d", "zend.assertions=1", str(Path(__file__).with_name("wordpress.php")), str(plugin)]
    own = {**os.environ, "SERVICE": newsroom.address, "KEY": KEY}
    with subprocess.Popen(stub, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=own) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        told, heard = running.stdin, running.stdout

        def step(**given: Any) -> Any:
            told.write(f"{json.dumps(given)}\n")
            told.flush()
            return json.loads(heard.readline())

        yield step
        told.close()


def _status(newsroom: Any, article_id: str) -> int:
    status: int = newsroom.reader.get(f"/v1/articles/{article_id}").status_code
    return status


@php
def test_wordpress_tells_what_is_published_and_what_is_not_any_more(newsroom: Any, wordpress: Any) -> None:
    wordpress(do="save", post={"ID": 1, "post_status": "draft", **STORY})
    assert _status(newsroom, "wp-1-1") == 404
    wordpress(do="save", post={"ID": 1, **STORY})
    card = newsroom.reader.get("/v1/articles/wp-1-1").json()
    assert (card["title"], card["section"], card["language"]) == (STORY["post_title"], "World", "en-US")
    for gone in ({"post_status": "trash"}, {"post_status": "private"}, {"post_password": "x"}):
        wordpress(do="save", post={"ID": 1, **STORY, **gone})
        assert _status(newsroom, "wp-1-1") == 404, gone
        wordpress(do="save", post={"ID": 1, **STORY})
        assert _status(newsroom, "wp-1-1") == 200
    wordpress(do="delete", id=1)
    assert _status(newsroom, "wp-1-1") == 404
    wordpress(do="save", post={"ID": 2, "post_type": "page", **STORY})
    assert _status(newsroom, "wp-1-2") == 404


@php
def test_wordpress_tries_again_what_could_not_be_told(newsroom: Any, wordpress: Any) -> None:
    wordpress(do="save", post={"ID": 3, **STORY})
    assert wordpress(do="save", post={"ID": 3, **STORY, "post_status": "trash"}, away=True)["scheduled"] > 0
    assert _status(newsroom, "wp-1-3") == 200
    assert wordpress(do="cron", away=True)["scheduled"] > 0
    assert wordpress(do="cron")["scheduled"] == 0
    assert _status(newsroom, "wp-1-3") == 404


@php
def test_wordpress_shows_the_box_and_nothing_where_the_service_is_away(newsroom: Any, wordpress: Any) -> None:
    wordpress(do="save", post={"ID": 4, **STORY})
    box = wordpress(do="box", id=4, **{"with": {"layout": "cards", "limit": "3"}})["said"]
    assert '<nav class="cards"' in box
    assert box.count("<li ") == 3
    kept = wordpress(do="box", id=4, away=True, **{"with": {"layout": "cards", "limit": "3"}})["said"]
    assert kept == box
    assert wordpress(do="box", id=4, away=True)["said"] == ""
    wordpress(do="save", post={"ID": 4, **STORY, "post_password": "x"})
    assert wordpress(do="box", id=4)["said"] == ""


@pytest.fixture
def draft(corpus: list[Article]) -> dict[str, Any]:
    """A draft in three blocks."""
    story = next(one for one in corpus if one.id == "a-saudi-strike-mukalla-uae-withdraws")
    middle = story.text.index(". ", len(story.text) // 2) + 2
    texts = f"<h2>😀 {story.title}</h2>", f"<p>😀 {story.text[:middle]}</p>", f"<p>{story.text[middle:]}</p>"
    blocks = [f"<!-- wp:{kind} -->{text}<!-- /wp:{kind} -->" for kind, text in zip("hpp", texts, strict=True)]
    return {"title": f"{story.title}, a draft", "blocks": blocks}


@php
def test_wordpress_proposes_links_to_whom_may_write_and_keeps_the_key(
    newsroom: Any, wordpress: Any, draft: dict[str, Any]
) -> None:
    wordpress(do="save", post={"ID": 6, **STORY, "post_status": "draft"})
    given = {"post": 6, "title": draft["title"], "text": "\n\n".join(draft["blocks"])}
    assert wordpress(do="links", can=[], **{"with": given})["said"] == "refused"
    links = wordpress(do="links", can=["edit_posts"], **{"with": given})["said"]["links"]
    assert links
    assert all(given["text"][one["offset"] :].startswith(one["text"]) for one in links)
    assert "headline" in wordpress(do="links", can=["edit_posts"], **{"with": {**given, "title": ""}})["said"]["said"]
    away = wordpress(do="links", can=["edit_posts"], away=True, **{"with": given})
    assert away["said"] == {"said": "The service does not answer."}


@node
def test_the_block_of_wordpress_takes_links_over_one_by_one(newsroom: Any, draft: dict[str, Any]) -> None:
    script = HERE / "wordpress" / "related-articles" / "block.js"
    done = subprocess.run(
        ["node", str(Path(__file__).with_name("wordpress_block.cjs")), str(script)],
        input=json.dumps({**draft, "most": 3}), capture_output=True, text=True, check=True,
        env={**os.environ, "SERVICE": newsroom.address},
    )  # fmt: skip
    told = json.loads(done.stdout)
    written = re.compile(r'<a href="([^"]*)">([^<]*)</a>')
    after = "".join(told["blocks"])
    urls = [html.unescape(url) for url, _ in written.findall(after)]
    assert len({*urls}) == len(urls) >= 2
    assert told["proposed"][0]["url"] in urls
    assert told["blocks"][0] == draft["blocks"][0]
    assert written.sub(r"\2", after) == "".join(draft["blocks"])


def _loaded(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _webhook(address: str, body: bytes, *, secret: str = "s", age: float = 0.0) -> int:
    moment = str(int((time.time() - age) * 1000))
    signature = hmac.new(secret.encode(), body + moment.encode(), "sha256").hexdigest()
    asked = urllib.request.Request(address, body, {"X-Ghost-Signature": f"sha256={signature}, t={moment}"})
    try:
        with urllib.request.urlopen(asked) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


def test_ghost_webhooks_are_handed_on_if_they_are_signed(newsroom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = _loaded(HERE / "ghost" / "receiver.py")
    monkeypatch.setattr(receiver.Receiver, "log_message", lambda *_: None)
    for name, value in (("SERVICE", newsroom.address), ("KEY", KEY)):
        monkeypatch.setenv(f"RELATED_ARTICLES_{name}", value)
    monkeypatch.setenv("GHOST_SECRET", "s")
    with ThreadingHTTPServer(("127.0.0.1", 0), receiver.Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_address[1]}/"
        post = {"id": "63", "title": "From Ghost", "html": "<p>x</p>", "status": "published", "visibility": "paid",
                "primary_tag": {"name": "World"}, "published_at": "2026-01-05T12:00:00.000Z",
                "tags": [{"name": "World"}, {"name": "#own", "visibility": "internal"}]}  # fmt: skip
        there = json.dumps({"post": {"current": post, "previous": {}}}).encode()
        gone = json.dumps({"post": {"current": {}, "previous": {"id": "63", "status": "published"}}}).encode()
        draft = json.dumps({"post": {"current": {**post, "status": "draft"}, "previous": {}}}).encode()
        assert [_webhook(at, there, secret="other"), _webhook(at, there, age=900)] == [401, 401]
        assert _status(newsroom, "ghost-63") == 404
        for takes_down in (gone, draft):
            assert _webhook(at, there) == 204
            card = newsroom.reader.get("/v1/articles/ghost-63").json()
            assert (card["section"], card["tags"], card["access"]) == ("World", ["World"], "paid")
            assert _webhook(at, takes_down) == 204
            assert _status(newsroom, "ghost-63") == 404
        assert [_webhook(at, b"{}"), _webhook(at, b"[")] == [422, 422]
        monkeypatch.setenv("RELATED_ARTICLES_KEY", "wrong")
        assert _webhook(at, there) == 502
        server.shutdown()


@pytest.fixture(scope="module")
def exported(sample: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "related.jsonl"
    where = ["--store", sample.store, "--index", str(sample.index)]
    ran = CliRunner().invoke(app, ["export", "--out", str(path), "-k", "5", *where])
    assert ran.exit_code == 0, ran.output
    return path


def _wanted(exported: Path) -> dict[str, list[str]]:
    rows = [json.loads(line) for line in exported.read_text().splitlines()]
    boxes: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row["rank"]):
        if row["rank"] and row["related"]:
            boxes.setdefault(row["article_id"], []).append(row["related_id"])
    return boxes


def test_a_data_file_for_hugo_holds_what_is_related_and_no_fillers(exported: Path, tmp_path: Path) -> None:
    target = tmp_path / "related.json"
    script = [sys.executable, str(HERE / "hugo" / "related.py"), str(exported)]
    subprocess.run([*script, str(target)], check=True)
    found = json.loads(target.read_text())
    assert {one: [item["id"] for item in items] for one, items in found.items()} == _wanted(exported)
    before = exported.read_bytes()
    assert subprocess.run([*script, str(exported)], check=False, capture_output=True).returncode == 1
    assert exported.read_bytes() == before


@node
def test_the_data_of_eleventy_is_the_same(exported: Path) -> None:
    code = "process.stdout.write(JSON.stringify(require(process.argv[1])(process.argv[2])))"
    data = str(HERE / "eleventy" / "_data" / "related.cjs")
    ran = subprocess.run(["node", "-e", code, data, str(exported)], check=True, capture_output=True, text=True)
    found = json.loads(ran.stdout)
    assert {one: [item["id"] for item in items] for one, items in found.items()} == _wanted(exported)


@php
@pytest.mark.parametrize(
    "path", sorted(HERE.rglob("*.php")) + sorted(HERE.rglob("*.module")), ids=lambda path: path.name
)
def test_php_reads_every_file(path: Path) -> None:
    assert subprocess.run(["php", "-l", str(path)], capture_output=True, check=False).returncode == 0


def test_each_integration_says_what_was_tried() -> None:
    folders = {path.name for path in HERE.iterdir() if path.is_dir()}
    assert folders == {"wordpress", "ghost", "hugo", "eleventy", "drupal", "html"}
    overview = (HERE / "README.md").read_text()
    for name in folders:
        text = (HERE / name / "README.md").read_text()
        assert f"]({name}/README.md)" in overview
        assert name == "html" or ("**Tried:**" in text and "**Not tried:**" in text)
