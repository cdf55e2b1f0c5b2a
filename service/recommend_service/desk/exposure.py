"""Which stories boxes lead to, as the last job counted it, and how to mend it."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
from starlette.responses import Response, StreamingResponse

from recommend.articles.card import Card
from recommend.evaluation.counted_exposure import KINDS, CountedExposure, read
from recommend.evaluation.exposure import FACETS
from recommend.index.filters import Filters
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.view import View
from recommend.ranking.masks import places
from recommend.recommender import Recommender
from recommend_service.desk.visit import RefusalError, Visit, signed_in

NAMES = {
    "nowhere": "In no box",
    "policy": "In no box by policy",
    "empty": "With an empty box",
    "unreached": "Out of reach",
    "most": "In most boxes",
}
assert NAMES.keys() == {*KINDS}

_PAGE = 20
_BATCH = 500
_HOSTS = 3
Rows = Iterator[list[dict[str, Any]]]

_COLUMNS = ("id", "title", "section", "published_at", "language", "boxes", "items", "clicks")


@dataclass(frozen=True)
class CountedStory:
    """A story as it is now, with its numbers from the last count of boxes.

    Attributes:
        pinned: ids of the stories in whose boxes editors pinned it.
        hosts: stories that it is most related to, in whose boxes it could be pinned; none where policy keeps it out.
        hidden: the genre that policy hides, if it is in no box for that.
        original: the story that it is a copy of, if it is in no box for that.
    """

    card: Card
    boxes: int
    items: int
    clicks: int | None
    pinned: list[str]
    hosts: list[Card]
    hidden: str | None
    original: Card | None


@dataclass(frozen=True)
class Page:
    """A page of one kind of stories.

    Attributes:
        counts: how many stories there are of each kind.
        found: how many have the facets that were asked for.
        changed: revisions of the store since the count.
        following: where the next page begins, None on the last.
    """

    count: CountedExposure
    counts: dict[str, int]
    found: int
    changed: int
    stories: list[CountedStory]
    following: int | None


@signed_in()
async def show(visit: Visit) -> Response:
    """What the last job counted; that there was none, before the first."""
    kind, facets, start = _asked(visit)
    page = await visit.compute(_page, visit.recommender, kind, facets, start)
    context: dict[str, Any] = {"page": page, "names": NAMES, "facet_names": FACETS, "asked": {"kind": kind, **facets}}
    return visit.page("exposure.html", kind=kind, facets=facets, start=start, **context)


@signed_in()
async def as_csv(visit: Visit) -> Response:
    """All stories of a kind with their numbers."""
    return await _download(visit, "csv", "text/csv; charset=utf-8", _csv)


@signed_in()
async def as_json(visit: Visit) -> Response:
    """The same in an array."""
    return await _download(visit, "json", "application/json", _json)


async def _download(
    visit: Visit, form: str, media_type: str, written: Callable[[Rows], Iterator[str | bytes]]
) -> Response:
    kind, facets, _ = _asked(visit)
    count = await visit.compute(_read, visit.recommender)
    if count is None:
        raise RefusalError("Nothing has been counted yet: recommend exposure --desk does.")
    content = written(_rows(visit.recommender, count.only(kind, facets)))
    headers = {"Cache-Control": "no-store", "Content-Disposition": f'attachment; filename="{kind}.{form}"'}
    return StreamingResponse(content, media_type=media_type, headers=headers)


def _asked(visit: Visit) -> tuple[str, dict[str, str], int]:
    kind, start = visit.given("kind") or KINDS[0], visit.given("start")
    if kind not in NAMES:
        raise RefusalError(f"“{kind}” is not one of {', '.join(NAMES)}.")
    facets = {facet: visit.given(facet) for facet in FACETS if visit.given(facet)}
    return kind, facets, int(start) if start.isascii() and start.isdigit() and len(start) < 10 else 0


def _read(recommender: Recommender) -> CountedExposure | None:
    return read(IndexLayout(recommender.settings.index))


def _page(recommender: Recommender, kind: str, facets: dict[str, str], start: int) -> Page | None:
    count = _read(recommender)
    if count is None:
        return None
    rows = count.only(kind, facets)
    stories = [*_stories(recommender, rows[start : start + _PAGE], hosts=kind in {"nowhere", "unreached"})]
    following = start + _PAGE if len(rows) > start + _PAGE else None
    changed = recommender.view().revision - count.counted.revision
    return Page(count, count.counts(), len(rows), max(changed, 0), stories, following)


def _stories(recommender: Recommender, rows: pa.Table, *, hosts: bool) -> Iterator[CountedStory]:
    view, stored = recommender.view(), rows.to_pylist()
    cards = _cards(recommender, view, [row[name] for row in stored for name in ("id", "copy_of") if row[name]])
    shown = [row for row in stored if row["id"] in cards]
    answers = [*recommender.answers([row["id"] for row in shown], _HOSTS)] if hosts else [None] * len(shown)
    near = _cards(recommender, view, [item.id for answer in answers if answer is not None for item in answer.items])
    pinned = defaultdict[str, list[str]](list)
    for one, curation in view.curations.items():
        for pin in curation.pinned:
            pinned[pin.id].append(one)
    for row, answer in zip(shown, answers, strict=True):
        ruled = row["hidden"] is not None or row["copy_of"] is not None
        items = [] if answer is None or ruled else answer.items
        yield CountedStory(
            cards[row["id"]], row["boxes"], row["items"], row["clicks"], pinned[row["id"]],
            [near[item.id] for item in items if item.id in near], row["hidden"], cards.get(row["copy_of"]),
        )  # fmt: skip


def _cards(recommender: Recommender, view: View, ids: Sequence[str]) -> dict[str, Card]:
    """What stories are now, by id; without those that are not published any more."""
    passing = recommender.ranking.eligibility(view, Filters()).passing
    tables = [(view.segments[number].table, row) for number, row in places(view, passing, dict.fromkeys(ids))]
    return {table.id(row): table.card(row) for table, row in tables}


def _rows(recommender: Recommender, rows: pa.Table) -> Rows:
    """A few at a time, so that readers are answered between."""
    for start in range(0, len(rows), _BATCH):
        stored = rows[start : start + _BATCH].to_pylist()
        cards = _cards(recommender, recommender.view(), [row["id"] for row in stored])
        yield [
            {"id": card.id, "title": card.title, "section": card.section, "published_at": card.published_at,
             "language": card.language, "boxes": row["boxes"], "items": row["items"], "clicks": row["clicks"]}
            for row in stored if (card := cards.get(row["id"])) is not None
        ]  # fmt: skip


def _csv(batches: Rows) -> Iterator[str | bytes]:
    yield ",".join(_COLUMNS) + "\r\n"
    for rows in batches:
        text = io.StringIO()
        csv.writer(text).writerows([_plain(row[name]) for name in _COLUMNS] for row in rows)
        yield text.getvalue()


def _plain(value: object) -> object:
    """A text that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t")) else value


def _json(batches: Rows) -> Iterator[str | bytes]:
    between = b"["
    for rows in batches:
        for row in rows:
            yield between + orjson.dumps(row)
            between = b",\n"
    yield b"]" if between != b"[" else b"[]"
