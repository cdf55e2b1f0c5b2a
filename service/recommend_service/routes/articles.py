"""Routes that write: articles in and out, acknowledged when they are durable."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from starlette.responses import Response

from recommend.articles.article import Article, FieldWarning, parse_article
from recommend.articles.fields import same_id
from recommend.encoder import Encoder, encode_articles
from recommend.errors import ArticleError, RecommendError, UnknownArticleError
from recommend.ingest import Outcome, put, put_batch
from recommend.recommender import Recommender
from recommend_service.http.auth import KeyFirstRoute, require_reader, require_writer, sees_all
from recommend_service.http.fast_route import FastRoute
from recommend_service.http.paths import ARTICLE, raw_path
from recommend_service.http.problems import BODY_PROBLEMS, KEY_PROBLEMS, LIMIT_PROBLEMS, PROBLEM, READ_PROBLEMS
from recommend_service.http.schemas import LeftOut, PublicArticle, Stored
from recommend_service.put_groups import Written
from recommend_service.state import RecommenderOf, ServiceState, StateOf

router = APIRouter(prefix="/v1/articles", tags=["articles"], responses=LIMIT_PROBLEMS, route_class=KeyFirstRoute)

logger = logging.getLogger(__name__)

SMALL = 16_384
"""Bytes of a body that is parsed at once; what is larger may take a while, and is no business of the event loop."""

_UNPROCESSABLE = {**PROBLEM, "description": "A part of the request is not valid"}
_UNAVAILABLE = {**PROBLEM, "description": "The store or the encoder cannot be used"}


@router.put(
    f"/{ARTICLE}",
    dependencies=[Depends(require_writer)],
    response_class=Response,
    responses={
        200: {"model": Stored, "description": "Replaced, or unchanged"},
        201: {"model": Stored, "description": "Created"},
        422: {**PROBLEM, "description": "Not an article"},
        503: _UNAVAILABLE,
        **BODY_PROBLEMS,
        **KEY_PROBLEMS,
    },
)
async def put_article(
    request: Request,
    state: StateOf,
    recommender: RecommenderOf,
    article_id: str,
    body: Annotated[dict[str, Any], Body(examples=[{"title": "Leaders condemn drone attack", "text": "…"}])],
) -> Response:
    """Stores an article: embedded, durable and recommendable when this returns."""
    given = body.get("id", article_id)
    if not isinstance(given, str) or same_id(given) != article_id:
        raise ArticleError(article_id, "id", given, f"is not the id in the path, {article_id!r}")
    row = {**body, "id": article_id}
    large = len(await request.body()) > SMALL
    left_out: list[FieldWarning] = []
    parse = partial(parse_article, row, warn=left_out.append)
    article = await state.threads.parse(parse) if large else parse()
    revision, new = await state.puts.put(article, partial(state.in_writer, store_articles, recommender))
    warnings = [LeftOut(field=one.field, value=one.value, reason=one.reason) for one in left_out]
    stored = Stored(id=article_id, revision=revision, warnings=warnings).model_dump_json()
    return Response(stored, HTTPStatus.CREATED if new else HTTPStatus.OK, media_type="application/json")


async def get_article(request: Request, article_id: str) -> Response:
    """The card of a published article; with a key of scope `read` or `write` any article as stored, drafts and
    unpublished ones too.
    """
    state: ServiceState = request.app.state.service
    stored, whole = await state.read(state.articles.get, article_id), sees_all(request.state.key)
    if stored is None or not (whole or stored.article.is_public(datetime.now(UTC))):
        raise UnknownArticleError(article_id)
    if not whole:
        state.articles.lead(raw_path(request.scope), article_id)
    caching = "private, no-store" if whole else f"public, max-age={state.settings.service.max_age}"
    headers = {"Cache-Control": caching, "Vary": "Authorization"}
    return Response(stored.whole if whole else stored.card, headers=headers, media_type="application/json")


router.add_api_route(
    f"/{ARTICLE}",
    get_article,
    dependencies=[Depends(require_reader)],
    response_class=Response,
    responses={
        200: {
            "model": Article | PublicArticle,
            "description": "With a key of scope read or write the article as stored, otherwise its card",
        },
        404: {**PROBLEM, "description": "Unknown, taken down, or not published and no key of such a scope given"},
        422: _UNPROCESSABLE,
        503: _UNAVAILABLE,
        **READ_PROBLEMS,
    },
    route_class_override=FastRoute,
)


@router.delete(
    f"/{ARTICLE}",
    dependencies=[Depends(require_writer)],
    status_code=HTTPStatus.NO_CONTENT,
    response_class=Response,
    responses={
        204: {"description": "Gone, for good"},
        422: _UNPROCESSABLE,
        503: _UNAVAILABLE,
        **KEY_PROBLEMS,
    },
)
async def delete_article(state: StateOf, article_id: str) -> Response:
    """Takes an article down: when this returns, no worker recommends it any more."""
    await state.in_writer(state.store.delete, article_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def store_articles(recommender: Recommender, articles: Sequence[Article]) -> list[Written | Exception]:
    """Stores articles of different ids, several in one transaction; each by itself that others would hold up."""
    if len(articles) == 1:
        return [_alone(recommender, articles[0])]
    outcomes: dict[str, Outcome] = {}
    try:
        encoder = recommender.encoder
        outcomes = put_batch(recommender.store, encoder, {article.id: article for article in articles})
        embed_as_served(recommender, encoder, articles)
    except RecommendError as problem:
        logger.warning("storing a batch of %d articles failed, storing them one by one: %s", len(articles), problem)
    answers = ((article, outcomes.get(article.id)) for article in articles)
    return [
        _alone(recommender, article)
        if outcome is None or outcome.failure is not None or outcome.revision is None
        else (outcome.revision, outcome.kind == "added")
        for article, outcome in answers
    ]


def _alone(recommender: Recommender, article: Article) -> Written | Exception:
    try:
        return store_article(recommender, article)
    except Exception as problem:  # told to whom it concerns
        return problem


def store_article(recommender: Recommender, article: Article) -> tuple[int, bool]:
    """Stores an article with its embedding: its revision, and whether it is new."""
    encoder = recommender.encoder
    revision, new = put(recommender.store, encoder, article)
    embed_as_served(recommender, encoder, [article])
    return revision, new


def embed_as_served(recommender: Recommender, encoder: Encoder, stored: Sequence[Article]) -> None:
    """Embeds again what was stored with ``encoder`` if a snapshot of another one went live before the commit, whether
    it is served here already or is still being opened."""
    made = {encoder.fingerprint}
    while stored and (other := recommender.encoder_beside(made)) is not None:
        read = [*map(recommender.store.boilerplate.read().without, stored)]
        vectors = zip(read, encode_articles(other, read), strict=True)
        recommender.store.embeddings.put(list(vectors), other.fingerprint, bump_revision=True)
        made.add(other.fingerprint)
