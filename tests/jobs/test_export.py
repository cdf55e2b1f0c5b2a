from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import orjson
import pyarrow.parquet as pq
import pytest

from recommend.articles.article import Article, Status
from recommend.articles.curation import Choice, Curation
from recommend.errors import ExportError, SettingsError
from recommend.jobs.export.export import export
from recommend.jobs.export.parts import SCHEMA
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend.settings import PolicySettings

if TYPE_CHECKING:
    from conftest import Newsroom

PARTS = ".related.jsonl.parts/*/[0-9]*.parquet"
KILLED = """
import os, signal, sys
from multiprocessing import active_children
from pathlib import Path
from recommend.jobs.export import export as job
from recommend.recommender import Recommender

def progress(count):
    made.append(count)
    if len(made) == 6:
        print(*(child.pid for child in active_children()), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

made = []
job._ARTICLES_A_PART = 3
recommender = Recommender.open(sys.argv[1], sys.argv[2])
job.export(recommender, Path(sys.argv[3]), 4, workers=2, progress=progress)
"""


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes an export of the toy articles one of many parts."""
    monkeypatch.setattr("recommend.jobs.export.export._ARTICLES_A_PART", 7)


def interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def lines(file: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


def alive(pid: int) -> bool:
    """Whether a process is there, and more than what is left of a dead one until its parent asks."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.databases("sqlite", "pgvector")
def test_both_formats_hold_the_box_of_every_published_article(
    newsroom: Newsroom, tmp_path: Path, small_parts: None
) -> None:
    recommender = newsroom.recommender()
    assert export(recommender, tmp_path / "related.jsonl", 4) == export(recommender, tmp_path / "r.parquet", 4) == 240
    rows = [orjson.loads(line) for line in (tmp_path / "related.jsonl").read_bytes().splitlines()]
    assert [(row["article_id"], row["rank"], row["related_id"], row["score"]) for row in rows] == [
        (article_id, item.rank, item.id, item.score)
        for article_id in recommender.view().ids()
        for item in recommender.related(article_id, 4)
    ]
    assert {(row["snapshot"], row["revision"]) for row in rows} == {(recommender.snapshot, 60)}
    table = pq.read_table(tmp_path / "r.parquet")
    assert (table.schema, table.num_rows) == (SCHEMA, 240)
    assert table.to_pylist() == rows


@pytest.mark.parametrize("name", ["related.jsonl", "related.parquet"])
def test_an_export_that_fails_leaves_the_old_file_and_goes_on_where_it_was(
    newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_parts: None, name: str
) -> None:
    export(newsroom.recommender(), tmp_path / name, 5)
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / name
    file.write_text("yesterday's")
    asked: list[str] = []
    answers = Recommender.answers

    def fail_once(recommender: Recommender, ids: Sequence[str], k: int) -> Iterator[Answer | None]:
        for article_id, answer in zip(ids, answers(recommender, ids, k), strict=True):
            asked.append(article_id)
            if len(asked) == 30:
                raise KeyboardInterrupt
            yield answer

    monkeypatch.setattr(Recommender, "answers", fail_once)
    with pytest.raises(KeyboardInterrupt):
        export(newsroom.recommender(), file, 5)
    assert sorted(one.name for one in file.parent.iterdir()) == [f".{name}.parts", name]
    assert file.read_text() == "yesterday's"
    assert export(newsroom.recommender(), file, 5) == 300
    assert asked == [f"story-{n:02}" for n in [*range(30), *range(28, 60)]]
    assert list(file.parent.iterdir()) == [file]
    assert file.read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize("change", ["k", "since", "settings", "revision", "snapshot"])
