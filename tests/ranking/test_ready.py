"""What is made ready gives the answers that are computed, and nothing of it is used that is not whole."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from computed import Computed
from effort import examples
from recommend.articles.article import Article, parse_article
from recommend.articles.curation import Choice, Curation
from recommend.encoder import Encoder
from recommend.index.filters import Filters
from recommend.index.lists import REASONED, ReadyLists, block_count
from recommend.index.snapshot.layout import IndexLayout
from recommend.ingest import ingest
from recommend.jobs.exposure import spread_exposure
from recommend.jobs.hooks import Hooks
from recommend.jobs.lists import make_lists
from recommend.jobs.reindex import reindex
from recommend.ranking.near_duplicates import of_query
from recommend.ranking.ready import read_shortlist
from recommend.ranking.shortlist import Scoring
from recommend.recommender import Recommender
from recommend.settings import IndexSettings, PolicySettings, RankingSettings, Settings
from recommend.store import Store

NOW = datetime.now(UTC).replace(microsecond=0)
COUNT = 300


def _articles(count: int) -> list[Article]:
    chance = Random(4)
    words = ["".join(chance.choices("bdfgklmnprst", k=3) + chance.choices("aeiou", k=2)) for _ in range(600)]
    words = [word.title() if n % 3 else word for n, word in enumerate(words)]  # some are names
    found = []
    for n in range(count):
        topic = n % 15
        own = words[topic * 40 : topic * 40 + 40] * 3 + words
        row: dict[str, Any] = {
            "id": f"a{n:03}",
            "title": " ".join(chance.choices(own, k=6)),
            "text": " ".join(chance.choices(own, k=chance.choice([20, 60, 120]))),
            "published_at": chance.choice([None, *[NOW - timedelta(days=chance.randrange(90))] * 5]),
            "section": chance.choice([None, "World", "Sport"]),
            "language": chance.choice([None, "en", "es"]),
            "genre": chance.choice([None, "news", "opinion"]),
            "tags": chance.choice([[], [f"t{topic}"]]),
        }
        found.append(parse_article(row))
    return found


ARTICLES = _articles(COUNT + 100)


def make_blocks_small(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("recommend.index.lists.A_BLOCK", 64)
    patch.setattr("recommend.jobs.lists.available_cores", lambda: 1)


def settings_in(folder: Path, models: Path) -> Settings:
    return Settings(
        store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index", models=models,
        ranking=RankingSettings(candidates=60), policy=PolicySettings(exposure=0.1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory, models: Path, toy_encoder: Encoder) -> Path:
    """A folder with the articles, indexed, and their lists."""
    settings = settings_in(tmp_path_factory.mktemp("ready"), models)
    with closing(Store(settings.store)) as store, pytest.MonkeyPatch.context() as patch:
        make_blocks_small(patch)
        ingest(store, toy_encoder, ARTICLES[:COUNT])
        exposed = partial(spread_exposure, settings)
        reindex(store, toy_encoder, settings, hooks=Hooks(exposed=exposed, lists=partial(make_lists, settings)))
    return settings.index.parent


@pytest.fixture
def recommender(
    once: Path, tmp_path: Path, models: Path, toy_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recommender]:
    make_blocks_small(monkeypatch)
    settings = settings_in(shutil.copytree(once, tmp_path, dirs_exist_ok=True), models)
    with closing(Store(settings.store)) as store:
        yield Recommender(store, settings, toy_encoder)


def lists_of(recommender: Recommender) -> ReadyLists:
    ranking = recommender.ranking
    return ranking.ready.lists(ranking.selection(recommender.view()).scoring)


def files(recommender: Recommender) -> list[Path]:
    return sorted(IndexLayout(recommender.settings.index).lists.rglob("*.npy"))


FILTERS = st.builds(
    Filters,
    section=st.sampled_from([None, None, "World"]),
    language=st.sampled_from([None, None, "es"]),
    since=st.sampled_from([None, None, NOW - timedelta(days=20)]),
    exclude=st.frozensets(st.sampled_from([a.id for a in ARTICLES]), max_size=30),
    prefer=st.sampled_from([None, None, "near", "fresh"]),
)
POLICIES = st.builds(
    PolicySettings,
    diversity=st.sampled_from([0.0, 0.0, 0.4]),
    readable=st.sampled_from([0, 0, 2]),
    floor=st.sampled_from([0.0, 0.0, 0.02]),
    hide_duplicates=st.booleans(),
    freshness_half_life=st.just(10.0),
    max_age=st.sampled_from([{}, {}, {"World": 20.0, "*": 60.0}]),
    exposure=st.sampled_from([0.0, 0.1, 1.0]),
)


def test_shortlists_of_many_are_those_of_each_to_the_bit(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommend.ranking.shortlist._SCORED_AT_ONCE", 16)
    view = recommender.view()
    scoring = recommender.ranking.selection(view).scoring

    @hypothesis_settings(max_examples=examples(15, 30))
    @given(st.lists(st.integers(0, COUNT - 1), max_size=40))
    def same(rows: list[int]) -> None:
        queries = [view.segments[0].query(row) for row in rows]
        together = scoring.shortlists(queries, [(0, row) for row in rows])
        for query, row, one in zip(queries, rows, together, strict=True):
            alone = scoring.shortlist(query, (0, row))
            assert (one.exhaustive, one.count) == (alone.exhaustive, alone.count)
            assert one.means.tolist() == alone.means.tolist()
            for name in ("rows", "features", "contributions", "scores", "probabilities"):
                np.testing.assert_array_equal(getattr(one.candidates, name), getattr(alone.candidates, name))

    same()


def test_a_list_tells_why_of_what_boxes_show_first_and_not_of_what_only_fills_them_or_tells_nothing_new(
    recommender: Recommender,
) -> None:
    lists, view, rules = lists_of(recommender), recommender.view(), recommender.settings.policy
    scoring = recommender.ranking.selection(view).scoring
    written = 0
    for row in range(COUNT):
        query = view.segments[0].query(row)
        short = read_shortlist(scoring, lists, query.language, (0, row))
        assert short is not None
        assert short.reasons is not None
        related = short.candidates.probabilities >= rules.floor
        repeats = of_query(view, query, short.candidates, rules)
        places = [place for place in lists.get(row)["places"].tolist() if place < 255]
        assert len(places) <= REASONED
        assert related[places].all()
        assert not repeats[places].any()
        told = [short.reasons.get(short.reasons.rows[place], "", "") for place in range(len(short.candidates))]
        assert [place for place, one in enumerate(told) if one is not None] == sorted(places)
        written += len(places)
    assert written > COUNT // 4


def test_whichever_way_an_answer_comes_it_is_the_same_after_any_changes(
    recommender: Recommender, toy_encoder: Encoder
) -> None:
    store, chance = recommender.store, Random(5)
    ids = st.sampled_from([article.id for article in ARTICLES])

    @hypothesis_settings(max_examples=examples(60, 120))
    @given(
        ids, st.sampled_from([1, 5, 10, 28, 40]), FILTERS, POLICIES, st.sampled_from(["put", "delete", "curate", ""])
    )
    def same(article_id: str, k: int, filters: Filters, policy: PolicySettings, change: str) -> None:
        some = [article.id for article in chance.sample(ARTICLES, 3)]
        if change == "put":
            new = chance.choice(ARTICLES).model_copy(update={"id": some[0], "title": chance.choice(ARTICLES).title})
            ingest(store, toy_encoder, [new], republish=True)
        elif change == "delete":
            store.delete(some[0])
        elif change == "curate":
            curation = Curation(pinned=(Choice(id=some[0]),), blocked=(Choice(id=some[1]),))
            store.curations.put(article_id, curation, "editor")
        settings = recommender.settings.model_copy(update={"policy": policy})
        ways = [kind(store, settings, view=recommender._live) for kind in (Recommender, Computed)]
        read, computed = (way.answer(article_id, k, filters) for way in ways)
        assert read == computed
        if read is not None and computed is not None:
            assert [item.score for item in read.items] == [item.score for item in computed.items]
            kinds.update(item.reason.kind for item in read.items)

    kinds = set[str]()
    same()
    assert {"tag", "topic", "similar"} <= kinds


def test_lists_of_a_snapshot_are_within_their_bytes_and_are_used(
    recommender: Recommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(path.stat().st_size for path in files(recommender)) <= 500 * COUNT + 500 * len(files(recommender))

    def computed(*_: object) -> None:
        raise AssertionError("computed although it is ready")

    monkeypatch.setattr(Scoring, "shortlist", computed)
    for article in ARTICLES[:COUNT:7]:
        if article.language is None and article.genre is None:
            assert recommender.related(article.id)


@pytest.mark.parametrize("harm", ["cut", "other byte", "empty", "not listed", "gone"])
def test_a_block_that_is_not_whole_is_not_used_and_is_made_again(
    recommender: Recommender, toy_encoder: Encoder, harm: str
) -> None:
    before = {article.id: recommender.related(article.id) for article in ARTICLES[:COUNT:5]}
    path = files(recommender)[0]
    content = path.read_bytes()
    path.unlink()  # readers have the old one mapped
    if harm == "cut":
        path.write_bytes(content[:-100])
    elif harm == "other byte":
        path.write_bytes(content[:5_000] + bytes([content[5_000] ^ 1]) + content[5_001:])
    elif harm == "empty":
        path.touch()
    elif harm == "not listed":
        path.with_name(f"{path.name}.123").write_bytes(content)
    other = Recommender(recommender.store, recommender.settings, toy_encoder)
    assert {one: other.related(one) for one in before} == before
    assert [*lists_of(other).missing()] == [0]
    lists = partial(make_lists, recommender.settings)
    again = reindex(recommender.store, toy_encoder, recommender.settings, hooks=Hooks(lists=lists))
    assert (again.built, again.listed) == (False, 64)
    assert [*lists_of(other).missing()] == []
    assert len(files(recommender)) == block_count(COUNT) == 5
    assert not [*path.parent.glob("*.npy.*")]


def test_rows_beyond_the_snapshot_are_never_followed(recommender: Recommender) -> None:
    lists = lists_of(recommender)
    path = files(recommender)[1]
    block = np.load(path)
    block["rows"][3, 0] = COUNT
    path.unlink()
    lists.put(1, block)
    other = Recommender(recommender.store, recommender.settings)
    assert [*lists_of(other).missing()] == [1]


def test_other_settings_that_rank_have_no_lists_and_other_policies_have(recommender: Recommender) -> None:
    folder = lists_of(recommender).folder
    for settings, same in (
        ({"policy": PolicySettings(floor=0.5)}, True),
        ({"policy": PolicySettings(duplicate_dense=0.7)}, False),
        ({"ranking": RankingSettings(candidates=60)}, True),
        ({"ranking": RankingSettings(candidates=60, as_of="query")}, False),
        ({"ranking": RankingSettings(candidates=61)}, False),
        ({"ranking": RankingSettings(candidates=60, without=["section"])}, False),
    ):
        other = recommender.with_settings(**settings)
        assert (lists_of(other).folder == folder) is same


def test_a_new_snapshot_has_its_own_lists_and_those_of_gone_ones_go(
    recommender: Recommender, toy_encoder: Encoder
) -> None:
    settings = recommender.settings.model_copy(update={"indexing": IndexSettings(keep=1)})
    old = files(recommender)
    shutil.copytree(old[0].parent, old[0].parent.with_name("r0000000001-gone-0123"))
    ingest(recommender.store, toy_encoder, ARTICLES[COUNT : COUNT + 10])
    lists = partial(make_lists, settings)
    result = reindex(recommender.store, toy_encoder, settings, hooks=Hooks(lists=lists))
    assert result.listed == COUNT + 10
    assert {path.parent for path in files(recommender)}.isdisjoint({path.parent for path in old})
    assert len({path.parent for path in files(recommender)}) == 1
    without = settings.model_copy(update={"indexing": IndexSettings(keep=1, lists=False)})
    assert reindex(recommender.store, toy_encoder, without, full=True, hooks=Hooks(lists=lists)).listed == 0


def test_workers_make_what_one_process_makes(recommender: Recommender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # in other processes nothing is patched
    layout = IndexLayout(recommender.settings.index)
    name = recommender.snapshot
    shutil.rmtree(layout.lists)
    monkeypatch.setattr("recommend.jobs.lists.available_cores", lambda: 1)
    assert make_lists(recommender.settings, name) == COUNT
    alone = {path.name: path.read_bytes() for path in files(recommender)}
    shutil.rmtree(layout.lists)
    monkeypatch.setattr("recommend.jobs.lists.available_cores", lambda: 2)
    monkeypatch.setattr("recommend.jobs.lists.ReadyLists.missing", lambda _: iter((0, 0)))
    assert make_lists(recommender.settings, name) == 2 * COUNT
    assert {path.name: path.read_bytes() for path in files(recommender)} == alone
