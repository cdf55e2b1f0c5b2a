"""No output overwrites an input, a store, a snapshot or what another program wrote (rows P3 and P4)."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from recommend.articles.events import Event
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.settings import Settings
from recommend.store import Store
from running import Recommend, store_of, tree

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "examples" / "corpus" / "articles.jsonl"

_EVALUATE = ["evaluate", "--articles", "articles.jsonl", "--qrels", "qrels.tsv"]
_TRAIN = ["--articles", "articles.jsonl", "--qrels", "qrels.tsv"]
OUTPUTS: dict[str, list[str]] = {
    "rejects": ["ingest", "articles.jsonl", "--rejects"],
    "export": ["export", "--out"],
    "backup": ["backup", "--out"],
    "run": [*_EVALUATE, "--run-out"],
    "report": [*_EVALUATE, "--report"],
    "events": ["events", "export", "--out"],
    "clicks": ["events", "qrels", "--out"],
    "ranker": ["train", "ranker", *_TRAIN, "--out"],
    "adapter": ["train", "adapter", *_TRAIN, "--hold-out", "2026-01-01", "--out"],
    "encoder": ["train", "encoder", *_TRAIN, "--hold-out", "2026-01-01", "--out"],
}
READS_FILES = {"rejects", "run", "report", "ranker", "adapter", "encoder"}


def targets(settings: Settings, folder: Path) -> dict[str, Path]:
    """Files that are to be kept, by what a message must say of them."""
    file = store_of(settings)
    name = current_name(IndexLayout(settings.index)) or ""
    link, hard = folder / "link.jsonl", folder / "hard.jsonl"
    link.symlink_to(file)
    os.link(file, hard)
    return {
        "the store": file,
        "the store (link)": link,
        "the store (hard link)": hard,
        "the store (log)": file.with_name(f"{file.name}-wal"),
        "the store (shared memory)": file.with_name(f"{file.name}-shm"),
        "the index": settings.index / "snapshots" / name / "articles.arrow",
        "the index (new)": settings.index / "boxes.jsonl",
        "the index (folder)": settings.index,
    }


def inputs(folder: Path) -> None:
    (folder / "articles.jsonl").write_bytes(b"\n".join([*SOURCE.read_bytes().splitlines()[:20], b"{}"]))
    (folder / "qrels.tsv").write_text("a\t0\tb\t1\n")


@pytest.mark.parametrize("output", OUTPUTS)
def test_no_output_takes_the_place_of_the_store_the_index_or_an_input(
    cli: Recommend, copied: Settings, tmp_path: Path, output: str, held: Callable[..., None]
) -> None:
    inputs(tmp_path)
    kept = targets(copied, tmp_path)
    if output in READS_FILES:
        kept["an input"] = tmp_path / "articles.jsonl"
        kept["an input (link)"] = tmp_path / "again.jsonl"
        kept["an input (link)"].symlink_to(tmp_path / "articles.jsonl")
    before = tree(tmp_path)
    for words, target in kept.items():
        for force in ([], ["--force"]):
            ran = cli(*OUTPUTS[output], target, *force)
            assert ran.code == 1, words
            assert words.partition(" (")[0] in ran.err
            assert "give another name" in ran.err
    assert tree(tmp_path) == before
    held("P3, P4", f"{output}: {2 * len(kept)} wrong names", requests=2 * len(kept))


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_file_of_another_kind_is_replaced_only_by_force(cli: Recommend, tmp_path: Path, output: str) -> None:
    inputs(tmp_path)
    for name, content in (("thesis.jsonl", b"Chapter one\n"), ("source.jsonl", SOURCE.read_bytes()), ("x.db", SQLITE)):
        target = tmp_path / name
        target.write_bytes(content)
        ran = cli(*OUTPUTS[output], name)
        assert ran.code == 1
        assert name in ran.err
        assert target.read_bytes() == content


_CLICK = Event(kind="click", article_id="a", item_id="b", position=1)
SQLITE = b"SQLite format 3\0\x10\0\2\2" + bytes(80)


@pytest.mark.parametrize("output", ["rejects", "export", "backup", "events"])
def test_what_an_output_wrote_it_replaces_and_anything_else_by_force(
    cli: Recommend, copied: Settings, tmp_path: Path, output: str
) -> None:
    inputs(tmp_path)
    (tmp_path / "articles.jsonl").write_bytes(b"{}\n")
    link = tmp_path / "linked.jsonl"
    link.symlink_to(tmp_path / "out.jsonl")
    with closing(Store(copied.store)) as store:
        store.events.add([_CLICK])
    for target in (tmp_path / "out.jsonl", tmp_path / "out.jsonl", link):
        assert cli(*OUTPUTS[output], target).code in {0, 3}
    assert link.is_symlink()
    first = (tmp_path / "out.jsonl").read_bytes()
    (tmp_path / "out.jsonl").write_bytes(b"Chapter one\n")
    assert cli(*OUTPUTS[output], tmp_path / "out.jsonl", "--force").code in {0, 3}
    assert len((tmp_path / "out.jsonl").read_bytes()) == len(first)
    assert not [path for path in tmp_path.iterdir() if ".part" in path.name]


def test_a_device_is_written_to_and_stays_one(cli: Recommend, tmp_path: Path) -> None:
    device, full = tmp_path / "null", tmp_path / "full"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.mknod(full, 0o666 | stat.S_IFCHR, os.makedev(1, 7))
    except PermissionError:
        pytest.skip("only root makes devices")
    (tmp_path / "bad.jsonl").write_bytes(b"{}\n")
    assert cli("ingest", "bad.jsonl", "--rejects", device).code == 3
    assert stat.S_ISCHR(device.stat().st_mode)
    ran = cli("ingest", "bad.jsonl", "--rejects", full)
    assert (ran.code, "full" in ran.err, "No space left on device" in ran.err) == (1, True, True)
    assert stat.S_ISCHR(full.stat().st_mode)


def test_a_folder_to_work_in_is_not_that_of_the_live_store_and_index(
    cli: Recommend, copied: Settings, tmp_path: Path
) -> None:
    inputs(tmp_path)
    before = tree(tmp_path)
    for arguments in ([*_EVALUATE, "--scratch", "."], ["demo", "--folder", "."]):
        ran = cli(*arguments)
        assert ran.code == 1
        assert "give another folder" in ran.err
    assert tree(tmp_path) == before
