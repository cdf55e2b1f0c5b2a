"""The whole related table in one file, for static sites, caches and warehouses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from recommend.files import whole
from recommend.index.view import View
from recommend.jobs.export.files import check_ending, table_kind, write
from recommend.jobs.export.filter import ExportFilter
from recommend.jobs.export.parts import SCHEMA, Part, make, parts_folder
from recommend.recommender import Recommender
from recommend.resources import model_file

_ARTICLES_A_PART = 1_000


def export(
    recommender: Recommender,
    path: Path,
    k: int,
    *,
    since: int | None = None,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Writes the k best stories under every published article to a .parquet or .jsonl file.

    All rows come from one view. Before the file appears, whole, all that was taken down, blocked or hidden or that
    expired since is filtered out of it; ranks of the others stay. The parts that it is made in lie beside it until
    then: an export that was killed goes on from them when it is run again with the same k, settings, snapshot and
    revision.

    Args:
        recommender: ranks.
        path: the file.
        k: stories under each article.
        since: write only articles that changed after this revision of the store. One that has no box any more, or
            nothing in it, has a single row of rank 0 without a related story: drop it wherever it stands. Boxes of
            articles that did not change themselves are not written, though a changed article may belong into them now.
        workers: processes to make it with, if it has as many parts of 1,000 articles. A script that asks for more than
            one keeps what it does under ``if __name__ == "__main__":``.
        progress: gets the number of articles of each part once it is made.

    Returns:
        The number of rows.

    Raises:
        SettingsError: for another ending.
        ExportError: when another export writes the same file, or one of the processes dies.
    """
    check_ending(path)
    changed = None if since is None else recommender.store.changes.ids(since)  # before the view, which then knows them
    pinned = recommender.pinned()
    ids = list(pinned.view().ids()) if changed is None else changed
    with parts_folder(path, _key(pinned, k, since)) as folder:
        starts = range(0, len(ids), _ARTICLES_A_PART)
        parts = [Part(ids[i : i + _ARTICLES_A_PART], folder / f"{i:09}.parquet") for i in starts]
        make(parts, pinned, k, workers, progress)
        with whole(path) as temp_path:
            while True:
                allowed = ExportFilter.of(recommender)
                filtered = (allowed.apply(pq.read_table(part.path)) for part in parts)
                tables = filtered if since is None else map(partial(_with_gone, pinned.view()), parts, filtered)
                count = write(tables, temp_path, SCHEMA)
                if ExportFilter.of(recommender).allows(allowed):
                    return count


def _key(pinned: Recommender, k: int, since: int | None) -> str:
    """Names all that decides what the parts hold."""
    settings, view = pinned.settings, pinned.view()
    ranker = model_file(settings.models, f"{settings.ranking.model}.json").read_bytes()
    rules = settings.model_dump_json(include={"ranking", "policy"})
    made_from = (version("related-articles"), view.snapshot.manifest.name, view.revision, k, since, rules, ranker)
    return blake2b(repr(made_from).encode(), digest_size=8).hexdigest()


def _with_gone(view: View, part: Part, rows: pa.Table) -> pa.Table:
    """The rows, and one of rank 0 for each article of the part that has none."""
    present = set(rows["article_id"].to_pylist())
    known = {"rank": 0, "snapshot": view.snapshot.manifest.name, "revision": view.revision}
    gone = [{"article_id": article_id, **known} for article_id in part.ids if article_id not in present]
    return pa.concat_tables([rows, pa.Table.from_pylist(gone, SCHEMA)])


TABLE = table_kind("such a table of related stories", SCHEMA)
