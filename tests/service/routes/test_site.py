from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from selectolax.lexbor import LexborHTMLParser

from recommend.articles.article import Article, Status
from recommend.settings import Settings
from recommend_service.app import create_app

SCRIPT = "<script>alert(1)</script>"
ESCAPED = "&lt;script&gt;alert(1)"
BOX_SCRIPT = "/assets/related-articles.js"


def _front_pages(reader: Any, section: str = "") -> Iterator[set[str]]:
    """The addresses of the stories on each page of the front or of a section."""
    number = 1
    while (page := reader.get("/", params={"page": number, "section": section})).status_code == 200:
        yield set(re.findall(r'href="(/stories/[^"]+)"', page.text))
        number += 1
    assert page.status_code == 404


def test_what_an_article_says_never_becomes_markup(newsroom: Any) -> None:
    encoded = SCRIPT.replace("<", "&lt;")  # as an entity it survives the cleaning of markup
    article_id = f'"><{SCRIPT}'
    body = {
        **{name: f"{name}{encoded}\" onload='x" for name in ("title", "text", "summary", "section")},
        **{"authors": [encoded], "tags": [encoded], "genre": encoded, "language": "en"},
        "url": f"https://meridian-courier.example/\">{SCRIPT}",
        "published_at": "2026-01-09T20:00:00Z",
    }  # fmt: skip
    assert newsroom.writer.article("PUT", article_id, json=body).status_code == 201
    stored = newsroom.writer.article("GET", article_id).json()
    assert all(SCRIPT in stored[name] for name in ("title", "text", "summary", "section"))
    story = newsroom.reader.get(f"/stories/{quote(article_id, safe='')}")
    front = newsroom.reader.get("/", params={"section": stored["section"]})
    for page, scripts in ((story, [BOX_SCRIPT]), (front, [])):
        tree = LexborHTMLParser(page.text)
        assert page.text.count(ESCAPED) >= 3
        assert [(script.attributes["src"] or "").partition("?")[0] for script in tree.css("script")] == scripts
        assert tree.css("[onload]") == []
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
    newsroom.writer.article("DELETE", article_id)


def test_every_page_lists_stories_and_none_an_unpublished_one(reader: Any, corpus: list[Article]) -> None:
    pages = [
        page for section in {article.section or "" for article in corpus} for page in _front_pages(reader, section)
    ]
    pages += _front_pages(reader)
    linked = set().union(*pages)
    assert all(pages)
    assert linked >= {f"/stories/{a.id}" for a in corpus if a.genre == "news" and a.status == Status.PUBLISHED}
    for article in (article for article in corpus if article.status != Status.PUBLISHED):
        missing = reader.get(f"/stories/{article.id}")
        assert f"/stories/{article.id}" not in linked
        assert missing.status_code == 404
        assert article.title not in missing.text


def test_a_story_taken_down_is_off_the_site_at_once(newsroom: Any) -> None:
    body = {"title": "Gone by noon", "published_at": "2026-01-09T21:00:00Z", "section": "World"}
    newsroom.writer.article("PUT", "gone-by-noon", json=body)
    paths = ("/", "/?section=World", "/stories/gone-by-noon", "/stories/a-lavrov-novgorod-drone-claim")
    assert all("Gone by noon" in newsroom.reader.get(path).text for path in paths)
    newsroom.writer.article("DELETE", "gone-by-noon")
    assert not any("Gone by noon" in newsroom.reader.get(path).text for path in paths)


@pytest.mark.parametrize("path", ["/", "/stories/a-lavrov-novgorod-drone-claim", BOX_SCRIPT])
def test_head_answers_as_get_does_without_a_body(reader: Any, path: str) -> None:
    full, head = reader.get(path), reader.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Type"] == full.headers["Content-Type"]


def test_without_the_setting_there_is_no_site(sample: Settings, serve: Any) -> None:
    without = sample.model_copy(update={"service": sample.service.model_copy(update={"site": False})})
    assert create_app(without).openapi()["paths"] == create_app(sample).openapi()["paths"]
    with serve(without) as service:
        assert service.reader.get("/").headers["Content-Type"] == "application/problem+json"
        assert service.reader.get("/healthz").status_code == 200
