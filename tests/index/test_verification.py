"""A snapshot is verified before it is served: once for each machine, and again when a file was touched."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from effort import examples
from recommend.articles.curation import Curation
from recommend.errors import SnapshotError
from recommend.files import file_sha256
from recommend.index.live import LiveView
from recommend.index.snapshot.catalog import current_name, list_snapshots
from recommend.index.snapshot.layout import SnapshotLayout
from recommend.index.snapshot.open import Snapshot, open_verified, verify
from recommend.index.snapshot.publishing import point_to, prune, publish
from recommend.index.snapshot.stamps import is_stamped
from recommend.jobs.rollback import rollback

if TYPE_CHECKING:
    from conftest import Newsroom


def copied(newsroom: Newsroom, name: str = "copied") -> SnapshotLayout:
    """The live snapshot under another name, as a copy from another machine would come."""
    live, copy = newsroom.layout.snapshot(newsroom.live.name), newsroom.layout.snapshot(name)
    shutil.copytree(live.root, copy.root)
    signed(copy, name=name)
    return copy


def signed(parts: SnapshotLayout, **fields: object) -> None:
    """Writes the checksums of what is there into the manifest, as who changes a file on purpose would."""
    manifest = orjson.loads(parts.manifest.read_bytes())
    parts.manifest.write_bytes(orjson.dumps({**manifest, "sha256": parts.checksums(), **fields}))


def followed(live: LiveView, until: Callable[[], bool]) -> None:
    """Looks until something holds."""
    deadline = time.monotonic() + 60
    while not until():
        assert time.monotonic() < deadline, live.problem
        live.refresh()
        time.sleep(0.005)


SWITCH = """
import random, sys
from pathlib import Path
from recommend.index.live import LiveView
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.store import Store

store, layout, chance = Store(sys.argv[1]), IndexLayout(Path(sys.argv[2])), random.Random(3)
root, good = layout.snapshot("copied").root, current_name(layout)
files = sorted(path for path in root.rglob("*") if path.is_file())
contents = {path: path.read_bytes() for path in files}

