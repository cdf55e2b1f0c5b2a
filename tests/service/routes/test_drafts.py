from __future__ import annotations

from typing import Any

import pytest

from recommend.articles.article import Article
from recommend_service.http.schemas import AnswerBody, Item

DRONES, TWIN = "a-central-asia-condemns-drone-attack", "a-wire-central-asia-drone-attack"
CLAIM = "a-lavrov-novgorod-drone-claim"


def _box(reader: Any, *ids: str, **params: Any) -> list[Item]:
    response = reader.post("/v1/related", json={"ids": ids}, params={"limit": 20, **params})
    assert response.status_code == 200, response.text
    answer = AnswerBody.model_validate_json(response.content)
    assert (answer.article_id, answer.fallback, response.headers["Cache-Control"]) == (None, None, "no-store")
    return answer.items


@pytest.fixture(scope="module")
def other(corpus: list[Article], reader: Any) -> str:
    """An article with a story of its own that has nothing to do with the drones."""
    away = {item.id for item in reader.box(DRONES, limit=50).items}
    return next(
        a.id
        for a in corpus
        if a.section == "Sport"
        and a.id not in away
        and a.genre == "news"
        and a.status == "published"
        and reader.box(a.id).related > 1
    )


def test_a_history_of_one_article_is_the_box_of_that_article(reader: Any) -> None:
    box = reader.box(DRONES, limit=20)
    items = _box(reader, DRONES)
    assert [(item.id, item.reason) for item in items] == [(item.id, item.reason) for item in box.items]
    assert [item.score for item in items] == pytest.approx([item.score for item in box.items], abs=2e-4)


def test_what_was_read_last_counts_most_and_what_was_read_before_counts_too(reader: Any, other: str) -> None:
    drones, sport = ({item.id for item in reader.box(one).items} for one in (DRONES, other))
    late, early = ([item.id for item in _box(reader, *ids)] for ids in ((other, DRONES), (DRONES, other)))
    assert late[0] in drones
    assert early[0] in sport
    assert set(late) & drones
    assert set(late) & sport


def test_nothing_that_was_read_is_in_the_box_nor_a_duplicate_of_it_however_long_ago(
    reader: Any, corpus: list[Article]
) -> None:
    others = [a.id for a in corpus if a.status == "published" and a.language == "en" and "drone" not in a.id][:8]
    shown = {item.id for item in _box(reader, DRONES, CLAIM, *others, limit=50)}
    assert shown
    assert not {DRONES, TWIN, CLAIM, *others} & shown
    assert TWIN not in {item.id for item in _box(reader, DRONES, others[0], limit=50)}


def test_the_order_and_the_scores_are_one_ranking_with_whole_items(reader: Any, other: str) -> None:
    items = _box(reader, other, DRONES, explain=True)
    scores = [item.score for item in items]
    assert scores == sorted(scores, reverse=True)
    assert [item.rank for item in items] == list(range(1, 21))
    assert all(item.explanation and item.reason.kind != "latest" for item in items)
    assert items == _box(reader, other, DRONES, explain=True)


def test_unknown_ids_are_passed_over_and_a_repeated_one_counts_where_it_came_last(reader: Any, other: str) -> None:
    plain = _box(reader, other, DRONES)
    assert _box(reader, "unknown", DRONES, other, "\x00", DRONES, "unknown") == plain


def test_what_was_published_a_moment_ago_belongs_to_a_history_and_what_was_taken_down_does_not(newsroom: Any) -> None:
    article = newsroom.writer.article("GET", DRONES).json()
    texts = {
        "read-now": "Drone wreckage from Novgorod goes on display in Moscow",
        "shown-now": "Kazakhstan repeats its condemnation of the drone attack on Putin's Novgorod residence",
    }
    for article_id, title in texts.items():
        fields = {**article, "id": article_id, "title": title, "text": "", "summary": None}
        assert newsroom.writer.article("PUT", article_id, json=fields).status_code == 201
    shown = {item.id for item in _box(newsroom.reader, "read-now")}
    assert "shown-now" in shown
    assert "read-now" not in shown
    for article_id in ("shown-now", "read-now"):
        newsroom.writer.article("DELETE", article_id)
    assert not {"shown-now", "read-now"} & {item.id for item in _box(newsroom.reader, DRONES, "read-now")}


def test_filters_hold_for_a_history(reader: Any) -> None:
    first = _box(reader, DRONES)[0]
    assert {item.section for item in _box(reader, DRONES, CLAIM, section="Politics")} == {"Politics"}
    assert first.id not in {item.id for item in _box(reader, DRONES, exclude=first.id)}


def test_where_nothing_is_known_the_newest_stand_in_and_say_so(reader: Any) -> None:
    answer = reader.post("/v1/related", json={"ids": ["unknown"]}).json()
    assert (answer["article_id"], answer["fallback"], len(answer["items"])) == (None, "latest", 5)
    assert answer["items"] == reader.get("/v1/articles/unknown/related").json()["items"]


def test_a_box_that_is_short_says_why(reader: Any) -> None:
    answer = reader.post("/v1/related", json={"ids": [DRONES, CLAIM]}, params={"section": "No such"}).json()
    assert (answer["items"], answer["fallback"]) == ([], None)
    assert answer["short"].startswith("only 0 of ")


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"ids": []}, "body.history.ids: "),
        ({"ids": ["a"] * 51}, "body.history.ids: "),
        ({"ids": "a"}, "body.history.ids: "),
        ({"ids": [7]}, "body.history.ids.0: "),
        ({"ids": ["a"], "limit": 3}, "body.history.limit: "),
        ({}, "body.draft.title: "),
    ],
)
def test_what_is_neither_a_draft_nor_a_history_is_refused_by_name(reader: Any, body: Any, complaint: str) -> None:
    refused = reader.post("/v1/related", json=body)
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(complaint)


def test_both_shapes_stand_in_the_document_with_an_example_each(reader: Any) -> None:
    document = reader.get("/openapi.json").json()
    content = document["paths"]["/v1/related"]["post"]["requestBody"]["content"]["application/json"]
    assert content["examples"].keys() == {"draft", "history"}
    assert {"Draft", "History", "QueryBody"} <= document["components"]["schemas"].keys()
