from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommend.index.dates import MISSING
from recommend.ranking.reasons import Reason
from recommend.ranking.same_story import NO_STORY, superseded, tells_same_story

ROWS = st.lists(st.tuples(st.integers(NO_STORY, 3), st.sampled_from([MISSING, -5, 0, 1, 2, 3])))


def test_reports_and_updates_tell_the_same_story_and_what_is_only_about_the_same_does_not() -> None:
    assert tells_same_story(Reason("story", ""))
    assert tells_same_story(Reason("update", ""))
    assert not tells_same_story(Reason("topic", ""))


def test_of_each_story_all_but_the_latest_are_superseded_and_the_first_of_one_moment_stays() -> None:
    stories, moments = np.array([7, 7, NO_STORY, 8, 7, 8]), np.array([1, 3, 0, MISSING, 3, 5])
    assert superseded(stories, moments).tolist() == [True, False, False, True, True, False]


@given(ROWS)
def test_one_of_each_story_stays_and_none_that_is_later_is_superseded_by_it(rows: list[tuple[int, int]]) -> None:
    stories, moments = (np.array([row[i] for row in rows], np.int64) for i in (0, 1))
    gone = superseded(stories, moments)
    assert not gone[stories == NO_STORY].any()
    for story in set(stories.tolist()) - {NO_STORY}:
        own = stories == story
        (stays,) = np.flatnonzero(own & ~gone)
        assert moments[stays] == moments[own].max()
        assert stays == np.flatnonzero(own & (moments == moments[stays]))[0]
