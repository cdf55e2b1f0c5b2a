"""Canary queries: the boxes of a new snapshot beside those of the live one, through the production ranking."""

from __future__ import annotations

import logging

import numpy as np

from recommend.errors import SnapshotError
from recommend.live import SnapshotView
from recommend.recommender import Recommender
from recommend.reindex import Canary
from recommend.settings import Settings
from recommend.snapshot import IndexLayout
from recommend.store import Store

logger = logging.getLogger(__name__)

_SEED = 7
_BOX = 10


def compare(store: Store, settings: Settings, old: str, new: str, sample: int = 50) -> Canary | None:
    """Fills the boxes of a fixed sample of articles that both snapshots hold; what changed since is left out of both.

    Returns:
        The figures; None when the old snapshot cannot be opened.

    Raises:
        SnapshotError: when the new one cannot.
    """
    layout = IndexLayout(settings.index)
    after = SnapshotView(layout, new)
    try:
        before = SnapshotView(layout, old)
    except SnapshotError as problem:
        logger.warning("no comparison with the live snapshot: %s", problem)
        return None
    table = after.refresh().snapshot.segment.table
    order = np.random.default_rng(_SEED).permutation(len(table)).tolist()
    both = (i for i in map(table.id, order) if before.refresh().locate(i) is not None)
    ids = [article_id for _, article_id in zip(range(sample), both, strict=False)]
    recommenders = [Recommender(store, settings, view=view) for view in (before, after)]
    boxes = [[_box(recommender, article_id) for article_id in ids] for recommender in recommenders]
    shared = [1.0 if a == b else len(a & b) / max(len(a), len(b)) for a, b in zip(*boxes, strict=True)]
    empty_before, empty = (sum(not box for box in side) / max(len(ids), 1) for side in boxes)
    return Canary(len(ids), sum(shared) / len(ids) if ids else 1.0, empty_before, empty)


def _box(recommender: Recommender, article_id: str) -> set[str]:
    answer = recommender.answer(article_id, _BOX)
    return set() if answer is None else {item.id for item in answer.items}
