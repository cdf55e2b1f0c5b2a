"""Links in the markup of texts."""

from __future__ import annotations

import pytest

from recommend.articles.article import parse_article
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
