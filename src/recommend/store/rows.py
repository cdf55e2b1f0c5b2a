"""Articles and embeddings as rows of the database, and what is read of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Join, Row, and_, exists

from recommend.articles.article import ID_LIMIT, LINE_LIMIT, TEXT_LIMIT, Article, Status, canonical_url, read_access
from recommend.articles.curation import Curation
from recommend.articles.rules import RuleBook
from recommend.errors import ArticleError
from recommend.store.schema import articles, embeddings

FloatArray = NDArray[np.float32]
VECTOR_DTYPE = np.dtype("<f2")
FIELDS = tuple(Article.model_fields)
ARTICLE = [articles.c[name] for name in FIELDS]
"""The columns that :func:`article_of` reads."""

_FIELD_SET = set(FIELDS)  # one for all articles: of its own, each would take more memory than the article
_IDS_A_QUERY = 500
_REASON_LENGTH = 200
_LISTED_MOST = 10_000
_LENGTHS = {
    "id": ID_LIMIT,
    "title": 2 * LINE_LIMIT,  # cleaning may lengthen what was within its limit
    "text": 2 * TEXT_LIMIT,
    "summary": 2 * LINE_LIMIT,
    "url": TEXT_LIMIT,
    "image_url": TEXT_LIMIT,
    "section": 2 * LINE_LIMIT,
    "language": LINE_LIMIT,
    "site": 2 * LINE_LIMIT,
    "genre": 2 * LINE_LIMIT,
}
_STATUSES = frozenset(Status)
_NEEDED = {"id", "title", "text"}
_REMEDY = "delete it from the table embeddings, and recommend reindex makes it anew"


@dataclass(frozen=True, slots=True)
class StoredState:
    """What the store holds of an id: revision, hashes of its content and text, and whether it was taken down."""

    revision: int
    content_hash: bytes
    text_hash: bytes
    deleted: bool

    def holds(self, article: Article) -> bool:
        """Whether the article is stored as it is, and not taken down: to write it would change nothing."""
        return not self.deleted and self.content_hash == article.content_hash


@dataclass(frozen=True, slots=True)
class Written:
    """The result of writing an article: its revision, 0 if it was not written, and the state it replaced, None if it is
    new."""

    revision: int
    before: StoredState | None


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

    ``article`` is None after a takedown, and when the row of a published article cannot be used: ``fault`` says why.
    ``embedding`` is (d,) float32 as it was stored, or None when the article has none from the encoder that was asked
    for. ``content_hash`` is empty where there is no article, or a restore changed the row.
    """

    revision: int
    article_id: str
    article: Article | None
    embedding: FloatArray | None
    fault: str | None = None
    content_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class Published:
    """A published article.

    ``content_hash`` is empty where a restore changed the row. ``article`` is None where the reader holds it as it is.
    ``embedding`` is (d,) float32 as it was stored, or None when the article has none from the encoder that was asked
    for. ``fault`` says why the row cannot be used, None when it can. ``links_to`` are ids and canonical addresses.
    """

    article_id: str
    content_hash: bytes
    article: Article | None
    embedding: FloatArray | None
    fault: str | None = None
    links_to: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row of an article that cannot be read.

    Attributes:
        published: whether it would be recommended if it could.
        reason: a clause that says why it cannot.
    """

    id: str
    revision: int
    published: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What changed up to ``revision``: changes of articles in order, the present curation of each article whose
    curation changed, None where it was erased, and the present rules, None where they are those of before.
    ``rolled_back``: nothing is told, as a restore undid what the reader knows."""

    revision: int
    changes: list[Change]
    curations: dict[str, Curation | None]
    rolled_back: bool = False
    rules: RuleBook | None = None


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


def article_row(article: Article, revision: int, text_hash: bytes) -> dict[str, object]:
    """The row of an article from a revision on; ``text_hash`` is that of what is embedded of it."""
    row: dict[str, object] = {name: getattr(article, name) for name in FIELDS}
    row["revision"] = revision
    row["content_hash"] = article.content_hash
    row["text_hash"] = text_hash
    row["canonical_url"] = None if article.url is None else canonical_url(article.url)
    row["deleted_at"] = None
    return row


