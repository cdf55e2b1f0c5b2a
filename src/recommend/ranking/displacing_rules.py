"""Which editors' rules may explain why a candidate is not shown although lower-scoring ones are."""

from __future__ import annotations

from collections.abc import Sequence

from recommend.articles.rules import Match, Rule
from recommend.index.view import View
from recommend.ranking.candidates import Place
from recommend.ranking.chosen import Chosen
from recommend.ranking.rules import is_meant, values_of


def full_by(view: View, box: Chosen, place: Place) -> list[str]:
    """Names of the rules whose limit for its kind the box has reached."""
    shown = box.candidates.places
    return [rule.name for rule, _ in box.ruling.rules if _is_full(view, shown, rule, place)]


def moved_by(view: View, box: Chosen, place: Place) -> list[str]:
    """Names of the rules that may have ranked it below others: those that hold it back, prefer an item that is shown,
    keep only a later piece of its story, or ignore a label that it shares."""
    return [rule.name for rule, match in box.ruling.rules if _may_move(view, box, rule, match, place)]


def _is_full(view: View, shown: Sequence[Place], rule: Rule, place: Place) -> bool:
    most, per = rule.then.at_most, rule.then.per
    if most is None or per is None:
        return False
    own = values_of(view, place, per)
    return any(sum(value in values_of(view, one, per) for one in shown) >= most for value in own)


def _may_move(view: View, box: Chosen, rule: Rule, match: Match | None, place: Place) -> bool:
    then, today = rule.then, box.ruling.today
    if then.hold_back is not None and match is not None:
        return is_meant(view, match, place, today)
    if then.prefer is not None and match is not None:
        shown = box.candidates.places
        return not is_meant(view, match, place, today) and any(is_meant(view, match, one, today) for one in shown)
    if then.latest_of_story:
        return box.piece is not None and _published(view, place) <= _published(view, box.piece)
    if then.ignore is not None and box.rescored:
        ignored = [(name, getattr(then.ignore, name)) for name in ("section", "tag", "author")]
        return any(values and is_meant(view, Match.made(**{name: values}), place, today) for name, values in ignored)
    return False


def _published(view: View, place: Place) -> int:
    return int(view.segments[place[0]].table.published_at[place[1]])
