"""Markdown with a head."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from recommend.articles.article import Article, Status
from recommend.sources import Reject, Row, RowWarning, read

HUGO = """+++
title = "Ferry returns"
date = 2026-01-05T10:00:00+01:00
lastmod = 2026-01-06
tags = ["Ferries", "Port"]
categories = ["Local"]
authors = ["Ann Lee"]
description = "After repairs."
[cover]
image = "/1.jpg"
+++
The ferry is **back**, and [sails](https://a.example) at noon.

{{< figure src="x.jpg" >}}

It is full.
"""
JEKYLL = """---
title: "Ferry returns"
categories: Local
tags: [Ferries, Port]
permalink: /2026/ferry/
author: Ann Lee
---
The ferry is *back*. {% include x.html %}
"""


def one(folder: Path, text: str, name: str = "ferry.md") -> Row:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    (row,) = read(path)
    return row


def test_a_story_of_hugo_is_an_article(tmp_path: Path) -> None:
    assert one(tmp_path, HUGO) == Article(
        id="ferry",
        title="Ferry returns",
        text="The ferry is back, and sails at noon.\n\nIt is full.",
        summary="After repairs.",
        image_url="/1.jpg",
        published_at=datetime(2026, 1, 5, 9, tzinfo=UTC),
        updated_at=datetime(2026, 1, 6, tzinfo=UTC),
        section="Local",
        tags=["Ferries", "Port"],
        authors=["Ann Lee"],
        links_to=["https://a.example/"],
    )


def test_a_story_of_jekyll_is_an_article(tmp_path: Path) -> None:
    row = one(tmp_path, JEKYLL, "_posts/2026-01-05-ferry.md")
    assert isinstance(row, Article)
    assert (row.id, row.url, row.published_at) == ("/2026/ferry/", "/2026/ferry/", datetime(2026, 1, 5, tzinfo=UTC))
    assert (row.section, row.tags, row.authors, row.text) == (
        "Local",
        ["Ferries", "Port"],
        ["Ann Lee"],
        "The ferry is back.",
    )


def test_a_story_in_a_folder_of_its_own_goes_by_the_folder(tmp_path: Path) -> None:
    row = one(tmp_path, "---\ntitle: x\n---\n", "ferry/index.md")
    assert isinstance(row, Article)
    assert row.id == "ferry"


@pytest.mark.parametrize(
    "line",
    [
        "draft: true",
        "draft: yes",
        "draft: perhaps",
        "published: false",
        "published: 'false'",
        "published: 0",
        "password: secret",
        "status: draft",
    ],
)
def test_what_might_not_be_public_is_not_published(tmp_path: Path, line: str) -> None:
    row = one(tmp_path, f"---\ntitle: x\n{line}\n---\n")
    assert isinstance(row, Article)
    assert row.status is Status.DRAFT


def test_the_head_tells_what_a_story_is_related_to(tmp_path: Path) -> None:
    row = one(tmp_path, "---\ntitle: x\nrelated: [/ferry/, dam]\n---\n[there](/locks/)")
    assert isinstance(row, Article)
    assert row.links_to == ["/ferry", "dam", "/locks"]


def test_a_date_that_cannot_be_read_is_no_reason_to_publish(tmp_path: Path) -> None:
    row = one(tmp_path, "---\ntitle: x\ndate: soon\n---\n")
    assert isinstance(row, Reject)
    assert row.field == "published_at"


def test_a_file_without_a_head_is_passed_over_with_a_warning(tmp_path: Path) -> None:
    row = one(tmp_path, "# Read me\n\nThis is no story.\n")
    assert isinstance(row, RowWarning)
    assert row.reason == "has no head between lines of --- or +++ and was passed over"


@pytest.mark.parametrize(
    "head",
    [
        "a: &a [x, x, x]\nb: &b [*a, *a, *a]\ntitle: *b",
        "title: !!python/object/apply:os.system [true]",
        "title: [unclosed",
        "? " * 20_000,
        "[" * 20_000,
    ],
)
def test_a_head_that_is_an_attack_is_one_reject(tmp_path: Path, head: str) -> None:
    row = one(tmp_path, f"---\n{head}\n---\nText\n")
    assert isinstance(row, Reject)
    assert row.reason.startswith(("cannot be parsed", "takes more than"))
