"""The whole related table in one file, for static sites, caches and warehouses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import time

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from recommend.curation import UNCURATED
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

    All rows come from one view. Before the file appears, what was taken down, blocked or hidden since is swept out of
    it; ranks of the others stay.

    Raises:
        SettingsError: for another ending.
    """
    write = _writer(path)
    spool, beside = path.with_name(f".{path.name}.rows"), path.with_name(f".{path.name}.part")
    try:
        ids = None if since is None else recommender.store.ids_since(since)  # before the view, which then knows them
        pinned = recommender.pinned()
        _write_jsonl(_rows(pinned, k, ids, progress), spool, SCHEMA)
        while True:
            present = recommender.view()
            count = write(_swept(spool, pinned.view(), present, changes_only=since is not None), beside, SCHEMA)
            if recommender.view().revision == present.revision:
                beside.replace(path)
                return count
    finally:
        spool.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)


def write_rows(rows: Iterator[dict[str, object]], path: Path, schema: pa.Schema) -> int:
    """Writes rows to a .parquet or .jsonl file.

    The file appears whole or not at all: it is written beside and renamed.

    Returns:
        The number of rows.

    Raises:
        SettingsError: for another ending.
    """
    write = _writer(path)
    beside = path.with_name(f".{path.name}.part")
    try:
        count = write(rows, beside, schema)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return count


def _writer(path: Path) -> Callable[[Iterator[dict[str, object]], Path, pa.Schema], int]:
    writers = {".parquet": _write_parquet, ".jsonl": _write_jsonl}
    if path.suffix not in writers:
        raise SettingsError(f"export file {path.name!r} ends neither in {' nor in '.join(writers)}")
    return writers[path.suffix]


def _swept(spool: Path, before: View, present: View, *, changes_only: bool) -> Iterator[dict[str, object]]:
    """The spooled rows that may still be shown in the present view."""
    now = datetime.now(UTC)
    with spool.open("rb") as file:
        for line in file:
            row = orjson.loads(line)
            article_id, related_id = row["article_id"], row["related_id"]
            if row["rank"] and present.locate(article_id) is None:
                if changes_only and row["rank"] == 1:
                    yield row | {"rank": 0, "related_id": None, "score": None, "reason": None}
                continue
            if row["rank"] and present is not before:
                hidden = present.curations.get(related_id, UNCURATED).hidden_until
                blocked = related_id in present.curations.get(article_id, UNCURATED).blocks(now)
                if present.locate(related_id) is None or blocked or (hidden is not None and hidden > now):
                    continue
            yield row


def _rows(
    recommender: Recommender, k: int, ids: list[str] | None, progress: Callable[[], None]
) -> Iterator[dict[str, object]]:
    view = recommender.view()
    for article_id in view.ids() if ids is None else ids:
        answer = None if _expired(view, article_id) else recommender.answer(article_id, k)
        progress()
        if answer is None:  # not published, or expired
            if ids is not None:
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
