"""Id and URL collisions: two articles with the same id or URL are reported, so that none replaces another unnoticed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from recommend.articles.article import Article, Status, canonical_url
from recommend.errors import truncated_repr
from recommend.store import Store
from recommend.store.rows import Label, StoredState


@dataclass(frozen=True, slots=True)
class Collision:
    """Two stories of one id, of which the later stays, or of one address, which both stay.

    Attributes:
        article_id: of the later one.
        field: ``id`` or ``url``: what they share.
        value: it.
        reason: a clause that completes "<field> <value> …" and names both.
    """

    article_id: str
    field: str
    value: str
    reason: str


def repeated(earlier: Article, later: Article) -> Collision | None:
    """The collision of two rows of one id; None when they say the same, or tell of one page."""
    before = Label.of(earlier)
    return None if earlier == later or _is_one_page(before, later) else _replaced(before, later)


def with_stored(
    store: Store, articles: Sequence[Article], held: Mapping[str, StoredState], since: int
) -> Iterator[Collision]:
    """The collisions of articles that are about to be stored with those that are stored, and of addresses among them.

    An article that changed since revision ``since``, when the run began, was stored by the same run: another of its id
    is a second story unless it tells of the same page. Of one that was there before, the id is taken to be another
    story's when site or host differ, or title and address both.
    """
    present = [article for article in articles if article.id in held and not held[article.id].deleted]
    labels = store.labels(article.id for article in present)
    for article in present:
        before = labels.get(article.id)
        if before is None:
            continue
        by_this_run = held[article.id].revision > since and not _is_one_page(before, article)
        if by_this_run or _is_another(before, Label.of(article)):
            yield _replaced(before, article)
    yield from _of_addresses(store, articles)


def _of_addresses(store: Store, articles: Sequence[Article]) -> Iterator[Collision]:
    at: dict[str, list[Article]] = {}
    for article in articles:
        if article.url is not None and article.status is Status.PUBLISHED:
            at.setdefault(canonical_url(article.url), []).append(article)
    arriving = {article.id for article in articles}
    for address, title, article_id in store.published_at(at):
        if article_id not in arriving:
            for article in at[address]:
                yield _shared(article, article_id, title)
    for first, *others in at.values():
        for other in others:
            yield _shared(other, first.id, first.title)


def _shared(article: Article, other_id: str, other_title: str) -> Collision:
    reason = (
        f"is the address of {truncated_repr(other_id)}, {truncated_repr(other_title)}, too: "
        "both stay, and the later answers for it"
    )
    return Collision(article.id, "url", truncated_repr(article.url), reason)


def _replaced(before: Label, article: Article) -> Collision:
    reason = f"is the id of two stories: {_named(before)} is replaced by {_named(Label.of(article))}"
    return Collision(article.id, "id", truncated_repr(article.id), reason)


def _named(label: Label) -> str:
    place = label.url or label.site
    return truncated_repr(label.title) if place is None else f"{truncated_repr(label.title)} ({place})"


def _is_one_page(before: Label, article: Article) -> bool:
    return None not in {before.url, article.url} and canonical_url(before.url or "") == canonical_url(article.url or "")


def _is_another(before: Label, now: Label) -> bool:
    hosts = _host(before.url), _host(now.url)
    if all(hosts):
        moved = canonical_url(before.url or "") != canonical_url(now.url or "")
        return hosts[0] != hosts[1] or (moved and before.title != now.title)
    return None not in {before.site, now.site} and before.site != now.site


def _host(url: str | None) -> str:
    return (urlsplit(url or "").hostname or "").removeprefix("www.")
