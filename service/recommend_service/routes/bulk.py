"""The route that takes many changes in one request: NDJSON in, NDJSON of results out, a batch at a time."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from recommend.articles.article import Article
from recommend.articles.fields import same_id
from recommend.errors import RecommendError, truncated_repr
from recommend.ingest import put_batch
from recommend.recommender import Recommender
from recommend.sources.jsonl import load_json
from recommend.sources.limits import LINE_LIMIT
from recommend.sources.row import Reject, RowWarning, parse_row
from recommend.sources.stream import excerpt, oversize
from recommend_service.http.auth import KeyFirstRoute, require_writer
from recommend_service.http.problems import BODY_PROBLEMS, KEY_PROBLEMS, LIMIT_PROBLEMS, PROBLEM
from recommend_service.http.schemas import LeftOut
from recommend_service.routes.articles import embed_as_served
from recommend_service.state import RecommenderOf, ServiceState, StateOf

router = APIRouter(prefix="/v1", tags=["articles"], responses=LIMIT_PROBLEMS, route_class=KeyFirstRoute)

PATH = "/v1/articles:bulk"
NDJSON = "application/x-ndjson"
BATCH = 64
BATCH_BYTES = 8 * 2**20

_STATUS = {"added": "created", "changed": "updated", "unchanged": "unchanged"}
_EXAMPLE = '{"id": "story-1", "title": "Leaders condemn drone attack"}\n{"delete": "story-2"}\n'


class BulkResult(BaseModel):
    """What became of one line."""

    line: int = Field(ge=1)
    id: str | None = Field(None, description="absent from rejected lines")
    status: Literal["created", "updated", "unchanged", "deleted", "rejected", "failed"] = Field(
        description="rejected: the line is at fault; failed: the service could not store it, so send it again"
    )
    revision: int | None = Field(None, description="null where there was nothing to delete; absent when not stored")
    detail: str | None = Field(None, description="why the line was rejected, or failed")
    field: str | None = Field(None, description="field at fault of a rejected line; null: the whole line")
    warnings: list[LeftOut] | None = Field(
        None, description="optional fields that could not be read, where there are any"
    )


@router.post(
    "/articles:bulk",
    dependencies=[Depends(require_writer)],
    response_class=Response,
    responses={
        200: {
            "content": {NDJSON: {"schema": BulkResult.model_json_schema()}},
            "description": "One result a line, in order; a line is durable when its result is sent",
        },
        413: {**BODY_PROBLEMS[413], "description": "The body is larger than service.bulk_limit"},
        503: {**PROBLEM, "description": "The store or the encoder cannot be used"},
        **KEY_PROBLEMS,
    },
    openapi_extra={
        "requestBody": {"required": True, "content": {NDJSON: {"schema": {"type": "string"}, "example": _EXAMPLE}}}
    },
)
async def bulk(request: Request, state: StateOf, recommender: RecommenderOf) -> Response:
    """Stores and deletes articles, one a line: an article, or {"delete": "ID"}. A bad line fails alone."""
    results = _results(request, state, recommender)
    first = await anext(results, b"")  # what fails before it has a status of its own
    return _Streamed(first, results)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    data: bytes  # the start of it when ``size`` is over the limit
    size: int


@dataclass(frozen=True, slots=True)
class _Takedown:
    id: str


class _Lines:
    """Cuts chunks into lines and holds no more of one than a line may have."""

    def __init__(self) -> None:
        self._data, self._size, self._number = bytearray(), 0, 0

    def feed(self, chunk: bytes) -> Iterator[_Line]:
        """The lines that end in ``chunk``."""
        *ended, rest = chunk.split(b"\n")
        for piece in ended:
            self._add(piece)
            yield self.end()
        self._add(rest)

    def end(self) -> _Line:
        """The line as far as it has come."""
        self._number += 1
        line = _Line(self._number, bytes(self._data), self._size)
        self._data, self._size = bytearray(), 0
        return line

    def _add(self, piece: bytes) -> None:
        self._size += len(piece)
        self._data += piece[: LINE_LIMIT - len(self._data)]


class _Streamed(Response):
    """Sends while it still reads: Starlette's own streaming response would read the request to notice a disconnect."""

    media_type = NDJSON

    def __init__(self, first: bytes, rest: AsyncIterator[bytes]) -> None:
        # identity: a compressor would hold acknowledgements back
        super().__init__(headers={"Content-Encoding": "identity", "Cache-Control": "no-store"})
        del self.headers["Content-Length"]
        self._first, self._rest = first, rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for part in self._rest:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _results(request: Request, state: ServiceState, recommender: Recommender) -> AsyncIterator[bytes]:
    """The results of one batch after the other, each as NDJSON."""
    answered = 0
    try:
        async for batch in _batches(request):
            yield await state.in_writer(_apply, recommender, batch, not answered)
            answered = batch[-1].number
    except ClientDisconnect:
        return  # nobody is left to tell; what was not answered was not promised
    except HTTPException as problem:
        if not answered:
            raise
        yield _ndjson([_rejected(answered + 1, f"{problem.detail}; this line and all after it were not read")])


