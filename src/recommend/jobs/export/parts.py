"""The parts that an export is made in: a file each, made by many processes, kept until all are there."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import time
from typing import ClassVar

import pyarrow as pa
from filelock import FileLock, Timeout

from recommend.errors import ExportError
from recommend.index.view import FixedView, View
from recommend.jobs.export.files import write_rows
from recommend.jobs.workers import begin_worker
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

SCHEMA = pa.schema(
    [
        ("article_id", pa.string()),
        ("rank", pa.int32()),
        ("related_id", pa.string()),
        ("score", pa.float64()),
        ("related", pa.bool_()),
        ("kind", pa.string()),
        ("reason", pa.string()),
        ("snapshot", pa.string()),
        ("revision", pa.int64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Part:
    """Some articles, and the file of the rows under them, which exists once they are made."""

    ids: Sequence[str]
    path: Path

    def make(self, recommender: Recommender, k: int) -> None:
        """Writes the file."""
        write_rows(_rows(recommender, self.ids, k), self.path, SCHEMA)


@contextmanager
def parts_folder(path: Path, key: str) -> Iterator[Path]:
    """The folder for the parts of the export to ``path``, which is gone when the block ends.

    When the block raises or is killed, the parts stay and are found there by the next export of the same ``key``;
    those of another one are removed.

    Raises:
        ExportError: when another export writes the same file.
    """
    root = path.with_name(f".{path.name}.parts")
    root.mkdir(exist_ok=True)
    try:
        held = FileLock(root / "lock").acquire(blocking=False)
    except Timeout:
        raise ExportError(f"another export is writing {str(path)!r}; wait for it to end") from None
    with held:
        for other in root.iterdir():
            if other.is_dir() and other.name != key:
                shutil.rmtree(other)
        (root / key).mkdir(exist_ok=True)
        yield root / key
        shutil.rmtree(root)


def make(
    parts: Sequence[Part], recommender: Recommender, k: int, workers: int, progress: Callable[[int], None]
) -> None:
    """Makes the parts that are missing.

    Args:
        parts: all there are.
        recommender: of one view that stays.
        k: stories under each article.
        workers: processes to make them in, if there are as many parts.
        progress: gets the number of articles of each part that is there.

    Raises:
        ExportError: when a process dies.
    """
    missing = [part for part in parts if not part.path.exists()]
    progress(sum(len(part.ids) for part in parts) - sum(len(part.ids) for part in missing))
    if min(workers, len(missing)) <= 1:
        for part in missing:
            part.make(recommender, k)
            progress(len(part.ids))
        return
    store = recommender.store.engine.url.render_as_string(hide_password=False)
    given = recommender.settings.model_copy(update={"store": store}), recommender.view()
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(missing)), spawn, _Worker.begin, given)
    try:
        futures = {pool.submit(_Worker.make, part, k): part for part in missing}
        for future in as_completed(futures):
            future.result()
            progress(len(futures[future].ids))
    except BrokenProcessPool:
        raise ExportError(
            f"one of {workers} processes ended before its part was made, perhaps for want of memory; "
            "run the same export again to go on, with fewer --workers"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)  # what is under way is finished: the next run finds it


class _Worker:
    """A process that makes parts."""

    recommender: ClassVar[Recommender]

    @classmethod
    def begin(cls, settings: Settings, view: View) -> None:
        begin_worker()
        cls.recommender = Recommender(Store(settings.store, readonly=True), settings, view=FixedView(view))

    @classmethod
    def make(cls, part: Part, k: int) -> None:
        part.make(cls.recommender, k)


def _rows(recommender: Recommender, ids: Sequence[str], k: int) -> Iterator[dict[str, object]]:
    view = recommender.view()
    unexpired = recommender.over(partial(_unexpired, ids=ids))
    for article_id, answer in zip(unexpired, recommender.answers(unexpired, k), strict=True):
        if answer is None:
            continue
        for item in answer.items:
            yield {
                "article_id": article_id,
                "rank": item.rank,
                "related_id": item.id,
                "score": item.score,
                "related": item.rank <= answer.related,
                "kind": item.reason.kind,
                "reason": item.reason.text,
                "snapshot": view.snapshot.manifest.name,
                "revision": view.revision,
            }


def _unexpired(view: View, ids: Sequence[str]) -> list[str]:
    view.segments[0].bring(ids)
    return [one for one in ids if not _expired(view, one)]


def _expired(view: View, article_id: str) -> bool:
    place = view.locate(article_id)
    return place is not None and view.segments[place[0]].table.timeline.has_expired(place[1], int(time()))
