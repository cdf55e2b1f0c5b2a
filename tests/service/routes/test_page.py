from __future__ import annotations

from typing import Any

import pytest

from recommend.articles.article import Article
from recommend_service.http.schemas import PageBody


@pytest.fixture(scope="module")
def front(corpus: list[Article], reader: Any) -> list[str]:
    """Twelve articles that are published, the newest first."""
    shown = [a for a in corpus if a.published_at and reader.get(f"/v1/articles/{a.id}").status_code == 200]
    return [a.id for a in sorted(shown, key=lambda a: str(a.published_at), reverse=True)[:12]]


def test_the_boxes_of_a_page_repeat_no_story_and_come_in_the_order_asked_for(reader: Any, front: list[str]) -> None:
    response = reader.post("/v1/related:page", json={"ids": front}, params={"limit": 4})
    boxes = PageBody.model_validate_json(response.content).boxes
    ids = [item.id for box in boxes for item in box.items]
    alone = [item.id for one in front for item in reader.box(one, limit=4).items]
    assert [box.article_id for box in boxes] == front
    assert [len(box.items) for box in boxes] == [4] * len(front)
    assert (len({*ids}), response.headers["Cache-Control"]) == (len(ids), "no-store")
    assert len({*alone}) < len(alone)
    assert not {*ids} & {*front}


def test_no_story_only_fills_a_box_while_another_of_the_page_has_room_in_which_it_is_related(
    reader: Any, front: list[str]
) -> None:
    boxes = PageBody.model_validate_json(reader.post("/v1/related:page", json={"ids": front[:9]}).content).boxes
    fillers = {item.id for box in boxes for item in box.items[box.related :]}
    for box in boxes:
        if box.article_id is not None and box.related < len(box.items):
            own = reader.box(box.article_id, limit=50)
            assert not fillers & {item.id for item in own.items[: own.related]}


def test_filters_and_what_the_page_shows_hold_for_every_box(reader: Any, front: list[str]) -> None:
    params = {"limit": 3, "section": "World,Politics", "exclude": front[5]}
    response = reader.post("/v1/related:page", json={"ids": front[:5]}, params=params)
    items = [item for box in PageBody.model_validate_json(response.content).boxes for item in box.items]
    assert {item.section for item in items} <= {"World", "Politics"}
    assert front[5] not in {item.id for item in items}


def test_what_the_page_shows_can_be_told_in_the_body_and_in_the_address(reader: Any, front: list[str]) -> None:
    def shown(params: dict[str, str], **body: list[str]) -> list[str]:
        response = reader.post("/v1/related:page", json={"ids": front[:3], **body}, params=params)
        return [item.id for box in PageBody.model_validate_json(response.content).boxes for item in box.items]

    first, second, *_ = shown({})
    narrowed = shown({}, exclude=[first, second])
    assert not {first, second} & {*narrowed}
    assert shown({"exclude": second}, exclude=[first]) == shown({"exclude": f"{first},{second}"}) == narrowed
    refused = reader.post("/v1/related:page", json={"ids": front[:3], "exclude": first})
    assert (refused.status_code, "body.exclude" in refused.json()["detail"]) == (422, True)


@pytest.mark.parametrize("ids", [[], ["x"] * 25, "x"])
def test_a_page_of_no_boxes_or_of_too_many_is_refused(reader: Any, ids: object) -> None:
    assert reader.post("/v1/related:page", json={"ids": ids}).status_code == 422
