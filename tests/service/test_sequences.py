"""Whatever is done in whatever order, over HTTP, the boxes hold what a dictionary says they should.

``SEQUENCES=n`` sets how many random sequences are tried, others each time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from recommend.articles.article import parse_article
from recommend.encoder import Encoder
from recommend.ingest import ingest
from recommend.jobs.reindex import reindex
from recommend.jobs.rollback import rollback
from recommend.settings import IndexSettings, Settings
from recommend.store import Store

pytestmark = [
    pytest.mark.databases("sqlite", "pgvector"),
    # a look at the database that is under way when the service ends leaves its connection to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

IDS = [f"story-{n:02}" for n in range(14)]
ID, SECTION = st.sampled_from(IDS), st.sampled_from(["World", "Sport", None])
TAG = st.sampled_from(["war", "trade"])
KNOWN = st.sampled_from(IDS[:6])
WORDS = ["harbour", "minister", "storm", "vote", "goal", "film", "bank", "virus", "rocket", "whale", "opera", "court"]


def told(article_id: str, version: int) -> str:
    """A text of its own for every article and version, so that none is another's copy."""
    chance = random.Random(f"{article_id} {version}")
    return " ".join("".join(chance.choices("bdfgklmnprst", k=5)) + " " + chance.choice(WORDS) for _ in range(12))


@dataclass(frozen=True)
class Story:
    """What the model holds of a published article."""

    section: str | None = "World"
    tag: str = "war"
    expired: bool = False


class Publishing(RuleBasedStateMachine):
    """Publishes, takes down, curates, re-indexes, rolls back and restarts; holds every box against a model."""

    serve: Any
    settings: Settings
    encoder: Encoder
    new_index: Any

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.published: dict[str, Story] = {}
        self.gone: list[str] = []
        self.hidden: set[str] = set()
        self.blocked: dict[str, set[str]] = {}
        self.pinned: dict[str, list[str]] = {}
        self.seen: dict[str, tuple[str, list[str]]] = {}
        self.version = 0

    @initialize()
    def begin(self) -> None:
        folder = Path(self.stack.enter_context(TemporaryDirectory()))
        made = type(self).new_index()
        at_once = self.settings.service.model_copy(update={"staleness": 0})
        self.own = self.settings.model_copy(
            update={
                "store": made.store,
                "index": folder / "index",
                "indexing": IndexSettings(verify_shrink=1.0),
                "pgvector": made.pgvector.model_copy(update={"changes": 1.0}),
                "service": at_once,
            }
        )
        self.store = Store(self.own.store)
        self.stack.callback(self.store.close)
        rows = [{"id": i, "title": f"Story {i}", "text": told(i, 0), "section": "World", "tags": ["war"]} for i in IDS]
        ingest(self.store, self.encoder, map(parse_article, rows[:6]))
        self.published = dict.fromkeys(IDS[:6], Story())
        reindex(self.store, self.encoder, self.own)
        self.snapshots = 1
        self.start()

    def start(self) -> None:
        self.running = ExitStack()
        self.service = self.running.enter_context(self.serve(self.own))

    def body(self, article_id: str, section: str | None, tag: str, status: str = "published") -> dict[str, Any]:
        self.version += 1
        text = told(article_id, self.version)
        return {"title": f"Story {article_id}", "text": text, "section": section, "tags": [tag], "status": status}

    @rule(article_id=ID, section=SECTION, tag=TAG, state=st.sampled_from(["published"] * 4 + ["draft", "unpublished"]))
    def put(self, article_id: str, section: str | None, tag: str, state: str) -> None:
        answer = self.service.writer.article("PUT", article_id, json=self.body(article_id, section, tag, state))
        assert answer.status_code in {200, 201}
        self.note(article_id, Story(section, tag) if state == "published" else None)

    @rule(article_id=ID, section=SECTION, tag=TAG)
    def expire(self, article_id: str, section: str | None, tag: str) -> None:
        body = self.body(article_id, section, tag) | {"expires_at": "2020-01-01"}
        assert self.service.writer.article("PUT", article_id, json=body).status_code in {200, 201}
        self.note(article_id, Story(section, tag, expired=True))

    @rule(article_id=ID)
    def delete(self, article_id: str) -> None:
        assert self.service.writer.article("DELETE", article_id).status_code == 204
        self.forget(article_id)

    @precondition(lambda self: self.gone)
    @rule(section=SECTION, tag=TAG, number=st.integers(0, len(IDS)))
    def publish_again(self, section: str | None, tag: str, number: int) -> None:
        article_id = self.gone[number % len(self.gone)]
        answer = self.service.writer.article("PUT", article_id, json=self.body(article_id, section, tag))
        assert answer.status_code == 201
        self.note(article_id, Story(section, tag))

    @rule(put=ID, taken=ID, section=SECTION, tag=TAG)
    def bulk(self, put: str, taken: str, section: str | None, tag: str) -> None:
        lines = [{"id": put, **self.body(put, section, tag)}, {"id": put}, {"delete": taken}]
        answer = self.service.writer.post("/v1/articles:bulk", content=b"\n".join(map(orjson.dumps, lines)))
        results = [orjson.loads(line)["status"] for line in answer.content.splitlines()]
        assert results[0] in {"created", "updated"}
        assert (results[1], results[2] in {"deleted", "unchanged"}) == ("rejected", True)
        self.note(put, Story(section, tag))
        self.forget(taken)

    @rule(article_id=ID, pins=st.lists(ID, max_size=2, unique=True), blocks=st.sets(ID, max_size=3), hide=st.booleans())
    def curate(self, article_id: str, pins: list[str], blocks: set[str], hide: bool) -> None:
        body = {"pinned": [{"id": i} for i in pins], "blocked": [{"id": i} for i in sorted(blocks)]}
        until = {"hidden_until": "2999-01-01"} if hide else {}
        answer = self.service.writer.put(f"/v1/articles/{article_id}/curation", json=body | until)
        assert answer.status_code == 200
        self.pinned[article_id], self.blocked[article_id] = pins, blocks
        (self.hidden.add if hide else self.hidden.discard)(article_id)

    @rule(full=st.booleans())
    def switch_snapshots(self, full: bool) -> None:
        self.snapshots += reindex(self.store, self.encoder, self.own, full=full).built

    @precondition(lambda self: self.snapshots > 1)
    @rule()
    def roll_back(self) -> None:
        rollback(self.store, self.own, lambda _: self.encoder)
        self.snapshots = 1

    @rule()
    def restart(self) -> None:
        self.running.close()
        self.start()

    @rule(article_id=KNOWN, section=st.sampled_from(["World", "Sport"]))
    def filter_by_section(self, article_id: str, section: str) -> None:
        self.check(article_id, section=section)

    @rule(article_id=KNOWN, tag=TAG, without=st.lists(ID, min_size=1, max_size=3))
    def filter_by_tag_and_exclusion(self, article_id: str, tag: str, without: list[str]) -> None:
        self.check(article_id, tag=tag, exclude=",".join(without))

    @invariant()
    def a_box_holds_what_it_should(self) -> None:
        self.check(IDS[self.version % 6])

    def note(self, article_id: str, story: Story | None) -> None:
        self.published.pop(article_id, None)
        if article_id in self.gone:
            self.gone.remove(article_id)
        if story is not None:
            self.published[article_id] = story

    def forget(self, article_id: str) -> None:
        if self.published.pop(article_id, None) is not None and article_id not in self.gone:
            self.gone.append(article_id)
        for held in (self.blocked, self.pinned):
            held.pop(article_id, None)
        self.hidden.discard(article_id)

    def shown(self, article_id: str, **filters: str) -> list[str]:
        """The ids in a box, asked for as a cache would: with the tag of what it holds."""
        path = f"/v1/articles/{article_id}/related"
        params = {"limit": "50", "fallback": "none", **filters}
        tag, held = self.seen.get(str((path, params)), ("", []))
        answer = self.service.reader.get(path, params=params, headers={"If-None-Match": tag} if tag else {})
        if answer.status_code == 304:
            return held
        assert answer.status_code == 200
        shown = [item["id"] for item in answer.json()["items"]]
        self.seen[str((path, params))] = answer.headers["ETag"], shown
        return shown

    def check(self, article_id: str, section: str | None = None, tag: str | None = None, exclude: str = "") -> None:
        filters = {"section": section, "tag": tag, "exclude": exclude or None}
        given = {name: value for name, value in filters.items() if value is not None}
        if article_id not in self.published:
            params = {"fallback": "none", **given}
            assert self.service.reader.get(f"/v1/articles/{article_id}/related", params=params).status_code == 404
            return
        eligible = {
            i
            for i, story in self.published.items()
            if section in {None, story.section} and tag in {None, story.tag} and not story.expired
        }
        eligible -= {article_id, *exclude.split(",")} | self.hidden | self.blocked.get(article_id, set())
        shown = self.shown(article_id, **given)
        assert sorted(shown) == sorted(eligible)
        first = [i for i in self.pinned.get(article_id, []) if i in eligible]
        assert shown[: len(first)] == first

    def teardown(self) -> None:
        if hasattr(self, "running"):
            self.running.close()
        self.stack.close()


