"""What is chosen of the ranked candidates: pins where editors want them, and no score moved by them."""

from typing import TYPE_CHECKING

from recommend.article import Article
from recommend.curation import Choice, Curation
from recommend.settings import RankingSettings

if TYPE_CHECKING:
    from conftest import Newsroom


def test_a_pin_keeps_its_score_says_who_chose_it_and_is_counted_when_it_cannot_be_shown(newsroom: "Newsroom") -> None:
    recommender, store = newsroom.recommender(), newsroom.store
    before = {item.id: item.score for item in recommender.related("story-00", 59)}
    low, blocked = list(before)[-1], next(iter(before))
    pins = (Choice(id="nobody"), Choice(id=low), Choice(id="story-00"))
    store.put_curation("story-00", Curation(pinned=pins), "editor")
    first, *others = recommender.related("story-00", 59)
    assert (first.id, first.reason.kind, first.reason.text) == (low, "pinned", "Editors' choice")
    assert {item.id: item.score for item in [*others, first]} == before
    store.put_curation("story-00", Curation(pinned=pins, blocked=(Choice(id=blocked), Choice(id="no one"))), "editor")
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
    newsroom.store.put_curation("story-07", Curation(pinned=(Choice(id="opinion"),)), "editor")
    first, *others = recommender.related("story-07", 5)
    assert (first.id, first.reason.text) == ("opinion", "Editors' choice")
    assert 0.0 < first.score < 1.0
    kept = {item.id: item.score for item in others if item.id in before}
    assert kept
    assert kept == {article_id: before[article_id] for article_id in kept}
