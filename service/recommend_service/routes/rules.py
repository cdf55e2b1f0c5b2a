"""Routes by which editors rule: what boxes show under kinds of stories."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from recommend.articles.fields import same_id
from recommend.articles.rules import RuleBook
from recommend.errors import SnapshotError
from recommend.recommender import Recommender
from recommend.rule_trial import check, try_rules
from recommend.store.keys import Key
from recommend_service.http.auth import KeyFirstRoute, require_curator
from recommend_service.http.parameters import no_others
from recommend_service.http.problems import BODY_PROBLEMS, INDEX_PROBLEMS, KEY_PROBLEMS, LIMIT_PROBLEMS, PROBLEM
from recommend_service.http.rules import CheckedRule, RulesBody, RulesDocument, RulesStored, TrialBody
from recommend_service.state import RecommenderOf, StateOf

_HISTORY = 20
_MOST_NAMED = 20

router = APIRouter(
    prefix="/v1",
    tags=["rules"],
    dependencies=[Depends(require_curator)],
    responses=LIMIT_PROBLEMS,
    route_class=KeyFirstRoute,
)

_EXAMPLE = {
    "rules": [
        {
            "name": "Elections first",
            "until": "2026-12-01T18:00:00Z",
            "when": {"section": ["Politics"]},
            "then": {"prefer": {"tag": ["election"]}, "factor": 3},
        }
    ]
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {**PROBLEM, "description": "A rule names an unknown field, or holds a value out of its range"},
    503: {**PROBLEM, "description": "The store cannot be used"},
    **KEY_PROBLEMS,
}
Curator = Annotated[Key, Depends(require_curator)]
Document = Annotated[RulesDocument, Body(examples=[_EXAMPLE])]


class TrialParameters(BaseModel):
    """On which stories rules are tried."""

    ids: str = Field(
        "",
        description="ids of up to 20 stories, separated by commas; without it ten stories that one of the rules "
        "holds for",
    )
    limit: int = Field(5, ge=1, le=50, description="most items in a box")


class NoParameters(BaseModel):
    """Those of a route that has none."""


class PutParameters(BaseModel):
    """What rules take the place of."""

    over: int | None = Field(None, ge=0, description="revision of the rules that these replace")


@router.get(
    "/rules",
    dependencies=[no_others(NoParameters)],
    response_class=Response,
    responses={200: {"model": RulesBody, "description": "The rules that hold, and their history"}, **_RESPONSES},
)
async def get_rules(state: StateOf) -> Response:
    """The rules of editors, and who changed them when."""
    return _json(RulesBody.of(await state.read(partial(state.store.rules.history, _HISTORY))))


@router.put(
    "/rules",
    dependencies=[no_others(PutParameters)],
    response_class=Response,
    responses={
        200: {"model": RulesStored, "description": "In force for every answer from now on"},
        409: {**PROBLEM, "description": "Others hold than those of the revision `over`"},
        **_RESPONSES,
        **BODY_PROBLEMS,
    },
)
async def put_rules(
    state: StateOf,
    curator: Curator,
    document: Document,
    given: Annotated[PutParameters, Query()],
) -> Response:
    """Puts these rules in the place of all that hold.

    With `over` they are refused where somebody else put others meanwhile. `checked` tells what each comes to, and where
    it matches nothing, leaves boxes empty or is at odds with another one: to be looked at, but no reason to refuse it.
    """
    book = RuleBook(rules=document.rules)
    revision = await state.in_writer(partial(state.store.rules.put, book, curator.name, over=given.over))
    checked = await state.threads.read(_checked, state.recommender, book)
    return _json(RulesStored(revision=revision, checked=checked))


@router.post(
    "/rules:try",
    dependencies=[no_others(TrialParameters)],
    response_class=Response,
    responses={
        200: {"model": TrialBody, "description": "What the rules would come to"},
        404: {**PROBLEM, "description": "One of the ids is that of no published article"},
        **_RESPONSES,
        **BODY_PROBLEMS,
        **INDEX_PROBLEMS,
    },
)
async def rules_try(
    state: StateOf,
    recommender: RecommenderOf,
    document: Document,
    given: Annotated[TrialParameters, Query()],
) -> Response:
    """Boxes as they are and as they would be by these rules, which hold for nobody."""
    ids = [same_id(one) for one in given.ids.split(",") if one.strip()][:_MOST_NAMED]
    body = await state.threads.read(_tried, recommender, RuleBook(rules=document.rules), ids, given.limit)
    return _json(body)


def _checked(recommender: Any, book: RuleBook) -> list[CheckedRule]:
    try:
        return CheckedRule.of(check(recommender(), book))
    except SnapshotError:  # rules may be put before there is anything to hold them against
        return []


def _tried(recommender: Recommender, book: RuleBook, ids: Sequence[str], limit: int) -> TrialBody:
    return TrialBody.of(check(recommender, book), try_rules(recommender, book, ids, k=limit))


def _json(body: BaseModel) -> Response:
    content = orjson.dumps(body.model_dump(), option=orjson.OPT_UTC_Z)
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})
