"""Which stories boxes lead to, how often, and which they never do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from recommend.arrays import to_float32
from recommend.articles.languages import primary_language
from recommend.evaluation.shown import gini
from recommend.files import Kind, first_line, starts_with
from recommend.index.view import View
from recommend.ranking import masks, near_duplicates
from recommend.recommender import Recommender
from recommend.settings import PolicySettings

FACETS = ("section", "month", "language")
"""What exposure is told by."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """An article in the graph of boxes.

    Attributes:
        boxes: how many boxes it stands in.
        items: how many stories its own box leads to.
        clicks: how many it takes to reach it from the front page, 0 on it; None where no way leads there.
        hidden: of one in no box, the genre that policy hides under news; None for others.
        copy_of: of one in no box, the id of the story in boxes that it is a copy of; None for others.
    """

    id: str
    title: str
    section: str | None
    language: str | None
    published_at: datetime | None
    boxes: int
    items: int
    clicks: int | None
    hidden: str | None = None
    copy_of: str | None = None

    @property
    def by_policy(self) -> bool:
        """Whether policy keeps it out of boxes."""
        return self.hidden is not None or self.copy_of is not None

    @property
    def reason(self) -> str:
        """Why it is in no box, in words."""
        if self.hidden is not None:
            return f"policy hides {self.hidden} under news"
        return "always outranked" if self.copy_of is None else f"copy of {self.copy_of}"


@dataclass(frozen=True, slots=True)
class Group:
    """The articles that a section, month or language has, how many of them are in no box, and how many cannot be
    reached."""

    articles: int
    in_no_box: int
    unreached: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """How boxes of ``size`` items expose the articles of an archive.

    Attributes:
        clicks: within so many clicks of the front page, an article counts as reached.
        gini: of the numbers of boxes that the articles stand in, see :func:`~recommend.evaluation.shown.gini`.
    """

    size: int
    clicks: int
    articles: tuple[Exposed, ...]
    gini: float

    @property
    def in_no_box(self) -> list[Exposed]:
        """Those that no box leads to."""
        return [one for one in self.articles if not one.boxes]

    @property
    def by_policy(self) -> list[Exposed]:
        """Those of them that policy keeps out of boxes: of a hidden genre, or a copy of one that is in some."""
        return [one for one in self.in_no_box if one.by_policy]

    @property
    def dead_ends(self) -> list[Exposed]:
        """Those whose own box is empty."""
        return [one for one in self.articles if not one.items]

    @property
    def unreached(self) -> list[Exposed]:
        """Those that no way of so many clicks leads to from the front page."""
        return [one for one in self.articles if not self._reaches(one)]

    def _reaches(self, one: Exposed) -> bool:
        return one.clicks is not None and one.clicks <= self.clicks

    def most_linked(self, count: int) -> list[Exposed]:
        """Those that stand in most boxes."""
        return sorted(self.articles, key=lambda one: (-one.boxes, one.id))[:count]

    def groups(self) -> Iterator[tuple[str, str, Group]]:
        """By section and language, the largest first, and by month, the newest first: name of the facet, its value, and
        the group."""
        for facet in FACETS:
            counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
            for one in self.articles:
                count = counts[value_of(one, facet)]
                count[0] += 1
                count[1] += not one.boxes
                count[2] += not self._reaches(one)
            ordered = sorted(counts.items(), key=lambda item: (-item[1][0], item[0]))
            if facet == "month":
                ordered.sort(key=lambda item: (item[0] != "undated", item[0]), reverse=True)
            for value, count in ordered:
                yield facet, value, Group(*count)

    def table(self) -> pa.Table:
        """A row for each article."""
        rows = [{name: getattr(one, name) for name in _SCHEMA.names} for one in self.articles]
        return pa.Table.from_pylist(rows, _SCHEMA)


_SCHEMA = pa.schema(
    [
        ("id", pa.string()), ("title", pa.string()), ("section", pa.string()), ("language", pa.string()),
        ("published_at", pa.timestamp("us", "UTC")), ("boxes", pa.int64()), ("items", pa.int64()),
        ("clicks", pa.int64()), ("hidden", pa.string()), ("copy_of", pa.string()),
    ]
)  # fmt: skip


def _is_table(path: Path) -> bool:
    return starts_with(path, b"PAR1") or first_line(path).startswith('"id","title",')


TABLE = Kind("a table of articles and their boxes", _is_table)


def exposure(
    recommender: Recommender,
    k: int = 5,
    *,
    front: int = 20,
    clicks: int = 3,
    progress: Callable[[], None] = lambda: None,
) -> Exposure:
    """How boxes of k items expose all articles that may be shown: none that expired, is yet to appear, or is hidden.

    Args:
        recommender: makes the boxes, as readers see them.
        k: items of a box.
        front: how many of the newest articles the front page lists.
        clicks: from there, within which an article counts as reached.
        progress: called after each box.
    """
    fixed = recommender.pinned()
    view = fixed.view()
    shown_ever = masks.places(view, fixed.ranking.eligibility(view).masks, view.ids())
    ids = [view.segments[number].table.id(row) for number, row in shown_ever]
    boxes: dict[str, list[str]] = {}
    for article_id, answer in zip(ids, fixed.answers(ids, k), strict=True):
        boxes[article_id] = [item.id for item in answer.items] if answer is not None else []
        progress()
    shown = Counter(item for items in boxes.values() for item in items)
    steps = distances(boxes, [item.id for item in fixed.listing.latest(front)])
    rules, found = fixed.settings.policy, []
    for article_id, place in zip(ids, shown_ever, strict=True):
        card = view.segments[place[0]].table.card(place[1])
        hidden = card.genre if rules.on and not shown[article_id] and card.genre in rules.hidden_genres else None
        original = None if hidden or shown[article_id] else _original(view, place, shown, rules)
        found.append(
            Exposed(
                card.id, card.title, card.section, card.language, card.published_at,
                shown[article_id], len(boxes[article_id]), steps.get(article_id), hidden, original,
            )
        )  # fmt: skip
    return Exposure(k, clicks, tuple(found), gini(np.array([one.boxes for one in found], np.int64)))


def _original(view: View, place: tuple[int, int], shown: Mapping[str, int], rules: PolicySettings) -> str | None:
    """The id of the article in most boxes that one is a near-duplicate of; None where there is none."""
    if not (rules.on and rules.hide_duplicates):
        return None
    vector = to_float32(view.segments[place[0]].embeddings[place[1]])
    places = [place]
    for number, segment in enumerate(view.segments):
        near = to_float32(segment.embeddings) @ vector >= rules.duplicate_dense
        near |= segment.groups == view.group(place)
        places += [(number, int(row)) for row in np.flatnonzero(near) if (number, int(row)) != place]
    same = near_duplicates.copies(view, places, rules)[0]
    ids = [view.segments[number].table.id(row) for number, row in places]
    copies = [one for one, copied in zip(ids, same.tolist(), strict=True) if copied and shown.get(one)]
    return max(copies, key=lambda one: (shown[one], one), default=None)


def distances(links: Mapping[str, Sequence[str]], start: Sequence[str]) -> dict[str, int]:
    """How many links lead from ``start`` to each article that can be reached from it, by the shortest way."""
    steps = dict.fromkeys(start, 0)
    border = list(steps)
    while border:
        reached = dict.fromkeys(other for one in border for other in links.get(one, ()) if other not in steps)
        steps |= dict.fromkeys(reached, steps[border[0]] + 1)
        border = list(reached)
    return steps


def value_of(one: Exposed, facet: str) -> str:
    """Which section, month or language an article is counted under."""
    if facet == "month":
        return f"{one.published_at:%Y-%m}" if one.published_at else "undated"
    value = one.section if facet == "section" else primary_language(one.language or "")
    return value or "none"
