"""Listings: the newest articles, the sections, full-text search."""

from __future__ import annotations

import time

from recommend.index.filters import Filters
from recommend.index.live import LiveView
from recommend.index.over import over
from recommend.index.view import FixedView, View
from recommend.ranking import catalogue, trial
from recommend.ranking.answer import Recommendation
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.ranking import Ranking
from recommend.ranking.search import Found, Mark, search
from recommend.settings import PolicySettings
from recommend.store import Store


class Listing:
    """Lists published articles; a :class:`~recommend.recommender.Recommender` has one, ``listing``."""

    def __init__(self, store: Store, live: FixedView | LiveView, ranking: Ranking) -> None:
        """
        Args:
            store: knows articles by their URLs.
            live: what is listed.
            ranking: what may be shown of it.
        """
        self._store = store
        self._live = live
        self._ranking = ranking

    def latest(self, k: int, *, section: str | None = None, offset: int = 0) -> list[Recommendation]:
        """The k newest published articles of any genre after the first ``offset``: what a front page lists."""

        def listed(view: View) -> list[Recommendation]:
            eligibility = self._ranking.eligibility(view, Filters(section=section))
            return catalogue.latest(eligibility, offset + k, any_kind=True)[offset:]

        return over(self._live.refresh(), listed)

    def sections(self) -> list[tuple[str, int]]:
        """Names of sections and their numbers of published articles, most first."""
        return catalogue.sections(self._live.refresh())

    def search(
        self, words: str, count: int, filters: Filters = Filters(), after: Mark | None = None, *, hidden: bool = False
    ) -> Found:
        """A page of the published articles that pass the filters: found by words, best first, or newest first where
        there are none.

        Args:
            words: an id, a URL, or what the articles say.
            count: how many a page has.
            filters: which articles.
            after: where the page before ended.
            hidden: whether articles that editors hide are found, too.
        """
        if words.strip().startswith(("https://", "http://")):
            words = self._store.find_url(words.strip()) or words
        ruled = self._ranking.settings.model_copy(update={"policy": PolicySettings(on=True)})
        now = time.time()

        def found(view: View) -> Found:
            eligibility = Eligibility(view, filters, now, ruled)
            masks = eligibility.passing if hidden else eligibility.masks
            return search(view, masks, words, count, after, public=self._ranking.public)

        return over(self._live.refresh(), found)

    def spread(self, count: int) -> list[str]:
        """Ids of some published articles from the newest to the oldest, evenly spread over the archive; where that is
        on a server, the newest."""
        return over(self._live.refresh(), lambda view: trial.spread(view, self._ranking.eligibility(view).masks, count))
