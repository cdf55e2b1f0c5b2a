"""When the element's box comes, and what stands there when it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from browsing import assert_accessible, needs_chromium, open_box
from element_pages import ASKED, RELEASED, embed

if TYPE_CHECKING:
    from playwright.sync_api import Page


@needs_chromium
@pytest.mark.parametrize("article_id", ["broken", "hanging", "empty"])
def test_fallback_links_stay_when_no_answer_comes(page: Page, article_id: str) -> None:
    open_box(page, embed(f"article={article_id} timeout=600"), "failed")
    assert page.get_by_text("Kept").is_visible()
    assert page.get_by_role("navigation").count() == 0
    assert page.evaluate("moved") == 0


@needs_chromium
def test_where_nothing_stands_inside_a_failed_box_shows_nothing_and_moves_nothing(page: Page) -> None:
    page.goto(embed("article=worse timeout=9000", inside="", after="<p>Below"))
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
    page.goto(embed("article=slow timeout=9000", inside="", after="<p>Below"))
    assert page.locator("[part=skeleton]").is_visible()
    assert_accessible(page)
    RELEASED.set()
    page.locator("html[data-box=loaded]").wait_for()
    assert page.locator("[part=skeleton]").count() == 0


@needs_chromium
def test_it_asks_when_it_is_near_and_not_before(page: Page) -> None:
    page.goto(embed("article=storm", before="<p class=far>Far</p>"))
    page.wait_for_timeout(400)
    assert ASKED == []
    page.mouse.wheel(0, 2_000)
    page.locator("html[data-box=loaded]").wait_for()
    assert len(ASKED) == 1
    ASKED.clear()
    open_box(page, embed("article=storm loading=eager", before="<p class=far>Far</p>"))
    assert len(ASKED) == 1


@needs_chromium
def test_of_twelve_boxes_those_ask_that_are_near(page: Page) -> None:
    page.goto(embed("article=storm", copies=12, before="<p class=gap>Text</p>", inside=""))
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
    page.goto(embed("article=slow timeout=9000"))
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
    box = open_box(page, embed("article=storm"))
    box.evaluate("node => node.setAttribute('article', 'empty')")
    page.locator("html[data-box=failed]").wait_for()
    assert page.get_by_text("Kept").is_visible()


@needs_chromium
def test_without_script_the_links_inside_stand(new_page: Callable[..., Page], element_pages: str) -> None:
    page = new_page(element_pages, java_script_enabled=False)
    page.goto(embed("article=storm"))
    assert page.get_by_role("link", name="Kept").is_visible()
