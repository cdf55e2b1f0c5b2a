"""Ranks judged queries through the production path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from recommend.articles.article import Article, Status
from recommend.encoder import Encoder, open_encoder
from recommend.errors import EvaluationError, UnknownArticleError
from recommend.evaluation.judgements import UNKNOWN, Qrels, Run
from recommend.evaluation.metrics import without_unknown
from recommend.index.dates import MISSING
from recommend.index.view import View
from recommend.ingest import IngestCounts, ingest
from recommend.inspection import ranking_of
from recommend.jobs.encoder_choice import decided_by
from recommend.jobs.exposure import spread_exposure
from recommend.jobs.hooks import Hooks
from recommend.jobs.reindex import reindex
from recommend.ranking.answer import Answer
from recommend.recommender import Recommender
from recommend.settings import PgvectorSettings, Settings
from recommend.store import Store

DEPTH = 100

Rank = Callable[[str, int], list[tuple[str, float]]]
"""Ranks so many documents under an article, best first, with scores."""


@contextmanager
def scratch(
    articles: Iterable[Article],
    settings: Settings,
    *,
    folder: Path | None = None,
    progress: Callable[[IngestCounts], None] = lambda _: None,
) -> Iterator[Recommender]:
    """A recommender over the articles alone, in a store and an index of their own.

    Args:
        articles: all there are, whatever ``folder`` holds of others.
        settings: everything but store and index counts.
        folder: keeps store and index for the next time, which then embeds only what changed; removed when None.
        progress: see :func:`recommend.ingest.ingest`.
    """
    with TemporaryDirectory(prefix="recommend-") as temporary:
        root = Path(temporary) if folder is None else folder
        root.mkdir(parents=True, exist_ok=True)
        place = {"store": f"sqlite:///{root / 'store.db'}", "index": root / "index", "pgvector": PgvectorSettings()}
        own = settings.model_copy(update=place)
        store = Store(own.store)
        try:
            own, articles = decided_by(own, store, articles)
            encoder = open_encoder(own.encoder, own.models)
            take_only(store, encoder, articles, progress=progress)
            reindex(store, encoder, own, force=True, hooks=Hooks(exposed=partial(spread_exposure, own)))
            yield Recommender(store, own, encoder)
        finally:
            store.close()


def take_only(
    store: Store,
    encoder: Encoder,
    articles: Iterable[Article],
    *,
    progress: Callable[[IngestCounts], None] = lambda _: None,
) -> None:
    """Stores articles, see :func:`recommend.ingest.ingest`, and unpublishes all others, which keep their embeddings."""
    given = dict[str, bool]()

    def noted() -> Iterator[Article]:
        for one in articles:
            given[one.id] = one.status == Status.PUBLISHED
            yield one

    ingest(store, encoder, noted(), progress=progress)
    if store.counts()["published"] == sum(given.values()):
        return
    with store.published(None) as (_, found):
        others = [one.article for one in found if one.article is not None and one.article.id not in given]
    ingest(store, None, (one.model_copy(update={"status": Status.UNPUBLISHED}) for one in others))


def rank_queries(
    recommender: Recommender,
    qrels: Qrels,
    *,
    depth: int = DEPTH,
    rank: Rank | None = None,
    progress: Callable[[], None] = lambda: None,
) -> Run:
    """The ``depth`` best documents of every judged query, those graded −1 left out; ``rank`` stands in for the
    recommender's, where rankings are kept.

    A query that is not among the articles gets no ranking, and so counts as zero.

    Raises:
        EvaluationError: when none of the queries is among the articles.
    """
    run: Run = {}
    rank = rank or partial(ranking_of, recommender)
    for query, grades in qrels.items():
        try:
            run[query] = without_unknown(rank(query, reach(grades, depth)), grades)[:depth]
        except UnknownArticleError:
            continue
        finally:
            progress()
    if not run:
        raise EvaluationError("none of the judged queries is among the articles; check that both files belong together")
    return run


def explain_query(recommender: Recommender, query: str, grades: Mapping[str, int], *, depth: int = DEPTH) -> Answer:
    """The same ranking of one query as :func:`rank_queries` makes, as cards with reasons and each feature's part.

    Raises:
        UnknownArticleError: when the query is not among the articles.
    """
    answer = recommender.answer(query, reach(grades, depth), explain=True)
    if answer is None:
        raise UnknownArticleError(query)
    known = [item for item in answer.items if grades.get(item.id) != UNKNOWN]
    return replace(answer, items=known[:depth])


def answerable(recommender: Recommender, qrels: Qrels) -> list[str]:
    """The judged queries with a related document that may be ranked under them: one among the articles, and under
    ``ranking.as_of = query`` one that was published before."""
    queries = []
    for query, grades in qrels.items():
        dates = [_published(recommender, document) for document, grade in grades.items() if grade > 0]
        present = [date for date in dates if date is not None]
        own = _published(recommender, query) if recommender.settings.ranking.as_of == "query" else None
        if any(date < own for date in present) if own is not None and own != MISSING else present:
            queries.append(query)
    return queries


def _published(recommender: Recommender, article_id: str) -> int | None:
    def published(view: View) -> int | None:
        place = view.locate(article_id)
        return None if place is None else int(view.segments[place[0]].table.published_at[place[1]])

    return recommender.over(published)


def reach(grades: Mapping[str, int], depth: int) -> int:
    """How many to rank so that ``depth`` are left without the unknown ones."""
    return depth + sum(grade == UNKNOWN for grade in grades.values())
