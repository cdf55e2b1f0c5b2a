"""Pages in a real browser: servers, what axe finds, what moved, what was asked of whom."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not on the PATH: apt-get install chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WATCH = """
for (const name of ["loaded", "failed"])
  addEventListener(`related-articles:${name}`, () => { document.documentElement.dataset.box = name; });
window.moved = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) moved += entry.value;
}).observe({ type: "layout-shift", buffered: true });
addEventListener("securitypolicyviolation", (event) => console.error(`CSP: ${event.violatedDirective}`));
"""
"""What a box told, how much the page moved on its own, and what its Content-Security-Policy refused."""

STILL = """async () => {
  const shadows = [...document.querySelectorAll("*")].map((node) => node.shadowRoot).filter(Boolean);
  const moving = [document, ...shadows].flatMap((root) => root.getAnimations());
  const ending = moving.filter((one) => isFinite(one.effect.getComputedTiming().endTime));
  await Promise.allSettled(ending.map((one) => one.finished));
}"""
"""Waits for what appears to have appeared: half-way its colours have less contrast."""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address of a server of an ASGI app, in this process."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    listener.close()


def open_box(page: Page, path: str, outcome: str = "loaded") -> Locator:
    """The box after it told this outcome; Playwright looks into its shadow tree."""
    page.goto(path)
    page.locator(f"html[data-box={outcome}]").wait_for(timeout=20_000)
    return page.locator("related-articles").first


def assert_accessible(page: Page) -> None:
    """Axe finds nothing on the page as it is."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe
    page.evaluate(STILL)
    there = page.evaluate("'axe' in window")
    found = (axe("") if there else axe()).run(page)  # its script is long to read
    assert found.violations_count == 0, found.generate_report()


def assert_fits(page: Page, width: int, height: int = 800) -> None:
    """Nothing scrolls sideways at this width."""
    page.set_viewport_size({"width": width, "height": height})
    assert page.evaluate("document.documentElement.scrollWidth") == width
