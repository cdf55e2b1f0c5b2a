from __future__ import annotations

from typing import Any

import httpx
import pytest

from recommend.settings import Settings

BOX = "/v1/articles/a-central-asia-condemns-drone-attack/related"
ORIGIN = "https://news.example"


@pytest.mark.parametrize(
    ("path", "status", "policy", "frames"),
    [
        (BOX, 200, "default-src 'none'; frame-ancestors 'none'", "DENY"),
        ("/v1/related", 422, "default-src 'none'; frame-ancestors 'none'", "DENY"),
        (f"{BOX}.html", 200, "default-src 'none'; style-src 'self'; img-src 'self' http: https:", None),
        ("/", 200, "default-src 'self'; object-src 'none'", "SAMEORIGIN"),
        ("/stories/none", 404, "default-src 'self'; object-src 'none'", "SAMEORIGIN"),
        ("/assets/site.css", 200, "default-src 'self'; object-src 'none'", "SAMEORIGIN"),
        ("/docs", 200, "default-src 'self'; object-src 'none'", "SAMEORIGIN"),
        ("/nothing", 404, "default-src 'self'; object-src 'none'", "SAMEORIGIN"),
    ],
)
def test_every_answer_tells_browsers_what_they_must_not_do(
    reader: Any, path: str, status: int, policy: str, frames: str | None
) -> None:
    answer = reader.get(path)
    assert answer.status_code == status
    for name, value in (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "strict-origin-when-cross-origin"),
        ("X-Frame-Options", frames),
    ):
        assert answer.headers.get_list(name) == ([] if value is None else [value])
    assert len(answer.headers.get_list("Content-Security-Policy")) == 1
    assert policy in answer.headers["Content-Security-Policy"]
    assert "Strict-Transport-Security" not in answer.headers


def test_an_answer_not_modified_has_them_too(reader: Any) -> None:
    tag = reader.get(BOX).headers["ETag"]
    unchanged = reader.get(BOX, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.headers["X-Content-Type-Options"]) == (304, "nosniff")


def test_listed_origins_may_ask_with_a_key_and_see_refusals(sample: Settings, serve: Any) -> None:
    limits = {"cors_origins": [ORIGIN], "rate_limit": "1/hour"}
    service = sample.service.model_copy(update=limits)
    with serve(sample.model_copy(update={"service": service})) as running:
        asks = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization,if-none-match"}
        for _ in range(3):
            preflight = running.reader.options(BOX, headers={"Origin": ORIGIN, **asks})
            assert (preflight.status_code, preflight.headers["Access-Control-Allow-Origin"]) == (200, ORIGIN)
        refused = httpx.options(f"{running.address}{BOX}", headers={"Origin": "https://evil.example", **asks})
        assert "Access-Control-Allow-Origin" not in refused.headers
        for status in (200, 429):
            answer = running.reader.get(BOX, headers={"Origin": ORIGIN})
            assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (status, ORIGIN)
            assert set(answer.headers["Access-Control-Expose-Headers"].split(", ")) == {
                "ETag",
                "Retry-After",
                "X-Variant",
            }
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        elsewhere = running.writer.get(BOX, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in elsewhere.headers
