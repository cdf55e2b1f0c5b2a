from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import pytest

from recommend.articles.article import Article, Status
from recommend.articles.boilerplate import identity, sentence_keys
from recommend.encoder import encode_articles
from recommend.index import boilerplate
from recommend.index.boilerplate import SentenceKeys, find_boilerplate
from recommend.index.snapshot.open import open_snapshot

if TYPE_CHECKING:
    from conftest import Newsroom

NOTICE = "This site sets cookies, which you accept by reading on."
TOPICS = ["Harbour of Velmora", "Winter budget", "Northgate Rovers", "Wild bees", "Opera season", "River ferry", "Snow"]


def found_in(*articles: Article) -> set[int]:
    keys = SentenceKeys.of([sentence_keys(article) for article in articles])
    return {*find_boilerplate(keys, lambda row: articles[row].title).tolist()}


def told(number: int, text: str, title: str | None = None, site: str = "a") -> Article:
    """An article whose body speaks of its headline, unless it has another one, and then says ``text``."""
    title = f"{TOPICS[number % len(TOPICS)]}, no {number}" if title is None else title
    return Article(id=f"{site}-{number}", title=title, text=f"{title} again.\n\n{text}", site=site)


def test_what_unlike_headlines_share_is_boilerplate_and_what_few_share_is_not() -> None:
    others = [told(n, f"Of its own, number {n}, without any others.") for n in range(20, 40)]
    assert found_in(*(told(n, NOTICE) for n in range(5)), *others) == {identity(NOTICE, "a")}
    assert found_in(*(told(n, NOTICE) for n in range(4)), *others) == set()


def test_the_background_of_one_story_is_not_boilerplate_until_it_stands_everywhere() -> None:
    def chapter(number: int) -> Article:
        return told(number, "The war began two years ago in spring.", f"Borduria war, day {number}")

    others = [told(n, f"Of its own, number {n}, without any others.") for n in range(100, 130)]
    assert found_in(*map(chapter, range(19)), *others) == set()
    assert found_in(*map(chapter, range(20)), *others) == {identity("The war began two years ago in spring.", "a")}


def test_one_headline_told_often_counts_once() -> None:
    assert found_in(*(told(n, NOTICE, "Weather") for n in range(50))) == set()


def test_each_site_is_counted_by_itself() -> None:
    sites = [told(n, NOTICE, site=site) for site in "abc" for n in range(3)]
    assert found_in(*sites) == set()
    assert found_in(*sites, *(told(n, NOTICE, site="d") for n in range(5))) == {identity(NOTICE, "d")}


def test_a_notice_in_the_place_of_three_stories_is_boilerplate_and_a_story_told_thrice_is_not() -> None:
    titles = ["Harbour of Velmora closes", "Velmora reopens two berths", "Inquiry into Velmora begins"]
    others = [told(n, f"Of its own, number {n}, without any others.") for n in range(9)]
    closed = [Article(id=title, title=title, text=NOTICE, site="a") for title in titles]
    assert found_in(*closed, *others) == {identity(NOTICE, "a")}
    wire = [Article(id=t, title=t, text="The quay of Velmora is shut. Divers look at it.", site="a") for t in titles]
    assert found_in(*wire, *others) == set()


def test_blocks_of_keys_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    articles = [told(n, f"{NOTICE} This is line {n % 2}, which half of them share.") for n in range(60)]
    whole = found_in(*articles)
    monkeypatch.setattr(boilerplate, "_KEYS_A_BLOCK", 7)
    assert found_in(*articles) == whole
    assert len(whole) > 1


def test_keys_are_taken_and_joined_row_by_row() -> None:
    each = [np.array(keys, np.uint64) for keys in ([2, 4], [], [7], [2, 8, 9])]
    keys = SentenceKeys.of(each)
    both = SentenceKeys.joined(keys.take(np.array([3, 1])), SentenceKeys.of([each[0]]))
    assert (both.starts.tolist(), both.keys.tolist()) == ([0, 3, 3, 5], [2, 8, 9, 2, 4])
    assert keys.having(np.array([1, 4], np.uint64)).tolist() == [True, False, False, True]
    assert len(SentenceKeys.of([])) == len(SentenceKeys.of([]).take(np.zeros(0, np.int64))) == 0


