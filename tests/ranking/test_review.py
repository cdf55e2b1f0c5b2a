"""Boxes that need eyes: each flaw is told of the box that has it, and of no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recommend.encoder import Encoder
from recommend.ranking.answer import Answer
from recommend.ranking.reasons import Reason
from recommend.ranking.review import flaws, review
from recommend.ranking.trial import compare
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, Settings
from recommend.store import Store

ANCHOR = "a-central-asia-condemns-drone-attack"


@pytest.fixture(scope="module")
def recommender(indexed: tuple[Settings, Store], encoder: Encoder) -> Recommender:
    return Recommender(indexed[1], indexed[0], encoder)


@pytest.fixture(scope="module")
def box(recommender: Recommender) -> Answer:
    """A box with nothing wrong: five related items of five days, each with a name of its own."""
    answer = recommender.answer(ANCHOR, 5)
    assert answer is not None
    day = datetime(2026, 1, 1, tzinfo=UTC)
    titles = ["Harbour reopens", "Storks return", "Parliament sits late", "A comet passes", "Wheat is dear"]
    items = [
        replace(item, title=title, published_at=day + timedelta(days=n), reason=Reason("topic", "…", ("Novgorod",)))
        for n, (item, title) in enumerate(zip(answer.items, titles, strict=True))
    ]
    return replace(answer, items=items, related=5, short=None)


def each(box: Answer, **changes: Any) -> Answer:
    return replace(box, items=[replace(item, **changes) for item in box.items])


def names(answer: Answer) -> list[str]:
    return [flaw for flaw, _ in flaws(answer, 5)]


def test_a_box_with_nothing_wrong_has_no_flaw(box: Answer) -> None:
    assert names(box) == []


def test_each_flaw_has_its_name(box: Answer) -> None:
    assert names(replace(box, items=[], related=0)) == ["empty"]
    assert names(replace(box, fallback="latest")) == ["empty"]
    assert names(replace(box, items=box.items[:3], related=3)) == ["short"]
    assert names(replace(box, related=0)) == ["filled"]
    assert names(each(box, published_at=box.items[0].published_at)) == ["one day"]
    assert names(each(box, published_at=None)) == []
    assert names(each(box, reason=Reason("similar", "…"))) == ["nameless"]
    assert names(each(box, reason=Reason("pinned", "…"))) == []
    twice = [box.items[0], replace(box.items[1], title="Harbour reopens.")]
    assert names(replace(box, items=[*twice, *box.items[2:]])) == ["alike"]


def test_articles_that_stand_in_no_box_come_last(box: Answer) -> None:
    shown = box.items[0].id
    found = review([(shown, box), ("nobody's", replace(box, related=0)), ("gone", None)], 5)
    assert [(one.article_id, one.flaw) for one in found] == [("nobody's", "filled"), ("nobody's", "nowhere")]


def test_a_trial_marks_what_comes_goes_and_moves(box: Answer) -> None:
    a, b, c, *_ = box.items
    before = replace(box, items=[a, b, c], related=3)
    after = replace(box, items=[replace(b, rank=1), replace(c, rank=2), replace(box.items[3], rank=3)], related=2)
    trial = compare(before, after)
    assert [one.step for one in trial.before] == ["left", "moved", "moved"]
    assert [(one.step, one.related) for one in trial.after] == [("moved", True), ("moved", True), ("came", False)]
    assert trial.changed
    assert not compare(before, before).changed


def test_a_trial_is_spread_from_the_newest_to_the_oldest_and_holds_no_article_twice(recommender: Recommender) -> None:
    everything = [item.id for item in recommender.listing.latest(10_000)]
    ids = recommender.listing.spread(10)
    assert len(set(ids)) == 10
    assert (ids[0], ids[-1]) == (everything[0], everything[-1])
    assert ids == sorted(ids, key=everything.index)
    assert recommender.listing.spread(10_000) == everything


def test_a_floor_that_is_tried_changes_no_answer_of_the_service(recommender: Recommender) -> None:
    before = recommender.answer(ANCHOR, 5)
    tried = recommender.with_settings(policy=PolicySettings(floor=0.99, fill="none")).answer(ANCHOR, 5)
    assert before is not None
    assert tried is not None
    assert compare(before, tried).changed
    assert recommender.answer(ANCHOR, 5) == before
