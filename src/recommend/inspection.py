"""A look into the ranking under an article: for those who measure it, train it or ask why."""

from __future__ import annotations

from recommend.errors import UnknownArticleError
from recommend.index.filters import Filters
from recommend.index.query import Query
from recommend.index.view import View
from recommend.ranking.candidates import Candidates, Place
from recommend.ranking.why import Why, explain_pair
from recommend.recommender import Recommender


def ranking_of(recommender: Recommender, article_id: str, depth: int) -> list[tuple[str, float]]:
    """Ids and ranking scores of the ``depth`` best, best first: the path of a box without cards and reasons.

    Raises:
        UnknownArticleError: when no published article has the id.
    """

    def ranked(view: View) -> list[tuple[str, float]]:
        _, query = _published(view, article_id)
        selection = recommender.ranking.selection(view)
        chosen = selection.choose(query, article_id, depth, recommender.ranking.eligibility(view)).candidates
        return [(selection.scoring.id(chosen, i), float(chosen.scores[i])) for i in range(len(chosen))]

    return recommender.over(ranked)


def candidates_of(recommender: Recommender, article_id: str) -> tuple[list[str], Candidates, float]:
    """Ids and features of all candidates, best first, before any policy, and the query's length weight: what a
    ranker is fitted on.

    Raises:
        UnknownArticleError: when no published article has the id.
    """

    def found(view: View) -> tuple[list[str], Candidates, float]:
        place, query = _published(view, article_id)
        selection, allowed = recommender.ranking.selection(view), recommender.ranking.eligibility(view).under(query)
        ranked = selection.ranked(query, allowed, place, recommender.settings.ranking.candidates)
        ids = [selection.scoring.id(ranked, i) for i in range(len(ranked))]
        return ids, ranked, selection.scoring.corpus.length_weight(query.term_count)

    return recommender.over(found)


def why(recommender: Recommender, article_id: str, other_id: str, k: int, filters: Filters = Filters()) -> Why:
    """Why one published article is, or is not, in the box of k of another.

    Raises:
        UnknownArticleError: when either is no published article.
    """

    def explained(view: View) -> Why:
        own, query = _published(view, article_id)
        other, _ = _published(view, other_id)
        selection, eligibility = recommender.ranking.selection(view), recommender.ranking.eligibility(view, filters)
        return explain_pair(selection, eligibility, query, article_id, own, other, k)

    return recommender.over(explained)


def _published(view: View, article_id: str) -> tuple[Place, Query]:
    """Where a published article is, and the query it makes."""
    place = view.locate(article_id)
    if place is None:
        raise UnknownArticleError(article_id)
    number, row = place
    return place, view.segments[number].query(row)
