"""The page for those who judge: the ranking that was measured, what it missed, and nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

if TYPE_CHECKING:
    from conftest import Newsroom

from recommend.articles.article import Article
from recommend.errors import UnknownArticleError
from recommend.evaluation.evaluation import measure
from recommend.evaluation.experiment import explain_query, rank_queries
from recommend.evaluation.judgements import Qrels, read_qrels
from recommend.evaluation.report import Bin, calibration_bins, changed_settings, extremes, reading, render_report
from recommend.inspection import candidates_of
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, Settings
from recommend.store import Store

ROOT = Path(__file__).parents[2]
OFF = PolicySettings(on=False)


@pytest.fixture(scope="module")
def qrels() -> Qrels:
    """The judgements of the sample corpus."""
    return read_qrels(ROOT / "examples" / "corpus" / "judgements.tsv")


@pytest.fixture
def recommender(indexed: tuple[Settings, Store]) -> Recommender:
    """The sample corpus without a policy."""
    settings, store = indexed
    return Recommender(store, settings).with_settings(policy=OFF)


@pytest.mark.parametrize("policy", [OFF, PolicySettings(diversity=0.3)])
def test_what_is_explained_is_what_was_measured(recommender: Recommender, qrels: Qrels, policy: PolicySettings) -> None:
    recommender = recommender.with_settings(policy=policy)
    some = {query: grades | {next(iter(grades)): -1} for query, grades in list(qrels.items())[:12]}
    run = rank_queries(recommender, some)
    for query, grades in some.items():
        items = explain_query(recommender, query, grades).items
        assert [item.id for item in items] == [document for document, _ in run[query]]
        scores = np.array([score for _, score in run[query]], np.float32)
        assert recommender.ranking.probabilities(scores) == pytest.approx([item.score for item in items], abs=1e-4)
    with pytest.raises(UnknownArticleError):
        explain_query(recommender, "stranger", {})


def test_every_related_article_is_either_shown_or_missed_and_its_place_is_told(
    recommender: Recommender, qrels: Qrels
) -> None:
    query = "a-central-asia-condemns-drone-attack"
    ranked = [document for document, _ in rank_queries(recommender, {query: {}})[query]]
    candidates, *_ = candidates_of(recommender, query)
    deep, far = ranked[36], candidates[-1]
    assert far not in ranked
    found = reading(recommender, query, {ranked[0]: 1, ranked[1]: 0, deep: 1, far: 2, "ghost": 3, "a": -1}, 0.5)
    assert [one.grade for one in found.ranking[:3]] == [1, 0, None]
    assert [(one.id, one.grade, one.place) for one in found.missed] == [
        ("ghost", 3, "not among the articles"),
        (far, 2, f"candidate {len(candidates)}, not among the 100 that were ranked"),
        (deep, 1, "ranked 37"),
    ]
    assert found.verdict == "1 of 4 related found"
    assert found.missed[0].card is None
    adds = [abs(part) for _, _, part in found.ranking[0].features]
    assert adds == sorted(adds, reverse=True) != []
    assert reading(recommender, query, {ranked[0]: 0}, 0.0).verdict == "nothing is judged related"
    narrow = recommender.with_settings(ranking=recommender.settings.ranking.model_copy(update={"as_of": "query"}))
    later = next(d for d in candidates if d not in candidates_of(narrow, query)[0])
    assert [one.place for one in reading(narrow, query, {later: 1}, 0.0).missed] == ["not among the candidates"]


def test_the_rule_that_took_a_related_article_away_is_named(recommender: Recommender, qrels: Qrels) -> None:
    recommender = recommender.with_settings(policy=PolicySettings())
    taken = {
        (query, miss.id): miss.why
        for query in sorted(qrels)
        if "-wire-" in query
        for miss in explain_query(recommender, query, {}).near_misses or []
        if miss.why.startswith("tells the same") and miss.id in candidates_of(recommender, query)[0]
    }
    assert taken
    for (query, document), why in taken.items():
        place = reading(recommender, query, {document: 2}, 0.0).missed[0].place
        assert re.fullmatch(rf"candidate \d+, {re.escape(why)}", place)


def test_the_page_shows_the_measures_the_spread_and_the_worst_first(recommender: Recommender, qrels: Qrels) -> None:
    unanswerable = next(query for query, grades in qrels.items() if max(grades.values()) == 0)
    some = dict(list(qrels.items())[:30]) | {"stranger": {"a-lee-ahead-of-beijing-visit": 1}, unanswerable: {"x": 0}}
    found = measure(recommender, some, data={"a.jsonl": "0"}, queries="20")
    told: list[None] = []
    page = render_report(recommender, found, worst=6, best=3, progress=lambda: told.append(None))
    parsed = LexborHTMLParser(page)
    for name, mean in found.measures.items():
        assert f"<li>{name}<b>{mean.mean:.3f}</b>" in page
        assert f"{mean.mean:.4f}" in page
    (spread,) = (one for one in parsed.css("svg") if one.css("rect"))
    counts = [int(bar.text()) for bar in spread.css("text") if bar.attributes.get("class") is None]
    assert sum(counts) == len(found.answerable)
    values = {query: found.values["nDCG@10"][query] for query in found.answerable}
    worst, best = extremes(values, {query: found.run[query] for query in found.answerable if query in found.run}, 6, 3)
    assert unanswerable not in worst
    titles = [recommender.article(query).title for query in worst + best]  # type: ignore[union-attr]
    assert [node.text() for node in parsed.css("summary strong")] == titles
    assert len(told) == 9
    assert "1 of the queries are not among the articles" in page
    for told_name in (
        "news-linear",
        recommender.snapshot,
        "news-minilm",
        "a.jsonl",
        "policy.on",
        found.provenance.hash,
    ):
        assert told_name in page
    assert len(parsed.css("#q1 ol li")) == 10
    assert render_report(recommender, found, worst=6, best=3) == page


def test_the_page_needs_nothing_else_and_articles_cannot_write_into_it(
    newsroom: Newsroom, stories: list[Article]
) -> None:
    evil = "<script>alert(1)</script><img src=x>\"'"
    turned = "\u202e\x9b"
    newsroom.take(*(replace_title(story, f"{evil} {story.title}{turned}") for story in stories[:12]))
    recommender = newsroom.recommender()
    qrels: Qrels = {story.id: {stories[n + 6].id: 1, evil: 2} for n, story in enumerate(stories[:6])}
    page = render_report(recommender, measure(recommender, qrels, data={evil: "0"}))
    parsed = LexborHTMLParser(page)
    assert "&lt;script&gt;" in page
    assert not set(turned) & set(page)
    assert parsed.css("script, img, link, iframe, object, [src], [href], [onclick]") == []
    assert not re.search(r"url\(|@import|https?://", page)
    assert all(evil in node.text() for node in parsed.css("summary strong"))


def replace_title(article: Article, title: str) -> Article:
    return article.model_copy(update={"title": title})


def test_settings_that_differ_from_their_defaults_are_marked() -> None:
    marked = {name for name, _, changed in changed_settings(Settings(policy=OFF)) if changed}
    assert marked == {"policy.on"}
    assert ("ranking.without", "none", False) in changed_settings(Settings())


def test_the_worst_and_the_best_never_overlap_and_ties_go_by_id() -> None:
    values = {"d": 0.5, "c": 0.5, "b": 1.0, "a": 1.0, "missing": 0.0}
    run = {query: [("x", 1.0)] for query in "dcba"}
    assert extremes(values, run, 1, 2) == (["c"], ["a", "b"])
    assert extremes(values, run, 50, 10) == (["c", "d", "a", "b"], [])


def test_calibration_bins_are_those_worked_out_by_hand() -> None:
    found = calibration_bins(np.array([0.1, 0.3, 1.0, 0.5]), np.array([False, True, True, False]), 2)
    assert [(one.low, one.high) for one in found] == [(0.0, 0.5), (0.5, 1.0)]
    assert [(one.documents, one.related) for one in found] == [(2, 0.5), (2, 0.5)]
    assert [one.predicted for one in found] == pytest.approx([0.2, 0.75])
    assert calibration_bins(np.array([0.1]), np.array([True]), 2)[1] == Bin(0.5, 1.0, 0, None, None)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40), st.integers(1, 12))
def test_every_document_is_in_the_bin_of_its_prediction(documents: list[tuple[float, bool]], count: int) -> None:
    predicted, related = np.array([p for p, _ in documents]), np.array([r for _, r in documents], np.bool_)
    bins = calibration_bins(predicted, related, count)
    assert sum(one.documents for one in bins) == len(documents)
    assert sum(one.documents * (one.related or 0.0) for one in bins) == pytest.approx(related.sum())
    for one in bins:
        if one.predicted is not None:
            assert one.low - 1e-9 <= one.predicted <= one.high + 1e-9
