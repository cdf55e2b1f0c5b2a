"""A snapshot goes live when its encoder has embedded everything, whatever comes in meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.articles.article import Article, parse_article
from recommend.encoder import Encoder
from recommend.evaluation.comparison import compare
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.publishing import point_to
from recommend.ingest import put
from recommend.jobs import publish
from recommend.jobs.hooks import Hooks
from recommend.jobs.reindex import Progress, reindex
from recommend.jobs.rollback import rollback

if TYPE_CHECKING:
    from conftest import Newsroom


class Interrupted:
    """An encoder during whose work articles come in, embedded by the one that serves."""

    def __init__(self, inner: Encoder, newsroom: Newsroom, times: int) -> None:
        self.inner, self.newsroom, self.times = inner, newsroom, times
        self.fingerprint, self.dimension = inner.fingerprint, inner.dimension
        self.max_tokens, self.language = inner.max_tokens, inner.language

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What the inner one makes of the texts."""
        if self.times:
            self.times -= 1
            late = parse_article({"id": f"late-{self.times}", "title": f"Late news {self.times}"})
            put(self.newsroom.store, self.newsroom.encoder, late)
        return self.inner.encode(texts)


def test_articles_that_come_in_while_the_encoder_changes_are_embedded_before_the_snapshot_is_live(
    newsroom: Newsroom, other_toy_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking: list[int] = []

    def watched(layout: IndexLayout, name: str) -> None:
        lacking.append(newsroom.store.counts("other toy")["unembedded"])
        point_to(layout, name)

    monkeypatch.setattr(publish, "point_to", watched)
    encoder = Interrupted(other_toy_encoder, newsroom, 4)
    result = reindex(newsroom.store, encoder, newsroom.settings)
    assert (encoder.times, lacking, result.embedded) == (0, [0], 64)
    recommender = replace(newsroom, encoder=other_toy_encoder).recommender()
    view = recommender.view()
    for n in range(4):
        segment, row = view.locate(f"late-{n}") or (-1, -1)
        assert float(abs(view.segments[segment].embeddings[row]).sum()) > 0


@pytest.mark.parametrize("stage", ["embedding", "building", "comparing", "publishing"])
def test_an_article_that_comes_in_during_any_stage_of_a_change_of_encoder_does_not_disappear(
    newsroom: Newsroom, other_toy_encoder: Encoder, stage: str
) -> None:
    def come_in(begun: str) -> None:
        if begun == stage:
            newsroom.take(parse_article({"id": "late", "title": "Late news"}))

    reindex(newsroom.store, other_toy_encoder, newsroom.settings, progress=Progress(stage=come_in))
    view = replace(newsroom, encoder=other_toy_encoder).recommender().view()
    number, row = view.locate("late") or (-1, -1)
    assert number >= 0
    assert float(abs(view.segments[number].embeddings[row]).sum()) > 0


def test_no_writer_commits_in_the_moment_of_publishing(
    newsroom: Newsroom, other_toy_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[bool] = []

    def watched(layout: IndexLayout, name: str) -> None:
        late = parse_article({"id": "late", "title": "Late news"})
        writing = pool.submit(put, newsroom.store, newsroom.encoder, late)
        time.sleep(0.3)
        finished.append(writing.done())
        point_to(layout, name)

    monkeypatch.setattr(publish, "point_to", watched)
    with ThreadPoolExecutor(1) as pool:
        reindex(newsroom.store, other_toy_encoder, newsroom.settings)
    assert finished == [False]
    assert newsroom.store.get("late") is not None


def test_a_change_of_encoder_that_was_cut_short_goes_on_where_it_was(
    newsroom: Newsroom, other_toy_encoder: Encoder, stories: list[Article]
) -> None:
    vectors = other_toy_encoder.encode([story.full_text for story in stories[:20]])
    newsroom.store.embeddings.put(list(zip(stories[:20], vectors, strict=True)), "other toy")
    assert replace(newsroom, encoder=other_toy_encoder).reindex().embedded == 40


def test_a_snapshot_can_be_built_and_compared_without_being_published(
    newsroom: Newsroom, other_toy_encoder: Encoder
) -> None:
    live = current_name(newsroom.layout)
    canary = partial(compare, newsroom.store, newsroom.settings)
    result = reindex(newsroom.store, other_toy_encoder, newsroom.settings, publishes=False, hooks=Hooks(canary=canary))
    assert (current_name(newsroom.layout), result.published) == (live, False)
    assert result.canary is not None
    assert result.canary.overlap == 1.0
    back = rollback(newsroom.store, newsroom.settings, lambda _: other_toy_encoder, result.manifest.name)
    assert current_name(newsroom.layout) == back.name == result.manifest.name


def test_embeddings_stay_as_long_as_a_snapshot_that_is_kept_needs_them(
    newsroom: Newsroom, other_toy_encoder: Encoder
) -> None:
    two = replace(newsroom.indexing(keep=2), encoder=other_toy_encoder)
    assert two.reindex().dropped == 0
    assert newsroom.store.counts("toy")["unembedded"] == 0
    assert two.reindex(full=True).dropped == 60
    assert newsroom.store.counts("toy")["unembedded"] == 60
    assert newsroom.store.counts("other toy")["unembedded"] == 0


def test_judgements_tell_whether_the_new_snapshot_is_better(newsroom: Newsroom, stories: list[Article]) -> None:
    texts = [story.text for story in stories]
    qrels = {story.id: {other.id: 1 for other in stories[:10] if other is not story} for story in stories[:10]}
    newsroom.take(*(story.model_copy(update={"text": texts[n - 7]}) for n, story in enumerate(stories)))
    canary = partial(compare, newsroom.store, newsroom.settings, judged=qrels | {"unknown": {"story-00": 1}})
    result = reindex(newsroom.store, newsroom.encoder, newsroom.settings, hooks=Hooks(canary=canary))
    assert result.canary is not None
    found = {one.measure: one for one in result.canary.judged}["nDCG@10"]
    assert 0 < found.before != found.after > 0
    assert found.low <= found.after - found.before <= found.high


def test_the_boxes_that_changed_most_are_shown_first(newsroom: Newsroom, stories: list[Article]) -> None:
    texts = [story.text for story in stories]
    newsroom.take(*(story.model_copy(update={"text": texts[n - 7]}) for n, story in enumerate(stories)))
    canary = partial(compare, newsroom.store, newsroom.settings)
    result = reindex(newsroom.store, newsroom.encoder, newsroom.settings, hooks=Hooks(canary=canary))
    assert result.canary is not None
    boxes = result.canary.changed
    assert len(boxes) == 10
    assert [box.overlap for box in boxes] == sorted(box.overlap for box in boxes)
    assert all(set(box.before) != set(box.after) for box in boxes)
