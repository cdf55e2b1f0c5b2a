"""Documents of rules: what they may say, and how they say what is wrong."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from recommend.articles.rule_documents import read_rules, read_toml, written
from recommend.articles.rules import RuleBook
from recommend.errors import RulesError

ELECTIONS = """
[[rules]]
name = "Elections first"
from = 2026-11-01
until = 2026-12-01T18:00:00Z
when.section = "Politics"
when.not.tag = ["live", "ticker"]
then.prefer.tag = "election"
then.factor = 3

[[rules]]
name = "No newsletters"
on = false
[rules.then.leave_out]
any = [{ section = "Newsletter" }, { genre = "newsletter", site = ["a", "b"] }]
"""


def test_toml_and_json_say_the_same_and_nothing_is_lost_on_the_way() -> None:
    book = read_toml(ELECTIONS)
    assert read_rules(book.document()) == book
    first, second = book.rules
    assert first.when.not_[0].tag == ("live", "ticker")
    assert (first.then.action, first.then.factor) == ("prefer", 3.0)
    assert (second.on, second.then.action) == (False, "leave_out")
    assert book.document()["rules"][0]["when"] == {"section": ["Politics"], "not": [{"tag": ["live", "ticker"]}]}


def test_a_rule_holds_from_its_beginning_to_its_end_and_only_where_it_is_on() -> None:
    book = read_toml(ELECTIONS)
    begin, end = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, 18, tzinfo=UTC)
    names = [[rule.name for rule in book.active(moment)] for moment in (begin, end)]
    assert names == [["Elections first"], []]
    assert book.next_change_at(0.0) == begin.timestamp()
    assert book.next_change_at(begin.timestamp()) == end.timestamp()
    assert book.next_change_at(end.timestamp()) is None


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"then": {"pin": "a"}}, "rule 1: name is missing"),
        (
            {"name": "A", "sektion": "x", "then": {"pin": "a"}},
            "rule 1 'A': sektion is unknown: there are name, on",
        ),
        (
            {"name": "A", "when": {"sektion": "x"}, "then": {"pin": "a"}},
            "when.sektion is unknown: did you mean section?",
        ),
        (
            {"name": "A", "when": {"not": {"tags": "x"}}, "then": {"pin": "a"}},
            "when.not.0.tags is unknown: did you mean tag?",
        ),
        ({"name": "A", "when": {"x": "y"}, "then": {"pin": "a"}}, "author, max_age, min_age, any, all, not"),
        ({"name": "A", "then": {"boost": 2}}, "then.boost is unknown: there are prefer, hold_back"),
        ({"name": "A", "then": {}}, "then: says nothing: a rule does one of prefer"),
        ({"name": "A", "then": {"pin": "a", "at_most": 1}}, "then: says at_most and pin: a rule does one of"),
        ({"name": "A", "then": {"pin": "a", "factor": 2}}, "factor goes with prefer or hold_back, not with pin"),
        ({"name": "A", "then": {"at_most": 1}}, "at_most needs per: author, section or site"),
        ({"name": "A", "then": {"leave_out": {}}}, "leave_out names nothing"),
        ({"name": "A", "then": {"prefer": {"tag": "x"}, "factor": 11}}, "then.factor 11: Input should be less"),
        ({"name": "A", "then": {"prefer": {"tag": "x"}, "factor": 1}}, "then.factor 1: Input should be greater"),
        ({"name": "A", "when": {"same": "author"}, "then": {"pin": "a"}}, "same and series are of candidates"),
        (
            {"name": "A", "from": "2026-02-01", "until": "2026-01-01", "then": {"pin": "a"}},
            "ends 2026-01-01 00:00",
        ),
        (
            {"name": "A", "then": {"ignore": {"genre": "x"}}},
            "ignore.genre is unknown: there are section, tag",
        ),
    ],
)
def test_what_is_wrong_is_told_by_rule_and_field_with_the_way_out(rule: dict[str, object], said: str) -> None:
    with pytest.raises(RulesError) as problem:
        read_rules({"rules": [rule]})
    assert said in str(problem.value)


def test_two_rules_of_one_name_unknown_tables_and_what_is_no_toml_are_refused() -> None:
    rule = {"name": "A", "then": {"pin": "a"}}
    with pytest.raises(RulesError, match="two rules are called 'A'"):
        read_rules({"rules": [rule, rule]})
    with pytest.raises(RulesError, match="rules: rule is unknown: did you mean rules"):
        read_rules({"rule": [rule]})
    with pytest.raises(RulesError, match=r"rules: not TOML: .*line 2"):
        read_toml("a = 1\nb = = 2")
    with pytest.raises(RulesError, match=r"write \[\[rules\]\], with two brackets"):
        read_toml('[rules]\nname = "A"\nthen.pin = "a"')


def test_parts_may_stand_within_each_other_but_not_without_end() -> None:
    def within(depth: int) -> dict[str, object]:
        match: dict[str, object] = {"tag": "x"}
        for _ in range(depth):
            match = {"not": [match]}
        return {"rules": [{"name": "A", "when": match, "then": {"pin": "a"}}]}

    assert len(list(read_rules(within(8)).rules[0].when.parts())) == 9
    for depth in (9, 400):
        with pytest.raises(RulesError, match="within each other more than 8 times"):
            read_rules(within(depth))


def test_every_recipe_of_the_documentation_is_a_document() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text(encoding="utf-8")
    recipes = [read_toml(found) for found in re.findall(r"```toml\n(.*?)```", text, re.DOTALL)]
    assert len(recipes) == 2
    assert {rule.then.action for book in recipes for rule in book.rules} >= {
        "prefer",
        "at_most",
        "only",
        "ignore",
        "pin",
    }


def test_no_rules_are_written_out_and_a_document_that_says_nothing_is_refused() -> None:
    assert read_toml(written(RuleBook())) == read_rules({"rules": []}) == RuleBook()
    assert not RuleBook()
    for empty in ("", "\n# nothing\n"):
        with pytest.raises(RulesError, match=r"says nothing; .*write rules = \[\]"):
            read_toml(empty)
