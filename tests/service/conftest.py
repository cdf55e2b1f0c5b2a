"""The service behind real HTTP. Every answer a test sees is held against the OpenAPI document as it comes in."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from sqlalchemy import make_url
from typer.testing import CliRunner

from recommend.cli.app import app
from recommend.encoder import Encoder
from recommend.index.pgvector.servers import Servers
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.generation import load_generation
from recommend.settings import PgvectorSettings, ServiceSettings, Settings
from recommend.store import Store
from recommend_service.app import create_app
from recommend_service.http.problems import Problem
from recommend_service.http.schemas import AnswerBody
from recommend_service.state import ServiceState

if TYPE_CHECKING:
    from servers import Server

KEY = "correct horse battery staple"
SERVICE = ServiceSettings(site=True, max_age=90, operations="open", api_keys=[sha256(KEY.encode()).hexdigest()])


class Contract:
    """Fails on an answer that the OpenAPI document does not declare, or an error that is no problem document."""

    def __init__(self) -> None:
        self._operations = [
            (method.upper(), re.compile(re.sub(r"\{\w+\}", ".*", path), re.DOTALL), operation["responses"])
            for path, operations in create_app(Settings(service=SERVICE)).openapi()["paths"].items()
            for method, operation in operations.items()
        ]

    def __call__(self, response: httpx.Response) -> None:
        response.read()
        status, method = response.status_code, response.request.method
        path = response.request.url.raw_path.partition(b"?")[0].decode()
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        for verb, pattern, declared in self._operations:
            if verb == method and pattern.fullmatch(path):
                assert str(status) in declared, f"{method} {path} gave an undeclared {status}"
                content = declared[str(status)].get("content", {})
                assert not content or media_type in content, f"{status} came as undeclared {media_type}"
                break
        if status >= 400 and media_type != "text/html" and method != "HEAD":
            assert media_type == "application/problem+json"
            assert response.json().keys() == Problem.model_fields.keys()
            assert Problem.model_validate_json(response.content).status == status
        assert "Traceback" not in response.text
        assert "cookie" not in response.headers.get("Vary", "").lower()


_NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients of plain HTTP: to read the authorities anew for each takes longer than most of their tests."""


class Client(httpx.Client):
    """With ``key`` it may write."""

    def __init__(self, address: str, contract: Contract, *, key: bool = False, **options: Any) -> None:
        headers = {"Authorization": f"Bearer {KEY}"} if key else {}
        hooks: dict[str, list[Callable[..., Any]]] = {"response": [contract]}
        given = {"trust_env": False, "timeout": 60, "verify": _NO_AUTHORITIES, **options}
        super().__init__(base_url=address, headers=headers, event_hooks=hooks, **given)

    def article(self, method: str, article_id: str, **options: Any) -> httpx.Response:
        """Asks for an article."""
        return self.request(method, f"/v1/articles/{quote(article_id, safe='')}", **options)

    def box(self, article_id: str, **params: Any) -> AnswerBody:
        """The related articles of an article."""
        response = self.get(f"/v1/articles/{quote(article_id, safe='')}/related", params=params)
        assert response.status_code == 200, response.text
        return AnswerBody.model_validate_json(response.content)

    def await_snapshot(self, name: str) -> None:
        """Returns when this snapshot is served: its answers are made ready before."""
        deadline = time.monotonic() + 30
        while self.get("/readyz").json().get("snapshot") != name:
            assert time.monotonic() < deadline, f"snapshot {name} is not served"
            time.sleep(0.05)

    def shown(self, article_id: str, **params: Any) -> list[str]:
        """The ids in the longest box of an article."""
        return [item.id for item in self.box(article_id, **{"limit": 50, **params}).items]


class Upload:
    """A PUT of an article of which the service has half and waits for the rest."""

    def __init__(self, address: str, article_id: str) -> None:
        self._body = b'{"title": "Sent in two halves"}'
        host, _, port = address.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        head = (
            f"PUT /v1/articles/{article_id} HTTP/1.1\r\nHost: service\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(self._body)}\r\nExpect: 100-continue\r\n\r\n"
        )
        self._socket.sendall(head.encode())
        asked = self._socket.recv(1024)
        assert asked == b"HTTP/1.1 100 Continue\r\n\r\n", asked
        self._socket.sendall(self._body[:10])

    def finish(self) -> tuple[int, bytes]:
        """Sends the rest; status and body of the answer."""
        self._socket.sendall(self._body[10:])
        return self.answer()

    def answer(self) -> tuple[int, bytes]:
        """Waits for the answer without sending more."""
        with closing(self._socket), closing(HTTPResponse(self._socket)) as response:
            response.begin()
            return response.status, response.read()


