"""A web site of planned answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stamina


class Site(BaseHTTPRequestHandler):
    """Serves one answer for each path; what it was asked, by which name, is kept."""

    answers: dict[str, list[tuple[int, dict[str, str], bytes]]]
    asked: list[str]
    hosts: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.hosts.append(self.headers["Host"])
        planned = self.answers.get(self.path, [(404, {}, b"")])
        status, headers, body = planned.pop(0) if len(planned) > 1 else planned[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def three_attempts_without_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture
def site(three_attempts_without_waiting: None) -> Iterator[tuple[str, type[Site]]]:
    handler = type("Handler", (Site,), {"answers": {}, "asked": [], "hosts": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()
