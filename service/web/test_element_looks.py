"""How the element looks, moves and is reached."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from browsing import assert_accessible, assert_fits, needs_chromium, open_box
from element_pages import STRANGE_ID, embed

if TYPE_CHECKING:
    from playwright.sync_api import Page


@needs_chromium
@pytest.mark.parametrize("layout", ["list", "cards", "compact", "strip", "timeline"])
def test_every_layout_fits_moves_nothing_and_satisfies_axe_in_light_and_dark(page: Page, layout: str) -> None:
    for lead in ("", "lead"):
        open_box(page, embed(f"article=pictured layout={layout} {lead}", inside="", before="<p class=gap>Text</p>"))
        page.mouse.wheel(0, 800)
        page.wait_for_timeout(200)
        assert page.evaluate("moved") == 0
        for scheme, width in (("light", 360), ("dark", 1280)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert_fits(page, width)
            assert_accessible(page)


@needs_chromium
def test_pictures_have_a_fixed_shape_and_load_late(page: Page) -> None:
    box = open_box(page, embed("article=pictured layout=cards"))
    shapes = box.locator("[part=image]").evaluate_all("all => all.map(one => one.clientWidth / one.clientHeight)")
    assert all(abs(shape - 1.5) < 0.02 for shape in shapes)
    image = box.locator("img").first
    assert [image.get_attribute(name) for name in ("loading", "decoding", "alt")] == ["lazy", "async", ""]
    open_box(page, embed("article=unseen"))
    page.wait_for_timeout(300)
    assert box.locator("img").count() == 0
    assert box.locator("[part=image]").bounding_box()["height"] > 20  # type: ignore[index]
    assert open_box(page, embed("article=pictured images=none")).locator("[part=image]").count() == 0
    assert open_box(page, embed("article=pictured layout=compact")).locator("[part=image]").count() == 0


@needs_chromium
def test_pictures_come_in_the_widths_of_the_sites_own_service(page: Page) -> None:
    image = open_box(page, embed("article=pictured image-src='/picture/x?of={url}&w={width}'")).locator("img").first
    first = (image.get_attribute("srcset") or "").split(", ")[0]
    origin = page.url.split("/embed")[0]
    assert first == f"{origin}/picture/x?of=%2Fpicture%2F0&w=160 160w"
    image = open_box(page, embed("article=storm image-src='/picture/{id}'")).locator("img").first
    assert (image.get_attribute("src") or "").endswith("/picture/" + quote(STRANGE_ID, safe=""))


@needs_chromium
def test_the_keyboard_reaches_the_links_and_shows_where_it_is(page: Page) -> None:
    open_box(page, embed("article=storm"))
    page.keyboard.press("Tab")
    focused = page.evaluate_handle("document.activeElement.shadowRoot.activeElement").as_element()
    assert focused is not None
    assert focused.inner_text() == "A ferry turns back"
    assert focused.evaluate("node => getComputedStyle(node, '::after').outlineStyle") == "solid"


@needs_chromium
def test_nothing_moves_where_the_reader_wants_no_motion(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    box = open_box(page, embed("article=storm"))
    assert box.locator("nav").evaluate("node => node.getAnimations().length") == 0


@needs_chromium
def test_colours_spaces_and_faces_are_the_pages(page: Page) -> None:
    box = open_box(page, embed("article=pictured"))
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
