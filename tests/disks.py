"""Small disks, which tests fill."""

from __future__ import annotations

import errno
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import make_url

from recommend.settings import Settings


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of a size such as ``16m``, unmounted afterwards. Skips the test where none can be mounted."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(ballast: Path) -> None:
    """Writes a file until its disk takes no further byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError as full:
                assert full.errno == errno.ENOSPC  # noqa: PT017


def moved(settings: Settings, folder: Path) -> Settings:
    """The same store in another folder."""
    source, target = make_url(settings.store).database or "", folder / "recommend.db"
    with closing(sqlite3.connect(source)) as store:
        store.execute("VACUUM INTO ?", (str(target),))
    return settings.model_copy(update={"store": f"sqlite:///{target}"})
