"""Which articles of an archive link to each of its articles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Article, parse_article
from recommend.articles.duplicates import group_key
from recommend.index.backlinks import Backlinks
from recommend.index.dates import seconds
from recommend.index.query import Query
from recommend.index.table import ArticleTable
from recommend.inspection import ranking_of
from recommend.ranking import newcomers
from recommend.ranking.candidates import FEATURES
from recommend.ranking.features import compute_features
from statements import sql

if TYPE_CHECKING:
    from conftest import Newsroom

SITE = "https://news.example"


def article(name: str, *links: str, text: str = "", day: int | None = None) -> Article:
    date = None if day is None else f"2026-01-{day:02}T12:00:00Z"
    row = {"id": name, "title": name, "text": text or f"text of {name}", "url": f"http://news.example/{name}/"}
    return Article.model_validate({**row, "links_to": list(links), "published_at": date})


def backlinks(*articles: Article) -> Backlinks:
    ordered = sorted(articles, key=lambda one: one.id)
    groups = np.array([group_key(one) for one in ordered], np.uint64)
    return Backlinks.of(ArticleTable.of(ordered), [one.links_to for one in ordered], groups)


def counts(found: Backlinks, query: int = 0, before: int | None = None) -> list[int]:
    evidence = found.evidence([np.arange(len(found))], [query], [before])
    return [round(float(one)) for one in np.expm1(evidence)]


def test_links_by_id_and_by_address_count_and_those_out_of_the_archive_do_not() -> None:
    a, b, c = article("a", "c", f"{SITE}/b/#part"), article("b", f"{SITE}/c?utm_source=x", "gone"), article("c")
    assert a.links_to == ["c", f"{SITE}/b"]
    assert counts(backlinks(a, b, c)) == [0, 1, 2]


def test_an_archive_without_links_says_nothing_of_any_article() -> None:
    found = backlinks(article("a", f"{SITE}/elsewhere"), article("b"))
    assert np.isnan(backlinks(article("a"), article("b")).evidence([np.arange(2)], [0], [None])).all()
    assert np.isnan(found.evidence([np.arange(2)], [0], [None])).all()
    assert found.worth(np.zeros((2, 3), np.int32), np.arange(2).astype(np.uint64)) == {}


def test_copies_link_once_and_never_to_themselves() -> None:
    one, copy = article("a", "c", "b", text="the same"), article("b", "c", "a", text="the same")
    copy = copy.model_copy(update={"title": "a"})
    assert counts(backlinks(one, copy, article("c"))) == [0, 0, 1]


def test_what_an_article_links_to_itself_is_no_evidence_under_it() -> None:
    a, b, c = article("a", "c"), article("b", "c"), article("c", "a")
    found = backlinks(a, b, c)
    assert counts(found) == [1, 0, 2]
    assert counts(found, group_key(a)) == [1, 0, 1]
    assert counts(found, group_key(c)) == [0, 0, 2]


def test_links_that_came_later_do_not_count_where_that_is_asked() -> None:
    a, b, undated, c = article("a", "d", day=3), article("b", "d", day=7), article("c", "d"), article("d")
    found = backlinks(a, b, undated, c)
    assert [counts(found, before=seconds(article("x", day=day).published_at))[3] for day in (3, 5, 9)] == [0, 1, 2]
    assert counts(found)[3] == 3


def test_a_link_of_a_minute_later_does_not_count_either() -> None:
    moments = [datetime(2026, 1, 3, 12, minute, tzinfo=UTC) for minute in range(10)]
    for moment in moments:
        later = article("a", "b").model_copy(update={"published_at": moment + timedelta(minutes=1)})
        assert counts(backlinks(later, article("b")), before=seconds(moment)) == [0, 0]


def test_what_every_page_links_to_is_furniture() -> None:
    pages = [article(f"a{n}", "shop", f"a{n + 1}") for n in range(60)]
    assert counts(backlinks(*pages, article("shop")))[-1] == 0
    assert counts(backlinks(*pages[:10], article("shop")))[-1] == 10
    assert counts(backlinks(*pages[:11], article("shop")))[-1] == 0


def worth_of(links: list[tuple[int, int]]) -> dict[str, float]:
    articles = [article(f"a{n:03}", *(f"a{to:03}" for one, to in links if one == n and to != n)) for n in range(300)]
    found = backlinks(*articles)
    near = np.stack([(np.arange(300) + step) % 300 for step in (1, 2, 3)], axis=1).astype(np.int32)
    return found.worth(near, np.array([group_key(one) for one in articles], np.uint64))


def test_backlinks_are_worth_what_they_tell_of_other_links() -> None:
    rng = np.random.default_rng(2)
    by_chance = [*zip(rng.integers(0, 300, 900).tolist(), rng.integers(0, 300, 900).tolist(), strict=True)]
    favoured = [
        (int(one), int(to)) for one, to in zip(rng.integers(0, 300, 900), rng.integers(0, 60, 900), strict=True)
    ]
    assert worth_of(by_chance)["backlinks"] < 0.3
    assert worth_of(favoured)["backlinks"] > 1.0
    assert worth_of(favoured[:200]) == {}


@st.composite
def archives(draw: st.DrawFn) -> list[Article]:
    count = draw(st.integers(1, 12))
    names = st.lists(st.sampled_from([*(f"a{n:02}" for n in range(count)), "gone"]), max_size=6)
    texts = st.sampled_from(["one", "two", "three", "four"])
    days = st.one_of(st.none(), st.integers(1, 28))
    return [
        article(f"a{n:02}", *draw(names), text=draw(texts), day=draw(days)).model_copy(update={"title": "t"})
        for n in range(count)
    ]


@given(archives(), st.data())
def test_evidence_is_the_same_for_many_queries_for_one_and_from_the_other_side(
    articles: list[Article], data: st.DataObject
) -> None:
    found, groups = backlinks(*articles), [group_key(one) for one in articles]
    dates = [data.draw(st.one_of(st.none(), st.just(seconds(one.published_at)))) for one in articles]
    rows = [np.array(sorted(data.draw(st.sets(st.integers(0, len(articles) - 1)))), np.int64) for _ in articles]
    together = found.evidence(rows, groups, dates)
    alone = [found.evidence([some], [group], [date]) for some, group, date in zip(rows, groups, dates, strict=True)]
    np.testing.assert_array_equal(together, np.concatenate(alone))
    for row in range(len(articles)):
        here = found.evidence_under(row, np.array(groups, np.uint64))
        np.testing.assert_array_equal(here, [found.evidence([np.array([row])], [group], [None])[0] for group in groups])


@given(archives())
def test_backlinks_are_read_as_they_were_written(articles: list[Article]) -> None:
    found = backlinks(*articles)
    with TemporaryDirectory() as folder:
        found.save(Path(folder) / "backlinks")
        read = Backlinks.load(Path(folder) / "backlinks")
        own = np.array([group_key(one) for one in articles], np.uint64)
        stacked = Backlinks.of_vectors([found.vector(row) for row in range(len(found))], found.linking, own)
        every = [np.arange(len(found))]
        for other in (read, stacked):
            np.testing.assert_array_equal(other.evidence(every, [0], [None]), found.evidence(every, [0], [None]))
            np.testing.assert_array_equal(other.linking, found.linking)


def test_a_changed_article_keeps_the_backlinks_that_the_snapshot_knows(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    linking = [story.model_copy(update={"links_to": [stories[0].id]}) for story in stories[1:5]]
    newsroom.take(*linking, *(story.model_copy(update={"links_to": []}) for story in (stories[0], *stories[5:])))
    newsroom.reindex()
    newsroom.take(stories[0].model_copy(update={"text": f"{stories[0].text} more"}))
    view = newsroom.recommender().view()
    number, row = view.locate(stories[0].id) or (0, 0)
    assert number == 1
    assert len(view.segments[number].backlinks.vector(row).terms) == 4


def test_what_an_article_links_to_counts_for_nothing_under_it_once_its_text_is_mended(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    def evidence(query: Query) -> list[float]:
        segment, rows = view.segments[0], [n for n, story in enumerate(stories) if story.id in linking.links_to]
        return [*map(float, compute_features(segment, 0, query, np.array(rows)).feature("backlinks"))]

    linking = stories[3]
    recommender = newsroom.recommender()
    view = recommender.view()
    before = evidence(view.segments[0].query(3))
    mended = linking.model_copy(update={"text": f"{linking.text} as we wrote before"})
    assert evidence(recommender.query_of(view, mended)) == before
    newsroom.take(mended)
    view = recommender.view()
    assert view.locate(linking.id) == (1, 0)
    assert evidence(view.segments[1].query(0)) == before
    under = newcomers.features_under(view, 1, np.array([0]), (1, 0))[0, FEATURES.index("backlinks")]
    assert under == view.segments[1].backlinks.evidence_under(0, view.segments[0].groups[[3]])[0]


@pytest.mark.parametrize("written", ['"no list"', '{"a": 1}', "[1, null]"])
def test_links_that_somebody_wrote_by_hand_cost_no_build(newsroom: Newsroom, written: str) -> None:
    newsroom.reindex()
    sql(newsroom.settings.store, f"UPDATE articles SET links_to = '{written}' WHERE id = 'story-00'")
    assert newsroom.reindex(full=True).manifest.articles in {59, 60}


def posts(linked: str | None = None) -> list[Article]:
    """20 long posts on one subject; the last eight link to one of them, by its address."""
    chance = Random(4)
    words = ["".join(chance.choices("bdfgklmnprst", k=3) + chance.choices("aeiou", k=3)) for _ in range(200)]
    rows = [
        {"id": f"p{n:02}", "title": " ".join(chance.sample(words, 6)), "text": " ".join(chance.sample(words, 90))}
        for n in range(20)
    ]
    for row in rows[12:] if linked else ():
        first, rest = row["text"].split(" ", 1)
        row["text"] = f'<p><a href="/posts/{linked}">{first}</a> {rest}</p>'
    return [parse_article({**row, "url": f"{SITE}/posts/{row['id']}"}) for row in rows]


def ids(newsroom: Newsroom, article_id: str) -> list[str]:
    newsroom.reindex()
    return [one for one, _ in ranking_of(newsroom.recommender(), article_id, 19)]


def test_what_others_link_to_ranks_higher_but_not_under_the_one_that_links_to_it(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    newsroom = newsroom.indexing(verify_shrink=1.0)
    for story in stories:
        newsroom.store.delete(story.id)
    newsroom.take(*posts())
    before, beside = ids(newsroom, "p00"), ids(newsroom, "p15")
    linked = next(one for one in reversed(before) if one < "p12")
    newsroom.take(*posts(linked))
    after = ids(newsroom, "p00")
    assert after.index(linked) < before.index(linked)
    only = [article.model_copy(update={"links_to": []}) for article in posts(linked) if article.id != "p15"]
    newsroom.take(*only)
    assert ids(newsroom, "p15") == beside
