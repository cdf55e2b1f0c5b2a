"""What a snapshot holds of each article beside vectors: made of its texts, or kept from the snapshot before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from recommend.arrays import load_mmap
from recommend.articles.boilerplate import Boilerplate, Keys, sentence_keys
from recommend.articles.duplicates import group_key
from recommend.encoder import Encoder
from recommend.encoder.isolation import encode_each
from recommend.errors import SnapshotError
from recommend.index import lexical
from recommend.index.boilerplate import SentenceKeys
from recommend.index.snapshot.layout import SnapshotLayout
from recommend.index.table import ArticleTable, Row, row_of
from recommend.index.term_counts import RULES, TermCounts
from recommend.store import Store
from recommend.store.rows import VECTOR_DTYPE, Published, error_summary, vector_fault

FloatArray = NDArray[np.float32]

_BATCH = 2000
_HASH_SIZE = 32


@cache
def made_by() -> str:
    """What decides, beside an article itself, what is kept of it."""
    made_by = ((name, version(name)) for name in ("related-articles", "scikit-learn", "PyStemmer", "stopwordsiso"))
    return ", ".join(f"{name} {number}" for name, number in (*made_by, ("terms", RULES)))


@dataclass(frozen=True, slots=True)
class Corpus:
    """n articles in ascending order of ids, and the data derived from their texts.

    Attributes:
        hashes: (n, 32) uint8 content hashes, see :attr:`~recommend.articles.article.Article.content_hash`; zeros where
            the store has none, as after a restore that changed a row, so that it is read again.
        groups: (n,) uint64 duplicate groups.
        sentences: of the articles as they were written.
        boilerplate: (b,) identities of the sentences without which all else was made.
    """

    table: ArticleTable
    hashes: NDArray[np.uint8]
    groups: NDArray[np.uint64]
    counts: TermCounts
    sentences: SentenceKeys
    boilerplate: Keys

    @classmethod
    def empty(cls) -> Corpus:
        """That of no article."""
        hashes, none = np.zeros((0, _HASH_SIZE), np.uint8), np.zeros(0, np.uint64)
        return cls(ArticleTable.of([]), hashes, none, TermCounts.of([]), SentenceKeys.of([]), none)

    @classmethod
    def load(cls, layout: SnapshotLayout) -> Corpus:
        """That of a snapshot.

        Raises:
            SnapshotError: when it cannot be relied upon: it is damaged, or was made by other releases.
        """
        manifest = layout.read_manifest()
        if manifest.made_by != made_by():
            raise SnapshotError(f"snapshot {manifest.name} was made by {manifest.made_by}, this is {made_by()}")
        if layout.checksums() != manifest.sha256:
            raise SnapshotError(f"snapshot {manifest.name} is not as it was written")
        counts = lexical.load_counts(layout.lexical)
        table, hashes, groups = ArticleTable.load(layout.articles), load_mmap(layout.hashes), load_mmap(layout.groups)
        sentences, boilerplate = SentenceKeys.load(layout.sentences), load_mmap(layout.boilerplate)
        return cls(table, hashes, groups, counts, sentences, boilerplate)

    def held(self) -> dict[str, bytes]:
        """The content hash of each article, by id."""
        return dict(zip(self.table.ids(), map(bytes, self.hashes), strict=True))


@dataclass(frozen=True, slots=True)
class StoreRead:
    """The published articles of one revision of the store, in ascending order of ids; all but ``set_aside`` as in
    :class:`Corpus`.

    Attributes:
        links_to: what each links to, see :class:`~recommend.articles.article.Article`.
        set_aside: why others are not among them, by id.
    """

    revision: int
    table: ArticleTable
    hashes: NDArray[np.uint8]
    groups: NDArray[np.uint64]
    sentences: SentenceKeys
    boilerplate: Keys
    links_to: list[tuple[str, ...]]
    set_aside: dict[str, str]

    def save(self, layout: SnapshotLayout) -> None:
        """Writes all but the revision, links and what is set aside."""
        self.table.save(layout.articles)
        np.save(layout.hashes, self.hashes)
        np.save(layout.groups, self.groups)
        self.sentences.save(layout.sentences)
        np.save(layout.boilerplate, self.boilerplate)


@dataclass(frozen=True, slots=True)
class PendingCounts:
    """n articles, the terms of some of which are still to be counted.

    Attributes:
        kept: counts of the articles that are as they were.
        texts: of the others; ``languages`` theirs.
        order: (n,) the place of each article among those that are kept, then the others.
    """

    kept: TermCounts
    texts: list[str]
    languages: list[str | None]
    order: NDArray[np.int64]

    def counts(self) -> TermCounts:
        """Of all of them."""
        counted = TermCounts.of(self.texts, self.languages)
        return TermCounts.joined([self.kept, counted]).take(self.order) if len(self.kept) else counted


def read(store: Store, encoder: Encoder, before: Corpus) -> tuple[StoreRead, PendingCounts, NDArray[np.float16]]:
    """What the store holds now, with what is large and not needed for long apart: terms, and embeddings (n, d). Of an
    article that is as it was ``before``, and has none of the sentences that became boilerplate or are it no more, no
    text is read. Rows that cannot be used are set aside."""
    boilerplate = store.boilerplate.read()
    held, found_now = before.held(), np.array(sorted(boilerplate.found), np.uint64)
    rows = dict(zip(held, range(len(held)), strict=True))
    for row in np.flatnonzero(before.sentences.having(np.setxor1d(before.boilerplate, found_now))).tolist():
        del held[before.table.id(row)]
    tables, texts, groups, sentences = list[ArticleTable](), list[str](), list[int](), list[Keys]()
    languages = list[str | None]()
    kept, new, hashes, embeddings = list[int](), list[bool](), bytearray(), bytearray()
    links_to = list[tuple[str, ...]]()
    aside = dict[str, str]()
    with store.published(encoder.fingerprint, held) as (revision, published):
        while some := list(islice(published, _BATCH)):
            usable = (_prepared(one, boilerplate) for one in _embedded(some, encoder, boilerplate, aside))
            batch = [one for one in usable if not _is_aside(one, aside)]
            tables.append(ArticleTable.of_rows([one.row for one in batch if one.row is not None]))
            texts += [one.text for one in batch if one.row is not None]
            languages += [one.language for one in batch if one.row is not None]
            groups += [one.group for one in batch if one.row is not None]
            sentences += [one.sentences for one in batch if one.row is not None]
            kept += [rows[one.article_id] for one in batch if one.row is None]
            new += [one.row is not None for one in batch]
            links_to += [one.links_to for one in batch]
            hashes += b"".join(one.content_hash.ljust(_HASH_SIZE, b"\0") for one in batch)
            embeddings += np.array([one.embedding for one in batch], VECTOR_DTYPE).tobytes()
    remaining, order = np.array(kept, np.int64), np.empty(len(new), np.int64)
    order[np.argsort(new, kind="stable")] = np.arange(len(new))
    reading = StoreRead(
        revision,
        ArticleTable.joined([before.table.take(remaining), *tables]).take(order),
        np.frombuffer(hashes, np.uint8).reshape(len(new), _HASH_SIZE),
        np.concatenate([before.groups[remaining], np.array(groups, np.uint64)])[order],
        SentenceKeys.joined(before.sentences.take(remaining), SentenceKeys.of(sentences)).take(order),
        found_now,
        links_to,
        aside,
    )
    raw = np.frombuffer(embeddings, VECTOR_DTYPE).reshape(len(new), encoder.dimension)
    return reading, PendingCounts(before.counts.take(remaining), texts, languages, order), raw


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An article with what is made of its texts; ``row`` is None where that is held already, ``fault`` says why it
    cannot be used."""

    article_id: str
    content_hash: bytes
    embedding: FloatArray | None
    row: Row | None = None
    text: str = ""
    language: str | None = None
    group: int = 0
    sentences: Keys = field(default_factory=lambda: np.zeros(0, np.uint64))
    links_to: tuple[str, ...] = ()
    fault: str | None = None