def flipped(content):
    spoilt = bytearray(content or b"x")
    for place in chance.sample(range(len(spoilt)), max(1, len(spoilt) // 200)):
        spoilt[place] ^= 1 << chance.randrange(8)
    return bytes(spoilt)

def one_bit(content):
    spoilt = bytearray(content or b"x")
    spoilt[chance.randrange(len(spoilt))] ^= 1
    return bytes(spoilt)

ways = [flipped, flipped, one_bit, lambda c: c[: len(c) // 2], lambda c: b"", lambda c: c + b"x", None]
ways.append(lambda c: contents[chance.choice(files)] if c != contents[files[0]] else b"{}")
tried = 0
for number, (path, content) in enumerate(contents.items()):
    for way in [ways[(number + place) % len(ways)] for place in range(int(sys.argv[3]))]:
        spoilt = None if way is None else way(content)
        if spoilt == content:
            continue
        live = LiveView(store, layout)
        path.unlink() if spoilt is None else path.write_bytes(spoilt)
        layout.current.unlink()
        layout.current.write_text("copied\\n")
        view = live.refresh()
        assert view.snapshot.manifest.name == good, (path, way)
        assert live.problem.startswith(f"still serving snapshot {good}: "), live.problem
        said = path.name if path.name != "manifest.json" else "copied"
        assert said in live.problem or path.parent.name in live.problem, (path, live.problem)
        assert LiveView(store, layout).refresh().snapshot.manifest.name == good  # at a start
        path.write_bytes(content)
        layout.current.unlink()
        layout.current.write_text(f"{good}\\n")
        tried += 1
layout.current.write_text("copied\\n")
assert LiveView(store, layout).refresh().snapshot.manifest.name == "copied"
print(tried, len(files))
"""


def test_no_damage_to_any_file_is_ever_served_or_ends_a_process(newsroom: Newsroom) -> None:
    copied(newsroom)
    newsroom.store.close()
    each = examples(3, 8)  # ways in turn for each file
    arguments = [newsroom.settings.store, str(newsroom.settings.index), str(each)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SWITCH, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    tried, files = map(int, done.stdout.split())
    assert files == len(newsroom.live.sha256) + 1
    assert tried >= (each - 1) * files


RANGES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "neighbours.npy": (lambda a: a + 60, "holds 6. to 1.., not within 0 and 59"),
    "embeddings.npy": (lambda a: a * np.float16(np.inf), "not finite"),
    "lengths.npy": (lambda a: a.astype(np.float64), "float64"),
    "groups.npy": (lambda a: a[1:], r"\(59,\)"),
    "content_hashes.npy": (lambda a: a.astype(np.int32), "int32"),
    "lexical/rows.indices.npy": (lambda a: a + 100_000, "not within 0"),
    "lexical/rows.indptr.npy": (lambda a: a[::-1].copy(), "does not divide"),
    "lexical/rows.data.npy": (lambda a: a[:-1], "rows.data.npy"),
    "lexical/rows.counts.npy": (lambda a: a[:-1], "not equally many"),
    "lexical/postings.indices.npy": (lambda a: -a - 1, "not within 0"),
    "lexical/postings.data.npy": (lambda a: a * np.float32(np.nan), "not finite"),
    "lexical/weights.npy": (lambda a: a[:-1], "weights.npy"),
    "projection/mean.npy": (lambda a: a[:-1], r"\(47,\), not float32 \(48,\)"),
    "sentences/starts.npy": (lambda a: a + 1, "does not divide"),
    "boilerplate.npy": (lambda a: a.astype(np.int64), "not a row of uint64"),
    "backlinks/rows.indices.npy": (lambda a: a + 100, "not within 0"),
    "backlinks/linking.npy": (lambda a: a[::-1].copy(), "not an ascending list of groups"),
    "titles/means.npy": (lambda a: np.ones((1, 48), np.float32), r"\(1, 48\), not float32 \(0, 48\)"),
}
OTHERWISE: dict[str, tuple[Callable[[Any], Any], str]] = {
    "neighbours.npy": (lambda a: a[1:], r"has shape \(59, \d+\), not of 60 articles"),
    "lexical/rows.indices.npy": (lambda a: a.astype(np.float64), "is float64, not int32 or int64"),
}


@pytest.mark.parametrize(
    ("file", "spoil", "message"), [(file, *way) for ways in (RANGES, OTHERWISE) for file, way in ways.items()]
)
def test_what_lies_out_of_range_is_refused_though_the_checksums_are_right(
    newsroom: Newsroom, file: str, spoil: Callable[[Any], Any], message: str
) -> None:
    parts = copied(newsroom)
    np.save(parts.root / file, spoil(np.load(parts.root / file)))
    signed(parts)
    with pytest.raises(SnapshotError, match=message):
        verify(newsroom.layout, "copied")


@pytest.mark.parametrize(
    ("rows", "message"), [(range(59), "holds 59 articles != 60"), (range(59, -1, -1), "not in ascending order of ids")]
)
def test_a_table_of_other_articles_is_refused_though_the_checksums_are_right(
    newsroom: Newsroom, rows: range, message: str
) -> None:
    parts = copied(newsroom)
    table = pa.ipc.open_file(parts.articles.read_bytes()).read_all().take([*rows]).combine_chunks()
    with pa.OSFile(str(parts.articles), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    signed(parts)
    with pytest.raises(SnapshotError, match=message):
        verify(newsroom.layout, "copied")


def test_a_kind_of_index_that_does_not_exist_is_named(newsroom: Newsroom) -> None:
    signed(copied(newsroom), kind="brute")
    with pytest.raises(SnapshotError, match="kind of index 'brute', which does not exist"):
        verify(newsroom.layout, "copied")


@pytest.mark.parametrize("kind", ["flat", "ivf-pq", "ivf-sq8", "ivf-rabitq"])
def test_an_index_of_other_vectors_is_refused_though_the_checksums_are_right(newsroom: Newsroom, kind: str) -> None:
    newsroom = newsroom.indexing(kind=kind, verify_recall=0.1, verify_shrink=1)
    newsroom.reindex()
    verify(newsroom.layout, newsroom.live.name)
    parts = copied(newsroom)
    newsroom.store.delete("story-00")
    newsroom.reindex()
    shutil.copy(newsroom.layout.snapshot(newsroom.live.name).vectors, parts.vectors)
    signed(parts)
    with pytest.raises(SnapshotError, match=r"FAISS index is over \(59, 48\) != \(60, 48\) vectors"):
        verify(newsroom.layout, "copied")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The snapshots whose files are read through, as they are."""
    found = list[str]()
    original = SnapshotLayout.checksums

    def noted(parts: SnapshotLayout) -> dict[str, str]:
        found.append(parts.root.name)
        return original(parts)

    monkeypatch.setattr(SnapshotLayout, "checksums", noted)
    return found


def test_a_snapshot_is_read_through_once_and_again_when_it_was_touched(newsroom: Newsroom, reads: list[str]) -> None:
    layout, name = newsroom.layout, newsroom.live.name
    for _ in range(3):
        LiveView(newsroom.store, layout)
    assert reads == []  # the job that published it had verified it
    file = layout.snapshot(name).lengths
    times = file.stat()
    file.write_bytes(file.read_bytes())
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not is_stamped(layout, name)
    LiveView(newsroom.store, layout)
    LiveView(newsroom.store, layout)
    assert reads == [name, name]  # who only reads leaves no stamp
    LiveView(newsroom.store, layout, serving=True)
    LiveView(newsroom.store, layout, serving=True)
    assert reads == [name] * 3
    (layout.snapshot(name).root / "extra").touch()
    assert not is_stamped(layout, name)


def test_a_stamp_is_not_copied_with_its_snapshot(newsroom: Newsroom, tmp_path: Path, reads: list[str]) -> None:
    elsewhere = Path(shutil.copytree(newsroom.settings.index, tmp_path / "elsewhere"))  # times are kept
    settings = newsroom.settings.model_copy(update={"index": elsewhere})
    moved = replace(newsroom, settings=settings)
    assert list(moved.layout.verified.iterdir())
    assert not is_stamped(moved.layout, moved.live.name)
    assert open_verified(moved.layout, moved.live.name).manifest == newsroom.live
    assert reads == [newsroom.live.name]


def test_an_index_that_may_not_be_written_to_is_verified_each_time(newsroom: Newsroom, reads: list[str]) -> None:
    layout = newsroom.layout
    shutil.rmtree(layout.verified)
    layout.verified.touch()  # where no folder can be made
    for number in (1, 2):
        assert LiveView(newsroom.store, layout, serving=True).problem is None
        assert len(reads) == number


def test_stamps_go_with_their_snapshots(newsroom: Newsroom) -> None:
    first = newsroom.live.name
    newsroom.indexing(keep=1).reindex(full=True)
    (newsroom.layout.verified / "left.1234").touch()
    prune(newsroom.layout, 1)
    assert [path.name for path in newsroom.layout.verified.iterdir()] == [newsroom.live.name] != [first]


def test_while_a_snapshot_is_verified_the_one_before_is_served_with_every_takedown(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, live, go_on = newsroom.live.name, LiveView(newsroom.store, newsroom.layout, serving=True), Event()
    original = open_verified

    def slow(*arguments: Any, **options: Any) -> Snapshot:
        assert go_on.wait(60)
        return original(*arguments, **options)

    monkeypatch.setattr("recommend.index.live.open_verified", slow)
    copied(newsroom)
    point_to(newsroom.layout, "copied")
    for number in range(3):
        newsroom.store.delete(f"story-0{number}")
        view = live.refresh()
        assert (view.snapshot.manifest.name, len(view), live.problem) == (old, 59 - number, None)
    go_on.set()
    followed(live, lambda: live.refresh().snapshot.manifest.name == "copied")
    assert (len(live.refresh()), live.problem) == (57, None)
    newsroom.store.delete("story-09")
    assert live.refresh().locate("story-09") is None
    assert is_stamped(newsroom.layout, "copied")


def test_what_is_published_while_another_is_verified_wins(newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch) -> None:
    live, go_on = LiveView(newsroom.store, newsroom.layout, serving=True), Event()
    original = open_verified

    def slow(layout: Any, name: str, **options: Any) -> Snapshot:
        assert name != "copied" or go_on.wait(60)
        return original(layout, name, **options)

    monkeypatch.setattr("recommend.index.live.open_verified", slow)
    copied(newsroom)
    point_to(newsroom.layout, "copied")
    live.refresh()
    name = newsroom.reindex(full=True).manifest.name
    go_on.set()
    seen = list[str]()

    def look() -> bool:
        seen.append(live.refresh().snapshot.manifest.name)
        return seen[-1] == name

    followed(live, look)
    assert "copied" not in seen


def test_a_service_that_starts_on_a_damaged_snapshot_serves_the_one_published_before(
    newsroom: Newsroom, caplog: pytest.LogCaptureFixture
) -> None:
    first = newsroom.live.name
    newsroom.store.delete("story-00")
    newsroom.build()  # never published: it does not stand in
    live = newsroom.reindex(full=True).manifest.name
    newsroom.store.delete("story-01")
    parts = newsroom.layout.snapshot(live)
    parts.neighbours.write_bytes(parts.neighbours.read_bytes()[:-4] + b"\xff\xff\xff\x7f")
    with caplog.at_level(logging.ERROR):
        served = LiveView(newsroom.store, newsroom.layout, serving=True)
    view = served.refresh()
    assert (view.snapshot.manifest.name, len(view)) == (first, 58)
    assert served.problem == f"serving snapshot {first} instead: snapshot {live}: " + (
        f"neighbours.npy has SHA-256 {file_sha256(parts.neighbours)} != "
        f"{parts.read_manifest().sha256['neighbours.npy']}"
    )
    assert f"serving snapshot {first} instead" in caplog.text
    shutil.rmtree(newsroom.layout.snapshot(first).root)
    with pytest.raises(SnapshotError, match=r"neighbours\.npy has SHA-256"):
        LiveView(newsroom.store, newsroom.layout)
    newsroom.reindex()
    assert served.refresh().snapshot.manifest.name == newsroom.live.name
    assert served.problem is None


def test_names_are_names_and_links_are_refused_and_disturb_no_job(newsroom: Newsroom, tmp_path: Path) -> None:
    layout, first = newsroom.layout, newsroom.live.name
    newsroom = newsroom.indexing(keep=1)
    outside = Path(shutil.copytree(layout.snapshot(first).root, tmp_path / "outside"))
    (layout.snapshots / "linked").symlink_to(outside)
    (layout.snapshots / "nowhere").symlink_to(tmp_path / "missing")
    (layout.snapshots / "notes.txt").write_text("not a snapshot")
    (layout.snapshots / "my copy").mkdir()
    name = newsroom.reindex(full=True).manifest.name
    assert current_name(layout) == name
    assert {path.name for path in layout.snapshots.iterdir()} == {name, "linked", "nowhere", "notes.txt", "my copy"}
    assert (outside / "manifest.json").is_file()
    problems = {one.name: one.problem or "" for one in list_snapshots(layout)}
    assert "is a symbolic link, which is refused" in problems["linked"]
    assert "is not a valid name of a snapshot" in problems["my copy"]
    for refused in ("linked", "nowhere"):
        with pytest.raises(SnapshotError, match="is a symbolic link, which is refused"):
            rollback(newsroom.store, newsroom.settings, lambda _: newsroom.encoder, refused)
    live = LiveView(newsroom.store, layout, serving=True)
    layout.current.write_text("")
    assert LiveView(newsroom.store, layout).refresh().snapshot.manifest.name == name  # the latest that was published
    for current in ("../../outside", str(outside), "linked", "..", "\x00", "a\nb"):
        layout.current.unlink()
        layout.current.write_text(current)
        followed(live, lambda: live.problem is not None)
        assert live.refresh().snapshot.manifest.name == name
        publish(layout, name)
        followed(live, lambda: live.problem is None)
    parts = layout.snapshot(name)
    parts.groups.unlink()
    parts.groups.symlink_to(outside / "groups.npy")
    with pytest.raises(SnapshotError, match=r"groups\.npy is a symbolic link"):
        verify(layout, name)


def test_a_folder_with_the_manifest_of_another_snapshot_is_refused(newsroom: Newsroom) -> None:
    shutil.copytree(newsroom.layout.snapshot(newsroom.live.name).root, newsroom.layout.snapshot("other").root)
    with pytest.raises(SnapshotError, match=f"snapshot other: manifest.json is that of '{newsroom.live.name}'"):
        publish(newsroom.layout, "other")


def test_what_is_hidden_does_not_depend_on_what_the_clock_was_when_the_view_was_made(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    newsroom.store.curations.put("story-03", Curation(hidden_until=now + timedelta(hours=1)), "editor")

    class Ahead(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Ahead:
            return cls.fromtimestamp(datetime.now(tz).timestamp() + 86_400, tz)

    with monkeypatch.context() as patch:  # a process that starts while its clock is a day ahead
        patch.setattr("recommend.index.live.datetime", Ahead, raising=False)
        patch.setattr(time, "time", (now + timedelta(days=1)).timestamp)
        recommender = newsroom.recommender()
        assert recommender.related("story-09", 59)
    assert "story-03" not in {one.id for one in recommender.related("story-09", 59)}
    newsroom.store.delete("story-04")
    assert "story-03" not in {one.id for one in recommender.related("story-09", 59)}
    shown = recommender.view().shown(0, (now + timedelta(days=1)).timestamp())
    assert shown is None
