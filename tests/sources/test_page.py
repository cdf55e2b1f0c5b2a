"""Web pages."""

from __future__ import annotations

import importlib.util
import io
from datetime import UTC, datetime

import pytest

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources import page, parsing
from recommend.sources.page import read_page
from recommend.sources.row import Reject, Row, RowWarning
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


@pytest.mark.parametrize("url", ["https://post.example/bridge", None])
def test_the_links_of_its_text_are_told_and_no_others_and_the_text_stays(url: str | None) -> None:
    linked = PAGE.replace("the council said", 'as <a href="/2025/plan">we wrote</a>, the council said')
    row, plain = read(linked, url), read(PAGE.replace("the council said", "as we wrote, the council said"), url)
    assert isinstance(row, Article)
    assert isinstance(plain, Article)
    assert row.links_to == ["https://post.example/2025/plan"]
    assert row.text == plain.text


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
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SourceError, match=r"a\.html is a web page: pip install 'related-articles\[pages\]'"):
        read(PAGE)


URL = "https://post.example/bridge"


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("https://post.example/", URL),
        ("/", URL),
        ("https://other.example/story", URL),
        ("https://evil.example/bridge", URL),
        ("javascript:alert(1)", URL),
        ("http://[::1", URL),
        ("", URL),
        ("/local/bridge", "https://post.example/local/bridge"),
        ("bridge?page=all", "https://post.example/bridge?page=all"),
        ("//post.example/b", "https://post.example/b"),
        ("https://www.post.example/b", "https://www.post.example/b"),
        ("https://post.example/?p=12", "https://post.example/?p=12"),
    ],
)
def test_a_canonical_link_is_believed_within_its_host_and_below_the_root(link: str, found: str) -> None:
    row = read(PAGE.replace('href="https://post.example/bridge"', f'href="{link}"'), URL)
    assert isinstance(row, Article)
    assert (row.id, row.url) == (found, found)


def test_a_relative_canonical_link_starts_from_the_base_of_the_page() -> None:
    row = read(PAGE.replace("<head>", '<head><base href="/deep/er/">').replace("https://post.example/bridge", "b"), URL)
    assert isinstance(row, Article)
    assert row.url == "https://post.example/deep/er/b"


def test_a_page_from_a_file_that_names_the_front_page_does_not_name_itself() -> None:
    row = read(PAGE.replace("https://post.example/bridge", "https://post.example/"))
    assert isinstance(row, Reject)
    assert row.reason == "is a page that does not name its URL"


@pytest.mark.parametrize(
    ("told", "image"),
    [
        ("//cdn.example/1.jpg", "https://cdn.example/1.jpg"),
        ("pictures/1.jpg", "https://post.example/pictures/1.jpg"),
        ("/1 2.jpg", "https://post.example/1%202.jpg"),
        (" https://cdn.example/1.jpg ", "https://cdn.example/1.jpg"),
    ],
)
def test_an_image_is_understood_however_it_is_addressed(told: str, image: str) -> None:
    row = read(PAGE.replace("https://img.example/1.jpg", told), URL)
    assert isinstance(row, Article)
    assert row.image_url == image


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("Mon, 05 Jan 2026 09:00:00 GMT", datetime(2026, 1, 5, 9, tzinfo=UTC)),
        ("1767603600", datetime(2026, 1, 5, 9, tzinfo=UTC)),
        ("1767603600000", datetime(2026, 1, 5, 9, tzinfo=UTC)),
    ],
)
def test_a_date_is_understood_however_it_is_written(told: str, moment: datetime) -> None:
    row = read(PAGE.replace("2026-01-05T10:00:00+01:00", told), URL)
    assert isinstance(row, Article)
    assert row.published_at == moment


def test_a_date_that_cannot_be_read_costs_itself_alone_and_the_next_best_stands_in() -> None:
    row, *warnings = read_page(ByteStream(io.BytesIO(PAGE.encode()), URL), URL, {"published_at": "yesterday"})
    assert isinstance(row, Article)
    assert row.published_at == datetime(2026, 1, 5, 9, tzinfo=UTC)
    told = [(one.field, one.value) for one in warnings if isinstance(one, RowWarning)]
    assert told == [("published_at", "'yesterday'")]
    odd = PAGE.replace("2026-01-05T10:00:00+01:00", "0000-00-00T25:00:00")
    row, *_ = read_page(ByteStream(io.BytesIO(odd.encode()), URL), URL, {"language": "Double Dutch!"})
    assert isinstance(row, Article)
    assert (row.published_at, row.language) == (None, None)


@pytest.mark.parametrize(
    ("encoding", "head", "content_type"),
    [
        ("windows-1251", '<meta charset="windows-1251">', ""),
        ("windows-1251", "", "text/html; charset=windows-1251"),
        ("windows-1251", '<meta charset="utf-8">', "text/html; charset=windows-1251"),
        ("koi8-r", '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r">', "text/html"),
        ("utf-8", "", "text/html"),
        ("utf-16", "", "text/html"),
        ("windows-1251", "", ""),
    ],
)
def test_a_page_is_decoded_once_by_header_then_declaration_then_a_guess(
    encoding: str, head: str, content_type: str
) -> None:
    text = "Кран упал на главный причал порта в понедельник, и администрация закрыла все причалы. " * 4
    html = (
        f'<html lang="ru"><head>{head}<title>Порт закрыт</title>'
        '<meta property="article:section" content="Происшествия">'
        f"</head><body><article><h1>Порт закрыт</h1><p>{text}</p></article></body></html>"
    )
    (row,) = read_page(ByteStream(io.BytesIO(html.encode(encoding)), URL), URL, content_type=content_type)
    assert isinstance(row, Article)
    assert (row.title, row.section, row.language) == ("Порт закрыт", "Происшествия", "ru")
    assert text[:50] in row.text


def test_a_page_that_takes_too_long_is_one_reject(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(parsing, "SECONDS", 0.05)
        patched.setattr(parsing, "SECONDS_A_MEGABYTE", 0.0)
        row = read(PAGE.replace("<article>", "<article>" + "<p>A word.</p>" * 100_000), URL)
    assert isinstance(row, Reject)
    assert row.reason.endswith("or too much memory, to parse")
    assert isinstance(read(PAGE, URL), Article)
