"""What is chosen of the ranked candidates: pins where editors want them, and no score moved by them."""

from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from effort import examples
from recommend.articles.article import Access, Article, opens
from recommend.articles.curation import Choice, Curation
from recommend.index.filters import Filters
from recommend.ranking.answer import Recommendation
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, RankingSettings
from recommend.stand_ins import latest_answer

if TYPE_CHECKING:
    from conftest import Newsroom


def test_a_pin_keeps_its_score_says_who_chose_it_and_is_counted_when_it_cannot_be_shown(newsroom: "Newsroom") -> None:
    recommender, store = newsroom.recommender(), newsroom.store
    before = {item.id: item.score for item in recommender.related("story-00", 59)}
    low, blocked = list(before)[-1], next(iter(before))
    pins = (Choice(id="nobody"), Choice(id=low), Choice(id="story-00"))
    store.curations.put("story-00", Curation(pinned=pins), "editor")
    first, *others = recommender.related("story-00", 59)
    assert (first.id, first.reason.kind, first.reason.text) == (low, "pinned", "Editors' choice")
    assert {item.id: item.score for item in [*others, first]} == before
    store.curations.put("story-00", Curation(pinned=pins, blocked=(Choice(id=blocked), Choice(id="no one"))), "editor")
    answer = recommender.answer("story-00", 59, explain=True)
    assert answer is not None
    assert answer.items[0].id == low
    assert {item.id for item in answer.items} == before.keys() - {blocked}
    assert answer.items[0].explanation is not None
    assert [(miss.id, miss.why) for miss in answer.near_misses or []] == [(blocked, "blocked by editors")]
    assert (answer.removed["blocked"], answer.removed["pinned"]) == (1, 2)
    assert answer.short == "only 58 of 59 other articles are eligible (1 removed by editors)"
    assert recommender.related_to(Article(id="story-00", title="Storm"))[0].id == low


def test_a_pin_that_the_rules_would_not_find_is_scored_beside_those_that_are(newsroom: "Newsroom") -> None:
    newsroom.take(Article(id="opinion", title="Storm warnings fail", text="Rain", genre="opinion", language="es"))
    newsroom.reindex()
    recommender = newsroom.recommender().with_settings(ranking=RankingSettings(candidates=10))
    before = {item.id: item.score for item in recommender.related("story-07", 5)}
    newsroom.store.curations.put("story-07", Curation(pinned=(Choice(id="opinion"),)), "editor")
    first, *others = recommender.related("story-07", 5)
    assert (first.id, first.reason.text) == ("opinion", "Editors' choice")
    assert 0.0 < first.score < 1.0
    kept = {item.id: item.score for item in others if item.id in before}
    assert kept
    assert kept == {article_id: before[article_id] for article_id in kept}


@pytest.mark.parametrize("paid", [0.5, 0.9, 1.0])
def test_the_lowest_give_way_to_what_the_reader_may_open_and_nothing_else_moves(
    newsroom: "Newsroom", stories: list[Article], paid: float
) -> None:
    chance = Random(3)
    access = {a.id: chance.choice(["members", "paid"]) if chance.random() < paid else "public" for a in stories}
    newsroom.take(*(article.model_copy(update={"access": Access(access[article.id])}) for article in stories))
    newsroom.reindex()
    newsroom.take(stories[0].model_copy(update={"access": Access.PUBLIC, "title": "Changed since"}))
    access[stories[0].id] = "public"
    newsroom.store.curations.put("story-03", Curation(pinned=(Choice(id="story-09"), Choice(id="story-20"))), "editor")
    plain = newsroom.recommender().with_settings(ranking=RankingSettings(candidates=10))
    ruled = {n: plain.with_settings(policy=PolicySettings(readable=n)) for n in (1, 3, 50)}
    histories = [["story-03"], ["story-07", "story-03", "nobody"]]

    def box(recommender: Recommender, asked: str | list[str] | None, k: int, filters: Filters) -> list[Recommendation]:
        if isinstance(asked, list):
            return recommender.answer_history(asked, k, filters).items
        answer = (
            latest_answer(recommender, None, k, filters) if asked is None else recommender.answer(asked, k, filters)
        )
        assert answer is not None
        return answer.items

    @hypothesis_settings(max_examples=examples(30, 60))
    @given(
        st.sampled_from(["story-00", "story-03", "story-41", None, *histories]),
        st.integers(1, 12),
        st.sampled_from([*ruled]),
        st.sampled_from(Access),
    )
    def holds(asked: str | list[str] | None, k: int, least: int, reader: Access) -> None:
        filters = Filters(reader=reader)
        before, after = box(plain, asked, k, filters), box(ruled[least], asked, k, filters)
        there_are = len(box(plain, asked, 60, Filters(access=frozenset(opens(reader)))))
        pins = [item.id for item in before if item.reason.kind == "pinned"]
        room = k - sum(access[pin] not in opens(reader) for pin in pins)
        opened = sum(item.access in opens(reader) for item in after)
        assert opened >= min(least, room, there_are)
        assert len(after) == len(before)
        assert [item.id for item in after if item.reason.kind == "pinned"] == pins
        scores = [item.score for item in after[len(pins) :]]
        assert scores == sorted(scores, reverse=True)
        gone = [item for item in before if item.id not in {one.id for one in after}]
        kept = {item.id: item.score for item in before if item not in gone}
        assert {item.id: item.score for item in after if item.id in kept} == kept
        assert not any(item.access in opens(reader) for item in gone)
        closed = [kept[item.id] for item in before[len(pins) :] if item.id in kept and item.access not in opens(reader)]
        assert all(one.score <= score for one in gone for score in closed)
        if sum(item.access in opens(reader) for item in before) >= min(least, room):
            assert after == before

    holds()
    batch = ruled[3].answers([story.id for story in stories], 5)
    assert [one and one.items for one in batch] == [box(ruled[3], story.id, 5, Filters()) for story in stories]


def test_a_near_miss_that_gave_way_says_so(newsroom: "Newsroom", stories: list[Article]) -> None:
    paid = [story.model_copy(update={"access": Access.PAID}) for story in stories if story.id != "story-59"]
    newsroom.take(*paid)
    recommender = newsroom.recommender()
    shown = [item.id for item in recommender.related("story-00", 3)]
    answer = recommender.with_settings(policy=PolicySettings(readable=1)).answer("story-00", 3, explain=True)
    assert answer is not None
    assert [item.id for item in answer.items] == [*shown[:2], "story-59"]
    assert (answer.near_misses or [])[0].id == shown[2]
    assert (answer.near_misses or [])[0].why == "gives way to one that this reader may open"
