"""An index over three servers: the boxes of the snapshot, one live generation, answers from those that are there."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from conftest import Newsroom
from recommend.articles.article import Article
from recommend.articles.curation import Curation
from recommend.encoder import Encoder
from recommend.errors import SettingsError, SnapshotError, StoreUnreachableError
from recommend.index.live import SnapshotView
from recommend.index.opening import open_servers
from recommend.index.pgvector.generations import generations, held, live_name
from recommend.index.pgvector.live import LoadedView
from recommend.index.pgvector.server import CATALOG, Server
from recommend.index.pgvector.servers import Servers
from recommend.index.pgvector.shards import Shard, shard_of
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.open import open_snapshot
from recommend.jobs.agreement import agree
from recommend.jobs.generation import load_generation
from recommend.jobs.hooks import Hooks
from recommend.jobs.rollback import rollback
from recommend.recommender import Recommender
from recommend.settings import PgvectorSettings, Settings
from recommend.store import Store

if TYPE_CHECKING:
    import conftest

sharded = pytest.mark.databases("shards")

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def servers(settings: Settings) -> Iterator[Servers]:
    opened = open_servers(settings)
    assert opened is not None
    yield opened
    opened.close()


@pytest.fixture
def sharing(newsroom: Newsroom) -> Newsroom:
    """The newsroom, whose re-indexes bring what changed as long as that is no more than half."""
    pgvector = newsroom.settings.pgvector.model_copy(update={"changes": 0.5})
    return replace(newsroom, settings=newsroom.settings.model_copy(update={"pgvector": pgvector}))


@pytest.fixture
def losing(three_servers: list[conftest.Server], settings: Settings) -> Callable[[int], Any]:
    """Makes a server refuse connections to the test's database for a while."""

    @contextmanager
    def lost(number: int) -> Iterator[None]:
        server, name = three_servers[number], make_url([settings.pgvector.url, *settings.pgvector.shards][number])
        server.sql(f"ALTER DATABASE {name.database} ALLOW_CONNECTIONS false")
        server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name.database}'")
        try:
            yield
        finally:
            server.sql(f"ALTER DATABASE {name.database} ALLOW_CONNECTIONS true")

    return lost


def serving(newsroom: Newsroom) -> Recommender:
    return Recommender(newsroom.store, newsroom.settings, newsroom.encoder, serving=True)


def shown(recommender: Recommender, article_id: str, **filters: Any) -> list[str]:
    return [item.id for item in recommender.related(article_id, 50, **filters)]


def told(recommender: Recommender, article_id: str) -> list[tuple[object, ...]]:
    return [(item.id, item.score, item.reason) for item in recommender.related(article_id, 5)]


def of_shard(stories: list[Article], number: int) -> list[str]:
    return [story.id for story in stories if shard_of(story.id, 3) == number]


def shortened(article: Article, article_id: str) -> Article:
    words = article.text.split()
    return article.model_copy(update={"id": article_id, "title": " ".join(words[:6]), "text": " ".join(words[::2])})


def named(number: int) -> Iterator[str]:
    """Ids that belong to a shard and to no article yet."""
    return (one for one in (f"new-{n}" for n in count()) if shard_of(one, 3) == number)


def whole_again(recommender: Recommender) -> None:
    deadline = time.monotonic() + 30
    while recommender.problem is not None:
        assert time.monotonic() < deadline
        recommender.check_searchable()
        time.sleep(0.05)


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


@sharded
def test_steps_bring_what_changed_to_its_shards_and_a_rollback_takes_it_back(
    sharing: Newsroom, stories: list[Article], servers: Servers
) -> None:
    base = live_name(servers)
    new = [*islice(named(0), 2), *islice(named(1), 1), *islice(named(2), 1)]
    sharing.store.delete("story-05")
    sharing.take(*(shortened(stories[6 * n], one) for n, one in enumerate(new)))
    before = sharing.recommender()
    boxes = {story.id: shown(before, story.id) for story in stories if story.id != "story-05"}
    first = sharing.reindex().manifest
    assert first.base == base
    after = sharing.recommender()
    assert after.overlay_size == 0
    assert {*after.view().ids()} == {*before.view().ids()}
    same = [len({*box} & {*shown(after, one)}) / len(box) for one, box in boxes.items() if box]
    assert np.mean(same) >= 0.98
    assert all(shown(after, one) for one in new)
    sharing.take(shortened(stories[7], next(named(1))))
    second = sharing.reindex().manifest
    rollback(sharing.store, sharing.settings, lambda _: sharing.encoder)
    assert live_name(servers) == first.name
    sharing.take(shortened(stories[8], "story-98"))
    third = sharing.reindex().manifest
    assert third.base == base
    assert {one.manifest.name for one in generations(servers)} == {base, first.name, third.name} - {second.name}
    again = sharing.recommender()
    assert {*again.view().ids()} == {*before.view().ids(), "story-98", next(named(1))}
    view = LoadedView(servers, sharing.layout, third.name).refresh()
    assert len([*view.ids()]) == third.articles


