from __future__ import annotations

import builtins
import io
import logging
import os
import random
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from errno import ENOSPC
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import orjson
import pytest

from recommend.article import Article, parse_article
from recommend.encoder import Encoder
from recommend.errors import SnapshotError
from recommend.ingest import ingest
from recommend.reindex import reindex
from recommend.settings import IndexSettings, Settings
from recommend.snapshot import (
    IndexLayout,
    Manifest,
    build_snapshot,
    current_name,
    locked,
    open_snapshot,
    prune,
    publish,
    verify,
)
from recommend.store import Store

DEPTH = 200


@pytest.fixture
def live(layout: IndexLayout) -> Manifest:
    """The manifest of the published snapshot."""
    name = current_name(layout)
    assert name is not None
    return layout.snapshot(name).read_manifest()


def build(store: Store, layout: IndexLayout, encoder: Encoder, **settings: Any) -> Manifest:
    return build_snapshot(store, layout, encoder, IndexSettings(**settings), DEPTH)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


@pytest.mark.parametrize("kind", ["flat", "ivf-sq8", "ivf-rabitq"])
def test_a_snapshot_is_a_function_of_the_stores_content_alone(
    tmp_path: Path, toy_encoder: Encoder, stories: list[Article], kind: str
) -> None:
    found = []
    chance = random.Random(2)
    many = [story.model_copy(update={"id": f"{story.id}-{copy}"}) for story in stories for copy in range(4)]
    for side in ("a", "b"):
        with closing(Store(f"sqlite:///{tmp_path / side}.db")) as store:
            ingest(store, toy_encoder, chance.sample(many, len(many)))
            layout = IndexLayout(tmp_path / side)
            name = build(store, layout, toy_encoder, kind=kind, verify_recall=0.5).name
        found.append((name, contents(layout.snapshot(name).root)))
    for _, files in found:
        manifest = orjson.loads(files.pop("manifest.json"))
        assert manifest.pop("created_at")
    assert found[0] == found[1]


def test_the_files_are_on_disk_with_the_checksums_of_the_manifest(layout: IndexLayout, live: Manifest) -> None:
    files = contents(layout.snapshot(live.name).root)
    assert set(files) == {"manifest.json", *live.sha256}
    assert verify(layout, live.name) == live
    opened = open_snapshot(layout, live.name)
    assert len(opened.segment) == live.articles == 60
    assert isinstance(opened.segment.embeddings, np.memmap)


def test_a_flipped_bit_in_any_file_is_found_and_named(layout: IndexLayout, live: Manifest) -> None:
    root = layout.snapshot(live.name).root
    chance = random.Random(4)
    for name, content in contents(root).items():
        if name == "manifest.json":
            continue
        for position in {0, len(content) - 1, *chance.choices(range(len(content)), k=3)}:
            spoilt = bytearray(content)
            spoilt[position] ^= 1 << chance.randrange(8)
            (root / name).write_bytes(spoilt)
            with pytest.raises(SnapshotError, match=name):
                verify(layout, live.name)
        (root / name).write_bytes(content)
    verify(layout, live.name)


def test_a_missing_and_an_extra_file_are_found_and_named(layout: IndexLayout, live: Manifest) -> None:
    root = layout.snapshot(live.name).root
    for name in live.sha256:
        (root / name).rename(layout.root / "aside")
        with pytest.raises(SnapshotError, match=name):
            verify(layout, live.name)
        (layout.root / "aside").rename(root / name)
    (root / "lexical" / "extra.npy").write_bytes(b"")
    with pytest.raises(SnapshotError, match=r"extra\.npy"):
        verify(layout, live.name)


def test_counts_that_contradict_the_manifest_are_found(layout: IndexLayout, live: Manifest) -> None:
    file = layout.snapshot(live.name).manifest
    file.write_bytes(orjson.dumps({**live.model_dump(), "articles": 61}))
    with pytest.raises(SnapshotError, match=r"\[60\] articles != 61"):
        verify(layout, live.name)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda m: orjson.dumps({**m.model_dump(), "format": 99}), "has format 99 != 1; run recommend reindex"),
        (lambda m: orjson.dumps({**m.model_dump(), "surprise": 1}), "malformed"),
        (lambda m: orjson.dumps(m.model_dump())[:-9], "malformed"),
        (lambda m: b"", "malformed"),
    ],
)
def test_a_manifest_of_another_format_or_a_torn_one_is_refused(
    layout: IndexLayout, live: Manifest, spoil: Callable[[Manifest], bytes], message: str
) -> None:
    layout.snapshot(live.name).manifest.write_bytes(spoil(live))
    with pytest.raises(SnapshotError, match=message):
        open_snapshot(layout, live.name)
    with pytest.raises(SnapshotError, match=message):
        publish(layout, live.name)


