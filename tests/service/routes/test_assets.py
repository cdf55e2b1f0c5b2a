"""The element is there for every page, whatever else the service shows."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha384
from typing import Any

from starlette.testclient import TestClient
from typer.testing import CliRunner

from recommend.cli.app import app
from recommend.settings import ServiceSettings, Settings
from recommend_service.app import create_app

PATH = "/assets/related-articles.js"


def test_the_element_is_served_without_the_site_to_pages_of_any_origin() -> None:
    service = ServiceSettings(site=False, read_needs_key=True, cors_origins=["https://news.example"])
    client = TestClient(create_app(Settings(service=service)))
    for origin in ("https://news.example", "https://other.example"):
        found = client.get(PATH, headers={"Origin": origin})
        assert (found.status_code, found.headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert found.headers["Access-Control-Allow-Origin"] in {"*", origin}
        assert found.headers["Cache-Control"] == "public, max-age=300"
    assert client.get(PATH, headers={"If-None-Match": found.headers["ETag"]}).status_code == 304
    assert client.head(PATH).content == b""
    assert client.get("/assets/tokens.css").status_code == 200
    assert client.get("/assets/assets.py").status_code == 404


def test_the_lines_for_a_page_name_the_script_as_it_is_served() -> None:
    printed: Any = CliRunner().invoke(app, ["snippet", "--service", "https://recommend.example/"])
    assert printed.exit_code == 0, printed.output
    address, pinned = re.search(r'src="https://recommend\.example(/\S+)" integrity="(\S+)"', printed.output).groups()  # type: ignore[union-attr]
    found = TestClient(create_app(Settings())).get(address)
    assert pinned == f"sha384-{b64encode(sha384(found.content).digest()).decode()}"
    assert "immutable" in found.headers["Cache-Control"]


def test_the_lines_come_with_what_the_service_must_allow() -> None:
    def said(*more: str) -> str:
        asked = ["snippet", "--service", "https://recommend.example", "--page", "https://news.example/a", *more]
        return CliRunner().invoke(app, asked).output

    assert "set service.cors_origins = ['https://news.example']" in said()
    assert '"missing_origin": "https://news.example"' in said("--json")
    assert "integrity=" not in said("--no-integrity")
    wrong = CliRunner().invoke(app, ["snippet", "--service", "recommend.example"])
    assert "--service 'recommend.example' is not an address" in str(wrong.exception)
