from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from effort import examples
from recommend.articles.article import Article, parse_article
from recommend.articles.curation import Choice, Curation
from recommend.errors import SnapshotError
from recommend.index.live import LiveView
from recommend.index.snapshot.layout import IndexLayout
from recommend.index.snapshot.publishing import publish
from recommend.index.view import View
from recommend.inspection import ranking_of
from recommend.settings import IndexSettings, Settings
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom

pytestmark = pytest.mark.databases

NOW = datetime.now(UTC)
DAY = timedelta(days=1)


def variant(story: Article, **fields: object) -> Article:
    return parse_article({**story.model_dump(), **fields})


def published(store: Store) -> dict[str, str]:
    """Id and title of every published article."""
    articles = [change.article for change in store.changes.since(0, "") if change.article is not None]
    return {article.id: article.title for article in articles if article.status == "published"}


def assert_current(view: View, store: Store) -> None:
    """The view holds exactly what is published, each article once and as it is now, and what editors decided."""
    ids = list(view.ids())
    places = [view.locate(article_id) or (-1, -1) for article_id in ids]
    titles = [view.segments[segment].table.card(row).title for segment, row in places]
    assert dict(zip(ids, titles, strict=True)) == published(store)
    assert len(ids) == len(view) == len(set(ids))
    assert view.revision == store.latest_revision()
    assert view.curations == {i: one for i, one in store.changes.read(0, 0, "").curations.items() if one is not None}
    for now in (NOW, NOW + 2 * DAY):
        shown = [view.shown(number, now.timestamp()) for number in range(len(view.segments))]
        hidden = {
            i for i, (segment, row) in zip(ids, places, strict=True) if (s := shown[segment]) is not None and not s[row]
        }
        assert hidden == {i for i, one in view.curations.items() if i in ids and one.hides(now)}


def shown(newsroom: Newsroom, article_id: str = "story-12") -> set[str]:
    return {item.id for item in newsroom.recommender().related(article_id, 1000)}


@pytest.fixture
def live(newsroom: Newsroom) -> LiveView:
    return LiveView(newsroom.store, newsroom.layout)


def test_without_a_published_snapshot_there_is_no_view(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="holds no published snapshot; run recommend reindex"):
        LiveView(store, IndexLayout(tmp_path))


