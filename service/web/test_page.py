"""The box and the demonstration site in a real browser, against a real server."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import pytest
import uvicorn
from fastapi import FastAPI, Response
from fastapi import Request as Incoming
from fastapi.responses import HTMLResponse

from recommend.articles.article import Article
from recommend.articles.card import Card, card_of
from recommend_service.metrics import Metrics
from recommend_service.middleware.request_context import RequestContext
from recommend_service.routes import assets
from recommend_service.routes.site import Story, site_router

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Request

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on the PATH: apt-get install chromium")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EVENTS = """for (const name of ["loaded", "failed"])
    addEventListener(`related-articles:${name}`, () => { document.documentElement.dataset.box = name; });"""
MALICIOUS = "<img src=x onerror=\"document.title='owned'\"> storm"
STRANGE_ID = "2026/01 Fähre?#1"
ARRIVED: list[dict[str, Any]] = []
"""The events that the server got."""
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BODY = "The first paragraph of it.\n\nThe second one, a little longer than the first."
STORIES = [
    Article(id=name, title=f"Story {name} {'of the night ' * 3}", text=BODY, section="World" if n % 2 else "Sport",
            published_at=NOON - timedelta(days=n), language="en", genre="opinion" if name == "storm" else "news")
    for n, name in enumerate(["storm", "broken", "hanging", "empty", "quiet", STRANGE_ID, *map(str, range(30))])
]  # fmt: skip


class _Library:
    snapshot = "r000001"

    def __len__(self) -> int:
        return len(STORIES)

    def article(self, article_id: str) -> Article | None:
        return next((article for article in STORIES if article.id == article_id), None)

    def card(self, article: Article) -> Card:
        return card_of(article)

    def latest(self, k: int, *, section: str | None = None, offset: int = 0) -> Sequence[Story]:
        found = [article for article in STORIES if section in (None, article.section)]
        return [SimpleNamespace(**{**dict(article), "summary": "In short."}) for article in found][offset : offset + k]

    def sections(self) -> Sequence[tuple[str, int]]:
        return [(name, sum(article.section == name for article in STORIES)) for name in ("World", "Sport")]


def _item(article_id: str, title: str, url: str) -> dict[str, Any]:
    return {
        "id": article_id,
        "title": title,
        "summary": "What happened next.",
        "url": url,
        "section": "World",
        "published_at": "2026-01-05T12:00:00+00:00",
        "reason": {"kind": "story", "text": "Same story: Aden", "terms": ["Aden"]},
    }


def _app() -> FastAPI:
    app = FastAPI()
    library = _Library()

    async def read(work: Callable[[str], Any], article_id: str) -> Any:
        return work(article_id)

    app.state.service = SimpleNamespace(recommender=lambda: library, read=read)
    app.include_router(assets.router)
    app.include_router(site_router("The Test Courier"))
    app.add_middleware(RequestContext, metrics=Metrics())

    @app.get("/v1/articles/{article_id:path}/related")
    async def related(article_id: str, limit: int, response: Response) -> dict[str, Any]:
        if article_id == "broken":
            response.status_code = 500
        if article_id == "hanging":
            await asyncio.sleep(30)
        items = [] if article_id == "empty" else [
            _item(STRANGE_ID, "A ferry turns back", "https://news.example/ferry"),
            _item("2", MALICIOUS, "javascript:document.title='owned'"),
            *(_item(str(n), f"More {n}", "/more") for n in range(10)),
        ]  # fmt: skip
        response.headers["X-Variant"] = "new"
        fallback = "latest" if article_id == "quiet" else None
        related = {"empty": 0, "quiet": 0, "lonely": 0, "thin": limit - 2}.get(article_id, len(items))
        answer = {"article_id": article_id, "request_id": "r1", "fallback": fallback, "items": items}
        answer["impression"] = f"signed {article_id}"
        return answer if article_id == "old service" else answer | {"related": related}

    @app.post("/v1/events", status_code=202)
    async def events(request: Incoming) -> None:
        ARRIVED.extend(orjson.loads(await request.body()))

    @app.get("/v1/related")
    async def related_by_url(url: str, limit: int) -> dict[str, Any]:
        return {"request_id": "r2", "fallback": None, "items": [_item("1", f"Asked for {url}", "/more")]}

    @app.get("/embed")
    async def embed(box: str) -> HTMLResponse:
        return HTMLResponse(
            '<!doctype html><html lang="de"><link rel="canonical" href="https://news.example/here">'
            '<link rel="icon" href="/assets/favicon.svg"><script defer src="/assets/related-articles.js"></script>'
            f"<related-articles {box}><a href=/kept>Kept</a></related-articles>",
            headers={"Content-Security-Policy": "default-src 'self'"},
        )

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_app(), log_level="critical", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page whose console stays free of errors and of violations of its Content-Security-Policy."""
    context = browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}, locale="en-GB")
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(EVENTS)
    yield page
    context.close()
    assert [error for error in errors if "status of 500" not in error] == []  # what the broken endpoint is for


