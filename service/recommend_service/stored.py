"""Articles as the store holds them, ready to be sent."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from threading import Lock

import orjson
from cachetools import LRUCache

from recommend.article import Article
from recommend.store import Store

_KEPT_BYTES = 2**24
_OBJECT_BYTES = 3_000


@dataclass(frozen=True, slots=True)
class StoredArticle:
    """An article and its JSON."""

    article: Article
    body: bytes


class StoredArticles:
    """Reads articles from a store; the most recently asked ones are kept until anything in the store changes.

    Safe to share between threads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._revision = -1
        self._kept: LRUCache[str, StoredArticle] = LRUCache(_KEPT_BYTES, getsizeof=_size)
        self._lock = Lock()

    def get(self, article_id: str) -> StoredArticle | None:
        """The article of an id, of any status; None when unknown or taken down.

        Raises:
            StoreError: when the store cannot be read.
        """
        revision = self._store.latest_revision()  # before the article is read: what changes after it is read again
        with self._lock:
            if revision != self._revision:
                self._kept.clear()
                self._revision = revision
            found = self._kept.get(article_id)
        if found is None:
            article = self._store.get(article_id)
            if article is None:
                return None
            found = StoredArticle(article, orjson.dumps(article.model_dump(), option=orjson.OPT_UTC_Z))
            with self._lock:
                if revision == self._revision and _size(found) <= _KEPT_BYTES:
                    self._kept[article_id] = found
        return found


def _size(kept: StoredArticle) -> int:
    """Bytes of memory, about: each text once in the JSON and once or twice in the article."""
    return _OBJECT_BYTES + 2 * len(kept.body) + sys.getsizeof(kept.article.text)
