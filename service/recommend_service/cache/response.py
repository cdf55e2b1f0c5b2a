"""Answers as bytes: made once, given many times, each time with a request id of its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from http import HTTPStatus
from time import time

from recommend.index.dates import MISSING
from recommend.index.view import View
from recommend.ranking.answer import Answer
from recommend.ranking.basis import Basis
from recommend.settings import ServiceSettings
from recommend_service.http.schemas import answer_bytes

Headers = list[tuple[bytes, bytes]]

ID_LENGTH = 24
"""Of every request id, so that the length of an answer is known before its id is."""

GZIP_FROM = 1_000
"""Bytes from which on compressing is worth a client's while."""

UNKEPT = "no-store"
"""Of answers that lack what a server of the index holds which does not answer."""

_STALE_SECONDS = 86_400
_SHARE_OF_AGE = 0.01
_OVERHEAD = 3_500  # headers of each kind, and the objects
_MARK = "\0"
_MARKED = b'"request_id":"\\u0000'  # no string in JSON holds this: its quotes would be escaped
_STORED_MOST = 0xFFFF
_DIGITS_MOST = 20  # of a revision
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def max_age(age: float | None, least: int, most: int) -> int:
    """Seconds for which HTTP caches may give an answer again: a hundredth of the story's age, within bounds.

    What belongs under a new story changes by the hour, under an old one hardly ever.

    Args:
        age: seconds since the story was published; None when that is unknown.
        least: the value for new stories, and where the age is unknown.
        most: the value for old ones; where it is below ``least``, that counts.
    """
    return max(least, min(most, int((age or 0.0) * _SHARE_OF_AGE)))


def cache_control(view: View, article_id: str, settings: ServiceSettings) -> str:
    """Who may keep an answer about an article, and for how long, as in ``public, max-age=60``; nobody keeps what is
    partial."""
    if view.is_partial:
        return UNKEPT
    place = view.locate(article_id)
    published = MISSING if place is None else int(view.segments[place[0]].table.published_at[place[1]])
    age = None if published == MISSING else time() - published
    sharing = "private" if settings.read_needs_key else "public"
    return f"{sharing}, max-age={max_age(age, settings.max_age, settings.max_age_old)}"