@dataclass(frozen=True)
class Service:
    """A running service, a client with a key and one without, and what its routes share."""

    settings: Settings
    address: str
    writer: Client
    reader: Client
    state: ServiceState


@pytest.fixture(scope="session")
def contract() -> Contract:
    return Contract()


@pytest.fixture(scope="session")
def connect(contract: Contract) -> Callable[..., Client]:
    return lambda address, **options: Client(address, contract, **options)


@pytest.fixture(scope="session")
def upload() -> type[Upload]:
    return Upload


@pytest.fixture(scope="session")
def serve(connect: Callable[..., Client]) -> Iterator[Callable[[Settings], AbstractContextManager[Service]]]:
    """Runs the service of some settings, which keeps from the garbage collector of this process, where others are."""

    @contextmanager
    def running(settings: Settings) -> Iterator[Service]:
        app = create_app(settings)
        config = uvicorn.Config(
            app, log_level="critical", ws="none", timeout_keep_alive=75, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"http://127.0.0.1:{listener.getsockname()[1]}"
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            while not server.started:
                assert thread.is_alive(), "the service did not start"
                time.sleep(0.01)
            try:
                with connect(address, key=True) as writer, connect(address) as reader:
                    yield Service(settings, address, writer, reader, app.state.service)
            finally:
                server.should_exit = True
                thread.join()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recommend_service.app.gc", Mock())
        yield running


@dataclass(frozen=True)
class Workers:
    """A running `recommend serve --workers 2`.

    Attributes:
        process: what keeps two workers running; ``supervisor`` is its id.
        log: what they said.
    """

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def supervisor(self) -> int:
        return self.process.pid

    @property
    def processes(self) -> list[int]:
        """The process ids of the workers."""
        children = Path(f"/proc/{self.supervisor}/task/{self.supervisor}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]

    @contextmanager
    def only(self, worker: int) -> Iterator[None]:
        """New connections reach this worker alone: the others are held still, and what would replace them for that."""
        others, begun = [other for other in self.processes if other != worker], time.monotonic()
        os.kill(self.supervisor, signal.SIGSTOP)
        for other in others:
            os.kill(other, signal.SIGSTOP)
        try:
            yield
        finally:
            for other in others:
                os.kill(other, signal.SIGCONT)
            if time.monotonic() - begun > 1:  # they answer the supervisor's question first, which has five seconds
                time.sleep(0.05)
            os.kill(self.supervisor, signal.SIGCONT)

    def wait(self) -> None:
        """Returns when there are two workers and each answers."""
        deadline = time.monotonic() + 120
        while not (self._answers() and self._each_answers()):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        """Whether one does: until then none is held still, for they start beside each other."""
        try:
            self._ask()
        except httpx.TransportError:
            return False
        return len(self.processes) == 2

    def _ask(self) -> None:
        url = f"{self.address}/healthz"
        httpx.get(url, trust_env=False, timeout=1, verify=_NO_AUTHORITIES).raise_for_status()

    def _each_answers(self) -> bool:
        workers = self.processes
        try:
            for worker in workers:
                with self.only(worker):
                    self._ask()
        except (httpx.TransportError, ProcessLookupError):
            return False
        return len(workers) == 2


@pytest.fixture(scope="session")
def serve_workers(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., AbstractContextManager[Workers]]:
    """Runs `recommend serve --workers 2` for some settings, if need be under a command that ``under`` names."""
    if not Path("/proc/self/maps").exists():
        pytest.skip("reads /proc")

    @contextmanager
    def running(settings: Settings, under: Sequence[str] = ()) -> Iterator[Workers]:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        values = {"STORE": settings.store, "INDEX": str(settings.index), "MODELS": str(settings.models)}
        values["SERVICE"] = settings.service.model_dump_json()
        values["PGVECTOR"] = settings.pgvector.model_dump_json()
        values["ENCODER"] = settings.encoder.model_dump_json()
        environment = {**os.environ, **{f"RECOMMEND_{name}": value for name, value in values.items()}}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
        environment["PYTHONDONTWRITEBYTECODE"] = "1"  # on a disk that takes no more it would be half a module's
        command = [*under, sys.executable, "-c", "from recommend.cli import main; main()", "serve", "--workers", "2"]
        folder = tmp_path_factory.mktemp("workers")
        log = folder / "serve.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*command, "--port", str(port)], env=environment, cwd=folder, stdout=output, stderr=output
            )
        workers = Workers(f"http://127.0.0.1:{port}", process, log)
        try:
            workers.wait()
            yield workers
        finally:
            process.terminate()
            ended = process.wait(30)
        assert ended in {0, -signal.SIGTERM}
        assert "Traceback" not in log.read_text()

    return running


@pytest.fixture(scope="session")
def sample(indexed: tuple[Settings, Store]) -> Settings:
    """Of a service on the indexed sample corpus, which no test changes."""
    return indexed[0].model_copy(update={"service": SERVICE})


@pytest.fixture(scope="session")
def reader(sample: Settings, serve: Any) -> Iterator[Client]:
    """A client of a service on the unchanged sample corpus."""
    with serve(sample) as service:
        yield service.reader


@pytest.fixture(scope="session")
def count_exposure() -> Callable[[Settings], None]:
    """Runs the job that counts which stories boxes lead to, for the desk."""

    def counted(settings: Settings) -> None:
        line = ["--store", settings.store, "--index", str(settings.index), "exposure", "--desk", "--json"]
        done = CliRunner().invoke(app, line, env={"RECOMMEND_MODELS": str(settings.models)})
        assert done.exit_code == 0, done.output

    return counted


@pytest.fixture
def copied(sample: Settings, tmp_path: Path) -> Settings:
    """The settings of a service on a copy of one's own."""
    return _copy(sample, tmp_path)


@pytest.fixture
def on_postgresql(sample: Settings, encoder: Encoder, postgresql: Server, tmp_path: Path) -> Iterator[Settings]:
    """The settings of a service on a copy of one's own, on PostgreSQL, which workers look at once a second."""
    index = shutil.copytree(sample.index, tmp_path / "index")
    with postgresql.database("store_1") as url:
        with closing(Store(sample.store)) as source, closing(Store(url)) as target:
            changes = source.changes.since(0, encoder.fingerprint)
            articles = [(change.article, change.embedding) for change in changes if change.article is not None]
            assert target.put(articles, encoder.fingerprint) == [change.revision for change in changes]
        service = sample.service.model_copy(update={"staleness": 1.0})
        yield sample.model_copy(update={"store": url, "index": index, "service": service})


@pytest.fixture
def on_pgvector(copied: Settings, pgvector: Server) -> Iterator[Settings]:
    """The settings of a service on a copy of one's own, the index on PostgreSQL, which is asked each time."""
    name = current_name(IndexLayout(copied.index))
    assert name is not None
    with pgvector.database("template0") as url, closing(Servers([url])) as servers:
        service = copied.service.model_copy(update={"staleness": 0.0})
        settings = copied.model_copy(update={"service": service, "pgvector": PgvectorSettings(url=url)})
        load_generation(servers, settings, name)()
        yield settings


@pytest.fixture
def copied_as(dialect: str, request: pytest.FixtureRequest) -> Settings:
    """The settings of a service on a copy of one's own, of the kind that the marker ``databases`` names."""
    settings: Settings = request.getfixturevalue("copied" if dialect == "sqlite" else f"on_{dialect}")
    return settings


@pytest.fixture(scope="session")
def newsroom(sample: Settings, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service on a copy that tests write to, each under ids of its own."""
    with serve(_copy(sample, tmp_path_factory.mktemp("newsroom"))) as service:
        yield service


def _copy(settings: Settings, folder: Path) -> Settings:
    store, index = folder / "recommend.db", folder / "index"
    with closing(sqlite3.connect(make_url(settings.store).database or "")) as source:
        source.execute("VACUUM INTO ?", (str(store),))
    shutil.copytree(settings.index, index)
    return settings.model_copy(update={"store": f"sqlite:///{store}", "index": index})
