"""The Article contract: every field, and the message for each bad value."""

from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from effort import examples
from recommend.articles.article import Access, Article, FieldWarning, Status, opens, parse_article, read_access
from recommend.errors import ArticleError

LONG = "x" * 5_001
MISSING = object()
DEEP: list[Any] = []
for _ in range(64):
    DEEP = [DEEP]


FIELDS = [
    ("id", "2026/01/05-a", "2026/01/05-a"),
    ("title", " A <em>storm</em>\nof the night &amp; day ", "A storm of the night & day"),
    ("text", "<p>One.</p><p>Two.</p>", "One.\n\nTwo."),
    ("summary", "Short <b>version</b>", "Short version"),
    ("url", " https://example.com/a ", "https://example.com/a"),
    ("image_url", "/img/a.jpg", "/img/a.jpg"),
    ("published_at", "2026-01-05T10:00:00+02:00", datetime(2026, 1, 5, 8, tzinfo=UTC)),
    ("updated_at", "2026-01-05", datetime(2026, 1, 5, tzinfo=UTC)),
    ("section", "World ", "World"),
    ("tags", ["storm", " storm ", "", "<b>rain</b>"], ["storm", "rain"]),
    ("authors", "Ann Lee; Bo Ek|Ann Lee", ["Ann Lee", "Bo Ek"]),
    ("language", "PT_br", "pt-BR"),
    ("site", "courier", "courier"),
    ("genre", "Opinion", "opinion"),
    ("status", "draft", Status.DRAFT),
    ("expires_at", datetime(2027, 1, 1), datetime(2027, 1, 1, tzinfo=UTC)),
    ("access", "Subscribers", Access.MEMBERS),
    ("evergreen", "true", True),
    ("links_to", ["b", "http://x.example/c/?utm_source=y#d", "b", " "], ["b", "https://x.example/c"]),
]


def test_every_field_is_kept_and_cleaned() -> None:
    row = {name: given for name, given, _ in FIELDS}
    article = parse_article({**row, "extra": {"desk": "night"}, "priority": 3})
    kept = {name: cleaned for name, _, cleaned in FIELDS}
    assert article.model_dump() == {**kept, "extra": {"desk": "night", "priority": 3}}


