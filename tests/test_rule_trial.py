"""Rules tried on boxes before they are published."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from recommend.articles.article import Article
from recommend.articles.rule_documents import read_rules
from recommend.articles.rules import RuleBook
from recommend.index.view import View
from recommend.rule_trial import check, try_rules
from recommend.store import Store

if TYPE_CHECKING:
    from conftest import Newsroom

OTHERS = {"leave_out": {"section": "section 1"}}


def rule(**when: Any) -> RuleBook:
    return read_rules({"rules": [{"name": "a rule", "when": when, "then": OTHERS}]})


def test_a_rule_is_tried_on_no_story_that_is_out_of_its_time(newsroom: Newsroom, stories: list[Article]) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    early = stories[0].model_copy(update={"id": "early", "section": "odd", "published_at": tomorrow})
    open_ = stories[6].model_copy(update={"id": "open", "section": "odd"})
    newsroom.take(early, open_)
    newsroom.reindex()
    assert [card.id for card, _ in try_rules(newsroom.recommender(), rule(section="odd"))] == ["open"]


def test_a_rule_about_ages_counts_a_story_without_a_date_as_one_of_today(newsroom: Newsroom) -> None:
    recommender = newsroom.recommender()
    assert [check(recommender, rule(**when))[0].stories for when in ({"max_age": 2}, {"min_age": 2})] == [60, 0]
    assert check(recommender, rule(**{"not": {"max_age": 2}}))[0].stories == 0
    tried = try_rules(recommender, rule(section="section 1", max_age=2))
    assert tried
    assert all(trial.changed for _, trial in tried)


def test_what_changes_during_a_trial_counts_as_no_effect_of_rules(
    newsroom: Newsroom, monkeypatch: pytest.MonkeyPatch
) -> None:
    recommender = newsroom.recommender()
    shown = recommender.related("story-01")[0].id
    look = recommender.view

    def and_then(store: Store) -> View:
        view = look()
        store.delete(shown)
        return view

    monkeypatch.setattr(recommender, "view", lambda: and_then(newsroom.store))
    [(_, trial)] = try_rules(recommender, rule(section="unheard-of"), ["story-01"])
    assert not trial.changed
