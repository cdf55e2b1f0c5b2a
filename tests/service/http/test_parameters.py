"""Parameters that a route does not have are named, with the one that was meant."""

from __future__ import annotations

from typing import Any

import pytest

from recommend.settings import Settings

BOX = "/v1/articles/a-central-asia-condemns-drone-attack/related"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("limt=3", "query.'limt': is not a parameter; did you mean limit?"),
        ("k=2", "query.'k': is not a parameter; did you mean limit?"),
        ("limit=3&sektion=World", "did you mean section?"),
        ("zzzz=1", "there are limit, section"),
    ],
)
def test_an_unknown_parameter_is_a_422_that_names_the_nearest(reader: Any, query: str, said: str) -> None:
    box, history = reader.get(f"{BOX}?{query}"), reader.post(f"/v1/related?{query}", json={"ids": ["a"]})
    for answer in (box, history):
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
    assert reader.get(f"/v1/related?url=https://x.example/&{query}").status_code == 422


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("section=World&section=Culture", "query.section: is given 2 times; write section=World,Culture"),
        ("-tag=a&limit=3&-tag=b", "query.-tag: is given 2 times; write -tag=a,b"),
        ("limit=3&limit=4", "query.limit: is given 2 times; give one value"),
        ("fallback=none&fallback=none", "query.fallback: is given 2 times; give one value"),
    ],
)
def test_a_parameter_of_one_value_that_is_given_twice_is_a_422_that_says_how_to_write_it(
    reader: Any, query: str, said: str
) -> None:
    for _ in range(2):
        answer = reader.get(f"{BOX}?{query}")
        assert (answer.status_code, answer.json()["detail"]) == (422, said)
    assert reader.get(f"{BOX}?exclude=a&exclude=b&access=public&access=members").status_code == 200


def test_since_after_until_is_a_422_that_names_both(reader: Any) -> None:
    params = {"since": "2026-02-01T00:00:00+02:00", "until": "2026-01-01"}
    answers = [reader.get(path, params=params) for path in (BOX, BOX.replace("related", "story"))]
    answers.append(reader.post("/v1/related", json={"ids": ["a"]}, params=params))
    for answer in answers:
        assert answer.status_code == 422
        assert "since 2026-01-31T22:00:00+00:00 is after until 2026-01-01" in answer.json()["detail"]
    assert reader.get(BOX, params={"since": "2026-01-01", "until": "2026-01-01"}).status_code == 200


@pytest.mark.parametrize(
    "bound",
    [
        "0001-01-01T00:01:01",
        "0001-01-01T00:01:01+01:00",
        "9999-12-31T23:59:59-05:00",
        "9999-12-31T23:59:59.999999Z",
        "9999-12-31T23:59:59.999999",
    ],
)
def test_bounds_at_either_end_of_the_calendar_are_bounds_like_any_other(reader: Any, bound: str) -> None:
    everything, early = reader.shown(BOX.split("/")[3]), bound.startswith("0")
    for name, shows in (("since", early), ("until", not early)):
        assert reader.shown(BOX.split("/")[3], **{name: bound}, fallback="none") == (everything if shows else [])
        assert reader.get("/v1/related", params={"url": "https://x.example/", name: bound}).status_code == 200


def test_a_lenient_service_passes_over_them(sample: Settings, serve: Any) -> None:
    lenient = sample.model_copy(update={"service": sample.service.model_copy(update={"lenient": True})})
    with serve(lenient) as service:
        assert len(service.reader.get(f"{BOX}?limt=3&limit=2").json()["items"]) == 2


def test_what_a_curation_names_and_nobody_knows_is_told(newsroom: Any) -> None:
    body = {"pinned": [{"id": "a-lavrov-novgorod-drone-claim"}, {"id": "never-was"}], "blocked": []}
    stored = newsroom.writer.put("/v1/articles/a-central-asia-condemns-drone-attack/curation", json=body).json()
    assert stored["unknown"] == ["never-was"]
    newsroom.writer.put("/v1/articles/a-central-asia-condemns-drone-attack/curation", json={})
