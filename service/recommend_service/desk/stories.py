"""A story and its box before an editor: found, looked at, pinned, blocked, put in order, hidden."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pydantic import ValidationError
from starlette.responses import Response

from recommend import inspection
from recommend.articles import acts
from recommend.articles.card import Card
from recommend.articles.curation import UNCURATED, Curation
from recommend.articles.fields import same_id
from recommend.errors import UnknownArticleError
from recommend.index.filters import Filters
from recommend.ranking.answer import Answer
from recommend.ranking.why import Why
from recommend.recommender import Recommender
from recommend.stand_ins import latest_answer
from recommend.store.curation import CurationChange
from recommend.store.rows import Label
from recommend.story import Story, story_of
from recommend_service.desk.pages import story_path
from recommend_service.desk.visit import RefusalError, Visit, signed_in
from recommend_service.http.cursor import read_cursor, write_cursor

K = 5
"""Items of a box, as pages ask for when they say nothing else."""

_PAGE = 20
Act = Callable[[Curation], Curation]


@dataclass(frozen=True)
class Box:
    """What the page of a story shows.

    Attributes:
        card: of the story.
        answer: as readers see it, explained.
        curation: that holds, with its ``history``.
        labels: of the articles that the curation names, by id.
        asked: why another one is in the box or not, where that was asked.
        story: the running story that it belongs to; None where there is none.
    """

    card: Card
    answer: Answer
    curation: Curation
    history: list[CurationChange]
    labels: dict[str, Label]
    asked: Why | None
    story: Story | None


@signed_in()
async def find(visit: Visit) -> Response:
    """The stories that words find, or the newest."""
    words, section = visit.given("query")[:200], visit.given("section") or None
    after = read_cursor(visit.given("cursor"))
    results = await visit.compute(
        partial(visit.recommender.listing.search, words, _PAGE, Filters(section=section), after, hidden=True)
    )
    more = {"query": words, "section": section or "", "cursor": write_cursor(results.last)}
    return visit.page(
        "stories.html",
        words=words,
        section=section,
        sections=[name for name, _ in visit.recommender.listing.sections()],
        found=results,
        more=more if results.last else None,
        first=after is None,
    )


@signed_in()
async def show(visit: Visit, article_id: str) -> Response:
    """A story and its box."""
    box = await visit.compute(_box, visit.recommender, article_id, same_id(visit.given("other")))
    now = datetime.now(UTC)
    return visit.page("story.html", box=box, pinned={*box.curation.pins(now)}, hidden=box.curation.hides(now), now=now)


def _box(recommender: Recommender, article_id: str, other: str) -> Box:
    article = recommender.article(article_id)
    if article is None or recommender.under_embargo(article_id):
        raise UnknownArticleError(article_id)
    answer = recommender.answer(article_id, K, explain=True)
    if answer is None or not answer.items:
        answer = latest_answer(recommender, article_id, K)
    curated = recommender.store.curations.get(article_id)
    curation, history = curated or (UNCURATED, [])
    named = [one.id for one in (*curation.pinned, *curation.blocked)]
    asked = inspection.why(recommender, article_id, other, K) if other else None
    story = story_of(recommender, article_id)
    labels = recommender.store.labels(named)
    running = story if story is not None and story.name else None
    return Box(recommender.card(article), answer, curation, history, labels, asked, running)


@signed_in()
async def act(visit: Visit, article_id: str) -> Response:
    """Does what a button says to the box of a story."""
    if visit.recommender.article(article_id) is None:
        raise UnknownArticleError(article_id)
    change = await visit.compute(_wanted, visit, article_id)
    try:
        await visit.state.in_writer(visit.state.store.curations.change, article_id, change, visit.key.name)
    except ValidationError as problem:
        raise RefusalError(f"That is too much for one box: {problem.errors()[0]['msg']}") from None
    return visit.go(story_path(article_id))


def _wanted(visit: Visit, article_id: str) -> Act:
    """What the button that was pressed does to a curation."""
    until = visit.moment("until")
    if "hide" in visit.form:
        if until is None:
            raise RefusalError("Say until when the story is to be hidden: to be gone for good, take it down.")
        return partial(acts.hide, until=until)
    if "show" in visit.form:
        return partial(acts.hide, until=None)
    if "order" in visit.form:
        shown, upto = [same_id(one) for one in visit.form["order"]], visit.given("upto")
        first = shown[: int(upto)] if upto.isascii() and upto.isdigit() else shown
        return partial(acts.order, first=first)
    for name, step in (("up", -1), ("down", 1)):
        if name in visit.form:
            answer = visit.recommender.answer(article_id, K)
            ids = [] if answer is None else [item.id for item in answer.items]
            return partial(acts.move, shown=ids, article_id=same_id(visit.given(name)), step=step)
    for name, lasting in (("pin", acts.pin), ("block", acts.block)):
        if name in visit.form:
            return partial(lasting, article_id=_other(visit, name, article_id), until=until)
    for name, change in (("unpin", acts.unpin), ("unblock", acts.unblock)):
        if name in visit.form:
            return partial(change, article_id=same_id(visit.given(name)))
    raise RefusalError("The form says nothing that is to be done.")


def _other(visit: Visit, name: str, article_id: str) -> str:
    other = same_id(visit.given(name))
    if not other or other == article_id or visit.state.store.get(other) is None:
        raise RefusalError(f"“{other}” is no other story: find it first, and take its id.")
    return other
