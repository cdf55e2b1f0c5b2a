"""What happens when much has changed since the snapshot."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import pytest

from recommend.articles.article import parse_article
from recommend.encoder import Encoder
from recommend.ingest import put
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.metrics import Metrics
from recommend_service.reindex_watch import ReindexWatch
from recommend_service.state import ServiceState

DUE = "1 articles changed since snapshot r"


@pytest.fixture
def due(copied: Settings, encoder: Encoder) -> Callable[..., Settings]:
    """Settings by which a re-index is due after the one change that there is."""
    with closing(Store(copied.store)) as store:
        put(store, encoder, parse_article({"id": "new", "title": "Leaders condemn drone attack"}))

    def settings(*, starts: bool, **indexing: Any) -> Settings:
        groups: dict[str, Any] = {
            "indexing": copied.indexing.model_copy(update={"due": 1, **indexing}),
            "service": copied.service.model_copy(update={"reindex": starts}),
        }
        return copied.model_copy(update=groups)

    return settings


def watch(settings: Settings, until: Callable[[ServiceState], object]) -> None:
    """Runs the service's watch until something holds, and a while longer."""

    async def watching() -> None:
        with closing(ServiceState(settings, Metrics())) as state:
            state.open()
            task = asyncio.create_task(ReindexWatch(state, 0.01).watch())
            async with asyncio.timeout(300):
                while not until(state):
                    await asyncio.sleep(0.05)
            await asyncio.sleep(0.2)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    asyncio.run(watching())


def test_a_reindex_that_is_due_is_asked_for_once(due: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "recommend_service.reindex_watch"):
        watch(due(starts=False), lambda _: caplog.messages)
    (said,) = caplog.messages
    assert said.startswith(DUE)
    assert said.endswith(": run recommend reindex")


def test_it_is_started_where_the_settings_say_so_and_readers_move_on_to_the_new_snapshot(
    due: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings = due(starts=True)
    with closing(ServiceState(settings, Metrics())) as state:
        before = state.recommender().snapshot
    with caplog.at_level(logging.WARNING, "recommend_service.reindex_watch"):
        watch(settings, lambda state: state.recommender().snapshot != before)
    said = [record.message for record in caplog.records if record.name == "recommend_service.reindex_watch"]
    assert [message.rpartition(": ")[2] for message in said] == ["starting recommend reindex"]


def test_a_job_that_fails_is_told_and_not_started_again(due: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "recommend_service.reindex_watch"):
        watch(due(starts=True, kind="none-such"), lambda _: len(caplog.messages) > 1)
    asked, failed = caplog.messages
    assert asked.startswith(DUE)
    assert failed.startswith("recommend reindex ended with 1: ")
    assert "none-such" in failed