def test_parts_made_of_anything_else_are_not_used(
    newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_parts: None, change: str
) -> None:
    file, recommender = tmp_path / "related.jsonl", newsroom.recommender()
    monkeypatch.setattr("recommend.jobs.export.export.write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export(recommender, file, 4)
    before = {part.parent.name for part in tmp_path.glob(PARTS)}
    k, since, made = 4, None, list[int]()
    match change:
        case "k":
            k = 5
        case "since":
            since = 0
        case "settings":
            recommender = recommender.with_settings(policy=PolicySettings(diversity=0.5))
        case "revision":
            newsroom.store.delete("story-59")
        case "snapshot":
            newsroom.indexing(expansion=False).reindex()
    with pytest.raises(KeyboardInterrupt):
        export(recommender, file, k, since=since, progress=made.append)
    after = {part.parent.name for part in tmp_path.glob(PARTS)}
    assert len(before) == len(after) == 1
    assert (before != after, made[0]) == (True, 0)


@pytest.mark.databases("sqlite", "pgvector")
def test_hidden_articles_are_exported_under_no_other_and_keep_a_box_of_their_own(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    hidden = Curation(hidden_until=datetime.now(UTC) + timedelta(days=1))
    newsroom.store.curations.put("story-07", hidden, "editor")
    newsroom.store.curations.put("story-01", Curation(pinned=(Choice(id="story-30"),)), "editor")
    assert export(newsroom.recommender(), tmp_path / "related.jsonl", 59) == 58 * 59 + 59
    rows = [orjson.loads(line) for line in (tmp_path / "related.jsonl").read_bytes().splitlines()]
    assert {row["article_id"] for row in rows if row["rank"] == 1} == {f"story-{n:02}" for n in range(60)}
    assert "story-07" not in {row["related_id"] for row in rows}
    first = next(row for row in rows if row["article_id"] == "story-01")
    assert (first["related_id"], first["reason"]) == ("story-30", "Editors' choice")


@pytest.mark.databases("sqlite", "pgvector")
def test_what_is_taken_down_or_blocked_during_the_export_is_not_in_the_file(newsroom: Newsroom, tmp_path: Path) -> None:
    def take_down(made: int) -> None:
        if made:
            newsroom.store.delete("story-01")
            newsroom.store.curations.put("story-02", Curation(blocked=(Choice(id="story-03"),)), "editor")

    recommender = newsroom.recommender()
    assert export(recommender, tmp_path / "related.jsonl", 59, progress=take_down) == 59 * 58 - 1
    found = [orjson.loads(line) for line in (tmp_path / "related.jsonl").read_bytes().splitlines()]
    assert {row["revision"] for row in found} == {60}
    assert "story-01" not in {row[name] for row in found for name in ("article_id", "related_id")}
    assert ("story-02", "story-03") not in {(row["article_id"], row["related_id"]) for row in found}
    assert [file.name for file in tmp_path.glob("*elated*")] == ["related.jsonl"]


@pytest.mark.parametrize("name", ["related.jsonl", "related.parquet"])
def test_an_export_since_a_revision_holds_what_changed_and_names_what_is_gone(
    newsroom: Newsroom, stories: list[Article], tmp_path: Path, name: str
) -> None:
    newsroom.take(stories[3].model_copy(update={"title": "Changed"}), Article(id="new", title="New"))
    newsroom.take(stories[4].model_copy(update={"status": Status.UNPUBLISHED}))
    newsroom.store.delete("story-05")
    recommender = newsroom.recommender()
    assert export(recommender, tmp_path / name, 4, since=60) == 2 * 4 + 2
    file = tmp_path / name
    lines = file.read_bytes().splitlines() if name.endswith("l") else []
    rows = [orjson.loads(line) for line in lines] or pq.read_table(file).to_pylist()
    assert {row["article_id"] for row in rows if row["rank"]} == {"new", "story-03"}
    assert [(row["article_id"], row["related_id"]) for row in rows if not row["rank"]] == [
        ("story-04", None),
        ("story-05", None),
    ]
    assert {row["revision"] for row in rows} == {64}


@pytest.mark.parametrize("name", ["related.csv", "related", ".parquet"])
def test_an_unknown_ending_is_refused(newsroom: Newsroom, tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=r"ends neither in \.parquet nor in \.jsonl"):
        export(newsroom.recommender(), tmp_path / name, 5)
    assert not (tmp_path / name).exists()


@pytest.mark.databases("sqlite", "pgvector")
def test_many_processes_make_the_file_that_one_makes_from_one_view_and_sweep_it(
    newsroom: Newsroom, stories: list[Article], tmp_path: Path, small_parts: None
) -> None:
    newsroom.take(stories[3].model_copy(update={"title": "Changed"}), Article(id="new", title="New"))

    def change(count: int) -> None:
        if not made:  # before the processes begin
            newsroom.take(stories[5].model_copy(update={"text": "Other"}), Article(id="newer", title="Newer"))
            newsroom.store.delete("story-01")
        made.append(count)

    made: list[int] = []
    recommender = newsroom.recommender()
    assert export(recommender, tmp_path / "one.jsonl", 60) == 61 * 60
    assert export(recommender, tmp_path / "many.jsonl", 60, workers=2, progress=change) == 60 * 59
    assert sorted(made) == [0, 5, *[7] * 8]
    assert lines(tmp_path / "many.jsonl") == [
        row for row in lines(tmp_path / "one.jsonl") if "story-01" not in {row["article_id"], row["related_id"]}
    ]


def test_a_killed_export_leaves_no_process_and_goes_on_where_it_was(newsroom: Newsroom, tmp_path: Path) -> None:
    file, settings = tmp_path / "related.jsonl", newsroom.settings
    arguments = [str(settings.index), settings.store, str(file)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *arguments], stdout=subprocess.PIPE, check=False)
    assert killed.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in killed.stdout.split()]
    assert len(workers) == 2
    deadline = time.monotonic() + 20
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [pid for pid in workers if alive(pid)] == []
    assert not file.exists()
    kept = {part: part.stat().st_mtime_ns for part in tmp_path.glob(PARTS)}
    assert 5 <= len(kept) < 20

    def look(count: int) -> None:
        made.append(count)
        seen.update({part: part.stat().st_mtime_ns for part in kept})

    made: list[int] = []
    seen: dict[Path, int] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommend.jobs.export.export._ARTICLES_A_PART", 3)
        export(newsroom.recommender(), file, 4, workers=2, progress=look)
    assert made == [3 * len(kept)] + [3] * (20 - len(kept))
    assert seen == kept
    assert not file.with_name(".related.jsonl.parts").exists()
    export(newsroom.recommender(), tmp_path / "other.jsonl", 4)
    assert file.read_bytes() == (tmp_path / "other.jsonl").read_bytes()


