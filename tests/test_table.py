"""The Arrow table of a set of articles: filters against the same conditions written in plain Python."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.article import Article, parse_article
from recommend.errors import SnapshotError
from recommend.table import MISSING, ArticleTable, Filters, moment, primary_language, seconds

START = datetime(2026, 1, 1, tzinfo=UTC)
MOMENTS = st.none() | st.integers(0, 6).map(lambda hours: START + timedelta(hours=hours))
SECTIONS = st.sampled_from([None, "World", "Sport", "Été"])
LANGUAGES = st.sampled_from([None, "en", "en-GB", "EN-us", "es", "eng"])
TAGS = st.sampled_from(["a", "b", "ab"])


def articles_of(rows: list[dict[str, Any]]) -> list[Article]:
    return [parse_article({"id": f"{n:03}", "title": f"T{n}", **row}) for n, row in enumerate(rows)]


ARTICLES = st.lists(
    st.fixed_dictionaries(
        {
            "section": SECTIONS,
            "site": SECTIONS,
            "language": LANGUAGES,
            "genre": SECTIONS,
            "tags": st.lists(TAGS),
            "published_at": MOMENTS,
            "expires_at": MOMENTS,
        }
    ),
    max_size=12,
).map(articles_of)


def allowed(
    table: ArticleTable, filters: Filters, now: datetime | None = None, embargo: datetime | None = None
) -> list[str]:
    mask = table.allowed(
        filters, None if now is None else seconds(now), embargo=None if embargo is None else seconds(embargo)
    )
    return [table.id(row) for row in range(len(table)) if mask is None or mask[row]]


def plain(articles: list[Article], keep: Callable[[Article], bool]) -> list[str]:
    return [article.id for article in articles if keep(article)]


@given(ARTICLES, st.data())
def test_each_filter_is_the_plain_condition(articles: list[Article], data: st.DataObject) -> None:
    table = ArticleTable.of(articles)
    section, site = data.draw(SECTIONS.filter(bool)), data.draw(SECTIONS.filter(bool))
    tag, language = data.draw(TAGS), data.draw(LANGUAGES.filter(bool))
    bound = data.draw(MOMENTS.filter(bool))
    assert isinstance(bound, datetime)
    assert isinstance(language, str)
    exclude = frozenset(data.draw(st.lists(st.sampled_from(["000", "001", "005", "unknown"]))))
    conditions: list[tuple[Filters, Callable[[Article], bool]]] = [
        (Filters(), lambda a: True),
        (Filters(section=section), lambda a: a.section == section),
        (Filters(section="Unheard of"), lambda a: False),
        (Filters(site=site), lambda a: a.site == site),
        (Filters(tag=tag), lambda a: tag in a.tags),
        (
            Filters(language=language),
            lambda a: a.language is None or primary_language(a.language) == primary_language(language),
        ),
        (Filters(since=bound), lambda a: a.published_at is not None and a.published_at >= bound),
        (Filters(until=bound), lambda a: a.published_at is not None and a.published_at <= bound),
        (Filters(exclude=exclude), lambda a: a.id not in exclude),
    ]
    for filters, condition in conditions:
        assert allowed(table, filters) == plain(articles, condition), filters
    together = Filters(section, language, site, tag, bound, bound, exclude)
    assert allowed(table, together) == plain(
        articles, lambda a: all(condition(a) for f, condition in conditions if f.section != "Unheard of")
    )


@given(ARTICLES, MOMENTS.filter(bool))
def test_what_expired_or_is_still_to_come_does_not_pass(articles: list[Article], now: datetime) -> None:
    table = ArticleTable.of(articles)
    assert allowed(table, Filters(), now) == plain(articles, lambda a: a.expires_at is None or a.expires_at > now)
    early = plain(articles, lambda a: a.published_at is None or a.published_at <= now)
    assert allowed(table, Filters(), embargo=now) == early


@given(ARTICLES, st.sets(SECTIONS.filter(bool)))
def test_genres_are_told_apart(articles: list[Article], genres: set[str]) -> None:
    mask = ArticleTable.of(articles).has_genre(genre.lower() for genre in genres)
    assert [bool(x) for x in (np.zeros(len(articles)) if mask is None else mask)] == [
        a.genre in {genre.lower() for genre in genres} for a in articles
    ]


@given(ARTICLES)
def test_newest_first_puts_undated_last_and_breaks_ties_by_id(articles: list[Article]) -> None:
    table = ArticleTable.of(articles)
    expected = sorted(
        articles, key=lambda a: (a.published_at is None, -seconds(a.published_at) if a.published_at else 0, a.id)
    )
    assert [table.id(row) for row in table.newest_first] == [a.id for a in expected]


@given(
    st.sets(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip), max_size=12),
    st.text(),
)
def test_an_id_leads_to_its_row_and_no_other_id_does(ids: set[str], other: str) -> None:
    table = ArticleTable.of([Article(id=i, title="T") for i in sorted(ids)])
    assert [table.row(i) for i in sorted(ids)] == list(range(len(ids)))
    assert (table.row(other) is None) == (other not in ids)


def test_filters_that_let_everything_pass_cost_no_mask() -> None:
    table = ArticleTable.of(articles_of([{"language": "en", "published_at": START}]))
    assert (
        table.allowed(Filters(language="en-GB", exclude=frozenset({"unknown"})), seconds(START), embargo=seconds(START))
        is None
    )
    assert not Filters()
    assert Filters(tag="x")


def test_a_saved_table_opens_mapped_and_equal_with_cards_as_given(corpus: list[Article], tmp_path: Path) -> None:
    articles = sorted(corpus, key=lambda article: article.id)
    table = ArticleTable.of(articles)
    table.save(tmp_path / "articles.arrow")
    before = pa.total_allocated_bytes()
    opened = ArticleTable.load(tmp_path / "articles.arrow")
    assert pa.total_allocated_bytes() - before < 10_000
    assert opened.batch.equals(table.batch)
    for row, article in enumerate(articles):
        card = opened.card(row)
        for name in ("id", "title", "url", "image_url", "published_at", "section"):
            assert getattr(card, name) == getattr(article, name)
        assert card.summary == article.standfirst
        assert opened.headline(row) == f"{article.title}\n{article.standfirst or ''}"
        assert opened.tags(row) == article.tags
        for name in ("section", "language", "site", "genre"):
            value = getattr(article, name)
            assert opened.value(name, row) == value
            assert opened.code(name, value) == opened.codes(name)[row]
    assert opened.code("section", "Unheard of") == -2


def test_a_file_of_another_form_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "articles.arrow"
    with pytest.raises(SnapshotError, match=r"articles.arrow is not an Arrow file"):
        ArticleTable.load(path)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, pa.schema([("id", pa.string())])):
        pass
    with pytest.raises(
        SnapshotError, match=r"articles.arrow has other columns than this release reads; run recommend reindex"
    ):
        ArticleTable.load(path)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))  # noqa: DTZ001
def test_moments_are_kept_to_the_second(when: datetime) -> None:
    assert moment(seconds(when)) == when.replace(microsecond=0)
    assert moment(MISSING) is None
    assert seconds(None) == MISSING