@pytest.mark.parametrize("name", ["no-such-snapshot", "", "..", "nul\x00", "long" * 999])
def test_a_snapshot_that_does_not_exist_is_named(layout: IndexLayout, name: str) -> None:
    with pytest.raises(SnapshotError, match="manifest.json"):
        open_snapshot(layout, name)


@pytest.mark.parametrize("left", [0.0, 0.5])
def test_opening_a_snapshot_with_a_truncated_file_is_one_clear_error(
    layout: IndexLayout, live: Manifest, left: float
) -> None:
    root = layout.snapshot(live.name).root
    for name in set(live.sha256) - {"vectors.faiss"}:  # of a corpus this small the FAISS index is not opened
        content = (root / name).read_bytes()
        (root / name).write_bytes(content[: int(len(content) * left)])
        with pytest.raises(SnapshotError):
            open_snapshot(layout, live.name)
        (root / name).write_bytes(content)


def test_an_index_that_misses_neighbours_is_not_published_and_leaves_nothing(
    store: Store, settings: Settings, toy_encoder: Encoder, live: Manifest, layout: IndexLayout
) -> None:
    chance = np.random.default_rng(3)
    vectors = chance.normal(size=(3000, toy_encoder.dimension))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [(parse_article({"id": str(n), "title": f"T {n}"}), v.astype(np.float32)) for n, v in enumerate(vectors)]
    store.put(rows, "toy")
    strict = {
        "indexing": IndexSettings(kind="ivf-sq8", verify_recall=1.0),
        "ranking": settings.ranking.model_copy(update={"candidates": 10}),
    }
    with pytest.raises(SnapshotError, match=r"recall@10 of ivf-sq8 is 0\.\d+ < 1\.0; choose another indexing\.kind"):
        reindex(store, toy_encoder, settings.model_copy(update=strict))
    assert current_name(layout) == live.name
    assert os.listdir(layout.snapshots) == [live.name]
    verify(layout, live.name)


@pytest.mark.parametrize("kind", ["auto", "flat", "ivf-sq8", "ivf-rabitq"])
def test_an_empty_store_has_a_snapshot_too(store: Store, tmp_path: Path, toy_encoder: Encoder, kind: str) -> None:
    layout = IndexLayout(tmp_path / "index")
    manifest = build(store, layout, toy_encoder, kind=kind)
    publish(layout, manifest.name)
    assert len(open_snapshot(layout, manifest.name).segment) == 0


@contextmanager
def failing(module: ModuleType, function: str, call: int) -> Iterator[Callable[[], bool]]:
    """The given call of a function, counted from 0, fails as on a full disk. Yields whether it came to that."""
    original, calls, failed = getattr(module, function), count(), False

    def perhaps(*args: Any, **keywords: Any) -> Any:
        nonlocal failed
        if next(calls) == call:
            failed = True
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        return original(*args, **keywords)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, function, perhaps)
        yield lambda: failed


FUNCTIONS = [
    (os, "replace"),
    (os, "rename"),
    (os, "fsync"),
    (os, "open"),
    (os, "close"),
    (os, "stat"),
    (io, "open"),
    (builtins, "open"),
]


@pytest.mark.parametrize(("module", "function"), FUNCTIONS)
def test_publishing_on_a_failing_disk_leaves_a_whole_snapshot_live(
    layout: IndexLayout, live: Manifest, store: Store, toy_encoder: Encoder, module: ModuleType, function: str
) -> None:
    store.delete("story-00")
    new = build(store, layout, toy_encoder).name
    for call in count():
        publish(layout, live.name)
        with failing(module, function, call) as failed:
            try:
                publish(layout, new)
                published = True
            except (OSError, SnapshotError):
                published = False
        name = current_name(layout)
        assert name == new if published else name in {live.name, new}
        assert name is not None
        verify(layout, name)
        if not failed():
            break
    assert current_name(layout) == new


