"""Exports as other systems write them become boxes by the README's commands alone: init, ingest, reindex, serve."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from html import escape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import orjson
import psycopg
import pytest
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import make_url
from starlette.testclient import TestClient

from recommend.articles.article import Article
from recommend.configuration import load_settings
from recommend_service.app import create_app

Recommend = Callable[..., Any]
Write = Callable[[Path, list[Article]], str]
"""Writes an export and returns what ``recommend init`` is given, as one would type it."""


@pytest.fixture
def stories(corpus: list[Article]) -> list[Article]:
    """Published, dated and with an address: what any system has."""
    return [a for a in corpus if a.status == "published" and a.published_at and a.url and a.genre == "news"][:14]


def _html(article: Article) -> str:
    return "".join(f"<p>{escape(block)}</p>" for block in article.text.split("\n\n"))


def _csv(path: Path, rows: list[dict[str, object]], encoding: str = "utf-8") -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding, errors="replace"))
    return path.name


def ghost(folder: Path, stories: list[Article]) -> str:
    posts = [
        {"id": f"{number:024x}", "uuid": f"0000-{number}", "title": a.title, "slug": a.id, "html": _html(a),
         "type": "post", "status": "published", "visibility": "public", "published_at": f"{a.published_at:%FT%T.000Z}"}
        for number, a in enumerate(stories)
    ]  # fmt: skip
    data: dict[str, Any] = {"posts": posts, "tags": [{"id": "t", "name": "News"}], "users": []}
    data["posts_tags"] = [{"post_id": post["id"], "tag_id": "t", "sort_order": 0} for post in posts]
    (folder / "ghost.json").write_bytes(orjson.dumps({"db": [{"meta": {"version": "5.80"}, "data": data}]}))
    return "ghost.json"


def wordpress_wxr(folder: Path, stories: list[Article]) -> str:
    items = "".join(
        f"<item><title>{escape(a.title)}</title><link>{a.url}</link><guid isPermaLink='false'>{a.url}</guid>"
        f"<content:encoded><![CDATA[{_html(a)}]]></content:encoded><wp:post_id>{number}</wp:post_id>"
        f"<wp:post_date_gmt>{a.published_at:%F %T}</wp:post_date_gmt><wp:status>publish</wp:status>"
        f"<wp:post_type>post</wp:post_type><category domain='category'><![CDATA[{a.section}]]></category></item>"
        for number, a in enumerate(stories, start=1)
    )
    (folder / "wordpress.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><wp:wxr_version>1.2</wp:wxr_version>'
        f"<language>en</language>{items}</channel></rss>",
        encoding="utf-8",
    )
    return "wordpress.xml"


def wordpress_rest(folder: Path, stories: list[Article]) -> str:
    posts = [
        {"id": number, "date_gmt": f"{a.published_at:%FT%T}", "guid": {"rendered": f"{a.url}"}, "link": a.url,
         "status": "publish", "title": {"rendered": escape(a.title)},
         "content": {"rendered": _html(a), "protected": False},
         "_embedded": {"wp:term": [[{"taxonomy": "category", "name": a.section}]]}}
        for number, a in enumerate(stories, start=1)
    ]  # fmt: skip
    (folder / "posts.json").write_bytes(orjson.dumps(posts))
    return "posts.json"


def shopify(folder: Path, stories: list[Article]) -> str:
    return _csv(
        folder / "blog.csv",
        [
            {"ID": 559_000_000 + number, "Handle": a.id, "Title": a.title, "Author": "Ann Lee", "Body HTML": _html(a),
             "Summary HTML": a.summary or "", "Tags": "news, blog", "Published": "TRUE",
             "Published At": f"{a.published_at:%F %T} +0000", "Blog: Title": a.section, "Image Src": ""}
            for number, a in enumerate(stories)
        ],
    )  # fmt: skip


def airtable(folder: Path, stories: list[Article]) -> str:
    """With dates as an American sees them, boxes ticked or not, and letters of windows-1252."""
    return _csv(
        folder / "airtable.csv",
        [
            {"Headline": a.title.replace("’", "'"), "Body": a.text, "Publish Date": f"{a.published_at:%m/%d/%Y}",
             "Category": a.section, "Slug": a.id, "Live": "checked", "Lead Image": "a.jpg (https://dl.example/a.jpg)"}
            for a in stories
        ],
        "cp1252",
    )  # fmt: skip


def sitemap(folder: Path, stories: list[Article], address: str) -> str:
    site = folder / "site"
    site.mkdir()
    for a in stories:
        (site / f"{a.id}.html").write_text(
            f"<!doctype html><html lang=en><head><title>{escape(a.title)}</title>"
            f'<meta property="og:title" content="{escape(a.title)}">'
            f'<meta property="article:published_time" content="{a.published_at:%FT%TZ}">'
            f'<meta property="article:section" content="{a.section}"></head>'
            f"<body><nav><a href=/>Home</a></nav><article><h1>{escape(a.title)}</h1>{_html(a)}</article></body></html>",
            encoding="utf-8",
        )
    listed = "".join(f"<url><loc>{address}/{a.id}.html</loc></url>" for a in stories)
    (site / "sitemap.xml").write_text(
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{listed}</urlset>', encoding="utf-8"
    )
    return f"{address}/ --allow-private"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The address of a server of ``site/`` in the folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "site")))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def _put_on_pages(recommend: Recommend, typed: str, stories: list[Article]) -> None:
    """Does what the README says with a source, and looks at the box of each story on its page."""
    looked = recommend("init", *shlex.split(typed))
    assert looked.code == 0, looked.err
    following = [shlex.split(line)[1:] for line in looked.out.splitlines() if line.startswith("  recommend ")]
    assert [words[0] for words in following] == ["ingest", "reindex", "serve"]
    for words in following[:2]:
        ran = recommend(*words)
        assert ran.code == 0, ran.err
    titles = {one.title for one in stories}
    with TestClient(create_app(load_settings(Path("recommend.toml"), ["service.site=true"]))) as client:
        pages = sorted(set(re.findall(r'href="(/stories/[^"]+)"', client.get("/").text)))
        assert len(pages) == len(stories)
        for page in pages:
            element = LexborHTMLParser(client.get(page).text).css_first("related-articles")
            assert element is not None
            article = quote(str(element.attributes["article"]), safe="")
            box = client.get(f"/v1/articles/{article}/related").json()
            assert box["fallback"] is None
            assert {item["title"] for item in box["items"]} <= titles
            assert box["items"]
            assert all(item["published_at"] for item in box["items"])


@pytest.mark.parametrize("write", [ghost, wordpress_wxr, wordpress_rest, shopify, airtable])
def test_an_export_becomes_boxes(recommend: Recommend, stories: list[Article], tmp_path: Path, write: Write) -> None:
    _put_on_pages(recommend, write(tmp_path, stories), stories)


def test_a_table_of_postgresql_becomes_boxes(recommend: Recommend, stories: list[Article], postgresql: Any) -> None:
    with postgresql.database() as url:
        name = str(make_url(url).database)
        with psycopg.connect(dbname=name, user="postgres", host=str(postgresql.folder), autocommit=True) as connection:
            connection.execute(
                "CREATE TABLE stories (story_id bigint, headline text, body text, permalink text, rubric text, "
                "created_at timestamptz, is_published boolean)"
            )
            for number, a in enumerate(stories):
                row = number, a.title, _html(a), a.url, a.section, a.published_at, True
                connection.execute("INSERT INTO stories VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
            row = 99, "Not yet", "", None, None, None, False
            connection.execute("INSERT INTO stories VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
        _put_on_pages(recommend, f"{shlex.quote(url)} --query 'SELECT * FROM stories'", stories)


def test_a_site_known_only_by_its_sitemap_becomes_boxes(
    recommend: Recommend, stories: list[Article], tmp_path: Path, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trafilatura", reason="trafilatura is absent: pip install 'related-articles[pages]'")
    monkeypatch.setenv("RECOMMEND_SOURCES__PAUSE", "0")
    some = stories[:6]
    _put_on_pages(recommend, sitemap(tmp_path, some, site), some)


def test_what_init_writes_is_what_the_rows_need(recommend: Recommend, stories: list[Article], tmp_path: Path) -> None:
    ran = recommend("init", airtable(tmp_path, stories))
    assert ran.code == 0, ran.err
    written = Path("recommend.toml").read_text(encoding="utf-8")
    assert 'date_order = "mdy"' in written
    assert '"Headline" = "title"' in written
    assert "dates such as 3/4/2025 are read as mdy" in ran.out
    again = recommend("init", "airtable.csv")
    assert (again.code, "exists already: --force replaces it" in again.err) == (1, True)
    assert recommend("init").code == 2


def test_init_says_what_is_missing_and_writes_nothing(recommend: Recommend, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"Schlagzeile": "Sturm"}\n')
    ran = recommend("init", "a.jsonl")
    assert (ran.code, "no row can be an article yet" in ran.err) == (1, True)
    assert not Path("recommend.toml").exists()
    assert recommend("init", "a.jsonl", "--map", "Schlagzeile=title").code == 0