def test_id_and_title_are_enough_and_empty_fields_count_as_absent() -> None:
    least = parse_article({"id": 7, "title": "T"})
    blank = dict.fromkeys(set(Article.model_fields) - {"id", "title", "extra"}, "")
    assert parse_article({"id": "7", "title": "T", **blank}) == least
    assert parse_article({"id": "7", "title": "T", **dict.fromkeys(blank, None)}) == least
    assert (least.status, least.tags, least.text, least.published_at) == (Status.PUBLISHED, [], "", None)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("id", MISSING, "row: id is missing: every article needs one"),
        ("id", "", "row: id '' is missing: every article needs one"),
        ("id", "  ", "id '  ' is blank: every article needs one"),
        ("id", "x" * 513, "has 513 characters, more than 512"),
        ("id", "a\nb", "contains a control character"),
        ("id", "a\x00", "contains a NUL byte"),
        ("id", "..", "is a step within an address and names nothing there"),
        ("id", True, "id True is not a string"),
        ("id", "a\ud800", "contains half of a surrogate pair and is not valid Unicode"),
        ("title", MISSING, "article 'a': title is missing: every article needs one"),
        ("title", None, "article 'a': title is missing or empty: every article needs a headline"),
        ("title", "<p> </p>", "title '<p> </p>' is missing or empty"),
        ("title", LONG, "has 5001 characters, more than 5000"),
        ("published_at", "2025-02-30", "published_at '2025-02-30' is not an ISO 8601 date"),
        ("published_at", "03/04/2025", "is not an ISO 8601 date: day and month may be either"),
        ("published_at", 12, "published_at 12 is not an ISO 8601 date, nor seconds since 1970"),
        ("published_at", float("nan"), "published_at nan is not a finite number"),
        ("expires_at", "1299-01-01", "is not an ISO 8601 date of any article: it lies before the year 1600"),
        ("expires_at", "soon", "expires_at 'soon' is not an ISO 8601 date"),
        ("status", "deleted", "status 'deleted' is not one of published, draft, unpublished"),
        ("text", "x" * 1_000_001, "has 1000001 characters, more than 1000000"),
        ("id", float("inf"), "id inf is not a finite number"),
        ("title", float("nan"), "title nan is not a finite number"),
        ("title", "\u200b\u2060\u202e", "title '\\u200b\\u2060\\u202e' is missing or empty"),
    ],
)
def test_a_bad_value_is_refused_by_name_value_and_reason(field: str, value: object, message: str) -> None:
    row = {"id": "a", "title": "T", field: value}
    with pytest.raises(ArticleError) as caught:
        parse_article({name: given for name, given in row.items() if given is not MISSING})
    assert message in str(caught.value)
    assert caught.value.field == field
    assert len(caught.value.value) <= 80
    (caught.value.article_id or "").encode()


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("text", {"html": "x"}, "is not a string"),
        ("url", "ftp://x/y", "is neither an http(s) URL nor a path that starts with '/'"),
        ("url", "https://[::1", "is not a valid URL"),
        ("url", "https://news\u202eexample/", "is not a valid URL"),
        ("image_url", "data:image/png;base64,x", "is neither an http(s) URL"),
        ("image_url", "images/a.jpg", "is neither an http(s) URL"),
        ("updated_at", "yesterday", "is not an ISO 8601 date"),
        ("section", ["World"], "is not a string"),
        ("tags", 5, "is neither a list of strings nor a string separated by ';' or '|'"),
        ("tags", [{}], "is not a string: it is left out"),
        ("authors", {"age": "A"}, "is neither a list of strings"),
        ("authors", ["x" * 501], "has 501 characters, more than 500: it is left out"),
        ("language", "the English one", "is not a BCP 47 language tag such as 'en' or 'pt-BR'"),
        ("site", False, "is not a string"),
        ("site", float("inf"), "is not a finite number"),
        ("genre", LONG, "has 5001 characters, more than 5000"),
        ("extra", "x", "is not an object with fields"),
        ("big", 2**70, "cannot be kept: Integer exceeds 64-bit range"),
        ("deep", DEEP, "cannot be kept: it is nested more than 64 deep"),
        ("wide", [0] * 10_001, "cannot be kept: it has 10001 members, more than 10000"),
        ("long", "x" * 1_000_001, "cannot be kept: all unknown fields together may have 10,000 values"),
    ],
)
def test_an_optional_field_that_cannot_be_read_is_dropped_with_a_warning(
    field: str, value: object, reason: str
) -> None:
    warnings: list[FieldWarning] = []
    article = parse_article({"id": "a", "title": "T", field: value}, warn=warnings.append)
    assert article == parse_article({"id": "a", "title": "T"})
    [warning] = warnings
    assert (warning.article_id, warning.field) == ("a", field)
    assert reason in warning.reason
    assert len(warning.value) <= 80


@pytest.mark.parametrize("row", [None, "text", ["a"], 5])
def test_what_is_no_mapping_is_no_article(row: object) -> None:
    with pytest.raises(ArticleError, match="row: is not an object with fields but"):
        parse_article(row)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda x: st.lists(x) | st.dictionaries(st.text(), x),
)


@hypothesis_settings(max_examples=examples(40, 100))
@given(st.dictionaries(st.sampled_from([*Article.model_fields, "other"]), JSON))
def test_any_row_gives_an_article_or_an_article_error(row: dict[str, Any]) -> None:
    with suppress(ArticleError):
        article = parse_article(row)
        assert parse_article(article.model_dump()).id == article.id


def test_a_title_that_repeats_the_start_of_the_text_is_not_said_twice() -> None:
    def full(title: str, text: str) -> str:
        return Article(id="a", title=title, text=text).full_text

    assert full("Storm hits coast", "Rain fell.") == "Storm hits coast\nRain fell."
    assert full("Storm hits coast", "storm hits coast, and rain fell.") == "storm hits coast, and rain fell."
    assert full("Storm hits…", "Storm hits the coast.") == "Storm hits the coast."
    assert full("Storm", "") == "Storm"


