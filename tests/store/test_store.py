from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from effort import examples
from recommend.articles.article import Article, parse_article
from recommend.articles.curation import Choice, Curation
from recommend.errors import StoreError
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.database import Watch, open_engine, reading, writing
from statements import sql

pytestmark = pytest.mark.databases

NewStore = Callable[[], AbstractContextManager[str]]

VECTOR = np.array([0.6, 0.8], np.float32)


def article(article_id: str = "a", title: str = "Vote", **fields: object) -> Article:
    return parse_article({"id": article_id, "title": title, **fields})


MOMENTS = st.datetimes(datetime(1601, 1, 1), datetime(9998, 12, 31), timezones=st.timezones())
EXTRA = st.text(max_size=3) | st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 2**53)


@hypothesis_settings(max_examples=examples(20, 40))
@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), EXTRA), MOMENTS)
def test_an_article_comes_back_as_it_went_in(new_store: NewStore, extra: dict[str, object], moment: Any) -> None:
    plain = {"text": "Body", "summary": "Lead", "url": "/1", "section": "World", "language": "de", "status": "draft"}
    one = parse_article({**plain, "id": "a", "title": "Vote", "tags": "a;b", "extra": extra, "published_at": moment})
    with new_store() as url, closing(Store(url)) as store:
        store.put([(one, None)], "toy")
        found = store.get("a")
    assert found == one
    assert found.content_hash == one.content_hash


IDS = st.lists(st.sampled_from("aBé𝒳"), min_size=1, unique=True)


@hypothesis_settings(max_examples=examples(25, 60))
@given(st.lists(st.tuples(st.sampled_from(["put", "delete", "put, but bring nothing back"]), IDS), max_size=12))
def test_after_any_changes_the_store_holds_what_a_dictionary_would(
    new_store: NewStore, operations: list[tuple[str, list[str]]]
) -> None:
    held: dict[str, Article | None] = {}
    revision = 0
    with new_store() as url, closing(Store(url)) as writer, closing(Store(url, staleness=0)) as store:
        for number, (operation, ids) in enumerate(operations):  # what one tells, the other one must find written
            changed = [i for i in ids if operation == "put" or held.get(i, operation != "delete")]
            if operation == "delete":
                told = {i: writer.delete(i) or 0 for i in ids}
                held.update(dict.fromkeys(changed))
            else:
                new = [article(i, f"{i} {number} {place}") for place, i in enumerate([*ids, ids[0]])]
                revisions = writer.put([(one, VECTOR) for one in new], "toy", republish=operation == "put")
                told = dict(zip(ids, revisions, strict=False))
                assert revisions[0] == revisions[-1]
                held.update({one.id: one for one in new if one.id in changed})
            assert all(told[i] > revision if i in changed else told[i] == 0 for i in ids)
            assert len({told[i] for i in changed}) == len(changed)
            revision = max(revision, *told.values())
            assert store.latest_revision() == revision
            changes = store.changes.since(0, "toy")
            assert {change.article_id: change.article for change in changes} == held
            assert [c.revision for c in changes] == sorted({c.revision for c in changes})
            assert all((c.article is None) == (c.embedding is None) for c in changes)
            with store.published("toy") as (seen, rows):
                assert (seen, [row.article_id for row in rows]) == (revision, sorted(i for i in held if held[i]))


CURATIONS = st.builds(
    Curation,
    pinned=st.sampled_from([(), (Choice(id="b"), Choice(id="a", until=datetime(2026, 3, 1, tzinfo=UTC)))]),
    blocked=st.sampled_from([(), (Choice(id="never stored"),)]),
    hidden_until=st.none() | MOMENTS,
)


