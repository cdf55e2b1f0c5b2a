"""A browser for the tests of pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from browsing import CHROMIUM, FLAGS, WATCH

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
    with sync_api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Pages below an address, whose consoles stay free of errors and of violations of their Content-Security-Policy,
    and which ask nothing of another address."""
    opened, errors, abroad = [], list[str](), list[str]()

    def new(address: str, **options: object) -> Page:
        given = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", **options}
        context = browser.new_context(base_url=address, **given)  # type: ignore[arg-type]
        opened.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        own = (f"{address}/", "data:", "blob:")
        page.on("request", lambda asked: None if asked.url.startswith(own) else abroad.append(asked.url))
        page.add_init_script(WATCH)
        return page

    yield new
    for context in opened:
        context.close()
    assert [error for error in errors if "Failed to load resource" not in error] == []
    assert abroad == []