async def _batches(request: Request) -> AsyncIterator[list[_Line]]:
    """Lines that are not blank, as many as are embedded and committed together."""
    lines, batch, size = _Lines(), list[_Line](), 0
    async for chunk in request.stream():
        for line in lines.feed(chunk) if chunk else [lines.end()]:  # the last chunk is empty
            if line.data.strip():
                batch.append(line)
                size += len(line.data)
            if len(batch) == BATCH or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _apply(recommender: Recommender, batch: list[_Line], first: bool) -> bytes:
    """Stores a batch, in the order of its lines, and says what became of each.

    Raises:
        RecommendError: no line of the ``first`` batch could be stored or rejected.
    """
    encoder = recommender.encoder
    left_out: dict[int, list[dict[str, str]]] = {}
    parsed = [(line.number, _parse(line, left_out)) for line in batch]
    results = {number: _rejected(number, *_why(row)) for number, row in parsed if isinstance(row, Reject)}
    changes = [(number, row) for number, row in parsed if not isinstance(row, Reject)]
    for kind, run in groupby(changes, key=lambda change: type(change[1])):
        numbers = dict(run)
        try:
            if kind is Article:
                articles = {row.id: row for row in numbers.values() if isinstance(row, Article)}
                outcomes = put_batch(recommender.store, encoder, articles)
                embed_as_served(recommender, encoder, list(articles.values()))
                for number, row in numbers.items():
                    outcome = outcomes[row.id]
                    results[number] = _done(number, row.id, _STATUS[outcome.kind], outcome.revision)
            else:
                for number, row in numbers.items():
                    revision = recommender.store.delete(row.id)
                    results[number] = _done(number, row.id, "unchanged" if revision is None else "deleted", revision)
        except RecommendError as problem:
            if first and not results:
                raise
            failed = {"status": "failed", "detail": f"{problem}; send this line again", "field": None}
            results.update({number: {"line": number, **failed} for number in numbers if number not in results})
    for number in left_out.keys() & results.keys():
        if results[number]["status"] in _STATUS.values():
            results[number]["warnings"] = left_out[number]
    return _ndjson([results[line.number] for line in batch])


def _parse(line: _Line, left_out: dict[int, list[dict[str, str]]]) -> Article | _Takedown | Reject:
    if line.size > LINE_LIMIT:
        return Reject("bulk", line.number, None, None, excerpt(line.data), oversize(line.size))
    row = load_json(line.data.removeprefix(BOM_UTF8), "bulk", line.number)
    if isinstance(row, Reject):
        return row
    if isinstance(row, dict) and row.keys() == {"delete"}:
        given = row["delete"]
        if isinstance(given, bool) or not isinstance(given, str | int) or given == "":
            return Reject("bulk", line.number, None, "delete", truncated_repr(given), "is not the id of an article")
        return _Takedown(same_id(str(given)))

    def note(warning: RowWarning) -> None:
        entry = {"field": str(warning.field), "value": str(warning.value), "reason": warning.reason}
        left_out.setdefault(line.number, []).append(entry)

    return parse_row(row, "bulk", line.number, warn=note)


def _why(reject: Reject) -> tuple[str, str | None]:
    return " ".join(part for part in (reject.field, reject.value, reject.reason) if part), reject.field


def _done(number: int, article_id: str, status: str, revision: int | None) -> dict[str, Any]:
    return {"line": number, "id": article_id, "status": status, "revision": revision}


def _rejected(number: int, detail: str, field: str | None = None) -> dict[str, Any]:
    return {"line": number, "status": "rejected", "detail": detail, "field": field}


def _ndjson(results: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(result, option=orjson.OPT_APPEND_NEWLINE) for result in results)
