"""Whatever is sent, the answer is one that the OpenAPI document declares, and never the service's own fault.

``CASES=n`` sets how many requests are made up, others each time: ``make fuzz`` tries 10,000.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import make_url

import hostile
from recommend.settings import Settings
from recommend_service.routes.bulk import BulkResult

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is absent: pip install 'related-articles[dev]'")

CASES = int(os.environ.get("CASES", "100"))


def _dumps(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # an integer of more than 64 bits, a surrogate
        return b"null"


CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]
KNOWN = ["a-central-asia-condemns-drone-attack", "a-lavrov-novgorod-drone-claim"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["id", "title", "text", "published_at", "tags", "authors", "status", "expires_at", "language", "url", "delete"]
LINES = st.one_of(
    st.binary(max_size=60).map(lambda line: line.replace(b"\n", b" ")),
    JSON.map(_dumps),
    st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6).map(_dumps),
    st.builds(
        lambda i, title: _dumps({"id": i, "title": title}), st.text(min_size=1, max_size=20), st.text(max_size=40)
    ),
    st.builds(lambda i: _dumps({"delete": i}), st.text(max_size=20)),
)


def _limits(cases: int) -> hypothesis_settings:
    return hypothesis_settings(
        max_examples=cases,
        deadline=None,
        derandomize="CASES" not in os.environ,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def counts() -> Iterator[Counter[str]]:
    found: Counter[str] = Counter()
    yield found
    print(f"\n{sum(found.values())} cases: {dict(sorted(found.items()))}")  # with -s


@dataclass(frozen=True)
class Fuzzed:
    """A service of two workers, a client with a key and one without."""

    address: str
    writer: Any
    reader: Any


@pytest.fixture(scope="module")
def newsroom(
    sample: Settings, serve_workers: Any, connect: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fuzzed]:
    """A service on a copy of which nothing need be left; a random number that it draws is none of Hypothesis's."""
    folder = tmp_path_factory.mktemp("fuzzed")
    with closing(sqlite3.connect(make_url(sample.store).database or "")) as source:
        source.execute("VACUUM INTO ?", (str(folder / "recommend.db"),))
    index = shutil.copytree(sample.index, folder / "index")
    own = sample.model_copy(update={"store": f"sqlite:///{folder / 'recommend.db'}", "index": index})
    with (
        serve_workers(own) as workers,
        connect(workers.address, key=True) as writer,
        connect(workers.address) as reader,
    ):
        processes = workers.processes
        yield Fuzzed(workers.address, writer, reader)
        assert workers.processes == processes, "a worker was lost"


def test_made_up_requests_get_declared_answers(newsroom: Fuzzed, counts: Counter[str]) -> None:
    document = newsroom.reader.get("/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    schemathesis.serializer.alias("application/x-ndjson", "text/plain")
    schema.config.update(base_url=newsroom.address)
    operations = [result.ok() for result in schema.get_all_operations()]
    given_something = [one for one in operations if {"parameters", "requestBody"} & one.definition.raw.keys()]
    modes = list(schemathesis.GenerationMode)
    cases = -(-CASES // (len(given_something) * len(modes)))
    checks = schemathesis.checks.CHECKS.get_by_names(CHECKS)
    key = {"Authorization": newsroom.writer.headers["Authorization"]}

    def fuzz(operation: Any, mode: Any) -> None:
        @given(
            case=operation.as_strategy(generation_mode=mode),
            known=st.sampled_from([None, None, *KNOWN]),
            keyed=st.booleans(),
        )
        @_limits(cases)
        def one(case: Any, known: str | None, keyed: bool) -> None:
            if known and case.path_parameters:
                case.path_parameters["article_id"] = known
            response = case.call(headers=key if keyed else {})
            counts[f"{response.status_code}"] += 1
            case.validate_response(response, checks=checks)

        one()

    for operation in operations:
        for mode in modes if operation in given_something else [schemathesis.GenerationMode.POSITIVE]:
            fuzz(operation, mode)
    assert sum(counts.values()) >= CASES * 0.9
    assert {"200", "404", "422"} <= counts.keys()


def test_made_up_bulk_lines_each_get_a_result(newsroom: Fuzzed) -> None:
    @given(lines=st.lists(LINES, max_size=90), end=st.sampled_from([b"", b"\n", b"\r\n"]))
    @_limits(max(10, CASES // 20))
    def one(lines: list[bytes], end: bytes) -> None:
        answer = newsroom.writer.post("/v1/articles:bulk", content=b"\n".join(lines) + end)
        assert answer.status_code == 200
        results = [BulkResult.model_validate_json(line) for line in answer.content.splitlines()]
        assert [result.line for result in results] == [n for n, line in enumerate(lines, start=1) if line.strip()]
        assert all(result.detail for result in results if result.status == "rejected")

    one()


def test_bodies_of_nasty_repetitions_are_answered_like_any_others(newsroom: Fuzzed) -> None:
    for number, (name, text) in enumerate(hostile.samples(CASES * 50)):
        article = {"title": text[:200], "text": text, "tags": [text[:100]], "section": text[:50]}
        for answer in (
            newsroom.reader.post("/v1/related", json=article),
            newsroom.writer.article("PUT", f"hostile-{number}", json=article),
            newsroom.writer.post("/v1/articles:bulk", content=_dumps({"id": f"hostile-{number}", **article})),
            newsroom.reader.post("/v1/events", content=text.encode(errors="replace")),
        ):
            assert answer.status_code < 500, name
        newsroom.writer.article("DELETE", f"hostile-{number}")
