from __future__ import annotations

import logging
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommend.article import Article, parse_article
from recommend.encoder import Encoder
from recommend.errors import SnapshotError
from recommend.ingest import ingest, put
from recommend.live import LiveView, View
from recommend.recommender import Recommender
from recommend.reindex import reindex
from recommend.settings import Settings
from recommend.snapshot import IndexLayout, build_snapshot, current_name, publish
from recommend.store import Store


@pytest.fixture
def live(layout: IndexLayout, store: Store) -> LiveView:
    return LiveView(store, layout)


@pytest.fixture
def recommender(layout: IndexLayout, store: Store, settings: Settings, toy_encoder: Encoder) -> Recommender:
    return Recommender(store, settings, toy_encoder)


@pytest.fixture
def rebuild(store: Store, settings: Settings, toy_encoder: Encoder) -> Callable[[], str]:
    return lambda: reindex(store, toy_encoder, settings, full=True).manifest.name


def published_ids(store: Store) -> set[str]:
    changes = store.changes(0, "")
    return {c.article_id for c in changes if c.article is not None and c.article.status == "published"}


def assert_holds_what_is_published(view: View, store: Store) -> None:
    ids = list(view.ids())
    assert len(ids) == len(set(ids)) == len(view)
    assert set(ids) == published_ids(store)
    for article_id in ids:
        place = view.locate(article_id)
        stored = store.get(article_id)
        assert place is not None
        assert stored is not None
        assert view.segments[place[0]].table.card(place[1]).title == stored.title


def variant(story: Article, **fields: object) -> Article:
    return parse_article({**story.model_dump(), **fields})


def test_without_a_published_snapshot_there_is_no_view(store: Store, tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="holds no published snapshot; run recommend reindex"):
        LiveView(store, IndexLayout(tmp_path))


def test_a_new_article_is_recommended_under_old_ones_at_once(
    recommender: Recommender, store: Store, toy_encoder: Encoder, stories: list[Article]
) -> None:
    old = stories[0]
    words = old.text.split()
    new = variant(old, id="new", title="Entirely new", text=" ".join(words[:15]))
    assert "new" not in {item.id for item in recommender.related(old.id, 5)}
    put(store, toy_encoder, new)
    assert recommender.related(old.id, 5)[0].id == "new"
    assert old.id in {item.id for item in recommender.related("new", 5)}


@pytest.mark.parametrize("how", ["delete", "draft", "unpublished"])
def test_what_is_taken_down_is_gone_at_once_from_the_snapshot_and_from_later_changes(
    recommender: Recommender, store: Store, toy_encoder: Encoder, stories: list[Article], how: str
) -> None:
    put(store, toy_encoder, late := variant(stories[0], id="late", title="Late", text=stories[0].text[:90]))
    for gone in (stories[6], late):
        assert gone.id in {item.id for item in recommender.related("story-12", 60)}
        store.delete(gone.id) if how == "delete" else put(store, toy_encoder, variant(gone, status=how))
        assert gone.id not in {item.id for item in recommender.related("story-12", 60)}
        assert gone.id not in {item.id for item in recommender.latest(100)}
        assert recommender.answer(gone.id, 5) is None
        assert recommender.article(gone.id) is None
    assert len(recommender) == 59


def test_a_changed_article_is_shown_and_ranked_as_it_is_now(
    recommender: Recommender, store: Store, toy_encoder: Encoder, stories: list[Article]
) -> None:
    topic, other = stories[0], stories[1]
    moved = variant(topic, title="Moved", text=other.text[:90], url="/moved")
    put(store, toy_encoder, moved)
    (shown,) = [item for item in recommender.related(other.id, 60) if item.id == topic.id]
    assert (shown.title, shown.url) == ("Moved", "/moved")
    assert shown.rank <= 2
    assert len(recommender) == 60


def test_a_change_of_an_article_that_is_not_embedded_yet_is_served_by_its_words(
    recommender: Recommender, store: Store, stories: list[Article]
) -> None:
    store.put([(variant(stories[0], id="new", title="New", text=stories[0].text[:90]), None)], "toy")
    assert "new" in {item.id for item in recommender.related("story-06", 60)}


