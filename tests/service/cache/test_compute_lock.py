"""Answers that are not ready are made one at a time, and nobody else waits for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response

from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.app import create_app


def asked_at_once(settings: Settings, paths: Sequence[str], made: list[str]) -> list[tuple[str, Response]]:
    """What each of requests is answered that come in before the first is attended to, as they are answered; what was
    made before the service was ready leaves ``made``."""
    answered = []

    async def ask(client: AsyncClient, path: str) -> None:
        answered.append((path, await client.get(path)))

    async def ask_all() -> None:
        app = create_app(settings)
        transport = ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            AsyncClient(transport=transport, base_url="http://service") as client,
        ):
            made.clear()
            await asyncio.gather(*(ask(client, path) for path in paths))

    asyncio.run(ask_all())
    return answered


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids that answers are made for."""
    ids: list[str] = []
    make = Recommender.answer

    def note(self: Recommender, article_id: str, *given: Any, **options: Any) -> Any:
        ids.append(article_id)
        return make(self, article_id, *given, **options)

    monkeypatch.setattr(Recommender, "answer", note)
    return ids


def boxes(indexed: tuple[Settings, Store], count: int) -> list[str]:
    ids = sorted(Recommender(indexed[1], indexed[0]).view().ids())[:count]
    return [f"/v1/articles/{one}/related" for one in ids]


def test_a_request_behind_many_for_boxes_that_are_not_ready_waits_for_few_of_them(
    sample: Settings, indexed: tuple[Settings, Store], made: list[str]
) -> None:
    answered = asked_at_once(sample, [*boxes(indexed, 40), "/healthz"], made)
    assert [answer.status_code for _, answer in answered] == [200] * 41
    assert len(made) == 40
    assert [path for path, _ in answered].index("/healthz") < 10


def test_requests_for_one_box_that_is_not_ready_have_it_made_once(
    sample: Settings, indexed: tuple[Settings, Store], made: list[str]
) -> None:
    path = boxes(indexed, 1)[0]
    answered = asked_at_once(sample, [path, f"{path}?limit=5", path, path], made)
    assert len(made) == 1
    assert len({answer.headers["etag"] for _, answer in answered}) == 1
