"""Finding articles over HTTP, and asking why one is in a box or not."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from recommend.articles.card import CARD_FIELDS
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope

STORY = "a-central-asia-condemns-drone-attack"


@pytest.fixture(scope="module")
def keys(newsroom: Any) -> dict[Scope, dict[str, str]]:
    """What a caller with each scope sends."""
    with closing(Store(newsroom.settings.store)) as store:
        given = {scope: store.keys.create(str(uuid4()), [scope]) for scope in Scope}
    return {scope: {"Authorization": f"Bearer {secret}"} for scope, secret in given.items()}


def find(client: Any, headers: dict[str, str] | None = None, **params: Any) -> list[str]:
    answer = client.get("/v1/articles", params=params, headers=headers or {})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


def test_a_story_is_found_by_words_and_its_card_alone_is_told(reader: Any) -> None:
    answer = reader.get("/v1/articles", params={"query": "drone attack Novgorod", "limit": 3})
    body = answer.json()
    assert STORY in [item["id"] for item in body["items"]]
    assert all(item.keys() == set(CARD_FIELDS) for item in body["items"])
    assert body["total"] > 3
    assert answer.headers["Cache-Control"] == "public, max-age=90"


def test_the_cursor_leads_through_all_of_them_newest_first(reader: Any) -> None:
    ids, dates, cursor = list[str](), list[str](), None
    while cursor is not None or not ids:
        body = reader.get("/v1/articles", params={"limit": 40, **({"cursor": cursor} if cursor else {})}).json()
        ids += [item["id"] for item in body["items"]]
        dates += [item["published_at"] or "" for item in body["items"]]
        cursor = body["next"]
    assert len(ids) == len(set(ids)) == body["total"]
    assert dates == sorted(dates, reverse=True)


@pytest.mark.parametrize(
    "params",
    [{"cursor": "nonsense"}, {"cursor": "WzFd"}, {"limit": 101}, {"limit": 0}, {"query": "x" * 201}, {"q": "storks"}],
)
def test_what_is_no_parameter_is_refused(reader: Any, params: dict[str, Any]) -> None:
    refused = reader.get("/v1/articles", params=params)
    assert refused.status_code == 422
    assert "cursor" not in params or "is not a cursor" in refused.json()["detail"]
    assert "q" not in params or "did you mean query?" in refused.json()["detail"]


def test_an_article_is_listed_as_soon_as_it_is_stored_and_no_more_once_it_is_taken_down(newsroom: Any) -> None:
    article_id = f"heron-{uuid4()}"
    body = {"title": f"Heron {article_id} nests", "section": "Birds", "published_at": "2026-02-02T08:00:00Z"}
    newsroom.writer.article("PUT", article_id, json=body)
    assert find(newsroom.reader, section="Birds") == find(newsroom.reader, query=article_id, limit=1) == [article_id]
    for changed in ({"status": "draft"}, {"published_at": "2999-01-01"}, {"expires_at": "2026-02-03"}):
        newsroom.writer.article("PUT", article_id, json=body | changed)
        assert article_id not in find(newsroom.writer, section="Birds")
    newsroom.writer.article("PUT", article_id, json=body)
    newsroom.writer.article("DELETE", article_id)
    assert not find(newsroom.reader, section="Birds")


def test_what_editors_hide_is_listed_to_a_key_of_scope_curate_alone(newsroom: Any, keys: Any) -> None:
    article_id = f"hidden-{uuid4()}"
    newsroom.writer.article("PUT", article_id, json={"title": "A kite is ringed", "section": "Raptors"})
    until = {"hidden_until": "2999-01-01T00:00:00Z"}
    newsroom.reader.put(f"/v1/articles/{article_id}/curation", json=until, headers=keys[Scope.CURATE])
    shown = {scope: find(newsroom.reader, section="Raptors", headers=keys[scope]) for scope in Scope}
    assert shown == {Scope.READ: [], Scope.WRITE: [], Scope.CURATE: [article_id]}
    assert find(newsroom.reader, section="Raptors") == []
    newsroom.writer.article("DELETE", article_id)


def test_words_of_a_closed_body_are_looked_for_with_a_key_of_scope_read_or_write_alone(
    newsroom: Any, keys: Any
) -> None:
    article_id = f"paid-{uuid4()}"
    body = {"title": "For subscribers", "text": "The tribunal names a valencia courier.", "access": "paid"}
    newsroom.writer.article("PUT", article_id, json=body)
    asked: dict[str, Any] = {"query": "tribunal courier", "limit": 100}
    found = {scope: article_id in find(newsroom.reader, headers=keys[scope], **asked) for scope in Scope}
    assert found == {Scope.READ: True, Scope.WRITE: True, Scope.CURATE: False}
    assert article_id not in find(newsroom.reader, **asked)
    newsroom.writer.article("DELETE", article_id)


def test_where_reading_needs_a_key_listing_does_too(sample: Settings, serve: Any) -> None:
    service = sample.service.model_copy(update={"read_needs_key": True})
    with serve(sample.model_copy(update={"service": service})) as running:
        assert running.reader.get("/v1/articles").status_code == 401
        answer = running.writer.get("/v1/articles")
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")


def test_why_is_told_to_keys_of_scope_read_or_curate(newsroom: Any, keys: Any) -> None:
    shown = newsroom.reader.box(STORY).items[0]
    path = f"/v1/articles/{STORY}/why"
    statuses = {scope: newsroom.reader.get(path, params={"other": shown.id}, headers=keys[scope]) for scope in Scope}
    assert {scope: answer.status_code for scope, answer in statuses.items()} == {
        Scope.READ: 200,
        Scope.WRITE: 403,
        Scope.CURATE: 200,
    }
    assert newsroom.reader.get(path, params={"other": shown.id}).status_code == 401
    body = statuses[Scope.CURATE].json()
    assert (body["rank"], body["score"]) == (1, shown.score)
    assert body["explanation"]["dense"]["adds"] != 0


def test_why_of_what_is_unknown_is_a_404_and_without_another_a_422(newsroom: Any) -> None:
    path = f"/v1/articles/{STORY}/why"
    assert newsroom.writer.get(path, params={"other": "nobody"}).status_code == 404
    assert newsroom.writer.get("/v1/articles/nobody/why", params={"other": STORY}).status_code == 404
    assert newsroom.writer.get(path).status_code == 422
    assert newsroom.writer.get(path, params={"other": STORY, "k": 5}).status_code == 422
