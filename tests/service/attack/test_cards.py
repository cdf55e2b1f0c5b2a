"""P1: the archive is not to be read without a key."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from recommend.encoder import Encoder
from recommend.jobs.export.export import export
from recommend.jobs.reindex import reindex
from recommend.ranking.candidates import CARD_FEATURES
from recommend.recommender import Recommender
from recommend.settings import Settings, VariantSettings
from recommend.store import Store
from recommend.store.keys import Scope

STORY = "a-central-asia-condemns-drone-attack"
SECRETS = ("Zyxxaltext", "Zyxxallead", "Zyxxalextra", "Zyxxaldraft", "Zyxxalgone", "Zyxxalcurator")
WORD = "Quagmirella"
NEAR = {"published_at": "2026-01-02T08:00:00Z", "language": "en", "genre": "news", "section": "World"}
TITLE = "Central Asian leaders condemn the drone attack on Putin's Novgorod residence"
BODY = f"Zyxxallead met in Astana. Zyxxaltext spoke of {WORD}, and {WORD} it was. {TITLE}."


def _fill(writer: Any, store: Store) -> list[str]:
    """Stories with secrets in every place that is not the public's; the ids of those that are published."""
    extra = {"desk_note": "Zyxxalextra", "email": "Zyxxalextra@example.com"}
    named = []
    for access in ("members", "paid", "tiers"):
        text = BODY if access == "members" else BODY.replace(WORD, "trade")  # a word in many stories is no reason
        body = {**NEAR, **extra, "title": f"{TITLE}, part one", "text": text, "access": access}
        named.append(f"secret-{access}")
        writer.article("PUT", named[-1], json=body)
    named += ["open", "about"]
    writer.article("PUT", "open", json={**NEAR, **extra, "title": f"{TITLE} again", "summary": "Short.", "text": BODY})
    # of a body that is not public its neighbour's headline must tell nothing
    told = f"Leaders spoke of {WORD} in Astana for hours. Wheat rose again, said traders."
    title = f"{WORD} is on the table in Astana after the drone attack on a residence"
    writer.article("PUT", "about", json={**NEAR, "title": title, "text": told})
    for status in ("draft", "unpublished"):
        hidden = {**NEAR, **extra, "title": f"Zyxxaldraft {TITLE}", "text": BODY, "status": status}
        writer.article("PUT", f"hidden-{status}", json=hidden)
    writer.article("PUT", "gone", json={**NEAR, "title": f"Zyxxalgone {TITLE}", "text": BODY})
    writer.article("DELETE", "gone")
    curator = {"Authorization": f"Bearer {store.keys.create('Zyxxalcurator', [Scope.CURATE])}"}
    curation = {"pinned": [{"id": "hidden-draft"}, {"id": "open"}], "blocked": [{"id": "about"}]}
    writer.put(f"/v1/articles/{STORY}/curation", json=curation, headers=curator)
    return named


def _public_answers(reader: Any, ids: list[str]) -> list[Any]:
    """Everything that anybody can ask for, with what is asked for kept out of it."""
    hidden = ["hidden-draft", "hidden-unpublished", "gone"]
    paths = ["/", "/?section=World", "/openapi.json", "/docs", "/redoc"]
    paths += ["/healthz", "/readyz", "/metrics", "/v1/status"]
    for article_id in [*ids, *hidden, STORY, "unknown"]:
        article = f"/v1/articles/{article_id}"
        paths += [article, f"{article}/related?limit=50", f"{article}/related?limit=50&explain=true"]
        paths += [
            f"{article}/related?variant=auto:7&access=paid,members",
            f"{article}/curation",
            f"/stories/{article_id}",
        ]
    bodies: list[dict[str, Any]] = [
        {"title": TITLE, "text": f"{TITLE}. {WORD}."},
        {"title": f"{WORD}", "text": f"{WORD} " * 3},
        {"ids": [*ids[:40], *hidden]},
        {"title": ""},
        {"id": "hidden-draft", "title": TITLE},
    ]
    answers = [reader.get(path) for path in paths]
    answers += [
        reader.post(f"/v1/related?limit=50&explain={flag}", json=b) for b in bodies for flag in ("true", "false")
    ]
    answers += [
        reader.request(method, f"/v1/articles/{ids[0]}", json={"title": "Mine"}) for method in ("PUT", "DELETE")
    ]
    answers.append(reader.post("/v1/events", json={"kind": "click", "article_id": ids[0], "item_id": ids[1]}))
    return answers


