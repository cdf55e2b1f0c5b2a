"""Whether a generation gives the boxes of the snapshot that it was loaded from."""

from __future__ import annotations

import numpy as np

from recommend.errors import SnapshotError
from recommend.index.live import SnapshotView
from recommend.index.pgvector.live import LoadedView
from recommend.index.pgvector.server import Server
from recommend.index.snapshot.layout import IndexLayout
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

_BOX = 5
_SEED = 7


def agree(store: Store, settings: Settings, server: Server, name: str) -> float:
    """The mean share of boxes that both give.

    Args:
        store: of which the snapshot is.
        settings: index folder; how many boxes, and how alike they must be.
        server: where the generation lies.
        name: of both.

    Raises:
        SnapshotError: when they are less alike than ``pgvector.verify_boxes`` says.
        StoreUnreachableError: when the server cannot be asked.
    """
    layout = IndexLayout(settings.index)
    sides = (SnapshotView(layout, name), LoadedView(server, layout, name))
    before, after = (Recommender(store, settings, view=view) for view in sides)
    table = sides[0].refresh().snapshot.segment.table
    count = min(len(table), settings.pgvector.canaries)
    rows = np.random.default_rng(_SEED).choice(len(table), count, replace=False)
    shares = [_share(before, after, table.id(int(row))) for row in rows]
    share = float(np.mean(shares)) if shares else 1.0
    if share < settings.pgvector.verify_boxes:
        raise SnapshotError(
            f"generation {name}: {share:.3f} of the boxes of {count} articles are the snapshot's, "
            f"pgvector.verify_boxes is {settings.pgvector.verify_boxes}"
        )
    return share


def _share(before: Recommender, after: Recommender, article_id: str) -> float:
    """How much of an article's box both give."""
    one, other = ({item.id for item in side.related(article_id, _BOX)} for side in (before, after))
    return len(one & other) / max(len(one), len(other)) if one or other else 1.0
