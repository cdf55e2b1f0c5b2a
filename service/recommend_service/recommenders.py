"""The recommenders of one process: the service's own, its variants, and that of editors."""

from __future__ import annotations

import logging
from functools import cached_property
from weakref import WeakKeyDictionary

from recommend.index.live import LiveView
from recommend.index.view import FixedView, View
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.cache.answers import AnswerCache, CacheKey
from recommend_service.impressions import Arm, Impressions, settings_digest

_WARM_ARTICLES, _ITEMS = 4, 5

logger = logging.getLogger(__name__)


class Recommenders:
    """Recommenders on one live view, each with its answer cache.

    Attributes:
        own: by the service's own settings.
        impressions: signs what their answers show.
    """

    def __init__(self, store: Store, settings: Settings, view: FixedView | LiveView) -> None:
        """
        Raises:
            SettingsError: when the file of a ranker is missing or malformed.
        """
        service = settings.service
        self.own = Recommender(store, settings, view=view, serving=True)
        self.impressions = Impressions(store.events.key(), units=settings.events.units, swaps=service.swaps)
        self._settings = service
        self._variants: dict[str, Recommender] = {}
        self._arms = {self.own: Arm(settings_digest(settings.ranking, settings.policy))}
        self._caches: WeakKeyDictionary[Recommender, AnswerCache] = WeakKeyDictionary()
        for name in service.variants:
            ranking, policy = settings.variant(name)
            arm = self._variants[name] = self.own.with_settings(ranking=ranking, policy=policy)
            self._arms[arm] = Arm(settings_digest(ranking, policy), name)
        for name, given in service.variants.items():
            if given.interleave:
                teams = tuple(self._variants[one] for one in given.interleave)
                digest = settings_digest(*(self._arms[one] for one in teams))
                self._arms[self._variants[name]] = Arm(digest, name, teams)

    def touch(self) -> None:
        """Answers for the newest articles once: no reader waits for lazy initialisation and first disk reads."""
        view = self.own.view()
        if not view.segments[0].is_whole:
            return
        table = view.segments[0].table
        try:
            for row in table.timeline.newest_first[:_WARM_ARTICLES].tolist():
                for explain in (False, True):  # from its list, where it has one, and computed
                    self.own.answer(table.id(row), _ITEMS, explain=explain, view=view)
        except Exception as problem:  # a request will report it
            logger.warning(
                "snapshot %s is open, but its first answers failed: %s", view.snapshot.manifest.name, problem
            )

    def variant(self, name: str | None) -> Recommender:
        """The recommender of a variant; None: the service's own."""
        return self.own if name is None else self._variants[name]

    @cached_property
    def editors(self) -> Recommender:
        """The recommender that also explains what readers must not see."""
        return self.own.for_editors()

    def cache(self, recommender: Recommender) -> AnswerCache:
        """The answer cache of a recommender; each has its own, as each has its own view and settings."""
        cache = self._caches.get(recommender)
        if cache is None:
            room = self._settings.cache_bytes // (1 + len(self._variants))
            cache = AnswerCache(self._settings.cache_size, room, recommender.ranking.comparison)
            self._caches[recommender] = cache
        return cache

    def caches(self) -> list[tuple[Recommender, AnswerCache]]:
        """Every recommender that has an answer cache, with it."""
        return list(self._caches.items())

    def answer(
        self, recommender: Recommender, by: Recommender, view: View, asked: CacheKey
    ) -> tuple[Answer | None, str | None]:
        """What readers of a recommender's arm see under an article, and its id; see :meth:`Impressions.answer`."""
        return self.impressions.answer(by, self._arms[recommender], view, asked)
