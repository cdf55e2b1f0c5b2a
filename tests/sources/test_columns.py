"""Which column is which field: as the user says, else as its name says, and told either way."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Article, Status
from recommend.errors import SettingsError, SourceError
from recommend.sources import ColumnMap, Columns, Format, Reject, Row, read
from recommend.sources.column_map import read_pairs
from recommend.sources.json_path import values_at
from recommend.sources.names import FIELDS, field_of, nearest


def rows_of(data: bytes, format: Format, columns: Columns | None = None, encoding: str | None = None) -> list[Row]:
    return list(read("-", format, stdin=io.BytesIO(data), columns=columns, encoding=encoding))


def articles_of(data: bytes, format: Format, columns: Columns | None = None) -> list[Article]:
    found = rows_of(data, format, columns)
    articles = [row for row in found if isinstance(row, Article)]
    assert articles == found
    return articles


def asked(text: str, **more: str) -> Columns:
    return Columns(ColumnMap.of(read_pairs(text), **more))  # type: ignore[arg-type]


def test_a_table_in_somebody_elses_words_is_understood_and_said_to_be() -> None:
    columns = Columns()
    (article,) = articles_of(b"headline,body,date\nStorm,<p>Waves</p>,2026-03-11\n", Format.CSV, columns)
    assert (article.title, article.text) == ("Storm", "Waves")
    assert article.published_at == datetime(2026, 3, 11, tzinfo=UTC)
    read_as, ids = columns.messages()
    assert read_as == "read as headline → title, body → text, date → published_at"
    assert "made of title and date" in ids


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("headline", "title"), ("name", "title"), ("Body HTML", "text"), ("content", "text"), ("html", "text"),
        ("pubDate", "published_at"), ("created_at", "published_at"), ("Publish Date", "published_at"),
        ("category", "section"), ("permalink", "url"), ("link", "url"), ("byline", "authors"), ("keywords", "tags"),
        ("excerpt", "summary"), ("_id", "id"), ("GUID", "id"), ("featuredImage", "image_url"),
    ],
)  # fmt: skip
def test_common_names_are_known(name: str, field: str) -> None:
    known = field_of(name)
    assert known is not None
    assert known[0] == field


def test_a_field_by_its_own_name_counts_for_more_than_another_column() -> None:
    (article,) = articles_of(b"id,title,headline,text\n1,Storm,Other,x\n", Format.CSV)
    assert (article.title, article.extra) == ("Storm", {"headline": "Other"})
    (article,) = articles_of(b'{"id": "1", "title": "", "headline": "Storm"}\n', Format.JSONL)
    assert article.title == "Storm"


def test_what_the_user_says_counts_for_more_than_any_name() -> None:
    columns = asked('kicker=title,section="News",language=en')
    (article,) = articles_of(b"id,title,kicker\n1,Other,Storm\n", Format.CSV, columns)
    assert (article.title, article.section, article.language) == ("Storm", "News", "en")
    (article,) = articles_of(b"id,title,section\n1,Storm,World\n", Format.CSV, asked("section=News"))
    assert article.section == "World"


def test_paths_lead_into_nested_json() -> None:
    document = {
        "data": {"stories": [{"key": 7, "head": {"line": "Storm"}, "by": [{"name": "Ann Lee"}, {"name": "Bo Ek"}]}]}
    }
    columns = asked("key=id,head.line=title,by[*].name=authors", items="data.stories[*]")
    (article,) = articles_of(orjson.dumps(document), Format.JSON, columns)
    assert (article.id, article.title, article.authors) == ("7", "Storm", ["Ann Lee", "Bo Ek"])
    assert columns.messages()[0] == "read as the articles at data.stories[*]"
    assert [*values_at(document, "data.stories[0].by[1].name")] == ["Bo Ek"]


@pytest.mark.parametrize("indent", [None, orjson.OPT_INDENT_2])
@pytest.mark.parametrize("wrap", [lambda x: {"articles": x}, lambda x: {"page": 1, "response": {"results": x}}])
def test_the_list_in_a_document_is_found(wrap: object, indent: int | None) -> None:
    stories = [{"id": "a", "title": "Storm"}, {"id": "b", "title": "Ferries"}]
    found = articles_of(orjson.dumps(wrap(stories), option=indent), Format.JSON)  # type: ignore[operator]
    assert [article.id for article in found] == ["a", "b"]


def test_one_article_over_several_lines_is_one_article() -> None:
    data = orjson.dumps({"id": "a", "title": "Storm", "links": [{"x": 1}]}, option=orjson.OPT_INDENT_2)
    assert [article.id for article in articles_of(data, Format.JSON)] == ["a"]


def test_a_path_to_nothing_names_what_is_there() -> None:
    with pytest.raises(SourceError, match=r"has nothing at stories\[\*\] \(found: 'articles'\)"):
        rows_of(b'{"articles": [{"id": "a", "title": "T"}]}', Format.JSON, asked("a=title", items="stories"))


def test_records_that_wrap_their_fields_are_unwrapped() -> None:
    data = orjson.dumps({"records": [{"id": "rec1", "createdTime": "2026-01-05", "fields": {"Name": "Storm"}}]})
    (article,) = articles_of(data, Format.JSON)
    assert (article.id, article.title) == ("rec1", "Storm")


@pytest.mark.parametrize(
    ("row", "made"),
    [
        ({"headline": "A", "link": "https://x.example/a"}, "https://x.example/a"),
        ({"headline": "A", "slug": "storm-hits"}, "storm-hits"),
    ],
)
def test_an_address_or_a_slug_stands_in_for_an_id(row: dict[str, str], made: str) -> None:
    columns = Columns()
    (article,) = articles_of(orjson.dumps([row]), Format.JSON, columns)
    assert article.id == made
    assert "stands in" in columns.messages()[-1]


def test_a_made_id_is_the_same_next_time_and_another_for_another_story() -> None:
    data = b"headline,date\nStorm hits,2026-01-05\nStorm hits,2026-01-06\n"
    first, second = articles_of(data, Format.CSV)
    assert first.id != second.id
    assert [first, second] == articles_of(data, Format.CSV)


def test_where_others_have_an_id_a_row_without_one_is_no_article() -> None:
    data = b'{"id": "a", "title": "T"}\n{"title": "U", "url": "https://x.example/u"}\n'
    first, second = rows_of(data, Format.JSONL)
    assert isinstance(first, Article)
    assert isinstance(second, Reject)
    assert (second.field, second.reason) == ("id", "is missing: every article needs one")


def test_columns_nobody_knows_are_told_once_with_what_they_resemble() -> None:
    columns = Columns()
    articles_of(b"id,title,publishd_at,foo\n1,T,x,y\n2,U,x,y\n", Format.CSV, columns)
    assert columns.messages() == ["kept in extra, not used: publishd_at (published_at?), foo"]
    assert columns.as_json()["unused"] == {"publishd_at": "published_at", "foo": None}


@pytest.mark.parametrize(
    ("column", "value", "status"),
    [
        ("Published", "checked", Status.PUBLISHED),  # as Airtable has it
        ("Published", "", Status.DRAFT),
        ("is_published", "false", Status.DRAFT),
        ("draft", "true", Status.DRAFT),
        ("visibility", "private", Status.UNPUBLISHED),
        ("visibility", "public", Status.PUBLISHED),
        ("is_deleted", "1", Status.UNPUBLISHED),
        ("Archived", "true", Status.UNPUBLISHED),
        ("deleted_at", "2026-01-05 10:00:00", Status.UNPUBLISHED),
        ("deleted_at", "0000-00-00 00:00:00", Status.PUBLISHED),
        ("deleted_at", "", Status.PUBLISHED),
        ("hidden", "no", Status.PUBLISHED),
        ("password", "secret", Status.UNPUBLISHED),
        ("is_public", "false", Status.UNPUBLISHED),
        ("public", "adults", Status.PUBLISHED),
        ("embargoed", "yes", Status.DRAFT),
        ("embargo", "no", Status.PUBLISHED),
    ],
)
def test_flags_say_whether_an_article_is_public(column: str, value: str, status: Status) -> None:
    (article,) = articles_of(f"id,title,note,{column}\n1,T,n,{value}\n".encode(), Format.CSV)
    assert article.status == status


def test_an_embargo_counts_for_more_than_the_date_of_an_article() -> None:
    lines = b"id,title,published_at,embargo_until\n1,T,2026-01-05,2031-02-03\n2,T,2026-01-05,\n"
    later, now = articles_of(lines, Format.CSV)
    assert (later.published_at, now.published_at) == (
        datetime(2031, 2, 3, tzinfo=UTC),
        datetime(2026, 1, 5, tzinfo=UTC),
    )


def test_a_document_with_a_title_of_its_own_and_a_list_of_articles_is_read_as_these() -> None:
    listed = b'{"title":"Harbour News","articles":[{"id":"1","title":"One"},{"id":"2","title":"Two"}]}'
    assert [article.id for article in articles_of(listed, Format.JSON)] == ["1", "2"]
    whole = b'{"id":"1","title":"T","body":"x","items":[{"title":"One"}]}'
    assert [article.id for article in articles_of(whole, Format.JSON)] == ["1"]
    blocks = b'{"id":"1","title":"T","docs":[{"kind":"p","value":"x"}],"authors":[{"name":"Ann"}]}'
    assert [article.id for article in articles_of(blocks, Format.JSON)] == ["1"]


def test_what_keeps_an_article_back_counts_for_more_than_what_does_not() -> None:
    (article,) = articles_of(b"id,title,status,draft\n1,T,published,true\n", Format.CSV)
    assert article.status == Status.DRAFT


def test_of_several_categories_none_is_the_section() -> None:
    one, several = articles_of(
        b'[{"id":1,"title":"T","categories":["World"]},{"id":2,"title":"T","categories":["World","War"]}]', Format.JSON
    )
    assert (one.section, several.section, several.tags) == ("World", None, ["World", "War"])


def test_the_order_of_dates_is_asked_for_and_then_followed() -> None:
    data = b"id,title,date\n1,T,11/03/2026\n"
    (reject,) = rows_of(data, Format.CSV)
    assert isinstance(reject, Reject)
    assert "--date-order" in reject.reason
    for order, day in {"dmy": datetime(2026, 3, 11, tzinfo=UTC), "mdy": datetime(2026, 11, 3, tzinfo=UTC)}.items():
        (article,) = articles_of(data, Format.CSV, Columns(ColumnMap(date_order=order)))  # type: ignore[arg-type]
        assert article.published_at == day


def test_the_encoding_is_what_the_user_says() -> None:
    data = '{"id": "1", "title": "café"}\n'.encode("cp1252")
    (reject,) = rows_of(data, Format.JSONL)
    assert isinstance(reject, Reject)
    assert "--encoding" in reject.reason
    for format in (Format.JSONL, Format.JSON):
        (article,) = rows_of(data, format, encoding="latin-1")
        assert isinstance(article, Article)
        assert article.title == "café"
    with pytest.raises(SourceError, match="encoding 'martian' is unknown"):
        rows_of(data, Format.JSONL, encoding="martian")


def test_the_columns_of_a_query_are_understood_too(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cms.db")) as database, database:
        database.execute("CREATE TABLE posts (post_id INTEGER, headline TEXT, published INTEGER)")
        database.execute("INSERT INTO posts VALUES (1, 'Storm', 1), (2, 'Vote', 0)")
    found = [*read(f"sqlite:///{tmp_path}/cms.db", query="SELECT * FROM posts ORDER BY 1")]
    assert [(row.id, row.status) for row in found if isinstance(row, Article)] == [("1", "published"), ("2", "draft")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("headline", "is not of the form column=field"),
        ("headline=titel", "did you mean title"),
        ("title=headline", "the column comes first"),
        ("a=nothing-like-it", "there are access, authors"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_with_the_way_out(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        asked(text)


def test_a_mapping_the_wrong_way_round_is_seen_in_the_source() -> None:
    with pytest.raises(SourceError, match="--map rubric=section"):
        rows_of(b"id,title,rubric\n1,T,World\n", Format.CSV, asked("section=rubric"))


def test_a_mapped_column_that_is_nowhere_is_told() -> None:
    columns = asked("hedline=title")
    articles_of(b"id,title\n1,T\n", Format.CSV, columns)
    assert columns.messages() == ["mapped, but in no row: hedline"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("id,Schlagzeile", r"has no column that is the title \(found: 'id, Schlagzeile'\)"),
        ("id,title,text,text", "2 columns 'text'"),
        (",".join(["id"] * 1001), "has 1,001 columns, more than 1,000"),
    ],
)
def test_a_table_that_cannot_hold_articles_is_refused(names: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        Columns().header(names.split(","), "a.csv")


def test_columns_are_fields_however_they_are_capitalised() -> None:
    assert Columns().header(["ID", "Title", "Desk"], "a.csv") == ["id", "title", "Desk"]
    assert Columns().header(["id", "title", "ID"], "a.csv") == ["id", "title", "ID"]


def test_no_name_of_a_field_is_taken_for_another() -> None:
    assert {name: field_of(name) for name in FIELDS} == {name: (name, 0) for name in FIELDS}
    assert nearest("publishd_at") == "published_at"
    assert nearest("zzz") is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)


OTHERS = ["headline", "published", "draft", "categories", "slug", "visibility", "image", "fields", "x"]


@given(st.lists(st.dictionaries(st.sampled_from([*FIELDS, *OTHERS]), JSON, max_size=6)), st.text())
def test_whatever_a_row_holds_it_becomes_an_article_or_a_reject(rows: list[dict[str, object]], path: str) -> None:
    columns = Columns(ColumnMap(fields={path: "title"}))
    for number, row in enumerate(rows, start=1):
        first, *_ = columns.rows(row, "a.json", number)
        assert isinstance(first, Article | Reject)