@pytest.mark.parametrize(
    ("access", "words"),
    [
        (Access.PUBLIC, [None, "", "public", " Free", "true", True, "everyone", Access.PUBLIC]),
        (Access.MEMBERS, ["members", "Member", "subscribers", Access.MEMBERS]),
        (Access.PAID, ["paid", "tiers", "premium", "subscriber-only", False, "false", "no", 1, ["public"], {}]),
    ],
)
def test_access_is_read_in_the_words_of_many_systems_and_an_unknown_one_is_not_public(
    access: Access, words: list[object]
) -> None:
    assert [parse_article({"id": "a", "title": "T", "access": word}).access for word in words] == [access] * len(words)
    assert {read_access(word) for word in words} == {access}


def test_who_pays_opens_everything_and_a_member_what_is_not_paid_for() -> None:
    assert [set(opens(access)) for access in Access] == [
        {Access.PUBLIC},
        {Access.PUBLIC, Access.MEMBERS},
        set(Access),
    ]


def test_fields_of_later_releases_change_the_content_hash_only_where_they_say_something() -> None:
    plain = Article(id="a", title="T")
    before = plain.model_dump(exclude={"access", "evergreen", "links_to"})
    assert plain.content_hash == sha256(orjson.dumps(before, option=orjson.OPT_SORT_KEYS)).digest()
    others: list[dict[str, object]] = [{"access": Access.PAID}, {"evergreen": True}, {"links_to": ["b"]}]
    assert len({plain.content_hash, *(plain.model_copy(update=other).content_hash for other in others)}) == 4


@pytest.mark.parametrize("access", [Access.MEMBERS, Access.PAID])
def test_a_text_that_is_not_public_lends_no_sentence(access: Access) -> None:
    assert Article(id="a", title="T", text="One. Two.", access=access).standfirst is None
    assert Article(id="a", title="T", summary="S", text="One. Two.", access=access).standfirst == "S"


def test_the_standfirst_is_the_summary_or_else_the_lead_sentence() -> None:
    assert Article(id="a", title="T", summary="S", text="One. Two.").standfirst == "S"
    assert Article(id="a", title="T", text="One. Two.").standfirst == "One."
    assert Article(id="a", title="T").standfirst is None


def test_the_content_hash_changes_with_any_field_and_the_text_hash_with_title_and_body_only() -> None:
    base = Article(id="a", title="T", text="B")
    for field, value in {"section": "S", "tags": ["x"], "extra": {"k": 1}, "status": "draft"}.items():
        other = parse_article({**base.model_dump(), field: value})
        assert other.content_hash != base.content_hash
        assert other.text_hash == base.text_hash
    assert Article(id="b", title="T", text="B").text_hash == base.text_hash
    assert Article(id="a", title="T", text="C").text_hash != base.text_hash
    assert parse_article({"text": "B", "title": "T", "id": "a"}).content_hash == base.content_hash


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("title", "Har\u00adbour \u2066closed\u2069\u202e", "Harbour closed"),
        ("title", {"rendered": "Fish &amp; chips"}, "Fish & chips"),
        ("title", "<mark>Harbour</mark> <font color=red>closed</font>", "Harbour closed"),
        ("title", "Donau<wbr>dampfschiff", "Donaudampfschiff"),
        ("text", "a\x00b", "a b"),
        ("text", "half \ud800 and \ud83d\ude00", "half \ufffd and 😀"),
        ("url", "https://a/b c", "https://a/b%20c"),
        ("url", "//cdn.example/a", "https://cdn.example/a"),
        ("image_url", " ", None),
        ("published_at", 1741000000, datetime(2025, 3, 3, 11, 6, 40, tzinfo=UTC)),
        ("published_at", "0000-00-00 00:00:00", None),
        ("expires_at", "9999-12-31T23:59:59-05:00", None),
        ("section", {"name": "World"}, "World"),
        ("tags", "bees, meadows", ["bees", "meadows"]),
        ("tags", '["bees", null, "meadows"]', ["bees", "meadows"]),
        ("tags", "R&amp;D;AT&amp;T", ["R&D", "AT&T"]),
        ("tags", ["a", None, {"name": "b"}, {}], ["a", "b"]),
        ("authors", [{"name": "Desk One"}], ["Desk One"]),
        ("authors", "Lee, Ann", ["Lee, Ann"]),
        ("authors", "Ann Lee, Bo Ek", ["Ann Lee", "Bo Ek"]),
        ("language", "English", "en"),
        ("language", "und", None),
        ("status", "publish", Status.PUBLISHED),
        ("status", True, Status.PUBLISHED),
        ("status", "private", Status.UNPUBLISHED),
        ("status", "future", Status.DRAFT),
    ],
)
def test_what_can_be_understood_is(field: str, value: object, read: object) -> None:
    assert getattr(parse_article({"id": "a", "title": "T", field: value}), field) == read


