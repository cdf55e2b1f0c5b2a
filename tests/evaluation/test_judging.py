from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommend.errors import EvaluationError
from recommend.evaluation.judgements import Run
from recommend.evaluation.judging import SCALES, Grade, Grades, agreement, consensus, next_pair, pool

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def grade(document: str, value: int | None, judge: str = "ann", query: str = "q") -> Grade:
    return Grade(query, document, value, judge, 1.5, NOON)


def run(**queries: str) -> Run:
    return {
        query: [(document, -float(i)) for i, document in enumerate(documents)] for query, documents in queries.items()
    }


def test_each_grade_is_kept_as_it_is_given_and_of_one_judge_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "grades.jsonl"
    for one in (grade("a", 3), grade("b", 1), grade("a", 0), grade("a", 2, "bob"), grade("b", None)):
        Grades(path).add(one)
    held = Grades(path)
    assert held.by_judge() == {"ann": {("q", "a"): 0}, "bob": {("q", "a"): 2}}
    assert len(path.read_bytes().splitlines()) == 5


def test_a_line_that_a_crash_left_unfinished_is_passed_over_and_any_other_is_named(tmp_path: Path) -> None:
    path = tmp_path / "grades.jsonl"
    Grades(path).add(grade("a", 3))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:30])
    Grades(path).add(grade("b", 1))
    assert path.read_bytes().count(b"\n") == 3
    path.write_bytes(whole + b"nonsense\n" + whole)
    with pytest.raises(EvaluationError, match=r"grades.jsonl:2: 'nonsense\\n' is not a grade"):
        Grades(path)


def test_judgements_are_the_lower_median_of_all_judges() -> None:
    by_judge = {"ann": {("q", "a"): 3, ("q", "b"): 1}, "bob": {("q", "a"): 0}, "eve": {("r", "a"): 2}}
    assert consensus(by_judge) == {"q": {"a": 0, "b": 1}, "r": {"a": 2}}


def test_agreement_is_krippendorffs() -> None:
    """The example of ordinal data from Hayes and Krippendorff (2007): four observers, alpha .815."""
    table = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    by_judge = {
        str(n): {("q", str(i)): int(one) for i, one in enumerate(row.split()) if one != "."}
        for n, row in enumerate(table)
    }
    assert agreement(by_judge, range(1, 6)) == pytest.approx(0.815, abs=0.001)


def test_where_nothing_can_be_said_of_agreement_nothing_is() -> None:
    alone = {"ann": {("q", "a"): 3}}
    apart = {**alone, "bob": {("q", "b"): 3}}
    same = {**alone, "bob": {("q", "a"): 3}}
    assert [agreement(one, SCALES["0-3"]) for one in ({}, alone, apart, same)] == [None] * 4
    opposite = {"ann": {("q", "a"): 0, ("q", "b"): 3}, "bob": {("q", "a"): 3, ("q", "b"): 0}}
    assert (agreement(opposite, SCALES["0-3"]) or 0.0) < 0


def test_pairs_are_pooled_to_the_depth_and_weighed_by_how_much_runs_disagree() -> None:
    pooled = pool([run(q="abc", r="x"), run(q="abd", r="x")], 3)
    assert pooled["r"] == {"x": 0.0}
    assert pooled["q"] == {"a": 0.0, "b": 0.0, "c": 0.5, "d": 0.5}
    assert pool([run(q="abc")], 2) == {"q": {"a": 1.0, "b": pytest.approx(0.6309, abs=1e-4)}}


def test_first_comes_the_query_on_which_runs_disagree_most_and_it_is_finished_before_another() -> None:
    pooled = pool([run(q="abc", r="xyz"), run(q="abc", r="zwv")], 3)
    graded: list[tuple[str, str]] = []
    while (pair := next_pair(pooled, graded, "ann")) is not None:
        graded.append(pair)
    assert [query for query, _ in graded] == ["r"] * 5 + ["q"] * 3
    assert len(set(graded)) == 8


@given(st.lists(st.text("abcdefgh", min_size=1, max_size=8), min_size=1, max_size=3), st.sampled_from(["ann", "bob"]))
def test_the_order_of_candidates_tells_nothing_of_ranks(texts: list[str], judge: str) -> None:
    forward = pool([run(q=text) for text in texts], 10)
    backward = pool([run(q=text) for text in reversed(texts)], 10)

    def order(pooled: dict[str, dict[str, float]]) -> list[str]:
        graded: list[tuple[str, str]] = []
        while (pair := next_pair(pooled, graded, judge)) is not None:
            graded.append(pair)
        return [document for _, document in graded]

    assert order(forward) == order(backward)
    assert sorted(order(forward)) == sorted({*"".join(texts)})
