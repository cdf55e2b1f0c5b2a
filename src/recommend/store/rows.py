"""Articles and embeddings as rows of the database, and what is read of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Join, Row, and_, exists

from recommend.article import Article, Status, canonical_url, read_access
from recommend.curation import Curation
from recommend.store.schema import articles, embeddings

FloatArray = NDArray[np.float32]
VECTOR_DTYPE = np.dtype("<f2")
FIELDS = tuple(Article.model_fields)
ARTICLE = [articles.c[name] for name in FIELDS]
"""The columns that :func:`article_of` reads."""

_FIELD_SET = set(FIELDS)  # one for all articles: of its own, each would take more memory than the article
_IDS_A_QUERY = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What the store holds of an id: revision, hashes of its content and text, and whether it was taken down."""

    revision: int
    content_hash: bytes
    text_hash: bytes
    deleted: bool


@dataclass(frozen=True, slots=True)
class Label:
    """What a message names an article by."""

    title: str
    url: str | None
    site: str | None

    @classmethod
    def of(cls, article: Article) -> Label:
        """The label of an article."""
        return cls(article.title, article.url, article.site)


@dataclass(frozen=True, slots=True)
class Change:
    """The state of one article at its latest revision.

    ``article`` is None after a takedown. ``embedding`` is (d,) float32 of unit length, or None when the article has
    none from the encoder that was asked for.
    """

    revision: int
    article_id: str
    article: Article | None
    embedding: FloatArray | None


@dataclass(frozen=True, slots=True)
class Published:
    """A published article.

    ``content_hash`` is empty where a restore changed the row. ``article`` is None where the reader holds it as it is.
    ``embedding`` is (d,) float32 of unit length, or None when the article has none from the encoder that was asked for.
    """

    article_id: str
    content_hash: bytes
    article: Article | None
    embedding: FloatArray | None


@dataclass(frozen=True, slots=True)
class News:
    """What happened up to ``revision``: changes of articles in order, and the present curation of each article whose
    curation changed, None where it was erased. ``void``: nothing is told, as a restore undid what the reader knows."""

    revision: int
    changes: list[Change]
    curations: dict[str, Curation | None]
    void: bool = False


class HasText(Protocol):
    """An article, or as much of it as names the text that an embedding was made from."""

    @property
    def id(self) -> str: ...
    @property
    def text_hash(self) -> bytes: ...


def some_at_a_time(ids: Iterable[str]) -> Iterator[Sequence[str]]:
    """The ids, as many at a time as one statement takes."""
    remaining = iter(ids)
    while some := list(islice(remaining, _IDS_A_QUERY)):
        yield some


def with_vectors(fingerprint: str) -> Join:
    """Articles, those that the encoder of ``fingerprint`` has embedded as they stand with that embedding."""
    current = and_(
        embeddings.c.article_id == articles.c.id,
        embeddings.c.fingerprint == fingerprint,
        embeddings.c.text_hash == articles.c.text_hash,
    )
    return articles.outerjoin(embeddings, current)


def lacks_vector(fingerprint: str) -> ColumnElement[bool]:
    """Whether an article is there and the encoder of ``fingerprint`` has not embedded it as it stands."""
    has_vector = exists().where(
        embeddings.c.article_id == articles.c.id,
        embeddings.c.fingerprint == fingerprint,
        embeddings.c.text_hash == articles.c.text_hash,
    )
    return and_(articles.c.deleted_at.is_(None), ~has_vector)


def article_row(article: Article, revision: int) -> dict[str, object]:
    """The row of an article from a revision on."""
    row: dict[str, object] = {name: getattr(article, name) for name in FIELDS}
    row["revision"] = revision
    row["content_hash"] = article.content_hash
    row["text_hash"] = article.text_hash
    row["canonical_url"] = None if article.url is None else canonical_url(article.url)
    row["deleted_at"] = None
    return row


def embedding_row(text: HasText, vector: FloatArray, fingerprint: str) -> dict[str, object]:
    """The row of an embedding (d,)."""
    return {
        "article_id": text.id,
        "fingerprint": fingerprint,
        "text_hash": text.text_hash,
        "vector": np.asarray(vector, VECTOR_DTYPE).tobytes(),
    }


def article_of(row: Row[Any]) -> Article:
    """The article of a row with the columns of ARTICLE."""
    values = {name: getattr(row, name) for name in FIELDS}
    known = {"status": Status(values["status"]), "access": read_access(values["access"])}
    return Article.model_construct(_FIELD_SET, **{**values, **known})


def change_of(row: Row[Any]) -> Change:
    """The change of a row of :func:`with_vectors`."""
    if row.deleted_at is not None:
        return Change(row.revision, row.id, None, None)
    return Change(row.revision, row.id, article_of(row), vector_of(row.vector))


def vector_of(value: bytes | None) -> FloatArray | None:
    """(d,) float32 as it was stored."""
    return None if value is None else np.frombuffer(value, VECTOR_DTYPE).astype(np.float32)
