"""The element in a real browser: what there is to load, and the box that comes of an answer."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING

import pytest

from browsing import assert_accessible, needs_chromium, open_box
from element_pages import ASKED, ELEMENT, MALICIOUS, embed

if TYPE_CHECKING:
    from playwright.sync_api import Page


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
    box = open_box(page, embed("article=storm", script="type=module"))
    box.evaluate("() => import('/assets/related-articles.js?again')")
    assert box.get_by_role("listitem").count() == 5


def test_the_package_can_be_read_where_there_is_no_page() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not on the PATH")
    subprocess.run(["node", "--input-type=module", "-e", f"await import('{ELEMENT}/related-articles.js')"], check=True)


@needs_chromium
def test_the_box_is_a_labelled_navigation_with_a_list(page: Page) -> None:
    box = open_box(page, embed("article=storm", lang="en-GB"))
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
    found = open_box(page, embed(f"article=storm {attribute}")).locator("[part=reason]")
    assert (found.first.inner_text() if found.count() else None) == line


@needs_chromium
def test_what_only_fills_the_box_stands_under_a_heading_of_its_own_without_reasons(page: Page) -> None:
    box = open_box(page, embed("article=thin"))
    region = page.get_by_role("navigation", name="Mehr zum Thema", exact=True)
    assert region.get_by_role("heading", level=2).all_inner_texts() == ["Mehr zum Thema", "Weitere Artikel"]
    lists = [one.get_by_role("listitem").count() for one in region.get_by_role("list").all()]
    assert (lists, box.locator("[part=reason]").count()) == ([3, 2], 3)
    open_box(page, embed("article=lonely more-heading=Else"))
    assert page.get_by_role("navigation", name="Else").get_by_role("listitem").count() == 5
    open_box(page, embed("article='old service'"))
    assert page.get_by_role("heading", level=2).all_inner_texts() == ["Mehr zum Thema"]


@needs_chromium
def test_latest_articles_are_not_called_related(page: Page) -> None:
    open_box(page, embed("article=quiet latest-note='Nothing is related.'", lang="en"))
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
    box = open_box(page, embed(f"article=storm lang='{lang}' time-zone=Mars/Olympus"))
    found = page.get_by_role("heading", level=2)
    assert (found.inner_text(), found.get_attribute("lang")) == (heading, told)
    assert day in box.locator("time").first.inner_text()


@needs_chromium
def test_in_a_page_from_right_to_left_every_text_has_its_own_direction(page: Page) -> None:
    box = open_box(page, embed("article=arabic", lang="ar"))
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
    box = open_box(page, embed("article=hostile"))
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
    assert f"Asked for {asked}" in open_box(page, embed(box)).get_by_role("list").inner_text()


@needs_chromium
def test_what_the_service_can_narrow_by_is_passed_on(page: Page) -> None:
    open_box(page, embed('article="storm" variant="auto:7" max-age="P30D" exclude="a,b" limit="3"'))
    assert ASKED == ["/articles/storm/related?limit=3&max_age=P30D&exclude=a%2Cb&variant=auto%3A7"]