def test_a_scheduled_article_is_published_from_its_date_on() -> None:
    article = parse_article({"id": "a", "title": "T", "status": "scheduled", "published_at": "2030-01-01"})
    assert article.status == Status.PUBLISHED
    assert not article.is_public(datetime(2029, 12, 31, tzinfo=UTC))
    assert article.is_public(datetime(2030, 1, 1, tzinfo=UTC))


def test_relative_addresses_start_where_the_row_comes_from_and_images_at_their_page() -> None:
    row = {"id": "a", "title": "T", "url": "../b/1", "image_url": "c.jpg"}
    article = parse_article(row, base_url="https://news.example/x/y")
    assert (article.url, article.image_url) == ("https://news.example/b/1", "https://news.example/b/c.jpg")
    rooted = parse_article({**row, "image_url": "/c.jpg"}, base_url="https://news.example/x/y")
    assert rooted.image_url == "https://news.example/c.jpg"


def test_no_number_that_json_cannot_say_is_kept_and_all_else_of_a_field_is() -> None:
    warnings: list[FieldWarning] = []
    article = parse_article({"id": "a", "title": "T", "score": [1, float("nan"), 1e999]}, warn=warnings.append)
    assert article.extra == {"score": [1, None, None]}
    assert [warning.field for warning in warnings] == ["score"]


def test_many_tags_are_cut_and_the_article_stays() -> None:
    warnings: list[FieldWarning] = []
    article = parse_article({"id": "a", "title": "T", "tags": [str(n) for n in range(300)]}, warn=warnings.append)
    assert len(article.tags) == 200
    assert warnings[0].reason == "has 300 entries: those after 200 are left out"


def test_a_string_of_a_kind_of_its_own_is_a_string() -> None:
    class Marked(str):
        """As template engines hand text on."""

    article = Article.model_validate({"id": Marked("7"), "title": Marked("A"), "tags": Marked("bees, meadows")})
    assert (article.id, article.title, article.tags) == ("7", "A", ["bees", "meadows"])


def test_ids_that_differ_in_unicode_form_only_are_one() -> None:
    assert parse_article({"id": "nai\u0308ve", "title": "T"}).id == parse_article({"id": "na\u00efve", "title": "T"}).id


@pytest.mark.parametrize(("date", "said"), [("2126-03-01", "lies in the year 2126"), ("0001-01-01", "the year 1")])
def test_a_year_that_can_hardly_be_meant_is_told(date: str, said: str) -> None:
    warnings: list[FieldWarning] = []
    article = parse_article({"id": "a", "title": "T", "published_at": date}, warn=warnings.append)
    assert (article.published_at is None) == (date < "0002")
    assert said in warnings[0].reason


def test_day_or_month_comes_first_as_the_source_says() -> None:
    row = {"id": "a", "title": "T", "published_at": "03/04/2025"}
    assert parse_article(row, date_order="dmy").published_at == datetime(2025, 4, 3, tzinfo=UTC)
    assert parse_article(row, date_order="mdy").published_at == datetime(2025, 3, 4, tzinfo=UTC)
