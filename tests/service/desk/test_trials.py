"""Settings tried on the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from recommend.articles.article import Article
from recommend.index.view import View
from recommend_service.desk.trials import _tried

if TYPE_CHECKING:
    from conftest import OpenNewsroom


def test_what_changes_during_a_trial_counts_as_no_effect_of_the_settings(
    open_newsroom: OpenNewsroom, stories: list[Article], monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_newsroom(*stories) as newsroom:
        recommender = newsroom.recommender()
        shown = iter([item.id for item in recommender.related("story-01", 50)])
        look = recommender.view

        def and_then() -> View:
            view = look()
            newsroom.store.delete(next(shown))
            return view

        monkeypatch.setattr(recommender, "view", and_then)
        [(_, trial)] = _tried(recommender, recommender.settings.policy, ["story-01"])
    assert not trial.changed
