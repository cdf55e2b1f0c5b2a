"""The element as a timeline: a story in order of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from browsing import assert_accessible, assert_fits, needs_chromium, open_box
from element_pages import ASKED, MALICIOUS, embed

if TYPE_CHECKING:
    from playwright.sync_api import Page


@needs_chromium
def test_a_timeline_tells_the_story_in_order_of_time_and_marks_the_article_that_is_read(page: Page) -> None:
    box = open_box(page, embed("article=storm layout=timeline lead", lang="en-GB"))
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
    named = open_box(page, embed("layout=timeline story-heading=Thread limit=3"))
    assert named.get_by_role("heading", level=2).inner_text() == "Thread"
    assert (named.get_by_role("listitem").count(), ASKED[-1].split("?")[0]) == (3, "/story")


@needs_chromium
@pytest.mark.parametrize("article_id", ["alone", "storyless"])
def test_where_there_is_no_story_a_timeline_is_the_list_of_what_is_related(page: Page, article_id: str) -> None:
    box = open_box(page, embed(f"article={article_id} layout=timeline", lang="en"))
    assert box.get_by_role("heading", level=2).inner_text() == "Related articles"
    assert box.locator("nav").get_attribute("class") == "list"
    assert box.locator("[part=reason]").count() == 5


@needs_chromium
def test_a_hostile_story_stays_text_and_a_timeline_runs_from_right_to_left_where_the_page_does(page: Page) -> None:
    box = open_box(page, embed("article=hostile layout=timeline", lang="ar"))
    assert box.locator("[part~=role]").first.inner_text() == MALICIOUS
    assert page.title() == "A page"
    assert all((link.get_attribute("href") or "http").startswith("http") for link in box.locator("a[part=link]").all())
    row, text = (box.locator(name).first.bounding_box() for name in ("li", "h3 bdi"))
    assert row
    assert text
    assert text["x"] + text["width"] <= row["x"] + row["width"] - 20, "the line is on the right"
    assert_accessible(page)
    assert_fits(page, 320)
