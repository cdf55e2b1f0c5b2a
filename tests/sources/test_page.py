"""Web pages."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime

import pytest

from recommend.article import Article
from recommend.errors import SourceError
from recommend.sources import page
from recommend.sources.page import read_page
from recommend.sources.row import Reject, Row
from recommend.sources.stream import ByteStream

PAGE = """<!doctype html><html lang="en-GB"><head><title>Bridge reopens | The Post</title>
<meta property="og:title" content="Bridge reopens">
<meta property="article:published_time" content="2026-01-05T10:00:00+01:00">
<meta property="article:section" content="Local"><meta property="og:image" content="https://img.example/1.jpg">
<meta name="author" content="Ann Lee; Bo Ek"><meta name="description" content="A year of work is over.">
<link rel="canonical" href="https://post.example/bridge"></head><body><nav><a href="/">Home</a></nav><article>
<h1>Bridge reopens</h1>
<p>The bridge over the river reopened on Monday after a year of work, the council said in a statement to the press.</p>
<p>Traffic was heavy in the morning but calmed later, and people were glad about the shorter way to the market.</p>
</article><footer>All rights reserved</footer></body></html>"""


def read(html: str, url: str | None = None, **known: str) -> Row:
    (row,) = read_page(ByteStream(io.BytesIO(html.encode()), url or "a.html"), url, known)
    return row


def test_the_article_of_a_page_is_found_with_what_its_head_tells() -> None:
    row = read(PAGE, "https://post.example/bridge?from=home")
    assert isinstance(row, Article)
    assert (row.id, row.url, row.site) == (*["https://post.example/bridge"] * 2, "post.example")
    assert (row.title, row.summary, row.section) == ("Bridge reopens", "A year of work is over.", "Local")
    assert row.published_at == datetime(2026, 1, 5, 9, tzinfo=UTC)
    assert (row.authors, row.language, row.image_url) == (["Ann Lee", "Bo Ek"], "en-GB", "https://img.example/1.jpg")
    assert "reopened on Monday" in row.text
    assert "shorter way" in row.text
    assert "Home" not in row.text
    assert "rights" not in row.text


def test_what_is_known_for_certain_goes_before_what_the_page_says() -> None:
    row = read(PAGE, "https://post.example/bridge", title="The bridge is open", published_at="2026-01-04T00:00:00Z")
    assert isinstance(row, Article)
    assert (row.title, row.published_at) == ("The bridge is open", datetime(2026, 1, 4, tzinfo=UTC))


def test_a_page_from_a_file_says_itself_where_it_is() -> None:
    assert isinstance(read(PAGE), Article)
    row = read(PAGE.replace('rel="canonical"', ""))
    assert isinstance(row, Reject)
    assert row.reason == "is a page that does not name its URL"


@pytest.mark.parametrize("html", ["", "<html><body></body></html>", "\x00"])
def test_a_page_without_an_article_is_rejected(html: str) -> None:
    row = read(html, "https://post.example/")
    assert isinstance(row, Reject)
    assert row.reason == "is a page without an article"


def test_a_page_over_the_limit_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PAGE_LIMIT", 100)
    row = read(PAGE, "https://post.example/bridge")
    assert isinstance(row, Reject)
    assert row.reason == "has more than 100 bytes, too many for a page"


def test_without_trafilatura_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trafilatura", None)
    with pytest.raises(SourceError, match=r"a\.html is a web page: pip install 'related-articles\[pages\]'"):
        read(PAGE)