def _open(page: Page, path: str, outcome: str = "loaded") -> Locator:
    """The box after it told this outcome; Playwright looks into its shadow tree."""
    page.goto(path)
    page.locator(f"html[data-box={outcome}]").wait_for(timeout=10_000)
    return page.locator("related-articles")


def test_the_box_is_a_labelled_region_with_a_list_whose_links_open_on_the_site(page: Page) -> None:
    _open(page, "/stories/storm")
    region = page.get_by_role("region", name="Related articles", exact=True)
    assert region.get_by_role("listitem").count() == 5
    first = region.get_by_role("listitem").first
    lines = [line for line in first.inner_text().splitlines() if line]
    assert lines == ["A ferry turns back", "What happened next.", "World 5 January 2026", "Same story: Aden"]
    assert not page.get_by_text("More in Sport").is_visible()
    first.get_by_role("link").click()
    assert STRANGE_ID in page.get_by_role("heading", level=1).inner_text()


@pytest.mark.parametrize("article_id", ["broken", "hanging", "empty"])
def test_fallback_links_stay_when_no_answer_comes(page: Page, article_id: str) -> None:
    _open(page, f"/stories/{article_id}", "failed")
    assert page.get_by_role("region", name="More in").get_by_role("link").count() == 5
    assert page.get_by_role("region", name="Related articles").count() == 0


def test_what_only_fills_the_box_stands_under_a_heading_of_its_own(page: Page) -> None:
    box = _open(page, "/embed?box=article=thin")
    region = page.get_by_role("region", name="Mehr zum Thema", exact=True)
    assert region.get_by_role("heading", level=2).all_inner_texts() == ["Mehr zum Thema", "Weitere Artikel"]
    lists = [one.get_by_role("listitem").count() for one in region.get_by_role("list").all()]
    assert (lists, box.locator("[part=more-list] li").count()) == ([3, 2], 2)
    _open(page, "/embed?box=article=lonely%20more-heading=Else")
    assert page.get_by_role("heading", level=2).all_inner_texts() == ["Else"]
    assert page.get_by_role("region", name="Else").get_by_role("listitem").count() == 5
    _open(page, "/embed?box=article=%27old%20service%27")
    assert page.get_by_role("heading", level=2).all_inner_texts() == ["Mehr zum Thema"]


def test_headings_are_in_the_language_of_the_box_or_say_that_they_are_in_english(page: Page) -> None:
    for language, heading, told in (
        ("ar", "مقالات ذات صلة", None),
        ("pt-BR", "Artigos relacionados", None),
        ("fi", "Related articles", "en"),
    ):
        _open(page, f"/embed?box=article=storm%20lang={language}")
        found = page.get_by_role("heading", level=2)
        assert (found.inner_text(), found.get_attribute("lang")) == (heading, told)


def test_latest_articles_are_not_called_related(page: Page) -> None:
    _open(page, "/stories/quiet")
    assert "Nothing closely related" in page.get_by_role("region", name="Latest articles").inner_text()


def test_a_malicious_title_is_text_and_a_javascript_url_is_no_link(page: Page) -> None:
    box = _open(page, "/embed?box=" + quote('article="storm" limit="2"'))
    hostile = box.get_by_role("listitem").nth(1)
    assert MALICIOUS in hostile.inner_text()
    assert box.locator("img, script").count() == 0
    assert hostile.locator("a[href]").count() == 0
    assert box.locator("a[part=link][href]").get_attribute("href") == "https://news.example/ferry"
    assert page.title() == ""


def test_dates_follow_the_language_of_the_page(page: Page) -> None:
    assert "5. Januar 2026" in _open(page, "/embed?box=" + quote('article="storm"')).get_by_role("list").inner_text()


@pytest.mark.parametrize(
    ("box", "asked"),
    [("", "https://news.example/here"), ('url="https://a.example/?b=1&c"', "https://a.example/?b=1&c")],
)
def test_without_an_id_the_box_asks_by_url(page: Page, box: str, asked: str) -> None:
    assert f"Asked for {asked}" in _open(page, f"/embed?box={quote(box)}").get_by_role("list").inner_text()


def test_a_variant_is_asked_for_where_the_page_names_one(page: Page) -> None:
    with page.expect_request("**/related?*") as asked:
        _open(page, "/embed?box=" + quote('article="storm" variant="auto:7"'))
    assert asked.value.url.endswith("/v1/articles/storm/related?limit=5&variant=auto%3A7")


def _told(request: Request) -> list[tuple[str, str, int]]:
    """Kind, item and position of each event, after a look at the rest of it and at what else the request tells."""
    assert request.method == "POST"
    headers = request.all_headers()
    assert not any(headers.get(name) for name in ("cookie", "referer", "authorization"))
    events: list[dict[str, Any]] = orjson.loads(request.post_data or "")
    for event in events:
        said = {"kind", "request_id", "article_id", "item_id", "position", "variant", "impression", "view"}
        assert event.keys() == said
        assert (event["impression"], len(event["view"])) == ("signed storm", 16)
        assert event["view"] == events[0]["view"]
        assert (event["request_id"], event["article_id"], event["variant"]) == ("r1", "storm", "new")
    return [(event["kind"], event["item_id"], event["position"]) for event in events]


