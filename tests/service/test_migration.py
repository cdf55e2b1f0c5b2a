"""A change of encoder while the service answers and takes articles in: two real encoders, real workers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.articles.article import parse_article
from recommend.encoder import Encoder, open_encoder
from recommend.index.live import LiveView
from recommend.index.snapshot.catalog import current_name
from recommend.index.snapshot.layout import IndexLayout
from recommend.ingest import put
from recommend.jobs.reindex import reindex
from recommend.jobs.rollback import rollback
from recommend.recommender import Recommender
from recommend.settings import EncoderSettings, Settings
from recommend.store import Store
from recommend_service.routes.articles import embed_as_served

STORY = "a-central-asia-condemns-drone-attack"


class Remembering:
    """An encoder that embeds a text once: the archive of one test is that of the next."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._known = encoder, dict[str, Any]()
        self.fingerprint, self.dimension = encoder.fingerprint, encoder.dimension
        self.max_tokens, self.language = encoder.max_tokens, encoder.language

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the encoder does."""
        if new := [text for text in dict.fromkeys(texts) if text not in self._known]:
            self._known.update(zip(new, self._encoder.encode(new), strict=True))
        return np.array([self._known[text] for text in texts], np.float32).reshape(-1, self.dimension)


@pytest.fixture(scope="module")
def other(models: Path) -> Encoder:
    """The default encoder made to read less of a text: another, real one."""
    return Remembering(open_encoder(EncoderSettings(max_tokens=48), models))


@pytest.mark.databases("sqlite", "pgvector")
def test_the_service_answers_and_takes_articles_in_throughout_a_change_of_encoder_and_back(
    copied_as: Settings, encoder: Encoder, other: Encoder, serve: Any
) -> None:
    shorter = copied_as.model_copy(update={"encoder": EncoderSettings(max_tokens=48)})
    assert other.fingerprint != encoder.fingerprint
    layout = IndexLayout(copied_as.index)
    stop, stored, statuses = threading.Event(), list[str](), list[int]()

    def write(service: Any) -> None:
        while not stop.wait(0.05):  # the job has a share of the cores
            article_id = f"late-{len(stored)}"
            body = {"title": f"Leaders condemn drone attack, part {len(stored)}", "text": "Drones over Novgorod."}
            statuses.append(service.writer.article("PUT", article_id, json=body).status_code)
            stored.append(article_id)

    with closing(Store(copied_as.store)) as store, serve(copied_as) as service:
        writing = threading.Thread(target=write, args=[service])
        writing.start()
        try:
            while len(stored) < 3:
                stop.wait(0.01)
            for settings, serving in ((shorter, other), (copied_as, encoder)):
                if serving is other:
                    made = reindex(store, other, settings).manifest
                else:
                    made = rollback(store, copied_as, lambda _: encoder)
                assert current_name(layout) == made.name
                service.reader.await_snapshot(made.name)
                assert made.encoder == serving.fingerprint
                assert len(service.reader.box(STORY).items) == 5
                draft = service.reader.post("/v1/related", json={"title": "Drones over the residence"})
                assert draft.status_code == 200
                assert draft.json()["snapshot"] == made.name
                count = len(stored)
                while len(stored) < count + 3:
                    stop.wait(0.01)
        finally:
            stop.set()
            writing.join()
        assert set(statuses) == {201}
        back = layout.snapshot(current_name(layout) or "").read_manifest()
        assert back.encoder == encoder.fingerprint
        assert store.counts(encoder.fingerprint)["unembedded"] == 0
        assert all(len(service.reader.box(article_id).items) == 5 for article_id in (stored[0], stored[-1]))


def test_an_article_stored_with_the_former_encoder_in_the_moment_of_a_change_is_embedded_again(
    copied: Settings, encoder: Encoder, other: Encoder, serve: Any, monkeypatch: Any
) -> None:
    shorter = copied.model_copy(update={"encoder": EncoderSettings(max_tokens=48)})
    with closing(Store(copied.store)) as store, serve(copied) as service:
        made = reindex(store, other, shorter, publishes=False).manifest
        encode, begun = type(encoder).encode, list[int]()

        def slow(self: Any, texts: Any) -> Any:
            if self.fingerprint == encoder.fingerprint and not begun:
                begun.append(1)
                rollback(store, shorter, lambda _: other, made.name)  # published while this article is being embedded
            return encode(self, texts)

        monkeypatch.setattr(type(encoder), "encode", slow)
        assert service.writer.article("PUT", "late", json={"title": "Leaders condemn drone attack"}).status_code == 201
        assert begun == [1]
        assert store.embeddings.text_hashes(["late"], other.fingerprint).keys() == {"late"}
        assert len(service.reader.box("late").items) == 5


@pytest.mark.databases("sqlite", "pgvector")
def test_an_article_that_comes_while_a_snapshot_of_another_encoder_is_opened_is_embedded_for_both(
    copied_as: Settings, encoder: Encoder, other: Encoder, serve: Any, monkeypatch: Any
) -> None:
    shorter = copied_as.model_copy(update={"encoder": EncoderSettings(max_tokens=48)})
    opens = threading.Event()

    open_it = LiveView._open

    def open_late(*arguments: Any) -> Any:
        assert threading.current_thread().name != "snapshot" or opens.wait(60)
        return open_it(*arguments)

    monkeypatch.setattr(LiveView, "_open", open_late)
    with closing(Store(copied_as.store)) as store, serve(copied_as) as service:
        before = service.reader.box(STORY).snapshot
        made = reindex(store, other, shorter).manifest
        body = {"title": "Leaders condemn drone attack"}
        assert service.writer.article("PUT", "late", json=body).status_code == 201
        assert service.reader.box("late").snapshot == before
        assert store.embeddings.text_hashes(["late"], encoder.fingerprint).keys() == {"late"}
        opens.set()
        service.reader.await_snapshot(made.name)
        why = service.reader.get("/v1/articles/late/related", params={"explain": True}).json()
        assert why["items"][0]["explanation"]["dense"]["value"] is not None
        assert store.embeddings.text_hashes(["late"], other.fingerprint).keys() == {"late"}


def test_what_comes_before_a_snapshot_is_served_whose_encoder_is_not_there_is_stored_all_the_same(
    copied: Settings, encoder: Encoder, other: Encoder, monkeypatch: Any, caplog: Any
) -> None:
    with closing(Store(copied.store)) as store:
        recommender = Recommender(store, copied)
        own = recommender.encoder_beside(frozenset())
        assert own is not None
        assert own.fingerprint == encoder.fingerprint
        served = recommender.view().snapshot.manifest
        absent = served.model_copy(update={"encoder": "another", "encoder_name": "not-there"})
        monkeypatch.setattr(LiveView, "awaited", lambda _: absent)
        assert recommender.encoder_beside({encoder.fingerprint}) is None
        assert "by its words alone" in caplog.text
        assert recommender.encoder.fingerprint == encoder.fingerprint


def test_embedding_again_brings_no_earlier_text_back(copied: Settings, encoder: Encoder, other: Encoder) -> None:
    first, second = (parse_article({"id": "late", "title": title}) for title in ("A first version", "A second version"))
    with closing(Store(copied.store)) as store:
        recommender = Recommender(store, copied)
        put(store, other, first)
        put(store, encoder, second)  # another worker stores a correction meanwhile
        embed_as_served(recommender, other, [first])
        found = store.get("late")
        assert found is not None
        assert found.title == "A second version"
        assert store.embeddings.text_hashes(["late"], encoder.fingerprint) == {"late": second.text_hash}


def test_embedding_again_reaches_views_that_are_open(copied: Settings, encoder: Encoder, other: Encoder) -> None:
    article = parse_article({"id": "late", "title": "Leaders condemn drone attack on residence"})
    with closing(Store(copied.store)) as store:
        recommender = Recommender(store, copied)
        put(store, other, article)

        def length() -> float:
            view = recommender.view()
            number, row = view.locate("late") or (-1, -1)
            return float(abs(view.segments[number].embeddings[row]).sum())

        before = length()
        embed_as_served(recommender, other, [article])
        assert before != length() > 0
