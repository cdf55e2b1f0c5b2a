"""What comes while a group is written is the next group; nobody's failure is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from recommend.articles.article import Article
from recommend.errors import EncoderError
from recommend.settings import Settings
from recommend_service.put_groups import PutGroups, Written


class Writer:
    """Notes what it is to write, a group at a time."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []

    async def __call__(self, articles: Sequence[Article]) -> list[Written | Exception]:
        self.groups.append([article.title for article in articles])
        await asyncio.sleep(0.05)
        if any(article.title == "x: all fail" for article in articles):
            raise EncoderError("gone")
        return [EncoderError("bad") if "bad" in one.title else (len(self.groups), True) for one in articles]


def put(titles: Sequence[str], most: int, cancelled: str = "") -> tuple[list[list[str]], list[Any]]:
    """The groups that articles of these titles make, whose ids are their first letters, and what each came to."""

    async def run() -> tuple[list[list[str]], list[Any]]:
        groups, write = PutGroups(most), Writer()
        first = asyncio.create_task(groups.put(Article(id="first", title="first"), write))
        while not write.groups:
            await asyncio.sleep(0)
        tasks = [asyncio.create_task(groups.put(Article(id=one[0], title=one), write)) for one in titles]
        await asyncio.sleep(0)
        for one, task in zip(titles, tasks, strict=True):
            if one == cancelled:
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert await first == (1, True)
        return write.groups[1:], results

    return asyncio.run(run())


def test_what_comes_meanwhile_is_written_together_and_no_more_than_fits() -> None:
    groups, results = put(["a", "b", "c", "d", "e"], 3)
    assert groups == [["a", "b", "c"], ["d", "e"]]
    assert results == [(2, True)] * 3 + [(3, True)] * 2
    assert put(["a", "b"], 1)[0] == [["a"], ["b"]]


def test_of_two_with_one_id_the_later_is_written_later() -> None:
    assert put(["a1", "b", "a2", "c", "a3"], 9)[0] == [["a1", "b"], ["a2", "c"], ["a3"]]


def test_who_gave_up_before_its_turn_is_not_written() -> None:
    groups, results = put(["a", "b", "c"], 9, cancelled="b")
    assert groups == [["a", "c"]]
    assert isinstance(results[1], asyncio.CancelledError)


@pytest.mark.parametrize(("titles", "failed"), [(["a", "bad", "c"], [1]), (["a", "b", "x: all fail"], [0, 1, 2])])
def test_each_is_told_what_became_of_it(titles: list[str], failed: list[int]) -> None:
    _, results = put(titles, 9)
    assert [i for i, one in enumerate(results) if isinstance(one, EncoderError)] == failed


def test_articles_put_at_once_are_all_there_when_each_is_acknowledged(copied: Settings, serve: Any) -> None:
    with serve(copied) as service, ThreadPoolExecutor(12) as pool:

        def one(n: int) -> tuple[int, int]:
            body = {"title": f"Number {n} of many", "text": f"Text {n}."}
            stored = service.writer.put(f"/v1/articles/many-{n % 20}", json=body)
            assert service.reader.get(f"/v1/articles/many-{n % 20}").json()["title"].startswith("Number")
            return stored.status_code, stored.json()["revision"]

        told = [*pool.map(one, range(40))]
        assert sorted(status for status, _ in told) == [200] * 20 + [201] * 20
        assert len({revision for _, revision in told}) == 40
        for n in range(20):
            assert service.reader.get(f"/v1/articles/many-{n}/related").json()["items"]
