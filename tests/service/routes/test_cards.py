"""Who sees which field: everybody the card, keys of scope read or write all of it, and a setting opens more."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import orjson
import pytest

from recommend.articles.article import Access, Article
from recommend.articles.card import CARD_FIELDS
from recommend.ranking.reasons import ReasonKind
from recommend.settings import ServiceSettings, Settings
from recommend.store import Store
from recommend.store.keys import Scope

STORY = "a-central-asia-condemns-drone-attack"
BOX_FIELDS = {*CARD_FIELDS, "score", "rank", "reason"}
WHOLE = set(Article.model_fields)
SEEN_WITH: dict[Scope | None, set[str]] = {
    None: {*CARD_FIELDS},
    Scope.CURATE: {*CARD_FIELDS},
    Scope.READ: WHOLE,
    Scope.WRITE: WHOLE,
}
PROBE: dict[str, Any] = {
    "title": "Central Asian leaders condemn the drone attack on the Novgorod residence for a second time",
    "text": "Leaders met in Astana. Nobody was named.",
    "summary": "In short.",
    "url": "https://meridian-courier.example/probe",
    "image_url": "/probe.jpg",
    "published_at": "2026-01-02T08:00:00Z",
    "updated_at": "2026-01-02T09:00:00Z",
    "section": "Probes",
    "tags": ["drones"],
    "authors": ["Ann Lee"],
    "language": "en",
    "site": "probe.example",
    "genre": "news",
    "evergreen": True,
    "expires_at": "2999-01-01T00:00:00Z",
    "desk_note": "call back",
}


@pytest.fixture(scope="module")
def headers(newsroom: Any) -> dict[Scope | None, dict[str, str]]:
    """What each kind of caller sends."""
    with closing(Store(newsroom.settings.store)) as store:
        given = {scope: store.keys.create(str(uuid4()), [scope]) for scope in Scope}
    return {None: {}, **{scope: {"Authorization": f"Bearer {secret}"} for scope, secret in given.items()}}


@pytest.fixture(scope="module", params=Access)
def probe(newsroom: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    """The id of an article with every field, of each access."""
    article_id = f"probe-{request.param}"
    body = {**PROBE, "access": request.param}
    assert newsroom.writer.article("PUT", article_id, json=body).status_code == 201
    yield article_id
    newsroom.writer.article("DELETE", article_id)


def stored(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields as an answer has them."""
    article = Article.model_validate(fields)
    found: dict[str, Any] = orjson.loads(orjson.dumps(article.model_dump(), option=orjson.OPT_UTC_Z))
    return found


@pytest.mark.parametrize("scope", SEEN_WITH)
def test_the_article_itself(newsroom: Any, headers: Any, probe: str, scope: Scope | None) -> None:
    answer = newsroom.reader.article("GET", probe, headers=headers[scope])
    given = stored({**PROBE, "id": probe, "access": probe.removeprefix("probe-")})
    assert answer.json() == {name: given[name] for name in SEEN_WITH[scope]}
    more = SEEN_WITH[scope] == WHOLE
    assert answer.headers["Cache-Control"] == ("private, no-store" if more else "public, max-age=90")
    assert "Authorization" in answer.headers["Vary"]


@pytest.mark.parametrize("scope", SEEN_WITH)
@pytest.mark.parametrize("explain", [True, False])
def test_boxes(newsroom: Any, headers: Any, probe: str, scope: Scope | None, explain: bool) -> None:
    given = stored({**PROBE, "id": probe, "access": probe.removeprefix("probe-")})
    params = {"limit": 50, "section": "Probes", "explain": explain}
    boxes = [
        newsroom.reader.get(f"/v1/articles/{STORY}/related", params=params, headers=headers[scope]),
        newsroom.reader.get("/v1/related", params={"url": PROBE["url"], "limit": 50}, headers=headers[scope]),
        newsroom.reader.get("/v1/articles/unknown/related", params=params, headers=headers[scope]),
        newsroom.reader.post("/v1/related", params=params, json={"title": "Drones"}, headers=headers[scope]),
        newsroom.reader.post("/v1/related", params=params, json={"ids": [STORY]}, headers=headers[scope]),
    ]
    for box in boxes:
        for item in box.json()["items"]:
            assert item.keys() - {"explanation"} == BOX_FIELDS
            assert item["reason"].keys() == {"kind", "text", "terms"}
            assert item["reason"]["kind"] in ReasonKind.__args__  # type: ignore[attr-defined]
            if item["id"] == probe:
                assert {name: item[name] for name in CARD_FIELDS} == {name: given[name] for name in CARD_FIELDS}
    assert sum(item["id"] == probe for box in boxes for item in box.json()["items"]) == 4


