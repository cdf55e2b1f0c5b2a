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
from recommend.errors import RulesConflictError, RulesError
from recommend.ranking.rule_check import Checked
from recommend.ranking.trial import Tally, Trial
from recommend.recommender import Recommender
from recommend.rule_trial import check, try_rules
from recommend_service.desk.stories import K
from recommend_service.desk.visit import RefusalError, Visit, signed_in

_BOXES = 10
_HISTORY = 20
_MOST_NAMED = 20


@signed_in()
async def show(visit: Visit) -> Response:
    """The rules that hold, as a document to change, and their history."""
    return await _page(visit)


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
        if visit.given("do") == "put":
            await visit.state.in_writer(partial(visit.state.store.rules.put, book, visit.key.name, over=over))
            return visit.go("/desk/rules")
    except RulesConflictError as problem:
        said = f"{problem}, in the history below. Publishing again puts yours in their place."
        return await _page(visit, text, HTTPStatus.CONFLICT, problem=said, over="")
    except RulesError as problem:
        return await _page(visit, text, HTTPStatus.UNPROCESSABLE_ENTITY, problem=str(problem))
    ids = [same_id(one) for one in visit.given("ids").split()][:_MOST_NAMED]
    checked, trials = await visit.compute(_tried, visit.recommender, book, ids)
    return await _page(visit, text, checked=checked, trials=trials, tally=Tally.of([one for _, one in trials]))


async def _page(visit: Visit, text: str | None = None, status: int = HTTPStatus.OK, **told: Any) -> Response:
    history = await visit.state.threads.read(visit.state.store.rules.history, _HISTORY)
    revision = history[0].revision if history else 0
    document = text if text is not None else written(history[0].book) if history and history[0].book else ""
    nothing: dict[str, Any] = {"problem": None, "checked": [], "trials": [], "tally": None}
    context = {"over": visit.given("over"), **nothing, **told, "document": document}
    context["over"] = context["over"] or revision
    return visit.page("rules.html", status, history=history, ids=visit.given("ids"), **context)


def _tried(recommender: Recommender, book: RuleBook, ids: list[str]) -> tuple[list[Checked], list[tuple[Card, Trial]]]:
    return check(recommender, book), try_rules(recommender, book, ids, boxes=_BOXES, k=K)
