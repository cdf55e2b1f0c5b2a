"""Sitemaps."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources import Reject, Web, read, sitemap

LOCAL = Web(allow_private=True, pause=0)
TEXT = "The bridge over the river reopened on Monday after a year of work, the council said in a statement. " * 3


def page(title: str) -> bytes:
    return f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1><p>{TEXT}</p></article>".encode()


def urls(*entries: str) -> bytes:
    return (
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        ' xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
        f' xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{"".join(entries)}</urlset>'
    ).encode()


def index(*places: str) -> bytes:
    return (
        f"<sitemapindex>{''.join(f'<sitemap><loc>{place}</loc></sitemap>' for place in places)}</sitemapindex>".encode()
    )


def test_what_a_news_sitemap_tells_goes_before_what_the_page_says(site: Any) -> None:
    url, handler = site
    news = (
        f"<url><loc>{url}/1</loc><image:image><image:loc>{url}/1.jpg</image:loc><image:title>A bridge</image:title>"
        "</image:image><news:news><news:publication><news:name>The Post</news:name><news:language>en</news:language>"
        "</news:publication><news:publication_date>2026-01-05T10:00:00+01:00</news:publication_date>"
        "<news:title>Bridge is open</news:title></news:news></url>"
    )
    handler.answers["/news.xml"] = [(200, {}, urls(news))]
    handler.answers["/1"] = [(200, {"Content-Type": "text/html"}, page("Bridge reopens | The Post"))]
    (row,) = read(f"{url}/news.xml", web=LOCAL)
    assert isinstance(row, Article)
    assert (row.id, row.title, row.language) == (f"{url}/1", "Bridge is open", "en")
    assert row.published_at is not None
    assert row.published_at.isoformat() == "2026-01-05T09:00:00+00:00"
    assert "reopened on Monday" in row.text


def test_an_index_leads_to_its_sitemaps_packed_or_not_and_a_missing_page_costs_itself_alone(site: Any) -> None:
    url, handler = site
    handler.answers["/index.xml"] = [(200, {}, index(f"{url}/a.xml", f"{url}/gone.xml", f"{url}/b.xml.gz"))]
    handler.answers["/a.xml"] = [(200, {}, urls(f"<url><loc>{url}/1</loc></url>", f"<url><loc>{url}/gone</loc></url>"))]
    handler.answers["/b.xml.gz"] = [(200, {}, gzip.compress(urls(f"<url><loc>{url}/2</loc></url>")))]
    handler.answers["/1"] = [(200, {}, page("One"))]
    handler.answers["/2"] = [(200, {}, page("Two"))]
    rows = list(read(f"{url}/index.xml", web=LOCAL))
    assert [row.title for row in rows if isinstance(row, Article)] == ["One", "Two"]
    assert [row.reason for row in rows if isinstance(row, Reject)] == [
        f"{url}/gone answered 404 Not Found",
        f"{url}/gone.xml answered 404 Not Found",
    ]


def test_an_index_that_leads_back_to_itself_ends(site: Any) -> None:
    url, handler = site
    handler.answers["/index.xml"] = [(200, {}, index(f"{url}/index.xml"))]
    (row,) = read(f"{url}/index.xml", web=LOCAL)
    assert isinstance(row, Reject)
    assert row.reason == f"{url}/index.xml is a sitemap that leads back to itself, or lies too deep"


def test_between_two_pages_there_is_a_pause(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = site
    handler.answers["/s.xml"] = [(200, {}, urls(*(f"<url><loc>{url}/{n}</loc></url>" for n in range(3))))]
    waited: list[int] = []
    monkeypatch.setattr(Web, "wait", lambda _: waited.append(len(handler.asked)))
    list(read(f"{url}/s.xml", web=LOCAL))
    assert waited == [2, 3]


def test_a_sitemap_over_the_limit_is_refused(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, handler = site
    monkeypatch.setattr(sitemap, "SITEMAP_LIMIT", 10)
    handler.answers["/s.xml"] = [(200, {}, urls())]
    with pytest.raises(SourceError, match="more than 10 bytes, too many for a sitemap"):
        list(read(f"{url}/s.xml", web=LOCAL))


def test_pages_on_private_addresses_are_rejected_unless_allowed(site: Any, tmp_path: Any) -> None:
    url, handler = site
    (tmp_path / "s.xml").write_bytes(urls(f"<url><loc>{url}/1</loc></url>"))
    (row,) = read(tmp_path / "s.xml")
    assert isinstance(row, Reject)
    assert "resolves to the private address 127.0.0.1" in row.reason
    assert handler.asked == []


@pytest.mark.parametrize(
    ("written", "asked"), [("?a=1&b=2", "?a=1&b=2"), ("?a=1&amp;b=&#50;", "?a=1&b=2"), ("?a&LT;=1&&", "?a&LT;=1&&")]
)
def test_an_ampersand_that_begins_no_reference_stands_for_itself(site: Any, written: str, asked: str) -> None:
    url, handler = site
    title = "<news:news><news:title>Caf&eacute; &amp; quay&nbsp;reopen</news:title></news:news>"
    handler.answers["/news.xml"] = [(200, {}, urls(f"<url><loc>{url}/1{written}</loc>{title}</url>"))]
    handler.answers[f"/1{asked}"] = [(200, {"Content-Type": "text/html"}, page("Bridge reopens"))]
    (row,) = read(f"{url}/news.xml", web=LOCAL)
    assert isinstance(row, Article)
    assert (row.url, row.title) == (f"{url}/1{asked}", "Café & quay reopen")
