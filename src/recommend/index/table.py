"""What answers and filters need of a set of articles: one Arrow record batch, ordered by id, mapped where it lies."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property, lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from recommend.articles.article import Access, Article
from recommend.articles.card import CARD_FIELDS, Card, card_of
from recommend.errors import SnapshotError
from recommend.index.cells import Flags, Lists, Texts, numbers
from recommend.index.coded_columns import CodedColumns
from recommend.index.dates import moment, seconds
from recommend.index.label_codes import LabelCodes
from recommend.index.masks import Masks
from recommend.index.timeline import Timeline

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Row = dict[str, object]

_FOUND_KEPT = 256
_CODES = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        pa.field("id", pa.large_string(), nullable=False),
        pa.field("title", pa.large_string(), nullable=False),
        pa.field("summary", pa.large_string()),
        pa.field("url", pa.large_string()),
        pa.field("image_url", pa.large_string()),
        pa.field("published_at", pa.int64(), nullable=False),
        pa.field("expires_at", pa.int64(), nullable=False),
        pa.field("section", _CODES),
        pa.field("language", _CODES),
        pa.field("site", _CODES),
        pa.field("genre", _CODES),
        pa.field("tags", pa.large_list(pa.string()), nullable=False),
        pa.field("updated_at", pa.int64(), nullable=False),
        pa.field("authors", pa.large_list(pa.string()), nullable=False),
        pa.field("access", _CODES),
        pa.field("evergreen", pa.bool_(), nullable=False),
    ]
)
_TEXTS = ("title", "summary", "url", "image_url")
_LISTS = ("tags", "authors")
_MOMENTS = ("published_at", "updated_at", "expires_at")
_ACCESSES = {access.value: access for access in Access}


class ArticleTable:
    """n articles; rows are positions 0…n-1.

    Attributes:
        published_at: (n,) int64 seconds since 1970, MISSING where unknown; ``updated_at`` and ``expires_at`` likewise.
    """

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.batch = batch
        self.published_at: IntArray = numbers(batch.column("published_at"))
        self.expires_at: IntArray = numbers(batch.column("expires_at"))
        self._ids = Texts(batch.column("id"))
        self._found = lru_cache(_FOUND_KEPT)(partial(_row, self._ids))  # one request asks for an id several times
        self.updated_at: IntArray = numbers(batch.column("updated_at"))
        self._texts = {name: Texts(batch.column(name)) for name in _TEXTS}
        self._lists = {name: Lists(batch.column(name)) for name in _LISTS}
        self._evergreen = Flags(batch.column("evergreen"))
        self._coded = CodedColumns(batch)
        self._label_codes: dict[str, LabelCodes] = {}

    @classmethod
    def of(cls, articles: Sequence[Article]) -> ArticleTable:
        """A table of articles that are already in ascending order of ids."""
        return cls.of_rows([row_of(article) for article in articles])

    @classmethod
    def of_rows(cls, rows: list[Row]) -> ArticleTable:
        """The same of their rows, see :func:`row_of`."""
        return cls(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))

    @classmethod
    def joined(cls, tables: Sequence[ArticleTable]) -> ArticleTable:
        """One table of several, one after the other."""
        together = pa.Table.from_batches([table.batch for table in tables], SCHEMA).unify_dictionaries()
        return next((cls(batch) for batch in together.combine_chunks().to_batches()), cls.of([]))

    def __reduce__(self) -> tuple[object, ...]:
        return ArticleTable, (self.batch,)

    def __len__(self) -> int:
        return len(self.published_at)

    def take(self, rows: IntArray) -> ArticleTable:
        """The table of some rows, in their order; of values that no row has any more, nothing stays."""
        taken = self.batch.take(pa.array(rows))
        columns = [
            column.dictionary_decode().dictionary_encode() if column.type == _CODES else column
            for column in taken.columns
        ]
        return ArticleTable(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))

    def ids(self) -> list[str]:
        """The ids of all rows."""
        ids: list[str] = self.batch.column("id").to_pylist()
        return ids

    def id(self, row: int) -> str:
        """The id of a row."""
        return self._ids[row]

    def row(self, article_id: str) -> int | None:
        """The row of an id, None when it is not here."""
        return self._found(article_id)

    def card(self, row: int) -> Card:
        """What to show of a row."""
        texts, lists, value = self._texts, self._lists, self._coded.value
        return Card(
            id=self._ids[row],
            title=texts["title"][row],
            summary=texts["summary"].get(row),
            url=texts["url"].get(row),
            image_url=texts["image_url"].get(row),
            published_at=moment(int(self.published_at[row])),
            updated_at=moment(int(self.updated_at[row])),
            section=value("section", row),
            tags=lists["tags"][row],
            authors=lists["authors"][row],
            language=value("language", row),
            site=value("site", row),
            genre=value("genre", row),
            access=self.access(row),
            evergreen=self._evergreen[row],
        )

    def title(self, row: int) -> str:
        """The title of a row."""
        return self._texts["title"][row]

    def headline(self, row: int) -> str:
        """Title and standfirst of a row, a line each."""
        return headline_of(self._texts["title"][row], self._texts["summary"].get(row))

    def access(self, row: int) -> Access:
        """Who may read a row."""
        return _ACCESSES[str(self.value("access", row))]

    def value(self, name: str, row: int) -> str | None:
        """The section, language, site, genre or access of a row."""
        return self._coded.value(name, row)

    def values(self, name: str) -> list[str]:
        """The distinct sections, languages, sites, genres or accesses, by code."""
        return self._coded.values(name)

    def codes(self, name: str) -> NDArray[np.int32]:
        """(n,) the section, language, site, genre or access of each row as an index into :meth:`values`, -1: none."""
        return self._coded.codes(name)

    def code(self, name: str, value: str | None) -> int:
        """The code of a value: -1 for None, -2 for one that no row has."""
        return self._coded.code(name, value)

    def tags(self, row: int) -> list[str]:
        """The tags of a row."""
        return self._lists["tags"][row]

    def authors(self, row: int) -> list[str]:
        """The authors of a row."""
        return self._lists["authors"][row]

    def labels(self, name: str) -> list[list[str]]:
        """The tags or the authors of every row."""
        labels: list[list[str]] = self.batch.column(name).to_pylist()
        return labels

    def label_codes(self, name: str) -> LabelCodes:
        """The tags or the authors of all rows, by number."""
        if name not in self._label_codes:
            self._label_codes[name] = LabelCodes(self.batch.column(name))
        return self._label_codes[name]

    @cached_property
    def evergreen(self) -> BoolArray:
        """(n,) which rows are of use for years, as the publisher says."""
        return numbers(self.batch.column("evergreen").cast(pa.int8())).view(np.bool_)

    @cached_property
    def timeline(self) -> Timeline:
        """The rows in time."""
        return Timeline(self.published_at, self.expires_at)

    @cached_property
    def masks(self) -> Masks:
        """Which rows have a property."""
        return Masks(self.batch, self._coded)

    def save(self, path: Path) -> None:
        """Writes one Arrow file."""
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
            writer.write_batch(self.batch)

    @classmethod
    def load(cls, path: Path) -> ArticleTable:
        """Opens what :meth:`save` wrote, mapped into memory.

        Raises:
            SnapshotError: when it is not such a file.
        """
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
        except (OSError, pa.ArrowInvalid) as problem:
            raise SnapshotError(f"{path} is not an Arrow file: {problem}") from None
        if reader.schema != SCHEMA:
            raise SnapshotError(f"{path} has other columns than this release reads; run recommend reindex")
        return cls(reader.get_batch(0))


def headline_of(title: str, summary: str | None) -> str:
    """Title and standfirst, a line each."""
    return f"{title}\n{summary or ''}"


def _row(ids: Texts, article_id: str) -> int | None:
    position = bisect_left(range(len(ids)), article_id, key=ids.__getitem__)
    return position if position < len(ids) and ids[position] == article_id else None


def row_of(article: Article) -> Row:
    """What a table holds of an article: its card, and when it expires."""
    card = card_of(article)
    row: Row = {name: getattr(card, name) for name in CARD_FIELDS}
    return row | {name: seconds(getattr(article, name)) for name in _MOMENTS}