def test_nothing_but_cards_comes_out_without_a_key(
    copied: Settings,
    serve: Any,
    encoder: Encoder,
    tmp_path: Path,
    held: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    service = copied.service.model_copy(update={"access_log": True, "variants": {"control": VariantSettings()}})
    policy = copied.policy.model_copy(update={"floor": 0.0})  # reasons are told of all that is shown
    settings = copied.model_copy(update={"service": service, "policy": policy})
    answers = []
    with serve(settings) as running, closing(Store(settings.store)) as store:
        ids = _fill(running.writer, store)
        answers += _public_answers(running.reader, ids)  # from what changed since the snapshot
        running.reader.await_snapshot(reindex(store, encoder, settings).manifest.name)
        answers += _public_answers(running.reader, ids)  # from the snapshot
        assert f"{WORD}" in running.writer.article("GET", ids[0]).json()["text"]
        file = tmp_path / "related.jsonl"
        assert export(Recommender(store, settings, encoder), file, 50) > 0
    said = [*(answer.text for answer in answers), *(str(answer.headers) for answer in answers)]
    for place, texts in (("answers", said), ("export", [file.read_text()]), ("log", [caplog.text])):
        assert [(place, secret) for secret in SECRETS if any(secret in text for text in texts)] == []
    boxes = [answer.json() for answer in answers if answer.status_code == 200 and "/related" in str(answer.url)]
    closed = [
        item["reason"]
        for box in boxes
        for item in box["items"]
        if item["access"] != "public" or str(box["article_id"]).startswith("secret-")
    ]
    assert closed
    assert [reason for reason in closed if WORD in str(reason)] == []
    explained = [box for box in boxes if box.get("near_misses") is not None]
    assert {name for box in explained for item in box["items"] for name in item["explanation"]} == {*CARD_FEATURES}
    missed = {miss["id"] for box in explained for miss in box["near_misses"]}
    assert missed
    assert [name for name in missed if name.startswith("secret-")] == []
    assert [box for box in explained if str(box["article_id"]).startswith("secret-") and box["near_misses"]] == []
    named = [item for box in boxes if box["article_id"] == "open" for item in box["items"]]
    assert any(WORD in str(item["reason"]) for item in named), "of a public body the word is a reason"
    held("P1", "texts, extra, drafts, names and bodies' words asked for without a key", requests=len(answers))


def test_p1_no_box_tells_of_an_article_under_embargo(newsroom: Any, held: Callable[..., None]) -> None:
    body = {**NEAR, "title": TITLE, "text": BODY, "url": "https://news.example/embargoed"}
    sent = newsroom.writer.article("PUT", "embargoed", json={**body, "published_at": "2090-01-01T00:00:00Z"})
    assert sent.status_code == 201
    answer = newsroom.reader.get("/v1/articles/embargoed/related", params={"explain": "true"})
    assert (answer.json()["fallback"], WORD in answer.text) == ("latest", False)
    assert newsroom.reader.get("/v1/articles/embargoed/related", params={"fallback": "none"}).status_code == 404
    history = newsroom.reader.post("/v1/related", json={"ids": ["embargoed"]})
    assert (history.json()["fallback"], WORD in history.text) == ("latest", False)
    by_url = newsroom.reader.get("/v1/related", params={"url": body["url"]})
    assert (by_url.json()["fallback"], WORD in by_url.text) == ("latest", False)
    assert by_url.json()["article_id"] != "embargoed"
    held("P1", "boxes of what is under embargo", requests=4)


def test_operations_on_an_address_of_their_own_are_seen_there_and_nowhere_else(
    copied: Settings, serve_workers: Any, connect: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = f"127.0.0.1:{free.getsockname()[1]}"
    service = copied.service.model_copy(update={"operations": own})
    with (
        serve_workers(copied.model_copy(update={"service": service})) as workers,
        connect(workers.address) as public,
        connect(f"http://{own}") as operator,
    ):
        for path in ("/metrics", "/v1/status"):
            assert (public.get(path).status_code, operator.get(path).status_code) == (401, 200)
        assert (public.get("/readyz").json()["problems"], operator.get("/readyz").json()["problems"]) == (None, [])
