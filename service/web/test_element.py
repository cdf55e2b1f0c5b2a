"""The element in a real browser, against a service that answers as the real one does, or fails."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
import pytest
from fastapi import FastAPI, Response
from fastapi import Request as Incoming
from fastapi.responses import HTMLResponse

from browsing import assert_accessible, assert_fits, needs_chromium, open_box, serving
from recommend_service.http.web import WEB
from recommend_service.routes import assets

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

ELEMENT = WEB / "element"
MALICIOUS = "<img src=x onerror=\"document.title='owned'\"> storm"
STRANGE_ID = "2026/01 Fähre?#1"
TURNED = "\u202eevil\u2066 title"
ARRIVED: list[dict[str, Any]] = []
"""The events that the server got."""
ASKED: list[str] = []
"""Paths and query strings of the boxes that were asked for."""
RELEASED = threading.Event()
"""Until it is set, no slow answer comes."""
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'"
SHEET = (
    "body { margin: 1rem; font-family: serif; } @media (prefers-color-scheme: dark) { html { color-scheme: dark; } } "
    ".far { block-size: 3000px; } .gap { block-size: 700px; } .narrow { inline-size: 20em; }"
)
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 2"><path d="M0 0h3v2H0z"/></svg>'


def _item(article_id: str, title: str, url: str | None = "/more", **more: Any) -> dict[str, Any]:
    return {
        "id": article_id,
        "title": title,
        "summary": "What happened next, in a sentence.",
        "url": url,
        "image_url": None,
        "section": "World",
        "published_at": "2026-01-05T12:00:00+00:00",
        "reason": {"kind": "story", "text": "Same story: Aden · two days earlier", "terms": ["Aden"]},
        **more,
    }


STORIES = [_item(STRANGE_ID, "A ferry turns back", "https://news.example/ferry"),
           _item("2", "Harbour closed", "relative/path"), *(_item(str(n), f"More {n}") for n in range(10))]  # fmt: skip
PICTURED = [_item(str(n), f"Pictured {n}", image_url=f"/picture/{n}") for n in range(6)]
HOSTILE = [
    _item("1", MALICIOUS, "javascript:document.title='owned'"),
    _item("2", TURNED, "JaVa\nScRiPt:document.title='owned'", section="</nav><script>", image_url="javascript:0"),
    _item("3", "Data", "data:text/html,<script>opener.document.title='owned'</script>", summary="\u202eturned"),
    _item("4", "No address", None, published_at="no date", reason=None, image_url='"><img src=x onerror=alert(1)>'),
    _item("5", "Fine", "/more", published_at=None, section=None),
]
ARABIC = [
    _item("1", "Ferry turns back.", section="Metro", published_at="2025-11-02T12:00:00Z"),
    _item("2", "العبّارة تعود.", section="Metro"),
]
ROLES = {0: ("beginning", "Beginning"), 2: ("turn", "Turn"), 4: ("latest", "Latest")}
STORY = [
    _item(name, f"Part {n}", published_at=f"2026-01-0{n + 1}T12:00:00Z", reason=None, role=role, label=label)
    for n, name in enumerate(["0", "1", "2", "storm", "4"])
    for role, label in [ROLES.get(n, (None, None))]
]
HOSTILE_STORY = [{**one, "reason": None, "role": "turn", "label": MALICIOUS} for one in HOSTILE]
OF = {"empty": [], "pictured": PICTURED, "unseen": [_item("1", "Unseen", image_url="/missing")], "hostile": HOSTILE,
      "arabic": ARABIC}  # fmt: skip


def _app() -> FastAPI:
    app = FastAPI()
    app.include_router(assets.router)

    @app.get("/v1/articles/{article_id:path}/related")
    async def related(incoming: Incoming, article_id: str, limit: int, response: Response) -> dict[str, Any]:
        ASKED.append(str(incoming.url).partition("/v1")[2])
        if article_id in {"broken", "worse"}:
            response.status_code = 500
        while article_id == "hanging" or (article_id in {"slow", "worse"} and not RELEASED.is_set()):
            await asyncio.sleep(0.02)
        items = OF.get(article_id, STORIES)
        response.headers["X-Variant"] = "new"
        fallback = "latest" if article_id == "quiet" else None
        related = {"empty": 0, "quiet": 0, "lonely": 0, "thin": limit - 2}.get(article_id, len(items))
        answer = {"article_id": article_id, "request_id": "r1", "fallback": fallback, "items": items}
        answer["impression"] = f"signed {article_id}"
        return answer if article_id == "old service" else answer | {"related": related}

    @app.get("/v1/articles/{article_id:path}/story")
    @app.get("/v1/story")
    async def story(incoming: Incoming, response: Response, article_id: str = "here") -> dict[str, Any]:
        ASKED.append(str(incoming.url).partition("/v1")[2])
        if article_id == "storyless":
            response.status_code = 404
        articles = [] if article_id == "alone" else HOSTILE_STORY if article_id == "hostile" else STORY
        return {"article_id": article_id, "heading": "The story so far", "articles": articles, "total": 9}

    @app.post("/v1/events", status_code=202)
    async def events(incoming: Incoming) -> None:
        ARRIVED.extend(orjson.loads(await incoming.body()))

    @app.get("/v1/related")
    async def related_by_url(url: str, limit: int) -> dict[str, Any]:
        return {"request_id": "r2", "fallback": None, "items": [_item("1", f"Asked for {url}")]}

    @app.get("/embed")
    async def embed(box: str = "", lang: str = "de", inside: str = "<a href=/kept>Kept</a>", script: str = "defer",
                    before: str = "", after: str = "", copies: int = 1) -> HTMLResponse:  # fmt: skip
        one = f"{before}<related-articles {box}>{inside}</related-articles>{after}"
        turned = " dir=rtl" if lang == "ar" else ""
        return HTMLResponse(
            f'<!doctype html><html lang="{escape(lang)}"{turned}><title>A page</title>'
            '<link rel="canonical" href="https://news.example/here"><link rel="icon" href="/assets/favicon.svg">'
            '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/sheet.css">'
            f'<script {script} src="/assets/related-articles.js"></script><main><h1>A page</h1>{one * copies}</main>',
            headers={"Content-Security-Policy": POLICY},
        )

    @app.get("/sheet.css")
    async def sheet() -> Response:
        return Response(SHEET, media_type="text/css")

    @app.get("/picture/{name:path}")
    async def picture(name: str) -> Response:
        return Response(PICTURE, media_type="image/svg+xml")

    return app


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving(_app()) as at:
        yield at


@pytest.fixture
def page(new_page: Callable[..., Page], address: str) -> Page:
    ASKED.clear()
    RELEASED.clear()
    return new_page(address)


def _embed(box: str, **more: Any) -> str:
    return "/embed?" + "&".join(f"{name}={quote(str(value))}" for name, value in {"box": box, **more}.items())


# What is there to load


def test_what_browsers_load_is_built_of_its_sources_and_small() -> None:
    digest = sha256((ELEMENT / "source.js").read_bytes() + (ELEMENT / "box.css").read_bytes()).hexdigest()[:16]
    for name in ("related-articles.js", "related-box.css"):
        built = (ELEMENT / name).read_bytes()
        assert digest in built.decode().splitlines()[0], "source.js or box.css has changed: make element"
        assert len(gzip.compress(built, 9)) < 6_000


def test_the_package_is_whole_and_of_this_version() -> None:
    package = json.loads((ELEMENT / "package.json").read_text())
    assert package["version"] == version("related-articles")
    named = {package["main"], package["types"], *package["files"], "README.md"}
    assert all((ELEMENT / name).is_file() for name in named)
    assert not {"dependencies", "peerDependencies"} & package.keys()


@needs_chromium
def test_a_bundler_may_import_it_as_a_module_and_twice(page: Page) -> None:
    box = open_box(page, _embed("article=storm", script="type=module"))
    box.evaluate("() => import('/assets/related-articles.js?again')")
    assert box.get_by_role("listitem").count() == 5


# The box


@needs_chromium
def test_the_box_is_a_labelled_navigation_with_a_list(page: Page) -> None:
    box = open_box(page, _embed("article=storm", lang="en-GB"))
    region = page.get_by_role("navigation", name="Related articles", exact=True)
    assert region.get_by_role("listitem").count() == 5
    lines = [line for line in region.get_by_role("listitem").first.inner_text().splitlines() if line]
    wanted = ["A ferry turns back", "What happened next, in a sentence.", "World · 5 January 2026", "Same story: Aden"]
    assert lines == wanted
    hrefs = [link.get_attribute("href") or "" for link in box.locator("a[part=link]").all()]
    assert hrefs[0] == "https://news.example/ferry"
    assert hrefs[1].endswith("/relative/path")
    assert not page.get_by_text("Kept").is_visible()
    assert_accessible(page)


@needs_chromium
@pytest.mark.parametrize(
    ("attribute", "line"),
    [("", "Same story: Aden"), ("reason=full", "Same story: Aden · two days earlier"), ("reason=none", None)],
)
def test_reasons_are_short_whole_or_none(page: Page, attribute: str, line: str | None) -> None:
    found = open_box(page, _embed(f"article=storm {attribute}")).locator("[part=reason]")
    assert (found.first.inner_text() if found.count() else None) == line


@needs_chromium
def test_what_only_fills_the_box_stands_under_a_heading_of_its_own_without_reasons(page: Page) -> None:
    box = open_box(page, _embed("article=thin"))
    region = page.get_by_role("navigation", name="Mehr zum Thema", exact=True)
    assert region.get_by_role("heading", level=2).all_inner_texts() == ["Mehr zum Thema", "Weitere Artikel"]
    lists = [one.get_by_role("listitem").count() for one in region.get_by_role("list").all()]
    assert (lists, box.locator("[part=reason]").count()) == ([3, 2], 3)
    open_box(page, _embed("article=lonely more-heading=Else"))
    assert page.get_by_role("navigation", name="Else").get_by_role("listitem").count() == 5
    open_box(page, _embed("article='old service'"))
    assert page.get_by_role("heading", level=2).all_inner_texts() == ["Mehr zum Thema"]


@needs_chromium
def test_latest_articles_are_not_called_related(page: Page) -> None:
    open_box(page, _embed("article=quiet latest-note='Nothing is related.'", lang="en"))
    assert "Nothing is related." in page.get_by_role("navigation", name="Latest articles").inner_text()


@needs_chromium
@pytest.mark.parametrize(
    ("lang", "heading", "told", "day"),
    [
        ("ar", "مقالات ذات صلة", None, "يناير"),
        ("pt-BR", "Artigos relacionados", None, "janeiro"),
        ("fi", "Related articles", "en", "tammikuuta"),
        ("no such tag", "Related articles", "en", "January"),
    ],
)
def test_headings_and_dates_are_in_the_language_of_the_box(
    page: Page, lang: str, heading: str, told: str | None, day: str
) -> None:
    box = open_box(page, _embed(f"article=storm lang='{lang}' time-zone=Mars/Olympus"))
    found = page.get_by_role("heading", level=2)
    assert (found.inner_text(), found.get_attribute("lang")) == (heading, told)
    assert day in box.locator("time").first.inner_text()


@needs_chromium
def test_in_a_page_from_right_to_left_every_text_has_its_own_direction(page: Page) -> None:
    box = open_box(page, _embed("article=arabic", lang="ar"))
    assert_accessible(page)
    place = box.evaluate("""box => {
        const place = (node, from, to) => {
            const range = document.createRange();
            range.setStart(node, from); range.setEnd(node, to);
            return range.getBoundingClientRect();
        };
        const title = box.shadowRoot.querySelector("h3 bdi").firstChild;
        const [section, date] = ["section", "date"].map((part) =>
            box.shadowRoot.querySelector(`[part=${part}]`).getBoundingClientRect());
        return {
            letter: place(title, 0, 1).left, stop: place(title, title.length - 1, title.length).left,
            title: place(title, 0, title.length).right, edge: box.getBoundingClientRect().right,
            section: section.left, date: date.right,
        };
    }""")
    assert place["stop"] > place["letter"], "the full stop of an English headline stands on its right"
    assert place["edge"] - place["title"] < 40, "and begins where the page begins its lines"
    assert place["section"] >= place["date"], "the section comes first, on the right, the date left of it, whole"


@needs_chromium
def test_hostile_answers_stay_text(page: Page) -> None:
    box = open_box(page, _embed("article=hostile"))
    titles = box.get_by_role("listitem")
    assert MALICIOUS in titles.first.inner_text()
    assert [link.get_attribute("href") for link in box.locator("a[part=link][href]").all()] == [
        page.url.split("/embed")[0] + "/more"
    ]
    assert box.locator("img, script, iframe").count() == 0
    assert page.title() == "A page"
    place = titles.nth(1).evaluate("""item => {
        const rect = (part) => item.querySelector(`[part=${part}]`).getBoundingClientRect();
        return rect("section").left < rect("date").left;
    }""")
    assert place, "a mark of direction in one text turns no other"


@needs_chromium
@pytest.mark.parametrize(
    ("box", "asked"),
    [("", "https://news.example/here"), ('url="https://a.example/?b=1&c"', "https://a.example/?b=1&c")],
)
def test_without_an_id_the_box_asks_by_url(page: Page, box: str, asked: str) -> None:
    assert f"Asked for {asked}" in open_box(page, _embed(box)).get_by_role("list").inner_text()


@needs_chromium
def test_what_the_service_can_narrow_by_is_passed_on(page: Page) -> None:
    open_box(page, _embed('article="storm" variant="auto:7" max-age="P30D" exclude="a,b" limit="3"'))
    assert ASKED == ["/articles/storm/related?limit=3&max_age=P30D&exclude=a%2Cb&variant=auto%3A7"]


# When it comes, and when it does not


@needs_chromium
@pytest.mark.parametrize("article_id", ["broken", "hanging", "empty"])
def test_fallback_links_stay_when_no_answer_comes(page: Page, article_id: str) -> None:
    open_box(page, _embed(f"article={article_id} timeout=600"), "failed")
    assert page.get_by_text("Kept").is_visible()
    assert page.get_by_role("navigation").count() == 0
    assert page.evaluate("moved") == 0


@needs_chromium
def test_where_nothing_stands_inside_a_failed_box_shows_nothing_and_moves_nothing(page: Page) -> None:
    page.goto(_embed("article=worse timeout=9000", inside="", after="<p>Below"))
    page.locator("[part=skeleton]").wait_for()
    page.evaluate("moved = 0")
    RELEASED.set()
    page.locator("html[data-box=failed]").wait_for()
    box = page.locator("related-articles")
    assert box.evaluate("box => box.shadowRoot.firstElementChild.localName") == "slot"
    assert page.evaluate("moved") == 0
    page.set_viewport_size({"width": 1280, "height": 100})
    page.evaluate(
        "document.querySelector('main').append(Object.assign(document.createElement('p'), {className: 'far'}))"
    )
    page.mouse.wheel(0, 2_500)
    box.wait_for(state="hidden")
    assert box.evaluate("box => box.offsetHeight") == 0


@needs_chromium
def test_a_skeleton_keeps_the_place_of_a_box_that_has_no_links_inside(page: Page) -> None:
    page.goto(_embed("article=slow timeout=9000", inside="", after="<p>Below"))
    assert page.locator("[part=skeleton]").is_visible()
    assert_accessible(page)
    RELEASED.set()
    page.locator("html[data-box=loaded]").wait_for()
    assert page.locator("[part=skeleton]").count() == 0


@needs_chromium
def test_it_asks_when_it_is_near_and_not_before(page: Page) -> None:
    page.goto(_embed("article=storm", before="<p class=far>Far</p>"))
    page.wait_for_timeout(400)
    assert ASKED == []
    page.mouse.wheel(0, 2_000)
    page.locator("html[data-box=loaded]").wait_for()
    assert len(ASKED) == 1
    ASKED.clear()
    open_box(page, _embed("article=storm loading=eager", before="<p class=far>Far</p>"))
    assert len(ASKED) == 1


@needs_chromium
def test_of_twelve_boxes_those_ask_that_are_near(page: Page) -> None:
    page.goto(_embed("article=storm", copies=12, before="<p class=gap>Text</p>", inside=""))
    page.locator("html[data-box=loaded]").wait_for()
    page.wait_for_timeout(400)
    assert len(ASKED) <= 2
    while page.evaluate("scrollY + innerHeight < document.documentElement.scrollHeight - 1"):
        page.mouse.wheel(0, 700)
        page.wait_for_timeout(60)
    page.wait_for_timeout(500)
    assert len(ASKED) == 12
    assert page.get_by_role("navigation").count() == 12
    assert page.evaluate("moved") < 0.1, "though a reader has never scrolled so fast"


@needs_chromium
@pytest.mark.parametrize("how", ["pointer", "focus"])
def test_a_late_answer_waits_while_a_reader_is_on_the_links_that_it_replaces(page: Page, how: str) -> None:
    page.goto(_embed("article=slow timeout=9000"))
    kept = page.get_by_role("link", name="Kept")
    kept.hover() if how == "pointer" else kept.focus()
    with page.expect_response("**/related?*"):
        RELEASED.set()
    page.wait_for_timeout(1_000)
    assert kept.is_visible()
    page.mouse.move(900, 800) if how == "pointer" else kept.blur()
    page.locator("html[data-box=loaded]").wait_for()
    assert not kept.is_visible()


@needs_chromium
def test_a_changed_article_attribute_fills_the_box_anew(page: Page) -> None:
    box = open_box(page, _embed("article=storm"))
    box.evaluate("node => node.setAttribute('article', 'empty')")
    page.locator("html[data-box=failed]").wait_for()
    assert page.get_by_text("Kept").is_visible()


@needs_chromium
def test_without_script_the_links_inside_stand(new_page: Callable[..., Page], address: str) -> None:
    page = new_page(address, java_script_enabled=False)
    page.goto(_embed("article=storm"))
    assert page.get_by_role("link", name="Kept").is_visible()


# A story in order of time


@needs_chromium
def test_a_timeline_tells_the_story_in_order_of_time_and_marks_the_article_that_is_read(page: Page) -> None:
    box = open_box(page, _embed("article=storm layout=timeline lead", lang="en-GB"))
    region = page.get_by_role("navigation", name="The story so far", exact=True)
    items = [one.inner_text().split("\n") for one in region.get_by_role("listitem").all()]
    assert [[line for line in lines if line] for lines in items] == [
        ["Beginning · 1 January 2026", "Part 0", "What happened next, in a sentence."],
        ["2 January 2026", "Part 1"],
        ["Turn · 3 January 2026", "Part 2", "What happened next, in a sentence."],
        ["4 January 2026", "Part 3"],
        ["Latest · 5 January 2026", "Part 4", "What happened next, in a sentence."],
    ]
    assert region.get_by_role("link").count() == 4
    assert box.locator("[aria-current=page]").get_attribute("href") is None
    assert ASKED == ["/articles/storm/story?limit=5"]
    named = open_box(page, _embed("layout=timeline story-heading=Thread limit=3"))
    assert named.get_by_role("heading", level=2).inner_text() == "Thread"
    assert (named.get_by_role("listitem").count(), ASKED[-1].split("?")[0]) == (3, "/story")


@needs_chromium
@pytest.mark.parametrize("article_id", ["alone", "storyless"])
def test_where_there_is_no_story_a_timeline_is_the_list_of_what_is_related(page: Page, article_id: str) -> None:
    box = open_box(page, _embed(f"article={article_id} layout=timeline", lang="en"))
    assert box.get_by_role("heading", level=2).inner_text() == "Related articles"
    assert box.locator("nav").get_attribute("class") == "list"
    assert box.locator("[part=reason]").count() == 5


@needs_chromium
def test_a_hostile_story_stays_text_and_a_timeline_runs_from_right_to_left_where_the_page_does(page: Page) -> None:
    box = open_box(page, _embed("article=hostile layout=timeline", lang="ar"))
    assert box.locator("[part~=role]").first.inner_text() == MALICIOUS
    assert page.title() == "A page"
    assert all((link.get_attribute("href") or "http").startswith("http") for link in box.locator("a[part=link]").all())
    row, text = (box.locator(name).first.bounding_box() for name in ("li", "h3 bdi"))
    assert row
    assert text
    assert text["x"] + text["width"] <= row["x"] + row["width"] - 20, "the line is on the right"
    assert_accessible(page)
    assert_fits(page, 320)


# How it looks


@needs_chromium
@pytest.mark.parametrize("layout", ["list", "cards", "compact", "strip", "timeline"])
def test_every_layout_fits_moves_nothing_and_satisfies_axe_in_light_and_dark(page: Page, layout: str) -> None:
    for lead in ("", "lead"):
        open_box(page, _embed(f"article=pictured layout={layout} {lead}", inside="", before="<p class=gap>Text</p>"))
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(200)
        assert page.evaluate("moved") == 0
        for scheme, width in (("light", 360), ("dark", 1280)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert_fits(page, width)
            assert_accessible(page)


@needs_chromium
def test_pictures_have_a_fixed_shape_and_load_late(page: Page) -> None:
    box = open_box(page, _embed("article=pictured layout=cards"))
    shapes = box.locator("[part=image]").evaluate_all("all => all.map(one => one.clientWidth / one.clientHeight)")
    assert all(abs(shape - 1.5) < 0.02 for shape in shapes)
    image = box.locator("img").first
    assert [image.get_attribute(name) for name in ("loading", "decoding", "alt")] == ["lazy", "async", ""]
    open_box(page, _embed("article=unseen"))
    page.wait_for_timeout(300)
    assert box.locator("img").count() == 0
    assert box.locator("[part=image]").bounding_box()["height"] > 20  # type: ignore[index]
    assert open_box(page, _embed("article=pictured images=none")).locator("[part=image]").count() == 0
    assert open_box(page, _embed("article=pictured layout=compact")).locator("[part=image]").count() == 0


@needs_chromium
def test_pictures_come_in_the_widths_of_the_sites_own_service(page: Page) -> None:
    image = open_box(page, _embed("article=pictured image-src='/picture/x?of={url}&w={width}'")).locator("img").first
    first = (image.get_attribute("srcset") or "").split(", ")[0]
    origin = page.url.split("/embed")[0]
    assert first == f"{origin}/picture/x?of=%2Fpicture%2F0&w=160 160w"
    image = open_box(page, _embed("article=storm image-src='/picture/{id}'")).locator("img").first
    assert (image.get_attribute("src") or "").endswith("/picture/" + quote(STRANGE_ID, safe=""))


@needs_chromium
def test_the_keyboard_reaches_the_links_and_shows_where_it_is(page: Page) -> None:
    open_box(page, _embed("article=storm"))
    page.keyboard.press("Tab")
    focused = page.evaluate_handle("document.activeElement.shadowRoot.activeElement").as_element()
    assert focused is not None
    assert focused.inner_text() == "A ferry turns back"
    assert focused.evaluate("node => getComputedStyle(node, '::after').outlineStyle") == "solid"


@needs_chromium
def test_nothing_moves_where_the_reader_wants_no_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    box = open_box(page, _embed("article=storm"))
    assert box.locator("nav").evaluate("node => node.getAnimations().length") == 0


@needs_chromium
def test_colours_spaces_and_faces_are_the_pages(page: Page) -> None:
    box = open_box(page, _embed("article=pictured"))
    page.evaluate("""() => {
        const sheet = new CSSStyleSheet();
        sheet.replaceSync(`related-articles { --related-articles-accent: rgb(1, 2, 3); --related-articles-ratio: 1;
            --related-articles-font: monospace; } related-articles::part(meta) { letter-spacing: 3px; }`);
        document.adoptedStyleSheets = [sheet];
    }""")
    assert box.locator("[part=section]").first.evaluate("node => getComputedStyle(node).color") == "rgb(1, 2, 3)"
    assert box.locator("[part=meta]").first.evaluate("node => getComputedStyle(node).letterSpacing") == "3px"
    assert "monospace" in box.locator("h3").first.evaluate("node => getComputedStyle(node).fontFamily")
    assert box.locator("[part=image]").first.evaluate("node => node.clientWidth === node.clientHeight")


# What it tells


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


@needs_chromium
def test_what_is_in_view_for_a_second_is_told_once_with_its_position_and_nothing_of_the_reader(
    page: Page, address: str
) -> None:
    page.context.add_cookies([{"name": "reader", "value": "7", "url": address}])
    page.set_viewport_size({"width": 400, "height": 300})
    with page.expect_request("**/v1/events") as first:
        box = open_box(page, _embed("article=storm limit=4"))
    assert _told(first.value)[0] == ("impression", STRANGE_ID, 1)
    with page.expect_request("**/v1/events") as rest:
        page.mouse.wheel(0, 9_999)
        box.get_by_role("listitem").last.scroll_into_view_if_needed()
    assert ("impression", "1", 4) in _told(rest.value)
    assert ("impression", STRANGE_ID, 1) not in _told(rest.value)


@needs_chromium
def test_what_is_scrolled_past_is_not_told(page: Page) -> None:
    told = []
    page.on("request", lambda request: told.append(request.url) if "/v1/events" in request.url else None)
    open_box(page, _embed("article=storm", before="", after="<p class=far>Far"))
    page.mouse.wheel(0, 2_500)
    page.wait_for_timeout(1_800)
    assert told == []


@needs_chromium
def test_a_click_is_told_though_the_page_goes_away(page: Page) -> None:
    box = open_box(page, _embed("article=storm link='/embed?box=article%3D{id}'"))
    with page.expect_request(lambda request: "click" in (request.post_data or "")) as told:
        box.get_by_role("listitem").nth(2).get_by_role("link").click()
    assert _told(told.value)[-1] == ("click", "0", 3)
    page.wait_for_load_state("networkidle")
    assert orjson.loads(told.value.post_data or "")[-1] in ARRIVED


@needs_chromium
def test_nothing_is_told_where_it_is_not_wanted_nor_of_latest_articles(
    new_page: Callable[..., Page], address: str
) -> None:
    told = []
    refused = ["article=storm no-events", "article=storm consent=denied", "article=quiet"]
    boxes = [f"{box} layout=compact limit=2" for box in refused]
    wants_none = ("doNotTrack", "'1'"), ("globalPrivacyControl", "true")
    scripts = [f"Object.defineProperty(navigator, '{name}', {{value: {value}}})" for name, value in wants_none]
    for shown, script in ((boxes, ""), (["article=storm"], scripts[0]), (["article=storm"], scripts[1])):
        page = new_page(address, apart=True)
        page.on("request", lambda request: told.append(request.url) if "/v1/events" in request.url else None)
        page.add_init_script(script)
        others = "".join(f"<related-articles {box}></related-articles>" for box in shown[1:])
        page.goto(_embed(shown[0], after=others))
        page.get_by_role("navigation").nth(len(shown) - 1).get_by_role("listitem").nth(1).wait_for()
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    page.wait_for_timeout(1_900)
    assert told == []


@needs_chromium
def test_consent_that_is_given_later_counts_from_then_on(page: Page) -> None:
    box = open_box(page, _embed("article=storm consent=denied"))
    with page.expect_request("**/v1/events") as told:
        box.evaluate("box => box.setAttribute('consent', 'granted')")
    assert ("impression", STRANGE_ID, 1) in _told(told.value)


def test_the_package_can_be_read_where_there_is_no_page() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not on the PATH")
    subprocess.run(["node", "--input-type=module", "-e", f"await import('{ELEMENT}/related-articles.js')"], check=True)
