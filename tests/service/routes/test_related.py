from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from recommend.articles.article import Article
from recommend.ranking.candidates import FEATURES
from recommend.settings import Settings
from recommend_service.http.schemas import AnswerBody, Item

STORY, TWIN = "a-central-asia-condemns-drone-attack", "a-wire-central-asia-drone-attack"
BOX = f"/v1/articles/{STORY}/related"
URL = "https://meridian-courier.example/world/2025/12/central-asia-condemns-drone-attack"
NOVGOROD = {"a-lavrov-novgorod-drone-claim", "a-us-intelligence-no-attempt-residence"}


def test_a_box_holds_other_stories_best_first_with_all_documented_fields(reader: Any) -> None:
    body, shown = reader.get(BOX, params={"limit": 50}).json(), reader.shown(STORY)
    assert body.keys() == AnswerBody.model_fields.keys() - {"removed", "near_misses", "partial"}
    assert all(item.keys() == {field.name for field in fields(Item)} - {"explanation"} for item in body["items"])
    assert all(item["published_at"].endswith("Z") for item in body["items"])
    assert [item["rank"] for item in body["items"]] == list(range(1, 51))
    scores = [item["score"] for item in body["items"]]
    assert scores == sorted(scores, reverse=True)
    assert set(shown[:5]) >= NOVGOROD
    assert not {STORY, TWIN} & set(shown)
    assert (body["article_id"], body["fallback"], body["short"], len(set(shown))) == (STORY, None, None, 50)
    assert [len(reader.box(STORY, **params).items) for params in ({}, {"limit": 1})] == [5, 1]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [*(("limit", value) for value in ("0", "51", "-1", "x", "1.5", "")), ("since", "soon"), ("until", "2026-13-01"),
     ("max_age", "fortnight"), ("max_age", "-P1D"), ("max_age", "-1"), ("fallback", "random"), ("explain", "perhaps"),
     ("reader", "editor"), ("prefer", "old"), ("section", "," * 20), ("-tag", "+" * 20)],
)  # fmt: skip
@pytest.mark.parametrize("path", [BOX, "/v1/related?url=https://a.example/"])
def test_a_parameter_out_of_range_is_refused_by_name(reader: Any, path: str, parameter: str, value: str) -> None:
    refused = reader.get(httpx.URL(path).copy_merge_params({parameter: value}))
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(f"query.{parameter}: ")


