"""Routes by which editors curate: pins, blocks, hiding."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Depends, HTTPException
from pydantic import BaseModel
from starlette.responses import Response

from recommend.articles.article import ArticleId
from recommend.articles.curation import Curation
from recommend.errors import truncated_repr
from recommend.store.keys import Key
from recommend_service.http.auth import KeyFirstRoute, require_curator
from recommend_service.http.paths import ARTICLE
from recommend_service.http.problems import BODY_PROBLEMS, KEY_PROBLEMS, LIMIT_PROBLEMS, PROBLEM
from recommend_service.http.schemas import CuratedBody, CurationStored
from recommend_service.state import StateOf

router = APIRouter(prefix="/v1/articles", tags=["curation"], responses=LIMIT_PROBLEMS, route_class=KeyFirstRoute)

_EXAMPLE = {
    "pinned": [{"id": "story-7", "until": "2026-03-01T18:00:00Z"}, {"id": "story-2"}],
    "blocked": [{"id": "story-9"}],
    "hidden_until": None,
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {**PROBLEM, "description": "A part of the request is not valid"},
    503: {**PROBLEM, "description": "The store cannot be used"},
    **KEY_PROBLEMS,
}
Curator = Annotated[Key, Depends(require_curator)]


@router.put(
    f"/{ARTICLE}/curation",
    response_class=Response,
    responses={
        200: {"model": CurationStored, "description": "In force for every answer from now on"},
        **_RESPONSES,
        **BODY_PROBLEMS,
    },
)
async def put_curation(
    state: StateOf,
    curator: Curator,
    article_id: ArticleId,
    curation: Annotated[Curation, Body(examples=[_EXAMPLE])],
) -> Response:
    """Replaces the whole curation of an article, stored or not yet.

    Pins come first in the article's box, in their order; blocked articles never appear in it; a hidden article is
    recommended nowhere until its time has come. What it names need not be stored yet; `unknown` lists what is not.
    """
    revision = await state.in_writer(state.store.curations.put, article_id, curation, curator.name)
    named = list(dict.fromkeys(one.id for one in (*curation.pinned, *curation.blocked)))
    held = await state.read(state.store.known, [article_id, *named])
    unknown = [one for one in [article_id, *named] if one not in held or held[one].deleted]
    return _json(CurationStored(id=article_id, revision=revision, unknown=unknown))


@router.get(
    f"/{ARTICLE}/curation",
    response_class=Response,
    responses={
        200: {"model": CuratedBody, "description": "The curation and its audit trail"},
        404: {**PROBLEM, "description": "The article has no curation"},
        **_RESPONSES,
    },
)
async def get_curation(state: StateOf, _: Curator, article_id: str) -> Response:
    """The present curation of an article, and who changed it when."""
    curated = await state.read(state.store.curations.get, article_id)
    if curated is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f"article {truncated_repr(article_id)} has no curation; PUT one")
    curation, history = curated
    entries = [asdict(entry) for entry in history]
    return _json(CuratedBody.model_validate({"id": article_id, **curation.model_dump(), "history": entries}))


def _json(body: BaseModel) -> Response:
    content = orjson.dumps(body.model_dump(), option=orjson.OPT_UTC_Z)
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})
