"""The Arrow table of a set of articles: filters against the same conditions written in plain Python."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Access, Article, opens, parse_article
from recommend.articles.card import CARD_FIELDS, card_of
from recommend.articles.languages import same_language
from recommend.errors import SnapshotError
from recommend.index.dates import MISSING, moment, seconds
from recommend.index.filters import Filters, allowed
from recommend.index.table import ArticleTable

START = datetime(2026, 1, 1, tzinfo=UTC)
KNOWN_MOMENTS = st.integers(0, 6).map(lambda hours: START + timedelta(hours=hours))
NAMES, TAGS, LANGUAGES = ["World", "Sport", "Été"], ["a", "b", "ab"], ["en", "en-GB", "EN-us", "es", "eng"]
MOMENTS, NAMED = st.none() | KNOWN_MOMENTS, st.none() | st.sampled_from(NAMES)


def articles_of(rows: list[dict[str, Any]]) -> list[Article]:
    return [parse_article({"id": f"{n:03}", "title": f"T{n}", **row}) for n, row in enumerate(rows)]


ROW: dict[str, st.SearchStrategy[Any]] = {"section": NAMED, "site": NAMED, "genre": NAMED}
ROW |= {"language": st.none() | st.sampled_from(LANGUAGES), "tags": st.lists(st.sampled_from(TAGS))}
ROW |= {"published_at": MOMENTS, "expires_at": MOMENTS, "access": st.sampled_from(["", *Access, "unknown"])}
ARTICLES = st.lists(st.fixed_dictionaries(ROW), max_size=12).map(articles_of)


def passing(table: ArticleTable, mask: Any) -> list[str]:
    return [table.id(row) for row in range(len(table)) if mask is None or mask[row]]


def plain(articles: list[Article], keep: Callable[[Article], bool]) -> list[str]:
    return [article.id for article in articles if keep(article)]


@given(ARTICLES, st.sampled_from(NAMES), st.sampled_from(TAGS), st.sampled_from(LANGUAGES), KNOWN_MOMENTS, st.data())
def test_each_filter_is_the_plain_condition(
    articles: list[Article], name: str, tag: str, language: str, when: datetime, data: st.DataObject
) -> None:
    table = ArticleTable.of(articles)
    access = data.draw(st.frozensets(st.sampled_from(Access)))
    out = data.draw(st.frozensets(st.sampled_from(["000", "001", "005", "unknown"])))
    conditions: dict[Filters, Callable[[Article], bool]] = {
        Filters(): lambda a: True,
        Filters(section=name): lambda a: a.section == name,
        Filters(site=name): lambda a: a.site == name,
        Filters(tag=tag): lambda a: tag in a.tags,
        Filters(language=language): lambda a: same_language(a.language, language),
        Filters(since=when): lambda a: a.published_at is not None and a.published_at >= when,
        Filters(until=when): lambda a: a.published_at is not None and a.published_at <= when,
        Filters(exclude=out): lambda a: a.id not in out,
        Filters(access=access): lambda a: not access or a.access in access,
    }
    for filters, condition in conditions.items():
        assert passing(table, allowed(table, filters, None)) == plain(articles, condition), filters
    every: dict[str, Any] = {"section": name, "language": language, "site": name, "tag": tag}
    every |= {"since": when, "until": when}
    together = allowed(table, Filters(**every, exclude=out, access=access), None)
    assert passing(table, together) == plain(articles, lambda a: all(keep(a) for keep in conditions.values()))
    assert passing(table, allowed(table, Filters(section="Unheard of"), None)) == []
    for reader in Access:
        assert passing(table, table.masks.readable(reader)) == plain(articles, lambda a: a.access in opens(reader))  # noqa: B023
    foreign = table.masks.foreign_to(language)
    others = [] if foreign is None else passing(table, foreign)
    assert others == plain(articles, lambda a: not same_language(a.language, language))


@given(
    ARTICLES,
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    st.lists(st.sampled_from(TAGS), min_size=1, max_size=3),
    st.lists(st.sampled_from(LANGUAGES), min_size=1, max_size=3),
)
def test_a_filter_takes_several_values_and_their_negation(
    articles: list[Article], names: list[str], tags: list[str], languages: list[str]
) -> None:
    table = ArticleTable.of(articles)
    any_name, any_tag, all_tags = ",".join(names), ",".join(tags), "+".join(tags)

    def spoken(article: Article) -> bool:
        return any(same_language(article.language, language) for language in languages)

    conditions: dict[Filters, Callable[[Article], bool]] = {
        Filters(section=any_name): lambda a: a.section in names,
        Filters(not_section=any_name): lambda a: a.section not in names,
        Filters(genre=any_name.lower()): lambda a: a.genre in any_name.lower().split(","),
        Filters(tag=any_tag): lambda a: bool({*tags} & {*a.tags}),
        Filters(tag=all_tags): lambda a: {*tags} <= {*a.tags},
        Filters(not_tag=all_tags): lambda a: not {*tags} <= {*a.tags},
        Filters(language=",".join(languages)): spoken,
        Filters(not_language=",".join(languages)): lambda a: not (a.language and spoken(a)),
    }
    for filters, condition in conditions.items():
        assert passing(table, allowed(table, filters, None)) == plain(articles, condition), filters


def test_a_value_with_a_comma_or_a_plus_sign_in_its_name_is_found_by_that_name() -> None:
    table = ArticleTable.of([Article(id="1", title="Title", section="Arts, Culture", tags=("C++",))])
    for filters in (Filters(section="Arts, Culture"), Filters(tag="C++")):
        assert passing(table, allowed(table, filters, None)) == ["1"]


@given(ARTICLES, KNOWN_MOMENTS, st.sets(st.sampled_from(NAMES)))
def test_expiry_embargo_genres_and_age_are_the_plain_conditions(
    articles: list[Article], now: datetime, names: set[str]
) -> None:
    table, genres = ArticleTable.of(articles), {name.lower() for name in names}
    expiring = allowed(table, Filters(), seconds(now))
    assert passing(table, expiring) == plain(articles, lambda a: a.expires_at is None or a.expires_at > now)
    embargoed = allowed(table, Filters(), None, embargo=seconds(now))
    assert passing(table, embargoed) == plain(articles, lambda a: a.published_at is None or a.published_at <= now)
    mask = table.masks.has_genre(genres)
    assert ([] if mask is None else passing(table, mask)) == plain(articles, lambda a: a.genre in genres)
    newest = sorted(articles, key=lambda a: (a.published_at is None, -seconds(a.published_at or START), a.id))
    assert [table.id(row) for row in table.timeline.newest_first] == [a.id for a in newest]


@given(ARTICLES, KNOWN_MOMENTS, st.sampled_from([0, 600, 3600]))
def test_the_clock_changes_what_passes_at_the_next_change_and_not_before(
    articles: list[Article], when: datetime, skew: int
) -> None:
    table, now = ArticleTable.of(articles), seconds(when)

    def passes(second: int) -> list[str]:
        return passing(table, allowed(table, Filters(), second, embargo=second + skew))

    moments = [seconds(a.expires_at) for a in articles if a.expires_at is not None]
    moments += [seconds(a.published_at) - skew for a in articles if a.published_at is not None]
    later = sorted(moment for moment in moments if moment > now)
    assert table.timeline.next_change_at(now, now + skew) == (later[0] if later else None)
    end = later[0] if later else now + 100_000
    assert passes(now) == passes((now + end) // 2) == passes(end - 1)


def test_languages_are_the_same_by_their_primary_part_and_an_unknown_one_is_any() -> None:
    assert all(same_language(*pair) for pair in [("en-GB", "EN-us"), (None, "en"), ("es", None), (None, None)])
    assert all(
        same_language(*pair) for pair in [("en", "eng"), ("English", "en_GB.UTF-8"), ("und", "en"), ("fr", "mul")]
    )
    assert not same_language("en", "deu")


@given(st.sets(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)), st.text())
def test_an_id_leads_to_its_row_and_no_other_id_does(ids: set[str], other: str) -> None:
    table = ArticleTable.of([Article(id=i, title="T") for i in sorted(ids)])
    assert [table.row(i) for i in sorted(ids)] == list(range(len(ids)))
    assert (table.row(other) is None) == (other not in ids)


def test_filters_that_let_everything_pass_cost_no_mask() -> None:
    table = ArticleTable.of(articles_of([{"language": "en", "published_at": START}]))
    harmless = Filters(language="en-GB", exclude=frozenset({"unknown"}))
    assert allowed(table, harmless, seconds(START), embargo=seconds(START)) is None
    assert (bool(Filters()), bool(harmless)) == (False, True)


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
        assert card == card_of(article)
        assert asdict(card) == article.model_dump(include=set(CARD_FIELDS)) | {"summary": article.standfirst}
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
    with pytest.raises(SnapshotError, match=r"other columns than this release reads; run recommend reindex"):
        ArticleTable.load(path)


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_moments_are_kept_to_the_second(when: datetime) -> None:
    assert moment(seconds(when)) == when.replace(microsecond=0)
    assert (moment(MISSING), seconds(None)) == (None, MISSING)
