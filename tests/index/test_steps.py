"""Re-indexes on PostgreSQL that bring what changed: the same boxes, and all else is shared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from psycopg import sql

from conftest import Newsroom, ToyEncoder
from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.errors import SnapshotError
from recommend.index.pgvector.generations import generations, live_name
from recommend.index.pgvector.live import LoadedView
from recommend.index.pgvector.schema import schema_of
from recommend.index.pgvector.servers import Servers
from recommend.jobs.rollback import rollback
from recommend.recommender import Recommender
from recommend.settings import Settings

pytestmark = pytest.mark.databases("pgvector")


@pytest.fixture
def servers(settings: Settings) -> Servers:
    return Servers([settings.pgvector.url])


def shown(recommender: Recommender, article_id: str, **filters: Any) -> list[str]:
    return [item.id for item in recommender.related(article_id, 50, **filters)]


def shortened(article: Article, article_id: str) -> Article:
    words = article.text.split()
    return article.model_copy(update={"id": article_id, "title": " ".join(words[:6]), "text": " ".join(words[::2])})


@pytest.fixture
def sharing(newsroom: Newsroom) -> Newsroom:
    """The newsroom, whose re-indexes bring what changed as long as that is no more than half."""
    pgvector = newsroom.settings.pgvector.model_copy(update={"changes": 0.5})
    return replace(newsroom, settings=newsroom.settings.model_copy(update={"pgvector": pgvector}))


def rows_of(servers: Servers, table: str, base: str) -> int:
    ((count,),) = servers[0].ask(sql.SQL("SELECT count(*) FROM {}.{}").format(schema_of(base), sql.Identifier(table)))
    return int(count)


def test_a_reindex_brings_what_changed_and_shares_the_rest(
    sharing: Newsroom, servers: Servers, stories: list[Article]
) -> None:
    base = live_name(servers)
    assert base is not None
    sharing.store.delete("story-05")
    sharing.take(shortened(stories[6], "story-99"), stories[0].model_copy(update={"title": stories[6].title}))
    before = sharing.recommender()
    boxes = {one: shown(before, one) for one in ("story-00", "story-01", "story-99")}
    scores = {item.id: (item.reason, item.score) for item in before.related("story-99", 20)}
    result = sharing.reindex()
    assert (result.built, result.manifest.base, result.manifest.articles) == (True, base, 60)
    assert rows_of(servers, "rows", base) == 62
    assert live_name(servers) == result.manifest.name != base
    after = sharing.recommender()
    assert after.overlay_size == 0
    assert [*after.view().ids()] == sorted({*(s.id for s in stories), "story-99"} - {"story-05"})
    assert {one: shown(after, one) for one in boxes} == boxes
    scores_after = {item.id: (item.reason, item.score) for item in after.related("story-99", 20)}
    one, other = scores_after.pop("story-00"), scores.pop("story-00")
    assert (one[0], one[1] != other[1]) == (other[0], True)  # compared by its neighbours' words, too, as all others are
    assert scores_after == scores
    assert dict(after.listing.sections()) == dict(before.listing.sections())
    assert [item.id for item in after.listing.latest(60)] == [item.id for item in before.listing.latest(60)]
    assert sharing.reindex().built is False


def test_each_step_holds_what_held_then_and_a_rollback_goes_back_one(
    sharing: Newsroom, servers: Servers, stories: list[Article]
) -> None:
    base = live_name(servers)
    sharing.take(shortened(stories[6], "story-99"))
    first = sharing.reindex().manifest.name
    sharing.take(shortened(stories[12], "story-99"))
    sharing.store.delete("story-07")
    second = sharing.reindex().manifest
    assert (second.base, second.articles) == (base, 60)
    layout = sharing.layout
    held = {name: {*LoadedView(servers, layout, name).refresh().ids()} for name in (base, first, second.name) if name}
    everything = {story.id for story in stories}
    later = everything | {"story-99"}
    assert held == {base: everything, first: later, second.name: later - {"story-07"}}
    rollback(sharing.store, sharing.settings, lambda _: sharing.encoder)
    assert live_name(servers) == first
    again = sharing.recommender()
    assert {*again.view().ids()} == held[second.name]  # what was taken down since stays so
    sharing.take(shortened(stories[18], "story-98"))
    third = sharing.reindex().manifest.name
    assert {one.manifest.name for one in generations(servers)} == {base, first, third}
    assert {*LoadedView(servers, layout, third).refresh().ids()} == held[second.name] | {"story-98"}


def test_a_step_that_dies_or_differs_leaves_the_live_generation(
    sharing: Newsroom, servers: Servers, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = live_name(servers)
    assert base is not None
    sharing.take(shortened(stories[6], "story-99"))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("recommend.jobs.steps.confirm", dies)
        with pytest.raises(KeyboardInterrupt):
            sharing.reindex()
    assert live_name(servers) == base
    assert shown(sharing.recommender(), "story-00")
    with monkeypatch.context() as patched:
        patched.setattr("recommend.jobs.agreement._share", lambda *_: 0.5)
        with pytest.raises(SnapshotError, match="are as before"):
            sharing.reindex()
    assert live_name(servers) == base
    assert rows_of(servers, "rows", base) == rows_of(servers, "articles", base) == 60
    assert sharing.reindex().manifest.base == base
    assert rows_of(servers, "rows", base) == 61
    assert rows_of(servers, "articles", base) == 60


def test_what_failed_verification_is_built_anew(
    sharing: Newsroom, servers: Servers, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    base = live_name(servers)

    def differs(*_: object) -> None:
        raise SnapshotError("it differs")

    sharing.take(shortened(stories[6], "story-99"))
    monkeypatch.setattr("recommend.jobs.steps.confirm", differs)
    built = sharing.reindex().manifest
    assert (built.base, built.articles) == (None, 61)
    assert {one.manifest.name for one in generations(servers)} == {base, built.name}
    assert "story-99" in shown(sharing.recommender(), "story-00")


def test_what_changed_too_much_or_by_another_encoder_is_built_anew(
    sharing: Newsroom, servers: Servers, stories: list[Article], other_toy_encoder: Encoder
) -> None:
    sharing.take(*(shortened(story, f"new-{story.id}") for story in stories[:31]))
    built = sharing.reindex().manifest
    assert built.base is None
    sharing.take(shortened(stories[40], "story-99"))
    assert sharing.reindex().manifest.base == built.name
    assert sharing.reindex(full=True).manifest.base is None
    sharing.take(shortened(stories[41], "story-98"))
    moved = replace(sharing, encoder=other_toy_encoder)
    assert moved.reindex().manifest.base is None


def test_what_steps_rest_on_is_kept_as_long_as_one_of_them_is(
    sharing: Newsroom, servers: Servers, stories: list[Article]
) -> None:
    base = live_name(servers)
    names = []
    for number in range(5):
        sharing.take(shortened(stories[number], f"story-{90 + number}"))
        names.append(sharing.reindex().manifest.name)
    kept = {one.manifest.name for one in generations(servers)}
    assert kept == {base, *names[-sharing.settings.indexing.keep :]}
    assert (sharing.layout.snapshots / str(base) / "articles.arrow").exists()
    assert shown(sharing.recommender(), "story-94")


class Refusing(ToyEncoder):
    """Refuses a text."""

    refused = "poison"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if any(self.refused in text for text in texts):
            raise ValueError("this text cannot be embedded")
        return super().encode(texts)


def test_an_article_that_cannot_be_embedded_forces_no_full_build_and_is_brought_once_it_can(
    sharing: Newsroom, stories: list[Article]
) -> None:
    encoder = Refusing()
    refusing = replace(sharing, encoder=encoder)
    poison = shortened(stories[6], "story-99").model_copy(update={"title": f"poison {stories[6].title}"})
    sharing.store.put([(poison, None)], "toy")
    built = refusing.reindex(full=True)
    assert (built.failed, built.manifest.articles, [*built.manifest.set_aside]) == (1, 60, ["story-99"])
    again = refusing.reindex()
    assert (again.built, again.failed, again.manifest.name) == (False, 1, built.manifest.name)
    sharing.store.put([(shortened(stories[12], "story-98"), None), (poison, None)], "toy")
    brought = refusing.reindex()
    assert (brought.manifest.base, brought.failed) == (built.manifest.name, 1)
    assert "story-98" in shown(sharing.recommender(), "story-12")
    encoder.refused = "nothing"
    mended = refusing.reindex()
    assert (mended.manifest.base, mended.embedded, mended.failed) == (built.manifest.name, 1, 0)
    assert not mended.manifest.set_aside
    assert "story-99" in shown(sharing.recommender(), "story-06")
