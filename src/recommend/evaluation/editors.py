"""What editors of an archive link themselves, as judgements: nobody has to judge, and no archive is like another.

A link says that two articles belong together. That there is none says little, so figures of such judgements compare
settings on one archive; they are not what readers see.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from recommend.articles.addresses import canonical_url
from recommend.articles.article import Article
from recommend.articles.links import RELATED_FIELDS, Link, keeping_links, linked_name
from recommend.errors import EvaluationError
from recommend.evaluation.judgements import EDITORS, Qrels, read_qrels
from recommend.index.backlinks import most_linking

_LEAST_WORDS = 4  # characters that a link's words must have to be looked for in its text


def read_judged(articles: Iterable[Article], qrels: Path) -> tuple[Iterable[Article], Qrels]:
    """Articles, and the judgements of a file or, where EDITORS stands for it, of :func:`linked`.

    Raises:
        EvaluationError: when there are none.
    """
    return linked(articles) if qrels == EDITORS else (articles, read_qrels(qrels))


def linked(articles: Iterable[Article]) -> tuple[list[Article], Qrels]:
    """Articles without the words of the links among them, which are often the other's title, so that any ranking would
    find it; and what they link to as judgements of grade 1. What is part of the page, see
    :func:`~recommend.index.backlinks.most_linking`, is none.

    Args:
        articles: read while this runs, as a source gives them: links are told by markup, which no article keeps.

    Raises:
        EvaluationError: when no article links to another one.
    """
    with keeping_links() as kept:
        unique = list({article.id: article for article in articles}.values())
    ids = _by_address(unique)
    plain, links = [], dict[str, list[str]]()
    for article in unique:
        inside = [(link, ids.get(linked_name(link.address, article.url))) for link in kept.get(article.id, ())]
        others = dict.fromkeys([*map(ids.get, article.links_to), *(other for _, other in inside)])
        links[article.id] = [other for other in others if other is not None and other != article.id]
        plain.append(_without(article, [link for link, other in inside if other is not None]))
    counts = Counter(chain.from_iterable(links.values()))
    most = most_linking(sum(map(bool, links.values())))
    told = {one: {other: 1 for other in others if counts[other] <= most} for one, others in links.items()}
    qrels = Qrels({one: grades for one, grades in told.items() if grades})
    if not qrels:
        names = ", ".join(RELATED_FIELDS)
        raise EvaluationError(
            f"none of the {len(unique):,} articles links to another one: their texts need links in HTML to the "
            f"url of others, or they a field of related ones ({names}) or links_to"
        )
    return plain, qrels


def _by_address(articles: Sequence[Article]) -> dict[str, str]:
    """Ids by themselves and by address."""
    ids = {article.id: article.id for article in articles}
    for article in articles:
        if article.url is not None:
            ids.setdefault(canonical_url(article.url), article.id)
    return ids


def _without(article: Article, links: Sequence[Link]) -> Article:
    words = sorted({link.words for link in links if len(link.words) >= _LEAST_WORDS}, key=len, reverse=True)
    if not words:
        return article
    pattern = re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, words)) + r")(?!\w)")
    return article.model_copy(update={"text": pattern.sub(" ", article.text)})
