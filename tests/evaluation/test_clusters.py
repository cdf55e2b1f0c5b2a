"""Which queries depend on each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommend.articles.article import Article
from recommend.errors import EvaluationError
from recommend.evaluation.clusters import Clusters, cluster_queries, story_clusters, topic_clusters
from recommend.evaluation.judgements import Qrels

QRELS: Qrels = {"a": {"x": 1}, "b": {"x": 1, "y": 0}, "c": {"y": 1}, "d": {"z": -1, "a": 0}}


def test_what_is_judged_related_however_indirectly_is_one_story() -> None:
    graded: Qrels = {"a": {"x": 2}, "b": {"x": 3, "y": 1}, "c": {"y": 3}, "d": {"z": -1, "a": 0}}
    assert story_clusters(graded) == {"a": "a", "b": "a", "c": "c", "d": "d"}
    assert story_clusters(graded | {"e": {"x": 2, "y": 2}})["c"] == "a"
    assert story_clusters({"a": {"x": 1}, "b": {"x": 1}, "c": {}}) == {"a": "a", "b": "a", "c": "c"}


def test_stories_are_told_apart_unasked_where_there_are_ten() -> None:
    many: Qrels = {f"q{n}": {f"d{n // 2}": 1} for n in range(20)}
    assert cluster_queries("auto", many, list(many)).count(list(many)) == 10
    assert cluster_queries("auto", QRELS, list(QRELS)) == Clusters("queries", None)
    chained = many | {f"z{n}": {"d0": 1} for n in range(12)}
    assert cluster_queries("auto", chained, list(chained)).by == "queries"
    assert cluster_queries("stories", QRELS, list(QRELS)).of(["b", "d"]) == ["a", "d"]
    assert cluster_queries("queries", QRELS, list(QRELS)).of(["b"]) is None


def test_a_field_of_the_article_or_of_its_extra_is_a_cluster() -> None:
    articles = {
        "a": Article(id="a", title="A", section="World", extra={"desk": 3}),
        "b": Article(id="b", title="B", tags=["x", "y"], published_at="2026-01-02T10:00:00Z"),
    }
    for field, expected in (
        ("section", ["World", "", ""]),
        ("desk", ["3", "", ""]),
        ("tags", ["", "x, y", ""]),
        ("published_at", ["", "2026-01-02", ""]),
    ):
        assert cluster_queries(field, QRELS, ["a", "b", "c"], look=articles.get).of(["a", "b", "c"]) == expected
    with pytest.raises(EvaluationError, match=r"'colour' is neither .* nor a field of a judged article; there are"):
        cluster_queries("colour", QRELS, ["a"], look=articles.get)
    with pytest.raises(EvaluationError, match=r"'section' is neither .*; a field needs the articles: --articles"):
        cluster_queries("section", QRELS, ["a"])


def test_a_file_names_the_cluster_of_each_query(tmp_path: Path) -> None:
    path = tmp_path / "topics.tsv"
    path.write_text("a\tone\nb c\ttwo\n")
    assert cluster_queries(str(path), QRELS, ["a", "b c"]).of(["b c", "a"]) == ["two", "one"]
    with pytest.raises(EvaluationError, match=r"names no cluster of 2 queries, as 'c'; add a line for each"):
        cluster_queries(str(path), QRELS, ["a", "c", "d"])
    path.write_text("a one\n")
    with pytest.raises(EvaluationError, match=r":1: 'a one' is not a query, a tab and its cluster"):
        cluster_queries(str(path), QRELS, ["a"])


def test_stories_that_are_alike_in_content_are_one_topic() -> None:
    chance = np.random.default_rng(1)
    centres = np.eye(4, 16)
    queries = [f"q{n:02}" for n in range(16)]
    vectors = {
        query: (centres[n % 4] + 0.05 * chance.normal(size=16)).astype(np.float32) for n, query in enumerate(queries)
    }
    topics = topic_clusters([*queries, "gone"], {q: q for q in queries} | {"gone": "gone"}, vectors.get)
    assert len({topics[query] for query in queries}) == 4
    for n in range(4):
        assert len({topics[query] for query in queries[n::4]}) == 1
    assert topics["gone"] == ""
    assert topic_clusters(["gone"], {"gone": "gone"}, vectors.get) == {"gone": ""}
    with pytest.raises(EvaluationError, match="topics are told from embeddings"):
        cluster_queries("topics", QRELS, ["a"])
