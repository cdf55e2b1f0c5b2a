from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pyarrow.parquet as pq
import pytest

from recommend.article import Article, Status
from recommend.curation import Choice, Curation
from recommend.errors import SettingsError
from recommend.export import SCHEMA, export

if TYPE_CHECKING:
    from conftest import Newsroom


def test_both_formats_hold_the_box_of_every_published_article(
    newsroom: Newsroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommend.export._ROWS_A_GROUP", 100)
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
    assert [{**row, "score": round(row["score"], 4)} for row in table.to_pylist()] == rows


@pytest.mark.parametrize("name", ["related.jsonl", "related.parquet"])
def test_an_export_that_fails_leaves_the_old_file_and_nothing_else(
    newsroom: Newsroom, tmp_path: Path, name: str
) -> None:
    (tmp_path / "out").mkdir()
    file = tmp_path / "out" / name
    file.write_text("yesterday's")

    def fail() -> None:
        if next(rows) == 30:
            raise KeyboardInterrupt

    rows = count()
    with pytest.raises(KeyboardInterrupt):
        export(newsroom.recommender(), file, 5, progress=fail)
    assert list(file.parent.iterdir()) == [file]
    assert file.read_text() == "yesterday's"


def test_hidden_articles_are_exported_under_no_other_and_keep_a_box_of_their_own(
    newsroom: Newsroom, tmp_path: Path
) -> None:
    hidden = Curation(hidden_until=datetime.now(UTC) + timedelta(days=1))
    newsroom.store.put_curation("story-07", hidden, "editor")
    newsroom.store.put_curation("story-01", Curation(pinned=(Choice(id="story-30"),)), "editor")
    assert export(newsroom.recommender(), tmp_path / "related.jsonl", 59) == 58 * 59 + 59
    rows = [orjson.loads(line) for line in (tmp_path / "related.jsonl").read_bytes().splitlines()]
    assert {row["article_id"] for row in rows if row["rank"] == 1} == {f"story-{n:02}" for n in range(60)}
    assert "story-07" not in {row["related_id"] for row in rows}
    first = next(row for row in rows if row["article_id"] == "story-01")
    assert (first["related_id"], first["reason"]) == ("story-30", "Editors' choice")


def test_what_is_taken_down_or_blocked_during_the_export_is_not_in_the_file(newsroom: Newsroom, tmp_path: Path) -> None:
    def take_down() -> None:
        if next(rows) == 50:
            newsroom.store.delete("story-01")
            newsroom.store.put_curation("story-02", Curation(blocked=(Choice(id="story-03"),)), "editor")

    rows = count()
    recommender = newsroom.recommender()
    assert export(recommender, tmp_path / "related.jsonl", 59, progress=take_down) == 59 * 58 - 1
    found = [orjson.loads(line) for line in (tmp_path / "related.jsonl").read_bytes().splitlines()]
    assert {row["revision"] for row in found} == {60}
    assert "story-01" not in {row[name] for row in found for name in ("article_id", "related_id")}
    assert ("story-02", "story-03") not in {(row["article_id"], row["related_id"]) for row in found}
    assert sorted(file.name for file in tmp_path.glob("*elated*")) == ["related.jsonl"]


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
