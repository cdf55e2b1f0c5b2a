"""Editors at work over HTTP."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from recommend.store import Store
from recommend.store.keys import Scope

STORY = "a-central-asia-condemns-drone-attack"


def _path(article_id: str, safe: str = "") -> str:
    return f"/v1/articles/{quote(article_id, safe=safe)}/curation"


def _curate(newsroom: Any, article_id: str, **curation: Any) -> int:
    response = newsroom.writer.put(_path(article_id), json=curation)
    assert response.status_code == 200, response.text
    assert response.json()["id"] == article_id
    return int(response.json()["revision"])


@pytest.fixture
def uncurated(newsroom: Any) -> Any:
    """Takes back what a test decided about the story."""
    yield newsroom
    _curate(newsroom, STORY)


def test_pins_lead_the_box_blocked_ones_leave_it_and_taking_it_back_restores_it(uncurated: Any) -> None:
    related = f"/v1/articles/{STORY}/related"
    before = uncurated.reader.get(related)
    ids = [item["id"] for item in before.json()["items"]]
    pinned, blocked = uncurated.reader.shown(STORY)[-1], ids[0]
    revision = _curate(uncurated, STORY, pinned=[{"id": pinned}], blocked=[{"id": blocked, "until": None}])
    after = uncurated.reader.get(related, headers={"If-None-Match": before.headers["ETag"]}).json()
    assert after["revision"] == revision
    assert after["items"][0]["id"] == pinned
    assert after["items"][0]["reason"] == {"kind": "pinned", "text": "Editors' choice", "terms": []}
    assert [item["rank"] for item in after["items"]] == [1, 2, 3, 4, 5]
    assert uncurated.reader.box(STORY, explain=True).removed["blocked"] == 1
    assert blocked not in uncurated.reader.shown(STORY)
    _curate(uncurated, STORY)
    assert [item.id for item in uncurated.reader.box(STORY).items] == ids


def test_expired_pins_and_blocks_count_for_nothing(uncurated: Any) -> None:
    ids = uncurated.reader.shown(STORY)
    over, later = "2026-01-01T00:00:00Z", "2999-01-01T00:00:00+01:00"
    _curate(uncurated, STORY, pinned=[{"id": ids[9], "until": over}], blocked=[{"id": ids[0], "until": over}])
    assert uncurated.reader.shown(STORY) == ids
    _curate(uncurated, STORY, pinned=[{"id": ids[9], "until": later}], blocked=[{"id": ids[0], "until": later}])
    assert uncurated.reader.shown(STORY)[0] == ids[9]
    assert ids[0] not in uncurated.reader.shown(STORY)


def test_a_hidden_article_is_in_no_box_no_fallback_and_on_no_front_page_but_keeps_its_own_box(newsroom: Any) -> None:
    hidden = f"hidden-{uuid4()}"
    when = {"published_at": "2026-01-02T08:00:00Z", "section": "World", "language": "en"}
    newsroom.writer.article("PUT", hidden, json={"title": "Leaders condemn the drone attack on Novgorod", **when})
    at_the_time = {"since": when["published_at"], "until": when["published_at"]}

    def places() -> list[bool]:
        boxes = [newsroom.reader.shown(STORY), newsroom.reader.shown("no-such-article", **at_the_time)]
        return [*(hidden in box for box in boxes), hidden in newsroom.reader.get("/?section=World").text]

    assert places() == [True] * 3
    _curate(newsroom, hidden, hidden_until="2999-01-01T00:00:00Z")
    assert places() == [False] * 3
    assert newsroom.reader.box(hidden, fallback="none").fallback is None
    assert newsroom.reader.article("GET", hidden).status_code == 200
    _curate(newsroom, hidden, hidden_until="2026-01-02T09:00:00Z")
    assert places() == [True] * 3
    newsroom.writer.article("DELETE", hidden)


def test_the_present_curation_comes_with_its_history_latest_first(newsroom: Any) -> None:
    article_id = f"not-stored-{uuid4()}"
    assert newsroom.writer.get(_path(article_id)).status_code == 404
    first = {"pinned": [{"id": "x", "until": "2026-03-01T18:00:00Z"}], "blocked": [], "hidden_until": None}
    one = _curate(newsroom, article_id, pinned=[{"id": "x", "until": "2026-03-01T19:00:00+01:00"}])
    assert _curate(newsroom, article_id, **first) == one
    two = _curate(newsroom, article_id, blocked=[{"id": "y"}], hidden_until="2026-03-02")
    second = {"pinned": [], "blocked": [{"id": "y", "until": None}], "hidden_until": "2026-03-02T00:00:00Z"}
    found = newsroom.writer.get(_path(article_id)).json()
    history = found.pop("history")
    by = f"settings:{newsroom.settings.service.api_keys[0][:8]}"
    assert found == {"id": article_id, **second}
    assert [(entry["revision"], entry["changed_by"]) for entry in history] == [(two, by), (one, by)]
    assert [(entry["before"], entry["after"]) for entry in history] == [(first, second), (None, first)]
    for _ in range(30):
        _curate(newsroom, article_id)
        two = _curate(newsroom, article_id, blocked=[{"id": "y"}])
    history = newsroom.writer.get(_path(article_id)).json()["history"]
    assert [entry["revision"] for entry in history] == list(range(two, two - 50, -1))


def test_the_curation_of_an_article_goes_with_it(newsroom: Any) -> None:
    article_id = f"gone-{uuid4()}"
    newsroom.writer.article("PUT", article_id, json={"title": "Storks return"})
    _curate(newsroom, article_id, pinned=[{"id": STORY}])
    assert newsroom.reader.shown(article_id)[0] == STORY
    newsroom.writer.article("DELETE", article_id)
    assert newsroom.writer.get(_path(article_id)).status_code == 404
    newsroom.writer.article("PUT", article_id, json={"title": "Storks return"})
    assert newsroom.reader.box(article_id).items[0].reason.kind != "pinned"


def test_an_article_may_be_curated_before_it_is_stored(newsroom: Any) -> None:
    article_id = f"early-{uuid4()}"
    _curate(newsroom, article_id, pinned=[{"id": STORY}])
    early = newsroom.reader.box(article_id)
    assert (early.fallback, early.items[0].id, early.items[0].reason.kind) == ("latest", STORY, "pinned")
    draft = {"id": article_id, "title": "Storks return"}
    assert newsroom.reader.post("/v1/related", json=draft).json()["items"][0]["id"] == STORY
    newsroom.writer.article("PUT", article_id, json={"title": "Storks return"})
    assert newsroom.reader.box(article_id, fallback="none").items[0].id == STORY


@pytest.mark.parametrize("article_id", ["2026/01/05/a-story", "a b", "curation", "x/curation/y", "100%", "a?b#c"])
@pytest.mark.parametrize("safe", ["", "/"])
def test_any_id_is_curated_its_slashes_escaped_or_not(newsroom: Any, article_id: str, safe: str) -> None:
    body = {"blocked": [{"id": f"{uuid4()}"}]}
    assert newsroom.writer.put(_path(article_id, safe), json=body).json()["id"] == article_id
    assert newsroom.writer.get(_path(article_id)).json()["blocked"][0]["id"] == body["blocked"][0]["id"]
    assert newsroom.writer.article("GET", article_id).status_code == 404


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"pinned": [{"id": "a"}, {"id": "a"}]}, "body.pinned: Value error, names 'a' twice"),
        ({"pinned": ["a"]}, "body.pinned.0"),
        ({"blocked": [{"id": " "}]}, "body.blocked.0.id: Value error, is blank"),
        ({"blocked": [{"id": "a", "until": "soon"}]}, "body.blocked.0.until: Value error, is not an ISO 8601 date"),
        ({"hide": True}, "body.hide"),
        ([], "body"),
    ],
)
def test_what_is_no_curation_is_refused_and_changes_nothing(newsroom: Any, body: Any, complaint: str) -> None:
    revision = newsroom.reader.get("/readyz").json()["revision"]
    refused = newsroom.writer.put(_path("refused"), json=body)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(complaint)
    assert newsroom.writer.put(_path("x" * 513), json={}).status_code == 422
    assert newsroom.reader.get("/readyz").json()["revision"] == revision
    assert newsroom.writer.get(_path("refused")).status_code == 404


@pytest.mark.parametrize("credentials", [{}, {"Authorization": "Bearer wrong"}])
def test_without_a_valid_key_nothing_is_curated_nor_told(newsroom: Any, credentials: dict[str, str]) -> None:
    revision = newsroom.reader.get("/readyz").json()["revision"]
    put = newsroom.reader.put(_path(STORY), json={"pinned": [{"id": "a"}]}, headers=credentials)
    get = newsroom.reader.get(_path(STORY), headers=credentials)
    assert [put.status_code, get.status_code] == [401, 401]
    assert newsroom.reader.get("/readyz").json()["revision"] == revision


def test_a_key_of_scope_curate_is_named_in_the_history_and_one_of_another_scope_is_refused(newsroom: Any) -> None:
    name = f"desk {uuid4()}"
    with closing(Store(newsroom.settings.store)) as store:
        desk = {"Authorization": f"Bearer {store.keys.create(name, [Scope.CURATE])}"}
        other = {"Authorization": f"Bearer {store.keys.create(f'not {name}', [Scope.READ, Scope.WRITE])}"}
    path = _path(name)
    assert newsroom.reader.put(path, json={}, headers=other).status_code == 403
    assert newsroom.reader.put(path, json={}, headers=desk).status_code == 200
    assert newsroom.reader.get(path, headers=other).status_code == 403
    assert newsroom.reader.get(path, headers=desk).json()["history"][0]["changed_by"] == name