@hypothesis_settings(max_examples=examples(20, 40))
@given(st.lists(st.tuples(st.sampled_from("ab"), st.none() | CURATIONS | st.just("delete")), max_size=10))
def test_after_any_changes_of_curations_the_store_holds_the_last_ones_and_every_step(
    new_store: NewStore, operations: list[tuple[str, Any]]
) -> None:
    stored, revision = set[str](), 0
    held: dict[str, Curation] = {}
    log: dict[str, list[tuple[int, str, Curation | None, Curation | None]]] = {"a": [], "b": []}
    with new_store() as url, closing(Store(url)) as writer, closing(Store(url, staleness=0)) as store:
        for number, (i, what) in enumerate(operations):
            before = held.get(i)
            if what is None:
                stored.add(i)
                (revision,) = writer.put([(article(i, f"{i} {number}"), VECTOR)], "toy")
            elif what == "delete":
                told = writer.delete(i)
                assert told == (revision + 1 if i in stored else None)
                revision = told or revision
                if i in stored and held.pop(i, None) is not None:
                    log[i].insert(0, (revision, "takedown", before, None))
                stored.discard(i)
            else:
                told = writer.curations.put(i, what, f"editor {number}")
                if what != before:
                    revision += 1
                    assert told == revision
                    log[i].insert(0, (revision, f"editor {number}", before, what))
                    held[i] = what
                assert told == next(line[0] for line in log[i])
            change_set = store.changes.read(0, 0, "toy")
            assert change_set.curations == {i: held.get(i) for i in log if log[i]}
            assert change_set.revision == store.latest_revision() == revision
            for article_id in "ab":
                found = store.curations.get(article_id, most=3)
                assert (found is None) == (article_id not in held)
                if found is not None:
                    trail = [(one.revision, one.changed_by, one.before, one.after) for one in found[1]]
                    assert (found[0], trail) == (held[article_id], log[article_id][:3])


def test_only_curations_after_a_revision_are_news(store: Store) -> None:
    first = store.curations.put("a", Curation(pinned=(Choice(id="b"),)), "editor")
    assert store.curations.put("a", Curation(pinned=(Choice(id="b"),)), "another") == first
    store.curations.put("b", Curation(), "editor")
    assert store.changes.read(0, first, "toy").curations == {"b": Curation()}
    assert store.changes.read(0, first + 1, "toy").curations == {}


def test_an_article_whose_embedding_cannot_be_written_is_not_written_either(store: Store) -> None:
    bad: Any = "no vector"
    with pytest.raises(ValueError, match="no vector"):
        store.put([(article("a"), VECTOR), (article("b"), bad)], "toy")
    assert (store.known("ab"), store.embeddings.text_hashes("ab", "toy"), store.latest_revision()) == ({}, {}, 0)


def test_without_a_new_embedding_the_stored_one_stays_as_long_as_it_fits_the_text(store: Store) -> None:
    store.put([(article(), VECTOR)], "toy")
    store.put([(article(section="World"), None)], "toy")
    assert store.changes.since(0, "toy")[0].embedding == pytest.approx(VECTOR, abs=1e-3)
    assert store.changes.since(0, "another encoder")[0].embedding is None
    store.put([(article(title="Another title"), None)], "toy")
    assert store.changes.since(0, "toy")[0].embedding is None
    assert store.counts("toy")["unembedded"] == 1


def test_a_takedown_leaves_no_embedding_and_a_job_that_read_the_article_before_brings_none(
    store: Store, settings: Settings
) -> None:
    store.put([(article(), VECTOR)], "toy")
    store.delete("a")
    store.embeddings.put([(article(), VECTOR)], "toy")
    assert sql(settings.store, "SELECT count(*) FROM embeddings") == [(0,)]


def test_an_embedding_of_a_text_that_has_changed_since_does_not_replace_the_present_one(store: Store) -> None:
    store.put([(article(title="Second thoughts"), VECTOR)], "toy")
    store.embeddings.put([(article(), VECTOR[::-1])], "toy", bump_revision=True)
    (change,) = store.changes.since(0, "toy")
    assert (change.revision, store.latest_revision()) == (1, 1)
    assert change.embedding == pytest.approx(VECTOR, abs=1e-3)