def test_a_process_that_dies_ends_the_export_with_the_way_on(
    newsroom: Newsroom, tmp_path: Path, small_parts: None
) -> None:
    def kill(count: int) -> None:
        for child in active_children():
            os.kill(child.pid or 0, signal.SIGKILL)

    with pytest.raises(ExportError, match="run the same export again to go on, with fewer --workers"):
        export(newsroom.recommender(), tmp_path / "related.jsonl", 4, workers=2, progress=kill)
    assert not (tmp_path / "related.jsonl").exists()
    assert export(newsroom.recommender(), tmp_path / "related.jsonl", 4) == 240


def test_an_export_is_refused_while_another_writes_the_same_file(newsroom: Newsroom, tmp_path: Path) -> None:
    again = partial(export, newsroom.recommender(), tmp_path / "related.jsonl", 4)
    with pytest.raises(ExportError, match="another export is writing"):
        again(progress=lambda _: print(again()))
    assert again() == 240


@pytest.mark.databases("sqlite", "pgvector")
def test_what_expired_has_no_box_and_is_in_none_nor_what_expires_meanwhile(
    newsroom: Newsroom, stories: list[Article], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    past, soon = now - timedelta(days=1), now + timedelta(hours=1)
    newsroom.take(*(stories[n].model_copy(update={"expires_at": moment}) for n, moment in [(7, past), (8, soon)]))
    asked: list[str] = []
    answers = Recommender.answers

    def remember(recommender: Recommender, ids: Sequence[str], k: int) -> Iterator[Answer | None]:
        asked.extend(ids)
        return answers(recommender, ids, k)

    monkeypatch.setattr(Recommender, "answers", remember)
    assert export(newsroom.recommender(), tmp_path / "related.jsonl", 59) == 59 * 58
    assert sorted({f"story-{n:02}" for n in range(60)} - set(asked)) == ["story-07"]
    monkeypatch.setattr("recommend.jobs.export.filter.time", lambda: soon.timestamp() + 1)
    assert export(newsroom.recommender(), tmp_path / "related.jsonl", 59) == 58 * 57
    found = {row[name] for row in lines(tmp_path / "related.jsonl") for name in ("article_id", "related_id")}
    assert found == {f"story-{n:02}" for n in range(60) if n not in {7, 8}}
    export(newsroom.recommender(), tmp_path / "related.jsonl", 4, since=60)
    assert [(row["article_id"], row["rank"]) for row in lines(tmp_path / "related.jsonl")] == [
        ("story-07", 0),
        ("story-08", 0),
    ]


def test_what_is_taken_down_while_the_file_is_written_is_not_in_it(
    newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recommend.jobs.export.files import write

    def write_and_take_down(*given: object) -> int:
        count = write(*given)  # type: ignore[arg-type]
        newsroom.store.delete("story-01")
        return count

    monkeypatch.setattr("recommend.jobs.export.export.write", write_and_take_down)
    export(newsroom.recommender(), tmp_path / "related.jsonl", 59)
    found = {row[name] for row in lines(tmp_path / "related.jsonl") for name in ("article_id", "related_id")}
    assert found == {f"story-{n:02}" for n in range(60) if n != 1}


def test_an_empty_box_of_an_article_that_changed_is_told(newsroom: Newsroom, tmp_path: Path) -> None:
    newsroom.take(Article(id="new", title="Xyzzy"))
    strict = newsroom.recommender().with_settings(policy=PolicySettings(floor=1.0, fill="none"))
    assert export(strict, tmp_path / "related.jsonl", 4, since=60) == 1
    assert [(row["article_id"], row["rank"], row["related_id"]) for row in lines(tmp_path / "related.jsonl")] == [
        ("new", 0, None)
    ]
    assert export(strict, tmp_path / "related.jsonl", 4) == 0


def test_a_pickled_view_is_the_same_without_the_snapshots_files_in_it(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    newsroom.take(stories[3].model_copy(update={"title": "Changed"}))
    newsroom.store.curations.put("story-02", Curation(blocked=(Choice(id="story-03"),)), "editor")
    view = newsroom.recommender().view()
    pickled = pickle.dumps(view)
    found = pickle.loads(pickled)
    assert [found.revision, found.curations, list(found.ids())] == [view.revision, view.curations, list(view.ids())]
    assert found.segments[0] is found.snapshot.segment
    assert len(pickled) < len(pickle.dumps(view.snapshot.segment)) / 2