@pytest.mark.parametrize("size", [1, 300])
def test_hundreds_of_changes_are_merged_and_hold_what_a_fresh_snapshot_would(
    recommender: Recommender,
    store: Store,
    settings: Settings,
    toy_encoder: Encoder,
    stories: list[Article],
    rebuild: Callable[[], str],
    size: int,
) -> None:
    new = [variant(stories[n % 60], id=f"new-{n:03}", title=f"News {n}", text=f"n{n} {n}") for n in range(320)]
    most = 0
    for start in range(0, 320, size):
        ingest(store, toy_encoder, new[start : start + size])
        if start % 7 == 0:
            store.delete(f"new-{start // 2:03}")
            put(store, toy_encoder, variant(stories[start % 60], title=f"Changed {start}"))
        most = max(most, len(recommender.view().segments))
    assert 2 <= most <= 3
    view = recommender.view()
    assert_holds_what_is_published(view, store)
    assert view.revision == store.latest_revision()
    overlaid = {item.id for item in recommender.related("story-03", 1000)}
    name = rebuild()
    fresh = Recommender(store, settings, toy_encoder)
    assert (fresh.snapshot, len(fresh.view().segments)) == (name, 1)
    assert len(fresh) == len(view)
    assert {item.id for item in fresh.related("story-03", 1000)} == overlaid
    everything = [{i for i, _ in one.rank("story-03", 1000)} for one in (recommender, fresh)]
    assert everything[0] == everything[1] == published_ids(store) - {"story-03"}


def test_changes_are_ranked_by_the_same_embeddings_as_in_a_fresh_snapshot(
    live: LiveView, store: Store, layout: IndexLayout, toy_encoder: Encoder, stories: list[Article]
) -> None:
    before = live.refresh()
    changed = [variant(story, section="Changed") for story in stories[:20]]
    ingest(store, toy_encoder, changed)
    view = live.refresh()
    for article in changed:
        number, row = view.locate(article.id) or (0, 0)
        old_number, old_row = before.locate(article.id) or (0, 0)
        assert (number, old_number) == (1, 0)
        new, old = view.segments[number], before.segments[old_number]
        assert new.embeddings[row].astype(float) == pytest.approx(old.embeddings[old_row].astype(float), abs=1e-3)
        assert np.array_equal(new.matrix.vector(row).terms, old.matrix.vector(old_row).terms)
        assert new.matrix.vector(row).weights == pytest.approx(old.matrix.vector(old_row).weights, abs=1e-5)
        assert new.groups[row] == old.groups[old_row]


def test_an_unchanged_store_gives_the_very_same_view(live: LiveView, store: Store) -> None:
    view = live.refresh()
    assert live.refresh() is view
    store.delete("story-00")
    assert live.refresh() is not view
    assert view.locate("story-00") is not None  # a request that began earlier ends on the state it began with


def test_a_new_snapshot_takes_over_and_the_overlay_is_empty_again(
    live: LiveView, store: Store, toy_encoder: Encoder, stories: list[Article], rebuild: Callable[[], str]
) -> None:
    ingest(store, toy_encoder, [variant(stories[0], id="new")])
    live.refresh()
    assert live.overlay_size == 1
    name = rebuild()
    view = live.refresh()
    assert (view.snapshot.manifest.name, len(view.segments), live.overlay_size) == (name, 1, 0)
    assert_holds_what_is_published(view, store)


def test_rolling_back_to_an_older_snapshot_brings_nothing_back(
    live: LiveView, layout: IndexLayout, store: Store, toy_encoder: Encoder, rebuild: Callable[[], str]
) -> None:
    old = current_name(layout)
    assert old is not None
    put(store, toy_encoder, parse_article({"id": "new", "title": "New"}))
    store.delete("story-00")
    rebuild()
    live.refresh()
    publish(layout, old)
    view = live.refresh()
    assert view.snapshot.manifest.name == old
    assert_holds_what_is_published(view, store)
    assert view.locate("story-00") is None


@pytest.mark.parametrize(
    "torn", ["embeddings.npy", "articles.arrow", "lexical/rows.data.npy", "manifest.json", "CURRENT"]
)
@pytest.mark.parametrize("left", [0.0, 0.4])
def test_a_torn_new_snapshot_keeps_the_old_one_serving_with_all_changes(
    live: LiveView,
    layout: IndexLayout,
    store: Store,
    toy_encoder: Encoder,
    rebuild: Callable[[], str],
    caplog: pytest.LogCaptureFixture,
    torn: str,
    left: float,
) -> None:
    old = live.refresh().snapshot.manifest.name
    put(store, toy_encoder, parse_article({"id": "new", "title": "New"}))
    name = rebuild()
    file = layout.current if torn == "CURRENT" else layout.snapshot(name).root / torn
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * left)])
    with caplog.at_level(logging.ERROR):
        view = live.refresh()
    assert f"keeping snapshot {old}" in caplog.text
    assert view.snapshot.manifest.name == old
    store.delete("story-00")
    assert_holds_what_is_published(live.refresh(), store)
    caplog.clear()
    name = rebuild()
    assert live.refresh().snapshot.manifest.name == name
    assert caplog.text == ""