def with_notice(article: Article, notice: str = NOTICE) -> Article:
    return article.model_copy(update={"text": f"{notice}\n\n{article.text}"})


def boxes(newsroom: Newsroom, stories: list[Article]) -> dict[str, list[tuple[str, str | None]]]:
    recommender = newsroom.recommender()
    return {one.id: [(item.id, item.summary) for item in recommender.related(one.id)] for one in stories}


def test_a_notice_on_every_body_leaves_boxes_and_standfirsts_as_they_are(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    before = boxes(newsroom, stories)
    newsroom.take(*map(with_notice, stories))
    newsroom.reindex()
    assert boxes(newsroom, stories) == before


def test_what_comes_in_later_is_read_without_what_the_snapshot_found(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    newsroom.take(*map(with_notice, stories))
    newsroom.reindex()
    late = [one.model_copy(update={"id": f"late-{one.id}"}) for one in stories[:6]]
    newsroom.take(*late)
    plain = boxes(newsroom, late)
    newsroom.take(*map(with_notice, late))
    assert boxes(newsroom, late) == plain
    recommender = newsroom.recommender()
    assert [item.id for item in recommender.related_to(with_notice(late[0]))] == [one for one, _ in plain[late[0].id]]


def test_only_what_had_a_sentence_that_is_boilerplate_now_or_is_it_no_more_is_embedded_again(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    draft = with_notice(stories[30]).model_copy(update={"id": "draft", "status": Status.DRAFT})
    newsroom.take(draft, *map(with_notice, stories[:20]))
    assert newsroom.reindex().embedded == 21
    newsroom.take(with_notice(stories[20]), stories[19])
    assert newsroom.reindex().embedded == 0
    live = open_snapshot(newsroom.layout, newsroom.live.name)
    alone = live.projection.apply(encode_articles(newsroom.encoder, stories[:21]))
    assert live.segment.nearest(alone[20], 1).tolist() == [live.segment.table.row(stories[20].id)]
    newsroom.take(*stories[:19])
    assert newsroom.reindex().embedded == 2  # stories[20] and the draft, which have the sentence to themselves again
    assert newsroom.store.boilerplate.read().found == frozenset()
    assert newsroom.store.counts(newsroom.encoder.fingerprint)["unembedded"] == 0


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_of_a_snapshot_with_other_boilerplate_is_to_the_byte_what_is_built_anew(
    newsroom: Newsroom, stories: list[Article], seed: int
) -> None:
    chance = random.Random(seed)
    notices = [NOTICE, "Our app is free of charge.", "The author is our man in Velmora."]
    for _ in range(5):
        some = chance.sample(stories, 9)
        newsroom.take(*(with_notice(one, chance.choice(notices)) if chance.random() < 0.8 else one for one in some))
        newsroom.store.delete(chance.choice(stories).id)
        grown = newsroom.reindex().manifest
        anew = newsroom.reindex(full=True).manifest
        assert {f: s for f, s in anew.sha256.items() if f != "vectors.faiss"} == {
            f: s for f, s in grown.sha256.items() if f != "vectors.faiss"
        }
        assert newsroom.reindex().built is False


def test_boilerplate_is_of_the_store_and_what_is_settled_holds_until_it_is_settled_again(newsroom: Newsroom) -> None:
    assert newsroom.store.boilerplate.settled_at() == newsroom.store.latest_revision()
    newsroom.store.boilerplate.settle(np.array([3, 9], np.uint64), newsroom.store.latest_revision(), [])
    assert newsroom.store.boilerplate.read().found == {3, 9}
    newsroom.reindex(full=True)
    assert newsroom.store.boilerplate.read().found == frozenset()
