"""WordPress exports."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recommend.articles.article import Article
from recommend.errors import SourceError
from recommend.sources import Reject, Row, RowWarning, read
from recommend.sources.limits import LINE_LIMIT

HEAD = """<?xml version="1.0" encoding="UTF-8" ?>
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
  xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:wp="http://wordpress.org/export/1.2/"><channel><title>The Harbour Post</title>"""
POST = """<item><title>Ferry returns</title><link>https://harbour.example/ferry/</link><dc:creator><![CDATA[ann]]></dc:creator>
<guid isPermaLink="false">https://harbour.example/?p=7</guid>
<content:encoded><![CDATA[<!-- wp:paragraph --><p>The ferry is back.</p><!-- /wp:paragraph -->
[caption id="1"]<img src="x.jpg"/> The quay[/caption] It sails at noon.]]></content:encoded>
<excerpt:encoded><![CDATA[After repairs.]]></excerpt:encoded>
<wp:post_id>7</wp:post_id><wp:post_date_gmt>2026-01-05 10:00:00</wp:post_date_gmt>
<wp:post_modified_gmt>2026-01-06 10:00:00</wp:post_modified_gmt>
<wp:status>publish</wp:status><wp:post_type>post</wp:post_type>
<category domain="category" nicename="local"><![CDATA[Local]]></category>
<category domain="post_tag" nicename="ferry"><![CDATA[Ferry]]></category>
<wp:comment><wp:comment_content>First!</wp:comment_content></wp:comment></item>"""


def export(folder: Path, *items: str, end: str = "</channel></rss>") -> Path:
    path = folder / "export.xml"
    path.write_text(HEAD + "".join(items) + end, encoding="utf-8")
    return path


def test_a_post_is_an_article(tmp_path: Path) -> None:
    (row,) = read(export(tmp_path, POST))
    assert row == Article(
        id="https://harbour.example/?p=7",
        title="Ferry returns",
        text="The ferry is back.\n\nThe quay It sails at noon.",
        summary="After repairs.",
        url="https://harbour.example/ferry/",
        published_at=datetime(2026, 1, 5, 10, tzinfo=UTC),
        updated_at=datetime(2026, 1, 6, 10, tzinfo=UTC),
        section="Local",
        tags=["Ferry"],
        authors=["ann"],
        site="harbour.example",
    )


@pytest.mark.parametrize(
    ("status", "found"),
    [("publish", "published"), ("future", "published"), ("trash", "unpublished"), ("private", "draft")],
)
def test_the_status_of_a_post_is_kept(tmp_path: Path, status: str, found: str) -> None:
    (row,) = read(export(tmp_path, POST.replace(">publish<", f">{status}<")))
    assert isinstance(row, Article)
    assert row.status == found


def test_a_draft_without_a_date_has_none(tmp_path: Path) -> None:
    (row,) = read(export(tmp_path, POST.replace("2026-01-05 10:00:00", "0000-00-00 00:00:00")))
    assert isinstance(row, Article)
    assert row.published_at is None


@pytest.mark.parametrize("kind", ["page", "attachment", "nav_menu_item", "revision"])
def test_what_is_no_post_is_passed_over(tmp_path: Path, kind: str) -> None:
    assert list(read(export(tmp_path, POST.replace(">post<", f">{kind}<")))) == []


def test_a_bad_post_is_rejected_and_the_next_is_read(tmp_path: Path) -> None:
    bad, good = read(export(tmp_path, POST.replace("2026-01-05", "someday").replace("?p=7", "?p=6"), POST))
    assert isinstance(bad, Reject)
    assert (bad.line, bad.field) == (1, "published_at")
    assert isinstance(good, Article)


def test_an_export_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    row, broken = read(export(tmp_path, POST, end="<item><title>Half"))
    assert isinstance(row, Article)
    assert isinstance(broken, Reject)
    assert broken.reason.startswith("cannot be read, nor what is behind it: ")
    assert broken.line == 2


def test_an_export_that_is_broken_from_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not well-formed"):
        list(read(export(tmp_path, "<item>", end="</rss>")))


NEVER = "0000-00-00 00:00:00"
PLANNED = POST.replace(">publish<", ">future<").replace("2026-01-05 10:00:00", NEVER)


def only(rows: Iterable[Row]) -> Article:
    (found,) = (row for row in rows if isinstance(row, Article))
    return found


def test_a_post_behind_a_password_is_not_published(tmp_path: Path) -> None:
    post = only(
        read(export(tmp_path, POST.replace("<wp:status>", "<wp:post_password>secret</wp:post_password><wp:status>")))
    )
    assert post.status == "unpublished"


def test_a_planned_post_without_a_date_is_a_draft(tmp_path: Path) -> None:
    assert only(read(export(tmp_path, PLANNED))).status == "draft"
    local = f"<wp:post_date>{NEVER}</wp:post_date><wp:status>"
    assert only(read(export(tmp_path, PLANNED.replace("<wp:status>", local)))).status == "draft"


def test_a_planned_post_whose_date_cannot_be_read_is_rejected(tmp_path: Path) -> None:
    (row,) = read(export(tmp_path, PLANNED.replace(NEVER, "soon")))
    assert isinstance(row, Reject)
    assert row.field == "published_at"


def test_a_date_in_the_zone_of_the_site_stands_in(tmp_path: Path) -> None:
    local = "<wp:post_date>2033-06-01 09:00:00</wp:post_date><wp:status>"
    planned = PLANNED.replace("<wp:status>", local).replace("?p=7", "?p=8")
    post = only(read(export(tmp_path, planned)))
    assert (post.status, post.published_at) == ("published", datetime(2033, 6, 1, 9, tzinfo=UTC))
    told = POST.replace("<wp:status>", "<wp:post_date>2026-01-05 12:00:00</wp:post_date><wp:status>")
    _, after = read(export(tmp_path, told, planned))
    assert isinstance(after, Article)
    assert after.published_at == datetime(2033, 6, 1, 7, tzinfo=UTC)


def test_two_posts_of_one_guid_both_go_in_and_are_told(tmp_path: Path) -> None:
    again = POST.replace("<wp:post_id>7<", "<wp:post_id>8<").replace("Ferry returns", "Ferry leaves")
    first, warning, second = read(export(tmp_path, POST, again))
    assert isinstance(first, Article)
    assert isinstance(second, Article)
    assert (first.id, second.id) == ("https://harbour.example/?p=7", "https://harbour.example/?p=7#post-8")
    assert isinstance(warning, RowWarning)
    assert (warning.line, warning.field) == (2, "id")
    assert warning.reason == "is the guid of item 1 too: this one goes by https://harbour.example/?p=7#post-8"


HEAD_OF_SITE = """<language>de-DE</language><wp:base_blog_url>https://harbour.example</wp:base_blog_url>
<wp:author><wp:author_login>ann</wp:author_login><wp:author_display_name>Ann Lee</wp:author_display_name></wp:author>"""
IMAGE = """<item><title>x</title><wp:post_id>9</wp:post_id><wp:post_type>attachment</wp:post_type>
<wp:attachment_url>/files/1.jpg</wp:attachment_url></item>"""
WITH_IMAGE = POST.replace(
    "<wp:comment>",
    "<wp:postmeta><wp:meta_key>_thumbnail_id</wp:meta_key><wp:meta_value>9</wp:meta_value></wp:postmeta><wp:comment>",
)


def test_what_the_head_tells_holds_for_all_posts(tmp_path: Path) -> None:
    post = only(read(export(tmp_path, HEAD_OF_SITE, POST)))
    assert (post.language, post.authors) == ("de-DE", ["Ann Lee"])


@pytest.mark.parametrize("items", [[IMAGE, WITH_IMAGE], [WITH_IMAGE, IMAGE]])
def test_the_image_of_a_post_is_found_before_and_behind_it(tmp_path: Path, items: list[str]) -> None:
    assert only(read(export(tmp_path, HEAD_OF_SITE, *items))).image_url == "https://harbour.example/files/1.jpg"


def test_posts_do_not_wait_for_an_image_for_ever(tmp_path: Path) -> None:
    posts = [WITH_IMAGE.replace("?p=7", f"?p={number}") for number in range(1_200)]
    rows = list(read(export(tmp_path, *posts)))
    assert [row.id for row in rows if isinstance(row, Article)] == [
        f"https://harbour.example/?p={number}" for number in range(1_200)
    ]


@pytest.mark.parametrize(
    ("categories", "section", "tags"),
    [
        ([("uncategorized", "Uncategorized")], None, ["Ferry"]),
        ([("uncategorized", "Ohne Kategorie"), ("science", "Science")], "Science", ["Ferry"]),
        ([("science", "Science"), ("bees", "Bees &amp;amp; honey")], "Science", ["Bees & honey", "Ferry"]),
    ],
)
def test_the_first_category_that_says_something_is_the_section(
    tmp_path: Path, categories: list[tuple[str, str]], section: str | None, tags: list[str]
) -> None:
    told = "".join(f'<category domain="category" nicename="{slug}">{name}</category>' for slug, name in categories)
    post = only(
        read(
            export(
                tmp_path,
                POST.replace('<category domain="category" nicename="local"><![CDATA[Local]]></category>', told),
            )
        )
    )
    assert (post.section, post.tags) == (section, tags)


def test_a_post_that_is_too_large_costs_itself_alone(tmp_path: Path) -> None:
    large = POST.replace("The ferry is back.", "x" * (LINE_LIMIT + 1))
    reject, row = read(export(tmp_path, large, POST))
    assert isinstance(row, Article)
    assert isinstance(reject, Reject)
    assert (reject.line, reject.reason) == (1, f"has {LINE_LIMIT + 1:,} bytes, more than {LINE_LIMIT:,}")