def test_only_an_embedding_that_bumps_the_revision_is_a_change(store: Store) -> None:
    store.put([(article(one), None) for one in "abc"], "toy")
    store.embeddings.put([(article("a"), VECTOR)], "toy")
    assert store.latest_revision() == 3
    store.embeddings.put([(article("b"), VECTOR), (article("a"), VECTOR)], "toy", bump_revision=True)
    changes = store.changes.since(3, "toy")
    assert {change.article_id for change in changes} == {"a", "b"}
    assert [change.revision for change in changes] == [4, 5]
    assert all(change.embedding is not None and change.article is not None for change in changes)


@pytest.mark.databases("sqlite")
def test_a_takedown_leaves_nothing_of_the_article_in_the_database_files(store: Store, settings: Settings) -> None:
    store.put([(article(title="libel", text="slander " * 2000, authors=["Ann"], note="kompromat"), VECTOR)], "toy")
    assert (store.delete("a"), store.delete("a"), store.delete("never seen"), store.get("a")) == (2, None, None, None)
    store.close()
    left = b"".join(file.read_bytes() for file in settings.index.parent.glob("recommend.db*"))
    assert [word for word in (b"libel", b"slander", b"Ann", b"kompromat") if word in left] == []


def test_many_ids_are_looked_up_at_once_and_missing_embeddings_page_by_page(store: Store) -> None:
    store.put([(article(f"{n:04}"), VECTOR if n % 3 else None) for n in range(1203)], "toy")
    ids = [f"{n:04}" for n in range(2000)]
    assert (len(store.known(iter(ids))), len(store.embeddings.text_hashes(iter(ids), "toy"))) == (1203, 802)
    assert [one.id for one in store.embeddings.lacking("toy", 2, "0003")] == ["0006", "0009"]


def test_an_address_finds_the_newest_published_article(store: Store) -> None:
    url = "http://A.example/story/?utm_source=x#top"
    store.put([(article("old", url=url), VECTOR), (article("new", url="https://a.example/story"), VECTOR)], "toy")
    assert store.find_url("https://a.example/story/") == "new"
    store.put([(article("new", url=url, status="unpublished"), VECTOR)], "toy")
    assert store.find_url(url) == "old"
    store.delete("old")
    assert store.find_url(url) is None


def test_what_no_id_or_url_can_be_is_found_nowhere(store: Store) -> None:
    store.put([(article("a\ufffdb", url="https://a.example/b"), VECTOR)], "toy")
    for name in ("a\x00b", "\x00"):
        assert (store.get(name), store.revision_of(name), store.delete(name)) == (None, None, None)
        assert (store.curations.get(name), store.known([name]), store.embeddings.text_hashes([name], "toy")) == (
            None,
            {},
            {},
        )
        assert store.find_url(f"https://a.example/b{name}") is None


def test_a_reader_of_all_articles_sees_one_revision_while_others_write(store: Store, settings: Settings) -> None:
    store.put([(article(str(n)), VECTOR) for n in range(5000)], "toy")
    with store.published("toy") as (revision, rows), closing(Store(settings.store)) as other:
        first = next(rows)
        other.put([(article("late"), VECTOR)], "toy")
        other.delete("4999")
        assert store.latest_revision() == 5002  # which tells of every process's commits at once
        ids = {first.article_id, *(row.article_id for row in rows)}
    assert (revision, ids) == (5000, {str(n) for n in range(5000)})


def test_what_a_reader_holds_as_it_is_comes_without_its_texts(store: Store) -> None:
    store.put([(article(str(n)), VECTOR) for n in range(4)], "toy")
    held = {one.id: one.content_hash for one in (article("0"), article("1"), article("2"), article("gone"))}
    store.put([(article("1", section="moved"), None), (article("2"), None), (article("3"), None)], "toy")
    store.embeddings.put([(article("0"), VECTOR)], "other")
    with store.published("toy", held) as (_, rows):
        found = {row.article_id: row for row in rows}
    assert {name for name, row in found.items() if row.article is None} == {"0", "2"}
    assert all(row.embedding is not None for row in found.values())
    assert {name: row.content_hash for name, row in found.items()} == {
        name: known.content_hash for name, known in store.known(found).items()
    }
    with store.published("other", held) as (_, rows):
        assert [row.article_id for row in rows if row.article is None] == ["0"]


