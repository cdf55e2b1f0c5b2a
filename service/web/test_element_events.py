"""What the element tells of what was in view and clicked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson

from browsing import needs_chromium, open_box
from element_pages import ARRIVED, STRANGE_ID, embed

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request


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
    page: Page, element_pages: str
) -> None:
    page.context.add_cookies([{"name": "reader", "value": "7", "url": element_pages}])
    page.set_viewport_size({"width": 400, "height": 300})
    with page.expect_request("**/v1/events") as first:
        box = open_box(page, embed("article=storm limit=4"))
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
    open_box(page, embed("article=storm", before="", after="<p class=far>Far"))
    page.mouse.wheel(0, 2_500)
    page.wait_for_timeout(1_800)
    assert told == []


@needs_chromium
def test_a_click_is_told_though_the_page_goes_away(page: Page) -> None:
    box = open_box(page, embed("article=storm link='/embed?box=article%3D{id}'"))
    with page.expect_request(lambda request: "click" in (request.post_data or "")) as told:
        box.get_by_role("listitem").nth(2).get_by_role("link").click()
    assert _told(told.value)[-1] == ("click", "0", 3)
    page.wait_for_load_state("networkidle")
    assert orjson.loads(told.value.post_data or "")[-1] in ARRIVED


@needs_chromium
def test_nothing_is_told_where_it_is_not_wanted_nor_of_latest_articles(
    new_page: Callable[..., Page], element_pages: str
) -> None:
    told = []
    refused = ["article=storm no-events", "article=storm consent=denied", "article=quiet"]
    boxes = [f"{box} layout=compact limit=2" for box in refused]
    wants_none = ("doNotTrack", "'1'"), ("globalPrivacyControl", "true")
    scripts = [f"Object.defineProperty(navigator, '{name}', {{value: {value}}})" for name, value in wants_none]
    for shown, script in ((boxes, ""), (["article=storm"], scripts[0]), (["article=storm"], scripts[1])):
        page = new_page(element_pages, apart=True)
        page.on("request", lambda request: told.append(request.url) if "/v1/events" in request.url else None)
        page.add_init_script(script)
        others = "".join(f"<related-articles {box}></related-articles>" for box in shown[1:])
        page.goto(embed(shown[0], after=others))
        page.get_by_role("navigation").nth(len(shown) - 1).get_by_role("listitem").nth(1).wait_for()
        assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    page.wait_for_timeout(1_900)
    assert told == []


@needs_chromium
def test_consent_that_is_given_later_counts_from_then_on(page: Page) -> None:
    box = open_box(page, embed("article=storm consent=denied"))
    with page.expect_request("**/v1/events") as told:
        box.evaluate("box => box.setAttribute('consent', 'granted')")
    assert ("impression", STRANGE_ID, 1) in _told(told.value)
