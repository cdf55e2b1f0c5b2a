"""Every client of these tests asserts on its own that an error is a declared problem document without a traceback."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from recommend.errors import StoreError
from recommend.recommender import Recommender
from recommend.store import Store
from recommend_service.middleware.limits import BODY_LIMIT, OPEN_BODY_LIMIT

JSON = {"Content-Type": "application/json"}
ARTICLE = "/v1/articles/problem"
WRITES = pytest.mark.parametrize(("method", "path"), [("PUT", ARTICLE), ("POST", "/v1/related")])


@pytest.mark.parametrize(
    "path", [ARTICLE, f"{ARTICLE}/related?fallback=none", f"{ARTICLE}/story", "/v1/nothing", "/no"]
)
@pytest.mark.parametrize("accepts", ["application/json", "text/html"])
def test_no_cache_keeps_that_something_is_not_there_for_it_may_come(newsroom: Any, path: str, accepts: str) -> None:
    missing = newsroom.reader.get(path, headers={"Accept": accepts})
    assert (missing.status_code, missing.headers["Cache-Control"]) == (404, "no-store")


@WRITES
def test_a_body_that_announces_too_much_is_refused_unread(newsroom: Any, method: str, path: str) -> None:
    connection = http.client.HTTPConnection(newsroom.address.removeprefix("http://"), timeout=10)
    connection.putrequest(method, path)
    connection.putheader("Content-Length", str(BODY_LIMIT + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (413, "application/problem+json")
    connection.close()


@WRITES
def test_a_body_that_grows_too_large_is_refused(newsroom: Any, method: str, path: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"title": "x", "note": "'
        yield from [b"a" * 1024 * 1024] * 9

    refused = newsroom.writer.request(method, path, content=chunks(), headers=JSON)
    most = BODY_LIMIT if method == "PUT" else OPEN_BODY_LIMIT
    assert (refused.status_code, refused.json()["detail"]) == (413, f"the body is larger than {most} bytes")
    assert newsroom.writer.get(ARTICLE).status_code == 404


def test_a_body_just_within_the_limit_is_read(newsroom: Any) -> None:
    body = b'{"title": "x", "note": "%s"}' % (b"a" * (BODY_LIMIT - 26))
    assert len(body) == BODY_LIMIT
    assert newsroom.writer.put("/v1/articles/large", content=body, headers=JSON).status_code == 201
    assert newsroom.writer.put("/v1/articles/large", content=body + b" ", headers=JSON).status_code == 413


@WRITES
@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 422), (b'{"title', 422), (b'{"title": "x"}}', 422), (b"null", 422), (b"[]", 422), (b'"x"', 422),
     (b'{"title": "\xff"}', 400), (b"[" * 100_000, 400), (b'{"title": ' + b"9" * 5000 + b"}", 400), (b"{}", 422),
     (b'{"title": " "}', 422), (b'{"title": []}', 422), (b'{"title": "\\u200b"}', 422)],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_a_body_that_is_no_article_is_refused(newsroom: Any, method: str, path: str, body: bytes, status: int) -> None:
    assert newsroom.writer.request(method, path, content=body, headers=JSON).status_code == status
    assert newsroom.writer.get(ARTICLE).status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("title", None, "is missing"),
        ("text", "x" * 1_000_001, "more than 1000000"),
        ("published_at", "yesterday", "is not an ISO 8601 date"),
        ("status", "gone", "is not one of published, draft, unpublished"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_reason(newsroom: Any, field: str, value: object, reason: str) -> None:
    refused = newsroom.writer.put(ARTICLE, json={"title": "x", field: value})
    assert refused.status_code == 422
    assert refused.json()["detail"].startswith(f"article 'problem': {field} ")
    assert reason in refused.json()["detail"]
    assert len(refused.json()["detail"]) < 300
    assert newsroom.writer.get(ARTICLE).status_code == 404


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("text", [], "is not a string"),
        ("updated_at", "the other day", "is not an ISO 8601 date"),
        ("tags", {}, "is neither a list"),
        ("tags", [["nested"]], "is not a string"),
        ("url", "javascript:alert(1)", "is neither an http(s) URL"),
        ("language", "\x00", "is not"),
        ("extra", 5, "is not"),
        ("n", [1e9] * 20_000, "more than 10000"),
    ],
)
def test_an_optional_field_that_cannot_be_read_is_left_out_and_named_in_the_answer(
    newsroom: Any, field: str, value: object, reason: str
) -> None:
    stored = newsroom.writer.put("/v1/articles/left-out", json={"title": "x", field: value})
    assert stored.status_code in {200, 201}
    (warning,) = stored.json()["warnings"]
    assert (warning["field"], reason in warning["reason"]) == (field, True), warning
    whole = newsroom.writer.get("/v1/articles/left-out").json()
    assert not whole.get(field)
    assert field not in whole["extra"]
    assert newsroom.writer.put("/v1/articles/left-out", json={"title": "x"}).json()["warnings"] == []


@pytest.mark.parametrize("path", ["%00", "%0A", "%20", "", "x" * 513])
def test_an_id_that_no_article_may_have_is_refused(newsroom: Any, path: str) -> None:
    assert newsroom.writer.put(f"/v1/articles/{path}", json={"title": "x"}).status_code == 422
    assert newsroom.reader.get(f"/v1/articles/{path}").status_code == 404
    assert newsroom.reader.get(f"/v1/articles/{path}/related", params={"fallback": "none"}).status_code == 404


@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/articles/%ff%fe", "/healthz/"])
def test_an_unknown_path_is_a_problem(reader: Any, path: str) -> None:
    assert reader.get(path).status_code == 404


def test_a_store_that_refuses_to_write_is_a_503_with_its_reason(newsroom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("store: the change was not written: disk full")

    monkeypatch.setattr(Store, "write", full)
    monkeypatch.setattr(Store, "delete", full)
    for refused in (newsroom.writer.put(ARTICLE, json={"title": "x"}), newsroom.writer.delete(ARTICLE)):
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert refused.json()["detail"] == "store: the change was not written: disk full"


def test_an_unexpected_error_is_a_500_that_tells_nothing(newsroom: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret of line 7")

    with monkeypatch.context() as patch:
        patch.setattr(Recommender, "answer", broken)
        answer = httpx.get(f"{newsroom.address}/v1/articles/x/related", trust_env=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (500, "application/problem+json")
    assert not {"secret", "RuntimeError", "Traceback"} & set(answer.text.replace('"', " ").split())
    assert newsroom.reader.get("/v1/articles/x/related").status_code == 200


def test_browsers_get_a_page_and_programs_the_document(reader: Any) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    for path, status in (("/nope", 404), ("/assets/nope.js", 404), ("/v1/nope", 404), ("/v1/articles/none", 404)):
        page, document = reader.get(path, headers=browser), reader.get(path)
        assert page.status_code == document.status_code == status
        assert document.headers["Content-Type"] == "application/problem+json"
        kind = "application/problem+json" if path.startswith("/v1/") else "text/html; charset=utf-8"
        assert page.headers["Content-Type"] == kind
    assert "<h1>Not Found</h1>" in reader.get("/nope", headers=browser).text
    assert "<script>" not in reader.get("/<script>", headers=browser).text
