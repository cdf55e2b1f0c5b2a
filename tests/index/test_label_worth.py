"""What sections, tags and authors are worth in a corpus."""

import numpy as np
import pytest
from numpy.typing import NDArray

from recommend.index import labels
from recommend.index.label_worth import measure
from recommend.index.lexical import TermMatrix

COUNT, STORIES = 400, 20
STORY = np.arange(COUNT) % STORIES
NEAREST = np.column_stack([(np.arange(COUNT) + STORIES * n) % COUNT for n in (1, 2, 3)]).astype(np.int32)
GROUPS = np.arange(COUNT).astype(np.uint64)
NOBODY = np.full(COUNT, -1, np.int32)


def labelled(names: NDArray[np.int64]) -> TermMatrix:
    return labels.fit(labels.count([[f"label {name}"] for name in names.tolist()]))[1]


def shuffled(seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(STORY)


NONE = labels.fit(labels.count([[]] * COUNT))[1]


def test_what_neighbours_by_content_share_is_worth_much_and_what_chance_shares_nothing() -> None:
    by_story = measure(STORY.astype(np.int32), labelled(STORY), labelled(shuffled(1)), NEAREST, GROUPS)
    assert by_story.keys() == {"section", "tags", "authors"}
    assert by_story["section"] > 10
    assert by_story["tags"] > 10
    assert by_story["authors"] < 1


def test_what_all_articles_share_is_worth_nothing() -> None:
    everywhere = np.zeros(COUNT, np.int64)
    assert measure(everywhere.astype(np.int32), labelled(everywhere), NONE, NEAREST, GROUPS)["section"] == 0.0


def test_between_both_it_is_worth_the_more_the_more_of_the_neighbours_share_it() -> None:
    found = []
    for part in (0.0, 0.3, 0.6, 0.9):
        kept = np.random.default_rng(2).random(COUNT) < part
        found.append(
            measure(np.where(kept, STORY, shuffled(3)).astype(np.int32), NONE, NONE, NEAREST, GROUPS)["section"]
        )
    assert found == sorted(found)


def test_what_too_few_have_is_left_out_and_copies_do_not_count() -> None:
    assert measure(NOBODY, NONE, NONE, NEAREST, GROUPS) == {}
    assert measure(STORY.astype(np.int32), NONE, NONE, NEAREST, STORY.astype(np.uint64)) == {}
    assert measure(NOBODY[:1], NONE, NONE, np.zeros((1, 3), np.int32), GROUPS[:1]) == {}


@pytest.mark.parametrize("count", [0, 2, 30])
def test_a_handful_of_articles_tells_nothing(count: int) -> None:
    few = labels.fit(labels.count([["a"]] * count))[1]
    near = np.zeros((count, 3), np.int32)
    assert measure(np.zeros(count, np.int32), few, few, near, np.arange(count).astype(np.uint64)) == {}
