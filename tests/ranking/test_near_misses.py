"""Why stories are shown, and why near misses are not."""

import shutil
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from recommend.articles.article import Access
from recommend.encoder import Encoder, encode_articles
from recommend.index.filters import Filters
from recommend.inspection import candidates_of
from recommend.ranking.answer import Answer
from recommend.ranking.candidates import CARD_FEATURES, FEATURES
from recommend.ranking.corpus import Corpus
from recommend.ranking.model import Ranker
from recommend.recommender import Recommender
from recommend.settings import PolicySettings, Settings
from recommend.store import Store

ANCHOR = "a-central-asia-condemns-drone-attack"


@pytest.fixture
def explained(indexed: tuple[Settings, Store], encoder: Encoder) -> Answer:
    answer = Recommender(indexed[1], indexed[0], encoder).answer(ANCHOR, 5, explain=True)
    assert answer is not None
    return answer


def under(indexed: tuple[Settings, Store], encoder: Encoder, policy: PolicySettings, k: int = 5) -> Answer:
    settings = indexed[0].model_copy(update={"policy": policy})
    answer = Recommender(indexed[1], settings, encoder).answer(ANCHOR, k, Filters(), explain=True)
    assert answer is not None
    return answer


def test_what_the_features_add_is_told_of_every_item(explained: Answer) -> None:
    for item in explained.items:
        assert item.explanation is not None
        assert list(item.explanation) == list(FEATURES)
        assert any(part["adds"] for part in item.explanation.values())


def test_near_misses_are_the_best_that_are_not_shown_each_with_its_rule(explained: Answer) -> None:
    assert explained.near_misses is not None
    shown = {item.id for item in explained.items}
    assert shown.isdisjoint(miss.id for miss in explained.near_misses)
    assert ANCHOR not in {miss.id for miss in explained.near_misses}
    scores = [miss.score for miss in explained.near_misses]
    assert scores == sorted(scores, reverse=True)
    whys = {miss.why for miss in explained.near_misses}
    assert "tells the same as the article" in whys
    assert "genre 'opinion' does not belong under this story" in whys
    assert "ranked lower" in whys


def test_no_rule_is_named_that_the_request_lifts(indexed: tuple[Settings, Store], encoder: Encoder) -> None:
    answer = Recommender(indexed[1], indexed[0], encoder).answer(ANCHOR, 1, Filters(genre="opinion"), explain=True)
    assert answer is not None
    assert answer.near_misses
    assert not any("genre" in miss.why for miss in answer.near_misses)


def test_a_floor_and_a_taste_for_variety_are_named(indexed: tuple[Settings, Store], encoder: Encoder) -> None:
    usual = under(indexed, encoder, PolicySettings(diversity=0.0))
    least = round(usual.items[2].score - 0.0001, 4)  # scores are told rounded, the floor is held against what they are
    floored = under(indexed, encoder, PolicySettings(diversity=0.0, floor=least, fill="none"))
    assert [item.id for item in floored.items] == [item.id for item in usual.items if item.score >= least]
    assert floored.near_misses is not None
    assert f"score below the floor of {least:g}" in {miss.why for miss in floored.near_misses}
    varied = under(indexed, encoder, PolicySettings(diversity=0.9, floor=0.0))
    assert varied.near_misses is not None
    assert "too like another one that is shown" in {miss.why for miss in varied.near_misses}


def test_nothing_is_explained_that_was_not_asked_for(indexed: tuple[Settings, Store], encoder: Encoder) -> None:
    answer = Recommender(indexed[1], indexed[0], encoder).answer(ANCHOR, 5)
    assert answer is not None
    assert answer.near_misses is None
    assert all(item.explanation is None for item in answer.items)


def test_explanations_add_up_to_the_score_above_where_articles_of_its_kind_begin(
    indexed: tuple[Settings, Store], encoder: Encoder
) -> None:
    sample = Recommender(indexed[1], indexed[0], encoder)
    ranker = Ranker.load(sample.settings.models / "news-linear.json")
    answer = sample.answer(ANCHOR, 10, explain=True)
    assert answer is not None
    start = ranker.intercept(candidates_of(sample, ANCHOR)[2], Corpus.of(sample.view().snapshot.manifest))
    for item in answer.items:
        assert item.explanation is not None
        assert item.explanation.keys() == set(FEATURES)
        total = start + sum(part["adds"] or 0.0 for part in item.explanation.values())
        assert item.score == pytest.approx(ranker.calibration.probabilities(np.array([total], np.float32))[0], abs=2e-4)


@pytest.mark.parametrize("closed", ["none", "the near miss", "what it repeats", "the article itself", "another"])
def test_anybody_is_told_of_no_body_that_is_not_public(
    indexed: tuple[Settings, Store], encoder: Encoder, explained: Answer, tmp_path: Path, closed: str
) -> None:
    folder = shutil.copytree(indexed[0].index.parent, tmp_path / "copy")
    settings = indexed[0].model_copy(
        update={"store": f"sqlite:///{folder / 'recommend.db'}", "index": folder / indexed[0].index.name}
    )
    missed = explained.near_misses or []
    repeated, repeats, other = explained.items[0].id, f"{explained.items[0].id}-twin", missed[0].id
    with closing(Store(settings.store)) as store:
        twin = store.get(repeated)
        assert twin is not None
        twin = twin.model_copy(update={"id": repeats})
        store.put([(twin, encode_articles(encoder, [twin])[0])], encoder.fingerprint)
        names = {"the near miss": repeats, "what it repeats": repeated, "the article itself": ANCHOR, "another": other}
        if closed in names:
            article = store.get(names[closed])
            assert article is not None
            store.put([(article.model_copy(update={"access": Access.PAID}), None)], encoder.fingerprint)
        told = Recommender(store, settings, encoder, serving=True).answer(ANCHOR, 5, explain=True)
        whole = Recommender(store, settings, encoder).answer(ANCHOR, 5, explain=True)
    assert told is not None
    assert whole is not None
    assert [item.id for item in told.items] == [item.id for item in whole.items]
    features = {name for item in told.items for name in item.explanation or {}}
    assert features == {*(FEATURES if closed == "none" else CARD_FEATURES)}
    assert {name for item in whole.items for name in item.explanation or {}} == {*FEATURES}
    left = {miss.id for miss in whole.near_misses or ()} - {miss.id for miss in told.near_misses or ()}
    hidden: dict[str, set[str]] = {
        "none": set(),
        "the near miss": {repeats},
        "what it repeats": {repeats},
        "the article itself": {miss.id for miss in whole.near_misses or ()},
        "another": {other},
    }
    assert left == hidden[closed]
    assert f"tells the same as number {[item.id for item in whole.items].index(repeated) + 1}" in {
        miss.why for miss in whole.near_misses or ()
    }
