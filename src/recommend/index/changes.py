"""Applies the store's changes to a view: the next view, with changed articles in overlay segments and old rows dead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recommend.articles.article import Status
from recommend.articles.curation import UNREADABLE, Curation
from recommend.index.query import Prepared
from recommend.index.segment import Segment
from recommend.index.snapshot.kept import Kept, KeptChanges, prepared_of
from recommend.index.snapshot.open import Snapshot
from recommend.index.view import View
from recommend.store.rows import Change, ChangeSet, error_summary, vector_fault

BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

Each = Callable[[Callable[[Change], Prepared | str | None], Iterable[Change]], Iterable[Prepared | str | None]]

_MOST_RECENT = 256
_CURATION = "its curation cannot be read: it is hidden until editors put another"

logger = logging.getLogger(__name__)


def unchanged(snapshot: Snapshot) -> View:
    """The view of a snapshot alone."""
    manifest = snapshot.manifest
    return View(snapshot, (snapshot.segment,), (None,), manifest.revision, set_aside=manifest.set_aside)


def apply(
    view: View,
    changed: dict[str, Prepared],
    change_set: ChangeSet,
    changes: KeptChanges,
    kept: Kept | None = None,
    *,
    each: Each = map,
) -> View:
    """The view after ``change_set``; ``changed``, all articles of the later segments by id, is brought along. What is
    ``kept`` of ``changes`` is not prepared again. ``each`` prepares them, one after the other or several at once."""
    prepared = each(lambda one: _prepared(view.snapshot, one, changes, kept or {}), change_set.changes)
    after = _change_articles(view, changed, change_set.changes, prepared)
    curations = {i: curation for i, curation in (view.curations | change_set.curations).items() if curation is not None}
    aside = {i: why for i, why in after.set_aside.items() if why != _CURATION}
    aside |= {i: _CURATION for i, curation in curations.items() if curation == UNREADABLE}
    ids = [*(change.article_id for change in change_set.changes), *change_set.curations]
    rules = view.rules if change_set.rules is None else change_set.rules
    held = after.after(ids, curations=curations, rules=rules, revision=change_set.revision, set_aside=aside)
    return hide(view, held)


def hide(before: View, view: View) -> View:
    """The view with the rows of hidden articles, looked up again only when segments or hidden articles changed."""
    until = _hidden_until(view.curations)
    same = until == _hidden_until(before.curations)
    known = zip(before.segments, before.hidden, strict=False) if same else ()
    known_rows = {id(segment): rows for segment, rows in known}
    hidden = (known_rows[id(s)] if id(s) in known_rows else _hidden_rows(s, until) for s in view.segments)
    return replace(view, hidden=tuple(hidden))


def _hidden_until(curations: Mapping[str, Curation]) -> dict[str, float]:
    """By id, until when an article is hidden. Past moments are kept: the clock is checked when an answer is
    computed."""
    moments = {article_id: curation.hidden_until for article_id, curation in curations.items()}
    return {article_id: moment.timestamp() for article_id, moment in moments.items() if moment is not None}


def _hidden_rows(segment: Segment, until: Mapping[str, float]) -> tuple[IntArray, NDArray[np.float64]]:
    places = {article_id: segment.table.row(article_id) for article_id in until}
    hidden = [(row, until[article_id]) for article_id, row in places.items() if row is not None]
    return np.array([row for row, _ in hidden], np.int64), np.array([moment for _, moment in hidden], np.float64)


def _change_articles(
    view: View, changed: dict[str, Prepared], changes: list[Change], prepared_each: Iterable[Prepared | str | None]
) -> View:
    """The view's articles after ``changes``, prepared.

    The last segment holds the most recent changes and is made anew each time; once it has grown, it is merged with
    all the others into one, so that the cost of a change stays small and so does the number of segments.
    """
    if not changes:
        return view
    touched = [change.article_id for change in changes]
    for article_id in touched:
        changed.pop(article_id, None)
    gone = frozenset(touched)
    published, aside = dict[str, Prepared](), {i: why for i, why in view.set_aside.items() if i not in gone}
    for change, prepared in zip(changes, prepared_each, strict=True):
        if isinstance(prepared, str):
            aside[change.article_id] = prepared
            logger.error("article %r is set aside: %s", change.article_id, prepared)
        elif prepared is not None:
            published[change.article_id] = prepared
    changed.update(published)
    segments, recent, merged = list(view.segments), published, list[Segment]()
    if len(segments) > 1:
        last = segments.pop().table
        recent = {i: changed[i] for i in map(last.id, range(len(last))) if i in changed} | published
    if len(recent) > _MOST_RECENT:
        segments, recent, merged = segments[:1], {}, [_segment(view, changed)]
    before = zip(segments, view.alive, strict=False)
    parts = [segment.without(touched, alive) for segment, alive in before]
    parts += [(segment, None) for segment in (*merged, _segment(view, recent))]
    return replace(
        view,
        segments=tuple(segment for segment, _ in parts),
        alive=tuple(alive for _, alive in parts),
        set_aside=aside,
    )


def _prepared(snapshot: Snapshot, change: Change, changes: KeptChanges, kept: Kept) -> Prepared | str | None:
    """A changed article, prepared like the snapshot's own; None when it is not published, a reason when it cannot be
    used."""
    article, embedding, dimension = change.article, change.embedding, snapshot.manifest.dimension
    if change.fault is not None or article is None or article.status != Status.PUBLISHED:
        return change.fault
    fault = None if embedding is None else vector_fault(embedding, dimension)
    if fault is not None:
        return fault
    key = changes.key(change)
    if key in kept:
        return prepared_of(kept[key], article)
    try:
        vector = np.zeros(dimension, np.float32) if embedding is None else embedding
        prepared = snapshot.prepare(article, vector)
        return prepared if snapshot.segment.is_partial else replace(prepared, key=key)  # then it is kept nowhere
    except Exception as problem:  # one article's text costs no other its place
        return error_summary(problem)


def _segment(view: View, changed: dict[str, Prepared]) -> Segment:
    return Segment.of(changed.values(), view.snapshot.segment)
