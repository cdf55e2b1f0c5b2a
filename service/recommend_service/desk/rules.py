"""Rules on the desk: written, tried, published, taken back."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from recommend.articles.card import Card
from recommend.articles.fields import same_id
from recommend.articles.rule_documents import read_toml, written
from recommend.articles.rules import RuleBook
from recommend.errors import RulesConflictError, RulesError, SnapshotError
from recommend.ranking.rule_check import Checked
from recommend.ranking.trial import Tally, Trial
from recommend.recommender import Recommender
from recommend.rule_trial import check, try_rules
from recommend.store.rules import restored
from recommend_service.desk.stories import K
from recommend_service.desk.visit import RefusalError, Visit, signed_in

_BOXES = 10
_HISTORY = 20
_MOST_NAMED = 20


@signed_in()
async def show(visit: Visit) -> Response:
    """The rules that hold, as a document to change, and their history; what they come to, once they are published."""
    published = visit.given("published")
    held = await visit.state.threads.read(visit.state.store.rules.get)
    if held is None or published != str(held.revision):
        return await _page(visit)
    return await _page(visit, published=held.revision, warned=await _warned(visit, held.book))


@signed_in()
async def act(visit: Visit) -> Response:
    """Tries the document, puts it in the place of what holds, or takes a change back."""
    if undone := visit.given("undo"):
        if not (undone.isascii() and undone.isdigit() and len(undone) < 18):
            raise RefusalError("The form does not say what is to be taken back.")
        await visit.state.in_writer(visit.state.store.rules.undo, int(undone), visit.key.name)
        return visit.go("/desk/rules")
    text, written_over = visit.given("document"), visit.given("over")
    over = int(written_over) if written_over.isdecimal() and len(written_over) < 18 else None
    try:
        book = read_toml(text)
        if visit.given("do") in ("put", "put all the same"):
            return await _publish(visit, text, book, over)
    except RulesConflictError as problem:
        message = f"{problem}, in the history below. Publishing again puts yours in their place."
        return await _page(visit, text, HTTPStatus.CONFLICT, problem=message, over="")
    except RulesError as problem:
        return await _page(visit, text, HTTPStatus.UNPROCESSABLE_ENTITY, problem=str(problem))
    ids = [same_id(one) for one in visit.given("ids").split()][:_MOST_NAMED]
    return await _page(visit, text, **await _trial(visit, book, ids))


async def _publish(visit: Visit, text: str, book: RuleBook, over: int | None) -> Response:
    """Puts the rules in the place of what holds; asks before, where boxes would have nothing of their own."""
    if visit.given("do") == "put":
        try:
            trial = await _trial(visit, book, [])
        except SnapshotError:  # rules may be put before there is anything to hold them against
            trial = None
        if trial is not None and trial["tally"].emptied:
            return await _page(visit, text, asks=True, **trial)
    revision = await visit.state.in_writer(partial(visit.state.store.rules.put, book, visit.key.name, over=over))
    return visit.go(f"/desk/rules?published={revision}")


async def _trial(visit: Visit, book: RuleBook, ids: list[str]) -> dict[str, Any]:
    checked, trials = await visit.compute(_tried, visit.recommender, book, ids)
    return {"checked": checked, "trials": trials, "tally": Tally.of([one for _, one in trials])}


async def _warned(visit: Visit, book: RuleBook) -> list[Checked]:
    """The rules of which something is to be looked at."""
    try:
        checked = await visit.compute(check, visit.recommender, book)
    except SnapshotError:
        return []
    return [one for one in checked if one.warnings]


async def _page(visit: Visit, text: str | None = None, status: int = HTTPStatus.OK, **told: Any) -> Response:
    history = await visit.state.threads.read(visit.state.store.rules.history, _HISTORY)
    revision = history[0].revision if history else 0
    document = text if text is not None else written(history[0].book) if history and history[0].book else ""
    nothing: dict[str, Any] = {
        "problem": None,
        "checked": [],
        "trials": [],
        "tally": None,
        "asks": False,
        "published": None,
        "warned": [],
    }
    context = {"over": visit.given("over"), **nothing, **told, "document": document}
    context["over"] = context["over"] or revision
    context["restored"] = restored(history)
    return visit.page("rules.html", status, history=history, ids=visit.given("ids"), **context)


def _tried(recommender: Recommender, book: RuleBook, ids: list[str]) -> tuple[list[Checked], list[tuple[Card, Trial]]]:
    return check(recommender, book), try_rules(recommender, book, ids, boxes=_BOXES, k=K)
