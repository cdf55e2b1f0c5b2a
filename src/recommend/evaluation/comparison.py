"""Canary queries: the boxes of a new snapshot beside those of the live one, through the production ranking."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from recommend.errors import SnapshotError
from recommend.evaluation import differences, intervals, metrics
from recommend.evaluation.experiment import rank_queries
from recommend.evaluation.judgements import Qrels
from recommend.index.live import SnapshotView
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.comparison import Canary, ChangedBox, Judged
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, Settings
from recommend.store import Store

logger = logging.getLogger(__name__)

_SEED = 7
_BOX = 10
_SHOWN = 10


def compare(
    store: Store, settings: Settings, old: str, new: str, sample: int = 50, judged: Qrels | None = None
) -> Canary | None:
    """Fills the boxes of a fixed sample of articles that both snapshots hold; what changed since is left out of both.

    Where there are judgements, the queries that both snapshots hold are ranked by both, without the display policy.

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
    ranks = settings.policy.model_copy(update={"fill": "related"})  # the newest would fill where search finds nothing
    shown = settings.model_copy(update={"policy": ranks})
    recommenders = [Recommender(store, shown, view=view) for view in (before, after)]
    boxes = [[_box(recommender, article_id) for article_id in ids] for recommender in recommenders]
    shared = [
        1.0 if a.keys() == b.keys() else len(a.keys() & b.keys()) / max(len(a), len(b))
        for a, b in zip(*boxes, strict=True)
    ]
    empty_before, empty = (sum(not box for box in side) / max(len(ids), 1) for side in boxes)
    changed = [
        ChangedBox(article_id, table.title(row), overlap, tuple(a.values()), tuple(b.values()))
        for article_id, overlap, a, b in zip(ids, shared, *boxes, strict=True)
        if overlap < 1 and (row := table.row(article_id)) is not None
    ]
    most = tuple(sorted(changed, key=lambda box: box.overlap)[:_SHOWN])
    measured = () if judged is None else _judged(recommenders, judged)
    return Canary(len(ids), sum(shared) / len(ids) if ids else 1.0, empty_before, empty, most, measured)


def _judged(recommenders: Sequence[Recommender], qrels: Qrels) -> tuple[Judged, ...]:
    in_both = {query: grades for query, grades in qrels.items() if all(r.view().locate(query) for r in recommenders)}
    plain = [recommender.with_settings(policy=PolicySettings(on=False)) for recommender in recommenders]
    before, after = (metrics.per_query(in_both, rank_queries(recommender, in_both)) for recommender in plain)
    judged = []
    for measure, values in before.items():
        difference = differences.compare(values, after[measure])
        means = [intervals.interval(list(side.values())).mean for side in (values, after[measure])]
        low, high = difference.difference.low, difference.difference.high
        judged.append(Judged(measure, means[0], means[1], low, high, difference.p_value))
    return tuple(judged)


def _box(recommender: Recommender, article_id: str) -> dict[str, str]:
    """Titles of a box by id, best first."""
    answer = recommender.answer(article_id, _BOX)
    return {} if answer is None else {item.id: item.title for item in answer.items}
