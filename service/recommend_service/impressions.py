"""Impressions: what an answer showed is signed, and what is told of it is held against that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b

from recommend.articles.events import Event, ToldEvent
from recommend.articles.impressions import HOUR, Impression, ImpressionError, Swap, period, pseudonym, sign
from recommend.ranking.answer import Answer
from recommend.settings import PolicySettings, RankingSettings
from recommend_service.robots import is_robot

SLACK = timedelta(minutes=5)
"""By which clocks may differ."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an event is not kept, in a few words that name no value."""

    reason: str


class Impressions:
    """Signs what answers show, and tells which events speak of it."""

    def __init__(self, key: bytes, *, units: bool) -> None:
        """
        Args:
            key: secret of the store.
            units: whether a keyed hash of the reader's unit is kept.
        """
        self._key = key
        self._units = units

    def sign(self, answer: Answer, settings: str, variant: str | None, now: float) -> str | None:
        """The id of an answer; None of one without related articles to judge: the latest, or nothing at all.

        Args:
            answer: to an article.
            settings: see :func:`settings_digest`.
            variant: that made it.
            now: seconds since 1970.
        """
        if answer.article_id is None or answer.fallback is not None or not answer.items:
            return None
        shown, begun = [item.id for item in answer.items], period(answer.article_id, now)
        return sign(self._key, begun, answer.article_id, shown, settings, variant=variant, swap=Swap())

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


def settings_digest(ranking: RankingSettings, policy: PolicySettings) -> str:
    """Eight hexadecimal digits of the hash of what decides a ranking."""
    decided = f"{ranking.model_dump_json()}{policy.model_dump_json()}"
    return blake2b(decided.encode(), digest_size=4).hexdigest()
