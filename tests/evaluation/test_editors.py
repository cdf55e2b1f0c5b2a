"""What editors link, as judgements."""

from __future__ import annotations

import pytest

from recommend.articles.article import Article, parse_article
from recommend.errors import EvaluationError
from recommend.evaluation.editors import linked

SITE = "https://news.example"


def read(*rows: dict[str, object]) -> tuple[dict[str, Article], dict[str, dict[str, int]]]:
    articles, qrels = linked(parse_article(row) for row in rows)
    return {article.id: article for article in articles}, qrels


def row(name: str, text: str = "", **more: object) -> dict[str, object]:
    return {"id": name, "title": f"Title of {name}", "url": f"{SITE}/{name}", "text": text, **more}


def test_a_link_in_a_text_says_that_the_other_article_belongs_there() -> None:
    text = f'<p>See <a href="{SITE}/lock?utm_source=x#top">the lock</a> and <a href="/dam/">the dam</a>.</p>'
    _, qrels = read(row("river", text), row("lock"), row("dam"), row("sea"))
    assert qrels == {"river": {"lock": 1, "dam": 1}}


def test_the_words_of_links_are_hidden_wherever_the_text_has_them() -> None:
    text = 'The great lock opened. <a href="/lock">The great lock</a> is old; <a href="https://x.example/">there</a>.'
    articles, _ = read(row("river", text), row("lock", "The great lock."))
    assert "great lock" not in articles["river"].text
    assert "there" in articles["river"].text
    assert articles["lock"].text == "The great lock."


@pytest.mark.parametrize(
    "related", [["lock", f"{SITE}/dam"], [{"id": "lock"}, {"url": "/dam"}], ["lock", "dam", "gone", 7, None]]
)
def test_a_field_of_related_articles_says_so_too(related: object) -> None:
    _, qrels = read(row("river", related=related), row("lock"), row("dam"))
    assert qrels == {"river": {"lock": 1, "dam": 1}}


def test_no_article_is_related_to_itself() -> None:
    _, qrels = read(row("river", '<a href="/river">here</a> <a href="/sea">the sea</a>'), row("sea"))
    assert qrels == {"river": {"sea": 1}}


def test_articles_without_a_link_among_them_are_no_judgements() -> None:
    with pytest.raises(EvaluationError, match="none of the 2 articles links to another one"):
        read(row("river", '<a href="https://else.example/">there</a>'), row("sea"))


def test_what_a_row_says_it_links_to_says_so_too() -> None:
    _, qrels = read(row("river", links_to=["lock", f"{SITE}/dam"]), row("lock"), row("dam"))
    assert qrels == {"river": {"lock": 1, "dam": 1}}


def test_what_every_page_links_to_is_no_judgement() -> None:
    footer = '<p><a href="/about">About us</a></p>'
    pages = [row(f"p{n}", f'<p>See <a href="/p{n + 1}">the next</a>.</p>{footer}') for n in range(12)]
    _, qrels = read(*pages, row("p12", footer), row("about"))
    assert qrels == {f"p{n}": {f"p{n + 1}": 1} for n in range(12)}
    _, few = read(*pages[:9], row("p9", footer), row("about"))
    assert few["p9"] == {"about": 1}
