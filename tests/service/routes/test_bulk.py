from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from recommend.errors import StoreError
from recommend.settings import Settings
from recommend.store import Store
from recommend_service.routes.bulk import BATCH, PATH

OLD_STORY = "a-central-asia-condemns-drone-attack"
FOLLOW_UP = {
    "title": "Kazakhstan's president repeats his condemnation of the drone attack on Putin's Novgorod residence",
    "text": "Central Asian leaders had condemned the alleged drone attack; Kyiv calls the claim a fabrication.",
    "published_at": "2026-01-02T08:00:00Z",
    "section": "World",
    "language": "en",
}


def _ndjson(*rows: object) -> bytes:
    return b"".join(row if isinstance(row, bytes) else orjson.dumps(row) + b"\n" for row in rows)


def _send(service: Any, *rows: object) -> list[dict[str, Any]]:
    response = service.writer.post(PATH, content=_ndjson(*rows))
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/x-ndjson"
    return [orjson.loads(line) for line in response.content.splitlines()]


@pytest.fixture(autouse=True)
def _clean(newsroom: Any) -> Iterator[None]:
    """Follow-ups of one test do not stand under the stories of the next."""
    yield
    _send(newsroom, *({"delete": f"bulk-{name}"} for name in "abc"))


def test_every_line_is_answered_in_order_and_a_bad_one_fails_alone(newsroom: Any) -> None:
    results = _send(
        newsroom,
        {"id": "bulk-a", **FOLLOW_UP},
        b'{"id": "bulk-b", "title\n',
        {"id": "bulk-b", "title": " "},
        b"\n",
        b"[]\n",
        {"delete": {}},
        {"id": "bulk-b", "title": "x", "published_at": "soon"},
        b"\xff\n",
        {"delete": "bulk-never-there"},
        {"id": "bulk-c", **FOLLOW_UP, "title": "Astana repeats it"},
    )
    assert [(result["line"], result["status"]) for result in results] == [
        (1, "created"), (2, "rejected"), (3, "rejected"), (5, "rejected"), (6, "rejected"), (7, "rejected"),
        (8, "rejected"), (9, "unchanged"), (10, "created"),
    ]  # fmt: skip
    assert results[0].keys() == {"line", "id", "status", "revision"}
    assert results[1].keys() == {"line", "status", "detail", "field"}
    assert [result.get("field") for result in results[1:7]] == [None, "title", None, "delete", "published_at", None]
    assert results[5]["detail"] == "published_at 'soon' is not an ISO 8601 date"
    assert results[7]["revision"] is None
    assert newsroom.reader.article("GET", "bulk-c").json()["title"] == "Astana repeats it"
    assert newsroom.reader.article("GET", "bulk-b").status_code == 404


def test_what_was_sent_is_recommended_and_what_was_deleted_is_gone_by_the_next_answer(newsroom: Any) -> None:
    (created,) = _send(newsroom, {"id": "bulk-a", **FOLLOW_UP})
    assert created["revision"] == newsroom.reader.get("/readyz").json()["revision"]
    assert "bulk-a" in newsroom.reader.shown(OLD_STORY)
    (deleted,) = _send(newsroom, {"delete": "bulk-a"})
    assert (deleted["status"], deleted["revision"]) == ("deleted", created["revision"] + 1)
    assert "bulk-a" not in newsroom.reader.shown(OLD_STORY)


def test_sent_again_it_is_unchanged_then_updated_and_lifts_a_takedown(newsroom: Any) -> None:
    changed = {"id": "bulk-a", **FOLLOW_UP, "section": "Politics"}
    answers = [_send(newsroom, {"id": "bulk-a", **FOLLOW_UP})[0] for _ in range(2)]
    answers += [_send(newsroom, changed)[0], _send(newsroom, {"delete": "bulk-a"})[0], _send(newsroom, changed)[0]]
    assert [one["status"] for one in answers] == ["created", "unchanged", "updated", "deleted", "created"]
    assert answers[0]["revision"] == answers[1]["revision"] < answers[2]["revision"] < answers[4]["revision"]


def test_lines_of_one_id_act_in_their_order_and_each_has_its_answer(newsroom: Any) -> None:
    first, second = ({"id": "bulk-a", "title": title} for title in ("Storks return early", "Storks return late"))
    results = _send(newsroom, first, second, {"delete": "bulk-a"}, second, {"id": "bulk-b", "title": "Rain"}, first)
    assert [result["status"] for result in results] == [
        "created",
        "created",
        "deleted",
        "created",
        "created",
        "created",
    ]
    assert results[0]["revision"] == results[1]["revision"]
    assert results[3]["revision"] == results[5]["revision"]
    assert newsroom.reader.article("GET", "bulk-a").json()["title"] == "Storks return early"


