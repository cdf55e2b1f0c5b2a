"""Judged queries through the production path."""

import gzip
import os
from pathlib import Path

import orjson
import pytest

from effort import THOROUGH
from recommend.articles.article import Article
from recommend.cli.intake import Intake
from recommend.encoder import Encoder
from recommend.errors import EvaluationError
from recommend.evaluation.experiment import answerable, rank_queries, scratch
from recommend.evaluation.intervals import interval
from recommend.evaluation.judgements import read_qrels
from recommend.evaluation.metrics import per_query
from recommend.recommender import Recommender
from recommend.settings import EncoderSettings, PolicySettings, Settings
from recommend.store import Store

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("RECOMMEND_TEST_DATA", ROOT.parent / "shared" / "data"))
EVENTS = DATA / "current_events_2025.articles.jsonl.gz"
OFF = PolicySettings(on=False)


def test_rankings_have_the_depth_asked_for_without_unknown_documents(
    corpus: list[Article], models: Path, tmp_path: Path
) -> None:
    query, unknown = "a-central-asia-condemns-drone-attack", ["a-lavrov-novgorod-drone-claim", "b-korea-martial-law"]
    settings = Settings(models=models, policy=OFF, store="sqlite:///not-used.db")
    with scratch(corpus, settings, folder=tmp_path / "kept") as recommender:
        run = rank_queries(recommender, {query: dict.fromkeys(unknown, -1), "stranger": {query: 1}}, depth=100)
        with pytest.raises(EvaluationError, match="none of the judged queries is among the articles"):
            rank_queries(recommender, {"stranger": {query: 1}})
    ids = [document for document, _ in run[query]]
    assert run.keys() == {query}
    assert len(ids) == len(set(ids)) == 100
    assert not {query, *unknown} & set(ids)
    assert (tmp_path / "kept" / "store.db").is_file()
    with scratch(
        corpus,
        settings,
        folder=tmp_path / "kept",
        progress=lambda batch: pytest.fail(str(batch)) if batch.embedded else None,
    ) as again:
        assert rank_queries(again, {query: dict.fromkeys(unknown, -1)}) == run


def test_in_a_folder_that_holds_others_only_the_articles_given_are_ranked(
    stories: list[Article], toy_encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommend.evaluation.experiment.open_encoder", lambda *_: toy_encoder)
    settings = Settings(policy=OFF, encoder=EncoderSettings(name="toy", max_words=0))

    def ranked(some: list[Article], folder: Path) -> tuple[int, list[str], int]:
        embedded = list[int]()
        with scratch(some, settings, folder=folder, progress=lambda batch: embedded.append(batch.embedded)) as opened:
            return len(opened), [item.id for item in opened.related("story-01", 10)], sum(embedded)

    fresh = ranked(stories[:30], tmp_path / "fresh")
    everything = ranked(stories, tmp_path / "kept")
    fewer, again = (ranked(some, tmp_path / "kept") for some in (stories[:30], stories))
    assert fewer[:2] == fresh[:2]
    assert again[:2] == everything[:2]
    assert (fresh[0], everything[0]) == (30, 60)
    assert (fewer[2], again[2]) == (0, 0)


def test_the_sample_corpus_is_ranked_as_its_judgements_say(indexed: tuple[Settings, Store]) -> None:
    settings, store = indexed
    qrels = read_qrels(ROOT / "examples" / "corpus" / "judgements.tsv")
    values = per_query(qrels, rank_queries(Recommender(store, settings), qrels))
    assert interval(list(values["nDCG@5"].values())).mean > 0.8


def test_what_has_nothing_related_among_what_may_be_ranked_is_not_answerable(
    indexed: tuple[Settings, Store], corpus: list[Article]
) -> None:
    dated = sorted((a for a in corpus if a.published_at and a.status == "published"), key=lambda a: str(a.published_at))
    first, later, last = dated[0].id, dated[50].id, dated[-1].id
    qrels = {first: {later: 1}, later: {first: 2, "ghost": 3}, last: {"ghost": 3}, "stranger": {first: 0, later: -1}}
    recommender = Recommender(indexed[1], indexed[0])
    assert answerable(recommender, qrels) == [first, later]
    earlier = recommender.settings.ranking.model_copy(update={"as_of": "query"})
    assert answerable(recommender.with_settings(ranking=earlier), qrels) == [later]


@pytest.mark.skipif(not EVENTS.is_file(), reason=f"{EVENTS} is not there; RECOMMEND_TEST_DATA names another folder")
def test_current_events_of_a_year_are_ranked_about_as_well_as_measured(models: Path, tmp_path: Path) -> None:
    until, least = ("2026", 0.59) if THOROUGH else ("2025-03", 0.65)  # of 1,016 articles, which are enough to tell
    with gzip.open(EVENTS) as file:
        rows = {row["id"]: line for line in file if (row := orjson.loads(line))["published_at"] < until}
    (tmp_path / "events.jsonl").write_bytes(b"".join(rows.values()))
    judged = read_qrels(DATA / "current_events_2025.qrels.tsv.gz")
    among = {query: {i: grade for i, grade in judged[query].items() if i in rows} for query in rows.keys() & judged}
    qrels = {query: grades for query, grades in among.items() if grades}
    with scratch(Intake([str(tmp_path / "events.jsonl")]), Settings(models=models, policy=OFF)) as recommender:
        values = per_query(qrels, rank_queries(recommender, qrels), ["nDCG@10"])
    assert interval(list(values["nDCG@10"].values())).mean >= least
