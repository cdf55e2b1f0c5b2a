"""No answer outlives what it was made from, however long it could be kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from recommend.articles.article import parse_article
from recommend.articles.card import Card
from recommend.encoder import Encoder
from recommend.index.filters import Filters
from recommend.index.live import LiveView
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.view import View
from recommend.ingest import put
from recommend.jobs.reindex import reindex
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.cache.answers import AnswerCache, CacheKey
from recommend_service.cache.response import CachedResponse
from recommend_service.metrics import Metrics
from recommend_service.state import ServiceState

STORY = "a-central-asia-condemns-drone-attack"
NEAR_URL = "https://meridian-courier.example/cached"
BOX = f"/v1/articles/{STORY}/related?limit=50"
NEAR = {"title": "Central Asian leaders condemn the drone attack on Putin's Novgorod residence once more"}
READY, ASKED = CachedResponse(b"{", b"", b"}", fallback=False, caching="public"), CacheKey("story-1", 5, "latest")


def hits(client: Any) -> float:
    lines = client.get("/metrics").text.splitlines()
    counts = [line for line in lines if line.startswith("recommend_request_seconds_count") and 'cache="hit"' in line]
    return sum(float(line.rpartition(" ")[2]) for line in counts)


def cards(view: View) -> Iterator[Card]:
    for segment in view.segments:
        yield from map(segment.table.card, range(len(segment)))


@pytest.fixture
def store(copied: Settings) -> Iterator[Store]:
    with closing(Store(copied.store)) as opened:
        yield opened


def test_what_was_kept_is_dropped_with_its_view_and_when_time_changes_it(
    copied: Settings, store: Store, encoder: Encoder
) -> None:
    live, cache, now = LiveView(store, IndexLayout(copied.index)), AnswerCache(8, 10**6), 4e9
    old = live.refresh()
    assert cache.get(old, now, ASKED) is None
    cache.put(old, ASKED, READY)
    assert cache.get(old, now + 1e9, ASKED) is READY
    expires = datetime.fromtimestamp(5_000_000_000, UTC)
    put(store, encoder, parse_article({"id": "expiring", "title": "x", "expires_at": expires}))
    new = live.refresh()
    cache.put(new, ASKED, READY)
    assert cache.get(old, now, ASKED) is READY, "an answer of a view that was not looked with is not kept"
    assert cache.get(new, now, ASKED) is None
    for begin, last in ((now, 4_999_999_999.9), (5_000_000_000, 9e9)):
        assert cache.get(new, begin, ASKED) is None
        cache.put(new, ASKED, READY)
        cache.put(new, ASKED, READY, ((b"/x", b""), "/x", math.inf))
        assert cache.get(new, last, ASKED) is READY
    assert cache.target(new, 9e9, (b"/x", b"")) is not None
    assert cache.get(new, now, ASKED) is None, "a clock that was set back"
    assert cache.target(new, now, (b"/x", b"")) is None


def test_it_keeps_as_many_answers_as_it_may_and_drops_the_least_recently_asked(
    indexed: tuple[Settings, Store],
) -> None:
    settings, store = indexed
    view, cache, off = (
        LiveView(store, IndexLayout(settings.index)).refresh(),
        AnswerCache(2, 10**6),
        AnswerCache(0, 10**6),
    )
    asked = [CacheKey(f"story-{number}", 5, "latest") for number in range(3)]
    for one in asked:
        cache.get(view, 1.0, asked[0])
        off.get(view, 1.0, one)
        cache.put(view, one, READY)
        off.put(view, one, READY)
        off.put(view, one, READY, ((b"", b""), "", math.inf))
    assert [cache.get(view, 1.0, one) for one in asked] == [READY, None, READY]
    assert (len(cache), len(off)) == (2, 0)


def test_what_it_keeps_is_bounded_in_bytes_and_answers_about_unknown_articles_go_first(
    indexed: tuple[Settings, Store],
) -> None:
    settings, store = indexed
    view = LiveView(store, IndexLayout(settings.index)).refresh()
    cache, large = AnswerCache(10**6, 100_000), CachedResponse(b"x" * 10_000, b"", b"", fallback=False, caching="")
    known = ASKED._replace(article_id="known")
    cache.get(view, 1.0, known)
    cache.put(view, known, large, ((b"/known", b""), "", math.inf))
    for number in range(1_000):
        cache.put(view, None, large, ((b"/unknown/%d" % number, b""), "", math.inf), known=False)
        assert cache.size <= 100_000
    assert 1 < len(cache) < 10
    assert cache.target(view, 1.0, (b"/known", b"")) is not None
    for number in range(1_000):  # other words for the same: the answer goes, with all that leads to it
        cache.put(view, known, large, ((b"/known", b"%d" % number), "", math.inf))
        assert cache.size <= 100_000


def test_a_path_leads_to_what_was_put_last(indexed: tuple[Settings, Store]) -> None:
    settings, store = indexed
    view, cache = LiveView(store, IndexLayout(settings.index)).refresh(), AnswerCache(8, 10**6)
    cache.get(view, 1.0, ASKED)
    other = ASKED._replace(limit=7)
    for asked, until in ((ASKED, 2.0), (other, 3.0)):
        cache.put(view, asked, READY, ((b"/x", b""), "", until))
    size = cache.size
    cache.put(view, other, READY, ((b"/x", b""), "", 3.0))
    assert cache.size == size
    assert cache.target(view, 2.5, (b"/x", b"")) is not None
    assert cache.target(view, 3.5, (b"/x", b"")) is None


def test_bounds_between_which_no_article_is_dated_ask_the_same(indexed: tuple[Settings, Store]) -> None:
    settings, store = indexed
    view = LiveView(store, IndexLayout(settings.index)).refresh()
    dates = sorted({card.published_at for card in cards(view) if card.published_at is not None})
    second = timedelta(seconds=1)
    for before, date in pairwise(dates):
        bounds = before + second, date, date + timedelta(microseconds=999_999)
        asked = [ASKED._replace(filters=Filters(since=since)).normalised(view) for since in bounds]
        assert {one.filters.since for one in asked} == {date}
        assert len(set(asked)) == 1
    late = [ASKED._replace(filters=Filters(since=dates[-1] + n * second)).normalised(view) for n in (1, 10**6)]
    assert late[0] == late[1]
    until = [ASKED._replace(filters=Filters(until=dates[0] + n * second / 2)).normalised(view) for n in (0, 1, 2)]
    assert until[0] == until[1] != until[2]
    assert ASKED.normalised(view) == ASKED


def test_a_path_with_a_moving_bound_is_kept_until_the_oldest_article_within_it_is_too_old(copied: Settings) -> None:
    with closing(ServiceState(copied, Metrics())) as state:
        recommender = state.recommender()
        view, cache = recommender.view(), state.recommenders().cache(recommender)
        oldest = datetime(2025, 1, 1, tzinfo=UTC)
        asked = ASKED._replace(filters=Filters(since=oldest)).normalised(view)
        bound = asked.filters.since
        assert bound is not None
        ends = asked.until(timedelta(days=7))
        assert ends == bound.timestamp() + 7 * 86_400
        cache.get(view, ends - 10, asked)
        cache.put(view, asked, READY, ((b"/x", b"max_age=P7D"), "/x", ends))
        assert cache.target(view, ends - 0.1, (b"/x", b"max_age=P7D")) is not None
        assert cache.target(view, ends, (b"/x", b"max_age=P7D")) is None
        assert asked.until(None) == ASKED.until(timedelta(days=7)) == float("inf")


def test_the_second_answer_comes_from_the_cache_and_the_next_change_ends_that(newsroom: Any) -> None:
    reader, writer = newsroom.reader, newsroom.writer
    assert writer.article("PUT", "cached-1", json=NEAR).status_code == 201
    by_url = f"/v1/related?limit=50&fallback=none&url={NEAR_URL}"
    assert writer.article("PUT", "cached-2", json={**NEAR, "title": "Drones again", "url": NEAR_URL}).status_code == 201
    before = hits(reader)
    for path in (BOX, f"{BOX}&section=&tag=", by_url):
        first, second, third = (reader.get(path) for _ in range(3))
        assert first.status_code == 200
        same = [{**answer.json(), "request_id": ""} for answer in (first, second, third)]
        assert same[0] == same[1] == same[2]
        assert len({answer.json()["request_id"] for answer in (first, second, third)}) == 3
    assert hits(reader) - before == 6
    assert "cached-1" in reader.get(BOX).text
    assert writer.article("DELETE", "cached-1").status_code == 204
    assert "cached-1" not in reader.get(BOX).text
    assert writer.article("DELETE", "cached-2").status_code == 204
    assert reader.get(by_url).status_code == 404


def test_a_change_by_another_process_ends_it_too(copied: Settings, encoder: Encoder, serve: Any) -> None:
    with closing(Store(copied.store)) as store, serve(copied) as service:
        gone, *_ = service.reader.shown(STORY)
        assert gone in service.reader.shown(STORY)
        store.delete(gone)
        assert gone not in service.reader.shown(STORY)
        before = service.reader.box(STORY)
        manifest = reindex(store, encoder, copied).manifest
        service.reader.await_snapshot(manifest.name)
        assert service.reader.box(STORY).snapshot == manifest.name != before.snapshot


def test_an_article_expires_from_a_kept_answer_by_the_clock_alone(newsroom: Any) -> None:
    expires = datetime.now(UTC) + timedelta(seconds=3)
    newsroom.writer.article("PUT", "cached-expiring", json={**NEAR, "expires_at": expires.isoformat()})
    answers = [newsroom.reader.box(STORY, limit=50) for _ in range(2)]
    assert all("cached-expiring" in {item.id for item in answer.items} for answer in answers)
    time.sleep(max(0.0, (expires - datetime.now(UTC)).total_seconds()))
    after = newsroom.reader.box(STORY, limit=50)
    assert "cached-expiring" not in {item.id for item in after.items}
    assert after.revision == answers[0].revision


def test_a_pin_and_a_block_end_in_a_kept_answer_by_the_clock_alone(newsroom: Any) -> None:
    first, *_, last = newsroom.reader.shown(STORY, limit=20)
    until = datetime.now(UTC) + timedelta(seconds=3)
    choices = {
        "pinned": [{"id": last, "until": until.isoformat()}],
        "blocked": [{"id": first, "until": until.isoformat()}],
    }
    assert newsroom.writer.put(f"/v1/articles/{STORY}/curation", json=choices).status_code == 200
    for _ in range(2):
        during = newsroom.reader.shown(STORY, limit=20)
        assert during[0] == last
        assert first not in during
    time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()))
    after = newsroom.reader.shown(STORY, limit=20)
    assert after[0] == first
    assert after[-1] == last


def test_a_maximal_age_moves_with_the_clock(newsroom: Any) -> None:
    published = datetime.now(UTC) - timedelta(seconds=57)
    newsroom.writer.article("PUT", "cached-ageing", json={**NEAR, "published_at": published.isoformat()})
    assert "cached-ageing" in newsroom.reader.shown(STORY, max_age=60)
    time.sleep(4)
    assert "cached-ageing" not in newsroom.reader.shown(STORY, max_age=60)


def test_a_service_without_a_cache_answers_the_same(sample: Settings, reader: Any, serve: Any) -> None:
    settings = sample.model_copy(update={"service": sample.service.model_copy(update={"cache_size": 0})})
    with serve(settings) as service:
        answers = [service.reader.box(STORY, limit=20) for _ in range(2)]
        assert hits(service.reader) == 0
    assert answers[0].items == answers[1].items == reader.box(STORY, limit=20).items


def test_answers_to_overlong_requests_are_not_kept(sample: Settings, serve: Any) -> None:
    with serve(sample) as service:
        for article_id, length in (("x" * 100, 1), ("y" * 3_000, 0), ("z" * 60_000, 0)):
            before = hits(service.reader)
            for _ in range(2):
                answer = service.reader.get(f"/v1/articles/{article_id}/related")
                assert answer.json()["article_id"] == article_id
            assert hits(service.reader) - before == length


def test_each_recommender_has_a_cache_of_its_own(sample: Settings) -> None:
    with closing(ServiceState(sample, Metrics())) as state:
        one, other = state.recommender(), Recommender(state.store, sample)
        assert state.recommenders().cache(one) is state.recommenders().cache(one)
        assert state.recommenders().cache(one) is not state.recommenders().cache(other)


def test_an_order_by_age_leads_from_its_path_until_the_day_is_over_and_no_longer() -> None:
    day = ASKED._replace(day=20_000)
    assert ASKED.until(None) == math.inf
    assert day.until(None) == 20_001 * 86_400
    since = datetime.fromtimestamp(20_000 * 86_400 + 50, UTC)
    narrowed = day._replace(filters=Filters(since=since))
    assert narrowed.until(timedelta(seconds=7)) == 20_000 * 86_400 + 57
    assert narrowed.until(timedelta(days=7)) == 20_001 * 86_400
    assert day != ASKED
