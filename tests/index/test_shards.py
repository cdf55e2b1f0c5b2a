"""An index over three servers: each article on one, the boxes of the snapshot."""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.articles.article import Article
from recommend.encoder import Encoder
from recommend.errors import SettingsError
from recommend.index.live import SnapshotView
from recommend.index.opening import open_servers
from recommend.index.pgvector.live import LoadedView
from recommend.index.pgvector.server import CATALOG
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.shards import Shard, shard_of
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import open_snapshot
from recommend.jobs.agreement import agree
from recommend.jobs.generation import load_generation
from recommend.jobs.hooks import Hooks
from recommend.recommender import Recommender
from recommend.settings import PgvectorSettings, Settings
from recommend.store import Store
from sharded import of_shard, shortened, shown

if TYPE_CHECKING:
    from conftest import Newsroom

sharded = pytest.mark.databases("shards")


def told(recommender: Recommender, article_id: str) -> list[tuple[object, ...]]:
    return [(item.id, item.score, item.reason) for item in recommender.related(article_id, 5)]


@given(st.lists(st.text(max_size=9), unique=True, max_size=20), st.integers(1, 7))
def test_every_id_belongs_to_one_shard_and_to_the_same_each_time(ids: list[str], shards: int) -> None:
    parts = [{one for one in ids if shard_of(one, shards) == number} for number in range(shards)]
    assert set().union(*parts) == {*ids}
    assert sum(map(len, parts)) == len(ids)


@pytest.mark.parametrize("shards", [1, 2, 5])
def test_shards_hold_each_article_once_by_its_number_and_the_neighbours_that_it_has(
    indexed: tuple[Settings, Store], shards: int
) -> None:
    whole = open_snapshot(IndexLayout(indexed[0].index), current_name(IndexLayout(indexed[0].index)) or "").segment
    assert whole.neighbours is not None
    parts = [Shard.of(whole, number, shards) for number in range(shards)]
    assert np.array_equal(np.sort(np.concatenate([one.numbers for one in parts])), np.arange(len(whole)))
    for one in parts:
        assert one.segment.table.ids() == [whole.table.id(row) for row in one.numbers.tolist()]
        assert np.array_equal(one.segment.embeddings, whole.embeddings[one.numbers])
        assert np.isin(whole.neighbours[one.numbers], np.concatenate([one.numbers, one.elsewhere])).all()
        assert not np.intersect1d(one.numbers, one.elsewhere).size


def test_boxes_are_those_of_the_snapshot_full_and_clean_under_filters(
    indexed: tuple[Settings, Store], on_shards: PgvectorSettings, encoder: Encoder, tmp_path: Path
) -> None:
    settings, store = indexed
    remote = settings.model_copy(update={"pgvector": on_shards})
    name = current_name(IndexLayout(settings.index)) or ""
    opened, layout = open_servers(remote), IndexLayout(tmp_path / "elsewhere")
    assert opened is not None
    load_generation(opened, remote, name, hooks=Hooks(agrees=partial(agree, store, remote)))
    there = Recommender(store, remote, encoder, view=LoadedView(opened, layout, name))
    here = Recommender(store, settings, encoder, view=SnapshotView(IndexLayout(settings.index), name))
    ids = [*here.view().ids()]
    assert [*there.view().ids()] == ids
    assert len(there.view()) == len(ids)
    shares = []
    for article_id in ids[::9]:
        one, other = (side.answer(article_id, 5) for side in (here, there))
        assert one is not None
        assert other is not None
        assert not other.partial
        both = {item.id for item in one.items} & {item.id for item in other.items}
        shares.append(len(both) / max(len(one.items), len(other.items), 1))
    assert np.mean(shares) >= 0.98
    assert here.listing.sections() == there.listing.sections()
    assert [item.id for item in here.listing.latest(20)] == [item.id for item in there.listing.latest(20)]
    section, sized = here.listing.sections()[-1]
    for article_id in ids[::40]:
        found = [{*shown(side, article_id, section=section)} for side in (here, there)]
        assert found[0] == found[1]
        assert len(found[1]) <= sized
    history = [side.answer_history(ids[:3], 5) for side in (here, there)]
    assert [item.id for item in history[0].items] == [item.id for item in history[1].items]
    opened.close()


@sharded
def test_lists_come_with_the_shards_and_give_the_boxes_of_the_snapshot(
    newsroom: Newsroom, stories: list[Article], servers: Servers
) -> None:
    view = SnapshotView(newsroom.layout, newsroom.live.name)
    here = Recommender(newsroom.store, newsroom.settings, newsroom.encoder, view=view)
    there = newsroom.recommender()
    for story in stories:
        assert told(there, story.id) == told(here, story.id)
    lists = f'SELECT count(*) FROM "{CATALOG}_{newsroom.live.name}".lists'
    held_by = [server.ask(lists)[0][0] for server in servers]
    assert held_by == [len(of_shard(stories, number)) for number in range(3)]


@sharded
def test_what_is_taken_down_changed_or_published_holds_at_once(newsroom: Newsroom, stories: list[Article]) -> None:
    one, other = newsroom.recommender(), newsroom.recommender()
    first = shown(one, "story-00")
    newsroom.store.delete(first[0])
    newsroom.take(shortened(stories[6], "story-99"))
    for recommender in (one, other):
        box = shown(recommender, "story-00")
        assert first[0] not in box
        assert "story-99" in box
        assert recommender.answer(first[0], 5) is None
        assert len(recommender.view()) == len(stories)
    sent = pickle.loads(pickle.dumps(one.view()))  # as to the processes of an export
    assert [*sent.ids()] == [*one.view().ids()]


def test_servers_are_named_once_each_and_beside_the_first() -> None:
    for wrong in ({"shards": ["postgresql://b/x"]}, {"url": "postgresql://a/x", "shards": ["postgresql://a/x"]}):
        with pytest.raises((SettingsError, ValueError), match="each named once"):
            PgvectorSettings.model_validate(wrong)
