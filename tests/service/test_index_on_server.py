"""Every path of the service where the index is on a server: an answer, or a problem that says what would help."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest
from sqlalchemy import make_url

from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope

if TYPE_CHECKING:
    from servers import Server

STORY, OTHER = "a-central-asia-condemns-drone-attack", "a-zelensky-20-point-plan"
DRAFT = {"title": "Leaders condemn drone attack near Novgorod", "text": "Leaders condemn a drone attack on Putin."}
READ = [
    "/healthz",
    "/readyz",
    "/metrics",
    "/v1/status",
    f"/v1/articles/{STORY}",
    *(f"/v1/articles/{one}/{rest}" for one in (STORY, "nowhere") for rest in ("related", "related.html")),
    f"/v1/articles/{STORY}/related?section=World&limit=50&explain=true",
    f"/v1/articles/{STORY}/related?section=Nowhere&max_age=1&exclude={OTHER}",
    "/v1/articles/nowhere/related?fallback=popular",
    f"/v1/articles/{STORY}/story",
    f"/v1/articles/{STORY}/related.html?layout=timeline",
    f"/timelines/{STORY}",
    f"/v1/articles/{STORY}/why?other={OTHER}",
    "/",
    "/?section=World",
    "/?page=2",
    "/publish",
    f"/stories/{STORY}",
    f"/pictures/{STORY}",
    "/desk/draft",
    "/desk/history",
    "/desk/status",
    f"/desk/stories/{STORY}",
    f"/desk/stories/{STORY}?other={OTHER}",
    f"/desk/try?try=1&floor=0.5&fill=none&ids={STORY}",
    "/desk/try?try=1&floor=0.5",
    "/desk/eyes",
    "/desk/exposure",
    "/desk",
    "/desk?query=drone",
    "/search?query=drone",
    "/v1/articles",
    "/v1/articles?query=drone&section=World",
    f"/v1/articles?query={STORY}",
]
POSTED: list[tuple[str, Any]] = [
    ("/v1/related", DRAFT),
    ("/v1/related", {"ids": [STORY, OTHER, "nowhere"]}),
    ("/v1/related:page", {"ids": [STORY, OTHER, "nowhere"]}),
    ("/v1/links", DRAFT),
]


@pytest.fixture
def service(on_pgvector: Settings, serve: Any) -> Any:
    """With every page there is."""
    update: dict[str, object] = {"site_publishing": True, "desk": True}
    settings = on_pgvector.model_copy(update={"service": on_pgvector.service.model_copy(update=update)})
    with serve(settings) as running:
        yield running


def signed_in(service: Any) -> httpx.Client:
    store: Store = service.state.store
    secret = store.keys.create("Ana", [Scope.CURATE, Scope.READ])
    editor: httpx.Client = service.reader
    assert editor.post("/desk/sign-in", data={"key": secret, "next": ""}).status_code == 303
    return editor


def test_every_path_answers_or_says_what_it_needs(service: Any) -> None:
    editor = signed_in(service)
    for path in READ:
        client = service.writer if path.startswith("/v1/articles") else editor
        answer = client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
    for path, body in POSTED:
        answer = service.reader.post(path, json=body)
        assert answer.status_code == 200, f"{path}: {answer.text[:500]}"
        assert answer.json()


def test_listings_and_what_words_find_are_those_of_the_snapshot(service: Any, reader: Any) -> None:
    def pages(client: Any, **params: Any) -> list[list[str]]:
        found, cursor = list[list[str]](), None
        while len(found) < 4 and (cursor or not found):
            body = client.get("/v1/articles", params=params | ({"cursor": cursor} if cursor else {})).json()
            found.append([*(item["id"] for item in body["items"]), str(body["total"])])
            cursor = body["next"]
        return found

    for params in ({"limit": 7}, {"limit": 5, "section": "World"}, {"limit": 6, "query": "drone attack"}):
        assert pages(service.reader, **params) == pages(reader, **params), params
    service.writer.article("DELETE", OTHER)
    assert OTHER not in {one for page in pages(service.reader, limit=50) for one in page}
    assert OTHER not in {one for page in pages(service.reader, limit=50, query="Zelensky plan") for one in page}


def test_what_is_written_holds_at_once(service: Any) -> None:
    writer, reader = service.writer, service.reader
    body = DRAFT | {"section": "World", "published_at": "2026-01-02T08:00:00Z"}
    lines = [{"id": "second", **body, "title": "Second leaders condemn the drone attack"}, {"delete": OTHER}]
    assert writer.put("/v1/articles/first", json=body).status_code == 201
    results = writer.post("/v1/articles:bulk", content=b"\n".join(map(orjson.dumps, lines))).content.splitlines()
    assert [orjson.loads(line)["status"] for line in results] == ["created", "deleted"]
    curation = {"pinned": [{"id": "first"}], "blocked": [{"id": "second"}]}
    assert writer.put(f"/v1/articles/{STORY}/curation", json=curation).status_code == 200
    shown = reader.shown(STORY)
    assert shown[0] == "first"
    assert not {"second", OTHER} & {*shown}
    assert "first" in reader.get("/").text
    page = reader.post("/v1/related:page", json={"ids": ["first", STORY]}).json()
    assert [box["article_id"] for box in page["boxes"]] == ["first", STORY]
    given = reader.get(f"/v1/articles/{STORY}/related").json()
    told = {"kind": "click", "article_id": STORY, "item_id": "first", "view": "v", "impression": given["impression"]}
    assert reader.post("/v1/events", json=told).json() == {"kept": 1, "refused": []}
    popular = reader.get("/v1/articles/nowhere/related", params={"fallback": "popular", "exclude": "first"})
    assert popular.status_code == 200


def test_a_lost_server_is_told_and_what_is_kept_goes_out(service: Any, on_pgvector: Settings, pgvector: Server) -> None:
    def asked(path: str) -> int:
        status: int = service.reader.get(path).status_code
        return status

    kept, other = f"/v1/articles/{STORY}/related", f"/v1/articles/{OTHER}/related"
    assert (asked(kept), asked("/readyz")) == (200, 200)
    name = make_url(on_pgvector.pgvector.url).database
    pgvector.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    pgvector.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    try:
        assert (asked(kept), asked(other), asked("/healthz")) == (200, 503, 200)
        deadline = time.monotonic() + 30
        while (told := service.reader.get("/readyz")).status_code == 200:  # as it was a second ago at most
            assert time.monotonic() < deadline
        assert "cannot be asked" in told.text
        assert service.writer.delete(f"/v1/articles/{STORY}").status_code == 204
        assert asked(kept) in {404, 503}
    finally:
        pgvector.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert asked(other) == 200


def test_a_story_is_the_same_wherever_the_index_is(service: Any, reader: Any) -> None:
    for article_id in (STORY, "d-louvre-reopens-director-senate", "c-mpox-emergency-ends"):
        there, here = (one.get(f"/v1/articles/{article_id}/story").json() for one in (service.reader, reader))
        assert there == here, article_id
        assert len(there["articles"]) > 2, article_id
