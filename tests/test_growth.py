"""Work and memory on whatever arrives grow with its length and not with its square."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from contextlib import suppress

import pytest

from growth import MOST, SMALL, TIMES, disproportionate, grows
from hostile import NAMES, hostile
from recommend.articles.addresses import canonical_url, read_address
from recommend.articles.article import Article, parse_article
from recommend.articles.boilerplate import Boilerplate, sentence_keys
from recommend.articles.dates import read_date
from recommend.articles.languages import read_language
from recommend.articles.links import Link, links
from recommend.articles.markup import without_markup, without_shortcodes
from recommend.articles.passages import passages
from recommend.articles.text import clean_line, clean_text, lead_sentence, spans, terms
from recommend.errors import ArticleError

LINES = ("id", "title", "summary", "url", "published_at", "expires_at", "language", "status", "genre")


def parse_text(text: str) -> Article:
    return parse_article({"id": "a", "title": "T", "text": text})


def parse_lists(text: str) -> Article:
    return parse_article({"id": "a", "title": "T", "tags": text, "authors": [text[:400]] * (len(text) // 400)})


def parse_lines(text: str) -> None:
    for name in LINES:
        with suppress(ArticleError):
            parse_article({"id": "a", "title": "T", name: text})


def parse_unknown(text: str) -> Article:
    value: object = text
    for _ in range(len(text) // 100):
        value = [value, text[:5]]
    return parse_article({"id": "a", "title": "T", "deep": value, **{f"{n}": text[:9] for n in range(len(text) // 20)}})


def standfirst(text: str) -> str | None:
    return Article.model_construct(id="a", title="T", summary=None, text=text).standfirst


def sentences_counted(text: str) -> Article:
    article = Article.model_construct(id="a", title=text[:400], summary=None, text=text, url=None, site=None)
    return Boilerplate.of(sentence_keys(article)).without(article)


def links_found(text: str) -> list[Link]:
    return list(links(text))


ENTRIES: list[Callable[[str], object]] = [
    clean_text, clean_line, without_markup, without_shortcodes, lead_sentence, standfirst, terms, parse_text,
    parse_lists, parse_lines, parse_unknown, canonical_url, read_address, read_date, read_language,
    sentences_counted, links_found, passages,
    lambda text: spans(text, {"word", "a", "x", "vc", "ss"}),
]  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__name__)
def test_work_grows_with_the_length_of_what_arrives(entry: Callable[[str], object]) -> None:
    with suppress(ValueError):
        entry("warmed up, so that patterns are compiled: é क")
    assert disproportionate(entry) == {}


@pytest.mark.parametrize("entry", [clean_text, terms, parse_text], ids=lambda entry: entry.__name__)
def test_memory_grows_with_the_length_of_what_arrives(entry: Callable[[str], object]) -> None:
    entry("warmed up, so that patterns are compiled: é क")

    def peak(text: str) -> int:
        tracemalloc.start()
        entry(text)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    a_character = {name: peak(hostile(name, SMALL * 4)) / (SMALL * 4) for name in NAMES}
    assert {name: size for name, size in a_character.items() if size > 400} == {}


def test_the_check_sees_what_is_quadratic() -> None:
    def quadratic(text: str) -> int:
        return sum(text.count("b", start) for start in range(len(text)))

    assert grows(quadratic, "a" * SMALL, "a" * SMALL * TIMES) > MOST
