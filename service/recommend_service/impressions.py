"""Impressions: the items of an answer are signed, and events are checked against the signature."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from recommend.articles.events import Event, ToldEvent
from recommend.articles.impressions import HOUR, Impression, ImpressionError, Swap, pseudonym, sign
from recommend.articles.rules import RuleBook
from recommend.index.view import View
from recommend.ranking.answer import Answer
from recommend.ranking.arrangement import exchanged, interleaved
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, RankingSettings
from recommend_service.cache.answers import CacheKey
from recommend_service.robots import is_robot

SLACK = timedelta(minutes=5)
"""By which clocks may differ."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event is not kept, in a few words that name no value."""

    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """What answers come from.

    Attributes:
        settings: see :func:`settings_digest`.
        variant: None for the service's own settings.
        teams: two recommenders whose answers are interleaved, or none.
    """

    settings: str
    variant: str | None = None
    teams: tuple[Recommender, ...] = ()


class Impressions:
    """Signs what answers show, and tells which events speak of it."""

    def __init__(self, key: bytes, *, units: bool, swaps: float = 0.0) -> None:
        """
        Args:
            key: secret of the store.
            units: whether a keyed hash of the reader's unit is kept.
            swaps: share of days of an article on which two neighbours are exchanged, 0…1.
        """
        self._key = key
        self._units = units
        self._swaps = swaps

    def answer(
        self, recommender: Recommender, arm: Arm, view: View, asked: CacheKey
    ) -> tuple[Answer | None, str | None]:
        """The box under an article as readers of an arm see it in a period, and its id.

        Args:
            recommender: that computes, unless the arm has teams.
            view: what is answered from.
            asked: with the period that it is asked in.

        Returns:
            None for no published article; no id of a box without items.
        """
        swap, teams, begun = Swap(), list[int](), asked.begun or 0
        article_id, limit, filters = asked.article_id, asked.limit, asked.filters
        seed = f"{article_id}\0{begun}\0{arm.variant or ''}".encode(errors="replace") + self._key
        if arm.teams:
            first, second = (one.answer(article_id, limit, filters, view=view) for one in arm.teams)
            if first is None or second is None:
                return first, None
            answer, teams = interleaved(first, second, limit, seed)
            # it rests on what both rest on, and lacks what either lacks
            answer = replace(answer, basis=None, partial=first.partial or second.partial)
        else:
            single = recommender.answer(article_id, limit, filters, view=view)
            if single is None:
                return None, None
            answer, swap = exchanged(single, self._swaps, seed)
        if not answer.items:
            return answer, None
        shown = [item.id for item in answer.items]
        settings, variant = ruled_settings(arm.settings, view.rules), arm.variant
        return answer, sign(self._key, begun, article_id, shown, settings, variant=variant, swap=swap, teams=teams)

    def check(self, told: ToldEvent, user_agent: str, now: float) -> Event | Refusal:
        """The event as it is kept.

        Args:
            told: by a page.
            user_agent: of who tells it; not kept.
            now: seconds since 1970.
        """
        try:
            return self._event(told, user_agent, now)
        except ImpressionError as problem:
            return Refusal(str(problem))

    def _event(self, told: ToldEvent, user_agent: str, now: float) -> Event:
        if is_robot(user_agent):
            raise ImpressionError("the User-Agent is a robot's")
        if told.impression is None:
            raise ImpressionError("there is no impression")
        view = told.view or told.request_id
        if view is None:
            raise ImpressionError("there is neither view nor request_id")
        impression = Impression.read(told.impression, self._key, now)
        place = impression.place(told.article_id, told.item_id)
        if told.position not in {None, place.position}:
            raise ImpressionError("the item stood at another position")
        if told.happened_at < datetime.fromtimestamp(impression.begun * HOUR, UTC) - SLACK:
            raise ImpressionError("it happened before its impression")
        return Event(
            **told.model_dump(exclude={"position", "view", "unit", "variant"}),
            position=place.position,
            variant=impression.variant,
            view=view,
            unit=pseudonym(told.unit, self._key) if self._units and told.unit else None,
            settings=impression.settings,
            base=place.base,
            up=place.up,
            down=place.down,
            team=place.team,
        )


def settings_digest(*parts: RankingSettings | PolicySettings | Arm) -> str:
    """Eight hexadecimal digits of the hash of what decides a ranking: its settings, or the arms of its teams."""
    decided = "".join(one.settings if isinstance(one, Arm) else one.model_dump_json() for one in parts)
    return blake2b(decided.encode(), digest_size=4).hexdigest()


def ruled_settings(settings: str, rules: RuleBook) -> str:
    """The digest of settings and the rules of editors, who change a ranking as settings do."""
    return blake2b(f"{settings}{rules.digest}".encode(), digest_size=4).hexdigest() if rules else settings
