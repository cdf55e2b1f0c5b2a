"""Rules of editors: what each does to a box, and that promises hold whatever they say."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from computed import Computed
from recommend.articles.curation import Choice, Curation
from recommend.articles.rule_documents import read_rules
from recommend.encoder import Encoder
from recommend.index.filters import Filters
from recommend.ingest import ingest
from recommend.inspection import ranking_of, why
from recommend.jobs.export.export import export
from recommend.jobs.hooks import Hooks
from recommend.jobs.lists import make_lists
from recommend.jobs.reindex import reindex
from recommend.ranking.answer import Recommendation
from recommend.recommender import Recommender
from recommend.rule_trial import ruled_by
from recommend.settings import PolicySettings, RankingSettings, Settings
from recommend.stand_ins import latest_answer, popular_answer
from recommend.store import Store
from ruled import ARTICLES, COUNT, FILTERS, IDS, NOW, POLICIES, RULES, hold

QUERY = "a000"


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory, models: Path, toy_encoder: Encoder) -> Iterator[Recommender]:
    folder = tmp_path_factory.mktemp("rules")
    settings = Settings(
        store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index", models=models,
        ranking=RankingSettings(candidates=60),
    )  # fmt: skip
    with closing(Store(settings.store)) as store:
        ingest(store, toy_encoder, [*ARTICLES.values()][:COUNT])
        reindex(store, toy_encoder, settings, hooks=Hooks(lists=partial(make_lists, settings)))
        yield Recommender(store, settings, toy_encoder)


def ruled(recommender: Recommender, *rules: dict[str, Any]) -> None:
    """Puts rules, named by their places."""
    named = [{"name": f"rule {n}", **rule} for n, rule in enumerate(rules)]
    recommender.store.rules.put(read_rules({"rules": named}), "Ana")


def box(recommender: Recommender, k: int = 5, article_id: str = QUERY, **filters: Any) -> list[Recommendation]:
    return recommender.related(article_id, k, **filters)


@pytest.fixture
def plain(recommender: Recommender) -> Iterator[list[Recommendation]]:
    """The box without rules."""
    ruled(recommender)
    yield box(recommender)
    ruled(recommender)


def test_what_is_left_out_makes_room_and_comes_back_when_the_rule_goes(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    ids = [item.id for item in box(recommender, 10)]
    ruled(recommender, {"then": {"leave_out": {"id": [ids[0], ids[2]]}}})
    assert [item.id for item in box(recommender, 8)] == [ids[1], *ids[3:]]
    answer = recommender.answer(QUERY, 5, explain=True)
    assert answer is not None
    assert answer.removed["rules"] == 2
    assert {"gives way to the rule 'rule 0'"} <= {miss.why for miss in answer.near_misses or ()}
    assert why(recommender, QUERY, ids[0], 5).why == "gives way to the rule 'rule 0'"
    ruled(recommender)
    assert box(recommender) == plain


def test_near_misses_name_rules_that_can_be_the_reason_and_no_others(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    of_others: list[dict[str, Any]] = [
        {"then": {"leave_out": {"tag": "t9"}}},
        {"then": {"hold_back": {"id": plain[4].id}, "factor": 1.01}},
        {"then": {"ignore": {"tag": "unheard-of"}}},
    ]
    ruled(recommender, {"then": {"at_most": 1, "per": "section"}}, *of_others)
    answer = recommender.answer(QUERY, 5, explain=True)
    assert answer is not None
    shown = {item.section for item in answer.items}
    misses = {miss.id: miss.why for miss in answer.near_misses or ()}
    full = [one for one in misses if "rule 0" in misses[one]]
    assert full
    assert {ARTICLES[one].section for one in full} <= shown - {None}
    assert not any(name in said for said in misses.values() for name in ("'rule 1'", "'rule 3'"))
    assert {one for one, said in misses.items() if "'rule 2'" in said} <= {plain[4].id}


@pytest.mark.parametrize("action", ["hold_back", "prefer"])
def test_what_a_rule_moves_out_of_a_box_names_that_rule(recommender: Recommender, action: str) -> None:
    ruled(recommender)
    ids = [item.id for item in box(recommender, 9)]
    named = ids[:1] if action == "hold_back" else ids[1:4]
    ruled(recommender, {"then": {action: {"id": named}, "factor": 10}})
    assert ids[0] not in {item.id for item in box(recommender, 3)}
    assert why(recommender, QUERY, ids[0], 3).why == "gives way to the rule 'rule 0', or is too like another one"


def test_a_rule_holds_of_the_stories_that_it_means_and_of_no_others(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    first = plain[0].id
    for when, meant in (
        ({"section": "World"}, True),
        ({"section": "Sport"}, False),
        ({"author": ["Zoe", "Ana"], "tag": "t0"}, True),
        ({"not": {"site": "north"}}, False),
        ({"any": [{"section": "Sport"}, {"id": QUERY}]}, True),
        ({"all": [{"section": "World"}, {"max_age": 0}]}, True),  # of one without a date, it is today
        ({"min_age": 1}, False),
    ):
        ruled(recommender, {"when": when, "then": {"leave_out": {"id": first}}})
        assert (first not in {item.id for item in box(recommender)}) == meant, when


def test_preferred_candidates_come_first_and_say_so_and_scores_stay_what_they_are(
    recommender: Recommender,
) -> None:
    plain, scores = box(recommender, 8), {item.id: item.score for item in box(recommender, 28)}
    ruled(recommender, {"then": {"prefer": {"section": "Culture"}, "factor": 10}})
    items = box(recommender, 8)
    assert sum(item.section == "Culture" for item in items) > sum(item.section == "Culture" for item in plain)
    assert all(item.score == scores[item.id] for item in items)
    said = {getattr(item.reason, "rules", ()) for item in items if item.section == "Culture"}
    assert said == {("rule 0",)}
    assert not any(hasattr(item.reason, "rules") for item in items if item.section != "Culture")
    ruled(recommender, {"then": {"hold_back": {"section": "Culture"}, "factor": 10}})
    assert sum(item.section == "Culture" for item in box(recommender, 8)) <= sum(i.section == "Culture" for i in plain)


def test_at_most_so_many_of_one_kind_and_the_box_stays_full_while_there_are_others(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    ruled(recommender, {"then": {"at_most": 1, "per": "author"}})
    items = box(recommender, 10)
    assert len(items) == 10
    assert max(Counter(author for item in items for author in item.authors).values()) == 1
    ruled(recommender, {"then": {"at_most": 2, "per": "section"}})
    items = box(recommender, 10)
    assert len(items) == 10
    assert max(Counter(item.section for item in items if item.section).values()) == 2


def test_where_no_more_of_other_kinds_are_there_the_box_is_short_and_says_why(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    ruled(recommender, {"then": {"at_most": 1, "per": "section"}}, {"then": {"only": {"section": ["World", "Sport"]}}})
    answer = recommender.answer(QUERY, 5)
    assert answer is not None
    assert sorted(str(item.section) for item in answer.items) == ["Sport", "World"]
    assert "removed by rules" in (answer.short or "")


def test_only_these_are_found_however_far_down_they_stand(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    wanted = {"genre": "opinion", "site": "south"}
    fits = PolicySettings(hidden_genres=[])
    ruled(recommender, {"then": {"only": wanted}})
    items = recommender.with_settings(policy=fits).related(QUERY, 10)
    assert len(items) == 10
    assert {(item.genre, item.site) for item in items} == {("opinion", "south")}
    assert all(getattr(item.reason, "rules", ()) == ("rule 0",) for item in items)


def test_a_series_and_what_is_the_same_are_those_of_the_story_and_say_nothing_of_a_story_without(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    ruled(recommender, {"then": {"only": {"series": "series: "}}})
    assert box(recommender) == plain
    assert {tag for item in box(recommender, 5, "a016") for tag in item.tags} == {"Series: Sea"}
    ruled(recommender, {"then": {"leave_out": {"same": "author"}}})
    assert not any("Ana" in item.authors for item in box(recommender, 20))
    assert any("Ana" in item.authors for item in box(recommender, 20, "a002"))


def test_a_pin_stands_at_its_position_behind_what_editors_pinned_here_and_never_where_it_may_not_be_shown(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    ids = [item.id for item in plain]
    ruled(recommender, {"then": {"pin": "a123", "position": 3}})
    assert [item.id for item in box(recommender)] == [*ids[:2], "a123", *ids[2:4]]
    pinned = box(recommender)[2]
    assert (pinned.reason.kind, getattr(pinned.reason, "rules", ())) == ("pinned", ("rule 0",))
    assert "a123" not in {item.id for item in box(recommender, exclude=frozenset({"a123"}))}
    recommender.store.curations.put(QUERY, Curation(pinned=(Choice(id="a124"),)), "Ana")
    ruled(recommender, {"then": {"pin": "a123", "position": 1}})
    assert [item.id for item in box(recommender)][:2] == ["a124", "a123"]
    recommender.store.curations.put(QUERY, Curation(blocked=(Choice(id="a123"),)), "Ana")
    assert "a123" not in {item.id for item in box(recommender)}
    recommender.store.curations.put(QUERY, Curation(), "Ana")
    ruled(recommender, {"then": {"pin": "a123"}}, {"then": {"leave_out": {"id": "a123"}}})
    assert "a123" not in {item.id for item in box(recommender)}


def test_an_ignored_tag_is_neither_a_signal_nor_a_reason(recommender: Recommender, plain: list[Recommendation]) -> None:
    story = "a010"  # has 2024 and t2
    before = recommender.answer(story, 20, explain=True)
    ruled(recommender, {"then": {"ignore": {"tag": ["2024", "t2"], "section": "Culture", "author": "Ana"}}})
    after = recommender.answer(story, 20, explain=True)
    assert before is not None
    assert after is not None
    tags = {item.id: (item.explanation or {})["tags"]["value"] for item in after.items}
    assert set(tags.values()) == {None}
    assert any((item.explanation or {})["tags"]["value"] for item in before.items)
    assert not any(item.reason.kind == "tag" for item in after.items)
    assert [item.id for item in before.items] != [item.id for item in after.items]


def test_of_a_running_story_only_the_latest_stays(indexed: tuple[Settings, Store], encoder: Encoder) -> None:
    real = Recommender(indexed[1], indexed[0], encoder)
    latest = ruled_by(real, read_rules({"rules": [{"name": "latest", "then": {"latest_of_story": True}}]}))
    shortened = 0
    for article_id in real.view().ids():
        same, left = (
            [item for item in one.related(article_id, 10) if item.reason.kind in ("story", "update")]
            for one in (real, latest)
        )
        if len(same) > 1:
            shortened += 1
            assert [getattr(item.reason, "rules", ()) for item in left] == [("latest",)]
            moments = [item.published_at for item in (*same, *left)]
            assert left[0].published_at == max(moment for moment in moments if moment is not None)
        else:  # of copies, which a box shows once, the latest
            assert len(left) == len(same)
            assert [str(item.published_at) for item in left] >= [str(item.published_at) for item in same]
    assert shortened > 5


def test_what_stands_in_for_an_empty_box_says_so_and_keeps_out_what_is_left_out(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    ruled(recommender, {"then": {"only": {"section": "Nowhere"}}}, {"then": {"leave_out": {"section": "World"}}})
    answer = recommender.answer(QUERY, 5)
    assert answer is not None
    assert answer.items == []
    assert "removed by rules" in (answer.short or "")
    for standing in (latest_answer(recommender, QUERY, 5), popular_answer(recommender, QUERY, 5, ["a004", "a005"])):
        assert standing.fallback is not None
        assert len(standing.items) == 5
        assert "World" not in {item.section for item in standing.items}


def test_what_fills_a_box_keeps_to_the_rules_too(recommender: Recommender, plain: list[Recommendation]) -> None:
    ruled(recommender, {"then": {"leave_out": {"section": "World"}}}, {"then": {"at_most": 2, "per": "site"}})
    filled = recommender.with_settings(policy=PolicySettings(floor=0.99, fill="section"))
    answer = filled.answer(QUERY, 8)
    assert answer is not None
    assert len(answer.items) == 8
    assert "World" not in {item.section for item in answer.items}
    assert max(Counter(item.site for item in answer.items if item.site).values()) == 2


def test_rules_begin_and_end_by_the_clock(
    recommender: Recommender, plain: list[Recommendation], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, end = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
    then = {"leave_out": {"id": plain[0].id}}
    ruled(recommender, {"from": begin.isoformat(), "until": end.isoformat(), "then": then})
    for moment, gone in ((NOW, False), (begin, True), (end, False)):
        monkeypatch.setattr("recommend.recommender.time.time", moment.timestamp)
        assert (plain[0].id not in {item.id for item in box(recommender)}) == gone


def test_drafts_histories_and_rankings_follow_the_same_rules(
    recommender: Recommender, plain: list[Recommendation]
) -> None:
    draft = ARTICLES[QUERY].model_copy(update={"id": "new"})
    ruled(recommender, {"when": {"section": "World"}, "then": {"leave_out": {"section": ["Sport", "Culture"]}}})
    found = [
        recommender.answer_to(draft, 10).items,
        recommender.answer_history([QUERY], 10).items,
        box(recommender, 10),
    ]
    for items in found:
        assert len(items) == 10
        assert {item.section for item in items} <= {"World", None}
    ranked = [one for one, _ in ranking_of(recommender, QUERY, 10)]
    assert ranked == [item.id for item in found[2]]
    off = recommender.with_settings(policy=PolicySettings(on=False))
    assert {item.section for item in off.related(QUERY, 20)} >= {"Culture"}


def test_an_export_holds_what_is_answered_also_where_other_processes_make_it(
    recommender: Recommender, plain: list[Recommendation], tmp_path: Path
) -> None:
    ruled(recommender, {"then": {"leave_out": {"id": plain[0].id}}}, {"then": {"pin": "a123", "position": 2}})
    export(recommender, tmp_path / "boxes.jsonl", 5)
    rows = [orjson.loads(line) for line in (tmp_path / "boxes.jsonl").read_bytes().splitlines()]
    assert [row["related_id"] for row in rows if row["article_id"] == QUERY] == [item.id for item in box(recommender)]
    view = recommender.view()
    assert pickle.loads(pickle.dumps(view)).rules == view.rules


def test_whatever_rules_say_promises_hold_and_every_way_gives_the_same_answer(
    recommender: Recommender, toy_encoder: Encoder, plain: list[Recommendation]
) -> None:
    store, chance, acts = recommender.store, Random(5), Counter[str]()

    @hypothesis_settings(max_examples=150)
    @given(
        IDS, st.sampled_from([1, 5, 10, 28, 40]), FILTERS, POLICIES, RULES, st.sampled_from(["put", "delete", "", ""])
    )
    def same(
        article_id: str, k: int, filters: Filters, policy: PolicySettings, rules: list[dict[str, Any]], change: str
    ) -> None:
        one = chance.choice([*ARTICLES.values()])
        if change == "put":
            ingest(store, toy_encoder, [one.model_copy(update={"section": "World"})], republish=True)
        elif change == "delete":
            store.delete(one.id)
        ruled(recommender, *rules)
        settings = recommender.settings.model_copy(update={"policy": policy})
        ways = [kind(store, settings, view=recommender._live) for kind in (Recommender, Computed)]
        read, computed = (way.answer(article_id, k, filters) for way in ways)
        batch = next(ways[0].answers([article_id], k)) if filters == Filters() else read
        assert read == computed == batch
        if read is None or computed is None:
            return
        assert [item.score for item in read.items] == [item.score for item in computed.items]
        hold(recommender, read, k, filters, read_rules({"rules": [{"name": str(n), **r} for n, r in enumerate(rules)]}))
        acts.update(rule["then"] and next(iter(rule["then"])) for rule in rules)

    same()
    assert len(acts) == 8