def _prepared(one: Published, boilerplate: Boilerplate) -> _Prepared:
    links_to = _names(one.links_to)
    if one.article is None:
        return _Prepared(one.article_id, one.content_hash, one.embedding, links_to=links_to)
    try:
        article = boilerplate.without(one.article)
        made = row_of(article), article.full_text, article.language, group_key(article), sentence_keys(one.article)
    except Exception as problem:  # one article's text costs no other its place
        return _Prepared(one.article_id, b"", None, fault=error_summary(problem))
    return _Prepared(one.article_id, one.content_hash, one.embedding, *made, links_to)


def _names(links_to: object) -> tuple[str, ...]:
    """What a row says it links to; none where that was written by hand and is no list of names."""
    listed = links_to if isinstance(links_to, list | tuple) else ()
    return tuple(one for one in listed if isinstance(one, str))


def _is_aside(one: _Prepared, aside: dict[str, str]) -> bool:
    if one.fault is not None:
        aside[one.article_id] = one.fault
    return one.fault is not None


def _embedded(
    published: list[Published], encoder: Encoder, boilerplate: Boilerplate, aside: dict[str, str]
) -> Iterator[Published]:
    """Those that can be used, each with an embedding; the others are put ``aside``. What came in since the job embedded
    what it found has its place here all the same: readers do not look for changes before the revision."""
    found_lacking = [one.article for one in published if one.article is not None and one.embedding is None]
    lacking = {article.id: boilerplate.without(article) for article in found_lacking}
    vectors, failures = encode_each(encoder, [*lacking.values()])
    for one in published:
        embedding, fault = one.embedding, one.fault
        if fault is None and one.article is not None and embedding is None:
            key = lacking[one.article_id].text_hash
            embedding, fault = vectors.get(key), failures.get(key)
        if fault is None and embedding is not None:
            fault = vector_fault(embedding, encoder.dimension)
        if fault is None:
            yield replace(one, embedding=embedding)
        else:
            aside[one.article_id] = fault