@pytest.mark.parametrize(
    ("params", "passes"),
    [
        ({"section": "Sport"}, lambda a: a.section == "Sport"),
        ({"site": "harbor-post.example"}, lambda a: a.site == "harbor-post.example"),
        ({"language": "es"}, lambda a: a.language == "es"),
        ({"section": "Sport,Politics"}, lambda a: a.section in {"Sport", "Politics"}),
        ({"-section": "Sport,Politics"}, lambda a: a.section not in {"Sport", "Politics"}),
        ({"genre": "opinion,letters"}, lambda a: a.genre in {"opinion", "letters"}),
        ({"section": "Politics", "tag": "china"}, lambda a: a.section == "Politics" and "china" in a.tags),
        ({"since": "2026-01-05"}, lambda a: a.published_at >= datetime(2026, 1, 5, tzinfo=UTC)),
        ({"until": "2024-06-30T12:00:00"}, lambda a: a.published_at <= datetime(2024, 6, 30, 12, tzinfo=UTC)),
        (
            {"since": "2025-10-01T02:00:00+02:00", "until": "2025-10-31T00:00:00Z"},
            lambda a: datetime(2025, 10, 1, tzinfo=UTC) <= a.published_at <= datetime(2025, 10, 31, tzinfo=UTC),
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_filter_keeps_exactly_what_passes_it(
    reader: Any, corpus: list[Article], params: dict[str, str], passes: Callable[[Article], bool]
) -> None:
    shown = set(reader.shown(STORY, **params))
    english = [article for article in corpus if article.language == "en" or "language" in params]
    usual = [a for a in english if a.genre == "news" or "genre" in params]
    eligible = {a.id for a in usual if passes(a) and a.status == "published"} - {STORY, TWIN}
    copies = sum("wire" in article_id for article_id in eligible)
    assert shown
    assert shown <= eligible
    assert len(shown) >= min(50, len(eligible) - copies)


def test_max_age_counts_from_now(newsroom: Any) -> None:
    for article_id, days, title in (
        ("age-1", 1, "Drone wreckage from Novgorod goes on display in Moscow"),
        ("age-10", 10, "Astana asks for proof of the attack on Putin's residence"),
    ):
        published = (datetime.now(UTC) - timedelta(days=days)).isoformat()
        newsroom.writer.article("PUT", article_id, json={"title": title, "published_at": published})
    week, month, ever = (set(newsroom.reader.shown(STORY, max_age=age)) for age in (604_800, "P30D", "P99999999D"))
    assert week & {"age-1", "age-10"} == {"age-1"}
    assert month & ({"age-1", "age-10"} | NOVGOROD) == {"age-1", "age-10"}
    assert ever >= NOVGOROD


@pytest.mark.parametrize("repeated", [True, False])
def test_excluded_articles_are_replaced_by_the_next_best(reader: Any, repeated: bool) -> None:
    first, second, *others = reader.shown(STORY, limit=7)
    exclude = [first, second] if repeated else f"{first},{second},,no-such-article"
    assert set(reader.shown(STORY, limit=5, exclude=exclude)) == set(others)


def test_explain_shows_what_each_feature_adds_and_what_the_rules_removed(reader: Any) -> None:
    explained = reader.box(STORY, limit=20, explain="true")
    assert all(item.explanation.keys() == set(FEATURES) for item in explained.items)
    sums = [round(sum(part.adds for part in item.explanation.values()), 3) for item in explained.items]
    assert sums == sorted(sums, reverse=True)
    assert explained.removed["duplicates"] >= 1
    assert TWIN in {miss.id for miss in explained.near_misses if miss.why == "tells the same as the article"}
    assert [item.id for item in explained.items] == reader.shown(STORY, limit=20)


@pytest.mark.parametrize("unknown", ["no-such-article", "b-draft-tiktok-user-questions"])
def test_an_unknown_or_unpublished_article_gets_the_latest_labelled_or_a_404(reader: Any, unknown: str) -> None:
    answer = reader.box(unknown)
    dates = [item.published_at for item in answer.items]
    assert (answer.article_id, answer.fallback, len(dates)) == (unknown, "latest", 5)
    assert dates == sorted(dates, reverse=True)
    assert {(item.score, item.reason.kind) for item in answer.items} == {(0.0, "latest")}
    refused = reader.get(f"/v1/articles/{unknown}/related", params={"fallback": "none"})
    assert refused.status_code == 404
    assert refused.json()["detail"] == f"article '{unknown}' is unknown or not published"


def test_a_known_article_with_nothing_related_says_why_the_box_is_short(reader: Any) -> None:
    empty, latest = (reader.box(STORY, section="Nowhere", fallback=fallback) for fallback in ("none", "latest"))
    assert (empty.items, empty.fallback) == ([], None)
    assert empty.short == "only 0 of 143 other articles are eligible"
    assert (latest.items, latest.fallback, latest.short) == ([], "latest", "only 0 articles pass the filters")


@pytest.mark.parametrize(
    "url", [URL, f"{URL}/", f"http{URL[5:]}", f"{URL}?utm_source=mail&fbclid=1#top", f"{URL[:32].upper()}{URL[32:]}"]
)
def test_an_article_is_found_by_any_form_of_its_url(reader: Any, url: str) -> None:
    by_url = AnswerBody.model_validate_json(reader.get("/v1/related", params={"url": url}).content)
    assert by_url.article_id == STORY
    assert by_url.items == reader.box(STORY).items


@pytest.mark.parametrize("url", ["https://elsewhere.example/", f"{URL}?id=2", "http://[::1", "\x00", "", "//"])
def test_an_unknown_url_gets_the_latest_or_a_404(reader: Any, url: str) -> None:
    latest = AnswerBody.model_validate_json(reader.get("/v1/related", params={"url": url}).content)
    assert (latest.article_id, latest.fallback, len(latest.items)) == (url, "latest", 5)
    assert reader.get("/v1/related", params={"url": url, "fallback": "none"}).status_code == 404
    assert reader.get("/v1/related").json()["detail"] == "query.url: Field required"


@pytest.mark.parametrize(
    "draft",
    [
        {"title": "Putin residence in Novgorod: the drones", "text": "<p>Lavrov <b>says</b> 91&nbsp;came.</p>"},
        {"title": "Drones at the Novgorod residence of Putin: Kyiv calls the claim a fake"},
        {"title": "Drones and Putin", "text": None, "summary": "The alleged attack on a residence in Novgorod"},
    ],
)
def test_a_draft_gets_a_box_without_being_stored(reader: Any, draft: dict[str, Any]) -> None:
    response = reader.post("/v1/related", json={**draft, "published_at": "2026-01-01"}, params={"limit": 6})
    answer = AnswerBody.model_validate_json(response.content)
    assert {item.id for item in answer.items} & NOVGOROD
    assert (answer.article_id, len(answer.items), answer.revision) == (None, 6, 146)
    assert response.headers["Cache-Control"] == "no-store"
    assert reader.get("/v1/status").json()["revision"] == 146


def test_a_draft_of_a_stored_article_is_not_told_to_link_to_itself(reader: Any) -> None:
    draft = {"id": STORY, "title": "Central Asian leaders condemn the drone attack on Putin's residence"}
    answer = reader.post("/v1/related", json=draft, params={"section": "World", "limit": 30, "explain": True}).json()
    assert (answer["article_id"], len(answer["items"])) == (STORY, 30)
    assert STORY not in {item["id"] for item in answer["items"]}
    assert answer["removed"]


def test_an_unchanged_box_has_the_same_tag_and_is_answered_with_304_and_no_body(reader: Any) -> None:
    first, second = reader.get(BOX), reader.get(BOX)
    tag, caching = first.headers["ETag"], first.headers["Cache-Control"]
    assert caching == "public, max-age=600, stale-while-revalidate=86400, stale-if-error=86400"
    assert second.headers["ETag"] == tag
    assert second.json() == {**first.json(), "request_id": second.json()["request_id"]} != first.json()
    for given in (tag, f'"other", {tag}', tag.removeprefix("W/")):
        again = reader.get(BOX, headers={"If-None-Match": given})
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["ETag"], again.headers["Cache-Control"]) == (tag, caching)
    assert reader.get(BOX, headers={"If-None-Match": '"other"'}).status_code == 200
    others = [{"limit": 6}, {"explain": True}, {"section": "World"}]
    assert len({tag, *(reader.get(BOX, params=params).headers["ETag"] for params in others)}) == 4


def test_large_answers_are_compressed_for_clients_that_take_it(reader: Any) -> None:
    zipped, plain = (reader.get(BOX, headers={"Accept-Encoding": coding}) for coding in ("gzip", "identity"))
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert int(zipped.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 2
    assert "Content-Encoding" not in plain.headers
    assert zipped.json()["items"] == plain.json()["items"]
    assert zipped.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"


def test_only_origins_of_the_setting_may_read_across_origins(reader: Any, sample: Settings, serve: Any) -> None:
    ours, theirs = {"Origin": "https://news.example"}, {"Origin": "https://evil.example"}
    allowed = "Access-Control-Allow-Origin"
    assert allowed not in reader.get(BOX, headers=ours).headers
    origins = sample.service.model_copy(update={"cors_origins": [ours["Origin"]]})
    with serve(sample.model_copy(update={"service": origins})) as service:
        read = service.reader.get(BOX, headers=ours)
        unknown = service.reader.get("/v1/articles/x/related?fallback=none", headers=ours)
        refused = service.reader.get(BOX, headers=theirs)
        assert (read.headers[allowed], unknown.headers[allowed]) == (ours["Origin"], ours["Origin"])
        assert allowed not in refused.headers
        assert "Origin" in refused.headers["Vary"]
        asked = {**ours, "Access-Control-Request-Headers": "content-type", "Access-Control-Request-Method": "POST"}
        assert service.reader.options("/v1/related", headers=asked).headers[allowed] == ours["Origin"]


def test_prefer_reorders_the_box_keeps_scores_and_is_taken_by_every_form(reader: Any) -> None:
    plain = reader.box(STORY, limit=28)
    assert reader.box(STORY, limit=28, prefer="any").items == plain.items
    fresh = reader.box(STORY, limit=28, prefer="fresh")
    assert {(item.id, item.score) for item in fresh.items} == {(item.id, item.score) for item in plain.items}
    assert [item.id for item in fresh.items] != [item.id for item in plain.items]
    assert fresh.related == plain.related
    assert {item.id for item in fresh.items[: fresh.related]} == {item.id for item in plain.items[: plain.related]}
    ids = [item.id for item in fresh.items]
    assert reader.shown(STORY, limit=28, prefer="fresh") == ids
    for form in ({"ids": [STORY]}, {"title": "Leaders condemn drone attack", "text": "On a residence near Novgorod."}):
        orders = []
        for prefer in ("any", "fresh"):
            items = reader.post("/v1/related", json=form, params={"limit": 28, "prefer": prefer}).json()["items"]
            orders.append([(item["id"], item["score"]) for item in items])
        assert sorted(orders[0]) == sorted(orders[1])
        assert orders[0] != orders[1]
