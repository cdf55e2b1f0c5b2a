"""One live generation over three servers, whatever ends a job half-way."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from recommend.articles.article import Article
from recommend.errors import SnapshotError
from recommend.index.pgvector.generations import generations, held, live_name
from recommend.index.pgvector.live import LoadedView
from recommend.index.pgvector.server import CATALOG, Server
from recommend.index.pgvector.servers import Servers
from recommend.jobs.rollback import rollback
from recommend.recommender import Recommender
from sharded import named, of_shard, shortened, shown

if TYPE_CHECKING:
    from conftest import Newsroom

pytestmark = pytest.mark.databases("shards")


@pytest.fixture
def sharing(newsroom: Newsroom) -> Newsroom:
    """The newsroom, whose re-indexes bring what changed as long as that is no more than half."""
    pgvector = newsroom.settings.pgvector.model_copy(update={"changes": 0.5})
    return replace(newsroom, settings=newsroom.settings.model_copy(update={"pgvector": pgvector}))


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


def test_another_number_of_servers_has_everything_built_anew(newsroom: Newsroom, servers: Servers) -> None:
    base, pgvector = live_name(servers), newsroom.settings.pgvector
    two = pgvector.model_copy(update={"shards": pgvector.shards[:1]})
    fewer = newsroom.settings.model_copy(update={"pgvector": two})
    with pytest.raises(SnapshotError, match="no whole generation"):
        Recommender(newsroom.store, fewer, newsroom.encoder)
    moved = replace(newsroom, settings=fewer)
    assert moved.reindex().manifest.name != base
    assert shown(moved.recommender(), "story-00")
