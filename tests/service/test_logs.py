"""Log lines as a collector reads them from standard error."""

from __future__ import annotations

import io
import logging
from typing import Any

import orjson
import pytest

from recommend.settings import Settings
from recommend_service.logs import json_logs

STORY = "a-central-asia-condemns-drone-attack"
BOX = f"/v1/articles/{STORY}/related"


def lines(captured: Any) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in captured.readouterr().err.splitlines()]


def with_access_log(settings: Settings, on: bool) -> Settings:
    return settings.model_copy(update={"service": settings.service.model_copy(update={"access_log": on})})


def test_a_request_is_a_line_with_the_id_of_its_answer(sample: Settings, serve: Any, capsys: Any) -> None:
    with serve(with_access_log(sample, True)) as service:
        answers = [service.reader.get(BOX, params={"limit": 3, "section": "World"}) for _ in range(2)]
        service.reader.get("/v1/articles/x/related?fallback=none")
    started, *requests = lines(capsys)
    assert started["message"].startswith("serving snapshot ")
    assert [line["request_id"] for line in requests[:2]] == [answer.json()["request_id"] for answer in answers]
    first, second, third = requests
    assert first["route"] == "/v1/articles/{article_id}/related"
    assert (first["method"], first["path"], first["status"], first["parameters"]) == (
        "GET",
        BOX,
        200,
        ["limit", "section"],
    )
    assert [line["cache"] for line in requests] == ["miss", "hit", "miss"]
    assert third["status"] == 404
    assert all(line["milliseconds"] > 0 and line["timestamp"] and line["level"] == "INFO" for line in requests)
    assert second["route"] == first["route"]


def test_no_line_holds_a_key_a_text_or_the_value_of_a_parameter(sample: Settings, serve: Any, capsys: Any) -> None:
    with serve(with_access_log(sample, True)) as service:
        service.writer.post("/v1/related", json={"title": "a-title", "text": "a-text"}, params={"section": "a-section"})
        service.writer.put("/v1/articles/x?key=a-secret", json={"title": "", "text": "a-text"})
        service.writer.get("/v1/related?url=https://a-url.example/&a-flag")
    log = capsys.readouterr().err
    assert log.count("\n") == 4
    assert not [word for word in ("a-title", "a-text", "a-section", "a-secret", "a-url", "battery") if word in log]
    assert "a-flag" in log


def test_requests_leave_no_line_unless_that_is_asked_for(sample: Settings, serve: Any, capsys: Any) -> None:
    with serve(with_access_log(sample, False)) as service:
        service.reader.get(BOX)
    assert len(lines(capsys)) == 1


def test_an_error_is_logged_with_its_request(settings: Settings, sample: Settings, serve: Any, capsys: Any) -> None:
    with serve(settings.model_copy(update={"service": sample.service})) as service:
        service.reader.get(BOX)
    warned, failed = lines(capsys)
    assert (warned["level"], warned["request_id"]) == ("WARNING", None)
    assert failed["level"] == "ERROR"
    assert "run recommend reindex" in failed["message"]
    assert len(failed["request_id"]) == 24


def test_no_line_is_written_twice_where_a_library_has_set_up_the_roots_handlers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("recommend_service"), "propagate", True)  # a service of this process may run
    others, ours = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(others)
    logging.getLogger().addHandler(handler)
    try:
        with json_logs(ours):
            logging.getLogger("recommend_service.state").info("serving")
        logging.getLogger("recommend_service.state").warning("after")
    finally:
        logging.getLogger().removeHandler(handler)
    assert [orjson.loads(line)["message"] for line in ours.getvalue().splitlines()] == ["serving"]
    assert others.getvalue() == "after\n"
