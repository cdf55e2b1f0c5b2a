"""Who decided what, and taking it back."""

from __future__ import annotations

from functools import partial

from starlette.responses import Response

from recommend.articles.curation import UNCURATED, Curation
from recommend.store.curation import TAKEDOWN
from recommend_service.desk.pages import story_path
from recommend_service.desk.visit import RefusalError, Visit, signed_in

_PAGE = 50


@signed_in()
async def show(visit: Visit) -> Response:
    """The latest decisions about all boxes."""
    written = visit.given("before")
    before = int(written) if written.isascii() and written.isdigit() and len(written) < 18 else None
    store = visit.state.store
    log = await visit.state.threads.read(partial(store.curations.log, _PAGE + 1, before))
    named = {article_id for article_id, _ in log}
    for _, change in log:
        for curation in (change.before or UNCURATED, change.after or UNCURATED):
            named |= {one.id for one in (*curation.pinned, *curation.blocked)}
    labels = await visit.state.threads.read(store.labels, sorted(named))
    more = log[_PAGE - 1][1].revision if len(log) > _PAGE else None
    return visit.page("history.html", log=log[:_PAGE], labels=labels, more=more, takedown=TAKEDOWN)


@signed_in()
async def undo(visit: Visit) -> Response:
    """Takes a decision back, and whatever was decided about the same box after it."""
    written = visit.given("undo")
    if not (written.isascii() and written.isdigit() and len(written) < 18):
        raise RefusalError("The form does not say what is to be taken back.")
    store = visit.state.store
    entry = await visit.state.threads.read(store.curations.entry, int(written))
    if entry is None:
        raise RefusalError("There is no such decision.")
    article_id, change = entry
    if change.changed_by == TAKEDOWN:
        raise RefusalError("The story was taken down: send it again first.")
    await visit.state.in_writer(store.curations.change, article_id, _to(change.before), visit.key.name)
    return visit.go(story_path(article_id) if visit.given("from") == "story" else "/desk/history")


def _to(before: Curation | None) -> partial[Curation]:
    return partial(_instead, before or UNCURATED)


def _instead(before: Curation, _: Curation) -> Curation:
    return before