@dataclass(frozen=True)
class CachedResponse:
    """One answer, ready to be sent.

    Attributes:
        before: the bytes of the body before the request id; ``between`` those from there to the revision; ``after``
            those after it.
        fallback: whether the latest articles stand in for related ones.
        caching: who may keep it and for how long, as in ``public, max-age=60``.
        basis: what it rests on; None where any change may change it.
        partial: whether it is to be kept nowhere, see :class:`~recommend.ranking.answer.Answer`.
    """

    before: bytes
    between: bytes
    after: bytes
    fallback: bool
    caching: str
    basis: Basis | None = None
    partial: bool = False

    @classmethod
    def of(cls, answer: Answer, caching: str, *, explain: bool, impression: str | None = None) -> CachedResponse:
        """Makes an answer ready."""
        body = answer_bytes(answer, _MARK, explain=explain, impression=impression)
        before, mark, rest = body.partition(_MARKED)
        between, revision, after = rest.partition(b'"revision":%d' % answer.revision)
        between += revision[: len(b'"revision":')]
        fallback = answer.fallback is not None
        caching = UNKEPT if answer.partial else caching
        opening = before + mark.removesuffix(b"\\u0000")
        return cls(opening, between, after, fallback, caching, answer.basis, answer.partial)

    def respond(
        self, asked: Iterable[tuple[bytes, bytes]], request_id: str, revision: int
    ) -> tuple[int, Headers, bytes]:
        """Status, headers and body for a client.

        Args:
            asked: the headers of the request, names in lower case.
            request_id: ``ID_LENGTH`` ASCII characters.
            revision: of the store, up to which the answer holds.
        """
        zipped = False
        for name, value in asked:
            if name == b"accept-encoding":
                zipped = self._compressible and accepts_gzip(value)
            elif name == b"if-none-match" and (value == self._weak_tag or names_tag(value, self.tag)):
                return HTTPStatus.NOT_MODIFIED, self._unchanged, b""
        number = b"%d" % revision
        opening = b"%b%b%b%b" % (self.before, request_id.encode(), self.between, number)
        if not zipped:
            return HTTPStatus.OK, self._headers(len(number), zipped=False), opening + self.after
        # One gzip member with what changes in an uncompressed block; browsers ignore any member after the first.
        tail = self._compressed
        check, length = zlib.crc32(self.after, zlib.crc32(opening)), len(opening) + len(self.after)
        body = b"".join(
            (_gzip_head(len(opening)), opening, tail, check.to_bytes(4, "little"), length.to_bytes(4, "little"))
        )
        return HTTPStatus.OK, self._headers(len(number), zipped=True), body

    @property
    def size(self) -> int:
        """Bytes of memory that this takes at most, once it has been asked for compressed, too."""
        length = len(self.before) + len(self.between) + len(self.after)
        return _OVERHEAD + length + (length if self._compressible else 0)

    @cached_property
    def tag(self) -> bytes:
        """The opaque tag of the entity without ``W/``, quotes included: the same at all revisions at which it holds."""
        return b'"%s"' % blake2b(self.before + self.between + self.after, digest_size=12).hexdigest().encode()

    @cached_property
    def _weak_tag(self) -> bytes:
        return b"W/" + self.tag

    @cached_property
    def _unchanged(self) -> Headers:
        stale = f", stale-while-revalidate={_STALE_SECONDS}, stale-if-error={_STALE_SECONDS}"
        return [
            (b"etag", self._weak_tag),
            (b"cache-control", f"{self.caching}{'' if self.caching == UNKEPT else stale}".encode()),
            (b"vary", b"Accept-Encoding"),
        ]

    @cached_property
    def _opening(self) -> int:
        """Length of what comes before the revision."""
        return len(self.before) + ID_LENGTH + len(self.between)

    @cached_property
    def _compressible(self) -> bool:
        return self._opening + len(self.after) >= GZIP_FROM and self._opening + _DIGITS_MOST <= _STORED_MOST

    @cached_property
    def _known(self) -> dict[tuple[int, bool], Headers]:
        return {}

    def _headers(self, digits: int, *, zipped: bool) -> Headers:
        """Of a body whose revision has so many digits."""
        headers = self._known.get((digits, zipped))
        if headers is None:
            self._known.clear()
            opening, coding = self._opening + digits, [(b"content-encoding", b"gzip")] if zipped else []
            length = opening + (len(self._compressed) + len(_gzip_head(opening)) + 8 if zipped else len(self.after))
            kind = (b"content-type", b"application/json")
            headers = [(b"content-length", b"%d" % length), *coding, kind, *self._unchanged]
            self._known[digits, zipped] = headers
        return headers

    @cached_property
    def _compressed(self) -> bytes:
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        return deflate.compress(self.after) + deflate.flush()


def _gzip_head(stored: int) -> bytes:
    """The beginning of a member whose first block holds so many bytes as they are."""
    return _GZIP_HEAD + b"\x00" + stored.to_bytes(2, "little") + (stored ^ 0xFFFF).to_bytes(2, "little")


@lru_cache(maxsize=256)
def accepts_gzip(value: bytes) -> bool:
    """Whether an Accept-Encoding header allows gzip: by name or by ``*``, with a weight above 0."""
    weights: dict[bytes, bool] = {}
    for part in value.lower().split(b","):
        coding, *parameters = part.split(b";")
        given = [parameter.partition(b"=")[2] for parameter in parameters if parameter.strip().startswith(b"q")]
        weights[coding.strip()] = not given or bool(given[0].strip().strip(b"0."))
    return weights.get(b"gzip", weights.get(b"*", False))


def names_tag(value: bytes, tag: bytes) -> bool:
    """Whether an If-None-Match header names a tag, compared weakly: in a list, with or without ``W/``, or by ``*``."""
    return any(part.strip().removeprefix(b"W/") in {tag, b"*"} for part in value.split(b","))