def test_a_body_without_lines_has_an_answer_without_lines(newsroom: Any) -> None:
    assert _send(newsroom) == _send(newsroom, b"\n \n\r\n") == []


def test_the_last_line_needs_no_end_and_a_mark_of_utf_8_is_no_fault(newsroom: Any) -> None:
    results = _send(newsroom, b"\xef\xbb\xbf" + _ndjson({"id": "bulk-a", "title": "x"}), b'{"delete": "bulk-a"}')
    assert [result["status"] for result in results] == ["created", "deleted"]


def test_without_a_valid_key_nothing_is_read(newsroom: Any) -> None:
    assert newsroom.reader.post(PATH, content=_ndjson({"id": "bulk-a", "title": "x"})).status_code == 401
    assert newsroom.reader.article("GET", "bulk-a").status_code == 404


def test_a_batch_is_answered_and_durable_before_the_next_is_sent(newsroom: Any) -> None:
    """Over a bare connection, because httpx reads no answer before it has sent the whole request."""
    host, port = newsroom.address.removeprefix("http://").split(":")
    head = f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\nAccept-Encoding: gzip\r\n"
    key = newsroom.writer.headers["Authorization"]
    lines = _ndjson(*({"id": f"bulk-{'abc'[number % 3]}", "title": f"Take {number}"} for number in range(BATCH)))
    with socket.create_connection((host, int(port)), timeout=30) as connection, connection.makefile("rb") as answer:
        connection.sendall(f"{head}Authorization: {key}\r\n\r\n{len(lines):x}\r\n".encode() + lines + b"\r\n")
        assert answer.readline().startswith(b"HTTP/1.1 200 ")
        while answer.readline() != b"\r\n":
            pass
        results = [orjson.loads(line) for line in answer.read(int(answer.readline(), 16)).splitlines()]
        assert [result["line"] for result in results] == list(range(1, BATCH + 1))
        assert newsroom.reader.article("GET", "bulk-a").json()["title"] == f"Take {BATCH - 1}"
        connection.sendall(b'14\r\n{"delete": "bulk-a"}\r\n')  # torn: no end of line, no end of the body
    assert newsroom.reader.article("GET", "bulk-a").status_code == 200


def test_a_body_over_the_limit_is_refused_and_the_lines_acknowledged_before_stay(copied: Settings, serve: Any) -> None:
    lines = [_ndjson({"id": f"bulk-{number}", "title": f"Take {number}"}) for number in range(BATCH + 10)]
    limit = len(b"".join(lines)) - 1
    service = copied.service.model_copy(update={"bulk_limit": limit})
    with serve(copied.model_copy(update={"service": service})) as small:
        connection = http.client.HTTPConnection(small.address.removeprefix("http://"), timeout=30)
        connection.putrequest("POST", PATH)
        connection.putheader("Content-Length", str(limit + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()

        def chunks() -> Iterator[bytes]:
            yield b"".join(lines[:BATCH])
            while small.reader.article("GET", "bulk-0").status_code == 404:
                time.sleep(0.01)
            yield b"".join(lines[BATCH:])

        response = small.writer.post(PATH, content=chunks())
        *results, last = [orjson.loads(line) for line in response.content.splitlines()]
        assert [result["status"] for result in results] == ["created"] * BATCH
        assert (last["line"], last["status"]) == (BATCH + 1, "rejected")
        assert last["detail"].startswith(f"the body is larger than {limit} bytes; ")
        assert small.reader.article("GET", f"bulk-{BATCH - 1}").status_code == 200
        assert small.reader.article("GET", f"bulk-{BATCH}").status_code == 404

        long = small.writer.post(PATH, content=iter([b'{"id": "bulk-long", "title": "', b"x" * limit, b'"}']))
        assert long.status_code == 413


def test_a_line_that_no_article_may_have_is_rejected_and_the_next_one_read(newsroom: Any) -> None:
    long = b'{"id": "bulk-a", "title": "x", "note": "%s"}\n' % (b"y" * 17 * 2**20)
    results = _send(newsroom, long, {"id": "bulk-b", "title": "x"})
    assert [result["status"] for result in results] == ["rejected", "created"]
    assert "more than 16,777,216" in results[0]["detail"]


def test_lines_that_a_store_refuses_to_write_are_not_rejected_but_to_be_sent_again(
    newsroom: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("store: the change was not written: disk full")

    good = {"id": "bulk-a", "title": "x"}
    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", full)
        refused = newsroom.writer.post(PATH, content=_ndjson(good, good))
        results = _send(newsroom, {"id": "bulk-c"}, good, {"delete": "bulk-b"}, good)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert [result["status"] for result in results] == ["rejected", "failed", "unchanged", "failed"]
    assert results[1]["detail"] == "store: the change was not written: disk full; send this line again"
