"""What is answered from the cache, in front of everything, is what the app would answer."""

from __future__ import annotations

import time
import zlib
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import orjson
import pytest
from fastapi import FastAPI, Query
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from recommend.articles.article import Article
from recommend.articles.card import card_of
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.jobs.lists import make_lists
from recommend.ranking.answer import Answer, Recommendation
from recommend.ranking.reasons import Reason
from recommend.settings import Settings
from recommend.store.keys import Key
from recommend_service.cache.response import GZIP_FROM, ID_LENGTH, CachedResponse, accepts_gzip, max_age, names_tag
from recommend_service.http.auth import sees_all
from recommend_service.http.parameters import BoxParameters, UrlParameters

STORY = "a-central-asia-condemns-drone-attack"
BOX = f"/v1/articles/{STORY}/related"
REQUEST_ID = "f" * ID_LENGTH

ids = st.one_of(
    st.sampled_from([STORY, "a-lavrov-novgorod-drone-claim", "b-draft-tiktok-user-questions", "related", "a/related"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
queries = st.fixed_dictionaries(
    {},
    optional={
        "limit": st.sampled_from(["1", "5", "05", "50", "51", "x"]),
        "fallback": st.sampled_from(["latest", "none", "popular"]),
        "section": st.sampled_from(["World", ""]),
        "access": st.sampled_from(["public", "public,paid", "", "x", "members"]),
        "reader": st.sampled_from(["paid", "public", "", "x"]),
        "explain": st.sampled_from(["true", "0"]),
        "max_age": st.sampled_from(["0", "P999D", "PT1.5S"]),
        "since": st.sampled_from(["2026-01-05", "2026-01-05T10:00:00.5+02:00"]),
        "exclude": st.sampled_from(["a,b", "a-lavrov-novgorod-drone-claim"]),
        "variant": st.sampled_from(["auto:reader", "none"]),
        "max age": st.just("1"),
    },
)
given_headers = st.fixed_dictionaries(
    {"Accept-Encoding": st.sampled_from(["gzip", "identity", "br, gzip;q=0.5", "gzip;q=0", "*"])},
    optional={
        "If-None-Match": st.sampled_from(["*", '"other"', 'W/"x", "y"', ""]),
        "Origin": st.just("https://a.test"),
    },
)


values = st.one_of(
    st.sampled_from(["", "1", "05", " 5", "5.0", "true", "on", "no", "latest", "none", "P7D", "PT0.5S", "-P1D", "60"]),
    st.sampled_from(["2026-01-05", "2026-01-05T10:00:00+02:00", "2026-13-01", "a,b", "%2C", "%ff", "a%20b", "a+b"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5).map(quote),
)
queries_of_any_kind = st.lists(
    st.tuples(st.sampled_from([*UrlParameters.model_fields, "URL", "other"]), values), max_size=6
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


def read_directly(_: Any, path: str, query: str) -> Any:
    """The parameters of a query string, None where they are not valid."""
    model = UrlParameters if path == "/v1/related" else BoxParameters
    return model.read(query.encode())


def read_by_fastapi(app: TestClient, path: str, query: str) -> Any:
    """The same as FastAPI reads them."""
    answer = app.get(f"{path}?{query}")
    return None if answer.status_code == 422 else heard.pop()


heard: list[BoxParameters] = []


@pytest.fixture(scope="module")
def reading() -> TestClient:
    """FastAPI's own routes with the same parameters."""
    app = FastAPI()

    @app.get("/v1/articles/{article_id:path}/related")
    async def related(article_id: str, given: Annotated[BoxParameters, Query()]) -> None:
        heard.append(given)

    @app.get("/v1/related")
    async def related_by_url(given: Annotated[UrlParameters, Query()]) -> None:
        heard.append(given)

    return TestClient(app)


@pytest.fixture(scope="module")
def uncached(sample: Settings, serve: Any) -> Any:
    settings = sample.model_copy(update={"service": sample.service.model_copy(update={"cache_size": 0})})
    with serve(settings) as service:
        yield service.reader


def plain(response: httpx.Response) -> tuple[int, dict[str, str], Any]:
    """Status, headers and body without what is different each time."""
    headers = {name: value for name, value in response.headers.items() if name != "date"}
    body = response.json() if response.content and response.headers["Content-Type"] == "application/json" else None
    if isinstance(body, dict) and "request_id" in body:
        del body["request_id"]
    return response.status_code, headers, body if body is not None else response.content


@given(ids, queries, given_headers, st.sampled_from(["GET", "GET", "HEAD"]))
@hypothesis_settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_answer_is_the_same_the_first_time_the_second_time_and_without_a_cache(
    reader: Any, uncached: Any, article_id: str, params: dict[str, str], headers: dict[str, str], method: str
) -> None:
    url = f"/v1/articles/{quote(article_id, safe='')}/related"
    answers = [one.request(method, url, params=params, headers=headers) for one in (reader, reader, uncached)]
    first, second, third = map(plain, answers)
    assert first == second == third


@pytest.fixture
def served(copied: Settings, serve: Any) -> Any:
    with serve(copied) as service:
        yield service


@pytest.fixture
def listed(copied: Settings, serve: Any) -> Any:
    """A service with ready lists."""
    assert make_lists(copied, current_name(IndexLayout(copied.index)) or "")
    with serve(copied) as service:
        yield service


def test_an_answer_that_is_looked_up_is_the_one_that_the_app_computes(
    listed: Any, uncached: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    questions = [(one, params) for one in (STORY, "a-lavrov-novgorod-drone-claim") for params in ("", "?limit=3")]
    questions += [("b-draft-tiktok-user-questions", "?fallback=none"), ("unknown", ""), (STORY, "?limit=51")]
    questions += [(STORY, "?section=World"), (STORY, "?limit=3&limit=4"), (STORY, "?limits=3"), ("a/related", "")]
    asked = [f"/v1/articles/{quote(one, safe='')}/related{params}" for one, params in questions]
    for url in asked:
        once, again, computed = (plain(client.get(url)) for client in (listed.reader, listed.reader, uncached))
        assert once == again == computed, url

    def made(*_: object, **__: object) -> None:
        raise AssertionError("the app was asked")

    with monkeypatch.context() as patch:
        patch.setattr("recommend_service.routes.related.compute_answer", made)
        listed.writer.put("/v1/articles/new-one", json={"title": "Nothing else"}).raise_for_status()
        for params in ("limit=7", "limit=8&fallback=none"):
            assert listed.reader.get(f"{BOX}?{params}").status_code == 200
    assert listed.writer.delete(f"/v1/articles/{STORY}").status_code == 204
    assert listed.reader.get(f"{BOX}?limit=9&fallback=none").status_code == 404


def test_a_card_is_kept_until_its_article_changes_and_is_the_one_that_the_app_gives(
    served: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    card, asked = f"/v1/articles/{STORY}", list[str]()
    reader, writer = served.reader, served.writer

    def noted(key: Key | None) -> bool:
        asked.append("app")
        return sees_all(key)

    monkeypatch.setattr("recommend_service.routes.articles.sees_all", noted)
    first, second, head = reader.get(card), reader.get(card), reader.head(card)
    assert len(asked) == 1
    assert plain(first) == plain(second)
    assert {**head.headers, "date": ""} == {**first.headers, "date": ""}
    assert head.content == b""
    assert "text" not in second.json()
    assert "text" in writer.get(card).json()
    writer.put("/v1/articles/another", json={"title": "Another story"}).raise_for_status()
    assert plain(reader.get(card)) == plain(first)
    writer.put(card, json={"title": "Told anew"}).raise_for_status()
    assert [reader.get(card).json()["title"] for _ in range(2)] == ["Told anew"] * 2
    writer.put(card, json={"title": "Told anew", "status": "draft"}).raise_for_status()
    assert [reader.get(card).status_code for _ in range(2)] == [404, 404]
    writer.put(card, json={"title": "Told anew", "tags": [f"tag {n}" for n in range(200)]}).raise_for_status()
    large = [reader.get(card, headers={"Accept-Encoding": "gzip"}) for _ in range(2)]
    assert [one.headers["Content-Encoding"] for one in large] == ["gzip"] * 2
    assert writer.delete(card).status_code == 204
    assert [reader.get(card).status_code for _ in range(2)] == [404, 404]


def test_a_card_that_expires_is_gone_at_that_moment(served: Any) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=2)
    card = f"/v1/articles/{STORY}"
    served.writer.put(card, json={"title": "Soon over", "expires_at": moment.isoformat()}).raise_for_status()
    assert [served.reader.get(card).status_code for _ in range(2)] == [200, 200]
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
    assert served.reader.get(card).status_code == 404


@given(queries_of_any_kind, st.sampled_from([BOX, "/v1/related"]))
@hypothesis_settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_parameters_mean_what_fastapi_takes_them_for(reading: Any, query: str, path: str) -> None:
    direct, declared = (read(reading, path, query) for read in (read_directly, read_by_fastapi))
    assert direct == declared


def test_head_is_answered_as_get_without_a_body(reader: Any) -> None:
    for path in (BOX, BOX, f"{BOX}?max_age=P999D", f"/v1/related?url={STORY}", "/healthz", "/v1/articles/x/related"):
        head, get = reader.head(path), reader.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert {**head.headers, "date": ""} == {**get.headers, "date": ""}
    assert reader.head("/v1/articles/x/related?fallback=none").status_code == 404
    tag = reader.get(BOX).headers["ETag"]
    assert reader.head(BOX, headers={"If-None-Match": tag}).status_code == 304


def test_a_known_tag_is_answered_with_304_however_it_is_written(reader: Any) -> None:
    tag = reader.get(BOX).headers["ETag"]
    strong = tag.removeprefix("W/")
    for given_tag in (tag, strong, f'"a" , {tag},"b"', "*", f"{strong}, *"):
        for coding in ("gzip", "identity"):
            again = reader.get(BOX, headers={"If-None-Match": given_tag, "Accept-Encoding": coding})
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
            assert again.headers["Vary"] == "Accept-Encoding"
    for other in ('"a"', "W/", strong[1:-1], "", f"{strong[:-2]}"):
        assert reader.get(BOX, headers={"If-None-Match": other}).status_code == 200


def test_origins_do_not_leak_from_one_kept_answer_to_another(sample: Settings, serve: Any) -> None:
    service = sample.service.model_copy(update={"cors_origins": ["https://a.test", "https://b.test"]})
    allowed = "Access-Control-Allow-Origin"
    with serve(sample.model_copy(update={"service": service})) as running:
        for origin in ("https://a.test", "https://b.test", "https://a.test", "https://c.test"):
            answer = running.reader.get(BOX, headers={"Origin": origin})
            assert answer.headers.get(allowed) == (None if "c" in origin[8:] else origin)
            assert answer.headers["Vary"] == "Accept-Encoding, Origin"
        assert allowed not in running.reader.get(BOX).headers


def test_kept_answers_count_against_the_rate_limit(sample: Settings, serve: Any) -> None:
    service = sample.service.model_copy(update={"rate_limit": "3/hour"})
    with serve(sample.model_copy(update={"service": service})) as running:
        assert [running.reader.get(BOX).status_code for _ in range(5)] == [200, 200, 200, 429, 429]
        metrics = running.reader.get("/metrics").text
        assert 'cache="hit"' in metrics
        assert 'recommend_shed_requests_total{reason="rate"} 2.0' in metrics


def test_kept_answers_are_for_keys_only_where_reading_needs_one(sample: Settings, serve: Any) -> None:
    service = sample.service.model_copy(update={"read_needs_key": True})
    with serve(sample.model_copy(update={"service": service})) as running:
        answers = [client.get(BOX) for client in (running.writer, running.writer, running.reader, running.writer)]
        assert [answer.status_code for answer in answers] == [200, 200, 401, 200]
        assert all(answer.headers["Cache-Control"].startswith("private, ") for answer in answers[:2])
        assert 'cache="hit"' in running.reader.get("/metrics").text


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.text(max_size=40), st.integers(0, 60),
    st.tuples(st.integers(0, 2**40), st.integers(0, 2**40)),
)  # fmt: skip
def test_plain_and_compressed_bodies_are_the_answer_with_its_request_id_and_the_revision_at_which_it_is_given(
    article_id: str, title: str, count: int, revisions: tuple[int, int]
) -> None:
    items = [
        Recommendation(
            **asdict(card_of(Article(id=str(rank), title="T"))) | {"title": title},
            score=0.5,
            rank=rank,
            reason=Reason("topic", title),
        )
        for rank in range(1, count + 1)
    ]
    ready = CachedResponse.of(Answer(article_id, "s", revisions[0], None, 0, items, None), "public", explain=False)
    for coding, revision in product((b"gzip", b"identity"), revisions):
        status, headers, body = ready.respond([(b"accept-encoding", coding)], REQUEST_ID, revision)
        named = dict(headers)
        assert status == 200
        assert int(named[b"content-length"]) == len(body)
        if b"content-encoding" in named:
            unpacked = zlib.decompressobj(wbits=31)
            body = unpacked.decompress(body)
            assert unpacked.eof
            assert unpacked.unused_data == b"", "a second member would be lost in browsers"
        else:
            assert coding == b"identity" or len(body) < GZIP_FROM
        answer = orjson.loads(body)
        assert (answer["article_id"], answer["request_id"], len(answer["items"])) == (article_id, REQUEST_ID, count)
        assert list(answer)[:3] == ["article_id", "request_id", "snapshot"]
        assert (answer["snapshot"], answer["revision"]) == ("s", revision)


def test_an_id_too_long_for_an_uncompressed_block_is_sent_plain() -> None:
    ready = CachedResponse.of(Answer("x" * 70_000, "s", 1, None, 0, [], None), "public", explain=False)
    _, headers, body = ready.respond([(b"accept-encoding", b"gzip")], REQUEST_ID, 1)
    assert b"content-encoding" not in dict(headers)
    assert orjson.loads(body)["request_id"] == REQUEST_ID


@pytest.mark.parametrize(
    ("value", "accepted"),
    [(b"gzip", True), (b"GZIP", True), (b"br;q=1.0, gzip;q=0.8, *;q=0.1", True), (b"*", True), (b"gzip ; q=1", True),
     (b"", False), (b"identity", False), (b"gzip;q=0", False), (b"gzip; q=0.000", False), (b"br", False),
     (b"*;q=0", False), (b"gzip;q=0, *", False), (b"notgzip", False)],
)  # fmt: skip
def test_gzip_is_for_those_who_accept_it(value: bytes, accepted: bool) -> None:
    assert accepts_gzip(value) is accepted


def test_tags_are_compared_whole() -> None:
    assert not names_tag(b'"abc"', b'"ab"')
    assert names_tag(b'W/"ab"', b'"ab"')


@pytest.mark.parametrize(
    ("hours", "seconds"), [(None, 60), (-1, 60), (0, 60), (1, 60), (6, 216), (16, 576), (24, 600), (24 * 365, 600)]
)
def test_caches_may_keep_the_box_of_an_old_story_longer(hours: int | None, seconds: int) -> None:
    assert max_age(None if hours is None else hours * 3600, 60, 600) == seconds


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9), st.integers(0, 1000), st.integers(0, 100_000))
def test_the_time_to_keep_a_box_never_shrinks_with_age_nor_leaves_its_bounds(
    age: float, more: float, least: int, most: int
) -> None:
    younger, older = max_age(age, least, most), max_age(age + more, least, most)
    assert least <= younger <= older <= max(least, most)
