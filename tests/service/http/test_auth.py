"""Who may do what: keys of the store, keys of the settings, and readers where reading needs a key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from hashlib import sha256
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Send

from recommend.errors import SnapshotError, StoreError
from recommend.settings import ServiceSettings, Settings
from recommend.store import Store
from recommend.store.keys import Key, Keys, Scope
from recommend_service.http.auth import authorize
from recommend_service.metrics import Metrics
from recommend_service.middleware.authentication import Authentication
from recommend_service.state import ServiceState

STORY, DRAFT = "a-central-asia-condemns-drone-attack", "b-draft-tiktok-user-questions"
BOX = f"/v1/articles/{STORY}/related"


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture(scope="module")
def keys(newsroom: Any) -> Iterator[Store]:
    """The store of the running service, opened as another process would."""
    with closing(Store(newsroom.settings.store)) as store:
        yield store


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_key_holds_from_its_creation_to_its_revocation(newsroom: Any, keys: Store, scheme: str) -> None:
    name = f"cms {uuid4()}"
    secret = keys.keys.create(name, [Scope.WRITE])
    headers = {"Authorization": f"{scheme} {secret}"}
    put = newsroom.reader.article("PUT", "keyed", json={"title": "With a key"}, headers=headers)
    assert put.status_code in {200, 201}
    assert newsroom.reader.article("GET", DRAFT, headers=headers).json()["status"] == "draft"
    keys.keys.revoke(name)
    for method in ("PUT", "DELETE"):
        refused = newsroom.reader.article(method, "keyed", json={"title": "Without"}, headers=headers)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert newsroom.reader.article("GET", DRAFT, headers=headers).status_code == 404
    assert newsroom.reader.article("GET", "keyed", headers=headers).json()["title"] == "With a key"


def test_a_key_without_the_scope_is_refused_by_name_and_writes_nothing(newsroom: Any, keys: Store) -> None:
    headers = bearer(keys.keys.create("only curates", [Scope.CURATE]))
    for method in ("PUT", "DELETE"):
        refused = newsroom.reader.article(method, STORY, json={"title": "Mine now"}, headers=headers)
        assert refused.status_code == 403
        assert refused.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="write"'
        assert "the key 'only curates' lacks the scope write" in refused.json()["detail"]
    assert newsroom.reader.article("GET", STORY).json()["title"] != "Mine now"
    assert newsroom.reader.article("GET", DRAFT, headers=headers).status_code == 404
    assert newsroom.reader.get(BOX, headers=headers).status_code == 200


@pytest.mark.parametrize("needed", Scope)
@pytest.mark.parametrize("given", Scope)
def test_no_scope_includes_another(given: Scope, needed: Scope, newsroom: Any, keys: Store) -> None:
    keys.keys.create(name := str(uuid4()), [given])
    key = next(key for key in keys.keys.all() if key.name == name)
    if given == needed:
        assert authorize(key, needed) is key
    else:
        with pytest.raises(HTTPException) as refused:
            authorize(key, needed)
        assert refused.value.status_code == 403


@pytest.mark.parametrize(
    "credentials", ["", "Bearer", "Bearer x", "Basic a2V5", "Bearer {hash}", "{secret}", "Bearer {secret}x"]
)
def test_what_is_no_valid_key_is_as_none(newsroom: Any, keys: Store, credentials: str) -> None:
    secret = keys.keys.create(str(uuid4()), [Scope.WRITE])
    given = credentials.format(secret=secret, hash=sha256(secret.encode()).hexdigest())
    refused = newsroom.reader.article("DELETE", STORY, headers={"Authorization": given} if given else {})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert secret not in refused.text


def test_keys_that_cannot_be_looked_up_are_a_503(newsroom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(*_: object) -> None:
        raise StoreError("store: cannot be read: disk I/O error")

    monkeypatch.setattr(Keys, "find", unreadable)
    refused = newsroom.reader.article("DELETE", STORY, headers=bearer("ra_any"))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.json()["detail"] == "store: cannot be read: disk I/O error"
    assert newsroom.reader.get("/readyz", headers=bearer("ra_any")).status_code == 200
    assert newsroom.reader.get(BOX).status_code == 200


@pytest.fixture(scope="module")
def closed(sample: Settings, newsroom: Any, serve: Any) -> Iterator[Any]:
    """A second service on the newsroom's store, where reading needs a key."""
    service = sample.service.model_copy(update={"read_needs_key": True})
    with serve(newsroom.settings.model_copy(update={"service": service})) as running:
        yield running


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", BOX, None),
        ("GET", "/v1/related?url=https://x.example/", None),
        ("POST", "/v1/related", {"title": "A draft"}),
        ("GET", f"/v1/articles/{STORY}", None),
    ],
)
def test_where_reading_needs_a_key_only_those_of_scope_read_read(
    closed: Any, keys: Store, method: str, path: str, body: object
) -> None:
    writes, reads = (bearer(keys.keys.create(str(uuid4()), [scope])) for scope in (Scope.WRITE, Scope.READ))
    codes = [closed.reader.request(method, path, json=body, headers=h).status_code for h in ({}, writes, reads)]
    assert codes == [401, 403, 200]


