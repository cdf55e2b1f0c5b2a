"""Files that appear whole or not at all, and the kinds of outputs by which one may take the place of another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from recommend.cli.events import EVENTS, SCHEMA
from recommend.cli.intake import REJECTS, RejectsFile
from recommend.encoder.adapter import ADAPTER
from recommend.encoder.manifest import TUNED
from recommend.errors import OutputError
from recommend.evaluation.judgements import QRELS, RUN, write_qrels, write_run
from recommend.evaluation.report import REPORT
from recommend.files import Kept, Kind, check_output, folder_aside, replace_file, whole
from recommend.jobs.backup import BACKUP
from recommend.jobs.export.export import TABLE
from recommend.jobs.export.files import write_rows
from recommend.jobs.export.parts import SCHEMA as BOXES
from recommend.sources import Reject
from recommend.training.ranker import RANKER

MODELS = Path(__file__).parents[1] / "models"
KINDS = [BACKUP, EVENTS, REJECTS, ADAPTER, TUNED, QRELS, RUN, REPORT, TABLE, RANKER]
ANY = Kind("anything", lambda _: True)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "table.jsonl"
    target.write_text("before")

    def torn() -> Iterator[None]:
        with whole(target) as beside:
            beside.write_text("half")
            assert target.read_text() == "before"
            yield
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        list(torn())
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
    with whole(target) as beside:
        beside.write_text("after")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["after"]


def test_of_two_that_write_one_file_at_once_each_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "rejects.jsonl"
    with RejectsFile(target) as first:
        first.write(Reject("a.jsonl", 1, None, None, "x", "is no JSON"))
        with RejectsFile(target) as second:
            second.write(Reject("b.jsonl", 1, None, None, "y", "is no JSON"))
        assert [orjson.loads(line)["source"] for line in target.read_bytes().splitlines()] == ["b.jsonl"]
        first.write(Reject("a.jsonl", 2, None, None, "x", "is no JSON"))
    assert [orjson.loads(line)["line"] for line in target.read_bytes().splitlines()] == [1, 2]
    assert [*tmp_path.iterdir()] == [target]


def test_what_a_killed_process_left_of_a_file_is_removed_by_the_next_one(tmp_path: Path) -> None:
    left, others = ".a[1].0123abcd.part.jsonl", [".a1.0123abcd.part.jsonl", ".a[1].part.jsonl", ".a[1].0123abcd.jsonl"]
    for name in (left, f"{left}-journal", *others):
        (tmp_path / name).touch()
    with whole(tmp_path / "a[1].jsonl") as first:
        first.write_text("first")
        with whole(tmp_path / "a[1].jsonl") as second:
            assert {path.name for path in tmp_path.iterdir()} == {first.name, second.name, *others}
    assert {path.name for path in tmp_path.iterdir()} == {"a[1].jsonl", *others}
    assert (tmp_path / "a[1].jsonl").read_text() == "first"


def test_a_link_stays_one_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for content in (b"first", b"second"):
        with whole(tmp_path / "link") as beside:
            beside.write_bytes(content)
        assert (tmp_path / "target").read_bytes() == content
    assert (tmp_path / "link").is_symlink()


def test_an_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "no" / "table.jsonl"
    with pytest.raises(FileNotFoundError) as raised, whole(target) as beside:
        beside.write_text("lost")
    assert raised.value.filename == str(target)
    target = tmp_path / "table.jsonl"
    with pytest.raises(OSError, match="full") as full, whole(target):
        raise OSError(28, "full")
    assert full.value.filename == str(target)


def test_each_kind_knows_its_own_and_no_other(tmp_path: Path) -> None:
    made: list[tuple[Kind, Path]] = [(ADAPTER, MODELS / "news-minilm"), (RANKER, MODELS / "news-linear.json")]
    for ending in (".jsonl", ".parquet"):
        for kind, name, schema in ((EVENTS, "events", SCHEMA), (TABLE, "boxes", BOXES)):
            write_rows([dict.fromkeys(schema.names)], tmp_path / f"{name}{ending}", schema)
            made.append((kind, tmp_path / f"{name}{ending}"))
    with RejectsFile(tmp_path / "rejects.jsonl") as rejects:
        rejects.write(Reject("a.jsonl", 1, None, None, "x", "is no JSON"))
    made.append((REJECTS, tmp_path / "rejects.jsonl"))
    for ending in ("", ".gz"):
        write_run({"q 1": [("d", 1.0)]}, tmp_path / f"run{ending}", "ours")
        write_qrels({"q": {"d 1": 1}}, tmp_path / f"qrels{ending}")
        made += [(RUN, tmp_path / f"run{ending}"), (QRELS, tmp_path / f"qrels{ending}")]
    for own, path in made:
        others = {kind.name for kind in KINDS if kind.is_one(path)} - {TUNED.name}
        assert others == {own.name}, path
    assert TUNED.is_one(MODELS / "news-minilm")


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_takes_anything_for_its_own(kind: Kind, tmp_path: Path) -> None:
    for name, content in {"text": b"Chapter one", "binary": b"\xff\x00" * 99, "json": b"[]", "html": b"<html>"}.items():
        (tmp_path / name).write_bytes(content)
        assert not kind.is_one(tmp_path / name)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("Chapter one")
    assert kind.folder is False or not kind.is_one(tmp_path / "folder")


def test_what_is_kept_is_kept_by_whatever_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder, file = tmp_path / "index", tmp_path / "store.db"
    folder.mkdir()
    file.write_text("articles")
    (tmp_path / "link").symlink_to("store.db")
    (tmp_path / "hard").hardlink_to(file)
    (tmp_path / "way").symlink_to("index")
    kept = [Kept(file, "the store"), Kept(folder, "the index")]
    for name in ("store.db", "./index/../store.db", "link", "hard", "index/new", "way/new", "index"):
        with pytest.raises(OutputError, match=r"--out .* (would overwrite|lies in) the (store|index) .*give another"):
            check_output("--out", Path(name), ANY, kept, force=True)
    check_output("--out", Path("other"), ANY, kept)
    replace_file(Path("other"), b"something")
    check_output("--out", Path("other"), ANY, kept)
    with pytest.raises(OutputError, match="is a folder"):
        check_output("--out", tmp_path, ANY, [], force=True)


def test_a_refusal_names_both_files_to_their_ends_however_long_their_paths_are(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a folder with a long name"] * 5)
    folder.mkdir(parents=True)
    (folder / "store.db").touch()
    (folder / "backup.db").symlink_to("store.db")
    with pytest.raises(OutputError, match=r"/backup\.db' would overwrite the store '.*/store\.db'; give"):
        check_output("--out", folder / "backup.db", ANY, [Kept(folder / "store.db", "the store")])


def test_a_folder_that_is_filled_aside_stays_only_where_it_was_renamed_into_its_place(tmp_path: Path) -> None:
    with folder_aside(tmp_path, ".making-") as folder:
        (folder / "part").touch()
        folder.rename(tmp_path / "whole")
    assert (tmp_path / "whole" / "part").exists()
    with pytest.raises(FileNotFoundError), folder_aside(tmp_path, ".making-") as folder:
        (folder / "no folder" / "part").touch()
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
