"""What is kept of the snapshot before, against building everything anew."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
import pytest
from sqlalchemy import update

from recommend.articles.article import Article, Status
from recommend.articles.text import terms
from recommend.index.snapshot import build, incremental
from recommend.index.snapshot.layout import Manifest
from recommend.index.table import ArticleTable
from recommend.index.term_counts import TermCounts
from recommend.store.schema import articles

if TYPE_CHECKING:
    from conftest import Newsroom


def contents(newsroom: Newsroom, built: Manifest) -> dict[str, object]:
    """The files of a snapshot, without when it was made and which of those of its revision it is."""
    root = newsroom.layout.snapshot(built.name).root
    files: dict[str, object] = {str(f.relative_to(root)): f.read_bytes() for f in root.rglob("*") if f.is_file()}
    manifest = orjson.loads(newsroom.layout.snapshot(built.name).manifest.read_bytes())
    return files | {"manifest.json": {k: v for k, v in manifest.items() if k not in {"name", "created_at"}}}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text whose terms are counted from now on."""
    texts: list[str] = []
    of = TermCounts.of

    def noted(some: list[str], languages: list[str | None] | None = None) -> TermCounts:
        texts.extend(some)
        return of(some, languages)

    monkeypatch.setattr(TermCounts, "of", noted)
    return texts


def some_changes(chance: random.Random, stories: list[Article], day: int) -> list[Article]:
    """Stories changed in their words, their section or their status, and new ones."""
    other, moved, hidden, back = (chance.sample(stories, 4) for _ in range(4))
    return [
        *(one.model_copy(update={"text": f"{one.text} Nachtrag {day}: weather {chance.random()}"}) for one in other),
        *(one.model_copy(update={"section": f"Section {day}"}) for one in moved),
        *(one.model_copy(update={"status": Status.UNPUBLISHED}) for one in hidden),
        *back,
        *(
            one.model_copy(update={"language": chance.choice(["en", "es", "tr", "vi"])})
            for one in chance.sample(stories, 3)
        ),
        *(one.model_copy(update={"id": f"day-{day}-{one.id}", "tags": ["again"]}) for one in chance.sample(stories, 3)),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_a_snapshot_that_keeps_what_is_unchanged_is_to_the_byte_one_that_is_built_anew(
    newsroom: Newsroom, stories: list[Article], seed: int
) -> None:
    chance = random.Random(seed)
    for day in range(4):
        newsroom.take(*some_changes(chance, stories, day))
        for story in chance.sample(stories, 3):
            newsroom.store.delete(story.id)
        grown = newsroom.reindex().manifest
        assert contents(newsroom, newsroom.reindex(full=True).manifest) == contents(newsroom, grown)


def test_terms_are_counted_of_changed_texts_only_and_of_all_when_all_is_built_anew(
    newsroom: Newsroom, stories: list[Article], counted: list[str]
) -> None:
    changed = stories[3].model_copy(update={"text": "A flood takes the bridge."})
    newsroom.take(changed, stories[5].model_copy(update={"status": Status.DRAFT}))
    newsroom.reindex()
    assert counted == [changed.full_text]
    newsroom.reindex(full=True)
    assert len(counted) == 1 + newsroom.live.articles


def test_a_row_that_a_restore_changed_is_read_again_each_time(
    newsroom: Newsroom, stories: list[Article], counted: list[str]
) -> None:
    changed = update(articles).where(articles.c.id == stories[7].id)
    with newsroom.store.engine.begin() as connection:
        connection.execute(changed.values(content_hash=b"", expires_at=datetime(2040, 1, 1, tzinfo=UTC)))
    for other in stories[:2]:
        newsroom.take(other.model_copy(update={"section": "Elsewhere"}))
        newsroom.reindex()
        assert stories[7].full_text in counted
        table = ArticleTable.load(newsroom.layout.snapshot(newsroom.live.name).articles)
        assert table.expires_at[table.row(stories[7].id)] == datetime(2040, 1, 1, tzinfo=UTC).timestamp()
        counted.clear()


def test_nothing_stays_of_a_story_that_was_taken_down(newsroom: Newsroom, stories: list[Article]) -> None:
    gone = stories[0].model_copy(update={"text": "Zanzibar quagga.", "section": "Zoology", "site": "quagga"})
    traces = [word.encode() for word in (gone.id, "Zoology", *terms(gone.text))]
    newsroom.take(gone)

    def found() -> list[bool]:
        files = contents(newsroom, newsroom.reindex().manifest).values()
        return [any(trace in file for file in files if isinstance(file, bytes)) for trace in traces]

    assert all(found())
    newsroom.store.delete(gone.id)
    assert not any(found())


def test_what_is_damaged_or_made_by_another_release_is_not_kept(
    newsroom: Newsroom,
    stories: list[Article],
    counted: list[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    newsroom.take(stories[1].model_copy(update={"text": "A flood takes the bridge."}))
    file = newsroom.layout.snapshot(newsroom.live.name).lexical / "rows.counts.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"\x09")
    newsroom.reindex()
    assert "is not as it was written" in caplog.text
    assert len(counted) == newsroom.live.articles
    counted.clear()
    for module in (build, incremental):
        monkeypatch.setattr(module, "made_by", lambda: "related-articles 99")
    newsroom.take(stories[2].model_copy(update={"text": "A flood takes the other bridge."}))
    assert newsroom.reindex().manifest.made_by == "related-articles 99"
    assert "this is related-articles 99" in caplog.text
    assert len(counted) == newsroom.live.articles
