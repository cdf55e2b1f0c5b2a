"""Whether a generation gives the boxes of what it was made from: a snapshot, or the generation before with changes."""

from __future__ import annotations

import numpy as np

from recommend.errors import SnapshotError
from recommend.index.live import SnapshotView
from recommend.index.pgvector.live import LoadedView
from recommend.index.pgvector.servers import Servers
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.view import FixedView
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

_BOX = 5
_SEED = 7


def agree(store: Store, settings: Settings, servers: Servers, name: str, made_of: FixedView | None = None) -> float:
    """The mean share of boxes that both give.

    Args:
        store: of which the snapshot is.
        settings: index folder; how many boxes, and how alike they must be.
        servers: where the generation lies.
        name: of the generation.
        made_of: what it was made from; None for the snapshot of its name.

    Raises:
        SnapshotError: when they are less alike than ``pgvector.verify_boxes`` says.
        StoreUnreachableError: when a server cannot be asked.
    """
    layout = IndexLayout(settings.index)
    sides = (made_of or SnapshotView(layout, name), LoadedView(servers, layout, name))
    before, after = (Recommender(store, settings, view=view) for view in sides)
    ids = _canaries(before, settings.pgvector.canaries)
    shares = [_share(before, after, one) for one in ids]
    share = float(np.mean(shares)) if shares else 1.0
    if share < settings.pgvector.verify_boxes:
        raise SnapshotError(
            f"generation {name}: {share:.3f} of the boxes of {len(ids)} articles are as before, "
            f"pgvector.verify_boxes is {settings.pgvector.verify_boxes}"
        )
    return share


def _canaries(before: Recommender, count: int) -> list[str]:
    """Ids of articles: some of all, or where most lie elsewhere some of those that changed, and the newest."""
    segments, chance = before.view().segments, np.random.default_rng(_SEED)
    ids: list[str] = []
    for table in (segment.table for segment in segments if len(segment)):
        rows = chance.choice(len(table), min(len(table), count if len(segments) == 1 else count // 2), replace=False)
        ids += [table.id(int(row)) for row in rows]
    newest = [item.id for item in before.listing.latest(count)] if len(ids) < count else []
    return [*dict.fromkeys([*ids, *newest])][:count]


def _share(before: Recommender, after: Recommender, article_id: str) -> float:
    """How much of an article's box both give."""
    one, other = ({item.id for item in side.related(article_id, _BOX)} for side in (before, after))
    return len(one & other) / max(len(one), len(other)) if one or other else 1.0