@sharded
@pytest.mark.parametrize("switched", [0, 1, 2])
def test_a_job_killed_between_two_switches_leaves_the_live_generation_everywhere(
    sharing: Newsroom, servers: Servers, stories: list[Article], monkeypatch: pytest.MonkeyPatch, switched: int
) -> None:
    base = live_name(servers)
    sharing.take(shortened(stories[6], "story-99"))
    done: list[Server] = []

    def dies(server: Server, name: str, switch: Any = None) -> None:
        if len(done) == switched:
            raise KeyboardInterrupt
        done.append(server)
        real(server, name)

    from recommend.index.pgvector import generations as module

    real = module._switch
    with monkeypatch.context() as patched:
        patched.setattr(module, "_switch", dies)
        with pytest.raises(KeyboardInterrupt):
            sharing.reindex(full=switched == 1)
    assert live_name(servers) == base
    assert sharing.recommender().snapshot == base
    assert "story-99" in shown(sharing.recommender(), "story-00")
    result = sharing.reindex()
    assert live_name(servers) == result.manifest.name != base
    assert {server.ask(f"SELECT name FROM {CATALOG}.live")[0][0] for server in servers} == {result.manifest.name}
    kept = {one.manifest.name for one in generations(servers)}
    for number, server in enumerate(servers):
        schemas = server.ask(f"SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '{CATALOG}_')")
        assert {name for (name,) in schemas} == {f"{CATALOG}_{name}" for name in kept}
        assert {one.manifest.name for one in held(servers, number)} == kept


