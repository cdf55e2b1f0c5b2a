"""Pages with the element in them, and a service that answers it as the real one does, or fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any
from urllib.parse import quote

import orjson
from fastapi import FastAPI, Response
from fastapi import Request as Incoming
from fastapi.responses import HTMLResponse

from browsing import serving
from recommend_service.http.web import WEB
from recommend_service.routes import assets

ELEMENT = WEB / "element"
MALICIOUS = "<img src=x onerror=\"document.title='owned'\"> storm"
STRANGE_ID = "2026/01 Fähre?#1"
TURNED = "\u202eevil\u2066 title"
ARRIVED: list[dict[str, Any]] = []
"""The events that the server got."""
ASKED: list[str] = []
"""Paths and query strings of the boxes that were asked for."""
RELEASED = threading.Event()
"""Until it is set, no slow answer comes."""
POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'"
SHEET = (
    "body { margin: 1rem; font-family: serif; } @media (prefers-color-scheme: dark) { html { color-scheme: dark; } } "
    ".far { block-size: 3000px; } .gap { block-size: 700px; } .narrow { inline-size: 20em; }"
)
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 2"><path d="M0 0h3v2H0z"/></svg>'


def item(article_id: str, title: str, url: str | None = "/more", **more: Any) -> dict[str, Any]:
    """An item of an answer."""
    return {
        "id": article_id,
        "title": title,
        "summary": "What happened next, in a sentence.",
        "url": url,
        "image_url": None,
        "section": "World",
        "published_at": "2026-01-05T12:00:00+00:00",
        "reason": {"kind": "story", "text": "Same story: Aden · two days earlier", "terms": ["Aden"]},
        **more,
    }


STORIES = [item(STRANGE_ID, "A ferry turns back", "https://news.example/ferry"),
           item("2", "Harbour closed", "relative/path"), *(item(str(n), f"More {n}") for n in range(10))]  # fmt: skip
PICTURED = [item(str(n), f"Pictured {n}", image_url=f"/picture/{n}") for n in range(6)]
HOSTILE = [
    item("1", MALICIOUS, "javascript:document.title='owned'"),
    item("2", TURNED, "JaVa\nScRiPt:document.title='owned'", section="</nav><script>", image_url="javascript:0"),
    item("3", "Data", "data:text/html,<script>opener.document.title='owned'</script>", summary="\u202eturned"),
    item("4", "No address", None, published_at="no date", reason=None, image_url='"><img src=x onerror=alert(1)>'),
    item("5", "Fine", "/more", published_at=None, section=None),
]
ARABIC = [
    item("1", "Ferry turns back.", section="Metro", published_at="2025-11-02T12:00:00Z"),
    item("2", "العبّارة تعود.", section="Metro"),
]
ROLES = {0: ("beginning", "Beginning"), 2: ("turn", "Turn"), 4: ("latest", "Latest")}
STORY = [
    item(name, f"Part {n}", published_at=f"2026-01-0{n + 1}T12:00:00Z", reason=None, role=role, label=label)
    for n, name in enumerate(["0", "1", "2", "storm", "4"])
    for role, label in [ROLES.get(n, (None, None))]
]
HOSTILE_STORY = [{**one, "reason": None, "role": "turn", "label": MALICIOUS} for one in HOSTILE]
OF = {"empty": [], "pictured": PICTURED, "unseen": [item("1", "Unseen", image_url="/missing")], "hostile": HOSTILE,
      "arabic": ARABIC}  # fmt: skip


def _app() -> FastAPI:
    app = FastAPI()
    app.include_router(assets.router)

    @app.get("/v1/articles/{article_id:path}/related")
    async def related(incoming: Incoming, article_id: str, limit: int, response: Response) -> dict[str, Any]:
        ASKED.append(str(incoming.url).partition("/v1")[2])
        if article_id in {"broken", "worse"}:
            response.status_code = 500
        while article_id == "hanging" or (article_id in {"slow", "worse"} and not RELEASED.is_set()):
            await asyncio.sleep(0.02)
        items = OF.get(article_id, STORIES)
        response.headers["X-Variant"] = "new"
        fallback = "latest" if article_id == "quiet" else None
        related = {"empty": 0, "quiet": 0, "lonely": 0, "thin": limit - 2}.get(article_id, len(items))
        answer = {"article_id": article_id, "request_id": "r1", "fallback": fallback, "items": items}
        answer["impression"] = f"signed {article_id}"
        return answer if article_id == "old service" else answer | {"related": related}

    @app.get("/v1/articles/{article_id:path}/story")
    @app.get("/v1/story")
    async def story(incoming: Incoming, response: Response, article_id: str = "here") -> dict[str, Any]:
        ASKED.append(str(incoming.url).partition("/v1")[2])
        if article_id == "storyless":
            response.status_code = 404
        articles = [] if article_id == "alone" else HOSTILE_STORY if article_id == "hostile" else STORY
        return {"article_id": article_id, "heading": "The story so far", "articles": articles, "total": 9}

    @app.post("/v1/events", status_code=202)
    async def events(incoming: Incoming) -> None:
        ARRIVED.extend(orjson.loads(await incoming.body()))

    @app.get("/v1/related")
    async def related_by_url(url: str, limit: int) -> dict[str, Any]:
        return {"request_id": "r2", "fallback": None, "items": [item("1", f"Asked for {url}")]}

    @app.get("/embed")
    async def embedding(box: str = "", lang: str = "de", inside: str = "<a href=/kept>Kept</a>", script: str = "defer",
                    before: str = "", after: str = "", copies: int = 1) -> HTMLResponse:  # fmt: skip
        one = f"{before}<related-articles {box}>{inside}</related-articles>{after}"
        turned = " dir=rtl" if lang == "ar" else ""
        return HTMLResponse(
            f'<!doctype html><html lang="{escape(lang)}"{turned}><title>A page</title>'
            '<link rel="canonical" href="https://news.example/here"><link rel="icon" href="/assets/favicon.svg">'
            '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/sheet.css">'
            f'<script {script} src="/assets/related-articles.js"></script><main><h1>A page</h1>{one * copies}</main>',
            headers={"Content-Security-Policy": POLICY},
        )

    @app.get("/sheet.css")
    async def sheet() -> Response:
        return Response(SHEET, media_type="text/css")

    @app.get("/picture/{name:path}")
    async def picture(name: str) -> Response:
        return Response(PICTURE, media_type="image/svg+xml")

    return app


@contextmanager
def serving_pages() -> Iterator[str]:
    """Their address."""
    with serving(_app()) as at:
        yield at


def embed(box: str, **more: Any) -> str:
    """The path of a page whose box has these attributes."""
    return "/embed?" + "&".join(f"{name}={quote(str(value))}" for name, value in {"box": box, **more}.items())
