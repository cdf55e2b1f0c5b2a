"""What is PostgreSQL's own: writers that wait for each other, looks at intervals, a server that falls over."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from hashlib import sha256
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest

from recommend.articles.article import Article, parse_article
from recommend.articles.curation import Choice, Curation
from recommend.errors import StoreError
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope

if TYPE_CHECKING:
    from servers import Server

pytestmark = pytest.mark.databases("postgresql")

VECTOR = np.array([0.6, 0.8], np.float32)
NEVER = 3600.0


def article(article_id: str = "a", title: str = "Vote", **fields: object) -> Article:
    return parse_article({"id": article_id, "title": title, **fields})


class Held:
    """An embedding that is asked for in the middle of a transaction, and keeps it open until ``go``."""

    def __init__(self) -> None:
        self.asked, self.go = Event(), Event()

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        self.asked.set()
        assert self.go.wait(60)
        return VECTOR.astype(dtype)


def wait_for_locks(url: str, *writers: Future[Any]) -> None:
    """Returns when as many connections to the database wait for locks as there are writers."""
    deadline = time.monotonic() + 60
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    with psycopg.connect(url, autocommit=True) as connection:
        while len(connection.execute(waiting).fetchall()) < len(writers):
            assert not any(writer.done() for writer in writers), "wrote without waiting"
            assert time.monotonic() < deadline
            time.sleep(0.01)


LATER: dict[str, Callable[[Store], object]] = {
    "put": lambda store: store.put([(article("b"), VECTOR)], "toy")[0],
    "put of what was not taken down": lambda store: store.put([(article("b"), VECTOR)], "toy", republish=False)[0],
    "delete": lambda store: store.delete("old"),
    "curation": lambda store: store.curations.put("old", Curation(), "editor"),
}


@pytest.mark.parametrize("later", LATER)
def test_no_revision_is_seen_before_the_one_under_it(store: Store, settings: Settings, later: str) -> None:
    store.put([(article("old"), VECTOR)], "toy")
    slow: Any = Held()
    with closing(Store(settings.store)) as other, ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.put, [(article("a"), slow)], "toy")
        assert slow.asked.wait(60)
        second = pool.submit(LATER[later], other)
        try:
            wait_for_locks(settings.store, second)
            assert (store.latest_revision(), store.changes.read(1, 1, "toy").changes) == (1, [])
        finally:
            slow.go.set()
        assert (first.result(), second.result()) == ([2], 3)
    assert store.latest_revision() == 3


def test_a_takedown_that_meets_another_or_a_put_of_the_same_article_is_one_after_it(
    store: Store, settings: Settings
) -> None:
    slow: Any = Held()
    with closing(Store(settings.store)) as other, ThreadPoolExecutor(2) as pool:
        first = pool.submit(store.put, [(article(), slow)], "toy")
        assert slow.asked.wait(60)
        second = pool.submit(other.delete, "a")
        try:
            wait_for_locks(settings.store, second)
        finally:
            slow.go.set()
        assert (first.result(), second.result()) == ([1], 2)
    assert store.get("a") is None
    assert store.embeddings.text_hashes("a", "toy") == {}


def test_two_first_curations_of_an_article_at_once_are_two_steps(store: Store, settings: Settings) -> None:
    curations = [Curation(pinned=(Choice(id=name),)) for name in "bc"]
    with ThreadPoolExecutor(2) as pool, psycopg.connect(settings.store) as holder:
        holder.execute("SELECT FROM revision FOR UPDATE")
        editors = [pool.submit(store.curations.put, "a", one, "editor") for one in curations]
        wait_for_locks(settings.store, *editors)
        holder.rollback()
        assert sorted(editor.result() for editor in editors) == [1, 2]
    found = store.curations.get("a")
    assert found is not None
    latest, first = found[1]
    assert (latest.before, latest.after, first.before) == (first.after, found[0], None)


def test_a_nightly_file_that_waited_for_a_takedown_does_not_undo_it(store: Store, settings: Settings) -> None:
    store.put([(article(), VECTOR)], "toy")
    with ThreadPoolExecutor(3) as pool, psycopg.connect(settings.store) as holder:
        holder.execute("SELECT FROM revision FOR UPDATE")
        takedown = pool.submit(store.delete, "a")
        wait_for_locks(settings.store, takedown)
        nightly = pool.submit(store.put, [(article(), VECTOR)], "toy", republish=False)
        wait_for_locks(settings.store, takedown, nightly)
        embedder = pool.submit(store.embeddings.put, [(article(), VECTOR)], "toy")
        wait_for_locks(settings.store, takedown, nightly, embedder)
        holder.rollback()
        assert (takedown.result(), nightly.result(), embedder.result()) == (2, [0], None)
    assert (store.get("a"), store.embeddings.text_hashes("a", "toy")) == (None, {})


def test_a_reader_that_follows_many_writers_gets_every_revision_once_and_in_order(
    store: Store, settings: Settings
) -> None:
    def write(number: int) -> None:
        with closing(Store(settings.store)) as own:
            for n in range(40):
                own.put([(article(f"{number}-{n}-{i}"), VECTOR) for i in range(1 + n % 3)], "toy")

    seen: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, number) for number in range(4)]
        done = False
        while not done:
            done = all(writer.done() for writer in writers)
            known = seen[-1] if seen else 0
            change_set = store.changes.read(known, known, "toy")
            seen += [change.revision for change in change_set.changes]
            assert not seen or change_set.revision == seen[-1]
    for writer in writers:
        writer.result()
    assert seen == list(range(1, 4 * sum(1 + n % 3 for n in range(40)) + 1))


def test_writers_of_the_same_articles_in_any_order_never_lock_each_other_out(store: Store, settings: Settings) -> None:
    ids = [str(n) for n in range(30)]

    def write(number: int) -> None:
        chance = random.Random(number)
        with closing(Store(settings.store)) as own:
            for n in range(10):
                some = [article(i, f"{number} {n}") for i in chance.sample(ids, 20)]
                own.put([(one, VECTOR) for one in some], "toy", republish=n % 2 == 0)
                own.embeddings.put([(one, VECTOR) for one in reversed(some)], "other")
                own.delete(chance.choice(ids))
                own.curations.put(chance.choice(ids), Curation(), f"{number} {n}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    revisions = [change.revision for change in store.changes.since(0, "toy")]
    assert revisions == sorted(set(revisions))
    assert store.latest_revision() >= revisions[-1]


def test_what_was_written_through_a_store_it_knows_at_once_however_rarely_it_looks(settings: Settings) -> None:
    with closing(Store(settings.store, staleness=NEVER)) as store:
        assert (store.latest_revision(), store.keys.find(b"")) == (0, None)
        for revision, write in enumerate(LATER.values(), start=1):
            store.put([(article("old"), VECTOR)], "toy")
            assert store.latest_revision() == 2 * revision - 1
            assert write(store) == store.latest_revision() == 2 * revision
        secret = store.keys.create("cms", [Scope.WRITE])
        assert [key.name for key in store.keys.all()] == ["cms"]
        assert store.keys.find(sha256(secret.encode()).digest()) is not None
        store.keys.revoke("cms")
        assert store.keys.find(sha256(secret.encode()).digest()) is None


def test_what_others_write_is_known_at_the_first_look_after_the_staleness(store: Store, settings: Settings) -> None:
    with (
        closing(Store(settings.store, staleness=0.2)) as soon,
        closing(Store(settings.store, staleness=NEVER)) as late,
    ):
        assert soon.latest_revision() == late.latest_revision() == 0
        store.put([(article(), VECTOR)], "toy")
        time.sleep(0.2)
        assert (soon.latest_revision(), late.latest_revision()) == (1, 0)
        assert (
            late.changes.read(0, 0, "toy").revision == late.latest_revision() == 1
        )  # no less than it has told already


def test_an_address_may_be_as_long_as_a_line_and_unknown_fields_may_hold_what_text_may_not(store: Store) -> None:
    letters = random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=4_900)
    one = article(url=f"https://a.example/{''.join(letters)}", note="before\x00after")
    store.put([(one, VECTOR)], "toy")
    assert (store.get("a"), store.find_url(one.url or "")) == (one, "a")


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_without_a_driver_the_extra_to_install_is_named(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match=r"needs the driver psycopg .*pip install 'related-articles\[postgresql\]'"):
        Store(f"{scheme}://me:hunter2@db.example/news")


def test_acknowledged_changes_outlive_a_crash_of_the_server_and_the_store_finds_back_by_itself(
    postgresql_of_its_own: Callable[..., AbstractContextManager[Server]],
) -> None:
    with postgresql_of_its_own() as server, closing(Store(url := server.create(), staleness=0)) as store:
        (revision,) = store.put([(article(), VECTOR)], "toy")
        server.command("pg_ctl", "stop", "--mode=immediate")
        with pytest.raises(StoreError, match="cannot be opened"):
            Store(url)
        server.start()
        assert (store.latest_revision(), store.get("a")) == (revision, article())
        assert store.put([(article("b"), VECTOR)], "toy") == [revision + 1]