def test_what_is_published_is_recommended_at_once_and_what_is_changed_as_it_is_now(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    recommender = newsroom.recommender()
    newsroom.take(variant(stories[0], id="new", title="New", text=stories[0].text[:90]))
    assert recommender.related("story-00", 5)[0].id == "new"
    assert "story-00" in {item.id for item in recommender.related("new", 5)}
    newsroom.take(variant(stories[2], title="Moved", text=stories[1].text[:90], url="/moved"))
    first = recommender.related("story-01", 5)[0]
    assert (first.id, first.title, first.url) == ("story-02", "Moved", "/moved")
    newsroom.store.put([(variant(stories[3], id="bare", title="Bare", text=stories[3].text[:90]), None)], "toy")
    assert "bare" in {item.id for item in recommender.related("story-03", 60)}  # by its words, while not embedded
    assert len(recommender) == 62


@pytest.mark.parametrize("how", ["delete", "draft", "unpublished"])
def test_what_is_taken_down_is_gone_at_once_whether_from_the_snapshot_or_newer(
    newsroom: Newsroom, stories: list[Article], how: str
) -> None:
    recommender = newsroom.recommender()
    newsroom.take(late := variant(stories[0], id="late", title="Late", text=stories[0].text[:90]))
    for gone in (stories[6], late):
        assert gone.id in {item.id for item in recommender.related("story-12", 60)}
        newsroom.store.delete(gone.id) if how == "delete" else newsroom.take(variant(gone, status=how))
        assert gone.id not in {
            item.id for item in [*recommender.related("story-12", 60), *recommender.listing.latest(99)]
        }
        assert recommender.answer(gone.id, 5) is None
        assert recommender.article(gone.id) is None
    assert len(recommender) == 59


@pytest.mark.parametrize("size", [5, 300])
def test_hundreds_of_changes_are_merged_and_answer_as_a_fresh_snapshot_would(
    newsroom: Newsroom, stories: list[Article], size: int
) -> None:
    recommender, most = newsroom.recommender(), 0
    words = ["".join("bcdfghjklm"[int(digit)] for digit in f"{n:03}") for n in range(320)]  # numbers would be updates
    new = [variant(stories[n % 60], id=f"new-{n:03}", title=f"News {w}", text=f"{w}a {w}") for n, w in enumerate(words)]
    for start in range(0, 320, size):
        newsroom.take(*new[start : start + size])
        if start % 3 == 0:
            newsroom.store.delete(f"new-{start // 2:03}")
            newsroom.take(variant(stories[start % 60], title=f"Changed {start}"))
        most = max(most, len(recommender.view().segments))
    assert 2 <= most <= 3
    assert_current(recommender.view(), newsroom.store)
    ranked = {i for i, _ in ranking_of(recommender, "story-03", 1000)}
    assert ranked == published(newsroom.store).keys() - {"story-03"}
    overlaid = {item.id for item in recommender.related("story-03", 1000)}
    newsroom.reindex()
    assert shown(newsroom, "story-03") == overlaid


def test_changes_are_ranked_by_the_same_numbers_as_in_a_snapshot(newsroom: Newsroom, stories: list[Article]) -> None:
    newsroom.indexing(expansion=False).reindex()  # which a later article keeps with those of the snapshot alone
    live = LiveView(newsroom.store, newsroom.layout)
    before = live.refresh().segments[0]
    assert live.refresh() is live.refresh()
    newsroom.take(*(variant(story, section="Changed") for story in stories))
    after = live.refresh().segments[1]
    assert after.embeddings.astype(float) == pytest.approx(before.embeddings.astype(float), abs=1e-3)
    assert abs(after.matrix.rows - before.matrix.rows).max() < 1e-5
    assert np.array_equal(after.groups, before.groups)


def test_a_new_snapshot_takes_over_and_an_old_one_brings_nothing_back(newsroom: Newsroom, live: LiveView) -> None:
    old = newsroom.live.name
    newsroom.take(parse_article({"id": "new", "title": "New"}))
    newsroom.store.delete("story-00")
    view = live.refresh()
    assert (view.snapshot.manifest.name, live.overlay_size) == (old, 1)
    name = newsroom.reindex().manifest.name
    view = live.refresh()
    assert (view.snapshot.manifest.name, len(view.segments), live.overlay_size) == (name, 1, 0)
    assert_current(view, newsroom.store)
    publish(newsroom.layout, old)
    assert live.refresh().snapshot.manifest.name == old
    assert_current(live.refresh(), newsroom.store)


def test_curation_survives_new_snapshots_and_rollbacks_and_goes_with_its_article(newsroom: Newsroom) -> None:
    recommender = newsroom.recommender()

    def look() -> tuple[list[str], bool]:
        ids = [item.id for item in recommender.related("story-12", 60)]
        assert "story-18" not in ids
        return ids[:2], "story-24" in ids

    pins = (Choice(id="story-05"), Choice(id="story-04"))
    newsroom.store.curations.put("story-12", Curation(pinned=pins, blocked=(Choice(id="story-18"),)), "editor")
    newsroom.store.curations.put("story-24", Curation(hidden_until=NOW + DAY), "editor")
    old = newsroom.live.name
    assert recommender.view().revision == 62
    assert look() == (["story-05", "story-04"], False)
    newsroom.reindex()
    assert look() == (["story-05", "story-04"], False)
    publish(newsroom.layout, old)
    assert look() == (["story-05", "story-04"], False)
    newsroom.store.curations.put("story-24", Curation(), "editor")
    assert look() == (["story-05", "story-04"], True)
    newsroom.store.delete("story-12")
    assert set(recommender.view().curations) == {"story-24"}


TORN = ["embeddings.npy", "articles.arrow", "lexical/rows.data.npy", "projection/mean.npy", "manifest.json", "CURRENT"]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("torn", TORN)
@pytest.mark.parametrize("left", [None, 0.0, 0.4])
def test_a_torn_new_snapshot_keeps_the_old_one_serving_with_all_changes(
    newsroom: Newsroom, live: LiveView, caplog: pytest.LogCaptureFixture, torn: str, left: float | None
) -> None:
    old = newsroom.live.name
    newsroom.take(parse_article({"id": "new", "title": "New"}))
    root = newsroom.layout.snapshot(newsroom.reindex().manifest.name).root
    file = newsroom.layout.current if torn == "CURRENT" else root / torn
    content = file.read_bytes()
    file.unlink()
    if left is not None:
        file.write_bytes(content[: int(len(content) * left)])
    with caplog.at_level(logging.ERROR):
        assert live.refresh().snapshot.manifest.name == old
    assert f"keeping snapshot {old}" in caplog.text
    newsroom.store.delete("story-00")
    assert_current(live.refresh(), newsroom.store)
    name = newsroom.reindex().manifest.name
    assert live.refresh().snapshot.manifest.name == name


TAKE_DOWN = """
import sys
from recommend.store import Store
store = Store(sys.argv[1])
for line in sys.stdin:
    print(store.delete(line.strip()), flush=True)
store.close()
"""


def test_what_another_process_takes_down_is_gone_from_the_next_answer(newsroom: Newsroom) -> None:
    recommender = newsroom.recommender()
    command = [sys.executable, "-W", "error", "-c", TAKE_DOWN, newsroom.settings.store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        for revision, article_id in enumerate((f"story-{n:02}" for n in range(0, 54, 6)), start=61):
            assert article_id in {item.id for item in recommender.related("story-54", 60)}
            other.stdin.write(f"{article_id}\n")
            other.stdin.flush()
            assert other.stdout.readline() == f"{revision}\n"
            assert article_id not in {item.id for item in recommender.related("story-54", 60)}
    assert other.returncode == 0


def test_threads_that_answer_while_others_write_always_see_one_whole_state(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    recommender = newsroom.recommender()

    def write() -> None:
        for number, story in enumerate(stories):
            newsroom.take(variant(story, title=f"Changed {number}"))
            number % 2 and newsroom.store.delete(story.id)
            number % 20 or newsroom.reindex()

    def read() -> int:
        answers = 0
        while not writer.done():
            known, view = newsroom.store.latest_revision(), recommender.view()
            ids = list(view.ids())
            assert len(ids) == len(set(ids))
            assert view.revision >= known
            recommender.answer(ids[answers % len(ids)], 5)
            answers += 1
        return answers

    with ThreadPoolExecutor(4) as pool:
        writer = pool.submit(write)
        readers = [pool.submit(read) for _ in range(3)]
    writer.result()
    assert min(reader.result() for reader in readers) > 0
    assert_current(recommender.view(), newsroom.store)


@pytest.fixture
def small(newsroom: Newsroom, stories: list[Article]) -> Newsroom:
    """Four toy articles; the database is closed and may be copied."""
    for story in stories[4:]:
        newsroom.store.delete(story.id)
    newsroom.indexing(keep=1, verify_shrink=1).reindex()
    newsroom.store.close()
    return newsroom


IDS = st.lists(st.sampled_from([*(f"story-{n:02}" for n in range(4)), "x", "y", "É"]), min_size=1, max_size=6)
STEPS = st.sampled_from(
    ["published", "published", "delete", "draft", "unpublished", "curate", "curate", "reindex", "build", "look"]
)


@pytest.mark.databases("sqlite")
def test_after_any_changes_the_view_holds_exactly_what_is_published(small: Newsroom) -> None:
    @hypothesis_settings(max_examples=examples(12, 30))
    @given(st.lists(st.tuples(STEPS, IDS), min_size=1, max_size=14), st.integers(0, 3))
    def check(steps: list[tuple[str, list[str]]], most_recent: int) -> None:
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr("recommend.index.changes._MOST_RECENT", most_recent)
            copy = Path(shutil.copytree(small.settings.index.parent, Path(folder) / "copy"))
            store_url, some = f"sqlite:///{copy / 'recommend.db'}", IndexSettings(verify_shrink=1)
            settings = Settings(store=store_url, index=copy / "index", indexing=some)
            with closing(Store(settings.store)) as store:
                newsroom = replace(small, store=store, settings=settings)
                live = LiveView(store, newsroom.layout)
                for number, (step, ids) in enumerate(steps):
                    if step == "delete":
                        for article_id in ids:
                            store.delete(article_id)
                    elif step in {"published", "draft", "unpublished"}:
                        rows = [{"id": i, "title": f"{i} {number}", "status": step} for i in ids]
                        newsroom.take(*map(parse_article, rows))
                    elif step == "curate":
                        for place, article_id in enumerate(ids):
                            hidden = [None, NOW + DAY, NOW + 3 * DAY, NOW - DAY][(number + place) % 4]
                            pins = tuple(Choice(id=i) for i in sorted(set(ids)))
                            store.curations.put(article_id, Curation(pinned=pins, hidden_until=hidden), "editor")
                    elif step == "look":
                        assert_current(live.refresh(), store)
                    else:
                        newsroom.reindex(full=True) if step == "reindex" else newsroom.build()
                assert_current(live.refresh(), store)
                assert_current(LiveView(store, newsroom.layout).refresh(), store)

    check()
