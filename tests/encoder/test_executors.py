"""Engines give every text the same vector, wherever it is embedded and whatever breaks on the way."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pytest

from recommend.articles.article import Article, parse_article
from recommend.encoder import Encoder, encode_articles
from recommend.encoder.executors import ray as cluster_module
from recommend.encoder.executors.engine import EngineName, open_engine
from recommend.encoder.executors.local import LocalEngine
from recommend.encoder.executors.ray import RayEngine
from recommend.errors import EngineError
from recommend.ingest import embed_missing
from recommend.settings import RaySettings, Settings
from recommend.store import Store
from recommend.store.rows import VECTOR_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

pytestmark = [
    pytest.mark.filterwarnings(r"ignore:`use_\w+` is deprecated:DeprecationWarning"),  # ray.data sets its own defaults
]
MEMORY = 100 * 2**20
BATCH = 4


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A Ray cluster of two nodes with a logical core each, on loopback: an actor starts on each for every question."""
    pytest.importorskip("ray", reason="ray is absent: pip install 'related-articles[ray]'")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RAY_USAGE_STATS_ENABLED", "0")
        environment.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")  # what Ray calls it to stay on 127.0.0.1
        from ray.cluster_utils import Cluster

        node: dict[str, Any] = {"num_cpus": 1, "object_store_memory": MEMORY}
        started = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
        try:
            started.add_node(**node)
            yield started
        finally:
            started.shutdown()


@pytest.fixture
def on_cluster(cluster: Any, settings: Settings) -> Settings:
    """Settings that name the cluster, with small batches."""
    return settings.model_copy(update={"ray": RaySettings(address=cluster.address, batch=BATCH)})


@pytest.fixture(scope="module")
def texts(corpus: list[Article]) -> list[Article]:
    """The headlines and leads of the sample corpus: quickly embedded."""
    return [Article(id=a.id, title=a.title, text=(a.text or "")[:200]) for a in corpus]


def batches(articles: list[Article], size: int = BATCH) -> list[list[Article]]:
    return [articles[start : start + size] for start in range(0, len(articles), size)]


def stored(store: Store, encoder: Encoder, articles: list[Article]) -> NDArray[np.float32]:
    """The embeddings (n, d) of articles in the store."""
    found = {change.article_id: change.embedding for change in store.changes.since(0, encoder.fingerprint)}
    return np.array([found[a.id] for a in articles])


def test_the_local_engine_gives_each_batch_with_what_its_vectors_were_made_from(
    stories: list[Article], toy_encoder: Encoder
) -> None:
    found = list(LocalEngine(toy_encoder).embeddings(batches(stories, 25)))
    assert [len(done.texts) for done in found] == [25, 25, 10]
    assert [text for done in found for text in done.texts] == [(a.id, a.text_hash) for a in stories]
    vectors = np.concatenate([done.vectors for done in found])
    np.testing.assert_array_equal(vectors, encode_articles(toy_encoder, stories))


def test_what_was_embedded_before_a_job_ended_stays_and_the_next_one_does_the_rest_on_the_cluster(
    on_cluster: Settings, store: Store, encoder: Encoder, texts: list[Article]
) -> None:
    texts = texts[:24]
    store.put([(article, None) for article in texts], encoder.fingerprint)

    def end(_: int) -> None:
        raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        embed_missing(store, encoder, RayEngine(encoder, on_cluster), progress=end)
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert left <= {"Prefetcher"}  # one that asked the cluster for anything now would have this process ended
    assert store.counts(encoder.fingerprint)["unembedded"] == 24 - BATCH
    environment = {
        **os.environ,
        "RECOMMEND_RAY": on_cluster.ray.model_dump_json(),
        "RECOMMEND_MODELS": str(on_cluster.models),
    }
    command = [sys.executable, "-c", "from recommend.cli import main; main()", "--store", on_cluster.store]
    done = subprocess.run(
        [*command, "--index", str(on_cluster.index), "reindex", "--engine", "ray", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert orjson.loads(done.stdout)["embedded"] == 24 - BATCH
    kept = encode_articles(encoder, texts).astype(VECTOR_DTYPE)
    np.testing.assert_array_equal(stored(store, encoder, texts), kept)


def test_a_worker_with_another_encoder_is_refused(on_cluster: Settings, toy_encoder: Encoder) -> None:
    with pytest.raises(EngineError, match=r"fingerprint \S+ on worker .*, toy on the driver; install the same"):
        list(RayEngine(toy_encoder, on_cluster).embeddings([[parse_article({"id": "a", "title": "A"})]]))


def test_a_cluster_without_room_for_an_actor_is_told_and_not_waited_for(
    on_cluster: Settings, toy_encoder: Encoder
) -> None:
    greedy = on_cluster.model_copy(update={"ray": on_cluster.ray.model_copy(update={"gpus": 1.0})})
    with pytest.raises(EngineError, match="1 GPU where the cluster has 0"):
        list(RayEngine(toy_encoder, greedy).embeddings([[parse_article({"id": "a", "title": "A"})]]))


def test_nothing_is_lost_and_every_vector_is_the_local_one_when_a_node_dies_in_mid_run(
    cluster: Any, on_cluster: Settings, encoder: Encoder, texts: list[Article]
) -> None:
    import ray

    many = texts[:60]
    found: dict[str, NDArray[np.float32]] = {}
    with closing(RayEngine(encoder, on_cluster).embeddings(batches(many))) as ready:
        for done in ready:
            if not found:
                assert "CPU" not in ray.available_resources()  # actors are at work on all cores of both nodes
                cluster.remove_node(max(cluster.list_all_nodes(), key=lambda node: not node.is_head()))
            found.update(zip((text.id for text in done.texts), done.vectors, strict=True))
    np.testing.assert_array_equal(np.stack([found[a.id] for a in many]), encode_articles(encoder, many))


def test_a_cluster_that_is_not_there_ends_the_job_in_one_line(
    store: Store, settings: Settings, toy_encoder: Encoder
) -> None:
    pytest.importorskip("ray", reason="ray is absent: pip install 'related-articles[ray]'")
    store.put([(parse_article({"id": "a", "title": "A"}), None)], toy_encoder.fingerprint)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        environment = {**os.environ, "RECOMMEND_RAY__ADDRESS": address, "RECOMMEND_MODELS": str(settings.models)}
        command = [sys.executable, "-c", "from recommend.cli import main; main()", "--store", settings.store]
        done = subprocess.run(
            [*command, "--index", str(settings.index), "reindex", "--engine", "ray"],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
    assert done.returncode == 1
    assert f"ray.address = '{address}' cannot be reached" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_missing_ray_names_the_extra(
    settings: Settings, toy_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "find_spec", lambda _: None)
    with pytest.raises(EngineError, match=r"package ray is missing; pip install 'related-articles\[ray\]'"):
        open_engine(EngineName.RAY, toy_encoder, settings)


def test_nothing_to_embed_needs_no_cluster(settings: Settings, toy_encoder: Encoder) -> None:
    pytest.importorskip("ray", reason="ray is absent: pip install 'related-articles[ray]'")
    nowhere = settings.model_copy(update={"ray": RaySettings(address="192.0.2.1:1")})
    assert list(RayEngine(toy_encoder, nowhere).embeddings([])) == []
