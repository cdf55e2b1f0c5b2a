"""The newsroom of the demonstration: publish a story, see it under old ones, take it down."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from recommend.settings import Settings

OLD = "a-central-asia-condemns-drone-attack"
STORY = {
    "title": "Tokayev and Mirziyoyev condemn drone attack on Putin residence in Novgorod",
    "summary": "Central Asian leaders condemn the alleged drone attack on Putin's residence as Kyiv calls it a fake.",
    "text": "The leaders of Central Asia condemned an alleged Ukrainian drone raid on Putin's residence in Novgorod.",
    "section": "World",
}


@pytest.fixture
def newsroom(copied: Settings, serve: Any) -> Iterator[Any]:
    service = copied.service.model_copy(update={"site_publishing": True})
    with serve(copied.model_copy(update={"service": service})) as running:
        yield running.reader


def _box(reader: Any, limit: int = 5) -> list[str]:
    return [item["id"] for item in reader.get(f"/v1/articles/{OLD}/related?limit={limit}").json()["items"]]


def test_a_story_stands_under_an_old_one_as_soon_as_it_is_published_and_vanishes_when_taken_down(newsroom: Any) -> None:
    lead = newsroom.post("/publish", data=STORY)
    assert lead.status_code == 303
    own = lead.headers["Location"].removeprefix("/stories/")
    page = newsroom.get(lead.headers["Location"]).text
    assert own in _box(newsroom, 50)
    under = re.findall(r'<li><a href="/stories/([^"]+)"><bdi>', page.partition('class="newsroom"')[2])
    assert under
    boxes = [newsroom.get(f"/v1/articles/{one}/related").json()["items"] for one in under]
    assert all(own in {item["id"] for item in items} for items in boxes)
    assert newsroom.post(f"/publish/{own}/takedown").status_code == 303
    assert newsroom.get(lead.headers["Location"]).status_code == 404
    assert own not in _box(newsroom, 50)


def test_only_what_was_published_here_may_be_taken_down_here(newsroom: Any) -> None:
    assert newsroom.post(f"/publish/{OLD}/takedown").status_code == 404
    assert newsroom.get(f"/v1/articles/{OLD}").status_code == 200


def test_a_form_of_another_site_changes_nothing(newsroom: Any) -> None:
    for origin in ("https://evil.example", "null"):
        assert newsroom.post("/publish", data=STORY, headers={"Origin": origin}).status_code == 403
    assert not any(one.startswith("published-here-") for one in _box(newsroom, 50))


def test_what_is_no_story_is_told_and_what_was_written_stays(newsroom: Any) -> None:
    told = newsroom.post("/publish", data={"title": " ", "text": "<b>kept</b>"})
    assert told.status_code == 422
    assert 'role="alert"' in told.text
    assert "&lt;b&gt;kept" in told.text


def test_without_the_setting_nobody_publishes(reader: Any) -> None:
    assert reader.get("/publish").status_code == 404
    assert reader.post("/publish", data=STORY).status_code == 404
    assert ">Publish<" not in reader.get("/").text
