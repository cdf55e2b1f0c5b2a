"""Which stories, and which candidates, the match of a rule means: pure functions on facts and on tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from recommend.articles.card import Card
from recommend.articles.languages import primary_language
from recommend.articles.rules import Match
from recommend.index.dates import MISSING, seconds
from recommend.index.table import ArticleTable

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

_LABELS = {"tag": "tags", "author": "authors"}
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Story:
    """What rules know of the story under which a box stands.

    Attributes:
        id: None where it has none.
        published_at: seconds since 1970; today where it has no date.
    """

    id: str | None = None
    section: str | None = None
    site: str | None = None
    language: str | None = None
    genre: str | None = None
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    published_at: int = MISSING

    @classmethod
    def of(cls, card: Card, article_id: str | None, today: int) -> Story:
        """The facts of a card; ``today`` in seconds since 1970."""
        published = seconds(card.published_at)
        return cls(
            article_id,
            card.section,
            card.site,
            card.language,
            card.genre,
            tuple(card.tags),
            tuple(card.authors),
            today if published == MISSING else published,
        )

    def values(self, name: str) -> tuple[str, ...]:
        """Its values of a field of :class:`~recommend.articles.rules.Match`."""
        if name in _LABELS:
            labels: tuple[str, ...] = getattr(self, _LABELS[name])
            return labels
        value = getattr(self, name)
        return () if value is None else (value,)

    def series(self, beginning: str) -> tuple[str, ...]:
        """Its tags that begin like this, whatever the case."""
        return tuple(tag for tag in self.tags if tag.casefold().startswith(beginning.casefold()))

    def resolved(self, match: Match) -> Match | None:
        """The match with its own values in the place of ``same`` and ``series``; None where it lacks one."""
        if not match.compares:
            return match
        wanted: list[tuple[str, tuple[str, ...]]] = [(name, self.values(name)) for name in match.same]
        wanted += [("tag", self.series(match.series))] if match.series is not None else []
        if not all(values for _, values in wanted):
            return None
        if not (match.any or match.all or match.not_):
            return _with_values(match, tuple(wanted))
        within: dict[str, tuple[Match, ...]] = {}
        for name in ("any", "all", "not_"):
            parts = [self.resolved(part) for part in getattr(match, name)]
            if None in parts:
                return None
            within[name] = tuple(part for part in parts if part is not None)
        within["all"] += tuple(Match.made(**{name: values}) for name, values in wanted)
        kept = {name: getattr(match, name) for name in ("max_age", "min_age")}
        return Match.made(**kept, **dict(match.named), **within)


@lru_cache(maxsize=4_096)
def _with_values(match: Match, wanted: tuple[tuple[str, tuple[str, ...]], ...]) -> Match:
    """A match without parts, with values in the place of what it compares."""
    kept = {name: getattr(match, name) for name in ("max_age", "min_age")}
    parts = tuple(Match.made(**{name: values}) for name, values in wanted)
    return Match.made(**kept, **dict(match.named), all=parts)


def holds(match: Match, story: Story, today: int) -> bool:
    """Whether a story is one that a match means; ``today`` in seconds since 1970, of ages."""
    if not all(_meet(name, story.values(name), wanted) for name, wanted in match.named):
        return False
    if match.ages and not _aged(match, np.array([story.published_at]), today)[0]:
        return False
    if match.any and not any(holds(part, story, today) for part in match.any):
        return False
    return all(holds(part, story, today) for part in match.all) and not any(
        holds(part, story, today) for part in match.not_
    )


def matching(
    match: Match, table: ArticleTable, rows: IntArray | None, today: int, *, stories: bool = False
) -> BoolArray:
    """Which candidates a match means.

    Args:
        match: fulfilled by those; :meth:`Story.resolved`.
        table: of the candidates.
        rows: (m,) theirs; None for all n.
        today: seconds since 1970.
        stories: whether they are the stories under which boxes stand, as in :func:`holds`: one without a date is of
            today, and not of no age.

    Returns:
        (m,), or (n,).
    """
    masks = list(_parts(match, table, rows, today, stories))
    if not masks:
        return np.ones(len(table) if rows is None else len(rows), np.bool_)
    mask: BoolArray = masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)
    return mask


def _parts(match: Match, table: ArticleTable, rows: IntArray | None, today: int, stories: bool) -> Iterator[BoolArray]:
    def within(part: Match) -> BoolArray:
        return matching(part, table, rows, today, stories=stories)

    for name, wanted in match.named:
        yield _of_ids(table, wanted, rows) if name == "id" else having(table, name, wanted, rows)
    if match.max_age is not None or match.min_age is not None:
        published = table.published_at if rows is None else table.published_at[rows]
        yield _aged(match, np.where(published == MISSING, today, published) if stories else published, today)
    if match.any:
        some: BoolArray = np.logical_or.reduce([*map(within, match.any)])
        yield some
    yield from map(within, match.all)
    yield from (~within(part) for part in match.not_)


def having(table: ArticleTable, name: str, values: Collection[str], rows: IntArray | None) -> BoolArray:
    """Which rows have one of some values: (m,) of the rows (m,), or (n,) of all."""
    if name in _LABELS:
        return table.label_codes(_LABELS[name]).having(values, rows)
    known = table.values(name)
    flags = np.zeros(len(known) + 1, np.bool_)  # the last is that of none, as code -1 finds it
    if name == "language":
        flags[[code for code, value in enumerate(known) if _meet(name, (value,), values)]] = True
    else:
        flags[[code for code in (table.code(name, value) for value in values) if code >= 0]] = True
    codes = table.codes(name)
    mask: BoolArray = flags[codes if rows is None else codes[rows]]
    return mask


def known_values(table: ArticleTable, name: str) -> list[str]:
    """The distinct values of a field that names some; of ids and languages, which are written in one way, none."""
    if name in _LABELS:
        return table.label_codes(_LABELS[name]).labels
    return [] if name in ("id", "language") else table.values(name)


def _of_ids(table: ArticleTable, ids: Iterable[str], rows: IntArray | None) -> BoolArray:
    wanted = [row for row in map(table.row, ids) if row is not None]
    if rows is not None:
        return np.isin(rows, wanted)
    mask = np.zeros(len(table), np.bool_)
    mask[wanted] = True
    return mask


def _meet(name: str, values: Iterable[str], wanted: Collection[str]) -> bool:
    if name == "language":
        return not {primary_language(one) for one in values}.isdisjoint(primary_language(one) for one in wanted)
    return any(value in wanted for value in values)


def _aged(match: Match, published: IntArray, today: int) -> BoolArray:
    fits = np.ones(len(published), np.bool_)
    for days, sign in ((match.max_age, 1), (match.min_age, -1)):
        if days is not None:
            fits &= (published != MISSING) & (sign * (published - (today - days * _DAY)) >= 0)
    return fits
