"""An editor's day in a real browser: from clicks at the desk of one worker to the answers of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from browsing import CHROMIUM, FLAGS, assert_accessible, needs_chromium
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

STORY = "a-central-asia-condemns-drone-attack"
PAGES = (
    "/desk",
    f"/desk/stories/{STORY}?other=c-valencia-floods-toll",
    "/desk/draft",
    "/desk/try?try=1&floor=0.5&fill=none&hide_duplicates=1",
    "/desk/eyes",
    "/desk/exposure",
    "/desk/history",
    "/desk/status",
)

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


def key(settings: Settings) -> str:
    """The secret of an editor who is an operator as well."""
    with closing(Store(settings.store)) as store:
        return store.keys.create("Ana", [Scope.CURATE, Scope.READ])


def follow(element: Locator) -> None:
    """Click what leads to a page, and wait for that page."""
    with element.page.expect_navigation():
        element.click()


def sign_in(page: Page, secret: str) -> None:
    page.goto("/desk")
    page.get_by_label("Key").fill(secret)
    follow(page.locator("button.main"))


def box(page: Page) -> list[str]:
    """The headlines of the box on the page, in order."""
    return [title.strip() for title in page.locator("[data-item] h3").all_text_contents()]


def test_an_editors_day_reaches_every_worker(copied: Settings, serve_workers: Any, browser: Browser) -> None:
    secret = key(copied)
    with serve_workers(copied) as workers:
        one, other = workers.processes

        def readers() -> list[str]:
            """The headlines that the other worker shows readers."""
            with workers.only(other):
                answer = httpx.get(f"{workers.address}/v1/articles/{STORY}/related", trust_env=False, timeout=60)
            return [item["title"] for item in answer.json()["items"]]

        with workers.only(one):
            context = browser.new_context(base_url=workers.address, viewport={"width": 1280, "height": 900})
            page = context.new_page()
            page.set_default_timeout(60_000)
            sign_in(page, secret)

            page.get_by_label("Words, an id or an address").fill("Central Asian leaders drone attack")
            follow(page.get_by_role("button", name="Find"))
            follow(page.locator(f"a[href$='/{STORY}']"))
            first = box(page)
        assert first == readers()

        with workers.only(one):
            page.goto("/desk/draft")
            page.get_by_label("Headline").fill("Leaders condemn the drone attack on Novgorod")
            page.locator("[data-part] .item").first.wait_for()

            page.goto(f"/desk/stories/{STORY}")
            follow(page.get_by_role("group", name=first[4]).get_by_role("button", name="Pin"))
            follow(page.get_by_role("group", name=first[0]).get_by_role("button", name="Block"))
            page.locator("[data-item]").first.get_by_role("button", name="Unpin").wait_for()
            decided = box(page)
        assert decided[0] == first[4]
        assert first[0] not in decided
        assert readers() == decided

        with workers.only(one):
            page.locator("[data-item] h3 a").nth(2).focus()
            page.keyboard.press("Alt+ArrowUp")
            page.keyboard.press("Alt+ArrowUp")
            assert "now number 1 of 5" in str(page.locator("[data-said]").text_content())
            follow(page.get_by_role("button", name="Save this order"))
            ordered = box(page)
        assert ordered == [decided[2], *decided[:2], *decided[3:]]
        assert readers() == ordered

        with workers.only(one):
            follow(page.locator("[data-item] h3 a").nth(3))
            page.get_by_label("From every box until (UTC)").fill("2999-01-01T00:00")
            follow(page.get_by_role("button", name="Hide"))
            page.get_by_role("button", name="Show it again").wait_for()
        assert ordered[3] not in readers()

        with workers.only(one):
            follow(page.get_by_role("button", name="Undo"))
            page.get_by_role("button", name="Hide").wait_for()
            for _ in range(3):
                page.goto(f"/desk/stories/{STORY}")
                follow(page.locator("aside .log button").last)
                if box(page) == first:
                    break
            assert box(page) == first
        assert readers() == first

        with workers.only(one):
            page.goto("/desk/try")
            page.get_by_label("Floor").fill("0.99")
            page.get_by_label("What fills a box after that").select_option("none")
            follow(page.get_by_role("button", name="Try it"))
            assert "of 10 boxes would be others" in str(page.locator(".count").text_content())
            page.goto("/desk/history")
            assert page.locator(".log li").count() >= 6
            follow(page.get_by_role("button", name="Sign out"))
            page.goto("/desk")
            assert page.get_by_label("Key").is_visible()
            context.close()
        assert readers() == first


def test_every_page_fits_phones_and_satisfies_axe_in_light_and_dark(
    newsroom: Any, count_exposure: Any, browser: Browser
) -> None:
    count_exposure(newsroom.settings)
    with closing(Store(newsroom.settings.store)) as store:
        secret = store.keys.create("Ana of all pages", [Scope.CURATE, Scope.READ])
    context = browser.new_context(base_url=newsroom.address)
    page, errors = context.new_page(), list[str]()
    page.set_default_timeout(60_000)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(newsroom.address) else errors.append(asked.url))
    for path in ("/desk/sign-in", *PAGES):
        page.goto(path)
        for width, scheme in product((360, 1280), ("light", "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            assert_accessible(page)
        if path == "/desk/sign-in":
            sign_in(page, secret)
    assert errors == []
    context.close()
