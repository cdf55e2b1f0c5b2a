"""After any changes, what is still kept is what would be answered now.

``STEPS=n`` sets how many rounds of changes are made.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from recommend.articles.article import Article, Status, parse_article
from recommend.articles.curation import Choice, Curation
from recommend.articles.rule_documents import read_rules
from recommend.encoder import Encoder
from recommend.index.filters import Filters
from recommend.ingest import ingest
from recommend.jobs.reindex import reindex
from recommend.ranking.candidates import FEATURES
from recommend.ranking.features import compute_features
from recommend.ranking.freshness import by_the_clock
from recommend.ranking.kept import MOST_CHANGES
from recommend.ranking.newcomers import features_under
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, RankingSettings, Settings
from recommend.store import Store
from recommend_service.cache.answers import AnswerCache, CacheKey
from recommend_service.cache.response import CachedResponse

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
COUNT = 400
STEPS = int(os.environ.get("STEPS", "40"))
FILTERED = Filters(section="World")


def rows(chance: Random, count: int, prefix: str) -> list[dict[str, Any]]:
    """Articles on twenty topics, some of every description."""
    words = ["".join(chance.choices("bdfgklmnprst", k=3) + chance.choices("aeiou", k=2)) for _ in range(800)]

    def row(n: int) -> dict[str, Any]:
        topic = chance.randrange(20)
        own = words[topic * 40 : topic * 40 + 40] * 3 + words
        return {
            "id": f"{prefix}{n:03}",
            "title": " ".join(chance.choices(own, k=6)),
            "text": " ".join(chance.choices(own, k=chance.choice([20, 40, 120]))),
            "published_at": chance.choice([None, *[NOW - DAY * chance.randrange(60)] * 5]),
            "section": chance.choice([None, "World", "Sport"]),
            "language": chance.choice([None, "en", "en-GB", "en", "es"]),
            "genre": chance.choice([None, "news", "news", "opinion"]),
            "tags": chance.choice([[], ["a"], ["b", f"t{topic}"]]),
            "authors": chance.choice([[], ["Ada"], ["Bo", f"w{topic}"]]),
        }

    return [row(n) for n in range(count)]


RULES: list[dict[str, Any]] = [
    {"name": "few", "then": {"at_most": 2, "per": "author"}},
    {"name": "prefer", "when": {"section": ["World", "Sport"]}, "then": {"prefer": {"tag": "a"}, "factor": 4}},
    {"name": "aged", "when": {"max_age": 20}, "then": {"leave_out": {"min_age": 45}}},
    {"name": "same", "when": {"tag": "b"}, "then": {"leave_out": {"same": "author"}}},
    {"name": "pin", "when": {"section": "World"}, "then": {"pin": "a007", "position": 2}},
    {"name": "ignore", "then": {"ignore": {"tag": "b", "section": "Sport"}}},
    {"name": "latest", "then": {"latest_of_story": True}},
    {"name": "soon", "from": (NOW + DAY / 48).isoformat(), "then": {"leave_out": {"genre": "news"}}},
]


@cache
def spare() -> tuple[dict[str, Any], ...]:
    """What is published later."""
    return tuple(rows(Random(8), 1_000, "n"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, models: Path, toy_encoder: Encoder) -> Path:
    """The folder of a store and an index, for copies."""
    folder = tmp_path_factory.mktemp("built")
    settings = Settings(store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index", models=models)
    with closing(Store(settings.store)) as store:
        ingest(store, toy_encoder, map(parse_article, rows(Random(7), COUNT, "a")))
        reindex(store, toy_encoder, settings)
    return folder


@pytest.fixture(params=["plain", "diverse", "readable", "near", "fresh", "ruled"])
def recommender(request: Any, tmp_path: Path, built: Path, models: Path, toy_encoder: Encoder) -> Iterator[Recommender]:
    rules = PolicySettings(
        diversity=0.3 if request.param == "diverse" else 0.0,
        readable=1 if request.param == "readable" else 0,
        freshness=request.param if request.param in ("near", "fresh") else "any",
        freshness_half_life=10.0,
        max_age={"Sport": 40.0} if request.param == "near" else {},
    )
    settings = Settings(
        store=f"sqlite:///{tmp_path / 'recommend.db'}", index=tmp_path / "index", models=models,
        ranking=RankingSettings(candidates=40), policy=rules,
    )  # fmt: skip
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    with closing(Store(settings.store)) as store:
        if request.param == "ruled":
            store.rules.put(read_rules({"rules": RULES}), "editor")
        yield Recommender(store, settings, toy_encoder)


class Changing:
    """One random change after another."""

    def __init__(self, recommender: Recommender, encoder: Encoder, chance: Random) -> None:
        self.recommender, self.encoder, self.chance = recommender, encoder, chance
        self.spare = [*spare()]

    def change(self, now: float) -> float:
        """Makes one; returns the moment after it."""
        store, chance = self.recommender.store, self.chance
        ids = [*self.recommender.view().ids()]
        kind = chance.choices(["new", "replace", "delete", "pin", "hide", "clock"], [8, 4, 4, 1, 1, 1])[0]
        moment = datetime.fromtimestamp(now, UTC)
        until = chance.choice([None, moment + timedelta(minutes=chance.randrange(90))])
        if kind == "new":
            later = {"published_at": moment + chance.choice([timedelta(0), DAY * -9, timedelta(hours=1)])}
            self.take({**self.spare.pop(), **later, "expires_at": chance.choice([None, None, until])})
        elif kind == "replace":
            status = chance.choice([Status.PUBLISHED, Status.PUBLISHED, Status.DRAFT])
            self.take({**self.spare.pop(), "id": chance.choice(ids), "status": status})
        elif kind == "delete":
            store.delete(chance.choice(ids))
        elif kind == "pin":
            choices = [tuple(Choice(id=one, until=until) for one in chance.sample(ids, 2)) for _ in range(2)]
            store.curations.put(chance.choice(ids), Curation(pinned=choices[0], blocked=choices[1]), "editor")
        elif kind == "hide":
            hidden = until or moment + timedelta(minutes=5)
            store.curations.put(chance.choice(ids), Curation(hidden_until=hidden), "editor")
        else:
            return now + chance.choice([1, 60, 1800])
        return now

    def take(self, row: dict[str, Any]) -> None:
        """Stores an article."""
        ingest(self.recommender.store, self.encoder, [parse_article(row)], republish=True)


def test_after_any_changes_no_kept_answer_is_stale_and_most_are_kept(
    recommender: Recommender, toy_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, now = Random(9), NOW.timestamp()
    changing = Changing(recommender, toy_encoder, chance)
    monkeypatch.setattr("recommend.recommender.time.time", lambda: now)
    cache = AnswerCache(1_000, 10**8, recommender.ranking.comparison)
    looked, survived = 0, 0
    clock = by_the_clock(recommender.settings.policy, None) or recommender.view().rules.ages

    def made(asked: CacheKey) -> CachedResponse | None:
        answer = recommender.answer(asked.article_id, asked.limit, asked.filters)
        return None if answer is None else CachedResponse.of(answer, "", explain=False)

    for step in range(STEPS):
        view = recommender.view()
        for one in chance.sample([*view.ids()], 8):
            asked = CacheKey(one, chance.choice([3, 5]), "none", chance.choice([Filters(), Filters(), FILTERED]))
            asked = asked._replace(day=int(now // 86_400) if clock else None)
            if cache.get(view, now, asked) is None and (ready := made(asked)) is not None:
                cache.put(view, asked, ready)
        for _ in range(chance.choice([1, 1, 1, 4])):
            now = changing.change(now)
        view, kept = recommender.view(), [*cache._by_key]
        looked += len(kept)
        cache.get(view, now, CacheKey("nobody", 1, "none"))
        survived += len(cache)
        held = [asked for asked in cache._by_key if asked.day in (None, int(now // 86_400))]
        for asked in chance.sample(held, min(len(held), 6)) if (step + 1) % 20 else held:
            found, fresh = cache.get(view, now, asked), made(asked)
            assert found is not None
            assert fresh is not None, f"step {step}: {asked.article_id} is gone"
            told = [(one.before, one.between, one.after) for one in (found, fresh)]
            assert told[0] == told[1], f"step {step}: {asked}"
    assert survived > (0 if recommender.settings.policy.readable else 0.5 * looked)


def test_no_answer_is_kept_from_before_a_rule_begins_or_ends(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now = recommender.store, NOW.timestamp()
    monkeypatch.setattr("recommend.recommender.time.time", lambda: now)
    shown = [item.id for item in recommender.related("a001", 5)]
    rule = {"name": "soon", "from": (NOW + DAY / 24).isoformat(), "until": (NOW + DAY / 12).isoformat()}
    store.rules.put(read_rules({"rules": [{**rule, "then": {"leave_out": {"id": shown[0]}}}]}), "editor")
    cache, asked = AnswerCache(1_000, 10**8, recommender.ranking.comparison), CacheKey("a001", 5, "none")
    for later, there in ((0, True), (3_600, False), (7_200, True)):
        now = NOW.timestamp() + later
        assert cache.get(recommender.view(), now, asked) is None
        answer = recommender.answer("a001", 5)
        assert answer is not None
        assert (shown[0] in {item.id for item in answer.items}) == there
        cache.put(recommender.view(), asked, CachedResponse.of(answer, "", explain=False))
        assert cache.get(recommender.view(), now + 1, asked) is not None


def test_answers_of_the_next_snapshot_that_are_ready_when_it_is_served_are_what_would_be_answered_then(
    recommender: Recommender, toy_encoder: Encoder
) -> None:
    store, chance, now = recommender.store, Random(2), NOW.timestamp()
    changing = Changing(recommender, toy_encoder, chance)
    cache, day = AnswerCache(1_000, 10**8, recommender.ranking.comparison), int(now // 86_400)
    clock = by_the_clock(recommender.settings.policy, None) or recommender.view().rules.ages

    def made(by: Recommender, asked: CacheKey) -> CachedResponse | None:
        answer = by.answer(asked.article_id, asked.limit)
        return None if answer is None else CachedResponse.of(answer, "", explain=False)

    def fill(one: AnswerCache, by: Recommender, keys: Iterable[CacheKey]) -> None:
        for asked in keys:
            one.get(by.view(), now, asked)
            if (ready := made(by, asked)) is not None:
                one.put(by.view(), asked, ready, ((asked.article_id.encode(), b""), "/", asked.until(None)))

    before = recommender.view()
    fill(cache, recommender, (CacheKey(one, 5, "none", day=day if clock else None) for one in [*before.ids()][:60]))
    for row in [changing.spare.pop() for _ in range(5)]:
        changing.take(row)
    reindex(store, toy_encoder, recommender.settings)
    after = Recommender(store, recommender.settings, toy_encoder)
    following = cache.empty_copy()
    fill(following, after, [asked for asked, _ in cache.recently_asked(40)])
    assert len(following) == 40
    cache.replace_with(following)
    assert len(cache) == 60
    gone = next(iter(following._by_key))
    store.delete(gone.article_id)
    for row in [changing.spare.pop() for _ in range(5)]:
        changing.take(row)
    view = after.view()
    assert cache.get(view, now, gone) is None
    assert len(cache) >= (0 if recommender.settings.policy.readable else 10)
    for asked in [*cache._by_key]:
        found, fresh = cache.get(view, now, asked), made(after, asked)
        assert found is not None
        assert fresh is not None
        assert [found.before, found.between, found.after] == [fresh.before, fresh.between, fresh.after]
        assert cache.target(view, now, (asked.article_id.encode(), b"")) is not None


@pytest.mark.parametrize("recommender", ["plain"], indirect=True)  # features know of no policy
def test_a_changed_article_has_the_same_features_seen_from_either_side(
    recommender: Recommender, toy_encoder: Encoder
) -> None:
    changing = Changing(recommender, toy_encoder, Random(3))
    for row in [changing.spare.pop() for _ in range(12)]:
        changing.take(row)
    view = recommender.view()
    for place in [(1, row) for row in range(len(view.segments[1]))]:
        for number, segment in enumerate(view.segments):
            some = np.arange(0, len(segment), 7)
            found = features_under(view, number, some, place)
            wanted = [
                compute_features(view.segments[1], 1, segment.query(int(row)), np.array([place[1]])).features[0]
                for row in some
            ]
            np.testing.assert_allclose(found, np.array(wanted), atol=2e-4)
            assert found.shape[1] == len(FEATURES)
            assert not np.isinf(found).any(), "a feature is not known here: every change would drop every answer"


def test_more_changes_than_are_compared_drop_everything(recommender: Recommender, toy_encoder: Encoder) -> None:
    cache, asked = AnswerCache(10, 10**6, recommender.ranking.comparison), CacheKey("a001", 5, "none")
    for count, kept in ((1, True), (MOST_CHANGES + 2, False)):
        view = recommender.view()
        cache.get(view, NOW.timestamp(), asked)
        answer = recommender.answer("a001", 5)
        assert answer is not None
        cache.put(view, asked, CachedResponse.of(answer, "", explain=False))
        far = [Article(id=f"z{n}", title=f"xyzzy{n}", text="quux") for n in range(count)]
        ingest(recommender.store, toy_encoder, far, republish=True)
        held = cache.get(recommender.view(), NOW.timestamp(), asked) is not None
        assert held is (kept and not recommender.settings.policy.readable)
