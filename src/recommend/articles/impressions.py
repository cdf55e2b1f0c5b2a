"""Ids of impressions: what an answer showed, signed, so that a click can be held against it. Nothing of a reader."""

from __future__ import annotations

import binascii
import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

PERIOD = 24
"""Hours for which an article's answers have the same id."""

LIFETIME = 3 * PERIOD
"""Hours from the beginning of its period in which an id is taken: a day of it, a day in caches, a day on the screen."""

HOUR = 3_600
LONGEST = 512
"""Characters that an id may have."""

_VERSION = 1
_HEAD = struct.Struct(
    ">BI4sHBBB6sB"
)  # version, begun, settings, share, first, last, swapped, article, variant's length
_ITEM = struct.Struct(">B4s")  # team, item
_SIGNATURE = 12
_SHARES = 65_535


class ImpressionError(ValueError):
    """What speaks against an event, in a few words that name no value."""


@dataclass(frozen=True, slots=True)
class Swap:
    """How neighbours were exchanged at random, so that it can be told what a position alone is worth.

    Attributes:
        share: of periods in which one pair is exchanged, 0…1; every pair as often as another.
        first, last: positions between which neighbours may be exchanged; 0: nowhere.
        swapped: the first position of the pair that was exchanged, 0 for none.
    """

    share: float = 0.0
    first: int = 0
    last: int = 0
    swapped: int = 0

    def base(self, position: int) -> int:
        """Where what stands at a position would stand without the exchange."""
        if self.swapped and position in {self.swapped, self.swapped + 1}:
            return 2 * self.swapped + 1 - position
        return position

    def chances(self, base: int) -> tuple[float, float]:
        """How probable it was that what is ranked at ``base`` stood one position higher, and one lower."""
        pairs = self.last - self.first
        if pairs < 1 or not self.first <= base <= self.last:
            return 0.0, 0.0
        each = self.share / pairs
        return each * (base > self.first), each * (base < self.last)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an impression showed an item.

    Attributes:
        position: 1 for the first.
        base: where its ranking would have put it.
        up, down: how probable it was that it stood one position higher or lower than that.
        team: of the rankings that drafted the items, 1 or 2; 0 where there are no teams.
    """

    position: int
    base: int
    up: float
    down: float
    team: int


@dataclass(frozen=True, slots=True)
class Impression:
    """What an id tells.

    Attributes:
        begun: when its period began, in hours since 1970.
        settings: eight hexadecimal digits of the hash of ranking and policy.
        variant: None for the service's own settings.
    """

    begun: int
    settings: str
    variant: str | None
    swap: Swap
    _article: bytes
    _items: tuple[tuple[int, bytes], ...]
    _key: bytes

    def place(self, article_id: str, item_id: str) -> Place:
        """Where an item stood.

        Raises:
            ImpressionError: when it was shown under another article, or not at all.
        """
        if self._article != _short(article_id, self._key, 6):
            raise ImpressionError("the impression is of another article")
        wanted = _short(item_id, self._key, 4)
        for position, (team, item) in enumerate(self._items, start=1):
            if item == wanted:
                base = self.swap.base(position)
                return Place(position, base, *self.swap.chances(base), team)
        raise ImpressionError("the item is not in the impression")

    @classmethod
    def read(cls, text: str, key: bytes, now: float) -> Self:
        """What an id tells at a moment, in seconds since 1970.

        Raises:
            ImpressionError: when it was not made with the key, or too long ago.
        """
        try:
            signed = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= LONGEST else b""
        except (binascii.Error, ValueError):
            signed = b""
        body, signature = signed[:-_SIGNATURE], signed[-_SIGNATURE:]
        if not body or not hmac.compare_digest(signature, _signature(body, key)) or body[0] != _VERSION:
            raise ImpressionError("the impression was not signed here")
        _, begun, settings, share, first, last, swapped, article, length = _HEAD.unpack_from(body)
        end = _HEAD.size + length
        variant = body[_HEAD.size : end].decode() or None
        if now >= (begun + LIFETIME) * HOUR:
            raise ImpressionError("the impression is too old")
        swap = Swap(share / _SHARES, first, last, swapped)
        return cls(begun, settings.hex(), variant, swap, article, tuple(_ITEM.iter_unpack(body[end:])), key)


def period(article_id: str, now: float) -> int:
    """When the period of an article's id began that a moment (seconds since 1970) lies in, in hours since 1970: at an
    hour of its own, so that not all answers are renewed at once."""
    offset = int.from_bytes(_short(article_id, b"", 4)) % PERIOD
    hours = int(now // HOUR) - offset
    return hours - hours % PERIOD + offset


def ends(begun: int) -> float:
    """When a period that began at an hour since 1970 ends, in seconds since 1970."""
    return float((begun + PERIOD) * HOUR)


def sign(
    key: bytes,
    begun: int,
    article_id: str,
    items: Sequence[str],
    settings: str,
    *,
    variant: str | None = None,
    swap: Swap = Swap(),
    teams: Sequence[int] = (),
) -> str:
    """The id of what is shown under an article: the same for the same arguments, for URLs and JSON.

    Args:
        key: secret of the store.
        begun: see :func:`period`.
        items: ids by position.
        settings: see :class:`Impression`.
        teams: of each item; none when empty.
    """
    named = (variant or "").encode()
    share = round(swap.share * _SHARES)
    article, own = _short(article_id, key, 6), bytes.fromhex(settings)
    head = _HEAD.pack(_VERSION, begun, own, share, swap.first, swap.last, swap.swapped, article, len(named))
    drafted = teams or (0,) * len(items)
    shown = (_ITEM.pack(team, _short(item, key, 4)) for team, item in zip(drafted, items, strict=True))
    body = head + named + b"".join(shown)
    return urlsafe_b64encode(body + _signature(body, key)).rstrip(b"=").decode()


def pseudonym(unit: str, key: bytes) -> str:
    """What is kept of a unit of readers: nothing that leads back to it without the key."""
    return _short(unit, key, 8).hex()


def _short(text: str, key: bytes, size: int) -> bytes:
    return blake2b(text.encode(errors="replace"), key=key, digest_size=size).digest()


def _signature(body: bytes, key: bytes) -> bytes:
    return blake2b(body, key=key, digest_size=_SIGNATURE, person=b"impression").digest()
