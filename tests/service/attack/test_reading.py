"""Commands that ought only to look change nothing (row P11)."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import recommend.store.store
from recommend.errors import StoreError
from recommend.settings import Settings
from recommend.store import Store
from recommend.store.keys import Scope
from running import Ran, Recommend, runner, spawn, store_of, tree

READING: list[list[str]] = [
    ["doctor"],
    ["status"],
    ["snapshots"],
    ["related", "a-central-asia-condemns-drone-attack"],
    ["keys", "list"],
    ["links", "a-central-asia-condemns-drone-attack"],
    ["exposure"],
    ["rules", "show"],
    ["reindex", "--dry-run"],
]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path, models: Path) -> Callable[..., Ran]:
    """Runs the command on a store and an index that is not there."""
    run = runner(monkeypatch, capsys)

    def asked(url: str, *arguments: object) -> Ran:
        for name, value in (("STORE", url), ("INDEX", tmp_path / "index"), ("MODELS", models)):
            monkeypatch.setenv(f"RECOMMEND_{name}", str(value))
        return run(*arguments)

    return asked


def _older(url: str) -> None:
    """Makes a store of the schema before the present one."""
    config = Config()
    config.set_main_option("script_location", str(Path(recommend.store.__file__).parent / "migrations"))
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
    engine.dispose()


def test_what_only_reads_leaves_no_trace(
    cli: Recommend, copied: Settings, tmp_path: Path, held: Callable[..., None]
) -> None:
    before = tree(tmp_path)
    for arguments in READING:
        assert cli(*arguments).code == 0, arguments
        assert tree(tmp_path) == before, arguments
    held("P11", f"{len(READING)} commands that read")


def test_what_only_reads_leaves_a_log_that_is_not_its_own_as_it_is(copied: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "killed.db"
    with closing(Store(copied.store)) as store:
        store.keys.create("desk", [Scope.READ])
        for end in ("", "-wal"):
            shutil.copyfile(f"{store_of(copied)}{end}", f"{copy}{end}")  # as after a kill
    before = tree(tmp_path)
    with closing(Store(f"sqlite:///{copy}", readonly=True)) as store:
        assert [key.name for key in store.keys.all()] == ["desk"]
        with pytest.raises(StoreError, match="was not written"):
            store.delete("anything")
    after = tree(tmp_path)
    after.pop("killed.db-shm", None)
    assert after == before


@pytest.mark.databases
def test_an_older_store_is_told_of_and_not_migrated(
    dialect: str, request: pytest.FixtureRequest, ask: Callable[..., Ran], tmp_path: Path, held: Callable[..., None]
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if dialect == "postgresql":
        url = request.getfixturevalue("postgresql").create()
    _older(url)
    before = tree(tmp_path)
    for arguments in (["doctor"], ["status"], ["related", "x"], ["keys", "list"], ["reindex", "--dry-run"]):
        ran = ask(url, *arguments)
        assert (ran.code, "older than" in ran.out + ran.err) == (1, True), ran
    assert tree(tmp_path) == before
    if dialect == "sqlite":
        assert ask(url, "backup", "--out", tmp_path / "copy.db").code == 0
        with closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
            assert copy.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)
    Store(url).close()
    with closing(Store(url, readonly=True)) as store:
        assert store.counts()["published"] == 0
    held("P11", f"an older store, {dialect}")


def test_a_store_that_does_not_exist_is_not_begun_by_looking(ask: Callable[..., Ran], tmp_path: Path) -> None:
    for arguments in (["doctor"], ["status"], ["related", "x"], ["keys", "list"], ["backup", "--out", "x.db"]):
        ran = ask(f"sqlite:///{tmp_path / 'none.db'}", *arguments)
        assert (ran.code, "does not exist" in ran.out + ran.err) == (1, True), ran
    assert list(tmp_path.iterdir()) == []


def test_a_read_only_disk_is_read(copied: Settings, tmp_path: Path) -> None:
    mounted = 'mount --bind "$FOLDER" "$FOLDER" && mount -o remount,bind,ro "$FOLDER" && "$@"'
    shell = f"unshare -m sh -c '{mounted}' sh \"$@\""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("only root mounts")
    before = tree(tmp_path)
    for arguments in (["status"], ["related", "a-central-asia-condemns-drone-attack"], ["doctor"]):
        ran = spawn(copied, *arguments, shell=shell, FOLDER=str(tmp_path))
        assert ran.code == 0, ran
    assert tree(tmp_path) == before


def test_a_question_mark_in_a_store_url_names_no_other_file(tmp_path: Path) -> None:
    for readonly in (False, True):
        with pytest.raises(StoreError, match=r"no '\?' in a file's name"):
            Store(f"sqlite:///{tmp_path}/what?.db", readonly=readonly)
    assert tree(tmp_path) == {}
