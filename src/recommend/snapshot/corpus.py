"""What a snapshot holds of each article beside vectors: made of its texts, or kept from the snapshot before."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recommend import lexical
from recommend.arrays import mapped
from recommend.duplicates import group_key
from recommend.encoder import Encoder, encode_articles
from recommend.errors import SnapshotError
from recommend.snapshot.layout import SnapshotLayout
from recommend.store import Store
from recommend.store.rows import VECTOR_DTYPE, Published
from recommend.table import ArticleTable
from recommend.term_counts import TermCounts

MADE_BY = ", ".join(f"{name} {version(name)}" for name in ("related-articles", "scikit-learn"))
"""What decides, beside an article itself, what is kept of it."""

_BATCH = 2000
_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Corpus:
    """n articles in ascending order of ids, and what their texts come to.

    Attributes:
        hashes: (n, 32) uint8 content hashes, see :attr:`~recommend.article.Article.content_hash`; zeros where the store
            has none, as after a restore that changed a row, so that it is read again.
        groups: (n,) uint64 duplicate groups.
    """

    table: ArticleTable
    hashes: NDArray[np.uint8]
    groups: NDArray[np.uint64]
    counts: TermCounts

    @classmethod
    def empty(cls) -> Corpus:
        """That of no article."""
        return cls(ArticleTable.of([]), np.zeros((0, _HASH_SIZE), np.uint8), np.zeros(0, np.uint64), TermCounts.of([]))

    @classmethod
    def load(cls, layout: SnapshotLayout) -> Corpus:
        """That of a snapshot.

        Raises:
            SnapshotError: when it cannot be relied upon: it is damaged, or was made by other releases.
        """
        manifest = layout.read_manifest()
        if manifest.made_by != MADE_BY:
            raise SnapshotError(f"snapshot {manifest.name} was made by {manifest.made_by}, this is {MADE_BY}")
        if layout.checksums() != manifest.sha256:
            raise SnapshotError(f"snapshot {manifest.name} is not as it was written")
        counts = lexical.load_counts(layout.lexical)
        return cls(ArticleTable.load(layout.articles), mapped(layout.hashes), mapped(layout.groups), counts)


@dataclass(frozen=True, slots=True)
class Reading:
    """The published articles of one revision of the store, in ascending order of ids; table, hashes and groups as in
    :class:`Corpus`."""

    revision: int
    table: ArticleTable
    hashes: NDArray[np.uint8]
    groups: NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Uncounted:
    """n articles, the terms of some of which are still to be counted.

    Attributes:
        kept: counts of the articles that are as they were.
        texts: of the others.
        order: (n,) the place of each article among those that are kept, then the others.
    """

    kept: TermCounts
    texts: list[str]
    order: NDArray[np.int64]

    def counts(self) -> TermCounts:
        """Of all of them."""
        counted = TermCounts.of(self.texts)
        return TermCounts.joined([self.kept, counted]).take(self.order) if len(self.kept) else counted


def read(store: Store, encoder: Encoder, before: Corpus) -> tuple[Reading, Uncounted, NDArray[np.float16]]:
    """What the store holds now, with what is large and not needed for long apart: terms, and embeddings (n, d). Of an
    article that is as it was ``before``, no text is read."""
    ids = before.table.ids()
    rows, held = dict(zip(ids, range(len(ids)), strict=True)), dict(zip(ids, map(bytes, before.hashes), strict=True))
    tables, texts, groups = list[ArticleTable](), list[str](), list[int]()
    kept, new, hashes, embeddings = list[int](), list[bool](), bytearray(), bytearray()
    with store.published(encoder.fingerprint, held) as (revision, found):
        while batch := list(islice(found, _BATCH)):
            articles = [one.article for one in batch if one.article is not None]
            tables.append(ArticleTable.of(articles))
            texts += [article.full_text for article in articles]
            groups += map(group_key, articles)
            kept += [rows[one.article_id] for one in batch if one.article is None]
            new += [one.article is not None for one in batch]
            hashes += b"".join(one.content_hash.ljust(_HASH_SIZE, b"\0") for one in batch)
            embeddings += _embeddings(batch, encoder).tobytes()
    remaining, order = np.array(kept, np.int64), np.empty(len(new), np.int64)
    order[np.argsort(new, kind="stable")] = np.arange(len(new))
    reading = Reading(
        revision,
        ArticleTable.joined([before.table.take(remaining), *tables]).take(order),
        np.frombuffer(hashes, np.uint8).reshape(len(new), _HASH_SIZE),
        np.concatenate([before.groups[remaining], np.array(groups, np.uint64)])[order],
    )
    raw = np.frombuffer(embeddings, VECTOR_DTYPE).reshape(len(new), encoder.dimension)
    return reading, Uncounted(before.counts.take(remaining), texts, order), raw


def _embeddings(found: list[Published], encoder: Encoder) -> NDArray[np.float16]:
    """(n, d). What came in since the job embedded what it found has its place here all the same: readers do not look
    for changes before the revision."""
    embedded = {one.article_id: one.embedding for one in found}
    lacking = [one.article for one in found if one.article is not None and one.embedding is None]
    if lacking:
        made = encode_articles(encoder, lacking)
        embedded.update((article.id, vector) for article, vector in zip(lacking, made, strict=True))
    return np.array(list(embedded.values()), VECTOR_DTYPE)
