from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from recommend.articles.article import parse_article
from recommend.encoder import Encoder
from recommend.jobs.plan import Plan, plan

if TYPE_CHECKING:
    from conftest import Newsroom


def test_a_plan_tells_cost_and_effect_and_writes_nothing(newsroom: Newsroom, other_toy_encoder: Encoder) -> None:
    live, folder = newsroom.live.name, newsroom.settings.index

    def planned(encoder: Encoder, **options: bool) -> Plan:
        before = sorted((str(p), p.stat().st_mtime_ns) for p in folder.rglob("*"))
        found = plan(newsroom.store, encoder, newsroom.settings, **options)
        assert before == sorted((str(p), p.stat().st_mtime_ns) for p in folder.rglob("*"))
        return found

    assert planned(newsroom.encoder) == Plan(60, "flat", 0, 0.0, live, 0, builds=False)
    assert planned(newsroom.encoder, full=True).builds
    newsroom.store.put([(parse_article({"id": "late", "title": "Late"}), None)], "toy")
    found = planned(newsroom.encoder)
    assert (found.articles, found.to_embed, found.changes, found.builds, found.seconds > 0) == (61, 1, 1, True, True)
    assert (planned(other_toy_encoder).to_embed, newsroom.store.counts("other toy")["unembedded"]) == (61, 61)


@pytest.mark.databases("pgvector")
def test_a_plan_tells_whether_only_what_changed_is_brought_to_a_server(newsroom: Newsroom) -> None:
    pgvector = newsroom.settings.pgvector.model_copy(update={"changes": 0.5})
    sharing = replace(newsroom, settings=newsroom.settings.model_copy(update={"pgvector": pgvector}))

    def planned(**options: bool) -> tuple[str | None, int, bool, bool]:
        found = plan(sharing.store, sharing.encoder, sharing.settings, **options)
        return found.live, found.changes, found.builds, found.step

    first = sharing.live.name
    assert planned() == (first, 0, False, True)
    sharing.take(parse_article({"id": "late", "title": "Late"}))
    assert planned() == (first, 1, True, True)
    assert planned(full=True) == (first, 1, True, False)
    brought = sharing.reindex().manifest.name
    assert planned() == (brought, 0, False, True)
    sharing.take(*(parse_article({"id": f"late-{n}", "title": f"Late {n}"}) for n in range(31)))
    assert planned()[2:] == (True, False)
