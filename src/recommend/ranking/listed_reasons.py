"""Reasons as ready lists hold them: the kind, and where the terms stand in the headlines of the two articles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from recommend.index.lists import NAMED, REASONED
from recommend.ranking.reasons import ReasonKind

_KINDS: tuple[ReasonKind, ...] = get_args(ReasonKind)
_PLACES = {kind: place for place, kind in enumerate(_KINDS)}
_NOT_STORED = 255  # a reason that does not fit this form
_IN_QUERY = 1 << 15  # added to the offset of a term in the query's headline
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class ListedReasons:
    """The reasons for some candidates of one list.

    Attributes:
        rows: of all its candidates.
        entry: the list as it is stored, see :func:`~recommend.index.lists.lists_type`.
    """

    rows: list[int]
    entry: Any

    def get(self, row: int, headline: str, own: str) -> tuple[ReasonKind, tuple[str, ...]] | None:
        """Kind and terms of the reason for the article at a row, None where it is not stored and must be computed.

        Args:
            row: in the snapshot.
            headline: of that article; ``own`` of the one whose box it is.
        """
        if row not in self.rows:
            return None
        places, at = self.entry["places"].tolist(), self.rows.index(row)
        if at not in places:
            return None
        place = places.index(at)
        kind = int(self.entry["kinds"][place])
        if kind >= len(_KINDS):
            return None
        spans = zip(self.entry["starts"][place].tolist(), self.entry["lengths"][place].tolist(), strict=True)
        return _KINDS[kind], tuple(_cut(start, length, headline, own) for start, length in spans if length)


def write(
    one: Any,
    places: Sequence[int],
    reasons: Sequence[tuple[ReasonKind, tuple[str, ...]]],
    headlines: Sequence[str],
    own: str,
) -> None:
    """Writes the reasons for some candidates into a list.

    Args:
        one: the list.
        places: of at most REASONED candidates in it.
        reasons: kind and terms of those.
        headlines: of these candidates; ``own`` of the article whose list it is.
    """
    at, kinds = [_NOT_STORED] * REASONED, [_NOT_STORED] * REASONED
    starts, lengths = [[0] * NAMED for _ in range(REASONED)], [[0] * NAMED for _ in range(REASONED)]
    for i, (place, (kind, terms), headline) in enumerate(zip(places, reasons, headlines, strict=True)):
        spans = [_span(term, headline, own) for term in terms]
        if len(spans) <= NAMED and None not in spans:
            at[i], kinds[i] = place, _PLACES[kind]
            for number, (start, length) in enumerate(filter(None, spans)):
                starts[i][number], lengths[i][number] = start, length
    one["places"], one["kinds"], one["starts"], one["lengths"] = at, kinds, starts, lengths


def _span(term: str, headline: str, own: str) -> tuple[int, int] | None:
    for text, added in ((headline, 0), (own, _IN_QUERY)):
        start = text.find(term)
        if 0 <= start < _IN_QUERY and 0 < len(term) <= _LONGEST:
            return start + added, len(term)
    return None


def _cut(start: int, length: int, headline: str, own: str) -> str:
    text, at = (own, start - _IN_QUERY) if start >= _IN_QUERY else (headline, start)
    return text[at : at + length]