def test_what_comes_into_view_is_told_once_with_its_position_and_nothing_of_the_reader(
    page: Page, address: str
) -> None:
    page.context.add_cookies([{"name": "reader", "value": "7", "url": address}])
    page.set_viewport_size({"width": 400, "height": 160})
    with page.expect_request("**/v1/events") as first:
        box = _open(page, "/embed?box=" + quote('article="storm" limit="3"'))
    assert _told(first.value) == [("impression", STRANGE_ID, 1)]
    with page.expect_request("**/v1/events") as rest:
        box.get_by_role("listitem").last.scroll_into_view_if_needed()
        box.evaluate("() => scrollTo(0, 0)")
        page.wait_for_timeout(100)
        box.evaluate("() => scrollTo(0, 9999)")
    assert ("impression", "0", 3) in _told(rest.value)
    assert ("impression", STRANGE_ID, 1) not in _told(rest.value)


def test_a_click_is_told_though_the_page_goes_away(page: Page) -> None:
    box = _open(page, "/stories/storm")
    with page.expect_request(lambda request: "click" in (request.post_data or "")) as told:
        box.get_by_role("listitem").nth(2).get_by_role("link").click()
    assert _told(told.value)[-1] == ("click", "0", 3)
    page.wait_for_load_state("networkidle")
    assert orjson.loads(told.value.post_data or "")[-1] in ARRIVED


@pytest.mark.parametrize(
    ("box", "script"),
    [
        ('article="storm" no-events', ""),
        ('article="quiet"', ""),
        ('article="storm"', "Object.defineProperty(navigator, 'doNotTrack', {value: '1'})"),
        ('article="storm"', "Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})"),
    ],
)
def test_nothing_is_told_where_it_is_not_wanted_nor_of_latest_articles(page: Page, box: str, script: str) -> None:
    told = []
    page.on("request", lambda request: told.append(request.url) if "/v1/events" in request.url else None)
    page.add_init_script(script)
    _open(page, "/embed?box=" + quote(box))
    page.wait_for_timeout(1_000)
    assert told == []


def test_a_changed_article_attribute_fills_the_box_anew(page: Page) -> None:
    box = _open(page, "/stories/storm")
    box.evaluate("node => node.setAttribute('article', 'empty')")
    page.locator("html[data-box=failed]").wait_for()
    assert box.get_by_role("region", name="More in").is_visible()


def test_the_dark_scheme_switches_colours_and_small_print_stays_legible_in_both(page: Page) -> None:
    papers = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        box = _open(page, "/stories/storm")
        paper = _luminance(page.locator("body").evaluate("node => getComputedStyle(node).backgroundColor"))
        for part in ("link", "reason", "section", "date"):
            ink = _luminance(box.locator(f"[part={part}]").first.evaluate("node => getComputedStyle(node).color"))
            assert (max(ink, paper) + 0.05) / (min(ink, paper) + 0.05) >= 4.5, f"{part} on {scheme}"
        papers.append(paper)
    light, dark = papers
    assert light > 0.8
    assert dark < 0.05


def _luminance(colour: str) -> float:
    """Relative luminance (WCAG 2) of a computed ``rgb(r, g, b)``."""
    channels = [int(value) / 255 for value in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("path", ["/", "/?section=World", "/stories/storm"])
def test_nothing_scrolls_sideways_on_the_smallest_phone(page: Page, path: str) -> None:
    page.set_viewport_size({"width": 320, "height": 640})
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_keyboard_reaches_the_links_and_shows_where_it_is(page: Page) -> None:
    _open(page, "/stories/storm")
    for _ in range(20):
        page.keyboard.press("Tab")
        focused = page.evaluate_handle("document.activeElement.shadowRoot?.activeElement").as_element()
        if focused is not None:
            break
    assert focused is not None, "twenty presses of Tab never came to a link of the box"
    assert focused.inner_text() == "A ferry turns back"
    assert focused.evaluate("node => getComputedStyle(node).outlineStyle") == "solid"


def test_the_front_page_filters_by_section_and_turns_pages(page: Page) -> None:
    page.goto("/?section=World")
    assert page.get_by_role("main").get_by_role("listitem").count() == 18
    page.get_by_role("link", name="Latest", exact=True).click()
    page.get_by_role("link", name="Older stories").click()
    assert page.get_by_text("Page 2 of 2").is_visible()
    assert page.get_by_role("main").get_by_role("listitem").count() == len(STORIES) - 24


@pytest.mark.parametrize("path", ["/stories/unknown", "/?section=Unknown", "/?page=3", "/?page=x"])
def test_what_is_not_there_is_a_page_with_status_404(page: Page, path: str) -> None:
    answer = page.request.get(path)
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_an_asset_is_cached_for_good_under_its_version_and_revalidated_without(page: Page) -> None:
    plain = page.request.get("/assets/site.css")
    assert "immutable" not in plain.headers["cache-control"]
    again = page.request.get("/assets/site.css", headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status, again.body()) == (304, b"")
    versioned = page.request.get(f"/assets/site.css?v={plain.headers['etag'].strip(chr(34))}")
    assert "immutable" in versioned.headers["cache-control"]