@sharded
def test_a_load_that_dies_half_way_leaves_the_live_generation(
    newsroom: Newsroom, servers: Servers, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recommend.index.pgvector import load as module

    base, real = live_name(servers), module._verify
    newsroom.take(shortened(stories[6], "story-99"))

    def dies(server: Server, *given: Any) -> float:
        if server is not None and server.url == newsroom.settings.pgvector.shards[0]:
            raise KeyboardInterrupt
        return real(server, *given)

    with monkeypatch.context() as patched:
        patched.setattr(module, "_verify", dies)
        with pytest.raises(KeyboardInterrupt):
            newsroom.reindex(full=True)
    assert live_name(servers) == base
    assert shown(newsroom.recommender(), "story-00")
    assert not [one for one in generations(servers) if one.manifest.name != base and one.verified]
    newsroom.reindex(full=True)
    assert live_name(servers) != base


@sharded
def test_while_a_server_is_lost_answers_go_on_without_it_and_say_so(
    newsroom: Newsroom, stories: list[Article], losing: Callable[[int], Any]
) -> None:
    recommender = serving(newsroom)
    there, lost = of_shard(stories, 0) + of_shard(stories, 2), of_shard(stories, 1)
    before = {one: recommender.answer(one, 5) for one in there[::5]}
    with losing(1):
        for one in there[1::3]:
            answer = recommender.answer(one, 5)
            assert answer is not None
            assert answer.partial
            assert len(answer.items) == 5
            assert not {item.id for item in answer.items} & {*lost}
        for one in (lost[0], next(named(1))):  # which may be an article or not: that cannot be told
            with pytest.raises(StoreUnreachableError, match="only server of the index that may hold"):
                recommender.answer(one, 5)
        assert recommender.answer(next(named(2)), 5) is None
        assert recommender.problem is not None
        assert "1 of 3 servers" in recommender.problem
        recommender.check_searchable()
        assert recommender.answer_history([lost[0], there[0]], 5).partial
        assert recommender.listing.search("", 5).partial
        moment = time.time()
        soon = recommender.view().next_change_at(moment)  # what is kept now must not outlive what the lost one knows
        assert soon is not None
        assert moment < soon <= moment + 1
    whole_again(recommender)
    assert recommender.view().next_change_at(moment) is None
    for one, answer in before.items():
        assert recommender.answer(one, 5) == answer
    assert recommender.answer(lost[0], 5) is not None


@sharded
def test_what_changes_while_a_server_is_lost_holds_at_once_and_when_it_is_back(
    newsroom: Newsroom, stories: list[Article], losing: Callable[[int], Any]
) -> None:
    recommender = serving(newsroom)
    there, lost = of_shard(stories, 0), of_shard(stories, 1)
    gone, new = lost[:3], next(named(1))
    with losing(1):
        assert recommender.answer(there[0], 5) is not None
        for one in (*gone, there[1]):
            newsroom.store.delete(one)
        newsroom.take(shortened(newsroom_article(newsroom, there[0]), new), shortened(stories[7], lost[3]))
        pinned = Curation.model_validate({"pinned": [{"id": lost[4]}, {"id": there[2]}]})
        newsroom.store.curations.put(there[0], pinned, "editor")
        box = shown(recommender, there[0])
        assert box[0] == there[2]  # the other pin lies on the lost one
        assert new in box
        assert there[1] not in box
        for one in (*gone, there[1]):
            assert recommender.answer(one, 5) is None
        for one in (new, lost[3]):  # what changed is read from the store
            assert recommender.answer(one, 5) is not None
    whole_again(recommender)
    for article_id in (there[0], new, lost[5]):
        assert not {*gone, there[1]} & {*shown(recommender, article_id)}
    assert not {*gone, there[1]} & {*recommender.view().ids()}
    assert [*recommender.view().ids()].count(lost[3]) == 1
    assert {*shown(recommender, there[0])[:2]} == {lost[4], there[2]}
    assert all(recommender.answer(one, 5) is None for one in gone)
    newsroom.take(shortened(stories[8], "story-98"))  # with which numbers are looked up again
    assert len([*recommender.view().ids()]) == len(recommender.view()) == len(stories) - len(gone) - 1 + 2


def newsroom_article(newsroom: Newsroom, article_id: str) -> Article:
    article = newsroom.store.get(article_id)
    assert article is not None
    return article


@sharded
def test_a_worker_that_starts_while_a_server_is_lost_answers_from_the_others(
    newsroom: Newsroom, stories: list[Article], losing: Callable[[int], Any], tmp_path: Path
) -> None:
    elsewhere = newsroom.settings.model_copy(update={"index": tmp_path / "elsewhere"})
    with losing(0):  # whose word on what is live counts while it is there
        recommender = serving(replace(newsroom, settings=elsewhere))
        answer = recommender.answer(of_shard(stories, 2)[0], 5)
        assert answer is not None
        assert answer.partial
        assert recommender.snapshot == newsroom.live.name


@sharded
def test_jobs_and_who_refuses_partial_answers_are_told_of_a_lost_server(
    newsroom: Newsroom, stories: list[Article], servers: Servers, losing: Callable[[int], Any]
) -> None:
    there, base = of_shard(stories, 0)[0], live_name(servers)
    pgvector = newsroom.settings.pgvector.model_copy(update={"partial": "refuse"})
    strict = serving(replace(newsroom, settings=newsroom.settings.model_copy(update={"pgvector": pgvector})))
    batch = newsroom.recommender()
    newsroom.take(shortened(stories[6], "story-99"))
    assert strict.answer(there, 5) == batch.answer(there, 5)
    with losing(2):
        for recommender in (strict, batch):
            with pytest.raises(StoreUnreachableError, match="cannot be asked"):
                recommender.answer(there, 5, explain=True)
        with pytest.raises(StoreUnreachableError):
            newsroom.reindex(full=True)
        with pytest.raises(StoreUnreachableError):
            strict.check_searchable()
    assert live_name(servers) == base
    assert strict.answer(there, 5, explain=True) is not None


@sharded
def test_a_server_that_came_back_empty_gets_its_shard_again_and_nothing_else_is_loaded(
    newsroom: Newsroom, stories: list[Article], servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = live_name(servers) or ""
    with servers[2].writing() as cursor:
        cursor.execute(f'DROP SCHEMA "{CATALOG}_{base}" CASCADE')
        cursor.execute(f"DROP SCHEMA {CATALOG} CASCADE")
    with pytest.raises(SnapshotError, match="no whole generation"):
        newsroom.recommender()
    from recommend.index.pgvector import load as module

    copied, real = list[str](), module._copy

    def noting(server: Server, *given: Any) -> None:
        copied.append(server.url)
        real(server, *given)

    monkeypatch.setattr(module, "_copy", noting)
    newsroom.reindex()
    assert copied == [servers[2].url]
    assert live_name(servers) == base
    assert shown(newsroom.recommender(), of_shard(stories, 2)[0])


@sharded
def test_another_number_of_servers_has_everything_built_anew(newsroom: Newsroom, servers: Servers) -> None:
    base, pgvector = live_name(servers), newsroom.settings.pgvector
    two = pgvector.model_copy(update={"shards": pgvector.shards[:1]})
    fewer = newsroom.settings.model_copy(update={"pgvector": two})
    with pytest.raises(SnapshotError, match="no whole generation"):
        Recommender(newsroom.store, fewer, newsroom.encoder)
    moved = replace(newsroom, settings=fewer)
    assert moved.reindex().manifest.name != base
    assert shown(moved.recommender(), "story-00")


def test_servers_are_named_once_each_and_beside_the_first() -> None:
    for wrong in ({"shards": ["postgresql://b/x"]}, {"url": "postgresql://a/x", "shards": ["postgresql://a/x"]}):
        with pytest.raises((SettingsError, ValueError), match="each named once"):
            PgvectorSettings.model_validate(wrong)
