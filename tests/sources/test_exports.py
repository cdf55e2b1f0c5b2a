"""Exports and interfaces that are JSON."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from effort import examples
from recommend.articles.addresses import canonical_url
from recommend.articles.article import Article, Status
from recommend.errors import SourceError
from recommend.sources import jsonl
from recommend.sources.exports import as_row, find_posts
from recommend.sources.feed import read_feed
from recommend.sources.jsonl import read_json
from recommend.sources.row import Reject, Row
from recommend.sources.stream import ByteStream

GHOST = {
    "id": "5f1",
    "uuid": "6b4f7a52-0000-4000-8000-000000000001",
    "title": "Ferry returns",
    "slug": "ferry-returns",
    "html": "<p>The ferry is back.</p>",
    "custom_excerpt": "After repairs.",
    "feature_image": "__GHOST_URL__/content/images/1.jpg",
    "status": "published",
    "visibility": "members",
    "published_at": "2026-01-05T10:00:00.000Z",
    "updated_at": "2026-01-06T10:00:00.000Z",
    "type": "post",
}
TABLES = {
    "posts": [GHOST, {**GHOST, "id": "5f2", "uuid": None, "type": "page"}],
    "tags": [{"id": "t1", "name": "Local"}, {"id": "t2", "name": "Ferries"}, {"id": "t3", "name": "#hidden"}],
    "posts_tags": [
        {"post_id": "5f1", "tag_id": "t2", "sort_order": 1},
        {"post_id": "5f1", "tag_id": "t1", "sort_order": 0},
        {"post_id": "5f1", "tag_id": "t3", "sort_order": 2},
    ],
    "users": [{"id": "u1", "name": "Ann Lee"}],
    "posts_authors": [{"post_id": "5f1", "author_id": "u1", "sort_order": 0}],
}
WORDPRESS = {
    "id": 7,
    "date": "2026-01-05T11:00:00",
    "date_gmt": "2026-01-05T10:00:00",
    "modified_gmt": "2026-01-06T10:00:00",
    "guid": {"rendered": "https://harbour.example/?p=7"},
    "link": "https://harbour.example/ferry/",
    "status": "publish",
    "title": {"rendered": "Ferry &#8217;returns&#8217;"},
    "content": {"rendered": "<p>The ferry is back.</p>", "protected": False},
    "excerpt": {"rendered": "<p>After repairs.</p>"},
    "_embedded": {
        "author": [{"name": "Ann Lee"}],
        "wp:featuredmedia": [{"source_url": "https://harbour.example/1.jpg"}],
        "wp:term": [
            [{"taxonomy": "category", "name": "Uncategorized"}, {"taxonomy": "category", "name": "Local"}],
            [{"taxonomy": "post_tag", "name": "Ferries"}],
        ],
    },
}
DRUPAL = {
    "data": [
        {
            "type": "node--article",
            "id": "6b4f7a52-0000-4000-8000-000000000001",
            "attributes": {
                "title": "Ferry returns",
                "status": True,
                "created": "2026-01-05T10:00:00+00:00",
                "changed": "2026-01-06T10:00:00+00:00",
                "langcode": "en",
                "path": {"alias": "/ferry"},
                "body": {"value": "raw", "processed": "<p>The ferry is back.</p>", "summary": "After repairs."},
            },
            "relationships": {
                "field_tags": {"data": [{"type": "taxonomy_term--tags", "id": "t1"}]},
                "uid": {"data": {"type": "user--user", "id": "u1"}},
            },
        },
        {"type": "node--article", "id": "2", "attributes": {"title": "Not yet", "status": False}},
    ],
    "included": [
        {"type": "taxonomy_term--tags", "id": "t1", "attributes": {"name": "Ferries"}},
        {"type": "user--user", "id": "u1", "attributes": {"display_name": "Ann Lee"}},
    ],
}


def rows(document: object, indent: bool = False) -> list[Row]:
    data = orjson.dumps(document, option=orjson.OPT_INDENT_2 if indent else None)
    return list(read_json(ByteStream(io.BytesIO(data), "a.json")))


@pytest.mark.parametrize("indent", [False, True])
@pytest.mark.parametrize(
    "document", [{"db": [{"meta": {}, "data": TABLES}]}, {"meta": {"version": "5"}, "data": TABLES}]
)
def test_an_export_of_ghost_gives_its_posts(document: object, indent: bool) -> None:
    (row,) = rows(document, indent)
    assert isinstance(row, Article)
    assert (row.id, row.title, row.text) == (GHOST["uuid"], "Ferry returns", "The ferry is back.")
    assert (row.url, row.image_url) == ("/ferry-returns/", "/content/images/1.jpg")
    assert (row.section, row.tags, row.authors) == ("Local", ["Ferries"], ["Ann Lee"])
    assert (row.published_at, row.summary) == (datetime(2026, 1, 5, 10, tzinfo=UTC), "After repairs.")
    assert "members" in {str(getattr(row, "access", None)), row.extra.get("access")}


def test_the_interface_of_ghost_gives_its_posts() -> None:
    post = {**GHOST, "url": "https://a.example/f/", "tags": [{"name": "Local"}], "authors": [{"name": "Ann Lee"}]}
    (row,) = rows({"posts": [post], "meta": {}})
    assert isinstance(row, Article)
    assert (row.url, row.section, row.authors) == ("https://a.example/f/", "Local", ["Ann Lee"])


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, Status.PUBLISHED),
        ({"status": "draft"}, Status.DRAFT),
        ({"status": "sent"}, Status.DRAFT),
        ({"status": "something new"}, Status.DRAFT),
        ({"status": "scheduled", "published_at": "2033-01-01"}, Status.PUBLISHED),
        ({"status": "scheduled", "published_at": None}, Status.DRAFT),
    ],
)
def test_what_ghost_has_not_published_is_not(change: dict[str, object], status: Status) -> None:
    (row,) = rows({"posts": [{**GHOST, **change}]})
    assert isinstance(row, Article)
    assert row.status is status


@pytest.mark.parametrize(
    ("visibility", "access"),
    [("public", "public"), ("paid", "paid"), ("tiers", "paid"), ("filter:x", "paid"), (None, "public")],
)
def test_who_may_read_a_post_of_ghost_is_kept(visibility: str | None, access: str) -> None:
    (post,) = find_posts({"posts": [{**GHOST, "visibility": visibility}]}) or []
    assert post["access"] == access


def test_posts_of_the_rest_interface_of_wordpress_are_articles_as_those_of_an_export_are() -> None:
    (row,) = rows([WORDPRESS])
    assert row == Article(
        id="https://harbour.example/?p=7",
        title="Ferry ’returns’",
        text="The ferry is back.",
        summary="After repairs.",
        url="https://harbour.example/ferry/",
        image_url="https://harbour.example/1.jpg",
        published_at=datetime(2026, 1, 5, 10, tzinfo=UTC),
        updated_at=datetime(2026, 1, 6, 10, tzinfo=UTC),
        section="Local",
        tags=["Ferries"],
        authors=["Ann Lee"],
    )


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"content": {"rendered": "", "protected": True}}, Status.UNPUBLISHED),
        ({"status": "private"}, Status.DRAFT),
        ({"status": "future", "date_gmt": "2033-01-01T00:00:00"}, Status.PUBLISHED),
        ({"status": "future", "date_gmt": None, "date": None}, Status.DRAFT),
    ],
)
def test_what_wordpress_keeps_back_is_not_published(change: dict[str, object], status: Status) -> None:
    (row,) = rows([{**WORDPRESS, **change}])
    assert isinstance(row, Article)
    assert row.status is status


def test_an_export_of_drupal_gives_its_articles() -> None:
    first, second = rows(DRUPAL)
    assert isinstance(first, Article)
    assert isinstance(second, Article)
    assert (first.title, first.text, first.summary) == ("Ferry returns", "The ferry is back.", "After repairs.")
    assert (first.url, first.tags, first.authors, first.language) == ("/ferry", ["Ferries"], ["Ann Lee"], "en")
    assert (first.status, second.status) == (Status.PUBLISHED, Status.DRAFT)


def test_json_lines_that_begin_as_an_export_might_are_json_lines() -> None:
    lines = [orjson.dumps({"meta": {"desk": 4}, "id": str(number), "title": "x"}) for number in range(3)]
    found = list(read_json(ByteStream(io.BytesIO(b"\n".join(lines)), "a.json")))
    assert [row.id for row in found if isinstance(row, Article)] == ["0", "1", "2"]
    broken = list(read_json(ByteStream(io.BytesIO(b'{"meta": {\n' + lines[1]), "a.json")))
    assert [type(row) for row in broken] == [Reject, Article]


def test_an_export_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl, "EXPORT_LIMIT", 100)
    with pytest.raises(SourceError, match="is one JSON document of more than 100 bytes: write JSON lines"):
        rows({"posts": [GHOST]})


POST = {"id": "1", "title": "Ferry returns", "body": "It is back.", "date": "2026-01-05"}


@pytest.mark.parametrize("document", [{"posts": [POST]}, {"data": {"posts": [POST]}}, {"posts": [POST, POST]}])
def test_posts_that_are_not_of_ghost_keep_all_that_they_say(document: object) -> None:
    row = rows(document)[0]
    assert isinstance(row, Article)
    assert (row.text, row.published_at) == ("It is back.", datetime(2026, 1, 5, tzinfo=UTC))


@pytest.mark.parametrize("change", [{"published": False}, {"visibility": "private"}, {"draft": True}])
def test_posts_that_are_not_of_ghost_are_not_published_by_a_guess(change: dict[str, object]) -> None:
    (row,) = rows({"posts": [{**POST, **change}]})
    assert isinstance(row, Article)
    assert row.status is not Status.PUBLISHED


@pytest.mark.parametrize(
    "row",
    [
        {"_id": "drafts.7", "_type": "post", "title": "Not yet"},
        {"id": 7, "attributes": {"title": "Not yet", "publishedAt": None, "createdAt": "2026-01-05"}},
        {"id": 7, "documentId": "abc", "title": "Not yet", "publishedAt": None},
    ],
)
def test_drafts_that_are_told_by_an_id_or_a_missing_date_are_not_published(row: dict[str, object]) -> None:
    (draft,) = rows([row])
    assert isinstance(draft, Article)
    assert draft.status is Status.DRAFT


def test_links_within_an_export_of_ghost_lead_to_its_posts() -> None:
    text = '<p>As <a href="__GHOST_URL__/ferry-returns/">we wrote</a>.</p>'
    other = {**GHOST, "uuid": "2", "slug": "other", "html": text}
    ferry, linking = rows({"db": [{"data": {"posts": [GHOST, other]}}]})
    assert isinstance(ferry, Article)
    assert isinstance(linking, Article)
    assert linking.links_to == [canonical_url(ferry.url or "")]


def test_nodes_of_another_interface_than_drupals_are_articles() -> None:
    (row,) = rows({"data": [{"type": "stories", "id": "7", "attributes": {"title": "Ferry", "body": "It is back."}}]})
    assert isinstance(row, Article)
    assert (row.id, row.title, row.text) == ("7", "Ferry", "It is back.")


values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "type", "name", "rendered", "attributes", "data", "status", "body", "uri", "taxonomy"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
documents = st.dictionaries(
    st.sampled_from(
        ["db", "data", "posts", "included", "tags", "posts_tags", "users", "title", "_embedded", "content"]
    ),
    values
    | st.lists(st.dictionaries(st.sampled_from([*GHOST, "attributes", "relationships", "tag_id", "post_id"]), values)),
)


@settings(deadline=None, max_examples=examples(40, 100), suppress_health_check=[HealthCheck.too_slow])
@given(documents)
def test_no_document_raises(document: dict[str, object]) -> None:
    list(find_posts(document) or [])
    as_row(document)


def test_a_json_feed_gives_its_items_under_ids_of_its_own() -> None:
    item = {
        "id": 7, "url": "https://www.quay.example/7", "title": "Ferry returns", "content_html": "<p>It is back.</p>",
        "image": "https://quay.example/7.jpg", "date_published": "2026-03-02T08:00:00+01:00", "tags": ["ferry"],
    }  # fmt: skip
    feed = {
        "version": "https://jsonfeed.org/version/1.1", "title": "Quay", "home_page_url": "https://www.quay.example/",
        "language": "en", "authors": [{"name": "Ana Ruiz"}], "items": [item, {"id": "https://quay.example/8"}],
    }  # fmt: skip
    article, reject = rows(feed)
    assert isinstance(article, Article)
    assert (article.id, article.title, article.text) == ("quay.example:7", "Ferry returns", "It is back.")
    assert (article.language, article.authors, article.tags) == ("en", ["Ana Ruiz"], ["ferry"])
    assert article.published_at == datetime(2026, 3, 2, 7, tzinfo=UTC)
    assert isinstance(reject, Reject)
    assert (reject.field, reject.article_id) == ("title", "https://quay.example/8")
    assert next(read_feed(ByteStream(io.BytesIO(orjson.dumps(feed)), "feed.json"))) == article


@pytest.mark.parametrize("data", [b'{"title": "no feed"}', b'{"version": "https://jsonfeed.org/version/1"'])
def test_json_that_is_no_feed_is_refused_where_a_feed_is_wanted(data: bytes) -> None:
    with pytest.raises(SourceError, match=r"neither an RSS nor an Atom nor a JSON feed|is not JSON"):
        list(read_feed(ByteStream(io.BytesIO(data), "feed.json")))
