"""A snapshot that lost its articles or its answers is not published."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import pytest

from recommend.articles.article import Article
from recommend.errors import SnapshotError
from recommend.evaluation.comparison import compare
from recommend.index.snapshot.catalog import list_snapshots
from recommend.jobs.comparison import Canary
from recommend.jobs.hooks import Hooks
from recommend.jobs.reindex import ReindexResult, reindex

if TYPE_CHECKING:
    from conftest import Newsroom


def run(newsroom: Newsroom, *, force: bool = False) -> ReindexResult:
    canary = partial(compare, newsroom.store, newsroom.settings)
    return reindex(
        newsroom.store, newsroom.encoder, newsroom.settings, full=True, force=force, hooks=Hooks(canary=canary)
    )


def test_a_snapshot_of_the_same_articles_gives_the_same_boxes(newsroom: Newsroom) -> None:
    assert run(newsroom).canary == Canary(50, 1.0, 0.0, 0.0)


def test_the_overlap_tells_how_much_the_boxes_changed(newsroom: Newsroom, stories: list[Article]) -> None:
    texts = [story.text for story in stories]
    newsroom.take(*(story.model_copy(update={"text": texts[n - 7]}) for n, story in enumerate(stories)))
    compared = run(newsroom).canary
    assert compared is not None
    assert 0.0 < compared.overlap < 0.9
    assert (compared.queries, compared.empty) == (50, 0.0)


def test_a_snapshot_whose_boxes_are_empty_is_refused_unless_forced(newsroom: Newsroom, stories: list[Article]) -> None:
    old = newsroom.live.name
    past = datetime(2020, 1, 1, tzinfo=UTC)
    newsroom.take(*(story.model_copy(update={"expires_at": past}) for story in stories))
    reason = rf"100% of 50 boxes are empty, in {old} 0%, indexing.verify_empty is 0.05; .* reindex --force"
    with pytest.raises(SnapshotError, match=reason):
        run(newsroom)
    assert [one.name for one in list_snapshots(newsroom.layout)] == [old] == [newsroom.live.name]
    forced = run(newsroom, force=True)
    assert forced.canary is not None
    assert replace(forced.canary, changed=()) == Canary(50, 0.0, 0.0, 1.0)
    assert (len(forced.canary.changed), newsroom.live.name) == (10, forced.manifest.name)
    assert run(newsroom).canary == Canary(50, 1.0, 1.0, 1.0)  # no worse than the live one


def test_a_snapshot_that_lost_most_articles_is_refused_unless_forced(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    old = newsroom.live.name
    for story in stories[:31]:
        newsroom.store.delete(story.id)
    with pytest.raises(SnapshotError, match=f"it holds 29 articles, {old} 60, indexing.verify_shrink is 0.5"):
        run(newsroom)
    assert newsroom.live.name == old
    assert newsroom.indexing(verify_shrink=0.6).reindex().manifest.name != old
    newsroom.take(*stories)
    assert run(newsroom).manifest.articles == 60
    for story in stories:
        newsroom.store.delete(story.id)
    forced = run(newsroom, force=True)
    assert (forced.manifest.articles, forced.canary) == (0, Canary(0, 1.0, 0.0, 0.0))


def test_a_live_snapshot_that_cannot_be_opened_is_replaced_without_a_comparison(newsroom: Newsroom) -> None:
    newsroom.layout.snapshot(newsroom.live.name).embeddings.unlink()
    assert run(newsroom).canary is None
    newsroom.layout.snapshot(newsroom.live.name).manifest.unlink()
    assert run(newsroom).canary is None
    assert run(newsroom).canary == Canary(50, 1.0, 0.0, 0.0)
