"""Links in the markup of texts."""

from __future__ import annotations

import pytest

from conftest import Newsroom
from recommend.articles.article import parse_article
from recommend.articles.limits import MOST_STRINGS
from recommend.articles.links import MOST_LINKS, Link, keeping_links, links


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('<p>As <a href="/2020/locks">we wrote</a> then.</p>', [Link("/2020/locks", "we wrote")]),
        ("<A class=x HREF='//a.example/?c=1&amp;d' ><b>old</b> lock</A >", [Link("//a.example/?c=1&d", "old lock")]),
        ("<a href=/plain>plain</a><a href = \"/two\">two</a>", [Link("/plain", "plain"), Link("/two", "two")]),
        ('<a data-href="/no" name=x>none</a> <a href="">empty</a> <abbr href="/no">no</abbr>', []),
        ('<a href="/open">never closed', []),
        ("no markup at all", []),
    ],
)  # fmt: skip
def test_links_are_found_with_their_words(text: str, found: list[Link]) -> None:
    assert list(links(text)) == found


def test_a_page_of_links_tells_of_the_first_thousand() -> None:
    assert len(list(links('<a href="/x">x</a>' * (MOST_LINKS + 5)))) == MOST_LINKS


def test_links_are_kept_only_while_somebody_asks() -> None:
    row = {"id": "a", "title": "t", "text": {"rendered": '<a href="/b">the other</a>'}}
    with keeping_links() as kept:
        parse_article(row)
    parse_article(row | {"id": "c"})
    assert kept == {"a": [Link("/b", "the other")]}


TEXT = (
    '<p>As <a href="/2020/locks/?utm_source=x#top">we wrote</a>, <a href="gates">here</a>, <a href="#top">above</a>, '
    '<a href="mailto:a@b.example">or</a> <a href="HTTP://Other.example/a">there</a> <a href="/2020/river">it</a>.</p>'
)


def test_an_article_links_to_the_pages_that_its_text_and_its_related_fields_name() -> None:
    url = "https://news.example/2020/river"
    row = {"id": "river", "title": "t", "url": url, "text": TEXT, "related": ["dam", {"url": "/2020/sea/"}, 7]}
    assert parse_article(row).links_to == [
        "dam",
        "/2020/sea",
        "https://news.example/2020/sea",
        "7",
        "https://news.example/2020/locks",
        "https://news.example/2020/gates",
        "https://other.example/a",
    ]


def test_a_related_article_is_named_by_its_address_as_well_as_by_its_number() -> None:
    row = {"id": "river", "title": "t", "related_posts": [{"id": 12, "url": "https://news.example/dam/"}, {"id": None}]}
    assert parse_article(row).links_to == ["12", "https://news.example/dam"]


def test_without_an_address_of_its_own_relative_links_stay_as_they_are() -> None:
    assert parse_article({"id": "river", "title": "t", "text": TEXT}).links_to == [
        "/2020/locks",
        "gates",
        "https://other.example/a",
        "/2020/river",
    ]


def test_what_a_row_says_it_links_to_goes_before_its_text() -> None:
    row = {"id": "river", "title": "t", "text": TEXT, "links_to": ["dam"]}
    assert parse_article(row).links_to == ["dam"]
    assert parse_article(row | {"links_to": []}).links_to == []
    assert parse_article(parse_article(row).model_dump()).links_to == ["dam"]


def test_half_a_surrogate_pair_in_a_link_costs_the_article_nothing() -> None:
    article = parse_article({"id": "a", "title": "t", "text": '<a href="https://b.example/\ud83d\ude00\ud800">b</a>'})
    assert article.links_to == ["https://b.example/%F0%9F%98%80%EF%BF%BD"]
    assert article.content_hash


@pytest.mark.parametrize("field", ["text", "related", "links_to"])
def test_links_that_grow_when_they_are_escaped_leave_the_article_readable(field: str, newsroom: Newsroom) -> None:
    urls = [f"https://b.example/{n}/{'😀' * 470}" for n in range(MOST_STRINGS)]
    written = "".join(f'<a href="{url}">b</a>' for url in urls) if field == "text" else urls
    article = parse_article({"id": "a", "title": "t", field: written})
    newsroom.take(article)
    assert newsroom.store.get("a") == article


@pytest.mark.parametrize("field", ["links_to", "related"])
@pytest.mark.parametrize("cell", ['["a", "/b/"]', "a;/b/", "a | /b/", "a, /b/", "a\n/b/;"])
def test_a_cell_holds_several_links(field: str, cell: str) -> None:
    assert parse_article({"id": "x", "title": "t", field: cell}).links_to == ["a", "/b"]
    assert parse_article({"id": "x", "title": "t", field: "https://a.example/b,1.html"}).links_to == [
        "https://a.example/b,1.html"
    ]


def test_links_are_bounded_and_what_is_no_list_of_them_is_told() -> None:
    many = "".join(f'<a href="/{n}">x</a>' for n in range(MOST_STRINGS + 9)) + f'<a href="/{"x" * 600}">x</a>'
    assert len(parse_article({"id": "a", "title": "t", "text": many}).links_to) == MOST_STRINGS
    told: list[str] = []
    row = {"id": "a", "title": "t", "links_to": [f"b{n}" for n in range(MOST_STRINGS + 9)]}
    for given in (row, row | {"links_to": {"b": 1}}):
        parse_article(given, warn=lambda warning: told.append(f"{warning.field} {warning.reason}"))
    assert told == [
        "links_to has 209 entries: those after 200 are left out",
        "links_to is not a list of ids and addresses",
    ]
