from __future__ import annotations

import builtins
import io
import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import orjson
import pytest

from effort import spread
from recommend.articles.article import Article
from recommend.errors import SnapshotError
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout, Manifest
from recommend.index.snapshot.open import confirm, open_snapshot, open_verified, verify
from recommend.index.snapshot.publishing import locked, prune, publish
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def assert_tidy(newsroom: Newsroom, *snapshots: str) -> None:
    assert names(newsroom.layout.snapshots) == sorted(snapshots)
    assert names(newsroom.layout.root) == [
        ".lock", ".verified", "CURRENT", "PUBLISHED", "STORE", "last_run.json", "snapshots"
    ]  # fmt: skip
    assert {*names(newsroom.layout.verified)} <= {*snapshots}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.mark.parametrize("kind", ["flat", "ivf-pq", "ivf-sq8", "ivf-rabitq"])
def test_a_snapshot_is_a_function_of_the_stores_content_alone(
    newsroom: Newsroom, tmp_path: Path, stories: list[Article], kind: str
) -> None:
    many = [story.model_copy(update={"id": f"{story.id}-{copy}"}) for story in stories for copy in range(4)]
    found = []
    for side in "ab":
        settings = newsroom.settings.model_copy(update={"index": tmp_path / side})
        with closing(Store(f"sqlite:///{tmp_path / side}.db")) as store:
            one = replace(newsroom, store=store, settings=settings).indexing(kind=kind, verify_recall=0.5)
            one.take(*random.Random(side).sample(many, len(many)))
            one.reindex()
        files = contents(one.layout.snapshot(one.live.name).root)
        manifest = orjson.loads(files.pop("manifest.json"))
        assert manifest.pop("created_at")
        found.append((manifest, files))
    assert found[0] == found[1]


def test_flipped_bits_missing_files_and_extra_files_are_found_and_named(newsroom: Newsroom) -> None:
    layout, live, chance = newsroom.layout, newsroom.live, random.Random(4)
    root = layout.snapshot(live.name).root
    assert set(contents(root)) == {"manifest.json", *live.sha256}
    for name in live.sha256:
        content = (root / name).read_bytes()
        places = (0, chance.randrange(len(content)), len(content) - 1) if content else ()  # no tags, no vocabulary
        for position in (*places, None):
            spoilt = bytearray(content)
            if position is None:
                (root / name).unlink()
            else:
                spoilt[position] ^= 1 << chance.randrange(8)
                (root / name).write_bytes(spoilt)
            with pytest.raises(SnapshotError, match=name):
                verify(layout, live.name)
        (root / name).write_bytes(content)
    assert verify(layout, live.name) == live
    (root / "lexical" / "extra.npy").touch()
    with pytest.raises(SnapshotError, match=r"extra\.npy"):
        publish(layout, live.name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda m: orjson.dumps({**m.model_dump(), "format": 99}),
            "a later release: it has format 99 != 7",
        ),
        (
            lambda m: orjson.dumps({"format": 3, "other": "fields"}),
            "an earlier release: it has format 3 != 7",
        ),
        (lambda m: orjson.dumps({**m.model_dump(), "articles": 61}), r"\(60, 48\), not float16 \(61, 48\)"),
        (lambda m: orjson.dumps({**m.model_dump(), "surprise": 1}), "malformed"),
        (lambda m: orjson.dumps(m.model_dump())[:-9], "malformed"),
        (lambda m: b"", "malformed"),
    ],
)
def test_a_manifest_of_another_format_or_a_wrong_one_is_refused(
    newsroom: Newsroom, spoil: Callable[[Manifest], bytes], message: str
) -> None:
    name = newsroom.live.name
    newsroom.layout.snapshot(name).manifest.write_bytes(spoil(newsroom.live))
    with pytest.raises(SnapshotError, match=message):
        publish(newsroom.layout, name)


def test_a_snapshot_that_does_not_exist_is_named(newsroom: Newsroom) -> None:
    for use in (open_snapshot, verify, publish):
        with pytest.raises(SnapshotError, match=r"no-such-snapshot is not a snapshot: it has no manifest\.json"):
            use(newsroom.layout, "no-such-snapshot")


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/tmp", ".building-x", "a/b", "a\\b", "nul\x00", "long" * 999])
def test_what_is_no_name_is_refused_before_anything_is_opened(newsroom: Newsroom, name: str) -> None:
    for use in (open_snapshot, verify, publish, confirm, open_verified):
        with pytest.raises(SnapshotError, match=r"is not a valid name of a snapshot: recommend snapshots lists"):
            use(newsroom.layout, name)


@pytest.mark.parametrize("kind", ["auto", "flat", "ivf-pq", "ivf-sq8", "ivf-rabitq"])
def test_an_empty_store_has_a_snapshot_too(newsroom: Newsroom, stories: list[Article], kind: str) -> None:
    for story in stories:
        newsroom.store.delete(story.id)
    name = newsroom.indexing(kind=kind, verify_shrink=1).reindex().manifest.name
    assert len(open_snapshot(newsroom.layout, name).segment) == 0