@pytest.mark.parametrize("scope", SEEN_WITH)
def test_pages(newsroom: Any, headers: Any, probe: str, scope: Scope | None) -> None:
    pages = [newsroom.reader.get(path, headers=headers[scope]) for path in (f"/stories/{probe}", "/?section=Probes")]
    label = {"probe-members": "For members", "probe-paid": "For subscribers"}.get(probe)
    for page in pages:
        assert PROBE["title"] in page.text
        assert PROBE["summary"] in page.text
        assert "Astana" not in page.text
        assert "call back" not in page.text
        assert [word in page.text for word in ("For members", "For subscribers")] == [
            label == word for word in ("For members", "For subscribers")
        ]


@pytest.mark.parametrize("status", ["draft", "unpublished", "expired", "embargoed"])
@pytest.mark.parametrize("scope", SEEN_WITH)
def test_what_is_not_public(newsroom: Any, headers: Any, scope: Scope | None, status: str) -> None:
    changed = {"expired": {"expires_at": "2026-01-03"}, "embargoed": {"published_at": "2998-01-01"}}
    body = {**PROBE, **changed.get(status, {"status": status})}
    newsroom.writer.article("PUT", f"hidden-{status}", json=body)
    answer = newsroom.reader.article("GET", f"hidden-{status}", headers=headers[scope])
    if SEEN_WITH[scope] == WHOLE:
        assert answer.json().keys() == WHOLE
    else:
        assert answer.status_code == 404
        assert answer.json()["detail"] == f"article 'hidden-{status}' is unknown or not published"
    assert newsroom.reader.get(f"/stories/hidden-{status}", headers=headers[scope]).status_code == 404
    newsroom.writer.article("DELETE", f"hidden-{status}")


@pytest.mark.parametrize("scope", SEEN_WITH)
def test_who_changed_what(newsroom: Any, headers: Any, probe: str, scope: Scope | None) -> None:
    path = f"/v1/articles/{probe}/curation"
    newsroom.writer.put(path, json={"blocked": [{"id": STORY}]})
    answer = newsroom.reader.get(path, headers=headers[scope])
    assert answer.status_code == {None: 401, Scope.CURATE: 200}.get(scope, 403)
    assert ("settings:" in answer.text) is (scope is Scope.CURATE)
    explained = newsroom.reader.get(f"/v1/articles/{probe}/related?explain=true", headers=headers[scope])
    assert "blocked by editors" not in explained.text
    assert STORY not in {miss["id"] for miss in explained.json()["near_misses"]}


def test_a_setting_opens_fields_of_public_articles_and_of_no_others(newsroom: Any, serve: Any, probe: str) -> None:
    service = newsroom.settings.service.model_copy(update={"public_fields": ["text", "extra"], "read_needs_key": False})
    with serve(newsroom.settings.model_copy(update={"service": service})) as opened:
        answer = opened.reader.article("GET", probe).json()
        page = opened.reader.get(f"/stories/{probe}").text
    public = probe == "probe-public"
    assert answer.keys() == {*CARD_FIELDS, *(("text", "extra") if public else ())}
    assert ("Nobody was named" in page) is public
    assert "call back" not in page


