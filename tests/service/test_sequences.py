"""Whatever is done in whatever order, over HTTP, the boxes hold what a dictionary says they should.

``SEQUENCES=n`` sets how many random sequences are tried.
"""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from recommend.article import parse_article
from recommend.encoder import Encoder
from recommend.ingest import ingest
from recommend.reindex import reindex
from recommend.settings import IndexSettings, Settings
from recommend.store import Store

IDS = [f"story-{n:02}" for n in range(14)]
ID, SECTION = st.sampled_from(IDS), st.sampled_from(["World", "Sport", None])
KNOWN = st.sampled_from(IDS[:6])
WORDS = ["harbour", "minister", "storm", "vote", "goal", "film", "bank", "virus", "rocket", "whale", "opera", "court"]


def told(article_id: str, version: int) -> str:
    """A text of its own for every article and version, so that none is another's copy."""
    chance = random.Random(f"{article_id} {version}")
    return " ".join("".join(chance.choices("bdfgklmnprst", k=5)) + " " + chance.choice(WORDS) for _ in range(12))


class Publishing(RuleBasedStateMachine):
    """Puts, takes down, curates, re-indexes and restarts, and holds every box against a model."""

    serve: Any
    settings: Settings
    encoder: Encoder

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.published: dict[str, str | None] = {}
        self.blocked: dict[str, set[str]] = {}
        self.pinned: dict[str, list[str]] = {}
        self.version = 0

    @initialize()
    def begin(self) -> None:
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        self.own = self.settings.model_copy(
            update={
                "store": f"sqlite:///{folder / 'recommend.db'}",
                "index": folder / "index",
                "indexing": IndexSettings(verify_shrink=1.0),
            }
        )
        self.store = Store(self.own.store)
        self.stack.callback(self.store.close)
        rows = [{"id": i, "title": f"Story {i}", "text": told(i, 0), "section": "World"} for i in IDS[:6]]
        ingest(self.store, self.encoder, map(parse_article, rows))
        self.published = dict.fromkeys(IDS[:6], "World")
        reindex(self.store, self.encoder, self.own)
        self.start()

    def start(self) -> None:
        self.running = ExitStack()
        self.service = self.running.enter_context(self.serve(self.own))

    @rule(article_id=ID, section=SECTION, public=st.sampled_from([True, True, True, False]))
    def put(self, article_id: str, section: str | None, public: bool) -> None:
        self.version += 1
        body = {"title": f"Story {article_id}", "text": told(article_id, self.version), "section": section}
        status = "published" if public else random.Random(self.version).choice(["draft", "unpublished"])
        answer = self.service.writer.article("PUT", article_id, json={**body, "status": status})
        assert answer.status_code in {200, 201}
        self.published.pop(article_id, None)
        if public:
            self.published[article_id] = section

    @rule(article_id=ID)
    def delete(self, article_id: str) -> None:
        assert self.service.writer.article("DELETE", article_id).status_code == 204
        for held in (self.published, self.blocked, self.pinned):
            held.pop(article_id, None)

    @rule(article_id=ID, pins=st.lists(ID, max_size=2, unique=True), blocks=st.sets(ID, max_size=3))
    def curate(self, article_id: str, pins: list[str], blocks: set[str]) -> None:
        body = {"pinned": [{"id": i} for i in pins], "blocked": [{"id": i} for i in sorted(blocks)]}
        answer = self.service.writer.put(f"/v1/articles/{article_id}/curation", json=body)
        assert answer.status_code == 200
        self.pinned[article_id], self.blocked[article_id] = pins, blocks

    @rule()
    def switch_snapshots(self) -> None:
        reindex(self.store, self.encoder, self.own, full=True)

    @rule()
    def restart(self) -> None:
        self.running.close()
        self.start()

    @rule(article_id=KNOWN, section=st.sampled_from(["World", "Sport"]))
    def filter(self, article_id: str, section: str) -> None:
        self.check(article_id, section)

    @invariant()
    def a_box_holds_what_it_should(self) -> None:
        self.check(IDS[self.version % 6], None)

    def check(self, article_id: str, wanted: str | None) -> None:
        params = {"limit": 50, "fallback": "none"} | ({"section": wanted} if wanted else {})
        answer = self.service.reader.get(f"/v1/articles/{article_id}/related", params=params)
        if article_id not in self.published:
            assert answer.status_code == 404
            return
        eligible = {i for i, section in self.published.items() if wanted in {None, section} and i != article_id}
        eligible -= self.blocked.get(article_id, set())
        shown = [item["id"] for item in answer.json()["items"]]
        assert sorted(shown) == sorted(eligible)
        first = [i for i in self.pinned.get(article_id, []) if i in eligible]
        assert shown[: len(first)] == first

    def teardown(self) -> None:
        if hasattr(self, "running"):
            self.running.close()
        self.stack.close()


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_any_sequence_of_changes_leaves_the_boxes_that_a_dictionary_expects(
    sample: Settings, encoder: Encoder, serve: Any
) -> None:
    Publishing.serve, Publishing.settings, Publishing.encoder = staticmethod(serve), sample, encoder
    run_state_machine_as_test(
        Publishing,
        settings=hypothesis_settings(
            max_examples=int(os.environ.get("SEQUENCES", "5")),
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
