"""WordPress exports."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recommend.article import Article
from recommend.errors import SourceError
from recommend.sources import Reject, read

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
    bad, good = read(export(tmp_path, POST.replace("2026-01-05", "someday"), POST))
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