def test_threads_that_write_at_once_all_succeed_with_revisions_of_their_own(store: Store) -> None:
    def write(n: int) -> list[int | None]:
        put = store.put([(article(str(n)), VECTOR)], "toy", republish=n % 2 == 0)
        return [*put, store.delete(str(n)), *store.put([(article(str(n)), VECTOR)], "toy")]

    with ThreadPoolExecutor(8) as pool:
        revisions = [revision or 0 for part in pool.map(write, range(60)) for revision in part]
    assert sorted(revisions) == list(range(1, 181))
    assert store.counts("toy")["published"] == 60


WRITER = """
import sys
import numpy as np
from recommend.articles.article import Article
from recommend.store import Store
print("ready", flush=True)
input()
store = Store(sys.argv[1])
for n in range(30):
    print(store.put([(Article(id=f"{sys.argv[2]}-{n}", title="Vote"), np.ones(2, np.float32))], "toy")[0])
store.close()
"""


def test_processes_that_create_and_fill_a_store_at_once_all_succeed(settings: Settings, dialect: str) -> None:
    if dialect == "postgresql":
        sql(settings.store, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")

    def writer(n: int) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", WRITER, settings.store, str(n)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    writers = [writer(n) for n in range(3)]
    assert [one.stdout and one.stdout.readline() for one in writers] == ["ready\n"] * 3
    with ThreadPoolExecutor(3) as pool:
        said = list(pool.map(lambda one: one.communicate("\n")[0], writers))
    assert [one.returncode for one in writers] == [0] * 3
    assert sorted(int(line) for text in said for line in text.split()) == list(range(1, 91))


def test_a_store_that_another_process_is_writing_when_it_is_opened_first_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "recommend.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.execute("BEGIN IMMEDIATE")
        Timer(0.3, other.execute, ["COMMIT"]).start()
        with closing(Store(f"sqlite:///{file}")) as opened:
            assert opened.latest_revision() == 0
            assert not other.in_transaction


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("transaction", [reading, writing])
def test_every_connection_syncs_fully_to_a_write_ahead_log(settings: Settings, transaction: Any) -> None:
    engine = open_engine(settings.store)
    with transaction(engine) as connection:
        values = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    engine.dispose()
    assert values == ["wal", 2]


BAD_SCHEMES = [
    "",
    "recommend.db",
    "mysql://localhost/news",
    "oracle://localhost/news",
    "sqlite://",
    "sqlite:///:memory:",
]


SECRETS = [
    "postgresql://me:hunter2@host:port/x",
    "postgresql://me:hunter@hunter2@host:port/x",
    "postgresql://me:hunt/er:hunter2@host:port/x",
    "postgresql://host:port/x?user=me&password=hunter2",
    "postgresql+no://me:hunter2@host/x",
    "postgresql+psycopg2://me:hunter2@host/x",
    "postgresql://me:hunter2@127.0.0.1:1/x",
    "nonsense:hunter2@host",
    "sqlite:////no/such/folder/x.db?sslpassword=hunter2",
]


@pytest.mark.filterwarnings("ignore:Query string argument")
@pytest.mark.parametrize("url", [*BAD_SCHEMES, "sqlite:////no/such/folder/x.db", *SECRETS])
def test_an_address_that_is_no_store_is_named_without_its_password(url: str) -> None:
    with pytest.raises(StoreError, match=r"^store ") as problem:
        Store(url)
    assert "hunter2" not in str(problem.value)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("These are notes. " * 300)
    with pytest.raises(StoreError, match="not a database"):
        Store(f"sqlite:///{tmp_path / 'notes.txt'}")
    assert (tmp_path / "notes.txt").read_text() == "These are notes. " * 300


def test_where_the_database_cannot_tell_of_commits_the_watch_goes_by_time() -> None:
    engine: Any = SimpleNamespace(dialect=SimpleNamespace(name="postgresql"))
    patient, restless = Watch(engine, staleness=3600), Watch(engine, staleness=0)
    assert len({patient.version() for _ in range(100)}) == 1
    assert len({restless.version() for _ in range(100)}) > 1
