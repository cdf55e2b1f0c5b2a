"""The last stage of a re-index: precomputes each article's best candidates (ready lists)."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, ClassVar

from recommend.cpus import available_cores
from recommend.index.changes import unchanged
from recommend.index.lists import ReadyLists, prune_lists
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import open_snapshot
from recommend.jobs.workers import begin_worker
from recommend.ranking.model import Ranker
from recommend.ranking.ready import made_by, make_block, ready_lists
from recommend.ranking.shortlist import Scoring
from recommend.settings import PolicySettings, Settings

if TYPE_CHECKING:
    from recommend.index.pgvector.rows import Listed

logger = logging.getLogger(__name__)


def make_lists(settings: Settings, name: str, *, progress: Callable[[int], None] = lambda _: None) -> int:
    """Makes the lists of a snapshot that are not there, newest articles first; killed, it goes on where it was.

    Args:
        settings: the index folder, and those that rank.
        name: of the snapshot.
        progress: gets the number of lists of each block once it is there.

    Returns:
        How many were made. Readers compute what is missing, so a process that dies ends this early, and is logged.
    """
    scoring = _scoring(settings, name)
    lists = ready_lists(scoring, settings.policy)
    prune_lists(IndexLayout(settings.index), lists.folder)
    lists.folder.mkdir(parents=True, exist_ok=True)
    missing = [*lists.missing()]
    workers = min(available_cores(), len(missing))
    count = 0
    if workers <= 1:
        for number in missing:
            count += _make(scoring, settings.policy, lists, number, progress)
        return count
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, spawn, _Worker.begin, (settings, name))
    try:
        for future in as_completed([pool.submit(_Worker.make, number) for number in missing]):
            count += future.result()
            progress(future.result())
    except BrokenProcessPool:
        logger.error(
            "one of %d processes that make lists ready ended, perhaps for want of memory: %d are missing and are "
            "computed when they are asked for; the next recommend reindex goes on",
            workers, len(missing) - count,
        )  # fmt: skip
    finally:
        pool.shutdown(cancel_futures=True)
    return count


def lists_to_load(settings: Settings, name: str) -> Iterator[Listed]:
    """The lists of a snapshot that are there, as a generation on a server takes them, see
    :func:`recommend.index.pgvector.load.load`."""
    scoring = _scoring(settings, name)
    digest = made_by(scoring, settings.policy)
    for row, one in ready_lists(scoring, settings.policy).there():
        yield row, digest, one["rows"][: one["count"]].tolist(), one.tobytes()


class _Worker:
    """A process that makes blocks."""

    scoring: ClassVar[Scoring]
    rules: ClassVar[PolicySettings]
    lists: ClassVar[ReadyLists]

    @classmethod
    def begin(cls, settings: Settings, name: str) -> None:
        begin_worker()
        cls.scoring = _scoring(settings, name)
        cls.rules = settings.policy
        cls.lists = ready_lists(cls.scoring, cls.rules)

    @classmethod
    def make(cls, number: int) -> int:
        return _make(cls.scoring, cls.rules, cls.lists, number, lambda _: None)


def _make(
    scoring: Scoring, rules: PolicySettings, lists: ReadyLists, number: int, progress: Callable[[int], None]
) -> int:
    block = make_block(scoring, rules, number)
    lists.put(number, block)
    progress(len(block))
    return len(block)


def _scoring(settings: Settings, name: str) -> Scoring:
    ranker = Ranker.of(settings.ranking, settings.models)
    return Scoring(
        unchanged(open_snapshot(IndexLayout(settings.index), name)), settings.ranking, ranker, ranker.foreign()
    )
