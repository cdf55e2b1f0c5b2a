"""A recommender whose answers are computed, to hold those from ready lists against."""

from __future__ import annotations

from recommend.index.live import LiveView
from recommend.index.view import FixedView
from recommend.ranking.ready import ReadyShortlists
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store


class NothingReady(ReadyShortlists):
    """No shortlist is ready."""

    def read(self, *_: object) -> None:
        return None


class Computed(Recommender):
    """A recommender that makes no use of what is ready."""

    def __init__(self, store: Store, settings: Settings, *, view: FixedView | LiveView) -> None:
        super().__init__(store, settings, view=view)
        self.ranking.ready = NothingReady(settings.policy)
