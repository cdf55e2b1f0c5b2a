"""What a monitor reads, scraped over HTTP."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from recommend.encoder import Encoder
from recommend.jobs.reindex import reindex
from recommend.settings import ServiceSettings, Settings
from recommend.store import Store

STORY = "a-central-asia-condemns-drone-attack"
BOX = f"/v1/articles/{STORY}/related"
RELATED = "/v1/articles/{article_id}/related"


def scrape(client: Any) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The value of each sample by name and labels."""
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer.headers["Cache-Control"] == "no-store"
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def requests(client: Any, **labels: str) -> float:
    wanted = {"method": "GET", **labels}.items()
    found = scrape(client).items()
    return sum(v for (name, has), v in found if name == "recommend_request_seconds_count" and wanted <= has)


def gauge(client: Any, name: str) -> float | None:
    return scrape(client).get((f"recommend_{name}", frozenset()))


@pytest.fixture
def client(sample: Settings, serve: Any) -> Any:
    with serve(sample) as service:
        yield service.writer


def test_requests_are_counted_by_template_status_and_what_the_cache_did(client: Any) -> None:
    tag = client.get(BOX).headers["ETag"]
    for headers in ({}, {"If-None-Match": tag}, {"If-None-Match": '"other"'}):
        client.get(BOX, headers=headers)
    client.head(BOX)
    client.get("/v1/articles/x%2Fy/related?fallback=none")
    client.get("/wp-login.php")
    client.request("PROPFIND", "/healthz")
    assert requests(client, route=RELATED, cache="miss", status="200") == 1
    assert requests(client, route=RELATED, cache="hit", status="200") == 2
    assert requests(client, route=RELATED, cache="hit", status="304") == 1
    assert requests(client, route=RELATED, cache="hit", method="HEAD") == 1
    assert requests(client, route=RELATED, status="404") == 1
    assert requests(client, route="none", status="404", cache="none") == 1
    assert requests(client, route="/healthz", method="other", status="405") == 1
    assert not any("wp-login" in str(sample) or "x/y" in str(sample) for sample in scrape(client))


def test_what_the_rules_removed_and_what_fell_back_is_counted(client: Any) -> None:
    for _ in range(3):
        client.get(f"{BOX}?limit=50")
        client.get("/v1/articles/unknown/related")
    assert gauge(client, "fallbacks_total") == 3
    removed = scrape(client)["recommend_removed_candidates_total", frozenset({("rule", "duplicates")})]
    assert removed >= 1


def test_the_state_of_store_and_index_is_told(copied: Settings, encoder: Encoder, serve: Any) -> None:
    with serve(copied) as service, closing(Store(copied.store)) as store:
        client = service.writer
        assert [gauge(client, name) for name in ("articles", "revision_lag", "overlay_articles", "problem")] == [
            144, 0, 0, 0,
        ]  # fmt: skip
        client.article("PUT", "metrics-1", json={"title": "A new story"})
        assert [gauge(client, name) for name in ("articles", "revision_lag", "overlay_articles")] == [145, 1, 1]
        assert [gauge(client, name) for name in ("revision", "unembedded_articles")] == [147, 0]
        age = gauge(client, "snapshot_age_seconds")
        manifest = reindex(store, encoder, copied).manifest
        young = gauge(client, "snapshot_age_seconds")
        assert age is not None
        assert young is not None
        assert 0 <= young < age
        assert gauge(client, "overlay_articles") == 0
        served = {("name", manifest.name), ("encoder", manifest.encoder), ("kind", manifest.kind)}
        assert scrape(client)["recommend_snapshot_info", frozenset(served)] == 1


def test_without_a_snapshot_there_are_metrics_and_a_problem(settings: Settings, store: Store, serve: Any) -> None:
    with serve(settings.model_copy(update={"service": ServiceSettings(operations="open")})) as service:
        assert gauge(service.reader, "problem") == 1
        assert gauge(service.reader, "articles") is None
        assert gauge(service.reader, "revision") == 0
        assert store.latest_revision() == 0


def test_each_app_counts_for_itself(client: Any, reader: Any) -> None:
    client.get(BOX)
    assert requests(client, route=RELATED) == 1
    assert reader.get("/metrics").status_code == 200
