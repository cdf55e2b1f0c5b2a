"""Callbacks of a re-index: comparison with the live snapshot, exposure, ready lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recommend.index.snapshot.layout import Manifest
from recommend.index.view import FixedView
from recommend.jobs.comparison import Canary

if TYPE_CHECKING:
    from recommend.index.pgvector.rows import Listed
    from recommend.index.pgvector.servers import Servers


@dataclass(frozen=True, slots=True)
class Hooks:
    """Callbacks on a snapshot besides building and publishing it; by default they do nothing.

    Attributes:
        canary: compares two snapshots, given their names, before the second is published.
        exposed: finds boxes for the stories that none of a new snapshot would show, as
            :func:`recommend.jobs.exposure.spread_exposure` does, and gives its manifest from then on.
        lists: makes what is missing of the ready lists of a snapshot, given its name, and says of how many articles,
            as :func:`recommend.jobs.lists.make_lists` does.
        listed: gives these lists to servers, given its name, as :func:`recommend.jobs.lists.lists_to_load` does.
        agrees: raises where a generation on servers, given its name, gives other boxes than the snapshot, or than a
            view, as :func:`recommend.jobs.agreement.agree` does.
    """

    canary: Callable[[str, str], Canary | None] = lambda _old, _new: None
    exposed: Callable[[Manifest], Manifest] = lambda manifest: manifest
    lists: Callable[[str], int] = lambda _: 0
    listed: Callable[[str], Iterable[Listed]] = lambda _: ()
    agrees: Callable[[Servers, str, FixedView | None], object] = lambda *_: None
