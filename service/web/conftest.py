"""A browser for the tests of pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from browsing import CHROMIUM, FLAGS, WATCH
from element_pages import ASKED, RELEASED, serving_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SIZE = {"width": 1280, "height": 900}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@dataclass
class Watched:
    """A page, what its console told of errors, and what it asked of another address than its own."""

    page: Page
    address: str
    errors: list[str] = field(default_factory=list)
    abroad: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, browser: Browser, address: str, **options: object) -> Watched:
        """A page in a context of its own."""
        given = {"viewport": SIZE, "locale": "en-GB", **options}
        context = browser.new_context(base_url=address, **given)  # type: ignore[arg-type]
        one = cls(context.new_page(), address)
        one.page.on("console", lambda message: one.errors.append(message.text) if message.type == "error" else None)
        one.page.on("pageerror", lambda error: one.errors.append(str(error)))
        own = (f"{address}/", "data:", "blob:", "about:")
        one.page.on("request", lambda asked: None if asked.url.startswith(own) else one.abroad.append(asked.url))
        one.page.add_init_script(WATCH)
        return one

    def leave(self) -> None:
        """Makes the page as good as new: another takes several times as long as most tests."""
        self.page.goto("about:blank")
        self.page.context.clear_cookies()
        self.page.emulate_media(color_scheme="light", reduced_motion="no-preference")
        self.page.set_viewport_size(SIZE)  # type: ignore[arg-type]
        self.page.mouse.move(0, 0)


@pytest.fixture(scope="session")
def kept() -> dict[str, Watched]:
    """By address the page that one test after another opens."""
    return {}


@pytest.fixture
def new_page(browser: Browser, kept: dict[str, Watched]) -> Iterator[Callable[..., Page]]:
    """Pages below an address, whose consoles stay free of errors and of violations of their Content-Security-Policy,
    and which ask nothing of another address. Those with options, or that are to be ``apart``, are no other test's."""
    used: list[Watched] = []

    def new(address: str, *, apart: bool = False, **options: object) -> Page:
        if apart or options:
            one = Watched.open(browser, address, **options)
        else:
            one = kept[address] = kept.get(address) or Watched.open(browser, address)
        used.append(one)
        return one.page

    yield new
    errors, abroad = list[str](), list[str]()
    for one in used:
        if one is kept.get(one.address):
            one.leave()
        else:
            one.page.context.close()
        errors += one.errors
        abroad += one.abroad
        one.errors.clear()
        one.abroad.clear()
    assert [error for error in errors if "Failed to load resource" not in error] == []
    assert abroad == []


@pytest.fixture(scope="session")
def element_pages() -> Iterator[str]:
    """The address of pages with the element in them."""
    with serving_pages() as address:
        yield address


@pytest.fixture
def page(new_page: Callable[..., Page], element_pages: str) -> Page:
    """A page to open one of them in; tests of other pages have their own."""
    ASKED.clear()
    RELEASED.clear()
    return new_page(element_pages)
