"""The whole related table in one file, for static sites, caches and warehouses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from time import time

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from recommend.errors import SettingsError
from recommend.live import View
from recommend.recommender import Recommender
from recommend.table import MISSING

_ROWS_A_GROUP = 50_000
SCHEMA = pa.schema(
    [
        ("article_id", pa.string()),
        ("rank", pa.int32()),
        ("related_id", pa.string()),
        ("score", pa.float32()),
        ("reason", pa.string()),
        ("snapshot", pa.string()),
        ("revision", pa.int64()),
    ]
)


def export(
    recommender: Recommender,
    path: Path,
    k: int,
    *,
    since: int | None = None,
    progress: Callable[[], None] = lambda: None,
) -> int:
    """Writes the k best stories under every published article to a .parquet or .jsonl file, see :func:`write_rows`.

    Args:
        recommender: ranks.
        path: the file.
        k: stories under each article.
        since: write only articles that changed after this revision of the store. One that is not published any more has
            a single row of rank 0 without a related story: drop it wherever it stands. Boxes of articles that did not
            change themselves are not written, though a changed article may belong into them now.
        progress: called after each article.
    """
    return write_rows(_rows(recommender, k, since, progress), path, SCHEMA)


def write_rows(rows: Iterator[dict[str, object]], path: Path, schema: pa.Schema) -> int:
    """Writes rows to a .parquet or .jsonl file.

    The file appears whole or not at all: it is written beside and renamed.

    Returns:
        The number of rows.

    Raises:
        SettingsError: for another ending.
    """
    writers = {".parquet": _write_parquet, ".jsonl": _write_jsonl}
    if path.suffix not in writers:
        raise SettingsError(f"export file {path.name!r} ends neither in {' nor in '.join(writers)}")
    beside = path.with_name(f".{path.name}.part")
    try:
        count = writers[path.suffix](rows, beside, schema)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return count


def _rows(
    recommender: Recommender, k: int, since: int | None, progress: Callable[[], None]
) -> Iterator[dict[str, object]]:
    view = recommender.view()
    for article_id in view.ids() if since is None else recommender.store.ids_since(since):
        answer = None if _expired(view, article_id) else recommender.answer(article_id, k)
        progress()
        if answer is None:  # not published, expired, or taken down while the export ran
            if since is not None:
                values = (article_id, 0, None, None, None, view.snapshot.manifest.name, view.revision)
                yield dict(zip(SCHEMA.names, values, strict=True))
            continue
        for item in answer.items:
            yield {
                "article_id": article_id,
                "rank": item.rank,
                "related_id": item.id,
                "score": item.score,
                "reason": item.reason.text,
                "snapshot": answer.snapshot,
                "revision": answer.revision,
            }


def _expired(view: View, article_id: str) -> bool:
    place = view.locate(article_id)
    expires = MISSING if place is None else view.segments[place[0]].table.expires_at[place[1]]
    return expires != MISSING and bool(expires <= time())


def _write_jsonl(rows: Iterator[dict[str, object]], path: Path, _: pa.Schema) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z))
            count += 1
    return count


def _write_parquet(rows: Iterator[dict[str, object]], path: Path, schema: pa.Schema) -> int:
    count, group = 0, []
    with pq.ParquetWriter(path, schema) as writer:
        for row in rows:
            group.append(row)
            if len(group) == _ROWS_A_GROUP:
                writer.write_table(pa.Table.from_pylist(group, schema))
                count, group = count + len(group), []
        writer.write_table(pa.Table.from_pylist(group, schema))
    return count + len(group)
