"""How views are ranked and filtered: what every answer of a recommender has in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from recommend.index.filters import UNFILTERED, Filters
from recommend.index.view import View
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.kept import Comparison
from recommend.ranking.model import Ranker
from recommend.ranking.pipeline import Selection
from recommend.ranking.ready import ReadyShortlists
from recommend.ranking.shortlist import Scoring
from recommend.settings import Settings


class Ranking:
    """Ranks and filters views by one ranker and one policy; safe to share between threads.

    Attributes:
        settings: ranking and policy.
        public: whether explanations are for anybody, and so tell nothing of bodies that are not public.
        ready: the shortlists that need not be computed.
    """

    def __init__(self, settings: Settings, *, public: bool) -> None:
        """
        Raises:
            SettingsError: when the ranker's file is missing or malformed.
        """
        self.settings = settings
        self.public = public
        self.ready = ReadyShortlists(settings.policy)
        self._ranker = Ranker.of(settings.ranking, settings.models)
        self._foreign = self._ranker.foreign()
        self._eligible: Eligibility | None = None
        self._selection: Selection | None = None

    def selection(self, view: View) -> Selection:
        """What chooses from a view."""
        kept = self._selection
        if kept is None or kept.view is not view:
            scoring = Scoring(view, self.settings.ranking, self._ranker, self._foreign)
            kept = self._selection = Selection(self.settings, scoring, public=self.public)
        return kept

    def eligibility(self, view: View, filters: Filters = UNFILTERED) -> Eligibility:
        """What may be shown of a view now."""
        now, kept = time.time(), self._eligible
        if kept is None or not kept.holds(view, filters, now, self.settings):
            kept = self._eligible = Eligibility(view, filters, now, self.settings)
        return kept

    def is_ready(self, view: View, article_id: str) -> bool:
        """Whether the best candidates of an article need only be looked up in a view."""
        place = view.locate(article_id) if view.segments[0].is_whole else None
        return place is not None and self.ready.has(self.selection(view).scoring, place)

    def probabilities(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """(n,) calibrated probabilities of being related, 0…1, for ranking scores (n,)."""
        return self._ranker.calibration.probabilities(scores)

    @property
    def comparison(self) -> Callable[[View], Comparison]:
        """What tells, of a view, which of the answers that were made before it still hold."""
        return partial(Comparison.of, settings=self.settings, ranker=self._ranker, foreign=self._foreign)
