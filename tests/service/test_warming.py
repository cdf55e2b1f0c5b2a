"""Another snapshot is served with the answers that were asked for of the one before."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import pytest

from recommend.encoder import Encoder
from recommend.jobs.reindex import reindex
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.metrics import Metrics
from recommend_service.state import ServiceState

BOXES = [
    f"/v1/articles/{one}/related" for one in ("a-central-asia-condemns-drone-attack", "a-lavrov-novgorod-drone-claim")
]


def switched(reader: Any, name: str) -> None:
    """Returns once a snapshot is served; what is asked for until then is answered, too."""
    deadline = time.monotonic() + 60
    while (answer := reader.get(BOXES[0]).raise_for_status().json())["snapshot"] != name:
        assert answer["items"]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_kept_is_ready_before_another_snapshot_is_served(
    copied: Settings, encoder: Encoder, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(copied) as service, closing(Store(copied.store)) as store:
        before = [service.reader.get(url).json() for url in BOXES]
        taken_down = before[1]["items"][0]["id"]

        def made(*_: object, **__: object) -> None:
            raise AssertionError("it was not ready")

        name = reindex(store, encoder, copied, full=True).manifest.name
        assert name != before[0]["snapshot"]
        with monkeypatch.context() as patch:
            patch.setattr("recommend_service.routes.related.compute_answer", made)
            switched(service.reader, name)
            after = [service.reader.get(url).json() for url in BOXES]
        for old, new in zip(before, after, strict=True):
            assert new["snapshot"] == name
            assert [item["id"] for item in new["items"]] == [item["id"] for item in old["items"]]
        service.writer.delete(f"/v1/articles/{taken_down}").raise_for_status()
        assert taken_down not in service.reader.get(BOXES[1]).text


def test_a_snapshot_of_which_no_answer_can_be_made_ready_is_served_all_the_same(
    copied: Settings, encoder: Encoder, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def made(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr("recommend_service.warming.compute_answer", made)
    with serve(copied) as service, closing(Store(copied.store)) as store:
        service.reader.get(BOXES[0]).raise_for_status()
        switched(service.reader, reindex(store, encoder, copied, full=True).manifest.name)


def test_answers_are_made_before_the_first_reader_comes(copied: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    made = list[str]()
    answer = Recommender.answer

    def watched(self: Recommender, article_id: str, *given: Any, **options: Any) -> Answer | None:
        made.append(article_id)
        return answer(self, article_id, *given, **options)

    monkeypatch.setattr(Recommender, "answer", watched)
    with closing(ServiceState(copied, Metrics())) as state:
        state.open()
        table = state.recommender().view().segments[0].table
        assert table.id(table.timeline.newest_first[0]) in made


def test_a_service_opens_where_no_answer_can_be_made(copied: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(Recommender, "answer", refused)
    with closing(ServiceState(copied, Metrics())) as state:
        state.open()
        assert state.recommender().snapshot
