"""The boxes: what is chosen under an article, for a reader of several, or where nothing is related."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from recommend.index.query import Query
from recommend.ranking import history
from recommend.ranking.answer import Answer, recommendations
from recommend.ranking.candidates import CARD_FEATURES, FEATURES
from recommend.ranking.catalogue import latest
from recommend.ranking.eligibility import Eligibility
from recommend.ranking.near_misses import near_misses
from recommend.ranking.pipeline import Selection
from recommend.ranking.rules import UNRULED, Ruling
from recommend.ranking.shortlist import Shortlist
from recommend.ranking.sifting import touched
from recommend.ranking.signals import without_signals

_REMOVED_BY = {"blocked": "editors"}


def related_box(
    selection: Selection,
    eligibility: Eligibility,
    query: Query,
    article_id: str | None,
    k: int,
    *,
    explain: bool = False,
    ready: Shortlist | None = None,
) -> Answer:
    """The box under an article.

    Args:
        selection: chooses.
        eligibility: of the request.
        query: the article's.
        article_id: of the article; None for a draft without one.
        k: how many.
        explain: whether to tell each feature's part in the ranking, and of near misses.
        ready: the shortlist, where it need not be computed; nothing can be explained of it.
    """
    view = selection.view
    place = None if article_id is None else view.locate(article_id)
    rules, section = selection.settings.policy, eligibility.filters.one_section
    if explain:
        ready = selection.scoring.shortlist(query, place)
    chosen = selection.choose(query, article_id, k, eligibility, ready)
    explained = _explained(selection, explain)
    ready_reasons, heard, ruling = None if ready is None else ready.reasons, query, chosen.ruling
    if chosen.rescored:
        ready_reasons, heard = None, without_signals(view, query, ruling.ignored)
    items = recommendations(
        view, heard, chosen, range(len(chosen.candidates)), rules, section or query.section,
        explained=explained, ready=ready_reasons, ruled=touched(selection.scoring, chosen) if ruling else None,
    )  # fmt: skip
    missed = None
    if explain:
        allowed = eligibility.under(query, any_kind=True)
        ranked = selection.ranked(query, allowed, place, selection.settings.ranking.candidates, ready)
        missed = near_misses(selection, eligibility, query, article_id, ranked, chosen, public=selection.public)
    short = None
    if len(items) < k:
        counts = ((_REMOVED_BY.get(rule, rule), count) for rule, count in chosen.removed.items() if rule != "pinned")
        removed = ", ".join(f"{count} removed by {rule}" for rule, count in counts if count)
        others = len(view) - (place is not None)
        short = f"only {len(items)} of {others} other articles are eligible" + (f" ({removed})" if removed else "")
    name = view.snapshot.manifest.name
    basis = None if explain else chosen.basis
    return Answer(
        article_id, name, view.revision, None, chosen.related, items, short, chosen.removed, missed, basis,
        partial=view.is_partial,
    )  # fmt: skip


def history_box(
    selection: Selection, eligibility: Eligibility, ids: Sequence[str], k: int, *, explain: bool = False
) -> Answer:
    """The box for a reader of several articles; where none of them is published, the newest articles.

    Args:
        selection: chooses.
        eligibility: of the request.
        ids: of what was read, the latest first, each once.
        k: how many.
        explain: whether to tell each feature's part in the ranking.
    """
    view = selection.view
    read = view.locate_each(ids)
    if not read:
        return latest_box(eligibility, None, k)
    groups = np.array([view.segments[number].groups[row] for number, row in read], np.uint64)
    queries = [view.segments[number].query(row) for number, row in read[: history.READ]]
    chosen = selection.choose_for_history(queries, groups, k, eligibility)
    rules, section = selection.settings.policy, eligibility.filters.one_section or queries[0].section
    explained = _explained(selection, explain)
    ruled = touched(selection.scoring, chosen)
    parts = (
        recommendations(view, query, chosen, [i], rules, section, explained=explained, ruled=ruled)
        for i, query in enumerate(chosen.queries)
    )
    items = list(chain.from_iterable(parts))
    others = len(view) - len(groups)
    short = None if len(items) >= k else f"only {len(items)} of {others} other articles are eligible"
    name = view.snapshot.manifest.name
    removed, lacking = chosen.removed, view.is_partial
    return Answer(None, name, view.revision, None, chosen.related, items, short, removed, partial=lacking)


def latest_box(
    eligibility: Eligibility, article_id: str | None, k: int, pins: Sequence[str] = (), ruling: Ruling = UNRULED
) -> Answer:
    """The newest articles after ``pins``, labelled as such; without what rules leave out."""
    view = eligibility.view
    items = latest(eligibility, k, pins, ruling=ruling)
    short = None if len(items) >= k else f"only {len(items)} articles pass the filters"
    pinned = sum(item.reason.kind == "pinned" for item in items)
    name, lacking = view.snapshot.manifest.name, view.is_partial
    return Answer(article_id, name, view.revision, "latest", pinned, items, short, partial=lacking)


def _explained(selection: Selection, explain: bool) -> tuple[str, ...] | None:
    """The features whose parts are told."""
    if not explain:
        return None
    return CARD_FEATURES if selection.public and selection.view.has_closed_bodies else FEATURES
