"""An evaluation as a whole: what it is over, what decided it, and that nothing is ranked twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pyarrow.parquet as pq
import pytest

from recommend.articles.article import Article
from recommend.errors import EvaluationError, UnknownArticleError
from recommend.evaluation.evaluation import Evaluation, measure, measure_arms
from recommend.evaluation.judgements import Qrels
from recommend.evaluation.kept import Rankings
from recommend.evaluation.provenance import provenance, read_notes, run_notes
from recommend.evaluation.tables import box_table, feature_table, run_table, write_table
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, RankingSettings, Settings

if TYPE_CHECKING:
    from conftest import Newsroom

OFF = PolicySettings(on=False)


@pytest.fixture
def qrels(stories: list[Article]) -> Qrels:
    """Of 20 stories those of their topic are related; one more has nothing related, one is not there."""
    topics: Qrels = {
        story.id: {other.id: 1 for m, other in enumerate(stories) if m % 6 == n % 6 and m != n}
        for n, story in enumerate(stories[:20])
    }
    return topics | {"story-40": {"story-41": 0}, "stranger": {"story-00": 1}}


@pytest.fixture
def recommender(newsroom: Newsroom) -> Recommender:
    """The toy newsroom without a policy."""
    return newsroom.recommender().with_settings(policy=OFF)


def test_figures_are_over_answerable_queries_and_the_others_are_counted(recommender: Recommender, qrels: Qrels) -> None:
    found = measure(recommender, qrels, measures=["RR", "Judged@10"], cluster_by="section")
    summary = found.summary()
    assert {name: summary[name] for name in ("queries", "answerable", "unanswerable", "missing")} == {
        "queries": 22, "answerable": 21, "unanswerable": 1, "missing": 1,
    }  # fmt: skip
    assert summary["clusters"] == {"by": "section", "count": 7}  # six, and the one of what is not there
    told = [found.values["RR"][query] for query in qrels if query != "story-40"]
    assert found.measures["RR"].mean == pytest.approx(sum(told) / 21)
    assert found.values["RR"]["stranger"] == 0.0
    assert found.read_by == "RR"
    assert {one.facet for one in found.segments()} == {"section"}
    assert found.latency is not None
    assert found.latency.rankings == 21
    with pytest.raises(EvaluationError, match="is not a measure"):
        measure(recommender, qrels, measures=["nDCG@0"])


def test_a_table_has_a_row_for_each_judged_query(recommender: Recommender, qrels: Qrels, tmp_path: Path) -> None:
    found = measure(recommender, qrels, queries="judged")
    table = found.to_arrow()
    rows = {row["query"]: row for row in table.to_pylist()}
    assert rows.keys() == qrels.keys()
    assert (rows["story-40"]["answerable"], rows["story-40"]["ranked"]) == (False, True)
    assert (rows["stranger"]["answerable"], rows["stranger"]["ranked"], rows["stranger"]["title"]) == (
        True,
        False,
        None,
    )
    assert rows["story-03"]["section"] == "section 3"
    assert rows["story-03"]["nDCG@10"] == found.values["nDCG@10"]["story-03"]
    assert rows["story-03"]["box_short"] == found.shown.values["short"]["story-03"]
    assert rows["stranger"]["box_short"] is None
    write_table(table, tmp_path / "new" / "q.parquet", {"hash": found.provenance.hash})
    assert pq.read_table(tmp_path / "new" / "q.parquet").to_pylist() == table.to_pylist()
    write_table(table, tmp_path / "q.csv")
    assert (tmp_path / "q.csv").read_text().splitlines()[0].startswith('"query","title","answerable"')
    with pytest.raises(EvaluationError, match=r"ends neither in \.parquet nor in \.csv"):
        write_table(table, tmp_path / "q.xlsx")


def test_the_hash_tells_all_that_decides_a_ranking_and_no_more(recommender: Recommender, newsroom: Newsroom) -> None:
    own = provenance(recommender)
    assert provenance(newsroom.recommender().with_settings(policy=OFF), {"f": "0"}).hash == own.hash
    others: list[Callable[[], Recommender]] = [
        lambda: recommender.with_settings(policy=PolicySettings(on=False, diversity=0.5)),
        lambda: recommender.with_settings(ranking=RankingSettings(without=["time_curve"])),
    ]
    assert len({own.hash, *(provenance(other()).hash for other in others)}) == 3
    newsroom.take(Article(id="new", title="A new story"))
    newsroom.reindex()
    later = provenance(newsroom.recommender().with_settings(policy=OFF))
    assert (later.hash == own.hash, later.snapshot["articles"]) == (False, 61)
    assert own.encoder["fingerprint"] == "toy"
    assert own.ranker["name"] == "news-linear"
    assert own.settings["policy"]["on"] is False
    assert len(own.code) == 64


@pytest.mark.parametrize("field", ["links_to", "text"])
def test_articles_that_say_something_else_make_another_hash(newsroom: Newsroom, field: str) -> None:
    def made(value: object) -> str:
        summed = Article(id="one", title="A story", text="Water rose.", summary="It rains.")
        newsroom.take(summed.model_copy(update={field: value}))
        newsroom.reindex()
        return provenance(newsroom.recommender()).hash

    values: list[object] = [["story-01"], ["story-02"]] if field == "links_to" else ["Water rose.", "Water sank."]
    assert made(values[0]) != made(values[1])
    assert made(values[0]) == made(values[0])


def test_what_decided_a_run_lies_beside_it_with_the_queries_that_have_no_line(
    recommender: Recommender, tmp_path: Path
) -> None:
    made_by = provenance(recommender, {"articles.jsonl": "ab"})
    made_by.save(run_notes(tmp_path / "ours.trec"), {"q": [("d", 1.0)], "none": []})
    notes = read_notes(tmp_path / "ours.trec")
    assert notes is not None
    assert (notes["run"], notes["empty"], notes["data"]) == (made_by.hash, ["none"], {"articles.jsonl": "ab"})
    assert orjson.loads((tmp_path / "ours.trec.json").read_bytes()) == notes
    (tmp_path / "other.trec.json").write_text("[]")
    assert read_notes(tmp_path / "other.trec") is read_notes(tmp_path / "none.trec") is None


def test_what_was_ranked_once_under_the_same_settings_is_not_ranked_again(
    recommender: Recommender, qrels: Qrels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = measure(recommender, qrels, folder=tmp_path / "kept")

    def refuse(_: Recommender, query: str, depth: int) -> list[tuple[str, float]]:
        if query == "stranger":
            raise UnknownArticleError(query)
        pytest.fail(f"{query} is ranked again")

    monkeypatch.setattr("recommend.evaluation.kept.ranking_of", refuse)
    again = measure(recommender, qrels, folder=tmp_path / "kept")
    assert again.run == first.run
    assert again.summary() == first.summary()
    with pytest.raises(pytest.fail.Exception):
        measure(
            recommender.with_settings(ranking=RankingSettings(without=["section"])), qrels, folder=tmp_path / "kept"
        )
    for file in (tmp_path / "kept").iterdir():
        file.write_bytes(b"damaged")
    with pytest.raises(pytest.fail.Exception):
        measure(recommender, qrels, folder=tmp_path / "kept")


def test_a_ranking_of_another_depth_is_made_anew(recommender: Recommender) -> None:
    rankings = Rankings(recommender)
    assert [len(rankings.rank("story-00", depth)) for depth in (5, 9)] == [5, 9]
    assert rankings.rank("story-00", 5) is rankings.rank("story-00", 5)


def test_arms_share_one_embedding_and_keep_their_order(corpus: list[Article], models: Path, tmp_path: Path) -> None:
    judged: Qrels = {"c-change6-far-side-landing": {"c-change6-capsule-returns": 3}}
    base = Settings(models=models, policy=OFF, store="sqlite:///not-used.db")
    arms = {
        "no time": base.model_copy(update={"ranking": RankingSettings(without=["time_curve", "days_log"])}),
        "not expanded": base.model_copy(update={"indexing": base.indexing.model_copy(update={"expansion": False})}),
        "default": base,
    }
    found = measure_arms(lambda: corpus[:30], judged, arms, folder=tmp_path, queries="5")
    assert list(found) == list(arms)
    assert len({one.provenance.hash for one in found.values()}) == 3
    assert all(isinstance(one, Evaluation) and one.shown.boxes == 5 for one in found.values())


def test_runs_boxes_and_features_are_tables(recommender: Recommender, qrels: Qrels) -> None:
    run = {"q": [("a", 2.0), ("b", 1.0)]}
    assert run_table(run, {"q": {"b": 3}}).to_pylist() == [
        {"query": "q", "document": "a", "rank": 1, "score": 2.0, "grade": None},
        {"query": "q", "document": "b", "rank": 2, "score": 1.0, "grade": 3},
    ]
    assert run_table({}).num_rows == 0
    boxes = box_table(recommender, ["story-00", "story-01"], 3).to_pylist()
    assert [(row["article"], row["rank"]) for row in boxes[:4]] == [("story-00", n) for n in (1, 2, 3)] + [
        ("story-01", 1)
    ]
    assert all(row["title"] and row["reason"] for row in boxes)
    features = feature_table(recommender, qrels)
    (first, *_) = features.to_pylist()
    assert first["query"] == "story-00"
    assert first["time_curve"] is None or not math.isnan(first["time_curve"])
    assert "stranger" not in set(features["query"].to_pylist())
    assert {1, None} <= set(features["grade"].to_pylist())
