"""A backup is whole whatever is written meanwhile; a restore brings nothing back that was taken down since."""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner

from recommend.articles.article import Article, Status, parse_article
from recommend.cli.app import app
from recommend.errors import SnapshotError, StoreError
from recommend.ingest import ingest
from recommend.jobs.backup import Restored, backup, restore
from recommend.jobs.doctor import examine
from recommend.jobs.rollback import rollback
from recommend.jobs.status import read_status
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.takedowns import TakedownLog

if TYPE_CHECKING:
    from conftest import Newsroom


def file_of(settings: Settings) -> Path:
    return Path(settings.store.removeprefix("sqlite:///"))


def log_of(newsroom: Newsroom) -> Path:
    return next(file_of(newsroom.settings).parent.glob("recommend.db.takedowns-*"))


REOPENED: list[Store] = []


@pytest.fixture(autouse=True)
def reopened() -> Iterator[None]:
    """Closes what :func:`lose` has opened."""
    yield
    while REOPENED:
        REOPENED.pop().close()


def lose(newsroom: Newsroom, *, log: bool) -> Newsroom:
    """The same after the database, and perhaps the log, is gone."""
    newsroom.store.close()
    file = file_of(newsroom.settings)
    for path in file.parent.glob(f"{file.name}*"):
        if log or ".takedowns" not in path.name:
            path.unlink()
    REOPENED.append(Store(newsroom.settings.store))
    return replace(newsroom, store=REOPENED[-1])


def published(store: Store) -> dict[str, str]:
    articles = [change.article for change in store.changes.since(0, "toy") if change.article is not None]
    return {article.id: article.title for article in articles if article.is_public(datetime.now(UTC))}


WITHDRAWALS: dict[str, Callable[[Newsroom, Article], Any]] = {
    "takedown": lambda newsroom, story: newsroom.store.delete(story.id),
    "unpublish": lambda newsroom, story: newsroom.take(story.model_copy(update={"status": Status.UNPUBLISHED})),
    "draft": lambda newsroom, story: newsroom.take(story.model_copy(update={"status": Status.DRAFT})),
    "expiry": lambda newsroom, story: newsroom.take(
        story.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    ),
}


@pytest.mark.parametrize("lost", [False, True])
def test_a_restore_undoes_changes_and_keeps_every_withdrawal(
    newsroom: Newsroom, stories: list[Article], tmp_path: Path, lost: bool
) -> None:
    newsroom.store.delete("story-59")
    assert backup(newsroom.store, tmp_path / "copy.db") == 61
    for number, withdraw in enumerate(WITHDRAWALS.values()):
        withdraw(newsroom, stories[number])
    newsroom.take(parse_article({"id": "new", "title": "New"}), stories[9].model_copy(update={"title": "Changed"}))
    newsroom.reindex()
    if lost:
        newsroom = lose(newsroom, log=False)
    done = restore(newsroom.store, tmp_path / "copy.db", newsroom.layout)
    assert (done.withdrawn, done.articles) == (4, 56)  # one of which is published, and expired
    assert published(newsroom.store) == {story.id: story.title for story in stories[4:59]}
    assert (
        newsroom.store.latest_revision()
        == done.revision
        == max(c.revision for c in newsroom.store.changes.since(0, ""))
    )
    assert done.revision > 67
    assert newsroom.store.counts("toy")["unembedded"] == 0
    again = restore(newsroom.store, tmp_path / "copy.db", newsroom.layout)  # what it keeps, it keeps again
    assert (again.withdrawn, again.revision > done.revision) == (4, True)
    assert published(newsroom.store).keys() == {story.id for story in stories[4:59]}


def test_running_readers_leave_what_a_restore_undid(newsroom: Newsroom, stories: list[Article], tmp_path: Path) -> None:
    first, running = newsroom.live.name, newsroom.recommender()
    backup(newsroom.store, tmp_path / "copy.db")
    newsroom.take(parse_article({"id": "new", "title": "New", "text": stories[1].text}))
    newsroom.store.delete("story-05")
    later = newsroom.reindex().manifest.name
    assert running.answer("new", 5) is not None
    done = restore(newsroom.store, tmp_path / "copy.db", newsroom.layout)
    assert done.snapshot == first == newsroom.live.name
    for recommender in (running, newsroom.recommender()):
        assert (recommender.answer("new", 5), recommender.answer("story-05", 5)) == (None, None)
        assert {*recommender.view().ids()} == published(newsroom.store).keys()
    with pytest.raises(SnapshotError, match=f"{later} holds revision 62, which a restore of the store undid"):
        rollback(newsroom.store, newsroom.settings, lambda _: newsroom.encoder, later)
    newsroom.reindex()
    assert {*running.view().ids()} == published(newsroom.store).keys()