def test_after_each_kind_of_change_the_boxes_hold_what_a_dictionary_expects(
    sample: Settings, encoder: Encoder, serve: Any, new_index: Any
) -> None:
    Publishing.serve, Publishing.settings, Publishing.encoder = staticmethod(serve), sample, encoder
    Publishing.new_index = staticmethod(new_index)
    machine = Publishing()
    try:
        machine.begin()
        changes: list[Callable[[], object]] = [
            lambda: machine.put(IDS[7], "Sport", "trade", "published"),
            lambda: machine.switch_snapshots(full=True),
            lambda: machine.expire(IDS[1], "World", "war"),
            lambda: machine.switch_snapshots(full=False),
            lambda: machine.delete(IDS[2]),
            lambda: machine.curate(IDS[0], [IDS[7]], {IDS[3]}, hide=True),
            machine.roll_back,
            lambda: machine.publish_again(None, "war", 0),
            lambda: machine.bulk(IDS[8], IDS[4], "World", "trade"),
            machine.restart,
            lambda: machine.filter_by_section(IDS[5], "Sport"),
            lambda: machine.filter_by_tag_and_exclusion(IDS[5], "war", [IDS[7]]),
        ]
        for change in changes:
            change()
            for article_id in IDS[:6]:
                machine.check(article_id)
    finally:
        machine.teardown()


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_any_sequence_of_changes_leaves_the_boxes_that_a_dictionary_expects(
    sample: Settings, encoder: Encoder, serve: Any, new_index: Any, dialect: str
) -> None:
    Publishing.serve, Publishing.settings, Publishing.encoder = staticmethod(serve), sample, encoder
    Publishing.new_index = staticmethod(new_index)
    run_state_machine_as_test(
        Publishing,
        settings=hypothesis_settings(
            max_examples=int(os.environ.get("SEQUENCES", "2" if dialect == "sqlite" else "1")),
            stateful_step_count=15,
            deadline=None,
            derandomize="SEQUENCES" not in os.environ,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