def embedding_row(article_id: str, text_hash: bytes, vector: FloatArray, fingerprint: str) -> dict[str, object]:
    """The row of an embedding (d,)."""
    return {
        "article_id": article_id,
        "fingerprint": fingerprint,
        "text_hash": text_hash,
        "vector": np.asarray(vector, VECTOR_DTYPE).tobytes(),
    }


def article_of(row: Row[Any]) -> Article:
    """The article of a row with the columns of ARTICLE.

    Raises:
        ArticleError: when a field is of another type or larger than what can be stored through this package: the row
            was written by hand, or by a release that took more in.
    """
    values = {name: getattr(row, name) for name in FIELDS}
    for name, most in _LENGTHS.items():
        value = values[name]
        if value is None and name not in _NEEDED:
            continue
        if not isinstance(value, str):
            raise ArticleError(row.id, name, value, "is not a string")
        if len(value) > most:
            raise ArticleError(row.id, name, None, f"has {len(value)} characters, more than {most}")
    for name in ("tags", "authors", "links_to"):
        value = values[name]
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise ArticleError(row.id, name, value, "is not a list of strings")
        if len(value) > _LISTED_MOST or sum(map(len, value)) > TEXT_LIMIT:
            raise ArticleError(row.id, name, None, f"has {len(value)} entries or is longer than can be stored")
    if not isinstance(values["extra"], dict):
        raise ArticleError(row.id, "extra", values["extra"], "is not an object")
    if values["status"] not in _STATUSES:
        raise ArticleError(row.id, "status", values["status"], f"is not one of {', '.join(Status)}")
    known = {"status": Status(values["status"]), "access": read_access(values["access"])}
    return Article.model_construct(_FIELD_SET, **{**values, **known})


def article_or_fault(row: Row[Any]) -> Article | str:
    """The article of a row, or why there is none."""
    try:
        return article_of(row)
    except ArticleError as problem:
        return error_summary(problem)


def change_of(row: Row[Any] | Unreadable) -> Change:
    """The change of a row of :func:`with_vectors`."""
    if isinstance(row, Unreadable):
        return Change(row.revision, row.id, None, None, row.reason if row.published else None)
    if row.deleted_at is not None:
        return Change(row.revision, row.id, None, None)
    try:
        content_hash = row.content_hash if isinstance(row.content_hash, bytes) else b""
        return Change(row.revision, row.id, article_of(row), vector_of(row.vector), content_hash=content_hash)
    except (ArticleError, ValueError) as problem:
        return Change(
            row.revision, row.id, None, None, error_summary(problem) if row.status == Status.PUBLISHED else None
        )


def vector_of(value: bytes | None) -> FloatArray | None:
    """(d,) float32 as it was stored.

    Raises:
        ValueError: when it cannot be an embedding.
    """
    if value is None:
        return None
    if not isinstance(value, bytes) or len(value) % VECTOR_DTYPE.itemsize:
        what = f"has {len(value)} bytes" if isinstance(value, bytes) else f"is not bytes but {type(value).__name__}"
        raise ValueError(f"its embedding {what}, no whole number of values; {_REMEDY}")
    return np.frombuffer(value, VECTOR_DTYPE).astype(np.float32)


def vector_fault(vector: FloatArray, dimension: int) -> str | None:
    """Why an embedding (d,) cannot be used; None when it can: its values are finite, not all 0, and as many as the
    encoder gives."""
    if vector.shape != (dimension,):
        return f"its embedding has {len(vector)} != {dimension} values; {_REMEDY}"
    if not np.isfinite(vector).all():
        return f"its embedding has values that are not finite; {_REMEDY}"
    return None if vector.any() else f"its embedding is zero; {_REMEDY}"


def error_summary(problem: Exception) -> str:
    """What is wrong with a row, in a line of bounded length."""
    message = (
        f"{problem.field} {problem.reason}" if isinstance(problem, ArticleError) else getattr(problem, "orig", problem)
    )
    text = " ".join(str(message).split()) or type(problem).__name__
    return text if len(text) <= _REASON_LENGTH else f"{text[: _REASON_LENGTH - 1]}…"
