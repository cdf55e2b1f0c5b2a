"""Runs beside each other: what does not match is refused or said."""

from __future__ import annotations

import pytest

from recommend.errors import EvaluationError
from recommend.evaluation.clusters import Clusters
from recommend.evaluation.judgements import Qrels, Run
from recommend.evaluation.paired import compare_runs, match_runs

QUERIES = [f"q{n:02}" for n in range(24)]
QRELS: Qrels = {query: {"good": 1} for query in QUERIES}


def run(good: int, queries: list[str] = QUERIES) -> Run:
    """The related document first under the first ``good`` queries, second under the others."""
    first, second = [("good", 2.0), ("bad", 1.0)], [("bad", 2.0), ("good", 1.0)]
    return {query: first if n < good else second for n, query in enumerate(queries)}


def test_runs_on_other_queries_are_refused() -> None:
    other = {"stranger": [("good", 1.0)]}
    with pytest.raises(EvaluationError, match=r"B ranks none of the 24 answerable queries \(it has 'stranger',"):
        match_runs(QRELS, {"A": run(3), "B": other})
    with pytest.raises(EvaluationError, match="the judgements call nothing related"):
        match_runs({"q": {"d": 0}}, {"A": run(3), "B": run(2)})
    with pytest.raises(EvaluationError, match="one run has nothing to be compared with"):
        compare_runs(QRELS, {"A": run(3)})


def test_a_run_cut_short_is_refused_unless_it_is_said_what_to_do() -> None:
    runs = {"A": run(24), "B": run(24, QUERIES[:20])}
    with pytest.raises(
        EvaluationError, match=r"B lacks 4 of 24 queries, as 'q20': --missing zero counts .* --missing skip"
    ):
        compare_runs(QRELS, runs)
    as_zero = compare_runs(QRELS, runs, missing="zero")
    assert as_zero.contrasts[0].differences["RR"].difference.mean == pytest.approx(-4 / 24)
    assert as_zero.matched.notes == ["B lacks 4 of 24 queries, which count as zero"]
    skipped = compare_runs(QRELS, runs, missing="skip")
    assert (len(skipped.matched.queries), skipped.contrasts[0].differences["RR"].p_value) == (20, 1.0)
    with pytest.raises(EvaluationError, match="no answerable query in common"):
        match_runs(QRELS, {"A": run(9, QUERIES[:9]), "B": run(9, QUERIES[9:])}, missing="skip")


def test_what_else_does_not_match_is_counted_and_said() -> None:
    qrels = QRELS | {"none": {"d": 0}, "unranked": {"d": 1}}
    deep = {query: [*documents, *((f"x{n}", -n) for n in range(9))] for query, documents in run(5).items()}
    found = match_runs(qrels, {"A": run(3), "B": deep | {"stranger": [("d", 1.0)]}})
    assert (len(found.queries), found.unanswerable, found.unranked) == (24, 1, 1)
    assert found.notes == [
        "B ranks 1 queries that nobody judged; they are left out",
        "the runs are of different depth (A 2, B 11 documents a query): compare measures cut off above that",
    ]


def test_all_runs_and_measures_are_corrected_for_together() -> None:
    found = compare_runs(QRELS, {"A": run(0), "B": run(8), "C": run(8)}, ["RR", "R@10"])
    alone = compare_runs(QRELS, {"A": run(0), "B": run(8)}, ["RR"])
    raw = alone.contrasts[0].differences["RR"].p_value
    assert alone.contrasts[0].corrected["RR"] == raw
    assert [one.corrected["RR"] for one in found.contrasts] == [pytest.approx(4 * raw)] * 2
    assert (found.first, [one.name for one in found.contrasts]) == ("A", ["B", "C"])


def test_a_verdict_says_in_a_sentence_what_to_make_of_it() -> None:
    better, same, unsure = compare_runs(QRELS, {"A": run(0), "B": run(20), "C": run(0), "D": run(1)}, ["RR"]).verdicts()
    assert better.startswith("B is better than A (+0.4167 RR, 95 % +0.")
    assert better.endswith("corrected for all tests).")
    assert same == "C serves every query as A does, by RR."
    assert unsure.startswith("D and A are not told apart from chance (+0.0208 RR")
    assert (
        compare_runs(QRELS, {"A": run(20), "B": run(0)}, ["RR"]).verdicts()[0].startswith("B is worse than A (-0.4167")
    )


def test_a_difference_that_rests_on_one_story_is_not_told_from_chance() -> None:
    stories = Clusters("stories", {query: "one" if n < 20 else query for n, query in enumerate(QUERIES)})
    runs = {"A": run(0), "B": run(20)}
    assert compare_runs(QRELS, runs, ["RR"]).contrasts[0].corrected["RR"] < 0.001
    found = compare_runs(QRELS, runs, ["RR"], clusters=stories)
    assert found.contrasts[0].corrected["RR"] == 1.0
    assert "not told apart from chance" in found.verdicts()[0]


def test_a_gate_fails_what_is_not_shown_to_be_good_enough() -> None:
    found = compare_runs(QRELS, {"A": run(12), "B": run(12), "C": run(11), "D": run(0)}, ["RR"])
    assert found.fails(-0.005) == ["C", "D"]
    assert found.fails(-0.1) == ["D"]
    assert found.fails(0.0) == ["C", "D"]


def test_wins_and_losses_are_told_by_segment() -> None:
    facets = {query: {"section": "Sport" if n < 6 else "World", "site": "s"} for n, query in enumerate(QUERIES)}
    found = compare_runs(QRELS, {"A": run(0), "B": run(6)}, ["RR"], facets=facets)
    told = [(one.facet, one.value, one.queries, one.difference.better) for one in found.contrasts[0].segments]
    assert told == [("section", "World", 18, 0), ("section", "Sport", 6, 6)]


def test_a_comparison_is_a_table_and_a_picture() -> None:
    found = compare_runs(QRELS, {"A": run(0), "B": run(8)}, ["RR", "R@10"])
    first, _, second, _ = found.to_arrow().to_pylist()
    assert (first["run"], first["measure"], first["mean"], first["difference"]) == ("A", "RR", 0.5, None)
    assert second["difference"] == pytest.approx(8 / 48)
    assert (second["better"], second["worse"], second["p_holm"]) == (8, 0, found.contrasts[0].corrected["RR"])
    assert "+0.1667" in found.plot().svg
