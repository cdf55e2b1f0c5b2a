"""The demonstration site in a real browser, over a library of stories made for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI, Request, Response

from browsing import assert_accessible, assert_fits, needs_chromium, open_box, serving
from recommend.articles.article import Article
from recommend.articles.card import CARD_FIELDS, Card, card_of
from recommend.index.filters import Filters
from recommend.ranking.search import Found, Mark
from recommend.story import Part
from recommend.story import Story as RunningStory
from recommend_service.http import problems
from recommend_service.http.pages import Story
from recommend_service.metrics import Metrics
from recommend_service.middleware.request_context import RequestContext
from recommend_service.routes import assets, reference
from recommend_service.routes.newsroom import newsroom_router
from recommend_service.routes.site import site_router

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = needs_chromium

STRANGE_ID = "2026/01 Fähre?#1"
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
BODY = "The first paragraph of it.\n\nThe second one, a little longer than the first."
STORIES = [
    Article(id=name, title=f"Story {name} {'of the night ' * 3}", text=BODY, section="World" if n % 2 else "Sport",
            published_at=NOON - timedelta(days=n), language="en", genre="opinion" if name == "storm" else "news")
    for n, name in enumerate(["storm", "broken", STRANGE_ID, *map(str, range(30))])
]  # fmt: skip


class _Library:
    @property
    def listing(self) -> _Library:
        return self

    def __len__(self) -> int:
        return len(STORIES)

    def article(self, article_id: str) -> Article | None:
        return next((article for article in STORIES if article.id == article_id), None)

    def card(self, article: Article) -> Card:
        return card_of(article)

    def answer(self, article_id: str, k: int) -> None:
        return None

    def search(self, words: str, count: int, filters: Filters, after: Mark | None) -> Found:
        found = [card_of(article) for article in STORIES if words in article.title]
        return Found(found[:count], len(found), None)

    def latest(self, k: int, *, section: str | None = None, offset: int = 0) -> Sequence[Story]:
        found = [article for article in STORIES if section in (None, article.section)]
        return [SimpleNamespace(**{**dict(article), "summary": "In short."}) for article in found][offset : offset + k]

    def sections(self) -> Sequence[tuple[str, int]]:
        return [(name, sum(article.section == name for article in STORIES)) for name in ("World", "Sport")]


async def _tell(request: Request, article_id: str) -> RunningStory:
    """One running story, of all but one article."""
    if article_id == "broken":
        return RunningStory(article_id, None, (), [])
    roles = {0: "beginning", 2: "turn", 4: "latest"}
    cards = [card_of(article) for article in reversed(STORIES[:5])]
    parts = [
        Part(**{name: getattr(card, name) for name in CARD_FIELDS}, role=roles.get(n), label=roles.get(n))  # type: ignore[arg-type]
        for n, card in enumerate(cards)
    ]
    return RunningStory(article_id, "Aden, Haldane", ("Aden", "Haldane"), parts, "The story so far", len(parts))


def _app() -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None)
    library = _Library()

    async def read(work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)

    app.state.service = SimpleNamespace(recommender=lambda: library, read=read, threads=SimpleNamespace(read=read))
    problems.install(app)
    app.include_router(assets.router)
    app.include_router(reference.router)
    app.include_router(site_router("The Test Courier", texts=True, own="own-", tell=_tell))
    app.include_router(newsroom_router("The Test Courier"))
    app.add_middleware(RequestContext, metrics=Metrics())

    @app.get("/v1/articles/{article_id:path}/related")
    async def related(article_id: str, limit: int, response: Response) -> dict[str, Any]:
        response.status_code = 500 if article_id == "broken" else 200
        items = [
            {"id": one.id, "title": one.title, "summary": "In short.", "section": one.section, "rank": n + 1,
             "published_at": one.published_at, "reason": {"kind": "story", "text": "Same story: Aden"}}
            for n, one in enumerate(STORIES[2:7])
        ]  # fmt: skip
        return {"article_id": article_id, "request_id": "r1", "fallback": None, "related": 3, "items": items}

    @app.post("/v1/events", status_code=202)
    async def events() -> None:
        pass

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(_app()) as at:
        yield at


@pytest.fixture
def page(new_page: Callable[..., Page], address: str) -> Page:
    return new_page(address)


def test_a_story_has_its_box_whose_links_open_on_the_site(page: Page) -> None:
    box = open_box(page, "/stories/storm")
    box.scroll_into_view_if_needed()
    box.get_by_role("listitem").first.get_by_role("link").click()
    page.wait_for_url("**/stories/2026*")
    assert STRANGE_ID in page.get_by_role("heading", level=1).inner_text()


def test_the_story_so_far_is_a_page_that_the_pages_of_its_articles_lead_to_without_script(
    new_page: Callable[..., Page], address: str
) -> None:
    page = new_page(address, java_script_enabled=False)
    page.goto("/stories/storm")
    page.get_by_role("link", name="The story so far").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Aden, Haldane"
    story = page.get_by_role("navigation", name="The story so far")
    assert story.get_by_role("listitem").count() == 5
    story.get_by_role("link").last.click()
    page.wait_for_url("**/stories/storm")
    page.goto("/stories/broken")
    assert page.get_by_role("link", name="The story so far").count() == 0


def test_where_the_service_fails_links_of_the_section_stay(page: Page) -> None:
    open_box(page, "/stories/broken", "failed")
    assert page.get_by_role("navigation", name="More in").get_by_role("link").count() == 5


PAGES = ["/", "/?section=World", "/stories/storm?layout=cards", "/timelines/storm", "/timelines/broken",
         "/stories/storm?layout=timeline", "/stories/storm", "/search?query=Story", "/publish",
         "/stories/unknown", "/nowhere", "/docs"]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_pages_fit_phones_and_satisfy_axe_in_light_and_dark(page: Page, path: str) -> None:
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("moved") == 0
    for scheme, width in (("light", 360), ("dark", 1280)):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert_fits(page, width)
        assert_accessible(page)
    assert_fits(page, 320)


def test_the_navigation_is_whole_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto("/")
    for link in page.get_by_role("navigation", name="Sections").get_by_role("link").all():
        place = link.bounding_box()
        assert place is not None
        assert place["x"] >= 0
        assert place["x"] + place["width"] <= 360


def test_a_story_is_found_by_words_without_script(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(address, java_script_enabled=False)
    page.goto("/")
    page.get_by_role("link", name="Search").click()
    page.get_by_role("searchbox").fill("storm")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("main").get_by_role("link").first.click()
    assert "storm" in page.get_by_role("heading", level=1).inner_text()
    assert page.get_by_role("navigation", name="More in").get_by_role("link").count() == 5


def test_the_front_page_filters_by_section_and_turns_pages(page: Page) -> None:
    page.goto("/?section=World")
    assert page.get_by_role("main").get_by_role("listitem").count() == 16
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
    versioned = page.request.get(f"/assets/site.css?v={plain.headers['etag'].removeprefix('W/').strip(chr(34))}")
    assert "immutable" in versioned.headers["cache-control"]