@pytest.mark.parametrize(("module", "function"), FUNCTIONS)
def test_a_job_on_a_failing_disk_leaves_a_whole_snapshot_live_and_the_next_one_cleans_up(
    layout: IndexLayout,
    live: Manifest,
    store: Store,
    settings: Settings,
    toy_encoder: Encoder,
    module: ModuleType,
    function: str,
) -> None:
    small = settings.model_copy(update={"indexing": IndexSettings(keep=1)})
    failures = 0
    for call in count(step=7 if (module, function) in {(os, "stat"), (io, "open")} else 1):
        store.delete(f"story-{call:02}")
        with failing(module, function, call) as failed:
            try:
                reindex(store, toy_encoder, small, full=True)
            except (OSError, SnapshotError):
                failures += 1
        name = current_name(layout)
        assert name is not None
        assert verify(layout, name).articles <= 60
        if not failed():
            break
    assert failures
    reindex(store, toy_encoder, small, full=True)
    assert os.listdir(layout.snapshots) == [current_name(layout)]
    assert sorted(os.listdir(layout.root)) == [".lock", "CURRENT", "snapshots"]


@pytest.mark.parametrize("room", [0, 100, 300, 2_000, 5_000, 10_000])
def test_a_build_without_room_for_a_file_leaves_the_old_snapshot_and_nothing_else(
    layout: IndexLayout, live: Manifest, store: Store, settings: Settings, toy_encoder: Encoder, room: int
) -> None:
    store.delete("story-00")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises((OSError, RuntimeError)):  # the latter from FAISS
            reindex(store, toy_encoder, settings)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert current_name(layout) == live.name
    assert os.listdir(layout.snapshots) == [live.name]
    assert reindex(store, toy_encoder, settings).manifest.articles == 59


def test_an_unpublished_build_changes_nothing_for_readers(
    layout: IndexLayout, live: Manifest, store: Store, toy_encoder: Encoder
) -> None:
    store.delete("story-00")
    assert build(store, layout, toy_encoder).revision == 61
    assert current_name(layout) == live.name


def test_only_the_newest_snapshots_and_the_live_one_are_kept(
    layout: IndexLayout, live: Manifest, store: Store, toy_encoder: Encoder
) -> None:
    names = [build(store, layout, toy_encoder).name for _ in range(11)]
    assert len({live.name, *names}) == 12
    (layout.snapshots / ".building-x").mkdir()
    (layout.snapshots / f".removed-{names[0]}").mkdir()
    (layout.snapshots / f".removed-{names[0]}" / "left").touch()
    (layout.root / "CURRENT.1").touch()
    assert sorted(prune(layout, 3)) == sorted(names[:9])
    assert sorted(os.listdir(layout.snapshots)) == sorted([live.name, *names[9:]])
    assert sorted(os.listdir(layout.root)) == [".lock", "CURRENT", "snapshots"]
    publish(layout, names[10])
    assert sorted(prune(layout, 1)) == sorted([live.name, names[9]])
    verify(layout, names[10])


def test_a_rebuild_of_one_revision_never_overwrites_a_snapshot_that_readers_have_open(
    layout: IndexLayout, live: Manifest, store: Store, toy_encoder: Encoder
) -> None:
    opened = open_snapshot(layout, live.name)
    before = opened.segment.embeddings.tobytes()
    again = build(store, layout, toy_encoder)
    assert again.name != live.name
    assert again.sha256 == live.sha256
    shutil.rmtree(layout.snapshot(live.name).root)
    assert opened.segment.embeddings.tobytes() == before


def test_a_second_job_is_refused_while_the_first_is_at_work(
    layout: IndexLayout, store: Store, settings: Settings, toy_encoder: Encoder
) -> None:
    with locked(layout), pytest.raises(SnapshotError, match="another job is writing .*; wait for it to end"):
        reindex(store, toy_encoder, settings)
    reindex(store, toy_encoder, settings)


def test_a_torn_live_snapshot_is_built_anew(
    layout: IndexLayout,
    live: Manifest,
    store: Store,
    settings: Settings,
    toy_encoder: Encoder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file = layout.snapshot(live.name).embeddings
    file.write_bytes(file.read_bytes()[:-1])
    with caplog.at_level(logging.WARNING):
        result = reindex(store, toy_encoder, settings)
    assert result.built
    assert f"building anew: snapshot {live.name}: embeddings.npy" in caplog.text
    verify(layout, result.manifest.name)
