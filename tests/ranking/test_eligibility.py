"""Which articles may be shown: hidden ones nowhere, foreign ones not unasked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from recommend.articles.article import Article, Status
from recommend.articles.curation import Choice, Curation
from recommend.encoder import Encoder
from recommend.index.filters import Filters
from recommend.inspection import ranking_of
from recommend.ranking.eligibility import Eligibility
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, Settings
from recommend.stand_ins import latest_answer, popular_answer
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom


def test_a_hidden_article_is_nowhere_until_its_time_has_come_and_keeps_its_own_box(
    newsroom: "Newsroom", monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender, soon = newsroom.recommender(), datetime.now(UTC) + timedelta(hours=1)

    def everywhere() -> list[bool]:
        lists = [
            recommender.related("story-00", 59),
            recommender.listing.latest(60),
            latest_answer(recommender, None, 60).items,
        ]
        return ["story-06" in {item.id for item in items} for items in lists]

    assert everywhere() == [True] * 3
    newsroom.store.curations.put("story-06", Curation(hidden_until=soon), "editor")
    newsroom.store.curations.put("story-00", Curation(pinned=(Choice(id="story-06"),)), "editor")
    assert everywhere() == [False] * 3
    assert len(recommender.related("story-06")) == 5
    monkeypatch.setattr("recommend.recommender.time.time", soon.timestamp)
    assert everywhere() == [True] * 3
    assert recommender.related("story-00")[0].id == "story-06"


def test_an_article_expires_and_another_one_comes_out_by_the_clock_alone(
    newsroom: "Newsroom", monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender, now = newsroom.recommender(), datetime.now(UTC)
    stories = [newsroom.store.get(article_id) for article_id in ("story-06", "story-07")]
    soon, later = now + timedelta(hours=1), now + timedelta(hours=2)
    changes = {"expires_at": soon}, {"published_at": later}
    newsroom.take(*(story.model_copy(update=change) for story, change in zip(stories, changes, strict=True) if story))

    def shown() -> set[str]:
        return {item.id for item in recommender.related("story-00", 59)} & {"story-06", "story-07"}

    assert shown() == {"story-06"}
    monkeypatch.setattr("recommend.recommender.time.time", soon.timestamp)
    assert shown() == set()
    monkeypatch.setattr("recommend.recommender.time.time", later.timestamp)
    assert shown() == {"story-07"}


def test_what_is_kept_for_kinds_of_queries_is_bounded_however_many_kinds_there_are(newsroom: "Newsroom") -> None:
    view = newsroom.recommender().view()
    eligibility, query = Eligibility(view, Filters(), 0.0, newsroom.settings), view.segments[0].query(0)
    first = eligibility.under(query)
    assert eligibility.under(query) is first
    for number in range(1_000):
        eligibility.under(replace(query, genre=f"genre {number}"))
    assert len(eligibility._ruled) <= 32
    assert eligibility.under(query) == first


def test_with_the_policy_off_curation_counts_for_nothing(newsroom: "Newsroom") -> None:
    off = newsroom.recommender().with_settings(policy=PolicySettings(on=False))
    before = ranking_of(off, "story-00", 100)
    choices = tuple(Choice(id=i) for i, _ in before[3:6])
    newsroom.store.curations.put("story-00", Curation(pinned=choices[:1], blocked=choices[1:]), "editor")
    newsroom.store.curations.put("story-06", Curation(hidden_until=datetime.now(UTC) + timedelta(days=1)), "editor")
    assert ranking_of(off, "story-00", 100) == before


def test_a_story_is_followed_in_its_own_language(
    indexed: tuple[Settings, Store], encoder: Encoder, corpus: list[Article]
) -> None:
    sample = Recommender(indexed[1], indexed[0], encoder)
    for query in corpus:
        if query.status == Status.PUBLISHED and query.language == "es":
            assert {sample.store.get(i.id).language for i in sample.related(query.id)} == {"es"}  # type: ignore[union-attr]
            assert len(sample.related(query.id, language="en")) == 5


def test_whoever_leaves_out_the_language_of_a_story_gets_what_is_related_in_others(
    newsroom: "Newsroom", stories: list[Article]
) -> None:
    spoken = {0: "en", 6: "en-GB", 12: "de", 18: "fr"}
    newsroom.take(*(stories[n].model_copy(update={"language": language}) for n, language in spoken.items()))
    recommender = newsroom.recommender()

    def related(**filters: str) -> set[str]:
        answer = recommender.answer("story-00", 59, Filters(**filters))  # type: ignore[arg-type]
        assert answer is not None
        return {item.id for item in answer.items} & {"story-06", "story-12", "story-18"}

    assert related() == {"story-06"}
    assert related(not_language="en") == related(language="de,fr") == {"story-12", "story-18"}
    assert related(not_language="en,fr") == {"story-12"}
    popular = popular_answer(recommender, "story-00", 5, ["story-06", "story-12"], Filters(not_language="en"))
    assert (popular.fallback, popular.items[0].id) == ("popular", "story-12")
