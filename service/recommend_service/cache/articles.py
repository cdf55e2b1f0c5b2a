"""Cached articles and cards, as bytes that are ready to be sent."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from threading import Lock

import orjson
from cachetools import LRUCache

from recommend.articles.article import Access, Article
from recommend.articles.boilerplate import NOTHING, Boilerplate
from recommend.articles.card import card_of
from recommend.store import Store

_KEPT_BYTES = 2**24
_OBJECT_BYTES = 3_000
_MOST_CHANGES = 1_000
"""Articles that changed between two looks, above which all that are kept are read again."""
_PATHS, _LONGEST_PATH = 20_000, 512  # bytes


@dataclass(frozen=True, slots=True)
class CachedArticle:
    """An article.

    Attributes:
        card: as JSON, what everybody may see of it; ``whole`` all of it.
    """

    article: Article
    card: bytes
    whole: bytes

    @classmethod
    def of(cls, article: Article, public_fields: Sequence[str], boilerplate: Boilerplate = NOTHING) -> CachedArticle:
        """An article of which everybody may see ``public_fields``, too, if its access is public; no boilerplate is in
        the summary of its card."""
        opened = public_fields if article.access == Access.PUBLIC else ()
        shown = asdict(card_of(boilerplate.without(article))) | {name: getattr(article, name) for name in opened}
        return cls(article, _json(shown), _json(article.model_dump()))


class ArticlesCache:
    """Reads articles from a store; the most recently asked ones are kept until they change.

    Safe to share between threads.
    """

    def __init__(self, store: Store, public_fields: Sequence[str] = ()) -> None:
        self._store = store
        self._public_fields = public_fields
        self._revision = -1
        self._boilerplate = NOTHING
        self._kept: LRUCache[str, CachedArticle] = LRUCache(_KEPT_BYTES, getsizeof=_size)
        self._paths: LRUCache[bytes, str] = LRUCache(_PATHS)
        self._lock = Lock()

    def get(self, article_id: str) -> CachedArticle | None:
        """The article of an id, of any status; None when unknown or taken down.

        Raises:
            StoreError: when the store cannot be read.
        """
        revision = self._store.latest_revision()  # before the article is read: what changes after it is read again
        with self._lock:
            if revision != self._revision:
                self._follow(revision)
            cached = self._kept.get(article_id)
        if cached is None:
            article = self._store.get(article_id)
            if article is None:
                return None
            cached = CachedArticle.of(article, self._public_fields, self._store.boilerplate.read())
            with self._lock:
                if revision == self._revision and _size(cached) <= _KEPT_BYTES:
                    self._kept[article_id] = cached
        return cached

    def lead(self, path: bytes, article_id: str) -> None:
        """Remembers that a request path is that of an article's card."""
        if len(path) <= _LONGEST_PATH:
            with self._lock:
                self._paths[path] = article_id

    def at(self, path: bytes, revision: int) -> CachedArticle | None:
        """The cached article of a request path; None when it is not cached, or stale at this revision of the store."""
        with self._lock:
            article_id = self._paths.get(path) if revision == self._revision else None
            return None if article_id is None else self._kept.get(article_id)

    def _follow(self, revision: int) -> None:
        """Drops changed articles, and all of them when the boilerplate changed."""
        changed = self._store.changes.few_ids(self._revision, _MOST_CHANGES)
        boilerplate = self._store.boilerplate.read()
        if changed is None or boilerplate is not self._boilerplate:
            self._kept.clear()
        for article_id in changed or ():
            self._kept.pop(article_id, None)
        self._revision, self._boilerplate = revision, boilerplate


def _json(fields: dict[str, object]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_UTC_Z)


def _size(kept: CachedArticle) -> int:
    """Bytes of memory, about: each text once in the JSON and once or twice in the article."""
    return _OBJECT_BYTES + len(kept.card) + 2 * len(kept.whole) + sys.getsizeof(kept.article.text)