def test_an_index_that_misses_neighbours_is_not_published_and_leaves_nothing(newsroom: Newsroom) -> None:
    vectors = np.random.default_rng(3).normal(size=(3000, 48)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    newsroom.store.put([(Article(id=str(n), title=f"T {n}"), vector) for n, vector in enumerate(vectors)], "toy")
    few = newsroom.settings.ranking.model_copy(update={"candidates": 10})
    strict = replace(newsroom, settings=newsroom.settings.model_copy(update={"ranking": few}))
    live = newsroom.live.name
    with pytest.raises(SnapshotError, match=r"recall@10 of ivf-sq8 is 0\.\d+ < 1\.0; choose another indexing\.kind"):
        strict.indexing(kind="ivf-sq8", verify_recall=1.0).reindex()
    assert verify(newsroom.layout, newsroom.live.name).name == live
    assert_tidy(newsroom, live)


@contextmanager
def failing(module: ModuleType, function: str, call: int) -> Iterator[Callable[[], bool]]:
    """The given call of a function, counted from 0, fails as a bad disk would. Yields whether it came to that."""
    original, calls = getattr(module, function), count()

    def perhaps(*args: Any, **keywords: Any) -> Any:
        if next(calls) == call:
            raise OSError("Input/output error")
        return original(*args, **keywords)

    with patch.object(module, function, perhaps):
        yield lambda: next(calls) > call


def calls_of(module: ModuleType, function: str, job: Callable[[], object]) -> int:
    """How often a job that goes well calls a function."""
    with patch.object(module, function, wraps=getattr(module, function)) as counted:
        job()
    return counted.call_count


IN_OS = [(os, name) for name in ("replace", "rename", "fsync", "open", "close", "stat")]


@pytest.mark.parametrize(("module", "function"), [*IN_OS, (io, "open"), (builtins, "open")])
def test_on_a_failing_disk_a_whole_snapshot_is_live_and_the_next_job_cleans_up(
    newsroom: Newsroom, module: ModuleType, function: str
) -> None:
    newsroom, layout = newsroom.indexing(keep=1), newsroom.layout
    old, new = newsroom.live.name, newsroom.build().name
    for call in spread(calls_of(module, function, lambda: publish(layout, new)) + 1, 12):  # operations of publishing
        publish(layout, old)
        with failing(module, function, call) as failed:
            with suppress(OSError, SnapshotError):
                publish(layout, new)
            reached = failed()
        assert verify(layout, newsroom.live.name).name in {old, new}
    assert (reached, newsroom.live.name) == (False, new)
    came_to_it = []
    calls = calls_of(module, function, lambda: newsroom.reindex(full=True))
    for number, call in enumerate(spread(calls, 6)):  # and of the whole job
        before = newsroom.store.latest_revision()
        newsroom.store.delete(f"story-{number:02}")
        with failing(module, function, call) as failed:
            with suppress(OSError, SnapshotError):
                newsroom.reindex(full=True)
            came_to_it.append(failed())
        assert verify(layout, newsroom.live.name).revision <= before + 1
    assert any(came_to_it)
    assert_tidy(newsroom, newsroom.reindex(full=True).manifest.name)


@pytest.mark.parametrize("room", [0, 100, 300, 2_000, 5_000, 10_000])
def test_a_build_without_room_for_a_file_leaves_the_old_snapshot_and_nothing_else(
    newsroom: Newsroom, room: int
) -> None:
    live, before = newsroom.live.name, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises((OSError, RuntimeError)):  # the latter from FAISS
            newsroom.reindex(full=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert_tidy(newsroom, live)
    assert newsroom.reindex(full=True).built


def test_only_the_newest_snapshots_and_the_live_one_are_kept(newsroom: Newsroom) -> None:
    layout, live = newsroom.layout, newsroom.live.name
    built = [newsroom.build().name for _ in range(11)]
    for leftover in (".building-x", f".removed-{built[0]}"):
        (layout.snapshots / leftover).mkdir()
        (layout.snapshots / leftover / "file").touch()
    (layout.root / "CURRENT.1").touch()
    assert set(prune(layout, 3)) == set(built[:9])
    assert_tidy(newsroom, live, *built[9:])
    publish(layout, built[10])
    assert set(prune(layout, 1)) == {live, built[9]}
    assert_tidy(newsroom, built[10])


def test_a_rebuild_of_one_revision_never_overwrites_a_snapshot_that_readers_have_open(newsroom: Newsroom) -> None:
    layout, live = newsroom.layout, newsroom.live
    opened = open_snapshot(layout, live.name).segment
    before = opened.embeddings.tobytes()
    again = newsroom.build()
    assert again.name != live.name == current_name(layout)
    assert again.sha256 == live.sha256
    shutil.rmtree(layout.snapshot(live.name).root)
    assert opened.embeddings.tobytes() == before


def test_a_second_job_is_refused_while_the_first_is_at_work(newsroom: Newsroom) -> None:
    with locked(newsroom.layout), pytest.raises(SnapshotError, match=r"another job is writing .*; wait for it to end"):
        newsroom.reindex()
    assert not newsroom.reindex().built


def test_without_a_snapshot_there_is_no_name(tmp_path: Path) -> None:
    assert current_name(IndexLayout(tmp_path)) is None


@pytest.mark.parametrize(("opened", "folder", "file"), [(None, 0o700, 0o600), (0o2750, 0o750, 0o640)])
def test_a_snapshot_is_read_by_those_whom_its_folder_lets_in(
    newsroom: Newsroom, stories: list[Article], opened: int | None, folder: int, file: int
) -> None:
    before = os.umask(0o022)
    try:
        shutil.rmtree(newsroom.layout.root)
        newsroom.reindex()
        if opened is not None:
            newsroom.layout.snapshots.chmod(opened)
        newsroom.take(stories[0].model_copy(update={"title": "Changed"}))
        newsroom.reindex()
    finally:
        os.umask(before)
    made = newsroom.layout.snapshot(newsroom.live.name).root
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in (made, *made.rglob("*"))}
    assert modes == {(True, folder), (False, file)}
    assert newsroom.layout.snapshots.stat().st_mode & 0o777 == folder
