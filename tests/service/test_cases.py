"""Inputs from the field that went wrong, which lie beside the repository: read as files, as a site and over HTTP."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from recommend.articles.addresses import canonical_url
from recommend.articles.article import Article, Status
from recommend.articles.text import terms
from recommend.encoder import Encoder
from recommend.settings import Settings
from recommend.sources import Reject, Web, read
from recommend.sources.row import RowWarning
from recommend.store import Store

CASES = Path(os.environ.get("RECOMMEND_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")).parent / "cases"
FILES, SITE = CASES / "files", CASES / "site"
PORT = 8121  # which the files name
CHARSETS = {"ruheader.html": "windows-1251", "deheader.html": "windows-1252"}

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason=f"{CASES} is absent: set RECOMMEND_TEST_DATA")


class Handler(SimpleHTTPRequestHandler):
    def guess_type(self, path: Any) -> str:
        charset = CHARSETS.get(Path(path).name)
        return f"text/html; charset={charset}" if charset else super().guess_type(path)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    try:
        server = ThreadingHTTPServer(("127.0.0.1", PORT), functools.partial(Handler, directory=str(SITE)))
    except OSError:
        pytest.skip(f"port {PORT} is in use")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{PORT}"
    server.shutdown()
    server.server_close()


def rows(location: str | Path) -> tuple[dict[str, Article], list[Reject], list[RowWarning]]:
    found = list(read(location, web=Web(allow_private=True, pause=0)))
    articles = {row.id: row for row in found if isinstance(row, Article)}
    named_twice = str(location).endswith(("ids.jsonl", "index.xml"))
    assert named_twice or len(articles) == sum(isinstance(row, Article) for row in found)
    return (
        articles,
        [row for row in found if isinstance(row, Reject)],
        [row for row in found if isinstance(row, RowWarning)],
    )


def articles(name: str) -> dict[str, Article]:
    found, rejects, _ = rows(FILES / name)
    assert rejects == []
    return found


def test_an_export_of_wordpress_publishes_nothing_by_a_guess() -> None:
    found, _, warnings = rows(FILES / "wp.xml")
    by_id = {str(article.url).rstrip("/").rpartition("-")[2]: article for article in found.values()}
    assert by_id["2"].status == Status.UNPUBLISHED
    assert by_id["3"].published_at == datetime(2027, 6, 1, 8, tzinfo=UTC)
    assert by_id["4"].published_at == datetime(2025, 3, 4, 8, tzinfo=UTC)
    assert {by_id[name].status for name in ("5", "6") if name in by_id} <= {Status.UNPUBLISHED, Status.DRAFT}
    assert {"13", "14"} <= by_id.keys()
    assert "[" not in by_id["10"].text
    assert by_id["11"].section == "Science"
    assert by_id["1"].language == "en-GB"
    assert any("guid" in str(warning.reason) or warning.field == "id" for warning in warnings)


@pytest.mark.parametrize("name", ["query-urls.jsonl", "urls.jsonl"])
def test_every_story_keeps_an_address_of_its_own(name: str) -> None:
    assert len({canonical_url(str(article.url)) for article in articles(name).values()}) == 12


def test_ids_of_two_feeds_do_not_meet() -> None:
    assert not articles("guid-site-a.rss").keys() & articles("guid-site-b.rss").keys()


def test_no_odd_optional_value_costs_an_article(site: str) -> None:
    assert [len(articles(name)) for name in ("lang-0.rss", "lang-1.rss")] == [4, 4]
    found, rejects, warnings = rows(FILES / "optional.jsonl")
    assert [reject.article_id for reject in rejects] == ["p11"]
    assert found["p1"].image_url == "https://cdn.example/p1.jpg"
    assert {warning.article_id for warning in warnings} >= {"p2"}
    assert (found["p4"].authors, found["p5"].tags) == (["Desk One"], ["a"])
    assert found["p6"].tags == ["harbour", "ferries", "Velmora"]
    assert found["p9"].published_at == datetime(2024, 4, 1, 22, 40, 12, 345000, tzinfo=UTC)
    assert (found["p13"].title, found["p14"].title) == ("Harbour closed", "Donaudampfschiff")
    pages, rejects, _ = rows(f"{site}/pages.xml")
    assert rejects == []
    assert {f"{site}/{name}.html" for name in ("canhome1", "canhome2", "lang", "ogrel", "rfc", "epoch")} <= pages.keys()


def test_no_zone_hides_a_story_for_hours() -> None:
    found, _, _ = rows(FILES / "zones.rss")
    written = [article.published_at for article in found.values() if article.published_at is not None]
    assert len(written) == len(found)
    assert max(written) < datetime.now(UTC) + timedelta(hours=1) or max(written).year > 2026


def test_languages_are_mapped_or_unknown() -> None:
    found = articles("languages.jsonl")
    assert {article.language for article in found.values()} == {"en", "en-US", "en-GB", None}


def test_words_are_those_of_the_text() -> None:
    tables = {line for article in articles("tables.jsonl").values() for line in article.text.splitlines()}
    assert {"Northgate Eastvale 2:1", "3 mm", "Northgate 61", "Velmora 58"} <= tables
    for article in articles("hindi.jsonl").values():
        assert len(terms(article.title)) == len(article.title.split())
    soft = [terms(article.full_text) for article in articles("softhyphen.jsonl").values()]
    assert soft[0] == soft[1]


def test_documents_are_decoded_once(site: str) -> None:
    for name in ("ru1251", "ruheader", "deheader"):
        (page,) = rows(f"{site}/{name}.html")[0].values()
        assert "\ufffd" not in f"{page.title}{page.section}{page.text}"
    assert len(articles("utf16.rss")) == 3
    for name in ("leading.xml", "amp.xml", "bom.xml", "latin1.xml", "index.xml", "sitemap.txt", "leading.rss"):
        found, rejects, _ = rows(f"{site}/{name}")
        assert found, name
        assert all("404" in reject.reason for reject in rejects), name  # pages that are not there


def test_tables_are_read_as_they_were_meant() -> None:
    assert articles("sep.csv")["1"].title == "Hafen zu"
    assert next(iter(articles("commas.csv").values())).tags == ["a", "b", "c"]
    mysql = articles("mysql.csv")
    assert mysql["1"].title == 'He said "no" twice, then left'
    assert [mysql[n].published_at is None for n in "1234"] == [False, True, True, False]
    assert all(article.published_at for article in articles("epoch.parquet").values())
    assert all(not name.startswith("{") for a in articles("nested.parquet").values() for name in a.authors)
    for name in ("case.csv", "excel.csv", "mac.csv", "pipeheader.csv", "utf16.csv", "win.csv", "nulltag.parquet"):
        assert articles(name), name


@pytest.mark.parametrize("name", ["paywall.jsonl", "paywall-some.jsonl", "sametime.jsonl", "two.jsonl"])
def test_boxes_hold_what_belongs_over_http(
    name: str, settings: Settings, encoder: Encoder, serve: Callable[..., AbstractContextManager[Any]]
) -> None:
    from conftest import Newsroom

    found = articles(name)
    with closing(Store(settings.store)) as store:
        newsroom = Newsroom(store, settings, encoder)
        newsroom.take(*found.values())
        newsroom.reindex()
        with serve(settings) as service:
            boxes = {one: service.reader.shown(one) for one in found}
    expected = min(len(found) - 1, 11)
    assert {one: len(box) for one, box in boxes.items()} == dict.fromkeys(found, expected)
    if len(found) == 12:
        others = {one: {n for n in found if n != one and n.partition("-")[0] == one.partition("-")[0]} for one in found}
        hits = sum(len(others[one] & {*box[:2]}) for one, box in boxes.items())
        assert hits >= 16, boxes


def test_every_id_that_is_accepted_can_be_put_read_and_asked_for(
    settings: Settings, sample: Settings, encoder: Encoder, serve: Callable[..., AbstractContextManager[Any]]
) -> None:
    from conftest import Newsroom

    found, rejects, _ = rows(FILES / "ids.jsonl")
    with closing(Store(settings.store)) as store:
        newsroom = Newsroom(store, settings, encoder)
        newsroom.take(*found.values())
        newsroom.reindex()
        with serve(settings.model_copy(update={"service": sample.service})) as service:
            for name, article in found.items():
                body = {"title": article.title, "text": article.text}
                assert service.writer.article("PUT", name, json=body).status_code == 200, name
                assert service.reader.article("GET", name).json()["title"] == article.title, name
                assert service.reader.box(name).article_id == name
    assert {reject.value for reject in rejects} == {"'.'", "'..'"}
