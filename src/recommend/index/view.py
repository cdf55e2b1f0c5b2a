"""One consistent state of everything that can be recommended: a snapshot and what changed since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Access, released_until
from recommend.articles.curation import Curation
from recommend.articles.rules import NO_RULES, RuleBook
from recommend.errors import StoreUnreachableError
from recommend.index.segment import Segment
from recommend.index.snapshot.layout import Manifest
from recommend.index.snapshot.open import Snapshot

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]


_STEPS_KEPT = 256
_TOLD_APART = 256


class Step(NamedTuple):
    """The step from one view to the next: ``ids`` of the articles that changed, or whose curation did, since a
    revision; None when there are too many to list."""

    since: int
    ids: frozenset[str] | None

    @classmethod
    def of(cls, since: int, ids: Iterable[str]) -> Step:
        """The step since a revision."""
        changed = frozenset(ids)
        return cls(since, changed if len(changed) <= _TOLD_APART else None)


@dataclass(frozen=True, slots=True)
class View:
    """One consistent state of everything that can be recommended. Immutable: a change makes a new view.

    Attributes:
        segments: the snapshot's, then those of later changes; each article is alive in at most one of them.
        alive: per segment (n,) which rows are neither changed since nor taken down; None when all are.
        revision: of the store up to which changes are applied.
        curations: of every article that has one, by id.
        hidden: per segment the rows (h,) that editors hide, and until when (h,), float64 seconds since 1970.
        rules: of editors, for kinds of stories.
        set_aside: why published articles are in no segment, by id: what the store holds of them cannot be used.
        steps: how it came about, the latest last; at most so many are kept.
    """

    snapshot: Snapshot
    segments: tuple[Segment, ...]
    alive: tuple[BoolArray | None, ...]
    revision: int
    curations: dict[str, Curation] = field(default_factory=dict)
    hidden: tuple[tuple[IntArray, NDArray[np.float64]], ...] = ()
    set_aside: Mapping[str, str] = field(default_factory=dict)
    rules: RuleBook = NO_RULES
    steps: tuple[Step, ...] = ()

    def __reduce__(self) -> tuple[object, ...]:
        """Pickled without what the snapshot's files hold: whoever unpickles it maps those again."""
        later = self.segments[1:], self.alive, self.revision, self.curations, self.hidden, self.set_aside
        return _on, (self.snapshot, self.segments[0].gone, *later, self.rules)

    def __len__(self) -> int:
        return sum(segment.count(alive) for segment, alive in zip(self.segments, self.alive, strict=True))

    def ids(self) -> Iterator[str]:
        """The ids of all articles that can be recommended."""
        for segment, alive in zip(self.segments, self.alive, strict=True):
            yield from segment.ids(alive)

    def shown(self, number: int, now: float) -> BoolArray | None:
        """(n,) which rows of a segment editors do not hide ``now``, in seconds since 1970; None when they hide none."""
        rows, until = self.hidden[number]
        hidden = rows[now < until]
        if not len(hidden):
            return None
        mask = np.ones(len(self.segments[number]), np.bool_)
        mask[hidden] = False
        return mask

    def hidden_ids(self, now: float) -> frozenset[str]:
        """Ids of the articles that editors hide ``now``, in seconds since 1970."""
        until = ((one, curation.hidden_until) for one, curation in self.curations.items())
        return frozenset(one for one, moment in until if moment is not None and now < moment.timestamp())

    def under_embargo(self, article_id: str, now: float) -> bool:
        """Whether the date of an article is yet to come ``now``, in seconds since 1970."""
        place = self.locate(article_id)
        return place is not None and int(self.segments[place[0]].table.published_at[place[1]]) > released_until(now)

    def next_change_at(self, now: float) -> float | None:
        """The first moment after ``now`` (seconds since 1970) at which time alone may change an answer; None: never.

        Whatever is shown or hidden by the clock has its say here: answers are cached until then.
        """
        embargo = released_until(now)
        moments: list[float | None] = [segment.next_change_at(int(now), embargo) for segment in self.segments]
        for curation in self.curations.values():
            ends = [curation.hidden_until, *(one.until for one in (*curation.pinned, *curation.blocked))]
            moments += [end.timestamp() for end in ends if end is not None and end.timestamp() > now]
        moments.append(self.rules.next_change_at(now))
        return min((moment for moment in moments if moment is not None), default=None)

    def first_published(self, since: int) -> int | None:
        """The earliest date of publication from ``since`` (seconds since 1970) on, of articles alive or replaced; None
        when there is none."""
        firsts = (segment.first_published(since) for segment in self.segments)
        return min((first for first in firsts if first is not None), default=None)

    @property
    def has_closed_bodies(self) -> bool:
        """Whether any article is not public; one that was taken down since the snapshot still counts."""
        return any(segment.accesses - {Access.PUBLIC.value} for segment in self.segments)

    def changed_since(self, before: View) -> frozenset[str] | None:
        """Ids of the articles that changed, or whose curation did, since another view; None when that cannot be told:
        it is of another snapshot, long ago, too many are, or the rules are others."""
        same = self.snapshot is before.snapshot and self.rules is before.rules
        if not same or self.revision < before.revision:
            return None
        if self.revision == before.revision:
            return frozenset()
        steps = [step for step in self.steps if step.since >= before.revision]
        if not steps or steps[0].since != before.revision or any(step.ids is None for step in steps):
            return None
        return frozenset().union(*(step.ids for step in steps if step.ids is not None))

    def after(self, ids: Iterable[str], **changes: Any) -> View:
        """The view after a step in which the articles of some ids changed."""
        steps = (*self.steps, Step.of(self.revision, ids))[-_STEPS_KEPT:]
        return replace(self, steps=steps, **changes)

    @property
    def is_partial(self) -> bool:
        """Whether articles are missing for a while, as they lie on a server that does not answer."""
        return self.segments[0].is_partial

    def locate(self, article_id: str) -> tuple[int, int] | None:
        """The segment and row of a published article, None when there is none of this id.

        Raises:
            StoreUnreachableError: when that lies on a server that does not answer.
        """
        for number in reversed(range(len(self.segments))):  # what changed is at hand
            alive, row = self.alive[number], self.segments[number].row(article_id)
            if row is not None and (alive is None or alive[row]):
                return number, row
        return None

    def locate_each(self, ids: Sequence[str]) -> list[tuple[int, int]]:
        """The segments and rows of those of some published articles that there are; what lies on a server that does
        not answer is passed over."""
        self.segments[0].bring(ids)
        places = []
        for one in ids:
            with suppress(StoreUnreachableError):
                places.append(self.locate(one))
        return [place for place in places if place is not None]

    def group(self, place: tuple[int, int]) -> int:
        """The duplicate group of the article at a segment and row."""
        number, row = place
        return int(self.segments[number].groups[row])

    def of_group(self, group: int) -> Iterator[str]:
        """The ids of the articles of a duplicate group."""
        for segment in self.segments:
            yield from segment.of_group(group)


def _on(snapshot: Snapshot, gone: IntArray, segments: tuple[Segment, ...], *others: Any) -> View:
    """The view of a snapshot and later segments."""
    return View(snapshot, (snapshot.segment.without_numbers(gone), *segments), *others)


class FixedView:
    """A view that never changes: for exports and other work whose rows must agree with each other."""

    problem: str | None = None
    overlay_size = 0

    def __init__(self, view: View) -> None:
        self._view = view

    def refresh(self) -> View:
        """The view, always the same."""
        return self._view

    def awaited(self) -> Manifest | None:
        """Of the snapshot that is published while another one is served: there is none."""
        return None