def test_a_missing_pointer_keeps_the_view(live: LiveView, layout: IndexLayout, store: Store) -> None:
    layout.current.unlink()
    store.delete("story-00")
    assert_holds_what_is_published(live.refresh(), store)


TAKE_DOWN = """
import sys
from recommend.store import Store
store = Store(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    print(store.delete(line.strip()), flush=True)
store.close()
"""


def test_what_another_process_takes_down_is_gone_from_the_next_answer(
    recommender: Recommender, settings: Settings
) -> None:
    command = [sys.executable, "-W", "error", "-c", TAKE_DOWN, settings.store]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        for revision, number in enumerate(range(0, 54, 6), start=61):
            article_id = f"story-{number:02}"
            assert article_id in {item.id for item in recommender.related("story-54", 60)}
            other.stdin.write(f"{article_id}\n")
            other.stdin.flush()
            assert other.stdout.readline() == f"{revision}\n"
            assert article_id not in {item.id for item in recommender.related("story-54", 60)}
        other.stdin.close()
    assert other.returncode == 0


def test_threads_that_answer_while_others_write_always_see_one_whole_state(
    recommender: Recommender, store: Store, toy_encoder: Encoder, stories: list[Article], rebuild: Callable[[], str]
) -> None:
    def write() -> None:
        for number in range(60):
            put(store, toy_encoder, variant(stories[number], title=f"Changed {number}"))
            store.delete(stories[number].id) if number % 2 else None
            if number % 20 == 0:
                rebuild()

    def read() -> int:
        answers = 0
        while not writer.done():
            known = store.latest_revision()
            view = recommender.view()
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
    assert_holds_what_is_published(recommender.view(), store)


IDS = st.sampled_from([f"story-{n:02}" for n in range(4)] + ["x", "y", "z", "É"])
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["put", "put", "delete", "draft", "unpublished"]), st.lists(IDS, min_size=1, max_size=6)
        ),
        st.tuples(st.sampled_from(["reindex", "look", "build only"]), st.just([""])),
    ),
    min_size=1,
    max_size=14,
)


@pytest.fixture(scope="module")
def prepared(
    tmp_path_factory: pytest.TempPathFactory, models: Path, toy_encoder: Encoder, stories: list[Article]
) -> Iterator[Path]:
    """A store and an index of four toy articles to copy."""
    folder = tmp_path_factory.mktemp("prepared")
    settings = Settings(store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index", models=models)
    with closing(Store(settings.store)) as store:
        ingest(store, toy_encoder, stories[:4])
        reindex(store, toy_encoder, settings)
    yield folder


@hypothesis_settings(max_examples=30)
@given(STEPS, st.integers(0, 3))
def test_after_any_changes_the_view_holds_exactly_what_is_published(
    prepared: Path, models: Path, toy_encoder: Encoder, steps: list[tuple[str, list[str]]], most_recent: int
) -> None:
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommend.live._MOST_RECENT", most_recent)
        folder = shutil.copytree(prepared, Path(name) / "copy")
        settings = Settings(store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index", models=models)
        with closing(Store(settings.store)) as store:
            live = LiveView(store, layout := IndexLayout(settings.index))
            for number, (step, ids) in enumerate(steps):
                if step == "delete":
                    for article_id in ids:
                        store.delete(article_id)
                elif step == "reindex":
                    reindex(store, toy_encoder, settings, full=True)
                elif step == "build only":
                    build_snapshot(store, layout, toy_encoder, settings.indexing, 200)
                elif step != "look":
                    status = "published" if step == "put" else step
                    rows = [{"id": i, "title": f"{i} {number}", "status": status} for i in ids]
                    ingest(store, toy_encoder, map(parse_article, rows), republish=True)
                if number % 2 or step == "look":
                    assert_holds_what_is_published(live.refresh(), store)
            assert_holds_what_is_published(live.refresh(), store)
            assert_holds_what_is_published(LiveView(store, layout).refresh(), store)
