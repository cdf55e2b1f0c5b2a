from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from recommend.articles.events import Event
from recommend.store import Store

FIRST, SECOND = "popular-1", "popular-2"


def _click(item_id: str, number: int) -> Event:
    then = datetime.now(UTC) - timedelta(hours=1)
    return Event(kind="click", article_id="a", item_id=item_id, view=f"popular-{number}", position=1, happened_at=then)


def test_what_readers_clicked_most_stands_in_and_is_called_popular(newsroom: Any) -> None:
    for article_id in (FIRST, SECOND):
        newsroom.writer.article("PUT", article_id, json={"title": f"Everybody reads {article_id}"})
    with closing(Store(newsroom.settings.store)) as store:
        store.events.add([_click(FIRST if number % 3 else SECOND, number) for number in range(90)])
    params = {"fallback": "popular", "limit": 50}  # what other tests clicked on may follow
    answers = [newsroom.reader.get("/v1/articles/unheard-of/related", params=params).json() for _ in range(2)]
    for answer in answers:
        assert (answer["fallback"], answer["related"]) == ("popular", 0)
        assert [item["id"] for item in answer["items"][:2]] == [FIRST, SECOND]
        kinds = [item["reason"]["kind"] for item in answer["items"]]
        assert kinds == sorted(kinds, reverse=True)
        assert (kinds[:2], kinds[-1]) == (["popular", "popular"], "latest")
    markup = newsroom.reader.get("/v1/articles/unheard-of/related.html", params=params)
    assert markup.status_code == 200
    assert "Related articles" not in markup.text
    newsroom.writer.article("DELETE", FIRST)
    after = newsroom.reader.get("/v1/articles/unheard-of/related", params=params).json()
    assert FIRST not in {item["id"] for item in after["items"]}
