"""Finds boxes for the stories that no box of a new snapshot would show, before it is published."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recommend.index.changes import hide, unchanged
from recommend.index.lists import LISTED
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import open_snapshot
from recommend.index.snapshot.publishing import add_exposure
from recommend.jobs.lists import make_lists
from recommend.ranking.exposure import NOBODY, hosts
from recommend.ranking.filtering import Filtering
from recommend.ranking.masks import passes
from recommend.ranking.ranking import Ranking
from recommend.ranking.ready import read_shortlist, ready_lists
from recommend.settings import Settings


def spread_exposure(
    settings: Settings, manifest: Manifest, *, on_stage: Callable[[str], None] = lambda _: None
) -> Manifest:
    """Puts into a snapshot which of those stories each box prefers, see :func:`recommend.ranking.exposure.hosts`, if
    ``policy.exposure`` asks for it and ready lists are made.

    Args:
        settings: the index folder, and those that rank and filter.
        manifest: of the snapshot, which nobody reads yet.
        on_stage: called with a few words when it begins.

    Returns:
        The manifest from now on.
    """
    policy, name, layout = settings.policy, manifest.name, IndexLayout(settings.index)
    if not (policy.on and policy.exposure and settings.indexing.lists) or settings.pgvector.url:
        return manifest
    on_stage("finding boxes for stories that none shows")
    make_lists(settings, name)
    rules = policy.model_copy(update={"exposure": 0.0})
    ranking = Ranking(settings.model_copy(update={"policy": rules}), public=False)
    view = unchanged(open_snapshot(layout, name))
    view = hide(view, view)
    segment, scoring, eligibility = view.segments[0], ranking.selection(view).scoring, ranking.eligibility(view)
    lists = ready_lists(scoring, rules)
    rows = np.full((len(segment), LISTED), NOBODY, np.int32)
    probabilities = np.zeros(rows.shape, np.float32)
    for row in range(len(segment)):
        query, place = segment.query(row), (0, row)
        short = read_shortlist(scoring, lists, query.language, place) or scoring.shortlist(query, place).listed()
        some = short.candidates
        some = some.take(passes(eligibility.under(query), some.segments, some.rows))
        some, _ = Filtering(scoring, rules, query, eligibility).first(some.first(0), some, LISTED)
        rows[row, : len(some)], probabilities[row, : len(some)] = some.rows, some.probabilities
    return add_exposure(layout, name, hosts(rows, probabilities, policy.exposure, rules.floor))
