"""Takes the pictures of this documentation: of the pages that `recommend demo` serves, and of an evaluation's report.

    make pictures

Needs Chromium on the PATH.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
CORPUS = HERE.parents[1] / "examples" / "corpus"
STORY = "a-central-asia-condemns-drone-attack"
RUNNING = "d-louvre-reopens-director-senate"
DESK = (1280, 900)
WIDE, PHONE = (1000, 820), (390, 760)
_COLOURS = 64
_START_SECONDS = 300.0
_COMMAND = [sys.executable, "-c", "from recommend.cli import main; main()"]
_FLAGS = ["--no-sandbox", "--hide-scrollbars"]  # containers run it as root


def main() -> None:
    """Writes the pictures beside this file."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not on the PATH: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        with demonstration(Path(folder)) as address:
            shoot(browser, f"{address}/", WIDE, "front")
            shoot(browser, f"{address}/stories/{STORY}", WIDE, "story", to="related-articles")
            shoot(browser, f"{address}/stories/{STORY}", PHONE, "phone", to="related-articles")
            cards = f"{address}/stories/{STORY}?layout=cards"
            shoot(browser, cards, WIDE, "cards", to="related-articles", scheme="dark")
            shoot(browser, f"{address}/timelines/{RUNNING}", WIDE, "timeline")
            shoot(browser, f"{address}/docs", DESK, "api")
            at_the_desk(browser, address, Path(folder) / "demo" / "recommend.db")
        report = Path(folder) / "report.html"
        judged = ["--articles", str(CORPUS / "articles.jsonl"), "--qrels", str(CORPUS / "judgements.tsv")]
        subprocess.run([*_COMMAND, "evaluate", *judged, "--report", str(report)], check=True)
        shoot(browser, report.as_uri(), WIDE, "report")
        browser.close()


def shoot(browser: Browser, url: str, size: tuple[int, int], name: str, *, to: str | None = None,
          scheme: Literal["light", "dark"] = "light") -> None:  # fmt: skip
    """Writes one picture of a page, from the top of the element ``to`` on, once everything on it is loaded."""
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce", color_scheme=scheme
    )
    page.goto(url, wait_until="networkidle")
    if to is not None:
        page.locator(f"{to} a:visible").first.wait_for()
        page.locator(to).first.evaluate("element => window.scrollTo(0, element.getBoundingClientRect().top - 220)")
        page.locator(f"{to} [part~=headline] >> visible=true").first.wait_for()
        page.wait_for_load_state("networkidle")
    save(page.screenshot(), name)
    page.close()


def save(picture: bytes, name: str) -> None:
    """Writes a picture small."""
    with Image.open(BytesIO(picture)) as taken:
        taken.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)


def at_the_desk(browser: Browser, address: str, store: Path) -> None:
    """Pictures of the desk, signed in to with a key of the demonstration's store."""
    scopes = ["--scope", "curate", "--scope", "read", "--store", f"sqlite:///{store}"]
    asked = [*_COMMAND, "keys", "create", "Ana", *scopes]
    key = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()[-1]
    context = browser.new_context(viewport={"width": DESK[0], "height": DESK[1]}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{address}/desk/sign-in")
    page.get_by_label("Key").fill(key)
    page.locator("button.main").click()
    page.wait_for_url("**/desk")
    for name, path in {"desk": f"/desk/stories/{STORY}", "desk-status": "/desk/status"}.items():
        page.goto(f"{address}{path}", wait_until="networkidle")
        save(page.screenshot(), name)
    context.close()


@contextmanager
def demonstration(folder: Path) -> Iterator[str]:
    """The address of a demonstration that runs on the sample corpus, for as long as the block does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = subprocess.Popen([*_COMMAND, "demo", "--folder", str(folder / "demo"), "--port", str(port)])
    try:
        _wait_for(f"http://127.0.0.1:{port}", running)
        yield f"http://127.0.0.1:{port}"
    finally:
        running.terminate()
        running.wait()


def _wait_for(address: str, running: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and running.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/readyz").close()
        except urllib.error.URLError:
            time.sleep(0.5)
        else:
            return
    sys.exit("the demonstration does not start")


if __name__ == "__main__":
    main()
