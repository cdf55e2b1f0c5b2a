"""The rules of a store: durable, live at once, and what held before is put back by one step."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update

from recommend.articles.rule_documents import read_rules
from recommend.articles.rules import NO_RULES, RuleBook
from recommend.errors import RulesConflictError, RulesError
from recommend.store import Store
from recommend.store.rules import restored
from recommend.store.schema import rules

if TYPE_CHECKING:
    from conftest import Newsroom


def book(*ids: str) -> RuleBook:
    return read_rules({"rules": [{"name": one, "then": {"pin": one}} for one in ids]})


@pytest.mark.databases
def test_rules_are_kept_with_their_history_and_each_change_has_a_revision(store: Store) -> None:
    assert store.rules.get() is None
    first = store.rules.put(book("a"), "Ana")
    assert store.rules.put(book("a"), "Ben") == first
    second = store.rules.put(book("a", "b"), "Ben")
    assert second > first
    assert [(o.revision, o.changed_by, o.book) for o in store.rules.history()] == [
        (second, "Ben", book("a", "b")),
        (first, "Ana", book("a")),
    ]
    with closing(Store(store.engine.url.render_as_string(hide_password=False))) as elsewhere:
        present = elsewhere.rules.get()
    assert present is not None
    assert present.book == book("a", "b")


def test_undoing_a_change_puts_back_what_held_before_it_and_takes_back_what_came_after(store: Store) -> None:
    first, second = store.rules.put(book("a"), "Ana"), store.rules.put(book("b"), "Ana")
    store.rules.put(book("c"), "Ana")
    store.rules.undo(second, "Ben")
    assert [change.book for change in store.rules.history(1)] == [book("a")]
    store.rules.undo(first, "Ben")
    assert [change.book for change in store.rules.history(1)] == [NO_RULES]
    history = store.rules.history()
    told = [None if earlier is None else earlier.revision for earlier in restored(history)]
    assert told == [None, first, None, None, None]
    with pytest.raises(RulesError, match="no change of the rules has revision 999"):
        store.rules.undo(999, "Ben")


def test_who_changes_rules_that_somebody_else_changed_meanwhile_is_told(store: Store) -> None:
    first = store.rules.put(book("a"), "Ana", over=0)
    assert store.rules.put(book("b"), "Ana", over=first) > first
    with pytest.raises(RulesConflictError, match=rf"of revision {first} any more but those of revision \d+, by Ana"):
        store.rules.put(book("c"), "Ben", over=first)
    with pytest.raises(RulesConflictError):
        store.rules.put(book("c"), "Ben", over=0)


def test_a_rule_that_cannot_be_read_costs_no_other_its_place(newsroom: Newsroom) -> None:
    newsroom.store.rules.put(book("story-07"), "Ana")
    broken = {"rules": [{"name": "old", "then": {"boost": 3}}, *book("story-07").document()["rules"]]}
    with newsroom.store.engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(update(rules).values(document=broken))
    present = newsroom.store.rules.get()
    assert present is not None
    assert present.book == book("story-07")
    assert newsroom.recommender().related("story-00")[0].id == "story-07"


def test_what_one_worker_puts_holds_in_the_next_answer_of_another(newsroom: Newsroom) -> None:
    recommender = newsroom.recommender()
    first = recommender.related("story-00")[0].id
    leaves_out = read_rules({"rules": [{"name": "out", "then": {"leave_out": {"id": first}}}]})
    with closing(Store(newsroom.settings.store)) as elsewhere:
        revision = elsewhere.rules.put(leaves_out, "Ana")
        assert first not in {item.id for item in recommender.related("story-00", 59)}
        elsewhere.rules.undo(revision, "Ana")
    assert recommender.related("story-00")[0].id == first
