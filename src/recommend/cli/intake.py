"""What the commands read: articles from locations, rows that are none set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal

import orjson

from recommend.articles.article import Article
from recommend.collisions import Collision
from recommend.errors import SourceError, truncated_repr
from recommend.files import Kind, first_line, named, whole
from recommend.settings import SourceSettings
from recommend.sources import ColumnMap, Columns, Format, Reject, RowWarning, Web, is_database, read, size

FormatName = Literal["jsonl", "json", "csv", "parquet", "feed", "sitemap", "wordpress", "page", "markdown", "archive"]


_REASONS = 1_000


class Intake:
    """Iterates over the articles of some locations.

    Attributes:
        total: bytes to read, None where that is not known beforehand.
        consumed: bytes read so far.
        rejected: rows so far that cannot be articles.
        read: articles so far.
        repeated: those among them whose id another one had before; of each id the last counts.
        reasons: how often rows were rejected for each of the reasons that came first.
        warnings: fields so far that were not taken as they were written.
        settings: by which it reads.
        columns: which of them is which field, and what was made of them so far.
    """

    def __init__(
        self,
        locations: Sequence[str],
        format: FormatName | None = None,
        on_remark: Callable[[Reject | RowWarning], None] = lambda _: None,
        web: Web = Web(),
        query: str | None = None,
        settings: SourceSettings = SourceSettings(),
    ) -> None:
        """
        Raises:
            SourceError: when a location does not exist, or there is a query and none is a database.
        """
        if query is not None and not any(map(is_database, locations)):
            raise SourceError(f"--query is for databases, and {truncated_repr(', '.join(locations))} is none")
        self._format = None if format is None else Format(format)
        sizes = [size(location, self._format) for location in locations]
        self.total = None if None in sizes else float(sum(known for known in sizes if known is not None))
        self.consumed = 0
        self.rejected = 0
        self.warnings = 0
        self.read = 0
        self.repeated = 0
        self.reasons: Counter[str] = Counter()
        self._seen: set[int] = set()
        self._locations = locations
        self._on_remark = on_remark
        self._web, self._query = web, query
        self.settings = settings
        self._encoding = settings.encoding or None
        self.columns = Columns(ColumnMap.of(settings.map, settings.items, settings.date_order or None))

    def __iter__(self) -> Iterator[Article]:
        for location in self._locations:
            for row in read(
                location,
                self._format,
                on_read=self._count,
                web=self._web,
                query=self._query,
                columns=self.columns,
                encoding=self._encoding,
            ):
                if isinstance(row, Article):
                    self._note(row)
                    yield row
                    continue
                if isinstance(row, Reject):
                    self.rejected += 1
                    self._note_reason(row)
                self.warnings += isinstance(row, RowWarning)
                self._on_remark(row)

    def collide(self, collision: Collision) -> None:
        """Counts and tells a collision, as a warning."""
        self.warnings += 1
        self._on_remark(
            RowWarning("store", None, collision.article_id, collision.field, collision.value, collision.reason)
        )

    def _note(self, article: Article) -> None:
        self.read += 1
        before = len(self._seen)
        self._seen.add(hash(article.id))
        self.repeated += len(self._seen) == before

    def _note_reason(self, reject: Reject) -> None:
        reason = f"{reject.field} {reject.reason}" if reject.field else reject.reason
        if reason in self.reasons or len(self.reasons) < _REASONS:
            self.reasons[reason] += 1

    def _count(self, count: int) -> None:
        self.consumed += count


def _is_rejects(path: Path) -> bool:
    try:
        row = orjson.loads(first_line(path))
    except orjson.JSONDecodeError:
        return False
    return isinstance(row, dict) and {"source", "line", "reason"} <= row.keys()


REJECTS = Kind("a rejects file", _is_rejects)


class RejectsFile:
    """JSON lines, one for each rejected row and each warning, told apart by their ``kind``. The file appears when the
    block ends, however it does; where there was nothing to write, that of an earlier run is removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = ExitStack()
        self._file: BinaryIO | None = None

    def __enter__(self) -> RejectsFile:
        return self

    def write(self, remark: Reject | RowWarning) -> None:
        """Adds a row or a warning."""
        if self._file is None:
            beside = self._stack.enter_context(whole(self._path))
            with named(self._path, beside):
                self._file = self._stack.enter_context(beside.open("wb"))
        with named(self._path):
            self._file.write(orjson.dumps(remark.as_json(), option=orjson.OPT_APPEND_NEWLINE))

    def __exit__(self, failed: object, *_: object) -> None:
        self._stack.close()
        if failed is None and self._file is None and self._path.is_file() and REJECTS.is_one(self._path):
            self._path.unlink()