@pytest.mark.parametrize(
    ("access", "title", "shown"),
    [("public", "Leaders met in Astana.", True), ("members", "Leaders met in Astana.", False), ("", "One.", True)],
)
def test_a_lead_stands_in_for_a_summary_only_where_the_body_is_public(
    newsroom: Any, access: str, title: str, shown: bool
) -> None:
    newsroom.writer.article("PUT", "no-summary", json={"title": "Storks", "text": f"{title} More.", "access": access})
    card = newsroom.reader.article("GET", "no-summary").json()
    assert card["summary"] == (title if shown else None)
    newsroom.writer.article("DELETE", "no-summary")


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [("public", {"public"}), ("members,paid", {"members", "paid"}), ("paid&access=public", {"public", "paid"})],
)
def test_a_box_may_be_asked_for_stories_of_some_access(newsroom: Any, asked: str, allowed: set[str]) -> None:
    ids = {access: f"asked-{access}" for access in Access}
    for access, article_id in ids.items():
        newsroom.writer.article("PUT", article_id, json={**PROBE, "title": f"{access} storks", "access": access})
    box = newsroom.reader.get(f"/v1/articles/{STORY}/related?limit=50&section=Probes&access={asked}")
    shown = {item["id"]: item["access"] for item in box.json()["items"]}
    assert set(shown.values()) == allowed
    assert newsroom.reader.get(f"/v1/articles/{STORY}/related?access=tiers").status_code == 422
    for article_id in ids.values():
        newsroom.writer.article("DELETE", article_id)


def test_a_policy_keeps_stories_in_the_box_that_this_reader_may_open(newsroom: Any, serve: Any) -> None:
    for number in range(6):
        body = {**PROBE, "title": f"Paid storks {number} of the wetlands", "text": "", "access": "paid"}
        newsroom.writer.article("PUT", f"paid-{number}", json=body)
    newsroom.writer.article("PUT", "free", json={**PROBE, "title": "A free heron", "text": ""})
    policy = newsroom.settings.policy.model_copy(update={"readable": 2, "hide_duplicates": False})
    with serve(newsroom.settings.model_copy(update={"policy": policy})) as kept:
        for reader, least in (("public", 1), ("members", 1), ("paid", 0)):
            box = kept.reader.box("paid-0", limit=3, section="Probes", reader=reader)
            assert len(box.items) == 3
            assert [item.id for item in box.items if item.access == Access.PUBLIC] == ["free"] * least
    for name in ("free", *(f"paid-{number}" for number in range(6))):
        newsroom.writer.article("DELETE", name)


@pytest.mark.parametrize("operations", ["auto", "key", "open"])
def test_how_the_service_stands_is_told_to_those_who_run_it(
    newsroom: Any, serve: Any, headers: Any, operations: str
) -> None:
    service = newsroom.settings.service.model_copy(update={"operations": operations})
    with serve(newsroom.settings.model_copy(update={"service": service})) as running:
        for scope, sent in headers.items():
            told = operations == "open" or scope is Scope.READ
            for path in ("/metrics", "/v1/status"):
                answer = running.reader.get(path, headers=sent)
                assert answer.status_code == (200 if told else 401 if scope is None else 403)
            ready = running.reader.get("/readyz", headers=sent)
            assert (ready.status_code, ready.json()["problems"]) == (200, [] if told else None)
            assert running.reader.get("/healthz", headers=sent).json() == {"status": "ok"}


def test_no_setting_makes_a_lookup_of_keys_a_condition_of_being_alive(settings: Settings, serve: Any) -> None:
    unreachable = settings.model_copy(update={"store": "postgresql://nobody@127.0.0.1:1/none"})
    with serve(unreachable.model_copy(update={"service": ServiceSettings(operations="key")})) as running:
        sent = {"Authorization": "Bearer any"}
        assert running.reader.get("/healthz", headers=sent).status_code == 200
        assert running.reader.get("/metrics", headers=sent).status_code == 503
        assert running.reader.get("/metrics").status_code == 401