def test_where_reading_needs_a_key_shared_caches_keep_nothing_and_monitors_need_none(closed: Any) -> None:
    assert closed.writer.get(BOX).headers["Cache-Control"].startswith("private, max-age=600")
    for path in ("/healthz", "/readyz", "/v1/status"):
        assert closed.reader.get(path).status_code == 200


def test_neither_keys_nor_bodies_reach_a_log_of_every_step(
    copied: Settings, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, "sqlalchemy")  # statements; what it calls DEBUG is to print the rows themselves
    with serve(copied) as service, closing(Store(copied.store)) as store:
        secret = store.keys.create("cms", [Scope.WRITE])
        article = {"title": "Confidential headline", "text": "Confidential text"}
        for headers in (bearer(secret), bearer(f"{secret}wrong")):
            service.reader.article("PUT", "confidential", json=article, headers=headers)
            service.reader.article("PUT", "confidential", content=b'{"title": "Confidential', headers=headers)
        assert service.reader.article("GET", "confidential").json()["title"] == "Confidential headline"
    assert "INSERT INTO articles" in caplog.text
    assert "Confidential" not in caplog.text
    assert secret not in caplog.text
    digest = sha256(secret.encode())
    assert digest.hexdigest() not in caplog.text
    assert repr(digest.digest())[2:-1] not in caplog.text


def _identify(settings: ServiceSettings, headers: Mapping[str, str], store: Store) -> dict[str, Any]:
    """What the state of a request holds behind the middleware."""
    seen: dict[str, Any] = {}

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        seen.update(scope["state"])

    async def send(message: Message) -> None:
        raise AssertionError(message)

    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    with closing(ServiceState(Settings(store=str(store.engine.url), service=settings), Metrics())) as state:
        running: Any = SimpleNamespace(state=SimpleNamespace(service=state))
        with suppress(SnapshotError):
            state.open()
        scope = {"type": "http", "path": "/v1/related", "headers": raw, "app": running}
        asyncio.run(Authentication(app, settings)(scope, None, send))  # type: ignore[arg-type]
    return seen


def test_the_name_of_the_key_is_known_to_the_routes(store: Store) -> None:
    secret = store.keys.create("Foreign desk", [Scope.CURATE])
    hashed = sha256(b"Schl\xc3\xbcssel").hexdigest()
    settings = ServiceSettings(api_keys=[hashed.upper()])
    named = _identify(settings, bearer(secret), store)
    assert (named["key_name"], named["key"].scopes) == ("Foreign desk", {Scope.CURATE})
    of_settings = _identify(settings, bearer("Schlüssel"), store)
    assert (of_settings["key_name"], of_settings["key"].scopes) == (f"settings:{hashed[:8]}", set(Scope))
    assert isinstance(of_settings["key"], Key)
    for headers in ({}, bearer("other"), {"X-Key": secret}):
        assert _identify(settings, headers, store) == {"key": None, "key_name": None}
