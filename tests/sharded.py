"""What tests of an index over three servers ask of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from recommend.articles.article import Article
from recommend.index.pgvector.shards import shard_of
from recommend.recommender import Recommender


def shown(recommender: Recommender, article_id: str, **filters: Any) -> list[str]:
    return [item.id for item in recommender.related(article_id, 50, **filters)]


def of_shard(stories: list[Article], number: int) -> list[str]:
    return [story.id for story in stories if shard_of(story.id, 3) == number]


def shortened(article: Article, article_id: str) -> Article:
    words = article.text.split()
    return article.model_copy(update={"id": article_id, "title": " ".join(words[:6]), "text": " ".join(words[::2])})


def named(number: int) -> Iterator[str]:
    """Ids that belong to a shard and to no article yet."""
    return (one for one in (f"new-{n}" for n in count()) if shard_of(one, 3) == number)
