"""Finds boilerplate before a build: counts the sentences that articles share."""

from __future__ import annotations

import numpy as np

from recommend.articles.boilerplate import Keys, sentence_keys
from recommend.index.boilerplate import SentenceKeys, find_boilerplate
from recommend.index.snapshot.incremental import Corpus
from recommend.store import Store


def settle_boilerplate(store: Store, before: Corpus) -> None:
    """Sets the store's boilerplate to the sentences that many headlines of its published articles share. Articles whose
    text that changes lack an embedding afterwards. The text of an article that is unchanged since ``before`` is not
    read."""
    held = before.held()
    rows = dict(zip(held, range(len(held)), strict=True))
    kept, ids, titles, keys = list[int](), list[str](), list[str](), list[Keys]()
    with store.published(None, held) as (revision, found):
        for one in found:
            if one.article is not None:
                ids.append(one.article_id)
                titles.append(one.article.title)
                keys.append(sentence_keys(one.article))
            elif one.fault is None:
                kept.append(rows[one.article_id])
    count = len(kept)
    sentences = SentenceKeys.joined(before.sentences.take(np.array(kept, np.int64)), SentenceKeys.of(keys))
    after = find_boilerplate(
        sentences, lambda row: before.table.title(kept[row]) if row < count else titles[row - count]
    )
    other = np.setxor1d(after, np.array(sorted(store.boilerplate.read().found), np.uint64))
    if revision == store.boilerplate.settled_at() and not len(other):
        return
    affected = np.flatnonzero(sentences.having(other)).tolist()
    named = (before.table.id(kept[row]) if row < count else ids[row - count] for row in affected)
    store.boilerplate.settle(after, revision, named)
