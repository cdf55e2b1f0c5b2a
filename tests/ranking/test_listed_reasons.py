"""Reasons come out of a ready list as they went in, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.index.lists import NAMED, REASONED, lists_type
from recommend.ranking.listed_reasons import ListedReasons, write
from recommend.ranking.reasons import ReasonKind

HEADLINE, OWN = "Moon rocks land in Inner Mongolia\nChina's capsule is home", "Chang'e 6 sets down on the Moon"
KINDS: st.SearchStrategy[ReasonKind] = st.sampled_from(["story", "topic", "similar"])
NAMES = st.lists(st.sampled_from(["Moon", "Inner Mongolia", "Chang'e 6", "Mars"]), max_size=4, unique=True)


@given(st.lists(st.tuples(KINDS, NAMES.map(tuple)), max_size=REASONED))
def test_kind_and_terms_are_those_that_were_written(reasons: list[tuple[ReasonKind, tuple[str, ...]]]) -> None:
    one = np.zeros(1, lists_type(3))[0]
    places = range(1, 3 * len(reasons), 3)
    write(one, places, reasons, [HEADLINE] * len(reasons), OWN)
    told = ListedReasons([10 * i for i in range(3 * REASONED)], one)
    for place, (kind, terms) in zip(places, reasons, strict=True):
        written = "Mars" not in terms and len(terms) <= NAMED
        assert told.get(10 * place, HEADLINE, OWN) == ((kind, terms) if written else None)
    for place in {*range(3 * REASONED)} - {*places}:
        assert told.get(10 * place, HEADLINE, OWN) is None
    assert told.get(5, HEADLINE, OWN) is None


@pytest.mark.parametrize("term", ["x" * 300, "far"])
def test_a_term_that_is_too_long_or_too_far_on_is_not_written(term: str) -> None:
    one = np.zeros(1, lists_type(3))[0]
    write(one, [0], [("topic", (term,))], ["y" * 40_000 + term], term * 2 if len(term) > 255 else OWN)
    assert ListedReasons([1], one).get(1, "", "") is None
