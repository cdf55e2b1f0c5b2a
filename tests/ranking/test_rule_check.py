"""What a document of rules would come to: how much each rule means, and what is odd about it or at odds with others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from recommend.articles.article import parse_article
from recommend.articles.rule_documents import read_rules
from recommend.encoder import Encoder
from recommend.index.view import View
from recommend.ingest import ingest
from recommend.jobs.hooks import Hooks
from recommend.jobs.lists import make_lists
from recommend.jobs.reindex import reindex
from recommend.ranking.rule_check import LOOKED_AT, Checked, check_rules
from recommend.recommender import Recommender
from recommend.settings import Settings
from recommend.store import Store

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
COUNT = 2 * LOOKED_AT + 20


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory, models: Path, toy_encoder: Encoder) -> Iterator[View]:
    """Half of the stories are of World and half of Sport; each tenth has an author, and three a series."""
    folder = tmp_path_factory.mktemp("checked")
    settings = Settings(store=f"sqlite:///{folder / 'recommend.db'}", index=folder / "index", models=models)
    rows: list[dict[str, Any]] = [
        {
            "id": f"a{n}",
            "title": f"Report {n} of the river",
            "text": f"Water rose by {n} feet.",
            "published_at": NOW - timedelta(days=n % 50),
            "section": ["World", "Sport"][n % 2],
            "authors": ["Ana"] if n % 10 == 0 else [],
            "tags": ["Series: Sea"] if n < 3 else ["river"],
        }
        for n in range(COUNT)
    ]
    with closing(Store(settings.store)) as store:
        ingest(store, toy_encoder, map(parse_article, rows))
        reindex(store, toy_encoder, settings, hooks=Hooks(lists=partial(make_lists, settings)))
        yield Recommender(store, settings, toy_encoder).view()


def checked(view: View, *rules: dict[str, Any]) -> list[Checked]:
    book = read_rules({"rules": [{"name": f"rule {n}", **rule} for n, rule in enumerate(rules)]})
    return check_rules(book, view, NOW.timestamp())


def warnings(view: View, *rules: dict[str, Any]) -> list[tuple[str, ...]]:
    return [one.warnings for one in checked(view, *rules)]


def test_a_rule_says_of_how_many_stories_it_holds_and_how_many_candidates_it_means(view: View) -> None:
    (one,) = checked(view, {"when": {"section": "World"}, "then": {"prefer": {"tag": "Series: Sea"}}})
    assert one == Checked("rule 0", COUNT // 2, 3, ())


def test_a_rule_that_is_over_or_means_nothing_says_so_and_names_what_is_only_written_otherwise(view: View) -> None:
    over = {"until": "2026-02-01T00:00:00Z", "when": {"section": "world"}, "then": {"leave_out": {"tag": "nowhere"}}}
    assert warnings(view, over) == [
        (
            "is over since 2026-02-01 00:00 UTC",
            "when: matches no story; there is 'World'",
            "leave_out: matches no story",
        )
    ]


def test_what_is_pinned_or_ignored_and_not_there_is_named(view: View) -> None:
    ignore = {"section": ["World", "Culture"], "tag": "none", "author": "Ana"}
    assert warnings(view, {"then": {"pin": "gone"}}, {"then": {"ignore": ignore}}) == [
        ("pin: no published story has the id 'gone'",),
        ("ignore: no story has the section 'Culture'", "ignore: no story has the tag 'none'"),
    ]


@pytest.mark.parametrize(
    "then",
    [
        {"only": {"section": "Culture"}},
        {"leave_out": {"section": ["World", "Sport"]}},
    ],
)
def test_a_rule_that_leaves_nothing_tells_for_how_many_boxes(view: View, then: dict[str, Any]) -> None:
    ((*_, last),) = warnings(view, {"when": {"section": "Sport"}, "then": then})
    assert last == f"leaves nothing for the boxes of {COUNT // 2} stories: they show the newest in its place"


def test_a_rule_that_compares_is_tried_on_a_sample_of_stories_and_passes_over_those_that_lack_what_it_compares_by(
    view: View,
) -> None:
    by_author, by_series = checked(
        view, {"then": {"only": {"same": "author"}}}, {"then": {"leave_out": {"series": "Series: "}}}
    )
    assert by_author.stories == COUNT
    assert by_author.candidates == COUNT // 10 - 1
    assert by_author.warnings == ()
    assert by_series.candidates == 2
    (nothing,) = warnings(view, {"then": {"leave_out": {"same": "site"}}})
    assert nothing == ("leave_out: matches no story that has something to compare by",)


def test_a_rule_that_compares_tells_whose_boxes_it_would_empty(view: View) -> None:
    match = {"any": [{"same": "section"}, {"section": "World"}]}
    (sections,) = checked(view, {"when": {"id": "a1"}, "then": {"leave_out": match}})
    assert sections.candidates == COUNT - 1
    assert sections.warnings == ("leaves nothing for the boxes of 1 stories: they show the newest in its place",)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"pin": "a1"}, {"pin": "a3"}, "'rule 0' pins another one at position 1"),
        ({"pin": "a1"}, {"leave_out": {"id": "a1"}}, "'rule 0' pins what 'rule 1' leaves out"),
        ({"leave_out": {"section": "Sport"}}, {"pin": "a1"}, "'rule 1' pins what 'rule 0' leaves out"),
        (
            {"prefer": {"section": "World"}},
            {"hold_back": {"tag": "Series: Sea"}},
            "'rule 0' moves 2 of its candidates the other way",
        ),
        (
            {"only": {"section": "World"}},
            {"only": {"section": "Sport"}},
            "'rule 0' lets only others stand: nothing is left",
        ),
        (
            {"only": {"tag": "Series: Sea"}},
            {"leave_out": {"tag": "Series: Sea"}},
            "'rule 0' and this one together leave nothing",
        ),
    ],
)
def test_rules_that_contradict_each_other_say_so_under_how_many_stories(
    view: View, first: dict[str, Any], second: dict[str, Any], said: str
) -> None:
    one, other = warnings(view, {"then": first}, {"when": {"section": "World"}, "then": second})
    assert one == ()
    assert other == (f"under {COUNT // 2} stories {said}",)
    apart = warnings(
        view, {"when": {"section": "Sport"}, "then": first}, {"when": {"section": "World"}, "then": second}
    )
    assert apart == [(), ()]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"pin": "a1", "position": 2}, {"pin": "a3"}),
        ({"pin": "a1"}, {"leave_out": {"id": "a2"}}),
        ({"pin": "gone"}, {"leave_out": {"id": "gone"}}),
        ({"prefer": {"section": "World"}}, {"hold_back": {"section": "Sport"}}),
        ({"prefer": {"same": "author"}}, {"hold_back": {"tag": "river"}}),
        ({"only": {"section": "World"}}, {"only": {"tag": "river"}}),
        ({"only": {"section": "World"}}, {"leave_out": {"tag": "Series: Sea"}}),
    ],
)
def test_rules_that_agree_say_nothing_of_each_other(view: View, first: dict[str, Any], second: dict[str, Any]) -> None:
    assert not any("under" in said for one in warnings(view, {"then": first}, {"then": second}) for said in one)
