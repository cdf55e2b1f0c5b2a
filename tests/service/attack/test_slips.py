"""Slips of an operator on a bad day: streams, locales, locks and names that are not as they should be (row P13)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from sqlalchemy import make_url

from recommend.articles.article import Article
from recommend.cli import console, operating
from recommend.encoder import Encoder
from recommend.errors import StoreError
from recommend.ingest import IngestCounts, put_batch
from recommend.jobs.backup import backup
from recommend.settings import Settings
from recommend.store import Store, database
from recommend.store.keys import Scope
from running import Recommend, spawn

if TYPE_CHECKING:
    from servers import Server

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "examples" / "corpus" / "articles.jsonl"
STEERING = "\x9b31m\u202e"
SHOWN = r"\x9b31m\u202e"


@pytest.mark.databases
def test_two_ingests_of_one_file_count_each_article_once(
    store: Store, settings: Settings, toy_encoder: Encoder, stories: list[Article], held: Callable[..., None]
) -> None:
    met = threading.Barrier(2)

    class Meeting:
        """Embeds when both have looked at what is stored."""

        fingerprint, dimension, max_tokens, language = "toy", 48, 128, None

        def encode(self, texts: Sequence[str]) -> Any:
            met.wait(30)
            return toy_encoder.encode(texts)

    counts: list[IngestCounts] = []

    def run() -> None:
        with closing(Store(settings.store)) as own:
            batch = {story.id: story for story in stories}
            counts.append(IngestCounts.of(put_batch(own, Meeting(), batch).values()))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((count.added, count.unchanged) for count in counts) == [(0, 60), (60, 0)]
    held("P13", "two ingests of one file")


def test_nothing_that_steers_a_terminal_reaches_it(cli: Recommend, copied: Settings, tmp_path: Path) -> None:
    (tmp_path / "one.jsonl").write_bytes(
        orjson.dumps({"id": f"a{STEERING}", "title": f"Drone {STEERING} attack", "text": "Drones attacked."})
    )
    assert cli("ingest", "one.jsonl").code in {0, 3}
    for arguments in (
        ["related", "a-central-asia-condemns-drone-attack", "-k", "300"],
        ["related", f"b{STEERING}"],
        ["ingest", f"c{STEERING}.jsonl"],
        ["--config", f"d{STEERING}", "status"],
        ["--store", f"sqlite:///e{STEERING}/x.db", "status"],
        ["export", "--out", f"f{STEERING}.jsonl"],
    ):
        ran = cli(*arguments)
        assert not set(STEERING) & {"\x9b", "\u202e"} & set(ran.out + ran.err), arguments


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_locale_without_our_letters_ends_nothing(copied: Settings, locale: dict[str, str]) -> None:
    plain = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", **locale}
    for arguments in (["related", "a-central-asia-condemns-drone-attack"], ["status"]):
        assert spawn(copied, *arguments, **plain).code == 0
    assert spawn(copied, "related", "unbekannt-ü", **plain).code == 1


def test_closed_standard_streams_are_an_error_and_no_store_takes_their_place(copied: Settings) -> None:
    for arguments in (["ingest", "-"], ["related", "--text", "-"]):
        ran = spawn(copied, *arguments, shell='"$@" <&-')
        assert (ran.code, "cannot be read" in ran.err) == (1, True)
    assert spawn(copied, "status", shell='"$@" >&-').code == 1
    assert spawn(copied, "status", shell='"$@" 2>&-').code == 0


@pytest.mark.parametrize("shell", ['"$@" >/dev/full', '"$@" >&-', '{ sleep 0.2; "$@"; } | true'])
def test_a_secret_that_nobody_got_makes_no_key(cli: Recommend, copied: Settings, shell: str) -> None:
    shell = f"set -o pipefail 2>/dev/null; {shell}"
    spawn(copied, "keys", "create", "desk", "--scope", "read", shell=shell)
    assert cli("keys", "list").out == ""
    assert cli("keys", "create", "desk", "--scope", "read").out.startswith("ra_")


def test_what_holds_texts_or_keys_is_for_its_owner_alone(tmp_path: Path, stories: list[Article]) -> None:
    before = os.umask(0o022)
    try:
        with closing(Store(f"sqlite:///{tmp_path / 'new.db'}")) as store:
            store.put([(stories[0], None)], "toy")
            backup(store, tmp_path / "copy.db")
            modes = {path.name.partition("takedowns")[0]: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert {"new.db", "new.db-wal", "new.db.", "copy.db"} <= modes.keys()
    assert set(modes.values()) == {0o600}


def test_progress_past_its_total_is_no_share_of_it(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(console, "_PLAIN_SECONDS", 0.0)
    with console.meter("embedding", 10.0) as bar:
        bar.advance(5)
        bar.advance(300)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("embedding: 50%, 5 ")
    assert second.startswith("embedding: 305 ")


def test_an_error_without_a_name_says_where_to_look(cli: Recommend, monkeypatch: pytest.MonkeyPatch) -> None:
    for raised, words in (
        (OSError(28, "No space left on device"), "look at the disks"),
        (MemoryError(), "not enough memory"),
    ):
        monkeypatch.setattr(operating, "list_snapshots", _raising(raised))
        ran = cli("snapshots")
        assert (ran.code, words in ran.err, "Traceback" in ran.err) == (1, True, False)


def _raising(problem: BaseException) -> Callable[..., Any]:
    def raise_it(*_: object) -> Any:
        raise problem

    return raise_it


@pytest.mark.databases("postgresql")
@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER DATABASE {name} SET default_transaction_read_only = on", "the store's URL must name the primary"),
        ("ALTER ROLE slip SET statement_timeout = 1", "raise it for the store's user"),
        ("REVOKE INSERT ON keys FROM slip", "its user needs SELECT, INSERT, UPDATE and DELETE"),
    ],
)
def test_what_postgresql_refuses_is_told_with_its_remedy(
    dialect: str, settings: Settings, postgresql: Server, statement: str, words: str, held: Callable[..., None]
) -> None:
    name = make_url(settings.store).database
    postgresql.sql("CREATE ROLE slip LOGIN")
    try:
        postgresql.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO slip", name)
        postgresql.sql(statement.format(name=name), name)
        url = settings.store.replace("postgres@", "slip@")
        with pytest.raises(StoreError, match=words), closing(Store(url)) as store:  # noqa: PT012 - any may be refused
            store.keys.create("desk", [Scope.READ])
            with database.reading(store.engine) as connection:
                connection.exec_driver_sql("SELECT pg_sleep(1)")
    finally:
        postgresql.sql(f"ALTER DATABASE {name} RESET ALL")
        postgresql.sql("DROP OWNED BY slip CASCADE", name)
        postgresql.sql("DROP ROLE slip")
    held("P13", f"PostgreSQL: {words}")


@pytest.mark.databases("postgresql")
def test_a_lock_that_is_held_for_ever_is_not_waited_for(
    dialect: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_MILLISECONDS", 200)
    url = settings.store
    with closing(Store(url)) as one, closing(Store(url)) as other, database.writing(one.engine) as connection:
        connection.exec_driver_sql("LOCK TABLE keys IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreError, match="another transaction held it"):
            other.keys.create("desk", [Scope.READ])