def test_without_a_snapshot_that_still_holds_nothing_stale_is_served(newsroom: Newsroom, tmp_path: Path) -> None:
    backup(newsroom.store, tmp_path / "copy.db")
    newsroom.take(parse_article({"id": "new", "title": "New"}))
    newsroom = newsroom.indexing(keep=1)
    newsroom.reindex()
    running = newsroom.recommender()
    assert restore(newsroom.store, tmp_path / "copy.db", newsroom.layout).snapshot is None
    for _ in range(2):
        with pytest.raises(SnapshotError, match="which a restore of the store undid; run recommend reindex"):
            running.answer("story-01", 5)
    newsroom.take(*(parse_article({"id": f"later-{n}", "title": "Later"}) for n in range(9)))  # past the old revisions
    with pytest.raises(SnapshotError, match="which a restore of the store undid"):
        newsroom.recommender()
    assert "a restore of the store undid" in (read_status(newsroom.store, newsroom.settings).error or "")
    assert "history" in {one.check for one in examine(newsroom.settings)}
    newsroom.reindex()
    assert running.answer("new", 5) is None
    assert running.answer("later-3", 5) is not None


def test_without_store_and_log_a_restore_is_refused_unless_the_loss_is_accepted(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    newsroom.store.delete("story-01")
    backup(newsroom.store, tmp_path / "copy.db")
    newsroom.store.delete("story-02")
    log = log_of(newsroom)
    kept = log.read_bytes()
    newsroom = lose(newsroom, log=True)
    with pytest.raises(StoreError, match=f"put the takedown log back as {log}, or accept with --accept-lost-takedowns"):
        restore(newsroom.store, tmp_path / "copy.db", newsroom.layout)
    assert newsroom.store.changes.since(0, "") == []
    log.write_bytes(kept)
    restore(newsroom.store, tmp_path / "copy.db", newsroom.layout)
    assert len(published(newsroom.store)) == 58
    newsroom = lose(newsroom, log=True)
    restore(newsroom.store, tmp_path / "copy.db", newsroom.layout, accept_lost_takedowns=True)
    assert published(newsroom.store).keys() - {"story-02"} == {f"story-{n:02}" for n in range(60)} - {
        "story-01",
        "story-02",
    }
    newsroom.store.delete("story-03")  # is logged for the restored store from here on
    newsroom = lose(newsroom, log=False)
    with pytest.raises(StoreError, match="nothing tells what was taken down"):  # the log begins after the backup
        restore(newsroom.store, tmp_path / "copy.db", newsroom.layout)


@pytest.mark.parametrize("lost", [False, True])
def test_what_came_and_was_taken_down_after_the_backup_is_kept_out_of_the_next_nightly_file(
    newsroom: Newsroom, tmp_path: Path, lost: bool
) -> None:
    late = parse_article({"id": "late", "title": "Late"})
    backup(newsroom.store, tmp_path / "copy.db")
    newsroom.take(late)
    newsroom.store.delete("late")
    if lost:
        newsroom = lose(newsroom, log=False)
    done = restore(newsroom.store, tmp_path / "copy.db", newsroom.layout)
    assert (done.withdrawn, done.articles) == (1, 60)
    assert ingest(newsroom.store, newsroom.encoder, [late]).taken_down == 1
    assert "late" not in published(newsroom.store)


def test_an_article_published_again_after_its_takedown_is_restored_when_the_store_tells_so(
    newsroom: Newsroom, stories: list[Article], tmp_path: Path
) -> None:
    backup(newsroom.store, tmp_path / "copy.db")
    newsroom.store.delete("story-07")
    newsroom.take(stories[7])
    assert restore(newsroom.store, tmp_path / "copy.db", newsroom.layout).withdrawn == 0
    assert "story-07" in published(newsroom.store)


def test_a_backup_of_another_store_or_a_damaged_one_is_refused_and_changes_nothing(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    before = newsroom.store.changes.since(0, "toy")
    with closing(Store(f"sqlite:///{tmp_path / 'other.db'}")) as other:
        backup(other, tmp_path / "other-copy.db")
        with pytest.raises(StoreError, match="holds articles of another store"):
            restore(newsroom.store, tmp_path / "other-copy.db", newsroom.layout)
    (tmp_path / "notes.txt").write_text("These are notes. " * 300)
    backup(newsroom.store, tmp_path / "copy.db")
    content = (tmp_path / "copy.db").read_bytes()
    (tmp_path / "torn.db").write_bytes(content[: len(content) // 2])
    with closing(sqlite3.connect(tmp_path / "empty.db")) as empty:
        empty.execute("CREATE TABLE notes (x)")
    for name in ("notes.txt", "torn.db", "empty.db", "nowhere.db"):
        with pytest.raises(StoreError, match=f"{name} cannot be used"):
            restore(newsroom.store, tmp_path / name, newsroom.layout)
    with pytest.raises(StoreError, match=r"was not written|cannot"):
        backup(newsroom.store, tmp_path / "no" / "folder.db")
    assert [c.revision for c in newsroom.store.changes.since(0, "toy")] == [c.revision for c in before]
    assert not list(tmp_path.glob("*.restoring*"))
    assert not list(tmp_path.glob(".*"))


def test_a_backup_taken_while_others_write_holds_one_revision_whole(newsroom: Newsroom, tmp_path: Path) -> None:
    def write() -> None:
        for n in range(60):
            newsroom.take(*(parse_article({"id": f"{i}", "title": f"{n}"}) for i in range(20)))

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        copies = 0
        while not writer.done() or not copies:
            revision = backup(newsroom.store, tmp_path / "copy.db")
            with closing(Store(f"sqlite:///{tmp_path / 'copy.db'}")) as copy:
                held = copy.changes.since(0, "toy")
                assert max(change.revision for change in held) == copy.latest_revision() == revision
                assert len({c.article.title for c in held if c.article and not c.article_id.startswith("story")}) <= 1
                assert all(change.embedding is not None for change in held)
            for path in tmp_path.glob("copy.db*"):
                path.unlink()
            copies += 1
    writer.result()


@pytest.mark.parametrize("room", [0, 5_000, 50_000])
def test_a_backup_without_room_leaves_the_last_one_and_nothing_else(
    newsroom: Newsroom, tmp_path: Path, room: int
) -> None:
    folder, before = tmp_path / "backups", resource.getrlimit(resource.RLIMIT_FSIZE)
    folder.mkdir()
    backup(newsroom.store, folder / "copy.db")
    content = (folder / "copy.db").read_bytes()
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(StoreError, match="was not written"):
            backup(newsroom.store, folder / "copy.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in folder.iterdir()] == ["copy.db"]
    assert (folder / "copy.db").read_bytes() == content


def test_a_torn_line_of_the_log_is_passed_over_and_the_next_starts_afresh(newsroom: Newsroom) -> None:
    newsroom.store.delete("story-01")
    log = log_of(newsroom)
    with log.open("ab") as file:
        file.write(b'{"revision":62,"artic')
    newsroom.store.delete("story-02")
    read = TakedownLog(file_of(newsroom.settings), log.name.rpartition("-")[2]).read()
    assert read is not None
    assert [(entry.revision, entry.article_id) for entry in read[1]] == [(61, "story-01"), (62, "story-02")]
    log.write_bytes(log.read_bytes().replace(b'"story-01"', b'"story-01'))
    with pytest.raises(StoreError, match="line 2 is damaged"):
        TakedownLog(file_of(newsroom.settings), log.name.rpartition("-")[2]).read()


def test_a_takedown_that_cannot_be_logged_is_not_acknowledged(newsroom: Newsroom) -> None:
    log = log_of(newsroom)
    log.unlink()
    log.mkdir()
    with pytest.raises(StoreError, match=r"takedown log .*: the change was not written"):
        newsroom.store.delete("story-01")
    assert newsroom.store.get("story-01") is not None
    log.rmdir()
    assert newsroom.store.delete("story-01") == 61


def test_what_was_published_and_never_withdrawn_is_not_logged(newsroom: Newsroom, stories: list[Article]) -> None:
    before = log_of(newsroom).read_bytes()
    soon = datetime.now(UTC) + timedelta(days=1)
    newsroom.take(stories[0].model_copy(update={"title": "Changed"}), Article(id="d", title="D", status=Status.DRAFT))
    newsroom.take(Article(id="e", title="E", expires_at=soon))
    assert log_of(newsroom).read_bytes() == before
    newsroom.take(Article(id="e", title="E 2", expires_at=soon))
    assert log_of(newsroom).read_bytes() == before
    newsroom.take(Article(id="e", title="E 2", expires_at=soon - timedelta(hours=2)))
    assert log_of(newsroom).read_bytes() != before


def test_the_commands_back_up_and_restore(newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOMMEND_MODELS", str(newsroom.settings.models))
    where = ["--store", newsroom.settings.store, "--index", str(newsroom.settings.index)]
    copy = str(tmp_path / "copy.db")
    told = orjson.loads(CliRunner().invoke(app, [*where, "backup", "--out", copy, "--json"]).stdout)
    assert told == {"file": copy, "revision": 60}
    newsroom.store.delete("story-01")
    told = orjson.loads(CliRunner().invoke(app, [*where, "restore", copy, "--json"]).stdout)
    assert Restored(**told) == Restored(59, 1, newsroom.store.latest_revision(), newsroom.live.name)
    said = CliRunner().invoke(app, [*where, "restore", copy]).stdout
    assert said.startswith("59 published articles restored, 1 taken down or withdrawn since\nsnapshot ")
    with suppress(FileNotFoundError):
        assert not list(tmp_path.glob("*.restoring*"))


@pytest.mark.parametrize("name", ["itself", "link", "hard link", "-wal"])
def test_the_live_store_is_no_backup_of_itself(newsroom: Newsroom, tmp_path: Path, name: str) -> None:
    file, other = file_of(newsroom.settings), tmp_path / "copy.db"
    if name == "link":
        other.symlink_to(file)
    elif name == "hard link":
        other.hardlink_to(file)
    else:
        other = file if name == "itself" else file.with_name(f"{file.name}-wal")
    before = newsroom.store.latest_revision()
    with pytest.raises(StoreError, match="is the store itself or a part of it, not a backup; nothing was changed"):
        restore(newsroom.store, other, newsroom.layout)
    assert newsroom.store.latest_revision() == before
