"""Editors rule over HTTP: what is put holds at once, what is tried holds for nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

STORY = "a-central-asia-condemns-drone-attack"


def _put(newsroom: Any, *rules: dict[str, Any], **query: Any) -> Any:
    return newsroom.writer.put("/v1/rules", json={"rules": rules}, params=query)


@pytest.fixture
def unruled(newsroom: Any) -> Iterator[Any]:
    """Takes back what a test ruled."""
    yield newsroom
    assert _put(newsroom).status_code == 200


def test_rules_hold_from_the_next_answer_on_and_kept_ones_go(unruled: Any) -> None:
    before = unruled.reader.get(f"/v1/articles/{STORY}/related")
    ids = [item["id"] for item in before.json()["items"]]
    put = _put(
        unruled,
        {"name": "not this", "then": {"leave_out": {"id": ids[0]}}},
        {"name": "this first", "when": {"id": STORY}, "then": {"pin": ids[3]}},
    )
    assert put.status_code == 200, put.text
    after = unruled.reader.get(f"/v1/articles/{STORY}/related", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert after.json()["revision"] == put.json()["revision"]
    items = after.json()["items"]
    assert [item["id"] for item in items][:3] == [ids[3], ids[1], ids[2]]
    assert items[0]["reason"] == {"kind": "pinned", "text": "Editors' choice", "terms": [], "rules": ["this first"]}
    assert all("rules" not in item["reason"] for item in items[1:])
    explained = unruled.reader.get(f"/v1/articles/{STORY}/related", params={"explain": True}).json()
    assert explained["removed"]["rules"] == 1
    assert "not this" not in str(explained["near_misses"])
    assert _put(unruled).status_code == 200
    back = unruled.reader.get(f"/v1/articles/{STORY}/related").json()
    assert [item["id"] for item in back["items"]] == ids


def test_what_each_rule_comes_to_is_told_when_it_is_put(unruled: Any) -> None:
    put = _put(
        unruled,
        {"name": "nowhere", "when": {"section": "No such section"}, "then": {"leave_out": {"tag": "no such tag"}}},
        {"name": "all", "then": {"only": {"id": STORY}}},
        {"name": "none", "then": {"leave_out": {"id": STORY}}},
    )
    nowhere, all_, none = put.json()["checked"]
    assert (nowhere["stories"], nowhere["candidates"]) == (0, 0)
    assert nowhere["warnings"] == ["when: matches no story", "leave_out: matches no story"]
    assert all_["stories"] > all_["candidates"] == 1
    assert "together leave nothing" in none["warnings"][0]


def test_a_value_that_only_the_case_tells_from_one_that_there_is_has_that_named(unruled: Any) -> None:
    section = unruled.reader.get(f"/v1/articles/{STORY}/related").json()["items"][0]["section"]
    (checked,) = _put(unruled, {"name": "A", "when": {"section": section.upper()}, "then": {"pin": STORY}}).json()[
        "checked"
    ]
    assert checked["warnings"] == [f"when: matches no story; there is {section!r}"]


def test_the_rules_and_their_history_are_told_to_editors_and_to_nobody_else(unruled: Any) -> None:
    rule = {"name": "later", "from": "2999-01-01T00:00:00Z", "then": {"at_most": 1, "per": "author"}}
    revision = _put(unruled, rule).json()["revision"]
    told = unruled.writer.get("/v1/rules").json()
    assert (told["rules"], told["revision"]) == ([rule], revision)
    assert told["history"][0]["rules"] == [rule]
    assert told["history"][0]["changed_by"].startswith("settings:")
    assert unruled.reader.get("/v1/rules").status_code == 401
    assert unruled.reader.put("/v1/rules", json={"rules": []}).status_code == 401
    assert unruled.reader.post("/v1/rules:try", json={"rules": []}).status_code == 401
    stale = _put(unruled, over=revision - 1)
    assert stale.status_code == 409
    assert f"those of revision {revision}" in stale.json()["detail"]
    assert _put(unruled, over=revision).status_code == 200
    again = _put(unruled, rule).json()["revision"]
    latest = unruled.writer.get("/v1/rules").json()["history"][0]
    assert (latest["revision"], latest["same_as"]) == (again, revision)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"rules": [{"name": "A", "then": {"boost": 3}}]}, "body: rule 1 'A': then.boost is unknown: there are prefer"),
        ({"rules": [{"name": "A", "then": {"prefer": {"tag": "x"}, "factor": 99}}]}, "then.factor 99: Input should be"),
        ({"rule": []}, "rule is unknown: did you mean rules?"),
        ({}, "body: rules: the document says nothing; to do without any, write rules = []"),
        ([], "Input should be"),
    ],
)
def test_what_is_wrong_is_refused_by_name(unruled: Any, body: Any, said: str) -> None:
    for response in (
        unruled.writer.put("/v1/rules", json=body),
        unruled.writer.post("/v1/rules:try", json=body),
    ):
        assert response.status_code == 422
        assert said in response.json()["detail"]


def test_parameters_that_the_routes_do_not_have_are_refused(unruled: Any) -> None:
    body: dict[str, Any] = {"rules": []}
    for response, said in (
        (unruled.writer.put("/v1/rules", json=body, params={"ovr": 1}), "did you mean over?"),
        (unruled.writer.post("/v1/rules:try", json=body, params={"idz": "nope"}), "did you mean ids?"),
        (unruled.writer.get("/v1/rules", params={"limit": 1}), "is not a parameter; there are none"),
    ):
        assert response.status_code == 422
        assert said in response.json()["detail"]


def test_what_is_tried_shows_boxes_before_and_after_and_changes_none(unruled: Any) -> None:
    ids = unruled.reader.shown(STORY)[:5]
    rules = {"rules": [{"name": "not this", "when": {"id": STORY}, "then": {"leave_out": {"id": ids[0]}}}]}
    tried = unruled.writer.post("/v1/rules:try", json=rules)
    assert tried.status_code == 200, tried.text
    (box,) = tried.json()["boxes"]
    assert (box["id"], box["changed"]) == (STORY, True)
    assert [item["id"] for item in box["before"]] == ids
    assert [item["id"] for item in box["after"]][:4] == ids[1:]
    assert box["before"][0]["step"] == "left"
    assert unruled.reader.shown(STORY)[:5] == ids
    named = unruled.writer.post("/v1/rules:try", json=rules, params={"ids": f"{ids[1]},{ids[2]}", "limit": 3}).json()
    assert [(one["id"], one["changed"], len(one["after"])) for one in named["boxes"]] == [
        (ids[1], False, 3),
        (ids[2], False, 3),
    ]
    assert unruled.writer.post("/v1/rules:try", json=rules, params={"ids": "unheard-of"}).status_code == 404


def test_where_nothing_would_be_left_the_trial_shows_what_readers_would_see(unruled: Any) -> None:
    rule = {"name": "nothing", "when": {"id": STORY}, "then": {"only": {"tag": "unheard-of"}}}
    tried = unruled.writer.post("/v1/rules:try", json={"rules": [rule]}).json()
    (box,) = tried["boxes"]
    assert (box["before_fallback"], box["after_fallback"]) == (None, "latest")
    assert tried["tally"]["emptied"] == 1
    assert tried["tally"]["related_before"] > tried["tally"]["related_after"] == 0
    assert _put(unruled, rule).status_code == 200
    seen = unruled.reader.get(f"/v1/articles/{STORY}/related").json()
    assert [item["id"] for item in box["after"]] == [item["id"] for item in seen["items"]]


def test_each_rule_that_means_something_is_shown_by_a_box(unruled: Any) -> None:
    every = {"name": "all", "then": {"at_most": 5, "per": "author"}}
    some = unruled.writer.post("/v1/rules:try", json={"rules": [every]}).json()["boxes"]
    ids = [box["id"] for box in some if box["id"] != STORY][4:7]
    rules = [{"name": one, "when": {"id": one}, "then": {"pin": STORY}} for one in ids]
    none = {"name": "none", "when": {"id": "unheard-of"}, "then": {"pin": STORY}}
    boxes = unruled.writer.post("/v1/rules:try", json={"rules": [every, *rules, none]}).json()["boxes"]
    assert set(ids) <= {box["id"] for box in boxes}
    assert len(boxes) == 10
